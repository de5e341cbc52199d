/* subscribe.h - listeners on maps far away: registered at every member, heard on a thread of their
 * own.
 *
 *     member A ──event──▶ peer ─┐ copied    stack           mr-client-event
 *     member B ──event──▶ peer ─┴──────▶ deliveries ──▶ schemas ─▶ on_event
 *
 * Each member tells of the entries it has, so a listener is registered at each, and again at those
 * that come later or come back, until they take it. What happened while a member was not heard is
 * lost, and the listener is told so (EVENT_LOST, count 0: nobody knows how many). Events that are
 * not taken are kept up to SUBSCRIBE_QUEUE_MAX bytes; beyond that they are lost as well, and
 * counted.
 *
 * Callbacks run on the events thread, because they may make calls, whose answers the client's own
 * thread has to take meanwhile.
 *
 * A near cache (near.h) is a listener of its own kind: what it hears is taken at once, on the
 * client's loop, and from time to time it asks each member for the numbers of the last changes.
 *
 * The end of a listener is the last thing in its queue: when it is taken there, nothing is under
 * way any more, and it is freed.
 *
 *     STARTING   for the answer of every member that is open or dialled  ─▶ LISTENING; FAILED
 *     LISTENING  for events
 *     FAILED     for its maker to close it
 */
#ifndef CLIENT_SUBSCRIBE_H
#define CLIENT_SUBSCRIBE_H

#include "client/near.h"
#include "net/base/list.h"
#include "net/channel.h"
#include "net/loop.h"
#include "net/wire/wire.h"

struct remote;
struct peer;
struct awaited;
struct delivery;

enum { SUBSCRIBE_BUCKETS = 256, SUBSCRIBE_QUEUE_MAX = 64 * 1024 * 1024 };

struct subscriptions {
    struct list listeners;                      /* the client loop's */
    struct awaited *buckets[SUBSCRIBE_BUCKETS]; /* by correlation; the same */
    struct tasklet deliverer;                   /* on the events loop */
    void *posted;                  /* of struct delivery, the last one first; any thread */
    struct delivery *first, *last; /* in order; the events loop's */
    uint64_t queued;               /* bytes of events that are not taken; atomic */
};

/* On the events loop, which has no thread yet. */
void subscriptions_init_on_loop(struct subscriptions *s, struct loop *events);

/* The loops have no threads any more. */
void subscriptions_free(struct subscriptions *s);

/* ---- any thread but the client's own -------------------------------------------------------- */

/* As channel.h says of map_listen and unlisten. */
mr_rc_t subscribe(struct remote *r, const char *map, uint32_t kinds,
                  void (*on_event)(void *context, const struct map_event *e), void *context,
                  struct channel_listener **ret_l, mr_err_t *err);
void unsubscribe(struct channel_listener *l);

/* Has near hear of the map's changes until the client is closed, which frees it; so does failing.
 * Returns when every member has answered. MR_ERR_MEMORY, MR_ERR_CLOSED, MR_ERR_TIMEOUT, or what a
 * member says. */
mr_rc_t subscribe_near(struct remote *r, const char *map, struct near *near);

/* ---- the client's loop ---------------------------------------------------------------------- */

/* A member can be asked. */
void subscriptions_peer_ready(struct remote *r, struct peer *p);

/* A member is not heard any more. */
void subscriptions_peer_lost(struct remote *r, struct peer *p);

/* The client is over: whoever is starting has failed. */
void subscriptions_over(struct remote *r);

/* Those that start too slowly have failed; members that have refused others are asked again. */
void subscriptions_tick(struct remote *r, uint64_t now_ns);

/* Takes an answer or an event that is for a listener. False: it is not. */
bool subscriptions_message(struct remote *r, const struct wire_head *head, const uint8_t *bytes,
                           size_t size);

#endif

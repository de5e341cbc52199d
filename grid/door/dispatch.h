/* dispatch.h - a client's message finds the function that serves it.
 *
 *     bytes ──wire──▶ row ─session_may─▶ serve_map_put(call, request) ─▶ reply | error | it waits
 *
 * serve.def has a row for each message that is served: who may send it, and by its name the
 * function, which gets the decoded request and does one of three things:
 *
 *     reply(call, &response) and return MR_OK
 *     return MR_PENDING, having given call_wait()'s waiter to what it waits for: it is called
 *         again with the same request, from the beginning, or from call->done if it counts there
 *     return what call_go_away() says: it is called again, away from the loop
 *     return an error, with words in call->err or without; MR_ERR_MOVED, as long as nothing was
 *         done: another member is asked, or many are (grid/peers/gather.h)
 *
 * A message without a row is answered with an error, as the protocol wants, and never closes the
 * connection; so is one whose parameters are wrong. A stream of bytes that forms no messages does.
 *
 * A change of one entry that is to take effect once comes inside another message, client_once; what
 * it does is told whether it was done before (grid/op/once.h).
 *
 * Everything runs inside an epoch section, so what a reply borrows from the store is good until
 * it was encoded. Threads: the session's loop; of calls that went away, any.
 */
#ifndef GRID_DOOR_DISPATCH_H
#define GRID_DOOR_DISPATCH_H

#include "grid/data/objects.h"
#include "grid/door/session.h"
#include "grid/op/once.h"
#include "grid/op/wait.h"
#include "net/base/error.h"
#include "net/request.h"
#include "net/wire/fault.h"

/* How long a change waits for a key that another client has locked: as long as clients do. */
enum { CALL_LOCKED_MS = 120000 };

/* Entries that may be looked at on a loop: a fraction of a millisecond. */
enum { CALL_ENTRIES_MAX = 2000 };

struct call {
    struct session *session;
    struct member *member;
    struct desk *desk;
    struct wire_uuid client;
    bool is_away; /* from the loop: nothing there may be touched */
    bool goes_away;
    bool is_again; /* it has waited here */
    struct wire_head head;
    enum wire_id id;
    struct waiter *waiter; /* NULL: it waits no longer */
    uint64_t until_ns;     /* how long it does */
    uint32_t done;         /* of many parts, those that it has done; it waits for the next one */
    mr_err_t *err;
    int32_t code; /* of an error that has no mr_rc_t, with its class; 0: as the mr_rc_t says */
    const char *class_name;
    int64_t forwarded;    /* the call's number at the member that has it from the client; 0: none */
    const uint8_t *share; /* of the partitions, that it is about here; NULL: all */
    bool is_own;          /* a share of a call that this member has given out: it gets the answer */
    uint64_t reign;       /* of the object's partition when it was opened; 0: of no such thing */
    struct session_call once; /* session 0: it may be done again and again */
    struct held *held;        /* what the answer rests on; NULL: nothing is asked of others */
};

/* Serves one whole message. */
void dispatch(struct session *s, const uint8_t *bytes, size_t size);

/* Serves one away from the loop, for this client, or this member's own share of one. */
void dispatch_away(struct session *s, struct wire_uuid client, const uint8_t *bytes, size_t size);

/* Serves a parked one again. */
void dispatch_again(struct session *s, struct parked *p);

/* Answers that it is not known whether a call was done. On the session's loop. */
void dispatch_unknown(struct session *s, int64_t correlation, int64_t forwarded);

/* An error as the answer to a call, in words of its own. */
void dispatch_error(int64_t correlation, mr_rc_t rc, struct sink *out);

/* Answers with the response that belongs to the request: its struct; of a response with one
 * parameter a pointer to that, which is the same; NULL of one without any. */
void reply(struct call *c, const void *response);

/* The same with another message, which whoever gave a share out expects (grid/peers/merge.h). */
void reply_as(struct call *c, enum wire_id response, const void *message);

/* It is answered by somebody else, some time: nothing that rests on it. */
void call_drop_held(struct call *c);

/* What the call may wait with, for timeout_ms from its first attempt on; INT64_MAX: for ever. NULL:
 * it must not wait. */
struct waiter *call_wait(struct call *c, int64_t timeout_ms);

/* Is a key in the call's share of partitions? */
static inline bool call_has(const struct call *c, const struct map *m, const struct data *key)
{
    return !c->share || share_has(c->share, data_partition(key, m->partitions->count));
}

/* For a call that has to look at all of the map: MR_ERR_MOVED, to be returned, if not all of it is
 * here; MR_PENDING, to be returned, if that is too much
 * for a loop, which has other clients waiting; MR_OK if it can be done here, or is away already. */
mr_rc_t call_go_away(struct call *c, const struct map *m);

/* The same for one that needs some of it only, and looks itself whether that is here. */
mr_rc_t call_leave(struct call *c, const struct map *m);

/* A name as text. MR_ERR_ARGUMENT, with words: it cannot be one. */
mr_rc_t call_name(struct call *c, struct wire_bytes name, char out[MAP_NAME_MAX + 1]);

/* The object of this kind and name, made when it is not there. */
mr_rc_t call_object(struct call *c, enum object_kind kind, struct wire_bytes name,
                    struct object **ret_o);

/* The same of one that lies whole in a partition, for an operation on it. MR_PENDING, to be
 * returned: soon; MR_ERR_MOVED: at another member. What is answered has to have been so while
 * it was here. */
mr_rc_t call_object_here(struct call *c, enum object_kind kind, struct wire_bytes name,
                         struct object **ret_o);

/* The map that is in it, of a kind that has one (map_object.h). */
mr_rc_t call_map_of(struct call *c, enum object_kind kind, struct wire_bytes name,
                    struct map **ret_map);

static inline mr_rc_t call_map(struct call *c, struct wire_bytes name, struct map **ret_map)
{
    return call_map_of(c, OBJECT_MAP, name, ret_map);
}

/* Who calls. */
struct owner call_owner(const struct call *c, int64_t thread);

/* An error that clients know by a code and a class of Java. Returns what to return. */
mr_rc_t call_error(struct call *c, int32_t code, const char *class_name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A list for a response, to be filled with wire_put. */
struct sink *call_items(struct call *c);

/* Answers with the list that was filled, the response's only parameter. Returns what to return. */
mr_rc_t reply_list(struct call *c, uint32_t count);

#endif

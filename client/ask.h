/* ask.h - a request of a map, made of a call's arguments.
 *
 *     mr_map_put(m, key, value, opts)  ──ask──▶ struct map_request ──▶ the channel, now or later
 *
 * Nothing is copied: the request borrows from the arguments, and from the room that stands beside
 * it. Any thread.
 */
#ifndef CLIENT_ASK_H
#define CLIENT_ASK_H

#include "client/handle.h"
#include "client/value.h"

/* A request being made: what its data may borrow from. */
struct asking {
    struct map_request q;
    uint8_t key[REF_SCRATCH], value[REF_SCRATCH], expected[REF_SCRATCH];
};

/* As ref_to_data, and MR_ERR_ARGUMENT for null; `what` is for the words. */
static inline mr_rc_t to_data(const mr_ref_t *ref, struct data *ret_d, uint8_t *scratch,
                              const char *what, const mr_map_t *m, mr_err_t *err)
{
    mr_rc_t rc = ref_to_data(ref, ret_d, scratch, err);

    if (rc == MR_OK && ret_d->kind == DATA_NULL)
        return fail(err, MR_ERR_ARGUMENT, "use mr_map_remove to take an entry out",
                    "map \"%s\": the %s is null", m->name, what);
    return rc;
}

/* The beginning of every call with a key. The errors of guard and to_data. */
static inline mr_rc_t ask(struct asking *a, const mr_map_t *m, enum map_verb verb, mr_ref_t key,
                          mr_err_t *err)
{
    mr_rc_t rc = guard(m ? m->g : NULL, err);

    if (rc != MR_OK)
        return rc;
    a->q.verb = verb;
    a->q.route = NULL;
    a->q.ahead = NULL;
    a->q.value = a->q.expected = (struct data){0};
    a->q.ttl_ms = a->q.idle_ms = TIME_DEFAULT;
    a->q.quiet = false;
    a->q.owner = (struct owner){0};
    a->q.waiter = NULL;
    return to_data(&key, &a->q.key, a->key, "key", m, err);
}

/* The request of a write. expected may be NULL. The errors of ask, and MR_ERR_ARGUMENT for options
 * that are not valid. */
mr_rc_t ask_write(struct asking *a, const mr_map_t *m, enum map_verb verb, mr_ref_t key,
                  const mr_ref_t *expected, mr_ref_t value, const mr_put_opts_t *opts,
                  mr_err_t *err);

#endif

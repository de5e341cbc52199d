/* teach.h - which schemas a cluster knows because this client has told it.
 *
 * A record travels as a schema's id and values. Whoever stores one must have told the cluster the
 * schema first, and have heard that it was taken; whoever gets one whose schema he does not know
 * asks for it. What a schema is, the whole process knows (net/wire/schema.h); whom it was told is
 * each cluster's own affair, and stands here:
 *
 *     put   record ─▶ ids in it ─▶ not told yet ─▶ sendSchema, answered ─▶ told ─▶ the put is sent
 *     get   value  ─▶ ids in it ─▶ not in the registry ─▶ fetchSchema ─▶ registry ─▶ delivered
 *
 * Records nest, so ids are looked for inside records too; below one whose schema is not known
 * nothing can be seen until it is.
 *
 * Threads: any; a lock of its own.
 */
#ifndef CLIENT_TEACH_H
#define CLIENT_TEACH_H

#include <pthread.h>
#include <stdbool.h>

#include "net/wire/data.h"
#include "net/wire/schema.h"
#include "net/wire/wire.h"

struct teach {
    pthread_mutex_t lock;
    uint64_t *ids; /* sorted */
    uint32_t count, room;
};

void teach_init(struct teach *t);
void teach_free(struct teach *t);

/* Notes that the cluster knows it. MR_ERR_MEMORY. */
mr_rc_t teach_note(struct teach *t, uint64_t id);
bool teach_knows(struct teach *t, uint64_t id);

/* Writes all that were told, as items of a list; returns how many. */
uint32_t teach_all(struct teach *t, struct sink *items);

/* The first schema in a value that the cluster was not told, or that this process does not know.
 * False: there is none. A value that is no record costs a look. */
bool teach_untold(struct teach *t, const struct data *d, uint64_t *ret_id);
bool teach_unknown(const struct data *d, uint64_t *ret_id);

/* As a message has it; `fields` gets its items and lasts as long as *ret_s is used. */
void teach_write(const struct schema *s, struct sink *fields, struct wire_schema *ret_s);

/* Adds one that came in a message. The errors of schema_new and schema_registry_add. */
mr_rc_t teach_learn(const struct wire_schema *s, mr_err_t *err);

#endif

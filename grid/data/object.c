#include "grid/data/object.h"

#include <sched.h>
#include <string.h>

#include "grid/op/copies.h"
#include "grid/op/early.h"
#include "grid/store/record.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/hash.h"
#include "net/base/mem.h"

enum { ROOM_TRIES = 8 };

mr_rc_t object_init(struct object *o, enum object_kind kind, const char *name,
                    struct partitions *ps)
{
    struct data text = {(const uint8_t *)name, (uint32_t)strlen(name), DATA_STRING};

    *o = (struct object){.kind = kind,
                         .open = 1,
                         .partition = data_partition(&text, ps->count),
                         .partitions = ps,
                         .value_max = RECORD_VALUE_MAX};
    watchers_init(&o->watchers);
    o->name_size = (uint32_t)strlen(name);
    return (o->name = mem_strdup(name)) ? MR_OK : MR_ERR_MEMORY;
}

void object_deinit(struct object *o)
{
    watchers_free(&o->watchers);
    mem_free(o->name);
}

/* Who cannot wait is sent away, and asks again. */
static mr_rc_t is_here(struct object *o, struct waiter *w)
{
    struct copies *c = object_partition(o)->copies;
    mr_rc_t rc = c ? copies_may_write(c, w) : MR_OK;

    return rc == MR_ERR_BUSY ? MR_ERR_MOVED : rc;
}

mr_rc_t object_is_here(struct object *o, struct waiter *w)
{
    partition_lock(object_partition(o));
    mr_rc_t rc = is_here(o, w);

    object_unlock(o);
    return rc;
}

mr_rc_t object_lock(struct object *o, struct waiter *w)
{
    mr_rc_t rc = MR_OK;

    partition_lock(object_partition(o));
    (void)waiter_leave_locked(w); /* the operation looks what there is for others */
    if (w && w->over) {
        w->over = false;
        rc = MR_ERR_DESTROYED;
    } else if ((rc = is_here(o, w)) == MR_OK && object_partition(o)->copies) {
        early_rest(object_partition(o)->copies, o->seq);
    }
    if (rc != MR_OK)
        object_unlock(o);
    return rc;
}

void object_look(struct object *o)
{
    partition_lock(object_partition(o));
    if (object_partition(o)->copies)
        early_rest(object_partition(o)->copies, o->seq);
}

mr_rc_t object_change(struct object *o, const struct change *x)
{
    struct partition *p = object_partition(o);

    if (p->copies)
        return early_change(p->copies, o, x);
    return o->copy->apply(o, x);
}

mr_rc_t object_wait(struct object *o, struct waits *waits, struct waiter *w)
{
    if (!w)
        return MR_ERR_BUSY;
    waits_add(waits, object_partition(o), w, UINT64_MAX);
    return MR_PENDING;
}

void object_tell(struct object *o, enum object_event_kind kind, const struct data *value)
{
    struct copies *c = object_partition(o)->copies;
    const struct object_event e = {
        .kind = kind, .partition = o->partition, .time_ms = clock_ms(), .value = *value};

    if (!watchers_any(&o->watchers))
        return;
    if (c)
        early_tell(c, o, &e);
    else
        watchers_tell(&o->watchers, &e);
}

bool object_make_room(struct object *o, uint32_t try)
{
    struct account *account = &o->partitions->account;
    uint64_t reserved = load_relaxed_64(&account->reserved);

    epoch_exit();
    bool inside = epoch_inside();
    uint64_t retired = partitions_reclaim(o->partitions);

    if (try > 0 && !inside)
        sched_yield(); /* readers that were interrupted hold memory: let them move on */
    epoch_enter();
    return try < ROOM_TRIES &&
           ((retired > 0 && !inside) || load_relaxed_64(&account->reserved) < reserved);
}

#include "grid/data/object.h"

#include <sched.h>
#include <string.h>

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

mr_rc_t object_lock(struct object *o, struct waiter *w)
{
    partition_lock(object_partition(o));
    (void)waiter_leave_locked(w); /* the operation looks what there is for others */
    if (!w || !w->over)
        return MR_OK;
    w->over = false;
    object_unlock(o);
    return MR_ERR_DESTROYED;
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
    if (!watchers_any(&o->watchers))
        return;
    watchers_tell(&o->watchers, &(struct object_event){.kind = kind,
                                                       .partition = o->partition,
                                                       .time_ms = clock_ms(),
                                                       .value = *value});
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

#include "grid/data/flake_id.h"

#include "net/base/clock.h"
#include "net/base/mem.h"

enum { COUNTER_BITS = 6, NODE_BITS = 16, TIME_BITS = 41 };

#define BEGAN_MS 1514764800000ull /* 2018-01-01 00:00 UTC */

mr_rc_t flake_id_new(struct partitions *ps, const char *name, struct object **ret_o)
{
    struct flake_id *f = mem_alloc_zero(sizeof *f);

    if (!f)
        return MR_ERR_MEMORY;
    if (object_init(&f->object, OBJECT_FLAKE_ID, name, ps) != MR_OK) {
        flake_id_free(&f->object);
        return MR_ERR_MEMORY;
    }
    *ret_o = &f->object;
    return MR_OK;
}

void flake_id_free(struct object *o)
{
    object_deinit(o);
    mem_free(o);
}

mr_rc_t flake_id_batch(struct flake_id *f, uint32_t node_id, uint32_t count,
                       struct flake_batch *ret_batch)
{
    uint64_t now_ms = clock_ms() - BEGAN_MS, now = now_ms << COUNTER_BITS;
    uint64_t last, first;

    if (count == 0 || count > FLAKE_BATCH_MAX || node_id > FLAKE_NODE_MAX)
        return MR_ERR_ARGUMENT;
    if (now_ms >> TIME_BITS)
        return MR_ERR_SYSTEM; /* a clock before 2018, or after 2087 */
    do {
        last = load_relaxed_64(&f->next);
        first = last > now ? last : now;
    } while (!compare_and_set_64(&f->next, last, first + count));

    uint64_t until_ms = (first + count) >> COUNTER_BITS;

    *ret_batch = (struct flake_batch){
        .base = (int64_t)(first << NODE_BITS | node_id),
        .increment = 1 << NODE_BITS,
        .count = count,
        .wait_ms = until_ms > now_ms + FLAKE_AHEAD_MS ? until_ms - now_ms - FLAKE_AHEAD_MS : 0};
    return MR_OK;
}

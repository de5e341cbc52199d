#include "grid/data/flake_id.h"

#include "tests/unit/grid/data/world.h"

static struct object *o;
static struct flake_batch b;

static void open_flake(void)
{
    open_world();
    cr_assert(flake_id_new(&w.partitions, "ids", &o) == MR_OK);
}

static void close_flake(void)
{
    flake_id_free(o);
    close_world();
}

TestSuite(flake_id, .init = open_flake, .fini = close_flake);

static mr_rc_t batch(uint32_t node, uint32_t count)
{
    return flake_id_batch((struct flake_id *)o, node, count, &b);
}

Test(flake_id, has_time_counter_and_node_in_its_bits)
{
    cr_assert(batch(0xabc, 10) == MR_OK);
    cr_assert((b.base & 0xffff) == 0xabc && (b.base >> 16 & 63) == 0);
    cr_assert((uint64_t)b.base >> 22 == clock_ms() - 1514764800000);
    cr_assert(b.increment == 65536 && b.count == 10 && b.wait_ms == 0);
}

Test(flake_id, goes_on_where_it_ended)
{
    cr_assert(batch(1, 10) == MR_OK);
    int64_t end = b.base + 10 * b.increment;

    cr_assert(batch(1, 100) == MR_OK && b.base == end, "within the same millisecond");
    end = b.base + 100 * b.increment;
    time_passes(1000);
    cr_assert(batch(1, 1) == MR_OK && b.base > end);
}

Test(flake_id, has_to_wait_when_it_is_far_ahead_of_the_clock)
{
    cr_assert(batch(1, 64 * FLAKE_AHEAD_MS) == MR_OK && b.wait_ms == 0);
    cr_assert(batch(1, 6400) == MR_OK && b.wait_ms == 100);
    time_passes(100);
    cr_assert(batch(1, 64) == MR_OK && b.wait_ms == 1);
}

Test(flake_id, refuses_what_is_out_of_range)
{
    cr_assert(batch(0x10000, 1) == MR_ERR_ARGUMENT);
    cr_assert(batch(1, 0) == MR_ERR_ARGUMENT);
    cr_assert(batch(1, FLAKE_BATCH_MAX + 1) == MR_ERR_ARGUMENT);
}

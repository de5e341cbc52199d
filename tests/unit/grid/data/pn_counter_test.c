#include "grid/data/pn_counter.h"

#include "tests/unit/grid/data/world.h"

static const struct replica_time ada_node = {1, 1, 0}, bob_node = {2, 2, 0};
static struct object *o, *other;

static void open_counters(void)
{
    open_world();
    cr_assert(pn_counter_new(&w.partitions, "visits", &o) == MR_OK);
    cr_assert(pn_counter_new(&w.partitions, "visits", &other) == MR_OK);
}

static void close_counters(void)
{
    pn_counter_free(o);
    pn_counter_free(other);
    close_world();
}

TestSuite(pn_counter, .init = open_counters, .fini = close_counters);

static int64_t before, after;
static struct replica_time seen[4];
static uint32_t seen_count;

static void note(void *context, const struct replica_time *t)
{
    (void)context;
    seen[seen_count++] = *t;
}

static mr_rc_t add(struct object *to, struct replica_time self, int64_t delta)
{
    seen_count = 0;
    return pn_counter_add((struct pn_counter *)to, self, delta, NULL, 0, &before, &after, note,
                          NULL);
}

/* What a client gets who has seen what was noted last. */
static mr_rc_t ask_again(struct object *from)
{
    return pn_counter_add((struct pn_counter *)from, ada_node, 0, seen, seen_count, &before, &after,
                          NULL, NULL);
}

static void join(struct object *to, const struct object *from)
{
    const struct pn_counter *c = (const struct pn_counter *)from;

    for (uint32_t i = 0; i < c->count; i++)
        cr_assert(pn_counter_join((struct pn_counter *)to, &c->replicas[i]) == MR_OK);
}

Test(pn_counter, adds_up)
{
    cr_assert(add(o, ada_node, 10) == MR_OK && before == 0 && after == 10);
    cr_assert(add(o, ada_node, -30) == MR_OK && before == 10 && after == -20);
    cr_assert(add(o, ada_node, 0) == MR_OK && before == -20 && after == -20);
    cr_assert(seen_count == 1 && seen[0].changes == 2, "asking is no change");
}

Test(pn_counter, wraps_at_its_ends)
{
    cr_assert(add(o, ada_node, INT64_MIN) == MR_OK && after == INT64_MIN);
    cr_assert(add(o, ada_node, -1) == MR_OK && after == INT64_MAX);
}

Test(pn_counter, is_the_same_sum_in_whatever_order_replicas_join)
{
    cr_assert(add(o, ada_node, 10) == MR_OK && add(o, ada_node, -3) == MR_OK);
    cr_assert(add(other, bob_node, 2) == MR_OK);
    join(o, other);
    join(other, o);
    join(other, o);
    join(o, other);
    cr_assert(ask_again(o) == MR_OK && after == 9);
    cr_assert(ask_again(other) == MR_OK && after == 9);
}

Test(pn_counter, does_not_go_back_for_one_who_has_seen_more)
{
    cr_assert(add(o, ada_node, 10) == MR_OK);
    cr_assert(ask_again(other) == MR_ERR_BEHIND);
    join(other, o);
    cr_assert(ask_again(other) == MR_OK && after == 10);
    cr_assert(pn_counter_destroy(o) == MR_OK);
    cr_assert(ask_again(o) == MR_ERR_BEHIND);
}

Test(pn_counter, refuses_more_replicas_than_there_may_be)
{
    struct pn_counter *c = (struct pn_counter *)o;
    struct replica_sums r = {{0}, 1, 0};

    for (r.time.low = 0; r.time.low < REPLICAS_MAX; r.time.low++)
        cr_assert(pn_counter_join(c, &r) == MR_OK);
    cr_assert(pn_counter_join(c, &r) == MR_ERR_FULL);
}

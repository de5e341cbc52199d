/* Copies of what is changed before it is committed: queues, lists, sets, ringbuffers, counters and
 * the locks of keys. */
#include "grid/op/early.h"

#include <stdio.h>

#include "grid/data/item_list.h"
#include "grid/data/item_set.h"
#include "grid/data/map_object.h"
#include "grid/data/pn_counter.h"
#include "grid/data/queue.h"
#include "grid/data/ringbuffer.h"
#include "tests/unit/grid/op/nodes.h"

TestSuite(early, .init = open_nodes, .fini = close_nodes);

static struct object *opened(uint32_t member, enum object_kind kind)
{
    struct object *o;

    cr_assert(objects_open(&nodes[member - 1].objects, kind, "o", &o) == MR_OK);
    return o;
}

static struct queue *queue_at(uint32_t member)
{
    return (struct queue *)opened(member, OBJECT_QUEUE);
}

/* What a member has, whether it is primary or not, in its order, behind one another. */
static char *shown(uint32_t member, enum object_kind kind)
{
    static char all[4][512];
    static uint32_t next;
    char *words = all[next++ % 4];
    const struct collection *c = (struct collection *)opened(member, kind);
    const struct sequence *s =
        kind == OBJECT_RINGBUFFER ? &((const struct ringbuffer *)&c->object)->items : &c->items;

    words[0] = '\0';
    for (uint32_t i = 0; i < s->count; i++) {
        struct data d = sequence_at(s, i);

        strncat(words, (const char *)d.at, d.size);
    }
    return words;
}

/* Begins a call whose answer is to be given when all agree. */
static void begin(void)
{
    is_over = false;
    commit_begin(&commit, over);
}

static bool may_answer(void)
{
    return commit_end(&commit);
}

static void offer(uint32_t member, const char *value)
{
    struct data d = text(value);

    begin();
    cr_assert(queue_offer(queue_at(member), &d, NULL) == MR_OK);
    (void)may_answer();
}

static mr_rc_t poll(uint32_t member, char *ret_value)
{
    struct data d = {0};
    mr_rc_t rc = queue_poll(queue_at(member), NULL, &d);

    snprintf(ret_value, 16, "%.*s", (int)d.size, d.size ? (const char *)d.at : "");
    return rc;
}

/* The others are told by the next change what is committed. */
static void all_committed(void)
{
    let_through();
    for (uint32_t p = 0; p < PARTS_EACH; p++) {
        struct partition *at = &nodes[row.primary - 1].partitions.at[p];

        partition_lock(at);
        copies_again(at->copies, NOBODY);
        partition_unlock(at);
    }
    let_through();
}

/* ---- queues --------------------------------------------------------------------------------- */

Test(early, an_answer_waits_for_the_backup)
{
    struct data d = text("a");

    found();
    joins(2);
    begin();
    cr_assert(queue_offer(queue_at(1), &d, NULL) == MR_OK);
    cr_assert(not(may_answer()));
    cr_assert(eq(str, shown(1, OBJECT_QUEUE), "a"));
    cr_assert(eq(str, shown(2, OBJECT_QUEUE), ""));
    let_through();
    cr_assert(is_over);
    cr_assert(eq(u32, commit.unknown, 0));
    all_committed();
    cr_assert(eq(str, shown(2, OBJECT_QUEUE), "a"));
}

Test(early, who_asks_waits_for_what_it_has_seen)
{
    found();
    joins(2);
    offer(1, "a");
    begin();
    cr_assert(eq(u32, collection_size(&queue_at(1)->collection), 1));
    cr_assert(not(may_answer()));
    let_through();
    cr_assert(is_over);
    begin();
    cr_assert(eq(u32, collection_size(&queue_at(1)->collection), 1));
    cr_assert(may_answer());
}

Test(early, no_item_is_lost_or_given_twice_when_the_primary_is_gone)
{
    char value[16];

    found();
    joins(2);
    offer(1, "a");
    offer(1, "b");
    offer(1, "c");
    cr_assert(poll(1, value) == MR_OK);
    cr_assert(eq(str, value, "a"));
    let_through();
    fails_over(2);
    cr_assert(poll(2, value) == MR_OK);
    cr_assert(eq(str, value, "b"));
    cr_assert(poll(2, value) == MR_OK);
    cr_assert(eq(str, value, "c"));
    cr_assert(poll(2, value) == MR_NOT_FOUND);
}

Test(early, who_is_no_primary_is_not_asked)
{
    struct data d = text("a");
    char value[16];

    found();
    joins(2);
    cr_assert(queue_offer(queue_at(2), &d, NULL) == MR_ERR_MOVED);
    cr_assert(poll(2, value) == MR_ERR_MOVED);
}

/* It has done what nobody else knows of: its copy is made anew. */
Test(early, a_deposed_primary_forgets_what_it_has_done_early)
{
    found();
    joins(2);
    offer(1, "a");
    all_committed();
    offer(1, "x");
    lose_all();
    row = (struct row){.epoch = row.epoch + 1,
                       .reign = row.epoch + 1,
                       .primary = 2,
                       .in_sync = {2},
                       .in_sync_count = 1,
                       .learners = {1},
                       .learner_count = 1};
    agree(0);
    cr_assert(eq(u32, commit.unknown, 1));
    for (uint32_t p = 0; p < PARTS_EACH; p++)
        copies_again(nodes[1].partitions.at[p].copies, NOBODY);
    let_through();
    offer(2, "b");
    all_committed();
    cr_assert(eq(str, shown(2, OBJECT_QUEUE), "ab"));
    cr_assert(eq(str, shown(1, OBJECT_QUEUE), "ab"));
    cr_assert(eq(u64, nodes[1].asked, 1));
}

static struct waiter waiter;
static int woken;

static void wake(struct waiter *w)
{
    (void)w;
    woken++;
}

Test(early, who_waits_is_woken_when_another_is_primary)
{
    struct data d;

    found();
    joins(2);
    waiter = (struct waiter){.wake = wake};
    cr_assert(queue_poll(queue_at(1), &waiter, &d) == MR_PENDING);
    row.primary = 2;
    row.reign = ++row.epoch;
    agree(0);
    cr_assert(eq(int, woken, 1));
    cr_assert(queue_poll(queue_at(1), &waiter, &d) == MR_ERR_MOVED);
}

static char told[256];

static void on_event(struct watcher *w, const struct object_event *e)
{
    (void)w;
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s%.*s",
             e->kind == OBJECT_ADDED ? "+" : "-", (int)e->value.size, (const char *)e->value.at);
}

Test(early, watchers_are_told_what_is_committed)
{
    struct watcher at_primary = {.kinds = OBJECT_ADDED | OBJECT_REMOVED, .on_event = on_event};
    struct watcher at_backup = at_primary;
    struct object *here = opened(1, OBJECT_QUEUE), *there = opened(2, OBJECT_QUEUE);
    char value[16];

    found();
    joins(2);
    cr_assert(watchers_add(&here->watchers, here->partitions, &at_primary) == MR_OK);
    cr_assert(watchers_add(&there->watchers, there->partitions, &at_backup) == MR_OK);
    offer(1, "a");
    cr_assert(poll(1, value) == MR_OK);
    cr_assert(eq(str, told, ""));
    all_committed();
    cr_assert(eq(str, told, "+a-a"));
    watchers_remove(&here->watchers, here->partitions, &at_primary);
    watchers_remove(&there->watchers, there->partitions, &at_backup);
}

/* ---- learners ------------------------------------------------------------------------------- */

/* More than a chunk has room for, while it changes. */
Test(early, a_learner_is_sent_a_long_queue_that_changes_meanwhile)
{
    static char large[4096];
    struct data d = {(const uint8_t *)large, sizeof large, DATA_BYTES};
    char value[16];

    memset(large, 'x', sizeof large);
    found();
    for (int i = 0; i < 200; i++)
        cr_assert(queue_offer(queue_at(1), &d, NULL) == MR_OK);
    row.epoch++;
    row.learners[row.learner_count++] = 2;
    agree(0);
    for (int i = 0; i < 20; i++) {
        if (line_first < line_count)
            deliver(&line[line_first++]);
        cr_assert(poll(1, value) == MR_OK);
        offer(1, "y");
    }
    all_committed();
    all_committed();
    cr_assert(eq(u64, nodes[0].asked, 2));
    cr_assert(eq(u32, queue_at(2)->collection.items.count, 200));
    for (uint32_t i = 0; i < 200; i++) {
        struct data a = sequence_at(&queue_at(1)->collection.items, i);
        struct data b = sequence_at(&queue_at(2)->collection.items, i);

        cr_assert(data_equal(&a, &b));
    }
}

Test(early, what_is_not_committed_of_a_copy_is_waited_for)
{
    found();
    offer(1, "z"); /* alone: not in the ring, so that a copy has to be made */
    joins(3);
    offer(1, "a");
    row.epoch++;
    row.learners[row.learner_count++] = 2;
    lose_all();
    agree(3);                         /* who does not answer */
    while (line_first < line_count) { /* nor hears */
        struct message *m = &line[line_first++];

        if (m->to == 3)
            mem_free(m->bytes);
        else
            deliver(m);
    }
    line_first = line_count = 0;
    const struct object *o = opened(2, OBJECT_QUEUE);

    cr_assert(eq(str, shown(2, OBJECT_QUEUE), "za"));
    cr_assert(not(object_partition(o)->copies->replica.whole));
    agree(0);
    all_committed();
    all_committed(); /* with which the learner is told so */
    cr_assert(object_partition(o)->copies->replica.whole);
}

/* Whoever takes over holds what it has not done yet: it does not know that all others hold it. Its
 * picture is of what was done. */
Test(early, who_takes_over_sends_a_learner_what_it_has_not_done_yet)
{
    found();
    offer(1, "z"); /* alone: not in the ring, so that a copy has to be made */
    joins(2);
    offer(1, "a");
    all_committed();
    offer(1, "b");
    let_through();
    cr_assert(eq(str, shown(2, OBJECT_QUEUE), "za"));
    row = (struct row){.epoch = row.epoch + 1,
                       .reign = row.epoch + 1,
                       .primary = 2,
                       .in_sync = {2},
                       .in_sync_count = 1,
                       .learners = {3},
                       .learner_count = 1};
    agree(0);
    let_through();
    all_committed();
    cr_assert(eq(str, shown(2, OBJECT_QUEUE), "zab"));
    cr_assert(eq(str, shown(3, OBJECT_QUEUE), "zab"));
}

/* ---- lists, sets, ringbuffers, counters ----------------------------------------------------- */

Test(early, a_list_is_the_same_everywhere)
{
    struct item_list *l = (struct item_list *)opened(1, OBJECT_LIST);
    const struct data abc[] = {text("a"), text("b"), text("c"), text("b")};
    struct data d = text("d"), old;

    found();
    cr_assert(list_add(l, LIST_LAST, abc, 4) == MR_OK);
    joins(2);
    cr_assert(list_add(l, 1, &d, 1) == MR_OK);
    cr_assert(list_set(l, 0, &d, &old) == MR_OK);
    cr_assert(collection_remove(&l->collection, &abc[2]) == MR_OK);
    all_committed();
    cr_assert(eq(str, shown(2, OBJECT_LIST), "ddbb"));
    cr_assert(collection_remove_all(&l->collection, &abc[1], 1, false) == MR_OK);
    all_committed();
    cr_assert(eq(str, shown(2, OBJECT_LIST), "dd"));
    cr_assert(list_remove_at(l, 1, &old) == MR_OK);
    cr_assert(collection_clear(&l->collection) == MR_OK);
    all_committed();
    cr_assert(eq(str, shown(2, OBJECT_LIST), ""));
    cr_assert(eq(str, shown(1, OBJECT_LIST), ""));
}

Test(early, a_set_is_the_same_everywhere)
{
    struct item_set *here = (struct item_set *)opened(1, OBJECT_SET);
    struct item_set *there = (struct item_set *)opened(2, OBJECT_SET);
    const struct data abc[] = {text("a"), text("b"), text("c")};

    found();
    cr_assert(set_add(here, abc, 3) == MR_OK);
    joins(2);
    cr_assert(eq(u64, there->store.entries, 3));
    cr_assert(set_remove(here, abc, 1) == MR_OK);
    all_committed();
    cr_assert(eq(u64, there->store.entries, 2));
    cr_assert(set_retain(here, &abc[2], 1) == MR_OK);
    all_committed();
    cr_assert(eq(u64, there->store.entries, 1));
    fails_over(2);
    cr_assert(set_contains(there, &abc[2]) == MR_OK);
    cr_assert(set_contains(there, &abc[1]) == MR_NOT_FOUND);
}

Test(early, a_ringbuffer_keeps_its_numbers)
{
    struct ringbuffer *here, *there;
    const struct data abc[] = {text("a"), text("b"), text("c")};
    struct ringbuffer_facts facts;
    int64_t last;

    cr_assert(mr_config_set(config, "ringbuffers.o.capacity", "2", NULL) == MR_OK);
    here = (struct ringbuffer *)opened(1, OBJECT_RINGBUFFER);
    there = (struct ringbuffer *)opened(2, OBJECT_RINGBUFFER);
    found();
    cr_assert(ringbuffer_add(here, abc, 3, true, &last) == MR_OK);
    joins(2);
    cr_assert(eq(str, shown(2, OBJECT_RINGBUFFER), "bc"));
    cr_assert(ringbuffer_add(here, abc, 1, true, &last) == MR_OK);
    all_committed();
    fails_over(2);
    ringbuffer_facts(there, &facts);
    cr_assert(eq(i64, facts.head, 2));
    cr_assert(eq(i64, facts.tail, 3));
    cr_assert(eq(str, shown(2, OBJECT_RINGBUFFER), "ca"));
}

Test(early, a_counter_counts_on)
{
    struct pn_counter *here = (struct pn_counter *)opened(1, OBJECT_PN_COUNTER);
    struct pn_counter *there = (struct pn_counter *)opened(2, OBJECT_PN_COUNTER);
    int64_t before, after;

    found();
    cr_assert(pn_counter_add(here, (struct replica_time){1, 1, 0}, 5, NULL, 0, &before, &after,
                             NULL, NULL) == MR_OK);
    joins(2);
    cr_assert(pn_counter_add(here, (struct replica_time){1, 1, 0}, -2, NULL, 0, &before, &after,
                             NULL, NULL) == MR_OK);
    all_committed();
    fails_over(2);
    cr_assert(pn_counter_add(there, (struct replica_time){2, 2, 0}, 4, NULL, 0, &before, &after,
                             NULL, NULL) == MR_OK);
    cr_assert(eq(i64, before, 3));
    cr_assert(eq(i64, after, 7));
}

/* ---- locks ---------------------------------------------------------------------------------- */

static struct lock_request lock_of(const char *key, int64_t thread)
{
    return (struct lock_request){.key = text(key), .owner = {7, 7, thread}};
}

static struct map *locked_map(uint32_t member)
{
    return object_map(opened(member, OBJECT_MAP));
}

Test(early, a_lock_is_held_when_the_primary_is_gone)
{
    struct lock_request mine = lock_of("k", 1), other = lock_of("k", 2);

    found();
    cr_assert(map_lock(locked_map(1), &mine) == MR_OK);
    joins(2);
    begin();
    cr_assert(map_lock(locked_map(1), &mine) == MR_OK);
    cr_assert(not(may_answer()));
    let_through();
    cr_assert(is_over);
    fails_over(2);
    cr_assert(map_lock(locked_map(2), &other) == MR_ERR_BUSY);
    cr_assert(map_unlock(locked_map(2), &mine) == MR_OK);
    cr_assert(map_lock(locked_map(2), &other) == MR_ERR_BUSY); /* it was taken twice */
    cr_assert(map_unlock(locked_map(2), &mine) == MR_OK);
    cr_assert(map_lock(locked_map(2), &other) == MR_OK);
}

Test(early, a_lock_that_was_let_go_is_free_when_the_primary_is_gone)
{
    struct lock_request a = lock_of("a", 1), b = lock_of("b", 1), other = lock_of("a", 2);
    struct owner owner;

    found();
    joins(2);
    cr_assert(map_lock(locked_map(1), &a) == MR_OK);
    cr_assert(map_lock(locked_map(1), &b) == MR_OK);
    cr_assert(map_unlock(locked_map(1), &a) == MR_OK);
    map_release_client(locked_map(1), 7, 7);
    all_committed();
    fails_over(2);
    cr_assert(map_is_locked(locked_map(2), &b.key, &owner) == MR_NOT_FOUND);
    cr_assert(map_lock(locked_map(2), &other) == MR_OK);
}

Test(early, a_copy_lets_nothing_go_by_itself)
{
    struct lock_request a = lock_of("a", 1);
    struct owner owner;

    found();
    joins(2);
    cr_assert(map_lock(locked_map(1), &a) == MR_OK);
    all_committed();
    map_release_client(locked_map(2), 7, 7);
    fails_over(2);
    cr_assert(map_is_locked(locked_map(2), &a.key, &owner) == MR_OK);
}

/* Nobody can have locked it, and a message could not say it. */
Test(early, letting_go_of_a_key_that_is_too_long_tells_nobody)
{
    static uint8_t bytes[70000];
    struct data key = text("k"), long_key = {bytes, sizeof bytes, DATA_BYTES};
    struct map *m = object_map(opened(1, OBJECT_MAP));

    found();
    joins(2);
    begin();
    cr_assert(map_lock(m, &(struct lock_request){.key = key, .owner = {1, 2, 3}}) == MR_OK);
    (void)may_answer();
    let_through();
    cr_assert(eq(int, map_force_unlock(m, &long_key), MR_NOT_FOUND));
    cr_assert(eq(u32, line_count, line_first));
}

/* That there may be no more objects is said to clients: what is agreed must be done. */
Test(early, a_backup_takes_an_object_that_is_one_too_many)
{
    struct object *o;

    cr_assert(mr_config_set(config, "limits.objects", "1", NULL) == MR_OK);
    cr_assert(objects_open(&nodes[1].objects, OBJECT_QUEUE, "other", &o) == MR_OK);
    found();
    joins(2);
    offer(1, "a");
    let_through();
    cr_assert(is_over);
    cr_assert(objects_open(&nodes[1].objects, OBJECT_QUEUE, "third", &o) == MR_ERR_FULL);
}

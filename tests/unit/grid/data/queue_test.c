#include "grid/data/queue.h"

#include "tests/unit/grid/data/world.h"

static struct object *o;
static struct queue *q;

static void open_queue(void)
{
    open_world();
    epoch_enter();
    cr_assert(queue_new(&w.partitions, "orders", 3, &o) == MR_OK);
    q = (struct queue *)o;
}

static void close_queue(void)
{
    sequence_check(&q->collection.items);
    queue_free(o);
    epoch_exit();
    close_world();
}

TestSuite(queue, .init = open_queue, .fini = close_queue);

static mr_rc_t offer(const char *word, struct sleeper *s)
{
    struct data d = text(word);

    return queue_offer(q, &d, s ? &s->waiter : NULL);
}

static bool polls(const char *word, struct sleeper *s)
{
    struct data d;

    return queue_poll(q, s ? &s->waiter : NULL, &d) == MR_OK && is_text(&d, word);
}

static mr_rc_t poll_rc(struct sleeper *s)
{
    struct data d;

    return queue_poll(q, s ? &s->waiter : NULL, &d);
}

static bool holds(const char *words)
{
    collection_each(&q->collection, visit_words, NULL);
    return was_told(words);
}

Test(queue, gives_values_in_the_order_they_came)
{
    struct data d;

    cr_assert(offer("a", NULL) == MR_OK && offer("b", NULL) == MR_OK);
    cr_assert(queue_peek(q, &d) == MR_OK && is_text(&d, "a"));
    cr_assert(polls("a", NULL) && polls("b", NULL));
    cr_assert(poll_rc(NULL) == MR_NOT_FOUND);
    cr_assert(queue_peek(q, &d) == MR_NOT_FOUND);
}

Test(queue, takes_no_more_than_it_may_have)
{
    struct data two[] = {text("x"), text("y")};

    cr_assert(offer("a", NULL) == MR_OK && offer("b", NULL) == MR_OK);
    cr_assert(queue_remaining(q) == 1);
    cr_assert(queue_add_all(q, two, 2) == MR_ERR_BUSY, "all or none");
    cr_assert(offer("c", NULL) == MR_OK);
    cr_assert(offer("d", NULL) == MR_ERR_BUSY);
    cr_assert(holds("a b c "));
    cr_assert(queue_add_all(q, two, 0) == MR_OK);
}

Test(queue, wakes_a_taker_when_a_value_comes)
{
    struct sleeper first = SLEEPER, second = SLEEPER;

    cr_assert(poll_rc(&first) == MR_PENDING && poll_rc(&second) == MR_PENDING);
    cr_assert(offer("a", NULL) == MR_OK);
    cr_assert(first.wakes == 1 && second.wakes == 0);
    cr_assert(polls("a", &first));
    cr_assert(offer("b", NULL) == MR_OK && offer("c", NULL) == MR_OK);
    cr_assert(second.wakes == 1);
    cr_assert(polls("b", &second));
}

Test(queue, wakes_as_many_takers_as_values_come)
{
    struct sleeper s[3] = {SLEEPER, SLEEPER, SLEEPER};
    struct data two[] = {text("x"), text("y")};

    for (int i = 0; i < 3; i++)
        cr_assert(poll_rc(&s[i]) == MR_PENDING);
    cr_assert(queue_add_all(q, two, 2) == MR_OK);
    cr_assert(s[0].wakes == 1 && s[1].wakes == 1 && s[2].wakes == 0);
    waiter_cancel(&s[0].waiter);
    cr_assert(s[2].wakes == 1, "what one does not take is another's");
    cr_assert(polls("x", &s[2]) && polls("y", &s[1]));
}

Test(queue, wakes_a_putter_when_a_value_goes)
{
    struct sleeper first = SLEEPER, second = SLEEPER;
    struct data d = text("b");

    cr_assert(offer("a", NULL) == MR_OK && offer("b", NULL) == MR_OK && offer("c", NULL) == MR_OK);
    cr_assert(offer("d", &first) == MR_PENDING && offer("e", &second) == MR_PENDING);
    cr_assert(polls("a", NULL));
    cr_assert(first.wakes == 1 && second.wakes == 0);
    cr_assert(offer("d", &first) == MR_OK);
    cr_assert(second.wakes == 0);
    cr_assert(collection_remove(&q->collection, &d) == MR_OK);
    cr_assert(second.wakes == 1);
    cr_assert(offer("e", &second) == MR_OK);
    cr_assert(holds("c d e "));
}

Test(queue, wakes_every_putter_when_it_is_cleared)
{
    struct sleeper first = SLEEPER, second = SLEEPER;

    cr_assert(offer("a", NULL) == MR_OK && offer("b", NULL) == MR_OK && offer("c", NULL) == MR_OK);
    cr_assert(offer("d", &first) == MR_PENDING && offer("e", &second) == MR_PENDING);
    cr_assert(collection_clear(&q->collection) == MR_OK);
    cr_assert(first.wakes == 1 && second.wakes == 1);
    cr_assert(offer("d", &first) == MR_OK && offer("e", &second) == MR_OK);
}

Test(queue, tells_its_sleepers_when_it_is_destroyed)
{
    struct sleeper s = SLEEPER, other = SLEEPER;

    cr_assert(poll_rc(&s) == MR_PENDING && poll_rc(&other) == MR_PENDING);
    cr_assert(queue_destroy(o) == MR_OK);
    cr_assert(s.wakes == 1 && other.wakes == 1);
    cr_assert(poll_rc(&s) == MR_ERR_DESTROYED);
    waiter_cancel(&other.waiter);
    cr_assert(poll_rc(&s) == MR_PENDING, "a new operation waits anew");
    waiter_cancel(&s.waiter);
}

Test(queue, drains_no_more_bytes_than_wanted)
{
    for (const char *const *word = (const char *const[]){"a", "bbb", "c", NULL}; *word; word++)
        cr_assert(offer(*word, NULL) == MR_OK);
    cr_assert(queue_drain(q, 3, 4 + 2 * QUEUE_VALUE_HEAD, visit_words, NULL) == MR_OK &&
              was_told("a bbb "));
    cr_assert(offer("d", NULL) == MR_OK);
    cr_assert(queue_drain(q, 3, 0, visit_words, NULL) == MR_OK && was_told("c "), "one at least");
    cr_assert(collection_size(&q->collection) == 1);
}

Test(queue, drains_up_to_so_many)
{
    cr_assert(offer("a", NULL) == MR_OK && offer("b", NULL) == MR_OK && offer("c", NULL) == MR_OK);
    cr_assert(queue_drain(q, 2, UINT64_MAX, visit_words, NULL) == MR_OK && was_told("a b "));
    cr_assert(queue_drain(q, UINT32_MAX, UINT64_MAX, visit_words, NULL) == MR_OK && was_told("c "));
    cr_assert(queue_drain(q, 1, UINT64_MAX, visit_words, NULL) == MR_OK && was_told(""));
}

Test(queue, removes_and_retains_by_value)
{
    struct data some[] = {text("a"), text("c"), text("a"), text("none")};
    struct data none = text("none");

    cr_assert(offer("a", NULL) == MR_OK && offer("b", NULL) == MR_OK && offer("a", NULL) == MR_OK);
    cr_assert(collection_contains_all(&q->collection, some, 1) == MR_OK);
    cr_assert(collection_contains_all(&q->collection, some, 2) == MR_NOT_FOUND);
    cr_assert(collection_contains_all(&q->collection, some, 0) == MR_OK);
    cr_assert(collection_contains(&q->collection, &none) == MR_NOT_FOUND);
    cr_assert(collection_remove_all(&q->collection, &none, 1, false) == MR_NOT_FOUND);
    cr_assert(collection_remove_all(&q->collection, some, 4, false) == MR_OK);
    cr_assert(holds("b "));
    cr_assert(offer("c", NULL) == MR_OK);
    cr_assert(collection_remove_all(&q->collection, some, 4, true) == MR_OK);
    cr_assert(holds("c "));
    cr_assert(collection_remove_all(&q->collection, NULL, 0, true) == MR_OK);
    cr_assert(collection_size(&q->collection) == 0);
}

Test(queue, tells_watchers_of_each_value_that_comes_and_goes)
{
    struct data a = text("a");

    cr_assert(watchers_add(&o->watchers, &w.partitions, &ear) == MR_OK);
    cr_assert(offer("a", NULL) == MR_OK && offer("b", NULL) == MR_OK && offer("c", NULL) == MR_OK);
    cr_assert(was_told("+a +b +c "));
    cr_assert(polls("a", NULL) && was_told("-a "));
    cr_assert(collection_remove_all(&q->collection, &a, 1, true) == MR_OK && was_told("-b -c "));
    cr_assert(offer("d", NULL) == MR_OK && queue_drain(q, 1, UINT64_MAX, NULL, NULL) == MR_OK);
    cr_assert(was_told("+d -d "));
    watchers_remove(&o->watchers, &w.partitions, &ear);
    cr_assert(offer("e", NULL) == MR_OK && was_told(""));
}

Test(queue, refuses_a_value_that_is_too_large)
{
    o->value_max = 3;
    cr_assert(offer("four", NULL) == MR_ERR_TOO_LARGE);
    cr_assert(offer("abc", NULL) == MR_OK);
}

Test(queue, finds_room_that_only_waits_for_readers)
{
    static uint8_t bytes[1 << 20];
    struct data large = {bytes, sizeof bytes, DATA_BYTES}, d;

    w.partitions.account.limit = w.partitions.account.reserved + (8 << 20);
    for (int i = 0; i < 100; i++) {
        cr_assert(queue_offer(q, &large, NULL) == MR_OK, "%d", i);
        cr_assert(queue_poll(q, NULL, &d) == MR_OK);
    }
    q->size_max = 100;
    mr_rc_t rc;
    while ((rc = queue_offer(q, &large, NULL)) == MR_OK)
        ;
    cr_assert(rc == MR_ERR_FULL);
    cr_assert(queue_destroy(o) == MR_OK);
    w.partitions.account.limit = UINT64_MAX;
}

/* They are several changes, and the room for the last one is found while the first are there. */
Test(queue, adds_none_twice_when_room_is_found_between)
{
    static uint8_t bytes[1 << 20];
    const struct data large = {bytes, sizeof bytes, DATA_BYTES};
    const struct data all[] = {large, large, large, large};
    struct data d;

    q->size_max = 100;
    w.partitions.account.limit = w.partitions.account.reserved + (13 << 19);
    for (int i = 0; i < 3; i++)
        cr_assert(queue_offer(q, &large, NULL) == MR_OK && queue_poll(q, NULL, &d) == MR_OK);
    cr_assert(queue_add_all(q, all, 4) == MR_OK);
    cr_assert(collection_size(&q->collection) == 4);
    w.partitions.account.limit = UINT64_MAX;
}

Test(queue, wakes_a_taker_for_what_was_added_of_more)
{
    static uint8_t bytes[1 << 20];
    const struct data large = {bytes, sizeof bytes, DATA_BYTES};
    const struct data all[] = {large, large, large, large};
    struct sleeper s = SLEEPER;

    q->size_max = 100;
    w.partitions.account.limit = w.partitions.account.reserved + (5 << 19);
    cr_assert(poll_rc(&s) == MR_PENDING);
    cr_assert(queue_add_all(q, all, 4) == MR_ERR_FULL);
    cr_assert(collection_size(&q->collection) == 2);
    cr_assert(s.wakes == 1);
    waiter_cancel(&s.waiter);
    w.partitions.account.limit = UINT64_MAX;
}

#include "tests/unit/client/fixture.h"

enum { NONE = -1, NOTES = 8192 };

/* What a listener has heard. Keys and values are numbers, NONE where an event has none. */
struct note {
    int kind;
    int64_t key, old, value;
    uint64_t count, time_ms;
};

struct ear {
    pthread_mutex_t lock;
    struct note notes[NOTES];
    uint32_t heard;          /* how many, notes may be fewer */
    uint64_t lost;           /* sum of what EVENT_LOST told */
    mr_listener_t *to_close; /* from inside, at the first event */
    uint32_t is_shut;        /* until it is opened, the listener waits inside its function */
    uint32_t waiting;        /* it has been called */
};

static struct ear ear = {.lock = PTHREAD_MUTEX_INITIALIZER};
static mr_listener_t *l;

TestSuite(listener, .init = open_plain, .fini = close_member);

static int64_t number_of(mr_ref_t ref)
{
    return ref.kind == MR_KIND_NULL ? NONE : ref.as.i64;
}

static void hear(void *context, const mr_event_t *e)
{
    struct ear *to = context;

    store_release_32(&to->waiting, 1);
    while (load_acquire_32(&to->is_shut))
        pause_ms(1); /* between two looks */
    pthread_mutex_lock(&to->lock);
    if (to->heard < NOTES)
        to->notes[to->heard] =
            (struct note){e->kind,  number_of(e->key), number_of(e->old), number_of(e->value),
                          e->count, e->time_ms};
    to->heard++;
    to->lost += e->kind == MR_EVENT_LOST ? e->count : 0;
    mr_listener_t *close = to->to_close;
    pthread_mutex_unlock(&to->lock);
    cr_assert_str_eq(e->map, "test");
    mr_listener_close(close);
}

static uint32_t heard(struct ear *e)
{
    pthread_mutex_lock(&e->lock);
    uint32_t n = e->heard;
    pthread_mutex_unlock(&e->lock);
    return n;
}

static mr_listener_t *listen_with(struct ear *e, unsigned kinds)
{
    mr_err_clear(&err);
    mr_listener_t *made = mr_map_listen(m, kinds, hear, e, &err);

    cr_assert(made != NULL, "%s", err.message);
    return made;
}

static void expect_note(uint32_t i, int kind, int64_t key, int64_t old, int64_t value)
{
    EVENTUALLY(heard(&ear) > i);
    struct note n = ear.notes[i];

    cr_assert(n.kind == kind && n.key == key && n.old == old && n.value == value,
              "note %u: kind %d key %ld old %ld value %ld", i, n.kind, (long)n.key, (long)n.old,
              (long)n.value);
}

/* Nothing more comes than what has been heard: whatever is under way is past once another event,
 * made after it for the same key, has been heard by a second listener. */
static void expect_no_more_than(uint32_t n)
{
    static struct ear witness = {.lock = PTHREAD_MUTEX_INITIALIZER};
    mr_listener_t *w;
    uint32_t before = heard(&witness);

    w = listen_with(&witness, MR_EVENT_ALL);
    for (int64_t i = 0; i < 100; i++)
        GIVES(MR_OK, mr_map_put(m, MR_I64(1000000 + i), MR_I64(0), NULL, &err));
    EVENTUALLY(heard(&witness) >= before + 100);
    mr_listener_close(w);
    pause_ms(20); /* for events to come that must not */
    cr_assert(heard(&ear) <= n, "heard %u", heard(&ear));
}

/* ---- kinds ---------------------------------------------------------------------------------- */

Test(listener, hears_of_an_entry_that_was_added_updated_and_removed)
{
    uint64_t before = clock_ms();

    l = listen_with(&ear, MR_EVENT_ALL);
    put(MR_I64(1), MR_I64(10));
    put(MR_I64(1), MR_I64(11));
    GIVES(MR_OK, mr_map_remove(m, MR_I64(1), NULL, &err));
    expect_note(0, MR_EVENT_ADDED, 1, NONE, 10);
    expect_note(1, MR_EVENT_UPDATED, 1, 10, 11);
    expect_note(2, MR_EVENT_REMOVED, 1, 11, NONE);
    for (int i = 0; i < 3; i++)
        cr_assert(ear.notes[i].time_ms >= before && ear.notes[i].time_ms <= clock_ms());
}

Test(listener, hears_of_changes_by_every_call_that_changes)
{
    mr_entry_t entry = {MR_I64(1), MR_I64(6)};

    l = listen_with(&ear, MR_EVENT_ALL);
    GIVES(MR_OK, mr_map_put_if_absent(m, MR_I64(1), MR_I64(1), NULL, &err));
    GIVES(MR_OK, mr_map_set(m, MR_I64(1), MR_I64(2), NULL, &err));
    GIVES(MR_OK, mr_map_replace(m, MR_I64(1), MR_I64(3), NULL, &err));
    GIVES(MR_OK, mr_map_replace_if_equal(m, MR_I64(1), MR_I64(3), MR_I64(4), NULL, &err));
    GIVES(MR_OK, mr_map_delete(m, MR_I64(1), &err));
    GIVES(MR_OK, mr_map_put_all(m, &entry, 1, NULL, NULL, &err));
    GIVES(MR_OK, mr_map_remove_if_equal(m, MR_I64(1), MR_I64(6), &err));
    expect_note(0, MR_EVENT_ADDED, 1, NONE, 1);
    expect_note(1, MR_EVENT_UPDATED, 1, 1, 2);
    expect_note(2, MR_EVENT_UPDATED, 1, 2, 3);
    expect_note(3, MR_EVENT_UPDATED, 1, 3, 4);
    expect_note(4, MR_EVENT_REMOVED, 1, 4, NONE);
    expect_note(5, MR_EVENT_ADDED, 1, NONE, 6);
    expect_note(6, MR_EVENT_REMOVED, 1, 6, NONE);
}

Test(listener, hears_nothing_of_calls_that_change_nothing)
{
    put(MR_I64(1), MR_I64(1));
    l = listen_with(&ear, MR_EVENT_ALL);
    GIVES(MR_EXISTS, mr_map_put_if_absent(m, MR_I64(1), MR_I64(2), NULL, &err));
    GIVES(MR_NOT_EQUAL, mr_map_remove_if_equal(m, MR_I64(1), MR_I64(2), &err));
    GIVES(MR_NOT_FOUND, mr_map_delete(m, MR_I64(2), &err));
    GIVES(MR_OK, mr_map_contains(m, MR_I64(1), &err));
    put(MR_I64(1), MR_I64(3));
    expect_note(0, MR_EVENT_UPDATED, 1, 1, 3);
}

Test(listener, hears_of_an_entry_that_was_evicted)
{
    put(MR_I64(1), MR_I64(10));
    l = listen_with(&ear, MR_EVENT_ALL);
    GIVES(MR_OK, mr_map_evict(m, MR_I64(1), &err));
    expect_note(0, MR_EVENT_EVICTED, 1, 10, NONE);
}

Test(listener, hears_of_an_entry_that_has_ended_although_nobody_touches_it)
{
    mr_put_opts_t soon = {sizeof soon, 20, 0, NULL};

    l = listen_with(&ear, MR_EVENT_EXPIRED);
    GIVES(MR_OK, mr_map_put(m, MR_I64(1), MR_I64(10), &soon, &err));
    expect_note(0, MR_EVENT_EXPIRED, 1, 10, NONE);
}

Test(listener, hears_once_of_a_clear_with_the_number_of_entries)
{
    for (int i = 0; i < 100; i++)
        put(MR_I64(i), MR_I64(i));
    l = listen_with(&ear, MR_EVENT_ALL);
    GIVES(MR_OK, mr_map_clear(m, &err));
    expect_note(0, MR_EVENT_CLEARED, NONE, NONE, NONE);
    cr_assert_eq(ear.notes[0].count, 100);
}

Test(listener, hears_the_kinds_it_has_asked_for)
{
    l = listen_with(&ear, MR_EVENT_REMOVED | MR_EVENT_CLEARED);
    put(MR_I64(1), MR_I64(10));
    put(MR_I64(1), MR_I64(11));
    GIVES(MR_OK, mr_map_remove(m, MR_I64(1), NULL, &err));
    put(MR_I64(2), MR_I64(20));
    GIVES(MR_OK, mr_map_clear(m, &err));
    EVENTUALLY(heard(&ear) == 2);
    cr_assert_eq(ear.notes[0].kind + ear.notes[1].kind, MR_EVENT_REMOVED + MR_EVENT_CLEARED);
}

Test(listener, hears_of_its_own_map_alone)
{
    mr_map_t *other = mr_map(g, "other", &err);

    l = listen_with(&ear, MR_EVENT_ALL);
    GIVES(MR_OK, mr_map_put(other, MR_I64(1), MR_I64(1), NULL, &err));
    put(MR_I64(2), MR_I64(2));
    expect_note(0, MR_EVENT_ADDED, 2, NONE, 2);
}

Test(listener, refuses_kinds_that_do_not_exist)
{
    FAILS(MR_ERR_ARGUMENT, mr_map_listen(m, 0, hear, &ear, &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_map_listen(m, 1u << 30, hear, &ear, &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_map_listen(m, 32, hear, &ear, &err), NULL);
}

/* ---- order and number ----------------------------------------------------------------------- */

Test(listener, hears_the_changes_of_a_key_in_their_order_with_none_left_out)
{
    enum { CHANGES = 900 }; /* fewer than a listener may lag behind */

    l = listen_with(&ear, MR_EVENT_ALL);
    for (int64_t i = 0; i < CHANGES; i++)
        put(MR_I64(1), MR_I64(i));
    EVENTUALLY(heard(&ear) == CHANGES);
    for (int64_t i = 0; i < CHANGES; i++)
        expect_note((uint32_t)i, i == 0 ? MR_EVENT_ADDED : MR_EVENT_UPDATED, 1, i - 1, i);
}

Test(listener, is_one_of_several_that_hear_the_same)
{
    static struct ear second = {.lock = PTHREAD_MUTEX_INITIALIZER};

    l = listen_with(&ear, MR_EVENT_ALL);
    put(MR_I64(1), MR_I64(1));
    (void)listen_with(&second, MR_EVENT_ALL);
    put(MR_I64(1), MR_I64(2));
    EVENTUALLY(heard(&ear) == 2 && heard(&second) == 1);
    cr_assert_eq(second.notes[0].value, 2, "from the moment it began to listen");
}

Test(listener, does_not_hold_up_who_changes_and_is_told_how_many_events_it_has_lost)
{
    enum { CHANGES = 30000 };

    ear.is_shut = 1;
    l = listen_with(&ear, MR_EVENT_ALL);
    for (int64_t i = 0; i < CHANGES; i++)
        put(MR_I64(1), MR_I64(i));
    EVENTUALLY(load_acquire_32(&ear.waiting) == 1);
    store_release_32(&ear.is_shut, 0);

    EVENTUALLY(heard(&ear) > 0 && ear.notes[heard(&ear) - 1].value == CHANGES - 1);
    uint32_t losses = 0;
    int64_t last = -1;

    for (uint32_t i = 0; i < heard(&ear); i++) {
        if (ear.notes[i].kind == MR_EVENT_LOST) {
            losses++;
            last += (int64_t)ear.notes[i].count; /* it stands where the lost ones would */
            continue;
        }
        cr_assert_eq(ear.notes[i].value, ++last);
    }
    cr_assert(losses > 0);
    cr_assert_eq(heard(&ear) - losses + ear.lost, CHANGES);
}

Test(listener, is_told_of_losses_whatever_kinds_it_has_asked_for)
{
    ear.is_shut = 1;
    l = listen_with(&ear, MR_EVENT_ADDED);
    put(MR_I64(1), MR_I64(0));
    EVENTUALLY(load_acquire_32(&ear.waiting) == 1);
    for (int64_t i = 0; i < 30000; i++)
        put(MR_I64(1), MR_I64(i));
    store_release_32(&ear.is_shut, 0);
    EVENTUALLY(heard(&ear) >= 2);
    cr_assert(ear.lost > 0);
}

static mr_map_t *mirrored;

static void mirror(void *context, const mr_event_t *e)
{
    mr_map_t *to = context;
    mr_val_t v = MR_VAL_INIT;
    mr_err_t inside = MR_ERR_INIT;

    if (mr_map_get(mirrored, e->key, &v, NULL, &inside) == MR_OK)
        (void)mr_map_put(to, e->key, mr_val_ref(&v), NULL, &inside);
    mr_val_clear(&v);
}

static uint64_t bytes_heard;

static void measure(void *context, const mr_event_t *e)
{
    (void)context;
    if (e->kind == MR_EVENT_ADDED || e->kind == MR_EVENT_UPDATED)
        fetch_add_64(&bytes_heard, e->old.len + e->value.len);
}

Test(listener, hears_of_the_largest_values)
{
    enum { LARGEST = (1 << 24) - 1 };
    char *bytes = calloc(1, LARGEST);

    cr_assert(mr_map_listen(m, MR_EVENT_ALL, measure, NULL, &err) != NULL);
    put(MR_I64(1), MR_BYTES(bytes, LARGEST));
    EVENTUALLY(load_relaxed_64(&bytes_heard) == LARGEST); /* there is room for one */
    put(MR_I64(1), MR_BYTES(bytes, LARGEST));
    EVENTUALLY(load_relaxed_64(&bytes_heard) == 3ull * LARGEST);
    free(bytes);
}

Test(listener, may_call_the_grid_from_inside)
{
    mr_map_t *other = mr_map(g, "mirror", &err);

    mirrored = m;
    l = mr_map_listen(m, MR_EVENT_ADDED, mirror, other, &err);
    put(MR_I64(1), MR_I64(10));
    m = other;
    EVENTUALLY(!absent(MR_I64(1)));
    cr_assert_eq(number(MR_I64(1)), 10);
}

/* ---- ending --------------------------------------------------------------------------------- */

Test(listener, hears_nothing_after_it_was_closed)
{
    l = listen_with(&ear, MR_EVENT_ALL);
    put(MR_I64(1), MR_I64(1));
    EVENTUALLY(heard(&ear) == 1);
    mr_listener_close(l);
    put(MR_I64(1), MR_I64(2));
    expect_no_more_than(1);
}

Test(listener, can_be_closed_from_inside)
{
    l = listen_with(&ear, MR_EVENT_ALL);
    pthread_mutex_lock(&ear.lock);
    ear.to_close = l;
    pthread_mutex_unlock(&ear.lock);
    for (int64_t i = 0; i < 200; i++)
        put(MR_I64(1), MR_I64(i));
    EVENTUALLY(heard(&ear) == 1);
    expect_no_more_than(1);
}

static uint32_t writing;

static void write_on(void *context)
{
    (void)context;
    for (int64_t i = 0; load_acquire_32(&writing); i++)
        cr_assert(mr_map_put(m, MR_I64(i % 50), MR_I64(i), NULL, NULL) == MR_OK);
}

Test(listener, can_be_closed_while_events_are_under_way_and_does_not_run_after_it)
{
    struct thread writer;

    store_release_32(&writing, 1);
    cr_assert(thread_start(&writer, "writer", write_on, NULL) == MR_OK);
    for (int round = 0; round < 100; round++) {
        struct ear *own = calloc(1, sizeof *own); /* freed at once: to be heard is to be caught */

        pthread_mutex_init(&own->lock, NULL);
        l = listen_with(own, MR_EVENT_ALL);
        if (round % 2)
            EVENTUALLY(heard(own) > 0);
        mr_listener_close(l);
        memset(own, 0xff, sizeof *own);
        free(own);
    }
    store_release_32(&writing, 0);
    thread_join(&writer);
}

static uint32_t is_closed;

static void close_it(void *context)
{
    mr_listener_close(context);
    store_release_32(&is_closed, 1);
}

Test(listener, waits_in_close_for_the_call_that_is_under_way)
{
    struct thread closer;

    ear.is_shut = 1;
    l = listen_with(&ear, MR_EVENT_ALL);
    put(MR_I64(1), MR_I64(1));
    EVENTUALLY(load_acquire_32(&ear.waiting) == 1);
    cr_assert(thread_start(&closer, "closer", close_it, l) == MR_OK);
    pause_ms(50); /* for the close to return, which it must not */
    cr_assert(load_acquire_32(&is_closed) == 0);
    store_release_32(&ear.is_shut, 0);
    thread_join(&closer);
    cr_assert_eq(heard(&ear), 1);
}

Test(listener, is_ended_by_closing_the_member)
{
    (void)listen_with(&ear, MR_EVENT_ALL);
    for (int64_t i = 0; i < 1000; i++)
        put(MR_I64(i), MR_I64(i));
}

static void close_the_member(void *context, const mr_event_t *e)
{
    (void)e;
    store_release_32(context, (uint32_t)mr_close(g, MR_NOW, NULL));
}

Test(listener, cannot_close_the_member_from_inside)
{
    uint32_t got = 0;

    l = mr_map_listen(m, MR_EVENT_ALL, close_the_member, &got, &err);
    put(MR_I64(1), MR_I64(1));
    EVENTUALLY(load_acquire_32(&got) == MR_ERR_ARGUMENT);
    cr_assert_eq(number(MR_I64(1)), 1);
    mr_listener_close(l);
}

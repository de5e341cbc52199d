#define _GNU_SOURCE
#include "tests/unit/client/far.h"

static void fill(void)
{
    for (int i = 0; i < 100; i++) {
        char json[64];

        snprintf(json, sizeof json, "{\"age\": %d, \"name\": \"%c%d\"}", i, 'A' + i % 3, i);
        put(MR_I64(i), MR_JSON(json));
    }
}

static uint64_t count(const char *text)
{
    mr_err_clear(&err);
    uint64_t n = mr_map_count(m, text, &err);

    cr_assert(err.code == MR_OK, "%s: %s", text, err.message);
    return n;
}

BOTH(query, counts_what_a_condition_is_true_of)
{
    fill();
    cr_assert_eq(count("age >= 90"), 10);
    cr_assert_eq(count("age >= 30 AND name LIKE 'A%'"), 24);
    cr_assert_eq(count("__key in (1, 2, 200)"), 2);
    cr_assert_eq(count("age < 0"), 0);
}

BOTH(query, gives_the_entries_that_match)
{
    mr_iter_t *it;
    mr_ref_t key, value;
    int64_t sum = 0;
    int n = 0;

    fill();
    it = mr_map_query(m, "age between 10 and 14", &err);
    cr_assert(it != NULL, "%s", err.message);
    for (; mr_iter_next(it, &key, &value, &err); n++) {
        sum += key.as.i64;
        cr_assert_eq(value.kind, MR_KIND_JSON);
    }
    mr_iter_free(it);
    cr_assert(n == 5 && sum == 60 && err.code == MR_OK);
    it = mr_map_query(m, "age > 1000", &err);
    cr_assert_eq(mr_iter_next(it, &key, &value, &err), 0);
    mr_iter_free(it);
}

BOTH(query, says_what_is_wrong_with_a_condition)
{
    FAILS(MR_ERR_ARGUMENT, mr_map_count(m, "age >", &err), 0);
    FAILS(MR_ERR_ARGUMENT, mr_map_count(m, NULL, &err), 0);
    FAILS(MR_ERR_ARGUMENT, mr_map_query(m, "age > 1 )", &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_map_query(NULL, "age > 1", &err), NULL);
}

BOTH(query, answers_the_same_with_an_index)
{
    static const char *const age[] = {"age"}, *const both[] = {"name", "age"};

    fill();
    GIVES(MR_OK, mr_map_index(m, MR_INDEX_SORTED, age, 1, &err));
    GIVES(MR_OK, mr_map_index(m, MR_INDEX_SORTED, age, 1, &err));
    GIVES(MR_OK, mr_map_index(m, MR_INDEX_HASH, both, 2, &err));
    cr_assert_eq(count("age >= 90"), 10);
    cr_assert_eq(count("name = 'A0' and age = 0"), 1);
    GIVES(MR_ERR_ARGUMENT, mr_map_index(m, 7, age, 1, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_index(m, MR_INDEX_HASH, age, 0, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_index(m, MR_INDEX_HASH, (const char *const[]){NULL}, 1, &err));
}

/* ---- locks ---------------------------------------------------------------------------------- */

struct other {
    struct thread thread;
    int64_t timeout_ms;
    mr_rc_t locked, unlocked;
};

static void lock_elsewhere(void *context)
{
    struct other *o = context;

    o->locked = mr_map_lock(m, MR_I64(1), 0, o->timeout_ms, NULL);
    o->unlocked = mr_map_unlock(m, MR_I64(1), NULL);
}

BOTH(locks, belong_to_a_thread)
{
    struct other o = {.timeout_ms = 20};

    cr_assert_eq(mr_map_is_locked(m, MR_I64(1), &err), 0);
    GIVES(MR_OK, mr_map_lock(m, MR_I64(1), 0, 0, &err));
    GIVES(MR_OK, mr_map_lock(m, MR_I64(1), 0, 0, &err));
    cr_assert_eq(mr_map_is_locked(m, MR_I64(1), &err), 1);
    cr_assert(thread_start(&o.thread, "other", lock_elsewhere, &o) == MR_OK);
    thread_join(&o.thread);
    cr_assert(o.locked == MR_ERR_BUSY && o.unlocked == MR_ERR_ARGUMENT);
    put(MR_I64(1), MR_I64(1));
    GIVES(MR_OK, mr_map_unlock(m, MR_I64(1), &err));
    GIVES(MR_OK, mr_map_unlock(m, MR_I64(1), &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_unlock(m, MR_I64(1), &err));
    cr_assert_eq(mr_map_is_locked(m, MR_I64(1), &err), 0);
}

BOTH(locks, are_waited_for)
{
    struct other o = {.timeout_ms = MR_FOREVER};

    GIVES(MR_OK, mr_map_lock(m, MR_I64(1), 0, 0, &err));
    cr_assert(thread_start(&o.thread, "other", lock_elsewhere, &o) == MR_OK);
    pause_ms(20); /* so that most likely the other waits; it is right as well if not yet */
    GIVES(MR_OK, mr_map_unlock(m, MR_I64(1), &err));
    thread_join(&o.thread);
    cr_assert(o.locked == MR_OK && o.unlocked == MR_OK);
}

BOTH(locks, end_with_their_lease)
{
    struct other o = {.timeout_ms = MR_FOREVER};

    GIVES(MR_OK, mr_map_lock(m, MR_I64(1), 30, 0, &err));
    cr_assert(thread_start(&o.thread, "other", lock_elsewhere, &o) == MR_OK);
    thread_join(&o.thread);
    cr_assert(o.locked == MR_OK && o.unlocked == MR_OK);
    GIVES(MR_ERR_ARGUMENT, mr_map_lock(m, MR_I64(1), -1, 0, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_lock(m, MR_NULL, 0, 0, &err));
}

#include "grid/data/item_set.h"

#include "tests/unit/grid/data/world.h"

static struct object *o;
static struct item_set *s;

static void open_set(void)
{
    open_world();
    epoch_enter();
    cr_assert(set_new(&w.partitions, "names", &o) == MR_OK);
    s = (struct item_set *)o;
}

static void close_set(void)
{
    store_check(&s->store);
    set_free(o);
    epoch_exit();
    close_world();
}

TestSuite(item_set, .init = open_set, .fini = close_set);

static mr_rc_t add(const char *word)
{
    struct data d = text(word);

    return set_add(s, &d, 1);
}

static mr_rc_t contains(const char *word)
{
    struct data d = text(word);

    return set_contains(s, &d);
}

Test(item_set, has_each_value_once)
{
    cr_assert(add("a") == MR_OK && add("a") == MR_EXISTS && add("b") == MR_OK);
    cr_assert(set_size(s) == 2);
    cr_assert(contains("a") == MR_OK && contains("c") == MR_NOT_FOUND);
}

Test(item_set, adds_and_removes_many)
{
    struct data some[] = {text("a"), text("b"), text("c")};

    cr_assert(set_add(s, some, 2) == MR_OK && set_add(s, some, 2) == MR_EXISTS);
    cr_assert(set_contains_all(s, some, 2) == MR_OK);
    cr_assert(set_contains_all(s, some, 3) == MR_NOT_FOUND);
    cr_assert(set_add(s, some, 3) == MR_OK);
    cr_assert(set_remove(s, some, 1) == MR_OK && set_remove(s, some, 1) == MR_NOT_FOUND);
    cr_assert(set_retain(s, some, 2) == MR_OK && set_retain(s, some, 2) == MR_NOT_FOUND);
    cr_assert(set_size(s) == 1 && contains("b") == MR_OK);
    cr_assert(set_clear(s) == MR_OK && set_clear(s) == MR_OK && set_size(s) == 0);
}

Test(item_set, visits_each_value_once)
{
    for (int i = 0; i < 1000; i++) {
        struct data d = {(uint8_t *)&i, sizeof i, DATA_INT};

        cr_assert(set_add(s, &d, 1) == MR_OK);
    }
    cr_assert(set_size(s) == 1000);
    cr_assert(set_clear(s) == MR_OK);
    cr_assert(add("only") == MR_OK);
    set_each(s, visit_words, NULL);
    cr_assert(was_told("only "));
}

Test(item_set, tells_of_what_really_changes)
{
    struct data some[] = {text("a"), text("b")};

    cr_assert(watchers_add(&o->watchers, &w.partitions, &ear) == MR_OK);
    cr_assert(add("a") == MR_OK && add("a") == MR_EXISTS && was_told("+a "));
    cr_assert(set_add(s, some, 2) == MR_OK && was_told("+b "));
    cr_assert(set_retain(s, some, 1) == MR_OK && was_told("-b "));
    cr_assert(set_clear(s) == MR_OK && was_told("-a "));
    cr_assert(add("c") == MR_OK && was_told("+c "));
    cr_assert(set_destroy(o) == MR_OK && was_told("") && set_size(s) == 0);
    watchers_remove(&o->watchers, &w.partitions, &ear);
}

Test(item_set, refuses_a_value_larger_than_a_key)
{
    static uint8_t bytes[RECORD_KEY_MAX + 1];
    struct data d = {bytes, sizeof bytes, DATA_BYTES};

    cr_assert(set_add(s, &d, 1) == MR_ERR_TOO_LARGE);
    d.size--;
    cr_assert(set_add(s, &d, 1) == MR_OK);
}

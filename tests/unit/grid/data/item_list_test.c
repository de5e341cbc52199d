#include "grid/data/item_list.h"

#include "tests/unit/grid/data/world.h"

static struct object *o;
static struct item_list *l;

static void open_list(void)
{
    open_world();
    epoch_enter();
    cr_assert(list_new(&w.partitions, "names", &o) == MR_OK);
    l = (struct item_list *)o;
}

static void close_list(void)
{
    sequence_check(&l->collection.items);
    list_free(o);
    epoch_exit();
    close_world();
}

TestSuite(item_list, .init = open_list, .fini = close_list);

static mr_rc_t add(int32_t at, const char *word)
{
    struct data d = text(word);

    return list_add(l, at, &d, 1);
}

static bool holds(const char *words)
{
    collection_each(&l->collection, visit_words, NULL);
    return was_told(words);
}

Test(item_list, adds_at_the_end_and_at_a_place)
{
    struct data more[] = {text("x"), text("y")};

    cr_assert(add(LIST_LAST, "a") == MR_OK && add(LIST_LAST, "b") == MR_OK);
    cr_assert(list_add(l, 1, more, 2) == MR_OK);
    cr_assert(add(4, "z") == MR_OK);
    cr_assert(holds("a x y b z "));
    cr_assert(add(6, "q") == MR_ERR_ARGUMENT);
    cr_assert(add(-2, "q") == MR_ERR_ARGUMENT);
}

Test(item_list, reads_sets_and_removes_by_place)
{
    struct data d, x = text("x");

    cr_assert(add(LIST_LAST, "a") == MR_OK && add(LIST_LAST, "b") == MR_OK);
    cr_assert(list_get(l, 1, &d) == MR_OK && is_text(&d, "b"));
    cr_assert(list_get(l, 2, &d) == MR_ERR_ARGUMENT && list_get(l, -1, &d) == MR_ERR_ARGUMENT);
    cr_assert(list_set(l, 0, &x, &d) == MR_OK && is_text(&d, "a"));
    cr_assert(list_set(l, 2, &x, &d) == MR_ERR_ARGUMENT);
    cr_assert(holds("x b "));
    cr_assert(list_remove_at(l, 0, &d) == MR_OK && is_text(&d, "x"));
    cr_assert(list_remove_at(l, 1, &d) == MR_ERR_ARGUMENT);
    cr_assert(holds("b "));
}

Test(item_list, finds_places_and_gives_parts)
{
    struct data b = text("b"), none = text("none");

    for (const char *word = "abcb"; *word; word++)
        cr_assert(add(LIST_LAST, (char[]){*word, 0}) == MR_OK);
    cr_assert(list_index_of(l, &b) == 1 && list_last_index_of(l, &b) == 3);
    cr_assert(list_index_of(l, &none) == -1);
    cr_assert(list_sub(l, 1, 3, visit_words, NULL) == MR_OK && was_told("b c "));
    cr_assert(list_sub(l, 2, 2, visit_words, NULL) == MR_OK && was_told(""));
    cr_assert(list_sub(l, 3, 2, visit_words, NULL) == MR_ERR_ARGUMENT);
    cr_assert(list_sub(l, -1, 2, visit_words, NULL) == MR_ERR_ARGUMENT);
    cr_assert(list_sub(l, 0, 5, visit_words, NULL) == MR_ERR_ARGUMENT);
    cr_assert(list_from(l, 2, visit_words, NULL) == MR_OK && was_told("c b "));
    cr_assert(list_from(l, 4, visit_words, NULL) == MR_OK && was_told(""));
    cr_assert(list_from(l, 5, visit_words, NULL) == MR_ERR_ARGUMENT);
}

Test(item_list, tells_a_set_as_a_removal_and_an_addition)
{
    struct data d, x = text("x");

    cr_assert(add(LIST_LAST, "a") == MR_OK);
    cr_assert(watchers_add(&o->watchers, &w.partitions, &ear) == MR_OK);
    cr_assert(list_set(l, 0, &x, &d) == MR_OK && was_told("-a +x "));
    cr_assert(collection_clear(&l->collection) == MR_OK && was_told("-x "));
    cr_assert(add(LIST_LAST, "b") == MR_OK && was_told("+b "));
    cr_assert(list_destroy(o) == MR_OK && was_told(""));
    cr_assert(collection_size(&l->collection) == 0);
    watchers_remove(&o->watchers, &w.partitions, &ear);
}

#include "grid/data/multimap.h"

#include "tests/unit/grid/data/world.h"

static struct maps maps;
static struct object *o;

static void open_multimap(void)
{
    mr_config_t *config = mr_config_new(NULL);

    open_world();
    epoch_enter();
    maps = (struct maps){.config = config, .partitions = &w.partitions, .metrics = w.metrics};
    maps_init(&maps);
    cr_assert(map_object_new(&maps, OBJECT_MULTIMAP, "tags", &o) == MR_OK);
}

static void close_multimap(void)
{
    map_release_all(object_map(o));
    map_check(object_map(o));
    map_object_free(o);
    mr_config_free((mr_config_t *)maps.config);
    maps_free(&maps);
    epoch_exit();
    close_world();
}

TestSuite(multimap, .init = open_multimap, .fini = close_multimap);

static struct multimap_request by(const char *key, const char *value, struct owner owner,
                                  struct sleeper *s)
{
    return (struct multimap_request){
        .key = text(key), .value = text(value), .owner = owner, .waiter = s ? &s->waiter : NULL};
}

static mr_rc_t put_one(const char *key, const char *value)
{
    struct multimap_request q = by(key, value, ada, NULL);

    return multimap_put(o, &q);
}

static mr_rc_t take(const char *key, const char *value)
{
    struct multimap_request q = by(key, value, ada, NULL);

    return multimap_remove_value(o, &q);
}

static mr_rc_t take_all(const char *key)
{
    struct multimap_request q = by(key, "", ada, NULL);

    return multimap_remove(o, &q, visit_words, NULL);
}

static bool has(const char *key, const char *words)
{
    struct data d = text(key);
    mr_rc_t rc = multimap_get(o, &d, visit_words, NULL);

    return was_told(words) && (rc == MR_OK) == (*words != '\0');
}

static uint64_t values(void)
{
    uint64_t n = 0;

    return multimap_size(o, NULL, &n) == MR_OK ? n : UINT64_MAX;
}

static uint32_t value_count(const struct data *key)
{
    uint32_t n = 0;

    return multimap_value_count(o, key, &n) == MR_OK ? n : UINT32_MAX;
}

static mr_rc_t clear(void)
{
    uint64_t n;
    mr_rc_t rc = multimap_clear(o, NULL, &n);

    multimap_tell_cleared(o, n);
    return rc;
}

static void visit_entry(void *context, const struct data *key, const struct data *value)
{
    (void)context;
    hear_words(key);
    hear_words(value);
}

Test(multimap, has_several_values_under_a_key_each_once)
{
    struct data k = text("k"), b = text("b"), c = text("c");

    cr_assert(put_one("k", "a") == MR_OK && put_one("k", "b") == MR_OK &&
              put_one("k", "a") == MR_EXISTS);
    cr_assert(put_one("other", "") == MR_OK && put_one("other", "") == MR_EXISTS);
    cr_assert(has("k", "a b ") && has("other", " ") && has("none", ""));
    cr_assert(values() == 3 && value_count(&k) == 2);
    cr_assert(multimap_contains(o, &k, &b) == MR_OK);
    cr_assert(multimap_contains(o, &k, &c) == MR_NOT_FOUND);
}

Test(multimap, has_a_value_as_often_as_it_was_put_in_a_list)
{
    ((struct map_object *)o)->lists = true;
    cr_assert(put_one("k", "a") == MR_OK && put_one("k", "b") == MR_OK &&
              put_one("k", "a") == MR_OK);
    cr_assert(has("k", "a b a ") && values() == 3);
    cr_assert(take("k", "a") == MR_OK && has("k", "b a "));
    cr_assert(take("k", "a") == MR_OK && has("k", "b ") && take("k", "a") == MR_NOT_FOUND);
}

Test(multimap, removes_a_value_and_the_key_with_the_last_one)
{
    struct data k = text("k");

    cr_assert(put_one("k", "a") == MR_OK && put_one("k", "b") == MR_OK &&
              put_one("k", "c") == MR_OK);
    cr_assert(take("k", "x") == MR_NOT_FOUND && take("none", "x") == MR_NOT_FOUND);
    cr_assert(take("k", "b") == MR_OK && has("k", "a c "));
    cr_assert(take("k", "c") == MR_OK && has("k", "a "));
    cr_assert(take("k", "a") == MR_OK && has("k", ""));
    cr_assert(value_count(&k) == 0 && values() == 0);
}

Test(multimap, removes_a_key_and_gives_its_values)
{
    cr_assert(put_one("k", "a") == MR_OK && put_one("k", "b") == MR_OK);
    cr_assert(take_all("k") == MR_OK && was_told("a b "));
    cr_assert(take_all("k") == MR_NOT_FOUND && was_told(""));
}

Test(multimap, visits_its_keys_and_entries)
{
    cr_assert(put_one("k", "a") == MR_OK && put_one("k", "b") == MR_OK);
    cr_assert(multimap_keys(o, NULL, visit_words, NULL) == MR_OK);
    cr_assert(was_told("k "));
    cr_assert(multimap_entries(o, NULL, visit_entry, NULL) == MR_OK);
    cr_assert(was_told("k a k b "));
}

Test(multimap, tells_of_each_value)
{
    cr_assert(watchers_add(&o->watchers, &w.partitions, &ear) == MR_OK);
    cr_assert(put_one("k", "a") == MR_OK && put_one("k", "a") == MR_EXISTS &&
              put_one("k", "b") == MR_OK);
    cr_assert(was_told("+k a +k b "));
    cr_assert(take("k", "a") == MR_OK && take("k", "a") == MR_NOT_FOUND && was_told("-k a "));
    cr_assert(put_one("k", "c") == MR_OK && was_told("+k c "));
    cr_assert(take_all("k") == MR_OK && was_told("-k b -k c b c "));
    cr_assert(put_one("k", "a") == MR_OK && clear() == MR_OK && was_told("+k a ! "));
    watchers_remove(&o->watchers, &w.partitions, &ear);
}

Test(multimap, waits_for_a_key_that_is_locked)
{
    struct lock_request lock = {.key = text("k"), .owner = bob};
    struct sleeper s = SLEEPER;
    struct multimap_request q = by("k", "b", ada, &s);

    cr_assert(put_one("k", "a") == MR_OK);
    cr_assert(map_lock(object_map(o), &lock) == MR_OK);
    cr_assert(put_one("k", "b") == MR_ERR_BUSY && take("k", "a") == MR_ERR_BUSY);
    cr_assert(multimap_put(o, &q) == MR_PENDING);
    cr_assert(has("k", "a "));
    cr_assert(clear() == MR_OK && has("k", "a "));
    cr_assert(map_unlock(object_map(o), &lock) == MR_OK && s.wakes == 1);
    cr_assert(multimap_put(o, &q) == MR_OK && has("k", "a b "));
}

Test(multimap, refuses_more_values_than_fit)
{
    static uint8_t bytes[10 << 20];
    struct multimap_request q = by("k", "", ada, NULL);

    q.value = (struct data){bytes, sizeof bytes, DATA_BYTES};
    cr_assert(multimap_put(o, &q) == MR_OK);
    bytes[0] = 1;
    cr_assert(multimap_put(o, &q) == MR_ERR_TOO_LARGE);
    cr_assert(values() == 1);
}

Test(multimap, changes_nothing_where_there_is_no_memory)
{
    static uint8_t bytes[1 << 20];
    struct multimap_request q = by("k", "", ada, NULL);

    q.value = (struct data){bytes, sizeof bytes, DATA_BYTES};
    w.partitions.account.limit = w.partitions.account.reserved + (4 << 20);
    mr_rc_t rc;
    do
        bytes[0]++;
    while ((rc = multimap_put(o, &q)) == MR_OK);
    cr_assert(rc == MR_ERR_FULL);
    cr_assert(value_count(&q.key) == (uint32_t)bytes[0] - 1);
    w.partitions.account.limit = UINT64_MAX;
}

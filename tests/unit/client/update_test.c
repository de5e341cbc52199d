#include "tests/unit/client/fixture.h"

TestSuite(update, .init = open_plain, .fini = close_member);

/* An update function that does as it is told. */
struct order {
    mr_update_t verdict;
    mr_ref_t next;
    int calls, current_kind;
    int64_t current;
};

static mr_update_t obey(void *context, mr_ref_t current, mr_ref_t *next)
{
    struct order *o = context;

    o->calls++;
    o->current_kind = current.kind;
    o->current = current.as.i64;
    *next = o->next;
    return o->verdict;
}

static mr_rc_t update(mr_ref_t key, struct order *o)
{
    return mr_map_update(m, key, obey, o, NULL, &err);
}

Test(update, shows_null_where_there_is_no_entry_and_stores_what_is_next)
{
    struct order o = {MR_UPDATE_SET, MR_I64(1), 0, 0, 0};

    GIVES(MR_OK, update(MR_STR("ada"), &o));
    cr_assert(o.calls == 1 && o.current_kind == MR_KIND_NULL);
    cr_assert_eq(number(MR_STR("ada")), 1);
}

Test(update, shows_the_current_value_and_replaces_it)
{
    struct order o = {MR_UPDATE_SET, MR_I64(2), 0, 0, 0};

    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, update(MR_STR("ada"), &o));
    cr_assert(o.current_kind == MR_KIND_I64 && o.current == 1);
    cr_assert_eq(number(MR_STR("ada")), 2);
}

Test(update, keeps_the_value_as_it_is)
{
    struct order o = {MR_UPDATE_KEEP, MR_I64(2), 0, 0, 0};

    GIVES(MR_OK, update(MR_STR("ada"), &o));
    cr_assert(absent(MR_STR("ada")));
    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, update(MR_STR("ada"), &o));
    cr_assert_eq(number(MR_STR("ada")), 1);
}

Test(update, removes_the_entry)
{
    struct order o = {MR_UPDATE_REMOVE, MR_NULL, 0, 0, 0};

    GIVES(MR_OK, update(MR_STR("ada"), &o));
    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, update(MR_STR("ada"), &o));
    cr_assert(absent(MR_STR("ada")));
}

Test(update, fails_on_request_and_changes_nothing)
{
    struct order o = {MR_UPDATE_FAIL, MR_I64(2), 0, 0, 0};

    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_ERR_ARGUMENT, update(MR_STR("ada"), &o));
    cr_assert_eq(number(MR_STR("ada")), 1);
}

Test(update, refuses_a_next_value_that_no_put_would_take)
{
    struct order o = {MR_UPDATE_SET, MR_NULL, 0, 0, 0};

    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_ERR_ARGUMENT, update(MR_STR("ada"), &o));
    o.next = MR_STR("\xff");
    GIVES(MR_ERR_ARGUMENT, update(MR_STR("ada"), &o));
    o.next = MR_DATA("abc", 3);
    GIVES(MR_ERR_MALFORMED, update(MR_STR("ada"), &o));
    o.verdict = (mr_update_t)77;
    GIVES(MR_ERR_ARGUMENT, update(MR_STR("ada"), &o));
    cr_assert_eq(number(MR_STR("ada")), 1);
}

Test(update, gives_the_value_from_before)
{
    mr_val_t old = MR_VAL_INIT;
    mr_put_opts_t opts = {sizeof opts, 0, 0, &old};
    struct order o = {MR_UPDATE_SET, MR_I64(2), 0, 0, 0};

    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, mr_map_update(m, MR_STR("ada"), obey, &o, &opts, &err));
    cr_assert_eq(mr_val_i64(&old), 1);
    o.verdict = MR_UPDATE_REMOVE;
    GIVES(MR_OK, mr_map_update(m, MR_STR("ada"), obey, &o, &opts, &err));
    cr_assert_eq(mr_val_i64(&old), 2);
    GIVES(MR_OK, mr_map_update(m, MR_STR("ada"), obey, &o, &opts, &err));
    cr_assert_eq(mr_val_type(&old), MR_KIND_NULL);
}

/* Swaps two halves of the text that is there: what is next may be made of what is current. */
static mr_update_t keep_the_first_half(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context;
    *next = MR_STRN(current.as.str, current.len / 2);
    return MR_UPDATE_SET;
}

Test(update, may_store_a_part_of_the_current_value)
{
    mr_val_t v = MR_VAL_INIT;
    char text[4000];

    memset(text, 'x', sizeof text);
    put(MR_I64(1), MR_STRN(text, sizeof text));
    GIVES(MR_OK, mr_map_update(m, MR_I64(1), keep_the_first_half, NULL, NULL, &err));
    GIVES(MR_OK, mr_map_get(m, MR_I64(1), &v, NULL, &err));
    cr_assert_eq(mr_val_len(&v), sizeof text / 2);
    cr_assert_arr_eq(mr_val_str(&v), text, sizeof text / 2);
    mr_val_clear(&v);
}

/* Reads a field of the record that is there and writes the next record. */
static mr_update_t one_year_later(void *context, mr_ref_t current, mr_ref_t *next)
{
    mr_rec_t *rec = context;
    mr_ref_t age = MR_I32(0);
    mr_err_t inside = MR_ERR_INIT;

    if (mr_rec_get(current, "age", &age, &inside) != MR_OK ||
        mr_rec_set(rec, "age", MR_I32(age.as.i64 + 1), &inside) != MR_OK)
        return MR_UPDATE_FAIL;
    *next = MR_REC(rec);
    return MR_UPDATE_SET;
}

Test(update, reads_and_writes_records_in_place)
{
    mr_schema_t *s = mr_schema_new("person", &err);
    mr_val_t v = MR_VAL_INIT;
    mr_ref_t age = MR_I32(0);
    mr_rec_t *rec;

    GIVES(MR_OK, mr_schema_field(s, "age", MR_KIND_I32, &err));
    rec = mr_rec_new(s, &err);
    GIVES(MR_OK, mr_rec_set(rec, "age", MR_I32(36), &err));
    put(MR_STR("ada"), MR_REC(rec));
    GIVES(MR_OK, mr_map_update(m, MR_STR("ada"), one_year_later, rec, NULL, &err));
    GIVES(MR_OK, mr_map_get(m, MR_STR("ada"), &v, NULL, &err));
    GIVES(MR_OK, mr_rec_get(mr_val_ref(&v), "age", &age, &err));
    cr_assert_eq(age.as.i64, 37);
    mr_val_clear(&v);
    mr_rec_free(rec);
    mr_schema_free(s);
}

/* Calls everything there is from inside; each call says what it gave. */
static mr_update_t call_the_grid(void *context, mr_ref_t current, mr_ref_t *next)
{
    mr_rc_t *got = context;
    mr_val_t v = MR_VAL_INIT;
    mr_ref_t key = MR_STR("bob"), view;
    mr_entry_t entry = {key, MR_I64(1)};
    mr_map_stats_t stats = MR_MAP_STATS_INIT;
    mr_memory_stats_t memory = MR_MEMORY_STATS_INIT;
    mr_err_t inside = MR_ERR_INIT;

    (void)current, (void)next;
    *got++ = mr_map_get(m, key, &v, NULL, NULL);
    *got++ = mr_map_contains(m, key, NULL);
    *got++ = mr_map_put(m, key, MR_I64(1), NULL, NULL);
    *got++ = mr_map_put_all(m, &entry, 1, NULL, NULL, NULL);
    *got++ = mr_map_get_all(m, &key, 1, &v, NULL);
    *got++ = mr_map_remove(m, key, NULL, NULL);
    *got++ = mr_map_set_ttl(m, key, 1, NULL);
    *got++ = mr_map_clear(m, NULL);
    *got++ = mr_map_update(m, key, call_the_grid, context, NULL, NULL);
    *got++ = mr_map_borrow(m, key, &view, NULL);
    *got++ = mr_map_stats(m, &stats, NULL);
    *got++ = mr_memory_stats(g, &memory, NULL);
    *got++ = mr_read_begin(g, NULL);
    (void)mr_map_size(m, &inside);
    *got++ = inside.code;
    mr_err_clear(&inside);
    (void)mr_map(g, "another", &inside);
    *got++ = inside.code;
    mr_err_clear(&inside);
    (void)mr_map_iter(m, 0, &inside);
    *got++ = inside.code;
    return MR_UPDATE_KEEP;
}

Test(update, refuses_every_call_of_the_grid_from_inside)
{
    enum { CALLS = 16 };
    mr_rc_t got[CALLS] = {0};

    put(MR_STR("bob"), MR_I64(5));
    GIVES(MR_OK, mr_map_update(m, MR_STR("ada"), call_the_grid, got, NULL, &err));
    for (int i = 0; i < CALLS; i++)
        cr_assert_eq(got[i], MR_ERR_ARGUMENT, "call %d: %s", i, mr_rc_name(got[i]));
    cr_assert_eq(number(MR_STR("bob")), 5);
    put(MR_STR("ada"), MR_I64(1)); /* and outside of it the thread may call again */
}

static mr_update_t add(void *context, mr_ref_t current, mr_ref_t *next)
{
    *next = MR_I64((current.kind == MR_KIND_NULL ? 0 : current.as.i64) + *(int64_t *)context);
    return MR_UPDATE_SET;
}

static void add_many(void *context)
{
    mr_err_t mine = MR_ERR_INIT;

    for (int i = 0; i < 5000; i++)
        cr_assert(mr_map_update(m, MR_I64(i % 3), add, context, NULL, &mine) == MR_OK);
}

Test(update, loses_none_of_what_several_threads_add)
{
    struct thread threads[4];
    int64_t one = 1, ten = 10;

    for (int i = 0; i < 4; i++)
        cr_assert(thread_start(&threads[i], "adder", add_many, i % 2 ? &one : &ten) == MR_OK);
    for (int i = 0; i < 4; i++)
        thread_join(&threads[i]);
    cr_assert_eq(number(MR_I64(0)) + number(MR_I64(1)) + number(MR_I64(2)), 2 * 5000 * 11);
}

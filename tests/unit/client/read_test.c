#include "tests/unit/client/fixture.h"

/* mr_read_begin, mr_map_borrow, mr_read_end: reading without copying. */

TestSuite(read, .init = open_plain, .fini = close_member);

Test(read, borrows_an_entry_where_it_lies)
{
    mr_ref_t a = MR_NULL, b = MR_NULL;

    put(MR_STR("ada"), MR_STR("Lovelace"));
    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_OK, mr_map_borrow(m, MR_STR("ada"), &a, &err));
    GIVES(MR_OK, mr_map_borrow(m, MR_STR("ada"), &b, &err));
    cr_assert(a.kind == MR_KIND_STR && a.len == 8 && memcmp(a.as.str, "Lovelace", 8) == 0);
    cr_assert(a.as.str == b.as.str, "nothing is copied");
    mr_read_end(g);
}

Test(read, says_not_found_and_leaves_the_view_as_it_was)
{
    mr_ref_t a = MR_I64(7);

    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_NOT_FOUND, mr_map_borrow(m, MR_STR("nobody"), &a, &err));
    mr_read_end(g);
    cr_assert_eq(a.as.i64, 7);
}

Test(read, refuses_to_borrow_outside_of_a_section)
{
    mr_ref_t a;

    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_ERR_ARGUMENT, mr_map_borrow(m, MR_STR("ada"), &a, &err));
    GIVES(MR_OK, mr_read_begin(g, &err));
    mr_read_end(g);
    GIVES(MR_ERR_ARGUMENT, mr_map_borrow(m, MR_STR("ada"), &a, &err));
}

Test(read, keeps_a_view_good_although_the_entry_is_replaced_removed_and_cleared)
{
    char text[3000];
    mr_ref_t views[3];

    memset(text, 'a', sizeof text);
    for (int i = 0; i < 3; i++)
        put(MR_I64(i), MR_STRN(text, sizeof text));
    GIVES(MR_OK, mr_read_begin(g, &err));
    for (int i = 0; i < 3; i++)
        GIVES(MR_OK, mr_map_borrow(m, MR_I64(i), &views[i], &err));
    GIVES(MR_OK, mr_map_delete(m, MR_I64(0), &err));
    memset(text, 'b', sizeof text);
    for (int i = 0; i < 3000; i++)
        put(MR_I64(1), MR_STRN(text, sizeof text));
    GIVES(MR_OK, mr_map_clear(m, &err));
    for (int i = 3; i < 1000; i++)
        put(MR_I64(i), MR_STRN(text, sizeof text));

    memset(text, 'a', sizeof text);
    for (int i = 0; i < 3; i++)
        cr_assert_arr_eq(views[i].as.str, text, sizeof text, "view %d", i);
    mr_read_end(g);
}

Test(read, holds_memory_back_until_the_section_ends)
{
    uint64_t used;

    put(MR_I64(1), MR_I64(1));
    used = memory_stats().used;
    GIVES(MR_OK, mr_read_begin(g, &err));
    for (int i = 0; i < 5000; i++)
        put(MR_I64(1), MR_I64(i));
    cr_assert(memory_stats().retired > 0);
    mr_read_end(g);
    EVENTUALLY(memory_stats().retired == 0 && memory_stats().used == used);
}

Test(read, nests)
{
    mr_ref_t a;

    put(MR_I64(1), MR_STR("text"));
    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_OK, mr_read_begin(g, &err));
    mr_read_end(g);
    GIVES(MR_OK, mr_map_borrow(m, MR_I64(1), &a, &err));
    put(MR_I64(1), MR_STR("other"));
    cr_assert(memcmp(a.as.str, "text", 4) == 0);
    mr_read_end(g);
    GIVES(MR_ERR_ARGUMENT, mr_map_borrow(m, MR_I64(1), &a, &err));
}

static void borrow_elsewhere(void *context)
{
    mr_ref_t a;

    *(mr_rc_t *)context = mr_map_borrow(m, MR_I64(1), &a, NULL);
}

Test(read, belongs_to_the_thread_that_began)
{
    struct thread other;
    mr_rc_t got = MR_OK;

    put(MR_I64(1), MR_I64(1));
    GIVES(MR_OK, mr_read_begin(g, &err));
    cr_assert(thread_start(&other, "other", borrow_elsewhere, &got) == MR_OK);
    thread_join(&other);
    mr_read_end(g);
    cr_assert_eq(got, MR_ERR_ARGUMENT);
}

Test(read, ends_without_harm_where_none_has_begun)
{
    mr_read_end(g);
    put(MR_I64(1), MR_I64(1));
    cr_assert_eq(number(MR_I64(1)), 1);
}

Test(read, sees_what_was_written_inside_the_section)
{
    mr_ref_t a = MR_NULL;

    GIVES(MR_OK, mr_read_begin(g, &err));
    put(MR_I64(1), MR_I64(7));
    GIVES(MR_OK, mr_map_borrow(m, MR_I64(1), &a, &err));
    cr_assert_eq(a.as.i64, 7);
    cr_assert_eq(number(MR_I64(1)), 7);
    mr_read_end(g);
}

Test(read, reads_fields_of_a_record_in_place)
{
    mr_schema_t *s = mr_schema_new("person", &err);
    mr_ref_t person, name = MR_NULL;
    mr_rec_t *rec;

    GIVES(MR_OK, mr_schema_field(s, "name", MR_KIND_STR, &err));
    rec = mr_rec_new(s, &err);
    GIVES(MR_OK, mr_rec_set(rec, "name", MR_STR("Ada Lovelace"), &err));
    put(MR_I64(1), MR_REC(rec));
    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_OK, mr_map_borrow(m, MR_I64(1), &person, &err));
    GIVES(MR_OK, mr_rec_get(person, "name", &name, &err));
    cr_assert(name.len == 12 && memcmp(name.as.str, "Ada Lovelace", 12) == 0);
    mr_read_end(g);
    mr_rec_free(rec);
    mr_schema_free(s);
}

Test(read, keeps_a_member_from_being_closed_inside_a_section)
{
    mr_ref_t a = MR_NULL;

    put(MR_I64(1), MR_I64(7));
    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_ERR_ARGUMENT, mr_close(g, MR_NOW, &err));
    GIVES(MR_OK, mr_map_borrow(m, MR_I64(1), &a, &err));
    cr_assert_eq(a.as.i64, 7);
    mr_read_end(g);
}

#include "tests/unit/grid/query/fixture.h"

static struct sink out;

static void setup(void)
{
    out = (struct sink){.grows = true};
}

static void teardown(void)
{
    sink_free(&out);
}

TestSuite(predicate, .init = setup, .fini = teardown);

static void begin(int32_t class)
{
    put_class(&out, -20, class);
}

static void begin_equal(const char *attribute, struct scalar v)
{
    begin(3);
    put_text(&out, attribute);
    put_value(&out, v);
}

static struct predicate *made(void)
{
    mr_err_t err = MR_ERR_INIT;
    struct predicate *p = NULL;
    struct data d = sent(&out);

    cr_assert(predicate_of_data(&d, &p, &err) == MR_OK, "%s", err.message);
    memset((void *)(uintptr_t)d.at, 0, d.size); /* it keeps nothing of what it was made of */
    return p;
}

/* Is what was sent true of Ada? And begin anew. */
static bool is_true(void)
{
    struct data key = d_text("k"), value = ada();
    struct predicate *p = made();
    bool is = matches(p, &key, &value);

    predicate_free(p);
    out.size = 0;
    return is;
}

static mr_rc_t refused(const char *words)
{
    mr_err_t err = MR_ERR_INIT;
    struct predicate *p = NULL;
    struct data d = sent(&out);
    mr_rc_t rc = predicate_of_data(&d, &p, &err);

    cr_expect(rc != MR_OK);
    cr_expect(strstr(err.message, words) != NULL, "%s", err.message);
    out.size = 0;
    return rc;
}

Test(predicate, reads_every_class_that_clients_send)
{
    begin(0);
    put_text(&out, "age > 35 and name like 'A%'");
    cr_expect(is_true());

    begin(1);
    sink_put32(&out, 2);
    begin_equal("name", v_text("Ada"));
    begin_equal("age", v_double(36));
    cr_expect(is_true());

    begin(2);
    put_text(&out, "age");
    put_value(&out, v_int(40)); /* the upper bound comes first */
    put_value(&out, v_int(36));
    cr_expect(is_true());

    begin(2);
    put_text(&out, "age");
    put_value(&out, v_int(36));
    put_value(&out, v_int(40));
    cr_expect(!is_true());

    begin(4);
    put_text(&out, "age");
    put_value(&out, v_double(36));
    sink_put8(&out, 1); /* equal */
    sink_put8(&out, 1); /* less */
    cr_expect(is_true());

    begin(4);
    put_text(&out, "age");
    put_value(&out, v_double(36));
    sink_put8(&out, 0);
    sink_put8(&out, 0);
    cr_expect(!is_true());

    begin(5);
    put_text(&out, "name");
    put_text(&out, "a%");
    cr_expect(!is_true());

    begin(6);
    put_text(&out, "name");
    put_text(&out, "a%");
    cr_expect(is_true());

    begin(7);
    put_text(&out, "age");
    sink_put32(&out, 2);
    put_value(&out, v_long(1));
    put_value(&out, v_double(36));
    cr_expect(is_true());

    begin(9);
    put_text(&out, "age");
    put_value(&out, v_int(36));
    cr_expect(!is_true());

    begin(10);
    begin_equal("age", v_int(1));
    cr_expect(is_true());

    begin(11);
    sink_put32(&out, 2);
    begin_equal("age", v_int(1));
    begin_equal("ok", v_bool(true));
    cr_expect(is_true());

    begin(12);
    put_text(&out, "name");
    put_text(&out, "A.*");
    cr_expect(is_true());

    begin(13);
    cr_expect(!is_true());
    begin(14);
    cr_expect(is_true());
}

Test(predicate, takes_and_of_nothing_as_true_and_or_of_nothing_as_false)
{
    begin(1);
    sink_put32(&out, 0);
    cr_expect(is_true());
    begin(11);
    sink_put32(&out, 0);
    cr_expect(!is_true());
}

Test(predicate, takes_a_paging_predicate_for_the_one_inside)
{
    begin(15);
    begin_equal("age", v_int(35));
    sink_put32(&out, 0); /* no comparator, and so on */
    cr_expect(!is_true());
    begin(15);
    sink_put32(&out, 0); /* none inside: everything */
    sink_put32(&out, 0);
    cr_expect(is_true());
}

Test(predicate, takes_null_for_everything)
{
    struct data none = {.kind = DATA_NULL}, key = d_text("k");
    struct predicate *p;

    cr_assert(predicate_of_data(&none, &p, NULL) == MR_OK);
    cr_expect(matches(p, &key, &key));
    predicate_free(p);
}

Test(predicate, knows_which_partition_it_is_for)
{
    struct data key = d_text("k");

    begin(16);
    put_value(&out, v_text("k"));
    begin_equal("age", v_int(36));
    struct predicate *p = made();

    cr_assert(p->partition_key_count == 1);
    cr_expect(data_equal(&p->partition_keys[0], &key));
    predicate_free(p);

    out.size = 0;
    begin(21);
    sink_put32(&out, (uint32_t)-37);
    sink_put32(&out, 2);
    put_value(&out, v_text("k"));
    put_value(&out, v_int(5));
    begin(14);
    p = made();
    cr_assert(p->partition_key_count == 2);
    cr_expect(data_equal(&p->partition_keys[0], &key));
    cr_expect(p->partition_keys[1].kind == DATA_INT);
    predicate_free(p);
}

Test(predicate, compares_classes_by_their_name_in_java)
{
    static const struct {
        const char *class;
        bool of_text, of_record;
    } cases[] = {
        {"java.lang.String", true, false},
        {"java.lang.Object", true, true},
        {"java.lang.Long", false, false},
        {"java.util.concurrent.Future", false, false},
    };
    struct data key = d_text("k"), text = d_text("x"), record = ada();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(8);
        put_text(&out, cases[i].class);
        struct predicate *p = made();

        cr_expect(matches(p, &key, &text) == cases[i].of_text, "%s", cases[i].class);
        cr_expect(matches(p, &key, &record) == cases[i].of_record, "%s", cases[i].class);
        predicate_free(p);
        out.size = 0;
    }
}

Test(predicate, refuses_what_it_does_not_know)
{
    put_class(&out, -20, 17);
    cr_expect(refused("factory -20, class 17") == MR_ERR_TYPE);
    put_class(&out, 66, 3);
    cr_expect(refused("factory 66, class 3") == MR_ERR_TYPE);
    sink_put32(&out, (uint32_t)-100);
    cr_expect(refused("type -100") == MR_ERR_TYPE);
    begin(0);
    put_text(&out, "age >");
    cr_expect(refused("ends where a value") == MR_ERR_MALFORMED);
    begin(8);
    put_text(&out, "com.example.Person");
    cr_expect(refused("no class \"com.example.Person\"") == MR_ERR_TYPE);
    begin_equal("a..b", v_int(1));
    cr_expect(refused("a name is missing") == MR_ERR_ARGUMENT);
    begin_equal(NULL, v_int(1));
    cr_expect(refused("an attribute is missing") == MR_ERR_MALFORMED);
}

Test(predicate, refuses_a_tree_that_is_nested_too_deep)
{
    for (int i = 0; i < 100; i++)
        begin(10);
    begin(14);
    cr_expect(refused("64 deep") == MR_ERR_TOO_LARGE);
}

Test(predicate, refuses_every_truncation)
{
    begin(1);
    sink_put32(&out, 4);
    begin_equal("name", v_text("Ada"));
    begin(7);
    put_text(&out, "age");
    sink_put32(&out, 2);
    put_value(&out, v_int(1));
    put_value(&out, v_text("2"));
    begin(10);
    begin(14);
    begin(12);
    put_text(&out, "x");
    put_text(&out, "a+");
    size_t whole = out.size;

    for (size_t size = whole; size-- > 4;) {
        struct data d;
        struct predicate *p = NULL;
        uint8_t *cut = malloc(size + 4);

        memset(cut, 0, 4);
        memcpy(cut + 4, out.at, size);
        cr_assert(data_read(cut, (uint32_t)size + 4, &d) == MR_OK);
        cr_expect(predicate_of_data(&d, &p, NULL) != MR_OK, "%zu bytes", size);
        free(cut);
    }
}

Test(predicate, does_not_believe_a_count)
{
    begin(1);
    sink_put32(&out, 0x7fffffff);
    cr_expect(refused("shorter") == MR_ERR_MALFORMED);
    begin(7);
    put_text(&out, "age");
    sink_put32(&out, 0x70000000);
    (void)refused("a field is missing");
}

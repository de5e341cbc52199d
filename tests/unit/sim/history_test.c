#define _GNU_SOURCE
#include "tests/sim/history.h"

#include <criterion/criterion.h>
#include <string.h>

#include "net/base/mem.h"
#include "tests/sim/examples.h"

static char text[1 << 20];

static struct history of(const char *line)
{
    struct history h;

    history_init(&h);
    cr_assert(example_parse(line, &h), "%s", line);
    return h;
}

static const char *written(const struct history *h)
{
    FILE *f = fmemopen(text, sizeof text, "w");

    cr_assert(history_write(h, f) == MR_OK);
    fclose(f);
    return text;
}

static mr_rc_t read(struct history *h, const char *lines)
{
    char copy[1024];

    snprintf(copy, sizeof copy, "%s", lines);
    FILE *f = fmemopen(copy, strlen(copy), "r");

    history_init(h);
    mr_rc_t rc = history_read(h, f);

    fclose(f);
    return rc;
}

Test(history, writes_an_object_a_line)
{
    struct history h = of("1:cas=->[3,-4]@5 1.ok=7");

    h.events[1].placed = true;
    h.events[1].epoch = 2;
    h.events[1].seq = 9;
    h.events[1].node = 2;
    h.events[1].session = 9;
    h.events[1].opno = 41;
    cr_assert_str_eq(written(&h),
                     "{\"i\":0,\"p\":1,\"t\":0,\"ty\":\"inv\",\"f\":\"cas\",\"k\":\"r5\","
                     "\"v\":[3,-4],\"old\":null,\"node\":\"n0\",\"sess\":0,\"op\":0}\n"
                     "{\"i\":1,\"p\":1,\"t\":1,\"ty\":\"ok\",\"f\":\"cas\",\"k\":\"r5\","
                     "\"v\":[3,-4],\"old\":7,\"ver\":[2,9],\"node\":\"n2\",\"sess\":9,"
                     "\"op\":41}\n");
    history_free(&h);
}

Test(history, reads_what_it_writes)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct history h, again;
        struct rand r;
        static char first[sizeof text];

        rand_init(&r, seed);
        history_init(&h);
        example_good(&r, seed % EXAMPLE_KINDS, 40, &h);
        strcpy(first, written(&h));
        FILE *f = fmemopen(first, strlen(first), "r");

        history_init(&again);
        cr_assert(history_read(&again, f) == MR_OK);
        fclose(f);
        cr_assert(again.count == h.count);
        written(&again);
        cr_assert_str_eq(first, text);
        history_free(&h);
        history_free(&again);
    }
}

#define LINE(more) "{\"p\":1,\"t\":5,\"ty\":\"inv\",\"f\":\"get\",\"k\":\"r1\"" more "}\n"

Test(history, reads_what_others_write_too)
{
    struct history h;

    cr_assert(read(&h, LINE("") LINE(",\"v\":[ ],\"host\":{\"a\":[1]},\"old\":-3") LINE("")) ==
              MR_OK);
    cr_assert(h.count == 3 && h.events[1].value == VALUE_EMPTY_LIST && !h.events[1].placed);
    cr_assert(values_at(&h.values, h.events[1].old)->number == -3);
    history_free(&h);
}

Test(history, refuses_what_it_does_not_understand)
{
    static const char *const bad[] = {
        "\n",
        "[]\n",
        "{}\n",
        LINE("") "{\"p\":1,\"t\":5}\n",
        LINE(",\"v\":\"5\""),
        LINE(",\"v\":1.5"),
        LINE(",\"v\":[[1]]"),
        LINE(",\"v\":true"),
        LINE(",\"v\":99999999999999999999"),
        LINE(",\"ver\":[1]"),
        LINE(",\"ver\":[1,2,3]"),
        LINE(",\"ver\":[1,-2]"),
        LINE(",\"ver\":7"),
        LINE(",\"node\":\"5\""),
        LINE(",\"node\":\"n\""),
        LINE(",\"node\":\"n5x\""),
        LINE(",\"node\":\"n99999999999\""),
        LINE(",\"sess\":-1"),
        LINE(",\"ty\":\"maybe\""),
        LINE(",\"f\":\"swap\""),
        LINE(",\"p\":-1"),
        LINE(",\"t\":\"now\""),
        "{\"p\":1,\"t\":5,\"ty\":\"inv\",\"f\":\"get\"}\n",
        "{\"p\":1,\"t\":5,\"ty\":\"inv\",\"f\":\"get\",\"k\":\"r1\"\n",
        LINE("") "{\"p\":1,\"t\":4,\"ty\":\"inv\",\"f\":\"get\",\"k\":\"r1\"}\n", /* goes back */
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct history h;

        cr_assert(read(&h, bad[i]) == MR_ERR_MALFORMED, "%s", bad[i]);
        history_free(&h);
    }
}

Test(history, makes_operations_of_events)
{
    struct history h = of("1:put=5 2:get@3 2.ok=- 1.info 4:cas=5>6 3:incr=2 4.ok=5 3.fail 4:del");
    struct operation *ops;
    uint32_t count, at;

    cr_assert(history_operations(&h, &ops, &count, &at) == MR_OK);
    cr_assert(count == 5);
    cr_assert(ops[0].end == EVENT_INFO && ops[0].returned == NEVER);
    cr_assert(ops[1].said == VALUE_NOTHING && ops[1].key == 3 && ops[1].returned == 2);
    cr_assert(ops[2].said == ops[2].old && ops[2].invoked == 4);
    cr_assert(ops[3].end == EVENT_FAIL && ops[3].said == VALUE_UNSAID);
    cr_assert(ops[4].end == EVENT_INFO && ops[4].call == CALL_DEL);
    mem_free(ops);
    history_free(&h);
}

Test(history, knows_what_cannot_follow_what)
{
    static const struct {
        const char *line;
        uint32_t at;
    } bad[] = {
        {"1:get 1:get", 1},
        {"1:get 1.ok=5 1.ok=5", 2},
        {"1:get 1.info 1:get", 2},
        {"1:get 1.info 1.ok=5", 2},
        {"1:put", 0},
        {"1:incr", 0},
        {"1:append=[3]", 0},
        {"1:incr=-", 0},
        {"1:get 1.ok", 1},
        {"1:get 1.info 1.info", 2},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct history h = of(bad[i].line);
        struct operation *ops;
        uint32_t count, at = 99;

        cr_assert(history_operations(&h, &ops, &count, &at) == MR_ERR_MALFORMED, "%s", bad[i].line);
        cr_assert(at == bad[i].at, "%s", bad[i].line);
        history_free(&h);
    }
}

Test(history, an_answer_is_to_what_was_asked)
{
    struct history h = of("1:get 1.ok=5");
    struct operation *ops;
    uint32_t count, at;

    h.events[1].key = 2;
    cr_assert(history_operations(&h, &ops, &count, &at) == MR_ERR_MALFORMED && at == 1);
    h.events[1].key = 0;
    h.events[1].call = CALL_DEL;
    cr_assert(history_operations(&h, &ops, &count, &at) == MR_ERR_MALFORMED && at == 1);
    history_free(&h);
}

Test(values, are_equal_when_their_numbers_are)
{
    struct values v;
    int32_t list = VALUE_NOTHING, said;

    values_init(&v);
    for (int64_t i = 0; i < 1000; i++) {
        list = values_append(&v, list, i % 7);
        cr_assert(values_number(&v, i) == values_number(&v, i));
    }
    cr_assert(values_at(&v, list)->length == 1000);
    int32_t again = VALUE_EMPTY_LIST;

    for (int64_t i = 0; i < 1000; i++)
        again = values_append(&v, again, i % 7);
    cr_assert(again == list && list != values_append(&v, list, 3));
    cr_assert(values_number(&v, 3) != values_append(&v, VALUE_NOTHING, 3));
    cr_assert(values_do(&v, list, CALL_INCR, values_number(&v, 2), 0, &said) == said);
    cr_assert(said == values_number(&v, 2));
    values_free(&v);
}

#include "net/base/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "net/base/clock.h"
#include "net/base/mem.h"

static uint64_t now_ms = 1740830400123;
static char seen[8192]; /* what the callback was given, a line each */

static uint64_t test_clock(void *context)
{
    (void)context;
    return now_ms * 1000000u;
}

static void see(void *context, const struct log_entry *e)
{
    size_t n = strlen(seen);

    (void)context;
    snprintf(seen + n, sizeof seen - n, "%d %s %s\n", e->level, e->event, e->fields);
}

static void listen_from(enum log_level least)
{
    clock_set(test_clock, NULL);
    log_to_callback(see, NULL, least);
}

/* What one statement writes to a file in this form. */
static char *written(enum log_form form, void (*statement)(void))
{
    static char line[LOG_LINE_MAX + 1];
    int ends[2];

    cr_assert(zero(int, pipe(ends)));
    clock_set(test_clock, NULL);
    log_to_fd(ends[1], form, LOG_DEBUG);
    statement();
    log_to_nowhere();
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);

    close(ends[0]);
    line[n < 0 ? 0 : n] = '\0';
    return line;
}

static void say_one_of_each(void)
{
    log_event(LOG_WARN, "test.each", F_U64("u", UINT64_MAX), F_I64("i", -1), F_BOOL("b", true),
              F_STR("s", "two words"), F_TEXT("t", "abcdef", 3), F_STR("none", NULL),
              F_RC("rc", MR_ERR_FULL), F_ERRNO("errno", ECONNREFUSED));
}

Test(log, writes_logfmt_for_people)
{
    cr_assert(eq(str, written(LOG_FORM_LOGFMT, say_one_of_each),
                 "time=2025-03-01T12:00:00.123Z level=warn event=test.each "
                 "u=18446744073709551615 i=-1 b=true s=\"two words\" t=abc none=- "
                 "rc=MR_ERR_FULL errno=ECONNREFUSED\n"));
}

Test(log, writes_json_for_machines)
{
    cr_assert(eq(str, written(LOG_FORM_JSON, say_one_of_each),
                 "{\"time\":\"2025-03-01T12:00:00.123Z\",\"level\":\"warn\","
                 "\"event\":\"test.each\",\"u\":18446744073709551615,\"i\":-1,\"b\":true,"
                 "\"s\":\"two words\",\"t\":\"abc\",\"none\":\"-\",\"rc\":\"MR_ERR_FULL\","
                 "\"errno\":\"ECONNREFUSED\"}\n"));
}

static void say_nothing_more(void)
{
    log_event(LOG_INFO, "test.bare");
}

Test(log, chooses_json_when_the_file_is_no_terminal)
{
    cr_assert(eq(str, written(LOG_FORM_AUTO, say_nothing_more),
                 "{\"time\":\"2025-03-01T12:00:00.123Z\",\"level\":\"info\","
                 "\"event\":\"test.bare\"}\n"));
}

static void say_something_hostile(void)
{
    log_event(LOG_INFO, "test.hostile", F_STR("a", "x\" level=error"), F_STR("b", "\033[2J\n"),
              F_STR("c", "\xc2\x9b\xff\\"), F_STR("d", ""), F_STR("e", "gr\xc3\xbc\xc3\x9f"));
}

Test(log, lets_no_value_forge_a_line_a_field_or_a_terminal_command)
{
    cr_assert(eq(str, written(LOG_FORM_LOGFMT, say_something_hostile),
                 "time=2025-03-01T12:00:00.123Z level=info event=test.hostile "
                 "a=\"x\\\" level=error\" b=\"\\x1b[2J\\n\" c=\"\\x9b\\xff\\\\\" d=\"\" "
                 "e=\"gr\xc3\xbc\xc3\x9f\"\n"));
    cr_assert(eq(str, written(LOG_FORM_JSON, say_something_hostile),
                 "{\"time\":\"2025-03-01T12:00:00.123Z\",\"level\":\"info\","
                 "\"event\":\"test.hostile\",\"a\":\"x\\\" level=error\","
                 "\"b\":\"\\u001b[2J\\n\",\"c\":\"\\u009b\\ufffd\\\\\",\"d\":\"\","
                 "\"e\":\"gr\xc3\xbc\xc3\x9f\"}\n"));
}

static void say_too_much(void)
{
    char big[1000];

    memset(big, '\001', sizeof big);
    log_event(LOG_INFO, "test.big", F_TEXT("a", big, sizeof big), F_U64("b", 2));
}

Test(log, leaves_out_whole_fields_when_a_line_would_be_too_long_and_says_so)
{
    /* 512 bytes of six characters each are more than a line. */
    cr_assert(eq(str, written(LOG_FORM_JSON, say_too_much),
                 "{\"time\":\"2025-03-01T12:00:00.123Z\",\"level\":\"info\","
                 "\"event\":\"test.big\",\"b\":2,\"cut\":true}\n"));
}

static void say_something_long(void)
{
    char big[LOG_VALUE_MAX + 1];

    memset(big, 'x', sizeof big);
    memcpy(big + LOG_VALUE_MAX - 1, "\xc3\xbc", 2);
    log_event(LOG_INFO, "test.long", F_TEXT("a", big, sizeof big));
}

Test(log, shortens_a_long_value_between_two_characters)
{
    char *line = written(LOG_FORM_LOGFMT, say_something_long);

    cr_assert(zero(ptr, strchr(line, '\xc3')));
    cr_assert(not(zero(ptr, strstr(line, "xxx...\"\n"))));
}

Test(log, says_nothing_until_it_is_told_where)
{
    cr_assert(not(log_wanted(LOG_ERROR)));
    listen_from(LOG_INFO);
    log_to_nowhere();
    log_event(LOG_ERROR, "test.silent");
    cr_assert(eq(str, seen, ""));
}

Test(log, drops_events_below_the_level_without_looking_at_their_fields)
{
    int looked = 0;

    listen_from(LOG_WARN);
    log_event(LOG_INFO, "test.info", F_I64("looked", ++looked));
    log_event(LOG_WARN, "test.warn", F_I64("looked", ++looked));
    cr_assert(eq(str, seen, "2 test.warn looked=1\n"));
}

Test(log, never_shows_a_secret)
{
    listen_from(LOG_INFO);
    log_event(LOG_INFO, "test.secret", F_STR("key_password", "hunter2"), F_STR("Token", "abc"),
              F_U64("client_secret", 5), F_STR("name", "ada"));
    cr_assert(
        eq(str, seen, "1 test.secret key_password=*** Token=*** client_secret=*** name=ada\n"));
}

Test(log, holds_repeats_back_and_tells_their_number_when_the_time_is_over)
{
    listen_from(LOG_INFO);
    for (int i = 0; i < LOG_REPEATS + 312; i++)
        log_event(i == 20 ? LOG_ERROR : LOG_WARN, "test.again");
    log_event(LOG_INFO, "test.other");
    for (int i = 0; i < LOG_REPEATS; i++) {
        cr_assert(eq(int, memcmp(seen + i * 14, "2 test.again \n", 14), 0));
    }
    cr_assert(eq(str, seen + LOG_REPEATS * 14, "1 test.other \n"));

    seen[0] = '\0';
    now_ms += LOG_REPEAT_MS;
    log_event(LOG_WARN, "test.again");
    cr_assert(eq(str, seen, "3 test.again repeats=312 within_ms=10000\n2 test.again \n"));
}

Test(log, tells_repeats_on_a_flush_although_nothing_else_happens)
{
    listen_from(LOG_INFO);
    for (int i = 0; i < LOG_REPEATS + 1; i++)
        log_event(LOG_WARN, "test.again");
    seen[0] = '\0';
    log_flush();
    cr_assert(eq(str, seen, ""));
    now_ms += LOG_REPEAT_MS + 5;
    log_flush();
    cr_assert(eq(str, seen, "2 test.again repeats=1 within_ms=10005\n"));
    log_flush();
    cr_assert(eq(str, seen, "2 test.again repeats=1 within_ms=10005\n"));
}

Test(log, holds_back_no_debug_event)
{
    listen_from(LOG_DEBUG);
    for (int i = 0; i < LOG_REPEATS + 1; i++)
        log_event(LOG_DEBUG, "test.detail");
    cr_assert(eq(sz, strlen(seen), (LOG_REPEATS + 1) * strlen("0 test.detail \n")));
}

static void see_and_log(void *context, const struct log_entry *e)
{
    see(context, e);
    log_event(LOG_ERROR, "test.inner");
    log_flush();
}

Test(log, does_nothing_inside_a_callback)
{
    listen_from(LOG_INFO);
    log_to_callback(see_and_log, NULL, LOG_INFO);
    log_event(LOG_INFO, "test.outer");
    cr_assert(eq(str, seen, "1 test.outer \n"));
}

static int allocations;

static void *count_alloc(size_t size, void *context)
{
    (void)size, (void)context;
    allocations++;
    return NULL;
}

Test(log, allocates_nothing)
{
    struct mem_hooks none = {.alloc = count_alloc};

    mem_hooks_set(&none);
    listen_from(LOG_INFO);
    say_one_of_each();
    mem_hooks_set(NULL);
    cr_assert(zero(int, allocations));
    cr_assert(not(zero(int, seen[0])));
}

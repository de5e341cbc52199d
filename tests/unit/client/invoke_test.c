#include "client/invoke.h"

#include <criterion/criterion.h>

#include "tests/unit/scarce.h"

static struct invocations is;
static struct invocation call;

static void begin(bool repeatable, uint64_t deadline_ns)
{
    cr_assert(invocations_init(&is) == MR_OK);
    call = (struct invocation){.repeatable = repeatable, .deadline_ns = deadline_ns};
    invoke_begin(&is, &call);
}

static void end(void)
{
    invoke_end(&is, &call);
    invocations_free(&is);
}

static const struct fault *not_now(void)
{
    return fault_of_code(CODE_PARTITION_MIGRATING);
}

static const struct fault *unsure(void)
{
    return fault_of_code(CODE_TARGET_DISCONNECTED);
}

/* What becomes of a call: what it is, what happens, what is said. */
enum happening { TIME_UP, LOST, NOT_NOW, UNSURE, REFUSED };

static struct invoke_verdict happens(enum happening h)
{
    switch (h) {
    case TIME_UP: return invoke_time(&is, &call, 1000);
    case LOST: return invoke_lost(&is, &call);
    case NOT_NOW: return invoke_refused(&is, &call, not_now(), 10);
    case UNSURE: return invoke_refused(&is, &call, unsure(), 10);
    case REFUSED: break;
    }
    return invoke_refused(&is, &call, fault_of_code(CODE_ILLEGAL_ARGUMENT), 10);
}

static struct invoke_verdict what_becomes(bool repeatable, bool sent, enum happening h)
{
    struct invoke_verdict v;

    begin(repeatable, 1000);
    if (sent)
        invoke_sent(&is, &call);
    v = happens(h);
    end();
    return v;
}

Test(invoke, sends_reads_again_and_writes_never_twice)
{
    enum { READ = true, WRITE = false, SENT = true, UNSENT = false };
    static const struct {
        bool repeatable, sent;
        enum happening happening;
        enum invoke_what what;
        mr_rc_t rc;
    } cases[] = {
        {READ, UNSENT, TIME_UP, INVOKE_OVER, MR_ERR_TIMEOUT},
        {WRITE, UNSENT, TIME_UP, INVOKE_OVER, MR_ERR_TIMEOUT},
        {READ, SENT, TIME_UP, INVOKE_OVER, MR_ERR_TIMEOUT},
        {WRITE, SENT, TIME_UP, INVOKE_OVER, MR_ERR_OUTCOME_UNKNOWN},
        {READ, SENT, LOST, INVOKE_AGAIN, MR_OK},
        {WRITE, SENT, LOST, INVOKE_OVER, MR_ERR_OUTCOME_UNKNOWN},
        {READ, SENT, NOT_NOW, INVOKE_AGAIN_SOON, MR_OK},
        {WRITE, SENT, NOT_NOW, INVOKE_AGAIN_SOON, MR_OK},
        {READ, SENT, UNSURE, INVOKE_AGAIN_SOON, MR_OK},
        {WRITE, SENT, UNSURE, INVOKE_OVER, MR_ERR_OUTCOME_UNKNOWN},
        {READ, SENT, REFUSED, INVOKE_OVER, MR_ERR_ARGUMENT},
        {WRITE, SENT, REFUSED, INVOKE_OVER, MR_ERR_ARGUMENT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct invoke_verdict v =
            what_becomes(cases[i].repeatable, cases[i].sent, cases[i].happening);

        cr_assert(v.what == cases[i].what && v.rc == cases[i].rc, "case %zu: %d %s", i, v.what,
                  mr_rc_name(v.rc));
    }
}

/* A write that members do once. What happens to it first, and then. */
Test(invoke, sends_what_is_numbered_again_and_does_not_take_a_failure_for_an_answer)
{
    static const struct {
        enum happening first, then;
        enum invoke_what what;
        mr_rc_t rc;
    } cases[] = {
        {NOT_NOW, LOST, INVOKE_AGAIN, MR_OK},
        {NOT_NOW, UNSURE, INVOKE_AGAIN_SOON, MR_OK},
        {NOT_NOW, REFUSED, INVOKE_OVER, MR_ERR_ARGUMENT},
        {LOST, LOST, INVOKE_AGAIN, MR_OK},
        {LOST, NOT_NOW, INVOKE_AGAIN_SOON, MR_OK},
        {LOST, REFUSED, INVOKE_OVER, MR_ERR_OUTCOME_UNKNOWN},
        {UNSURE, REFUSED, INVOKE_OVER, MR_ERR_OUTCOME_UNKNOWN},
        {UNSURE, TIME_UP, INVOKE_OVER, MR_ERR_OUTCOME_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(false, 1000);
        call.numbered = true;
        invoke_sent(&is, &call);
        (void)happens(cases[i].first);
        invoke_sent(&is, &call);
        struct invoke_verdict v = happens(cases[i].then);

        end();
        cr_assert(v.what == cases[i].what && v.rc == cases[i].rc, "case %zu: %d %s", i, v.what,
                  mr_rc_name(v.rc));
    }
}

Test(invoke, says_of_what_is_numbered_and_waits_whether_it_may_be_done)
{
    begin(false, 1000);
    call.numbered = true;
    invoke_sent(&is, &call);
    (void)happens(NOT_NOW);
    cr_assert(happens(TIME_UP).rc == MR_ERR_TIMEOUT);
    invoke_sent(&is, &call);
    (void)happens(LOST);
    cr_assert(happens(TIME_UP).rc == MR_ERR_OUTCOME_UNKNOWN);
    end();
}

Test(invoke, that_was_refused_for_now_is_due_after_a_pause_that_grows)
{
    uint64_t now = 0, last = 0;

    begin(false, UINT64_MAX);
    for (int i = 0; i < 12; i++) {
        invoke_sent(&is, &call);
        cr_assert(invoke_due(&is, UINT64_MAX - 1) == NULL, "while it is sent it has its deadline");
        (void)invoke_refused(&is, &call, not_now(), now);
        cr_assert(call.due.key - now >= last && call.due.key - now <= 1000000000);
        last = call.due.key - now;
        now = call.due.key;
        cr_assert(invoke_due(&is, now) == &call);
        cr_assert_eq(invoke_time(&is, &call, now).what, INVOKE_AGAIN);
    }
    cr_assert_eq(last, 1000000000);
    end();
}

Test(invoke, never_pauses_beyond_its_deadline)
{
    begin(true, 1000);
    invoke_sent(&is, &call);
    (void)invoke_refused(&is, &call, not_now(), 10);
    cr_assert(invoke_due(&is, 1000) == &call);
    cr_assert(invoke_time(&is, &call, 1000).rc == MR_ERR_TIMEOUT);
    end();
}

Test(invoke, is_found_by_its_number_until_it_is_over)
{
    enum { MANY = 3 * INVOKE_BUCKETS };
    static struct invocation many[MANY];

    begin(true, 1);
    for (int i = 0; i < MANY; i++) {
        many[i].deadline_ns = (uint64_t)i;
        invoke_begin(&is, &many[i]);
    }
    for (int i = 0; i < MANY; i += 2)
        invoke_end(&is, &many[i]);
    for (int i = 0; i < MANY; i++)
        cr_assert(invoke_find(&is, many[i].correlation) == (i % 2 ? &many[i] : NULL));
    for (int i = 1; i < MANY; i += 2)
        invoke_end(&is, &many[i]);
    cr_assert_eq(is.count, 1);
    end();
}

Test(invoke, needs_memory_for_its_table)
{
    mem_hooks_set(&scarce);
    scarce_left = 0;
    cr_assert(invocations_init(&is) == MR_ERR_MEMORY);
    mem_hooks_set(NULL);
}

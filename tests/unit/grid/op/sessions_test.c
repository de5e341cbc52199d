#include "grid/op/sessions.h"

#include <criterion/criterion.h>
#include <string.h>

#include "net/base/rand.h"
#include "tests/unit/scarce.h"

enum { PLENTY = 1 << 24, APPLIED = 1000 };

static struct sessions t;
static struct session_result got;

static void open_table(void)
{
    sessions_init(&t, PLENTY);
}

static void close_table(void)
{
    sessions_check(&t);
    sessions_clear(&t);
    cr_assert(t.bytes == 0 && t.promised == 0 && t.digest == 0);
}

static enum session_verdict judge(uint64_t session, uint64_t opno, uint64_t first)
{
    return sessions_judge(&t, &(struct session_call){session, opno, first}, APPLIED, true, &got);
}

static enum session_verdict judge_expired(uint64_t session, uint64_t opno, uint64_t first)
{
    return sessions_judge(&t, &(struct session_call){session, opno, first}, APPLIED, false, &got);
}

static void begin(uint64_t session, uint64_t opno, uint64_t first)
{
    cr_assert(sessions_begin(&t, &(struct session_call){session, opno, first}) == MR_OK);
}

static struct session_result answer(const char *text, uint64_t seq)
{
    return (struct session_result){.epoch = 3,
                                   .seq = seq,
                                   .known = true,
                                   .size = (uint32_t)strlen(text),
                                   .bytes = (const uint8_t *)text};
}

static void apply(uint64_t session, uint64_t opno, uint64_t first, const char *text)
{
    struct session_result r = answer(text, 10 * opno);

    cr_assert(sessions_apply(&t, &(struct session_call){session, opno, first}, &r) == MR_OK);
    sessions_check(&t);
}

static bool got_is(const char *text, uint64_t seq)
{
    return got.known && got.size == strlen(text) &&
           (got.size == 0 || memcmp(got.bytes, text, got.size) == 0) && got.seq == seq &&
           got.epoch == 3;
}

Test(sessions, what_is_new_is_done, .init = open_table, .fini = close_table)
{
    cr_assert(judge(7, 1, 1) == ONCE_NEW);
    cr_assert(t.count == 0, "judging changes nothing");
}

Test(sessions, what_was_done_is_answered_as_before, .init = open_table, .fini = close_table)
{
    apply(7, 1, 1, "five");
    cr_assert(judge(7, 1, 1) == ONCE_DONE && got_is("five", 10));
    cr_assert(judge(8, 1, 1) == ONCE_NEW, "another session's is another");
    cr_assert(judge(7, 2, 1) == ONCE_NEW);
}

Test(sessions, the_first_answer_is_the_one, .init = open_table, .fini = close_table)
{
    apply(7, 1, 1, "five");
    apply(7, 1, 1, "six");
    cr_assert(judge(7, 1, 1) == ONCE_DONE && got_is("five", 10));
}

Test(sessions, an_answer_may_be_empty, .init = open_table, .fini = close_table)
{
    apply(7, 1, 1, "");
    cr_assert(judge(7, 1, 1) == ONCE_DONE && got_is("", 10));
}

Test(sessions, what_is_written_is_not_written_again, .init = open_table, .fini = close_table)
{
    begin(7, 1, 1);
    cr_assert(judge(7, 1, 1) == ONCE_PENDING);
    apply(7, 1, 1, "five");
    cr_assert(judge(7, 1, 1) == ONCE_DONE);
}

Test(sessions, what_did_not_get_into_the_ring_is_new, .init = open_table, .fini = close_table)
{
    begin(7, 1, 1);
    sessions_cancel(&t, &(struct session_call){7, 1, 1});
    cr_assert(judge(7, 1, 1) == ONCE_NEW && t.count == 0);
    apply(7, 1, 1, "five");
    sessions_cancel(&t, &(struct session_call){7, 1, 1});
    sessions_cancel(&t, &(struct session_call){9, 1, 1});
    cr_assert(judge(7, 1, 1) == ONCE_DONE, "what is done stays done");
}

Test(sessions, nothing_is_pending_after_a_reign, .init = open_table, .fini = close_table)
{
    apply(7, 1, 1, "five");
    uint64_t digest = t.digest;

    begin(7, 2, 1);
    begin(8, 1, 1);
    cr_assert(t.digest == digest, "what is pending is this member's alone");
    sessions_lost(&t);
    cr_assert(judge(7, 2, 1) == ONCE_NEW && judge(8, 1, 1) == ONCE_NEW);
    cr_assert(judge(7, 1, 1) == ONCE_DONE && t.count == 1 && t.digest == digest);
}

Test(sessions, what_is_complete_is_forgotten_and_refused, .init = open_table, .fini = close_table)
{
    apply(7, 1, 1, "one");
    apply(7, 2, 1, "two");
    begin(7, 3, 1);
    apply(7, 5, 3, "five");
    cr_assert(judge(7, 1, 1) == ONCE_STALE && judge(7, 2, 1) == ONCE_STALE);
    cr_assert(judge(7, 3, 3) == ONCE_PENDING && judge(7, 4, 3) == ONCE_NEW);
    apply(7, 6, 6, "six");
    cr_assert(judge(7, 3, 3) == ONCE_STALE && judge(7, 5, 3) == ONCE_STALE);
    apply(7, 3, 1, "late"); /* committed after the client has given up on it */
    cr_assert(judge(7, 3, 1) == ONCE_STALE && judge(7, 6, 6) == ONCE_DONE);
}

Test(sessions, nobody_waits_for_less_than_he_asks, .init = open_table, .fini = close_table)
{
    cr_assert(judge(7, 1, 2) == ONCE_STALE);
}

Test(sessions, one_that_is_over_is_over, .init = open_table, .fini = close_table)
{
    cr_assert(judge_expired(7, 1, 1) == ONCE_EXPIRED, "never heard of");
    apply(7, 1, 1, "five");
    cr_assert(judge_expired(7, 1, 1) == ONCE_DONE, "as long as the answer is known");
    cr_assert(judge_expired(7, 2, 1) == ONCE_EXPIRED);
    begin(7, 3, 1);
    sessions_expire(&t, 7);
    cr_assert(judge_expired(7, 1, 1) == ONCE_EXPIRED);
    cr_assert(t.count == 0 && t.promised == 0);
    sessions_expire(&t, 7);
}

Test(sessions, one_that_is_not_known_yet_has_to_wait, .init = open_table, .fini = close_table)
{
    cr_assert(judge(APPLIED, 1, 1) == ONCE_NEW);
    cr_assert(judge(APPLIED + 1, 1, 1) == ONCE_BEHIND);
    cr_assert(judge_expired(APPLIED + 1, 1, 1) == ONCE_BEHIND);
}

Test(sessions, are_found_one_after_the_other, .init = open_table, .fini = close_table)
{
    apply(9, 1, 1, "");
    apply(7, 1, 1, "");
    apply(8, 1, 1, "");
    cr_assert(sessions_next(&t, 0) == 7 && sessions_next(&t, 7) == 8);
    cr_assert(sessions_next(&t, 8) == 9 && sessions_next(&t, 9) == 0);
}

/* ---- bounds --------------------------------------------------------------------------------- */

Test(sessions, keep_an_answer_of_so_many_bytes, .init = open_table, .fini = close_table)
{
    char text[SESSION_RESULT_MAX + 2];

    memset(text, 'x', sizeof text);
    text[SESSION_RESULT_MAX + 1] = 0;
    apply(7, 2, 1, text);
    cr_assert(judge(7, 2, 1) == ONCE_DONE && !got.known && got.size == 0);
    cr_assert(got.seq == 20 && got.epoch == 3, "where it was done is known");
    text[SESSION_RESULT_MAX] = 0;
    apply(7, 1, 1, text);
    cr_assert(judge(7, 1, 1) == ONCE_DONE && got_is(text, 10));
}

Test(sessions, have_a_window, .init = open_table, .fini = close_table)
{
    for (uint64_t opno = 1; opno < SESSION_WINDOW; opno++)
        apply(7, opno, 1, "");
    cr_assert(judge(7, 5000, 1) == ONCE_NEW, "of operations, not of numbers");
    begin(7, 5000, 1);
    cr_assert(judge(7, 5001, 1) == ONCE_FULL, "what is pending counts");
    cr_assert(judge(7, 5001, 2) == ONCE_NEW, "what is complete does not");
    cr_assert(judge(7, 5000, 1) == ONCE_PENDING && judge(7, 1, 1) == ONCE_DONE);
    cr_assert(judge(8, 1, 1) == ONCE_NEW);
    apply(7, 5000, 1, "");
    cr_assert(judge(7, 5001, 1) == ONCE_FULL);
    apply(7, 5001, 1000, "");
    cr_assert(judge(7, 5002, 1000) == ONCE_NEW);
}

Test(sessions, take_no_more_than_they_may)
{
    char text[SESSION_RESULT_MAX + 1];
    uint64_t opno = 1;

    memset(text, 'x', sizeof text);
    text[SESSION_RESULT_MAX] = 0;
    sessions_init(&t, 20000);
    while (judge(7, opno, 1) == ONCE_NEW) {
        begin(7, opno, 1);
        if (opno % 2)
            apply(7, opno, 1, text);
        opno++;
        cr_assert(t.bytes + t.promised <= 20000);
    }
    cr_assert(opno > 20 && judge(7, opno, 1) == ONCE_FULL);
    cr_assert(judge(7, 1, 1) == ONCE_DONE);
    apply(7, opno, opno, text); /* another primary had room for it */
    cr_assert(judge(7, opno + 1, opno) == ONCE_NEW);
    close_table();
}

Test(sessions, of_many_take_no_more_than_they_may)
{
    uint64_t session = 1;

    sessions_init(&t, 50000);
    while (judge(session, 1, 1) == ONCE_NEW) {
        begin(session, 1, 1);
        apply(session++, 1, 1, "five");
        cr_assert(t.bytes + t.promised <= 50000);
    }
    cr_assert(session > 50);
    close_table();
}

Test(sessions, without_memory_nothing_has_changed)
{
    for (int left = 0;; left++) {
        struct session_call c = {7, 5, 1};
        struct session_result r = answer("five", 50);

        open_table();
        for (uint64_t opno = 1; opno <= 4; opno++)
            apply(7, opno, 1, "");
        uint64_t digest = t.digest;

        mem_hooks_set(&scarce);
        scarce_left = left;
        mr_rc_t rc = sessions_apply(&t, &c, &r);
        mr_rc_t other = sessions_apply(&t, &(struct session_call){8, 1, 1}, &r);

        mem_hooks_set(NULL);
        sessions_check(&t);
        cr_assert(rc == MR_OK || (rc == MR_ERR_MEMORY && judge(7, 5, 1) == ONCE_NEW));
        cr_assert(rc == MR_OK || other != MR_OK || left > 0);
        cr_assert(other == MR_OK || judge(8, 1, 1) == ONCE_NEW);
        cr_assert(rc == MR_OK || other == MR_OK || t.digest == digest);
        close_table();
        if (rc == MR_OK && other == MR_OK)
            break;
    }
}

Test(sessions, nothing_is_pending_without_memory)
{
    for (int left = 0;; left++) {
        open_table();
        mem_hooks_set(&scarce);
        scarce_left = left;
        mr_rc_t rc = sessions_begin(&t, &(struct session_call){7, 1, 1});

        mem_hooks_set(NULL);
        cr_assert(judge(7, 1, 1) == (rc == MR_OK ? ONCE_PENDING : ONCE_NEW));
        cr_assert(rc == MR_OK || (rc == MR_ERR_MEMORY && t.count == 0));
        close_table();
        if (rc == MR_OK)
            break;
    }
}

/* ---- copies --------------------------------------------------------------------------------- */

/* What lies between two places, into `to`. */
static void copy(const struct sessions *from, struct sessions_place begin,
                 struct sessions_place end, struct sessions *to)
{
    struct sink out = {.grows = true};

    sessions_encode(from, begin, end, &out);
    cr_assert(sink_state(&out) == MR_OK);
    cr_assert(sessions_decode(to, out.at, out.size) == MR_OK);
    sessions_check(to);
    sink_free(&out);
}

/* One part. */
static bool copy_part(const struct sessions *from, struct sessions_place *place,
                      struct sessions *to, size_t room)
{
    struct sink out = {0};
    struct sessions_place end;
    bool last = sessions_part(from, *place, room, &end);

    sessions_encode(from, *place, end, &out);
    cr_assert(out.size <= room);
    copy(from, *place, end, to);
    *place = end;
    return last;
}

Test(sessions, travel, .init = open_table, .fini = close_table)
{
    static const size_t rooms[] = {SESSIONS_PART_MIN, 500, 4096};
    char text[SESSION_RESULT_MAX + 2];

    memset(text, 'x', sizeof text);
    text[SESSION_RESULT_MAX + 1] = 0;
    for (uint64_t session = 1; session <= 20; session++)
        for (uint64_t opno = 1; opno <= session; opno++)
            apply(session, (1 + session % 2) * opno, session % 3, text + 17 * opno % sizeof text);
    begin(5, 1000, 1);
    begin(21, 1, 1);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        struct sessions other;
        struct sessions_place walk = {0};

        int parts = 0;

        sessions_init(&other, PLENTY);
        while (!copy_part(&t, &walk, &other, rooms[i]))
            cr_assert(++parts < 1000, "it comes to an end");
        cr_assert(other.digest == t.digest && other.count == 20 && other.promised == 0);
        sessions_clear(&other);
    }
}

Test(sessions, a_part_that_is_made_once_more_ends_where_it_ended, .init = open_table,
     .fini = close_table)
{
    struct sessions_place begin = {0}, end;
    struct sessions other;
    char text[201];

    memset(text, 'x', sizeof text);
    text[200] = 0;
    sessions_init(&other, PLENTY);
    apply(7, 2, 1, text);
    apply(7, 4, 1, text);
    cr_assert(!sessions_part(&t, begin, SESSIONS_PART_MIN, &end));
    apply(7, 1, 1, text);
    apply(7, 3, 1, text);
    copy(&t, begin, end, &other);
    cr_assert(other.at[0] && sessions_judge(&other, &(struct session_call){7, 1, 1}, APPLIED, true,
                                            &got) == ONCE_DONE);
    cr_assert(sessions_judge(&other, &(struct session_call){7, 3, 1}, APPLIED, true, &got) ==
              ONCE_NEW);
    while (!copy_part(&t, &end, &other, SESSIONS_PART_MIN))
        ;
    cr_assert(other.digest == t.digest);
    sessions_clear(&other);
}

Test(sessions, that_have_nothing_travel_too, .init = open_table, .fini = close_table)
{
    struct sessions other;
    struct sessions_place walk = {0};

    sessions_init(&other, PLENTY);
    cr_assert(copy_part(&t, &walk, &other, SESSIONS_PART_MIN));
    apply(7, 1, 1, "");
    apply(7, 1, 2, ""); /* complete, and so nothing is left but that */
    walk = (struct sessions_place){0};
    cr_assert(copy_part(&t, &walk, &other, SESSIONS_PART_MIN));
    cr_assert(other.digest == t.digest && other.count == 1);
    sessions_clear(&other);
}

Test(sessions, bytes_that_are_none_are_refused, .init = open_table, .fini = close_table)
{
    uint8_t bytes[1024];
    struct sink out = {.at = bytes, .room = sizeof bytes};
    struct sessions_place walk = {0};
    struct sessions other;

    apply(7, 1, 1, "five");
    apply(7, 2, 1, "six");
    sessions_encode(&t, walk, (struct sessions_place){UINT64_MAX, 0}, &out);
    for (size_t size = 1; size < out.size; size++) {
        sessions_init(&other, PLENTY);
        cr_assert(sessions_decode(&other, bytes, size) == MR_ERR_MALFORMED, "%zu", size);
        sessions_check(&other);
        sessions_clear(&other);
    }
    bytes[20 + 24] = 2; /* an answer of 516 bytes */
    sessions_init(&other, PLENTY);
    cr_assert(sessions_decode(&other, bytes, sizeof bytes) == MR_ERR_MALFORMED);
    sessions_clear(&other);
    memset(bytes + 16, 0xff, 4); /* so many operations */
    cr_assert(sessions_decode(&other, bytes, sizeof bytes) == MR_ERR_MALFORMED);
    sessions_clear(&other);
}

Test(sessions, any_bytes_do_no_harm)
{
    struct rand r;

    rand_init(&r, 1);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[128];
        struct sessions other;

        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = rand_below(&r, 3) ? 0 : (uint8_t)rand_next(&r);
        sessions_init(&other, PLENTY);
        mr_rc_t rc = sessions_decode(&other, bytes, rand_below(&r, sizeof bytes + 1));

        cr_assert(rc == MR_OK || rc == MR_ERR_MALFORMED);
        sessions_check(&other);
        sessions_clear(&other);
    }
}

/* ---- against a model, with a copy that is made meanwhile ------------------------------------ */

enum { SESSIONS = 6, OPNOS = 40, LOG = 400 };

/* All that was ever applied, in order; the model answers by looking through it. */
static struct {
    uint64_t session, opno, first; /* opno 0: expired */
} model[LOG];
static uint32_t applied;
static bool pending[SESSIONS + 1][OPNOS + 1];

static enum session_verdict expected(uint64_t session, uint64_t opno, uint64_t first, bool open,
                                     uint64_t *ret_seq)
{
    uint64_t done = 0, complete = first;

    for (uint32_t i = 0; i < applied; i++) {
        if (model[i].session != session)
            continue;
        if (model[i].opno == 0)
            done = 0, complete = first;
        else if (model[i].first > complete)
            complete = model[i].first;
        if (model[i].opno == opno && done == 0)
            done = i + 1;
    }
    *ret_seq = done;
    if (opno < complete)
        return ONCE_STALE;
    if (done)
        return ONCE_DONE;
    if (pending[session][opno])
        return ONCE_PENDING;
    return open ? ONCE_NEW : ONCE_EXPIRED;
}

static void apply_to(struct sessions *x, uint32_t at)
{
    struct session_call c = {model[at].session, model[at].opno, model[at].first};
    struct session_result r = {.epoch = 1, .seq = at + 1, .known = at % 7 != 0};

    r.bytes = (const uint8_t *)"a long answer, or a short one";
    r.size = at % 29;
    if (c.opno == 0)
        sessions_expire(x, c.session);
    else
        cr_assert(sessions_apply(x, &c, &r) == MR_OK);
}

/* A session that has expired is not used any more, as the control log sees to. */
static bool run(uint64_t seed)
{
    struct sessions other;
    struct sessions_place walk = {0}, end;
    bool copied = false, made = false, last = false, expired[SESSIONS + 1] = {false};
    uint64_t first[SESSIONS + 1];
    uint32_t copy_applied = 0;
    struct rand r;

    rand_init(&r, seed);
    open_table();
    sessions_init(&other, PLENTY);
    memset(pending, 0, sizeof pending);
    applied = 0;
    for (int i = 0; i <= SESSIONS; i++)
        first[i] = 1;
    while (applied < LOG) {
        uint64_t session = 1 + rand_below(&r, SESSIONS), opno, seq;

        opno = first[session] + rand_below(&r, 6);
        opno = opno > OPNOS ? OPNOS : opno;
        uint64_t asks = rand_below(&r, 8) ? first[session] : 1 + rand_below(&r, opno);
        enum session_verdict v = sessions_judge(&t, &(struct session_call){session, opno, asks},
                                                APPLIED, !expired[session], &got);

        cr_assert(v == expected(session, opno, asks, !expired[session], &seq), "seed %lu", seed);
        cr_assert(v != ONCE_DONE || got.seq == seq);
        if (v == ONCE_NEW) {
            begin(session, opno, asks);
            pending[session][opno] = true;
        } else if (v == ONCE_PENDING) {
            model[applied].session = session;
            model[applied].opno = opno;
            model[applied].first = asks;
            pending[session][opno] = false;
            apply_to(&t, applied++);
        } else if (rand_below(&r, 3) == 0) {
            first[session] += first[session] < OPNOS;
        } else if (rand_below(&r, 60) == 0) {
            sessions_lost(&t);
            memset(pending, 0, sizeof pending);
        } else if (rand_below(&r, 60) == 0 || expired[session]) {
            expired[session] = true;
            memset(pending[session], 0, sizeof pending[session]);
            model[applied].session = session;
            model[applied].opno = 0;
            apply_to(&t, applied++);
        }
        for (uint64_t s = 1; s <= SESSIONS; s++) /* what is complete is not pending */
            for (uint64_t o = 1; o <= OPNOS; o++)
                if (pending[s][o] && expected(s, o, 1, true, &seq) == ONCE_STALE)
                    pending[s][o] = false;
        sessions_check(&t);
        if (copied || rand_below(&r, 4))
            continue;
        if (walk.session == 0 && !made)
            copy_applied = applied;
        if (!made)
            last = sessions_part(&t, walk, SESSIONS_PART_MIN, &end);
        made = rand_below(&r, 2); /* it is lost, and made once more, later */
        if (made)
            continue;
        copy(&t, walk, end, &other);
        walk = end;
        copied = last;
        if (rand_below(&r, 2)) /* what was applied meanwhile comes, and is there in part */
            for (; copy_applied < applied; copy_applied++)
                apply_to(&other, copy_applied);
    }
    for (; copied && copy_applied < applied; copy_applied++)
        apply_to(&other, copy_applied);
    cr_assert(!copied || other.digest == t.digest, "seed %lu", seed);
    sessions_check(&other);
    sessions_clear(&other);
    close_table();
    return copied;
}

Test(sessions, do_what_a_log_says)
{
    int copies = 0;

    for (uint64_t seed = 1; seed <= 200; seed++)
        copies += run(seed);
    cr_assert(copies == 200);
}

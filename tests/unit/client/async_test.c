#define _GNU_SOURCE
#include <poll.h>

#include "tests/unit/client/far.h"
#include "tests/unit/scarce.h"

static mr_completion_t c = MR_COMPLETION_INIT;

/* The next answer, which is awaited. */
static void next(mr_cq_t *cq)
{
    mr_err_clear(&err);
    cr_assert(mr_cq_wait(cq, &c, 10000, &err) == 1, "%s", err.message);
}

static mr_cq_t *queue(void)
{
    mr_cq_t *cq = mr_cq_new(g, &err);

    cr_assert(cq != NULL, "%s", err.message);
    return cq;
}

static bool readable(mr_cq_t *cq)
{
    struct pollfd p = {.fd = mr_cq_fd(cq), .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

BOTH(async, answers_with_the_tag_and_what_the_call_would_have_returned)
{
    mr_cq_t *cq = queue();

    GIVES(MR_OK, mr_map_set_async(m, MR_I64(1), MR_I64(10), NULL, cq, 1, &err));
    next(cq);
    cr_assert(c.tag == 1 && c.rc == MR_OK && mr_val_type(&c.value) == MR_KIND_NULL);
    GIVES(MR_OK, mr_map_put_async(m, MR_I64(1), MR_I64(20), NULL, cq, 2, &err));
    next(cq);
    cr_assert(c.tag == 2 && c.rc == MR_OK && mr_val_i64(&c.value) == 10);
    GIVES(MR_OK, mr_map_get_async(m, MR_I64(1), cq, 3, &err));
    next(cq);
    cr_assert(c.tag == 3 && c.rc == MR_OK && mr_val_i64(&c.value) == 20);
    GIVES(MR_OK, mr_map_get_async(m, MR_I64(2), cq, 4, &err));
    next(cq);
    cr_assert(c.tag == 4 && c.rc == MR_NOT_FOUND && mr_val_type(&c.value) == MR_KIND_NULL);
    GIVES(MR_OK, mr_map_put_if_absent_async(m, MR_I64(1), MR_I64(30), NULL, cq, 5, &err));
    next(cq);
    cr_assert(c.rc == MR_EXISTS && mr_val_i64(&c.value) == 20);
    GIVES(MR_OK, mr_map_replace_async(m, MR_I64(1), MR_I64(30), NULL, cq, 6, &err));
    next(cq);
    cr_assert(c.rc == MR_OK && mr_val_i64(&c.value) == 20);
    GIVES(MR_OK, mr_map_contains_async(m, MR_I64(1), cq, 7, &err));
    next(cq);
    cr_assert(c.rc == MR_OK && mr_val_type(&c.value) == MR_KIND_NULL);
    GIVES(MR_OK, mr_map_remove_async(m, MR_I64(1), cq, 8, &err));
    next(cq);
    cr_assert(c.rc == MR_OK && mr_val_i64(&c.value) == 30);
    GIVES(MR_OK, mr_map_delete_async(m, MR_I64(1), cq, 9, &err));
    next(cq);
    cr_assert(c.tag == 9 && c.rc == MR_NOT_FOUND);
    mr_completion_clear(&c);
    mr_cq_free(cq);
}

BOTH(async, keeps_a_thousand_calls_in_flight)
{
    enum { MANY = 1000 };
    mr_cq_t *cq = queue();
    bool seen[MANY] = {0};

    for (uint64_t i = 0; i < MANY; i++)
        put(MR_I64((int64_t)i), MR_I64((int64_t)i));
    for (uint64_t i = 0; i < MANY; i++)
        GIVES(MR_OK, mr_map_get_async(m, MR_I64((int64_t)i), cq, i, &err));
    for (int i = 0; i < MANY; i++) {
        next(cq);
        cr_assert(c.rc == MR_OK && mr_val_i64(&c.value) == (int64_t)c.tag && !seen[c.tag]);
        seen[c.tag] = true;
    }
    cr_assert_eq(mr_cq_wait(cq, &c, 0, &err), 0);
    mr_completion_clear(&c);
    mr_cq_free(cq);
}

BOTH(async, is_readable_while_there_are_answers)
{
    mr_cq_t *cq = queue();

    cr_assert(!readable(cq));
    GIVES(MR_OK, mr_map_get_async(m, MR_I64(1), cq, 1, &err));
    GIVES(MR_OK, mr_map_get_async(m, MR_I64(1), cq, 2, &err));
    EVENTUALLY(readable(cq));
    next(cq);
    EVENTUALLY(readable(cq));
    next(cq);
    cr_assert(!readable(cq));
    mr_cq_free(cq);
}

BOTH(async, is_busy_when_nobody_takes_answers)
{
    mr_cq_t *cq = queue();
    mr_rc_t rc = MR_OK;
    uint64_t n = 0;

    for (; rc == MR_OK && n < 10000; n += rc == MR_OK)
        rc = mr_map_get_async(m, MR_I64(1), cq, n, NULL);
    cr_assert(rc == MR_ERR_BUSY && n == 4096, "%llu", (unsigned long long)n);
    GIVES(MR_ERR_BUSY, mr_map_get_async(m, MR_I64(1), cq, n, &err));
    next(cq);
    GIVES(MR_OK, mr_map_get_async(m, MR_I64(1), cq, n, &err));
    mr_cq_free(cq);
}

BOTH(async, refuses_what_cannot_be)
{
    mr_cq_t *cq = queue();
    mr_completion_t empty = {0};
    mr_put_opts_t o = MR_PUT_OPTS_INIT;
    mr_val_t old = MR_VAL_INIT;

    o.old = &old;
    GIVES(MR_ERR_ARGUMENT, mr_map_get_async(m, MR_I64(1), NULL, 1, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_get_async(m, MR_NULL, cq, 1, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put_async(m, MR_I64(1), MR_NULL, NULL, cq, 1, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put_async(m, MR_I64(1), MR_I64(1), &o, cq, 1, &err));
    FAILS(MR_ERR_ARGUMENT, mr_cq_wait(cq, &empty, 0, &err), 0);
    FAILS(MR_ERR_ARGUMENT, mr_cq_wait(NULL, &c, 0, &err), 0);
    FAILS(MR_ERR_ARGUMENT, mr_cq_new(NULL, &err), NULL);
    mr_cq_free(NULL);
    mr_completion_clear(NULL);
    cr_assert_eq(mr_cq_fd(NULL), -1);
    mr_cq_free(cq);
}

BOTH(async, waits_no_longer_than_it_is_told)
{
    mr_cq_t *cq = queue();
    uint64_t began_ms = clock_ms();

    mr_err_clear(&err);
    cr_assert(mr_cq_wait(cq, &c, 30, &err) == 0 && err.code == MR_OK);
    cr_assert(clock_ms() - began_ms >= 30);
    mr_cq_free(cq);
}

BOTH(async, frees_a_queue_with_answers_and_calls_in_it)
{
    mr_cq_t *cq = queue();
    static char large[1000];

    put(MR_I64(1), MR_BYTES(large, sizeof large));
    for (uint64_t i = 0; i < 100; i++)
        GIVES(MR_OK, mr_map_get_async(m, MR_I64(1), cq, i, &err));
    next(cq);
    cr_assert_eq(mr_val_len(&c.value), sizeof large);
    mr_completion_clear(&c);
    mr_cq_free(cq); /* the leak check sees the rest */
}

Test(async, tells_a_write_whose_outcome_is_not_known, .timeout = 60)
{
    mr_connect_opts_t o = MR_CONNECT_OPTS_INIT;
    mr_cq_t *cq;
    int ok = 0, unsure = 0;

    o.in_flight_max = 1000;
    serve(NULL);
    connect_with(&o);
    cq = queue();
    for (uint64_t i = 0; i < 1000; i++)
        GIVES(MR_OK, mr_map_set_async(m, MR_I64((int64_t)i), MR_I64(1), NULL, cq, i, &err));
    unserve();
    serve(NULL);
    for (int i = 0; i < 1000; i++) {
        next(cq);
        ok += c.rc == MR_OK;
        unsure += c.rc == MR_ERR_OUTCOME_UNKNOWN;
        cr_assert((c.rc == MR_OK) == (c.err.message[0] == '\0'));
    }
    cr_assert_eq(ok + unsure, 1000);
    mr_cq_free(cq);
    close_both();
}

Test(async, needs_memory, .timeout = 60)
{
    mr_cq_t *cq;

    open_plain();
    mem_hooks_set(&scarce);
    scarce_left = 0;
    FAILS(MR_ERR_MEMORY, mr_cq_new(g, &err), NULL);
    scarce_left = 1;
    mr_err_clear(&err);
    cq = queue();
    GIVES(MR_ERR_MEMORY, mr_map_get_async(m, MR_I64(1), cq, 1, &err));
    scarce_left = 1000;
    mr_cq_free(cq);
    close_member();
    mem_hooks_set(NULL);
}

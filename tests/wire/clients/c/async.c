/* async.c - calls whose answers come later, into a queue. */
#include "bench.h"

enum { HUNDRED = 100, WAIT_MS = 20000 };

/* The value of the next answer: of a get, or from before. */
static void say_answer(struct bench *t, mr_cq_t *cq, mr_completion_t *c)
{
    if (!mr_cq_wait(cq, c, WAIT_MS, &t->err))
        say_words(t, "no answer");
    else if (c->rc < MR_ERR_MEMORY)
        say(t, mr_val_ref(&c->value));
    else
        say_error(t, &c->err);
}

static void in_turn(struct bench *t)
{
    mr_completion_t c = MR_COMPLETION_INIT;
    mr_cq_t *cq = mr_cq_new(t->g, &t->err);
    mr_map_t *m = filled(t);

    open_list(t);
    mr_map_put_async(m, MR_STR("a"), MR_STR("new"), NULL, cq, 0, &t->err);
    say_answer(t, cq, &c);
    mr_map_get_async(m, MR_STR("a"), cq, 0, &t->err);
    say_answer(t, cq, &c);
    mr_map_set_async(m, MR_STR("b"), MR_STR("x"), NULL, cq, 0, &t->err);
    say_answer(t, cq, &c);
    mr_map_remove_async(m, MR_STR("b"), cq, 0, &t->err);
    say_answer(t, cq, &c);
    mr_map_delete_async(m, MR_STR("c"), cq, 0, &t->err);
    say(t, MR_BOOL(mr_cq_wait(cq, &c, WAIT_MS, &t->err) && c.rc == MR_OK));
    say_content(t, m);
    close_list(t);
    mr_completion_clear(&c);
    mr_cq_free(cq);
}

/* All puts are under way before the first answer is taken, and then all gets. */
static void hundred_at_once(struct bench *t)
{
    mr_completion_t c = MR_COMPLETION_INIT;
    mr_cq_t *cq = mr_cq_new(t->g, &t->err);
    mr_map_t *m = map_of(t);
    bool right = true;

    for (int i = 0; i < HUNDRED; i++)
        mr_map_put_async(m, MR_I32(i), MR_I32(i), NULL, cq, (uint64_t)i, &t->err);
    for (int i = 0; i < HUNDRED; i++)
        right &= mr_cq_wait(cq, &c, WAIT_MS, &t->err) && c.rc == MR_OK;
    for (int i = 0; i < HUNDRED; i++)
        mr_map_get_async(m, MR_I32(i), cq, (uint64_t)i, &t->err);
    for (int i = 0; i < HUNDRED; i++)
        right &= mr_cq_wait(cq, &c, WAIT_MS, &t->err) && c.rc == MR_OK &&
                 (uint64_t)mr_val_i64(&c.value) == c.tag;
    open_list(t);
    say_size(t, m);
    say(t, MR_BOOL(right));
    close_list(t);
    mr_completion_clear(&c);
    mr_cq_free(cq);
}

/* Which call it was, which of the answers it gave, and the value that came with it. */
static void answers(struct bench *t)
{
    const mr_ref_t a = MR_STR("a"), nobody = MR_STR("nobody"), x = MR_STR("x");
    mr_completion_t c = MR_COMPLETION_INIT;
    mr_cq_t *cq = mr_cq_new(t->g, &t->err);
    mr_map_t *m = filled(t);
    uint64_t tag = 0;

    open_list(t);
    mr_map_get_async(m, nobody, cq, ++tag, &t->err);
    mr_map_contains_async(m, a, cq, ++tag, &t->err);
    mr_map_contains_async(m, nobody, cq, ++tag, &t->err);
    mr_map_put_if_absent_async(m, a, x, NULL, cq, ++tag, &t->err);
    mr_map_replace_async(m, nobody, x, NULL, cq, ++tag, &t->err);
    mr_map_replace_async(m, MR_STR("b"), x, NULL, cq, ++tag, &t->err);
    mr_map_remove_async(m, nobody, cq, ++tag, &t->err);
    mr_map_delete_async(m, nobody, cq, ++tag, &t->err);

    struct lines l = LINES_INIT;

    while (tag-- > 0 && mr_cq_wait(cq, &c, WAIT_MS, &t->err)) {
        FILE *out = line_begin(&l);

        fprintf(out, "%d %s ", (int)c.tag, mr_rc_name(c.rc));
        show(out, mr_val_ref(&c.value));
        line_end(&l);
    }
    say_lines(t, &l, "[]");
    say(t, MR_I64(mr_cq_wait(cq, &c, 0, &t->err)));
    close_list(t);
    mr_completion_clear(&c);
    mr_cq_free(cq);
}

/* Two calls may be under way through this client; the third is refused until one was taken. */
static void as_many_as_allowed(struct bench *t)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;
    mr_completion_t c = MR_COMPLETION_INIT;

    opts.in_flight_max = 2;
    mr_t *g = connect_to(t, "dev", &opts);
    mr_cq_t *cq = mr_cq_new(g, &t->err);
    mr_map_t *m = mr_map(g, "c.async.as_many_as_allowed", &t->err);

    open_list(t);
    for (int i = 0; i < 3; i++)
        say_words(t, "%s", mr_rc_name(mr_map_get_async(m, MR_I32(i), cq, 0, NULL)));
    mr_cq_wait(cq, &c, WAIT_MS, &t->err);
    say_words(t, "%s", mr_rc_name(mr_map_get_async(m, MR_I32(3), cq, 0, NULL)));
    close_list(t);
    mr_completion_clear(&c);
    mr_cq_free(cq);
    mr_close(g, MR_NOW, &t->err);
}

void async_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"map.async", in_turn},
        {"map.hundred_at_once", hundred_at_once},
        {"async.answers", answers},
        {"async.as_many_as_allowed", as_many_as_allowed},
    };

    RUN_ALL(t, checks);
}

#include "grid/cluster/leaving.h"

#include "net/base/check.h"

static void enter(struct leaving *l, enum leaving_state state, uint64_t now_ms)
{
    l->state = state;
    l->since_ms = now_ms;
    l->asked_ms = 0;
}

void leaving_begin(struct leaving *l, uint64_t now_ms)
{
    if (l->state == LEAVING_NOT)
        enter(l, LEAVING_ASKING, now_ms);
}

/* Now, and again after so long. */
static bool may_ask(struct leaving *l, uint64_t again_ms, uint64_t now_ms)
{
    if (l->asked_ms != 0 && now_ms < l->asked_ms + again_ms)
        return false;
    l->asked_ms = now_ms;
    return true;
}

static void give(struct leaving *l, const struct leaving_facts *f, uint64_t now_ms,
                 struct leaving_actions *todo)
{
    if (!f->agreed)
        enter(l, LEAVING_ASKING, now_ms);
    else if (f->copies == 0)
        enter(l, LEAVING_LINGERING, now_ms);
    /* Of two, the other goes on by itself, whoever leads. */
    if (l->state == LEAVING_GIVING && f->leads && f->others > 1)
        todo->transfer = may_ask(l, LEAVING_TRANSFER_MS, now_ms);
}

/* One of two that do not need each other yet, or not any more, waits for that. */
static void part(struct leaving *l, const struct leaving_facts *f, uint64_t now_ms,
                 struct leaving_actions *todo)
{
    uint64_t lasts = l->said_goodbye ? LEAVING_FLUSH_MS : LEAVING_PARTS_MS;

    if (now_ms >= l->since_ms + lasts) {
        enter(l, LEAVING_OVER, now_ms);
    } else if (!l->said_goodbye && f->two) {
        todo->goodbye = l->said_goodbye = true;
        l->since_ms = now_ms;
    } else if (!l->said_goodbye && f->others > 1) {
        todo->ask_out = may_ask(l, LEAVING_AGAIN_MS, now_ms);
    }
}

struct leaving_actions leaving_step(struct leaving *l, const struct leaving_facts *f,
                                    uint64_t now_ms)
{
    struct leaving_actions todo = {0};

    if (l->state != LEAVING_NOT && !l->said_goodbye && (!f->in || f->others == 0))
        l->state = LEAVING_OVER;
    switch (l->state) {
    case LEAVING_NOT:
    case LEAVING_OVER: break;
    case LEAVING_ASKING:
        if (f->agreed)
            enter(l, LEAVING_GIVING, now_ms);
        else
            todo.ask = may_ask(l, LEAVING_AGAIN_MS, now_ms);
        break;
    case LEAVING_GIVING: give(l, f, now_ms, &todo); break;
    case LEAVING_LINGERING:
        if (now_ms >= l->since_ms + LEAVING_LINGERS_MS)
            enter(l, LEAVING_PARTING, now_ms);
        break;
    case LEAVING_PARTING: part(l, f, now_ms, &todo); break;
    }
    leaving_check(l);
    return todo;
}

const char *leaving_word(const struct leaving *l)
{
    static const char *const words[] = {
        [LEAVING_NOT] = "stays",         [LEAVING_ASKING] = "asks to leave",
        [LEAVING_GIVING] = "hands over", [LEAVING_LINGERING] = "has handed over",
        [LEAVING_PARTING] = "parts",     [LEAVING_OVER] = "has left"};

    return words[l->state];
}

void leaving_check(const struct leaving *l)
{
    check(l->state <= LEAVING_OVER);
    check(!l->said_goodbye || l->state >= LEAVING_PARTING);
}

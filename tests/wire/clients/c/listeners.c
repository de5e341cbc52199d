/* listeners.c - what a listener hears. It always gets the values. */
#include "bench.h"

static const char *kind_name(int kind)
{
    switch (kind) {
    case MR_EVENT_ADDED: return "added";
    case MR_EVENT_REMOVED: return "removed";
    case MR_EVENT_UPDATED: return "updated";
    case MR_EVENT_EVICTED: return "evicted";
    case MR_EVENT_EXPIRED: return "expired";
    case MR_EVENT_CLEARED: return "mapCleared";
    case MR_EVENT_LOST: return "lost";
    default: return "unknown";
    }
}

static void write_down(void *context, const mr_event_t *e)
{
    struct lines *heard = context;
    FILE *out = line_begin(heard);

    fputs(kind_name(e->kind), out);
    if (e->kind == MR_EVENT_CLEARED || e->kind == MR_EVENT_LOST) {
        fprintf(out, " %llu", (unsigned long long)e->count);
    } else {
        const mr_ref_t told[] = {e->key, e->old, e->value};

        for (int i = 0; i < 3; i++) {
            fputc(' ', out);
            show(out, told[i]);
        }
    }
    line_end(heard);
}

/* What is heard of what `act` does, which is n events. */
static void hears(struct bench *t, mr_map_t *m, unsigned kinds, int n,
                  void (*act)(struct bench *t, mr_map_t *m))
{
    struct lines heard = LINES_INIT;
    mr_listener_t *l = mr_map_listen(m, kinds, write_down, &heard, &t->err);

    act(t, m);
    gather(t, &heard, n);
    mr_listener_close(l);
    say_lines(t, &heard, "[]");
}

/* Asks for the value from before: else the client asks for less, and so does the event. */
static void remove_for_its_value(struct bench *t, mr_map_t *m, const char *key)
{
    mr_val_t old = MR_VAL_INIT;

    mr_map_remove(m, MR_STR(key), &old, &t->err);
    mr_val_clear(&old);
}

static void change(struct bench *t, mr_map_t *m)
{
    mr_map_put(m, MR_STR("a"), MR_STR("one"), NULL, &t->err);
    mr_map_put(m, MR_STR("a"), MR_STR("two"), NULL, &t->err);
    mr_map_put(m, MR_STR("b"), MR_STR("xyz"), NULL, &t->err);
    remove_for_its_value(t, m, "a");
    mr_map_evict(m, MR_STR("b"), &t->err);
}

static void all_events(struct bench *t)
{
    hears(t, map_of(t), MR_EVENT_ALL, 5, change);
}

static void some_kinds_only(struct bench *t)
{
    hears(t, map_of(t), MR_EVENT_REMOVED, 1, change);
}

static void put_elsewhere(struct bench *t, mr_map_t *m)
{
    (void)m;
    mr_map_set(same_map(t), MR_STR("a"), MR_STR("one"), NULL, &t->err);
}

static void hears_another_client(struct bench *t)
{
    hears(t, map_of(t), MR_EVENT_ALL, 1, put_elsewhere);
}

static void let_expire(struct bench *t, mr_map_t *m)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;

    opts.ttl_ms = 1000;
    mr_map_set(m, MR_STR("a"), MR_STR("one"), &opts, &t->err);
    gone(t, m, "a");
}

static void expired(struct bench *t)
{
    hears(t, map_of(t), MR_EVENT_ALL, 2, let_expire);
}

static void clear(struct bench *t, mr_map_t *m)
{
    mr_map_clear(m, &t->err);
}

static void hears_clear(struct bench *t)
{
    hears(t, filled(t), MR_EVENT_ALL, 1, clear);
}

static void put_both_and_remove_one(struct bench *t, mr_map_t *m)
{
    const mr_entry_t both[] = {{MR_STR("a"), MR_STR("one")}, {MR_STR("b"), MR_STR("two")}};

    mr_map_put_all(m, both, 2, NULL, NULL, &t->err);
    remove_for_its_value(t, m, "b");
}

static void bulk_puts(struct bench *t)
{
    hears(t, map_of(t), MR_EVENT_ALL, 3, put_both_and_remove_one);
}

static void set_and_delete(struct bench *t, mr_map_t *m)
{
    mr_map_set(m, MR_STR("a"), MR_STR("two"), NULL, &t->err);
    mr_map_delete(m, MR_STR("a"), &t->err);
}

static void set_tells_no_old_value(struct bench *t)
{
    mr_map_t *m = map_of(t);

    mr_map_put(m, MR_STR("a"), MR_STR("one"), NULL, &t->err);
    hears(t, m, MR_EVENT_ALL, 2, set_and_delete);
}

static void removed_hears_nothing(struct bench *t)
{
    struct lines heard = LINES_INIT;
    mr_map_t *m = map_of(t);

    mr_listener_close(mr_map_listen(m, MR_EVENT_ALL, write_down, &heard, &t->err));
    mr_map_put(m, MR_STR("a"), MR_STR("one"), NULL, &t->err);
    sleep_ms(300);
    say(t, MR_I64(lines_count(&heard)));
    lines_free(&heard);
}

void listener_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"listener.all_events", all_events},
        {"listener.some_kinds_only", some_kinds_only},
        {"listener.hears_another_client", hears_another_client},
        {"listener.expired", expired},
        {"listener.clear", hears_clear},
        {"listener.bulk_puts", bulk_puts},
        {"listener.set_tells_no_old_value", set_tells_no_old_value},
        {"listener.removed_hears_nothing", removed_hears_nothing},
    };

    RUN_ALL(t, checks);
}

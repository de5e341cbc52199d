#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "net/base/hash.h"
#include "net/base/mem.h"

struct event {
    struct heap_node node;
    void (*what)(void *context);
    void *context;
};

void world_begin(struct world *w, uint64_t seed)
{
    bool told = w->told;

    *w = (struct world){.told = told};
    rand_init(&w->rand, seed);
}

void world_after(struct world *w, uint64_t delay_ns, void (*what)(void *context), void *context)
{
    struct event *e = mem_alloc_zero(sizeof *e);

    e->what = what;
    e->context = context;
    heap_add(&w->events, &e->node, w->now_ns + delay_ns);
}

static struct event *take(struct world *w)
{
    struct event *e = (struct event *)w->events.first;

    heap_remove(&w->events, &e->node);
    return e;
}

void world_run(struct world *w, uint64_t until_ns)
{
    while (w->events.first && w->events.first->key <= until_ns) {
        struct event *e = take(w);

        w->now_ns = e->node.key;
        w->happened++;
        w->trace = XXH3_64bits_withSeed(&w->now_ns, sizeof w->now_ns, w->trace);
        e->what(e->context);
        mem_free(e);
    }
    w->now_ns = until_ns;
}

void world_end(struct world *w)
{
    while (w->events.first)
        mem_free(take(w));
}

void world_note(struct world *w, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    w->trace = XXH3_64bits_withSeed(text, strlen(text), w->trace);
    if (w->told)
        printf("%10.3f ms  %s\n", (double)w->now_ns / MS, text);
}

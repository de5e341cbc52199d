/* map.c - millrace map: entries of a map, from the command line. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/session.h"
#include "client/cli/word.h"
#include "net/base/nearest.h"

/* What a verb works with. */
struct doing {
    const struct session_options *o;
    mr_map_t *map;
    mr_ref_t key, value;
    mr_err_t *err;
};

static void print_one(const struct doing *d, const char *column, mr_ref_t v)
{
    const char *const columns[] = {column, NULL};
    struct table t;

    table_begin(&t, d->o->output, columns);
    table_value(&t, v);
    table_end(&t);
}

static mr_rc_t get(const struct doing *d)
{
    mr_val_t v = MR_VAL_INIT;
    mr_rc_t rc = mr_map_get(d->map, d->key, &v, NULL, d->err);

    if (rc == MR_OK)
        print_one(d, "value", mr_val_ref(&v));
    if (rc == MR_NOT_FOUND)
        fprintf(stderr, "map \"%s\" has no such entry\n", mr_map_name(d->map));
    mr_val_clear(&v);
    return rc;
}

static mr_rc_t put(const struct doing *d)
{
    return mr_map_set(d->map, d->key, d->value, NULL, d->err);
}

static mr_rc_t take_out(const struct doing *d)
{
    mr_rc_t rc = mr_map_delete(d->map, d->key, d->err);

    if (rc == MR_NOT_FOUND)
        fprintf(stderr, "map \"%s\" has no such entry\n", mr_map_name(d->map));
    return rc;
}

static mr_rc_t list(const struct doing *d)
{
    static const char *const columns[] = {"key", "value", NULL};
    mr_iter_t *it = mr_map_iter(d->map, 0, d->err);
    mr_ref_t key, value;
    struct table t;

    table_begin(&t, d->o->output, columns);
    while (mr_iter_next(it, &key, &value, d->err)) {
        table_value(&t, key);
        table_value(&t, value);
    }
    table_end(&t);
    mr_iter_free(it);
    return d->err->code;
}

static mr_rc_t size(const struct doing *d)
{
    uint64_t n = mr_map_size(d->map, d->err);

    if (d->err->code == MR_OK)
        print_one(d, "entries", MR_I64((int64_t)n));
    return d->err->code;
}

static mr_rc_t stats(const struct doing *d)
{
    static const char *const columns[] = {"map", "entries", NULL};
    mr_map_stats_t s = MR_MAP_STATS_INIT;
    mr_rc_t rc = mr_map_stats(d->map, &s, d->err);
    struct table t;

    if (rc != MR_OK)
        return rc;
    table_begin(&t, d->o->output, columns);
    table_text(&t, mr_map_name(d->map), strlen(mr_map_name(d->map)));
    table_number(&t, s.entries);
    table_end(&t);
    return rc;
}

static const struct {
    const char *name, *form;
    int words; /* after the verb */
    mr_rc_t (*run)(const struct doing *d);
} verbs[] = {
    {"get", "get NAME KEY", 2, get},
    {"put", "put NAME KEY VALUE", 3, put},
    {"remove", "remove NAME KEY", 2, take_out},
    {"list", "list NAME", 1, list},
    {"size", "size NAME", 1, size},
    {"stats", "stats NAME", 1, stats},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static int unknown(const char *verb)
{
    struct nearest n = {.typed = verb};

    for (int i = 0; i < VERBS; i++)
        nearest_offer(&n, verbs[i].name);
    if (n.name)
        return usage("map", "there is no verb \"%s\"; did you mean \"%s\"?", verb, n.name);
    return usage("map", "there is no verb \"%s\"", verb);
}

static int run(const struct session_options *o, int verb)
{
    mr_err_t err = MR_ERR_INIT;
    struct doing d = {.o = o, .key = MR_NULL, .value = MR_NULL, .err = &err};
    mr_rc_t rc;

    if (o->count - 1 != verbs[verb].words)
        return usage("map", "it is \"millrace map %s\"", verbs[verb].form);
    if (o->count > 2 && !word_parse(o->words[2], &d.key))
        return usage("map", "the key \"%s\" is not what it says", o->words[2]);
    if (o->count > 3 && !word_parse(o->words[3], &d.value))
        return usage("map", "the value \"%s\" is not what it says", o->words[3]);

    mr_t *g = session_open(o, &err);

    d.map = mr_map(g, o->words[1], &err);
    rc = d.map ? verbs[verb].run(&d) : err.code;
    return session_close(g, rc, &err);
}

int map_command(int argc, char **argv)
{
    struct session_options o;

    if (session_parse(argc, argv, &o) != EXIT_DONE)
        return EXIT_USAGE;
    if (o.count == 0)
        return usage("map", "say what to do: get, put, remove, list, size or stats");
    for (int i = 0; i < VERBS; i++)
        if (strcmp(o.words[0], verbs[i].name) == 0)
            return run(&o, i);
    return unknown(o.words[0]);
}

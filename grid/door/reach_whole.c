/* reach_whole.c - a map as a whole, of which some partitions are here and some are not. */
#include "grid/door/reach.h"
#include "grid/query/scan.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"

/* ---- pages ---------------------------------------------------------------------------------- */

struct paging {
    uint32_t want, count;
    void (*visit)(void *context, const struct data *key, const struct data *value);
    void *context;
    const struct record **found; /* of the page, not shown yet */
    uint32_t found_count, room;
    bool whole; /* there was memory for all of them */
};

static void note(void *context, const struct record *r)
{
    struct paging *p = context;

    if (p->found_count == p->room) {
        uint32_t room = p->room ? p->room * 2 : 256;
        const struct record **found = mem_realloc(p->found, room * sizeof *found);

        p->whole &= found != NULL;
        if (!found)
            return;
        p->found = found;
        p->room = room;
    }
    p->found[p->found_count++] = r;
}

static void show(struct paging *p)
{
    for (uint32_t i = 0; i < p->found_count; i++) {
        struct data key = record_key(p->found[i]), value = record_value(p->found[i]);

        p->visit(p->context, &key, &value);
    }
    p->count += p->found_count;
}

/* Some of the partition that the cursor is in. Nothing is shown before it is certain that it may
 * be, so that another member can be asked instead. */
static mr_rc_t page_here(struct map *m, struct map_cursor *cursor, struct paging *p)
{
    uint32_t partition = cursor->partition;
    uint64_t reign = partitions_reign(m->partitions, partition);

    if (reign == 0)
        return MR_ERR_MOVED;
    p->found_count = 0;
    p->whole = true;
    epoch_enter();
    uint64_t at = store_scan(&m->parts[partition].store, cursor->at, p->want - p->count, note, p);
    mr_rc_t rc = !p->whole                                               ? MR_ERR_MEMORY
                 : !partitions_may_read(m->partitions, partition, reign) ? MR_ERR_MOVED
                                                                         : MR_OK;

    if (rc == MR_OK)
        show(p);
    epoch_exit();
    if (rc != MR_OK)
        return rc;
    cursor->at = at;
    cursor->partition += at == 0;
    return MR_OK;
}

static void count_and_show(void *context, const struct data *key, const struct data *value)
{
    struct paging *p = context;

    p->count++;
    p->visit(p->context, key, value);
}

/* A place in a partition means nothing to another member. */
static mr_rc_t page_there(struct reach *r, struct map *m, struct map_cursor *cursor,
                          struct paging *p, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    bool end;

    if (cursor->at != 0)
        return fail(err, MR_ERR_MOVED, "iterate anew",
                    "map \"%s\": another member has got a partition meanwhile", m->name);
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    if (rc != MR_OK)
        return rc;
    return c->ops->map_page(c, there, cursor, p->want - p->count, count_and_show, p, &end, err);
}

mr_rc_t reach_page(struct reach *r, struct map *m, struct map_cursor *cursor, uint32_t want,
                   void (*visit)(void *context, const struct data *key, const struct data *value),
                   void *context, bool *ret_end, mr_err_t *err)
{
    struct paging p = {.want = want, .visit = visit, .context = context};
    uint32_t partitions = m->partitions->count;
    mr_rc_t rc = MR_OK;

    while (rc == MR_OK && p.count < want && cursor->partition < partitions) {
        rc = cursor->place_size > 0 ? MR_ERR_MOVED : page_here(m, cursor, &p);
        if (rc == MR_ERR_MEMORY)
            (void)!fail(err, rc, "ask for smaller pages", "map \"%s\": no memory for a page",
                        m->name);
        if (rc == MR_ERR_MOVED)
            rc = page_there(r, m, cursor, &p, err);
    }
    mem_free(p.found);
    *ret_end = cursor->partition >= partitions;
    return rc;
}

/* ---- queries -------------------------------------------------------------------------------- */

struct match {
    struct data key, value;
};

struct matching {
    bool keeps; /* what it finds; else it only counts */
    struct match *at;
    uint64_t count, room;
    bool whole;
};

static bool note_match(void *context, const struct data *key, const struct data *value)
{
    struct matching *f = context;

    if (f->keeps && f->count == f->room) {
        uint64_t room = f->room ? f->room * 2 : 64;
        struct match *at = mem_realloc(f->at, room * sizeof *at);

        if (!at)
            return f->whole = false;
        f->at = at;
        f->room = room;
    }
    if (f->keeps)
        f->at[f->count] = (struct match){*key, *value};
    f->count++;
    return true;
}

/* As of a page, nothing is shown before it is certain that it may be. */
static mr_rc_t query_here(struct map *m, const struct predicate *predicate,
                          void (*visit)(void *context, const struct data *key,
                                        const struct data *value),
                          void *context, uint64_t *ret_count)
{
    struct matching f = {.keeps = visit != NULL, .whole = true};

    epoch_enter();
    mr_rc_t rc = scan_map(m, NULL, predicate, note_match, &f, NULL);

    if (rc == MR_OK && !f.whole)
        rc = MR_ERR_MEMORY;
    for (uint64_t i = 0; rc == MR_OK && visit && i < f.count; i++)
        visit(context, &f.at[i].key, &f.at[i].value);
    epoch_exit();
    mem_free(f.at);
    if (rc == MR_OK)
        *ret_count = f.count;
    return rc;
}

mr_rc_t reach_query(struct reach *r, struct map *m, const struct predicate *predicate,
                    const char *text,
                    void (*visit)(void *context, const struct data *key, const struct data *value),
                    void *context, uint64_t *ret_count, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc =
        reach_is_all_here(m) ? query_here(m, predicate, visit, context, ret_count) : MR_ERR_MOVED;

    if (rc == MR_ERR_MEMORY)
        return fail(err, rc, "ask for less at once",
                    "map \"%s\": no memory for what the query finds", m->name);
    if (rc != MR_ERR_MOVED || (rc = reach_go(r, m, &c, &there, err)) != MR_OK)
        return rc;
    return c->ops->map_query(c, there, text, visit, context, ret_count, err);
}

mr_rc_t reach_index(struct reach *r, struct map *m, int kind, const char *const *attributes,
                    uint32_t n, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    return rc == MR_OK ? c->ops->map_index(c, there, kind, attributes, n, err) : rc;
}

/* ---- all entries ---------------------------------------------------------------------------- */

mr_rc_t reach_clear(struct reach *r, struct map *m, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    return rc == MR_OK ? c->ops->map_clear(c, there, err) : rc;
}

mr_rc_t reach_size(struct reach *r, struct map *m, uint64_t *ret_n, mr_err_t *err)
{
    struct channel_map *there;
    struct map_facts facts;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    if (rc == MR_OK && (rc = c->ops->map_facts(c, there, &facts, err)) == MR_OK)
        *ret_n = facts.entries;
    return rc;
}

/* ---- listening ------------------------------------------------------------------------------ */

mr_rc_t reach_listen(struct reach *r, struct map *m, uint32_t kinds,
                     void (*on_event)(void *context, const struct map_event *e), void *context,
                     struct channel_listener **ret_l, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    return rc == MR_OK ? c->ops->map_listen(c, there, kinds, on_event, context, ret_l, err) : rc;
}

void reach_unlisten(struct reach *r, struct channel_listener *l)
{
    struct channel *c = reach_client(r);

    c->ops->unlisten(c, l);
}

/* ---- copies --------------------------------------------------------------------------------- */

mr_rc_t reach_near(struct reach *r, struct map *m, const struct near_wish *w, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    return rc == MR_OK ? c->ops->map_near(c, there, w, err) : rc;
}

mr_rc_t reach_near_facts(struct reach *r, struct map *m, struct near_facts *ret_facts)
{
    struct channel_map *there;
    struct channel *c;

    if (!reach_client(r))
        return MR_NOT_FOUND;
    mr_rc_t rc = reach_go(r, m, &c, &there, NULL);

    return rc == MR_OK ? c->ops->map_near_facts(c, there, ret_facts) : rc;
}

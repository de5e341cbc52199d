/* iter.c - iterating over a map: pages of copies, so that nothing is held between two calls. */
#include "client/handle.h"
#include "client/view.h"

enum { PAGE_DEFAULT = 256, PAGE_MAX = 65536 };

struct entry {
    struct data key, value;
};

struct mr_iter {
    mr_map_t *map;
    uint32_t want;
    struct map_cursor cursor;
    bool at_end;
    struct arena bytes; /* of the page */
    struct entry *page;
    size_t count, room, next;
    mr_rc_t rc; /* of the page being copied */
};

static mr_rc_t query_refused(const mr_map_t *m, const char *text, mr_err_t *err)
{
    mr_rc_t rc = guard(m ? m->g : NULL, err);

    if (rc == MR_OK && !text)
        rc = fail(err, MR_ERR_ARGUMENT, "write a condition, such as \"age > 30\"",
                  "map \"%s\": the text of a query is NULL", m->name);
    return rc;
}

uint64_t mr_map_count(mr_map_t *m, const char *text, mr_err_t *err)
{
    uint64_t n = 0;

    if (query_refused(m, text, err) != MR_OK ||
        m->channel->ops->map_query(m->channel, m->map, text, NULL, NULL, &n, err) != MR_OK)
        return 0;
    return n;
}

mr_iter_t *mr_map_iter(mr_map_t *m, size_t page, mr_err_t *err)
{
    if (guard(m ? m->g : NULL, err) != MR_OK)
        return NULL;

    mr_iter_t *it = mem_alloc_zero(sizeof *it);

    if (!it) {
        (void)!fail(err, MR_ERR_MEMORY, NULL, "map \"%s\": no memory to iterate", m->name);
        return NULL;
    }
    it->map = m;
    it->want = page == 0 ? PAGE_DEFAULT : page > PAGE_MAX ? PAGE_MAX : (uint32_t)page;
    return it;
}

/* Copied as a view will need it (view.h), so that showing it cannot fail. */
static bool copy(mr_iter_t *it, const struct data *from, struct data *to)
{
    struct view v;

    if (view_open(&v, from) != MR_OK)
        return false;
    *to = v.owned ? (struct data){v.owned, v.ref.len, DATA_VERBATIM} : *from;
    to->at = (uint8_t *)arena_text(&it->bytes, (const char *)to->at, to->size);
    view_close(&v);
    return to->at != NULL;
}

static bool grow(mr_iter_t *it)
{
    size_t room = it->room ? it->room * 2 : it->want;
    struct entry *page = mem_realloc(it->page, room * sizeof *page);

    if (!page)
        return false;
    it->page = page;
    it->room = room;
    return true;
}

static void take(void *context, const struct data *key, const struct data *value)
{
    mr_iter_t *it = context;

    if (it->rc != MR_OK)
        return;
    if ((it->count == it->room && !grow(it)) || !copy(it, key, &it->page[it->count].key) ||
        !copy(it, value, &it->page[it->count].value))
        it->rc = MR_ERR_MEMORY;
    else
        it->count++;
}

/* All that the query finds, at once: the cursor is at the end before it begins. */
mr_iter_t *mr_map_query(mr_map_t *m, const char *text, mr_err_t *err)
{
    mr_iter_t *it;
    uint64_t n;

    if (query_refused(m, text, err) != MR_OK || !(it = mr_map_iter(m, 0, err)))
        return NULL;
    it->at_end = true;
    mr_rc_t rc = m->channel->ops->map_query(m->channel, m->map, text, take, it, &n, err);

    if (rc == MR_OK && it->rc != MR_OK)
        rc = fail(err, it->rc, "ask for less at once",
                  "map \"%s\": no memory for what the query finds", m->name);
    if (rc == MR_OK)
        return it;
    mr_iter_free(it);
    return NULL;
}

static mr_rc_t turn_page(mr_iter_t *it, mr_err_t *err)
{
    struct channel *c = it->map->channel;
    mr_rc_t rc;

    arena_free(&it->bytes);
    it->count = it->next = 0;
    it->rc = MR_OK;
    rc = c->ops->map_page(c, it->map->map, &it->cursor, it->want, take, it, &it->at_end, err);
    if (rc == MR_OK && it->rc != MR_OK)
        rc = fail(err, it->rc, "ask for smaller pages",
                  "map \"%s\": no memory for a page of entries", it->map->name);
    if (rc != MR_OK) {
        it->at_end = true;
        it->count = 0;
    }
    return rc;
}

static void show(const struct data *d, mr_ref_t *ret)
{
    struct scalar s;

    if (ret)
        *ret = scalar_read(d, &s) == MR_OK ? ref_of_scalar(&s) : MR_DATA(d->at, d->size);
}

int mr_iter_next(mr_iter_t *it, mr_ref_t *key, mr_ref_t *value, mr_err_t *err)
{
    if (guard(it ? it->map->g : NULL, err) != MR_OK)
        return 0;
    while (it->next == it->count) {
        if (it->at_end || turn_page(it, err) != MR_OK)
            return 0;
    }
    show(&it->page[it->next].key, key);
    show(&it->page[it->next].value, value);
    it->next++;
    return 1;
}

void mr_iter_free(mr_iter_t *it)
{
    if (!it)
        return;
    arena_free(&it->bytes);
    mem_free(it->page);
    mem_free(it);
}

#include "grid/query/index.h"

#include <string.h>

#include "grid/data/map.h"
#include "grid/query/key.h"
#include "net/base/check.h"
#include "net/base/epoch.h"
#include "net/base/error.h"
#include "net/base/hash.h"

enum {
    ONE_HASH = 64, /* entries of one hash, see store_find_hashes */
    RANGES_MAX = 16384,
    CONJUNCTS_MAX = 64,
    POINTS_OF_LITERAL = VALUE_CLASSES + 3
};

#define BUILT UINT64_MAX

/* ---- rows ------------------------------------------------------------------------------------ */

static void row_of_keys(const struct map_index *ix, const struct key *keys, uint64_t *row)
{
    if (ix->type == INDEX_HASH)
        row[0] = hash_64(keys, ix->count * sizeof *keys);
    else
        memcpy(row, keys, ix->count * sizeof *keys);
}

static void make_row(const struct map_index *ix, struct index_part *part, uint64_t hash,
                     const struct data *key, const struct data *value, uint64_t *row)
{
    struct key keys[INDEX_ATTRIBUTES_MAX];

    for (uint32_t i = 0; i < ix->count; i++) {
        struct scalar v;

        path_read(ix->attribute[i], &part->reader, key, value, &v);
        keys[i] = key_of(&v);
    }
    row_of_keys(ix, keys, row);
    row[ix->width - 1] = hash;
    part->blind |= part->reader.blind;
    part->reader.blind = false;
}

static void row_of_record(const struct map_index *ix, struct index_part *part,
                          const struct record *r, uint64_t *row)
{
    struct data key = record_key(r), value = record_value(r);

    make_row(ix, part, record_hash(r), &key, &value, row);
}

static bool same_row(const struct map_index *ix, const uint64_t *a, const uint64_t *b)
{
    return memcmp(a, b, ix->width * sizeof *a) == 0;
}

/* Is the entry of this hash one that has its row? */
static bool is_built(const struct index_part *part, uint64_t hash)
{
    return hash < part->built || part->built == BUILT;
}

/* Does another entry than the one of `key`, with its hash, stand for the same row? */
static bool is_shared(const struct map_index *ix, struct index_part *part, const struct store *s,
                      const struct data *key, const uint64_t *row)
{
    const struct record *found[ONE_HASH];
    uint64_t other[TREE_WIDTH_MAX];
    uint32_t n = index_find_all(&s->index, s->base, row[ix->width - 1], found, ONE_HASH);

    for (uint32_t i = 0; i < n; i++) {
        if (record_has_key(found[i], key))
            continue;
        row_of_record(ix, part, found[i], other);
        if (same_row(ix, row, other))
            return true;
    }
    return false;
}

/* ---- changing -------------------------------------------------------------------------------- */

mr_rc_t map_indexes_prepare(struct map_indexes *ixs, uint32_t partition, uint64_t hash,
                            const struct data *key, const struct data *value,
                            const struct record *old)
{
    uint32_t n = load_acquire_32(&ixs->count);
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < n && rc == MR_OK; i++) {
        const struct map_index *ix = ixs->at[i];
        struct index_part *part = &ix->parts[partition];

        if (!is_built(part, hash))
            continue;
        make_row(ix, part, hash, key, value, part->next);
        if (old)
            row_of_record(ix, part, old, part->last);
        part->changes = !old || !same_row(ix, part->last, part->next);
        if (part->changes)
            rc = tree_reserve(&part->tree, part->next);
    }
    return rc;
}

void map_indexes_written(struct map_indexes *ixs, uint32_t partition, const struct store *s,
                         uint64_t hash, const struct data *key, const struct record *old)
{
    uint32_t n = load_acquire_32(&ixs->count);

    for (uint32_t i = 0; i < n; i++) {
        const struct map_index *ix = ixs->at[i];
        struct index_part *part = &ix->parts[partition];

        if (!is_built(part, hash) || !part->changes)
            continue;
        tree_insert(&part->tree, part->next);
        if (old && !is_shared(ix, part, s, key, part->last))
            tree_remove(&part->tree, part->last);
    }
}

void map_indexes_erased(struct map_indexes *ixs, uint32_t partition, const struct store *s,
                        const struct record *old)
{
    uint32_t n = load_acquire_32(&ixs->count);
    struct data key = record_key(old);
    uint64_t row[TREE_WIDTH_MAX];

    for (uint32_t i = 0; i < n; i++) {
        const struct map_index *ix = ixs->at[i];
        struct index_part *part = &ix->parts[partition];

        if (!is_built(part, record_hash(old)))
            continue;
        row_of_record(ix, part, old, row);
        if (!is_shared(ix, part, s, &key, row))
            tree_remove(&part->tree, row);
    }
}

void map_indexes_cleared(struct map_indexes *ixs, uint32_t partition)
{
    uint32_t n = load_acquire_32(&ixs->count);

    for (uint32_t i = 0; i < n; i++) {
        struct index_part *part = &ixs->at[i]->parts[partition];

        tree_clear(&part->tree);
        part->blind = false;
    }
}

/* ---- adding ---------------------------------------------------------------------------------- */

static const char *const type_names[] = {"sorted", "hash", "bitmap"};

static bool same_definition(const struct map_index *a, const struct map_index *b)
{
    if (a->type != b->type || a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!path_equal(a->attribute[i], b->attribute[i]))
            return false;
    return true;
}

static void index_free(struct map_index *ix, uint32_t partitions)
{
    if (!ix)
        return;
    for (uint32_t i = 0; ix->parts && i < partitions; i++)
        path_reader_clear(&ix->parts[i].reader);
    mem_free_aligned(ix->parts);
    arena_free(&ix->arena);
    mem_free(ix);
}

static mr_rc_t check_config(const struct index_config *c, mr_err_t *err)
{
    if (c->type != INDEX_SORTED && c->type != INDEX_HASH && c->type != INDEX_BITMAP)
        return fail(err, MR_ERR_ARGUMENT, "types are 0, SORTED, 1, HASH, and 2, BITMAP",
                    "an index of type %d does not exist", c->type);
    if (c->count == 0 || c->count > INDEX_ATTRIBUTES_MAX)
        return fail(err, MR_ERR_ARGUMENT, NULL, "an index has 1 to %d attributes, not %u",
                    INDEX_ATTRIBUTES_MAX, c->count);
    return MR_OK;
}

static mr_rc_t take_attributes(struct map_index *ix, const struct index_config *c, mr_err_t *err)
{
    for (uint32_t i = 0; i < c->count; i++) {
        mr_rc_t rc = path_parse(c->attributes[i].at, c->attributes[i].size, &ix->arena,
                                &ix->attribute[i], err);

        if (rc != MR_OK)
            return rc;
        for (uint32_t j = 0; j < i; j++)
            if (path_equal(ix->attribute[i], ix->attribute[j]))
                return fail(err, MR_ERR_ARGUMENT, NULL, "attribute \"%s\" is twice in an index",
                            ix->attribute[i]->text);
    }
    return MR_OK;
}

/* An index without rows. */
static mr_rc_t index_new(struct map *m, const struct index_config *c, struct map_index **ret_ix,
                         mr_err_t *err)
{
    struct partitions *ps = m->partitions;
    struct map_index *ix;
    mr_rc_t rc = check_config(c, err);

    if (rc != MR_OK)
        return rc;
    if (!(ix = mem_alloc_zero(sizeof *ix)))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for an index");
    ix->type = (enum index_type)c->type;
    ix->count = c->count;
    ix->width = ix->type == INDEX_HASH ? 2 : 2 * c->count + 1;
    if ((rc = take_attributes(ix, c, err)) != MR_OK)
        goto fail;
    rc = MR_ERR_MEMORY;
    if (!(ix->name = arena_text(&ix->arena, c->name.at, c->name.size)) ||
        !(ix->parts = mem_alloc_aligned(64, ps->count * sizeof *ix->parts)))
        goto fail;
    for (uint32_t i = 0; i < ps->count; i++) {
        tree_init(&ix->parts[i].tree, ps->at[i].slab, ix->width);
        path_reader_init(&ix->parts[i].reader, NULL);
    }
    *ret_ix = ix;
    return MR_OK;

fail:
    index_free(ix, ps->count);
    return fail(err, rc, NULL, "no memory for an index"); /* unless there are words already */
}

struct building {
    const struct map_index *index;
    struct index_part *part;
    mr_rc_t rc;
};

static void build_visit(void *context, const struct record *r)
{
    struct building *b = context;
    uint64_t row[TREE_WIDTH_MAX];

    if (b->rc != MR_OK)
        return;
    row_of_record(b->index, b->part, r, row);
    if ((b->rc = tree_reserve(&b->part->tree, row)) == MR_OK)
        tree_insert(&b->part->tree, row);
}

/* One segment of the store at a time, so that writers do not wait long. */
static mr_rc_t build_part(struct map *m, const struct map_index *ix, uint32_t partition)
{
    struct partition *p = &m->partitions->at[partition];
    struct building b = {ix, &ix->parts[partition], MR_OK};

    while (b.rc == MR_OK && b.part->built != BUILT) {
        epoch_enter();
        partition_lock(p);
        uint64_t next = store_scan(&m->parts[partition].store, b.part->built, 1, build_visit, &b);

        if (b.rc == MR_OK)
            b.part->built = next ? next : BUILT;
        partition_unlock(p);
        epoch_exit();
    }
    return b.rc;
}

/* What could not be built has no rows, and writers leave it alone. */
static void unbuild(struct map *m, const struct map_index *ix)
{
    for (uint32_t i = 0; i < m->partitions->count; i++) {
        partition_lock(&m->partitions->at[i]);
        tree_clear(&ix->parts[i].tree);
        ix->parts[i].built = 0;
        ix->parts[i].blind = false;
        partition_unlock(&m->partitions->at[i]);
    }
}

static mr_rc_t build(struct map *m, struct map_index *ix, mr_err_t *err)
{
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < m->partitions->count && rc == MR_OK; i++)
        rc = build_part(m, ix, i);
    if (rc == MR_OK) {
        store_release_32(&ix->ready, 1);
        return MR_OK;
    }
    unbuild(m, ix);
    return fail(err, rc, "raise memory.max, or let entries go",
                "map \"%s\": no room for the index \"%s\"", m->name, ix->name);
}

/* Finds the one that is meant. MR_NOT_FOUND: it is new. */
static mr_rc_t find(const struct map_indexes *ixs, const struct map_index *ix,
                    struct map_index **ret_known, mr_err_t *err)
{
    for (uint32_t i = 0; i < ixs->count; i++) {
        struct map_index *known = ixs->at[i];
        bool same = same_definition(known, ix);

        if (!same && ix->name[0] && strcmp(known->name, ix->name) == 0)
            return fail(err, MR_ERR_ARGUMENT, "give it another name",
                        "there is an index \"%s\" already, a %s one of %u attributes, the first "
                        "\"%s\"",
                        known->name, type_names[known->type], known->count,
                        known->attribute[0]->text);
        if (same) {
            *ret_known = known;
            return MR_OK;
        }
    }
    return MR_NOT_FOUND;
}

static mr_rc_t add(struct map *m, struct map_index *ix, mr_err_t *err)
{
    struct map_indexes *ixs = &m->indexes;
    struct map_index *known = NULL;
    mr_rc_t rc = find(ixs, ix, &known, err);

    if (rc == MR_NOT_FOUND && ixs->count == MAP_INDEXES_MAX)
        rc = fail(err, MR_ERR_FULL, NULL, "map \"%s\" has %d indexes already", m->name,
                  MAP_INDEXES_MAX);
    if (rc != MR_NOT_FOUND) {
        index_free(ix, m->partitions->count);
        if (rc != MR_OK || known->ready)
            return rc;
        return build(m, known, err); /* it had found no room */
    }
    ixs->at[ixs->count] = ix;
    store_release_32(&ixs->count, ixs->count + 1);
    return build(m, ix, err);
}

/* Is it one that can be kept? What cannot is not needed for an answer, only for a quick one. */
static bool can_be_kept(const struct map_index *ix)
{
    bool one_row = ix->type != INDEX_BITMAP;

    for (uint32_t i = 0; i < ix->count; i++)
        one_row &= !ix->attribute[i]->many;
    return one_row;
}

mr_rc_t map_index_add(struct map *m, const struct index_config *config, mr_err_t *err)
{
    struct map_index *ix = NULL;
    mr_rc_t rc = index_new(m, config, &ix, err);

    if (rc != MR_OK)
        return rc;
    if (!can_be_kept(ix)) {
        index_free(ix, m->partitions->count);
        return MR_OK;
    }
    pthread_mutex_lock(&m->indexes.lock);
    rc = add(m, ix, err);
    pthread_mutex_unlock(&m->indexes.lock);
    return rc;
}

void map_indexes_init(struct map_indexes *ixs)
{
    pthread_mutex_init(&ixs->lock, NULL);
}

void map_indexes_free(struct map_indexes *ixs, uint32_t partitions)
{
    for (uint32_t i = 0; i < ixs->count; i++)
        index_free(ixs->at[i], partitions);
    pthread_mutex_destroy(&ixs->lock);
}

/* ---- planning -------------------------------------------------------------------------------- */

/* What has to hold all at once, for a condition to be true. */
struct conjuncts {
    const struct expr *at[CONJUNCTS_MAX];
    uint32_t count;
};

static void take_conjuncts(const struct expr *e, struct conjuncts *c)
{
    if (e->kind == EXPR_AND)
        for (uint32_t i = 0; i < e->count; i++)
            take_conjuncts(e->child[i], c);
    else if (e->path && !e->path->many && c->count < CONJUNCTS_MAX)
        c->at[c->count++] = e;
}

struct key_range {
    struct key low, high;
};

/* What an attribute is to be searched for. */
struct search {
    struct key_range *range;
    uint32_t count;
};

/* Every key that a value equal to the literal can have. */
static uint32_t points_of(const struct literal *l, struct key *ret)
{
    const struct scalar *by_width[] = {&l->as_float, &l->as_double, &l->as_decimal};
    uint32_t n = 0;

    if (l->class == VALUE_NULL)
        ret[n++] = key_first(VALUE_NULL);
    for (int class = VALUE_BOOL; class < VALUE_OTHER; class ++)
        if (l->form[class].kind != DATA_NULL)
            ret[n++] = key_of(&l->form[class]);
    for (int i = 0; i < 3 && l->form[VALUE_NUMBER].kind != DATA_NULL; i++) {
        struct key k = key_of(by_width[i]);
        bool known = false;

        for (uint32_t j = 0; j < n; j++)
            known |= memcmp(&k, &ret[j], sizeof k) == 0;
        if (!known)
            ret[n++] = k;
    }
    return n;
}

static bool search_points(const struct conjuncts *c, const struct path *p, struct arena *arena,
                          struct search *ret_s)
{
    const struct expr *best = NULL;

    for (uint32_t i = 0; i < c->count; i++) {
        const struct expr *e = c->at[i];

        if ((e->kind == EXPR_EQUAL || (e->kind == EXPR_IN && !best)) && path_equal(e->path, p))
            best = e;
    }
    if (!best)
        return false;

    uint32_t literals = best->kind == EXPR_IN ? best->count : 1;

    if (literals > RANGES_MAX)
        return false;
    ret_s->range = arena_alloc(arena, (literals * POINTS_OF_LITERAL + 1) * sizeof *ret_s->range);
    ret_s->count = 0;
    for (uint32_t i = 0; ret_s->range && i < literals; i++) {
        struct key points[POINTS_OF_LITERAL];
        uint32_t n = points_of(&best->literal[i], points);

        for (uint32_t j = 0; j < n; j++)
            ret_s->range[ret_s->count++] = (struct key_range){points[j], points[j]};
    }
    return ret_s->range != NULL;
}

/* Narrows a range of one class to one side of a literal. False: nothing of the class is there. */
static bool narrow(struct key_range *r, enum value_class class, const struct literal *l,
                   bool is_low)
{
    const struct scalar *forms[] = {&l->form[class], &l->as_float, &l->as_double, &l->as_decimal};
    struct key edge = {0};

    if (forms[0]->kind == DATA_NULL)
        return false;
    for (int i = 0; i < (class == VALUE_NUMBER ? 4 : 1); i++) {
        struct key k = is_low ? key_floor(forms[i]) : key_ceiling(forms[i]);

        if (i == 0 || (is_low ? key_before(&k, &edge) : key_before(&edge, &k)))
            edge = k;
    }
    if (is_low && key_before(&r->low, &edge))
        r->low = edge;
    if (!is_low && key_before(&edge, &r->high))
        r->high = edge;
    return !key_before(&r->high, &r->low);
}

static bool search_ranges(const struct conjuncts *c, const struct path *p, struct arena *arena,
                          struct search *ret_s)
{
    bool found = false;

    ret_s->range = arena_alloc(arena, VALUE_CLASSES * sizeof *ret_s->range);
    ret_s->count = 0;
    for (int class = VALUE_BOOL; ret_s->range && class < VALUE_OTHER; class ++) {
        struct key_range r = {key_first((enum value_class) class),
                              key_last((enum value_class) class)};
        bool some = true;

        for (uint32_t i = 0; i < c->count && some; i++) {
            const struct expr *e = c->at[i];

            if (e->kind != EXPR_RANGE || !path_equal(e->path, p))
                continue;
            found = true;
            some = (!e->range.low || narrow(&r, (enum value_class) class, e->range.low, true)) &&
                   (!e->range.high || narrow(&r, (enum value_class) class, e->range.high, false));
        }
        if (some)
            ret_s->range[ret_s->count++] = r;
    }
    return found && ret_s->range;
}

/* Writes the ranges of rows for every choice of one range per attribute. */
struct spelling {
    const struct map_index *index;
    const struct search *search;
    uint32_t searches;
    struct row_range *range;
    uint32_t count;
    struct key low[INDEX_ATTRIBUTES_MAX], high[INDEX_ATTRIBUTES_MAX];
};

static void spell(struct spelling *s, uint32_t i)
{
    struct row_range *r;

    if (i < s->searches) {
        for (uint32_t j = 0; j < s->search[i].count; j++) {
            s->low[i] = s->search[i].range[j].low;
            s->high[i] = s->search[i].range[j].high;
            spell(s, i + 1);
        }
        return;
    }
    r = &s->range[s->count++];
    memset(r->low, 0, sizeof r->low);
    memset(r->high, 0xff, sizeof r->high);
    if (s->index->type == INDEX_HASH) {
        row_of_keys(s->index, s->low, r->low);
        r->high[0] = r->low[0];
    } else {
        memcpy(r->low, s->low, s->searches * sizeof *s->low);
        memcpy(r->high, s->high, s->searches * sizeof *s->high);
    }
}

/* From the first attribute on: equal values, and behind them one range, if it is sorted. */
static uint32_t take_searches(const struct map_index *ix, const struct conjuncts *c,
                              struct arena *arena, struct search *ret_s, uint64_t *ret_ranges)
{
    uint32_t n = 0;
    uint64_t ranges = 1;

    for (bool points = true; points && n < ix->count; n++) {
        points = search_points(c, ix->attribute[n], arena, &ret_s[n]);
        if (!points &&
            (ix->type == INDEX_HASH || !search_ranges(c, ix->attribute[n], arena, &ret_s[n])))
            break;
        if (ranges * ret_s[n].count > RANGES_MAX)
            break;
        ranges *= ret_s[n].count;
    }
    *ret_ranges = ranges;
    return n;
}

static bool plan(const struct map_index *ix, const struct conjuncts *c, struct arena *arena,
                 struct index_plan *ret_plan)
{
    struct search search[INDEX_ATTRIBUTES_MAX];
    uint64_t ranges;
    uint32_t n = take_searches(ix, c, arena, search, &ranges);
    struct spelling s = {.index = ix, .search = search, .searches = n};

    if (n == 0 || (ix->type == INDEX_HASH && n < ix->count))
        return false;
    if (!(s.range = arena_alloc(arena, (ranges + 1) * sizeof *s.range)))
        return false;
    spell(&s, 0);
    check(s.count == ranges);
    *ret_plan = (struct index_plan){ix, s.range, s.count};
    return true;
}

uint32_t map_indexes_plan(const struct map_indexes *ixs, const struct expr *condition,
                          struct arena *arena, struct index_plan *ret_plans)
{
    uint32_t count = load_acquire_32(&ixs->count), n = 0;
    struct conjuncts c = {.count = 0};

    if (count == 0)
        return 0;
    take_conjuncts(condition, &c);
    for (uint32_t i = 0; i < count; i++)
        if (load_acquire_32(&ixs->at[i]->ready) && plan(ixs->at[i], &c, arena, &ret_plans[n]))
            n++;
    return n;
}

/* ---- searching ------------------------------------------------------------------------------- */

uint64_t index_plan_count(const struct index_plan *plan, uint32_t partition, uint64_t most)
{
    const struct index_part *part = &plan->index->parts[partition];
    uint64_t n = 0;

    if (part->blind)
        return UINT64_MAX;
    for (uint32_t i = 0; i < plan->count && n < most; i++)
        n += tree_count(&part->tree, plan->ranges[i].low, plan->ranges[i].high, most - n);
    return n;
}

struct gathering {
    struct sink *out;
    uint32_t hash_at;
};

static void gather_row(void *context, const uint64_t *row)
{
    const struct gathering *g = context;

    sink_put(g->out, &row[g->hash_at], sizeof row[g->hash_at]);
}

void index_plan_gather(const struct index_plan *plan, uint32_t partition, struct sink *out)
{
    struct gathering g = {out, plan->index->width - 1};

    for (uint32_t i = 0; i < plan->count; i++)
        tree_visit(&plan->index->parts[partition].tree, plan->ranges[i].low, plan->ranges[i].high,
                   gather_row, &g);
}

/* ---- checking -------------------------------------------------------------------------------- */

static void check_entry(void *context, const struct record *r)
{
    struct building *b = context;
    uint64_t row[TREE_WIDTH_MAX];

    if (!is_built(b->part, record_hash(r)))
        return;
    row_of_record(b->index, b->part, r, row);
    check(tree_count(&b->part->tree, row, row, 2) == 1);
}

struct checking {
    const struct map_index *index;
    struct index_part *part;
    const struct store *store;
};

static void check_row(void *context, const uint64_t *row)
{
    const struct checking *c = context;
    static const struct data nobody = {.kind = DATA_KINDS};

    check(is_built(c->part, row[c->index->width - 1]));
    check(is_shared(c->index, c->part, c->store, &nobody, row));
}

void map_indexes_check(struct map_indexes *ixs, uint32_t partition, const struct store *s)
{
    static const uint64_t low[TREE_WIDTH_MAX];
    uint64_t high[TREE_WIDTH_MAX];

    memset(high, 0xff, sizeof high);
    for (uint32_t i = 0; i < ixs->count; i++) {
        struct map_index *ix = ixs->at[i];
        struct index_part *part = &ix->parts[partition];
        struct building b = {ix, part, MR_OK};
        struct checking c = {ix, part, s};

        tree_check(&part->tree);
        if (part->blind)
            continue;
        epoch_enter();
        store_scan(s, 0, UINT32_MAX, check_entry, &b);
        tree_visit(&part->tree, low, high, check_row, &c);
        epoch_exit();
    }
}

uint64_t map_indexes_bytes(struct map_indexes *ixs, uint32_t partition)
{
    uint32_t n = load_acquire_32(&ixs->count);
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < n; i++)
        bytes += tree_bytes(&ixs->at[i]->parts[partition].tree);
    return bytes;
}

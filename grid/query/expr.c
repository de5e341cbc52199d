#include "grid/query/expr.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/error.h"

/* ---- building -------------------------------------------------------------------------------- */

const struct expr *expr_failed(struct expr_builder *b, mr_rc_t rc)
{
    if (b->rc == MR_OK)
        b->rc = rc;
    return NULL;
}

static const struct expr *no_memory(struct expr_builder *b)
{
    return expr_failed(b, fail(b->err, MR_ERR_MEMORY, NULL, "no memory for a condition"));
}

static struct expr *node(struct expr_builder *b, enum expr_kind kind, const struct path *p)
{
    struct expr *e;

    if (b->rc != MR_OK)
        return NULL;
    if (++b->nodes > EXPR_NODES_MAX) {
        expr_failed(b, fail(b->err, MR_ERR_TOO_LARGE, NULL, "a condition has more than %d parts",
                            EXPR_NODES_MAX));
        return NULL;
    }
    if (!(e = arena_alloc(b->arena, sizeof *e))) {
        no_memory(b);
        return NULL;
    }
    *e = (struct expr){.kind = (uint8_t)kind, .depth = 1, .path = p};
    return e;
}

const struct expr *expr_constant(struct expr_builder *b, bool value)
{
    return node(b, value ? EXPR_TRUE : EXPR_FALSE, NULL);
}

const struct expr *expr_group(struct expr_builder *b, enum expr_kind kind,
                              const struct expr *const *children, uint32_t n)
{
    struct expr *e = node(b, kind, NULL);
    uint8_t below = 0;

    if (!e)
        return NULL;
    if (!(e->child = arena_alloc(b->arena, n * sizeof *e->child)))
        return no_memory(b);
    e->count = n;
    for (uint32_t i = 0; i < n; i++) {
        e->child[i] = children[i];
        if (children[i]->depth > below)
            below = children[i]->depth;
    }
    if (below >= EXPR_DEPTH_MAX)
        return expr_failed(b, fail(b->err, MR_ERR_TOO_LARGE, NULL,
                                   "a condition is nested more than %d deep", EXPR_DEPTH_MAX));
    e->depth = (uint8_t)(below + 1);
    return e;
}

const struct expr *expr_not(struct expr_builder *b, const struct expr *child)
{
    return expr_group(b, EXPR_NOT, &child, 1);
}

static struct literal *literals(struct expr_builder *b, const struct scalar *v, uint32_t n)
{
    struct literal *l;
    mr_rc_t rc = MR_OK;

    if (b->rc != MR_OK)
        return NULL;
    b->nodes += n;
    if (n > EXPR_NODES_MAX || b->nodes > EXPR_NODES_MAX) {
        expr_failed(b, fail(b->err, MR_ERR_TOO_LARGE, NULL,
                            "a condition compares with more than %d values", EXPR_NODES_MAX));
        return NULL;
    }
    if (!(l = arena_alloc(b->arena, n * sizeof *l))) {
        no_memory(b);
        return NULL;
    }
    for (uint32_t i = 0; i < n && rc == MR_OK; i++)
        rc = literal_make(&v[i], b->arena, &l[i]);
    if (rc == MR_OK)
        return l;
    expr_failed(b, fail(b->err, rc, NULL,
                        rc == MR_ERR_TYPE ? "a record or an array is nothing to compare with"
                                          : "no memory for a condition"));
    return NULL;
}

const struct expr *expr_equal(struct expr_builder *b, const struct path *p, const struct scalar *v,
                              bool negated)
{
    const struct literal *l = literals(b, v, 1);
    struct expr *e = node(b, negated ? EXPR_NOT_EQUAL : EXPR_EQUAL, p);

    if (e)
        e->literal = l;
    return e;
}

const struct expr *expr_compare(struct expr_builder *b, const struct path *p,
                                const struct scalar *v, bool less, bool equal)
{
    const struct literal *l = literals(b, v, 1);
    struct expr *e = node(b, EXPR_RANGE, p);

    if (e)
        e->range = less ? (struct expr_range){.high = l, .high_open = !equal}
                        : (struct expr_range){.low = l, .low_open = !equal};
    return e;
}

const struct expr *expr_between(struct expr_builder *b, const struct path *p,
                                const struct scalar *low, const struct scalar *high)
{
    const struct scalar both[] = {*low, *high};
    const struct literal *l = literals(b, both, 2);
    struct expr *e = node(b, EXPR_RANGE, p);

    if (e)
        e->range = (struct expr_range){.low = &l[0], .high = &l[1]};
    return e;
}

static int by_value(const void *a, const void *b)
{
    const struct literal *x = a, *y = b;

    return value_compare(&x->form[x->class], &y->form[y->class]);
}

const struct expr *expr_in(struct expr_builder *b, const struct path *p, const struct scalar *v,
                           uint32_t n)
{
    struct literal *l = literals(b, v, n);
    struct expr *e = node(b, EXPR_IN, p);

    if (!e)
        return NULL;
    e->sorted = true;
    for (uint32_t i = 1; i < n; i++)
        e->sorted &= l[i].class == l[0].class;
    if (e->sorted && n > 1)
        qsort(l, n, sizeof *l, by_value);
    e->literal = l;
    e->count = n;
    return e;
}

const struct expr *expr_like(struct expr_builder *b, const struct path *p,
                             const struct scalar *pattern, bool fold)
{
    struct expr *e = node(b, EXPR_LIKE, p);

    if (!e)
        return NULL;
    e->pattern = (struct expr_pattern){.fold = fold, .is_null = pattern->kind == DATA_NULL};
    if (e->pattern.is_null)
        return e;
    e->pattern.text =
        (const uint8_t *)arena_text(b->arena, (const char *)pattern->bytes.at, pattern->bytes.size);
    e->pattern.size = pattern->bytes.size;
    return e->pattern.text ? e : no_memory(b);
}

const struct expr *expr_regex(struct expr_builder *b, const struct path *p, const char *text,
                              size_t size)
{
    struct expr *e = node(b, EXPR_REGEX, p);

    if (!e)
        return NULL;
    mr_rc_t rc = regex_compile(text, size, b->arena, &e->regex, b->err);
    return rc == MR_OK ? e : expr_failed(b, rc);
}

/* Nothing stored here is an instance of an application's class, so a name of one is a mistake. */
static bool may_exist(const char *name, size_t size)
{
    static const char *const begins[] = {"java.", "com.hazelcast.", "["};

    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (size > strlen(begins[i]) && memcmp(name, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

const struct expr *expr_instance_of(struct expr_builder *b, const char *class_name, size_t size)
{
    struct expr *e = node(b, EXPR_INSTANCE_OF, NULL);

    if (!e)
        return NULL;
    if (!may_exist(class_name, size))
        return expr_failed(b, fail(b->err, MR_ERR_TYPE, "name one of Java's own, with its package",
                                   "there is no class \"%.*s\"", (int)(size < 200 ? size : 200),
                                   class_name));
    e->class_name = arena_text(b->arena, class_name, size);
    return e->class_name ? e : no_memory(b);
}

const struct path *expr_path(struct expr_builder *b, const char *text, size_t size)
{
    const struct path *p = NULL;

    if (b->rc == MR_OK)
        b->rc = path_parse(text, size, b->arena, &p, b->err);
    return p;
}

/* ---- patterns -------------------------------------------------------------------------------- */

static uint8_t fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Where the character that begins at `at` ends. */
static uint32_t character_end(const uint8_t *text, uint32_t size, uint32_t at)
{
    at++;
    while (at < size && (text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/* Takes one pattern character that is not % from p->text[*i], and moves both on. */
static bool one_fits(const struct expr_pattern *p, uint32_t *i, const uint8_t *text, uint32_t size,
                     uint32_t *j)
{
    uint8_t c = p->text[*i];

    if (*j == size)
        return false;
    if (c == '_') {
        *j = character_end(text, size, *j);
        ++*i;
        return true;
    }
    uint32_t escape = c == '\\' && *i + 1 < p->size;

    c = p->text[*i + escape];
    if (p->fold ? fold(c) != fold(text[*j]) : c != text[*j])
        return false;
    *i += 1 + escape;
    ++*j;
    return true;
}

/* What follows a % is tried at each place until it fits up to the next %; a place that was good
 * for one % never has to be given up for a later one. */
bool expr_pattern_fits(const struct expr_pattern *p, const uint8_t *text, uint32_t size)
{
    uint32_t i = 0, j = 0;
    uint32_t after = UINT32_MAX, from = 0; /* behind the last %, and where that was tried */

    while (i < p->size || j < size) {
        if (i < p->size && p->text[i] == '%') {
            after = ++i;
            from = j;
            continue;
        }
        if (i < p->size && one_fits(p, &i, text, size, &j))
            continue;
        if (after == UINT32_MAX || from >= size)
            return false;
        i = after;
        j = from = character_end(text, size, from);
    }
    return true;
}

/* ---- testing one value ----------------------------------------------------------------------- */

static bool in_range(const struct expr_range *r, const struct scalar *v)
{
    int order;

    if (v->kind == DATA_NULL)
        return false;
    if (r->low && (!literal_compare(r->low, v, &order) || order < r->low_open))
        return false;
    if (r->high && (!literal_compare(r->high, v, &order) || order > -r->high_open))
        return false;
    return true;
}

static bool is_in_sorted(const struct expr *e, const struct scalar *v)
{
    uint32_t low = 0, high = e->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct scalar *form = literal_for(&e->literal[middle], v);
        int order = value_compare(v, form);

        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool is_in(const struct expr *e, const struct scalar *v)
{
    if (e->count == 0)
        return false;
    if (v->kind == DATA_NULL && e->sorted)
        return e->literal[0].class == VALUE_NULL;
    /* Other forms of the literals may stand in another order. */
    if (e->sorted && value_class(v) == e->literal[0].class)
        return is_in_sorted(e, v);
    for (uint32_t i = 0; i < e->count; i++)
        if (literal_equal(&e->literal[i], v))
            return true;
    return false;
}

struct testing {
    const struct expr *expr;
    struct evaluator *evaluator;
};

static bool test(void *context, const struct scalar *v)
{
    const struct testing *t = context;
    const struct expr *e = t->expr;

    switch ((enum expr_kind)e->kind) {
    case EXPR_EQUAL:
    case EXPR_NOT_EQUAL: return literal_equal(e->literal, v); /* turned by who asks */
    case EXPR_RANGE: return in_range(&e->range, v);
    case EXPR_IN: return is_in(e, v);
    case EXPR_LIKE:
        if (v->kind == DATA_NULL || e->pattern.is_null)
            return v->kind == DATA_NULL && e->pattern.is_null;
        return v->kind == DATA_STRING && expr_pattern_fits(&e->pattern, v->bytes.at, v->bytes.size);
    case EXPR_REGEX:
        return v->kind == DATA_STRING &&
               regex_matches(e->regex, &t->evaluator->scratch, v->bytes.at, v->bytes.size);
    default: return false;
    }
}

/* What class an instance of each kind is in Java, and what it can be taken for. */
static bool is_instance(uint8_t kind, const char *name)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } classes[] = {
        {"java.lang.Byte", DATA_BYTE},
        {"java.lang.Boolean", DATA_BOOL},
        {"java.lang.Character", DATA_CHAR},
        {"java.lang.Short", DATA_SHORT},
        {"java.lang.Integer", DATA_INT},
        {"java.lang.Long", DATA_LONG},
        {"java.lang.Float", DATA_FLOAT},
        {"java.lang.Double", DATA_DOUBLE},
        {"java.lang.String", DATA_STRING},
        {"java.util.UUID", DATA_UUID},
        {"java.util.Date", DATA_DATE_TIME_MS},
        {"java.math.BigInteger", DATA_BIG_INTEGER},
        {"java.math.BigDecimal", DATA_DECIMAL},
        {"java.time.LocalDate", DATA_LOCAL_DATE},
        {"java.time.LocalTime", DATA_LOCAL_TIME},
        {"java.time.LocalDateTime", DATA_LOCAL_DATE_TIME},
        {"java.time.OffsetDateTime", DATA_OFFSET_DATE_TIME},
        {"com.hazelcast.core.HazelcastJsonValue", DATA_JSON},
        {"[B", DATA_BYTES},
        {"[Z", DATA_BOOLS},
        {"[C", DATA_CHARS},
        {"[S", DATA_SHORTS},
        {"[I", DATA_INTS},
        {"[J", DATA_LONGS},
        {"[F", DATA_FLOATS},
        {"[D", DATA_DOUBLES},
        {"[Ljava.lang.String;", DATA_STRINGS},
    };
    bool number = kind == DATA_BYTE || (kind >= DATA_SHORT && kind <= DATA_DOUBLE) ||
                  kind == DATA_BIG_INTEGER || kind == DATA_DECIMAL;

    if (strcmp(name, "java.lang.Object") == 0)
        return kind != DATA_NULL;
    if (strcmp(name, "java.lang.Number") == 0)
        return number;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].kind == kind)
            return strcmp(classes[i].name, name) == 0;
    return false;
}

/* A type that is kept verbatim, with its header, is still what its header says. */
static uint8_t kind_of(const struct data *value)
{
    int32_t type = data_type_id(value);

    return type <= 0 && type > -DATA_LAST_BUILTIN ? (uint8_t)-type : value->kind;
}

/* ---- testing an entry ------------------------------------------------------------------------ */

bool expr_true(const struct expr *e, struct evaluator *ev, const struct data *key,
               const struct data *value)
{
    struct testing t = {e, ev};
    struct scalar v;

    switch ((enum expr_kind)e->kind) {
    case EXPR_FALSE: return false;
    case EXPR_TRUE: return true;
    case EXPR_AND:
        for (uint32_t i = 0; i < e->count; i++)
            if (!expr_true(e->child[i], ev, key, value))
                return false;
        return true;
    case EXPR_OR:
        for (uint32_t i = 0; i < e->count; i++)
            if (expr_true(e->child[i], ev, key, value))
                return true;
        return false;
    case EXPR_NOT: return !expr_true(e->child[0], ev, key, value);
    case EXPR_INSTANCE_OF: return is_instance(kind_of(value), e->class_name);
    default: break;
    }
    bool turned = e->kind == EXPR_NOT_EQUAL;

    if (e->path->many)
        return path_any(e->path, &ev->reader, key, value, test, &t) != turned;
    path_read(e->path, &ev->reader, key, value, &v);
    return test(&t, &v) != turned;
}

void evaluator_init(struct evaluator *ev, struct schema_registry *schemas)
{
    path_reader_init(&ev->reader, schemas);
    ev->scratch = (struct regex_scratch){0};
}

void evaluator_clear(struct evaluator *ev)
{
    path_reader_clear(&ev->reader);
    regex_scratch_clear(&ev->scratch);
}

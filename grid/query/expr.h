/* expr.h - conditions on an entry, made once and asked of many entries.
 *
 *     age >= 18 and (city = 'Rome' or tags[any] like 'vip%')
 *
 *     AND ┬ RANGE  age      [18, ∞)
 *         └ OR ┬ EQUAL city  'Rome'
 *              └ LIKE  tags[any] 'vip%'
 *
 * Predicates from clients, filters of streams and conditions of SQL all become this tree. Who
 * builds it takes the nodes from an arena and never changes them; less, greater and between are
 * one kind of node, a range, so that an index has one kind of question to answer.
 *
 * Meaning, as Hazelcast's predicates: a test is true or false, never unknown. Null equals null and
 * nothing else, also in a list of IN; a range and LIKE are false for null; NOT turns whatever
 * comes. A path that names several values asks whether any of them passes, and a != whether none
 * is equal.
 *
 * Invariants: at most EXPR_DEPTH_MAX deep, so that evaluating may recurse.
 * Threads: a tree is immutable; an evaluator belongs to one thread at a time, and to trees that
 * live as long as it does.
 */
#ifndef GRID_QUERY_EXPR_H
#define GRID_QUERY_EXPR_H

#include "grid/query/path.h"
#include "grid/query/regex.h"
#include "grid/query/value.h"

enum { EXPR_DEPTH_MAX = 64, EXPR_NODES_MAX = 65536 };

enum expr_kind {
    EXPR_FALSE,
    EXPR_TRUE,
    EXPR_AND,
    EXPR_OR,
    EXPR_NOT,
    EXPR_EQUAL,
    EXPR_NOT_EQUAL,
    EXPR_RANGE,
    EXPR_IN,
    EXPR_LIKE,
    EXPR_REGEX,
    EXPR_INSTANCE_OF
};

/* low <= x <= high; a side without a literal is open. */
struct expr_range {
    const struct literal *low, *high;
    bool low_open, high_open; /* < instead of <= */
};

/* A text in which % stands for any characters, _ for one, and a backslash takes their meaning from
 * the next. */
struct expr_pattern {
    const uint8_t *text;
    uint32_t size;
    bool fold;    /* A equals a, in ASCII */
    bool is_null; /* LIKE null, which null is like */
};

struct expr {
    uint8_t kind;   /* enum expr_kind */
    uint8_t depth;  /* 1: no nodes below */
    bool sorted;    /* EXPR_IN: literals of one class, in its order */
    uint32_t count; /* children, or literals of EXPR_IN */
    const struct path *path;
    union {
        const struct expr **child;     /* AND, OR, NOT */
        const struct literal *literal; /* EQUAL, NOT_EQUAL; IN: an array */
        struct expr_range range;
        struct expr_pattern pattern;
        const struct regex *regex;
        const char *class_name;
    };
};

/* Makes trees: all nodes come from the arena, and a failure is remembered, so that a builder may
 * build on and look once. */
struct expr_builder {
    struct arena *arena;
    uint32_t nodes;
    mr_err_t *err; /* may be NULL */
    mr_rc_t rc;
};

/* Each gives NULL after a failure, its own or one before; a NULL child is fine then.
 * MR_ERR_MEMORY; MR_ERR_TOO_LARGE: too deep or too many; MR_ERR_ARGUMENT, MR_ERR_TYPE: err says. */
const struct expr *expr_constant(struct expr_builder *b, bool value);
const struct expr *expr_group(struct expr_builder *b, enum expr_kind kind,
                              const struct expr *const *children, uint32_t n);
const struct expr *expr_not(struct expr_builder *b, const struct expr *child);
const struct expr *expr_equal(struct expr_builder *b, const struct path *p, const struct scalar *v,
                              bool negated);
const struct expr *expr_compare(struct expr_builder *b, const struct path *p,
                                const struct scalar *v, bool less, bool equal);
const struct expr *expr_between(struct expr_builder *b, const struct path *p,
                                const struct scalar *low, const struct scalar *high);
const struct expr *expr_in(struct expr_builder *b, const struct path *p, const struct scalar *v,
                           uint32_t n);
const struct expr *expr_like(struct expr_builder *b, const struct path *p,
                             const struct scalar *pattern, bool fold);
const struct expr *expr_regex(struct expr_builder *b, const struct path *p, const char *text,
                              size_t size);
const struct expr *expr_instance_of(struct expr_builder *b, const char *class_name, size_t size);
const struct path *expr_path(struct expr_builder *b, const char *text, size_t size);

/* Remembers a failure that its builder has found. Returns NULL. */
const struct expr *expr_failed(struct expr_builder *b, mr_rc_t rc);

struct evaluator {
    struct path_reader reader;
    struct regex_scratch scratch;
};

void evaluator_init(struct evaluator *ev, struct schema_registry *schemas);
void evaluator_clear(struct evaluator *ev);

/* Is it true of this entry? */
bool expr_true(const struct expr *e, struct evaluator *ev, const struct data *key,
               const struct data *value);

/* Does the text fit the pattern? */
bool expr_pattern_fits(const struct expr_pattern *p, const uint8_t *text, uint32_t size);

#endif

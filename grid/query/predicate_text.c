/* predicate_text.c - Hazelcast's predicate language: a parser by recursive descent, one function
 * a line of the grammar in predicate.h. */
#include "grid/query/predicate.h"

#include <string.h>

#include "net/base/error.h"

enum token {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_TEXT, /* in quotes */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_EQUAL,
    TOKEN_NOT_EQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
    TOKEN_WRONG
};

enum { LIST_MAX = EXPR_NODES_MAX };

struct parser {
    struct expr_builder *b;
    const char *begin, *at, *end; /* `at`: behind the token */
    enum token token;
    const char *word; /* a word, or what stands between the quotes */
    size_t word_size;
    bool doubled; /* a text with '' in it */
    uint32_t depth;
};

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_word(char c)
{
    return is_space(c) || memchr("()=!<>,'", c, 8);
}

static enum token take_text(struct parser *p)
{
    p->word = p->at;
    p->doubled = false;
    for (; p->at < p->end; p->at++) {
        if (*p->at != '\'')
            continue;
        if (p->at + 1 == p->end || p->at[1] != '\'') {
            p->word_size = (size_t)(p->at++ - p->word);
            return TOKEN_TEXT;
        }
        p->doubled = true;
        p->at++;
    }
    return TOKEN_WRONG;
}

static bool followed_by(struct parser *p, char c)
{
    bool is = p->at < p->end && *p->at == c;

    p->at += is;
    return is;
}

static enum token take_token(struct parser *p)
{
    while (p->at < p->end && is_space(*p->at))
        p->at++;
    p->word = p->at;
    p->word_size = 0;
    if (p->at == p->end)
        return TOKEN_END;
    switch (*p->at++) {
    case '(': return TOKEN_OPEN;
    case ')': return TOKEN_CLOSE;
    case ',': return TOKEN_COMMA;
    case '\'': return take_text(p);
    case '=': followed_by(p, '='); return TOKEN_EQUAL;
    case '!': return followed_by(p, '=') ? TOKEN_NOT_EQUAL : TOKEN_WRONG;
    case '<':
        return followed_by(p, '>')   ? TOKEN_NOT_EQUAL
               : followed_by(p, '=') ? TOKEN_LESS_EQUAL
                                     : TOKEN_LESS;
    case '>': return followed_by(p, '=') ? TOKEN_GREATER_EQUAL : TOKEN_GREATER;
    default: break;
    }
    while (p->at < p->end && !ends_word(*p->at))
        p->at++;
    p->word_size = (size_t)(p->at - p->word);
    return TOKEN_WORD;
}

static void next(struct parser *p)
{
    p->token = take_token(p);
}

static bool is_keyword(const struct parser *p, const char *keyword)
{
    size_t size = strlen(keyword);

    if (p->token != TOKEN_WORD || p->word_size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((p->word[i] | 0x20) != keyword[i])
            return false;
    return true;
}

static bool take_keyword(struct parser *p, const char *keyword)
{
    bool is = is_keyword(p, keyword);

    if (is)
        next(p);
    return is;
}

static const struct expr *wrong(struct parser *p, const char *wanted)
{
    const char *at = p->word;
    size_t rest = (size_t)(p->end - at);

    if (p->b->rc != MR_OK)
        return NULL;
    if (p->token == TOKEN_END)
        return expr_failed(p->b, fail(p->b->err, MR_ERR_ARGUMENT, NULL,
                                      "the predicate ends where %s is expected", wanted));
    return expr_failed(p->b,
                       fail(p->b->err, MR_ERR_ARGUMENT, NULL,
                            "the predicate has \"%.*s\" at character %zu, where %s is expected",
                            rest < 20 ? (int)rest : 20, at, (size_t)(at - p->begin) + 1, wanted));
}

/* ---- values ---------------------------------------------------------------------------------- */

/* What stands between quotes, each '' made one. */
static const char *without_doubles(struct parser *p, size_t *size)
{
    char *copy = arena_alloc(p->b->arena, *size + 1);
    size_t n = 0;

    if (!copy)
        return NULL;
    for (size_t i = 0; i < *size; i++) {
        copy[n++] = p->word[i];
        i += p->word[i] == '\''; /* the second one */
    }
    *size = n;
    return copy;
}

static bool take_value(struct parser *p, struct scalar *ret_v)
{
    const char *text = p->word;
    size_t size = p->word_size;

    if (p->token != TOKEN_WORD && p->token != TOKEN_TEXT) {
        wrong(p, "a value");
        return false;
    }
    if (p->token == TOKEN_TEXT && p->doubled && !(text = without_doubles(p, &size))) {
        expr_failed(p->b, MR_ERR_MEMORY);
        return false;
    }
    if (is_keyword(p, "null"))
        *ret_v = (struct scalar){.kind = DATA_NULL};
    else
        *ret_v = (struct scalar){.kind = DATA_STRING,
                                 .bytes = {(const uint8_t *)text, (uint32_t)size, 0}};
    next(p);
    return true;
}

/* ---- the grammar ----------------------------------------------------------------------------- */

static const struct expr *parse_or(struct parser *p);

static const struct expr *parse_between(struct parser *p, const struct path *path)
{
    struct scalar low, high;

    if (!take_value(p, &low))
        return NULL;
    if (!take_keyword(p, "and"))
        return wrong(p, "AND and the upper end of BETWEEN");
    return take_value(p, &high) ? expr_between(p->b, path, &low, &high) : NULL;
}

static const struct expr *parse_in(struct parser *p, const struct path *path)
{
    struct sink values = {.grows = true};
    const struct expr *e = NULL;
    struct scalar v;
    uint32_t n = 0;

    if (p->token != TOKEN_OPEN)
        return wrong(p, "( and the values of IN");
    do {
        next(p);
        if (!take_value(p, &v))
            goto done;
        sink_put(&values, &v, sizeof v);
        n++;
    } while (p->token == TOKEN_COMMA && n < LIST_MAX);
    if (p->token != TOKEN_CLOSE) {
        wrong(p, ", or )");
        goto done;
    }
    next(p);
    if (sink_state(&values) != MR_OK)
        expr_failed(p->b, MR_ERR_MEMORY);
    else
        e = expr_in(p->b, path, (const struct scalar *)(const void *)values.at, n);
done:
    sink_free(&values);
    return e;
}

static const struct expr *parse_like(struct parser *p, const struct path *path, bool fold)
{
    struct scalar v;

    return take_value(p, &v) ? expr_like(p->b, path, &v, fold) : NULL;
}

static const struct expr *parse_regex(struct parser *p, const struct path *path)
{
    struct scalar v;

    if (!take_value(p, &v))
        return NULL;
    if (v.kind == DATA_NULL)
        return expr_like(p->b, path, &v, false);
    return expr_regex(p->b, path, (const char *)v.bytes.at, v.bytes.size);
}

static const struct expr *parse_comparison(struct parser *p, const struct path *path)
{
    enum token op = p->token;
    struct scalar v;

    next(p);
    if (!take_value(p, &v))
        return NULL;
    if (op == TOKEN_EQUAL || op == TOKEN_NOT_EQUAL)
        return expr_equal(p->b, path, &v, op == TOKEN_NOT_EQUAL);
    return expr_compare(p->b, path, &v, op == TOKEN_LESS || op == TOKEN_LESS_EQUAL,
                        op == TOKEN_LESS_EQUAL || op == TOKEN_GREATER_EQUAL);
}

/* What may stand behind an attribute, and behind NOT behind it. */
static const struct expr *parse_word_test(struct parser *p, const struct path *path, bool *ret_is)
{
    *ret_is = true;
    if (take_keyword(p, "between"))
        return parse_between(p, path);
    if (take_keyword(p, "in"))
        return parse_in(p, path);
    if (take_keyword(p, "like"))
        return parse_like(p, path, false);
    if (take_keyword(p, "ilike"))
        return parse_like(p, path, true);
    if (take_keyword(p, "regex"))
        return parse_regex(p, path);
    *ret_is = false;
    return NULL;
}

static const struct expr *parse_attribute_test(struct parser *p)
{
    static const uint8_t yes[] = "true";
    const struct scalar is_true = {.kind = DATA_STRING, .bytes = {yes, 4, 0}};
    const struct path *path = expr_path(p->b, p->word, p->word_size);
    const struct expr *e;
    bool is;

    if (!path)
        return NULL;
    next(p);
    if (p->token >= TOKEN_EQUAL && p->token <= TOKEN_GREATER_EQUAL)
        return parse_comparison(p, path);
    if (take_keyword(p, "not")) {
        e = parse_word_test(p, path, &is);
        if (!is)
            return wrong(p, "BETWEEN, IN, LIKE, ILIKE or REGEX");
        return e ? expr_not(p->b, e) : NULL;
    }
    e = parse_word_test(p, path, &is);
    return is ? e : expr_equal(p->b, path, &is_true, false);
}

static const struct expr *parse_test(struct parser *p)
{
    const struct expr *e;

    if (p->token == TOKEN_OPEN) {
        next(p);
        e = parse_or(p);
        if (e && p->token != TOKEN_CLOSE)
            return wrong(p, ")");
        next(p);
        return e;
    }
    if (p->token != TOKEN_WORD)
        return wrong(p, "an attribute");
    if (is_keyword(p, "true") || is_keyword(p, "false")) {
        bool value = is_keyword(p, "true");

        next(p);
        return expr_constant(p->b, value);
    }
    return parse_attribute_test(p);
}

static const struct expr *parse_not(struct parser *p)
{
    bool negated = false;

    while (take_keyword(p, "not"))
        negated = !negated;

    const struct expr *e = parse_test(p);

    return e && negated ? expr_not(p->b, e) : e;
}

/* One level of operators of a kind; a single operand stays itself. */
static const struct expr *parse_list(struct parser *p, const char *keyword, enum expr_kind kind,
                                     const struct expr *(*operand)(struct parser *p))
{
    struct sink children = {.grows = true};
    const struct expr *e;
    uint32_t n = 0;

    do {
        if (!(e = operand(p)))
            break;
        sink_put(&children, &e, sizeof e);
        n++;
    } while (take_keyword(p, keyword));
    if (e && sink_state(&children) != MR_OK)
        e = expr_failed(p->b, MR_ERR_MEMORY);
    else if (e && n > 1)
        e = expr_group(p->b, kind, (const struct expr *const *)(const void *)children.at, n);
    sink_free(&children);
    return e;
}

static const struct expr *parse_and(struct parser *p)
{
    return parse_list(p, "and", EXPR_AND, parse_not);
}

static const struct expr *parse_or(struct parser *p)
{
    if (++p->depth > EXPR_DEPTH_MAX)
        return expr_failed(p->b, fail(p->b->err, MR_ERR_TOO_LARGE, NULL,
                                      "a predicate is nested more than %d deep", EXPR_DEPTH_MAX));

    const struct expr *e = parse_list(p, "or", EXPR_OR, parse_and);

    p->depth--;
    return e;
}

const struct expr *predicate_parse(struct expr_builder *b, const char *text, size_t size)
{
    struct parser p = {.b = b, .begin = text, .at = text, .end = text + size};

    if (b->rc != MR_OK)
        return NULL;
    if (size > PREDICATE_TEXT_MAX)
        return expr_failed(b, fail(b->err, MR_ERR_TOO_LARGE, NULL,
                                   "the text of a predicate has more than %d characters",
                                   PREDICATE_TEXT_MAX));
    next(&p);
    const struct expr *e = parse_or(&p);

    if (e && p.token != TOKEN_END)
        return wrong(&p, "AND, OR or the end");
    return e;
}

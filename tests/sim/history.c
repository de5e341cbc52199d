#define _GNU_SOURCE
#include "tests/sim/history.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"
#include "net/wire/json.h"

static const char *const words[] = {
#define X(name, word) [CALL_##name] = word,
    CALL_MAP(X)
#undef X
};

static const char *const types[] = {
    [EVENT_INVOKE] = "inv", [EVENT_OK] = "ok", [EVENT_FAIL] = "fail", [EVENT_INFO] = "info"};

void history_init(struct history *h)
{
    *h = (struct history){0};
    values_init(&h->values);
}

void history_free(struct history *h)
{
    values_free(&h->values);
    mem_free(h->events);
    *h = (struct history){0};
}

void history_add(struct history *h, const struct event *e)
{
    if (h->count == h->room) {
        h->room = h->room ? 2 * h->room : 256;
        h->events = mem_realloc(h->events, h->room * sizeof h->events[0]);
        check(h->events);
    }
    h->events[h->count++] = *e;
}

/* ---- operations ----------------------------------------------------------------------------- */

/* What a process is at. */
struct open {
    uint32_t process, op; /* op NEVER: nothing more, it is not known how the last one ended */
    bool busy;
};

static struct operation begun(const struct event *e, uint32_t at)
{
    return (struct operation){.call = e->call,
                              .end = EVENT_INFO,
                              .process = e->process,
                              .key = e->key,
                              .value = e->value,
                              .old = e->old,
                              .said = VALUE_UNSAID,
                              .invoked = at,
                              .returned = NEVER};
}

static void finish(struct operation *op, const struct event *e, uint32_t at)
{
    op->end = e->type;
    op->placed = e->placed;
    op->epoch = e->epoch;
    op->seq = e->seq;
    if (e->type == EVENT_INFO)
        return;
    op->returned = at;
    if (e->type == EVENT_OK)
        op->said = op->call == CALL_CAS ? e->old : e->value;
    if (op->call != CALL_GET && op->call != CALL_CAS && op->call != CALL_INCR)
        op->said = VALUE_UNSAID;
}

/* A call that has what it needs, and of the kind that it needs. */
static bool is_sound(const struct history *h, const struct event *e)
{
    switch (e->call) {
    case CALL_PUT: return e->value >= 0;
    case CALL_CAS: return e->value >= 0 && e->old >= 0;
    case CALL_INCR:
    case CALL_APPEND:
        return e->value >= 0 && values_at(&h->values, e->value)->kind == VALUE_IS_NUMBER;
    default: return true;
    }
}

/* Processes are few at a time but many in all, so they are looked for from the last one back. */
static struct open *open_of(struct open *open, uint32_t *count, uint32_t process)
{
    for (uint32_t i = *count; i-- > 0;)
        if (open[i].process == process)
            return &open[i];
    open[*count] = (struct open){.process = process};
    return &open[(*count)++];
}

static bool take(const struct history *h, uint32_t at, struct open *o, struct operation *ops,
                 uint32_t *count)
{
    const struct event *e = &h->events[at];

    if (e->type == EVENT_INVOKE) {
        if (o->busy || o->op == NEVER || !is_sound(h, e))
            return false;
        o->busy = true;
        o->op = *count;
        ops[(*count)++] = begun(e, at);
        return true;
    }
    if (!o->busy || ops[o->op].call != e->call || ops[o->op].key != e->key)
        return false;
    if (e->type == EVENT_OK && e->call == CALL_GET && e->value == VALUE_UNSAID)
        return false;
    finish(&ops[o->op], e, at);
    o->busy = false;
    o->op = e->type == EVENT_INFO ? NEVER : 0;
    return true;
}

mr_rc_t history_operations(const struct history *h, struct operation **ret_ops, uint32_t *ret_count,
                           uint32_t *ret_at)
{
    struct operation *ops = mem_alloc((h->count + 1) * sizeof ops[0]);
    struct open *open = mem_alloc((h->count + 1) * sizeof open[0]);
    uint32_t count = 0, processes = 0, at = 0;

    check(ops && open);
    while (at < h->count &&
           take(h, at, open_of(open, &processes, h->events[at].process), ops, &count))
        at++;
    mem_free(open);
    if (at < h->count) {
        mem_free(ops);
        *ret_at = at;
        return MR_ERR_MALFORMED;
    }
    *ret_ops = ops;
    *ret_count = count;
    return MR_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_list(const struct values *v, int32_t list, FILE *to)
{
    uint32_t n = values_at(v, list)->length;
    int64_t *items = mem_alloc((n + 1) * sizeof items[0]);

    check(items);
    for (uint32_t i = n; i-- > 0; list = values_at(v, list)->before)
        items[i] = values_at(v, list)->number;
    putc('[', to);
    for (uint32_t i = 0; i < n; i++)
        fprintf(to, "%s%lld", i ? "," : "", (long long)items[i]);
    putc(']', to);
    mem_free(items);
}

static void write_value(const struct values *v, const char *name, int32_t value, FILE *to)
{
    if (value == VALUE_UNSAID)
        return;
    fprintf(to, ",\"%s\":", name);
    switch (values_at(v, value)->kind) {
    case VALUE_IS_NOTHING: fputs("null", to); break;
    case VALUE_IS_NUMBER: fprintf(to, "%lld", (long long)values_at(v, value)->number); break;
    case VALUE_IS_LIST: write_list(v, value, to); break;
    }
}

mr_rc_t history_write(const struct history *h, FILE *to)
{
    for (uint32_t i = 0; i < h->count; i++) {
        const struct event *e = &h->events[i];

        fprintf(to, "{\"i\":%u,\"p\":%u,\"t\":%llu,\"ty\":\"%s\",\"f\":\"%s\",\"k\":\"r%u\"", i,
                e->process, (unsigned long long)e->time_ns, types[e->type], words[e->call], e->key);
        write_value(&h->values, "v", e->value, to);
        write_value(&h->values, "old", e->old, to);
        if (e->placed)
            fprintf(to, ",\"ver\":[%llu,%llu]", (unsigned long long)e->epoch,
                    (unsigned long long)e->seq);
        fprintf(to, ",\"node\":\"n%u\",\"sess\":%llu,\"op\":%llu}\n", e->node,
                (unsigned long long)e->session, (unsigned long long)e->opno);
    }
    return ferror(to) || fflush(to) != 0 ? MR_ERR_SYSTEM : MR_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool to_integer(const struct json *v, int64_t *ret_n)
{
    struct sink none = {0};
    struct scalar s;

    return v->kind == JSON_NUMBER && json_scalar(v, &none, &s) == MR_OK &&
           scalar_integer(&s, ret_n) == MR_OK;
}

static bool to_count(const struct json *v, uint64_t most, uint64_t *ret_n)
{
    int64_t n;

    if (!to_integer(v, &n) || n < 0 || (uint64_t)n > most)
        return false;
    *ret_n = (uint64_t)n;
    return true;
}

/* A letter and a number, "r5". */
static bool to_name(const struct json *v, uint32_t *ret_n)
{
    char digits[16] = "";
    struct sink out = {.at = (uint8_t *)digits, .room = sizeof digits - 1};
    char *end;

    if (v->kind != JSON_STRING || json_text(v, &out) != MR_OK || digits[0] < 'a' ||
        digits[0] > 'z' || digits[1] < '0' || digits[1] > '9')
        return false;
    unsigned long n = strtoul(digits + 1, &end, 10);

    if (*end || n >= NEVER)
        return false;
    *ret_n = (uint32_t)n;
    return true;
}

static bool to_word(const struct json *v, const char *const *from, uint32_t count, uint32_t *ret_i)
{
    for (uint32_t i = 0; i < count && v->kind == JSON_STRING; i++)
        if (json_says(v, from[i], (uint32_t)strlen(from[i]))) {
            *ret_i = i;
            return true;
        }
    return false;
}

static bool to_value(struct values *vs, const struct json *v, int32_t *ret_value)
{
    struct json item;
    int64_t n;

    if (v->kind == JSON_NULL) {
        *ret_value = VALUE_NOTHING;
        return true;
    }
    if (v->kind != JSON_ARRAY) {
        bool good = to_integer(v, &n);

        *ret_value = good ? values_number(vs, n) : VALUE_UNSAID;
        return good;
    }
    struct json_walk w = json_walk(v);
    mr_rc_t rc;

    *ret_value = VALUE_EMPTY_LIST;
    while ((rc = json_next(&w, NULL, &item)) == MR_OK && to_integer(&item, &n))
        *ret_value = values_append(vs, *ret_value, n);
    return rc == MR_NOT_FOUND;
}

static bool to_place(const struct json *v, struct event *e)
{
    struct json epoch, seq, more;

    e->placed = true;
    return json_item(v, 0, &epoch) == MR_OK && json_item(v, 1, &seq) == MR_OK &&
           json_item(v, 2, &more) == MR_NOT_FOUND && to_count(&epoch, INT64_MAX, &e->epoch) &&
           to_count(&seq, INT64_MAX, &e->seq);
}

/* A member that says where it stands in the file, i, is for people. */
static bool take_member(struct values *vs, const struct json *name, const struct json *v,
                        struct event *e, uint32_t *seen)
{
    static const char *const names[] = {"p",   "t",   "ty",   "f",    "k", "v",
                                        "old", "ver", "node", "sess", "op"};
    uint32_t which, word = 0;
    uint64_t n = 0;
    bool good = true;

    if (!to_word(name, names, sizeof names / sizeof names[0], &which))
        return true;
    *seen |= 1u << which;
    switch (which) {
    case 0: good = to_count(v, NEVER - 1, &n), e->process = (uint32_t)n; break;
    case 1: good = to_count(v, INT64_MAX, &e->time_ns); break;
    case 2: good = to_word(v, types, EVENT_TYPES, &word), e->type = word; break;
    case 3: good = to_word(v, words, CALLS, &word), e->call = word; break;
    case 4: good = to_name(v, &e->key); break;
    case 5: good = to_value(vs, v, &e->value); break;
    case 6: good = to_value(vs, v, &e->old); break;
    case 7: good = to_place(v, e); break;
    case 8: good = to_name(v, &e->node); break;
    case 9: good = to_count(v, INT64_MAX, &e->session); break;
    case 10: good = to_count(v, INT64_MAX, &e->opno); break;
    }
    return good;
}

/* All of what p, t, ty, f and k say must be there. */
static bool read_line(struct values *vs, const char *line, size_t size, struct event *e)
{
    const uint32_t needed = 0x1f;
    struct json all, name, v;
    uint32_t seen = 0;
    mr_rc_t rc;

    *e = (struct event){.value = VALUE_UNSAID, .old = VALUE_UNSAID};
    if (json_open(line, (uint32_t)size, &all) != MR_OK || all.kind != JSON_OBJECT)
        return false;
    struct json_walk w = json_walk(&all);

    while ((rc = json_next(&w, &name, &v)) == MR_OK)
        if (!take_member(vs, &name, &v, e, &seen))
            return false;
    return rc == MR_NOT_FOUND && (seen & needed) == needed;
}

mr_rc_t history_read(struct history *h, FILE *from)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    mr_rc_t rc = MR_OK;
    struct event e;

    while (rc == MR_OK && (size = getline(&line, &room, from)) > 0) {
        if (!read_line(&h->values, line, (size_t)size, &e) ||
            (h->count > 0 && e.time_ns < h->events[h->count - 1].time_ns))
            rc = MR_ERR_MALFORMED;
        else
            history_add(h, &e);
    }
    if (rc == MR_OK && ferror(from))
        rc = MR_ERR_SYSTEM;
    free(line);
    return rc;
}

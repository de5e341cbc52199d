#include "grid/config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"
#include "net/base/nearest.h"
#include "net/base/text.h"

#define MIB (1024ULL * 1024)

/* Ten years, as in the calls that set a time: more is a wrong unit. */
#define TIME_MAX_MS (3653ull * 24 * 3600 * 1000)

/* Rows of one section stand together; the part before the first dot is the section in YAML. */
const struct config_key config_keys[] = {
    {"cluster.name", CONFIG_TEXT, "dev", 1, CONFIG_NAME_MAX, NULL,
     "Members form a cluster with those of the same name, and clients ask for it by name."},
    {"cluster.members", CONFIG_TEXT, "", 0, 4095, NULL,
     "Addresses of members to form a cluster with or to join, this one included, separated by "
     "commas; empty: the member stays on its own."},
    {"cluster.bootstrap", CONFIG_CHOICE, "no", 0, 0, "no|yes",
     "Whether the member founds the cluster at once, without waiting for those in "
     "cluster.members; for one of them, once."},
    {"cluster.backup-count", CONFIG_INT, "1", 0, 6, NULL,
     "Copies of each partition besides the one that is read and written."},
    {"cluster.leave-timeout", CONFIG_DURATION, "60s", 0, TIME_MAX_MS, NULL,
     "How long a member that is ended in an orderly way may take to hand over what it has; then "
     "it ends all the same, as if it had been killed."},
    {"member.name", CONFIG_TEXT, "", 0, CONFIG_NAME_MAX, NULL,
     "What this member is called in the log; empty for its host and process, as in box-1234."},
    {"member.loops", CONFIG_INT, "0", 0, 1024, NULL,
     "Threads that serve connections and jobs; 0 for one per core."},
    {"member.workers", CONFIG_INT, "0", 0, 1024, NULL,
     "Threads for what looks at much of a large map, such as queries; 0 for one per core."},
    {"memory.max", CONFIG_SIZE, "0", 0, INT64_MAX, NULL,
     "Memory that entries may take in this member; 0 for no ceiling."},
    {"network.bind", CONFIG_TEXT, "127.0.0.1", 1, CONFIG_NAME_MAX, NULL,
     "The address that clients connect to. Others than loopback need network.insecure."},
    {"network.advertise", CONFIG_TEXT, "", 0, CONFIG_NAME_MAX, NULL,
     "The address, without a port, under which members and clients reach this one; empty: that of "
     "network.bind, which has to be one then, and not all of the host's."},
    {"network.port", CONFIG_INT, "5701", 0, 65535, NULL,
     "The port that clients connect to; 0 for any that is free."},
    {"network.port-count", CONFIG_INT, "100", 1, 65535, NULL,
     "Ports that are tried, from network.port on, until one is free."},
    {"network.listen", CONFIG_CHOICE, "yes", 0, 0, "no|yes",
     "Whether clients can connect; no is for a program that keeps its member to itself."},
    {"network.insecure", CONFIG_CHOICE, "no", 0, 0, "no|yes",
     "Whether the member may be reached from other hosts without TLS, by anybody."},
    {"http.listen", CONFIG_CHOICE, "yes", 0, 0, "no|yes",
     "Whether the member shows its metrics and its health over HTTP, on loopback only."},
    {"http.port", CONFIG_INT, "8701", 0, 65535, NULL,
     "The port for it, or the next one of a hundred that is free; 0 for any."},
    {"clients.user", CONFIG_TEXT, "", 0, CONFIG_NAME_MAX, NULL,
     "The name that clients have to give; empty for none."},
    {"clients.password", CONFIG_SECRET, "", 0, CONFIG_NAME_MAX, NULL,
     "The password that belongs to clients.user."},
    {"clients.max", CONFIG_INT, "10000", 1, 1000000, NULL,
     "Connections that may be open at once; further ones are closed."},
    {"clients.timeout", CONFIG_DURATION, "60s", 1000, TIME_MAX_MS, NULL,
     "A client that says nothing for so long is gone, and its locks are free."},
    {"limits.message-size", CONFIG_SIZE, "67108864", 65536, INT32_MAX, NULL,
     "The largest message that a client may send."},
    {"limits.result-size", CONFIG_SIZE, "268435456", 65536, INT32_MAX, NULL,
     "The largest answer that a client may get at once, and what may wait for one that is slow."},
    {"limits.key-size", CONFIG_SIZE, "65535", 1, 65535, NULL, "The largest key that is accepted."},
    {"limits.value-size", CONFIG_SIZE, "16777215", 1, 16 * MIB - 1, NULL,
     "The largest value that is accepted."},
    {"limits.objects", CONFIG_INT, "100000", 1, 10000000, NULL,
     "Maps, queues and other objects that may be made by naming them, destroyed ones included. "
     "A map takes some 20 KiB, most others less than one."},
    {"partitions.count", CONFIG_INT, "271", 1, 65535, NULL,
     "Parts into which the data is cut; the same in every member of a cluster."},
    {"log.level", CONFIG_CHOICE, "info", 0, 0, "error|warn|info|debug",
     "The least important events that are logged."},
    {"log.format", CONFIG_CHOICE, "none", 0, 0, "auto|logfmt|json|none",
     "How events are written: auto is logfmt on a terminal and json elsewhere; none writes "
     "nothing, and is the default in a program that embeds a member."},
    {"maps.*.ttl", CONFIG_DURATION, "0", 0, TIME_MAX_MS, NULL,
     "An entry expires when this long has passed since it was written; 0 for never."},
    {"maps.*.max-idle", CONFIG_DURATION, "0", 0, TIME_MAX_MS, NULL,
     "An entry expires when this long has passed since it was read or written; 0 for never."},
    {"maps.*.max-size", CONFIG_INT, "0", 0, INT64_MAX, NULL,
     "Entries that the map may have; 0 for as many as memory allows."},
    {"maps.*.max-bytes", CONFIG_SIZE, "0", 0, INT64_MAX, NULL,
     "Memory that the map's entries may take; 0 for no ceiling of its own."},
    {"maps.*.eviction", CONFIG_CHOICE, "none", 0, 0, "none|lru|lfu|random",
     "Which entries make room when a ceiling is reached: those not used for longest, those "
     "used least often, or any; with none, writes are refused."},
    {"maps.*.journal-capacity", CONFIG_INT, "0", 0, INT32_MAX, NULL,
     "Changes that each partition remembers for those who read them as a stream; 0 for none."},
    {"maps.*.min-in-sync", CONFIG_INT, "1", 1, 7, NULL,
     "Copies of an entry, the primary's included, that a write must reach; with fewer members in "
     "sync it is refused. At 2 no write is lost that was acknowledged by a member that was cut off "
     "and then died."},
    {"queues.*.max-size", CONFIG_INT, "0", 0, INT32_MAX, NULL,
     "Values that the queue may have; 0 for as many as memory allows."},
    {"ringbuffers.*.capacity", CONFIG_INT, "10000", 1, 1 << 30, NULL,
     "Values that the ringbuffer keeps; beyond them the oldest one goes, or none is added."},
    {"ringbuffers.*.ttl", CONFIG_DURATION, "0", 0, TIME_MAX_MS, NULL,
     "A value goes when this long has passed since it was added; 0 for never, and then a full "
     "ringbuffer refuses nothing."},
    {"multimaps.*.collection", CONFIG_CHOICE, "set", 0, 0, "set|list",
     "Whether a key has a value once, or as often as it was put, in that order."},
};

enum { KEYS = sizeof config_keys / sizeof config_keys[0] };
static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX,
              "a section has room for every key");
const int config_key_count = KEYS;

/* ---- keys ---- */

/* Where a key leads: to a row, of the member or of one map, queue and so on. */
struct place {
    int row;
    const char *name; /* such as "maps.orders", not terminated; NULL: the member */
    size_t name_size;
};

/* Room for the longest family, a dot, a name, and the end. */
enum { NAME_ROOM = 32 + CONFIG_NAME_MAX };

bool config_is_option(int row)
{
    return strstr(config_keys[row].name, ".*.") != NULL;
}

size_t config_family(int row)
{
    return (size_t)(strchr(config_keys[row].name, '.') + 1 - config_keys[row].name);
}

static const char *option_name(int row)
{
    return strrchr(config_keys[row].name, '.') + 1;
}

static bool is_in_family(const char *key, int row)
{
    return config_is_option(row) && strncmp(key, config_keys[row].name, config_family(row)) == 0;
}

/* The first row of the options that the key is one of, if only by its beginning; -1: of none. */
static int family_of(const char *key)
{
    for (int row = 0; row < KEYS; row++)
        if (is_in_family(key, row))
            return strchr(key + config_family(row), '.') ? row : -1;
    return -1;
}

/* An option's name has no dots, what it is an option of may have some: the last dot parts them. */
static bool find_option(const char *key, int family, struct place *ret_place)
{
    const char *word = strrchr(key, '.') + 1;
    size_t name_size = (size_t)(word - 1 - key), prefix = config_family(family);

    if (name_size <= prefix || name_size > prefix + CONFIG_NAME_MAX)
        return false;
    for (int row = 0; row < KEYS; row++)
        if (is_in_family(key, row) && strcmp(word, option_name(row)) == 0) {
            *ret_place = (struct place){row, key, name_size};
            return true;
        }
    return false;
}

static bool find(const char *key, struct place *ret_place)
{
    int family = family_of(key);

    if (family >= 0)
        return find_option(key, family, ret_place);
    for (int row = 0; row < KEYS; row++)
        if (!config_is_option(row) && strcmp(key, config_keys[row].name) == 0) {
            *ret_place = (struct place){.row = row};
            return true;
        }
    return false;
}

static mr_rc_t unknown_key(const char *key, const char *where, mr_err_t *err)
{
    bool option = family_of(key) >= 0;
    const char *word = option ? strrchr(key, '.') + 1 : key;
    struct nearest n = {.typed = word};
    char hint[sizeof err->hint];

    for (int row = 0; row < KEYS; row++)
        if (option ? is_in_family(key, row) : !config_is_option(row))
            nearest_offer(&n, option ? option_name(row) : config_keys[row].name);
    if (n.name)
        snprintf(hint, sizeof hint, "did you mean %.*s%s?", (int)(word - key), key, n.name);
    else
        snprintf(hint, sizeof hint, "millrace config example lists every key");
    return fail(err, MR_ERR_CONFIG, hint, "%s%sthere is no key %.*s", where ? where : "",
                where ? ": " : "", CONFIG_NAME_MAX, key);
}

void config_env_name(int row, char *name, size_t size)
{
    const char *key = config_keys[row].name;
    int used = config_is_option(row) ? snprintf(name, size, "MILLRACE_%.*sdefault.%s",
                                                (int)config_family(row), key, option_name(row))
                                     : snprintf(name, size, "MILLRACE_%s", key);

    check(used > 0 && (size_t)used < size);
    for (char *at = name; *at; at++) {
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
        else if (*at == '.' || *at == '-')
            *at = '_';
    }
}

/* ---- values ---- */

static bool parse_choice(const char *text, const char *choices, uint64_t *ret_place)
{
    size_t size = strlen(text);

    for (uint64_t place = 0; choices; place++) {
        const char *end = strchr(choices, '|');
        size_t word = end ? (size_t)(end - choices) : strlen(choices);

        if (size == word && memcmp(text, choices, size) == 0) {
            *ret_place = place;
            return true;
        }
        choices = end ? end + 1 : NULL;
    }
    return false;
}

static bool is_printable(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

/* What the text says to this row; false when it is nothing that the row accepts. */
static bool parse(const struct config_key *key, const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    bool good = false;

    switch (key->type) {
    case CONFIG_TEXT:
        number = strlen(text);
        good = is_printable(text, number);
        break;
    case CONFIG_SECRET:
        number = strlen(text);
        good = is_printable(text, number) && strcmp(text, CONFIG_MASK) != 0;
        break;
    case CONFIG_INT: {
        int64_t whole = 0;

        good = text_to_i64(text, 0, INT64_MAX, &whole) == MR_OK;
        number = (uint64_t)whole;
        break;
    }
    case CONFIG_SIZE: good = text_to_bytes(text, &number) == MR_OK; break;
    case CONFIG_DURATION: good = text_to_ms(text, &number) == MR_OK; break;
    case CONFIG_CHOICE:
        if (!parse_choice(text, key->choices, ret_number))
            return false;
        return true;
    }
    if (!good || number < key->least || number > key->most)
        return false;
    *ret_number = number;
    return true;
}

/* "1 to 9", or "1 or more" where the end is that of the type. */
static void describe_range(const struct config_key *key, char *text, size_t size)
{
    if (key->most == INT64_MAX)
        snprintf(text, size, "%llu or more", (unsigned long long)key->least);
    else
        snprintf(text, size, "%llu to %llu", (unsigned long long)key->least,
                 (unsigned long long)key->most);
}

void config_describe(int row, char *text, size_t size)
{
    const struct config_key *key = &config_keys[row];
    char range[64];

    describe_range(key, range, sizeof range);
    switch (key->type) {
    case CONFIG_TEXT: snprintf(text, size, "a text of %s characters", range); break;
    case CONFIG_SECRET:
        snprintf(text, size, "a text of %s characters, other than " CONFIG_MASK, range);
        break;
    case CONFIG_INT: snprintf(text, size, "a whole number, %s", range); break;
    case CONFIG_SIZE: snprintf(text, size, "a size such as 64KiB or 2GiB, %s bytes", range); break;
    case CONFIG_DURATION: snprintf(text, size, "a time such as 500ms, 30s, 5m, 2h or 7d"); break;
    case CONFIG_CHOICE: snprintf(text, size, "one of %s", key->choices); break;
    }
}

static void value_clear(struct config_value *v)
{
    mem_free(v->text);
    mem_free(v->origin);
    *v = (struct config_value){0};
}

static void value_move(struct config_value *to, struct config_value *from)
{
    value_clear(to);
    *to = *from;
    *from = (struct config_value){0};
}

static bool value_init(struct config_value *v, const char *text, const char *origin,
                       uint64_t number)
{
    *v = (struct config_value){mem_strdup(text), mem_strdup(origin), number};
    if (v->text && v->origin)
        return true;
    value_clear(v);
    return false;
}

/* ---- sections ---- */

static struct config_section *section_find(mr_config_t *c, const char *name, size_t name_size)
{
    for (struct config_section *s = c->member.next; s; s = s->next)
        if (strlen(s->name) == name_size && memcmp(s->name, name, name_size) == 0)
            return s;
    return NULL;
}

static void section_append(mr_config_t *c, struct config_section *s)
{
    struct config_section *last = &c->member;

    while (last->next)
        last = last->next;
    last->next = s;
    s->next = NULL;
}

static void section_free(struct config_section *s)
{
    for (int row = 0; row < KEYS; row++)
        value_clear(&s->values[row]);
    mem_free(s->name);
    mem_free(s);
}

/* The section of that name, made if there is none. */
static struct config_section *section_for(mr_config_t *c, const struct place *p)
{
    struct config_section *s = p->name ? section_find(c, p->name, p->name_size) : &c->member;

    if (s)
        return s;
    s = mem_alloc_zero(sizeof *s);
    if (!s || !(s->name = mem_alloc(p->name_size + 1))) {
        mem_free(s);
        return NULL;
    }
    memcpy(s->name, p->name, p->name_size);
    s->name[p->name_size] = '\0';
    section_append(c, s);
    return s;
}

/* ---- which option holds for a name ---- */

/* Does the pattern, in which * stands for any letters, fit the whole name? On a mismatch the
 * last * takes one letter more, which is all that has to be tried. */
static bool fits(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;

    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* How closely a section speaks of what has this name; 0: not at all. */
static size_t closeness(const struct config_section *s, const char *name, size_t family)
{
    if (strcmp(s->name, name) == 0)
        return SIZE_MAX;
    if (strchr(s->name, '*') && fits(s->name, name))
        return 1 + strlen(s->name);
    return strcmp(s->name + family, "default") == 0 ? 1 : 0;
}

/* Only sections of the row's family have a value for it. */
static const struct config_value *option_for(const mr_config_t *c, const char *name, int row)
{
    const struct config_value *best = &c->member.values[row];
    size_t closest = 0;

    for (const struct config_section *s = c->member.next; s; s = s->next) {
        size_t close = s->values[row].text ? closeness(s, name, config_family(row)) : 0;

        if (close > closest) {
            closest = close;
            best = &s->values[row];
        }
    }
    return best;
}

/* ---- the public side ---- */

/* The member's section holds a value for every row: the default, until another is set. For an
 * option of maps it is what holds when no section speaks of the map. */
static bool set_defaults(mr_config_t *c)
{
    for (int row = 0; row < KEYS; row++) {
        const struct config_key *key = &config_keys[row];
        uint64_t number = 0;
        bool good = parse(key, key->fallback, &number);

        check(good);
        if (!value_init(&c->member.values[row], key->fallback, "default", number))
            return false;
    }
    return true;
}

mr_config_t *mr_config_new(mr_err_t *err)
{
    mr_config_t *c;

    if (err && err->code != MR_OK)
        return NULL;
    c = mem_alloc_zero(sizeof *c);
    if (c && set_defaults(c))
        return c;
    mr_config_free(c);
    (void)fail(err, MR_ERR_MEMORY, NULL, "no memory for a configuration");
    return NULL;
}

static void problems_clear(mr_config_t *c)
{
    for (struct config_problem *next, *p = c->problems; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    c->problems = NULL;
    c->problem_count = 0;
}

void mr_config_free(mr_config_t *c)
{
    if (!c)
        return;
    for (struct config_section *next, *s = c->member.next; s; s = next) {
        next = s->next;
        section_free(s);
    }
    for (int row = 0; row < KEYS; row++)
        value_clear(&c->member.values[row]);
    problems_clear(c);
    mem_free(c);
}

mr_rc_t config_assign(mr_config_t *c, const char *key, const char *value, const char *where,
                      const char *origin, mr_err_t *err)
{
    struct place place;
    struct config_section *section;
    struct config_value fresh;
    char accepted[240], hint[256];
    uint64_t number;

    if (!find(key, &place))
        return unknown_key(key, where, err);
    if (place.name && !is_printable(place.name, place.name_size))
        return fail(err, MR_ERR_CONFIG, "use names with letters that can be printed",
                    "%s%sa name has a control character", where ? where : "", where ? ": " : "");
    if (!parse(&config_keys[place.row], value, &number)) {
        config_describe(place.row, accepted, sizeof accepted);
        snprintf(hint, sizeof hint, "it is %s", accepted);
        return fail(err, MR_ERR_CONFIG, hint, "%s%s%.*s cannot be \"%.64s\"", where ? where : "",
                    where ? ": " : "", CONFIG_NAME_MAX, key,
                    config_keys[place.row].type == CONFIG_SECRET ? CONFIG_MASK : value);
    }
    if (!value_init(&fresh, value, origin, number))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for %.*s", CONFIG_NAME_MAX, key);
    section = section_for(c, &place);
    if (!section) {
        value_clear(&fresh);
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for %.*s", CONFIG_NAME_MAX, key);
    }
    value_move(&section->values[place.row], &fresh);
    return MR_OK;
}

mr_rc_t mr_config_set(mr_config_t *c, const char *key, const char *value, mr_err_t *err)
{
    if (err && err->code != MR_OK)
        return err->code;
    if (!c || !key || !value)
        return fail(err, MR_ERR_ARGUMENT, NULL, "mr_config_set: a NULL argument");
    return config_assign(c, key, value, NULL, "set", err);
}

const char *mr_config_get(const mr_config_t *c, const char *key)
{
    struct place place;
    char name[NAME_ROOM];

    if (!c || !key || !find(key, &place))
        return NULL;
    if (!place.name)
        return c->member.values[place.row].text;
    snprintf(name, sizeof name, "%.*s", (int)place.name_size, place.name);
    return option_for(c, name, place.row)->text;
}

int mr_config_problems(const mr_config_t *c, FILE *f)
{
    if (!c)
        return 0;
    for (const struct config_problem *p = c->problems; p; p = p->next)
        (void)mr_err_report(f, &p->err);
    return c->problem_count;
}

/* ---- the member's side ---- */

static const struct config_value *member_value(const mr_config_t *c, const char *key)
{
    struct place place;
    bool known = find(key, &place);

    check(known);
    check(!place.name);
    return &c->member.values[place.row];
}

uint64_t config_number(const mr_config_t *c, const char *key)
{
    return member_value(c, key)->number;
}

const char *config_text(const mr_config_t *c, const char *key)
{
    return member_value(c, key)->text;
}

uint64_t config_option(const mr_config_t *c, const char *key, const char *name)
{
    struct place place;
    bool known = find(key, &place);
    char full[NAME_ROOM];

    check(known);
    check(place.name);
    snprintf(full, sizeof full, "%.*s%s", (int)config_family(place.row), key, name);
    return option_for(c, full, place.row)->number;
}

struct config_map config_map(const mr_config_t *c, const char *map)
{
    return (struct config_map){
        .ttl_ms = config_option(c, "maps.*.ttl", map),
        .max_idle_ms = config_option(c, "maps.*.max-idle", map),
        .entries_max = config_option(c, "maps.*.max-size", map),
        .bytes_max = config_option(c, "maps.*.max-bytes", map),
        .eviction = (enum config_eviction)config_option(c, "maps.*.eviction", map),
        .journal_capacity = config_option(c, "maps.*.journal-capacity", map),
        .in_sync_min = config_option(c, "maps.*.min-in-sync", map),
    };
}

static bool section_copy(mr_config_t *to, const struct config_section *from)
{
    struct place place = {.name = from->name, .name_size = from->name ? strlen(from->name) : 0};
    struct config_section *section = section_for(to, &place);

    if (!section)
        return false;
    for (int row = 0; row < KEYS; row++) {
        const struct config_value *v = &from->values[row];
        struct config_value fresh;

        if (!v->text)
            continue;
        if (!value_init(&fresh, v->text, v->origin, v->number))
            return false;
        value_move(&section->values[row], &fresh);
    }
    return true;
}

mr_config_t *config_copy(const mr_config_t *c)
{
    mr_config_t *copy = mem_alloc_zero(sizeof *copy);

    if (!copy)
        return NULL;
    for (const struct config_section *s = &c->member; s; s = s->next)
        if (!section_copy(copy, s)) {
            mr_config_free(copy);
            return NULL;
        }
    return copy;
}

/* ---- reading many ---- */

/* A draft holds what was read and nothing else: no defaults, so that what is set is what was
 * read. */
mr_config_t *config_begin(mr_config_t *c, mr_err_t *err)
{
    mr_config_t *draft = mem_alloc_zero(sizeof *draft);

    problems_clear(c);
    if (!draft)
        (void)fail(err, MR_ERR_MEMORY, NULL, "no memory for a configuration");
    return draft;
}

/* A file of nonsense should not fill the memory with what is wrong in it. */
enum { PROBLEMS_KEPT = 100 };

void config_problem(mr_config_t *c, const mr_err_t *problem)
{
    struct config_problem **last = &c->problems;
    struct config_problem *p;

    if (c->problem_count++ >= PROBLEMS_KEPT || !(p = mem_alloc(sizeof *p)))
        return;
    while (*last)
        last = &(*last)->next;
    *p = (struct config_problem){NULL, *problem};
    *last = p;
}

static void adopt(mr_config_t *c, struct config_section *from)
{
    struct config_section *to =
        from->name ? section_find(c, from->name, strlen(from->name)) : &c->member;

    check(to != NULL);
    for (int row = 0; row < KEYS; row++)
        if (from->values[row].text)
            value_move(&to->values[row], &from->values[row]);
}

/* Moves everything over. Nothing here can fail: a section is moved as it is, or emptied into
 * the one of the same name. */
static void merge(mr_config_t *c, mr_config_t *draft)
{
    adopt(c, &draft->member);
    for (struct config_section *next, *s = draft->member.next; s; s = next) {
        next = s->next;
        if (section_find(c, s->name, strlen(s->name))) {
            adopt(c, s);
            section_free(s);
        } else {
            section_append(c, s);
        }
    }
    draft->member.next = NULL;
}

mr_rc_t config_finish(mr_config_t *c, mr_config_t *draft, mr_err_t *err)
{
    mr_rc_t rc = MR_OK;

    if (c->problem_count == 0) {
        merge(c, draft);
    } else {
        rc = c->problems ? c->problems->err.code : MR_ERR_MEMORY;
        if (!c->problems)
            (void)fail(err, rc, NULL, "no memory for what is wrong with the configuration");
        else if (err)
            *err = c->problems->err;
        if (err && c->problem_count > 1)
            fail_detail(err, "there are %d more problems; mr_config_problems() has them all",
                        c->problem_count - 1);
    }
    mr_config_free(draft);
    return rc;
}

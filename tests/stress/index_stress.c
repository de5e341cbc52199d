/* Threads overwrite, remove and insert entries while others search them through indexes that are
 * being built at the same time. Some entries change their attribute all the time and match a range
 * all the same; some never change; each search must find all of both, once. */
#include <pthread.h>

#include "grid/op/run.h"
#include "grid/query/scan.h"
#include "net/base/check.h"
#include "net/base/epoch.h"
#include "net/base/hash.h"
#include "net/base/rand.h"
#include "net/wire/compact.h"
#include "tests/stress/stress.h"

enum {
    WRITERS = 2,
    SEARCHERS = 2,
    PARTITIONS = 5,
    MOVING = 200,     /* entries whose age goes to and fro between 10 and 19 */
    RESTING = 200,    /* whose age is 50 */
    PASSING = 40000,  /* which come and go, with ages from 100 on */
    MORE_INDEXES = 24 /* built while all this happens */
};

enum claim {
    FINDS_MOVING,
    FINDS_RESTING,
    FINDS_ONCE,
    FINDS_WHAT_MATCHES,
    USES_INDEX,
    WRITES,
    ADDS_INDEX,
    CLAIMS
};

static const char *const claims[CLAIMS] = {
    [FINDS_MOVING] = "an entry that matches with every value is found",
    [FINDS_RESTING] = "an entry that nobody changes is found",
    [FINDS_ONCE] = "no entry is found twice",
    [FINDS_WHAT_MATCHES] = "what is found matches",
    [USES_INDEX] = "searches go through an index once it is built",
    [WRITES] = "every write succeeds",
    [ADDS_INDEX] = "an index is built while others write",
};

static struct partitions partitions;
static struct metrics *metrics;
static struct map *map;
static const struct schema *person;
static uint32_t built;
static uint64_t deadline_ms;

struct worker {
    pthread_t thread;
    struct tally tally;
    uint64_t seed;
};

/* ---- entries --------------------------------------------------------------------------------- */

static struct data record(struct compact_writer *w, int64_t age)
{
    const struct scalar v = {.kind = DATA_INT, .integer = age};
    struct data d = {.kind = DATA_NULL};

    compact_reset(w);
    if (compact_set(w, "age", 3, &v, NULL) != MR_OK || compact_finish(w, &d, NULL) != MR_OK)
        abort();
    return d;
}

static int64_t age_of(const struct data *value)
{
    struct compact r;
    int64_t age = -1;

    if (compact_open(person, value->at, value->size, &r) != MR_OK ||
        compact_get_integer(&r, schema_find(person, "age", 3), &age) != MR_OK)
        return -1;
    return age;
}

static mr_rc_t change(enum map_verb verb, uint32_t n, const struct data *value)
{
    struct map_request q = {.verb = verb,
                            .key = {(const uint8_t *)&n, sizeof n, DATA_INT},
                            .ttl_ms = TIME_DEFAULT,
                            .idle_ms = TIME_DEFAULT};
    struct map_answer a;

    if (value)
        q.value = *value;
    epoch_enter();
    mr_rc_t rc = run_request(map, &q, &a);
    epoch_exit();
    return rc;
}

static void put(struct tally *t, struct compact_writer *w, uint32_t n, int64_t age)
{
    struct data d = record(w, age);

    holds(t, WRITES, change(MAP_PUT, n, &d) == MR_OK, "a put failed");
}

/* ---- writers --------------------------------------------------------------------------------- */

static void *write_entries(void *context)
{
    struct worker *self = context;
    struct compact_writer *w = compact_writer_new(person, NULL, 0);
    struct rand chance;

    rand_init(&chance, self->seed);
    while (clock_ms() < deadline_ms) {
        uint64_t draw = rand_next(&chance);
        uint32_t n = MOVING + RESTING + (uint32_t)(draw >> 8) % PASSING;

        if (draw % 4 == 0)
            put(&self->tally, w, (uint32_t)(draw >> 8) % MOVING, 10 + (int64_t)(draw >> 40) % 10);
        else if (draw % 4 == 1)
            (void)!change(MAP_REMOVE, n, NULL);
        else
            put(&self->tally, w, n, 100 + (int64_t)(draw >> 40) % 1000);
    }
    compact_writer_free(w);
    return NULL;
}

/* ---- searchers ------------------------------------------------------------------------------- */

struct search {
    struct tally *tally;
    int64_t low, high;
    uint32_t found[MOVING + RESTING + PASSING];
};

static bool find(void *context, const struct data *key, const struct data *value)
{
    struct search *s = context;
    int64_t age = age_of(value);
    uint32_t n;

    memcpy(&n, key->at, sizeof n);
    holds(s->tally, FINDS_WHAT_MATCHES, age >= s->low && age <= s->high, "age %lld",
          (long long)age);
    holds(s->tally, FINDS_ONCE, s->found[n]++ == 0, "%u was found twice", n);
    return true;
}

static void search(struct search *s, int64_t low, int64_t high)
{
    struct predicate *p;
    struct scan_cost cost;
    char text[64];
    int size =
        snprintf(text, sizeof text, "age between %lld and %lld", (long long)low, (long long)high);
    bool indexed = load_acquire_32(&built);

    memset(s->found, 0, sizeof s->found);
    s->low = low;
    s->high = high;
    if (predicate_of_text(text, (size_t)size, &p, NULL) != MR_OK)
        abort();
    epoch_enter();
    check(scan_map(map, NULL, p, find, s, &cost) == MR_OK);
    epoch_exit();
    predicate_free(p);
    if (indexed)
        holds(s->tally, USES_INDEX, cost.by_index == PARTITIONS, "%u partitions", cost.by_index);
}

static void *search_entries(void *context)
{
    struct worker *self = context;
    struct search *s = calloc(1, sizeof *s);

    s->tally = &self->tally;
    while (clock_ms() < deadline_ms) {
        search(s, 10, 19);
        for (uint32_t i = 0; i < MOVING; i++)
            holds(s->tally, FINDS_MOVING, s->found[i] == 1, "%u is missing", i);
        search(s, 50, 50);
        for (uint32_t i = MOVING; i < MOVING + RESTING; i++)
            holds(s->tally, FINDS_RESTING, s->found[i] == 1, "%u is missing", i);
        search(s, 300, 310);
    }
    free(s);
    return NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Of the age, and of something that there is not, which makes it another index. */
static void add_index(struct tally *t, int32_t type, int number)
{
    char name[16];
    struct index_text text[] = {{"age", 3},
                                {name, (uint32_t)snprintf(name, sizeof name, "x%d", number)}};
    const struct index_config c = {.type = type, .attributes = text, .count = number ? 2 : 1};

    holds(t, ADDS_INDEX, map_index_add(map, &c, NULL) == MR_OK, "no index %d", number);
}

static void open_map(void)
{
    static const struct schema_field_spec field = {"age", 3, SCHEMA_INT32};
    const struct map_rules rules = {
        .entries_max = UINT64_MAX, .bytes_max = UINT64_MAX, .key_max = 64, .value_max = 4096};
    struct schema *s;

    hash_init(1);
    if (schema_new("person", 6, &field, 1, &s, NULL) != MR_OK ||
        schema_registry_add(schema_registry_shared(), s, &person) != MR_OK ||
        metrics_new(&metrics) != MR_OK || partitions_start(&partitions, PARTITIONS, 0) != MR_OK ||
        map_new(&partitions, metrics, "map", "people", &rules, &map) != MR_OK)
        abort();
}

int main(void)
{
    static struct worker workers[WRITERS + SEARCHERS];
    static struct tally sum;

    open_map();
    struct compact_writer *w = compact_writer_new(person, NULL, 0);

    for (uint32_t i = 0; i < MOVING + RESTING + PASSING; i++)
        put(&sum, w, i, i < MOVING ? 10 : i < MOVING + RESTING ? 50 : 100 + i % 1000);
    deadline_ms = stress_deadline_ms();
    for (int i = 0; i < WRITERS + SEARCHERS; i++) {
        workers[i].seed = (uint64_t)i + 1;
        pthread_create(&workers[i].thread, NULL, i < WRITERS ? write_entries : search_entries,
                       &workers[i]);
    }
    add_index(&sum, INDEX_SORTED, 0);
    store_release_32(&built, 1);
    for (int i = 1; i <= MORE_INDEXES; i++)
        add_index(&sum, i % 2, i);
    for (int i = 0; i < WRITERS + SEARCHERS; i++) {
        pthread_join(workers[i].thread, NULL);
        tally_add(&sum, &workers[i].tally);
    }
    map_check(map);
    compact_writer_free(w);
    map_free(map);
    partitions_stop(&partitions);
    metrics_free(metrics);
    return tally_report(&sum, claims, CLAIMS);
}

/* away_stress.c - clients that ask for a large map over and over, while it changes.
 *
 * Each client connects, sends a handful of requests at once - the keys, the values that meet a
 * condition, what to remove, pings - and reads the answers, or leaves without them. A writer puts
 * and removes beside them. At the end the member stops with requests under way.
 *
 *     make B=build/tsan SAN=thread plain && build/tsan/test/away_stress
 */
#include "grid/data/map_object.h"
#include "grid/door/dispatch.h"
#include "grid/member.h"
#include "grid/op/run.h"
#include "net/base/check.h"
#include "net/base/epoch.h"
#include "net/base/rand.h"
#include "net/base/thread.h"
#include "tests/raw_client.h"
#include "tests/stress/stress.h"

enum { PINNED = 2 * CALL_ENTRIES_MAX, KEYS = 3 * CALL_ENTRIES_MAX, CLIENTS = 3, BATCH = 12 };

enum claim { IS_LET_IN, ANSWERED_ONCE, HAS_ALL_KEYS, CLAIMS };

static const char *const claims[CLAIMS] = {
    [IS_LET_IN] = "a client is let in",
    [ANSWERED_ONCE] = "each request is answered once",
    [HAS_ALL_KEYS] = "all keys that stay are listed",
};

static struct member *member;
static struct map *map;
static uint64_t until_ms;

struct worker {
    struct thread thread;
    struct tally tally;
    struct rand rand;
};

static const struct wire_bytes large = {(const uint8_t *)"large", 5};

/* ---- the map -------------------------------------------------------------------------------- */

static void change(uint32_t n, enum map_verb verb)
{
    const struct map_request q = {.verb = verb,
                                  .key = {(const uint8_t *)&n, 4, DATA_INT},
                                  .value = {(const uint8_t *)&n, 4, DATA_INT},
                                  .ttl_ms = TIME_DEFAULT,
                                  .idle_ms = TIME_DEFAULT};
    struct map_answer a;

    epoch_enter();
    check(run_request(map, &q, &a) < MR_ERR_MEMORY);
    epoch_exit();
}

static void write_on(void *context)
{
    struct worker *w = context;

    while (clock_ms() < until_ms)
        change(PINNED + (uint32_t)rand_below(&w->rand, KEYS - PINNED),
               rand_below(&w->rand, 2) ? MAP_PUT : MAP_REMOVE);
}

/* ---- clients -------------------------------------------------------------------------------- */

struct answers {
    struct worker *worker;
    uint32_t count;
    bool seen[BATCH + 1];
};

static bool note(void *context, const uint8_t *bytes, size_t size)
{
    struct answers *a = context;
    struct map_key_set_rsp keys;
    struct wire_head head;
    const char *field;

    if (size == 0)
        return true;
    check(wire_read_head(bytes, size, &head) == MR_OK && head.correlation <= BATCH);
    holds(&a->worker->tally, ANSWERED_ONCE, !a->seen[head.correlation], "a second answer");
    a->seen[head.correlation] = true;
    a->count++;
    if (head.type == wire_type(WIRE_map_key_set_rsp)) {
        check(wire_decode(WIRE_map_key_set_rsp, bytes, size, &keys, &field) == MR_OK);
        holds(&a->worker->tally, HAS_ALL_KEYS, keys.response.count >= PINNED, "%u keys",
              keys.response.count);
    }
    return true;
}

/* A predicate that is false of everything, as a client writes it. */
static const uint8_t never[] = {0xff, 0xff, 0xff, 0xfe, 1, 0xff, 0xff, 0xff, 0xec, 0, 0, 0, 13};

static void ask(struct raw_client *c, struct rand *rand, int64_t correlation)
{
    const struct data none = {never, sizeof never, DATA_IDENTIFIED};

    switch (rand_below(rand, 4)) {
    case 0:
        raw_request(c, WIRE_map_key_set_req, correlation, &(struct map_key_set_req){large});
        break;
    case 1:
        raw_request(c, WIRE_map_values_with_predicate_req, correlation,
                    &(struct map_values_with_predicate_req){.name = large, .predicate = none});
        break;
    case 2:
        raw_request(c, WIRE_map_remove_all_req, correlation,
                    &(struct map_remove_all_req){.name = large, .predicate = none});
        break;
    default: raw_request(c, WIRE_client_ping_req, correlation, NULL);
    }
}

static void visit(struct worker *w)
{
    struct answers a = {.worker = w};
    struct raw_client c;
    bool stays = rand_below(&w->rand, 4) > 0;

    if (!holds(&w->tally, IS_LET_IN, raw_open(&c, member->door.address.port), "not let in"))
        return;
    for (int i = 1; i <= BATCH; i++)
        ask(&c, &w->rand, i);
    if (raw_send(&c) && stays)
        while (a.count < BATCH + 1)
            if (!holds(&w->tally, ANSWERED_ONCE, raw_receive(&c, note, &a), "it is cut off"))
                break;
    raw_close(&c);
}

static void visit_on(void *context)
{
    while (clock_ms() < until_ms)
        visit(context);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void open_member(void)
{
    mr_err_t err = MR_ERR_INIT;
    mr_config_t *c = mr_config_new(&err);
    struct object *o;

    check(mr_config_set(c, "network.port", "0", &err) == MR_OK);
    check(mr_config_set(c, "member.loops", "2", &err) == MR_OK);
    check(mr_config_set(c, "member.workers", "2", &err) == MR_OK);
    check(mr_config_set(c, "partitions.count", "7", &err) == MR_OK);
    check(member_start(c, &member, &err) == MR_OK);
    mr_config_free(c);
    epoch_enter();
    check(objects_open(&member->objects, OBJECT_MAP, "large", &o) == MR_OK);
    epoch_exit();
    map = object_map(o);
    for (uint32_t i = 0; i < KEYS; i++)
        change(i, MAP_PUT);
}

int main(void)
{
    static struct worker workers[CLIENTS + 1];
    struct tally sum = {0};
    struct raw_client last;
    struct rand rand;

    open_member();
    until_ms = stress_deadline_ms();
    for (int i = 0; i <= CLIENTS; i++) {
        rand_init(&workers[i].rand, (uint64_t)i + 1);
        check(thread_start(&workers[i].thread, "stress", i < CLIENTS ? visit_on : write_on,
                           &workers[i]) == MR_OK);
    }
    for (int i = 0; i <= CLIENTS; i++) {
        thread_join(&workers[i].thread);
        tally_add(&sum, &workers[i].tally);
    }
    rand_init(&rand, 1);
    check(raw_open(&last, member->door.address.port));
    for (int i = 1; i <= BATCH; i++)
        ask(&last, &rand, i);
    (void)raw_send(&last);
    member_stop(member);
    raw_close(&last);
    return tally_report(&sum, claims, CLAIMS);
}

/* gather_test.c - calls about a whole map, at any member of three.
 *
 * Each member is a process of its own, so that one can be killed as a machine kills it; the test
 * speaks the protocol to whichever it likes, and asks again where a client would. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "grid/member.h"
#include "net/base/mem.h"
#include "net/wire/fault.h"
#include "tests/free_ports.h"
#include "tests/raw_client.h"

enum { MEMBERS = 3, KEYS = 200, TRIES = 600, FOR_INT = 4 };

static pid_t process[MEMBERS];
static uint16_t port[MEMBERS];
static int
    settled[2]; /* a pipe: a byte from each member that sees all partitions with all copies */

/* ---- members -------------------------------------------------------------------------------- */

/* While it is not, a call about a whole map may have to begin anew, or be in doubt. */
static bool is_even(const struct control_view *v)
{
    uint32_t least = UINT32_MAX, most = 0, few = UINT32_MAX, many = 0;

    for (uint32_t i = 0; i < v->count; i++) {
        const struct control_member *x = &v->members[i];

        least = x->primaries < least ? x->primaries : least;
        most = x->primaries > most ? x->primaries : most;
        few = x->copies < few ? x->copies : few;
        many = x->copies > many ? x->copies : many;
    }
    return most - least <= 1 && many - few <= 1;
}

static void live(int i)
{
    mr_config_t *c = mr_config_new(NULL);
    char own[8], all[80];
    struct member *m;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(own, sizeof own, "%u", port[i]);
    snprintf(all, sizeof all, "127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u", port[0], port[1], port[2]);
    if (mr_config_set(c, "network.port", own, NULL) != MR_OK ||
        mr_config_set(c, "cluster.members", all, NULL) != MR_OK ||
        mr_config_set(c, "partitions.count", "31", NULL) != MR_OK ||
        mr_config_set(c, "member.loops", "1", NULL) != MR_OK || member_start(c, &m, NULL) != MR_OK)
        _exit(1);
    static struct control_view v;
    bool told = false;

    for (;; nanosleep(&(struct timespec){0, 10000000}, NULL)) { /* between two looks */
        control_look(m->control, &v);
        if (!told && v.count == MEMBERS && v.offline == 0 && v.short_of_copies == 0 && is_even(&v))
            told = write(settled[1], "", 1) == 1;
    }
}

static void open_cluster(void)
{
    char byte;

    free_ports(port, MEMBERS);
    cr_assert(pipe(settled) == 0);
    for (int i = 0; i < MEMBERS; i++)
        if ((process[i] = fork()) == 0)
            live(i);
    for (int i = 0; i < MEMBERS; i++)
        cr_assert(read(settled[0], &byte, 1) == 1);
}

static void end_one(int i)
{
    if (process[i] == 0)
        return;
    kill(process[i], SIGKILL);
    waitpid(process[i], NULL, 0);
    process[i] = 0;
}

static void close_cluster(void)
{
    for (int i = 0; i < MEMBERS; i++)
        end_one(i);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* The last answer: what was decoded lies in the message. */
static union wire_message said;
static struct wire_error error;
static uint8_t *message;

struct taking {
    bool has;
};

static bool take(void *context, const uint8_t *bytes, size_t size)
{
    struct taking *t = context;
    struct wire_head head;

    if (!bytes)
        return true;
    cr_assert(wire_read_head(bytes, size, &head) == MR_OK);
    if (head.correlation != 1)
        return true;
    mem_free(message);
    message = mem_alloc(size);
    memcpy(message, bytes, size);
    t->has = true;
    if (head.type == WIRE_ERROR) {
        cr_assert(wire_read_error(message, size, &error) == MR_OK);
    } else {
        const char *field;

        error.code = 0;
        cr_assert(wire_decode((enum wire_id)wire_find(head.type), message, size, &said, &field) ==
                  MR_OK);
    }
    return true;
}

/* False: there was no answer. */
static bool ask_once(int member, enum wire_id id, const void *request)
{
    struct taking t = {false};
    struct raw_client c;
    bool alive = raw_open(&c, port[member]);

    raw_request(&c, id, 1, request);
    alive = alive && raw_send(&c);
    while (alive && !t.has)
        alive = raw_receive(&c, take, &t);
    raw_close(&c);
    return t.has;
}

/* Asks again for as long as the cluster is not settled, as a client does. */
static void ask(int member, enum wire_id id, const void *request)
{
    for (int i = 0; i < TRIES; i++) {
        if (ask_once(member, id, request) &&
            (error.code == 0 || fault_of_code(error.code)->fate != FAULT_AGAIN))
            return;
        nanosleep(&(struct timespec){0, 50000000}, NULL); /* between two looks */
    }
    cr_fail("never: %s at member %d", wire_name(id), member);
}

/* ---- a map of numbers ----------------------------------------------------------------------- */

static const struct wire_bytes name = {(const uint8_t *)"test", 4};

static struct data number(int32_t n, uint8_t room[FOR_INT])
{
    for (int i = 0; i < FOR_INT; i++)
        room[i] = (uint8_t)((uint32_t)n >> (24 - 8 * i));
    return (struct data){room, FOR_INT, DATA_INT};
}

static int32_t number_of(const struct data *d)
{
    cr_assert(d->kind == DATA_INT);
    return (int32_t)((uint32_t)d->at[0] << 24 | (uint32_t)d->at[1] << 16 | (uint32_t)d->at[2] << 8 |
                     d->at[3]);
}

/* k is 1000 + k, for all, in one message about no partition. */
static void fill(int member)
{
    struct sink pairs = {.grows = true};

    for (int32_t k = 0; k < KEYS; k++) {
        uint8_t a[FOR_INT], b[FOR_INT];
        struct data key = number(k, a), value = number(1000 + k, b);

        wire_put(&pairs, WIRE_data, &key);
        wire_put(&pairs, WIRE_data, &value);
    }
    ask(member, WIRE_map_put_all_req,
        &(struct map_put_all_req){.name = name, .entries = wire_list_of(&pairs, KEYS)});
    cr_assert(eq(int, error.code, 0));
    sink_free(&pairs);
}

static int32_t size_at(int member)
{
    ask(member, WIRE_map_size_req, &(struct map_size_req){name});
    return said.map_size_rsp.response;
}

/* Does the last answer have these numbers, each once? */
static bool are_numbers(struct wire_list l, int32_t from, int32_t to)
{
    bool seen[KEYS] = {false};
    struct data d;
    int32_t n = 0;

    while (wire_next(&l, WIRE_datas, &d, NULL)) {
        int32_t k = number_of(&d);

        if (k < from || k >= to || seen[k - from])
            return false;
        seen[k - from] = true;
        n++;
    }
    return n == to - from;
}

static bool has_all_keys(int member)
{
    ask(member, WIRE_map_key_set_req, &(struct map_key_set_req){name});
    return are_numbers(said.map_key_set_rsp.response, 0, KEYS);
}

/* A condition as text, as a Data. */
static struct data condition(const char *text, struct sink *room)
{
    room->size = 0;
    sink_put8(room, 1);
    sink_put32(room, (uint32_t)-20);
    sink_put32(room, 0);
    sink_put32(room, (uint32_t)strlen(text));
    sink_put(room, text, strlen(text));
    return (struct data){room->at, (uint32_t)room->size, DATA_IDENTIFIED};
}

static bool holds(int member, int32_t value)
{
    uint8_t room[FOR_INT];

    ask(member, WIRE_map_contains_value_req,
        &(struct map_contains_value_req){.name = name, .value = number(value, room)});
    return said.map_contains_value_rsp.response;
}

static bool is_empty(int member)
{
    ask(member, WIRE_map_is_empty_req, &(struct map_is_empty_req){name});
    return said.map_is_empty_rsp.response;
}

#define CLUSTER(sentence) Test(gather, sentence, .init = open_cluster, .fini = close_cluster)

CLUSTER(every_member_answers_for_the_whole_map_and_no_entry_twice)
{
    fill(0);
    for (int i = 0; i < MEMBERS; i++) {
        cr_assert(eq(int, size_at(i), KEYS));
        cr_assert(has_all_keys(i), "member %d", i);
        cr_assert(not(is_empty(i)));
        for (int32_t v = 1000; v < 1010; v++)
            cr_assert(holds(i, v));
        cr_assert(not(holds(i, 7)));
    }
}

CLUSTER(every_member_finds_what_a_condition_is_true_of)
{
    struct sink room = {.grows = true};

    fill(1);
    for (int i = 0; i < MEMBERS; i++) {
        ask(i, WIRE_map_values_with_predicate_req,
            &(struct map_values_with_predicate_req){name, condition("this < 1050", &room)});
        cr_assert(are_numbers(said.map_values_with_predicate_rsp.response, 1000, 1050));
    }
    ask(2, WIRE_map_remove_all_req,
        &(struct map_remove_all_req){name, condition("this >= 1050", &room)});
    for (int i = 0; i < MEMBERS; i++)
        cr_assert(eq(int, size_at(i), 50));
    sink_free(&room);
}

CLUSTER(keys_of_several_members_are_read_by_one_message)
{
    struct sink keys = {.grows = true};

    fill(2);
    for (int32_t k = KEYS - 20; k < KEYS + 20; k++) {
        uint8_t room[FOR_INT];
        struct data key = number(k, room);

        wire_put(&keys, WIRE_data, &key);
    }
    for (int i = 0; i < MEMBERS; i++) {
        ask(i, WIRE_map_get_all_req,
            &(struct map_get_all_req){.name = name, .keys = wire_list_of(&keys, 40)});
        cr_assert(eq(u32, said.map_get_all_rsp.response.count, 20));
    }
    sink_free(&keys);
}

CLUSTER(a_map_that_one_member_clears_is_empty_for_all)
{
    fill(0);
    ask(1, WIRE_map_clear_req, &(struct map_clear_req){name});
    for (int i = 0; i < MEMBERS; i++) {
        cr_assert(eq(int, size_at(i), 0));
        cr_assert(is_empty(i));
    }
    fill(2);
    ask(0, WIRE_map_evict_all_req, &(struct map_evict_all_req){name});
    for (int i = 0; i < MEMBERS; i++)
        cr_assert(is_empty(i));
}

CLUSTER(when_a_member_is_killed_the_others_have_the_whole_map)
{
    fill(0);
    end_one(1);
    for (int i = 0; i < MEMBERS; i += 2) {
        cr_assert(eq(int, size_at(i), KEYS));
        cr_assert(has_all_keys(i));
    }
    ask(2, WIRE_map_clear_req, &(struct map_clear_req){name});
    cr_assert(is_empty(0));
    cr_assert(is_empty(2));
}

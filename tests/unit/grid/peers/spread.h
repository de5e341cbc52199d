/* spread.h - for tests: two members that share all partitions, and one on its own beside them.
 *
 * Each is a process, so that one can be killed as a machine kills it. Three found a cluster in
 * which each has a copy of everything, and the one that is primary of all at first is killed; the
 * others share what it was then. Whatever the two are asked has to be answered as the one answers
 * that has the same data: ask_all sees to that. */
#ifndef TESTS_UNIT_GRID_PEERS_SPREAD_H
#define TESTS_UNIT_GRID_PEERS_SPREAD_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "grid/data/map_object.h"
#include "grid/member.h"
#include "grid/op/copies.h"
#include "net/base/mem.h"
#include "net/wire/fault.h"
#include "net/wire/schema.h"
#include "tests/free_ports.h"
#include "tests/raw_client.h"

/* Places: two that share, one that is alone; then the founder, and one that comes later. */
enum { SHARING = 2, ALONE = 2, FOUNDER = 3, LATE = 4, PLACES = 5, TRIES = 600 };

static pid_t process[PLACES];
static uint16_t port[PLACES];
static int told_pipe[2];

/* ---- members -------------------------------------------------------------------------------- */

/* What a member's process tells the test: a letter, once each. */
enum {
    TELL_THREE = 1,   /* three are there, each partition has its copies; and who founded: + place */
    TELL_SPREAD = 64, /* two are there, each is primary of some and can do without the other */
    TELL_INDEX,       /* the map "test" has an index here */
    TELL_SCHEMA       /* a schema is known here */
};

/* One of them can be spared. */
static inline bool is_settled(const struct control_view *v, uint32_t members)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (!v->members[i].voter)
            return false;
    return v->count == members && v->offline == 0 && v->short_of_copies == 0;
}

static inline uint8_t founder_of(const struct control_view *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        for (uint8_t k = 0; k < PLACES && v->members[i].primaries > 0; k++)
            if (port[k] == v->members[i].card.address.port)
                return k;
    return 0;
}

static inline bool is_spread(const struct control_view *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (v->members[i].primaries == 0)
            return false;
    return v->count == SHARING && v->offline == 0 && v->attached;
}

static inline void count_schema(void *context, const struct schema *s)
{
    (void)s;
    ++*(int *)context;
}

/* Says a thing once that has become true. */
static inline void tell(bool is_true, uint8_t what, bool *told)
{
    if (is_true && !*told)
        *told = write(told_pipe[1], &what, 1) == 1;
}

/* SIGUSR1: a member takes no appends any more, though it lives, as one that takes its row for newer
 * than it is. */
static volatile sig_atomic_t is_to_refuse;

static inline void on_usr1(int number)
{
    (void)number;
    is_to_refuse = 1;
}

static inline void refuse_appends(struct member *m)
{
    for (uint32_t i = 0; i < m->partitions.count; i++) {
        struct partition *p = &m->partitions.at[i];

        partition_lock(p);
        if (p->copies->replica.state == REPLICA_BACKUP)
            p->copies->replica.row.epoch += 1 << 30;
        partition_unlock(p);
    }
}

static inline void tell_what_happens(struct member *m)
{
    bool three = false, spread = false, index = false, schema = false;
    static struct control_view v;

    for (;; nanosleep(&(struct timespec){0, 10000000}, NULL)) { /* between looks */
        struct object *o = objects_find(&m->objects, OBJECT_MAP, "test");
        int schemas = 0;

        if (m->control)
            control_look(m->control, &v);
        if (is_to_refuse) {
            refuse_appends(m);
            is_to_refuse = 0;
        }
        tell(is_settled(&v, 3), (uint8_t)(TELL_THREE + founder_of(&v)), &three);
        tell(three && is_spread(&v), TELL_SPREAD, &spread);
        tell(o && map_is_indexed(&object_map(o)->indexes), TELL_INDEX, &index);
        schema_registry_each(schema_registry_shared(), count_schema, &schemas);
        tell(schemas > 0, TELL_SCHEMA, &schema);
    }
}

static inline void live(int i)
{
    mr_config_t *c = mr_config_new(NULL);
    char own[8], all[100];
    struct member *m;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR1, on_usr1);
    snprintf(own, sizeof own, "%u", port[i]);
    snprintf(all, sizeof all, "127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u", port[0], port[1],
             port[FOUNDER]);
    if (mr_config_set(c, "network.port", own, NULL) != MR_OK ||
        (i != ALONE && mr_config_set(c, "cluster.members", all, NULL) != MR_OK) ||
        mr_config_set(c, "cluster.backup-count", "2", NULL) != MR_OK ||
        mr_config_set(c, "partitions.count", "31", NULL) != MR_OK ||
        mr_config_set(c, "member.loops", "1", NULL) != MR_OK ||
        mr_config_set(c, "maps.*.journal-capacity", "1000", NULL) != MR_OK ||
        member_start(c, &m, NULL) != MR_OK)
        _exit(1);
    tell_what_happens(m);
}

static inline void start_one(int i)
{
    if ((process[i] = fork()) == 0)
        live(i);
}

static inline void end_one(int i)
{
    if (process[i] == 0)
        return;
    kill(process[i], SIGKILL);
    waitpid(process[i], NULL, 0);
    process[i] = 0;
}

/* Waits until this is told so often; `or_more`: by a byte up to that. Other things are passed
 * over. */
static inline uint8_t wait_told(uint8_t what, uint8_t or_up_to, int times)
{
    uint8_t byte = 0, last = 0;

    while (times > 0) {
        cr_assert(read(told_pipe[0], &byte, 1) == 1);
        if (byte >= what && byte <= or_up_to) {
            last = byte;
            times--;
        }
    }
    return last;
}

static inline void swap_places(int a, int b)
{
    pid_t p = process[a];
    uint16_t n = port[a];

    process[a] = process[b];
    port[a] = port[b];
    process[b] = p;
    port[b] = n;
}

static inline void wait_serving(void);

static inline void open_spread(void)
{
    free_ports(port, PLACES);
    cr_assert(pipe(told_pipe) == 0);
    start_one(0);
    start_one(1);
    start_one(FOUNDER);
    start_one(ALONE);
    int founder = wait_told(TELL_THREE, TELL_THREE + PLACES, 3) - TELL_THREE;

    end_one(founder);
    swap_places(founder, FOUNDER);
    (void)wait_told(TELL_SPREAD, TELL_SPREAD, SHARING);
    wait_serving();
}

static inline void close_spread(void)
{
    for (int i = 0; i < PLACES; i++)
        end_one(i);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* An answer: what was decoded lies in the message. */
struct answer {
    union wire_message m;
    struct wire_error error;
    uint8_t *message;
    size_t size;
};

static inline bool take_answer(void *context, const uint8_t *bytes, size_t size)
{
    struct answer *a = context;
    struct wire_head head;
    const char *field;

    if (!bytes)
        return true;
    cr_assert(wire_read_head(bytes, size, &head) == MR_OK);
    if (head.correlation != 1)
        return true;
    a->message = mem_alloc(size);
    memcpy(a->message, bytes, size);
    a->size = size;
    a->error.code = 0;
    if (head.type == WIRE_ERROR)
        cr_assert(wire_read_error(a->message, size, &a->error) == MR_OK);
    else
        cr_assert(wire_decode((enum wire_id)wire_find(head.type), a->message, size, &a->m,
                              &field) == MR_OK);
    return true;
}

static inline void answer_free(struct answer *a)
{
    mem_free(a->message);
    a->message = NULL;
}

/* False: there was none. */
static inline bool ask_once(int member, enum wire_id id, const void *request, struct answer *a)
{
    struct raw_client c;
    bool alive = raw_open(&c, port[member]);

    *a = (struct answer){.message = NULL};
    errno = 0;
    /* One that never comes is to be seen as that. */
    setsockopt(c.socket, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){20, 0}, sizeof(struct timeval));
    raw_request(&c, id, 1, request);
    alive = alive && raw_send(&c);
    while (alive && !a->message)
        alive = raw_receive(&c, take_answer, a);
    cr_assert(ne(int, errno, EAGAIN), "no answer: %s at member %d", wire_name(id), member);
    raw_close(&c);
    return a->message != NULL;
}

/* Asks again for as long as the cluster is not settled, as a client does. */
static inline struct answer ask(int member, enum wire_id id, const void *request)
{
    for (int i = 0; i < TRIES; i++) {
        struct answer a;

        if (ask_once(member, id, request, &a) &&
            (a.error.code == 0 || fault_of_code(a.error.code)->fate != FAULT_AGAIN))
            return a;
        answer_free(&a);
        nanosleep(&(struct timespec){0, 50000000}, NULL); /* between two looks */
    }
    cr_fail("never: %s at member %d", wire_name(id), member);
    return (struct answer){.message = NULL};
}

/* To be done: no error. */
static inline void tell_one(int member, enum wire_id id, const void *request)
{
    struct answer a = ask(member, id, request);

    cr_assert(eq(int, a.error.code, 0), "%s: %.*s", wire_name(id), (int)a.error.message.size,
              (const char *)a.error.message.at);
    answer_free(&a);
}

/* To be done by those that share, of whom this one is asked, and by the one alone. */
static inline void tell_both(int member, enum wire_id id, const void *request)
{
    tell_one(member, id, request);
    tell_one(ALONE, id, request);
}

/* Of a whole map, both answer only when all of their partitions are served again. */
static inline void wait_serving(void)
{
    for (int i = 0; i < SHARING; i++)
        tell_one(i, WIRE_map_size_req, &(struct map_size_req){wire_text("first")});
}

/* ---- comparing ------------------------------------------------------------------------------ */

enum order { IN_ORDER, IN_ANY_ORDER };

/* The items of a list of Data, or of pairs, as frames behind one another, in an order of their
 * bytes. */
struct frame_of_list {
    const uint8_t *at;
    uint32_t size;
};

static inline int by_frame(const void *left, const void *right)
{
    const struct frame_of_list *a = left, *b = right;
    uint32_t least = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->at, b->at, least);

    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static inline uint32_t frame_size(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint32_t frames_of(struct wire_list l, bool pairs, struct frame_of_list *ret_f,
                                 uint32_t most)
{
    uint32_t n = 0;

    for (uint32_t at = 0; at < l.size; n++) {
        uint32_t size = frame_size(l.at + at);

        if (pairs)
            size += frame_size(l.at + at + size);
        cr_assert(n < most);
        ret_f[n] = (struct frame_of_list){l.at + at, size};
        at += size;
    }
    qsort(ret_f, n, sizeof *ret_f, by_frame);
    return n;
}

static inline bool are_alike(struct wire_list a, struct wire_list b, bool pairs)
{
    enum { MOST = 2000 };
    static struct frame_of_list x[MOST], y[MOST];
    uint32_t n = frames_of(a, pairs, x, MOST);

    if (a.count != b.count || frames_of(b, pairs, y, MOST) != n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (by_frame(&x[i], &y[i]) != 0)
            return false;
    return true;
}

static inline bool has_pairs(enum wire_id id)
{
    return strstr(wire_name(id), "entry_set") || strstr(wire_name(id), "entries_with") ||
           strstr(wire_name(id), "get_all") || strstr(wire_name(id), "execute");
}

/* Are two answers to this the same? */
static inline bool is_same(enum wire_id id, enum order order, const struct answer *a,
                           const struct answer *b)
{
    if (a->error.code || b->error.code)
        return a->error.code == b->error.code;
    if (order == IN_ANY_ORDER)
        return are_alike(a->m.map_key_set_rsp.response, b->m.map_key_set_rsp.response,
                         has_pairs(id));
    return a->size == b->size && memcmp(a->message, b->message, a->size) == 0;
}

/* Both that share answer as the one alone does, which is not with an error. */
static inline void ask_all(enum wire_id id, enum order order, const void *request)
{
    struct answer one = ask(ALONE, id, request);

    cr_assert(eq(int, one.error.code, 0), "%s", wire_name(id));
    for (int i = 0; i < SHARING; i++) {
        struct answer a = ask(i, id, request);

        cr_assert(is_same(id, order, &a, &one), "%s at member %d: %d %.*s", wire_name(id), i,
                  a.error.code, (int)a.error.message.size, (const char *)a.error.message.at);
        answer_free(&a);
    }
    answer_free(&one);
}

#endif

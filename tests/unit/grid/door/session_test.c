/* session_test.c - who comes in, what he may say, and how it ends. */
#define _GNU_SOURCE
#include "grid/door/session.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>

#include "grid/door/dispatch.h"
#include "net/base/log.h"
#include "tests/door.h"
#include "tests/unit/scarce.h"

static struct peer p, other;

static void open_plain(void)
{
    world_open(NULL);
}

/* With other options. */
#define reopen(...) (world_close(), world_open(__VA_ARGS__))

static void close_all(void)
{
    peer_leave(&p);
    peer_leave(&other);
    world_close();
}

TestSuite(session, .init = open_plain, .fini = close_all, .timeout = 60);

static void ask_in(struct peer *who, struct client_authentication_req q)
{
    peer_connect(who);
    peer_ask(who, WIRE_client_authentication_req, &q);
    world_run();
}

/* The status of the answer; -1: it is none. */
static int status(const struct peer *who)
{
    struct client_authentication_rsp r;

    return who->count == 1 && peer_read(who, WIRE_client_authentication_rsp, &r) ? r.status : -1;
}

static void get(struct peer *who, const char *key)
{
    peer_ask(who, WIRE_map_get_req,
             &(struct map_get_req){.name = wire_text("m"), .key = text_data(key)});
}

static void put(struct peer *who, const char *key, struct data value)
{
    peer_ask(who, WIRE_map_set_req,
             &(struct map_set_req){
                 .ttl = -1, .name = wire_text("m"), .key = text_data(key), .value = value});
}

/* ---- coming in ------------------------------------------------------------------------------ */

Test(session, lets_in_who_names_the_cluster)
{
    struct client_authentication_rsp r;

    ask_in(&p, peer_credentials());
    cr_assert(eq(int, status(&p), 0));
    cr_assert(peer_read(&p, WIRE_client_authentication_rsp, &r));
    cr_assert(eq(int, r.partition_count, 7));
    cr_assert(not(r.member_uuid.null));
    cr_assert(eq(u64, load_relaxed_64(&world.member.door.sessions), 1));
}

Test(session, refuses_another_cluster_and_tells_it_nothing)
{
    struct client_authentication_req q = peer_credentials();
    struct client_authentication_rsp r;

    q.cluster_name = wire_text("prod");
    ask_in(&p, q);
    cr_assert(eq(int, status(&p), 1));
    cr_assert(peer_read(&p, WIRE_client_authentication_rsp, &r));
    cr_assert(r.member_uuid.null);
    cr_assert(eq(int, r.partition_count, -1));
    get(&p, "a");
    world_run();
    cr_assert(eq(int, peer_error(&p), CODE_AUTHENTICATION));
    cr_assert(eq(int, p.ended, 1));
}

Test(session, refuses_another_serialization)
{
    struct client_authentication_req q = peer_credentials();

    q.serialization_version = 2;
    ask_in(&p, q);
    cr_assert(eq(int, status(&p), 2));
}

Test(session, asks_for_user_and_password_when_they_are_set)
{
    static const struct {
        const char *user, *password;
        int status;
    } rows[] = {{"ada", "secret", 0}, {"ada", "secre", 1},    {"ada", "secretx", 1}, {"", "", 1},
                {"bob", "secret", 1}, {NULL, "secret", 1},    {"ada", NULL, 1},      {"ada", "", 1},
                {"ad", "secret", 1},  {"adaada", "secret", 1}};

    reopen("clients.user", "ada", "clients.password", "secret", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client_authentication_req q = peer_credentials();

        if (rows[i].user)
            q.username = wire_text(rows[i].user);
        if (rows[i].password)
            q.password = wire_text(rows[i].password);
        ask_in(&p, q);
        cr_expect(eq(int, status(&p), rows[i].status), "%zu", i);
        peer_leave(&p);
    }
}

Test(session, is_asked_who_it_is_once)
{
    struct client_authentication_req q = peer_credentials();

    peer_login(&p);
    peer_ask(&p, WIRE_client_authentication_req, &q);
    world_run();
    cr_assert(eq(int, peer_error(&p), CODE_ILLEGAL_ARGUMENT));
    cr_assert(p.alive);
}

Test(session, closes_who_asks_before_it_is_known)
{
    peer_connect(&p);
    get(&p, "a");
    get(&p, "b");
    world_run();
    cr_assert(eq(int, p.count, 1));
    cr_assert(eq(int, peer_error(&p), CODE_AUTHENTICATION));
    cr_assert(eq(int, p.ended, 1));
    cr_assert(eq(u64, load_relaxed_64(&world.member.door.sessions), 0));
}

Test(session, closes_who_says_nothing_in_time)
{
    peer_connect(&p);
    world_pass(9000000000);
    cr_assert(p.alive);
    world_pass(3000000000);
    cr_assert(eq(int, p.ended, 1));
}

Test(session, takes_small_messages_only_before_it_is_known)
{
    static char name[20000];
    struct client_authentication_req q = peer_credentials();

    memset(name, 'x', sizeof name);
    q.client_name = (struct wire_bytes){(const uint8_t *)name, sizeof name};
    ask_in(&p, q);
    cr_assert(eq(int, p.ended, 1));
    cr_assert(eq(int, p.count, 0));
}

Test(session, is_one_of_so_many)
{
    reopen("clients.max", "1", NULL);
    peer_login(&p);
    peer_connect(&other);
    world_run();
    cr_assert(eq(int, other.ended, 1));
    peer_leave(&p);
    peer_leave(&other);
    world_run();
    peer_login(&other);
}

Test(session, of_a_silent_client_ends_with_its_locks)
{
    struct map_is_locked_rsp locked;

    peer_login(&p);
    peer_ask(&p, WIRE_map_lock_req,
             &(struct map_lock_req){.thread_id = 1,
                                    .ttl = -1,
                                    .reference_id = 1,
                                    .name = wire_text("m"),
                                    .key = text_data("a")});
    world_pass(40000000000);
    peer_login(&other);
    world_pass(30000000000);
    cr_assert(eq(int, p.ended, 1));
    cr_assert(other.alive);
    peer_ask(&other, WIRE_map_is_locked_req,
             &(struct map_is_locked_req){.name = wire_text("m"), .key = text_data("a")});
    world_run();
    cr_assert(peer_read(&other, WIRE_map_is_locked_rsp, &locked));
    cr_assert(not(locked.response));
}

static char logged[1024];

static void note_line(void *context, const struct log_entry *entry)
{
    (void)context;
    snprintf(logged, sizeof logged, "%s %s", entry->event, entry->fields);
}

Test(session, that_is_closed_is_told_in_the_log_with_its_reason_and_without_secrets)
{
    static const uint8_t headless[] = {7, 0, 0, 0, 0, 0xe0, 1};
    struct client_authentication_req q = peer_credentials();

    log_to_callback(note_line, NULL, LOG_WARN);
    peer_connect(&p);
    get(&p, "a");
    world_run();
    cr_expect(strstr(logged, "client.closed reason=\"a request before authentication\"") != NULL,
              "%s", logged);
    q.cluster_name = wire_text("prod");
    q.password = wire_text("hunter2");
    peer_leave(&p);
    ask_in(&p, q);
    cr_expect(strncmp(logged, "client.not_admitted", 19) == 0, "%s", logged);
    cr_expect(strstr(logged, "hunter2") == NULL, "%s", logged);
    peer_login(&other);
    conn_send(&other.conn, headless, sizeof headless);
    world_run();
    cr_expect(strstr(logged, "client.closed reason=\"a message without a head\"") != NULL, "%s",
              logged);
    log_to_nowhere();
}

Test(session, that_is_one_too_many_is_told_in_the_log)
{
    reopen("clients.max", "1", NULL);
    log_to_callback(note_line, NULL, LOG_WARN);
    peer_connect(&p);
    world_run();
    peer_login(&other); /* who has not said who it is makes room */
    cr_expect(strstr(logged, "client.closed reason=\"it made room for another") != NULL, "%s",
              logged);
    peer_leave(&p);
    peer_connect(&p);
    world_run();
    cr_expect(strcmp(logged, "client.refused reason=\"as many are there as may be\" "
                             "connections_max=1") == 0,
              "%s", logged);
    log_to_nowhere();
}

/* ---- what it asks --------------------------------------------------------------------------- */

/* A message of one frame, with a type of its own. */
static void ask_type(struct peer *who, uint32_t type)
{
    uint8_t bytes[FRAME_HEADER + 16] = {sizeof bytes, 0, 0, 0, 0, 0xe0};
    int64_t correlation = ++who->correlation;

    memcpy(bytes + FRAME_HEADER, &type, sizeof type);
    memcpy(bytes + FRAME_HEADER + 4, &correlation, sizeof correlation);
    conn_send(&who->conn, bytes, sizeof bytes);
}

Test(session, answers_types_that_it_does_not_know_and_goes_on)
{
    static const uint32_t types[] = {0, 0x0fff00, 0xffffffff, 0x010101 /* a response */};

    peer_login(&p);
    for (int i = 0; i < 4; i++) {
        ask_type(&p, types[i]);
        world_run();
        cr_expect(eq(int, peer_error(&p), CODE_UNSUPPORTED), "0x%x", types[i]);
    }
    get(&p, "a");
    world_run();
    cr_assert(eq(int, peer_error(&p), 0));
    cr_assert(p.in_order);
}

Test(session, names_the_parameter_that_is_wrong)
{
    peer_login(&p);
    ask_type(&p, 0x010200);
    world_run();
    cr_assert(eq(int, peer_error(&p), 21));
    cr_assert(peer_error_says(&p, "map_get_req"));
    cr_assert(peer_error_says(&p, "thread_id"));
    cr_assert(p.alive);
}

Test(session, closes_on_a_message_without_a_head)
{
    static const uint8_t bytes[] = {7, 0, 0, 0, 0, 0xe0, 1};

    peer_login(&p);
    conn_send(&p.conn, bytes, sizeof bytes);
    world_run();
    cr_assert(eq(int, p.ended, 1));
}

Test(session, says_that_an_answer_is_too_large)
{
    static char large[40000];

    memset(large, 'x', sizeof large - 1);
    reopen("limits.result-size", "64KiB", NULL);
    peer_login(&p);
    put(&p, "a", text_data(large));
    put(&p, "b", text_data(large));
    peer_ask(&p, WIRE_map_values_req, &(struct map_values_req){.name = wire_text("m")});
    world_run();
    cr_assert(eq(int, p.count, 3));
    cr_assert(eq(int, peer_error(&p), CODE_RESULT_SIZE));
    get(&p, "a");
    world_run();
    cr_assert(eq(int, peer_error(&p), 0));
}

static size_t largest; /* of all that were allocated */

static void *note_size(void *p, size_t size, void *context)
{
    (void)context;
    largest = size > largest ? size : largest;
    return realloc(p, size);
}

static void *note_alloc(size_t size, void *context)
{
    return note_size(NULL, size, context);
}

static const struct mem_hooks noting = {note_alloc, note_size, scarce_free, NULL, NULL};

/* A small request may name a large value many times. */
Test(session, makes_no_answer_that_is_much_larger_than_allowed)
{
    static char large[40000];
    enum { TIMES = 1000 };
    const struct data key = text_data("a");
    struct sink keys = {.grows = true}, names = {.grows = true};

    memset(large, 'x', sizeof large - 1);
    reopen("limits.result-size", "64KiB", NULL);
    peer_login(&p);
    put(&p, "a", text_data(large));
    peer_ask(&p, WIRE_map_add_near_cache_invalidation_listener_req,
             &(struct map_add_near_cache_invalidation_listener_req){.name = wire_text("m")});
    world_run();
    for (int i = 0; i < 100; i++) { /* so that there is a number for most partitions */
        char text[12];

        snprintf(text, sizeof text, "%d", i);
        put(&p, text, text_data("x"));
    }
    for (int i = 0; i < 20 * TIMES; i++)
        wire_put(&names, WIRE_str, &(struct wire_bytes){(const uint8_t *)"m", 1});
    for (int i = 0; i < TIMES; i++)
        wire_put(&keys, WIRE_data, &key);
    mem_hooks_set(&noting);
    peer_ask(&p, WIRE_map_get_all_req,
             &(struct map_get_all_req){.name = wire_text("m"), .keys = wire_list_of(&keys, TIMES)});
    world_run();
    cr_expect(eq(int, peer_error(&p), CODE_RESULT_SIZE));
    cr_expect(lt(sz, largest, 300000), "for the values");
    largest = 0;
    peer_ask(&p, WIRE_map_fetch_near_cache_invalidation_metadata_req,
             &(struct map_fetch_near_cache_invalidation_metadata_req){
                 .uuid = {1, 2, false}, .names = wire_list_of(&names, 20 * TIMES)});
    world_run();
    cr_expect(eq(int, peer_error(&p), CODE_RESULT_SIZE));
    cr_expect(lt(sz, largest, 500000), "for the numbers");
    mem_hooks_set(NULL);
    sink_free(&keys);
    sink_free(&names);
}

Test(session, leaves_no_large_array_behind_on_its_loop)
{
    const struct data value = text_data("v");
    struct sink values = {.grows = true};
    enum { COUNT = 10000 };

    for (int i = 0; i < COUNT; i++)
        wire_put(&values, WIRE_data, &value);
    peer_login(&p);
    peer_ask(&p, WIRE_list_add_all_req,
             &(struct list_add_all_req){.name = wire_text("l"),
                                        .value_list = wire_list_of(&values, COUNT)});
    world_run();
    cr_expect(eq(int, peer_error(&p), 0));
    cr_expect(lt(u32, world.member.door.loops[0].desk.values_room, COUNT));
    sink_free(&values);
}

Test(session, says_that_there_are_as_many_objects_as_may_be)
{
    reopen("limits.objects", "1", NULL);
    log_to_callback(note_line, NULL, LOG_WARN);
    peer_login(&p);
    get(&p, "a");
    peer_ask(&p, WIRE_queue_size_req, &(struct queue_size_req){.name = wire_text("q")});
    world_run();
    cr_assert(eq(int, p.count, 2));
    cr_expect(eq(int, peer_error(&p), CODE_NATIVE_OUT_OF_MEMORY));
    cr_expect(peer_error_says(&p, "\"q\" cannot be made: the member has the 1 objects"));
    cr_expect(peer_error_says(&p, "raise limits.objects"));
    cr_expect(strcmp(logged, "objects.full name=q limit=1") == 0, "%s", logged);
    get(&p, "a");
    world_run();
    cr_assert(eq(int, peer_error(&p), 0));
    log_to_nowhere();
}

static uint32_t drained(void)
{
    struct queue_drain_to_rsp r;

    peer_ask(&p, WIRE_queue_drain_to_req, &(struct queue_drain_to_req){.name = wire_text("q")});
    world_run();
    cr_assert(peer_read(&p, WIRE_queue_drain_to_rsp, &r));
    return r.response.count;
}

Test(session, takes_no_more_out_of_a_queue_than_its_answer_may_have)
{
    static char large[20000];
    uint32_t got = 0;

    memset(large, 'x', sizeof large - 1);
    reopen("limits.result-size", "64KiB", NULL);
    peer_login(&p);
    for (int i = 0; i < 10; i++)
        peer_ask(&p, WIRE_queue_offer_req,
                 &(struct queue_offer_req){.name = wire_text("q"), .value = text_data(large)});
    for (uint32_t n; (n = drained()) > 0; got += n)
        cr_expect(eq(u32, n, got < 9 ? 3 : 1));
    cr_expect(eq(u32, got, 10));
}

static void fetch(uint32_t partition, struct wire_bytes place, int32_t batch)
{
    struct sink out = {.grows = true};

    wire_encode(
        WIRE_map_fetch_entries_req,
        &(struct wire_head){.correlation = ++p.correlation, .partition = (int32_t)partition},
        &(struct map_fetch_entries_req){
            .name = wire_text("m"), .iteration_pointers = place, .batch = batch},
        &out);
    conn_send(&p.conn, out.at, out.size);
    sink_free(&out);
    world_run();
}

Test(session, says_that_a_piece_of_a_partition_is_too_large)
{
    static char large[40000];

    memset(large, 'x', sizeof large - 1);
    reopen("limits.result-size", "64KiB", NULL);
    peer_login(&p);
    for (int i = 0; i < 50; i++) {
        char key[12];

        snprintf(key, sizeof key, "%d", i);
        put(&p, key, text_data(large));
    }
    fetch(0, wire_text(""), 100);
    cr_expect(eq(int, peer_error(&p), CODE_RESULT_SIZE));
}

/* Tables of another process are in another order: entries would be missed, and nobody would know.
 */
Test(session, goes_on_through_a_partition_at_its_own_places_only)
{
    uint64_t seed = hash_seed;
    struct map_fetch_entries_rsp r;
    uint8_t place[16];

    peer_login(&p);
    for (int i = 0; i < 20000; i++) { /* more than a piece of a partition's table has */
        char key[12];

        snprintf(key, sizeof key, "%d", i);
        put(&p, key, text_data("x"));
    }
    fetch(0, wire_text(""), 1);
    cr_assert(peer_read(&p, WIRE_map_fetch_entries_rsp, &r));
    cr_assert(eq(u32, r.iteration_pointers.size, sizeof place));
    cr_assert(ge(int, wire_i32_at(r.iteration_pointers, 8, 0, 0), 0));
    memcpy(place, r.iteration_pointers.at, sizeof place);
    fetch(0, (struct wire_bytes){place, sizeof place}, 1);
    cr_expect(peer_read(&p, WIRE_map_fetch_entries_rsp, &r));
    hash_init(seed + 1); /* as of another member */
    fetch(0, (struct wire_bytes){place, sizeof place}, 1);
    hash_init(seed);
    cr_expect(eq(int, peer_error(&p), CODE_STALE_SEQUENCE));
}

static int32_t error_of_proxy(enum wire_id id, const char *name, const char *service)
{
    peer_ask(&p, id,
             &(struct client_create_proxy_req){.name = wire_text(name),
                                               .service_name = wire_text(service)});
    world_run();
    return peer_error(&p);
}

Test(session, destroys_what_is_there_and_makes_nothing_for_it)
{
    struct objects *os = &world.member.objects;

    peer_login(&p);
    cr_expect(
        eq(int, error_of_proxy(WIRE_client_destroy_proxy_req, "q", "hz:impl:queueService"), 0));
    cr_expect(eq(u64, os->count, 0));
    cr_expect(
        eq(int, error_of_proxy(WIRE_client_create_proxy_req, "q", "hz:impl:queueService"), 0));
    cr_expect(objects_find(os, OBJECT_QUEUE, "q") != NULL);
    cr_expect(
        eq(int, error_of_proxy(WIRE_client_destroy_proxy_req, "q", "hz:impl:queueService"), 0));
    cr_expect(objects_find(os, OBJECT_QUEUE, "q") == NULL);
    cr_expect(eq(int, error_of_proxy(WIRE_client_destroy_proxy_req, "", "hz:impl:queueService"),
                 CODE_ILLEGAL_ARGUMENT));
    cr_expect(ne(int, error_of_proxy(WIRE_client_destroy_proxy_req, "q", "hz:impl:noService"), 0));
}

/* It would not come back at all for one name that it may not have. */
Test(session, makes_what_it_can_of_what_a_client_had_that_comes_back)
{
    static const char *const pairs[][2] = {
        {"", "hz:impl:mapService"},  {"a", "hz:impl:noService"},  {"a", "hz:impl:mapService"},
        {"b", "hz:impl:mapService"}, {"c", "hz:impl:mapService"},
    };
    struct sink items = {.grows = true};

    reopen("limits.objects", "2", NULL);
    peer_login(&p);
    for (int i = 0; i < 5; i++) {
        const struct wire_bytes name = wire_text(pairs[i][0]), service = wire_text(pairs[i][1]);

        wire_put(&items, WIRE_str, &name);
        wire_put(&items, WIRE_str, &service);
    }
    peer_ask(&p, WIRE_client_create_proxies_req,
             &(struct client_create_proxies_req){.proxies = wire_list_of(&items, 5)});
    world_run();
    cr_expect(eq(int, peer_error(&p), 0));
    cr_expect(objects_find(&world.member.objects, OBJECT_MAP, "b") != NULL);
    cr_expect(objects_find(&world.member.objects, OBJECT_MAP, "c") == NULL);
    sink_free(&items);
}

/* ---- who does not read ---------------------------------------------------------------------- */

enum { LARGE = 300000 };

static void put_large(struct peer *who)
{
    static char large[LARGE + 1];

    memset(large, 'x', LARGE);
    put(who, "large", text_data(large));
    world_run();
}

static const struct session *session_of_first(void)
{
    return list_owner(world.member.door.loops[0].sessions.next, struct session, node);
}

Test(session, makes_no_answers_for_who_does_not_take_them)
{
    struct sink many = {.grows = true};

    peer_login(&p);
    put_large(&p);
    peer_clear(&p);
    conn_pause(&p.conn);
    for (int i = 0; i < 400; i++) /* in one piece */
        peer_encode(&p, WIRE_map_get_req,
                    &(struct map_get_req){.name = wire_text("m"), .key = text_data("large")},
                    &many);
    conn_send(&p.conn, many.at, many.size);
    sink_free(&many);
    peer_ask(&p, WIRE_map_size_req, &(struct map_size_req){.name = wire_text("m")});
    get(&p, "b");
    world_run();
    cr_assert(lt(sz, conn_queued(&session_of_first()->conn), 2000000));
    cr_assert(lt(sz, world.member.door.loops[0].desk.out.room, 100000));
    conn_resume(&p.conn);
    world_pass(1000000000);
    cr_assert(eq(int, p.count, 402));
    cr_assert(p.in_order);
    cr_assert(eq(sz, session_of_first()->aside.room, 0));
}

Test(session, ends_of_who_never_takes_his_answers)
{
    peer_login(&p);
    put_large(&p);
    conn_pause(&p.conn);
    for (int i = 0; i < 40; i++)
        get(&p, "large");
    world_pass(70000000000);
    cr_assert(eq(u64, load_relaxed_64(&world.member.door.sessions), 0));
    world_pass(15000000000);
    cr_assert(list_is_empty(&world.member.door.loops[0].sessions));
}

/* ---- events --------------------------------------------------------------------------------- */

enum { THREADS = 4, EVENTS = 500 };

static void *post_events(void *context)
{
    static uint64_t numbers;
    int32_t thread = (int32_t)fetch_add_64(&numbers, 1);

    for (int32_t i = 0; i < EVENTS; i++)
        session_event(context, WIRE_map_add_entry_listener_event, thread,
                      &(struct map_add_entry_listener_event){.event_type = i,
                                                             .number_of_affected_entries = 1});
    return NULL;
}

Test(session, sends_events_of_other_threads_in_the_order_of_each)
{
    pthread_t threads[THREADS];
    int32_t next[THREADS] = {0};
    struct map_add_entry_listener_event e;
    const char *field;

    peer_login(&p);
    struct session *s = (struct session *)session_of_first();

    session_ref(s);
    for (int i = 0; i < THREADS; i++)
        cr_assert(eq(int, pthread_create(&threads[i], NULL, post_events, s), 0));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    session_unref(s);
    world_run();
    cr_assert(eq(int, p.count, THREADS *EVENTS));
    for (size_t at = 0; at < p.got.size;) {
        size_t size = p.got.size / (THREADS * EVENTS); /* they are alike */
        struct wire_head head;

        cr_assert(eq(int, wire_read_head(p.got.at + at, size, &head), MR_OK));
        cr_assert(
            eq(int, wire_decode(WIRE_map_add_entry_listener_event, p.got.at + at, size, &e, &field),
               MR_OK));
        cr_assert(eq(int, e.event_type, next[head.correlation]++));
        at += size;
    }
    cr_assert(eq(u64, load_relaxed_64(&session_of_first()->events_size), 0));
}

Test(session, ends_of_who_does_not_take_his_events)
{
    static char large[30000];
    struct data value = {(const uint8_t *)large, sizeof large, DATA_STRING};

    reopen("limits.result-size", "64KiB", NULL);
    log_to_callback(note_line, NULL, LOG_WARN);
    peer_login(&p);
    struct session *s = (struct session *)session_of_first();

    session_ref(s);
    for (int i = 0; i < 3; i++)
        session_event(s, WIRE_map_add_entry_listener_event, 1,
                      &(struct map_add_entry_listener_event){.value = value});
    cr_assert(le(u64, load_relaxed_64(&s->events_size), 65536));
    session_unref(s);
    world_run();
    cr_assert(eq(int, p.ended, 1));
    cr_expect(strstr(logged, "it does not take its events") != NULL, "%s", logged);
    log_to_nowhere();
}

Test(session, ends_when_there_is_no_memory_for_its_events)
{
    log_to_callback(note_line, NULL, LOG_WARN);
    peer_login(&p);
    struct session *s = (struct session *)session_of_first();

    mem_hooks_set(&scarce);
    scarce_left = 0;
    session_event(s, WIRE_map_add_entry_listener_event, 1,
                  &(struct map_add_entry_listener_event){.value = text_data("v")});
    mem_hooks_set(NULL);
    world_run();
    cr_assert(eq(int, p.ended, 1));
    cr_expect(strstr(logged, "no memory for its events") != NULL, "%s", logged);
    log_to_nowhere();
}

/* ---- without memory ------------------------------------------------------------------------- */

/* Whatever allocation fails, the client gets an answer, or the end of its connection. */
Test(session, answers_or_ends_when_there_is_no_memory)
{
    for (int left = 0; left < 60; left++) {
        peer_login(&p);
        mem_hooks_set(&scarce);
        scarce_left = left;
        peer_ask(&p, WIRE_map_size_req, &(struct map_size_req){.name = wire_text("fresh")});
        put(&p, "a", text_data("1"));
        for (int i = 0; i < 200; i++) {
            (void)loop_round(world.loop);
            world.now_ns += 10000;
        }
        mem_hooks_set(NULL);
        world_run();
        cr_assert(p.ended == 1 || p.count == 2, "with %d allocations: %d answers", left, p.count);
        cr_assert(p.in_order);
        peer_leave(&p);
        world_run();
    }
}

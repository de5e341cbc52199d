/* connect_test.c - a client and a member in one process, over the loopback: the same calls as on a
 * member, and what only a client meets. */
#define _GNU_SOURCE
#include "tests/unit/client/far.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/hash.h"
#include "tests/unit/scarce.h"

static mr_connect_opts_t quick(void)
{
    mr_connect_opts_t o = MR_CONNECT_OPTS_INIT;

    o.call_timeout_ms = 300;
    o.connect_timeout_ms = 300;
    return o;
}

#define REMOTE(sentence)                                                                           \
    Test(connect, sentence, .init = open_both, .fini = close_both, .timeout = 60)

/* ---- the calls ------------------------------------------------------------------------------ */

REMOTE(puts_and_gets)
{
    mr_val_t v = MR_VAL_INIT;

    put(MR_STR("ada"), MR_I64(36));
    cr_assert_eq(number(MR_STR("ada")), 36);
    GIVES(MR_NOT_FOUND, mr_map_get(m, MR_STR("bob"), &v, NULL, &err));
    cr_assert_eq(size(), 1);
    cr_assert_eq(mr_member_count(g), 1);
}

BOTH(members, have_addresses_and_answer)
{
    mr_member_t one[2] = {0};

    mr_err_clear(&err);
    cr_assert_eq(mr_members(g, one, 2, &err), 1);
    cr_assert(strncmp(one[0].address, "127.0.0.1:", 10) == 0, "%s", one[0].address);
    cr_assert(one[0].uuid.high && !one[1].address[0]);
    cr_assert_eq(mr_members(g, NULL, 0, &err), 1);
    FAILS(MR_ERR_ARGUMENT, mr_members(g, NULL, 1, &err), 0);
    FAILS(MR_ERR_ARGUMENT, mr_members(NULL, one, 1, &err), 0);
    GIVES(MR_OK, mr_ping(g, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_ping(NULL, NULL, &err));
}

REMOTE(gives_the_value_from_before)
{
    mr_val_t old = MR_VAL_INIT;
    mr_put_opts_t o = MR_PUT_OPTS_INIT;

    o.old = &old;
    GIVES(MR_OK, mr_map_put(m, MR_I64(1), MR_I64(10), &o, &err));
    cr_assert_eq(mr_val_type(&old), MR_KIND_NULL);
    GIVES(MR_OK, mr_map_put(m, MR_I64(1), MR_I64(20), &o, &err));
    cr_assert_eq(mr_val_i64(&old), 10);
    GIVES(MR_EXISTS, mr_map_put_if_absent(m, MR_I64(1), MR_I64(30), &o, &err));
    cr_assert_eq(mr_val_i64(&old), 20);
    GIVES(MR_OK, mr_map_put_if_absent(m, MR_I64(2), MR_I64(30), &o, &err));
    GIVES(MR_OK, mr_map_replace(m, MR_I64(1), MR_I64(40), &o, &err));
    cr_assert_eq(mr_val_i64(&old), 20);
    GIVES(MR_NOT_FOUND, mr_map_replace(m, MR_I64(3), MR_I64(40), NULL, &err));
    GIVES(MR_OK, mr_map_remove(m, MR_I64(1), &old, &err));
    cr_assert_eq(mr_val_i64(&old), 40);
    GIVES(MR_NOT_FOUND, mr_map_remove(m, MR_I64(1), &old, &err));
}

REMOTE(changes_only_what_is_as_expected)
{
    mr_val_t old = MR_VAL_INIT;
    mr_put_opts_t o = MR_PUT_OPTS_INIT;

    o.old = &old;
    put(MR_I64(1), MR_I64(1));
    GIVES(MR_NOT_FOUND, mr_map_replace_if_equal(m, MR_I64(2), MR_I64(1), MR_I64(9), NULL, &err));
    GIVES(MR_NOT_EQUAL, mr_map_replace_if_equal(m, MR_I64(1), MR_I64(2), MR_I64(9), &o, &err));
    cr_assert_eq(mr_val_i64(&old), 1);
    GIVES(MR_OK, mr_map_replace_if_equal(m, MR_I64(1), MR_I64(1), MR_I64(9), NULL, &err));
    GIVES(MR_NOT_EQUAL, mr_map_remove_if_equal(m, MR_I64(1), MR_I64(1), &err));
    GIVES(MR_NOT_FOUND, mr_map_remove_if_equal(m, MR_I64(2), MR_I64(1), &err));
    GIVES(MR_OK, mr_map_remove_if_equal(m, MR_I64(1), MR_I64(9), &err));
    cr_assert(absent(MR_I64(1)));
}

REMOTE(takes_out_evicts_and_clears)
{
    for (int64_t i = 0; i < 10; i++)
        put(MR_I64(i), MR_I64(i));
    GIVES(MR_OK, mr_map_delete(m, MR_I64(0), &err));
    GIVES(MR_NOT_FOUND, mr_map_delete(m, MR_I64(0), &err));
    GIVES(MR_OK, mr_map_evict(m, MR_I64(1), &err));
    GIVES(MR_NOT_FOUND, mr_map_evict(m, MR_I64(1), &err));
    cr_assert_eq(size(), 8);
    GIVES(MR_OK, mr_map_clear(m, &err));
    cr_assert(mr_map_is_empty(m, &err));
}

REMOTE(gives_entries_times)
{
    mr_put_opts_t o = MR_PUT_OPTS_INIT;

    o.ttl_ms = 50;
    GIVES(MR_OK, mr_map_put(m, MR_I64(1), MR_I64(1), &o, &err));
    GIVES(MR_OK, mr_map_put_if_absent(m, MR_I64(2), MR_I64(1), &o, &err));
    o.ttl_ms = MR_FOREVER;
    o.max_idle_ms = 50;
    GIVES(MR_OK, mr_map_put(m, MR_I64(3), MR_I64(1), &o, &err));
    put(MR_I64(4), MR_I64(1));
    GIVES(MR_OK, mr_map_set_ttl(m, MR_I64(4), 50, &err));
    GIVES(MR_NOT_FOUND, mr_map_set_ttl(m, MR_I64(5), 50, &err));
    pause_ms(100); /* the times to live pass, at the member */
    for (int64_t i = 1; i <= 4; i++)
        cr_assert(absent(MR_I64(i)), "%lld", (long long)i);
}

REMOTE(refuses_what_the_protocol_cannot_say)
{
    mr_put_opts_t o = MR_PUT_OPTS_INIT;
    mr_memory_stats_t memory = MR_MEMORY_STATS_INIT;
    mr_ref_t ref;

    o.ttl_ms = 1000;
    put(MR_I64(1), MR_I64(1));
    GIVES(MR_ERR_UNSUPPORTED, mr_map_replace(m, MR_I64(1), MR_I64(2), &o, &err));
    GIVES(MR_ERR_UNSUPPORTED,
          mr_map_replace_if_equal(m, MR_I64(1), MR_I64(1), MR_I64(2), &o, &err));
    GIVES(MR_ERR_UNSUPPORTED, mr_memory_stats(g, &memory, &err));
    GIVES(MR_ERR_UNSUPPORTED, mr_read_begin(g, &err));
    GIVES(MR_ERR_UNSUPPORTED, mr_map_borrow(m, MR_I64(1), &ref, &err));
    mr_read_end(g);
}

/* ---- many ----------------------------------------------------------------------------------- */

REMOTE(puts_and_gets_many_at_once)
{
    enum { MANY = 500 };
    static mr_entry_t entries[MANY];
    static mr_ref_t keys[MANY + 1];
    static mr_val_t values[MANY + 1];
    size_t done = 0;

    for (int64_t i = 0; i < MANY; i++)
        entries[i] = (mr_entry_t){keys[i] = MR_I64(i), MR_I64(i * i)};
    keys[MANY] = MR_I64(-1);
    GIVES(MR_OK, mr_map_put_all(m, entries, MANY, NULL, &done, &err));
    cr_assert_eq(done, MANY);
    cr_assert_eq(size(), MANY);
    GIVES(MR_OK, mr_map_get_all(m, keys, MANY + 1, values, &err));
    for (int64_t i = 0; i < MANY; i++)
        cr_assert_eq(mr_val_i64(&values[i]), i * i);
    cr_assert_eq(mr_val_type(&values[MANY]), MR_KIND_NULL);
}

REMOTE(puts_those_before_one_that_cannot_be)
{
    mr_entry_t entries[] = {{MR_I64(1), MR_I64(1)},
                            {MR_I64(2), MR_I64(2)},
                            {MR_I64(3), MR_NULL},
                            {MR_I64(4), MR_I64(4)}};
    size_t done = 9;

    GIVES(MR_ERR_ARGUMENT, mr_map_put_all(m, entries, 4, NULL, &done, &err));
    cr_assert_eq(done, 2);
    cr_assert_eq(size(), 2);
}

REMOTE(iterates_in_pages_of_any_size)
{
    static const size_t pages[] = {1, 10, 1000, 0};
    enum { MANY = 300 };

    for (int64_t i = 0; i < MANY; i++)
        put(MR_I64(i), MR_I64(i));
    for (int p = 0; p < 4; p++) {
        mr_iter_t *it = mr_map_iter(m, pages[p], &err);
        bool seen[MANY] = {0};
        mr_ref_t key, value;
        int n = 0;

        for (; mr_iter_next(it, &key, &value, &err); n++) {
            cr_assert(key.as.i64 == value.as.i64 && !seen[key.as.i64]);
            seen[key.as.i64] = true;
        }
        cr_assert_eq(n, MANY);
        cr_assert(err.code == MR_OK);
        mr_iter_free(it);
    }
}

/* What follows in it cannot be told from what was seen. */
REMOTE(ends_an_iteration_where_another_member_has_got_the_partition)
{
    enum { MANY = 20000 };
    static mr_entry_t entries[MANY];
    uint64_t seed = hash_seed;
    int n = 0;

    for (int64_t i = 0; i < MANY; i++)
        entries[i] = (mr_entry_t){MR_I64(i), MR_I64(i)};
    GIVES(MR_OK, mr_map_put_all(m, entries, MANY, NULL, NULL, &err));
    mr_iter_t *it = mr_map_iter(m, 1, &err);

    cr_assert_eq(mr_iter_next(it, NULL, NULL, &err), 1);
    hash_init(seed + 1); /* as of another member */
    while (mr_iter_next(it, NULL, NULL, &err))
        n++;
    hash_init(seed);
    cr_expect_lt(n, MANY - 1);
    cr_expect_eq(err.code, MR_ERR_MOVED);
    mr_err_clear(&err);
    mr_iter_free(it);
}

REMOTE(carries_values_larger_than_a_read)
{
    size_t large = 3 * 1024 * 1024;
    char *bytes = malloc(large);
    mr_val_t v = MR_VAL_INIT;

    memset(bytes, 'x', large);
    put(MR_I64(1), MR_BYTES(bytes, large));
    GIVES(MR_OK, mr_map_get(m, MR_I64(1), &v, NULL, &err));
    cr_assert(mr_val_len(&v) == large && memcmp(mr_val_bytes(&v), bytes, large) == 0);
    mr_val_clear(&v);
    free(bytes);
}

/* ---- updating ------------------------------------------------------------------------------- */

static mr_update_t count_up(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context;
    *next = MR_I64(current.kind == MR_KIND_NULL ? 1 : current.as.i64 + 1);
    return MR_UPDATE_SET;
}

static mr_update_t decide(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)current, (void)next;
    return *(mr_update_t *)context;
}

REMOTE(updates_by_a_function)
{
    mr_update_t verdict = MR_UPDATE_KEEP;
    mr_val_t old = MR_VAL_INIT;
    mr_put_opts_t o = MR_PUT_OPTS_INIT;

    o.old = &old;
    for (int i = 0; i < 3; i++)
        GIVES(MR_OK, mr_map_update(m, MR_I64(1), count_up, NULL, &o, &err));
    cr_assert_eq(number(MR_I64(1)), 3);
    cr_assert_eq(mr_val_i64(&old), 2);
    GIVES(MR_OK, mr_map_update(m, MR_I64(1), decide, &verdict, NULL, &err));
    cr_assert_eq(number(MR_I64(1)), 3);
    verdict = MR_UPDATE_FAIL;
    GIVES(MR_ERR_ARGUMENT, mr_map_update(m, MR_I64(1), decide, &verdict, NULL, &err));
    verdict = MR_UPDATE_REMOVE;
    GIVES(MR_OK, mr_map_update(m, MR_I64(1), decide, &verdict, NULL, &err));
    GIVES(MR_OK, mr_map_update(m, MR_I64(1), decide, &verdict, NULL, &err));
    cr_assert(absent(MR_I64(1)));
}

enum { UPDATERS = 4, UPDATES = 100 };

static void update_many(void *context)
{
    uint64_t *failed = context;

    for (int i = 0; i < UPDATES; i++)
        if (mr_map_update(m, MR_I64(1), count_up, NULL, NULL, NULL) != MR_OK)
            fetch_add_64(failed, 1);
}

REMOTE(loses_no_update_of_several_threads)
{
    struct thread threads[UPDATERS];
    uint64_t failed = 0;

    for (int i = 0; i < UPDATERS; i++)
        cr_assert(thread_start(&threads[i], "updater", update_many, &failed) == MR_OK);
    for (int i = 0; i < UPDATERS; i++)
        thread_join(&threads[i]);
    cr_assert_eq(failed, 0);
    cr_assert_eq(number(MR_I64(1)), UPDATERS * UPDATES);
}

/* ---- records -------------------------------------------------------------------------------- */

static mr_schema_t *schema_of(const char *type, const char *field, int kind)
{
    mr_schema_t *s = mr_schema_new(type, &err);

    GIVES(MR_OK, mr_schema_field(s, field, kind, &err));
    return s;
}

REMOTE(teaches_the_cluster_the_schemas_of_records)
{
    mr_schema_t *inner = schema_of("inner", "x", MR_KIND_I32);
    mr_schema_t *outer = schema_of("outer", "in", MR_KIND_REC);
    mr_rec_t *in = mr_rec_new(inner, &err), *out = mr_rec_new(outer, &err);
    mr_val_t v = MR_VAL_INIT;
    mr_ref_t nested, x;

    GIVES(MR_OK, mr_rec_set(in, "x", MR_I32(7), &err));
    GIVES(MR_OK, mr_rec_set(out, "in", MR_REC(in), &err));
    put(MR_STR("r"), MR_REC(out));
    GIVES(MR_OK, mr_map_get(m, MR_STR("r"), &v, NULL, &err));
    GIVES(MR_OK, mr_rec_get(mr_val_ref(&v), "in", &nested, &err));
    GIVES(MR_OK, mr_rec_get(nested, "x", &x, &err));
    cr_assert_eq(x.as.i64, 7);
    mr_val_clear(&v);
    mr_rec_free(in);
    mr_rec_free(out);
    mr_schema_free(inner);
    mr_schema_free(outer);
}

/* ---- listeners ------------------------------------------------------------------------------ */

struct heard {
    uint64_t added, updated, removed, cleared, lost;
    uint64_t old, value; /* of the last one */
    mr_map_t *calls;     /* the callback makes a call itself */
};

static void hear(void *context, const mr_event_t *e)
{
    struct heard *h = context;

    store_relaxed_64(&h->old, (uint64_t)e->old.as.i64);
    store_relaxed_64(&h->value, (uint64_t)e->value.as.i64);
    if (h->calls)
        (void)mr_map_put(h->calls, e->key, MR_I64(1), NULL, NULL);
    fetch_add_64(e->kind == MR_EVENT_ADDED     ? &h->added
                 : e->kind == MR_EVENT_UPDATED ? &h->updated
                 : e->kind == MR_EVENT_REMOVED ? &h->removed
                 : e->kind == MR_EVENT_CLEARED ? &h->cleared
                                               : &h->lost,
                 1);
}

#define HEARS(counter) load_relaxed_64(&heard.counter)

REMOTE(hears_of_changes)
{
    struct heard heard = {0};
    mr_listener_t *l = mr_map_listen(m, MR_EVENT_ALL, hear, &heard, &err);

    cr_assert(l != NULL, "%s", err.message);
    put(MR_I64(1), MR_I64(10));
    EVENTUALLY(HEARS(added) == 1);
    put(MR_I64(1), MR_I64(20));
    EVENTUALLY(HEARS(updated) == 1);
    cr_assert(HEARS(old) == 10 && HEARS(value) == 20);
    GIVES(MR_OK, mr_map_delete(m, MR_I64(1), &err));
    EVENTUALLY(HEARS(removed) == 1);
    GIVES(MR_OK, mr_map_clear(m, &err));
    mr_listener_close(l);
    put(MR_I64(2), MR_I64(1));
    cr_assert_eq(HEARS(added), 1);
}

REMOTE(lets_a_listener_make_calls)
{
    struct heard heard = {.calls = mr_map(g, "other", &err)};

    (void)mr_map_listen(m, MR_EVENT_ADDED, hear, &heard, &err);
    for (int64_t i = 0; i < 100; i++)
        put(MR_I64(i), MR_I64(i));
    EVENTUALLY(HEARS(added) == 100);
    cr_assert_eq(mr_map_size(heard.calls, &err), 100);
}

static mr_listener_t *self;

static void close_itself(void *context, const mr_event_t *e)
{
    (void)e;
    mr_listener_close(self);
    fetch_add_64(context, 1);
}

REMOTE(lets_a_listener_end_itself)
{
    uint64_t calls = 0;

    self = mr_map_listen(m, MR_EVENT_ADDED, close_itself, &calls, &err);
    for (int64_t i = 0; i < 10; i++)
        put(MR_I64(i), MR_I64(i));
    EVENTUALLY(load_relaxed_64(&calls) == 1);
    put(MR_I64(11), MR_I64(1));
    pause_ms(20); /* for a call to come that must not */
    cr_assert_eq(load_relaxed_64(&calls), 1);
}

/* ---- connecting ----------------------------------------------------------------------------- */

Test(connect, refuses_what_is_no_address_or_option, .timeout = 60)
{
    mr_connect_opts_t o = MR_CONNECT_OPTS_INIT, empty = {0};

    FAILS(MR_ERR_ARGUMENT, mr_connect(NULL, NULL, &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_connect("localhost", NULL, &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_connect("millrace://localhost", &empty, &err), NULL);
    o.call_timeout_ms = -1;
    FAILS(MR_ERR_ARGUMENT, mr_connect("millrace://localhost", &o, &err), NULL);
    o.call_timeout_ms = 0;
    o.reconnect = 7;
    FAILS(MR_ERR_ARGUMENT, mr_connect("millrace://localhost", &o, &err), NULL);
    FAILS(MR_ERR_CONNECT, mr_connect("millrace://no.such.host.invalid", NULL, &err), NULL);
}

Test(connect, says_that_nobody_is_there, .timeout = 60)
{
    mr_connect_opts_t o = quick();

    serve(NULL);
    unserve();
    FAILS(MR_ERR_CONNECT, mr_connect(url("dev"), &o, &err), NULL);
    cr_assert(strstr(err.detail, "127.0.0.1") && err.hint[0] && err.retryable);
}

Test(connect, is_not_admitted_to_another_cluster, .timeout = 60)
{
    serve(NULL);
    FAILS(MR_ERR_LOGIN, mr_connect(url("prod"), NULL, &err), NULL);
    cr_assert(strstr(err.detail, "prod") != NULL, "%s", err.detail);
    unserve();
}

Test(connect, shows_user_and_password, .timeout = 60)
{
    mr_connect_opts_t o = MR_CONNECT_OPTS_INIT;

    serve((const char *[]){"clients.user", "ada", "clients.password", "secret", NULL});
    FAILS(MR_ERR_LOGIN, mr_connect(url("dev"), &o, &err), NULL);
    o.user = "ada";
    o.password = "wrong";
    FAILS(MR_ERR_LOGIN, mr_connect(url("dev"), &o, &err), NULL);
    o.password = "secret";
    connect_with(&o);
    put(MR_I64(1), MR_I64(1));
    close_both();
}

Test(connect, finds_the_one_address_that_answers, .timeout = 60)
{
    char text[128];

    serve(NULL);
    snprintf(text, sizeof text, "millrace://127.0.0.1:1,127.0.0.1:2,localhost:%u", (unsigned)port);
    g = mr_connect(text, NULL, &err);
    cr_assert(g != NULL, "%s: %s", err.message, err.detail);
    close_both();
}

Test(connect, tells_the_members_own_words, .timeout = 60)
{
    serve((const char *[]){"limits.value-size", "1KiB", "maps.test.max-size", "1", NULL});
    connect_with(NULL);
    static char large[5000];

    put(MR_I64(1), MR_I64(1));
    GIVES(MR_ERR_FULL, mr_map_put(m, MR_I64(2), MR_I64(1), NULL, &err));
    cr_assert(strstr(err.message, "test") && strstr(err.detail, "OutOfMemory"), "%s", err.message);
    memset(large, 'x', sizeof large);
    GIVES(MR_ERR_ARGUMENT, mr_map_put(m, MR_I64(1), MR_BYTES(large, sizeof large), NULL, &err));
    cr_assert(strstr(err.message, "limits.value-size"), "%s", err.message);
    close_both();
}

/* ---- members that die ----------------------------------------------------------------------- */

Test(connect, comes_back_when_the_member_does, .timeout = 60)
{
    struct heard heard = {0};

    open_both();
    (void)mr_map_listen(m, MR_EVENT_ALL, hear, &heard, &err);
    put(MR_I64(1), MR_I64(1));
    EVENTUALLY(HEARS(added) == 1);
    unserve();
    serve(NULL);
    cr_assert(absent(MR_I64(1)), "a read waits for the connection");
    put(MR_I64(2), MR_I64(2));
    EVENTUALLY(HEARS(added) == 2);
    cr_assert_eq(HEARS(lost), 1, "what was not heard is told");
    close_both();
}

Test(connect, teaches_schemas_anew_to_a_member_that_came_back, .timeout = 60)
{
    mr_schema_t *s = NULL;
    mr_rec_t *rec;

    open_both();
    s = schema_of("again", "x", MR_KIND_I32);
    rec = mr_rec_new(s, &err);
    put(MR_I64(1), MR_REC(rec));
    unserve();
    serve(NULL);
    put(MR_I64(1), MR_REC(rec));
    mr_rec_free(rec);
    mr_schema_free(s);
    close_both();
}

Test(connect, gives_up_a_call_in_time_while_nobody_is_there, .timeout = 60)
{
    mr_connect_opts_t o = quick();
    mr_val_t v = MR_VAL_INIT;

    serve(NULL);
    connect_with(&o);
    unserve();
    pause_ms(50); /* so that the client notices; a call before that would be sent */
    GIVES(MR_ERR_TIMEOUT, mr_map_get(m, MR_I64(1), &v, NULL, &err));
    GIVES(MR_ERR_TIMEOUT, mr_map_put(m, MR_I64(1), MR_I64(1), NULL, &err));
    cr_assert(strstr(err.detail, "127.0.0.1"), "%s", err.detail);
    close_member();
}

Test(connect, refuses_calls_at_once_when_it_reconnects_asynchronously, .timeout = 60)
{
    mr_connect_opts_t o = MR_CONNECT_OPTS_INIT;
    mr_rc_t rc;

    o.reconnect = MR_RECONNECT_ASYNC;
    serve(NULL);
    connect_with(&o);
    unserve();
    pause_ms(50); /* so that the client notices; a call before that would be sent */
    GIVES(MR_ERR_CONNECT, mr_map_put(m, MR_I64(1), MR_I64(1), NULL, &err));
    serve(NULL);
    EVENTUALLY((rc = mr_map_put(m, MR_I64(1), MR_I64(1), NULL, NULL)) == MR_OK);
    close_both();
}

Test(connect, is_over_with_the_connection_when_told_not_to_reconnect, .timeout = 60)
{
    mr_connect_opts_t o = MR_CONNECT_OPTS_INIT;

    o.reconnect = MR_RECONNECT_OFF;
    serve(NULL);
    connect_with(&o);
    unserve();
    pause_ms(50); /* so that the client notices; a call before that would be sent */
    GIVES(MR_ERR_CLOSED, mr_map_put(m, MR_I64(1), MR_I64(1), NULL, &err));
    serve(NULL);
    GIVES(MR_ERR_CLOSED, mr_map_put(m, MR_I64(1), MR_I64(1), NULL, &err));
    FAILS(MR_ERR_CLOSED, mr_map_listen(m, MR_EVENT_ALL, hear, NULL, &err), NULL);
    close_both();
}

/* ---- memory --------------------------------------------------------------------------------- */

/* The member takes from the same heap, so what fails may be its, but it must be said and leave
 * everything in order. */
Test(connect, gives_nothing_half_when_there_is_no_memory, .timeout = 60)
{
    mr_connect_opts_t o = quick();
    int left = 0;

    o.call_timeout_ms = o.connect_timeout_ms = 50; /* of each attempt */
    serve(NULL);
    mem_hooks_set(&scarce);
    for (g = NULL; !g && left < 1000; left += 3) {
        mr_err_clear(&err);
        scarce_left = left;
        g = mr_connect(url("dev"), &o, &err);
        cr_assert(g || err.code != MR_OK);
    }
    scarce_left = 1 << 30;
    cr_assert(g != NULL);
    cr_assert(left > 10, "%d", left);
    close_both();
    mem_hooks_set(NULL);
}

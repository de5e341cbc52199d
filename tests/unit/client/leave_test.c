/* leave_test.c - members that are closed in an orderly way: what they have is with the others
 * before they are gone, and who writes meanwhile hears of nothing. */
#define _GNU_SOURCE
#include <stdio.h>

#include "tests/free_ports.h"
#include "tests/unit/client/fixture.h"

enum { MEMBERS = 3, KEYS = 300, WRITERS_KEYS = 50 };

static uint16_t port[MEMBERS];
static mr_t *grid[MEMBERS];

static mr_t *start(int i, const char *all, const char *backups, const char *timeout)
{
    char own[8];

    snprintf(own, sizeof own, "%u", port[i]);
    return member((const char *[]){"network.port", own, "cluster.members", all, "http.listen", "no",
                                   "member.loops", "1", "cluster.backup-count", backups,
                                   "cluster.leave-timeout", timeout, NULL});
}

static bool is_settled(mr_t *at, uint32_t members)
{
    mr_cluster_t *c = mr_cluster(at, NULL);
    bool is = c && c->member_count == members && c->led && !c->offline && !c->short_of_copies;

    for (uint32_t i = 0; is && i < members; i++)
        is = c->members[i].votes && c->members[i].primaries > 0;
    mr_cluster_free(c);
    return is;
}

/* The first one of them leads. */
static void open_members(int n, const char *backups, const char *timeout)
{
    char all[100] = "";

    free_ports(port, n);
    for (int i = 0; i < n; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "127.0.0.1:%u,", port[i]);
    for (int i = 0; i < n; i++)
        grid[i] = start(i, all, backups, timeout);
    for (int i = 0; i < n; i++)
        EVENTUALLY(is_settled(grid[i], (uint32_t)n));
}

static void fill(mr_t *at)
{
    mr_map_t *map = mr_map(at, "kept", &err);

    for (int k = 0; k < KEYS; k++)
        GIVES(MR_OK, mr_map_put(map, MR_I64(k), MR_I64(1000 + k), NULL, &err));
}

static void all_is_there(mr_t *at)
{
    mr_map_t *map = mr_map(at, "kept", &err);

    for (int k = 0; k < KEYS; k++) {
        mr_val_t v = MR_VAL_INIT;

        GIVES(MR_OK, mr_map_get(map, MR_I64(k), &v, NULL, &err));
        cr_assert_eq(mr_val_i64(&v), 1000 + k);
        mr_val_clear(&v);
    }
}

/* Puts without an end, by a client of all members. */
struct writer {
    mr_t *client;
    uint32_t stops;
    int64_t written;
    mr_err_t err;
};

static void *write_on(void *context)
{
    struct writer *w = context;
    mr_map_t *map = mr_map(w->client, "written", &w->err);

    for (; !load_acquire_32(&w->stops) && w->err.code == MR_OK; w->written++)
        (void)!mr_map_put(map, MR_I64(w->written % WRITERS_KEYS), MR_I64(w->written), NULL,
                          &w->err);
    return NULL;
}

static void connect_writer(struct writer *w, int n)
{
    char url[160] = "millrace://";

    for (int i = 0; i < n; i++)
        snprintf(url + strlen(url), sizeof url - strlen(url), "%s127.0.0.1:%u", i ? "," : "",
                 port[i]);
    strcat(url, "/dev");
    *w = (struct writer){.client = mr_connect(url, NULL, &err), .err = MR_ERR_INIT};
    cr_assert(w->client != NULL, "%s", err.message);
}

static void close_in_order(int i)
{
    GIVES(MR_OK, mr_close(grid[i], MR_DRAIN, &err));
    grid[i] = NULL;
}

/* All but the last leave, one after the other, while somebody writes. There are no backups: what is
 * not handed over is gone. */
static void leave_one_by_one(int n)
{
    struct writer w;
    pthread_t thread;
    int64_t before;

    open_members(n, "0", "60s");
    fill(grid[n - 1]);
    connect_writer(&w, n);
    pthread_create(&thread, NULL, write_on, &w);
    for (int i = 0; i + 1 < n; i++) {
        close_in_order(i);
        EVENTUALLY(is_settled(grid[n - 1], (uint32_t)(n - 1 - i)));
    }
    before = w.written;
    EVENTUALLY(w.written > before || w.err.code != MR_OK);
    (void)exchange_32(&w.stops, 1);
    pthread_join(thread, NULL);
    cr_assert(w.err.code == MR_OK, "after %lld puts: %s", (long long)w.written, w.err.message);
    all_is_there(grid[n - 1]);
    GIVES(MR_OK, mr_close(w.client, MR_NOW, &err));
    close_in_order(n - 1);
}

Test(leave, loses_nothing_and_fails_no_write_when_three_become_one, .timeout = 120)
{
    leave_one_by_one(3);
}

Test(leave, loses_nothing_and_fails_no_write_when_two_become_one, .timeout = 120)
{
    leave_one_by_one(2);
}

Test(leave, has_copies_made_at_those_who_stay, .timeout = 120)
{
    open_members(3, "1", "60s");
    fill(grid[0]);
    close_in_order(1);

    mr_cluster_t *c = mr_cluster(grid[0], &err);

    cr_assert(c->short_of_copies == 0, "%u are still to be made", c->short_of_copies);
    mr_cluster_free(c);
    EVENTUALLY(is_settled(grid[0], 2));
    close_in_order(2);
    all_is_there(grid[0]);
    close_in_order(0);
}

/* As if it had died, which the other sees. */
Test(leave, ends_when_its_time_is_over, .timeout = 120)
{
    open_members(2, "1", "0");
    fill(grid[0]);
    uint64_t began_ns = clock_ns();

    close_in_order(0);
    cr_assert(clock_ns() - began_ns < 1000000000ull);
    EVENTUALLY(is_settled(grid[1], 1));
    all_is_there(grid[1]);
    close_in_order(1);
}

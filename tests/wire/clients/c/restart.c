/* restart.c - the server is killed. Whoever started it starts it again, empty, as soon as it is
 * gone. */
#include <signal.h>
#include <stdlib.h>

#include "bench.h"
#include "staff.h"

static void kill_the_server(void)
{
    const char *path = getenv("SERVER_PID_FILE");
    FILE *f = path ? fopen(path, "r") : NULL;
    int pid = 0;

    if (f && fscanf(f, "%d", &pid) == 1 && pid > 1)
        kill(pid, SIGKILL);
    if (f)
        fclose(f);
}

/* The new server has answered: the entry "before" is not there. Calls may fail meanwhile. */
static void await_the_next(struct bench *t, mr_map_t *m)
{
    int waited = 0;

    while (mr_map_contains(m, MR_STR("before"), NULL) != MR_NOT_FOUND && wait_more(t, &waited))
        ;
}

static void client_comes_back(struct bench *t)
{
    mr_map_t *m = map_of(t);

    mr_map_set(m, MR_STR("before"), MR_STR("x"), NULL, &t->err);
    kill_the_server();
    await_the_next(t, m);
    mr_map_set(m, MR_STR("after"), MR_STR("y"), NULL, &t->err);
    open_list(t);
    say_get(t, m, "before");
    say_get(t, m, "after");
    close_list(t);
}

static void write_down_key(void *context, const mr_event_t *e)
{
    FILE *out = line_begin(context);

    if (e->kind == MR_EVENT_LOST)
        fputs("lost", out);
    else
        show(out, e->key);
    line_end(context);
}

/* The listener is told to the new member in the background; so the entry is put again and again. */
static void listener_hears_again(struct bench *t)
{
    struct lines heard = LINES_INIT;
    mr_map_t *m = map_of(t);
    mr_listener_t *l = mr_map_listen(m, MR_EVENT_ADDED, write_down_key, &heard, &t->err);
    int waited = 0;

    mr_map_set(m, MR_STR("before"), MR_STR("x"), NULL, &t->err);
    gather(t, &heard, 1);
    kill_the_server();
    await_the_next(t, m);
    while (!lines_have(&heard, "\"after\"") && wait_more(t, &waited)) {
        mr_map_delete(m, MR_STR("after"), &t->err);
        mr_map_set(m, MR_STR("after"), MR_STR("y"), NULL, &t->err);
    }
    mr_listener_close(l);
    open_list(t);
    say_words(t, "%s", lines_have(&heard, "\"before\"") ? "heard" : "not heard");
    say_words(t, "%s", lines_have(&heard, "lost") ? "told of the gap" : "not told of the gap");
    say_words(t, "%s", lines_have(&heard, "\"after\"") ? "heard again" : "not heard again");
    close_list(t);
    lines_free(&heard);
}

/* The new server does not know the schema, unless it is told it once more. */
static void schema_is_taught_again(struct bench *t)
{
    mr_rec_t *ada = staff_record(0, &t->err);
    mr_map_t *m = map_of(t);

    mr_map_set(m, MR_STR("before"), MR_REC(ada), NULL, &t->err);
    kill_the_server();
    await_the_next(t, m);
    mr_map_set(m, MR_STR("after"), MR_REC(ada), NULL, &t->err);
    open_list(t);
    say(t, MR_I64(mr_map_count(m, "department.floor = 3", &t->err)));
    say_get(t, m, "after");
    close_list(t);
    mr_rec_free(ada);
}

/* What a client says that does not wait for the next server. */
static mr_t *connect_without_waiting(struct bench *t, int reconnect)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;

    opts.reconnect = reconnect;
    return connect_to(t, "dev", &opts);
}

/* Until it is known that the connection is lost, a call may still have been under way. */
static void say_failure(struct bench *t, mr_map_t *m)
{
    mr_rc_t rc = MR_OK;
    int waited = 0;

    while (rc != MR_ERR_CLOSED && rc != MR_ERR_CONNECT && wait_more(t, &waited))
        rc = mr_map_contains(m, MR_STR("a"), NULL);
    say_words(t, "%s", mr_rc_name(rc));
}

static void without_waiting(struct bench *t)
{
    mr_t *off = connect_without_waiting(t, MR_RECONNECT_OFF);
    mr_map_t *m = mr_map(off, "c.restart.without_waiting", &t->err);

    mr_map_set(m, MR_STR("before"), MR_STR("x"), NULL, &t->err);
    kill_the_server();
    open_list(t);
    say_failure(t, m);
    await_the_next(t, map_of(t));
    say_words(t, "%s", mr_rc_name(mr_map_contains(m, MR_STR("a"), NULL)));
    close_list(t);
    mr_close(off, MR_NOW, &t->err);
}

void restart_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"restart.client_comes_back", client_comes_back},
        {"restart.listener_hears_again", listener_hears_again},
        {"restart.schema_is_taught_again", schema_is_taught_again},
        {"restart.without_waiting", without_waiting},
    };

    RUN_ALL(t, checks);
}

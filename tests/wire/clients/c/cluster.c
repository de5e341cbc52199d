/* cluster.c - the members, and being let in. */
#include "bench.h"

static void wrong_name_is_refused(struct bench *t)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;

    opts.connect_timeout_ms = 1000;
    mr_close(connect_to(t, "another", &opts), MR_NOW, &t->err);
    say(t, MR_NULL);
}

static void wrong_url(struct bench *t)
{
    mr_close(mr_connect("http://127.0.0.1", NULL, &t->err), MR_NOW, &t->err);
    say(t, MR_NULL);
}

static void nobody_there(struct bench *t)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;

    opts.connect_timeout_ms = 300;
    mr_close(mr_connect("millrace://127.0.0.1:1", &opts, &t->err), MR_NOW, &t->err);
    say(t, MR_NULL);
}

/* How many members, by either call, and whether the first is where this client was sent. */
static void members(struct bench *t)
{
    mr_member_t first;

    open_list(t);
    say(t, MR_I64(mr_member_count(t->g)));
    say(t, MR_I64(mr_members(t->g, &first, 1, &t->err)));
    say(t, MR_BOOL(strstr(first.address, strchr(t->address, ':')) != NULL));
    close_list(t);
}

static void ping(struct bench *t)
{
    uint64_t ns = 0;

    say_done(t, mr_ping(t->g, &ns, &t->err));
    if (ns == 0)
        say_words(t, "in no time");
}

static void named(struct bench *t)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;

    opts.client_name = "named";
    mr_t *g = connect_to(t, "dev", &opts);
    mr_map_t *m = mr_map(g, "c.cluster.named", &t->err);

    mr_map_set(m, MR_STR("a"), MR_STR("one"), NULL, &t->err);
    say_get(t, m, "a");
    mr_close(g, MR_NOW, &t->err);
}

void cluster_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"cluster.wrong_name_is_refused", wrong_name_is_refused},
        {"cluster.wrong_url", wrong_url},
        {"cluster.nobody_there", nobody_there},
        {"cluster.members", members},
        {"cluster.ping", ping},
        {"cluster.named", named},
    };

    RUN_ALL(t, checks);
}

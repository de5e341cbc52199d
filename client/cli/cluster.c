/* cluster.c - millrace ping, millrace members: is anybody there, and who. */
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/session.h"
#include "client/cli/word.h"

int ping_command(int argc, char **argv)
{
    static const char *const columns[] = {"url", "members", "ping_us", NULL};
    struct session_options o;
    struct table t;
    mr_err_t err = MR_ERR_INIT;

    if (session_parse(argc, argv, &o) != EXIT_DONE)
        return EXIT_USAGE;
    if (o.count > 0)
        return usage("ping", "\"%s\" is one word too many", o.words[0]);
    uint64_t ns = 0;
    mr_t *g = session_open(&o, &err);
    mr_rc_t rc = mr_ping(g, &ns, &err);

    if (rc == MR_OK) {
        table_begin(&t, o.output, columns);
        table_text(&t, o.url, strlen(o.url));
        table_number(&t, (unsigned long long)mr_member_count(g));
        table_number(&t, ns / 1000);
        table_end(&t);
    }
    return session_close(g, rc, &err);
}

static void print_members(const struct session_options *o, const mr_member_t *members, int n)
{
    static const char *const columns[] = {"address", "uuid", NULL};
    struct table t;

    table_begin(&t, o->output, columns);
    for (int i = 0; i < n; i++) {
        table_text(&t, members[i].address, strlen(members[i].address));
        table_value(&t, MR_UUID(members[i].uuid));
    }
    table_end(&t);
}

int members_command(int argc, char **argv)
{
    enum { ROOM = 1024 };
    static mr_member_t members[ROOM];
    struct session_options o;
    mr_err_t err = MR_ERR_INIT;

    if (session_parse(argc, argv, &o) != EXIT_DONE)
        return EXIT_USAGE;
    if (o.count > 0)
        return usage("members", "\"%s\" is one word too many", o.words[0]);
    mr_t *g = session_open(&o, &err);
    int n = mr_members(g, members, ROOM, &err);

    if (err.code == MR_OK)
        print_members(&o, members, n < ROOM ? n : ROOM);
    return session_close(g, err.code, &err);
}

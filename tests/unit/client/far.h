/* far.h - a member and a client of it in one process; and tests that ask both the same.
 *
 *     BOTH(async, sentence) { ... }     two tests: near_async, on a member, and far_async, on a
 *                                       client of one
 */
#ifndef TESTS_UNIT_CLIENT_FAR_H
#define TESTS_UNIT_CLIENT_FAR_H

#include "grid/member.h"
#include "tests/unit/client/fixture.h"

static struct member *server;
static uint16_t port;

/* A member with these options beside the usual ones, on a port of its own: the last one's, if
 * there was one. */
static inline void serve(const char *const *options)
{
    mr_err_clear(&err);
    mr_config_t *c = mr_config_new(&err);
    char text[8];

    snprintf(text, sizeof text, "%u", (unsigned)port);
    GIVES(MR_OK, mr_config_set(c, "network.port", text, &err));
    GIVES(MR_OK, mr_config_set(c, "partitions.count", "7", &err));
    GIVES(MR_OK, mr_config_set(c, "member.loops", "1", &err));
    for (; options && *options; options += 2)
        GIVES(MR_OK, mr_config_set(c, options[0], options[1], &err));
    cr_assert(member_start(c, &server, &err) == MR_OK, "%s: %s", err.message, err.detail);
    port = server->door.address.port;
    mr_config_free(c);
}

static inline void unserve(void)
{
    member_stop(server);
    server = NULL;
}

static inline const char *url(const char *cluster)
{
    static char text[64];

    snprintf(text, sizeof text, "millrace://127.0.0.1:%u/%s", (unsigned)port, cluster);
    return text;
}

static inline void connect_with(const mr_connect_opts_t *opts)
{
    mr_err_clear(&err);
    g = mr_connect(url("dev"), opts, &err);
    cr_assert(g != NULL, "%s: %s", err.message, err.detail);
    m = mr_map(g, "test", &err);
}

static inline void open_both(void)
{
    serve(NULL);
    connect_with(NULL);
}

static inline void close_both(void)
{
    close_member();
    unserve();
}

#define BOTH(suite, sentence)                                                                      \
    static void suite##_##sentence(void);                                                          \
    Test(near_##suite, sentence, .init = open_plain, .fini = close_member, .timeout = 60)          \
    {                                                                                              \
        suite##_##sentence();                                                                      \
    }                                                                                              \
    Test(far_##suite, sentence, .init = open_both, .fini = close_both, .timeout = 60)              \
    {                                                                                              \
        suite##_##sentence();                                                                      \
    }                                                                                              \
    static void suite##_##sentence(void)

#endif

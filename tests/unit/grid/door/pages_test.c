/* pages_test.c - what a member shows over HTTP. */
#define _GNU_SOURCE
#include "grid/door/pages.h"

#include <ctype.h>
#include <stdlib.h>

#include "grid/member.h"
#include "tests/unit/browser.h"

static struct member *m;

static struct member *start(const char *port, const char *listen)
{
    mr_config_t *c = mr_config_new(NULL);
    struct member *started;
    mr_err_t err = MR_ERR_INIT;

    cr_assert(mr_config_set(c, "network.port", "0", NULL) == MR_OK);
    cr_assert(mr_config_set(c, "http.port", port, NULL) == MR_OK);
    cr_assert(mr_config_set(c, "http.listen", listen, NULL) == MR_OK);
    cr_assert(member_start(c, &started, &err) == MR_OK, "%s", err.message);
    mr_config_free(c);
    return started;
}

static void start_one(void)
{
    m = start("0", "yes");
}

static void stop_one(void)
{
    member_stop(m);
}

TestSuite(pages, .init = start_one, .fini = stop_one, .timeout = 60);

Test(pages, say_that_the_member_lives)
{
    const char *answer = browser_ask(m->pages.address.port, "GET", "/health/live");

    cr_assert(browser_begins(answer, "HTTP/1.1 200 "));
    cr_assert_str_eq(browser_body(answer), "{\"status\":\"live\"}\n");
}

/* The one line of the metric that begins so; its value. */
static long value_of(const char *text, const char *name)
{
    char start[128];

    snprintf(start, sizeof start, "\n%s ", name);
    const char *line = strstr(text, start);

    cr_assert(line != NULL, "there is no %s", name);
    return strtol(line + strlen(start), NULL, 10);
}

Test(pages, show_what_the_member_counts)
{
    const char *text = browser_body(browser_ask(m->pages.address.port, "GET", "/metrics"));

    cr_assert(value_of(text, "millrace_clients_connected") == 0);
    cr_assert(value_of(text, "millrace_client_calls_parked") == 0);
    cr_assert(value_of(text, "millrace_client_messages_total") == 0);
    cr_assert(value_of(text, "millrace_client_received_bytes_total") == 0);
    cr_assert(value_of(text, "millrace_client_sent_bytes_total") == 0);
    cr_assert(value_of(text, "millrace_client_errors_total") == 0);
    cr_assert(strcmp(text + strlen(text) - 6, "# EOF\n") == 0);
}

/* Names as the scrapers want them: ours in front, small letters, a unit, a help. */
Test(pages, name_each_metric_as_scrapers_want_it)
{
    char *text = strdup(browser_body(browser_ask(m->pages.address.port, "GET", "/metrics")));
    char *rest = text, type[16], name[128];
    int metrics = 0;

    for (char *line; (line = strsep(&rest, "\n"));) {
        if (sscanf(line, "# TYPE %127s %15s", name, type) != 2)
            continue;
        metrics++;
        cr_expect(strncmp(name, "millrace_", 9) == 0, "%s", name);
        for (const char *at = name; *at; at++)
            cr_expect(islower(*at) || isdigit(*at) || *at == '_', "%s", name);
        cr_expect(!strstr(name, "_total"), "the family has no ending: %s", name);
    }
    cr_assert(metrics >= 6);
    free(text);
}

Test(pages, are_at_the_next_port_when_one_is_taken)
{
    char port[8];

    snprintf(port, sizeof port, "%u", m->pages.address.port);
    struct member *second = start(port, "yes");

    cr_assert(second->pages.address.port > m->pages.address.port);
    cr_assert(browser_begins(browser_ask(second->pages.address.port, "GET", "/health/live"),
                             "HTTP/1.1 200 "));
    member_stop(second);
}

Test(pages, are_not_there_when_they_are_not_wanted)
{
    struct member *quiet = start("0", "no");

    cr_assert(quiet->pages.http == NULL);
    member_stop(quiet);
}

/* http_test.c - pages, and what is asked for that is none. */
#include "net/http.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/unit/browser.h"

static struct loop *loop;
static struct http *http;
static struct address at;

static void write_words(void *context, struct sink *body)
{
    sink_put(body, context, strlen(context));
}

static void write_too_much(void *context, struct sink *body)
{
    (void)context;
    body->size = (size_t)SINK_SIZE_MAX + 1;
}

static const struct http_page pages[] = {
    {"/words", "text/plain", write_words}, {"/much", "text/plain", write_too_much}, {0}};

static void set_up(void)
{
    cr_assert(eq(int, address_parse("127.0.0.1", 0, &at), MR_OK));
    cr_assert(eq(int, loop_new(&loop), MR_OK));
    cr_assert(eq(int, http_open_on_loop(loop, &at, pages, "some words", &http), MR_OK));
    cr_assert(eq(int, loop_start(loop, "http"), MR_OK));
}

static void tear_down(void)
{
    loop_stop(loop);
    loop_join(loop);
    http_close_on_loop(http);
    loop_free(loop);
}

TestSuite(http, .init = set_up, .fini = tear_down, .timeout = 60);

Test(http, gives_a_page)
{
    const char *answer = browser_ask(at.port, "GET", "/words");

    cr_assert(browser_begins(answer, "HTTP/1.1 200 "));
    cr_assert(strstr(answer, "\r\nContent-Type: text/plain\r\n") != NULL);
    cr_assert(strstr(answer, "\r\nContent-Length: 10\r\n") != NULL);
    cr_assert(eq(str, (char *)browser_body(answer), "some words"));
    cr_assert(browser_begins(browser_ask(at.port, "GET", "/words?a=b"), "HTTP/1.1 200 "));
}

Test(http, gives_the_size_of_a_page_to_head)
{
    const char *answer = browser_ask(at.port, "HEAD", "/words");

    cr_assert(browser_begins(answer, "HTTP/1.1 200 "));
    cr_assert(strstr(answer, "\r\nContent-Length: 10\r\n") != NULL);
    cr_assert(eq(str, (char *)browser_body(answer), ""));
}

Test(http, says_in_json_that_there_is_no_such_page)
{
    static const char *const paths[] = {"/", "/word", "/words/", "/words/..", "//words", "/%00"};

    for (int i = 0; i < 6; i++) {
        const char *answer = browser_ask(at.port, "GET", paths[i]);

        cr_expect(browser_begins(answer, "HTTP/1.1 404 "), "%s", paths[i]);
        cr_expect(strstr(answer, "\r\nContent-Type: application/json\r\n") != NULL);
        cr_expect(
            eq(str, (char *)browser_body(answer), "{\"status\":404,\"error\":\"Not Found\"}\n"));
    }
}

Test(http, says_in_json_what_may_be_asked_of_a_page)
{
    static const char *const methods[] = {"PUT", "DELETE", "OPTIONS", "PATCH"};

    for (int i = 0; i < 4; i++) {
        const char *answer = browser_ask(at.port, methods[i], "/words");

        cr_expect(browser_begins(answer, "HTTP/1.1 405 "), "%s: %s", methods[i], answer);
        cr_expect(strstr(answer, "\r\nAllow: GET, HEAD\r\n") != NULL);
        cr_expect(eq(str, (char *)browser_body(answer),
                     "{\"status\":405,\"error\":\"Method Not Allowed\"}\n"));
    }
    cr_assert(browser_begins(browser_send(at.port, "POST /words HTTP/1.1\r\nConnection: close\r\n"
                                                   "Content-Length: 2\r\n\r\nab"),
                             "HTTP/1.1 405 "));
}

Test(http, says_that_a_page_could_not_be_written)
{
    cr_assert(browser_begins(browser_ask(at.port, "GET", "/much"), "HTTP/1.1 503 "));
}

Test(http, takes_a_request_byte_by_byte)
{
    static const char request[] = "GET /words HTTP/1.1\r\nConnection: close\r\n\r\n";
    int fd = browser_connect(at.port);

    for (size_t i = 0; i < sizeof request - 1; i++)
        cr_assert(send(fd, request + i, 1, MSG_NOSIGNAL) == 1);
    cr_assert(browser_begins(browser_read(fd), "HTTP/1.1 200 "));
    close(fd);
}

/* Each is refused or closed, and the next one is answered. */
Test(http, bounds_what_a_stranger_sends)
{
    enum { MUCH = 200000 };
    char *much = malloc(MUCH + 1);
    static const char *const starts[] = {"GET /words HTTP/1.1\r\nX: ",
                                         "GET /",
                                         "",
                                         "POST /words HTTP/1.1\r\nContent-Length: 199999\r\n\r\n",
                                         "POST /words HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                                         "GET /words HTTP/9.9\r\n\r\n"};

    for (int i = 0; i < 6; i++) {
        int fd = browser_connect(at.port);

        memset(much, 'x', MUCH);
        much[MUCH] = '\0';
        memcpy(much, starts[i], strlen(starts[i]));
        (void)!send(fd, much, MUCH, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        cr_expect(not(browser_begins(browser_read(fd), "HTTP/1.1 200 ")), "%s", starts[i]);
        close(fd);
        cr_expect(browser_begins(browser_ask(at.port, "GET", "/words"), "HTTP/1.1 200 "));
    }
    free(much);
}

Test(http, says_when_its_port_is_taken)
{
    struct address same = at;
    struct http *second;
    struct loop *other;

    cr_assert(eq(int, loop_new(&other), MR_OK));
    cr_assert(eq(int, http_open_on_loop(other, &same, pages, "", &second), MR_ERR_SYSTEM));
    cr_assert(eq(int, errno, EADDRINUSE));
    loop_free(other);
}

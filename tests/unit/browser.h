/* browser.h - asks a port of this host over HTTP, as plainly as can be. */
#ifndef TESTS_UNIT_BROWSER_H
#define TESTS_UNIT_BROWSER_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int browser_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

/* All that comes until the other side says its end; borrowed until the next call. */
static inline const char *browser_read(int fd)
{
    static char text[1 << 20];
    size_t size = 0;
    ssize_t n;

    while ((n = recv(fd, text + size, sizeof text - 1 - size, 0)) > 0)
        size += (size_t)n;
    text[size] = '\0';
    return text;
}

static inline const char *browser_send(uint16_t port, const char *request)
{
    int fd = browser_connect(port);

    cr_assert(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    const char *answer = browser_read(fd);

    close(fd);
    return answer;
}

/* METHOD /path, and no more after the answer. */
static inline const char *browser_ask(uint16_t port, const char *method, const char *path)
{
    char request[512];

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             method, path);
    return browser_send(port, request);
}

static inline bool browser_begins(const char *answer, const char *words)
{
    return strncmp(answer, words, strlen(words)) == 0;
}

/* What stands behind the headers. */
static inline const char *browser_body(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");

    cr_assert(end != NULL, "%s", answer);
    return end + 4;
}

#endif

/* raw_client.h - a client of a member on this host that only speaks the protocol: it sends requests
 * without waiting for answers, and is given whatever comes. For tests of the door. */
#ifndef TESTS_RAW_CLIENT_H
#define TESTS_RAW_CLIENT_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/frame.h"
#include "net/wire/wire.h"

struct raw_client {
    int socket;
    struct sink requests; /* to be sent */
    struct frames frames;
};

static inline void raw_request(struct raw_client *c, enum wire_id id, int64_t correlation,
                               const void *message)
{
    wire_encode(id, &(struct wire_head){.correlation = correlation, .partition = -1}, message,
                &c->requests);
}

/* Sends all requests. False: the connection is lost. */
static inline bool raw_send(struct raw_client *c)
{
    bool all = sink_state(&c->requests) == MR_OK &&
               send(c->socket, c->requests.at, c->requests.size, MSG_NOSIGNAL) ==
                   (ssize_t)c->requests.size;

    c->requests.size = 0;
    return all;
}

/* Waits for bytes, and hands on the messages that are whole with them. False: it is lost. */
static inline bool raw_receive(struct raw_client *c, frames_taker *take, void *context)
{
    uint8_t piece[65536];
    ssize_t n = recv(c->socket, piece, sizeof piece, 0);

    return n > 0 && frames_feed(&c->frames, piece, (size_t)n, take, context) == MR_OK;
}

/* Connects to the port, and asks to be let in with correlation 0. False: nobody is there. */
static inline bool raw_open(struct raw_client *c, uint16_t port)
{
    static const struct sink none;
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct client_authentication_req login = {
        .uuid = {1, 2, false},
        .serialization_version = 1,
        .cluster_name = wire_text("dev"),
        .client_type = wire_text("test"),
        .client_hazelcast_version = wire_text("5.5"),
        .client_name = wire_text("test"),
        .labels = wire_list_of(&none, 0),
    };

    *c = (struct raw_client){.socket = socket(AF_INET, SOCK_STREAM, 0), .requests.grows = true};
    frames_init(&c->frames, 1 << 24);
    sink_put(&c->requests, "CP2", 3);
    raw_request(c, WIRE_client_authentication_req, 0, &login);
    return connect(c->socket, (const struct sockaddr *)&address, sizeof address) == 0 &&
           raw_send(c);
}

static inline void raw_close(struct raw_client *c)
{
    close(c->socket);
    frames_free(&c->frames);
    sink_free(&c->requests);
}

#endif

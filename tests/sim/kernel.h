/* kernel.h - what two kernels do with a TCP connection when its processes write, close, die, are
 * stopped, or when the network between them drops and rejects: FIN, RST or silence.
 *
 *     end[0] ── bytes, then FIN ──▶ end[1]          each packet at its own time, in order
 *            ◀── bytes, then FIN ──                 ways[from host][to host]: open, drop, reject
 *
 * The rules:
 *     an end closes when its last holder closes it or dies: bytes that lie unread there make it
 *         RST, with SO_LINGER{1,0} it is RST, else FIN, after all bytes that were sent
 *     connect(AF_UNSPEC) is RST at once, whoever else holds the descriptor
 *     bytes and FIN are sent again until they get through; those of an end that nobody holds any
 *         more for a limited time only. An RST is sent once
 *     bytes for an end that has gone are answered by RST
 *     what a REJECT refuses is answered by RST or by nothing, to the one who sent it
 *     a stopped process does nothing; its kernel goes on
 *     after an RST recv() gives the error once and then 0; whoever else takes the error (SO_ERROR,
 *         a send) leaves the 0. After a FIN it gives 0
 *
 * tests/stress/last_words.c plays the same scripts with this and with the real kernel.
 */
#ifndef TESTS_SIM_KERNEL_H
#define TESTS_SIM_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/world.h"

enum { KERNEL_HOSTS = 4 };

enum kernel_way { WAY_OPEN, WAY_DROP, WAY_REJECT };

/* As tcpi_state has it; those after our own end are one here. */
enum kernel_state {
    STATE_ESTABLISHED = 1,
    STATE_FIN_WAIT = 4,
    STATE_CLOSE = 7,
    STATE_CLOSE_WAIT = 8,
    STATE_LAST_ACK = 9
};

struct kernel_connection;

/* One end of a connection. */
struct kernel_end {
    struct kernel_connection *connection;
    struct kernel_end *peer;
    uint32_t host;
    uint32_t holders; /* processes that have the descriptor */
    enum kernel_state state;
    int error;            /* to be given once */
    bool said, heard_all; /* FIN is sent after what is under way; FIN has come */
    bool fin_came;        /* to the peer */
    bool shut_read, linger;
    uint64_t under_way;   /* bytes that have not come to the peer yet */
    uint64_t unread;      /* that have come here */
    uint64_t wait_ns;     /* before the next attempt */
    uint64_t gives_up_ns; /* 0: never */
    bool trying;

    void (*arrived)(struct kernel_end *end); /* something to recv; may be NULL */
    void *context;                           /* the owner's */
};

struct kernel_connection {
    struct kernel_connection *next;
    struct kernel *kernel;
    uint64_t number; /* 1 .. */
    struct kernel_end ends[2];
};

struct kernel {
    struct world *w;
    uint64_t usual_ns;  /* of a packet */
    uint64_t orphan_ns; /* for how long what is left of the dead is sent again */
    bool reject_resets; /* else REJECT is silence */
    enum kernel_way ways[KERNEL_HOSTS][KERNEL_HOSTS];
    struct kernel_connection *connections;
    uint64_t numbers;
};

void kernel_begin(struct kernel *k, struct world *w);
void kernel_end(struct kernel *k);

/* A connection between two hosts that is established, each end with one holder. */
struct kernel_connection *kernel_connect(struct kernel *k, uint32_t host0, uint32_t host1);

/* ---- what processes do ---------------------------------------------------------------------- */

/* Returns how many bytes were taken, or -errno. */
int64_t kernel_send(struct kernel_end *e, uint64_t size);

/* Returns how many bytes came, 0, or -errno; -EAGAIN: nothing, yet. */
int64_t kernel_recv(struct kernel_end *e);

/* SO_ERROR: gives the error, and takes it away. */
int kernel_take_error(struct kernel_end *e);

/* What descriptors of a process do: another one has it too; it is closed, by hand or by death. */
void kernel_share(struct kernel_end *e);
void kernel_drop(struct kernel_end *e);

void kernel_linger_none(struct kernel_end *e); /* SO_LINGER{1,0} */
void kernel_disconnect(struct kernel_end *e);  /* connect(AF_UNSPEC) */
void kernel_shut_write(struct kernel_end *e);
void kernel_shut_read(struct kernel_end *e);

/* ---- what others do ------------------------------------------------------------------------- */

/* A proxy on the way ends the connection towards this end, whose peer lives. */
void kernel_forge_fin(struct kernel_end *e);

static inline bool kernel_lets(const struct kernel *k, uint32_t from, uint32_t to)
{
    return k->ways[from][to] == WAY_OPEN;
}

#endif

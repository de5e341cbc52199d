/* Any bytes from a client that has been let in, to a whole member on a network in memory; a second
 * client beside it gets its answer every time. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "tests/door.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { INPUTS_PER_MEMBER = 200 }; /* a new one costs a thread; an old one remembers too much */

static struct peer good, bad;

static void new_member(void)
{
    static int inputs;

    if (inputs++ % INPUTS_PER_MEMBER != 0)
        return;
    if (inputs > 1) {
        peer_leave(&good);
        world_close();
    }
    world_open("memory.max", "64MiB", "limits.message-size", "64KiB", "limits.result-size", "64KiB",
               NULL);
    peer_login(&good);
}

static void ask_good(void)
{
    struct map_size_rsp size;

    peer_clear(&good);
    peer_ask(&good, WIRE_map_size_req, &(struct map_size_req){.name = wire_text("good")});
    world_run();
    if (good.count != 1 || !peer_read(&good, WIRE_map_size_rsp, &size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    new_member();
    peer_login(&bad);
    conn_send(&bad.conn, bytes, size);
    world_run();
    ask_good();
    peer_leave(&bad);
    world_run();
    return 0;
}

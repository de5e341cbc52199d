/* forming_test.c - clients that come while the cluster is still being formed. */
#define _GNU_SOURCE
#include "tests/unit/grid/peers/spread.h"

static void open_one(void)
{
    free_ports(port, PLACES);
    cr_assert(pipe(told_pipe) == 0);
    start_one(0);
}

static bool take_cluster(void *context, const uint8_t *bytes, size_t size)
{
    union wire_message m;
    struct wire_head head;
    const char *field;

    if (bytes && wire_read_head(bytes, size, &head) == MR_OK && head.correlation == 0 &&
        wire_decode(WIRE_client_authentication_rsp, bytes, size, &m, &field) == MR_OK)
        *(struct wire_uuid *)context = m.client_authentication_rsp.cluster_id;
    return true;
}

/* Connected, as soon as somebody is there, and let in. */
static void come_in(int member, struct raw_client *c, struct wire_uuid *ret_cluster)
{
    int tries = 0;

    while (!raw_open(c, port[member])) {
        raw_close(c);
        cr_assert(lt(int, tries++, TRIES));
        nanosleep(&(struct timespec){0, 10000000}, NULL); /* between two tries */
    }
    *ret_cluster = (struct wire_uuid){.null = true};
    setsockopt(c->socket, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){20, 0},
               sizeof(struct timeval));
    while (ret_cluster->null)
        cr_assert(raw_receive(c, take_cluster, ret_cluster));
}

/* Else it would take every other member for one of another cluster. */
Test(forming, who_came_in_too_early_comes_in_again, .init = open_one, .fini = close_spread)
{
    struct wire_uuid early, cluster[3];
    struct raw_client c;

    come_in(0, &c, &early);
    start_one(1);
    start_one(FOUNDER);
    errno = 0;
    while (raw_receive(&c, take_cluster, &early))
        ;
    cr_assert(eq(int, errno, 0), "it is not let go");
    raw_close(&c);
    (void)wait_told(TELL_THREE, TELL_THREE + PLACES, 3);
    for (int i = 0; i < 3; i++) {
        come_in(i == 2 ? FOUNDER : i, &c, &cluster[i]);
        raw_close(&c);
        cr_assert(eq(u64, cluster[i].high, cluster[0].high));
        cr_assert(eq(u64, cluster[i].low, cluster[0].low));
    }
    cr_assert(early.high != cluster[0].high || early.low != cluster[0].low);
}

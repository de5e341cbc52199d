#include "grid/door/local.h"

#include "client/handle.h"
#include "tests/unit/client/fixture.h"

/* What an embedded program meets when a client has locked a key. */

static struct lock_request client = {.key = {(const uint8_t *)"k", 1, DATA_STRING},
                                     .owner = {1, 2, 3}};

static struct map *map_of_member(void)
{
    return (struct map *)m->map;
}

static void open_locked(void)
{
    open_plain();
    put(MR_STR("k"), MR_I64(1));
    cr_assert(map_lock(map_of_member(), &client) == MR_OK);
}

TestSuite(local, .init = open_locked, .fini = close_member);

static void unlock_soon(void *unused)
{
    (void)unused;
    pause_ms(20);
    cr_assert(map_unlock(map_of_member(), &client) == MR_OK);
}

Test(local, waits_for_a_key_that_is_locked)
{
    struct thread t;

    cr_assert(thread_start(&t, "unlock", unlock_soon, NULL) == MR_OK);
    put(MR_STR("k"), MR_I64(2));
    thread_join(&t);
    cr_assert(number(MR_STR("k")) == 2);
}

Test(local, waits_no_longer_than_the_lease)
{
    client.lease_ms = 20;
    cr_assert(map_lock(map_of_member(), &client) == MR_OK);
    put(MR_STR("k"), MR_I64(2));
}

Test(local, does_not_wait_in_a_read_section_and_says_who_holds_the_lock)
{
    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_ERR_BUSY, mr_map_put(m, MR_STR("k"), MR_I64(2), NULL, &err));
    mr_read_end(g);
    cr_assert(strstr(err.detail, "thread 3 of client 00000000000000010000000000000002"), "%s",
              err.detail);
    cr_assert(number(MR_STR("k")) == 1);
}

Test(local, reads_what_is_locked)
{
    cr_assert(number(MR_STR("k")) == 1);
}

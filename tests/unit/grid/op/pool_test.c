#include "grid/op/pool.h"

#include <criterion/criterion.h>

#include "net/base/atomic.h"

static struct pool pool;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static uint64_t ran;
static uint32_t dropped;

static void pass(struct work *w)
{
    (void)w;
    (void)fetch_add_64(&ran, 1);
}

/* Cannot go on until the test lets it. */
static void pass_the_gate(struct work *w)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    pass(w);
}

static void drop(struct work *w)
{
    (void)w;
    dropped++;
}

Test(pool, does_what_it_is_given_once)
{
    enum { GIVEN = 1000 };
    static struct work work[GIVEN];

    cr_assert(pool_start(&pool, 3, GIVEN) == MR_OK);
    for (int i = 0; i < GIVEN; i++) {
        work[i] = (struct work){.run = pass, .drop = drop};
        cr_assert(pool_give(&pool, &work[i]) == MR_OK);
    }
    pool_stop(&pool);
    cr_assert(load_relaxed_64(&ran) + dropped == GIVEN);
}

Test(pool, takes_no_more_than_may_wait_and_drops_it_at_the_end)
{
    struct work work[3];
    mr_rc_t rc = MR_OK;

    cr_assert(pool_start(&pool, 1, 1) == MR_OK);
    pthread_mutex_lock(&gate);
    work[0] = (struct work){.run = pass_the_gate, .drop = drop};
    cr_assert(pool_give(&pool, &work[0]) == MR_OK);
    work[1] = work[2] = work[0];
    while ((rc = pool_give(&pool, &work[1])) == MR_ERR_BUSY) /* until the thread has the first */
        ;
    cr_assert(rc == MR_OK && pool_give(&pool, &work[2]) == MR_ERR_BUSY);
    pthread_mutex_unlock(&gate);
    pool_stop(&pool);
    cr_assert(load_relaxed_64(&ran) + dropped == 2);
    pool_stop(&pool);
}

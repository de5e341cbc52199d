/* dump.c - millrace-histories: prints histories, and what our checker says of each.
 *
 * Each stands behind a line {"history":NAME,"verdict":"good" or "bad"}, so that another checker can
 * be asked what it says. Good ones, the same weakened, blurred ones, and each kind of damage.
 */
#include <stdio.h>

#include "net/base/check.h"
#include "net/base/mem.h"
#include "tests/sim/damage.h"
#include "tests/sim/wgl.h"

enum { SEEDS = 400, EACH = 25, CALLS_MAX = 28, STEPS = 1000000 };

static void print(const char *name, uint64_t seed, struct history *h)
{
    struct operation *ops;
    struct wgl_result result;
    uint32_t count, at;

    check(history_operations(h, &ops, &count, &at) == MR_OK);
    wgl_check(&h->values, ops, count, STEPS, &result);
    check(result.verdict <= WGL_NOT_LINEARIZABLE);
    printf("{\"history\":\"%s %llu\",\"verdict\":\"%s\"}\n", name, (unsigned long long)seed,
           result.verdict == WGL_LINEARIZABLE ? "good" : "bad");
    check(history_write(h, stdout) == MR_OK);
    mem_free(ops);
}

static void begin(struct rand *r, uint64_t seed, enum example_kind kind, struct history *h)
{
    rand_init(r, seed);
    history_init(h);
    example_good(r, kind, 1 + (uint32_t)rand_below(r, CALLS_MAX), h);
}

static void print_damaged(enum damage d)
{
    int done = 0;

    for (uint64_t seed = 1; done < EACH; seed++) {
        struct history h;
        struct rand r;

        begin(&r, seed, damage_kind(d), &h);
        if (example_damage(&r, d, &h)) {
            print(damage_name(d), seed, &h);
            done++;
        }
        history_free(&h);
    }
}

int main(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct history h;
        struct rand r;

        begin(&r, seed, seed % EXAMPLE_KINDS, &h);
        print("good", seed, &h);
        example_weaken(&r, &h);
        print("weakened", seed, &h);
        for (int i = 0; i < 4; i++) {
            example_blur(&r, &h);
            print("blurred", seed, &h);
        }
        history_free(&h);
    }
    for (enum damage d = 0; d < DAMAGES; d++)
        print_damaged(d);
    return 0;
}

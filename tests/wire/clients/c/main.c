/* main.c - the checks of the C client: checks HOST:PORT checks|cross|restart prints a line for
 * each check: those of this language alone, those that read what all languages have written, those
 * that kill the server. */
#include "bench.h"
#include "staff.h"

static void run_part(struct bench *t, const char *part)
{
    static void (*const checks[])(struct bench *) = {
        map_checks,   bulk_checks,     life_checks,       async_checks,
        lock_checks,  listener_checks, near_cache_checks, value_checks,
        query_checks, cluster_checks,  cross_write_checks};

    if (strcmp(part, "cross") == 0)
        cross_read_checks(t);
    else if (strcmp(part, "restart") == 0)
        restart_checks(t);
    else
        for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
            checks[i](t);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[2], "owner") == 0)
        return own_a_lock(argv[1], argv[3]);
    if (argc != 3)
        return 2;

    struct bench t = {.address = argv[1]};

    t.g = connect_to(&t, "dev", NULL);
    t.other = connect_to(&t, "dev", NULL);
    if (!t.g || !t.other)
        return mr_err_report(stderr, &t.err);
    run_part(&t, argv[2]);
    mr_err_clear(&t.err);
    mr_close(t.g, MR_NOW, &t.err);
    mr_close(t.other, MR_NOW, &t.err);
    staff_forget();
    return mr_err_report(stderr, &t.err);
}

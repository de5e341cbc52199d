/* hello_member.c - a member of a grid inside this program; put and get. */
#include <millrace/millrace.h>

int main(void)
{
    mr_err_t err = MR_ERR_INIT;
    mr_t *g = mr_member_start(NULL, &err); /* defaults, and MILLRACE_* of the environment */
    mr_map_t *ages = mr_map(g, "ages", &err);

    mr_map_put(ages, MR_STR("ada"), MR_I64(36), NULL, &err);

    mr_val_t v = MR_VAL_INIT;
    if (mr_map_get(ages, MR_STR("ada"), &v, NULL, &err) == MR_OK)
        printf("ada is %lld\n", (long long)mr_val_i64(&v));
    mr_val_clear(&v);

    mr_memory_stats_t memory = MR_MEMORY_STATS_INIT;
    if (mr_memory_stats(g, &memory, &err) == MR_OK)
        printf("%d member, %llu bytes in use\n", mr_member_count(g),
               (unsigned long long)memory.used);
    mr_close(g, MR_DRAIN, &err);

    return mr_err_report(stderr, &err); /* 0 when nothing went wrong */
}

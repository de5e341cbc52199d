/* connect.c - a client of a running member: put, get, a condition, and a thousand gets in flight.
 *
 *     millrace serve &
 *     ./connect                                    or: ./connect millrace://10.0.0.1:5701/prod
 */
#include <millrace/millrace.h>

enum { MANY = 1000 };

/* All are sent before the first answer is looked at; the tag says whose answer it is. */
static long long sum_of_squares(mr_t *g, mr_map_t *squares, mr_err_t *err)
{
    mr_cq_t *cq = mr_cq_new(g, err); /* mr_cq_fd(cq) is for epoll, libuv, ... */
    mr_completion_t c = MR_COMPLETION_INIT;
    long long sum = 0;

    for (int i = 0; i < MANY; i++)
        mr_map_set_async(squares, MR_I64(i), MR_I64((int64_t)i * i), NULL, cq, 0, err);
    for (int i = 0; i < MANY && mr_cq_wait(cq, &c, 10000, err); i++)
        ;
    for (int i = 0; i < MANY; i++)
        mr_map_get_async(squares, MR_I64(i), cq, (uint64_t)i, err);
    for (int i = 0; i < MANY && mr_cq_wait(cq, &c, 10000, err); i++)
        sum += c.rc == MR_OK ? mr_val_i64(&c.value) : 0;
    mr_completion_clear(&c);
    mr_cq_free(cq);
    return sum;
}

int main(int argc, char **argv)
{
    mr_err_t err = MR_ERR_INIT;
    mr_t *g = mr_connect(argc > 1 ? argv[1] : "millrace://127.0.0.1:5701/dev", NULL, &err);
    mr_map_t *people = mr_map(g, "people", &err);

    mr_map_put(people, MR_STR("ada"), MR_JSON("{\"name\": \"Ada\", \"age\": 36}"), NULL, &err);
    mr_map_put(people, MR_STR("bob"), MR_JSON("{\"name\": \"Bob\", \"age\": 25}"), NULL, &err);

    mr_val_t v = MR_VAL_INIT;
    if (mr_map_get(people, MR_STR("ada"), &v, NULL, &err) == MR_OK)
        printf("ada is %s\n", mr_val_str(&v));
    mr_val_clear(&v);

    printf("%llu over 30, their name with an A\n",
           (unsigned long long)mr_map_count(people, "age > 30 and name like 'A%'", &err));
    printf("the sum of %d squares is %lld\n", MANY,
           sum_of_squares(g, mr_map(g, "squares", &err), &err));

    mr_close(g, MR_NOW, &err);
    return mr_err_report(stderr, &err); /* 0 when nothing went wrong */
}

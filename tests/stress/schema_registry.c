/* Several threads add the same and different schemas to one registry while others look them up.
 * Under ThreadSanitizer it shows that a schema found is a schema written. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "net/base/atomic.h"
#include "net/wire/schema.h"

enum { THREADS = 4, SCHEMAS = 2000 };

static struct schema_registry registry;
static uint64_t failed;

static struct schema *numbered(int n)
{
    char type[32];
    struct schema_field_spec field = {"value", 5, SCHEMA_INT64};
    struct schema *s = NULL;
    int size = snprintf(type, sizeof type, "type %d", n);

    if (schema_new(type, (uint32_t)size, &field, 1, &s, NULL) != MR_OK)
        fetch_add_64(&failed, 1);
    return s;
}

static void *work(void *context)
{
    int self = (int)(intptr_t)context;

    for (int i = 0; i < SCHEMAS; i++) {
        struct schema *s = numbered(i);
        uint64_t id = s->id;
        const struct schema *known = schema_registry_find(&registry, id);

        if (known && (known->id != id || strcmp(known->field[0].name, "value") != 0))
            fetch_add_64(&failed, 1);
        if (i % 2 == self % 2 || i % 3 == 0) {
            if (schema_registry_add(&registry, s, &known) != MR_OK ||
                schema_registry_find(&registry, id) != known)
                fetch_add_64(&failed, 1);
        } else {
            schema_free(s);
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];

    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SCHEMAS; i++) {
        struct schema *s = numbered(i);

        if (!schema_registry_find(&registry, s->id))
            failed++;
        schema_free(s);
    }
    if (registry.count != SCHEMAS)
        failed++;
    schema_registry_clear(&registry);
    printf("%d passed, %d failed\n", failed == 0, (int)failed);
    return failed != 0;
}

/* cross.c - what one language writes, the others read. The words in READ are the languages that
 * have written. */
#include <stdlib.h>

#include "bench.h"
#include "staff.h"

static const char *const kinds[] = {"compact", "employee", "json", "text",    "long",
                                    "double",  "boolean",  "uuid", "decimal", "date",
                                    "time",    "stamp",    "zoned"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void write_all(struct bench *t)
{
    static const mr_uuid_t uuid = {123456789, (uint64_t)-987654321};
    static const mr_time_t moment = {2024, 2, 29, 1, 2, 3, 4000000, -5400};
    static const mr_time_t evening = {0, 0, 0, 23, 59, 58, 7000000, 0};
    mr_map_t *m = mr_map(t->g, "cross", &t->err);
    mr_rec_t *all = kinds_record(&t->err), *ada = staff_record(0, &t->err);
    const mr_ref_t values[KINDS] = {MR_REC(all),
                                    MR_REC(ada),
                                    MR_JSON("{\"a\": [1, 2.5, null], \"b\": \"x\"}"),
                                    MR_STR("Grüße 😀"),
                                    MR_I64(-9007199254740993),
                                    MR_F64(2.5),
                                    MR_BOOL(true),
                                    MR_UUID(uuid),
                                    long_decimal(),
                                    MR_DATE(moment),
                                    MR_TIME(evening),
                                    MR_DATETIME(moment),
                                    MR_DATETIME_TZ(moment)};

    for (int i = 0; i < KINDS; i++) {
        char key[32];

        snprintf(key, sizeof key, "c.%s", kinds[i]);
        mr_map_set(m, MR_STR(key), values[i], NULL, &t->err);
    }
    mr_rec_free(all);
    mr_rec_free(ada);
    say(t, MR_I64(KINDS));
}

void cross_write_checks(struct bench *t)
{
    run_check(t, "cross.write", write_all, NULL);
}

static void read_one(struct bench *t)
{
    say_get(t, mr_map(t->g, "cross", &t->err), t->with);
}

/* By a field of its record: t->with is the language. */
static void is_found(struct bench *t)
{
    char text[96];

    snprintf(text, sizeof text, "__key = '%s.employee' and department.floor = 3",
             (const char *)t->with);
    say(t, MR_I64(mr_map_count(mr_map(t->g, "cross", &t->err), text, &t->err)));
}

static void read_language(struct bench *t, const char *language)
{
    char name[64], key[64];

    for (int i = 0; i < KINDS; i++) {
        snprintf(name, sizeof name, "cross.%s_%s", language, kinds[i]);
        snprintf(key, sizeof key, "%s.%s", language, kinds[i]);
        run_check(t, name, read_one, key);
    }
    snprintf(name, sizeof name, "cross.%s_is_found", language);
    run_check(t, name, is_found, language);
}

void cross_read_checks(struct bench *t)
{
    const char *read = getenv("READ");
    char *languages = strdup(read ? read : ""), *rest = languages, *word;

    while ((word = strtok_r(rest, " ", &rest)))
        read_language(t, word);
    free(languages);
}

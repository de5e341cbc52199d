/* query.h - entries for predicates and their like to be asked of, while their bytes are fuzzed. */
#ifndef TESTS_FUZZ_QUERY_H
#define TESTS_FUZZ_QUERY_H

#include <stdlib.h>
#include <string.h>

#include "net/wire/compact.h"
#include "net/wire/data.h"

enum { FUZZ_ENTRIES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static inline struct data fuzz_record(void)
{
    static const struct schema_field_spec fields[] = {
        {"a", 1, SCHEMA_INT32}, {"b", 1, SCHEMA_STRING}, {"c", 1, SCHEMA_ARRAY_OF_INT32}};
    static uint8_t bytes[256];
    const struct scalar text = {.kind = DATA_STRING, .bytes = {(const uint8_t *)"text", 4, 0}};
    const struct schema *known;
    struct schema *s;
    struct data d;

    if (schema_new("fuzz", 4, fields, 3, &s, NULL) != MR_OK ||
        schema_registry_add(schema_registry_shared(), s, &known) != MR_OK)
        abort();
    struct compact_writer *w = compact_writer_new(known, bytes, sizeof bytes);

    if (!w || compact_set(w, "b", 1, &text, NULL) != MR_OK || compact_finish(w, &d, NULL) != MR_OK)
        abort();
    compact_writer_free(w);
    return d;
}

static inline struct data fuzz_text(const char *text, uint8_t kind)
{
    return (struct data){(const uint8_t *)text, (uint32_t)strlen(text), kind};
}

/* A record, a JSON object, a text. */
static inline const struct data *fuzz_values(void)
{
    static struct data values[FUZZ_ENTRIES];

    if (values[0].kind == DATA_NULL) {
        values[0] = fuzz_record();
        values[1] = fuzz_text("{\"a\":1,\"b\":\"\\u0041x\",\"c\":[1,{\"d\":2.5}]}", DATA_JSON);
        values[2] = fuzz_text("2024-02-29", DATA_STRING);
    }
    return values;
}

#endif

/* Any schema, and any bytes as a record of it: the first byte says how many fields it has, then
 * two bytes each say a field's kind and name. What can be read is written, and read again. */
#include "net/wire/compact.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { FIELDS_MAX = 12 };

static void look(struct scalar *v, struct compact_writer *w, const struct schema_field *f)
{
    struct scalar item;

    (void)scalar_sound(v);
    if (v->kind == SCALAR_ARRAY)
        for (uint32_t i = 0; i < v->array.count && i < 50; i++)
            (void)!scalar_item(&v->array, i, &item);
    (void)!compact_set(w, f->name, f->name_size, v, NULL);
}

static void read_all(const struct compact *r)
{
    struct compact_writer *w = compact_writer_new(r->schema, NULL, 0);
    struct compact again;
    struct data d;
    const char *text;
    uint32_t text_size;
    int64_t n;
    double real;

    if (!w)
        abort();
    for (uint32_t i = 0; i < r->schema->fields; i++) {
        const struct schema_field *f = &r->schema->field[i];
        struct scalar v;

        if (compact_get(r, f, &v) == MR_OK)
            look(&v, w, f);
        (void)!compact_get_integer(r, f, &n);
        (void)!compact_get_real(r, f, &real);
        (void)!compact_get_text(r, f, &text, &text_size);
    }
    if (compact_finish(w, &d, NULL) == MR_OK &&
        compact_open(r->schema, d.at, d.size, &again) != MR_OK)
        abort();
    compact_writer_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct schema_field_spec fields[FIELDS_MAX];
    static const char names[] = "abcdefghijklmnop";
    struct schema *s;
    struct compact r;
    uint32_t count;

    if (size < 1 || (count = bytes[0] % FIELDS_MAX) * 2 + 1 > size)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        fields[i] =
            (struct schema_field_spec){names + bytes[2 + 2 * i] % 16, 1, bytes[1 + 2 * i] % 50};
    bytes += 1 + 2 * count;
    size -= 1 + 2 * count;
    if (schema_new("fuzz", 4, fields, count, &s, NULL) != MR_OK)
        return 0;
    uint8_t *record = malloc(8 + size);

    for (int i = 0; i < 8; i++)
        record[i] = (uint8_t)(s->id >> (56 - 8 * i));
    if (size > 0)
        memcpy(record + 8, bytes, size);
    if (compact_open(s, record, (uint32_t)(8 + size), &r) == MR_OK)
        read_all(&r);
    free(record);
    schema_free(s);
    return 0;
}

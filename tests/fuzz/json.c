/* Any text, walked over as JSON: every value that can be reached is read. */
#include "net/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void walk(const struct json *v, int depth)
{
    struct sink text = {.grows = true};
    struct json name, one;
    struct scalar s;

    (void)!json_scalar(v, &text, &s);
    sink_free(&text);
    if ((v->kind != JSON_ARRAY && v->kind != JSON_OBJECT) || depth == 8)
        return;
    for (struct json_walk w = json_walk(v); json_next(&w, &name, &one) == MR_OK;) {
        if (v->kind == JSON_OBJECT)
            (void)json_says(&name, "name", 4);
        walk(&one, depth + 1);
    }
    (void)!json_member(v, "name", 4, &one);
    (void)!json_item(v, 3, &one);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct json v;

    if (json_open(bytes, (uint32_t)size, &v) == MR_OK)
        walk(&v, 0);
    return 0;
}

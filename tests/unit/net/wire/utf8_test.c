#include "net/wire/utf8.h"

#include "tests/unit/net/wire/bytes.h"

static const struct {
    const char *hex;
    bool valid;
} texts[] = {
    {"", true},
    {"00", true},
    {"6162636465666768 69", true}, /* more than eight, all ASCII */
    {"6162636465666768 c3bc", true},
    {"c280", true},
    {"dfbf", true},
    {"e0a080", true},
    {"ed9fbf", true},
    {"ee8080", true},
    {"f0908080", true},
    {"f48fbfbf", true}, /* U+10FFFF, the last */
    {"f09f988a 20", true},
    {"80", false}, /* a byte that only follows */
    {"c3", false}, /* nothing follows */
    {"c328", false},
    {"c080", false}, /* longer than needed */
    {"c1bf", false},
    {"e09fbf", false},
    {"f08fbfbf", false},
    {"eda080", false}, /* a surrogate */
    {"edbfbf", false},
    {"f4908080", false}, /* beyond the last */
    {"f5808080", false},
    {"ff", false},
    {"e282", false},
    {"e28228", false},
    {"f09f9828", false},
    {"6162636465666768 ff", false},
};

Test(utf8, tells_text_from_bytes)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint32_t size;
        uint8_t *bytes = bytes_of(texts[i].hex, &size);

        cr_expect_eq(utf8_valid(bytes, size), texts[i].valid, "%s", texts[i].hex);
        free(bytes);
    }
}

/* Any text as an address, a number, a size, a time: what is read is written and read again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"
#include "net/base/text.h"
#include "net/wire/number.h"
#include "net/wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_address(const char *text)
{
    struct address a, again;
    char out[ADDRESS_TEXT];

    if (address_parse(text, 5701, &a) != MR_OK)
        return;
    if (address_parse(address_text(&a, out), 0, &again) != MR_OK || !address_equal(&a, &again))
        abort();
    (void)address_host(&a, out);
}

static void read_number(const char *text, size_t size)
{
    struct scalar v;
    char out[NUMBER_TEXT];
    double d, again;

    (void)!number_read(text, size, &v);
    if (number_real(text, size, &d) != MR_OK || !isfinite(d))
        return;
    if (number_real(out, number_write(d, out), &again) != MR_OK || memcmp(&d, &again, sizeof d))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    uint64_t n;
    int64_t i;
    bool b;

    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    read_address(text);
    read_number(text, size);
    (void)!text_to_ms(text, &n);
    (void)!text_to_bytes(text, &n);
    (void)!text_to_bool(text, &b);
    (void)!text_to_i64(text, INT64_MIN, INT64_MAX, &i);
    free(text);
    return 0;
}

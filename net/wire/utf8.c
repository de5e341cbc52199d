#include "net/wire/utf8.h"

/* How many bytes follow this one in its character, -1 when no character begins with it; the
 * first of them lies in low .. high, which is what rules out the forms that are not allowed. */
static int follows(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

    if (lead < 0x80)
        return 0;
    if (lead < 0xc2 || lead > 0xf4)
        return -1;
    return lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
}

bool utf8_valid_slow(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint8_t low, high;
        int more = follows(*at++, &low, &high);

        if (more < 0 || end - at < more)
            return false;
        if (more > 0 && (*at < low || *at > high))
            return false;
        for (int i = 1; i < more; i++)
            if ((at[i] & 0xc0) != 0x80)
                return false;
        at += more;
    }
    return true;
}

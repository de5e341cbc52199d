#include "net/base/nearest.h"

#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: row[i] counts the slips between the first i letters of `a` and the
 * letters of `b` so far; a swap looks two rows back. */
static unsigned slips(const char *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned rows[3][NEAREST_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    for (unsigned i = 0; i <= a_size; i++)
        above[i] = i;
    for (unsigned j = 1; j <= b_size; j++) {
        row[0] = j;
        for (unsigned i = 1; i <= a_size; i++) {
            unsigned wrong = a[i - 1] != b[j - 1];

            row[i] = least(least(row[i - 1], above[i]) + 1, above[i - 1] + wrong);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[i] = least(row[i], before[i - 2] + 1);
        }
        unsigned *oldest = before;

        before = above;
        above = row;
        row = oldest;
    }
    return above[a_size];
}

void nearest_offer(struct nearest *n, const char *name)
{
    size_t typed = strlen(n->typed), size = strlen(name);

    if (typed > NEAREST_MAX || size > NEAREST_MAX)
        return;
    unsigned found = slips(n->typed, typed, name, size);

    if (found <= 1 + typed / 4 && (!n->name || found < n->slips)) {
        n->name = name;
        n->slips = found;
    }
}

/* nearest.h - the name that was meant, when an unknown one was typed.
 *
 * Offer each name that exists; at the end `name` is the one with the fewest slips between, or
 * NULL when none is near enough to be worth saying. A slip is a letter too many, too few or
 * wrong, or two letters swapped; one is allowed, and one more for each four letters typed.
 *
 *     struct nearest n = {.typed = "verison"};
 *
 *     for each command
 *         nearest_offer(&n, command->name);
 *     if (n.name)
 *         printf("did you mean %s?\n", n.name);
 *
 * Pure; names are borrowed. Those longer than NEAREST_MAX are never near.
 */
#ifndef NET_BASE_NEAREST_H
#define NET_BASE_NEAREST_H

enum { NEAREST_MAX = 63 };

struct nearest {
    const char *typed;
    const char *name;
    unsigned slips; /* between typed and name */
};

void nearest_offer(struct nearest *n, const char *name);

#endif

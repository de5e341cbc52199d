#include "grid/data/value_set.h"

#include "tests/unit/grid/data/world.h"
#include "tests/unit/scarce.h"

static struct data number_of(const uint32_t *n)
{
    return (struct data){(const uint8_t *)n, sizeof *n, DATA_INT};
}

Test(value_set, has_what_it_was_made_of_and_nothing_else)
{
    static uint32_t numbers[2000];
    static struct data values[1000];
    struct value_set set;

    for (uint32_t i = 0; i < 2000; i++)
        numbers[i] = i;
    for (uint32_t i = 0; i < 1000; i++)
        values[i] = number_of(&numbers[i]);
    cr_assert(value_set_init(&set, values, 1000) == MR_OK);
    for (uint32_t i = 0; i < 2000; i++) {
        struct data d = number_of(&numbers[i]);

        cr_assert(value_set_has(&set, &d) == (i < 1000), "%u", i);
    }
    value_set_free(&set);
}

Test(value_set, counts_different_values_that_it_has_not_met)
{
    struct data values[] = {text("a"), text("b"), text("a")};
    struct data a = text("a"), b = text("b"), c = text("c"), other = {a.at, a.size, DATA_BYTES};
    struct value_set set;

    cr_assert(value_set_init(&set, values, 3) == MR_OK && set.unmet == 2);
    cr_assert(value_set_meet(&set, &a) && set.unmet == 1);
    cr_assert(value_set_meet(&set, &a) && set.unmet == 1, "once");
    cr_assert(!value_set_meet(&set, &c) && !value_set_meet(&set, &other));
    cr_assert(value_set_meet(&set, &b) && set.unmet == 0);
    value_set_free(&set);
}

Test(value_set, of_nothing_has_nothing_and_needs_no_memory)
{
    struct data a = text("a");
    struct value_set set;

    mem_hooks_set(&scarce);
    scarce_left = 0;
    cr_assert(value_set_init(&set, NULL, 0) == MR_OK && set.unmet == 0);
    cr_assert(!value_set_has(&set, &a) && !value_set_meet(&set, &a));
    value_set_free(&set);
    cr_assert(value_set_init(&set, &a, 1) == MR_ERR_MEMORY);
    mem_hooks_set(NULL);
}

#include "net/base/nearest.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *nearest(const char *typed)
{
    static const char *const names[] = {"config", "version", "explain", "log.level", "maps"};
    struct nearest n = {.typed = typed};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        nearest_offer(&n, names[i]);
    return n.name ? n.name : "none";
}

Test(nearest, forgives_a_letter_too_many_too_few_wrong_or_swapped)
{
    cr_assert_str_eq(nearest("configg"), "config");
    cr_assert_str_eq(nearest("confg"), "config");
    cr_assert_str_eq(nearest("canfig"), "config");
    cr_assert_str_eq(nearest("cnofig"), "config");
    cr_assert_str_eq(nearest("log-level"), "log.level");
}

Test(nearest, counts_a_swap_as_one_slip)
{
    struct nearest n = {.typed = "verison"};

    nearest_offer(&n, "version");
    cr_assert_eq(n.slips, 1);
}

Test(nearest, prefers_the_name_with_fewer_slips)
{
    struct nearest n = {.typed = "max-siz"};

    nearest_offer(&n, "max-idle");
    nearest_offer(&n, "max-size");
    nearest_offer(&n, "max-sizes");
    cr_assert_str_eq(n.name, "max-size");
}

Test(nearest, says_nothing_when_no_name_is_near)
{
    cr_assert_str_eq(nearest("serve"), "none");
    cr_assert_str_eq(nearest(""), "none");
}

Test(nearest, never_takes_a_long_name_for_near)
{
    char longer[NEAREST_MAX + 2];
    struct nearest n = {.typed = longer};

    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    nearest_offer(&n, longer);
    cr_assert_null(n.name);
    longer[NEAREST_MAX] = '\0';
    nearest_offer(&n, longer);
    cr_assert_eq(n.name, longer);
}

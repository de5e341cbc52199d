#include "net/wire/fault.h"

#include <criterion/criterion.h>
#include <string.h>

/* What a member says, and what a client makes of it. */
Test(fault, what_a_member_says_is_what_a_client_understands)
{
    static const struct {
        mr_rc_t said, heard;
    } cases[] = {
        {MR_ERR_MEMORY, MR_ERR_MEMORY},      {MR_ERR_FULL, MR_ERR_FULL},
        {MR_ERR_ARGUMENT, MR_ERR_ARGUMENT},  {MR_ERR_TOO_LARGE, MR_ERR_ARGUMENT},
        {MR_ERR_TYPE, MR_ERR_MALFORMED},     {MR_ERR_MALFORMED, MR_ERR_MALFORMED},
        {MR_ERR_SCHEMA, MR_ERR_MALFORMED},   {MR_ERR_CLOSED, MR_ERR_CLOSED},
        {MR_ERR_BUSY, MR_ERR_BUSY},          {MR_ERR_DESTROYED, MR_ERR_DESTROYED},
        {MR_ERR_STALE, MR_ERR_STALE},        {MR_ERR_BEHIND, MR_ERR_BEHIND},
        {MR_ERR_UNSUPPORTED, MR_ERR_REMOTE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_rc_t heard = fault_of_code(fault_of_rc(cases[i].said)->code)->rc;

        cr_assert(heard == cases[i].heard, "%s is heard as %s", mr_rc_name(cases[i].said),
                  mr_rc_name(heard));
    }
}

Test(fault, a_number_that_nobody_knows_is_an_error_all_the_same)
{
    cr_assert(fault_of_code(4711)->rc == MR_ERR_REMOTE);
    cr_assert_eq(fault_of_code(4711)->fate, FAULT_FINAL);
    cr_assert(fault_of_code(-1)->rc == MR_ERR_REMOTE);
}

Test(fault, says_of_each_call_whether_it_may_be_sent_again)
{
    cr_assert_eq(fault_of_code(CODE_PARTITION_MIGRATING)->fate, FAULT_AGAIN);
    cr_assert_eq(fault_of_code(CODE_TARGET_DISCONNECTED)->fate, FAULT_UNSURE);
    cr_assert_eq(fault_of_code(CODE_ILLEGAL_ARGUMENT)->fate, FAULT_FINAL);
}

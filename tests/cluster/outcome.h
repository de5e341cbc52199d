/* outcome.h - what an error says of whether something was done. */
#ifndef TESTS_CLUSTER_OUTCOME_H
#define TESTS_CLUSTER_OUTCOME_H

#include <millrace/millrace.h>

#include "tests/sim/history.h"

static inline enum event_type outcome_of(mr_rc_t rc)
{
    switch (rc) {
    case MR_OK: return EVENT_OK;
    case MR_NOT_FOUND:
    case MR_NOT_EQUAL:
    case MR_EXISTS:
    case MR_ERR_TIMEOUT: /* "and nothing changed" */
    case MR_ERR_BUSY:
    case MR_ERR_MOVED:
    case MR_ERR_OFFLINE:
    case MR_ERR_CONNECT: return EVENT_FAIL;
    default: return EVENT_INFO; /* not only MR_ERR_OUTCOME_UNKNOWN: who knows */
    }
}

#endif

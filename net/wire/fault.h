/* fault.h - errors on the wire: numbers and names of Java for them, our codes for us.
 *
 *     member   mr_rc_t ──fault_of_rc──▶   code, class ──▶ wire_put_error
 *     client   mr_rc_t ◀──fault_of_code── code        ◀── wire_read_error
 *                       and what has become of the call
 *
 * Both read fault.def, so that what a member says is what a client of ours understands. Pure.
 */
#ifndef NET_WIRE_FAULT_H
#define NET_WIRE_FAULT_H

#include <stdint.h>

#include "net/base/error.h"

enum fault_fate {
    FAULT_FINAL,
    FAULT_AGAIN,
    FAULT_UNSURE,
};

struct fault {
    int32_t code;
    const char *class_name;
    mr_rc_t rc;
    enum fault_fate fate;
};

enum wire_code {
#define FAULT(name, number, class_name, rc, fate) CODE_##name = number,
#define SAYS(rc, name)
#include "net/wire/fault.def"
#undef FAULT
#undef SAYS
};

/* How a member tells this error. */
const struct fault *fault_of_rc(mr_rc_t rc);

/* What a code means; one that is not in the list is MR_ERR_REMOTE and final. */
const struct fault *fault_of_code(int32_t code);

#endif

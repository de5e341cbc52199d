#include "net/wire/fault.h"

#include <stddef.h>

static const struct fault faults[] = {
#define FAULT(name, number, class_name, rc, fate) {number, class_name, MR_##rc, FAULT_##fate},
#define SAYS(rc, name)
#include "net/wire/fault.def"
#undef FAULT
#undef SAYS
};

static const struct {
    mr_rc_t rc;
    int32_t code;
} sayings[] = {
#define FAULT(name, number, class_name, rc, fate)
#define SAYS(rc, name) {MR_##rc, CODE_##name},
#include "net/wire/fault.def"
#undef FAULT
#undef SAYS
};

static const struct fault *find(int32_t code)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].code == code)
            return &faults[i];
    return NULL;
}

const struct fault *fault_of_rc(mr_rc_t rc)
{
    for (size_t i = 0; i < sizeof sayings / sizeof sayings[0]; i++)
        if (sayings[i].rc == rc)
            return find(sayings[i].code);
    return find(CODE_HAZELCAST);
}

const struct fault *fault_of_code(int32_t code)
{
    const struct fault *f = find(code);

    return f ? f : find(CODE_HAZELCAST);
}

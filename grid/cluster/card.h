/* card.h - what members know of each other besides what is in their memory: a name, a place. */
#ifndef GRID_CLUSTER_CARD_H
#define GRID_CLUSTER_CARD_H

#include <stdint.h>

#include "net/address.h"

enum { CARD_NAME_MAX = 63 };

struct card {
    uint64_t uuid_high, uuid_low; /* as clients know it */
    struct address address;       /* of its door, for clients and members */
    char name[CARD_NAME_MAX + 1];
};

#endif

#include "grid/data/value_set.h"

#include "grid/store/record.h"
#include "net/base/mem.h"

/* The slot of the value, or the free one where it would stand. */
static struct value_slot *slot_of(const struct value_set *set, const struct data *value)
{
    uint64_t at = key_hash(value);

    for (;; at++) {
        struct value_slot *slot = &set->slots[at & set->mask];

        if (slot->place == 0 || data_equal(&set->values[slot->place - 1], value))
            return slot;
    }
}

mr_rc_t value_set_init(struct value_set *set, const struct data *values, uint32_t n)
{
    uint32_t slots = 2;

    *set = (struct value_set){.values = values};
    if (n == 0)
        return MR_OK;
    while (slots / 2 < n)
        slots *= 2;
    if (!(set->slots = mem_alloc_zero(slots * sizeof set->slots[0])))
        return MR_ERR_MEMORY;
    set->mask = slots - 1;
    for (uint32_t i = 0; i < n; i++) {
        struct value_slot *slot = slot_of(set, &values[i]);

        if (slot->place > 0)
            continue;
        slot->place = i + 1;
        set->unmet++;
    }
    return MR_OK;
}

void value_set_free(struct value_set *set)
{
    mem_free(set->slots);
    set->slots = NULL;
}

bool value_set_has(const struct value_set *set, const struct data *value)
{
    return set->slots && slot_of(set, value)->place > 0;
}

bool value_set_meet(struct value_set *set, const struct data *value)
{
    struct value_slot *slot = set->slots ? slot_of(set, value) : NULL;

    if (!slot || slot->place == 0)
        return false;
    set->unmet -= !slot->met;
    slot->met = true;
    return true;
}

/* values.h - what a key of a history can hold, each different value known by one number.
 *
 *     nothing ── 0      5 ── 7      [] ── 1      [3] ── 8 = [] and 3      [3, 4] ── 9 = 8 and 4
 *
 * So values are compared by comparing numbers, and a list that has grown by an item costs one item
 * however long it is: a checker goes through thousands of states of a list, each of which is one
 * longer than another.
 *
 * values_do is what each operation does to a value. It knows no errors: what is no number counts as
 * 0 for an increment, and what is no list as an empty one for an append.
 *
 * For tests: dies where there is no memory. One thread.
 */
#ifndef TESTS_SIM_VALUES_H
#define TESTS_SIM_VALUES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    VALUE_NOTHING = 0,
    VALUE_EMPTY_LIST = 1,
    VALUE_UNSAID = -1, /* no value, but that one is not known */
};

enum value_kind { VALUE_IS_NOTHING, VALUE_IS_NUMBER, VALUE_IS_LIST };

struct value {
    enum value_kind kind;
    int64_t number; /* or a list's last item */
    int32_t before; /* the list without that */
    uint32_t length;
};

struct values {
    struct value *at;
    uint32_t count, room;
    int32_t *table; /* of numbers of values, 0: free; by hash */
    uint32_t table_size;
};

/* What is done to a key. X(name, what it is called in a history) */
#define CALL_MAP(X)                                                                                \
    X(GET, "get")                                                                                  \
    X(PUT, "put")                                                                                  \
    X(CAS, "cas")                                                                                  \
    X(DEL, "del")                                                                                  \
    X(INCR, "incr")                                                                                \
    X(APPEND, "append")

enum call {
#define X(name, word) CALL_##name,
    CALL_MAP(X)
#undef X
        CALLS
};

void values_init(struct values *v);
void values_free(struct values *v);

int32_t values_number(struct values *v, int64_t number);
int32_t values_append(struct values *v, int32_t list, int64_t item);

const struct value *values_at(const struct values *v, int32_t value);

/* What `state` becomes. `value` is what is put, the increment or the item, and `old` what a cas
 * expects. *ret_said is the answer: what a get reads, what a cas found, the sum of an increment,
 * and of the others VALUE_UNSAID. */
int32_t values_do(struct values *v, int32_t state, enum call call, int32_t value, int32_t old,
                  int32_t *ret_said);

#endif

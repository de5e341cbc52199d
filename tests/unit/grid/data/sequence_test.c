#include "grid/data/sequence.h"

#include "net/base/rand.h"
#include "tests/unit/grid/data/world.h"
#include "tests/unit/scarce.h"

static struct sequence s;

static void open_sequence(void)
{
    open_world();
    epoch_enter();
    sequence_init(&s, w.partitions.at[0].slab, &w.partitions.account);
}

static void close_sequence(void)
{
    sequence_free(&s);
    epoch_exit();
    close_world();
}

TestSuite(sequence, .init = open_sequence, .fini = close_sequence);

static void insert(uint32_t at, const char *word)
{
    struct data d = text(word);

    cr_assert(sequence_insert(&s, at, &d, 1) == MR_OK);
    sequence_check(&s);
}

static bool reads(const char *words)
{
    for (uint32_t i = 0; i < s.count; i++) {
        struct data d = sequence_at(&s, i);

        hear_words(&d);
    }
    return was_told(words);
}

static void drop(void *context, const struct data *value)
{
    (void)context, (void)value;
}

Test(sequence, inserts_at_any_place)
{
    insert(0, "c");
    insert(0, "a");
    insert(1, "b");
    insert(3, "e");
    insert(3, "d");
    cr_assert(reads("a b c d e "));
}

Test(sequence, inserts_many_in_the_middle)
{
    struct data more[40];

    insert(0, "a");
    insert(1, "z");
    for (int i = 0; i < 40; i++)
        more[i] = text("m");
    cr_assert(sequence_insert(&s, 1, more, 40) == MR_OK);
    sequence_check(&s);
    struct data first = sequence_at(&s, 0), last = sequence_at(&s, 41);

    cr_assert(s.count == 42 && is_text(&first, "a") && is_text(&last, "z"));
    cr_assert(sequence_insert(&s, 0, NULL, 0) == MR_OK);
}

Test(sequence, removes_from_any_place)
{
    for (const char *word = "edcba"; *word; word++)
        insert(0, (char[]){*word, 0});
    cr_assert(sequence_remove(&s, 1) == MR_OK);
    cr_assert(reads("a c d e "));
    cr_assert(sequence_remove(&s, 2) == MR_OK);
    cr_assert(reads("a c e "));
    cr_assert(sequence_remove(&s, 2) == MR_OK);
    cr_assert(sequence_remove(&s, 0) == MR_OK);
    cr_assert(reads("c "));
    sequence_check(&s);
}

Test(sequence, finds_the_first_and_the_last_equal_value)
{
    struct data b = text("b"), none = text("x"), other = {b.at, b.size, DATA_BYTES};

    insert(0, "b");
    insert(0, "a");
    insert(2, "b");
    cr_assert(sequence_find(&s, &b) == 1 && sequence_find_last(&s, &b) == 2);
    cr_assert(sequence_find(&s, &none) == SEQUENCE_NONE);
    cr_assert(sequence_find_last(&s, &other) == SEQUENCE_NONE, "another type");
}

/* Everything it does, against an array that does the same. */
Test(sequence, does_the_same_as_an_array)
{
    static uint32_t model[4096];
    uint32_t count = 0;
    struct rand r;

    rand_init(&r, 1);
    for (uint32_t i = 0; i < 50000; i++) {
        bool grow = rand_below(&r, 100) < (i / 5000 % 2 ? 40 : 60);
        uint32_t at = (uint32_t)rand_below(&r, count + 1);
        struct data d = {(uint8_t *)&i, sizeof i, DATA_INT};

        if (rand_below(&r, 3) == 0)
            at = rand_below(&r, 2) ? 0 : count;
        if (grow && count < 4096) {
            cr_assert(sequence_insert(&s, at, &d, 1) == MR_OK);
            memmove(&model[at + 1], &model[at], (count++ - at) * sizeof model[0]);
            model[at] = i;
        } else if (at < count) {
            cr_assert(sequence_remove(&s, at) == MR_OK);
            memmove(&model[at], &model[at + 1], (--count - at) * sizeof model[0]);
        }
        if (i % 500)
            continue;
        sequence_check(&s);
        cr_assert(s.count == count);
        for (uint32_t k = 0; k < count; k++) {
            struct data here = sequence_at(&s, k);

            cr_assert(memcmp(here.at, &model[k], sizeof model[k]) == 0, "place %u", k);
        }
    }
}

Test(sequence, gives_memory_back_when_it_has_been_long)
{
    for (int i = 0; i < 10000; i++) {
        struct data d = text("v");

        cr_assert(sequence_insert(&s, s.count, &d, 1) == MR_OK);
    }
    uint32_t capacity = s.capacity;

    cr_assert(sequence_remove_first(&s, 9995, drop, NULL) == MR_OK);
    sequence_check(&s);
    cr_assert(s.count == 5 && s.capacity < capacity / 64);
}

Test(sequence, keeps_what_was_read_until_the_reader_leaves)
{
    insert(0, "kept");
    struct data d = sequence_at(&s, 0);

    cr_assert(sequence_remove(&s, 0) == MR_OK);
    partitions_reclaim(&w.partitions);
    for (int i = 0; i < 100; i++)
        insert(0, "over");
    cr_assert(is_text(&d, "kept"));
}

Test(sequence, is_as_it_was_when_there_is_no_memory)
{
    struct data more[20];
    mr_rc_t rc = MR_ERR_MEMORY;

    for (int i = 0; i < 20; i++)
        more[i] = text("more");
    insert(0, "a");
    insert(1, "b");
    for (int given = 0; rc != MR_OK; given++) {
        uint64_t reserved = w.partitions.account.reserved;

        mem_hooks_set(&scarce);
        scarce_left = given;
        rc = sequence_insert(&s, 1, more, 20);
        mem_hooks_set(NULL);
        sequence_check(&s);
        if (rc == MR_OK)
            break;
        cr_assert(s.count == 2 && rc == MR_ERR_MEMORY);
        cr_assert(w.partitions.account.reserved == reserved);
    }
    cr_assert(s.count == 22);
}

Test(sequence, is_refused_memory_beyond_the_ceiling)
{
    static uint8_t bytes[1 << 20];
    struct data large = {bytes, sizeof bytes, DATA_BYTES};
    int n = 0;

    w.partitions.account.limit = w.partitions.account.reserved + (8 << 20);
    while (sequence_insert(&s, 0, &large, 1) == MR_OK)
        n++;
    cr_assert(n >= 2 && n <= 8, "%d", n);
    cr_assert(s.count == (uint32_t)n);
    sequence_check(&s);
    w.partitions.account.limit = UINT64_MAX;
}

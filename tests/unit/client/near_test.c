#include "client/near.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "net/base/epoch.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "tests/unit/scarce.h"

enum { PARTITIONS = 7, STALE_NS = 1000 };

static struct near *n;
static const struct wire_uuid uuid = {1, 2, false}, other_uuid = {3, 4, false};
static uint64_t numbers[PARTITIONS]; /* the member's */

/* ---- keys and values ------------------------------------------------------------------------ */

/* Not more than eight under way. */
static struct data text_of(const char *format, int i)
{
    static char room[8][16];
    static int next;
    char *at = room[next++ % 8];
    int size = snprintf(at, sizeof room[0], format, i);

    return (struct data){(const uint8_t *)at, (uint32_t)size, DATA_STRING};
}

static struct data key(int i)
{
    return text_of("key-%d", i);
}

static uint32_t partition_of(int i)
{
    struct data k = key(i);

    return data_partition(&k, PARTITIONS);
}

static uint32_t home(void)
{
    return data_partition(&(struct data){(const uint8_t *)"test", 4, DATA_STRING}, PARTITIONS);
}

/* A key whose partition is, or is not, that of the map's name. */
static int key_at_home(bool at_home)
{
    int i = 0;

    while ((partition_of(i) == home()) != at_home)
        i++;
    return i;
}

/* ---- what is asked of it -------------------------------------------------------------------- */

/* The copy's number; -1: it is that there is no entry; -2: there is no copy, and a claim. */
enum { ABSENT = -1, NO_COPY = -2 };

static int find(int i, uint64_t now_ns, struct near_claim *claim)
{
    struct data k = key(i), value;
    int found = NO_COPY;

    epoch_enter();
    if (near_find(n, &k, now_ns, &value, claim)) {
        char text[16] = "";

        if (value.size > 0)
            memcpy(text, value.at, value.size < 15 ? value.size : 15);
        found = value.kind == DATA_NULL ? ABSENT : atoi(text);
    }
    epoch_exit();
    return found;
}

static void fill(int i, int value, struct near_claim claim)
{
    struct data k = key(i), v = value == ABSENT ? (struct data){0} : text_of("%d", value);

    near_fill(n, &k, &v, claim);
}

/* As a read that finds no copy, and this at the member. */
static void read_there(int i, int value)
{
    struct near_claim claim;

    cr_assert(find(i, 1, &claim) == NO_COPY, "there is a copy of %d", i);
    fill(i, value, claim);
}

static int found(int i, uint64_t now_ns)
{
    struct near_claim claim;

    return find(i, now_ns, &claim);
}

/* ---- what the member says ------------------------------------------------------------------- */

static void event(const struct data *k, const struct wire_uuid *of, uint64_t number)
{
    near_invalidated(n, &(struct map_invalidation_event){
                            .partition_uuid = *of, .sequence = (int64_t)number, .key = *k});
}

/* The entry changes, and the member tells of it. */
static void change(int i)
{
    struct data k = key(i);
    uint32_t p = partition_of(i);

    event(&k, &uuid, ++numbers[p]);
}

/* It changes, and nobody hears of it. */
static void change_unheard(int i)
{
    numbers[partition_of(i)]++;
}

static int32_t silent = -1; /* a partition that another member has, which does not answer */

static mr_rc_t answer_check(uint64_t asked_ns, const uint64_t *last, const struct wire_uuid *of)
{
    struct sink pairs = {.grows = true}, uuids = {.grows = true}, maps = {.grows = true};
    struct wire_bytes name = wire_text("test"), all;

    for (int32_t p = 0; p < PARTITIONS; p++) {
        if (p == silent)
            continue;
        wire_put_i32(&uuids, p);
        wire_put_uuid(&uuids, *of);
        if (last[p] == 0)
            continue; /* as members leave it out */
        wire_put_i32(&pairs, p);
        wire_put_i64(&pairs, (int64_t)last[p]);
    }
    all = (struct wire_bytes){pairs.at ? pairs.at : (const uint8_t *)"", (uint32_t)pairs.size};
    wire_put(&maps, WIRE_str, &name);
    wire_put(&maps, WIRE_i32_i64s, &all);
    mr_rc_t rc = near_checked(n, asked_ns,
                              &(struct map_fetch_near_cache_invalidation_metadata_rsp){
                                  wire_list_of(&maps, 1), {uuids.at, (uint32_t)uuids.size}});

    sink_free(&pairs);
    sink_free(&uuids);
    sink_free(&maps);
    return rc;
}

static void check_at(uint64_t asked_ns)
{
    cr_assert(answer_check(asked_ns, numbers, &uuid) == MR_OK);
}

static void open_with(uint64_t max_bytes)
{
    memset(numbers, 0, sizeof numbers);
    cr_assert(near_new(&(struct near_config){"test", PARTITIONS, max_bytes, STALE_NS}, &n) ==
              MR_OK);
}

static void open(void)
{
    open_with(1 << 20);
    check_at(1);
}

static void close(void)
{
    near_free(n);
}

TestSuite(near, .init = open, .fini = close);

/* ---- copies --------------------------------------------------------------------------------- */

Test(near, answers_what_was_read_before)
{
    read_there(1, 11);
    read_there(2, ABSENT);
    cr_assert(found(1, 1) == 11);
    cr_assert(found(2, 1) == ABSENT);
    cr_assert(found(3, 1) == NO_COPY);
}

Test(near, tells_keys_of_other_types_apart)
{
    struct data number = {(const uint8_t *)"key-1", 5, DATA_BYTES}, value;
    struct near_claim claim;

    read_there(1, 11);
    epoch_enter();
    cr_assert(!near_find(n, &number, 1, &value, &claim));
    epoch_exit();
}

Test(near, keeps_what_two_answers_agree_on)
{
    struct near_claim first, second;
    struct near_facts f;

    find(1, 1, &first);
    find(1, 1, &second);
    fill(1, 11, first);
    fill(1, 11, second);
    cr_assert(found(1, 1) == 11);
    near_facts(n, &f);
    cr_assert(f.entries == 1, "%llu", (unsigned long long)f.entries);
}

Test(near, keeps_neither_of_two_answers_that_do_not_agree)
{
    struct near_claim first, second, third;

    find(1, 1, &first);
    find(1, 1, &second);
    find(1, 1, &third);
    fill(1, 12, second);
    fill(1, 11, first); /* and whoever has seen 12 must not be shown 11 */
    cr_assert(found(1, 1) == NO_COPY);
    fill(1, 11, third);
    cr_assert(found(1, 1) == NO_COPY);
}

Test(near, forgets_what_the_program_writes)
{
    struct data k = key(1);
    struct near_claim claim;

    read_there(1, 11);
    near_forget(n, &k);
    cr_assert(find(1, 1, &claim) == NO_COPY);
    near_forget(n, &k);
    fill(1, 11, claim); /* read before the write has ended */
    cr_assert(found(1, 1) == NO_COPY);
}

Test(near, counts)
{
    struct near_facts f;

    read_there(1, 11);
    found(1, 1);
    found(1, 1);
    change(1);
    near_facts(n, &f);
    cr_assert(f.hits == 2 && f.misses == 1 && f.invalidations == 1 && f.entries == 0 &&
              f.bytes == 0 && f.evictions == 0);
}

Test(near, stays_in_its_bounds)
{
    struct near_facts f;

    near_free(n);
    open_with(256 * 1024);
    check_at(1);
    for (int i = 0; i < 20000; i++)
        read_there(i, i);
    near_facts(n, &f);
    cr_assert(f.bytes <= 256 * 1024 && f.bytes > 200 * 1024, "%llu", (unsigned long long)f.bytes);
    cr_assert(f.evictions > 0 && f.entries + f.evictions == 20000);
}

Test(near, gives_up_what_was_not_used)
{
    near_free(n);
    open_with(256 * 1024);
    check_at(1);
    read_there(0, 7);
    for (int i = 1; i < 20000; i++) {
        read_there(i, i);
        cr_assert(found(0, 1) == 7, "given up at %d", i);
    }
}

Test(near, does_not_keep_what_would_drive_out_all_others)
{
    uint32_t size = (1 << 20) / NEAR_SHARDS / 8;
    uint8_t *bytes = mem_alloc_zero(size);
    struct data k = key(1);
    struct near_claim claim;

    find(1, 1, &claim);
    near_fill(n, &k, &(struct data){bytes, size, DATA_BYTES}, claim);
    cr_assert(found(1, 1) == NO_COPY);
    mem_free(bytes);
}

/* ---- changes -------------------------------------------------------------------------------- */

Test(near, forgets_what_has_changed)
{
    read_there(1, 11);
    read_there(2, 22);
    change(1);
    cr_assert(found(1, 1) == NO_COPY);
    cr_assert(found(2, 1) == 22);
}

Test(near, does_not_keep_an_answer_that_a_change_has_overtaken)
{
    struct near_claim claim;

    find(1, 1, &claim);
    change(1);
    fill(1, 11, claim);
    cr_assert(found(1, 1) == NO_COPY);
}

/* Another key of the same partition. */
static int neighbour(int i)
{
    int other = i + 1;

    while (partition_of(other) != partition_of(i))
        other++;
    return other;
}

Test(near, forgets_a_partition_of_which_it_missed_a_change)
{
    int i = key_at_home(false), elsewhere = i + 1;

    while (partition_of(elsewhere) == partition_of(i))
        elsewhere++;
    read_there(i, 11);
    read_there(elsewhere, 22);
    change_unheard(i);
    cr_assert(found(i, 1) == 11, "nothing has shown that yet");
    change(neighbour(i));
    cr_assert(found(i, 1) == NO_COPY);
    cr_assert(found(elsewhere, 1) == 22);
}

Test(near, forgets_all_when_the_map_is_cleared)
{
    struct data none = {0};

    for (int i = 0; i < 50; i++)
        read_there(i, i);
    event(&none, &uuid, ++numbers[home()]);
    for (int i = 0; i < 50; i++)
        cr_assert(found(i, 1) == NO_COPY);
}

Test(near, forgets_all_when_it_may_have_missed_that)
{
    int i = key_at_home(false), at_home = key_at_home(true);

    read_there(i, 11);
    numbers[home()]++; /* a clear, unheard */
    change(at_home);
    cr_assert(found(i, 1) == NO_COPY);
}

Test(near, forgets_all_when_a_check_shows_that_it_may_have_missed_that)
{
    int i = key_at_home(false);

    read_there(i, 11);
    numbers[home()]++;
    check_at(2);
    cr_assert(found(i, 2) == NO_COPY);
}

Test(near, shows_no_copy_when_a_clear_may_have_been_missed_for_too_long)
{
    int i = key_at_home(false);

    read_there(i, 11);
    silent = (int32_t)home();
    check_at(STALE_NS);
    cr_assert(found(i, 1 + STALE_NS) == 11);
    cr_assert(found(i, 2 + STALE_NS) == NO_COPY, "only its own partition has been confirmed");
    silent = -1;
    check_at(STALE_NS);
    cr_assert(found(i, 2 + STALE_NS) == 11);
}

Test(near, takes_an_old_number_for_a_change_all_the_same)
{
    int i = 1;
    struct data k = key(i);

    change(i);
    change(i);
    read_there(i, 11);
    event(&k, &uuid, 1);
    cr_assert(found(i, 1) == NO_COPY);
    read_there(i, 12);
    change(i + 1000);
    cr_assert(found(i, 1) == 12, "an old number is not the last one");
}

Test(near, relies_on_no_numbers_of_another_incarnation)
{
    struct data k = key(1);

    read_there(1, 11);
    event(&k, &other_uuid, 1);
    read_there(1, 12);
    cr_assert(found(1, 1) == NO_COPY, "until a check");
    numbers[partition_of(1)] = 1;
    cr_assert(answer_check(2, numbers, &other_uuid) == MR_OK);
    read_there(1, 13);
    cr_assert(found(1, 2) == 13);
}

static void many_event(uint32_t keys, uint32_t rest)
{
    struct sink datas = {.grows = true}, uuids = {.grows = true}, sequences = {.grows = true};

    for (uint32_t i = 0; i < keys; i++) {
        struct data k = key((int)i);

        wire_put(&datas, WIRE_data, &k);
    }
    for (uint32_t i = 0; i < rest; i++) {
        wire_put_uuid(&uuids, uuid);
        wire_put_i64(&sequences, (int64_t)++numbers[partition_of((int)i)]);
    }
    near_invalidated_many(n, &(struct map_batch_invalidation_event){
                                 .keys = wire_list_of(&datas, keys),
                                 .source_uuids = {uuids.at, (uint32_t)uuids.size},
                                 .partition_uuids = {uuids.at, (uint32_t)uuids.size},
                                 .sequences = {sequences.at, (uint32_t)sequences.size}});
    sink_free(&datas);
    sink_free(&uuids);
    sink_free(&sequences);
}

Test(near, takes_many_changes_at_once)
{
    for (int i = 0; i < 5; i++)
        read_there(i, i);
    many_event(3, 3);
    for (int i = 0; i < 5; i++)
        cr_assert(found(i, 1) == (i < 3 ? NO_COPY : i), "%d", i);
    check_at(2);
    cr_assert(found(4, 2) == 4, "the numbers were taken");
}

Test(near, relies_on_nothing_after_changes_without_numbers)
{
    for (int i = 0; i < 5; i++)
        read_there(i, i);
    many_event(3, 2);
    cr_assert(found(4, 1) == NO_COPY);
}

/* ---- how old -------------------------------------------------------------------------------- */

Test(near, uses_no_copy_beyond_its_time)
{
    read_there(1, 11);
    cr_assert(found(1, 1 + STALE_NS) == 11);
    cr_assert(found(1, 2 + STALE_NS) == NO_COPY);
    check_at(500);
    cr_assert(found(1, 2 + STALE_NS) == 11);
    cr_assert(found(1, 501 + STALE_NS) == NO_COPY);
}

Test(near, uses_none_before_the_first_check)
{
    near_free(n);
    open_with(1 << 20);
    read_there(1, 11);
    cr_assert(found(1, 1) == NO_COPY);
    check_at(1);
    cr_assert(found(1, 1) == NO_COPY, "it may have changed before");
    read_there(1, 12);
    cr_assert(found(1, 1) == 12);
}

Test(near, a_check_shows_what_was_missed)
{
    struct near_claim claim;

    read_there(1, 11);
    find(2, 1, &claim);
    change_unheard(1);
    check_at(2);
    cr_assert(found(1, 2) == NO_COPY);
    if (partition_of(2) == partition_of(1) || partition_of(1) == home()) {
        fill(2, 22, claim);
        cr_assert(found(2, 2) == NO_COPY);
    }
}

Test(near, a_check_that_events_have_overtaken_is_good)
{
    uint64_t before[PARTITIONS];

    memcpy(before, numbers, sizeof before);
    change(1);
    read_there(1, 12);
    cr_assert(answer_check(2, before, &uuid) == MR_OK);
    cr_assert(found(1, 2 + STALE_NS) == 12);
}

Test(near, uses_none_while_a_member_is_not_heard)
{
    struct near_claim claim;

    read_there(1, 11);
    find(2, 1, &claim);
    near_lost(n);
    fill(2, 22, claim);
    cr_assert(found(1, 1) == NO_COPY);
    check_at(2);
    cr_assert(found(1, 2) == NO_COPY);
    cr_assert(found(2, 2) == NO_COPY);
}

Test(near, refuses_partitions_that_there_are_not)
{
    struct sink uuids = {.grows = true}, none = {0};

    wire_put_i32(&uuids, PARTITIONS);
    wire_put_uuid(&uuids, uuid);
    cr_assert(near_checked(n, 5,
                           &(struct map_fetch_near_cache_invalidation_metadata_rsp){
                               wire_list_of(&none, 0), {uuids.at, (uint32_t)uuids.size}}) ==
              MR_ERR_MALFORMED);
    sink_free(&uuids);
}

Test(near, makes_do_without_memory)
{
    near_free(n);
    mem_hooks_set(&scarce);
    for (scarce_left = 0;; scarce_left++) {
        int had = scarce_left;

        if (near_new(&(struct near_config){"test", PARTITIONS, 1 << 20, STALE_NS}, &n) == MR_OK)
            break;
        scarce_left = had;
    }
    scarce_left = 1000;
    check_at(1);
    scarce_left = 0;
    read_there(1, 11);
    cr_assert(found(1, 1) == NO_COPY);
    mem_hooks_set(NULL);
    read_there(1, 11);
    cr_assert(found(1, 1) == 11);
}

/* ---- the promise ---------------------------------------------------------------------------- */

/* A member and what it sends, which may be late or lost; and what was true when. */
enum { KEYS = 6, READERS = 2, STEPS = 4000, ON_WAY = 64, HISTORY = STEPS + 1 };

struct sent {
    bool is_check;
    int key; /* -1: a clear */
    uint64_t number, asked_ns, numbers[PARTITIONS];
};

static struct {
    struct rand rand;
    int values[KEYS];           /* the moment of the last change */
    int history[KEYS][HISTORY]; /* at each moment */
    int shown[KEYS];            /* the newest value that a read has shown */
    struct sent way[ON_WAY];    /* in order, as a connection has it */
    uint32_t sent, taken;
    struct {
        bool under_way, answered; /* the member has answered, and the answer is on its way */
        int value;
        struct near_claim claim;
    } reads[KEYS][READERS];
    uint64_t now;
} world;

static void send(struct sent s, uint32_t lost_of_8)
{
    if (rand_below(&world.rand, 8) < lost_of_8 || world.sent - world.taken == ON_WAY)
        return;
    world.way[world.sent++ % ON_WAY] = s;
}

static void arrive(void)
{
    const struct sent *s = &world.way[world.taken % ON_WAY];

    if (world.taken == world.sent)
        return;
    world.taken++;
    if (s->is_check) {
        cr_assert(answer_check(s->asked_ns, s->numbers, &uuid) == MR_OK);
    } else {
        struct data k = s->key < 0 ? (struct data){0} : key(s->key);

        event(&k, &uuid, s->number);
    }
}

static void write_or_clear(int k)
{
    if (rand_below(&world.rand, 10) == 0) {
        for (int i = 0; i < KEYS; i++)
            world.values[i] = (int)world.now;
        send((struct sent){.key = -1, .number = ++numbers[home()]}, 1);
    } else {
        world.values[k] = (int)world.now;
        send((struct sent){.key = k, .number = ++numbers[partition_of(k)]}, 1);
    }
}

/* A copy may show what is true, or was true up to STALE_NS before. */
static void judge(int k, int value)
{
    uint64_t from = world.now > STALE_NS ? world.now - STALE_NS : 0;
    bool good = world.values[k] == value;

    for (uint64_t t = from; !good && t < world.now; t++)
        good = world.history[k][t] == value;
    cr_assert(good, "key %d at %llu is %d, which was true before %llu only", k,
              (unsigned long long)world.now, value, (unsigned long long)from);
}

/* No read shows what is older than an earlier one of it has shown. */
static void show(int k, int value, int newest_at_its_beginning)
{
    cr_assert(value >= newest_at_its_beginning, "key %d at %llu is %d after %d", k,
              (unsigned long long)world.now, value, newest_at_its_beginning);
    if (value > world.shown[k])
        world.shown[k] = value;
}

/* The next step of a read: looking for a copy; the member's answer; the answer's arrival. */
static bool step_read(int k, int reader)
{
    bool hit = false;

    if (!world.reads[k][reader].under_way) {
        int value = find(k, world.now, &world.reads[k][reader].claim);

        if ((hit = value != NO_COPY)) {
            judge(k, value);
            show(k, value, world.shown[k]);
        }
        world.reads[k][reader].under_way = !hit;
        world.reads[k][reader].answered = false;
    } else if (!world.reads[k][reader].answered) {
        world.reads[k][reader].answered = true;
        world.reads[k][reader].value = world.values[k];
    } else {
        world.reads[k][reader].under_way = false;
        fill(k, world.reads[k][reader].value, world.reads[k][reader].claim);
        show(k, world.reads[k][reader].value, 0);
    }
    return hit;
}

Test(near, never_shows_what_is_older_than_allowed)
{
    uint64_t hits = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        memset(&world, 0, sizeof world);
        rand_init(&world.rand, seed);
        near_free(n);
        memset(numbers, 0, sizeof numbers);
        cr_assert(near_new(&(struct near_config){"test", PARTITIONS, 1 << 20, STALE_NS}, &n) ==
                  MR_OK);
        for (world.now = 1; world.now < STEPS; world.now++) {
            int k = (int)rand_below(&world.rand, KEYS);

            switch (rand_below(&world.rand, 24)) {
            case 0: write_or_clear(k); break;
            case 1: {
                struct sent s = {.is_check = true, .asked_ns = world.now};

                memcpy(s.numbers, numbers, sizeof numbers);
                send(s, 3);
                break;
            }
            case 2:
            case 3:
            case 4: arrive(); break;
            default: hits += step_read(k, (int)rand_below(&world.rand, READERS)); break;
            }
            for (int i = 0; i < KEYS; i++)
                world.history[i][world.now] = world.values[i];
        }
    }
    cr_assert(hits > 10000, "%llu reads were answered by copies", (unsigned long long)hits);
}

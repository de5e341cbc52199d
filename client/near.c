#include "client/near.h"

#include <pthread.h>
#include <string.h>

#include "net/base/atomic.h"
#include "net/base/epoch.h"
#include "net/base/hash.h"
#include "net/base/mem.h"

enum {
    COPY_TYPICAL = 256, /* bytes; for the number of buckets */
    BUCKETS_MIN = 16,
    POLL_AFTER = 32, /* retired copies */
    STRIPES = 16,    /* of counters */
    CHECKS_PER_STALE = 3,
};

/* Does not change but for `next`, under the shard's lock, and `used`. */
struct copy {
    struct retired retired;
    struct shard *shard;
    struct copy *next; /* atomic */
    uint64_t hash, generation;
    uint32_t partition, key_size, value_size;
    uint8_t key_kind, value_kind, used; /* used: found since the hand came by; atomic */
    uint8_t bytes[];
};

/* Keys that share one also end each other's claims. */
struct bucket {
    struct copy *first; /* atomic */
    uint32_t version;   /* the same */
};

struct shard {
    pthread_mutex_t lock;
    struct bucket *buckets;
    uint64_t entries, bytes, retired_bytes;
    uint64_t invalidations, evictions;
    uint32_t retired, hand;
    struct retirer *retirer;
} __attribute__((aligned(64)));

/* What readers look at stands together. */
struct part {
    uint64_t valid_ns; /* all that was acknowledged before has been heard of; 0: nothing; atomic */
    uint64_t generation; /* atomic */
    bool known;          /* the loop's, from here: uuid and last are the member's */
    struct wire_uuid uuid;
    uint64_t last; /* number */
};

struct stripe {
    uint64_t hits, misses; /* atomic */
} __attribute__((aligned(64)));

struct near {
    uint32_t partitions, home, bucket_mask;
    uint64_t shard_bytes, stale_max_ns;
    struct part *parts;
    uint64_t *told; /* room for the numbers of an answer; the loop's */
    struct stripe stripes[STRIPES];
    struct shard shards[NEAR_SHARDS];
};

/* ---- keys ----------------------------------------------------------------------------------- */

/* Where a key belongs. */
struct place {
    const struct data *key;
    uint64_t hash;
    struct shard *shard;
    struct bucket *bucket;
};

static struct place place_of(struct near *n, const struct data *key)
{
    uint64_t hash = XXH3_64bits_withSeed(key->at, key->size, hash_seed + key->kind);
    struct shard *s = &n->shards[hash % NEAR_SHARDS];

    return (struct place){key, hash, s, &s->buckets[(hash >> 16) & n->bucket_mask]};
}

static struct copy *next_of(struct copy *const *link)
{
    return load_acquire_ptr((void *const *)link);
}

static bool is_of(const struct copy *c, const struct place *at)
{
    return c->hash == at->hash && c->key_kind == at->key->kind && c->key_size == at->key->size &&
           memcmp(c->bytes, at->key->at, c->key_size) == 0;
}

static size_t size_of(const struct copy *c)
{
    return sizeof *c + c->key_size + c->value_size;
}

/* ---- taking out, under the shard's lock ----------------------------------------------------- */

static void release(struct retired *retired)
{
    struct copy *c = (struct copy *)((char *)retired - offsetof(struct copy, retired));

    c->shard->retired--;
    c->shard->retired_bytes -= size_of(c);
    mem_free(c);
}

/* Readers that are at it still find their way on. */
static void take_out(struct shard *s, struct copy **link)
{
    struct copy *c = *link;

    store_release_ptr((void **)link, c->next);
    s->entries--;
    s->bytes -= size_of(c);
    s->retired++;
    s->retired_bytes += size_of(c);
    epoch_retire(s->retirer, &c->retired, release);
    if (s->retired >= POLL_AFTER)
        epoch_poll(s->retirer);
}

static bool take_key_out(const struct place *at)
{
    for (struct copy **link = &at->bucket->first; *link; link = &(*link)->next)
        if (is_of(*link, at)) {
            take_out(at->shard, link);
            return true;
        }
    return false;
}

static bool is_dead(const struct near *n, const struct copy *c)
{
    return c->generation != load_acquire_64(&n->parts[c->partition].generation);
}

/* Those of a bucket that were not found since the hand last came by. */
static void evict_bucket(struct near *n, struct shard *s, struct copy **link)
{
    while (*link) {
        struct copy *c = *link;

        if (is_dead(n, c) || !load_relaxed_8(&c->used)) {
            s->evictions += !is_dead(n, c);
            take_out(s, link);
        } else {
            store_relaxed_8(&c->used, 0);
            link = &c->next;
        }
    }
}

/* Twice around finds whatever can go. What readers still hold counts until it is free. */
static bool make_room(struct near *n, struct shard *s, size_t size)
{
    for (uint64_t steps = 2 * (n->bucket_mask + 1ull);
         s->bytes + size > n->shard_bytes && steps > 0; steps--)
        evict_bucket(n, s, &s->buckets[s->hand++ & n->bucket_mask].first);
    if (s->bytes + s->retired_bytes + size <= n->shard_bytes + n->shard_bytes / 4)
        return true;
    epoch_poll(s->retirer);
    return s->bytes + s->retired_bytes + size <= n->shard_bytes + n->shard_bytes / 4;
}

/* ---- any thread ----------------------------------------------------------------------------- */

static void count(struct near *n, bool hit)
{
    struct stripe *s = &n->stripes[epoch_thread()->number % STRIPES];

    fetch_add_64(hit ? &s->hits : &s->misses, 1);
}

/* Until when copies of a partition are known to be good. A clear is told in the partition of the
 * map's name only, which another member may have. */
static uint64_t valid_ns_of(const struct near *n, const struct part *p)
{
    uint64_t valid_ns = load_acquire_64(&p->valid_ns);
    uint64_t cleared_ns = load_acquire_64(&n->parts[n->home].valid_ns);

    return cleared_ns < valid_ns ? cleared_ns : valid_ns;
}

/* Whoever sees when a partition was last proved to be up to date has to see, too, what went then:
 * so that comes first. */
bool near_find(struct near *n, const struct data *key, uint64_t now_ns, struct data *ret_value,
               struct near_claim *ret_claim)
{
    struct place at = place_of(n, key);
    const struct part *p = &n->parts[data_partition(key, n->partitions)];
    uint64_t valid_ns = valid_ns_of(n, p);
    struct copy *c = NULL;

    ret_claim->version = load_relaxed_32(&at.bucket->version);
    ret_claim->generation = load_acquire_64(&p->generation);
    if (valid_ns > 0 && now_ns - valid_ns <= n->stale_max_ns)
        for (c = next_of(&at.bucket->first); c && !is_of(c, &at);)
            c = next_of(&c->next);
    if (c && c->generation != ret_claim->generation)
        c = NULL;
    count(n, c != NULL);
    if (!c)
        return false;
    if (!load_relaxed_8(&c->used))
        store_relaxed_8(&c->used, 1);
    *ret_value = (struct data){c->bytes + c->key_size, c->value_size, c->value_kind};
    return true;
}

static struct copy *copy_new(const struct place *at, const struct data *value)
{
    struct copy *c = mem_alloc(sizeof *c + at->key->size + value->size);

    if (!c)
        return NULL;
    *c = (struct copy){.shard = at->shard,
                       .hash = at->hash,
                       .key_size = at->key->size,
                       .value_size = value->size,
                       .key_kind = at->key->kind,
                       .value_kind = value->kind};
    memcpy(c->bytes, at->key->at, at->key->size);
    if (value->size)
        memcpy(c->bytes + at->key->size, value->at, value->size);
    return c;
}

static bool holds(const struct near *n, const struct place *at, uint32_t partition,
                  struct near_claim claim)
{
    return at->bucket->version == claim.version &&
           load_acquire_64(&n->parts[partition].generation) == claim.generation;
}

static bool has_copy(const struct near *n, const struct place *at, const struct data *value)
{
    const struct copy *c = at->bucket->first;

    while (c && !is_of(c, at))
        c = c->next;
    if (!c || is_dead(n, c) || c->value_kind != value->kind || c->value_size != value->size)
        return false;
    return value->size == 0 || memcmp(c->bytes + c->key_size, value->at, value->size) == 0;
}

static void insert(const struct place *at, struct copy *c)
{
    (void)take_key_out(at);
    c->next = at->bucket->first;
    store_release_ptr((void **)&at->bucket->first, c);
    at->shard->entries++;
    at->shard->bytes += size_of(c);
}

/* Whoever is given this answer must not be shown an older one later: so all other claims end here,
 * and if this one has, a copy of another value, which may be older, goes. One value has at most an
 * eighth of its shard, lest it drive out all others. */
void near_fill(struct near *n, const struct data *key, const struct data *value,
               struct near_claim claim)
{
    struct place at = place_of(n, key);
    uint32_t partition = data_partition(key, n->partitions);
    size_t size = sizeof(struct copy) + key->size + value->size;
    struct copy *c = size <= n->shard_bytes / 8 ? copy_new(&at, value) : NULL;

    pthread_mutex_lock(&at.shard->lock);
    bool held = holds(n, &at, partition, claim);

    store_release_32(&at.bucket->version, at.bucket->version + 1);
    if (held && c && make_room(n, at.shard, size)) {
        c->partition = partition;
        c->generation = claim.generation;
        insert(&at, c);
        c = NULL;
    } else if (!has_copy(n, &at, value)) {
        (void)take_key_out(&at);
    }
    pthread_mutex_unlock(&at.shard->lock);
    mem_free(c);
}

static bool forget(struct near *n, const struct data *key, bool told)
{
    struct place at = place_of(n, key);

    pthread_mutex_lock(&at.shard->lock);
    store_release_32(&at.bucket->version, at.bucket->version + 1);
    bool found = take_key_out(&at);

    at.shard->invalidations += found && told;
    pthread_mutex_unlock(&at.shard->lock);
    return found;
}

void near_forget(struct near *n, const struct data *key)
{
    (void)forget(n, key, false);
}

static void drop(struct near *n, uint32_t partition)
{
    fetch_add_64(&n->parts[partition].generation, 1);
}

void near_forget_all(struct near *n)
{
    for (uint32_t i = 0; i < n->partitions; i++)
        drop(n, i);
}

void near_facts(struct near *n, struct near_facts *ret_facts)
{
    struct near_facts f = {0};

    for (int i = 0; i < STRIPES; i++) {
        f.hits += load_relaxed_64(&n->stripes[i].hits);
        f.misses += load_relaxed_64(&n->stripes[i].misses);
    }
    for (int i = 0; i < NEAR_SHARDS; i++) {
        struct shard *s = &n->shards[i];

        pthread_mutex_lock(&s->lock);
        f.invalidations += s->invalidations;
        f.evictions += s->evictions;
        f.entries += s->entries;
        f.bytes += s->bytes;
        pthread_mutex_unlock(&s->lock);
    }
    *ret_facts = f;
}

/* ---- the loop ------------------------------------------------------------------------------- */

/* Changes of this partition were missed, perhaps a clear among them. */
static void missed(struct near *n, uint32_t partition)
{
    if (partition == n->home)
        near_forget_all(n);
    else
        drop(n, partition);
}

static bool same_uuid(const struct wire_uuid *a, const struct wire_uuid *b)
{
    return a->high == b->high && a->low == b->low;
}

static void number(struct near *n, uint32_t partition, const struct wire_uuid *uuid, uint64_t seen)
{
    struct part *p = &n->parts[partition];

    if (!p->known)
        return; /* nothing is found before it is */
    if (!same_uuid(&p->uuid, uuid)) {
        store_release_64(&p->valid_ns, 0);
        p->known = false;
        missed(n, partition);
        return;
    }
    if (seen > p->last + 1)
        missed(n, partition);
    if (seen > p->last)
        p->last = seen;
}

static void invalidated(struct near *n, const struct data *key, const struct wire_uuid *uuid,
                        int64_t sequence)
{
    bool all = key->kind == DATA_NULL;

    if (all)
        near_forget_all(n);
    else
        (void)forget(n, key, true);
    number(n, all ? n->home : data_partition(key, n->partitions), uuid, (uint64_t)sequence);
}

void near_invalidated(struct near *n, const struct map_invalidation_event *e)
{
    invalidated(n, &e->key, &e->partition_uuid, e->sequence);
}

void near_invalidated_many(struct near *n, const struct map_batch_invalidation_event *e)
{
    struct wire_list keys = e->keys;
    struct data key;

    for (uint32_t i = 0; wire_next(&keys, WIRE_datas, &key, NULL); i++) {
        struct wire_uuid uuid = {0};

        if ((i + 1) * 17ull > e->partition_uuids.size || (i + 1) * 8ull > e->sequences.size) {
            near_lost(n); /* keys without numbers: nothing it says can be relied on */
            return;
        }
        uuid = wire_uuid_at(e->partition_uuids, 17, 0, i);
        invalidated(n, &key, &uuid, wire_i64_at(e->sequences, 8, 0, i));
    }
}

/* The last number of each partition; 0 where none is told. */
static mr_rc_t take_numbers(struct near *n, struct wire_bytes numbers)
{
    memset(n->told, 0, n->partitions * sizeof n->told[0]);
    for (uint32_t i = 0; i < numbers.size / 12; i++) {
        uint32_t partition = (uint32_t)wire_i32_at(numbers, 12, 0, i);

        if (partition >= n->partitions)
            return MR_ERR_MALFORMED;
        n->told[partition] = (uint64_t)wire_i64_at(numbers, 12, 4, i);
    }
    return MR_OK;
}

static void checked(struct near *n, uint32_t partition, const struct wire_uuid *uuid, uint64_t last,
                    uint64_t asked_ns)
{
    struct part *p = &n->parts[partition];

    if (!p->known || !same_uuid(&p->uuid, uuid)) {
        missed(n, partition);
        p->known = true;
        p->uuid = *uuid;
        p->last = last;
    } else if (last > p->last) {
        missed(n, partition); /* or they are still to come, and will then be old */
        p->last = last;
    }
    store_release_64(&p->valid_ns, asked_ns);
}

mr_rc_t near_checked(struct near *n, uint64_t asked_ns,
                     const struct map_fetch_near_cache_invalidation_metadata_rsp *a)
{
    struct wire_list maps = a->name_partition_sequence_list;
    struct wire_bytes name, numbers = {0}, uuids = a->partition_uuid_list;
    uint32_t count = uuids.size / 21;
    mr_rc_t rc;

    (void)wire_next(&maps, WIRE_sequences, &name, &numbers);
    if ((rc = take_numbers(n, numbers)) != MR_OK)
        return rc;
    for (uint32_t i = 0; i < count; i++)
        if ((uint32_t)wire_i32_at(uuids, 21, 0, i) >= n->partitions)
            return MR_ERR_MALFORMED;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t partition = (uint32_t)wire_i32_at(uuids, 21, 0, i);
        struct wire_uuid uuid = wire_uuid_at(uuids, 21, 4, i);

        checked(n, partition, &uuid, n->told[partition], asked_ns);
    }
    return MR_OK;
}

void near_lost(struct near *n)
{
    for (uint32_t i = 0; i < n->partitions; i++) {
        store_release_64(&n->parts[i].valid_ns, 0);
        n->parts[i].known = false;
        drop(n, i);
    }
}

uint64_t near_check_ns(const struct near *n)
{
    return n->stale_max_ns / CHECKS_PER_STALE;
}

/* ---- life ----------------------------------------------------------------------------------- */

static uint32_t bucket_count(uint64_t shard_bytes)
{
    uint32_t n = BUCKETS_MIN;

    while (n * (uint64_t)COPY_TYPICAL < shard_bytes && n < 1u << 24)
        n *= 2;
    return n;
}

static bool shards_start(struct near *n)
{
    bool good = true;

    for (int i = 0; i < NEAR_SHARDS; i++) {
        struct shard *s = &n->shards[i];

        pthread_mutex_init(&s->lock, NULL);
        s->retirer = retirer_new();
        s->buckets = mem_alloc_zero((n->bucket_mask + 1ull) * sizeof s->buckets[0]);
        good &= s->retirer && s->buckets;
    }
    return good;
}

static void shard_end(struct near *n, struct shard *s)
{
    retirer_free(s->retirer);
    for (uint32_t i = 0; s->buckets && i <= n->bucket_mask; i++)
        for (struct copy *next, *c = s->buckets[i].first; c; c = next) {
            next = c->next;
            mem_free(c);
        }
    mem_free(s->buckets);
    pthread_mutex_destroy(&s->lock);
}

mr_rc_t near_new(const struct near_config *c, struct near **ret_n)
{
    struct near *n = mem_alloc_aligned(64, sizeof *n);
    struct wire_bytes name = wire_text(c->map);

    if (!n)
        return MR_ERR_MEMORY;
    n->partitions = c->partitions;
    n->home = data_partition(&(struct data){name.at, name.size, DATA_STRING}, c->partitions);
    n->shard_bytes = c->max_bytes / NEAR_SHARDS;
    n->stale_max_ns = c->stale_max_ns;
    n->bucket_mask = bucket_count(n->shard_bytes) - 1;
    n->parts = mem_alloc_zero(c->partitions * sizeof n->parts[0]);
    n->told = mem_alloc_zero(c->partitions * sizeof n->told[0]);
    if (!shards_start(n) || !n->parts || !n->told) {
        near_free(n);
        return MR_ERR_MEMORY;
    }
    *ret_n = n;
    return MR_OK;
}

void near_free(struct near *n)
{
    if (!n)
        return;
    for (int i = 0; i < NEAR_SHARDS; i++)
        shard_end(n, &n->shards[i]);
    mem_free(n->parts);
    mem_free(n->told);
    mem_free_aligned(n);
}

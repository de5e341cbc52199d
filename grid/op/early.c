#include "grid/op/early.h"

#include <string.h>

#include "grid/data/maps.h"
#include "grid/data/object.h"
#include "grid/op/copies.h"
#include "net/base/check.h"
#include "net/base/epoch.h"
#include "net/base/littleend.h"
#include "net/base/log.h"
#include "net/base/mem.h"

struct early_event {
    struct list node;
    uint64_t seq;
    struct object *object;
    struct object_event event;
    uint8_t bytes[]; /* of its value */
};

static struct partition *partition_of(const struct copies *c)
{
    return &c->partitions->at[c->number];
}

/* ---- answers -------------------------------------------------------------------------------- */

void early_rest(struct copies *c, uint64_t seq)
{
    if (replica_may_read(&c->replica) && !copies_are_alone(c) && seq > c->replica.commit_seq)
        commit_note(&c->commits, seq < c->replica.last_seq ? seq : c->replica.last_seq);
}

void early_rest_on_all(struct copies *c)
{
    early_rest(c, c->replica.last_seq);
}

/* ---- events --------------------------------------------------------------------------------- */

static void drop_events(struct early *early, uint64_t from_seq)
{
    while (!list_is_empty(&early->told)) {
        struct early_event *e = list_owner(early->told.back, struct early_event, node);

        if (e->seq < from_seq)
            return;
        list_remove(&e->node);
        mem_free(e);
    }
}

static void keep_event(struct copies *c, struct object *o, const struct object_event *event)
{
    struct early_event *e = mem_alloc(sizeof *e + event->value.size);

    if (!e) {
        log_event(LOG_WARN, "watch.lost", F_STR("name", o->name), F_STR("why", "no memory"));
        return;
    }
    *e = (struct early_event){.seq = c->replica.last_seq + 1, .object = o, .event = *event};
    if (event->value.size > 0)
        memcpy(e->bytes, event->value.at, event->value.size);
    e->event.value.at = e->bytes;
    list_add_last(&c->early.told, &e->node);
}

/* A message is no change, and nobody has a copy of it. */
void early_tell(struct copies *c, struct object *o, const struct object_event *e)
{
    if (!replica_has_served(&c->replica))
        return;
    if (copies_are_alone(c) || e->kind == OBJECT_MESSAGE)
        watchers_tell(&o->watchers, e);
    else
        keep_event(c, o, e);
}

void early_settle(struct copies *c, uint64_t seq)
{
    struct list *told = &c->early.told;

    while (!list_is_empty(told)) {
        struct early_event *e = list_owner(told->next, struct early_event, node);

        if (e->seq > seq)
            return;
        list_remove(&e->node);
        watchers_tell(&e->object->watchers, &e->event);
        mem_free(e);
    }
}

/* ---- at the primary ------------------------------------------------------------------------- */

mr_rc_t early_new(struct copies *c, const struct effect *like, struct effect **ret_e)
{
    *ret_e = NULL;
    if (c->replica.state != REPLICA_SERVING)
        return MR_ERR_MOVED;
    if (copies_are_alone(c))
        return MR_OK;
    mr_rc_t rc = replica_reserve(&c->replica);

    return rc == MR_OK ? effect_new(partition_of(c)->slab, like, ret_e) : rc;
}

void early_write(struct copies *c, struct effect *e)
{
    if (!e) {
        partition_of(c)->changes++;
        if (commit_self)
            commit_self->rests = true;
        return;
    }
    copies_write_early(c, e);
}

/* What makes less of an object may always be done. */
static bool is_growing(const struct change *x)
{
    return x->kind == CHANGE_INSERT || x->kind == CHANGE_SET || x->kind == CHANGE_ADD ||
           x->kind == CHANGE_JOIN;
}

static mr_rc_t effect_of(struct copies *c, struct object *o, const struct change *x,
                         struct effect **ret_e)
{
    size_t size = change_size(x);
    struct effect like = {.kind = EFFECT_CHANGE,
                          .why = (uint8_t)x->kind,
                          .object = o,
                          .at = x->at,
                          .n = x->n,
                          .value = {NULL, (uint32_t)size, DATA_BYTES}};

    if (size > EFFECT_CHANGE_MAX)
        return MR_ERR_TOO_LARGE;
    account_overdraws = !is_growing(x);
    mr_rc_t rc = early_new(c, &like, ret_e);

    account_overdraws = false;
    if (rc == MR_OK && *ret_e)
        change_write(x, (*ret_e)->bytes);
    return rc;
}

mr_rc_t early_change(struct copies *c, struct object *o, const struct change *x)
{
    struct effect *e;
    mr_rc_t rc = effect_of(c, o, x, &e);

    if (rc != MR_OK)
        return rc;
    if ((rc = o->copy->apply(o, x)) == MR_OK) {
        early_write(c, e);
        o->seq = e ? c->replica.last_seq : partition_of(c)->changes;
        return MR_OK;
    }
    drop_events(&c->early, c->replica.last_seq + 1);
    if (e)
        effect_release(e);
    return rc;
}

static void wake_all(struct copies *c)
{
    for (struct object *o = c->early.objects; o; o = o->beside)
        if (o->copy->wake)
            o->copy->wake(o);
    for (struct map *m = maps_first(c->maps); m; m = m->next)
        map_locks_wake(m, c->number);
}

void early_end_reign(struct copies *c)
{
    drop_events(&c->early, 0);
    wake_all(c);
}

/* ---- at a backup ---------------------------------------------------------------------------- */

/* What cannot be is not done: whoever sent it has another copy than this. */
static void change_object(struct object *o, const struct effect *e)
{
    struct change x = {.kind = (enum change_kind)e->why, .at = e->at, .n = e->n};
    mr_rc_t rc = change_read(e->value.at, e->value.size, &x);

    if (rc == MR_OK)
        rc = o->copy->apply(o, &x);
    mem_free((void *)x.values);
    check(rc != MR_ERR_MEMORY); /* the kernel has none left: rather no copy than another one */
    if (rc != MR_OK)
        log_event(LOG_ERROR, "copies.strange", F_STR("name", o->name), F_U64("change", e->why),
                  F_STR("why", mr_rc_text(rc)));
    o->seq = e->seq;
}

/* It was read once already, to see that it can be. */
static void add_sessions(struct copies *c, const struct effect *e)
{
    mr_rc_t rc = sessions_decode(&c->sessions, e->value.at, e->value.size);

    check(rc != MR_ERR_MEMORY);
    if (rc != MR_OK)
        log_event(LOG_ERROR, "copies.strange", F_STR("name", "sessions"),
                  F_STR("why", mr_rc_text(rc)));
}

static void apply(struct copies *c, const struct effect *e)
{
    account_overdraws = true;
    epoch_enter();
    if (e->kind == EFFECT_SESSIONS)
        add_sessions(c, e);
    else if (e->kind == EFFECT_LOCK)
        map_lock_restore(c->number, e);
    else
        change_object(e->object, e);
    epoch_exit();
    account_overdraws = false;
}

void early_restore(struct copies *c, const struct effect *e)
{
    apply(c, e);
}

void early_apply(struct copies *c, struct effect *e)
{
    if (c->replica.whole) {
        apply(c, e);
        return;
    }
    e->put_off = true;
    e->older = NULL;
    *c->early.last_put_off = e;
    c->early.last_put_off = &e->older;
}

void early_release(struct effect *e)
{
    if (e->put_off)
        e->released = true;
    else
        effect_release(e);
}

/* Takes the first one out; NULL: there is none. */
static struct effect *next_put_off(struct early *early)
{
    struct effect *e = early->first_put_off;

    if (!e)
        return NULL;
    if (!(early->first_put_off = e->older))
        early->last_put_off = &early->first_put_off;
    e->older = NULL;
    e->put_off = false;
    return e;
}

static void drop_put_off(struct early *early)
{
    for (struct effect *e; (e = next_put_off(early));)
        if (e->released)
            effect_release(e);
}

void early_whole(struct copies *c)
{
    for (struct effect *e; (e = next_put_off(&c->early));) {
        if (e->kind == EFFECT_LOCK || e->seq > e->object->seq)
            apply(c, e);
        if (e->released)
            effect_release(e);
    }
}

void early_wipe(struct copies *c)
{
    drop_put_off(&c->early);
    for (struct object *o = c->early.objects; o; o = o->beside)
        change_object(o, &(struct effect){.why = CHANGE_EMPTY});
    for (struct map *m = maps_first(c->maps); m; m = m->next)
        map_locks_forget(m, c->number);
}

/* ---- pictures ------------------------------------------------------------------------------- */

struct drawing {
    struct object *object;
    struct map *map;
    uint64_t seq;
    struct sink *entries;
};

/* Behind its size and its number. */
static void put_entry(struct drawing *d, const struct effect *e)
{
    struct sink *out = d->entries;
    size_t began = out->size;
    uint8_t *at = sink_more(out, 12);

    if (!at)
        return;
    put_le64(at + 4, d->seq);
    effect_write(e, out);
    if (sink_state(out) == MR_OK)
        put_le32(out->at + began, (uint32_t)(out->size - began - 4));
}

static void draw_change(void *context, const struct change *x)
{
    struct drawing *d = context;
    size_t size = change_size(x);
    uint8_t *bytes = mem_alloc(size + 1);

    if (!bytes) {
        d->entries->out_of_memory = true;
        return;
    }
    change_write(x, bytes);
    put_entry(d, &(struct effect){.kind = EFFECT_CHANGE,
                                  .why = (uint8_t)x->kind,
                                  .object = d->object,
                                  .at = x->at,
                                  .n = x->n,
                                  .value = {bytes, (uint32_t)size, DATA_BYTES}});
    mem_free(bytes);
}

static void draw_lock(void *context, const struct data *key, const struct lock_state *l)
{
    struct drawing *d = context;
    uint8_t reference[EFFECT_REFERENCE];

    put_le64(reference, (uint64_t)l->reference);
    put_entry(d, &(struct effect){.kind = EFFECT_LOCK,
                                  .map = d->map,
                                  .source = l->owner,
                                  .ends_ms = l->ends_ms,
                                  .count = l->count,
                                  .key = *key,
                                  .value = {reference, sizeof reference, DATA_BYTES}});
}

/* What was answered, in parts as large as a chunk. */
static void draw_sessions(struct copies *c, struct drawing *d)
{
    struct sessions_place from = {0}, to;
    bool is_last = false;

    while (!is_last) {
        struct sink part = {.grows = true};

        is_last = sessions_part(&c->sessions, from, COPIES_CHUNK, &to);
        sessions_encode(&c->sessions, from, to, &part);
        if (sink_state(&part) != MR_OK)
            d->entries->out_of_memory = true;
        else if (part.size > 0)
            put_entry(d, &(struct effect){.kind = EFFECT_SESSIONS,
                                          .value = {part.at, (uint32_t)part.size, DATA_BYTES}});
        sink_free(&part);
        from = to;
    }
}

/* An object that has nothing is in it as well: what came before it must not be done again. */
static void draw(struct copies *c, struct early_picture *p)
{
    struct drawing d = {.seq = p->seq, .entries = &p->entries};

    for (struct map *m = maps_first(c->maps); m; m = m->next) {
        d.map = m;
        map_locks_each(m, c->number, draw_lock, &d);
    }
    for (struct object *o = c->early.objects; o; o = o->beside) {
        d.object = o;
        draw_change(&d, &(struct change){.kind = CHANGE_EMPTY});
        o->copy->image(o, draw_change, &d);
    }
    draw_sessions(c, &d);
}

void early_picture_free(struct early_picture *p)
{
    sink_free(&p->entries);
    *p = (struct early_picture){0};
}

mr_rc_t early_picture_take(struct copies *c, struct early_picture *p, uint64_t to, uint64_t walk)
{
    if (p->to == to && p->walk == walk)
        return MR_OK;
    early_picture_free(p);
    *p = (struct early_picture){
        .to = to, .walk = walk, .seq = replica_done_seq(&c->replica), .entries = {.grows = true}};
    draw(c, p);
    mr_rc_t rc = sink_state(&p->entries);

    if (rc != MR_OK)
        early_picture_free(p);
    return rc;
}

size_t early_picture_put(const struct early_picture *p, size_t from, size_t to, size_t enough,
                         struct sink *out)
{
    size_t end = to ? to : p->entries.size;

    while (from < end && (to || out->size <= enough)) {
        uint32_t size = get_le32(p->entries.at + from);

        sink_put(out, p->entries.at + from + 4, size);
        from += 4 + size;
    }
    return from;
}

/* ---- life ----------------------------------------------------------------------------------- */

void early_init(struct early *e)
{
    *e = (struct early){0};
    list_init(&e->told);
    e->last_put_off = &e->first_put_off;
}

void early_free(struct early *e)
{
    drop_events(e, 0);
    drop_put_off(e);
}

void early_join(struct object *o)
{
    struct partition *p = object_partition(o);

    if (!o->copy || !p->copies)
        return;
    partition_lock(p);
    o->beside = p->copies->early.objects;
    p->copies->early.objects = o;
    partition_unlock(p);
}

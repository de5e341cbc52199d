#include "grid/peers/control_inside.h"

#include <stdio.h>
#include <string.h>

#include "net/base/clock.h"
#include "net/base/log.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "net/tcp.h"

/* ---- telling others of us ------------------------------------------------------------------- */

void control_introduce(struct control *c, struct member_hello *ret)
{
    static __thread char host[ADDRESS_TEXT];

    ret->incarnation = (int64_t)c->self;
    ret->uuid = (struct wire_uuid){c->card.uuid_high, c->card.uuid_low, false};
    ret->port = c->card.address.port;
    ret->host = wire_text(address_host(&c->card.address, host));
    ret->name = wire_text(c->card.name);
    ret->cluster_name = wire_text(config_text(c->member->config, "cluster.name"));
    ret->partitions = (int32_t)c->member->partitions.count;
    pthread_mutex_lock(&c->lock);
    ret->generation = (int64_t)c->generation;
    ret->cluster = (struct wire_uuid){c->view.cluster_high, c->view.cluster_low,
                                      c->view.cluster_high == 0 && c->view.cluster_low == 0};
    pthread_mutex_unlock(&c->lock);
}

static bool is_text(struct wire_bytes b, const char *text)
{
    return b.size == strlen(text) && memcmp(b.at, text, b.size) == 0;
}

const char *control_judge(struct control *c, const struct member_hello *hello)
{
    const char *why = NULL;

    if (hello->protocol != FELLOW_PROTOCOL)
        return "it speaks another version of the members' protocol";
    if (!is_text(hello->cluster_name, config_text(c->member->config, "cluster.name")))
        return "it is of a cluster with another name";
    if (hello->partitions != (int32_t)c->member->partitions.count)
        return "it has another number of partitions: partitions.count is to be the same everywhere";
    if (hello->incarnation == 0 || (uint64_t)hello->incarnation == c->self)
        return "it is this member itself";
    pthread_mutex_lock(&c->lock);
    const struct control_view *v = &c->view;

    if (!hello->cluster.null && (v->cluster_high || v->cluster_low) &&
        (hello->cluster.high != v->cluster_high || hello->cluster.low != v->cluster_low))
        why = "it is of another cluster with the same name: one of the two has to be started anew";
    pthread_mutex_unlock(&c->lock);
    return why;
}

/* ---- contacts ------------------------------------------------------------------------------- */

/* Of several, the one that it has as a member: it may also stand at the address of a seed, or of
 * one that is gone. */
struct contact *control_contact(struct control *c, uint64_t incarnation)
{
    struct contact *found = NULL;

    for (uint32_t i = 0; incarnation != NOBODY && i < c->contact_count; i++) {
        struct contact *k = &c->contacts[i];

        if (k->incarnation == incarnation && (!found || k->in))
            found = k;
    }
    return found;
}

struct contact *control_contact_at(struct control *c, const struct address *a)
{
    for (uint32_t i = 0; i < c->contact_count; i++)
        if (address_equal(&c->contacts[i].address, a))
            return &c->contacts[i];
    return NULL;
}

static const struct fellow_events events;

void control_rejoin(struct control *c, uint64_t generation)
{
    log_event(LOG_WARN, "cluster.rejoins", F_U64("generation", generation));
    consensus_free(c->consensus);
    c->consensus = NULL;
    c->server = 0;
    store_relaxed_64(&c->member->partitions.lease_until_ns, 0); /* it may have been for ever */
    pthread_mutex_lock(&c->lock);
    c->generation = generation;
    pthread_mutex_unlock(&c->lock);
    c->state = CONTROL_JOINING;
    c->changed = true;
}

struct contact *control_contact_new(struct control *c, const struct address *to)
{
    struct contact *k = control_contact_at(c, to);

    if (k && k->in)
        k = NULL; /* another's, whose silence is still counted there */
    for (uint32_t i = 0; !k && i < c->contact_count; i++)
        if (!c->contacts[i].is_seed && !c->contacts[i].in)
            k = &c->contacts[i];
    if (!k && c->contact_count == CONTACTS_MAX)
        return NULL;
    if (!k)
        k = &c->contacts[c->contact_count++];
    if (k->fellow && address_equal(&k->address, to))
        return k;
    k->address = *to;
    k->incarnation = NOBODY;
    if (k->fellow)
        fellow_point(k->fellow, to);
    else if (fellow_new(c->loop, c->transport, to, FELLOW_CONTROL, &events, c,
                        (uint32_t)(k - c->contacts), &k->fellow) != MR_OK)
        k->fellow = NULL;
    return k;
}

void control_tell(struct control *c, uint64_t to, enum wire_id id, const void *message)
{
    struct contact *k = control_contact(c, to);

    if (k && k->fellow)
        fellow_tell(k->fellow, id, message);
}

/* ---- messages ------------------------------------------------------------------------------- */

struct posted_message {
    struct control *control;
    uint64_t from;
    size_t size;
    uint8_t bytes[];
};

static void on_propose(struct control *c, uint64_t from, const struct member_propose *p)
{
    struct consensus_view v;
    struct command x;

    if (control_leads(c, &v) && control_has(c, from) &&
        command_decode(&x, p->command.at, p->command.size) == MR_OK && x.kind != COMMAND_FOUND)
        control_on_wish(c, &x);
}

static void on_raft(struct control *c, uint64_t from, struct contact *k,
                    const struct wire_head *head, enum wire_id id, const void *message)
{
    uint64_t server = (uint64_t)head->correlation >> 32, to = head->correlation & UINT32_MAX;

    if (!c->consensus || to != c->server || head->partition != (int32_t)c->generation)
        return;
    if (k)
        k->server = server;
    if (consensus_receive(c->consensus, control_now_ms(), server, id, message) != MR_OK)
        log_event(LOG_WARN, "member.message_refused", F_STR("type", wire_name(id)),
                  F_U64("from", from));
}

static void hear(struct control *c, uint64_t from, const uint8_t *bytes, size_t size)
{
    union wire_message m;
    struct wire_head head;
    const char *field;
    int id = wire_read_head(bytes, size, &head) == MR_OK ? wire_find(head.type) : -1;
    struct contact *k = control_contact(c, from);

    if (k)
        detector_heard(&k->detector);
    if (id < 0 || wire_decode((enum wire_id)id, bytes, size, &m, &field) != MR_OK)
        return;
    switch (id) {
    case WIRE_member_hello: control_on_hello(c, k, &m.member_hello); break;
    case WIRE_member_welcome: control_on_welcome(c, &m.member_welcome); break;
    case WIRE_member_beat: control_on_beat(c, from, &m.member_beat); break;
    case WIRE_member_grant: control_on_grant(c, &m.member_grant); break;
    case WIRE_member_ask: control_on_ask(c, from, &m.member_ask); break;
    case WIRE_member_propose: on_propose(c, from, &m.member_propose); break;
    case WIRE_member_goodbye: control_on_goodbye(c, k, &m.member_goodbye); break;
    case WIRE_member_keep: control_on_keep(c, (uint64_t)m.member_keep.session); break;
    case WIRE_member_promise:
        if (k)
            k->promised_ns = clock_ns() + (uint64_t)m.member_promise.lasts * MS;
        break;
    default: on_raft(c, from, k, &head, (enum wire_id)id, &m); break;
    }
}

static void take_message(void *context)
{
    struct posted_message *p = context;

    hear(p->control, p->from, p->bytes, p->size);
    control_publish(p->control);
    mem_free(p);
}

void control_post(struct control *c, uint64_t from, const uint8_t *bytes, size_t size)
{
    struct posted_message *p = mem_alloc(sizeof *p + size);

    if (!p)
        return;
    p->control = c;
    p->from = from;
    p->size = size;
    memcpy(p->bytes, bytes, size);
    if (loop_post(c->loop, take_message, p) != MR_OK)
        mem_free(p);
}

/* Of a connection that carries another's beats: it is there, or gone. */
struct posted_channel {
    struct control *control;
    uint64_t incarnation;
    struct duo_channel channel;
    bool dead;
};

static void post_channel(struct control *c, void (*take)(void *context),
                         const struct posted_channel *what)
{
    struct posted_channel *p = mem_alloc(sizeof *p);

    if (!p)
        return;
    *p = *what;
    p->control = c;
    if (loop_post(c->loop, take, p) != MR_OK)
        mem_free(p);
}

static void take_met(void *context)
{
    struct posted_channel *p = context;
    struct control *c = p->control;
    struct contact *k = control_contact(c, p->incarnation);

    if (k)
        k->channel = p->channel;
    if (k && k->in)
        control_duo(c, (struct duo_event){.kind = DUO_IN, .channel = p->channel});
    mem_free(p);
}

void control_met(struct control *c, const struct member_hello *hello, bool is_direct)
{
    post_channel(c, take_met,
                 &(struct posted_channel){.incarnation = (uint64_t)hello->incarnation,
                                          .channel = {(uint64_t)hello->channel,
                                                      (uint64_t)hello->generation, is_direct}});
}

static void take_end(void *context)
{
    struct posted_channel *p = context;
    struct control *c = p->control;
    struct contact *k = control_contact(c, p->incarnation);
    struct consensus_view v;

    if (k && k->channel.number == p->channel.number) {
        k->channel = (struct duo_channel){0};
        control_is_let_go(c);
    }
    if (k && k->in)
        control_duo(c, (struct duo_event){.kind = p->dead ? DUO_IN_DEAD : DUO_IN_BROKEN,
                                          .number = p->channel.number});
    if (k && k->in && p->dead && !k->detector.dead) {
        detector_dies(&k->detector);
        log_event(LOG_INFO, "cluster.member_dead", F_U64("incarnation", p->incarnation));
        if (control_leads(c, &v))
            control_expel(c, clock_ns());
        else
            control_succeed(c, p->incarnation);
    }
    control_publish(c);
    mem_free(p);
}

void control_ended(struct control *c, uint64_t incarnation, uint64_t channel, bool dead)
{
    post_channel(c, take_end,
                 &(struct posted_channel){
                     .incarnation = incarnation, .channel = {.number = channel}, .dead = dead});
}

struct posted_wish {
    struct control *control;
    struct command wish;
};

static void take_wish(void *context)
{
    struct posted_wish *p = context;

    control_wish_here(p->control, &p->wish);
    control_publish(p->control);
    mem_free(p);
}

void control_wish(struct control *c, const struct command *wish)
{
    struct posted_wish *p = mem_alloc(sizeof *p);

    if (!p)
        return;
    *p = (struct posted_wish){c, *wish};
    if (loop_post(c->loop, take_wish, p) != MR_OK)
        mem_free(p);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void introduce(void *context, struct member_hello *ret_hello)
{
    control_introduce(context, ret_hello);
}

static bool met(struct fellow *f, const struct member_hello *hello)
{
    struct control *c = f->context;
    struct contact *k = &c->contacts[f->number];
    const char *why = control_judge(c, hello);

    if (why) {
        snprintf(f->words, sizeof f->words, "%s", why);
        return false;
    }
    if (k->in && k->incarnation != (uint64_t)hello->incarnation)
        return false; /* another process stands there now; that ours is gone, its silence shows */
    k->incarnation = (uint64_t)hello->incarnation;
    k->is_forming = hello->cluster.null;
    if (!k->is_forming && c->state == CONTROL_FORMING)
        c->state = CONTROL_JOINING;
    return true;
}

static void opened(struct fellow *f)
{
    struct control *c = f->context;

    control_duo(c, (struct duo_event){.kind = DUO_OUT,
                                      .channel = {f->channel, c->generation, f->is_direct}});
}

/* The other answers over a connection of its own. */
static void message(struct fellow *f, const uint8_t *bytes, size_t size)
{
    struct control *c = f->context;

    hear(c, f->incarnation, bytes, size);
    control_publish(c);
}

static void broken(struct fellow *f)
{
    struct control *c = f->context;
    struct contact *k = &c->contacts[f->number];

    k->promised_ns = 0;
    if (!k->in)
        k->incarnation = NOBODY;
}

static const struct fellow_events events = {introduce, met, opened, message, broken};

/* ---- time ----------------------------------------------------------------------------------- */

/* Between two ticks without a stall all that had come was read. */
static void count_silence(struct control *c, uint64_t now)
{
    bool stalled = false;

    for (uint32_t i = 0; i < c->contact_count; i++) {
        struct contact *k = &c->contacts[i];

        if (!k->in)
            continue;
        if (!c->stalled)
            detector_listened(&k->detector);
        stalled |= detector_tick(&k->detector, now);
    }
    c->stalled = stalled;
}

/* What found no memory or no room in a mailbox when a member came. */
static void connect_again(struct control *c)
{
    for (uint32_t i = 0; i < c->contact_count; i++)
        if (c->contacts[i].in)
            (void)!crew_point(&c->member->crew, c->contacts[i].incarnation,
                              &c->contacts[i].address);
}

static void tick(void *context)
{
    struct control *c = context;
    uint64_t now = clock_ns();
    struct consensus_view v;

    count_silence(c, now);
    if (c->consensus && consensus_next_ms(c->consensus) <= now / MS)
        consensus_tick(c->consensus, now / MS);
    if (c->fenced)
        return;
    control_duo_tick(c, now);
    control_leave_tick(c, now);
    control_beat(c, now);
    if (control_leads(c, &v))
        control_lead(c, &v, now);
    if (now - c->again_ns > AGAIN_MS * MS) {
        c->again_ns = now;
        if (control_leads(c, &v))
            control_welcome(c);
        if (c->state == CONTROL_FORMING)
            control_form(c, now);
        control_greet(c);
        control_sessions_tick(c, now);
        connect_again(c);
    }
    control_publish(c);
}

/* ---- life ----------------------------------------------------------------------------------- */

bool control_is_wanted(const struct member *m)
{
    return config_number(m->config, "network.listen") &&
           (config_text(m->config, "cluster.members")[0] ||
            config_number(m->config, "cluster.bootstrap"));
}

static mr_rc_t read_seeds(struct control *c, mr_err_t *err)
{
    const char *at = config_text(c->member->config, "cluster.members");

    while (*at) {
        size_t size = strcspn(at, ", ");
        char text[ADDRESS_TEXT + 1];

        if (size > 0 && c->seed_count == CONTROL_SEEDS_MAX)
            return fail(err, MR_ERR_CONFIG, "some of the members are enough to find the others",
                        "cluster.members has more than %d addresses", CONTROL_SEEDS_MAX);
        snprintf(text, sizeof text, "%.*s", (int)size, at);
        if (size > 0 &&
            (size > ADDRESS_TEXT || address_parse(text, 5701, &c->seeds[c->seed_count++]) != MR_OK))
            return fail(err, MR_ERR_CONFIG, "give " ADDRESS_FORM,
                        "cluster.members: \"%.*s\" is not an address", (int)size, at);
        at += size + (at[size] != '\0');
    }
    return MR_OK;
}

mr_rc_t control_new(struct member *m, struct control **ret_c, mr_err_t *err)
{
    struct control *c = mem_alloc_zero(sizeof *c);
    mr_rc_t rc = MR_ERR_MEMORY;

    if (!c)
        return MR_ERR_MEMORY;
    c->member = m;
    c->self = rand_seed() >> 1 | 1;
    list_init(&c->opening);
    pthread_mutex_init(&c->lock, NULL);
    if (!(c->seen = mem_alloc_zero(m->partitions.count * sizeof *c->seen)) ||
        !(c->rows = mem_alloc_zero(m->partitions.count * sizeof *c->rows)) ||
        (rc = metadata_init(&c->metadata, m->partitions.count, NOBODY)) != MR_OK ||
        (rc = gauges_init(&c->gauges, m->metrics)) != MR_OK || (rc = read_seeds(c, err)) != MR_OK ||
        (rc = loop_new(&c->loop)) != MR_OK ||
        (rc = tcp_new_on_loop(c->loop, &c->transport)) != MR_OK ||
        (rc = copies_start(&m->partitions, &m->maps, c->self, &crew_out, &m->crew)) != MR_OK) {
        control_free(c);
        return rc;
    }
    control_duo_init(c, false);
    snprintf(c->view.why, sizeof c->view.why, "%s", control_why_not(c, NULL, NULL, 0));
    *ret_c = c;
    return MR_OK;
}

/* One that others can dial. */
static bool is_somewhere(const struct address *a)
{
    static const struct address nowhere;
    struct address v4;

    return !address_same_host(a, &nowhere) && address_of_host("0.0.0.0", 0, &v4) == MR_OK &&
           !address_same_host(a, &v4);
}

mr_rc_t control_start(struct control *c, mr_err_t *err)
{
    struct member *m = c->member;

    if (!is_somewhere(&m->door.address))
        return fail(err, MR_ERR_CONFIG, "set network.advertise to an address of this host",
                    "network.bind is all of this host's addresses: other members need one");
    c->card = (struct card){m->uuid.high, m->uuid.low, m->door.address, ""};
    snprintf(c->card.name, sizeof c->card.name, "%.63s", m->name);
    c->own_seed = c->seed_count;
    c->began_ns = clock_ns();
    for (uint32_t i = 0; i < c->seed_count; i++) {
        struct contact *k;

        if (address_equal(&c->seeds[i], &c->card.address))
            c->own_seed = i;
        else if ((k = control_contact_new(c, &c->seeds[i])))
            k->is_seed = true;
    }
    timer_start_on_loop(c->loop, &c->tick, 0, TICK_MS * MS, tick, c);
    mr_rc_t rc = loop_start(c->loop, "mr-control");

    c->is_started = rc == MR_OK;
    return rc;
}

/* With an end of our own making, which only the dead make else. */
static void say_goodbye(void *context)
{
    struct control *c = context;

    for (uint32_t i = 0; i < c->contact_count; i++)
        if (c->contacts[i].fellow && c->contacts[i].fellow->is_linked)
            conn_close(&c->contacts[i].fellow->conn);
}

void control_stop(struct control *c)
{
    if (!c || !c->is_started)
        return;
    (void)!loop_post(c->loop, say_goodbye, c);
    loop_stop(c->loop);
    loop_join(c->loop);
    c->is_started = false;
    control_sessions_stop(c);
}

void control_free(struct control *c)
{
    if (!c)
        return;
    if (c->loop) {
        timer_cancel_on_loop(c->loop, &c->tick);
        for (uint32_t i = 0; i < c->contact_count; i++)
            fellow_free(c->contacts[i].fellow);
        if (c->transport)
            transport_free(c->transport);
        loop_free(c->loop);
    }
    consensus_free(c->consensus);
    metadata_free(&c->metadata);
    pthread_mutex_destroy(&c->lock);
    control_sessions_free(c);
    mem_free(c->seen);
    mem_free(c->rows);
    mem_free(c);
}

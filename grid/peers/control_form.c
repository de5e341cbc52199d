/* control_form.c - how members find each other: founding, asking to be let in, being welcomed. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "grid/peers/control_inside.h"
#include "net/base/clock.h"
#include "net/base/log.h"

/* ---- founding and joining ------------------------------------------------------------------- */

static void found(struct control *c)
{
    struct wire_uuid cluster = door_uuid();
    struct command x = {.kind = COMMAND_FOUND,
                        .member = c->self,
                        .card = c->card,
                        .cluster_high = cluster.high,
                        .cluster_low = cluster.low};

    pthread_mutex_lock(&c->lock);
    c->generation = 1;
    pthread_mutex_unlock(&c->lock);
    control_duo_init(c, true);
    if (control_take_part(c, 1) != MR_OK ||
        consensus_found(c->consensus, control_now_ms()) != MR_OK ||
        control_propose(c, &x) != MR_OK) {
        log_event(LOG_ERROR, "cluster.not_founded");
        return;
    }
    log_event(LOG_INFO, "cluster.founded", F_STR("name", c->card.name));
    c->state = CONTROL_IN;
    c->changed = true;
}

static uint32_t seed_of(const struct control *c, const struct contact *k)
{
    for (uint32_t i = 0; i < c->seed_count; i++)
        if (address_equal(&c->seeds[i], &k->address))
            return i;
    return c->seed_count;
}

static bool is_open(const struct contact *k)
{
    return k->fellow && k->fellow->state == FELLOW_OPEN;
}

/* The first of those listed who is here and in no cluster either. */
static uint32_t candidate(const struct control *c)
{
    uint32_t best = c->own_seed;

    for (uint32_t i = 0; i < c->contact_count; i++) {
        const struct contact *k = &c->contacts[i];

        if (is_open(k) && k->is_forming && seed_of(c, k) < best)
            best = seed_of(c, k);
    }
    return best;
}

static uint32_t promises(const struct control *c, uint64_t now)
{
    uint32_t n = 1;

    for (uint32_t i = 0; i < c->contact_count; i++)
        n += c->contacts[i].is_seed && c->contacts[i].promised_ns > now;
    return n;
}

/* Of two majorities somebody is in both, and promises to one at a time. */
void control_form(struct control *c, uint64_t now)
{
    uint32_t first = candidate(c);

    if (config_number(c->member->config, "cluster.bootstrap")) {
        found(c);
        return;
    }
    if (now - c->began_ns < FIRST_LOOK_MS * MS || (c->promised_ns > now && c->promised_to != first))
        return;
    if (c->own_seed == 0 && c->seed_count <= 2 && now - c->began_ns > FORM_MS * MS) {
        found(c);
        return;
    }
    if (first == c->seed_count)
        return;
    c->promised_to = first;
    c->promised_ns = now + PROMISE_MS * MS;
    if (first == c->own_seed) {
        if (promises(c, now) > c->seed_count / 2)
            found(c);
        return;
    }
    struct contact *k = control_contact_at(c, &c->seeds[first]);

    if (k && k->fellow)
        fellow_tell(k->fellow, WIRE_member_promise, &(struct member_promise){PROMISE_MS / 2});
}

/* Is there a leader who takes us for a member? */
static bool is_led(const struct control *c)
{
    return c->state == CONTROL_IN && clock_ns() - c->led_ns < ALONE_MS * MS;
}

/* Says who we are: who is in a cluster is told so that he is asked, who is in none that he may ask;
 * who says hello to a cluster and is not in wants to be, so one that has left says nothing. */
void control_greet(struct control *c)
{
    for (uint32_t i = 0; i < c->contact_count; i++) {
        struct contact *k = &c->contacts[i];
        struct member_hello hello = {.protocol = FELLOW_PROTOCOL, .purpose = FELLOW_CONTROL};

        if (!is_open(k) || (k->in && is_led(c)) || c->leaving.state != LEAVING_NOT)
            continue;
        control_introduce(c, &hello);
        fellow_tell(k->fellow, WIRE_member_hello, &hello);
    }
}

static bool card_of(const struct member_hello *hello, struct card *ret)
{
    char host[ADDRESS_TEXT];

    if (hello->host.size >= sizeof host)
        return false;
    memcpy(host, hello->host.at, hello->host.size);
    host[hello->host.size] = '\0';
    *ret = (struct card){.uuid_high = hello->uuid.high, .uuid_low = hello->uuid.low};
    snprintf(ret->name, sizeof ret->name, "%.*s", (int)hello->name.size,
             (const char *)hello->name.at);
    return address_of_host(host, (uint16_t)hello->port, &ret->address) == MR_OK;
}

/* To the log; through its leader, where that is another. */
void control_wish_here(struct control *c, const struct command *x)
{
    struct consensus_view v;
    const struct cluster_member *leader;

    if (control_leads(c, &v)) {
        control_on_wish(c, x);
    } else if (c->consensus && v.leader && (leader = control_server(c, v.leader))) {
        uint8_t room[256];
        struct sink bytes = {.at = room, .room = sizeof room};

        command_encode(x, &bytes);
        control_tell(c, leader->incarnation, WIRE_member_propose,
                     &(struct member_propose){{room, (uint32_t)bytes.size}});
    }
}

/* Another has said who it is, again. */
void control_on_hello(struct control *c, struct contact *k, const struct member_hello *hello)
{
    struct command x = {.kind = COMMAND_ADMIT, .member = (uint64_t)hello->incarnation};

    if (!card_of(hello, &x.card))
        return;
    if (!k && !is_led(c) && (k = control_contact_new(c, &x.card.address)))
        k->incarnation = x.member;
    if (k)
        k->is_forming = hello->cluster.null;
    if (c->state == CONTROL_IN && control_has(c, c->self) && !control_has(c, x.member))
        control_wish_here(c, &x);
    else if (c->state == CONTROL_FORMING && !hello->cluster.null) {
        c->state = CONTROL_JOINING;
        c->changed = true;
        control_greet(c);
    }
}

void control_on_welcome(struct control *c, const struct member_welcome *w)
{
    uint64_t generation = (uint64_t)w->generation;

    if (w->cluster.null || w->server <= 0 || generation < c->generation ||
        (generation == c->generation && (uint64_t)w->server <= c->server))
        return;
    pthread_mutex_lock(&c->lock);
    c->generation = generation;
    pthread_mutex_unlock(&c->lock);
    if (control_take_part(c, (uint64_t)w->server) != MR_OK ||
        consensus_join(c->consensus, control_now_ms()) != MR_OK)
        return;
    c->state = CONTROL_IN;
    control_duo(c, (struct duo_event){.kind = DUO_HAS_JOINED, .generation = generation});
    c->led_ns = clock_ns();
    pthread_mutex_lock(&c->lock);
    c->view.cluster_high = w->cluster.high;
    c->view.cluster_low = w->cluster.low;
    pthread_mutex_unlock(&c->lock);
    c->changed = true;
}

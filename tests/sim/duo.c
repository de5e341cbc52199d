/* duo.c - two members that are killed, stopped, cut off, forked and switched off by chance; and
 * whether both ever go on alone, anything acknowledged is lost, or anything old is read. What that
 * means, and what a member is here, is in duo_world.h.
 *
 * At the end all is quiet, and somebody may look after what only a person can decide: then two
 * serve, each attached to the other's last words. */
#include "tests/sim/duo_world.h"

#include "tests/sim/sim.h"

enum { FAULTS_END_MS = 15000, QUIET_MS = 15000, CLIENT_MS = 12 };

struct rates { /* once in so many looks, of which there are twenty a second; 0: never */
    uint32_t kill, off, pause, cut, fork, close, dial, storm, leave;
};

static struct rates rates;
static uint32_t processes;
static bool quiet;

#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_failed(__VA_ARGS__);                                                               \
    } while (0)

static struct world *w(void)
{
    return &duo_world->w;
}

/* ---- faults --------------------------------------------------------------------------------- */

static void start_again(void *context)
{
    duo_start((uint32_t)(uintptr_t)context);
}

static void come_back(uint32_t slot)
{
    uint64_t delay = one_in(w(), 3) ? any_between(w(), 1, 50) : any_between(w(), 50, 5000);

    world_after(w(), delay * MS, start_again, (void *)(uintptr_t)slot);
}

static uint64_t exit_delay(void)
{
    return one_in(w(), 3) ? any_between(w(), 0, 3000 * MS) : any_between(w(), 0, 5 * MS);
}

static void heal(void *context)
{
    uintptr_t pair = (uintptr_t)context;

    duo_cut((uint32_t)(pair / DUO_SLOTS), (uint32_t)(pair % DUO_SLOTS), WAY_OPEN);
}

static void cut_one_way(uint32_t from, uint32_t to, enum kernel_way way, uint64_t ns)
{
    duo_cut(from, to, way);
    world_after(w(), ns, heal, (void *)(uintptr_t)(from * DUO_SLOTS + to));
}

static void cut(uint32_t slot)
{
    uint32_t other = (uint32_t)((slot + 1 + any_below(w(), DUO_SLOTS - 1)) % DUO_SLOTS);
    enum kernel_way way = one_in(w(), 3) ? WAY_REJECT : WAY_DROP;
    uint64_t ns = any_between(w(), 10, one_in(w(), 2) ? 6000 : 1500) * MS;
    uint64_t sides = any_below(w(), 3);

    duo_world->k.reject_resets = one_in(w(), 2);
    if (sides != 1)
        cut_one_way(slot, other, way, ns);
    if (sides != 0)
        cut_one_way(other, slot, way, one_in(w(), 4) ? ns / 2 : ns);
}

static void kill_later(void *context)
{
    uint32_t slot = (uint32_t)(uintptr_t)context;

    duo_kill(slot, exit_delay());
    come_back(slot);
}

/* One is not heard for long, and dies before it is. Whoever trusts the wrong thing then goes on
 * without what the dead one did meanwhile. */
static void storm(void *context)
{
    uint32_t slot = (uint32_t)(uintptr_t)context;
    uint32_t other = (uint32_t)((slot + 1 + any_below(w(), processes - 1)) % processes);
    uint64_t ns = any_between(w(), 500, 7000) * MS;

    if (quiet)
        return;
    cut_one_way(slot, other, WAY_DROP, ns);
    if (one_in(w(), 2))
        cut_one_way(other, slot, WAY_DROP, any_between(w(), 0, ns));
    if (one_in(w(), 3))
        duo_fork(slot, ns + any_between(w(), 0, 3000 * MS));
    if (one_in(w(), 3))
        duo_world->wanted = processes;
    world_after(w(), any_between(w(), ns / 4, ns + 200 * MS), kill_later, context);
}

/* And before that nobody hears anybody, for just long enough that going on alone is begun. */
static void storm_again(uint32_t slot)
{
    uint64_t ns = duo_world->detector.fail_ns + any_between(w(), 0, DUO_LEASE_MS * MS);

    for (uint32_t i = 0; i < processes; i++) {
        if (i == slot)
            continue;
        cut_one_way(slot, i, WAY_DROP, ns);
        cut_one_way(i, slot, WAY_DROP, ns);
    }
    world_after(w(), ns + any_between(w(), 200, 2000) * MS, storm, (void *)(uintptr_t)slot);
}

static void hurt(uint32_t slot)
{
    struct duo_member *m = &duo_world->at[slot];

    if (one_in(w(), rates.kill)) {
        duo_kill(slot, exit_delay());
        come_back(slot);
    } else if (one_in(w(), rates.off)) {
        duo_power_off(slot);
        come_back(slot);
    } else if (one_in(w(), rates.pause)) {
        duo_pause(slot, any_between(w(), 1, 4000) * MS);
    } else if (one_in(w(), rates.cut)) {
        cut(slot);
    } else if (slot < processes && one_in(w(), rates.storm)) {
        one_in(w(), 2) ? storm_again(slot) : storm((void *)(uintptr_t)slot);
    } else if (one_in(w(), rates.fork)) {
        duo_fork(slot, any_between(w(), 10, 8000) * MS);
    } else if (one_in(w(), rates.close)) {
        duo_close_all(slot);
    } else if (one_in(w(), rates.leave)) {
        duo_leave(slot);
    } else if (one_in(w(), rates.dial)) {
        duo_dial_again(slot);
    } else if (duo_world->proxied && m->in && one_in(w(), 40)) {
        kernel_forge_fin(m->in);
    }
}

static void start_what_is_gone(uint32_t once_in)
{
    for (uint32_t i = 0; i < processes; i++)
        if (duo_world->at[i].number == 0 && one_in(w(), once_in))
            duo_start(i);
}

static void faults(void *context)
{
    (void)context;
    if (quiet)
        return;
    for (uint32_t i = 0; i < DUO_SLOTS; i++)
        if (duo_world->at[i].number != 0)
            hurt(i);
    start_what_is_gone(50);
    if (processes == 3 && one_in(w(), 40))
        duo_world->wanted = (uint32_t)any_between(w(), 2, 3);
    world_after(w(), 50 * MS, faults, NULL);
}

/* ---- clients -------------------------------------------------------------------------------- */

static void clients(void *context)
{
    (void)context;
    for (uint32_t i = 0; i < DUO_SLOTS; i++) {
        if (one_in(w(), 2))
            duo_read(i, one_in(w(), 15) ? any_between(w(), 0, 1500 * MS) : 0);
        if (one_in(w(), 2))
            duo_write(i);
    }
    world_after(w(), any_between(w(), 1, 2 * CLIENT_MS) * MS, clients, NULL);
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void draw(void)
{
    static const uint32_t often[] = {0, 0, 400, 150, 60}, storms[] = {0, 300, 100, 50};

    rates = (struct rates){.kill = often[any_below(w(), 5)],
                           .off = often[any_below(w(), 4)],
                           .pause = often[any_below(w(), 5)],
                           .cut = often[any_below(w(), 5)],
                           .fork = often[any_below(w(), 4)],
                           .close = one_in(w(), 4) ? 200 : 0,
                           .dial = often[any_below(w(), 4)],
                           .leave = often[any_below(w(), 4)],
                           .storm = storms[any_below(w(), 4)]};
    processes = (uint32_t)any_between(w(), 2, 3);
    duo_world->proxied = one_in(w(), 12);
    duo_world->has_operator = one_in(w(), 2);
    duo_world->usual_ns = any_between(w(), 100 * US, 8 * MS);
    duo_world->k.usual_ns = any_between(w(), 100 * US, 8 * MS);
    duo_world->detector.fail_ns = any_between(w(), 300, 1500) * MS;
    duo_world->detector.suspect_ns = duo_world->detector.fail_ns / 2;
    duo_world->move_in = often[any_below(w(), 5)];
    duo_world->anchor_in = often[any_below(w(), 5)];
    duo_world->config.takeover = one_in(w(), 12) ? DUO_BY_OPERATOR : DUO_BY_EVIDENCE;
}

static void keep_running(void *context)
{
    start_what_is_gone(1);
    world_after(w(), 100 * MS, keep_running, context);
}

static void calm(void)
{
    quiet = true;
    duo_world->wanted = 2;
    duo_world->has_operator = true;
    duo_world->move_in = duo_world->anchor_in = 0;
    for (uint32_t i = 0; i < DUO_SLOTS; i++)
        for (uint32_t j = 0; j < DUO_SLOTS; j++)
            duo_world->k.ways[i][j] = WAY_OPEN;
    keep_running(NULL);
}

static void look_at_the_end(uint64_t acknowledged)
{
    uint32_t both = 0, attached = 0;

    for (int i = 0; i < DUO_SLOTS; i++) {
        const struct duo_member *m = &duo_world->at[i];

        both += m->number != 0 && m->duo.state == DUO_BOTH;
        attached += m->number != 0 && m->duo.attached_in != 0;
    }
    must(both == 2, "%u are two at the end", both);
    must(attached == 2 || duo_world->proxied, "%u are attached at the end", attached);
    must(duo_world->acknowledged > acknowledged, "nothing is acknowledged at the end");
}

void sim_duo(uint64_t seed, bool told, struct sim_result *ret)
{
    duo_world_begin(seed, told);
    quiet = false;
    draw();
    for (uint32_t i = 0; i < processes; i++)
        duo_start(i);
    faults(NULL);
    clients(NULL);
    world_run(w(), FAULTS_END_MS * MS);
    calm();
    world_run(w(), (FAULTS_END_MS + QUIET_MS - 2000) * MS);
    uint64_t acknowledged = duo_world->acknowledged;

    world_run(w(), (FAULTS_END_MS + QUIET_MS) * MS);
    look_at_the_end(acknowledged);
    ret->trace = ret->trace * 31 + w()->trace;
    ret->happened += w()->happened;
    ret->operations += duo_world->acknowledged + duo_world->reads;
    ret->unknown += duo_world->lost;
    ret->rows += duo_world->takeovers;
    duo_world_end();
}

#define _GNU_SOURCE
#include "client/handle.h"

#include <assert.h>
#include <string.h>

#include "net/base/clock.h"
#include "net/base/mem.h"
#include "net/wire/utf8.h"

enum { NAME_MAX_BYTES = 255 };

uint32_t fork_count;
__thread bool inside_update __attribute__((tls_model("initial-exec")));
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forked(void)
{
    fork_count++;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forked);
}

mr_rc_t handle_refused(const mr_t *g, mr_err_t *err)
{
    if (err && err->code != MR_OK)
        return err->code;
    if (!g)
        return fail(err, MR_ERR_ARGUMENT, "look at what the call that should have made it said",
                    "the handle is NULL");
    if (inside_update)
        return fail(err, MR_ERR_ARGUMENT, "decide in the function, and call the grid after it",
                    "a call of the grid from inside an update function");
    return fail(err, MR_ERR_FORKED,
                "start a member, or connect, in the child itself; a fork copies no threads",
                "the handle was made before this process was forked");
}

mr_rc_t handle_new(struct channel *channel, mr_t **ret_g)
{
    mr_t *g = mem_alloc_zero(sizeof *g);

    if (!g)
        return MR_ERR_MEMORY;
    pthread_once(&once, watch_forks);
    g->channel = channel;
    g->process = fork_count;
    g->in_flight_max = IN_FLIGHT_MAX;
    pthread_mutex_init(&g->lock, NULL);
    *ret_g = g;
    return MR_OK;
}

mr_rc_t mr_close(mr_t *g, int how, mr_err_t *err)
{
    if (!g)
        return err ? err->code : MR_OK;
    if (how != MR_NOW && how != MR_DRAIN)
        return fail(err, MR_ERR_ARGUMENT, "say MR_NOW or MR_DRAIN", "mr_close: how is %d", how);
    if (g->process != fork_count || inside_update)
        return handle_refused(g, err);

    mr_rc_t rc = g->channel->ops->close(g->channel, how == MR_DRAIN, err);

    if (rc != MR_OK) /* it is still open */
        return rc;
    listeners_forget(g);
    for (struct mr_map *next, *m = g->maps; m; m = next) {
        next = m->next;
        mem_free(m);
    }
    pthread_mutex_destroy(&g->lock);
    mem_free(g);
    return MR_OK;
}

int mr_member_count(const mr_t *g)
{
    return guard(g, NULL) == MR_OK ? (int)g->channel->ops->members(g->channel, NULL, 0) : 0;
}

static_assert(sizeof((struct member_facts *)NULL)->address == MR_ADDRESS_ROOM, "one room for it");

int mr_members(mr_t *g, mr_member_t *ret, int room, mr_err_t *err)
{
    struct member_facts *facts = NULL;
    uint32_t n, told;

    if (guard(g, err) != MR_OK)
        return 0;
    if (room < 0 || (room > 0 && !ret)) {
        (void)!fail(err, MR_ERR_ARGUMENT, NULL, "mr_members: room for %d members at %p", room,
                    (void *)ret);
        return 0;
    }
    if (room > 0 && !(facts = mem_alloc((size_t)room * sizeof *facts))) {
        (void)!fail(err, MR_ERR_MEMORY, NULL, "no memory to list members");
        return 0;
    }
    n = g->channel->ops->members(g->channel, facts, (uint32_t)room);
    told = n < (uint32_t)room ? n : (uint32_t)room;
    for (uint32_t i = 0; i < told; i++) {
        ret[i].uuid = (mr_uuid_t){facts[i].uuid_high, facts[i].uuid_low};
        memcpy(ret[i].address, facts[i].address, sizeof ret[i].address);
    }
    mem_free(facts);
    return (int)n;
}

mr_rc_t mr_ping(mr_t *g, uint64_t *ret_ns, mr_err_t *err)
{
    mr_rc_t rc = guard(g, err);
    uint64_t began_ns = clock_ns();

    if (rc == MR_OK && g->channel->ops->ping)
        rc = g->channel->ops->ping(g->channel, err);
    if (rc == MR_OK && ret_ns)
        *ret_ns = clock_ns() - began_ns;
    return rc;
}

static struct mr_map *find(const mr_t *g, const char *name)
{
    struct mr_map *m = g->maps;

    while (m && strcmp(m->name, name) != 0)
        m = m->next;
    return m;
}

static mr_rc_t open(mr_t *g, const char *name, struct mr_map **ret_m, mr_err_t *err)
{
    size_t size = strlen(name);
    struct mr_map *m = mem_alloc_zero(sizeof *m + size + 1);
    mr_rc_t rc;

    if (!m)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a handle of map \"%s\"", name);
    if ((rc = g->channel->ops->map_open(g->channel, name, &m->map, err)) != MR_OK) {
        mem_free(m);
        return rc;
    }
    m->g = g;
    m->channel = g->channel;
    m->next = g->maps;
    memcpy(m->name, name, size + 1);
    g->maps = m;
    *ret_m = m;
    return MR_OK;
}

mr_map_t *mr_map(mr_t *g, const char *name, mr_err_t *err)
{
    struct mr_map *m = NULL;

    if (guard(g, err) != MR_OK)
        return NULL;
    size_t size = name ? strnlen(name, NAME_MAX_BYTES + 1) : 0;

    if (size == 0 || size > NAME_MAX_BYTES || !utf8_valid(name, size)) {
        (void)!fail(err, MR_ERR_ARGUMENT, "a name has 1 to 255 bytes of UTF-8",
                    "the name of a map is %s",
                    !name                   ? "NULL"
                    : size == 0             ? "empty"
                    : size > NAME_MAX_BYTES ? "too long"
                                            : "not valid UTF-8");
        return NULL;
    }
    pthread_mutex_lock(&g->lock);
    m = find(g, name);
    if (!m && open(g, name, &m, err) != MR_OK)
        m = NULL;
    pthread_mutex_unlock(&g->lock);
    return m;
}

const char *mr_map_name(const mr_map_t *m)
{
    return m ? m->name : "";
}

mr_rc_t mr_read_begin(mr_t *g, mr_err_t *err)
{
    mr_rc_t rc = guard(g, err);

    if (rc != MR_OK)
        return rc;
    if (!g->channel->ops->read_begin)
        return fail(err, MR_ERR_UNSUPPORTED, "read copies, with mr_map_get",
                    "the data is in another process, and cannot be read in place");
    g->channel->ops->read_begin(g->channel);
    return MR_OK;
}

void mr_read_end(mr_t *g)
{
    if (guard(g, NULL) == MR_OK && g->channel->ops->read_end)
        g->channel->ops->read_end(g->channel);
}

mr_rc_t mr_memory_stats(mr_t *g, mr_memory_stats_t *ret, mr_err_t *err)
{
    struct memory_facts f;
    mr_rc_t rc = guard(g, err);

    if (rc != MR_OK)
        return rc;
    if (!ret || ret->size < sizeof *ret)
        return fail(err, MR_ERR_ARGUMENT, "fill it with MR_MEMORY_STATS_INIT",
                    "mr_memory_stats: the struct is NULL or not initialised");
    if ((rc = g->channel->ops->memory(g->channel, &f, err)) != MR_OK)
        return rc;
    *ret = (mr_memory_stats_t){ret->size, f.limit, f.used, f.retired, f.committed};
    return MR_OK;
}

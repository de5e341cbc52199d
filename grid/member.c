#define _GNU_SOURCE
#include "grid/member.h"

#include <millrace/millrace.h>
#include <stdio.h>
#include <unistd.h>

#include "client/handle.h"
#include "client/open.h"
#include "grid/data/listener.h"
#include "grid/door/away.h"
#include "grid/door/local.h"
#include "net/base/hash.h"
#include "net/base/log.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "net/tcp.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* One seed for the process: a second member must not make the first one's tables unreadable. */
static void draw_seed(void)
{
    hash_init(rand_seed());
}

static void start_logging(const mr_config_t *config)
{
    static const enum log_level levels[] = {[CONFIG_LOG_ERROR] = LOG_ERROR,
                                            [CONFIG_LOG_WARN] = LOG_WARN,
                                            [CONFIG_LOG_INFO] = LOG_INFO,
                                            [CONFIG_LOG_DEBUG] = LOG_DEBUG};
    static const enum log_form forms[] = {[CONFIG_LOG_AUTO] = LOG_FORM_AUTO,
                                          [CONFIG_LOG_LOGFMT] = LOG_FORM_LOGFMT,
                                          [CONFIG_LOG_JSON] = LOG_FORM_JSON};
    uint64_t form = config_number(config, "log.format");

    if (form != CONFIG_LOG_NONE)
        log_to_fd(STDERR_FILENO, forms[form], levels[config_number(config, "log.level")]);
}

/* What the member is called where people look. */
static void name_of(const mr_config_t *config, char *name, size_t size)
{
    char host[64] = "localhost";

    if (config_text(config, "member.name")[0]) {
        snprintf(name, size, "%s", config_text(config, "member.name"));
        return;
    }
    (void)!gethostname(host, sizeof host - 1);
    snprintf(name, size, "%.63s-%ld", host, (long)getpid());
}

/* ---- listeners ------------------------------------------------------------------------------ */

static enum progress deliver(void *context, uint64_t budget_ns)
{
    struct member *m = context;
    bool more = false;

    for (struct map *map = maps_first(&m->maps); map; map = map->next)
        if (load_relaxed_32(&map->listening) > 0)
            more |= listeners_deliver(map, budget_ns);
    return more ? PROGRESS_MORE : PROGRESS_IDLE;
}

static void wake_deliverer(void *context)
{
    tasklet_wake(&((struct member *)context)->deliverer);
}

static mr_rc_t start_events(struct member *m)
{
    mr_rc_t rc = loop_new(&m->events);

    if (rc != MR_OK)
        return rc;
    m->deliverer = (struct tasklet){.run = deliver, .context = m};
    tasklet_add_on_loop(m->events, &m->deliverer);
    if ((rc = loop_start(m->events, "mr-events")) == MR_OK)
        m->events_started = true;
    return rc;
}

/* ---- loops ---------------------------------------------------------------------------------- */

/* As many threads as an option says, or one per core. */
static uint32_t threads_wanted(const mr_config_t *config, const char *key)
{
    uint64_t n = config_number(config, key);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (n == 0)
        n = cores > 0 ? (uint64_t)cores : 1;
    return n < MEMBER_LOOPS_MAX ? (uint32_t)n : MEMBER_LOOPS_MAX;
}

/* On loops that have no thread yet. */
static mr_rc_t open_door(struct member *m, mr_err_t *err)
{
    struct transport **transports = mem_alloc_zero(m->loop_count * sizeof(struct transport *));
    uint32_t made = 0;
    mr_rc_t rc = transports ? pool_start(&m->pool, threads_wanted(m->config, "member.workers"),
                                         AWAY_QUEUE_MAX)
                            : MR_ERR_MEMORY;

    for (; rc == MR_OK && made < m->loop_count; made += rc == MR_OK)
        rc = tcp_new_on_loop(m->loops[made], &transports[made]);
    if (rc == MR_OK)
        rc = door_open(&m->door, m, transports, made, err);
    else
        while (made > 0)
            transport_free(transports[--made]);
    mem_free(transports);
    return rc;
}

static mr_rc_t start_loops(struct member *m, mr_err_t *err)
{
    uint32_t wanted = threads_wanted(m->config, "member.loops");
    mr_rc_t rc;

    if (!(m->loops = mem_alloc_zero(wanted * sizeof(struct loop *))))
        return MR_ERR_MEMORY;
    for (; m->loop_count < wanted; m->loop_count++)
        if ((rc = loop_new(&m->loops[m->loop_count])) != MR_OK)
            return rc;
    keeper_start_on_loop(&m->keeper, m->loops[0], &m->maps);
    if (config_number(m->config, "network.listen") && (rc = open_door(m, err)) != MR_OK)
        return rc;
    if (m->control && (rc = crew_open(&m->crew)) != MR_OK)
        return rc;
    if ((rc = pages_open_on_loop(&m->pages, m->loops[wanted - 1], m, err)) != MR_OK)
        return rc;
    for (; m->loops_started < wanted; m->loops_started++) {
        char name[24];

        snprintf(name, sizeof name, "mr-loop-%u", (unsigned)m->loops_started);
        if ((rc = loop_start(m->loops[m->loops_started], name)) != MR_OK)
            return rc;
    }
    return MR_OK;
}

static void stop_loop(struct loop *loop, bool started)
{
    if (!started)
        return;
    loop_stop(loop);
    loop_join(loop);
}

/* ---- life ----------------------------------------------------------------------------------- */

mr_rc_t member_start(const mr_config_t *config, struct member **ret_m, mr_err_t *err)
{
    struct member *m = mem_alloc_zero(sizeof *m);
    char address[ADDRESS_TEXT] = "-", http[ADDRESS_TEXT] = "-";
    mr_rc_t rc = MR_ERR_MEMORY;

    pthread_once(&once, draw_seed);
    if (!m || !(m->config = config_copy(config)))
        goto fail;
    start_logging(m->config);
    if ((rc = metrics_new(&m->metrics)) != MR_OK)
        goto fail;
    if ((rc = partitions_start(&m->partitions,
                               (uint32_t)config_number(m->config, "partitions.count"),
                               config_number(m->config, "memory.max"))) != MR_OK)
        goto fail;
    m->maps = (struct maps){.config = m->config,
                            .partitions = &m->partitions,
                            .metrics = m->metrics,
                            .changed = wake_deliverer,
                            .changed_context = m};
    maps_init(&m->maps);
    objects_init(&m->objects, &m->maps);
    m->uuid = door_uuid();
    forwards_init(&m->forwards);
    m->crew.member = m;
    name_of(m->config, m->name, sizeof m->name);
    if (control_is_wanted(m) && (rc = control_new(m, &m->control, err)) != MR_OK)
        goto fail;
    if ((rc = start_events(m)) != MR_OK || (rc = start_loops(m, err)) != MR_OK)
        goto fail;
    if (m->control && (rc = control_start(m->control, err)) != MR_OK)
        goto fail;
    if (m->door.member)
        (void)address_text(&m->door.address, address);
    if (m->pages.http)
        (void)address_text(&m->pages.address, http);
    log_event(LOG_INFO, "member.started", F_STR("name", m->name),
              F_STR("cluster", config_text(m->config, "cluster.name")), F_STR("address", address),
              F_STR("http", http), F_U64("partitions", m->partitions.count),
              F_U64("loops", m->loop_count));
    *ret_m = m;
    return MR_OK;

fail:
    member_stop(m);
    return fail(err, rc,
                rc == MR_ERR_SYSTEM ? "look at the limits of open files and threads (ulimit -a)"
                                    : NULL,
                "a member cannot be started: %s", mr_rc_text(rc));
}

void member_leave(struct member *m)
{
    if (!control_leave(m->control, config_number(m->config, "cluster.leave-timeout")))
        log_event(LOG_WARN, "member.left_too_early",
                  F_STR("why", "not all was handed over within cluster.leave-timeout"));
}

void member_stop(struct member *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->loop_count; i++)
        stop_loop(m->loops[i], i < m->loops_started);
    stop_loop(m->events, m->events_started);
    control_stop(m->control);
    pool_stop(&m->pool); /* it may still have answers for sessions, and loops to post them to */
    pages_close_on_loop(&m->pages);
    copies_stop(&m->partitions); /* whoever waits for them is told through the door */
    crew_close(&m->crew);
    forwards_free(&m->forwards);
    door_close(&m->door); /* what was posted to it may still ask how the cluster looks */
    control_free(m->control);
    objects_free(&m->objects);
    maps_free(&m->maps);
    for (uint32_t i = 0; i < m->loop_count; i++)
        loop_free(m->loops[i]);
    mem_free(m->loops);
    loop_free(m->events);
    partitions_stop(&m->partitions);
    metrics_free(m->metrics);
    if (m->name[0])
        log_event(LOG_INFO, "member.stopped", F_STR("name", m->name));
    mr_config_free(m->config);
    mem_free(m);
}

static mr_config_t *config_of_environment(mr_err_t *err)
{
    mr_config_t *c = mr_config_new(err);

    if (c && mr_config_env(c, err) != MR_OK) {
        mr_config_free(c);
        c = NULL;
    }
    return c;
}

/* For what other members have. */
static mr_rc_t open_client(struct member *m, struct channel **ret_c, mr_err_t *err)
{
    return open_beside(&(struct open_beside){.cluster = config_text(m->config, "cluster.name"),
                                             .member = m->name,
                                             .user = config_text(m->config, "clients.user"),
                                             .password = config_text(m->config, "clients.password"),
                                             .door = m->door.loops[0].listener->local,
                                             .owner = {.high = m->partitions.self}},
                       ret_c, err);
}

mr_t *mr_member_start(const mr_config_t *config, mr_err_t *err)
{
    mr_config_t *own = NULL;
    struct member *m = NULL;
    struct channel *channel = NULL;
    mr_t *g = NULL;

    if (err && err->code != MR_OK)
        return NULL;
    if (!config && !(config = own = config_of_environment(err)))
        return NULL;
    if (member_start(config, &m, err) != MR_OK)
        goto done;
    if (local_channel_new(m, open_client, &channel) != MR_OK || handle_new(channel, &g) != MR_OK) {
        (void)!fail(err, MR_ERR_MEMORY, NULL, "no memory for the handle of a member");
        local_channel_free(channel);
        member_stop(m);
    }

done:
    mr_config_free(own);
    return g;
}

/* map.c - the calls on a map: each makes a request of its arguments and a value of the answer. */
#include <millrace/millrace.h>

#include "client/ask.h"
#include "client/view.h"

/* Ten years: further ahead a duration is more likely in the wrong unit than meant. */
#define TIME_MAX_MS (3653ll * 24 * 3600 * 1000)

static mr_rc_t run(mr_map_t *m, const struct asking *a, struct map_answer *answer, mr_err_t *err)
{
    return m->channel->ops->map_run(m->channel, m->map, &a->q, answer, err);
}

/* The end: takes the answer's value, if it is wanted, before its bytes may go. */
static mr_rc_t answered(mr_map_t *m, mr_rc_t rc, const struct map_answer *answer, mr_val_t *ret,
                        mr_err_t *err)
{
    if (ret && rc < MR_ERR_MEMORY) {
        struct data none = {0};
        mr_rc_t copied = val_assign(ret, answer->present ? &answer->value : &none, err);

        rc = copied == MR_OK ? rc : copied;
    }
    m->channel->ops->done(m->channel);
    return rc;
}

static mr_rc_t run_simple(mr_map_t *m, const struct asking *a, mr_val_t *old, mr_err_t *err)
{
    struct map_answer answer;
    mr_rc_t rc = run(m, a, &answer, err);

    return answered(m, rc, &answer, old, err);
}

/* ---- reading -------------------------------------------------------------------------------- */

mr_rc_t mr_map_get(mr_map_t *m, mr_ref_t key, mr_val_t *ret, const mr_get_opts_t *opts,
                   mr_err_t *err)
{
    struct asking a;
    struct map_answer answer;
    mr_rc_t rc = ask(&a, m, MAP_GET, key, err);

    (void)opts;
    if (rc != MR_OK)
        return rc;
    if (!ret)
        return fail(err, MR_ERR_ARGUMENT, "use mr_map_contains to ask whether it is there",
                    "map \"%s\": there is no mr_val_t to put the value into", m->name);
    rc = run(m, &a, &answer, err);
    return answered(m, rc, &answer, rc == MR_OK ? ret : NULL, err);
}

mr_rc_t mr_map_contains(mr_map_t *m, mr_ref_t key, mr_err_t *err)
{
    struct asking a;
    mr_rc_t rc = ask(&a, m, MAP_CONTAINS, key, err);

    return rc == MR_OK ? run_simple(m, &a, NULL, err) : rc;
}

mr_rc_t mr_map_borrow(mr_map_t *m, mr_ref_t key, mr_ref_t *ret, mr_err_t *err)
{
    struct asking a;
    struct map_answer answer;
    struct view view;
    mr_rc_t rc = ask(&a, m, MAP_GET, key, err);

    if (rc != MR_OK)
        return rc;
    if (!m->channel->ops->reading)
        return fail(err, MR_ERR_UNSUPPORTED, "read a copy, with mr_map_get",
                    "map \"%s\": the data is in another process, and cannot be borrowed", m->name);
    if (!ret || !m->channel->ops->reading(m->channel))
        return fail(err, MR_ERR_ARGUMENT, "call mr_read_begin first, and mr_read_end when done",
                    "map \"%s\": mr_map_borrow outside of a read section", m->name);
    if ((rc = run(m, &a, &answer, err)) == MR_OK) {
        rc = view_open(&view, &answer.value);
        if (view.owned)
            rc = fail(err, MR_ERR_TYPE, "read it with mr_map_get",
                      "map \"%s\": a value of type %d cannot be viewed where it lies", m->name,
                      (int)data_type_id(&answer.value));
        if (rc == MR_OK)
            *ret = view.ref;
        view_close(&view);
    }
    m->channel->ops->done(m->channel); /* the section around it keeps the bytes */
    return rc;
}

/* ---- writing -------------------------------------------------------------------------------- */

static mr_rc_t time_of(int64_t ms, int64_t *ret_ms, const char *what, const mr_map_t *m,
                       mr_err_t *err)
{
    if (ms < 0 || (ms > TIME_MAX_MS && ms != MR_FOREVER))
        return fail(err, MR_ERR_ARGUMENT,
                    "give milliseconds up to ten years, MR_FOREVER, or 0 for the map's default",
                    "map \"%s\": %s is %lld ms", m->name, what, (long long)ms);
    *ret_ms = ms == 0 ? TIME_DEFAULT : ms == MR_FOREVER ? TIME_NEVER : ms;
    return MR_OK;
}

static mr_rc_t take_options(struct asking *a, const mr_map_t *m, const mr_put_opts_t *opts,
                            mr_err_t *err)
{
    mr_rc_t rc;

    if (!opts)
        return MR_OK;
    if (opts->size < sizeof *opts)
        return fail(err, MR_ERR_ARGUMENT, "fill them with MR_PUT_OPTS_INIT",
                    "map \"%s\": the options are not initialised", m->name);
    if ((rc = time_of(opts->ttl_ms, &a->q.ttl_ms, "ttl_ms", m, err)) != MR_OK)
        return rc;
    return time_of(opts->max_idle_ms, &a->q.idle_ms, "max_idle_ms", m, err);
}

mr_rc_t ask_write(struct asking *a, const mr_map_t *m, enum map_verb verb, mr_ref_t key,
                  const mr_ref_t *expected, mr_ref_t value, const mr_put_opts_t *opts,
                  mr_err_t *err)
{
    mr_rc_t rc = ask(a, m, verb, key, err);

    if (rc != MR_OK || (rc = take_options(a, m, opts, err)) != MR_OK)
        return rc;
    if ((rc = to_data(&value, &a->q.value, a->value, "value", m, err)) != MR_OK)
        return rc;
    if (expected &&
        (rc = to_data(expected, &a->q.expected, a->expected, "expected value", m, err)) != MR_OK)
        return rc;
    a->q.quiet = !opts || !opts->old;
    return MR_OK;
}

static mr_rc_t write(mr_map_t *m, enum map_verb verb, mr_ref_t key, const mr_ref_t *expected,
                     mr_ref_t value, const mr_put_opts_t *opts, mr_err_t *err)
{
    struct asking a;
    mr_rc_t rc = ask_write(&a, m, verb, key, expected, value, opts, err);

    return rc == MR_OK ? run_simple(m, &a, opts ? opts->old : NULL, err) : rc;
}

/* For calls that give no value back, however they are asked. */
static mr_rc_t refuse_old(const mr_map_t *m, const mr_put_opts_t *opts, mr_err_t *err)
{
    if (!opts || opts->size < sizeof *opts || !opts->old)
        return MR_OK;
    return fail(err, MR_ERR_ARGUMENT, "use mr_map_put",
                "map \"%s\": opts->old in a call that does "
                "not give it",
                mr_map_name(m));
}

mr_rc_t mr_map_put(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                   mr_err_t *err)
{
    return write(m, MAP_PUT, key, NULL, value, opts, err);
}

mr_rc_t mr_map_set(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                   mr_err_t *err)
{
    mr_rc_t rc = refuse_old(m, opts, err);

    return rc == MR_OK ? write(m, MAP_PUT, key, NULL, value, opts, err) : rc;
}

mr_rc_t mr_map_put_if_absent(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                             mr_err_t *err)
{
    return write(m, MAP_PUT_IF_ABSENT, key, NULL, value, opts, err);
}

mr_rc_t mr_map_replace(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                       mr_err_t *err)
{
    return write(m, MAP_REPLACE, key, NULL, value, opts, err);
}

mr_rc_t mr_map_replace_if_equal(mr_map_t *m, mr_ref_t key, mr_ref_t expected, mr_ref_t value,
                                const mr_put_opts_t *opts, mr_err_t *err)
{
    return write(m, MAP_REPLACE_IF_SAME, key, &expected, value, opts, err);
}

enum { PUT_ALL_BATCH = 64 };

/* Entries are handed over in batches, since some channels are faster with many. Those before one
 * that cannot be asked for are put. */
static mr_rc_t put_batch(mr_map_t *m, const mr_entry_t *entries, size_t n,
                         const mr_put_opts_t *opts, size_t *ret_done, mr_err_t *err)
{
    struct asking asked[PUT_ALL_BATCH];
    struct map_request puts[PUT_ALL_BATCH];
    size_t k = 0, done = 0;
    mr_rc_t bad = MR_OK, rc = MR_OK;

    for (; bad == MR_OK && k < n; k++) {
        bad = ask_write(&asked[k], m, MAP_PUT, entries[k].key, NULL, entries[k].value, opts, err);
        if (bad != MR_OK)
            break;
        puts[k] = asked[k].q;
    }
    if (k > 0)
        rc = m->channel->ops->map_put_all(m->channel, m->map, puts, k, &done,
                                          bad == MR_OK ? err : NULL);
    *ret_done += done;
    return bad != MR_OK ? bad : rc;
}

mr_rc_t mr_map_put_all(mr_map_t *m, const mr_entry_t *entries, size_t n, const mr_put_opts_t *opts,
                       size_t *ret_done, mr_err_t *err)
{
    mr_rc_t rc = guard(m ? m->g : NULL, err);
    size_t done = 0;

    if (rc == MR_OK && !entries && n > 0)
        rc = fail(err, MR_ERR_ARGUMENT, NULL, "map \"%s\": the entries are NULL", m->name);
    if (rc == MR_OK)
        rc = refuse_old(m, opts, err);
    while (rc == MR_OK && done < n) {
        size_t k = n - done < PUT_ALL_BATCH ? n - done : PUT_ALL_BATCH;

        rc = put_batch(m, entries + done, k, opts, &done, err);
    }
    if (ret_done)
        *ret_done = done;
    return rc;
}

/* ---- removing ------------------------------------------------------------------------------- */

static mr_rc_t take_out(mr_map_t *m, enum map_verb verb, mr_ref_t key, mr_val_t *old, mr_err_t *err)
{
    struct asking a;
    mr_rc_t rc = ask(&a, m, verb, key, err);

    a.q.quiet = !old;
    return rc == MR_OK ? run_simple(m, &a, old, err) : rc;
}

mr_rc_t mr_map_remove(mr_map_t *m, mr_ref_t key, mr_val_t *old, mr_err_t *err)
{
    return take_out(m, MAP_REMOVE, key, old, err);
}

mr_rc_t mr_map_delete(mr_map_t *m, mr_ref_t key, mr_err_t *err)
{
    return take_out(m, MAP_REMOVE, key, NULL, err);
}

mr_rc_t mr_map_evict(mr_map_t *m, mr_ref_t key, mr_err_t *err)
{
    return take_out(m, MAP_EVICT, key, NULL, err);
}

mr_rc_t mr_map_remove_if_equal(mr_map_t *m, mr_ref_t key, mr_ref_t expected, mr_err_t *err)
{
    struct asking a;
    mr_rc_t rc = ask(&a, m, MAP_REMOVE_IF_SAME, key, err);

    if (rc != MR_OK ||
        (rc = to_data(&expected, &a.q.expected, a.expected, "expected value", m, err)) != MR_OK)
        return rc;
    return run_simple(m, &a, NULL, err);
}

mr_rc_t mr_map_set_ttl(mr_map_t *m, mr_ref_t key, int64_t ttl_ms, mr_err_t *err)
{
    struct asking a;
    mr_rc_t rc = ask(&a, m, MAP_SET_TTL, key, err);

    if (rc != MR_OK || (rc = time_of(ttl_ms, &a.q.ttl_ms, "ttl_ms", m, err)) != MR_OK)
        return rc;
    return run_simple(m, &a, NULL, err);
}

/* ---- updating ------------------------------------------------------------------------------- */

struct updating {
    const mr_map_t *map;
    mr_update_fn fn;
    void *context;
    mr_err_t *err;
    mr_rc_t rc; /* what was wrong with the current or the next value */
    struct view current;
    uint8_t scratch[REF_SCRATCH];
};

static enum update_verdict update(void *context, const struct data *current, struct data *ret_next)
{
    struct updating *u = context;
    mr_ref_t next = MR_NULL;

    view_close(&u->current); /* of an earlier try, which found no room */
    u->rc = current ? view_open(&u->current, current) : MR_OK;
    if (u->rc != MR_OK) {
        u->rc = fail(u->err, u->rc, NULL, "map \"%s\": no memory to show a value", u->map->name);
        return UPDATE_FAIL;
    }
    inside_update = true;
    mr_update_t verdict = u->fn(u->context, current ? u->current.ref : MR_NULL, &next);
    inside_update = false;
    switch (verdict) {
    case MR_UPDATE_KEEP: return UPDATE_KEEP;
    case MR_UPDATE_REMOVE: return UPDATE_REMOVE;
    case MR_UPDATE_SET:
        u->rc = to_data(&next, ret_next, u->scratch, "value", u->map, u->err);
        return u->rc == MR_OK ? UPDATE_SET : UPDATE_FAIL;
    case MR_UPDATE_FAIL: break;
    }
    u->rc = fail(u->err, MR_ERR_ARGUMENT, NULL, "map \"%s\": the update function said no",
                 u->map->name);
    return UPDATE_FAIL;
}

mr_rc_t mr_map_update(mr_map_t *m, mr_ref_t key, mr_update_fn fn, void *context,
                      const mr_put_opts_t *opts, mr_err_t *err)
{
    struct updating u = {.map = m, .fn = fn, .context = context, .err = err};
    struct asking a;
    mr_rc_t rc = ask(&a, m, MAP_UPDATE, key, err);

    if (rc != MR_OK || (rc = take_options(&a, m, opts, err)) != MR_OK)
        return rc;
    if (!fn)
        return fail(err, MR_ERR_ARGUMENT, NULL, "map \"%s\": the update function is NULL", m->name);
    a.q.update = update;
    a.q.update_context = &u;
    a.q.updated = NULL;
    rc = run_simple(m, &a, opts ? opts->old : NULL, err);
    view_close(&u.current);
    return u.rc != MR_OK ? u.rc : rc;
}

/* ---- many ----------------------------------------------------------------------------------- */

enum { GET_ALL_BATCH = 64 };

struct getting {
    mr_val_t *values;
    mr_err_t *err;
    mr_rc_t rc;
};

static void take_value(void *context, size_t i, const struct data *d)
{
    struct getting *g = context;
    struct data none = {0};

    if (g->rc == MR_OK)
        g->rc = val_assign(&g->values[i], d ? d : &none, g->err);
}

mr_rc_t mr_map_get_all(mr_map_t *m, const mr_ref_t *keys, size_t n, mr_val_t *values, mr_err_t *err)
{
    mr_rc_t rc = guard(m ? m->g : NULL, err);

    if (rc == MR_OK && n > 0 && (!keys || !values))
        rc = fail(err, MR_ERR_ARGUMENT, NULL, "map \"%s\": the keys or the values are NULL",
                  m->name);
    for (size_t from = 0; rc == MR_OK && from < n; from += GET_ALL_BATCH) {
        size_t k = n - from < GET_ALL_BATCH ? n - from : GET_ALL_BATCH;
        struct getting g = {values + from, err, MR_OK};
        struct data d[GET_ALL_BATCH];
        uint8_t scratch[GET_ALL_BATCH][REF_SCRATCH];

        for (size_t i = 0; rc == MR_OK && i < k; i++)
            rc = to_data(&keys[from + i], &d[i], scratch[i], "key", m, err);
        if (rc == MR_OK)
            rc = m->channel->ops->map_get_all(m->channel, m->map, d, k, take_value, &g, err);
        if (rc == MR_OK)
            rc = g.rc;
    }
    return rc;
}

mr_rc_t mr_map_clear(mr_map_t *m, mr_err_t *err)
{
    mr_rc_t rc = guard(m ? m->g : NULL, err);

    return rc == MR_OK ? m->channel->ops->map_clear(m->channel, m->map, err) : rc;
}

mr_rc_t mr_map_stats(mr_map_t *m, mr_map_stats_t *ret, mr_err_t *err)
{
    struct map_facts f;
    mr_rc_t rc = guard(m ? m->g : NULL, err);

    if (rc != MR_OK)
        return rc;
    if (!ret || ret->size < sizeof *ret)
        return fail(err, MR_ERR_ARGUMENT, "fill it with MR_MAP_STATS_INIT",
                    "map \"%s\": the struct for its statistics is NULL or not initialised",
                    m->name);
    if ((rc = m->channel->ops->map_facts(m->channel, m->map, &f, err)) != MR_OK)
        return rc;
    *ret = (mr_map_stats_t){
        .size = ret->size,
        .entries = f.entries,
        .bytes = f.bytes,
        .index_bytes = f.index_bytes,
        .gets = f.hits + f.misses,
        .hits = f.hits,
        .puts = f.puts,
        .removes = f.removes,
        .evictions = f.evictions,
        .expirations = f.expirations,
        .updates = f.updates,
    };
    return MR_OK;
}

uint64_t mr_map_size(mr_map_t *m, mr_err_t *err)
{
    mr_map_stats_t stats = MR_MAP_STATS_INIT;

    return mr_map_stats(m, &stats, err) == MR_OK ? stats.entries : 0;
}

int mr_map_is_empty(mr_map_t *m, mr_err_t *err)
{
    return mr_map_size(m, err) == 0;
}

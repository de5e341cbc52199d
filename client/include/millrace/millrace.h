/* millrace.h - the public API of Millrace.
 *
 * A handle mr_t is a way into a grid: mr_member_start() makes a member of this process,
 * mr_connect() connects to members elsewhere, mr_close() ends either. Through it a program opens
 * maps by name and works with their entries, the same way whichever it is:
 *
 *     mr_err_t err = MR_ERR_INIT;
 *     mr_t *g = mr_member_start(NULL, &err);
 *     mr_map_t *ages = mr_map(g, "ages", &err);
 *
 *     mr_map_put(ages, MR_STR("ada"), MR_I64(36), NULL, &err);
 *     mr_close(g, MR_NOW, &err);
 *     return mr_err_report(stderr, &err);
 *
 * Errors. Calls return mr_rc_t; codes below 1000 (MR_OK, MR_NOT_FOUND, MR_EXISTS, MR_NOT_EQUAL)
 * are answers and never fill an mr_err_t. The last argument may be NULL. A call that is handed a
 * filled err does nothing and returns its code, so a program may look once, at the end. A NULL
 * handle is MR_ERR_ARGUMENT, and what a failed call should have given is NULL: the calls that
 * follow it then fail as well, with the first cause kept in err.
 *
 * Errors that any call on a handle may give, besides those said at each: MR_ERR_ARGUMENT (a NULL
 * handle, a key or value that is null or not valid UTF-8, a call from inside an mr_update_fn),
 * MR_ERR_FORKED (the handle was made by the parent process).
 *
 * Ownership. What a call gives that has a _free, _close or _clear is yours. mr_ref_t arguments
 * are borrowed for the call. A const pointer is borrowed from its handle.
 *
 * Manners. The library never exits, never prints, sets no signal handler, and is silent until
 * mr_log_to_file() or mr_log_to_callback(). Its threads are named mr-... and block all signals.
 *
 *     from any thread, at any time        mr_t, mr_map_t, mr_cq_t, and all calls on them
 *     from one thread at a time           mr_err_t, mr_val_t, mr_rec_t, mr_iter_t, mr_config_t
 *     bound to the thread that began it   mr_read_begin .. mr_read_end
 *     the last call on a handle           mr_close: no other call is under way or follows
 *
 * Order. An entry that is read was written whole. Once a write has returned, every later read,
 * by whichever thread, sees it or a newer one.
 */
#ifndef MILLRACE_MILLRACE_H
#define MILLRACE_MILLRACE_H

#include <stddef.h>
#include <stdint.h>

#include <millrace/config.h>
#include <millrace/error.h>
#include <millrace/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a member ------------------------------------------------------------------------------- */

typedef struct mr mr_t;

/* Starts a member in this process. config is only read; NULL means the defaults and what the
 * environment's MILLRACE_ variables say. Takes some milliseconds; the member's threads are
 * running when it returns. NULL on failure: MR_ERR_CONFIG, MR_ERR_MEMORY, MR_ERR_SYSTEM.
 *
 * Through such a handle a program reaches the whole cluster that the member is in. What the member
 * is primary of is read and written in place, in this process; for all else it asks the other
 * members, as a client does whose call_timeout_ms is 10 s (see mr_connect: the errors that its
 * calls may give besides, what is repeated, and what is not). It connects to them when that is
 * needed for the first time; a member on its own never does. Until the member is in a cluster,
 * calls wait for that as well. MR_ERR_OFFLINE: nobody who is there has the key's partition, for all
 * of a call's time. */
MR_API mr_t *mr_member_start(const mr_config_t *config, mr_err_t *err);

/* ---- a client ------------------------------------------------------------------------------- */

/* What to do when no member can be reached any more. */
enum {
    MR_RECONNECT_ON,   /* seek one; calls wait for it, as long as their time allows */
    MR_RECONNECT_OFF,  /* nothing: the handle is of no more use, calls give MR_ERR_CLOSED */
    MR_RECONNECT_ASYNC /* seek one; calls give MR_ERR_CONNECT until it is found */
};

/* Fill with MR_CONNECT_OPTS_INIT. NULL in place of options means the same. 0 and NULL are the
 * defaults. Texts are copied. */
typedef struct mr_connect_opts {
    size_t size;                 /* of this struct, for later versions */
    const char *client_name;     /* what members call this client; default: host and process */
    const char *user, *password; /* default: none */
    int64_t call_timeout_ms;     /* of each call, being sent again included; default 10 s */
    int64_t connect_timeout_ms;  /* of mr_connect; default 10 s. One address is tried for 5 s */
    int reconnect;               /* MR_RECONNECT_... */
    unsigned in_flight_max;      /* asynchronous calls under way or not taken; default 4096 */
} mr_connect_opts_t;

#define MR_CONNECT_OPTS_INIT                                                                       \
    {                                                                                              \
        sizeof(mr_connect_opts_t), NULL, NULL, NULL, 0, 0, MR_RECONNECT_ON, 0                      \
    }

/* Connects to a cluster: millrace://HOST[:PORT][,HOST[:PORT]...][/CLUSTER]; the port is 5701 and
 * the cluster "dev" if nothing else is said. Addresses are tried in turn, with growing pauses,
 * until a member answers or the time is up; one of them is enough, the others are learnt from it.
 * Each call goes to the member that has the key, and calls of several threads share connections
 * without waiting for one another.
 *
 * A lost connection is sought again. Reads are then repeated, within their time. So are changes of
 * one entry of a map in a cluster (put, set, replace, compare-and-set, remove and so on): each has
 * a number by which members know what they have done, so that it takes effect at most once however
 * often it is sent, and what it answered is known after a member's death too. Where that cannot be
 * found out within the call's time, or the client was not heard of for five minutes, it is
 * MR_ERR_OUTCOME_UNKNOWN, as after a put that gives the value from before if that value is longer
 * than 254 bytes. Other writes are never sent twice, nor are those to one member on its own.
 *
 * Through such a handle every call may also give MR_ERR_CONNECT (no member can be reached),
 * MR_ERR_TIMEOUT (no answer in time, and nothing changed), MR_ERR_OUTCOME_UNKNOWN, MR_ERR_CLOSED,
 * MR_ERR_REMOTE (an error of a member that has no code here) and MR_ERR_MALFORMED. Some calls
 * cannot be made from afar and give MR_ERR_UNSUPPORTED: reading in place, mr_memory_stats, and
 * times in a call that replaces or updates. (The handle of a member reads a copy in place of what
 * is elsewhere, and knows the memory of its own member.)
 *
 * NULL on failure: MR_ERR_ARGUMENT (the text or an option is wrong), MR_ERR_CONNECT (nobody
 * answers, or a host has no address), MR_ERR_LOGIN (not admitted), MR_ERR_SYSTEM,
 * MR_ERR_MEMORY. */
MR_API mr_t *mr_connect(const char *url, const mr_connect_opts_t *opts, mr_err_t *err);

/* How to close. */
enum {
    MR_NOW,  /* at once: what only this member holds is gone */
    MR_DRAIN /* first hand over what other members can take, for cluster.leave-timeout at most;
              * alone, or a client, the same as MR_NOW */
};

/* Ends the member, or the connection, and frees g with all its maps and listeners. Values that
 * were copied out stay good. g may be NULL. It is done even when err is filled already.
 * MR_ERR_ARGUMENT, and g is still open: how is neither, or the call comes from inside an update
 * function, a listener or a read section of this thread. */
MR_API mr_rc_t mr_close(mr_t *g, int how, mr_err_t *err);

/* The number of members in the grid, one in this process included; 0 for NULL. */
MR_API int mr_member_count(const mr_t *g);

enum { MR_ADDRESS_ROOM = 64 };

typedef struct mr_member {
    mr_uuid_t uuid;
    char address[MR_ADDRESS_ROOM]; /* that clients connect to; empty when they cannot */
} mr_member_t;

/* Fills ret with the members of the grid, the oldest first, as far as there is room, and returns
 * how many there are. 0 on failure: MR_ERR_ARGUMENT, MR_ERR_MEMORY. */
MR_API int mr_members(mr_t *g, mr_member_t *ret, int room, mr_err_t *err);

enum { MR_NAME_ROOM = 64, MR_COPIES_MAX = 7 };

/* A member, as the cluster has agreed. */
typedef struct mr_standing {
    mr_uuid_t uuid;
    char address[MR_ADDRESS_ROOM]; /* that clients connect to; empty when they cannot */
    char name[MR_NAME_ROOM];
    int leads, votes;           /* the control log: what is agreed is agreed by those who vote */
    int leaves;                 /* it is handing over what it has, and then ends */
    uint32_t primaries, copies; /* partitions that it answers for; that it has, in any way */
} mr_standing_t;

/* Who has a partition: places in the list of members; -1: one that is not in the cluster any more.
 * Without a primary it is offline: those who were in sync are gone. */
typedef struct mr_partition {
    int primary; /* -1: offline */
    int in_sync_count, learner_count;
    int in_sync[MR_COPIES_MAX], learners[MR_COPIES_MAX];
} mr_partition_t;

typedef struct mr_cluster {
    mr_uuid_t uuid;           /* of the cluster; 0: none was found yet */
    mr_uuid_t self;           /* the member that tells this */
    int led;                  /* does it know a leader? */
    int attached;             /* it is one of two, and each would take over when the other dies */
    uint32_t copies;          /* that are wanted of each partition, the primary's included */
    uint32_t offline;         /* partitions without a primary */
    uint32_t short_of_copies; /* with fewer in sync than are wanted and there could be */
    uint32_t member_count, partition_count;
    mr_standing_t *members;
    mr_partition_t *partitions;
    char why[200]; /* what keeps the member from serving; empty: nothing does */
} mr_cluster_t;

/* What a member knows of its cluster; a client asks the one that it connected to first, as long as
 * that is there. Yours, to be given back with mr_cluster_free(). NULL on failure: MR_ERR_MEMORY,
 * MR_ERR_UNSUPPORTED (it is no member of Millrace). */
MR_API mr_cluster_t *mr_cluster(mr_t *g, mr_err_t *err);

/* NULL is allowed. */
MR_API void mr_cluster_free(mr_cluster_t *c);

/* Says of two members that the one that is silent is dead, for good: the one that is asked goes on
 * alone, unless it hears from the other at that moment. Ask it yourself, by a handle that was
 * connected by its address alone. If the other lives after all, what it acknowledges from then on
 * is lost. MR_ERR_ARGUMENT, with words: there are not two, or none is silent. Any thread. */
MR_API mr_rc_t mr_take_over(mr_t *g, mr_err_t *err);

/* Asks a member for a sign of life, and says in *ret_ns, if not NULL, after how many nanoseconds it
 * came; a member in this process gives it without being asked. Otherwise as any call through a
 * client. */
MR_API mr_rc_t mr_ping(mr_t *g, uint64_t *ret_ns, mr_err_t *err);

/* ---- maps ----------------------------------------------------------------------------------- */

typedef struct mr_map mr_map_t;

/* The map of this name, made at its first use; its options are those of the configuration's
 * maps.NAME. The handle is the same for every call with this name and lives as long as g. Names
 * have 1 to 255 bytes of UTF-8. NULL on failure: MR_ERR_ARGUMENT, MR_ERR_MEMORY, MR_ERR_FULL (as
 * many objects as limits.objects allows). */
MR_API mr_map_t *mr_map(mr_t *g, const char *name, mr_err_t *err);

/* Borrowed from m. */
MR_API const char *mr_map_name(const mr_map_t *m);

/* Times are in milliseconds; 0 is the map's default. */
#define MR_FOREVER INT64_MAX

/* Fill with MR_PUT_OPTS_INIT. NULL in place of options means the same. */
typedef struct mr_put_opts {
    size_t size;         /* of this struct, for later versions */
    int64_t ttl_ms;      /* the entry ends so long after this write; at most ten years, or
                          * MR_FOREVER; 0: the map's ttl */
    int64_t max_idle_ms; /* the entry ends when it was not used for so long; 0: the map's */
    mr_val_t *old;       /* if not NULL: gets the value from before, or null */
} mr_put_opts_t;

#define MR_PUT_OPTS_INIT                                                                           \
    {                                                                                              \
        sizeof(mr_put_opts_t), 0, 0, NULL                                                          \
    }

/* No options yet: pass NULL. */
typedef struct mr_get_opts {
    size_t size;
} mr_get_opts_t;

/* Copies the value into *ret, which keeps its old content unless MR_OK is returned.
 * MR_NOT_FOUND. MR_ERR_MEMORY: a value of 64 bytes or more needs memory. */
MR_API mr_rc_t mr_map_get(mr_map_t *m, mr_ref_t key, mr_val_t *ret, const mr_get_opts_t *opts,
                          mr_err_t *err);

/* MR_OK or MR_NOT_FOUND. Counts as a use of the entry. */
MR_API mr_rc_t mr_map_contains(mr_map_t *m, mr_ref_t key, mr_err_t *err);

/* The writes. Each is atomic: others see the entry from before or from after. Besides the errors
 * said above, each that stores may give MR_ERR_TOO_LARGE (limits.key-size, limits.value-size),
 * MR_ERR_FULL (memory.max, or the map's max-size or max-bytes, and nothing to evict) and
 * MR_ERR_MEMORY; nothing has changed then. A write resets the entry's times to those of the
 * options or the map. */

/* Stores the value, whatever was there. */
MR_API mr_rc_t mr_map_put(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                          mr_err_t *err);

/* The same, for who does not want the value from before: opts->old is refused. */
MR_API mr_rc_t mr_map_set(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                          mr_err_t *err);

/* Stores it if nothing is there, else MR_EXISTS, and opts->old gets what is. */
MR_API mr_rc_t mr_map_put_if_absent(mr_map_t *m, mr_ref_t key, mr_ref_t value,
                                    const mr_put_opts_t *opts, mr_err_t *err);

/* Stores it if something is there, else MR_NOT_FOUND. */
MR_API mr_rc_t mr_map_replace(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                              mr_err_t *err);

/* Stores it if `expected` is there, of the same type and with the same bytes; else MR_NOT_FOUND or
 * MR_NOT_EQUAL, and opts->old gets what is there. (A client asks for that a second time, and may
 * then see what came between.) */
MR_API mr_rc_t mr_map_replace_if_equal(mr_map_t *m, mr_ref_t key, mr_ref_t expected, mr_ref_t value,
                                       const mr_put_opts_t *opts, mr_err_t *err);

/* Takes the entry out: MR_OK, and *old, if not NULL, gets its value; or MR_NOT_FOUND. Removing
 * needs almost no memory, and none of the map's. MR_ERR_MEMORY. */
MR_API mr_rc_t mr_map_remove(mr_map_t *m, mr_ref_t key, mr_val_t *old, mr_err_t *err);

/* Takes it out if its value is `expected`: MR_OK, MR_NOT_FOUND or MR_NOT_EQUAL. */
MR_API mr_rc_t mr_map_remove_if_equal(mr_map_t *m, mr_ref_t key, mr_ref_t expected, mr_err_t *err);

/* As mr_map_remove without the value: MR_OK or MR_NOT_FOUND. */
MR_API mr_rc_t mr_map_delete(mr_map_t *m, mr_ref_t key, mr_err_t *err);

/* As mr_map_delete, but listeners learn that the entry was evicted. */
MR_API mr_rc_t mr_map_evict(mr_map_t *m, mr_ref_t key, mr_err_t *err);

/* The entry ends ttl_ms from now; MR_FOREVER: not by time; 0: after the map's ttl. Its idle time
 * stays. MR_OK or MR_NOT_FOUND, and the errors of a put. */
MR_API mr_rc_t mr_map_set_ttl(mr_map_t *m, mr_ref_t key, int64_t ttl_ms, mr_err_t *err);

/* Many keys at once, several times cheaper for each than one by one: values[i] gets the value of
 * keys[i], or becomes null. Each entry is read whole; together they are no snapshot. All values
 * must be initialised. On an error some may have been filled. */
MR_API mr_rc_t mr_map_get_all(mr_map_t *m, const mr_ref_t *keys, size_t n, mr_val_t *values,
                              mr_err_t *err);

typedef struct mr_entry {
    mr_ref_t key, value;
} mr_entry_t;

/* Puts n entries, in order. opts->old is refused. On an error the entries before it are stored;
 * *ret_done, if not NULL, is their number, and n on success. (What goes to other members is sent 64
 * at a time: of those, the ones behind may be stored as well.) */
MR_API mr_rc_t mr_map_put_all(mr_map_t *m, const mr_entry_t *entries, size_t n,
                              const mr_put_opts_t *opts, size_t *ret_done, mr_err_t *err);

/* Takes everything out that was there when it began. Entries put meanwhile may go or stay. */
MR_API mr_rc_t mr_map_clear(mr_map_t *m, mr_err_t *err);

/* The number of entries; one whose time has come counts until its memory is returned, which takes
 * some tenths of a second. 0 on failure. */
MR_API uint64_t mr_map_size(mr_map_t *m, mr_err_t *err);

/* 1 when there is no entry, else 0; 1 on failure. */
MR_API int mr_map_is_empty(mr_map_t *m, mr_err_t *err);

/* ---- updating in place ---------------------------------------------------------------------- */

/* What an update function decides. */
typedef enum mr_update {
    MR_UPDATE_KEEP,   /* leave it as it is */
    MR_UPDATE_SET,    /* store *next */
    MR_UPDATE_REMOVE, /* take it out */
    MR_UPDATE_FAIL    /* do nothing, and let mr_map_update return MR_ERR_ARGUMENT */
} mr_update_t;

/* Looks at the current value, MR_KIND_NULL when there is none, and says what comes next. current
 * and what *next points to must last until mr_map_update returns; a record read with mr_rec_get
 * is read in place. It runs under the lock of a part of the grid: be quick, and do not call the
 * grid from it (such a call gives MR_ERR_ARGUMENT). One that takes longer than a millisecond is
 * logged and counted. If there is no room for what it wants stored, room is made and it is called
 * again, with what is current then; only what its last call wanted happens.
 *
 * Through a client, or when another member has the key, it runs here, on a copy, without a lock,
 * and again each time that another was faster; MR_ERR_BUSY when that goes on for the time of a
 * call. The entry then gets the map's times. */
typedef mr_update_t (*mr_update_fn)(void *context, mr_ref_t current, mr_ref_t *next);

/* Reads, decides and writes as one step: no other write to this entry comes between. The entry
 * keeps its times unless opts says otherwise. MR_OK, and the errors of a put. */
MR_API mr_rc_t mr_map_update(mr_map_t *m, mr_ref_t key, mr_update_fn fn, void *context,
                             const mr_put_opts_t *opts, mr_err_t *err);

/* ---- calls that are answered later ---------------------------------------------------------- */

/* A queue of answers. An asynchronous call returns as soon as it is on its way; its answer comes
 * into the queue it was given, with the tag it was given. */
typedef struct mr_cq mr_cq_t;

/* A queue for calls through g. NULL on failure: MR_ERR_MEMORY, MR_ERR_SYSTEM. */
MR_API mr_cq_t *mr_cq_new(mr_t *g, mr_err_t *err);

/* Waits for what is still under way, and drops the answers. Before mr_close(g); NULL is allowed. */
MR_API void mr_cq_free(mr_cq_t *cq);

/* A file descriptor that is readable while there are answers, for poll and its like. Only wait for
 * it; it is the queue's to read and to close. -1 for NULL. */
MR_API int mr_cq_fd(const mr_cq_t *cq);

/* Fill with MR_COMPLETION_INIT; may be used again and again. */
typedef struct mr_completion {
    size_t size;    /* of this struct, for later versions */
    uint64_t tag;   /* the call's */
    mr_rc_t rc;     /* what the call would have returned */
    mr_val_t value; /* of a get; of a write, the value from before, or null */
    mr_err_t err;   /* filled when rc is an error */
} mr_completion_t;

#ifdef __cplusplus
#define MR_COMPLETION_INIT                                                                         \
    {                                                                                              \
        sizeof(mr_completion_t), 0, MR_OK, MR_VAL_INIT, MR_ERR_INIT                                \
    }
#else
#define MR_COMPLETION_INIT                                                                         \
    {                                                                                              \
        .size = sizeof(mr_completion_t)                                                            \
    }
#endif

/* Frees what it holds. NULL is allowed. */
MR_API void mr_completion_clear(mr_completion_t *c);

/* Takes the next answer: 1, and *ret has it, whatever it held before; 0: none came within
 * timeout_ms (0: only look; MR_FOREVER), or a failure (MR_ERR_ARGUMENT; MR_ERR_MEMORY, and the
 * answer is still there). Several threads may take from one queue. */
MR_API int mr_cq_wait(mr_cq_t *cq, mr_completion_t *ret, int64_t timeout_ms, mr_err_t *err);

/* The calls. MR_OK: it is on its way. They refuse what the others refuse, and MR_ERR_BUSY: as many
 * calls through the handle as its option in_flight_max allows are under way or not taken: take
 * some. opts->old is refused; the value from before is in the answer. The first record of a schema
 * waits until the cluster knows the schema. */
MR_API mr_rc_t mr_map_get_async(mr_map_t *m, mr_ref_t key, mr_cq_t *cq, uint64_t tag,
                                mr_err_t *err);
MR_API mr_rc_t mr_map_contains_async(mr_map_t *m, mr_ref_t key, mr_cq_t *cq, uint64_t tag,
                                     mr_err_t *err);
MR_API mr_rc_t mr_map_put_async(mr_map_t *m, mr_ref_t key, mr_ref_t value,
                                const mr_put_opts_t *opts, mr_cq_t *cq, uint64_t tag,
                                mr_err_t *err);
/* The same without the value from before. */
MR_API mr_rc_t mr_map_set_async(mr_map_t *m, mr_ref_t key, mr_ref_t value,
                                const mr_put_opts_t *opts, mr_cq_t *cq, uint64_t tag,
                                mr_err_t *err);
MR_API mr_rc_t mr_map_put_if_absent_async(mr_map_t *m, mr_ref_t key, mr_ref_t value,
                                          const mr_put_opts_t *opts, mr_cq_t *cq, uint64_t tag,
                                          mr_err_t *err);
MR_API mr_rc_t mr_map_replace_async(mr_map_t *m, mr_ref_t key, mr_ref_t value,
                                    const mr_put_opts_t *opts, mr_cq_t *cq, uint64_t tag,
                                    mr_err_t *err);
MR_API mr_rc_t mr_map_remove_async(mr_map_t *m, mr_ref_t key, mr_cq_t *cq, uint64_t tag,
                                   mr_err_t *err);
/* The same without the value from before. */
MR_API mr_rc_t mr_map_delete_async(mr_map_t *m, mr_ref_t key, mr_cq_t *cq, uint64_t tag,
                                   mr_err_t *err);

/* ---- reading without copying ---------------------------------------------------------------- */

/* Between these two, mr_map_borrow gives views of entries where they lie, and they stay good and
 * unchanged until mr_read_end, even if the entry is replaced or removed meanwhile. Sections nest;
 * each belongs to its thread. One that stays open holds back memory of everything that is
 * replaced anywhere: work, but do not wait inside one; after a second it is logged. */
MR_API mr_rc_t mr_read_begin(mr_t *g, mr_err_t *err);
MR_API void mr_read_end(mr_t *g);

/* A view of the value. MR_OK or MR_NOT_FOUND; MR_ERR_ARGUMENT outside of a read section. Of a key
 * that another member has it is a copy, fetched now, which lasts as long; the section is held open
 * while that is under way. */
MR_API mr_rc_t mr_map_borrow(mr_map_t *m, mr_ref_t key, mr_ref_t *ret, mr_err_t *err);

/* ---- iterating ------------------------------------------------------------------------------ */

typedef struct mr_iter mr_iter_t;

/* Goes through all entries, in no order. It copies them page by page, some `page` entries each
 * (0: 256), so it holds nothing back. An entry that is there the whole time is seen exactly once,
 * one that comes or goes meanwhile at most once, one that goes and comes again perhaps once more
 * for that. (Where another member gets a partition of which a part was seen, it ends with
 * MR_ERR_MOVED: see mr_iter_next.) NULL on failure: MR_ERR_MEMORY. */
MR_API mr_iter_t *mr_map_iter(mr_map_t *m, size_t page, mr_err_t *err);

/* The next entry: 1, and *key and *value are good until the next call on it; 0: the end, or a
 * failure (MR_ERR_MEMORY; MR_ERR_MOVED: the partition that is being gone through was lost to
 * another member, iterate anew). Either pointer may be NULL. */
MR_API int mr_iter_next(mr_iter_t *it, mr_ref_t *key, mr_ref_t *value, mr_err_t *err);

/* NULL is allowed. Before mr_close. */
MR_API void mr_iter_free(mr_iter_t *it);

/* ---- asking by conditions ------------------------------------------------------------------- */

/* Conditions are texts in Hazelcast's predicate language, keywords in any case:
 *
 *     age > 30 and name like 'A%'
 *     not (country in ('is', 'no') or born between 1900 and 1950)
 *     __key >= 100 and this.tags[any] = 'new'
 *
 * An attribute is a field of a Compact record or of JSON, by its path; `this` is the value and
 * __key the key. Errors in a text are MR_ERR_ARGUMENT. */

/* How many entries it is true of. 0 on failure: MR_ERR_ARGUMENT, MR_ERR_MEMORY. */
MR_API uint64_t mr_map_count(mr_map_t *m, const char *text, mr_err_t *err);

/* Those entries, copied at once: go through them with mr_iter_next. NULL on failure:
 * MR_ERR_ARGUMENT, MR_ERR_MEMORY; MR_ERR_TOO_LARGE: a client is given more than limits.result-size
 * allows. */
MR_API mr_iter_t *mr_map_query(mr_map_t *m, const char *text, mr_err_t *err);

enum { MR_INDEX_SORTED = 0, MR_INDEX_HASH = 1 };

/* Makes an index over n attributes, which finds entries by equality of all of them and, if sorted,
 * by ranges. One that is there is kept. Returns when it is built. MR_ERR_ARGUMENT, MR_ERR_FULL,
 * MR_ERR_MEMORY. */
MR_API mr_rc_t mr_map_index(mr_map_t *m, int kind, const char *const *attributes, int n,
                            mr_err_t *err);

/* ---- locks ---------------------------------------------------------------------------------- */

/* Locks a key, whether there is an entry or not, for the calling thread: until as many
 * mr_map_unlock as there were locks, or lease_ms have passed (0: no end), nobody else changes the
 * entry; reading goes on. Locks of a client end when it is gone. Waits for another's lock up to
 * timeout_ms (0: not at all; MR_FOREVER). MR_ERR_BUSY: it is still another's. MR_ERR_FULL,
 * MR_ERR_TOO_LARGE. */
MR_API mr_rc_t mr_map_lock(mr_map_t *m, mr_ref_t key, int64_t lease_ms, int64_t timeout_ms,
                           mr_err_t *err);

/* MR_ERR_ARGUMENT: this thread does not hold it. */
MR_API mr_rc_t mr_map_unlock(mr_map_t *m, mr_ref_t key, mr_err_t *err);

/* 1 when somebody holds it, else 0; 0 on failure. */
MR_API int mr_map_is_locked(mr_map_t *m, mr_ref_t key, mr_err_t *err);

/* ---- listening ------------------------------------------------------------------------------ */

/* Kinds of events; a listener asks for any of them, joined by |. */
enum {
    MR_EVENT_ADDED = 1,
    MR_EVENT_REMOVED = 2,
    MR_EVENT_UPDATED = 4,
    MR_EVENT_EVICTED = 8,
    MR_EVENT_EXPIRED = 16,
    MR_EVENT_CLEARED = 64,   /* once per mr_map_clear, with the number of entries */
    MR_EVENT_LOST = 1 << 16, /* so many events came faster than they were taken; always told */
    MR_EVENT_ALL = 95
};

typedef struct mr_event {
    int kind;
    const char *map;
    uint64_t time_ms;         /* since 1970 */
    uint64_t count;           /* of entries cleared, or events lost; 0: a member was not heard for
                               * a while, and nobody knows how many */
    mr_ref_t key, old, value; /* null where there is none */
} mr_event_t;

/* Called for each event, in the order of the changes of its key, on a thread of the member or the
 * client; the event is borrowed for the call. It may call the grid, but should be quick: it holds
 * up what the thread serves. */
typedef void (*mr_event_fn)(void *context, const mr_event_t *event);

typedef struct mr_listener mr_listener_t;

/* Tells fn of every change from now on; of one whose member dies at that moment, perhaps twice, or
 * not at all. Between changes of different keys there is no order, nor between a clear and the
 * changes of a key. NULL on failure: MR_ERR_ARGUMENT, MR_ERR_MEMORY;
 * MR_ERR_FULL: the map has 1024 listeners. */
MR_API mr_listener_t *mr_map_listen(mr_map_t *m, unsigned kinds, mr_event_fn fn, void *context,
                                    mr_err_t *err);

/* Ends it: after it fn does not run and will not be called again, unless it is called from inside
 * fn, which then runs to its end. NULL is allowed. mr_close does it for those that are left. */
MR_API void mr_listener_close(mr_listener_t *l);

/* ---- near cache ----------------------------------------------------------------------------- */

typedef struct mr_near_opts {
    size_t size;          /* of this struct, for later versions */
    uint64_t max_bytes;   /* of copies; default 32 MiB, at least 256 KiB */
    int64_t stale_max_ms; /* no read is older; default 10 s, 100 ms to one hour */
} mr_near_opts_t;

#define MR_NEAR_OPTS_INIT                                                                          \
    {                                                                                              \
        sizeof(mr_near_opts_t), 0, 0                                                               \
    }

/* Keeps copies of the map's entries in this process from now on, until g is closed: what was read
 * once is read again without asking a member, in well under a microsecond. Copies go when members
 * tell of changes, which takes as long as a message; and none is used unless members have confirmed
 * within the last stale_max_ms that no change was missed. So a read through mr_map_get,
 * mr_map_contains or mr_map_get_all (that an entry is absent included) shows what was true at most
 * stale_max_ms ago, also when messages are lost, and this process's own writes at once; what such a
 * read has shown, a later one does not take back. Other calls ask the members as before.
 *
 * A read from a copy does not count as a use of the entry for max_idle_ms, and an entry that ends
 * by its time counts as changed when the member takes it out, mostly within a second.
 *
 * The handle of a member reads what its member has in place, as ever, and keeps copies of the rest;
 * when a partition has come and gone again, a copy from before may be shown, within the bound.
 *
 * MR_EXISTS: the map has one already, which stays as it is. MR_ERR_ARGUMENT, MR_ERR_MEMORY.
 * MR_ERR_UNSUPPORTED: a member in this process that is on its own. */
MR_API mr_rc_t mr_map_near_cache(mr_map_t *m, const mr_near_opts_t *opts, mr_err_t *err);

typedef struct mr_near_stats {
    size_t size;             /* set it to sizeof: MR_NEAR_STATS_INIT */
    uint64_t hits, misses;   /* reads that were answered by a copy, and that were not */
    uint64_t invalidations;  /* copies that went because members told of a change */
    uint64_t evictions;      /* copies given up for room */
    uint64_t entries, bytes; /* copies in memory, those that are not used any more included */
} mr_near_stats_t;

#define MR_NEAR_STATS_INIT                                                                         \
    {                                                                                              \
        sizeof(mr_near_stats_t), 0, 0, 0, 0, 0, 0                                                  \
    }

/* Fills *ret. MR_NOT_FOUND: the map has no near cache. */
MR_API mr_rc_t mr_map_near_stats(mr_map_t *m, mr_near_stats_t *ret, mr_err_t *err);

/* ---- looking -------------------------------------------------------------------------------- */

typedef struct mr_map_stats {
    size_t size;          /* set it to sizeof: MR_MAP_STATS_INIT */
    uint64_t entries;     /* as mr_map_size */
    uint64_t bytes;       /* of entries, as they lie in memory */
    uint64_t index_bytes; /* of the index over them */
    uint64_t gets, hits;  /* reads of entries, and how many found one */
    uint64_t puts;        /* entries stored, by any call */
    uint64_t removes;     /* entries taken out by calls */
    uint64_t evictions;   /* entries given up for room */
    uint64_t expirations; /* entries whose time had come, whose memory has been returned */
    uint64_t updates;     /* calls of update functions */
} mr_map_stats_t;

#define MR_MAP_STATS_INIT                                                                          \
    {                                                                                              \
        sizeof(mr_map_stats_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                       \
    }

/* Fills *ret. The counts are each right but not of one moment. A client is told the entries, and
 * the others are 0. A member in a cluster tells the entries of all members, and the others of its
 * own. */
MR_API mr_rc_t mr_map_stats(mr_map_t *m, mr_map_stats_t *ret, mr_err_t *err);

typedef struct mr_memory_stats {
    size_t size;        /* set it to sizeof: MR_MEMORY_STATS_INIT */
    uint64_t limit;     /* memory.max; UINT64_MAX: none */
    uint64_t used;      /* bytes of entries, indexes and events, replaced ones included */
    uint64_t retired;   /* of these, replaced or removed and waiting for readers */
    uint64_t committed; /* bytes taken from the operating system for them */
} mr_memory_stats_t;

#define MR_MEMORY_STATS_INIT                                                                       \
    {                                                                                              \
        sizeof(mr_memory_stats_t), 0, 0, 0, 0                                                      \
    }

/* Fills *ret with what the member's data takes. */
MR_API mr_rc_t mr_memory_stats(mr_t *g, mr_memory_stats_t *ret, mr_err_t *err);

/* ---- the host program ----------------------------------------------------------------------- */

/* Where the memory of handles, values and records comes from. Entries of maps are kept in pages
 * from the operating system. All three are called from any thread. */
typedef struct mr_allocator {
    void *(*alloc)(size_t size, void *context);
    void *(*realloc)(void *p, size_t size, void *context);
    void (*free)(void *p, void *context);
    void *context;
} mr_allocator_t;

/* Before any other call of the library; NULL puts malloc back. */
MR_API void mr_allocator_set(const mr_allocator_t *a);

/* Writes what happens as lines to f, which stays yours and open: logfmt if it is a terminal, else
 * JSON. level is "error", "warn", "info" or "debug". NULL stops it. For the whole process. */
MR_API mr_rc_t mr_log_to_file(FILE *f, const char *level, mr_err_t *err);

/* Hands it to fn instead, from any thread, one call at a time; fields are logfmt. fn must not
 * call the library. NULL stops it. */
MR_API mr_rc_t mr_log_to_callback(void (*fn)(void *context, const char *level, const char *event,
                                             const char *fields),
                                  void *context, const char *level, mr_err_t *err);

/* "0.1.0" */
MR_API const char *mr_version(void);

#ifdef __cplusplus
}
#endif
#endif

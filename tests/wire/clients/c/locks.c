/* locks.c - keys that one thread of one client holds. */
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

static void lock(struct bench *t, mr_map_t *m, const char *key)
{
    mr_map_lock(m, MR_STR(key), 0, MR_FOREVER, &t->err);
}

/* That it is another's is an answer here. */
static void say_try_lock(struct bench *t, mr_map_t *m, int64_t lease_ms, int64_t timeout_ms)
{
    mr_err_t err = MR_ERR_INIT;

    if (mr_map_lock(m, MR_STR("a"), lease_ms, timeout_ms, &err) == MR_ERR_BUSY)
        mr_err_clear(&err), say(t, MR_BOOL(false));
    else if (err.code == MR_OK)
        say(t, MR_BOOL(true));
    else
        say_error(t, &err);
}

/* null, or why not. */
static void say_unlock(struct bench *t, mr_map_t *m)
{
    mr_err_t err = MR_ERR_INIT;

    (void)mr_map_unlock(m, MR_STR("a"), &err);
    say_error(t, &err);
}

static void say_is_locked(struct bench *t, mr_map_t *m, const char *key)
{
    say(t, MR_BOOL(mr_map_is_locked(m, MR_STR(key), &t->err)));
}

static bool unlocked(struct bench *t, mr_map_t *m)
{
    int waited = 0;

    while (mr_map_is_locked(m, MR_STR("a"), &t->err))
        if (!wait_more(t, &waited))
            return false;
    return true;
}

/* ---- another thread ------------------------------------------------------------------------- */

/* A lock that is waited for, or let go, by a thread of its own. */
struct begun {
    pthread_t thread;
    mr_map_t *map;
    mr_rc_t (*call)(mr_map_t *m, mr_err_t *err);
    mr_err_t err;
    bool ended; /* atomic */
};

static mr_rc_t lock_patiently(mr_map_t *m, mr_err_t *err)
{
    return mr_map_lock(m, MR_STR("a"), 0, 20000, err);
}

static mr_rc_t unlock(mr_map_t *m, mr_err_t *err)
{
    return mr_map_unlock(m, MR_STR("a"), err);
}

static void *run_begun(void *context)
{
    struct begun *b = context;

    (void)b->call(b->map, &b->err);
    __atomic_store_n(&b->ended, true, __ATOMIC_RELEASE);
    return NULL;
}

static void begin(struct begun *b, mr_map_t *m, mr_rc_t (*call)(mr_map_t *m, mr_err_t *err))
{
    *b = (struct begun){.map = m, .call = call};
    pthread_create(&b->thread, NULL, run_begun, b);
}

static void say_state(struct bench *t, struct begun *b, int within_ms)
{
    sleep_ms(within_ms);
    say(t, MR_STR(__atomic_load_n(&b->ended, __ATOMIC_ACQUIRE) ? "done" : "waiting"));
}

static const mr_err_t *end(struct begun *b)
{
    pthread_join(b->thread, NULL);
    return &b->err;
}

/* ---- the checks ----------------------------------------------------------------------------- */

static void is_reentrant(struct bench *t)
{
    mr_map_t *m = filled(t);

    lock(t, m, "a");
    lock(t, m, "a");
    mr_map_unlock(m, MR_STR("a"), &t->err);
    open_list(t);
    say_is_locked(t, m, "a");
    mr_map_unlock(m, MR_STR("a"), &t->err);
    say_is_locked(t, m, "a");
    close_list(t);
}

static void of_a_missing_key(struct bench *t)
{
    mr_map_t *m = map_of(t);

    lock(t, m, "nobody");
    open_list(t);
    say_is_locked(t, m, "nobody");
    say_whether(t, mr_map_contains(m, MR_STR("nobody"), &t->err));
    say_size(t, m);
    close_list(t);
}

static void unlock_unlocked(struct bench *t)
{
    say_unlock(t, map_of(t));
}

static void unlock_by_non_owner(struct bench *t)
{
    lock(t, map_of(t), "a");
    say_unlock(t, same_map(t));
}

static void another_thread_is_not_the_owner(struct bench *t)
{
    mr_map_t *m = filled(t);
    struct begun b;

    lock(t, m, "a");
    begin(&b, m, unlock);
    say_error(t, end(&b));
}

static void try_lock(struct bench *t)
{
    mr_map_t *m = map_of(t), *other = same_map(t);

    open_list(t);
    say_try_lock(t, m, 0, 0);
    say_try_lock(t, other, 0, 0);
    say_try_lock(t, other, 0, 100);
    say_try_lock(t, m, 0, 0);
    close_list(t);
}

static void try_lock_waits(struct bench *t)
{
    mr_map_t *m = map_of(t);
    struct begun b;

    lock(t, m, "a");
    begin(&b, same_map(t), lock_patiently);
    sleep_ms(300);
    mr_map_unlock(m, MR_STR("a"), &t->err);
    say(t, MR_BOOL(end(&b)->code == MR_OK));
}

static void try_lock_with_lease(struct bench *t)
{
    open_list(t);
    say_try_lock(t, map_of(t), 1000, 1000);
    say_try_lock(t, same_map(t), 0, 20000);
    close_list(t);
}

static void lease_ends(struct bench *t)
{
    mr_map_t *m = map_of(t);

    mr_map_lock(m, MR_STR("a"), 1000, 0, &t->err);
    open_list(t);
    say_is_locked(t, m, "a");
    say(t, MR_BOOL(unlocked(t, m)));
    say_unlock(t, m);
    close_list(t);
}

static void blocks_a_put(struct bench *t)
{
    mr_completion_t c = MR_COMPLETION_INIT;
    mr_cq_t *cq = mr_cq_new(t->other, &t->err);
    mr_map_t *m = filled(t);

    lock(t, m, "a");
    mr_map_put_async(same_map(t), MR_STR("a"), MR_STR("new"), NULL, cq, 0, &t->err);
    open_list(t);
    say(t, MR_STR(mr_cq_wait(cq, &c, 500, &t->err) ? "done" : "waiting"));
    mr_map_unlock(m, MR_STR("a"), &t->err);
    mr_cq_wait(cq, &c, 20000, &t->err);
    say(t, mr_val_ref(&c.value));
    say_get(t, m, "a");
    close_list(t);
    mr_completion_clear(&c);
    mr_cq_free(cq);
}

static void does_not_block_a_get(struct bench *t)
{
    lock(t, filled(t), "a");
    say_get(t, same_map(t), "a");
}

static void owner_may_put(struct bench *t)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_val_t old = MR_VAL_INIT;
    mr_map_t *m = filled(t);

    opts.old = &old;
    lock(t, m, "a");
    open_list(t);
    mr_map_put(m, MR_STR("a"), MR_STR("new"), &opts, &t->err);
    say(t, mr_val_ref(&old));
    mr_map_remove(m, MR_STR("a"), &old, &t->err);
    say(t, mr_val_ref(&old));
    say_is_locked(t, m, "a");
    close_list(t);
    mr_val_clear(&old);
}

static void waits_in_line(struct bench *t)
{
    mr_map_t *m = map_of(t);
    struct begun b;

    lock(t, m, "a");
    begin(&b, same_map(t), lock_patiently);
    open_list(t);
    say_state(t, &b, 300);
    mr_map_unlock(m, MR_STR("a"), &t->err);
    if (end(&b)->code != MR_OK)
        say_error(t, &b.err);
    say_unlock(t, m);
    close_list(t);
}

static void freed_when_its_owner_leaves(struct bench *t)
{
    mr_t *owner = connect_to(t, "dev", NULL);
    mr_map_t *m = map_of(t);

    lock(t, mr_map(owner, "c.lock.freed_when_its_owner_leaves", &t->err), "a");
    open_list(t);
    say_is_locked(t, m, "a");
    mr_close(owner, MR_NOW, &t->err);
    say(t, MR_BOOL(unlocked(t, m)));
    close_list(t);
}

/* ---- an owner that is killed ----------------------------------------------------------------- */

int own_a_lock(const char *address, const char *map)
{
    struct bench t = {.address = address};
    mr_t *g = connect_to(&t, "dev", NULL);

    lock(&t, mr_map(g, map, &t.err), "a");
    if (t.err.code != MR_OK)
        return mr_err_report(stderr, &t.err);
    if (write(STDOUT_FILENO, "!", 1) == 1)
        pause();
    return 1;
}

/* Another process of this program, whose first word on *ret_words says that it has the lock. */
static pid_t start_owner(struct bench *t, char *map, int *ret_words)
{
    posix_spawn_file_actions_t actions;
    char *const args[] = {"checks", (char *)t->address, "owner", map, NULL};
    int words[2] = {-1, -1};
    pid_t pid = -1;

    if (pipe(words) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, words[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, words[0]);
    if (posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(words[1]);
    *ret_words = words[0];
    return pid;
}

static void freed_when_its_owner_is_killed(struct bench *t)
{
    char name[] = "c.lock.freed_when_its_owner_is_killed", word;
    int words = -1;
    pid_t owner = start_owner(t, name, &words);
    mr_map_t *m = map_of(t);

    if (owner < 0 || read(words, &word, 1) != 1) {
        say_words(t, "there is no owner");
    } else {
        open_list(t);
        say_is_locked(t, m, "a");
        kill(owner, SIGKILL);
        say(t, MR_BOOL(unlocked(t, m)));
        close_list(t);
    }
    close(words);
    if (owner > 0)
        waitpid(owner, NULL, 0);
}

void lock_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"lock.is_reentrant", is_reentrant},
        {"lock.of_a_missing_key", of_a_missing_key},
        {"lock.unlock_unlocked", unlock_unlocked},
        {"lock.unlock_by_non_owner", unlock_by_non_owner},
        {"lock.another_thread_is_not_the_owner", another_thread_is_not_the_owner},
        {"lock.try_lock", try_lock},
        {"lock.try_lock_waits", try_lock_waits},
        {"lock.try_lock_with_lease", try_lock_with_lease},
        {"lock.lease_ends", lease_ends},
        {"lock.blocks_a_put", blocks_a_put},
        {"lock.does_not_block_a_get", does_not_block_a_get},
        {"lock.owner_may_put", owner_may_put},
        {"lock.waits_in_line", waits_in_line},
        {"lock.freed_when_its_owner_leaves", freed_when_its_owner_leaves},
        {"lock.freed_when_its_owner_is_killed", freed_when_its_owner_is_killed},
    };

    RUN_ALL(t, checks);
}

#define _GNU_SOURCE
#include "tests/unit/client/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/base/thread.h"

static void ignore(void *context, const mr_event_t *event)
{
    (void)context, (void)event;
}

static mr_update_t set_one(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context, (void)current;
    *next = MR_I64(1);
    return MR_UPDATE_SET;
}

/* ---- starting and closing ------------------------------------------------------------------- */

Test(member, starts_with_the_defaults)
{
    g = mr_member_start(NULL, &err);
    cr_assert(g != NULL, "%s", err.message);
    cr_assert_eq(mr_member_count(g), 1);
    GIVES(MR_OK, mr_close(g, MR_DRAIN, &err));
}

Test(member, takes_its_options_from_the_environment)
{
    setenv("MILLRACE_MAPS_DEFAULT_MAX_SIZE", "1", 1);
    g = mr_member_start(NULL, &err);
    m = mr_map(g, "any", &err);
    put(MR_I64(1), MR_I64(1));
    GIVES(MR_ERR_FULL, mr_map_put(m, MR_I64(2), MR_I64(2), NULL, &err));
    close_member();
}

Test(member, does_not_start_with_an_environment_that_is_wrong)
{
    setenv("MILLRACE_MEMORY_MAXIMUM", "1GiB", 1);
    FAILS(MR_ERR_CONFIG, mr_member_start(NULL, &err), NULL);
    cr_assert(strstr(err.message, "MILLRACE_MEMORY_MAXIMUM") != NULL, "%s", err.message);
}

Test(member, does_not_start_when_it_is_handed_a_filled_error)
{
    mr_err_t first = {MR_ERR_SYSTEM, 0, "first", "", ""};

    cr_assert(mr_member_start(NULL, &first) == NULL);
    cr_assert_str_eq(first.message, "first");
}

Test(member, reads_its_configuration_without_keeping_it)
{
    mr_config_t *c = mr_config_new(&err);

    GIVES(MR_OK, mr_config_set(c, "maps.sessions-*.max-size", "2", &err));
    GIVES(MR_OK, mr_config_set(c, "maps.sessions-*.eviction", "lru", &err));
    g = mr_member_start(c, &err);
    mr_config_free(c);
    m = mr_map(g, "sessions-eu", &err);
    for (int64_t i = 0; i < 10; i++)
        put(MR_I64(i), MR_I64(i));
    cr_assert_eq(size(), 2);
    m = mr_map(g, "others", &err);
    for (int64_t i = 0; i < 10; i++)
        put(MR_I64(i), MR_I64(i));
    cr_assert_eq(size(), 10);
    close_member();
}

Test(member, has_its_maps_options_from_the_configuration_alone)
{
    mr_config_t *c = mr_config_new(&err);

    GIVES(MR_ERR_CONFIG, mr_config_set(c, "maps.sessions.max-sice", "2", &err));
    cr_assert(strstr(err.hint, "max-size") != NULL, "%s", err.hint);
    mr_config_free(c);
}

Test(member, closes_although_nothing_was_done_or_much_is_under_way)
{
    for (int i = 0; i < 5; i++) {
        open_plain();
        close_member();
        open_plain();
        (void)mr_map_listen(m, MR_EVENT_ALL, ignore, NULL, &err);
        for (int64_t n = 0; n < 1000; n++)
            put(MR_I64(n), MR_I64(n));
        close_member();
    }
}

Test(member, closes_even_when_the_error_is_filled_and_never_mind_NULL)
{
    mr_err_t first = {MR_ERR_SYSTEM, 0, "first", "", ""};

    open_plain();
    (void)mr_close(g, MR_NOW, &first); /* the leak check sees whether it did */
    cr_assert_str_eq(first.message, "first");
    GIVES(MR_OK, mr_close(NULL, MR_NOW, &err));
}

Test(member, refuses_a_way_to_close_that_does_not_exist)
{
    open_plain();
    GIVES(MR_ERR_ARGUMENT, mr_close(g, 7, &err));
    put(MR_I64(1), MR_I64(1));
    close_member();
}

Test(member, is_one_of_several_in_a_process)
{
    mr_t *other;

    OPEN("maps.test.max-size", "1");
    other = member(NULL);
    put(MR_I64(1), MR_I64(1));
    GIVES(MR_ERR_FULL, mr_map_put(m, MR_I64(2), MR_I64(2), NULL, &err));
    GIVES(MR_NOT_FOUND, mr_map_contains(mr_map(other, "test", &err), MR_I64(1), &err));
    close_member();
    GIVES(MR_OK, mr_map_put(mr_map(other, "test", &err), MR_I64(2), MR_I64(2), NULL, &err));
    GIVES(MR_OK, mr_close(other, MR_NOW, &err));
}

static void ask_for_maps(void *context)
{
    mr_map_t **got = context;

    for (int i = 0; i < 50; i++) {
        char name[16];

        snprintf(name, sizeof name, "map-%d", i);
        got[i] = mr_map(g, name, NULL);
    }
}

Test(member, makes_one_map_for_all_threads_that_ask_at_once)
{
    enum { THREADS = 4 };
    struct asker {
        struct thread thread;
        mr_map_t *got[50];
    } askers[THREADS];

    open_plain();
    for (int i = 0; i < THREADS; i++)
        cr_assert(thread_start(&askers[i].thread, "asker", ask_for_maps, askers[i].got) == MR_OK);
    for (int i = 0; i < THREADS; i++)
        thread_join(&askers[i].thread);
    for (int i = 1; i < THREADS; i++)
        cr_assert_arr_eq(askers[i].got, askers[0].got, sizeof askers[0].got);
    close_member();
}

/* ---- manners -------------------------------------------------------------------------------- */

/* Calls fn with stdout and stderr in files; returns how many bytes came. */
static size_t printed_by(void (*fn)(void))
{
    int saved[2] = {dup(1), dup(2)};
    FILE *file = tmpfile();
    struct stat s;

    fflush(NULL);
    cr_assert(dup2(fileno(file), 1) == 1 && dup2(fileno(file), 2) == 2);
    fn();
    fflush(NULL);
    cr_assert(dup2(saved[0], 1) == 1 && dup2(saved[1], 2) == 2);
    cr_assert(fstat(fileno(file), &s) == 0);
    fclose(file);
    close(saved[0]), close(saved[1]);
    return (size_t)s.st_size;
}

static void do_many_things_and_some_wrong(void)
{
    mr_ref_t view;

    OPEN("maps.test.max-size", "10");
    for (int64_t i = 0; i < 20; i++)
        (void)mr_map_put(m, MR_I64(i), MR_I64(i), NULL, NULL);
    (void)mr_map_put(m, MR_NULL, MR_STR("\xff"), NULL, NULL);
    (void)mr_map_borrow(m, MR_I64(1), &view, NULL);
    (void)mr_map_update(m, MR_I64(1), set_one, NULL, NULL, NULL);
    (void)mr_map(g, "", NULL);
    close_member();
}

Test(member, prints_nothing)
{
    cr_assert_eq(printed_by(do_many_things_and_some_wrong), 0);
}

Test(member, leaves_the_programs_signals_alone)
{
    struct sigaction before[32], after;

    for (int i = 1; i < 32; i++)
        (void)sigaction(i, NULL, &before[i]);
    open_plain();
    put(MR_I64(1), MR_I64(1));
    close_member();
    for (int i = 1; i < 32; i++) {
        (void)sigaction(i, NULL, &after);
        cr_assert(after.sa_handler == before[i].sa_handler, "signal %d", i);
    }
}

/* The number in a line of a thread's status, such as SigBlk. */
static uint64_t status_of(const char *thread, const char *line)
{
    char path[300], text[4096] = "";
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    if ((f = fopen(path, "r"))) {
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
    }
    char *at = strstr(text, line);

    return at ? strtoull(at + strlen(line) + 1, NULL, 16) : 0;
}

/* How many threads have a name of ours; each blocks the signals it could be stopped by. */
static int threads_with_our_name(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int ours = 0;

    for (struct dirent *e; (e = readdir(tasks));) {
        char path[300], name[32] = "";
        FILE *f;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        if (e->d_name[0] == '.' || !(f = fopen(path, "r")))
            continue;
        if (fgets(name, sizeof name, f) && strncmp(name, "mr-", 3) == 0) {
            ours++;
            cr_assert((status_of(e->d_name, "SigBlk:") & 1u << (SIGTERM - 1)) != 0, "%s", name);
        }
        fclose(f);
    }
    closedir(tasks);
    return ours;
}

Test(member, names_its_threads_and_blocks_all_signals_in_them)
{
    cr_assert_eq(threads_with_our_name(), 0);
    OPEN("member.loops", "2", "member.workers", "3");
    EVENTUALLY(threads_with_our_name() == 7); /* memory, events, loops, workers */
    close_member();
    cr_assert_eq(threads_with_our_name(), 0);
}

static struct {
    pthread_mutex_t lock;
    int lines, above_info;
    char first[64];
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(void *context, const char *level, const char *event, const char *fields)
{
    (void)context;
    pthread_mutex_lock(&journal.lock);
    if (journal.lines++ == 0)
        snprintf(journal.first, sizeof journal.first, "%s %s", level, event);
    journal.above_info += strcmp(level, "warn") == 0 || strcmp(level, "error") == 0;
    cr_assert(fields != NULL);
    pthread_mutex_unlock(&journal.lock);
}

Test(member, hands_its_log_to_a_function_until_that_is_taken_away)
{
    GIVES(MR_OK, mr_log_to_callback(note, NULL, "info", &err));
    open_plain();
    cr_assert(journal.lines > 0);
    cr_assert_str_eq(journal.first, "info member.started");
    GIVES(MR_OK, mr_log_to_callback(NULL, NULL, NULL, &err));
    int lines = journal.lines;
    close_member();
    cr_assert_eq(journal.lines, lines);
}

Test(member, logs_what_is_as_important_as_was_asked_for)
{
    GIVES(MR_OK, mr_log_to_callback(note, NULL, "error", &err));
    open_plain();
    close_member();
    cr_assert_eq(journal.lines, 0);
    GIVES(MR_ERR_ARGUMENT, mr_log_to_callback(note, NULL, "loud", &err));
    GIVES(MR_ERR_ARGUMENT, mr_log_to_file(stderr, NULL, &err));
    GIVES(MR_OK, mr_log_to_callback(NULL, NULL, NULL, &err));
}

Test(member, writes_its_log_to_a_file_as_JSON)
{
    char line[1000] = "";
    FILE *f = tmpfile();

    GIVES(MR_OK, mr_log_to_file(f, "info", &err));
    open_plain();
    close_member();
    GIVES(MR_OK, mr_log_to_file(NULL, NULL, &err));
    rewind(f);
    cr_assert(fgets(line, sizeof line, f) != NULL);
    cr_assert(line[0] == '{' && strstr(line, "\"member.started\"") != NULL, "%s", line);
    fclose(f);
}

static mr_update_t sleep_in_update(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context, (void)current, (void)next;
    pause_ms(5); /* longer than an update should take */
    return MR_UPDATE_KEEP;
}

Test(member, logs_a_section_that_is_held_open_and_an_update_that_takes_long)
{
    GIVES(MR_OK, mr_log_to_callback(note, NULL, "warn", &err));
    open_plain();
    GIVES(MR_OK, mr_map_update(m, MR_I64(1), sleep_in_update, NULL, NULL, &err));
    EVENTUALLY(journal.above_info == 1);
    cr_assert_str_eq(journal.first, "warn map.update_slow");
    GIVES(MR_OK, mr_read_begin(g, &err));
    EVENTUALLY(__atomic_load_n(&journal.above_info, __ATOMIC_ACQUIRE) >= 2);
    mr_read_end(g);
    close_member();
    GIVES(MR_OK, mr_log_to_callback(NULL, NULL, NULL, &err));
}

Test(member, knows_its_version)
{
    cr_assert_str_eq(mr_version(), "0.1.0");
}

/* ---- forks ---------------------------------------------------------------------------------- */

/* In a child process: returns 0 when every call on the parent's handles says so. */
static int calls_in_the_child(mr_iter_t *it)
{
    mr_val_t v = MR_VAL_INIT;
    mr_ref_t key = MR_I64(1), view;
    mr_entry_t entry = {MR_I64(1), MR_I64(1)};
    mr_map_stats_t stats = MR_MAP_STATS_INIT;
    mr_memory_stats_t memory = MR_MEMORY_STATS_INIT;
    const mr_rc_t got[] = {
        mr_map_get(m, key, &v, NULL, NULL),
        mr_map_put(m, key, MR_I64(1), NULL, NULL),
        mr_map_put_all(m, &entry, 1, NULL, NULL, NULL),
        mr_map_get_all(m, &key, 1, &v, NULL),
        mr_map_contains(m, key, NULL),
        mr_map_remove(m, key, NULL, NULL),
        mr_map_update(m, key, set_one, NULL, NULL, NULL),
        mr_map_clear(m, NULL),
        mr_map_borrow(m, key, &view, NULL),
        mr_read_begin(g, NULL),
        mr_map_stats(m, &stats, NULL),
        mr_memory_stats(g, &memory, NULL),
        mr_close(g, MR_NOW, NULL),
    };
    mr_err_t inside = MR_ERR_INIT;

    for (size_t i = 0; i < sizeof got / sizeof *got; i++)
        if (got[i] != MR_ERR_FORKED)
            return (int)i + 1;
    if (mr_map(g, "test", &inside) || inside.code != MR_ERR_FORKED || !inside.hint[0])
        return 101;
    mr_err_clear(&inside);
    if (mr_iter_next(it, NULL, NULL, &inside) || inside.code != MR_ERR_FORKED)
        return 102;
    mr_err_clear(&inside);
    if (mr_map_listen(m, MR_EVENT_ALL, ignore, NULL, &inside) || inside.code != MR_ERR_FORKED)
        return 103;
    return mr_member_count(g) == 0 ? 0 : 104;
}

Test(member, refuses_its_handles_in_a_child_process_and_serves_the_parent_on)
{
    mr_iter_t *it;
    int status;

    open_plain();
    put(MR_I64(1), MR_I64(7));
    it = mr_map_iter(m, 0, &err);
    pid_t child = fork();

    if (child == 0)
        _exit(calls_in_the_child(it));
    cr_assert(waitpid(child, &status, 0) == child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status 0x%x", status);
    cr_assert_eq(number(MR_I64(1)), 7);
    cr_assert(mr_iter_next(it, NULL, NULL, &err) == 1);
    mr_iter_free(it);
    close_member();
}

/* ---- memory that is not given --------------------------------------------------------------- */

/* Counts what is asked for, and refuses the one whose turn it is; any thread. */
static struct {
    uint64_t asked, refuse; /* refuse the request of this number, 0: none */
    uint64_t refused;
    uint64_t held; /* blocks */
} bank;

static bool grant(void)
{
    bool refuse = fetch_add_64(&bank.asked, 1) + 1 == load_relaxed_64(&bank.refuse);

    fetch_add_64(&bank.refused, refuse);
    return !refuse;
}

static void *bank_alloc(size_t size, void *context)
{
    void *p = grant() ? malloc(size) : NULL;

    (void)context;
    fetch_add_64(&bank.held, p != NULL);
    return p;
}

static void *bank_realloc(void *p, size_t size, void *context)
{
    void *q = grant() ? realloc(p, size) : NULL;

    (void)context;
    fetch_add_64(&bank.held, q != NULL && p == NULL);
    return q;
}

static void bank_free(void *p, void *context)
{
    (void)context;
    fetch_sub_64(&bank.held, 1);
    free(p);
}

static bool bank_pages(size_t size, void *context)
{
    (void)size, (void)context;
    return grant();
}

/* A call may fail, but for want of memory only, and says so. */
static bool done(mr_rc_t rc)
{
    cr_assert(rc < MR_ERR_MEMORY || rc == MR_ERR_MEMORY || rc == MR_ERR_FULL || rc == MR_ERR_SYSTEM,
              "%s: %s", mr_rc_name(rc), err.message);
    cr_assert(rc < MR_ERR_MEMORY || (err.code == rc && err.message[0]), "%s without words",
              mr_rc_name(rc));
    mr_err_clear(&err);
    return rc < MR_ERR_MEMORY;
}

static bool there(const void *made)
{
    cr_assert((made != NULL) == (err.code == MR_OK), "%s", err.message);
    return done(err.code);
}

enum { KEYS = 60 };

/* Puts and updates; stored[i] is what the calls said is under key i, 0 when nothing is. */
static void write_entries(int64_t *stored)
{
    static char text[100000];

    for (int64_t i = 0; i < KEYS; i++) {
        mr_ref_t value = i % 3 ? MR_I64(i + 100) : MR_STRN(text, (size_t)(i * i * 20));

        memset(text, 'x', sizeof text);
        if (done(mr_map_put(m, MR_I64(i), value, NULL, &err)))
            stored[i] = i + 100;
        if (i % 5 == 1 && done(mr_map_update(m, MR_I64(i), set_one, NULL, NULL, &err)))
            stored[i] = 1;
        if (i % 7 == 2 && done(mr_map_remove(m, MR_I64(i), NULL, &err)))
            stored[i] = 0;
    }
}

static void read_entries(const int64_t *stored)
{
    mr_val_t v = MR_VAL_INIT;

    for (int64_t i = 0; i < KEYS; i++) {
        mr_rc_t rc = mr_map_get(m, MR_I64(i), &v, NULL, &err);

        if (!done(rc))
            continue;
        cr_assert_eq(rc, stored[i] ? MR_OK : MR_NOT_FOUND, "key %ld", (long)i);
        if (stored[i] && mr_val_type(&v) == MR_KIND_I64)
            cr_assert_eq(mr_val_i64(&v), stored[i]);
        else if (stored[i])
            cr_assert_eq(mr_val_len(&v), (size_t)(i * i * 20));
    }
    mr_val_clear(&v);
}

static void iterate(const int64_t *stored)
{
    mr_iter_t *it = mr_map_iter(m, 10, &err);
    uint64_t wanted = 0, seen = 0;

    for (int64_t i = 0; i < KEYS; i++)
        wanted += stored[i] != 0;
    if (!there(it))
        return;
    while (mr_iter_next(it, NULL, NULL, &err))
        seen++;
    if (done(err.code))
        cr_assert_eq(seen, wanted);
    mr_iter_free(it);
}

static void use_a_member(mr_config_t *config)
{
    int64_t stored[KEYS] = {0};
    mr_listener_t *l;

    g = mr_member_start(config, &err);
    if (!there(g))
        return;
    m = mr_map(g, "test", &err);
    if (there(m)) {
        l = mr_map_listen(m, MR_EVENT_ALL, ignore, NULL, &err);
        (void)there(l);
        write_entries(stored);
        read_entries(stored);
        iterate(stored);
        mr_listener_close(l);
        read_entries(stored);
        (void)done(mr_map_clear(m, &err));
    }
    cr_assert(mr_close(g, MR_NOW, &err) == MR_OK, "%s", err.message);
}

Test(member, says_so_and_goes_on_whichever_allocation_fails)
{
    const struct mem_hooks hooks = {bank_alloc, bank_realloc, bank_free, bank_pages, NULL};
    mr_config_t *c;
    uint64_t n = 0, held;

    mem_hooks_set(&hooks);
    c = mr_config_new(&err);
    GIVES(MR_OK, mr_config_set(c, "partitions.count", "3", &err));
    use_a_member(c); /* once in peace: what a process keeps for ever is made now */
    held = bank.held;
    do {
        bank.asked = bank.refused = 0;
        bank.refuse = ++n;
        use_a_member(c);
        bank.refuse = 0;
        cr_assert(bank.held <= held, "allocation %lu fails: %lu blocks are left", (unsigned long)n,
                  (unsigned long)(bank.held - held));
    } while (bank.refused > 0);
    cr_assert(n > 50, "%lu allocations", (unsigned long)n);
    mr_config_free(c);
}

Test(member, takes_all_of_its_memory_from_the_programs_allocator)
{
    const mr_allocator_t own = {bank_alloc, bank_realloc, bank_free, NULL};

    mr_allocator_set(&own);
    mr_config_t *c = mr_config_new(&err);
    use_a_member(c);
    mr_config_free(c);
    cr_assert(bank.asked > 100);
    mr_allocator_set(NULL);
}

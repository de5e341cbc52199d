#define _GNU_SOURCE
#include "grid/config.h"
#include "tests/unit/scarce.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- given ---- */

static mr_config_t *config(void)
{
    mr_config_t *c = mr_config_new(NULL);

    cr_assert_not_null(c);
    return c;
}

static char path[] = "/tmp/config_test_XXXXXX";

static void write_file(const char *text, size_t size)
{
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, size), (ssize_t)size);
    close(fd);
}

static mr_rc_t load_bytes(mr_config_t *c, const char *text, size_t size, mr_err_t *err)
{
    write_file(text, size);
    mr_rc_t rc = mr_config_load(c, path, err);

    unlink(path);
    return rc;
}

static mr_rc_t load(mr_config_t *c, const char *text, mr_err_t *err)
{
    return load_bytes(c, text, strlen(text), err);
}

static void set(mr_config_t *c, const char *key, const char *value)
{
    mr_err_t err = MR_ERR_INIT;

    cr_assert_eq(mr_config_set(c, key, value, &err), MR_OK, "%s", err.message);
}

/* What the message says after the file's name. */
static const char *after_path(const mr_err_t *err)
{
    size_t size = strlen(path);

    cr_assert_eq(strncmp(err->message, path, size), 0, "%s", err->message);
    return err->message + size;
}

static const char *shown(const mr_config_t *c, int origin)
{
    static char text[8192];
    FILE *f = fmemopen(text, sizeof text, "w");

    mr_config_show(c, f, origin);
    fclose(f);
    return text;
}

/* ---- keys and values ---- */

Test(config, begins_with_defaults)
{
    mr_config_t *c = config();

    cr_assert_str_eq(mr_config_get(c, "cluster.name"), "dev");
    cr_assert_str_eq(config_text(c, "member.name"), "");
    cr_assert_eq(config_number(c, "partitions.count"), 271);
    cr_assert_eq(config_number(c, "limits.key-size"), 65535);
    cr_assert_eq(config_number(c, "limits.value-size"), 16777215);
    cr_assert_eq(config_number(c, "log.level"), CONFIG_LOG_INFO);
    cr_assert_eq(config_number(c, "log.format"), CONFIG_LOG_NONE);
    mr_config_free(c);
}

Test(config, remembers_what_was_set_last)
{
    mr_config_t *c = config();

    set(c, "cluster.name", "prod");
    set(c, "cluster.name", "test");
    cr_assert_str_eq(mr_config_get(c, "cluster.name"), "test");
    mr_config_free(c);
}

Test(config, names_the_nearest_key_when_one_is_unknown)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    cr_assert_eq(mr_config_set(c, "cluster.nmae", "x", &err), MR_ERR_CONFIG);
    cr_assert_str_eq(err.message, "there is no key cluster.nmae");
    cr_assert_str_eq(err.hint, "did you mean cluster.name?");
    mr_err_clear(&err);
    cr_assert_eq(mr_config_set(c, "maps.a.b.tll", "1s", &err), MR_ERR_CONFIG);
    cr_assert_str_eq(err.hint, "did you mean maps.a.b.ttl?");
    mr_err_clear(&err);
    cr_assert_eq(mr_config_set(c, "weather", "fine", &err), MR_ERR_CONFIG);
    cr_assert_str_eq(err.hint, "millrace config example lists every key");
    mr_config_free(c);
}

Test(config, has_no_value_for_what_is_no_key)
{
    static const char *const not_keys[] = {"",          "cluster", "cluster.", "maps.ttl",
                                           "maps..ttl", "maps.",   "maps.a",   "maps.a.nothing"};
    mr_config_t *c = config();

    for (size_t i = 0; i < sizeof not_keys / sizeof not_keys[0]; i++) {
        cr_assert_null(mr_config_get(c, not_keys[i]), "%s", not_keys[i]);
        cr_assert_eq(mr_config_set(c, not_keys[i], "1", NULL), MR_ERR_CONFIG, "%s", not_keys[i]);
    }
    mr_config_free(c);
}

static const struct {
    const char *key, *text;
    uint64_t number;
} good[] = {
    {"memory.max", "0", 0},
    {"memory.max", "4096", 4096},
    {"memory.max", "10B", 10},
    {"memory.max", "64KiB", 65536},
    {"memory.max", "3MiB", 3145728},
    {"memory.max", "2GiB", 2147483648},
    {"memory.max", "1TiB", 1099511627776},
    {"memory.max", "9223372036854775807", INT64_MAX},
    {"limits.key-size", "65535", 65535},
    {"member.loops", "1024", 1024},
    {"partitions.count", "1", 1},
    {"log.level", "error", CONFIG_LOG_ERROR},
    {"log.level", "warn", CONFIG_LOG_WARN},
    {"log.level", "debug", CONFIG_LOG_DEBUG},
    {"log.format", "auto", CONFIG_LOG_AUTO},
    {"log.format", "logfmt", CONFIG_LOG_LOGFMT},
    {"log.format", "json", CONFIG_LOG_JSON},
};

Test(config, takes_numbers_sizes_and_choices)
{
    mr_config_t *c = config();

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        set(c, good[i].key, good[i].text);
        cr_assert_eq(config_number(c, good[i].key), good[i].number, "%s", good[i].text);
        cr_assert_str_eq(mr_config_get(c, good[i].key), good[i].text);
    }
    mr_config_free(c);
}

Test(config, takes_durations_with_their_unit)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } times[] = {{"0", 0},       {"250ms", 250},  {"30s", 30000},
                 {"5m", 300000}, {"2h", 7200000}, {"7d", 604800000}};
    mr_config_t *c = config();

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        set(c, "maps.m.ttl", times[i].text);
        cr_assert_eq(config_map(c, "m").ttl_ms, times[i].ms, "%s", times[i].text);
    }
    mr_config_free(c);
}

static const struct {
    const char *key, *text;
} bad[] = {
    {"memory.max", ""},
    {"memory.max", "-1"},
    {"memory.max", " 1"},
    {"memory.max", "1 "},
    {"memory.max", "1.5GiB"},
    {"memory.max", "64kb"},
    {"memory.max", "9223372036854775808"},
    {"memory.max", "18446744073709551616"},
    {"memory.max", "20000000TiB"},
    {"member.loops", "1025"},
    {"member.loops", "two"},
    {"member.loops", "1KiB"},
    {"partitions.count", "0"},
    {"partitions.count", "65536"},
    {"limits.key-size", "0"},
    {"limits.key-size", "65536"},
    {"limits.value-size", "16MiB"},
    {"log.level", "loud"},
    {"log.level", ""},
    {"log.level", "error|warn"},
    {"log.level", "inf"},
    {"cluster.name", ""},
    {"cluster.name", "a\nb"},
    {"cluster.name", "a\x7f"},
    {"maps.m.ttl", "30"},
    {"maps.m.ttl", "1y"},
    {"maps.m.eviction", "LRU"},
    {"maps.m.journal-capacity", "2147483648"},
    {"maps.m\n.ttl", "1s"},
};

Test(config, refuses_values_that_a_key_does_not_take_and_keeps_the_old)
{
    mr_config_t *c = config();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mr_err_t err = MR_ERR_INIT;

        cr_assert_eq(mr_config_set(c, bad[i].key, bad[i].text, &err), MR_ERR_CONFIG, "%s: \"%s\"",
                     bad[i].key, bad[i].text);
        cr_assert_neq(err.hint[0], '\0');
    }
    cr_assert_str_eq(mr_config_get(c, "memory.max"), "0");
    cr_assert_str_eq(mr_config_get(c, "cluster.name"), "dev");
    mr_config_free(c);
}

Test(config, says_what_a_key_takes)
{
    static const char *const cases[][3] = {
        {"log.level", "x", "it is one of error|warn|info|debug"},
        {"member.loops", "x", "it is a whole number, 0 to 1024"},
        {"memory.max", "x", "it is a size such as 64KiB or 2GiB, 0 or more bytes"},
        {"maps.m.ttl", "x", "it is a time such as 500ms, 30s, 5m, 2h or 7d"},
        {"cluster.name", "", "it is a text of 1 to 255 characters"},
    };
    mr_config_t *c = config();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_err_t err = MR_ERR_INIT;

        cr_assert_eq(mr_config_set(c, cases[i][0], cases[i][1], &err), MR_ERR_CONFIG);
        cr_assert_str_eq(err.hint, cases[i][2]);
    }
    mr_config_free(c);
}

Test(config, takes_texts_and_map_names_up_to_255_bytes)
{
    mr_config_t *c = config();
    char name[300], key[400];

    memset(name, 'x', sizeof name);
    name[CONFIG_NAME_MAX] = '\0';
    snprintf(key, sizeof key, "maps.%s.ttl", name);
    set(c, "cluster.name", name);
    set(c, key, "1s");
    cr_assert_eq(config_map(c, name).ttl_ms, 1000);

    name[CONFIG_NAME_MAX] = 'x';
    name[CONFIG_NAME_MAX + 1] = '\0';
    snprintf(key, sizeof key, "maps.%s.ttl", name);
    cr_assert_eq(mr_config_set(c, "cluster.name", name, NULL), MR_ERR_CONFIG);
    cr_assert_eq(mr_config_set(c, key, "1s", NULL), MR_ERR_CONFIG);
    mr_config_free(c);
}

Test(config, refuses_null_arguments)
{
    mr_config_t *c = config();

    cr_assert_eq(mr_config_set(NULL, "cluster.name", "x", NULL), MR_ERR_ARGUMENT);
    cr_assert_eq(mr_config_set(c, NULL, "x", NULL), MR_ERR_ARGUMENT);
    cr_assert_eq(mr_config_set(c, "cluster.name", NULL, NULL), MR_ERR_ARGUMENT);
    cr_assert_eq(mr_config_load(NULL, "x", NULL), MR_ERR_ARGUMENT);
    cr_assert_eq(mr_config_load(c, NULL, NULL), MR_ERR_ARGUMENT);
    cr_assert_eq(mr_config_env(NULL, NULL), MR_ERR_ARGUMENT);
    cr_assert_null(mr_config_get(NULL, "cluster.name"));
    cr_assert_null(mr_config_get(c, NULL));
    cr_assert_eq(mr_config_problems(NULL, stderr), 0);
    mr_config_free(NULL);
    mr_config_free(c);
}

Test(config, does_nothing_when_the_error_is_filled)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    cr_assert_eq(mr_config_set(c, "nothing", "x", &err), MR_ERR_CONFIG);
    cr_assert_eq(mr_config_set(c, "cluster.name", "prod", &err), MR_ERR_CONFIG);
    cr_assert_eq(load(c, "cluster: {name: prod}", &err), MR_ERR_CONFIG);
    cr_assert_eq(mr_config_env(c, &err), MR_ERR_CONFIG);
    cr_assert_null(mr_config_new(&err));
    cr_assert_str_eq(mr_config_get(c, "cluster.name"), "dev");
    cr_assert_str_eq(err.message, "there is no key nothing");
    mr_config_free(c);
}

/* ---- maps ---- */

Test(config, gives_a_map_without_options_the_defaults)
{
    mr_config_t *c = config();
    struct config_map m = config_map(c, "orders");

    cr_assert_eq(m.ttl_ms, 0);
    cr_assert_eq(m.max_idle_ms, 0);
    cr_assert_eq(m.entries_max, 0);
    cr_assert_eq(m.bytes_max, 0);
    cr_assert_eq(m.eviction, CONFIG_EVICT_NONE);
    cr_assert_eq(m.journal_capacity, 0);
    mr_config_free(c);
}

Test(config, gives_a_map_each_of_its_options)
{
    mr_config_t *c = config();

    set(c, "maps.orders.ttl", "1s");
    set(c, "maps.orders.max-idle", "2s");
    set(c, "maps.orders.max-size", "3");
    set(c, "maps.orders.max-bytes", "4KiB");
    set(c, "maps.orders.eviction", "random");
    set(c, "maps.orders.journal-capacity", "5");
    struct config_map m = config_map(c, "orders");

    cr_assert_eq(m.ttl_ms, 1000);
    cr_assert_eq(m.max_idle_ms, 2000);
    cr_assert_eq(m.entries_max, 3);
    cr_assert_eq(m.bytes_max, 4096);
    cr_assert_eq(m.eviction, CONFIG_EVICT_RANDOM);
    cr_assert_eq(m.journal_capacity, 5);
    cr_assert_eq(config_map(c, "order").ttl_ms, 0);
    mr_config_free(c);
}

Test(config, takes_the_name_before_the_longest_pattern_before_default)
{
    mr_config_t *c = config();

    set(c, "maps.default.ttl", "1s");
    set(c, "maps.*.ttl", "2s");
    set(c, "maps.cache-user-*.ttl", "4s");
    set(c, "maps.cache-*.ttl", "3s");
    set(c, "maps.cache-user-7.ttl", "5s");
    cr_assert_eq(config_map(c, "cache-user-7").ttl_ms, 5000);
    cr_assert_eq(config_map(c, "cache-user-8").ttl_ms, 4000);
    cr_assert_eq(config_map(c, "cache-x").ttl_ms, 3000);
    cr_assert_eq(config_map(c, "x").ttl_ms, 2000);
    cr_assert_str_eq(mr_config_get(c, "maps.cache-x.ttl"), "3s");
    mr_config_free(c);
}

Test(config, uses_default_where_no_pattern_fits)
{
    mr_config_t *c = config();

    set(c, "maps.default.ttl", "1s");
    set(c, "maps.cache-*.ttl", "2s");
    cr_assert_eq(config_map(c, "x").ttl_ms, 1000);
    mr_config_free(c);
}

Test(config, looks_for_each_option_by_itself)
{
    mr_config_t *c = config();

    set(c, "maps.default.eviction", "lru");
    set(c, "maps.cache-*.max-size", "10");
    set(c, "maps.cache-7.ttl", "1s");
    struct config_map m = config_map(c, "cache-7");

    cr_assert_eq(m.ttl_ms, 1000);
    cr_assert_eq(m.entries_max, 10);
    cr_assert_eq(m.eviction, CONFIG_EVICT_LRU);
    mr_config_free(c);
}

Test(config, tells_options_of_maps_and_of_queues_apart)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    set(c, "maps.x.max-size", "1");
    set(c, "maps.*.max-size", "2");
    set(c, "queues.default.max-size", "3");
    set(c, "queues.a.b.max-size", "4");
    cr_assert_eq(config_map(c, "x").entries_max, 1);
    cr_assert_eq(config_option(c, "queues.*.max-size", "x"), 3);
    cr_assert_eq(config_option(c, "queues.*.max-size", "a.b"), 4);
    cr_assert_eq(config_option(c, "ringbuffers.*.capacity", "x"), 10000);
    cr_assert_str_eq(mr_config_get(c, "queues.y.max-size"), "3");
    cr_assert_eq(mr_config_set(c, "queues.x.ttl", "1s", &err), MR_ERR_CONFIG);
    mr_err_clear(&err);
    cr_assert_eq(mr_config_set(c, "queues.x.max-sise", "1", &err), MR_ERR_CONFIG);
    cr_assert_str_eq(err.hint, "did you mean queues.x.max-size?");
    mr_config_free(c);
}

Test(config, shows_no_secret)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;
    char long_one[CONFIG_NAME_MAX + 2] = "";

    cr_assert_not_null(strstr(shown(c, 0), "\nclients.password: \"\"\n"));
    set(c, "clients.password", "hunter2");
    cr_assert_not_null(strstr(shown(c, 1), "\nclients.password: \"***\"  # set\n"), "%s",
                       shown(c, 1));
    cr_assert_null(strstr(shown(c, 0), "hunter2"));
    memcpy(long_one, "hunter2", 7);
    memset(long_one + 7, 'x', CONFIG_NAME_MAX + 1 - 7);
    cr_assert_eq(mr_config_set(c, "clients.password", long_one, &err), MR_ERR_CONFIG);
    cr_assert_null(strstr(err.message, "hunter2"), "%s", err.message);
    mr_err_clear(&err);
    cr_assert_eq(mr_config_set(c, "clients.password", "***", &err), MR_ERR_CONFIG);
    mr_config_free(c);
}

Test(config, reads_and_shows_options_of_queues)
{
    mr_config_t *c = config();
    char *shown;
    size_t size;
    FILE *f = open_memstream(&shown, &size);

    cr_assert_eq(load(c, "queues:\n  orders:\n    max-size: 7\nringbuffers:\n", NULL), MR_OK);
    setenv("MILLRACE_RINGBUFFERS_DEFAULT_CAPACITY", "9", 1);
    cr_assert_eq(mr_config_env(c, NULL), MR_OK);
    mr_config_show(c, f, 0);
    fclose(f);
    cr_assert_not_null(strstr(shown, "\nqueues.orders.max-size: 7\n"));
    cr_assert_not_null(strstr(shown, "\nringbuffers.default.capacity: 9\n"));
    free(shown);
    mr_config_free(c);
}

Test(config, prefers_the_pattern_named_first_among_equally_long)
{
    mr_config_t *c = config();

    set(c, "maps.a*.ttl", "1s");
    set(c, "maps.*b.ttl", "2s");
    cr_assert_eq(config_map(c, "ab").ttl_ms, 1000);
    mr_config_free(c);
}

Test(config, lets_a_star_stand_for_any_letters)
{
    static const struct {
        const char *pattern, *name;
        bool fits;
    } cases[] = {
        {"*", "", true},         {"*", "abc", true},     {"a*", "a", true},
        {"a*", "ba", false},     {"*a", "bba", true},    {"*a", "ab", false},
        {"a*c", "abbbc", true},  {"a*c", "abbb", false}, {"a*b*c", "aXbYc", true},
        {"a*b*c", "acb", false}, {"*ab*", "aaab", true}, {"*ab", "abaab", true},
        {"a**b", "ab", true},    {"a.*", "a.b.c", true}, {"*.x", "a.b.x", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_config_t *c = config();
        char key[64];

        snprintf(key, sizeof key, "maps.%s.ttl", cases[i].pattern);
        set(c, key, "1s");
        cr_assert_eq(config_map(c, cases[i].name).ttl_ms, cases[i].fits ? 1000 : 0, "%s, %s",
                     cases[i].pattern, cases[i].name);
        mr_config_free(c);
    }
}

/* ---- files ---- */

Test(config, reads_a_file_as_nested_keys)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    mr_rc_t rc = load(c,
                      "cluster:\n"
                      "  name: 'prod'\n"
                      "log.level: warn\n"
                      "log: {format: json}\n"
                      "member:\n"
                      "maps:\n"
                      "  orders.eu: {ttl: 5m}\n"
                      "  cache-*:\n"
                      "    eviction: lru\n"
                      "  empty:\n",
                      &err);
    cr_assert_eq(rc, MR_OK, "%s", err.message);
    cr_assert_str_eq(config_text(c, "cluster.name"), "prod");
    cr_assert_eq(config_number(c, "log.level"), CONFIG_LOG_WARN);
    cr_assert_eq(config_number(c, "log.format"), CONFIG_LOG_JSON);
    cr_assert_eq(config_map(c, "orders.eu").ttl_ms, 300000);
    cr_assert_eq(config_map(c, "cache-1").eviction, CONFIG_EVICT_LRU);
    mr_config_free(c);
}

Test(config, reads_an_empty_file_as_no_keys)
{
    mr_config_t *c = config();

    cr_assert_eq(load(c, "", NULL), MR_OK);
    cr_assert_eq(load(c, "# nothing\n\n  # at all", NULL), MR_OK);
    cr_assert_str_eq(mr_config_get(c, "cluster.name"), "dev");
    mr_config_free(c);
}

Test(config, says_where_in_the_file_each_problem_stands)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    cr_assert_eq(load(c,
                      "cluster:\n"
                      "  nmae: prod\n"
                      "log: {level: loud}\n"
                      "member: {loops: [1, 2]}\n",
                      &err),
                 MR_ERR_CONFIG);
    cr_assert_str_eq(after_path(&err), ":2:9: there is no key cluster.nmae");
    cr_assert_str_eq(err.detail, "there are 2 more problems; mr_config_problems() has them all");
    cr_assert_eq(mr_config_problems(c, f), 3);
    fclose(f);
    cr_assert_not_null(strstr(text, ":2:9: there is no key cluster.nmae\n"));
    cr_assert_not_null(strstr(text, ":3:14: log.level cannot be \"loud\"\n"));
    cr_assert_not_null(strstr(text, ":4:10: member.loops is a list\n"));
    free(text);
    mr_config_free(c);
}

Test(config, takes_nothing_from_a_file_with_a_problem)
{
    mr_config_t *c = config();

    set(c, "maps.a.ttl", "1s");
    cr_assert_eq(load(c, "cluster: {name: prod}\nmaps: {a: {ttl: 2s}}\nlog: {level: loud}\n", NULL),
                 MR_ERR_CONFIG);
    cr_assert_str_eq(mr_config_get(c, "cluster.name"), "dev");
    cr_assert_eq(config_map(c, "a").ttl_ms, 1000);
    mr_config_free(c);
}

Test(config, forgets_the_problems_of_the_file_before)
{
    mr_config_t *c = config();

    cr_assert_eq(load(c, "log: {level: loud}\n", NULL), MR_ERR_CONFIG);
    cr_assert_eq(load(c, "log: {level: warn}\n", NULL), MR_OK);
    cr_assert_eq(mr_config_problems(c, stderr), 0);
    mr_config_free(c);
}

static const struct {
    const char *text, *says;
} broken[] = {
    {"cluster: {name: &a prod}\nmember: {name: *a}\n", ":2:10: member.name is an alias"},
    {"maps: {a: &a {ttl: 1s}, b: *a}\n", ":1:25: maps.b is an alias"},
    {"- cluster\n", ": it is not a set of keys"},
    {"cluster\n", ":1:1: it is not a set of keys"},
    {"cluster: {name: }\n", ":1:11: cluster.name cannot be \"\""},
    {"wether:\n", ":1:1: there is no key wether"},
    {"maps: {a: {tll: }}\n", ":1:12: there is no key maps.a.tll"},
    {"member: {loops: two}\n", ":1:17: member.loops cannot be \"two\""},
    {"a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", ":1:29: h is nested too deep"},
    {"? [a, b]\n: c\n", ": the file has a key that is no short text"},
};

Test(config, refuses_what_is_yaml_but_no_configuration)
{
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        mr_config_t *c = config();
        mr_err_t err = MR_ERR_INIT;

        cr_assert_eq(load(c, broken[i].text, &err), MR_ERR_CONFIG, "%s", broken[i].text);
        cr_expect_str_eq(after_path(&err), broken[i].says);
        cr_assert_neq(err.hint[0], '\0');
        mr_config_free(c);
    }
}

Test(config, says_where_the_syntax_is_broken)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    cr_assert_eq(load(c, "cluster:\n  name: \"prod\n", &err), MR_ERR_CONFIG);
    cr_assert_eq(strncmp(after_path(&err), ":2:10: ", 7), 0, "%s", err.message);
    mr_config_free(c);
}

Test(config, refuses_the_same_key_twice)
{
    mr_config_t *c = config();

    cr_assert_eq(load(c, "log: {level: warn}\nlog: {level: info}\n", NULL), MR_ERR_CONFIG);
    mr_config_free(c);
}

/* The parser would not come to an end over the second. */
Test(config, refuses_what_is_not_utf8_and_says_where, .timeout = 10)
{
    static const char *const texts[] = {"log:\n  level: \"\xff\"\n", "\n%a\xef\xdf\xdf\n"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        mr_config_t *c = config();
        mr_err_t err = MR_ERR_INIT;

        cr_assert_eq(load(c, texts[i], &err), MR_ERR_CONFIG);
        cr_expect_str_eq(after_path(&err), ":2: is not UTF-8 text");
        mr_config_free(c);
    }
}

Test(config, refuses_bytes_that_are_no_text)
{
    static const char nul[] = "cluster: {name: \"a\\0b\"}\n", raw[] = "cluster: {name: a\0b}\n";
    mr_config_t *c = config();

    cr_assert_eq(load_bytes(c, nul, sizeof nul - 1, NULL), MR_ERR_CONFIG);
    cr_assert_eq(load_bytes(c, raw, sizeof raw - 1, NULL), MR_ERR_CONFIG);
    cr_assert_eq(load(c, "\xff\xfe\xff", NULL), MR_ERR_CONFIG);
    mr_config_free(c);
}

Test(config, keeps_a_hundred_problems_and_counts_the_rest)
{
    mr_config_t *c = config();
    char text[4096] = "";
    size_t used = 0;
    FILE *nowhere = fopen("/dev/null", "w");

    for (int i = 0; i < 150; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "key%d: x\n", i);
    cr_assert_eq(load(c, text, NULL), MR_ERR_CONFIG);
    cr_assert_eq(mr_config_problems(c, nowhere), 150);
    fclose(nowhere);
    mr_config_free(c);
}

Test(config, refuses_a_file_that_is_missing_a_folder_or_too_large)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;
    size_t size = 2 * 1024 * 1024;
    char *text = malloc(size);

    cr_assert_eq(mr_config_load(c, "/nowhere/x.yaml", &err), MR_ERR_SYSTEM);
    cr_assert_str_eq(err.message, "cannot read /nowhere/x.yaml: No such file or directory");
    cr_assert_eq(mr_config_load(c, "/", NULL), MR_ERR_SYSTEM);
    memset(text, '#', size);
    mr_err_clear(&err);
    cr_assert_eq(load_bytes(c, text, size, &err), MR_ERR_CONFIG);
    cr_assert_str_eq(after_path(&err), " is larger than 1048576 bytes");
    free(text);
    mr_config_free(c);
}

/* ---- environment ---- */

Test(config, reads_the_environment)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    setenv("MILLRACE_CLUSTER_NAME", "prod", 1);
    setenv("MILLRACE_LIMITS_KEY_SIZE", "1KiB", 1);
    setenv("MILLRACE_MAPS_DEFAULT_MAX_IDLE", "1m", 1);
    setenv("MILLRACES", "not ours", 1);
    cr_assert_eq(mr_config_env(c, &err), MR_OK, "%s", err.message);
    cr_assert_str_eq(config_text(c, "cluster.name"), "prod");
    cr_assert_eq(config_number(c, "limits.key-size"), 1024);
    cr_assert_eq(config_map(c, "any").max_idle_ms, 60000);
    mr_config_free(c);
}

Test(config, refuses_a_variable_that_is_no_key_and_takes_none)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    setenv("MILLRACE_CLUSTER_NAME", "prod", 1);
    setenv("MILLRACE_LOG_LEVL", "warn", 1);
    cr_assert_eq(mr_config_env(c, &err), MR_ERR_CONFIG);
    cr_assert_str_eq(err.message, "environment variable MILLRACE_LOG_LEVL: there is no such key");
    cr_assert_str_eq(err.hint, "did you mean MILLRACE_LOG_LEVEL?");
    cr_assert_str_eq(mr_config_get(c, "cluster.name"), "dev");
    mr_config_free(c);
}

Test(config, refuses_a_variable_whose_value_is_not_valid)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    setenv("MILLRACE_LOG_LEVEL", "loud", 1);
    cr_assert_eq(mr_config_env(c, &err), MR_ERR_CONFIG);
    cr_assert_str_eq(err.message,
                     "environment variable MILLRACE_LOG_LEVEL: log.level cannot be \"loud\"");
    mr_config_free(c);
}

/* ---- origin, and writing ---- */

Test(config, knows_where_each_value_came_from)
{
    mr_config_t *c = config();
    char line[128];

    setenv("MILLRACE_LOG_LEVEL", "warn", 1);
    cr_assert_eq(load(c, "maps:\n  a*: {ttl: 1s}\n", NULL), MR_OK);
    cr_assert_eq(mr_config_env(c, NULL), MR_OK);
    set(c, "cluster.name", "a b");
    const char *text = shown(c, 1);

    cr_assert_not_null(strstr(text, "cluster.name: \"a b\"  # set\n"));
    cr_assert_not_null(strstr(text, "partitions.count: 271  # default\n"));
    cr_assert_not_null(
        strstr(text, "log.level: warn  # environment variable MILLRACE_LOG_LEVEL\n"));
    snprintf(line, sizeof line, "maps.a*.ttl: 1s  # %s:2:13\n", path);
    cr_assert_not_null(strstr(text, line), "%s", text);
    mr_config_free(c);
}

Test(config, shows_what_it_can_read_again)
{
    mr_config_t *c = config(), *again = config();
    char first[8192];

    set(c, "cluster.name", "quote \" and \\ and # and : {");
    set(c, "member.name", "- x");
    set(c, "maps.a: b.ttl", "1s");
    set(c, "maps.*.eviction", "lfu");
    snprintf(first, sizeof first, "%s", shown(c, 0));
    cr_assert_eq(load(again, first, NULL), MR_OK);
    cr_assert_str_eq(shown(again, 0), first);
    mr_config_free(c);
    mr_config_free(again);
}

Test(config, writes_an_example_with_every_key_and_its_default)
{
    mr_config_t *c = config();
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    mr_config_example(f);
    fclose(f);
    for (int row = 0; row < config_key_count; row++)
        cr_assert_not_null(strstr(text, strrchr(config_keys[row].name, '.') + 1));
    cr_assert_eq(load(c, text, NULL), MR_OK);
    for (int row = 0; row < config_key_count; row++)
        cr_assert_str_eq(mr_config_get(c, config_keys[row].name), config_keys[row].fallback);
    free(text);
    mr_config_free(c);
}

Test(config, copies_everything)
{
    mr_config_t *c = config();
    char before[8192];

    set(c, "cluster.name", "prod");
    set(c, "maps.a.ttl", "1s");
    snprintf(before, sizeof before, "%s", shown(c, 1));
    mr_config_t *copy = config_copy(c);

    mr_config_free(c);
    cr_assert_str_eq(shown(copy, 1), before);
    cr_assert_eq(config_map(copy, "a").ttl_ms, 1000);
    mr_config_free(copy);
}

/* ---- memory ---- */

/* Everything a configuration does, with `allowed` allocations. */
static mr_rc_t live(int allowed)
{
    mr_err_t err = MR_ERR_INIT;
    mr_config_t *c, *copy;

    scarce_left = allowed;
    c = mr_config_new(&err);
    (void)mr_config_set(c, "maps.a.ttl", "1s", &err);
    (void)mr_config_load(c, path, &err);
    (void)mr_config_env(c, &err);
    if (err.code == MR_OK && (copy = config_copy(c)))
        mr_config_free(copy);
    else if (err.code == MR_OK)
        err.code = MR_ERR_MEMORY;
    mr_config_free(c);
    return err.code;
}

Test(config, survives_the_failure_of_each_allocation)
{
    static const char text[] = "cluster: {name: x}\nmaps: {a: {ttl: 2s}, b*: {ttl: 3s}}\n";
    int allowed = 0;

    write_file(text, sizeof text - 1);
    setenv("MILLRACE_LOG_LEVEL", "warn", 1);
    mem_hooks_set(&scarce);
    while (live(allowed) == MR_ERR_MEMORY)
        allowed++;
    cr_assert_eq(live(allowed), MR_OK);
    cr_assert_gt(allowed, 50);
    mem_hooks_set(NULL);
    unlink(path);
}

Test(config, reports_a_problem_even_without_memory_to_keep_it)
{
    mr_config_t *c = config();
    mr_err_t err = MR_ERR_INIT;

    setenv("MILLRACE_NOTHING", "x", 1);
    mem_hooks_set(&scarce);
    scarce_left = 1; /* the draft */
    cr_assert_eq(mr_config_env(c, &err), MR_ERR_MEMORY);
    cr_assert_eq(err.code, MR_ERR_MEMORY);
    mem_hooks_set(NULL);
    mr_config_free(c);
}

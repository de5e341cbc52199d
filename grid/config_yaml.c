/* config_yaml.c - the configuration as a YAML file, read and written, and the environment.
 *
 * A mapping in the file is a step in the key: `log:` with `level: info` below it is log.level.
 * So the walk knows no key by name. Aliases are refused, not followed: a small file of them
 * stands for a large tree.
 */
#define _GNU_SOURCE
#include "grid/config.h"

#include <errno.h>
#include <libfyaml.h>
#include <string.h>
#include <unistd.h>

#include "net/base/mem.h"
#include "net/base/nearest.h"
#include "net/wire/utf8.h"

enum { FILE_MAX = 1024 * 1024, DEPTH_MAX = 8, KEY_MAX = 600, WHERE_MAX = 320 };

/* ---- reading a file ---- */

struct reader {
    mr_config_t *config;
    mr_config_t *draft;
    const char *path;
};

static void where(const struct reader *r, struct fy_node *node, char *text, size_t size)
{
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;

    if (mark)
        snprintf(text, size, "%.255s:%d:%d", r->path, mark->line + 1, mark->column + 1);
    else
        snprintf(text, size, "%.255s", r->path);
}

/* `at` is the key's node, which always has a place in the file. */
static void problem(const struct reader *r, struct fy_node *at, const char *hint, const char *key,
                    const char *words)
{
    mr_err_t err = MR_ERR_INIT;
    char place[WHERE_MAX];

    where(r, at, place, sizeof place);
    (void)fail(&err, MR_ERR_CONFIG, hint, "%s: %.200s %s", place, key, words);
    config_problem(r->config, &err);
}

/* Is `key` the beginning of a real one, so that a section without content is just that? */
static bool is_section(const char *key)
{
    size_t size = strlen(key);

    for (int row = 0; row < config_key_count; row++) {
        const char *name = config_keys[row].name;
        size_t family = config_family(row);

        if (strncmp(name, key, size) == 0 && name[size] == '.')
            return true;
        if (config_is_option(row) && strncmp(name, key, family) == 0)
            return strchr(key + family, '.') == NULL;
    }
    return false;
}

/* A copy of a scalar, NUL-terminated; false when it does not fit or has a NUL inside. */
static bool scalar(struct fy_node *node, char *text, size_t size)
{
    size_t length = 0;
    const char *from = node ? fy_node_get_scalar(node, &length) : "";

    if (length >= size || (length && memchr(from, '\0', length)))
        return false;
    if (length)
        memcpy(text, from, length);
    text[length] = '\0';
    return true;
}

static void read_scalar(const struct reader *r, struct fy_node *at, struct fy_node *value,
                        const char *key)
{
    mr_err_t err = MR_ERR_INIT;
    char text[1024], place[WHERE_MAX];

    if (!scalar(value, text, sizeof text)) {
        problem(r, at, "write a shorter one", key, "has a value that is too long");
        return;
    }
    if (text[0] == '\0' && is_section(key))
        return;
    where(r, text[0] ? value : at, place, sizeof place);
    if (config_assign(r->draft, key, text, place, place, &err) != MR_OK)
        config_problem(r->config, &err);
}

static void read_mapping(const struct reader *r, struct fy_node *mapping, const char *prefix,
                         int depth)
{
    struct fy_node_pair *pair;
    void *state = NULL;

    while ((pair = fy_node_mapping_iterate(mapping, &state))) {
        struct fy_node *name = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
        char word[CONFIG_NAME_MAX + 1], key[KEY_MAX];

        if (!name || !fy_node_is_scalar(name) || fy_node_is_alias(name) ||
            !scalar(name, word, sizeof word)) {
            problem(r, name, "write it as a plain word", *prefix ? prefix : "the file",
                    "has a key that is no short text");
            continue;
        }
        int used = snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", word);

        if (used < 0 || (size_t)used >= sizeof key || depth >= DEPTH_MAX)
            problem(r, name, "no key is that long", word, "is nested too deep");
        else if (value && fy_node_is_alias(value))
            problem(r, name, "write the value out", key, "is an alias");
        else if (value && fy_node_is_mapping(value))
            read_mapping(r, value, key, depth + 1);
        else if (value && fy_node_is_sequence(value))
            problem(r, name, "write a single value", key, "is a list");
        else
            read_scalar(r, name, value, key);
    }
}

/* What the parser found wrong: its messages have a place but not our form. */
static void take_syntax_errors(const struct reader *r, struct fy_diag *diag)
{
    const struct fy_diag_error *e;
    void *state = NULL;

    while ((e = fy_diag_errors_iterate(diag, &state))) {
        mr_err_t err = MR_ERR_INIT;

        (void)fail(&err, MR_ERR_CONFIG, "this is the syntax of YAML, not a key: look at the line",
                   "%.255s:%d:%d: %.100s", r->path, e->line, e->column, e->msg);
        config_problem(r->config, &err);
    }
    if (r->config->problem_count == 0) {
        mr_err_t err = MR_ERR_INIT;

        (void)fail(&err, MR_ERR_CONFIG, "millrace config example prints one that can be read",
                   "%.255s cannot be read as YAML", r->path);
        config_problem(r->config, &err);
    }
}

/* Nothing but comments? The parser has no document then, just as when it cannot read at all. */
static bool is_blank(const char *text, size_t size)
{
    bool comment = false;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            comment = false;
        else if (text[i] == '#')
            comment = true;
        else if (!comment && text[i] != ' ' && text[i] != '\r')
            return false;
    }
    return true;
}

/* Bytes that are no text are not for the parser, which goes round in circles over some of them. */
static bool is_text(const struct reader *r, const char *text, size_t size)
{
    const char *end = text + size;

    for (int line = 1; text < end; line++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *next = newline ? newline + 1 : end;

        if (!utf8_valid(text, (size_t)(next - text))) {
            mr_err_t err = MR_ERR_INIT;

            (void)fail(&err, MR_ERR_CONFIG, "save it as UTF-8", "%.255s:%d: is not UTF-8 text",
                       r->path, line);
            config_problem(r->config, &err);
            return false;
        }
        text = next;
    }
    return true;
}

static mr_rc_t read_text(const struct reader *r, const char *text, size_t size)
{
    struct fy_document *document;
    struct fy_node *root;

    if (!is_text(r, text, size))
        return MR_OK;
    struct fy_diag *diag = fy_diag_create(&(struct fy_diag_cfg){.level = FYET_ERROR});

    if (!diag)
        return MR_ERR_MEMORY;
    fy_diag_set_collect_errors(diag, true);
    document = fy_document_build_from_string(
        &(struct fy_parse_cfg){.flags = FYPCF_QUIET, .diag = diag}, text, size);
    root = document ? fy_document_root(document) : NULL;
    if (!document && !is_blank(text, size))
        take_syntax_errors(r, diag);
    else if (root && fy_node_is_mapping(root))
        read_mapping(r, root, "", 1);
    else if (root)
        problem(r, root, "millrace config example prints one", "it", "is not a set of keys");
    fy_document_destroy(document);
    fy_diag_destroy(diag);
    return MR_OK;
}

/* The whole file, in memory that is the caller's. */
static mr_rc_t slurp(const char *path, char **ret_text, size_t *ret_size, mr_err_t *err)
{
    FILE *f = fopen(path, "re");
    char *text = f ? mem_alloc(FILE_MAX + 1) : NULL;
    mr_rc_t rc = MR_OK;
    size_t size = text ? fread(text, 1, FILE_MAX + 1, f) : 0;

    if (!f || (text && ferror(f)))
        rc = fail(err, MR_ERR_SYSTEM, "check that the file is there and may be read",
                  "cannot read %.255s: %s", path, strerror(errno));
    else if (!text)
        rc = fail(err, MR_ERR_MEMORY, NULL, "no memory to read %.255s", path);
    else if (size > FILE_MAX)
        rc = fail(err, MR_ERR_CONFIG, "a configuration is much smaller; is it another file?",
                  "%.255s is larger than %d bytes", path, FILE_MAX);
    if (f)
        fclose(f);
    if (rc != MR_OK) {
        mem_free(text);
        return rc;
    }
    *ret_text = text;
    *ret_size = size;
    return MR_OK;
}

mr_rc_t mr_config_load(mr_config_t *c, const char *path, mr_err_t *err)
{
    mr_config_t *draft;
    char *text = NULL;
    size_t size = 0;
    mr_rc_t rc;

    if (err && err->code != MR_OK)
        return err->code;
    if (!c || !path)
        return fail(err, MR_ERR_ARGUMENT, NULL, "mr_config_load: a NULL argument");
    draft = config_begin(c, err);
    if (!draft)
        return MR_ERR_MEMORY;
    rc = slurp(path, &text, &size, err);
    if (rc == MR_OK && (rc = read_text(&(struct reader){c, draft, path}, text, size)) != MR_OK)
        rc = fail(err, rc, NULL, "no memory to read %.255s", path);
    mem_free(text);
    if (rc == MR_OK)
        return config_finish(c, draft, err);
    mr_config_free(draft);
    return rc;
}

/* ---- reading the environment ---- */

static void read_variable(mr_config_t *c, mr_config_t *draft, const char *name, const char *value)
{
    mr_err_t err = MR_ERR_INIT;
    char known[128], key[128], hint[192], names[CONFIG_KEYS_MAX][64];
    struct nearest n = {.typed = name};
    mr_rc_t rc;

    for (int row = 0; row < config_key_count; row++) {
        config_env_name(row, names[row], sizeof names[row]);
        nearest_offer(&n, names[row]);
        if (strcmp(name, names[row]) != 0)
            continue;
        if (config_is_option(row))
            snprintf(key, sizeof key, "%.*sdefault%s", (int)config_family(row),
                     config_keys[row].name, strrchr(config_keys[row].name, '.'));
        else
            snprintf(key, sizeof key, "%s", config_keys[row].name);
        snprintf(known, sizeof known, "environment variable %s", name);
        rc = config_assign(draft, key, value, known, known, &err);
        if (rc != MR_OK)
            config_problem(c, &err);
        return;
    }
    snprintf(hint, sizeof hint, n.name ? "did you mean %s?" : "unset it", n.name);
    rc = fail(&err, MR_ERR_CONFIG, hint, "environment variable %.200s: there is no such key", name);
    config_problem(c, &err);
}

mr_rc_t mr_config_env(mr_config_t *c, mr_err_t *err)
{
    static const char prefix[] = "MILLRACE_";
    mr_config_t *draft;

    if (err && err->code != MR_OK)
        return err->code;
    if (!c)
        return fail(err, MR_ERR_ARGUMENT, NULL, "mr_config_env: a NULL argument");
    draft = config_begin(c, err);
    if (!draft)
        return MR_ERR_MEMORY;
    for (char **variable = environ; *variable; variable++) {
        const char *end = strchr(*variable, '=');
        char name[CONFIG_NAME_MAX + 1];

        if (!end || strncmp(*variable, prefix, sizeof prefix - 1) != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(end - *variable), *variable);
        read_variable(c, draft, name, end + 1);
    }
    return config_finish(c, draft, err);
}

/* ---- writing ---- */

/* Breaks text into comment lines of 96 columns. */
static void write_comment(FILE *f, int indent, const char *text)
{
    const int room = 94 - indent;

    while (*text) {
        int size = (int)strlen(text);

        if (size > room)
            for (size = room; size > 1 && text[size] != ' '; size--)
                ;
        fprintf(f, "%*s# %.*s\n", indent, "", size, text);
        text += size;
        while (*text == ' ')
            text++;
    }
}

static bool is_plain(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./*-";

    return text[0] && !strchr("*-.", text[0]) && text[strspn(text, letters)] == '\0';
}

/* Values are printable, so that these two are all there is to escape. */
static void write_scalar(FILE *f, const char *text)
{
    if (is_plain(text)) {
        fputs(text, f);
        return;
    }
    putc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', f);
        putc(*text, f);
    }
    putc('"', f);
}

static void write_key(FILE *f, int row, int indent)
{
    const struct config_key *key = &config_keys[row];
    char accepted[256], variable[128], line[512];

    config_describe(row, accepted, sizeof accepted);
    config_env_name(row, variable, sizeof variable);
    write_comment(f, indent, key->sentence);
    snprintf(line, sizeof line, "%c%s. %s", accepted[0] - 'a' + 'A', accepted + 1, variable);
    write_comment(f, indent, line);
    fprintf(f, "%*s%s: ", indent, "", strrchr(key->name, '.') + 1);
    write_scalar(f, key->fallback);
    putc('\n', f);
}

void mr_config_example(FILE *f)
{
    const char *section = "";
    size_t size = 0;

    fputs(
        "# Configuration of a Millrace member: every key, and its default.\n"
        "#\n"
        "# In C a key is written with dots, mr_config_set(config, \"log.level\", \"warn\", &err);\n"
        "# the variable of the environment stands beside each.\n",
        f);
    for (int row = 0; row < config_key_count; row++) {
        const char *name = config_keys[row].name;
        bool option = config_is_option(row);

        if (strncmp(name, section, size) != 0 || size == 0) {
            section = name;
            size = (size_t)(strchr(name, '.') + 1 - name);
            fprintf(f, "\n%.*s:\n", (int)size - 1, section);
            if (option && strncmp(name, "maps.", size) == 0)
                fputs("  # For one map write its name, for several a pattern in which * stands for "
                      "any\n"
                      "  # letters. A map takes each option from its own name, else from the "
                      "longest\n"
                      "  # pattern that sets it, else from default; so does all that has options "
                      "by name:\n"
                      "  #   session-*:\n"
                      "  #     ttl: 30m\n",
                      f);
            if (option)
                fputs("  default:\n", f);
        }
        write_key(f, row, option ? 4 : 2);
    }
}

static void show_value(FILE *f, int row, const char *key, const struct config_value *v, int origin)
{
    bool secret = config_keys[row].type == CONFIG_SECRET && v->text[0];

    write_scalar(f, key);
    fputs(": ", f);
    write_scalar(f, secret ? CONFIG_MASK : v->text);
    if (origin)
        fprintf(f, "  # %s", v->origin);
    putc('\n', f);
}

void mr_config_show(const mr_config_t *c, FILE *f, int origin)
{
    char key[KEY_MAX];

    if (!c)
        return;
    for (int row = 0; row < config_key_count; row++)
        if (!config_is_option(row))
            show_value(f, row, config_keys[row].name, &c->member.values[row], origin);
    for (const struct config_section *s = c->member.next; s; s = s->next)
        for (int row = 0; row < config_key_count; row++) {
            if (!s->values[row].text)
                continue;
            snprintf(key, sizeof key, "%s%s", s->name, strrchr(config_keys[row].name, '.'));
            show_value(f, row, key, &s->values[row], origin);
        }
}

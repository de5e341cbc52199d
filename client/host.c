/* host.c - what the host program gives and is told: memory, log, version. */
#include <millrace/millrace.h>
#include <string.h>
#include <unistd.h>

#include "net/base/error.h"
#include "net/base/log.h"
#include "net/base/mem.h"

void mr_allocator_set(const mr_allocator_t *a)
{
    if (!a) {
        mem_hooks_set(NULL);
        return;
    }
    mem_hooks_set(&(struct mem_hooks){a->alloc, a->realloc, a->free, NULL, a->context});
}

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

static mr_rc_t level_of(const char *name, enum log_level *ret_level, mr_err_t *err)
{
    for (int i = LOG_DEBUG; name && i <= LOG_ERROR; i++) {
        if (strcmp(name, level_names[i]) != 0)
            continue;
        *ret_level = (enum log_level)i;
        return MR_OK;
    }
    return fail(err, MR_ERR_ARGUMENT, "say error, warn, info or debug", "\"%s\" is no log level",
                name ? name : "NULL");
}

mr_rc_t mr_log_to_file(FILE *f, const char *level, mr_err_t *err)
{
    enum log_level least;
    mr_rc_t rc;

    if (err && err->code != MR_OK)
        return err->code;
    if (!f) {
        log_to_nowhere();
        return MR_OK;
    }
    if ((rc = level_of(level, &least, err)) != MR_OK)
        return rc;
    fflush(f);
    log_to_fd(fileno(f), LOG_FORM_AUTO, least);
    return MR_OK;
}

static void (*callback)(void *context, const char *level, const char *event, const char *fields);

static void call_back(void *context, const struct log_entry *e)
{
    callback(context, level_names[e->level], e->event, e->fields);
}

mr_rc_t mr_log_to_callback(void (*fn)(void *context, const char *level, const char *event,
                                      const char *fields),
                           void *context, const char *level, mr_err_t *err)
{
    enum log_level least;
    mr_rc_t rc;

    if (err && err->code != MR_OK)
        return err->code;
    log_to_nowhere(); /* after it the former callback is not running */
    if (!fn)
        return MR_OK;
    if ((rc = level_of(level, &least, err)) != MR_OK)
        return rc;
    callback = fn;
    log_to_callback(call_back, context, least);
    return MR_OK;
}

const char *mr_version(void)
{
    return MR_VERSION;
}

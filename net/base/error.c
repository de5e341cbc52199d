#include "net/base/error.h"

#include <string.h>

static const struct {
    mr_rc_t code;
    int retryable;
    const char *name;
    const char *sentence;
} codes[] = {
#define X(name, number, sentence, retryable) {MR_##name, retryable, "MR_" #name, sentence},
    MR_RC_MAP(X)
#undef X
};

enum { CODES = sizeof codes / sizeof codes[0] };

static int find(mr_rc_t code)
{
    for (int i = 0; i < CODES; i++)
        if (codes[i].code == code)
            return i;
    return -1;
}

const char *mr_rc_text(mr_rc_t code)
{
    int i = find(code);

    return i < 0 ? "an unknown code" : codes[i].sentence;
}

const char *mr_rc_name(mr_rc_t code)
{
    int i = find(code);

    return i < 0 ? "MR_?" : codes[i].name;
}

void mr_err_clear(mr_err_t *err)
{
    if (err)
        *err = (mr_err_t)MR_ERR_INIT;
}

int mr_err_report(FILE *f, const mr_err_t *err)
{
    if (!err || err->code == MR_OK)
        return 0;

    fprintf(f, "error MR-%04d: %s\n", (int)err->code,
            err->message[0] ? err->message : mr_rc_text(err->code));
    if (err->detail[0])
        fprintf(f, "detail: %s\n", err->detail);
    if (err->hint[0])
        fprintf(f, "hint:   %s\n", err->hint);
    return 1;
}

mr_rc_t fail(mr_err_t *err, mr_rc_t code, const char *hint, const char *format, ...)
{
    va_list args;
    int i = find(code);

    if (!err || err->code != MR_OK)
        return code;

    err->code = code;
    err->retryable = i >= 0 && codes[i].retryable;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    err->detail[0] = '\0';
    snprintf(err->hint, sizeof err->hint, "%s", hint ? hint : "");
    return code;
}

void fail_detail(mr_err_t *err, const char *format, ...)
{
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    vsnprintf(err->detail, sizeof err->detail, format, args);
    va_end(args);
}

#include "net/wire/sink.h"

#include <string.h>

#include "net/base/mem.h"
#include "net/wire/bigend.h"

static bool grow(struct sink *s, size_t need)
{
    size_t room = s->room < 64 ? 128 : s->room * 2;
    uint8_t *at = NULL;

    if (need > SINK_SIZE_MAX)
        return false;
    if (room < need)
        room = need;
    if (!s->out_of_memory)
        at = mem_realloc(s->at, room);
    if (!at) {
        s->out_of_memory = true;
        return false;
    }
    s->at = at;
    s->room = room;
    return true;
}

uint8_t *sink_more(struct sink *s, size_t n)
{
    size_t begin = s->size;

    s->size += n;
    if (s->size > s->room && !(s->grows && grow(s, s->size)))
        return NULL;
    return s->at ? s->at + begin : NULL;
}

void sink_put(struct sink *s, const void *bytes, size_t n)
{
    uint8_t *to = sink_more(s, n);

    if (to && n)
        memcpy(to, bytes, n);
}

void sink_put8(struct sink *s, uint8_t v)
{
    sink_put(s, &v, 1);
}

void sink_put16(struct sink *s, uint16_t v)
{
    uint8_t b[2];

    put_be16(b, v);
    sink_put(s, b, sizeof b);
}

void sink_put32(struct sink *s, uint32_t v)
{
    uint8_t b[4];

    put_be32(b, v);
    sink_put(s, b, sizeof b);
}

void sink_put64(struct sink *s, uint64_t v)
{
    uint8_t b[8];

    put_be64(b, v);
    sink_put(s, b, sizeof b);
}

mr_rc_t sink_state(const struct sink *s)
{
    if (s->out_of_memory)
        return MR_ERR_MEMORY;
    return s->size > s->room || s->size > SINK_SIZE_MAX ? MR_ERR_TOO_LARGE : MR_OK;
}

void sink_free(struct sink *s)
{
    if (s->grows)
        mem_free(s->at);
    *s = (struct sink){.grows = s->grows};
}

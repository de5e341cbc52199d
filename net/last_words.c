#include "net/last_words.h"

#include <assert.h>
#include <string.h>

#include "net/wire/bigend.h"

/* HELLO: magic and version, from, to, generation, number, then the writer's and the reader's
 * address, 16 bytes and a port each. */
static const uint8_t magic[8] = {'M', 'R', 'L', 'W', 0, 0, 0, 1};

enum { FROM = 8, TO = 16, GENERATION = 24, NUMBER = 32, WRITER = 40, READER = 58 };

static_assert(READER + 18 == LAST_WORDS_HELLO_SIZE);

static void put_address(uint8_t *out, const struct address *a)
{
    memcpy(out, a->ip, 16);
    put_be16(out + 16, a->port);
}

static struct address get_address(const uint8_t *in)
{
    struct address a = {.port = get_be16(in + 16)};

    memcpy(a.ip, in, 16);
    return a;
}

/* ---- the writer ----------------------------------------------------------------------------- */

bool last_words_is_ours(const struct last_words_writer *w)
{
    return !w->link || (w->identity != 0 && link_identity(w->link) == w->identity);
}

bool last_words_abort(struct last_words_writer *w)
{
    bool ours = last_words_is_ours(w);

    link_abort(w->link);
    w->link = NULL;
    return ours;
}

/* Whatever the reader does, our end is never closed in another way. */
static void reader_has_gone(struct last_words_writer *w)
{
    last_words_abort(w);
    w->ended(w->context);
}

static void writer_finished(void *context)
{
    reader_has_gone(context);
}

static void writer_ended(void *context, enum link_end end)
{
    struct last_words_writer *w = context;

    (void)end;
    w->link = NULL; /* the transport lets go of it by an abort */
    w->ended(w->context);
}

/* A reader that speaks would have its bytes lie unread here at the wrong moment. */
static void writer_received(void *context, const uint8_t *bytes, size_t size)
{
    (void)bytes, (void)size;
    reader_has_gone(context);
}

static const struct link_events writer_events = {
    .received = writer_received, .finished = writer_finished, .ended = writer_ended};

mr_rc_t last_words_write(struct last_words_writer *w, struct link *link,
                         const struct last_words_hello *hello, void (*ended)(void *context),
                         void *context)
{
    uint8_t bytes[LAST_WORDS_HELLO_SIZE];
    struct address here = link_local(link);

    *w = (struct last_words_writer){link, link_identity(link), ended, context};
    link_attach(link, &writer_events, w);
    memcpy(bytes, magic, sizeof magic);
    put_be64(bytes + FROM, hello->from);
    put_be64(bytes + TO, hello->to);
    put_be64(bytes + GENERATION, hello->generation);
    put_be64(bytes + NUMBER, hello->number);
    put_address(bytes + WRITER, &here);
    put_address(bytes + READER, &link->peer);
    if (last_words_is_ours(w) && last_words_say(w, bytes, sizeof bytes))
        return MR_OK;
    last_words_abort(w);
    return MR_ERR_SYSTEM;
}

bool last_words_say(struct last_words_writer *w, const void *bytes, size_t size)
{
    if (!w->link)
        return false;
    if (link_send(w->link, bytes, size) == size)
        return true;
    last_words_abort(w);
    return false;
}

/* ---- the reader ----------------------------------------------------------------------------- */

void last_words_forget(struct last_words_reader *r)
{
    link_abort(r->link);
    r->link = NULL;
}

static void judge(struct last_words_reader *r, enum last_words_verdict verdict)
{
    last_words_forget(r);
    r->events->verdict(r->context, verdict);
}

/* The peer's kernel has said it, and as the first word: see transport.h. */
static void reader_finished(void *context)
{
    struct last_words_reader *r = context;

    judge(r, r->open && !r->indirect ? LAST_WORDS_DEAD : LAST_WORDS_BROKEN);
}

static void reader_ended(void *context, enum link_end end)
{
    struct last_words_reader *r = context;

    (void)end; /* whatever it was, it was no FIN */
    r->link = NULL;
    r->events->verdict(r->context, LAST_WORDS_BROKEN);
}

static void meet(struct last_words_reader *r)
{
    struct last_words_hello hello = {
        .from = get_be64(r->hello + FROM),
        .to = get_be64(r->hello + TO),
        .generation = get_be64(r->hello + GENERATION),
        .number = get_be64(r->hello + NUMBER),
        .writer = get_address(r->hello + WRITER),
        .reader = get_address(r->hello + READER),
    };
    struct address here = link_local(r->link);

    r->open = true;
    r->indirect =
        !address_equal(&hello.writer, &r->link->peer) || !address_equal(&hello.reader, &here);
    r->events->opened(r->context, &hello, r->indirect);
}

/* Bytes as the writer wrote them. Returns how many of them belong to HELLO. */
static size_t take_hello(struct last_words_reader *r, const uint8_t *bytes, size_t size)
{
    size_t wanted = sizeof r->hello - r->got, n = size < wanted ? size : wanted;

    memcpy(r->hello + r->got, bytes, n);
    r->got += n;
    if (r->got < sizeof r->hello)
        return n;
    if (memcmp(r->hello, magic, sizeof magic) == 0)
        meet(r);
    else
        judge(r, LAST_WORDS_BROKEN);
    return n;
}

static void reader_received(void *context, const uint8_t *bytes, size_t size)
{
    struct last_words_reader *r = context;
    size_t n = r->open ? 0 : take_hello(r, bytes, size);

    if (r->link && size > n)
        r->events->heard(r->context, bytes + n, size - n);
}

static const struct link_events reader_events = {
    .received = reader_received, .finished = reader_finished, .ended = reader_ended};

mr_rc_t last_words_read(struct last_words_reader *r, struct transport *t, const struct address *to,
                        const struct last_words_events *events, void *context)
{
    *r = (struct last_words_reader){.events = events, .context = context};
    return transport_connect(t, to, &reader_events, r, &r->link);
}

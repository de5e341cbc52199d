/* last_words_test.c - what is heard on the channel when its writer dies, aborts or is imitated:
 * over sockets with a process that is killed, and over the network in memory. */
#define _GNU_SOURCE
#include "net/last_words.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/base/clock.h"
#include "net/memory.h"
#include "net/tcp.h"

static const struct last_words_hello names = {.from = 11, .to = 22, .generation = 3, .number = 4};

/* ---- the two ends --------------------------------------------------------------------------- */

struct writer {
    struct last_words_writer channel;
    int accepted, ended;
};

static void on_writer_ended(void *context)
{
    ((struct writer *)context)->ended++;
}

static void on_accepted(void *context, struct link *link)
{
    struct writer *w = context;

    w->accepted++;
    cr_assert(eq(int, last_words_write(&w->channel, link, &names, on_writer_ended, w), MR_OK));
}

struct reader {
    struct last_words_reader channel;
    struct last_words_hello hello;
    int opened, heard, verdicts;
    bool indirect;
    enum last_words_verdict verdict;
};

static void on_opened(void *context, const struct last_words_hello *hello, bool indirect)
{
    struct reader *r = context;

    r->opened++;
    r->hello = *hello;
    r->indirect = indirect;
}

static void on_heard(void *context, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    ((struct reader *)context)->heard += (int)size;
}

static void on_verdict(void *context, enum last_words_verdict verdict)
{
    struct reader *r = context;

    r->verdicts++;
    r->verdict = verdict;
}

static const struct last_words_events events = {on_opened, on_heard, on_verdict};

/* ---- over the network in memory ------------------------------------------------------------- */

struct world {
    struct loop *loop;
    struct memory_network *net;
    struct transport *writes, *reads;
    struct address writer_host, reader_host;
    struct listener *listener;
    struct writer writer;
    struct reader reader;
};

static uint64_t virtual_ns = 1000000000;

static uint64_t virtual_clock(void *context)
{
    (void)context;
    return virtual_ns;
}

static struct address address(const char *text)
{
    struct address a;

    cr_assert(eq(int, address_parse(text, 0, &a), MR_OK));
    return a;
}

static void a_while(struct world *w)
{
    uint64_t next;

    for (int i = 0; i < 100 && (next = loop_round(w->loop)) != LOOP_NEVER; i++)
        virtual_ns = next > virtual_ns ? next : virtual_ns;
}

static void open_channel(struct world *w)
{
    struct memory_config config = {5, 100000, 900000};

    w->writer_host = address("10.0.0.1");
    w->reader_host = address("10.0.0.2");
    clock_set(virtual_clock, NULL);
    cr_assert(eq(int, loop_new(&w->loop), MR_OK));
    cr_assert(eq(int, memory_network_new(&config, &w->net), MR_OK));
    cr_assert(eq(int, memory_host_new(w->net, w->loop, &w->writer_host, &w->writes), MR_OK));
    cr_assert(eq(int, memory_host_new(w->net, w->loop, &w->reader_host, &w->reads), MR_OK));
    cr_assert(
        eq(int, transport_listen(w->writes, &w->writer_host, on_accepted, &w->writer, &w->listener),
           MR_OK));
    cr_assert(
        eq(int,
           last_words_read(&w->reader.channel, w->reads, &w->listener->local, &events, &w->reader),
           MR_OK));
    a_while(w);
}

static void world_end(struct world *w)
{
    last_words_forget(&w->reader.channel);
    last_words_abort(&w->writer.channel);
    transport_unlisten(w->listener);
    transport_free(w->writes);
    transport_free(w->reads);
    memory_network_free(w->net);
    loop_free(w->loop);
    clock_set(NULL, NULL);
}

Test(last_words, names_the_writer_and_both_addresses)
{
    static struct world w;

    open_channel(&w);
    cr_assert(eq(int, w.reader.opened, 1));
    cr_assert(eq(u64, w.reader.hello.from, names.from));
    cr_assert(eq(u64, w.reader.hello.to, names.to));
    cr_assert(eq(u64, w.reader.hello.generation, names.generation));
    cr_assert(eq(u64, w.reader.hello.number, names.number));
    cr_assert(address_equal(&w.reader.hello.writer, &w.listener->local));
    cr_assert(address_same_host(&w.reader.hello.reader, &w.reader_host));
    cr_assert(not(w.reader.indirect));
    world_end(&w);
}

Test(last_words, carries_what_the_writer_says)
{
    static struct world w;

    open_channel(&w);
    cr_assert(last_words_is_ours(&w.writer.channel));
    cr_assert(last_words_say(&w.writer.channel, "beat", 4));
    a_while(&w);
    cr_assert(eq(int, w.reader.heard, 4));
    cr_assert(zero(int, w.reader.verdicts));
    world_end(&w);
}

Test(last_words, a_process_that_dies_is_dead)
{
    static struct world w;

    open_channel(&w);
    cr_assert(last_words_say(&w.writer.channel, "beat", 4));
    memory_die(w.net, &w.writer_host);
    w.writer.channel.link = NULL;
    w.listener = NULL; /* died with it, but for the memory */
    a_while(&w);
    cr_assert(eq(int, w.reader.heard, 4));
    cr_assert(eq(int, w.reader.verdicts, 1));
    cr_assert(eq(int, w.reader.verdict, LAST_WORDS_DEAD));
    world_end(&w);
}

Test(last_words, an_abort_is_no_evidence)
{
    static struct world w;

    open_channel(&w);
    last_words_abort(&w.writer.channel);
    last_words_abort(&w.writer.channel);
    cr_assert(not(last_words_say(&w.writer.channel, "beat", 4)));
    a_while(&w);
    cr_assert(eq(int, w.reader.verdicts, 1));
    cr_assert(eq(int, w.reader.verdict, LAST_WORDS_BROKEN));
    cr_assert(zero(int, w.writer.ended));
    world_end(&w);
}

Test(last_words, a_reset_on_the_way_is_no_evidence)
{
    static struct world w;

    open_channel(&w);
    memory_break(w.net, &w.writer_host, &w.reader_host);
    a_while(&w);
    cr_assert(eq(int, w.reader.verdict, LAST_WORDS_BROKEN));
    cr_assert(eq(int, w.reader.verdicts, 1));
    cr_assert(eq(int, w.writer.ended, 1));
    world_end(&w);
}

Test(last_words, a_cut_is_silence)
{
    static struct world w;

    open_channel(&w);
    cr_assert(eq(int, memory_cut(w.net, &w.writer_host, &w.reader_host), MR_OK));
    memory_die(w.net, &w.writer_host);
    w.writer.channel.link = NULL;
    w.listener = NULL;
    a_while(&w);
    cr_assert(zero(int, w.reader.verdicts));
    memory_heal(w.net, &w.writer_host, &w.reader_host);
    a_while(&w);
    cr_assert(eq(int, w.reader.verdict, LAST_WORDS_DEAD));
    world_end(&w);
}

static void on_stranger_ended(void *context, enum link_end end)
{
    (void)context, (void)end;
}

/* Somebody else, who says his name, or none, and ends it as one does. */
static void be_a_stranger(void *context, struct link *link)
{
    static const struct link_events none = {.ended = on_stranger_ended};
    static const char name[LAST_WORDS_HELLO_SIZE] = "HTTP/1.1 400 Bad Request";
    const struct writer *w = context;

    link_attach(link, &none, NULL);
    if (w->accepted > 1)
        cr_assert(eq(sz, link_send(link, name, sizeof name), sizeof name));
    link_close(link);
}

static void dial_a_stranger(struct world *w, int accepted)
{
    static struct reader other;

    memset(&other, 0, sizeof other);
    open_channel(w);
    transport_unlisten(w->listener);
    w->writer.accepted = accepted;
    cr_assert(eq(
        int, transport_listen(w->writes, &w->writer_host, be_a_stranger, &w->writer, &w->listener),
        MR_OK));
    cr_assert(eq(int,
                 last_words_read(&other.channel, w->reads, &w->listener->local, &events, &other),
                 MR_OK));
    a_while(w);
    cr_assert(eq(int, other.verdicts, 1));
    cr_assert(eq(int, other.verdict, LAST_WORDS_BROKEN));
    cr_assert(zero(int, other.opened));
    world_end(w);
}

Test(last_words, an_end_before_hello_is_no_evidence)
{
    static struct world w;

    dial_a_stranger(&w, 1);
}

Test(last_words, what_is_no_hello_is_broken_off)
{
    static struct world w;

    dial_a_stranger(&w, 2);
}

Test(last_words, a_reader_that_goes_or_speaks_ends_the_channel_by_abort)
{
    static struct world w;

    open_channel(&w);
    cr_assert(eq(sz, link_send(w.reader.channel.link, "x", 1), 1));
    a_while(&w);
    cr_assert(eq(int, w.writer.ended, 1));
    cr_assert(eq(int, w.reader.verdict, LAST_WORDS_BROKEN));
    world_end(&w);
}

/* ---- over sockets --------------------------------------------------------------------------- */

/* A process that says its port, then HELLO to whoever dials, and a beat each round. */
static void be_writer(int port_pipe)
{
    static struct writer w;
    struct loop *loop;
    struct transport *t;
    struct listener *l;
    struct address at = address("127.0.0.1");

    cr_assert(eq(int, loop_new(&loop), MR_OK));
    cr_assert(eq(int, tcp_new_on_loop(loop, &t), MR_OK));
    cr_assert(eq(int, transport_listen(t, &at, on_accepted, &w, &l), MR_OK));
    cr_assert(eq(int, (int)write(port_pipe, &l->local.port, 2), 2));
    for (;;) {
        loop_round(loop);
        if (w.accepted > 0 && last_words_is_ours(&w.channel))
            last_words_say(&w.channel, "beat", 4);
        usleep(1000); /* between two looks */
    }
}

struct process {
    pid_t pid;
    struct loop *loop;
    struct transport *t;
    struct reader reader;
};

static void start(struct process *p)
{
    struct address at = address("127.0.0.1");
    int pipes[2];

    cr_assert(zero(int, pipe(pipes)));
    if ((p->pid = fork()) == 0)
        be_writer(pipes[1]);
    cr_assert(eq(int, (int)read(pipes[0], &at.port, 2), 2));
    cr_assert(eq(int, loop_new(&p->loop), MR_OK));
    cr_assert(eq(int, tcp_new_on_loop(p->loop, &p->t), MR_OK));
    cr_assert(eq(int, last_words_read(&p->reader.channel, p->t, &at, &events, &p->reader), MR_OK));
    while (p->reader.heard < 8)
        loop_round(p->loop);
    cr_assert(not(p->reader.indirect));
}

static void end(struct process *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    last_words_forget(&p->reader.channel);
    transport_free(p->t);
    loop_free(p->loop);
}

Test(last_words, a_process_that_is_killed_is_dead, .timeout = 60)
{
    static struct process p;

    start(&p);
    kill(p.pid, SIGKILL);
    while (p.reader.verdicts == 0)
        loop_round(p.loop);
    cr_assert(eq(int, p.reader.verdict, LAST_WORDS_DEAD));
    end(&p);
}

Test(last_words, a_process_that_is_stopped_is_only_silent, .timeout = 60)
{
    static struct process p;

    start(&p);
    kill(p.pid, SIGSTOP);
    for (int i = 0; i < 200; i++) {
        loop_round(p.loop);
        usleep(1000); /* between two looks */
    }
    int heard = p.reader.heard;

    cr_assert(zero(int, p.reader.verdicts));
    kill(p.pid, SIGCONT);
    while (p.reader.heard == heard)
        loop_round(p.loop);
    cr_assert(zero(int, p.reader.verdicts));
    end(&p);
}

/* The descriptor of this process that has that local port and a peer. */
static int descriptor_at(uint16_t port)
{
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in here = {0}, there = {0};
        socklen_t size = sizeof here;

        if (getsockname(fd, (struct sockaddr *)&here, &size) == 0 && here.sin_family == AF_INET &&
            ntohs(here.sin_port) == port && getpeername(fd, (struct sockaddr *)&there, &size) == 0)
            return fd;
    }
    return -1;
}

Test(last_words, an_abort_tells_that_somebody_has_closed_the_descriptor, .timeout = 60)
{
    static struct writer w;
    static struct reader r;
    struct loop *loop;
    struct transport *t;
    struct listener *l;
    struct address at = address("127.0.0.1");

    cr_assert(eq(int, loop_new(&loop), MR_OK));
    cr_assert(eq(int, tcp_new_on_loop(loop, &t), MR_OK));
    cr_assert(eq(int, transport_listen(t, &at, on_accepted, &w, &l), MR_OK));
    cr_assert(eq(int, last_words_read(&r.channel, t, &l->local, &events, &r), MR_OK));
    while (r.opened == 0)
        loop_round(loop);
    cr_assert(last_words_is_ours(&w.channel));
    close(descriptor_at(l->local.port));
    cr_assert(not(last_words_is_ours(&w.channel)));
    cr_assert(not(last_words_abort(&w.channel)));
    while (r.verdicts == 0)
        loop_round(loop);
    cr_assert(eq(int, r.verdict, LAST_WORDS_DEAD)); /* and yet it lives */
    transport_unlisten(l);
    transport_free(t);
    loop_free(loop);
}

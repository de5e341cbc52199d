#define _GNU_SOURCE
#include "tests/cluster/bank.h"

#include <millrace/millrace.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/base/atomic.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "tests/cluster/outcome.h"

enum {
    CLIENTS = 3,
    BANKS = 4, /* so that several members lead their partitions */
    ACCOUNTS = 8,
    OPENING = 100, /* in each account */
    THINK_US = 3000,
    CALL_MS = 3000,
    PATIENCE_MS = 20000,
    RETRY_MS = 10
};

/* The value of a bank. */
struct books {
    int64_t transfers;
    int64_t accounts[ACCOUNTS];
};

struct client {
    struct bank *bank;
    pthread_t thread;
    struct rand rand;
    mr_t *g;
    mr_map_t *map;
    struct bank_verdict seen;
    uint64_t done[BANKS], unknown[BANKS]; /* transfers of this client */
    int64_t newest[BANKS];                /* transfers that it has read */
};

struct bank {
    struct client clients[CLIENTS];
    uint32_t stopped; /* atomic */
};

/* ---- what is seen --------------------------------------------------------------------------- */

static void look(struct client *c, int bank, const struct books *b)
{
    int64_t sum = 0;

    for (int i = 0; i < ACCOUNTS; i++)
        sum += b->accounts[i];
    c->seen.reads++;
    if (sum != ACCOUNTS * OPENING) {
        c->seen.wrong_sums++;
        printf("bank %d: %lld in all accounts\n", bank, (long long)sum);
    }
    if (b->transfers < c->newest[bank]) {
        c->seen.went_back++;
        printf("bank %d: %lld transfers, were %lld\n", bank, (long long)b->transfers,
               (long long)c->newest[bank]);
    }
    c->newest[bank] = b->transfers;
}

static mr_rc_t read_books(struct client *c, int bank)
{
    mr_val_t v = MR_VAL_INIT;
    struct books b = {0};
    mr_rc_t rc = mr_map_get(c->map, MR_I64(bank), &v, NULL, NULL);

    if (rc <= MR_NOT_FOUND) { /* where nothing is there, there is no money */
        if (rc == MR_OK && mr_val_len(&v) == sizeof b)
            memcpy(&b, mr_val_bytes(&v), sizeof b);
        look(c, bank, &b);
    }
    mr_val_clear(&v);
    return rc;
}

/* ---- what is done --------------------------------------------------------------------------- */

struct transfer {
    int from, to;
    int64_t amount;
    struct books books; /* as they are afterwards */
};

static mr_update_t apply(void *context, mr_ref_t current, mr_ref_t *next)
{
    struct transfer *t = context;

    if (current.kind != MR_KIND_BYTES || current.len != sizeof t->books)
        return MR_UPDATE_FAIL;
    memcpy(&t->books, current.as.ptr, sizeof t->books);
    t->books.transfers++;
    t->books.accounts[t->from] -= t->amount;
    t->books.accounts[t->to] += t->amount;
    *next = MR_BYTES(&t->books, sizeof t->books);
    return MR_UPDATE_SET;
}

static void transfer(struct client *c, int bank)
{
    struct transfer t = {.from = (int)rand_below(&c->rand, ACCOUNTS),
                         .to = (int)rand_below(&c->rand, ACCOUNTS),
                         .amount = (int64_t)rand_below(&c->rand, OPENING)};
    mr_rc_t rc = mr_map_update(c->map, MR_I64(bank), apply, &t, NULL, NULL);

    switch (outcome_of(rc)) {
    case EVENT_OK:
        c->done[bank]++;
        look(c, bank, &t.books);
        break;
    case EVENT_INFO: c->unknown[bank]++; break;
    default: break;
    }
}

static void *client_main(void *context)
{
    struct client *c = context;

    while (!load_relaxed_32(&c->bank->stopped)) {
        int bank = (int)rand_below(&c->rand, BANKS);

        if (rand_below(&c->rand, 2))
            transfer(c, bank);
        else
            (void)!read_books(c, bank);
        usleep((useconds_t)rand_below(&c->rand, 2 * THINK_US)); /* as a user thinks */
    }
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void connect_client(struct client *c, const char *url)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;
    mr_err_t err = MR_ERR_INIT;

    opts.call_timeout_ms = CALL_MS;
    opts.client_name = "nemesis-bank";
    c->g = mr_connect(url, &opts, &err);
    c->map = mr_map(c->g, "bank", &err);
    check(mr_err_report(stdout, &err) == 0);
}

static void open_accounts(struct client *c)
{
    struct books b = {0};

    for (int i = 0; i < ACCOUNTS; i++)
        b.accounts[i] = OPENING;
    for (int i = 0; i < BANKS; i++)
        check(mr_map_set(c->map, MR_I64(i), MR_BYTES(&b, sizeof b), NULL, NULL) == MR_OK);
}

struct bank *bank_start(const char *url, uint64_t seed)
{
    struct bank *b = mem_alloc_zero(sizeof *b);

    check(b);
    for (int i = 0; i < CLIENTS; i++) {
        b->clients[i].bank = b;
        rand_init(&b->clients[i].rand, seed + 1000 + (uint64_t)i);
        connect_client(&b->clients[i], url);
    }
    open_accounts(&b->clients[0]);
    for (int i = 0; i < CLIENTS; i++)
        check(pthread_create(&b->clients[i].thread, NULL, client_main, &b->clients[i]) == 0);
    return b;
}

void bank_stop(struct bank *b)
{
    store_relaxed_32(&b->stopped, 1);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(b->clients[i].thread, NULL);
}

/* Has every transfer of the bank been counted once? */
static bool is_counted(struct bank *b, int bank)
{
    struct client *c = &b->clients[0];
    uint64_t done = 0, unknown = 0, end_ms = clock_ms() + PATIENCE_MS;
    mr_rc_t rc;

    for (int i = 0; i < CLIENTS; i++) {
        done += b->clients[i].done[bank];
        unknown += b->clients[i].unknown[bank];
    }
    while ((rc = read_books(c, bank)) > MR_NOT_FOUND && clock_ms() < end_ms)
        usleep(RETRY_MS * 1000); /* it may be open soon */
    uint64_t n = (uint64_t)c->newest[bank];

    if (rc == MR_OK && n >= done && n <= done + unknown)
        return true;
    printf("bank %d: %s, %llu transfers; %llu acknowledged, of %llu nobody knows\n", bank,
           mr_rc_name(rc), (unsigned long long)n, (unsigned long long)done,
           (unsigned long long)unknown);
    return false;
}

void bank_judge(struct bank *b, struct bank_verdict *ret)
{
    *ret = (struct bank_verdict){0};
    for (int i = 0; i < BANKS; i++)
        ret->miscounted += !is_counted(b, i);
    for (int i = 0; i < CLIENTS; i++) {
        const struct client *c = &b->clients[i];

        for (int k = 0; k < BANKS; k++) {
            ret->transfers += c->done[k];
            ret->unknown += c->unknown[k];
        }
        ret->reads += c->seen.reads;
        ret->wrong_sums += c->seen.wrong_sums;
        ret->went_back += c->seen.went_back;
    }
}

void bank_free(struct bank *b)
{
    for (int i = 0; i < CLIENTS; i++)
        (void)!mr_close(b->clients[i].g, MR_NOW, NULL);
    mem_free(b);
}

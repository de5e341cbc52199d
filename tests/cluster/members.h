/* members.h - a cluster of real processes on this machine, and what may happen to them.
 *
 *     members_start ──▶ millrace serve, three times ──▶ members_wait: all say that all is well
 *
 * All is well when each member says, for itself, that it is led, that everybody who is to be there
 * is, with a vote, and nobody else, and that no partition is offline or short of copies. Only then
 * is it certain that one of them can be spared.
 *
 * Where network namespaces may be made, each has one of its own (nets.h), and can be cut off.
 *
 * Each process dies with this one, writes what it says to a file of its own, and is known by the
 * uuid under which it came in: who comes back on the same port is somebody else.
 *
 * One thread.
 */
#ifndef TESTS_CLUSTER_MEMBERS_H
#define TESTS_CLUSTER_MEMBERS_H

#include <millrace/millrace.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/cluster/nets.h"

enum { MEMBERS = 3, PATH_ROOM = 512, URL_ROOM = 256 };

struct process {
    pid_t pid; /* 0: none */
    char host[NETS_HOST_ROOM];
    int port;
    bool stopped;
    int starts;
    mr_uuid_t uuid; /* as it has said when last all was well */
};

struct members {
    char program[PATH_ROOM], folder[PATH_ROOM];
    char url[URL_ROOM]; /* all of them */
    bool apart;         /* each in a network of its own */
    struct nets nets;
    struct process all[MEMBERS];
    int leader;       /* when last all was well */
    char words[1000]; /* why all is not well */
};

/* To be called first, if at all. False: each is on loopback, and words say why. */
bool members_set_apart(struct members *m);

/* False: words say why. */
bool members_start(struct members *m);

/* False: it was not so within the time; words say what is missing. */
bool members_wait(struct members *m, int seconds);

void members_kill(struct members *m, int i);

/* Asks it to leave in an orderly way; and waits until it has. False: it ended in another way; words
 * say how. */
void members_ask_to_leave(struct members *m, int i);
bool members_left(struct members *m, int i);
bool members_restart(struct members *m, int i);
void members_stop(struct members *m, int i);
void members_continue(struct members *m, int i);

/* Who is set apart: it hears nobody and nobody hears it; two do not hear each other. */
void members_cut(struct members *m, int i);
void members_heal(struct members *m, int i);
void members_part(struct members *m, int i, int k);
void members_join(struct members *m, int i, int k);

/* Has one died that nobody has killed? Words say how. */
bool members_died(struct members *m);

/* Ends all of them. */
void members_end(struct members *m);

#endif

/* explain.c - millrace explain: the long text of each error.
 *
 * The table is made from MR_RC_MAP, so a new code without a text, and a text without a code, do
 * not compile.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/error.h>

#include "client/cli/cli.h"

#define TEXT(name) static const char text_##name[]

TEXT(OK) = "Nothing went wrong.\n";

TEXT(NOT_FOUND) =
    "An answer, not an error: the map has no entry under this key. It was never written, was\n"
    "removed, or has expired.\n";

TEXT(EXISTS) =
    "An answer, not an error: a call that only writes where nothing is found an entry, and left\n"
    "it as it was.\n";

TEXT(NOT_EQUAL) =
    "An answer, not an error: a call that only replaces or removes a given value found another\n"
    "one. Read the entry again and decide anew.\n";

TEXT(PENDING) =
    "An answer, not an error: what was asked for waits for something, such as a lock that\n"
    "another holds. Calls of the public API wait themselves and do not return it.\n";

TEXT(ERR_MEMORY) =
    "The operating system, or the allocator you brought, gave no memory. The call changed\n"
    "nothing and may be made again.\n"
    "\n"
    "Look at what else runs on the machine, at the limits of the process (ulimit -v, the\n"
    "cgroup), and at memory.max, which should leave room for the rest of the program.\n";

TEXT(ERR_FULL) =
    "A ceiling that you set is reached: memory.max of the member, or max-size or max-bytes of\n"
    "the map, which has no eviction. The entry was not written; what was there is unchanged.\n"
    "\n"
    "Raise the ceiling, let entries expire (ttl, max-idle), or choose an eviction, such as lru,\n"
    "under which old entries make room for new ones. The same write succeeds once there is\n"
    "room.\n"
    "\n"
    "Or a map, queue or other object of a new name was to be made, and there are as many as\n"
    "limits.objects allows. Use fewer names, or raise it; names of destroyed objects count until\n"
    "the member ends.\n";

TEXT(ERR_ARGUMENT) =
    "A call was given something that it cannot take: NULL where a handle is needed, an empty\n"
    "name, a number outside its range. The message says which. It is a mistake in the program;\n"
    "the same call fails again.\n";

TEXT(ERR_TOO_LARGE) =
    "A key or a value is larger than this member accepts. The message has both sizes. The limits\n"
    "are limits.key-size and limits.value-size; keep large objects elsewhere and store where\n"
    "they are, or cut them into several entries.\n";

TEXT(ERR_TYPE) =
    "The value is there, and is of another type than the one asked for: a text read as a number,\n"
    "for example. Types are kept as they were written, by whichever client; read it as that\n"
    "type, or write it anew.\n";

TEXT(ERR_MALFORMED) =
    "Bytes that came from outside do not form what they should: a message, a record, a value.\n"
    "Nothing of it was used. A program of another version, or one that is no Millrace or\n"
    "Hazelcast client at all, is the usual cause.\n";

TEXT(ERR_SCHEMA) =
    "A compact record names a schema that this member does not have, or does not have the fields\n"
    "that the schema says. A client sends its schemas before the first record; write the record\n"
    "through a client that knows its class.\n";

TEXT(ERR_STALE) =
    "A reader asked for something by its number that has been overwritten since. It reads too\n"
    "slowly for what is written, or began too far back: go on from the oldest one there is, or\n"
    "let more be kept.\n";

TEXT(ERR_CONFIG) =
    "A key or a value of the configuration is not valid. The message says where it stands, as\n"
    "file:line:column or as the name of an environment variable, and the hint what is accepted.\n"
    "\n"
    "\"millrace config check --config FILE\" reports all problems at once, \"millrace config\n"
    "example\" prints every key with its default, and \"millrace config show --origin\" says "
    "where\n"
    "each value comes from.\n";

TEXT(ERR_SYSTEM) =
    "The operating system refused something: to open a file, to start a thread, to take a port.\n"
    "The message has its own words for it.\n";

TEXT(ERR_CLOSED) =
    "The member behind the handle was closed, by this thread or another. Handles of maps and\n"
    "other things of a member live as long as the member; stop using them before it is closed.\n";

TEXT(ERR_BUSY) =
    "Either a queue between you and the work is full, because calls come faster than they are\n"
    "done: take finished calls from the completion queue, or wait, and call again.\n"
    "\n"
    "Or another has locked the key that you want to change and did not let go of it for seconds.\n"
    "The detail says who. Nothing was done in either case.\n";

TEXT(ERR_FORKED) =
    "The process forked after the member was started, and the child used the parent's handle.\n"
    "Threads do not live on in a child, so neither does the member. Start one in the child, or\n"
    "call exec there.\n";

TEXT(ERR_DESTROYED) =
    "A call waited for an object, such as a queue, and somebody destroyed the object meanwhile.\n"
    "What was in it is gone. A new call makes the object anew.\n";

TEXT(ERR_BEHIND) =
    "The caller has read a counter elsewhere and knows of additions that have not come here, so\n"
    "that the answer would go back in time. Ask again, or ask the member that was asked before.\n";

TEXT(ERR_MOVED) =
    "The partition that the key belongs to has moved to another member since the caller last\n"
    "looked who has it. Clients look again and repeat the call by themselves.\n";

TEXT(ERR_OFFLINE) =
    "All members that held a copy of the partition are gone or cut off. It is not served, rather\n"
    "than to begin anew without what was written. It comes back by itself when one of them does;\n"
    "\"millrace partitions\" says which partitions are offline and who holds them.\n";

TEXT(ERR_COPIES) =
    "The map wants every write to be held by at least min-in-sync members, and there are fewer.\n"
    "Nothing was changed. Start another member, or wait until it has caught up.\n";

TEXT(ERR_CONNECT) =
    "A client has no connection to any member, and could not make one in time. Nothing was sent.\n"
    "The message has the addresses that were tried and what came of the last one.\n"
    "\n"
    "Is a member running there, does it listen on that address (network.bind), and does nothing "
    "on\n"
    "the way, such as a firewall, stop it?\n";

TEXT(ERR_LOGIN) =
    "A member was reached and does not admit this client: the cluster's name, the user or the\n"
    "password is not the member's, which says no more than that; or it is a member of another\n"
    "cluster than the one this client is connected to.\n";

TEXT(ERR_TIMEOUT) =
    "A call was not answered within its time. It changed nothing: it only reads, or was never\n"
    "sent. (A write that was sent is told as MR-1304.)\n"
    "\n"
    "The time is call_timeout_ms of the options of mr_connect.\n";

TEXT(ERR_OUTCOME_UNKNOWN) =
    "A write was sent, and the connection was lost, or the time was up, before its answer came. "
    "It\n"
    "may have been done, be done later, or never be done. It is not sent again, because it could\n"
    "then be done twice.\n"
    "\n"
    "Read the entry and decide anew; or make the write one that may be repeated, such as\n"
    "mr_map_replace_if_equal.\n";

TEXT(ERR_REMOTE) =
    "A member answered a call with an error that has no code of its own here. The message has the\n"
    "member's words, the detail the number and name by which clients of all languages know it.\n";

TEXT(ERR_UNSUPPORTED) =
    "The call makes no sense where it was made: reading in place, for example, needs the data in\n"
    "this process, and a client has it elsewhere; or the member does not serve this message.\n";

static const struct {
    int number;
    const char *sentence;
    int retryable;
    const char *text;
} pages[] = {
#define X(name, number, sentence, retryable) {number, sentence, retryable, text_##name},
    MR_RC_MAP(X)
#undef X
};

enum { PAGES = sizeof pages / sizeof pages[0] };

/* "MR-1002", "mr-1002" or "1002"; -1 for anything else. */
static int parse_number(const char *word)
{
    char *end;
    long number;

    if (tolower((unsigned char)word[0]) == 'm' && tolower((unsigned char)word[1]) == 'r' &&
        word[2] == '-')
        word += 3;
    if (!isdigit((unsigned char)word[0]))
        return -1;
    number = strtol(word, &end, 10);
    return *end || number > 99999 ? -1 : (int)number;
}

static int list(void)
{
    for (int i = 0; i < PAGES; i++)
        printf("MR-%04d  %s\n", pages[i].number, pages[i].sentence);
    return EXIT_DONE;
}

int explain_command(int argc, char **argv)
{
    int number;

    if (argc == 1)
        return list();
    if (argc > 2)
        return usage("explain", "one error at a time");
    number = parse_number(argv[1]);
    for (int i = 0; i < PAGES; i++) {
        if (pages[i].number != number)
            continue;
        printf("MR-%04d: %s\n\n%s", number, pages[i].sentence, pages[i].text);
        if (pages[i].retryable)
            puts("\nThe same call may succeed later.");
        return EXIT_DONE;
    }
    return usage("explain", "there is no error \"%s\"; without a number all are listed", argv[1]);
}

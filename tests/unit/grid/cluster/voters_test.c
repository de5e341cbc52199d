#include "grid/cluster/voters.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEADER = 1, MEMBERS_MAX = 12 };

/* The cluster as words, one member each: V a voter, s a standby, - one without a part; ! it is not
 * in the cluster any more, ? it was not heard of; a number is what it holds of the log. Members are
 * numbered from 1, which leads. Returns what is next as a word and a number. */
static const char *next(const char *words)
{
    static char said[32];
    static const char *const names[] = {"add", "promote", "demote", "remove"};
    struct voters_member members[MEMBERS_MAX];
    enum consensus_change change;
    uint32_t n = 0;
    uint64_t id;

    for (const char *at = words; *at; n++) {
        members[n] = (struct voters_member){.id = n + 1, .in = true, .heard = true};
        members[n].role = *at == 'V' ? VOTERS_VOTER : *at == 's' ? VOTERS_STANDBY : VOTERS_NO_PART;
        for (at++; *at == '!' || *at == '?'; at++) {
            members[n].in &= *at != '!';
            members[n].heard &= *at != '?';
        }
        members[n].held = (uint64_t)strtol(at, (char **)&at, 10);
        while (*at == ' ')
            at++;
    }
    if (!voters_next(members, n, LEADER, &change, &id))
        return "nothing";
    snprintf(said, sizeof said, "%s %d", names[change], (int)id);
    return said;
}

Test(voters, are_as_many_as_the_cluster_can_use)
{
    static const uint32_t wanted[] = {0, 1, 2, 3, 3, 5, 5, 5, 5};

    for (uint32_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        cr_expect(voters_wanted(i) == wanted[i]);
}

Test(voters, change_one_by_one)
{
    static const char *const cases[][2] = {
        {"V9", "nothing"},
        {"V9 -", "add 2"},
        {"V9 s9", "promote 2"},
        {"V9 V9", "nothing"},
        {"V9 V9 -", "add 3"},
        {"V9 V9 s9", "promote 3"},
        {"V9 V9 V9 s9", "nothing"},
        {"V9 V9 V9 s9 s9", "promote 4"},
        {"V9 V9 V9 V9 s9", "promote 5"},
        {"V9 V9 V9 V9 V9 s9 s9", "nothing"},
        /* who is not there any more goes first */
        {"V9 V9 V!9 s9", "remove 3"},
        {"V9 V9 s9", "promote 3"},
        {"V9 V9 V!9 V9 V!9 - s9", "remove 5"},
        {"V9 V9 V9 s!9 -", "remove 4"},
        {"V9 s! V!", "remove 3"},
        /* too many, once members are gone */
        {"V9 V9 V9 V9", "demote 4"},
        {"V9 V9 V9 V5 V9 V!", "remove 6"},
        {"V9 V5 V9 V9", "demote 2"},
        /* the best prepared, if it can be asked */
        {"V9 V9 s7 s8", "promote 4"},
        {"V9 V9 s7 s?8", "promote 3"},
        {"V9 V9 s?7 s?8", "nothing"},
        {"V9 V9 s7 s8 -", "add 5"},
        /* never the leader */
        {"V!9 V9", "nothing"},
        {"V1 V9 V9 V9", "demote 4"},
        {"V!9 V9 s9", "promote 3"},
        {"V!9 V9 V9 V!9", "remove 4"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect(strcmp(next(cases[i][0]), cases[i][1]) == 0, "%s: %s, not %s", cases[i][0],
                  next(cases[i][0]), cases[i][1]);
}

/* From any beginning it comes to an end, where all is as it should be. */
Test(voters, come_to_rest)
{
    for (unsigned seed = 1; seed < 2000; seed++) {
        struct voters_member m[MEMBERS_MAX];
        uint32_t n = 1 + seed % MEMBERS_MAX, in = 0, voters = 0, steps = 0;
        enum consensus_change change;
        uint64_t id;

        srand(seed);
        for (uint32_t i = 0; i < n; i++)
            m[i] = (struct voters_member){i + 1, (enum voters_role)(rand() % 3), rand() % 3 != 0,
                                          true, (uint64_t)(rand() % 4)};
        m[0].role = VOTERS_VOTER;
        m[0].in = true;
        while (voters_next(m, n, LEADER, &change, &id)) {
            cr_assert(id != LEADER && id <= n && steps++ < 4 * MEMBERS_MAX);
            m[id - 1].role = change == CONSENSUS_REMOVE    ? VOTERS_NO_PART
                             : change == CONSENSUS_PROMOTE ? VOTERS_VOTER
                                                           : VOTERS_STANDBY;
        }
        for (uint32_t i = 0; i < n; i++) {
            in += m[i].in;
            voters += m[i].role == VOTERS_VOTER;
            cr_assert(m[i].in == (m[i].role != VOTERS_NO_PART));
        }
        cr_assert(voters == voters_wanted(in));
    }
}

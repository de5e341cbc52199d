#include "grid/cluster/duo.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define MS 1000000ull

/* This member is ME; ITS is the channel that the other writes, MINE the one that it reads. */
enum { ME = 1, OTHER = 2, ITS = 21, MINE = 12, GENERATION = 5 };

static const struct duo_config config = {DUO_BY_EVIDENCE, 0, 600 * MS};
static uint64_t now = 1000000 * MS;

static struct duo_actions happens(struct duo *d, struct duo_event e)
{
    return duo_step(d, &e, now);
}

static struct duo_channel channel(uint64_t number)
{
    return (struct duo_channel){number, GENERATION, true};
}

static struct duo_actions tick(struct duo *d, enum detector_word word)
{
    return happens(d, (struct duo_event){.kind = DUO_TICK, .word = word});
}

static void heard(struct duo *d)
{
    happens(d, (struct duo_event){.kind = DUO_HEARD, .generation = GENERATION, .number = MINE});
}

static void open_channels(struct duo *d, uint64_t its, uint64_t mine)
{
    happens(d, (struct duo_event){.kind = DUO_IN, .channel = channel(its)});
    happens(d, (struct duo_event){.kind = DUO_OUT, .channel = channel(mine)});
}

static void attach(struct duo *d, uint64_t its, uint64_t mine)
{
    happens(d, (struct duo_event){.kind = DUO_IS_ATTACHED, .in = its, .out = mine});
}

/* One of two, agreed but not attached; and attached. */
static struct duo agreed(uint64_t anchor)
{
    struct duo d;

    duo_init(&d, &config, ME, GENERATION, false);
    happens(&d, (struct duo_event){.kind = DUO_IS_AGREED, .anchor = anchor});
    open_channels(&d, ITS, MINE);
    heard(&d);
    return d;
}

static struct duo attached(uint64_t anchor)
{
    struct duo d = agreed(anchor);

    attach(&d, ITS, MINE);
    return d;
}

static struct duo_actions its_death(struct duo *d, uint64_t number)
{
    return happens(d, (struct duo_event){.kind = DUO_IN_DEAD, .number = number});
}

/* ---- T1 ------------------------------------------------------------------------------------- */

Test(duo, goes_on_alone_at_once_when_the_other_is_seen_to_die)
{
    struct duo d = attached(OTHER);
    struct duo_actions todo = its_death(&d, ITS);

    cr_assert(todo.abort_out);
    cr_assert(todo.force_single);
    cr_assert(eq(u64, todo.generation, GENERATION + 1));
    cr_assert(not(duo_serves(&d))); /* not before all of the log is applied */
    happens(&d, (struct duo_event){.kind = DUO_IS_SINGLE});
    cr_assert(eq(int, d.state, DUO_ALONE));
    cr_assert(duo_serves(&d));
}

Test(duo, a_death_seen_before_both_are_attached_is_no_evidence)
{
    struct duo d = agreed(OTHER);

    cr_assert(not(its_death(&d, ITS).force_single));
    tick(&d, DETECTOR_FAILED);
    cr_assert(eq(int, d.state, DUO_HOLDING));
}

Test(duo, only_the_channel_that_is_attached_is_evidence)
{
    struct duo d = attached(OTHER);

    open_channels(&d, ITS + 1, MINE);
    cr_assert(not(its_death(&d, ITS + 1).force_single));
}

Test(duo, attaches_only_a_channel_that_it_has)
{
    struct duo d = agreed(OTHER);

    open_channels(&d, ITS + 1, MINE);
    attach(&d, ITS, MINE);
    cr_assert(zero(u64, d.attached_in));
    cr_assert(eq(u64, d.attached_out, MINE));
}

Test(duo, a_broken_channel_is_no_evidence_and_is_dialled_anew)
{
    struct duo d = attached(OTHER);

    cr_assert(
        not(happens(&d, (struct duo_event){.kind = DUO_IN_BROKEN, .number = ITS}).force_single));
    cr_assert(zero(u64, d.attached_in));
    cr_assert(tick(&d, DETECTOR_ALIVE).dial);
}

Test(duo, who_holds_takes_over_when_the_proof_comes_late)
{
    struct duo d = attached(OTHER);

    tick(&d, DETECTOR_FAILED);
    cr_assert(eq(int, d.state, DUO_HOLDING));
    cr_assert(its_death(&d, ITS).force_single);
}

Test(duo, with_the_operator_to_decide_no_death_is_believed)
{
    struct duo d = attached(OTHER);

    d.config.takeover = DUO_BY_OPERATOR;
    cr_assert(not(its_death(&d, ITS).force_single));
    tick(&d, DETECTOR_FAILED);
    cr_assert(not(duo_serves(&d)));
    cr_assert(happens(&d, (struct duo_event){.kind = DUO_TAKE_OVER}).force_single);
}

/* ---- T2, T3 --------------------------------------------------------------------------------- */

Test(duo, the_anchor_aborts_first_and_goes_on_when_the_lease_is_over)
{
    struct duo d = attached(ME);

    happens(&d, (struct duo_event){.kind = DUO_EXTENDED});
    struct duo_actions todo = tick(&d, DETECTOR_FAILED);

    cr_assert(todo.abort_out);
    cr_assert(not(todo.force_single));
    now += 600 * MS; /* by our clock; a slow one is not there yet */
    cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
    now += 13 * MS;
    cr_assert(tick(&d, DETECTOR_FAILED).force_single);
}

Test(duo, the_anchor_never_aborts_and_goes_on_in_one_step)
{
    struct duo d = attached(ME);

    now += 5000 * MS;
    cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
    cr_assert(tick(&d, DETECTOR_FAILED).force_single);
}

Test(duo, an_anchor_whose_channel_is_not_its_own_does_not_go_on)
{
    struct duo d = attached(ME);

    now += 5000 * MS;
    cr_assert(tick(&d, DETECTOR_FAILED).abort_out);
    cr_assert(happens(&d, (struct duo_event){.kind = DUO_IS_FOREIGN}).fence);
    cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
    cr_assert(eq(int, d.state, DUO_FENCED));
}

Test(duo, who_is_not_the_anchor_holds_however_long_and_says_what_to_type)
{
    struct duo d = attached(OTHER);
    char text[200];

    for (int i = 0; i < 100; i++) {
        cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
        now += 1000 * MS;
    }
    cr_assert(not(duo_serves(&d)));
    cr_assert(ne(ptr, strstr(duo_why(&d, text, sizeof text), "millrace takeover"), NULL));
    heard(&d);
    cr_assert(eq(int, d.state, DUO_BOTH));
}

Test(duo, by_timeout_goes_on_without_evidence)
{
    struct duo d = attached(OTHER);

    d.config.takeover = DUO_BY_TIMEOUT;
    d.config.timeout_ns = 10000 * MS;
    tick(&d, DETECTOR_FAILED);
    now += 9999 * MS;
    cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
    now += 1 * MS;
    cr_assert(tick(&d, DETECTOR_FAILED).force_single);
}

/* ---- T4 ------------------------------------------------------------------------------------- */

Test(duo, from_the_entry_that_ends_it_on_nobody_goes_on_alone)
{
    struct duo d = attached(ME);

    happens(&d, (struct duo_event){.kind = DUO_END_APPENDED});
    cr_assert(not(its_death(&d, ITS).force_single));
    tick(&d, DETECTOR_FAILED);
    now += 5000 * MS;
    cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
    cr_assert(eq(int, d.state, DUO_HOLDING));
}

Test(duo, three_voters_in_the_log_end_it_too)
{
    struct duo d = attached(ME);

    happens(&d, (struct duo_event){.kind = DUO_WIDENED, .number = 3});
    cr_assert(not(its_death(&d, ITS).force_single));
    cr_assert(eq(int, d.state, DUO_OFF));
}

Test(duo, is_agreed_anew_before_it_goes_on_after_an_abort_that_was_for_nothing)
{
    struct duo d = attached(ME);

    happens(&d, (struct duo_event){.kind = DUO_EXTENDED});
    tick(&d, DETECTOR_FAILED);
    heard(&d);
    cr_assert(not(duo_serves(&d)));
    cr_assert(not(its_death(&d, ITS).force_single));
    cr_assert(eq(int, tick(&d, DETECTOR_ALIVE).propose, DUO_PROPOSE_DUO));
    happens(&d, (struct duo_event){.kind = DUO_IS_AGREED, .anchor = ME});
    cr_assert(eq(int, d.state, DUO_BOTH));
}

Test(duo, nobody_is_anchor_while_another_is_being_agreed_on)
{
    struct duo d = attached(ME);

    happens(&d, (struct duo_event){.kind = DUO_APPENDED, .anchor = OTHER});
    cr_assert(not(tick(&d, DETECTOR_FAILED).abort_out));
    cr_assert(eq(int, d.state, DUO_HOLDING));
}

Test(duo, proposes_to_attach_what_both_have_and_not_what_is_indirect)
{
    struct duo d = agreed(ME);
    struct duo_actions todo = tick(&d, DETECTOR_ALIVE);

    cr_assert(eq(int, todo.propose, DUO_PROPOSE_ATTACH));
    cr_assert(eq(u64, todo.in, ITS));
    cr_assert(eq(u64, todo.out, MINE));

    struct duo_channel proxied = channel(ITS + 1), old = channel(ITS + 2);

    proxied.direct = false;
    old.generation = GENERATION - 1;
    now += 1000 * MS;
    happens(&d, (struct duo_event){.kind = DUO_IN, .channel = proxied});
    cr_assert(zero(u64, tick(&d, DETECTOR_ALIVE).in));
    now += 1000 * MS;
    happens(&d, (struct duo_event){.kind = DUO_IN, .channel = old});
    cr_assert(zero(u64, tick(&d, DETECTOR_ALIVE).in));
}

/* ---- alone, joining, leaving ---------------------------------------------------------------- */

Test(duo, who_is_alone_may_change_its_mind_until_another_is_agreed_on)
{
    struct duo d;

    duo_init(&d, &config, ME, GENERATION, true);
    cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
    happens(&d, (struct duo_event){.kind = DUO_WIDENED, .number = 2});
    cr_assert(tick(&d, DETECTOR_FAILED).force_single);
    happens(&d, (struct duo_event){.kind = DUO_IS_SINGLE});
    happens(&d, (struct duo_event){.kind = DUO_WIDENED, .number = 2});
    happens(&d, (struct duo_event){.kind = DUO_APPENDED, .anchor = OTHER});
    cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
}

Test(duo, joins_a_higher_generation_and_forgets_what_it_was_attached_to)
{
    struct duo d = attached(OTHER);
    struct duo_actions todo =
        happens(&d, (struct duo_event){.kind = DUO_HEARD, .generation = GENERATION + 1});

    cr_assert(todo.join);
    cr_assert(todo.abort_out);
    cr_assert(not(its_death(&d, ITS).force_single));
    happens(&d, (struct duo_event){.kind = DUO_HAS_JOINED, .generation = GENERATION + 1});
    cr_assert(not(its_death(&d, ITS).force_single));
}

Test(duo, a_goodbye_is_as_good_as_a_death)
{
    struct duo d = agreed(OTHER);

    cr_assert(happens(&d, (struct duo_event){.kind = DUO_GOODBYE}).force_single);
}

Test(duo, who_leaves_is_out_of_service_and_does_not_take_over)
{
    struct duo d = attached(ME);

    cr_assert(not(happens(&d, (struct duo_event){.kind = DUO_LEAVE}).abort_out));
    cr_assert(not(its_death(&d, ITS).force_single));
    tick(&d, DETECTOR_FAILED);
    now += 5000 * MS;
    cr_assert(not(tick(&d, DETECTOR_FAILED).force_single));
    cr_assert(not(duo_serves(&d)));
}

Test(duo, a_channel_that_is_silent_though_the_other_is_not_is_dialled_anew)
{
    struct duo d = attached(OTHER);

    cr_assert(not(tick(&d, DETECTOR_ALIVE).dial));
    cr_assert(happens(&d, (struct duo_event){.kind = DUO_TICK, .in_silent = true}).dial);
}

Test(duo, says_why_in_every_state)
{
    struct duo d = attached(ME);
    char text[200];

    for (int state = DUO_OFF; state <= DUO_FENCED; state++) {
        d.state = state;
        cr_assert(gt(sz, strlen(duo_why(&d, text, sizeof text)), 20));
        cr_assert(lt(sz, strlen(text), 199));
    }
}

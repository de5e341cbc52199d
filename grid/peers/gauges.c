#include "grid/peers/gauges.h"

mr_rc_t gauges_init(struct gauges *g, struct metrics *m)
{
    static const struct metric_label primary[] = {{"role", "primary"}, {0}};
    static const struct metric_label backup[] = {{"role", "backup"}, {0}};
    static const struct metric_label done[] = {{"outcome", "done"}, {0}};
    static const struct metric_label called_off[] = {{"outcome", "called off"}, {0}};
    const struct {
        const char *name;
        const struct metric_label *labels;
        const char *help;
        struct gauge **gauge;
    } all[] = {
        {"millrace_cluster_members", NULL, "Members of the cluster.", &g->members},
        {"millrace_cluster_leads", NULL, "1 where this member leads the control log.", &g->leads},
        {"millrace_partitions", primary, "Partitions that this member has.", &g->primaries},
        {"millrace_partitions", backup, "Partitions that this member has.", &g->backups},
        {"millrace_cluster_partitions_offline", NULL, "Partitions that nobody there holds.",
         &g->offline},
        {"millrace_cluster_partitions_short", NULL,
         "Partitions with fewer copies in sync than are wanted.", &g->short_of_copies},
    };
    mr_rc_t rc = MR_OK;

    for (size_t i = 0; rc == MR_OK && i < sizeof all / sizeof all[0]; i++)
        rc = metric_gauge(m, all[i].name, all[i].labels, all[i].help, all[i].gauge);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_cluster_leader_changes_total", NULL,
                            "How often another member has begun to lead.", &g->leaders);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_cluster_expulsions_total", NULL,
                            "Members that were taken out of the cluster.", &g->expelled);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_cluster_hand_overs_total", done,
                            "Partitions that this member, leading, had handed over to another.",
                            &g->handed_over);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_cluster_hand_overs_total", called_off,
                            "Partitions that this member, leading, had handed over to another.",
                            &g->called_off);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_cluster_shrinks_total", NULL,
                            "Copies taken out of sync because their member did not acknowledge.",
                            &g->shrunk);
    return rc;
}

void gauges_show(struct gauges *g, const struct control_view *view, uint64_t self)
{
    struct control_member mine = {0};

    for (uint32_t i = 0; i < view->count; i++)
        if (view->members[i].incarnation == self)
            mine = view->members[i];
    gauge_set(g->members, view->count);
    gauge_set(g->leads, mine.leads);
    gauge_set(g->primaries, mine.primaries);
    gauge_set(g->backups, (int64_t)mine.copies - mine.primaries);
    gauge_set(g->offline, view->offline);
    gauge_set(g->short_of_copies, view->short_of_copies);
}

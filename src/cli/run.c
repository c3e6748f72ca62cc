/* contimg run: what it prints of the work. */
#include "cli/cli.h"

#include "contimg/run.h"

static void print_waiting(const ci_run_nothing *nothing)
{
    const ci_registry_group *group = nothing->waiting;
    char until[32];
    ci_time_iso(until, ci_time_mjd_s_from_unix(group->next_try_unix_s), 0, true);
    printf("%zu group%s; the first, %s, until %s: %s; contimg run --group %s tries it at once\n",
           nothing->n_waiting_group, nothing->n_waiting_group == 1 ? " waits" : "s wait", group->id,
           until, group->error, group->id);
}

/* Whether its owner on another machine lives is known when its lease is over. */
static void print_busy(const ci_run_nothing *nothing)
{
    char who[CI_REGISTRY_TEXT];
    ci_registry_owner_text(&nothing->busy->owner, who);
    printf(
        "%zu group%s being made; the first, %s, by %s; if that is gone, it is taken over when its "
        "lease is over, in %d minutes at most\n",
        nothing->n_busy_group, nothing->n_busy_group == 1 ? " is" : "s are", nothing->busy->id, who,
        CI_REGISTRY_LEASE_S / 60);
}

static void print_nothing(const ci_run_nothing *nothing)
{
    size_t n_failed = nothing->n_failed_group;
    printf("nothing to do: no complete group in %s (%zu file%s there)\n", nothing->input,
           nothing->n_file, ci_plural(nothing->n_file));
    ci_cli_print_passed_over(nothing->n_passed_over, nothing->input);
    if (nothing->busy) print_busy(nothing);
    if (nothing->waiting) print_waiting(nothing);
    if (n_failed > 0)
        printf("%zu group%s failed: `contimg group` lists them, contimg run --group ID tries one "
               "again\n",
               n_failed, ci_plural(n_failed));
}

static void print_made_before(const ci_report_group *group)
{
    if (group->state == CI_REPORT_GROUP_PUBLISHED)
        printf("group %s was published before: %s\n", group->id, group->published_path);
    else
        printf("group %s was made before, its product is in state %s; `contimg publish --id %s` "
               "publishes it\n",
               group->id, ci_registry_publish_state_word(group->product_state), group->id);
}

/* What ended otherwise is an error, which is printed at the end. */
static void print_group(const ci_report_group *group)
{
    bool is_kept =
        group->state == CI_REPORT_GROUP_PUBLISHED || group->state == CI_REPORT_GROUP_STAGED;
    if (group->is_degraded && is_kept)
        printf("group %s: DEGRADED: %s\n", group->id, group->degraded_why);
    if (group->state == CI_REPORT_GROUP_PUBLISHED && !group->is_made_before)
        printf("published: %s\n", group->published_path);
    else if (group->status == CI_OK && group->is_made_before)
        print_made_before(group);
    else if (group->status == CI_OK && group->state == CI_REPORT_GROUP_STAGED)
        printf("staged: %s\n", group->folder);
}

static void print_end(bool is_degraded, const char *report_folder)
{
    if (is_degraded) printf("DEGRADED: see the report\n");
    if (report_folder) printf("report: %s/report.html\n", report_folder);
}

ci_status ci_cli_run(ci_comm *world, const ci_conf *conf)
{
    static const ci_run_listener listener = {print_nothing, print_group, print_end};
    return ci_run_execute(world, conf, &listener);
}

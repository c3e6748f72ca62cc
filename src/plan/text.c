/* A plan as text for people, as JSON and as a line for sbatch. */
#include "contimg/plan.h"

#include <math.h>
#include <string.h>

static const char *size_text(char out[32], double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int i = 0;
    while (bytes >= 999.5 && i < 4) {
        bytes /= 1000;
        i++;
    }
    snprintf(out, 32, bytes < 9.95 && i > 0 ? "%.1f %s" : "%.0f %s", bytes, units[i]);
    return out;
}

ci_status ci_plan_text(char **out, const ci_plan *p)
{
    char a[32], b[32], c[32], d[32];
    const ci_plan_workload *w = &p->workload;
    ci_text text = {0};
    *out = NULL;
    ci_status status =
        ci_text_append(&text,
                       "workload  %zu group%s, %zu tile%s; a tile: %zu sub-band%s, %zu "
                       "channel%s, %zu time%s, %zu "
                       "baseline%s, %zu polarisation%s = %.3g samples, image %zu x %zu\n",
                       w->n_group, ci_plural(w->n_group), w->n_tile, ci_plural(w->n_tile),
                       w->n_sub_band, ci_plural(w->n_sub_band), w->n_chan, ci_plural(w->n_chan),
                       w->n_time, ci_plural(w->n_time), w->n_baseline, ci_plural(w->n_baseline),
                       w->n_pol, ci_plural(w->n_pol), p->n_sample, w->image_size, w->image_size);
    if (status == CI_OK)
        status = ci_text_append(
            &text,
            "ranks     %d on %d node%s: %d team%s of %d%s rank%s, %zu tile%s one "
            "after the other\n",
            p->teams.n_rank, p->n_node, ci_plural(p->n_node), p->teams.n_team,
            ci_plural(p->teams.n_team), p->teams.min_ranks,
            p->teams.max_ranks > p->teams.min_ranks ? " or one more" : "",
            ci_plural(p->teams.max_ranks), p->teams.n_round, ci_plural(p->teams.n_round));
    if (status == CI_OK)
        status = ci_text_append(&text, "memory    %s a rank, %s a node%s\n",
                                size_text(a, p->memory_per_rank), size_text(b, p->memory_per_node),
                                p->fits ? "" : ": MORE THAN ALLOWED");
    if (status == CI_OK)
        status =
            ci_text_append(&text, "disk      reads %s; writes staging %s, products %s, state %s\n",
                           size_text(a, p->read_bytes), size_text(b, p->staging_bytes),
                           size_text(c, p->products_bytes), size_text(d, p->state_bytes));
    if (status == CI_OK)
        status = ci_text_append(&text, "time      about %.0f s a tile, %.0f min in all (a guess)\n",
                                p->seconds_per_tile, ceil(p->seconds / 60));
    if (status != CI_OK) {
        ci_mem_free(text.text);
        return status;
    }
    *out = text.text;
    return CI_OK;
}

ci_json *ci_plan_json(const ci_plan *p)
{
    ci_json *root = ci_json_object();
    const ci_plan_workload *w = &p->workload;
    const struct
    {
        const char *name;
        double value;
    } numbers[] = {
        {"n_group", (double)w->n_group},
        {"n_tile", (double)w->n_tile},
        {"n_sub_band", (double)w->n_sub_band},
        {"n_chan", (double)w->n_chan},
        {"n_time", (double)w->n_time},
        {"n_baseline", (double)w->n_baseline},
        {"n_pol", (double)w->n_pol},
        {"n_sample", p->n_sample},
        {"image_size", (double)w->image_size},
        {"n_rank", p->teams.n_rank},
        {"n_node", p->n_node},
        {"ranks_per_node", p->ranks_per_node},
        {"n_team", p->teams.n_team},
        {"ranks_per_team", p->teams.min_ranks},
        {"memory_per_rank_bytes", p->memory_per_rank},
        {"memory_per_node_bytes", p->memory_per_node},
        {"read_bytes", p->read_bytes},
        {"staging_bytes", p->staging_bytes},
        {"products_bytes", p->products_bytes},
        {"state_bytes", p->state_bytes},
        {"seconds_per_tile", p->seconds_per_tile},
        {"seconds", p->seconds},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        ci_json_put_number(root, numbers[i].name, numbers[i].value);
    ci_json_put_bool(root, "fits", p->fits);
    return root;
}

static ci_status quoted(ci_text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=:,./@%";
    if (*word && strspn(word, plain) == strlen(word)) return ci_text_append(text, " %s", word);
    CI_TRY(ci_text_append(text, " '"));
    for (; *word; word++)
        CI_TRY(*word == '\'' ? ci_text_append(text, "'\\''") : ci_text_append(text, "%c", *word));
    return ci_text_append(text, "'");
}

/* Slurm kills by the limits it is given: a third more memory than planned, in GB upwards, and
 * twice the time, a quarter of an hour at least. */
ci_status ci_plan_sbatch(char **out, const ci_plan *plan, const char *script,
                         const char *const *arguments, size_t n_argument)
{
    ci_text text = {0};
    long minutes = (long)ceil(fmax(15, 2 * plan->seconds / 60));
    *out = NULL;
    ci_status status = ci_text_append(
        &text,
        "sbatch --nodes=%d --ntasks=%d --ntasks-per-node=%d --mem=%.0fG --time=%02ld:%02ld:00",
        plan->n_node, plan->teams.n_rank, plan->ranks_per_node,
        ceil(plan->memory_per_node * 4 / 3 / 1073741824.0), minutes / 60, minutes % 60);
    if (status == CI_OK) status = quoted(&text, script);
    for (size_t i = 0; i < n_argument && status == CI_OK; i++)
        status = quoted(&text, arguments[i]);
    if (status != CI_OK) {
        ci_mem_free(text.text);
        return status;
    }
    *out = text.text;
    return CI_OK;
}

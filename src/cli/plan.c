/* contimg plan: what `contimg run` with the same arguments would need. */
#include "cli/cli.h"

#include "contimg/base_log.h"
#include "contimg/ingest.h"
#include "contimg/run.h"
#include "contimg/tile.h"
#include "contimg/plan.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
    ci_plan_workload workload;
    ci_text groups; /* ids, blank-separated: from the registry, not named by the user */
} task;

static ci_status work_from_arguments(const ci_conf *conf, task *t)
{
    ci_ingest_clusters *clusters = NULL;
    CI_TRY(ci_run_check_named(conf));
    CI_TRY(ci_ingest_sort(&clusters, ci_conf_arguments(conf), ci_conf_argument_count(conf)));
    /* The tile with the most files represents all. */
    const ci_ingest_cluster *largest = &clusters->item[0];
    for (size_t i = 1; i < clusters->n; i++)
        if (clusters->item[i].n_path > largest->n_path) largest = &clusters->item[i];
    t->workload.n_group = 1;
    t->workload.n_tile = clusters->n;
    ci_status status =
        ci_tile_estimate(conf, (const char *const *)largest->path, largest->n_path, &t->workload);
    ci_ingest_clusters_free(clusters);
    return status;
}

static bool is_whole(const ci_registry_member *member)
{
    for (size_t i = 0; i < member->n_path; i++)
        if (!ci_path_exists(member->path[i])) return false;
    return true;
}

/* CI_ERR_IO where none of the group's files is there. */
static ci_status check_files(const ci_registry_group *group)
{
    ci_run_groups list = {0};
    ci_status status = ci_run_groups_add(&list, group);
    if (status == CI_OK) status = ci_run_group_inputs_check(&list.group[0]);
    ci_run_groups_free(&list);
    return status;
}

/* *largest: the tile with the most files, of those whose files are all there. */
static ci_status add_group(task *t, const ci_registry_group *group,
                           const ci_registry_member **largest)
{
    t->workload.n_group++;
    t->workload.n_tile += group->n_member;
    for (size_t i = 0; i < group->n_member; i++) {
        const ci_registry_member *m = &group->member[i];
        if ((!*largest || m->n_path > (*largest)->n_path) && is_whole(m)) *largest = m;
    }
    return ci_text_append(&t->groups, "%s%s", t->groups.length ? " " : "", group->id);
}

static ci_status groups_of(const ci_conf *conf, ci_registry *registry, ci_registry_groups **groups)
{
    const char *id = ci_conf_text(conf, CI_CONF_OPT_GROUP);
    if (!*id) return ci_registry_groups_ready(registry, groups);
    CI_TRY(ci_registry_group_get(registry, id, groups));
    if ((*groups)->n > 0) return CI_OK;
    return ci_error(CI_ERR_INPUT, "--group %s: no such group; `contimg group` lists them", id);
}

/* What the groups need that a run takes: one of whose files none is there keeps no other from being
 * made. CI_ERR_IO, of the first, where that is so of all. */
static ci_status add_groups(const ci_conf *conf, task *t, const ci_registry_groups *groups)
{
    const ci_registry_member *largest = NULL;
    ci_error_saved away = ci_error_save(CI_OK);
    size_t most = (size_t)ci_conf_int(conf, CI_CONF_OPT_MAX_GROUPS);
    for (size_t i = 0; i < groups->n && t->workload.n_group < most; i++) {
        ci_status status = check_files(&groups->item[i]);
        if (status == CI_OK) status = add_group(t, &groups->item[i], &largest);
        if (status != CI_OK && status != CI_ERR_IO) return status;
        if (status == CI_ERR_IO && groups->n > 1)
            ci_log_warning("passed over: %s", ci_error_text());
        if (status == CI_ERR_IO && away.status == CI_OK) away = ci_error_save(status);
    }
    if (t->workload.n_group == 0) return ci_error_restore(&away);
    ci_error_clear();
    if (largest)
        return ci_tile_estimate(conf, (const char *const *)largest->path, largest->n_path,
                                &t->workload);
    return ci_error(CI_ERR_INPUT,
                    "group %s: each of its observations has files that are not there: put them "
                    "back; contimg run makes it of what there is, or tells why not",
                    t->groups.text);
}

static ci_status work_from_registry(const ci_conf *conf, task *t)
{
    ci_run_site site;
    ci_registry_groups *groups = NULL;
    ci_status status = ci_run_site_open(&site, conf, CI_RUN_READS);
    if (status == CI_OK) status = groups_of(conf, site.registry, &groups);
    if (status == CI_OK) status = add_groups(conf, t, groups);
    ci_registry_groups_free(groups);
    ci_run_site_close(&site);
    return status;
}

/* Options that tell the plan, not the run. */
static bool is_of_plan(ci_conf_id id)
{
    return id == CI_CONF_OPT_JSON || id == CI_CONF_OPT_RANKS || id == CI_CONF_OPT_MAX_RANKS ||
           id == CI_CONF_OPT_RANKS_PER_NODE || id == CI_CONF_OPT_MEMORY || id == CI_CONF_OPT_GROUP;
}

/* What contimg.sbatch is to be given. */
typedef struct job_arguments
{
    size_t n;
    char **text; /* [n], owned */
} job_arguments;

static void arguments_free(job_arguments *list)
{
    for (size_t i = 0; i < list->n; i++)
        ci_mem_free(list->text[i]);
    ci_mem_free(list->text);
}

CI_PRINTF(2, 3)
static ci_status argument_add(job_arguments *list, const char *format, ...)
{
    va_list values;
    CI_TRY(ci_mem_resize(&list->text, list->n + 1, sizeof *list->text, "arguments"));
    list->text[list->n] = NULL;
    va_start(values, format);
    ci_status status = ci_str_format_args(&list->text[list->n++], format, values);
    va_end(values);
    return status;
}

/* Files or groups, then the options that were given here. */
static ci_status arguments_fill(job_arguments *list, const ci_conf *conf, const task *t)
{
    for (size_t i = 0; i < ci_conf_argument_count(conf); i++)
        CI_TRY(argument_add(list, "%s", ci_conf_argument(conf, i)));
    for (const char *p = t->groups.text; p && *p;) {
        size_t n = strcspn(p, " ");
        CI_TRY(argument_add(list, "%.*s", (int)n, p));
        p += n + (p[n] == ' ');
    }
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        if (is_of_plan(id) || ci_conf_source_of(conf, id) != CI_CONF_SOURCE_COMMAND_LINE) continue;
        CI_TRY(argument_add(list, "--%s=%s", ci_conf_name(id), ci_conf_text(conf, id)));
    }
    return CI_OK;
}

static ci_json *plan_json(const ci_plan *plan, const job_arguments *arguments, const char *line)
{
    ci_json *root = ci_plan_json(plan), *list = ci_json_array();
    for (size_t i = 0; i < arguments->n; i++)
        ci_json_put_string(list, NULL, arguments->text[i]);
    ci_json_put(root, "arguments", list);
    ci_json_put_string(root, "sbatch", line);
    return root;
}

static ci_status sbatch_line(char **out, const ci_plan *plan, const job_arguments *arguments)
{
    char *script = NULL;
    bool is_found = ci_path_share(&script, "contimg.sbatch") == CI_OK;
    if (!is_found) ci_error_clear(); /* in the source tree it stands elsewhere */
    ci_status status = ci_plan_sbatch(out, plan, is_found ? script : "contimg.sbatch",
                                      (const char *const *)arguments->text, arguments->n);
    ci_mem_free(script);
    return status;
}

static ci_status print_plan(const ci_conf *conf, const task *t, const ci_plan *plan)
{
    char *text = NULL, *line = NULL;
    job_arguments arguments = {0};
    ci_status status = arguments_fill(&arguments, conf, t);
    if (status == CI_OK) status = sbatch_line(&line, plan, &arguments);
    if (status == CI_OK && ci_conf_bool(conf, CI_CONF_OPT_JSON)) {
        status = ci_cli_print_json(plan_json(plan, &arguments, line));
    } else if (status == CI_OK) {
        status = ci_plan_text(&text, plan);
        if (status == CI_OK) printf("%s%s\n", text, line);
    }
    arguments_free(&arguments);
    ci_mem_free(text);
    ci_mem_free(line);
    return status;
}

static ci_status print_nothing(const ci_conf *conf)
{
    if (!ci_conf_bool(conf, CI_CONF_OPT_JSON)) {
        const char *input = ci_conf_text(conf, CI_CONF_OPT_INPUT_DIR);
        size_t n = ci_ingest_count(input);
        printf("nothing to do: no complete group in %s (%zu file%s there)\n", input, n,
               ci_plural(n));
        if (n > 0) printf("contimg status says what waits, for what and until when\n");
        return CI_OK;
    }
    ci_json *root = ci_json_object();
    ci_json_put_int(root, "n_group", 0);
    ci_json_put_int(root, "n_tile", 0);
    ci_json_put(root, "arguments", ci_json_array());
    return ci_cli_print_json(root);
}

/* The configuration of `contimg plan` with the folders, databases and file of another command. */
static ci_status conf_of_plan(ci_conf **out, const ci_conf *conf)
{
    static const ci_conf_id same[] = {
        CI_CONF_OPT_CONFIG,      CI_CONF_OPT_LOG_LEVEL,      CI_CONF_OPT_INPUT_DIR,
        CI_CONF_OPT_OUTPUT_DIR,  CI_CONF_OPT_SCRATCH_DIR,    CI_CONF_OPT_STATE_DIR,
        CI_CONF_OPT_QUEUE_DB,    CI_CONF_OPT_PRODUCTS_DIR,   CI_CONF_OPT_PRODUCTS_DB,
        CI_CONF_OPT_REGISTRY_DB, CI_CONF_OPT_CAL_REGISTRY_DB};
    enum
    {
        n_same = sizeof same / sizeof *same
    };
    char *words[n_same + 1] = {NULL}, name[] = "plan";
    int n = 1;
    bool asked_help;
    ci_status status = CI_OK;
    words[0] = name;
    for (int i = 0; status == CI_OK && i < n_same; i++)
        if (ci_conf_source_of(conf, same[i]) == CI_CONF_SOURCE_COMMAND_LINE)
            status = ci_str_format(&words[n++], "--%s=%s", ci_conf_name(same[i]),
                                   ci_conf_text(conf, same[i]));
    ci_log_mute(true); /* what there is to say of the file was said for `conf` */
    if (status == CI_OK) status = ci_conf_new(out, CI_CONF_COMMAND_PLAN, n, words, &asked_help);
    ci_log_mute(false);
    for (int i = 1; i < n; i++)
        ci_mem_free(words[i]);
    return status;
}

ci_status ci_cli_plan_next(const ci_conf *conf, ci_plan *plan, bool *is_work)
{
    task t = {.groups = {0}};
    const ci_plan_limits one = {.n_rank = 1}; /* what is written hangs on no rank */
    ci_conf *of_plan = NULL;
    *is_work = false;
    CI_TRY(conf_of_plan(&of_plan, conf));
    ci_status status = work_from_registry(of_plan, &t);
    *is_work = status == CI_OK && t.workload.n_tile > 0;
    if (*is_work) status = ci_plan_make(plan, &t.workload, &one);
    ci_mem_free(t.groups.text);
    ci_conf_free(of_plan);
    return status;
}

/* Where nothing is said of the nodes, they are taken to be like this one. */
static ci_plan_limits limits_of(const ci_conf *conf)
{
    ci_plan_limits limits = {.n_rank = (int)ci_conf_int(conf, CI_CONF_OPT_RANKS),
                             .max_rank = (int)ci_conf_int(conf, CI_CONF_OPT_MAX_RANKS),
                             .ranks_per_node = (int)ci_conf_int(conf, CI_CONF_OPT_RANKS_PER_NODE),
                             .n_team = (int)ci_conf_int(conf, CI_CONF_OPT_TEAMS),
                             .memory_per_node = ci_conf_double(conf, CI_CONF_OPT_MEMORY) * 1e9};
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (limits.ranks_per_node > 0) return limits;
    if (cores > 0 && limits.max_rank > cores) limits.max_rank = cores;
    limits.memory_per_node = ci_tile_node_budget_bytes(conf);
    return limits;
}

ci_status ci_cli_plan(const ci_conf *conf)
{
    task t = {.groups = {0}};
    ci_plan plan;
    CI_TRY(ci_conf_check_work(conf));
    ci_status status = ci_conf_argument_count(conf) > 0 ? work_from_arguments(conf, &t)
                                                        : work_from_registry(conf, &t);
    if (status == CI_OK && t.workload.n_tile == 0) {
        status = print_nothing(conf);
    } else if (status == CI_OK) {
        const ci_plan_limits limits = limits_of(conf);
        status = ci_plan_make(&plan, &t.workload, &limits);
        if (status == CI_OK) status = print_plan(conf, &t, &plan);
    }
    ci_mem_free(t.groups.text);
    return status;
}

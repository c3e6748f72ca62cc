/* The documents of the deployed service: same names, fields and types. */
#include "contimg/ops.h"
#include "contimg/registry_cal.h"
#include "ops/time.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* ---- /api/status ----------------------------------------------------------------------------- */

static ci_status queue_json(ci_json **out, ci_registry *registry)
{
    int64_t n[CI_REGISTRY_WORK_STATE_COUNT], total = 0;
    CI_TRY(ci_registry_queue_count(registry, n));
    *out = ci_json_object();
    for (int i = 0; i < CI_REGISTRY_WORK_STATE_COUNT; i++) {
        ci_json_put_int(*out, ci_registry_work_state_word((ci_registry_work_state)i), n[i]);
        total += n[i];
    }
    ci_json_put_int(*out, "total", total);
    return CI_OK;
}

static ci_json *entry_json(const ci_registry_entry *e)
{
    ci_json *json = ci_json_object(), *matches = NULL;
    ci_json_put_string(json, "group_id", e->id);
    ci_json_put_string(json, "state", e->state);
    ci_ops_time_put(json, "received_at", e->received_unix_s);
    ci_ops_time_put(json, "last_update", e->updated_unix_s);
    ci_json_put_int(json, "subbands_present", e->n_present);
    ci_json_put_int(json, "expected_subbands", e->n_expected);
    if (e->has_calibrator >= 0)
        ci_json_put_bool(json, "has_calibrator", e->has_calibrator > 0);
    else
        ci_json_put_number(json, "has_calibrator", NAN);
    if (!*e->calibrators || ci_json_parse(&matches, e->calibrators, "calibrators") != CI_OK)
        matches = ci_json_array();
    ci_error_clear();
    ci_json_put(json, "matches", matches);
    return json;
}

static ci_status recent_put(ci_json *root, ci_registry *registry)
{
    ci_registry_entries *recent = NULL;
    ci_json *list = ci_json_array();
    int64_t n_matched = 0;
    ci_json_put(root, "recent_groups", list);
    CI_TRY(ci_registry_queue_recent(registry, 20, &recent));
    for (size_t i = 0; i < recent->n; i++) {
        ci_json_put(list, NULL, entry_json(&recent->item[i]));
        n_matched += recent->item[i].has_calibrator > 0;
    }
    ci_registry_entries_free(recent);
    ci_json_put_int(root, "matched_recent", n_matched);
    return CI_OK;
}

static int by_set(const void *a, const void *b)
{
    return strcmp((*(const ci_registry_cal *const *)a)->set_name,
                  (*(const ci_registry_cal *const *)b)->set_name);
}

static void sets_put(ci_json *list, ci_registry_cal **table, size_t n)
{
    for (size_t i = 0; i < n;) {
        ci_json *set = ci_json_object(), *paths = ci_json_array();
        const char *name = table[i]->set_name;
        int64_t n_active = 0, n_table = 0;
        for (; i < n && strcmp(table[i]->set_name, name) == 0; i++, n_table++) {
            ci_json_put_string(paths, NULL, table[i]->path);
            n_active += table[i]->state == CI_REGISTRY_CAL_ACTIVE;
        }
        ci_json_put_string(set, "set_name", name);
        ci_json_put(set, "tables", paths);
        ci_json_put_int(set, "active", n_active);
        ci_json_put_int(set, "total", n_table);
        ci_json_put(list, NULL, set);
    }
}

static ci_status calibration_put(ci_json *root, ci_registry *registry)
{
    ci_registry_cals *tables = NULL;
    ci_registry_cal **sorted = NULL;
    ci_json *list = ci_json_array();
    ci_json_put(root, "calibration_sets", list);
    CI_TRY(ci_registry_cals_read(registry, &tables, true));
    ci_status status = ci_mem_alloc(&sorted, tables->n, sizeof *sorted, "tables");
    for (size_t i = 0; status == CI_OK && i < tables->n; i++)
        sorted[i] = &tables->item[i];
    if (status == CI_OK && tables->n > 1) qsort(sorted, tables->n, sizeof *sorted, by_set);
    if (status == CI_OK) sets_put(list, sorted, tables->n);
    ci_mem_free(sorted);
    ci_registry_cals_free(tables);
    return status;
}

ci_status ci_ops_status_put(ci_json *root, ci_registry *registry)
{
    ci_json *queue = NULL;
    CI_TRY(queue_json(&queue, registry));
    ci_json_put(root, "queue", queue);
    CI_TRY(recent_put(root, registry));
    return calibration_put(root, registry);
}

/* ---- /api/metrics/system --------------------------------------------------------------------- */

/* Busy and all time of the machine's processors, in ticks. */
static void cpu_ticks(double *busy, double *all)
{
    double t[8] = {0};
    FILE *file = fopen("/proc/stat", "re");
    *busy = *all = 0;
    if (!file) return;
    if (fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &t[0], &t[1], &t[2], &t[3], &t[4],
               &t[5], &t[6], &t[7]) == 8)
        for (int i = 0; i < 8; i++) {
            *all += t[i];
            *busy += i == 3 || i == 4 ? 0 : t[i]; /* idle, waiting for disks */
        }
    fclose(file);
}

static double cpu_percent(void)
{
    double busy[2], all[2];
    cpu_ticks(&busy[0], &all[0]);
    ci_clock_wait(NULL, 0.1);
    cpu_ticks(&busy[1], &all[1]);
    return all[1] > all[0] ? 100 * (busy[1] - busy[0]) / (all[1] - all[0]) : 0;
}

void ci_ops_machine_read(ci_ops_machine *out)
{
    long long kb = 0, total = 0, available = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemTotal: %lld", &kb) == 1) total = kb * 1024;
        if (sscanf(line, "MemAvailable: %lld", &kb) == 1) available = kb * 1024;
    }
    if (file) fclose(file);
    *out = (ci_ops_machine){
        .cpu_percent = cpu_percent(), .memory_byte = total, .used_byte = total - available};
    if (getloadavg(out->load, 3) != 3) out->load[0] = out->load[1] = out->load[2] = 0;
}

void ci_ops_disk_use_read(ci_ops_disk_use *out, const char *path)
{
    char *folder = NULL;
    struct statvfs facts;
    memset(out, 0, sizeof *out);
    if (ci_ops_existing_part(&folder, path) == CI_OK && statvfs(folder, &facts) == 0) {
        int64_t block = (int64_t)facts.f_frsize;
        out->size_byte = (int64_t)facts.f_blocks * block;
        out->used_byte = out->size_byte - (int64_t)facts.f_bfree * block;
        out->free_byte = (int64_t)facts.f_bavail * block;
    }
    ci_mem_free(folder);
}

static double percent_of(int64_t part, int64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

static ci_json *disk_json(const ci_ops_disk *disk, const ci_ops_disk_use *use)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "mount_point", disk->path);
    ci_json_put_int(json, "total", use->size_byte);
    ci_json_put_int(json, "used", use->used_byte);
    ci_json_put_int(json, "free", use->free_byte);
    ci_json_put_number(json, "percent", percent_of(use->used_byte, use->size_byte));
    return json;
}

ci_json *ci_ops_system_json(double now_unix_s, const ci_ops_disk *disk, size_t n_disk)
{
    ci_json *json = ci_json_object(), *disks = ci_json_array();
    ci_ops_machine machine;
    ci_ops_disk_use first = {0}; /* stands for all, as in the deployed document */
    ci_ops_machine_read(&machine);
    ci_ops_time_put(json, "ts", now_unix_s);
    ci_json_put_number(json, "cpu_percent", machine.cpu_percent);
    ci_json_put_number(json, "mem_percent", percent_of(machine.used_byte, machine.memory_byte));
    ci_json_put_int(json, "mem_total", machine.memory_byte);
    ci_json_put_int(json, "mem_used", machine.used_byte);
    for (size_t i = 0; i < n_disk; i++) {
        ci_ops_disk_use use;
        ci_ops_disk_use_read(&use, disk[i].path);
        ci_json_put(disks, NULL, disk_json(&disk[i], &use));
        if (i == 0) first = use;
    }
    ci_json_put_int(json, "disk_total", first.size_byte);
    ci_json_put_int(json, "disk_used", first.used_byte);
    ci_json_put(json, "disks", disks);
    ci_json_put_number(json, "load_1", machine.load[0]);
    ci_json_put_number(json, "load_5", machine.load[1]);
    ci_json_put_number(json, "load_15", machine.load[2]);
    return json;
}

/* ---- /api/monitoring/publish/failed ---------------------------------------------------------- */

static ci_json *failed_product_json(const ci_registry_product *p)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "data_id", p->id);
    ci_json_put_string(json, "data_type", p->type_word);
    ci_json_put_string(json, "state", ci_registry_publish_state_word(p->state));
    ci_json_put_string(json, "stage_path", p->stage_path);
    ci_json_put_int(json, "publish_attempts", p->n_attempt);
    ci_json_put_string(json, "publish_error", p->error);
    ci_json_put_number(json, "staged_at", p->staged_unix_s);
    ci_json_put_number(json, "created_at", p->created_unix_s);
    return json;
}

ci_status ci_ops_failed_json(ci_json **out, ci_registry *registry, size_t limit,
                             int64_t min_attempts)
{
    ci_registry_products *products = NULL;
    CI_TRY(ci_registry_products_read(registry, &products, -1, true));
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < products->n; i++) {
        const ci_registry_product *p = &products->item[i];
        bool failed = p->state == CI_REGISTRY_PUBLISH_FAILED ||
                      (p->state == CI_REGISTRY_PUBLISH_STAGING && p->n_attempt > 0);
        if (failed && p->n_attempt >= min_attempts && ci_json_length(list) < limit)
            ci_json_put(list, NULL, failed_product_json(p));
    }
    ci_registry_products_free(products);
    *out = ci_json_object();
    ci_json_put_int(*out, "count", (int64_t)ci_json_length(list));
    ci_json_put(*out, "failed_publishes", list);
    return CI_OK;
}

/* ---- as files -------------------------------------------------------------------------------- */

/* folder/name with its parent made; frees the document. */
static ci_status write_one(const char *folder, const char *name, ci_json *json)
{
    char *path = NULL, *above = NULL;
    ci_status status = ci_path_join(&path, folder, name);
    if (status == CI_OK) status = ci_path_parent(&above, path);
    if (status == CI_OK) status = ci_path_make_folder(above);
    if (status == CI_OK) status = ci_json_write_file(json, path);
    ci_mem_free(above);
    ci_mem_free(path);
    ci_json_free(json);
    return status;
}

ci_status ci_ops_documents_write(ci_registry *registry, const char *state, const ci_ops_disk *disk,
                                 size_t n_disk)
{
    ci_ops_metrics metrics;
    ci_json *failed = NULL, *root = ci_json_object();
    char *folder = NULL;
    ci_status status = ci_ops_status_put(root, registry);
    if (status == CI_OK) status = ci_path_join(&folder, state, "api");
    if (status != CI_OK) {
        ci_json_free(root);
        return status;
    }
    status = write_one(folder, "status.json", root);
    if (status == CI_OK)
        status = write_one(folder, "metrics/system.json",
                           ci_ops_system_json(ci_registry_now(registry), disk, n_disk));
    if (status == CI_OK) status = ci_ops_metrics_read(&metrics, registry);
    if (status == CI_OK)
        status = write_one(folder, "monitoring/publish/status.json", ci_ops_metrics_json(&metrics));
    if (status == CI_OK) status = ci_ops_failed_json(&failed, registry, 50, 0);
    if (status == CI_OK) status = write_one(folder, "monitoring/publish/failed.json", failed);
    ci_mem_free(folder);
    return status;
}

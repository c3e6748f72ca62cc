/* A run's report: stage times and noise, as text and as one JSON line. */
#include "compare.h"

#include <math.h>
#include <string.h>

enum
{
    MAX_STAGE = 64
};
typedef struct stage
{
    char name[32];
    double seconds; /* of the rank that spent most on it */
} stage;

/* Seconds of one stage on one rank. */
static double stage_seconds(const ci_json *stages, const char *name, int rank)
{
    double sum = 0;
    for (size_t i = 0; i < ci_json_length(stages); i++) {
        const ci_json *one = ci_json_at(stages, i);
        if (strcmp(ci_json_get_string(one, "name", ""), name) != 0) continue;
        if ((int)ci_json_get_number(one, "rank", 0) != rank) continue;
        sum += ci_json_get_number(one, "end_s", 0) - ci_json_get_number(one, "start_s", 0);
    }
    return sum;
}

static size_t collect(const ci_json *report, stage list[MAX_STAGE])
{
    const ci_json *stages = ci_json_get(report, "stages");
    int n_rank = (int)ci_json_get_number(report, "n_rank", 1);
    size_t n = 0;
    for (size_t i = 0; stages != NULL && i < ci_json_length(stages); i++) {
        const char *name = ci_json_get_string(ci_json_at(stages, i), "name", "");
        bool is_known = false;
        for (size_t k = 0; k < n; k++)
            is_known |= strncmp(list[k].name, name, sizeof list[k].name - 1) == 0;
        if (is_known || n == MAX_STAGE) continue;
        snprintf(list[n].name, sizeof list[n].name, "%s", name);
        list[n].seconds = 0;
        for (int r = 0; r < n_rank; r++)
            list[n].seconds = fmax(list[n].seconds, stage_seconds(stages, name, r));
        n++;
    }
    return n;
}

static void add_tiles(const ci_json *report, ci_json *line)
{
    const ci_json *groups = ci_json_get(report, "groups");
    ci_json *list = ci_json_array();
    for (size_t g = 0; groups != NULL && g < ci_json_length(groups); g++) {
        const ci_json *tiles = ci_json_get(ci_json_at(groups, g), "tiles");
        for (size_t t = 0; tiles != NULL && t < ci_json_length(tiles); t++) {
            const ci_json *tile = ci_json_at(tiles, t), *image = ci_json_get(tile, "image");
            double rms = image != NULL ? ci_json_get_number(image, "rms_jy", NAN) : NAN;
            double thermal = image != NULL ? ci_json_get_number(image, "thermal_jy", NAN) : NAN;
            ci_json *one = ci_json_object();
            ci_json_put_string(one, "id", ci_json_get_string(tile, "id", ""));
            ci_json_put_string(one, "state", ci_json_get_string(tile, "state", ""));
            ci_json_put_number(one, "rms_jy", rms);
            ci_json_put_number(one, "thermal_jy", thermal);
            ci_json_put(list, NULL, one);
            printf("tile %s: %s, rms %.4f mJy/beam, thermal %.4f, ratio %.3f\n",
                   ci_json_get_string(tile, "id", ""), ci_json_get_string(tile, "state", ""),
                   rms * 1e3, thermal * 1e3, rms / thermal);
        }
    }
    ci_json_put(line, "tiles", list);
}

ci_status cmp_report_line(const char *path, ci_json *line)
{
    ci_json *report = NULL, *times = ci_json_object();
    stage list[MAX_STAGE];
    size_t n;
    ci_status status = ci_json_read_file(&report, path);
    if (status != CI_OK) {
        ci_json_free(times);
        return status;
    }
    n = collect(report, list);
    printf("%-24s %9s\n", "stage", "seconds");
    for (size_t i = 0; i < n; i++) {
        printf("%-24s %9.2f\n", list[i].name, list[i].seconds);
        ci_json_put_number(times, list[i].name, list[i].seconds);
    }
    printf("%-24s %9.2f\n", "whole run", ci_json_get_number(report, "seconds", NAN));
    ci_json_put_string(line, "run", ci_json_get_string(report, "run", ""));
    ci_json_put_string(line, "version", ci_json_get_string(report, "version", ""));
    ci_json_put_string(line, "host", ci_json_get_string(report, "host", ""));
    ci_json_put_string(line, "started", ci_json_get_string(report, "started", ""));
    ci_json_put_int(line, "n_rank", (int64_t)ci_json_get_number(report, "n_rank", 0));
    ci_json_put_number(line, "seconds", ci_json_get_number(report, "seconds", NAN));
    ci_json_put(line, "stage_seconds", times);
    add_tiles(report, line);
    ci_json_free(report);
    return CI_OK;
}

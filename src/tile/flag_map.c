/* The picture of a tile's flags. */
#include "contimg/draw.h"
#include "tile/fill.h"

#include <math.h>
#include <string.h>

/* The rows of antennas that have data, with their names. */
typedef struct antenna_rows
{
    size_t n;
    double *value;     /* [n][n_chan] */
    const char **name; /* [n], borrowed */
} antenna_rows;

static ci_status rows_new(const ci_flag_report *flags, const ci_vis_meta *meta, antenna_rows *out)
{
    static const char what[] = "picture of flags";
    CI_TRY(ci_mem_alloc(&out->value, flags->n_antenna * flags->n_chan, sizeof *out->value, what));
    CI_TRY(ci_mem_alloc(&out->name, flags->n_antenna, sizeof *out->name, what));
    for (size_t a = 0; a < flags->n_antenna; a++) {
        if (isnan(flags->antenna_fraction[a])) continue;
        memcpy(out->value + out->n * flags->n_chan, flags->antenna_map + a * flags->n_chan,
               flags->n_chan * sizeof *out->value);
        out->name[out->n++] = ci_vis_text(meta->array.antenna[a].name);
    }
    return CI_OK;
}

static ci_status maps_draw(const ci_flag_report *flags, const ci_vis_meta *meta,
                           const antenna_rows *rows, const char *png_path)
{
    double span_s = meta->time_mjd_s[meta->n_time - 1] - meta->time_mjd_s[0];
    const ci_draw_map map[] = {{.title = "flagged, by time and channel",
                                .x_label = "channel, ascending frequency",
                                .y_label = "minutes",
                                .n_x = flags->n_chan,
                                .n_y = flags->n_time,
                                .value = flags->time_map,
                                .x_last = (double)flags->n_chan - 1,
                                .y_last = span_s / 60},
                               {.title = "flagged, by antenna and channel",
                                .x_label = "channel, ascending frequency",
                                .y_label = "antenna",
                                .n_x = flags->n_chan,
                                .n_y = rows->n,
                                .value = rows->value,
                                .x_last = (double)flags->n_chan - 1,
                                .row_name = rows->name}};
    return ci_draw_maps(png_path, map, sizeof map / sizeof *map);
}

void ci_tile_flags_draw(const ci_tile_data *data, const char *folder)
{
    antenna_rows rows = {0};
    char *path = NULL;
    ci_status status = rows_new(data->flags, data->set->meta, &rows);
    if (status == CI_OK) status = ci_path_join(&path, folder, "flags.png");
    if (status == CI_OK) status = maps_draw(data->flags, data->set->meta, &rows, path);
    if (status != CI_OK) ci_log_warning("no picture of flags: %s", ci_error_text());
    ci_mem_free(path);
    ci_mem_free(rows.value);
    ci_mem_free(rows.name);
}

/* The run's record: see contimg/report.h. */
#include "run/run.h"

#include <math.h>
#include <string.h>

double ci_run_seconds(const ci_run *run)
{
    return ci_clock_monotonic_s() - run->start_s;
}

ci_status ci_run_stop_check(ci_comm *comm, const char *where)
{
    ci_status status = CI_OK;
    if (ci_stop_asked())
        status = ci_error(CI_ERR_STOPPED, "stopped on request %s; run it again to resume", where);
    return ci_par_agree(comm, status);
}

void ci_run_note(ci_run *run, const char *stage, const char *subject, double start_s)
{
    double now = ci_run_seconds(run);
    if (run->n_event == run->max_event) {
        size_t grown = run->max_event ? 2 * run->max_event : 64;
        /* A report without this event is better than no product. */
        if (ci_mem_resize(&run->event, grown, sizeof *run->event, "events") != CI_OK) return;
        run->max_event = grown;
    }
    ci_run_event *event = &run->event[run->n_event++];
    memset(event, 0, sizeof *event);
    snprintf(event->stage, sizeof event->stage, "%s", stage);
    snprintf(event->subject, sizeof event->subject, "%s", subject);
    event->rank = ci_comm_rank(run->world);
    event->start_s = start_s;
    event->end_s = now;
    if (event->rank == 0) ci_log_info("%-10s %-26s %8.2f s", stage, subject, now - start_s);
}

ci_status ci_run_json_share(ci_comm *comm, ci_json **inout)
{
    if (ci_comm_size(comm) == 1) return CI_OK;
    bool is_root = ci_comm_rank(comm) == 0;
    char *text = NULL;
    int64_t n = 0;
    ci_status status = is_root ? ci_json_print(&text, *inout, false) : CI_OK;
    CI_TRY(ci_par_agree(comm, status));
    if (is_root) n = (int64_t)strlen(text) + 1;
    CI_TRY(ci_par_bcast(comm, &n, sizeof n, 0));
    if (!is_root) status = ci_mem_alloc(&text, (size_t)n, 1, "shared record");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_bcast(comm, text, (size_t)n, 0);
    if (status == CI_OK && !is_root) status = ci_json_parse(inout, text, "shared record");
    ci_mem_free(text);
    return ci_par_agree(comm, status);
}

/* Bright sources that were cleaned with a slope of their own, brightest first. */
static ci_json *slopes_record(const ci_image_stats *s)
{
    ci_json *list = ci_json_array();
    for (int i = 0; i < s->clean.n_slope; i++) {
        ci_json *one = ci_json_object();
        ci_json_put_number(one, "ra_deg", s->clean.slope[i].ra_rad * CI_RAD_TO_DEG);
        ci_json_put_number(one, "dec_deg", s->clean.slope[i].dec_rad * CI_RAD_TO_DEG);
        ci_json_put_number(one, "flux_jy", s->clean.slope[i].flux_jy);
        ci_json_put_number(one, "beam", s->clean.slope[i].beam);
        ci_json_put_number(one, "slope", s->clean.slope[i].slope);
        ci_json_put(list, NULL, one);
    }
    return list;
}

static ci_json *image_record(const ci_image_stats *s, const ci_tile_data *data)
{
    ci_json *image = ci_json_object();
    ci_json_put_int(image, "n_x", (int64_t)s->n_x);
    ci_json_put_int(image, "n_y", (int64_t)s->n_y);
    ci_json_put_number(image, "cell_arcsec", s->cell_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(image, "ra_deg", data->ra_rad * CI_RAD_TO_DEG);
    ci_json_put_number(image, "dec_deg", data->dec_rad * CI_RAD_TO_DEG);
    ci_json_put_number(image, "beam_major_arcsec", s->beam_major_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(image, "beam_minor_arcsec", s->beam_minor_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(image, "beam_pa_deg", s->beam_pa_rad * CI_RAD_TO_DEG);
    ci_json_put_number(image, "psf_sidelobe", s->psf_sidelobe);
    ci_json_put_number(image, "rms_jy", s->rms_jy);
    ci_json_put_number(image, "thermal_jy", s->thermal_jy);
    ci_json_put_number(image, "peak_jy", s->peak_jy);
    ci_json_put_number(image, "dirty_peak_jy", s->dirty_peak_jy);
    ci_json_put_number(image, "model_flux_jy", s->model_flux_jy);
    ci_json_put_number(image, "freq_hz", s->freq_hz);
    ci_json_put_number(image, "bandwidth_hz", s->bandwidth_hz);
    ci_json_put_int(image, "n_sample", s->n_sample);
    ci_json_put_int(image, "n_major", s->clean.n_major);
    ci_json_put_int(image, "n_minor", s->clean.n_minor);
    ci_json_put_int(image, "n_plane", s->n_plane);
    ci_json_put_string(image, "stop_reason", s->clean.stop_reason);
    ci_json_put_bool(image, "is_pseudo_i", s->is_pseudo_i);
    ci_json_put_int(image, "n_point_component", s->clean.n_point);
    ci_json_put(image, "slopes", slopes_record(s));
    return image;
}

static ci_json *reasons_record(const ci_vis_flag_counts *counts)
{
    static const char *const names[8] = {"file", "nonfinite", "zero", "dead",
                                         "rfi",  "clip",      "cal",  "user"};
    ci_json *reasons = ci_json_object();
    for (int i = 0; i < 8; i++)
        ci_json_put_int(reasons, names[i], counts->n_by_bit[i]);
    return reasons;
}

static ci_json *flags_record(const ci_flag_report *flags, const ci_vis_meta *meta)
{
    ci_json *record = ci_json_object(), *antennas = ci_json_array(), *channels = ci_json_array();
    ci_json_put_int(record, "n_good", flags->counts.n_good);
    ci_json_put(record, "by_reason", reasons_record(&flags->counts));
    for (size_t a = 0; a < flags->n_antenna; a++) {
        if (isnan(flags->antenna_fraction[a])) continue; /* not in the data */
        ci_json *antenna = ci_json_object(), *dead = ci_json_array();
        ci_json_put_string(antenna, "name", ci_vis_text(meta->array.antenna[a].name));
        ci_json_put_number(antenna, "fraction", flags->antenna_fraction[a]);
        for (size_t p = 0; p < flags->n_pol; p++)
            ci_json_put_bool(dead, NULL, flags->dead[a * flags->n_pol + p] != 0);
        ci_json_put(antenna, "dead", dead);
        ci_json_put(antennas, NULL, antenna);
    }
    size_t n_channel = 0;
    for (size_t i = 0; i < meta->n_sub_band; i++)
        n_channel += meta->sub_band[i].n_chan;
    for (size_t i = 0; i < n_channel; i++)
        ci_json_put_number(channels, NULL, flags->channel_fraction[i]);
    ci_json_put(record, "antenna", antennas);
    ci_json_put(record, "channel_fraction", channels);
    return record;
}

/* ---- uv coverage ------------------------------------------------------------------- */

enum
{
    UV_POINTS = 3000
};

/* splitmix64's finalizer: which points are kept repeats with no period of the data. */
static uint64_t scatter(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9u;
    i = (i ^ (i >> 27)) * 0x94d049bb133111ebu;
    return i ^ (i >> 31);
}

/* Whether a row's point is one of about UV_POINTS of the whole data set: from its place in that
 * alone, so that who holds the row is of no matter. An autocorrelation covers nothing. */
static bool uv_is_kept(const ci_vis_block *block, size_t i_row)
{
    const ci_vis_meta *meta = block->meta;
    size_t i_baseline = (size_t)block->i_baseline[i_row], i_time = (size_t)block->i_time[i_row];
    if (meta->baseline_ant1[i_baseline] == meta->baseline_ant2[i_baseline]) return false;
    uint64_t n = (uint64_t)meta->n_sub_band * meta->n_baseline * meta->n_time;
    uint64_t i = (block->part.i_sub_band * meta->n_baseline + i_baseline) * meta->n_time + i_time;
    return scatter(i) % (n / UV_POINTS + 1) == 0;
}

static bool row_has_data(const ci_vis_block *block, size_t i_row)
{
    size_t n = block->n_chan * block->n_pol;
    for (size_t k = 0; k < n; k++)
        if (block->flags[i_row * n + k] == 0) return true;
    return false;
}

/* u, v of a block's kept rows at its middle frequency, to 0.1 wavelengths; their number. `uv`
 * may be NULL. */
static size_t uv_of_block(const ci_vis_block *block, double *uv)
{
    double per_m = block->freq_hz[block->n_chan / 2] / CI_C_M_S;
    size_t n = 0;
    for (size_t i = 0; i < block->n_row; i++) {
        if (!uv_is_kept(block, i) || !row_has_data(block, i)) continue;
        for (size_t k = 0; uv && k < 2; k++)
            uv[2 * n + k] = rint(block->uvw_m[3 * i + k] * per_m * 10) / 10;
        n++;
    }
    return n;
}

static ci_status uv_here(const ci_vis_set *set, double **out, size_t *n)
{
    size_t n_all = 0;
    *n = 0;
    for (size_t i = 0; i < set->n_block; i++)
        n_all += uv_of_block(set->block[i], NULL);
    CI_TRY(ci_mem_alloc(out, n_all, 2 * sizeof **out, "uv points"));
    for (size_t i = 0; i < set->n_block; i++)
        *n += uv_of_block(set->block[i], *out + 2 * *n);
    return CI_OK;
}

/* Ranks hold ascending runs of the global order: their points one after the other are the same
 * at any number of ranks. */
static ci_status uv_gather(ci_comm *comm, const ci_vis_set *set, double **out, size_t *n)
{
    double *here = NULL;
    size_t n_here = 0, n_byte = 0;
    ci_status status = ci_par_agree(comm, uv_here(set, &here, &n_here));
    if (status == CI_OK)
        status = ci_par_gather(comm, here, 2 * n_here * sizeof *here, 0, (void **)out, &n_byte);
    *n = n_byte / (2 * sizeof *here);
    ci_mem_free(here);
    return status;
}

static ci_json *uv_record(const double *uv, size_t n)
{
    ci_json *record = ci_json_object(), *u = ci_json_array(), *v = ci_json_array();
    for (size_t i = 0; i < n; i++) {
        ci_json_put_number(u, NULL, uv[2 * i]);
        ci_json_put_number(v, NULL, uv[2 * i + 1]);
    }
    ci_json_put(record, "u_lambda", u);
    ci_json_put(record, "v_lambda", v);
    return record;
}

ci_status ci_run_tile_record(ci_comm *team, const ci_tile_data *data, const ci_image_stats *stats,
                             ci_json **out)
{
    double *uv = NULL;
    size_t n_uv = 0;
    *out = NULL;
    CI_TRY(uv_gather(team, data->set, &uv, &n_uv));
    if (ci_comm_rank(team) == 0) {
        *out = ci_json_object();
        if (stats) ci_json_put(*out, "image", image_record(stats, data));
        if (data->flags) ci_json_put(*out, "flags", flags_record(data->flags, data->set->meta));
        ci_json_put(*out, "uv", uv_record(uv, n_uv));
    }
    ci_mem_free(uv);
    return CI_OK;
}

/* ---- ranks ------------------------------------------------------------------------ */

typedef struct
{
    uint64_t peak_bytes, sent_bytes;
} rank_counts;

static void put_events(ci_json *record, const ci_run_event *event, size_t n)
{
    ci_json *stages = ci_json_array();
    for (size_t i = 0; i < n; i++) {
        ci_json *stage = ci_json_object();
        ci_json_put_string(stage, "name", event[i].stage);
        ci_json_put_string(stage, "subject", event[i].subject);
        ci_json_put_int(stage, "rank", event[i].rank);
        ci_json_put_number(stage, "start_s", event[i].start_s);
        ci_json_put_number(stage, "end_s", event[i].end_s);
        ci_json_put(stages, NULL, stage);
    }
    ci_json_put(record, "stages", stages);
}

static void put_counts(ci_json *record, const rank_counts *counts, size_t n)
{
    ci_json *memory = ci_json_array(), *sent = ci_json_array();
    for (size_t i = 0; i < n; i++) {
        ci_json_put_int(memory, NULL, (int64_t)counts[i].peak_bytes);
        ci_json_put_int(sent, NULL, (int64_t)counts[i].sent_bytes);
    }
    ci_json_put(record, "memory_peak_bytes", memory);
    ci_json_put(record, "bytes_sent", sent);
}

ci_status ci_run_record_ranks(ci_run *run)
{
    ci_run_event *events = NULL;
    rank_counts *counts = NULL, mine = {ci_mem_peak(), 0};
    size_t n_byte = 0;
    mine.sent_bytes = ci_par_counters_get(run->world).n_byte_sent;
    ci_status status = ci_par_gather(run->world, run->event, run->n_event * sizeof *run->event, 0,
                                     (void **)&events, &n_byte);
    if (status == CI_OK)
        status = ci_par_gather(run->world, &mine, sizeof mine, 0, (void **)&counts, NULL);
    if (status == CI_OK && run->record) {
        put_events(run->record, events, n_byte / sizeof *events);
        put_counts(run->record, counts, (size_t)ci_comm_size(run->world));
    }
    ci_mem_free(events);
    ci_mem_free(counts);
    return status;
}

/* Self-calibration: rounds of gains solved on what the image of the round before has found. */
#include "contimg/tile.h"

#include <complex.h>
#include <math.h>

enum
{
    N_ROUND = 4,
    MOST_SOURCES = 100 /* of the model: the brightest have all of the signal to noise */
};

/* Phases alone, shorter and shorter, then amplitudes, one for the tile, with the last phases. */
static const struct
{
    double interval_s;
    bool has_amplitude;
} rounds[N_ROUND] = {{300, false}, {120, false}, {60, false}, {60, true}};
static const double least_rise = 1.05; /* of peak / rms, for a round to be kept */

/* An image as a round sees it. */
typedef struct seen
{
    ci_sky_model *model; /* owned */
    double peak_jy, rms_jy;
} seen;

static double range_of(const seen *image)
{
    return image->rms_jy > 0 ? image->peak_jy / image->rms_jy : 0;
}

static void seen_clear(seen *image)
{
    ci_sky_model_free(image->model);
    *image = (seen){0};
}

/* ---- images -----------------------------------------------------------------------------------
 */

static ci_status cleaned(ci_comm *comm, ci_image_maker *maker, seen *out)
{
    bool is_done = false;
    CI_TRY(ci_image_maker_dirty(comm, maker));
    while (!is_done)
        CI_TRY(ci_image_maker_cycle(comm, maker, &is_done));
    CI_TRY(ci_image_maker_sources(comm, maker, MOST_SOURCES, &out->model, &out->peak_jy));
    out->rms_jy = ci_image_maker_stats(maker)->rms_jy;
    return CI_OK;
}

static ci_status gain_apply(const ci_cal_table *gain, ci_vis_set *set)
{
    for (size_t i = 0; gain && i < set->n_block; i++)
        CI_TRY(ci_cal_apply(gain, set->block[i]));
    return CI_OK;
}

/* The image of the data with gains (NULL: as they are); the data stay. */
static ci_status image_see(ci_comm *comm, const ci_tile_options *options, const ci_tile_data *data,
                           const ci_cal_table *gain, seen *out)
{
    const ci_sky_field sky = {data->eop, data->beam, &data->pointing, data->ra_rad, data->dec_rad};
    const ci_fits_header header = {0};
    ci_image_options image = options->image;
    ci_image_maker *maker = NULL;
    ci_vis_set *copy = NULL;
    if (data->pointing.jumps && !ci_sky_beam_is_none(data->beam)) image.compression = 0;
    const ci_image_setup setup = {&sky, &image, &header, data->weights_known};
    ci_status status = ci_par_agree(comm, ci_vis_set_copy(&copy, data->set));
    if (status == CI_OK) status = ci_par_agree(comm, gain_apply(gain, copy));
    if (status == CI_OK) status = ci_image_maker_new(comm, &maker, copy, &setup);
    if (status == CI_OK) status = cleaned(comm, maker, out);
    ci_image_maker_free(maker);
    ci_vis_set_free(copy);
    return status;
}

/* ---- gains ------------------------------------------------------------------------------------
 */

static ci_c64 *at(ci_cal_table *gain, size_t t, size_t a, size_t h)
{
    return &gain->gain[ci_cal_index(gain, t, 0, a, h)];
}

/* Phases about their mean over the receptors of a feed, so that receptors without a solution, which
 * get the gain 1, stand to the others as before; amplitudes 1, or, with_amplitude, as they are. */
static void phases_centre(ci_cal_table *gain, bool with_amplitude)
{
    size_t n_antenna = gain->array.n_antenna;
    for (size_t t = 0; t < gain->n_time; t++)
        for (size_t h = 0; h < gain->n_feed; h++) {
            ci_c64 sum = 0;
            for (size_t a = 0; a < n_antenna; a++) {
                ci_c64 g = *at(gain, t, a, h);
                if (!gain->flag[ci_cal_index(gain, t, 0, a, h)]) sum += g / cabs(g);
            }
            ci_c64 mean = cabs(sum) > 0 ? conj(sum) / cabs(sum) : 1;
            for (size_t a = 0; a < n_antenna; a++) {
                ci_c64 *g = at(gain, t, a, h);
                if (gain->flag[ci_cal_index(gain, t, 0, a, h)])
                    *g = 1;
                else
                    *g *= with_amplitude ? mean : mean / cabs(*g);
            }
        }
}

/* Mean log amplitude of one receptor over its solutions; NaN where it has none. */
static double amplitude_of(ci_cal_table *gain, size_t a, size_t h)
{
    double sum = 0;
    size_t n = 0;
    for (size_t t = 0; t < gain->n_time; t++)
        if (!gain->flag[ci_cal_index(gain, t, 0, a, h)]) {
            sum += log(cabs(*at(gain, t, a, h)));
            n++;
        }
    return n ? sum / (double)n : NAN;
}

/* One amplitude for the tile and receptor; their mean logarithm over all receptors becomes 0: the
 * field's own sources set no flux scale. */
static void amplitudes_normalise(ci_cal_table *gain)
{
    size_t n = 0;
    double sum = 0;
    for (size_t a = 0; a < gain->array.n_antenna; a++)
        for (size_t h = 0; h < gain->n_feed; h++) {
            double log_amplitude = amplitude_of(gain, a, h);
            if (isnan(log_amplitude)) continue;
            sum += log_amplitude;
            n++;
        }
    for (size_t a = 0; a < gain->array.n_antenna; a++)
        for (size_t h = 0; h < gain->n_feed; h++) {
            double log_amplitude = amplitude_of(gain, a, h);
            double amplitude = isnan(log_amplitude) ? 1 : exp(log_amplitude - sum / (double)n);
            for (size_t t = 0; t < gain->n_time; t++)
                *at(gain, t, a, h) *= amplitude / cabs(*at(gain, t, a, h));
        }
}

void ci_tile_selfcal_normalise(ci_cal_table *gain, bool has_amplitude)
{
    phases_centre(gain, has_amplitude);
    if (has_amplitude) amplitudes_normalise(gain);
    for (size_t i = 0; i < gain->n_time * gain->array.n_antenna * gain->n_feed; i++)
        gain->flag[i] = 0;
}

/* ---- rounds -----------------------------------------------------------------------------------
 */

static ci_status predict(void *context, const ci_vis_block *block, ci_c32 *out)
{
    return ci_sky_predict(context, block, out);
}

static ci_status round_solve(ci_comm *comm, const ci_tile_options *options,
                             const ci_tile_data *data, const ci_sky_model *model, int round,
                             ci_cal_table **gain)
{
    ci_sky_scene scene = {data->eop, model, data->beam, &data->pointing, ci_comm_isa(comm)};
    ci_cal_options cal = options->cal;
    cal.gain_interval_s = rounds[round].interval_s;
    CI_TRY(ci_cal_solve_gains(comm, data->set, predict, &scene, &cal, gain));
    ci_tile_selfcal_normalise(*gain, rounds[round].has_amplitude);
    return CI_OK;
}

/* One round: where its image is better, it takes the place of the best so far. */
static ci_status round_run(ci_comm *comm, const ci_tile_options *options, const ci_tile_data *data,
                           int round, seen *best, ci_cal_table **best_gain, int *n_kept)
{
    ci_cal_table *gain = NULL;
    seen next = {0};
    ci_status status = round_solve(comm, options, data, best->model, round, &gain);
    if (status == CI_OK) status = image_see(comm, options, data, gain, &next);
    bool is_better = status == CI_OK && range_of(&next) >= least_rise * range_of(best);
    if (status == CI_OK && ci_comm_rank(comm) == 0)
        ci_log_info("self-calibration: %s of %g s: peak/rms %.1f -> %.1f, rms %.4g -> %.4g: %s",
                    rounds[round].has_amplitude ? "amplitudes, with phases" : "phases",
                    rounds[round].interval_s, range_of(best), range_of(&next), best->rms_jy,
                    next.rms_jy, is_better ? "kept" : "not kept");
    if (is_better) {
        seen_clear(best);
        ci_cal_table_free(*best_gain);
        *best = next;
        *best_gain = gain;
        ++*n_kept;
        return CI_OK;
    }
    seen_clear(&next);
    ci_cal_table_free(gain);
    return status;
}

/* A field too faint to solve on is no fault. */
static bool is_too_faint(ci_status status)
{
    return status == CI_ERR_GATE || status == CI_ERR_INPUT;
}

ci_status ci_tile_selfcal(ci_comm *comm, const ci_tile_options *options, ci_tile_data *data)
{
    seen best = {0};
    ci_cal_table *gain = NULL;
    int n_kept = 0;
    if (!options->selfcal) return CI_OK;
    ci_status status = image_see(comm, options, data, NULL, &best);
    bool has_model = status == CI_OK && best.model->n_source > 0;
    for (int i = 0; status == CI_OK && has_model && i < N_ROUND; i++) {
        status = round_run(comm, options, data, i, &best, &gain, &n_kept);
        if (!is_too_faint(status)) continue;
        if (ci_comm_rank(comm) == 0) ci_log_info("self-calibration ends: %s", ci_error_text());
        status = CI_OK;
        break;
    }
    if (status == CI_OK) status = ci_par_agree(comm, gain_apply(gain, data->set));
    data->n_selfcal = n_kept;
    seen_clear(&best);
    ci_cal_table_free(gain);
    return status;
}

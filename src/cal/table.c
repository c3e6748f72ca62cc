/* Tables in memory and their quality. */
#include "cal/apply.h"
#include "cal/calh5.h"
#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

ci_status ci_cal_table_new(ci_cal_table **out, ci_cal_kind kind, const ci_vis_array *array,
                           size_t n_time, size_t n_chan, size_t n_feed)
{
    static const char what[] = "calibration table";
    ci_cal_table *table = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&table, 1, sizeof *table, what));
    size_t n = n_time * n_chan * array->n_antenna * n_feed;
    table->kind = kind;
    table->n_time = n_time;
    table->n_chan = n_chan;
    table->n_feed = n_feed;
    table->i_ref_antenna = -1;
    table->dec_rad = NAN;
    ci_status status = ci_vis_array_copy(&table->array, array);
    if (status == CI_OK) status = ci_mem_alloc(&table->time_mjd_s, n_time, sizeof(double), what);
    if (status == CI_OK) status = ci_mem_alloc(&table->freq_hz, n_chan, sizeof(double), what);
    if (status == CI_OK) status = ci_mem_alloc(&table->width_hz, n_chan, sizeof(double), what);
    if (status == CI_OK) status = ci_mem_alloc(&table->gain, n, sizeof(ci_c64), what);
    if (status == CI_OK) status = ci_mem_alloc(&table->flag, n, 1, what);
    if (status == CI_OK) status = ci_mem_alloc(&table->snr, n, sizeof(float), what);
    if (status != CI_OK) {
        ci_cal_table_free(table);
        return status;
    }
    *out = table;
    return CI_OK;
}

void ci_cal_table_warn(const ci_cal_table *table)
{
    for (const char *line = ci_vis_text(table->warnings); *line;) {
        int n = (int)strcspn(line, "\n");
        ci_log_warning("%.*s", n, line);
        line += line[n] ? n + 1 : n;
    }
}

ci_status ci_cal_warning_add(ci_cal_table *table, const char *format, ...)
{
    va_list arguments;
    char *line = NULL, *all = NULL;
    va_start(arguments, format);
    ci_status status = ci_str_format_args(&line, format, arguments);
    va_end(arguments);
    if (status == CI_OK) status = ci_str_format(&all, "%s%s\n", ci_vis_text(table->warnings), line);
    ci_mem_free(line);
    if (status != CI_OK) return status;
    ci_mem_free(table->warnings);
    table->warnings = all;
    return CI_OK;
}

void ci_cal_table_free(ci_cal_table *table)
{
    if (!table) return;
    ci_vis_array_clear(&table->array);
    ci_mem_free(table->model);
    ci_mem_free(table->history);
    ci_mem_free(table->path);
    ci_mem_free(table->warnings);
    ci_mem_free(table->time_mjd_s);
    ci_mem_free(table->freq_hz);
    ci_mem_free(table->width_hz);
    ci_mem_free(table->gain);
    ci_mem_free(table->flag);
    ci_mem_free(table->snr);
    ci_mem_free(table);
}

/* Amplitudes relative to the median over receptors of one feed at one time and channel. */
static void amplitudes_measure(const ci_cal_table *t, double *scratch, ci_cal_quality *q)
{
    q->min_amplitude = INFINITY;
    q->max_amplitude = 0;
    for (size_t i = 0; i < t->n_time * t->n_chan; i++) {
        for (size_t h = 0; h < t->n_feed; h++) {
            size_t base = i * t->array.n_antenna * t->n_feed + h, n = 0;
            double low = INFINITY, high = 0;
            for (size_t a = 0; a < t->array.n_antenna; a++) {
                size_t k = base + a * t->n_feed;
                q->n_failed += t->flag[k] == CI_CAL_FAILED;
                if (t->flag[k]) continue;
                double amplitude = cabs(t->gain[k]);
                low = fmin(low, amplitude);
                high = fmax(high, amplitude);
                scratch[n++] = amplitude;
            }
            if (n == 0) continue;
            q->n_solution += n;
            double median = ci_num_median(scratch, n);
            q->min_amplitude = fmin(q->min_amplitude, low / median);
            q->max_amplitude = fmax(q->max_amplitude, high / median);
        }
    }
}

static double wrap_rad(double x)
{
    return x - CI_TWO_PI * floor(x / CI_TWO_PI + 0.5);
}

/* Circular rms over time of one receptor, linear trend taken out; NaN below three times. */
static double scatter_deg(const ci_cal_table *t, size_t a, size_t h, double *time, double *phase)
{
    size_t n = 0;
    double st = 0, sp = 0, stt = 0, stp = 0;
    for (size_t i = 0; i < t->n_time; i++) {
        size_t k = ci_cal_index(t, i, 0, a, h);
        if (t->flag[k]) continue;
        time[n] = (t->time_mjd_s[i] - t->time_mjd_s[0]) / (t->interval_s > 0 ? t->interval_s : 1);
        phase[n] = carg(t->gain[k]);
        if (n) phase[n] = phase[n - 1] + wrap_rad(phase[n] - phase[n - 1]);
        n++;
    }
    if (n < 3) return NAN;
    for (size_t i = 0; i < n; i++) {
        st += time[i];
        sp += phase[i];
        stt += time[i] * time[i];
        stp += time[i] * phase[i];
    }
    double slope = (stp - st * sp / (double)n) / (stt - st * st / (double)n);
    ci_c64 mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += cexp(I * (phase[i] - slope * time[i]));
    double centre = carg(mean), sum = 0;
    for (size_t i = 0; i < n; i++) {
        double off = wrap_rad(phase[i] - slope * time[i] - centre);
        sum += off * off;
    }
    return CI_RAD_TO_DEG * sqrt(sum / (double)n);
}

static void scatter_measure(const ci_cal_table *t, double *scratch, ci_cal_quality *q)
{
    double *time = scratch + t->array.n_antenna * t->n_feed, *phase = time + t->n_time;
    size_t n = 0;
    for (size_t a = 0; a < t->array.n_antenna && t->kind == CI_CAL_GAIN; a++) {
        for (size_t h = 0; h < t->n_feed; h++) {
            if ((int32_t)a == t->i_ref_antenna) continue;
            double scatter = scatter_deg(t, a, h, time, phase);
            if (isfinite(scatter)) scratch[n++] = scatter;
        }
    }
    q->phase_scatter_deg = ci_num_median(scratch, n);
}

ci_status ci_cal_table_quality(const ci_cal_table *t, ci_cal_quality *q)
{
    double *scratch = NULL;
    memset(q, 0, sizeof *q);
    q->residual[0] = q->residual[1] = NAN;
    ci_cal_offset_none(&q->offset);
    size_t n_scratch = t->array.n_antenna * t->n_feed + 2 * t->n_time;
    CI_TRY(ci_mem_alloc(&scratch, n_scratch, sizeof *scratch, "table quality"));
    amplitudes_measure(t, scratch, q);
    scatter_measure(t, scratch, q);
    ci_mem_free(scratch);
    size_t n = q->n_solution + q->n_failed;
    q->flagged_fraction = n ? (double)q->n_failed / (double)n : 1;
    for (size_t a = 0; a < t->array.n_antenna; a++) {
        bool any = false;
        for (size_t h = 0; h < t->n_feed; h++) {
            bool here = false, present = false;
            for (size_t i = 0; i < t->n_time * t->n_chan; i++) {
                size_t k = (i * t->array.n_antenna + a) * t->n_feed + h;
                here |= t->flag[k] == 0;
                present |= t->flag[k] != CI_CAL_NO_DATA;
            }
            any |= here;
            q->n_receptor[h] += present;
        }
        q->n_antenna += any;
    }
    return CI_OK;
}

const char *ci_cal_table_title(const ci_cal_table *table)
{
    return table->path != NULL ? table->path : "calibration table";
}

/* Which antenna's phase is 0, and what to do where it has no solution. */
#include "cal/sums.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* The fewest good samples over those feeds that the array has at all. */
static int64_t samples_of(const ci_cal_problem *p, size_t a)
{
    int64_t least = INT64_MAX;
    for (size_t h = 0; h < p->n_feed; h++) {
        const int64_t *good = p->good_antenna + h * p->n_antenna;
        bool is_there = false;
        for (size_t k = 0; k < p->n_antenna && !is_there; k++)
            is_there = good[k] > 0;
        if (is_there && good[a] < least) least = good[a];
    }
    return least == INT64_MAX ? 0 : least;
}

/* The first antenna of the n bytes of name, with data where asked; -1 where none. */
static int32_t name_find(const ci_cal_problem *p, const char *name, size_t n, bool has_data)
{
    for (size_t a = 0; a < p->n_antenna; a++) {
        const char *own = ci_vis_text(p->meta->array.antenna[a].name);
        if (strlen(own) == n && strncmp(own, name, n) == 0 && (!has_data || samples_of(p, a) > 0))
            return (int32_t)a;
    }
    return -1;
}

/* The next name of a list with commas: its length, and *next is behind it. */
static size_t name_length(const char *list, const char **next)
{
    size_t n = strcspn(list, ",");
    *next = list + n + (list[n] == ',');
    return n;
}

/* First of the named that has data; -1 where none. */
static int32_t named_find(const ci_cal_problem *p, const char *list)
{
    int32_t found = -1;
    for (const char *next = list; *list && found < 0; list = next)
        found = name_find(p, list, name_length(list, &next), true);
    return found;
}

/* A name that no antenna has is a typing error. */
static ci_status names_check(const ci_cal_problem *p, const char *list)
{
    const ci_vis_antenna *antenna = p->meta->array.antenna;
    for (const char *next = list; *list; list = next) {
        size_t n = name_length(list, &next), n_antenna = p->n_antenna;
        if (name_find(p, list, n, false) < 0)
            return ci_error(CI_ERR_INPUT,
                            "--ref-antenna %.*s: no antenna has this name; the array's %zu names "
                            "begin with %s%s%s",
                            (int)n, list, n_antenna, ci_vis_text(antenna[0].name),
                            n_antenna > 1 ? ", " : "",
                            n_antenna > 1 ? ci_vis_text(antenna[1].name) : "");
    }
    return CI_OK;
}

ci_status ci_cal_reference_choose(ci_cal_problem *p)
{
    double *coordinate = NULL, middle[3];
    int64_t most = 0;
    const char *list = p->options->ref_antenna;
    if (list && *list) CI_TRY(names_check(p, list));
    p->i_ref = list && *list ? named_find(p, list) : -1;
    if (p->i_ref >= 0) return CI_OK;
    for (size_t a = 0; a < p->n_antenna; a++)
        if (samples_of(p, a) > most) most = samples_of(p, a);
    CI_TRY(ci_mem_alloc(&coordinate, p->n_antenna, sizeof *coordinate, "reference antenna"));
    for (int k = 0; k < 3; k++) {
        size_t n = 0;
        for (size_t a = 0; a < p->n_antenna; a++)
            if (samples_of(p, a) > 0) coordinate[n++] = p->meta->array.antenna[a].pos_ecef_m[k];
        middle[k] = ci_num_median(coordinate, n);
    }
    ci_mem_free(coordinate);
    /* of those with nearly the most data, the one nearest the middle of the array */
    double best = INFINITY;
    for (size_t a = 0; a < p->n_antenna; a++) {
        double r2 = 0;
        if ((double)samples_of(p, a) < 0.95 * (double)most || samples_of(p, a) <= 0) continue;
        for (int k = 0; k < 3; k++) {
            double d = p->meta->array.antenna[a].pos_ecef_m[k] - middle[k];
            r2 += d * d;
        }
        if (p->i_ref >= 0 && !(r2 < best)) continue;
        best = r2;
        p->i_ref = (int32_t)a;
    }
    return CI_OK;
}

void ci_cal_reference_tell(const ci_cal_problem *p)
{
    const char *list = p->options->ref_antenna;
    if (!list || !*list || named_find(p, list) >= 0 || p->i_ref < 0) return;
    ci_log_warning("calibration: none of the reference antennas \"%s\" has data: %s is taken, by "
                   "data quality",
                   list, ci_vis_text(p->meta->array.antenna[p->i_ref].name));
}

/* Rotates one step so that it agrees best with another; false where nobody is in both. */
static bool phase_align(size_t n_antenna, ci_c64 *gain, const uint8_t *flag, const ci_c64 *other,
                        const uint8_t *other_flag)
{
    ci_c64 sum = 0;
    for (size_t a = 0; a < n_antenna; a++)
        if (!flag[a] && !other_flag[a]) sum += conj(gain[a]) * other[a];
    double size = cabs(sum);
    if (!(size > 0)) return false;
    for (size_t a = 0; a < n_antenna; a++)
        gain[a] *= sum / size;
    return true;
}

void ci_cal_reference_align(size_t n_step, size_t n_antenna, int32_t i_ref, ci_c64 *gain,
                            const uint8_t *flag)
{
    if (i_ref < 0) return;
    for (size_t i = 0; i < n_step; i++) {
        if (!flag[i * n_antenna + (size_t)i_ref]) continue;
        for (size_t d = 1; d < n_step; d++) {
            bool aligned = false;
            for (int side = 0; side < 2 && !aligned; side++) {
                if (side == 0 ? d > i : i + d >= n_step) continue;
                size_t k = side == 0 ? i - d : i + d;
                /* steps before this one are in line already, later ones only if they have
                 * the reference */
                if (side == 1 && flag[k * n_antenna + (size_t)i_ref]) continue;
                aligned = phase_align(n_antenna, gain + i * n_antenna, flag + i * n_antenna,
                                      gain + k * n_antenna, flag + k * n_antenna);
            }
            if (aligned) break;
        }
    }
}

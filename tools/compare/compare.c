/* Sources of two lists as pairs, and statistics of their differences. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double cmp_separation_rad(const cmp_row *a, const cmp_row *b)
{
    double x = sin(0.5 * (b->dec_rad - a->dec_rad)), y = sin(0.5 * (b->ra_rad - a->ra_rad));
    double h = x * x + cos(a->dec_rad) * cos(b->dec_rad) * y * y;
    return 2 * asin(h < 1 ? sqrt(h) : 1);
}

/* The nearest of a list, SIZE_MAX where none is within the radius; `skip` is left out. */
static size_t nearest(const cmp_list *list, const cmp_row *place, double radius, size_t skip)
{
    size_t best = SIZE_MAX;
    double least = radius;
    for (size_t i = 0; i < list->n; i++) {
        double distance;
        if (i == skip || fabs(list->row[i].dec_rad - place->dec_rad) > radius) continue;
        distance = cmp_separation_rad(&list->row[i], place);
        if (distance <= least) {
            least = distance;
            best = i;
        }
    }
    return best;
}

static int by_flux(const void *a, const void *b)
{
    double x = ((const cmp_pair *)a)->true_jy, y = ((const cmp_pair *)b)->true_jy;
    return (x < y) - (x > y);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *value, size_t n)
{
    if (n == 0) return NAN;
    qsort(value, n, sizeof *value, by_value);
    return n % 2 ? value[n / 2] : 0.5 * (value[n / 2 - 1] + value[n / 2]);
}

static void make_pairs(cmp_result *r, const cmp_list *found, const cmp_list *truth,
                       const cmp_map *map)
{
    double beam = map->beam_rad;
    for (size_t i = 0; i < truth->n; i++) {
        const cmp_row *t = &truth->row[i];
        cmp_pair *p = &r->pair[r->n_pair];
        const cmp_row *f;
        if (!cmp_map_is_inside(map, t->ra_rad, t->dec_rad, 2 * beam)) continue;
        if (nearest(truth, t, 2 * beam, i) != SIZE_MAX) continue;
        p->i_true = i;
        p->i_found = nearest(found, t, beam, SIZE_MAX);
        p->true_jy = t->flux_jy * pow(map->freq_hz / t->ref_freq_hz, t->index);
        p->noise_jy = cmp_map_noise(map, t->ra_rad, t->dec_rad);
        p->deviation = NAN;
        r->n_pair++;
        if (p->i_found == SIZE_MAX) continue;
        f = &found->row[p->i_found];
        p->deviation = (f->flux_jy - p->true_jy) / hypot(f->err_jy, 0.01 * f->flux_jy);
    }
    qsort(r->pair, r->n_pair, sizeof *r->pair, by_flux);
}

/* work: [2][n_pair] */
static void statistics(cmp_result *r, const cmp_list *found, double *work)
{
    double *deviation = work, *ratio = work + r->n_pair, sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->n_pair; i++) {
        const cmp_pair *p = &r->pair[i];
        if (!(p->true_jy > 10 * p->noise_jy)) continue;
        r->n_bright++;
        if (p->i_found == SIZE_MAX) continue;
        r->n_bright_found++;
        ratio[n] = found->row[p->i_found].flux_jy / p->true_jy;
        deviation[n++] = p->deviation;
        sum += p->deviation * p->deviation;
        if (!(fabs(p->deviation) <= 5)) r->n_beyond_5++;
        if (fabs(p->deviation) > r->worst) r->worst = fabs(p->deviation);
    }
    r->rms = n > 0 ? sqrt(sum / (double)n) : NAN;
    r->median = median(deviation, n);
    r->ratio_median = median(ratio, n);
}

static void count_false(cmp_result *r, const cmp_list *found, const cmp_list *truth,
                        const cmp_map *map)
{
    for (size_t i = 0; i < found->n; i++) {
        const cmp_row *f = &found->row[i];
        double noise = cmp_map_noise(map, f->ra_rad, f->dec_rad);
        if (!(f->peak_jy > 7 * noise)) continue;
        r->n_detection++;
        r->n_false += nearest(truth, f, map->beam_rad, SIZE_MAX) == SIZE_MAX;
    }
}

ci_status cmp_compare(cmp_result *out, const cmp_list *found, const cmp_list *truth,
                      const cmp_map *map)
{
    double *work = NULL;
    ci_status status;
    memset(out, 0, sizeof *out);
    CI_TRY(ci_mem_alloc(&out->pair, truth->n, sizeof *out->pair, "pairs"));
    make_pairs(out, found, truth, map);
    status = ci_mem_alloc(&work, 2 * out->n_pair, sizeof *work, "statistics");
    if (status != CI_OK) {
        cmp_result_free(out);
        return status;
    }
    statistics(out, found, work);
    count_false(out, found, truth, map);
    ci_mem_free(work);
    return CI_OK;
}

void cmp_result_free(cmp_result *result)
{
    ci_mem_free(result->pair);
    memset(result, 0, sizeof *result);
}

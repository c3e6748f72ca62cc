/* compare: what a source list says against what is true. All functions are local. */
#ifndef COMPARE_H
#define COMPARE_H

#include "contimg/base.h"

/* A table of numbers read from CSV by column names. */
typedef struct cmp_row
{
    char name[40];
    double ra_rad, dec_rad, flux_jy, err_jy; /* err: found ones only */
    double peak_jy;                          /* found ones only */
    double index, ref_freq_hz;               /* true ones only */
} cmp_row;
typedef struct cmp_list
{
    size_t n;
    cmp_row *row;
} cmp_list;
CI_MUST_CHECK ci_status cmp_list_read(cmp_list *out, const char *path, bool is_truth);
void cmp_list_free(cmp_list *list);
double cmp_separation_rad(const cmp_row *a, const cmp_row *b);

/* A noise map, and beam and frequency of the image beside it. */
typedef struct cmp_map
{
    long n_x, n_y;
    float *noise; /* [n_y][n_x], NaN where there is nothing */
    double ra0_rad, dec0_rad, ref_x, ref_y, cell_x_rad, cell_y_rad, slant_x, slant_y;
    double beam_rad, freq_hz;
} cmp_map;
CI_MUST_CHECK ci_status cmp_map_read(cmp_map *out, const char *noise_path, const char *image_path);
void cmp_map_free(cmp_map *map);
/* Noise at a place; NaN outside. */
double cmp_map_noise(const cmp_map *map, double ra_rad, double dec_rad);
/* Is everything within `radius` inside the map? */
bool cmp_map_is_inside(const cmp_map *map, double ra_rad, double dec_rad, double radius_rad);

/* docs/science.md, "How a statistical claim is tested". */
typedef struct cmp_pair
{
    size_t i_true, i_found; /* i_found = SIZE_MAX: not found */
    double true_jy, noise_jy, deviation;
} cmp_pair;
typedef struct cmp_result
{
    size_t n_pair;
    cmp_pair *pair;                  /* isolated true sources inside, by declining flux */
    size_t n_bright, n_bright_found; /* above 10 sigma */
    size_t n_detection, n_false;     /* above 7 sigma */
    double ratio_median;             /* found over true, bright ones */
    double median, rms, worst;       /* of the deviations of bright ones, in sigma */
    size_t n_beyond_5;
} cmp_result;
CI_MUST_CHECK ci_status cmp_compare(cmp_result *out, const cmp_list *found, const cmp_list *truth,
                                    const cmp_map *map);
void cmp_result_free(cmp_result *result);

/* Prints stage times and noise of a run's report.json, and puts them into `line`. */
CI_MUST_CHECK ci_status cmp_report_line(const char *path, ci_json *line);

#endif

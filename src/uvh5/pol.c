/* Polarisations, units and conventions. */
#include "uvh5/uvh5_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static ci_status pols_check(const ci_uvh5_file *file, const int64_t *pol)
{
    const char *name = "Header/polarization_array";
    for (size_t i = 0; i < file->n_pol; i++) {
        bool is_legal = (pol[i] >= -8 && pol[i] <= -1) || (pol[i] >= 1 && pol[i] <= 4);
        if (pol[i] == 0 && ci_h5_has(file->h5, "Header/flex_spw_polarization_array")) {
            return ci_uvh5_refuse(file, name,
                                  "0: every window has a polarisation of its own "
                                  "(flex_spw_polarization_array): not supported, convert the file "
                                  "(pyuvdata: remove_flex_pol)");
        }
        if (!is_legal) {
            return ci_uvh5_refuse(file, name,
                                  "%lld is no AIPS polarisation (-8 to -1, 1 to 4): correct it",
                                  (long long)pol[i]);
        }
        for (size_t j = 0; j < i; j++) {
            if (pol[i] == pol[j]) {
                return ci_uvh5_refuse(file, name, "%lld appears twice: remove one",
                                      (long long)pol[i]);
            }
        }
    }
    return CI_OK;
}

static int find(const int64_t *pol, size_t n, int wanted)
{
    for (size_t i = 0; i < n; i++) {
        if (pol[i] == wanted) return (int)i;
    }
    return -1;
}

static int compare_pols(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return abs(x) != abs(y) ? (abs(x) < abs(y) ? -1 : 1) : (x < y) - (x > y);
}

/* An autocorrelation may be reversed at will: where all other rows are reversed, it is too. */
static bool autos_reverse(ci_uvh5_file *file)
{
    const ci_vis_meta *meta = file->meta;
    for (size_t i = 0; i < file->n_row; i++) {
        int32_t b = file->row_baseline[i];
        if (file->row_reversed[i] == 0 && meta->baseline_ant1[b] != meta->baseline_ant2[b]) {
            return false;
        }
    }
    memset(file->row_reversed, 1, file->n_row);
    return true;
}

/* Where one cross-hand is there without its mate, reversed rows would hold the mate: right
 * only where all rows are reversed. */
static ci_status maps_make(ci_uvh5_file *file, const int64_t *pol)
{
    ci_vis_meta *meta = file->meta;
    size_t n = file->n_pol;
    bool has_single = false;
    for (size_t i = 0; i < n; i++) {
        meta->pol[i] = (int)pol[i];
        if (find(pol, n, ci_vis_pol_reversed((int)pol[i])) < 0) has_single = true;
    }
    if (has_single && file->n_reversed > 0) {
        if (!autos_reverse(file)) {
            return ci_uvh5_refuse(file, "Header/polarization_array",
                                  "one cross-hand without the other, and baselines in both "
                                  "directions (ant1 < ant2 and ant1 > ant2): cannot be sorted out: "
                                  "give both, or leave both out");
        }
        for (size_t i = 0; i < n; i++)
            meta->pol[i] = ci_vis_pol_reversed((int)pol[i]);
    }
    qsort(meta->pol, n, sizeof meta->pol[0], compare_pols);
    for (size_t i = 0; i < n; i++) {
        int direct = find(pol, n, meta->pol[i]);
        int reversed = find(pol, n, ci_vis_pol_reversed(meta->pol[i]));
        file->pol_direct[i] = direct >= 0 ? direct : reversed;
        file->pol_reversed[i] = reversed >= 0 ? reversed : direct;
    }
    return CI_OK;
}

/* "avg" is pyuvdata's word, "mean" that of its documentation. */
static ci_status convention_read(ci_uvh5_file *file)
{
    char text[32];
    CI_TRY(ci_uvh5_header_text(file, "Header/pol_convention", text, sizeof text));
    file->meta->stokes_is_sum = strcasecmp(text, "sum") == 0;
    if (text[0] == '\0' || file->meta->stokes_is_sum || strcasecmp(text, "avg") == 0 ||
        strcasecmp(text, "mean") == 0)
        return CI_OK;
    return ci_uvh5_refuse(
        file, "Header/pol_convention",
        "\"%s\": whether I is XX + YY (sum) or half of it (avg) is not known: correct it", text);
}

static ci_status units_read(ci_uvh5_file *file)
{
    char text[32];
    ci_vis_meta *meta = file->meta;
    CI_TRY(ci_uvh5_header_text(file, "Header/vis_units", text, sizeof text));
    meta->units = CI_VIS_UNITS_UNCALIB;
    if (strcasecmp(text, "Jy") == 0) {
        meta->units = CI_VIS_UNITS_JY;
    } else if (strcasecmp(text, "K str") == 0) {
        meta->units = CI_VIS_UNITS_K_STR;
    } else if (text[0] != '\0' && strcasecmp(text, "uncalib") != 0) {
        ci_uvh5_warning_add(file, "Header/vis_units: \"%s\" is not known: taken as uncalibrated",
                            text);
    }
    return CI_OK;
}

/* What a correlator multiplied or divided by and may not have taken out again: gains find it, but
 * calibrated data would be off by it. */
static ci_status coefficients_read(ci_uvh5_file *file)
{
    static const char name[] = "Header/eq_coeffs";
    ci_h5_info info;
    double *value = NULL, least = INFINITY, most = -INFINITY;
    if (!ci_h5_has(file->h5, name)) return CI_OK;
    CI_TRY(ci_uvh5_header_info(file, name, &info));
    size_t n = info.is_null ? 0 : (size_t)ci_h5_info_count(&info);
    if (n == 0) return CI_OK;
    CI_TRY(ci_mem_alloc(&value, n, sizeof *value, "equalizer coefficients"));
    ci_status status = ci_h5_read_double(file->h5, name, value, n);
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        least = fmin(least, value[i]);
        most = fmax(most, value[i]);
    }
    ci_mem_free(value);
    if (status == CI_OK && (fabs(least - 1) > 1e-6 || fabs(most - 1) > 1e-6))
        ci_uvh5_warning_add(
            file,
            "%s: %g to %g: left out, data are taken as they are; where they are not "
            "taken out yet, calibrate, or take them out (pyuvdata: "
            "remove_eq_coeffs)",
            name, least, most);
    return status;
}

/* UT1 - UTC in seconds; leap seconds keep it within 0.9 s (ITU-R TF.460). */
static ci_status dut1_read(ci_uvh5_file *file)
{
    static const char name[] = "Header/dut1";
    double dut1_s = 0;
    bool is_there;
    CI_TRY(ci_uvh5_header_double(file, name, &is_there, &dut1_s));
    if (!(fabs(dut1_s) <= 0.9))
        return ci_uvh5_refuse(file, name,
                              "%g s: UT1 - UTC lies between -0.9 and 0.9 s: correct it, or remove "
                              "the dataset",
                              dut1_s);
    file->meta->dut1_s = dut1_s;
    return CI_OK;
}

ci_status ci_uvh5_pol_read(ci_uvh5_file *file)
{
    int64_t pol[4];
    CI_TRY(ci_h5_read_int(file->h5, "Header/polarization_array", pol, file->n_pol));
    CI_TRY(pols_check(file, pol));
    CI_TRY(maps_make(file, pol));
    CI_TRY(units_read(file));
    CI_TRY(dut1_read(file));
    CI_TRY(coefficients_read(file));
    return convention_read(file);
}

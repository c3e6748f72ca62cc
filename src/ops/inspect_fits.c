/* inspect of FITS images. */
#include "ops/inspect.h"

#include "contimg/fits.h"
#include "contimg/num.h"

#include <math.h>
#include <stdlib.h>

static void header_tell(inspection *in, const ci_fits_header *h)
{
    char position[64], time[32];
    double cell = h->cell_rad * CI_RAD_TO_ARCSEC;
    ci_ops_inspect_line(in, "FITS image", "%zu x %zu pixels of %.6g arcsec, %.4g x %.4g deg",
                        h->n_x, h->n_y, cell, (double)h->n_x * cell / 3600,
                        (double)h->n_y * cell / 3600);
    ci_ops_inspect_position_text(position, h->ra_rad, h->dec_rad);
    ci_ops_inspect_line(in, "Centre", "%s (ICRS, %.5f %+.5f deg) at pixel %.6g, %.6g", position,
                        h->ra_rad * CI_RAD_TO_DEG, h->dec_rad * CI_RAD_TO_DEG, h->x_ref + 1,
                        h->y_ref + 1);
    ci_ops_inspect_line(in, "Projection", "%s",
                        h->slant_a != 0 || h->slant_b != 0 ? "slanted SIN" : "SIN");
    ci_ops_inspect_line(in, "Content", "Stokes %s, %s",
                        h->stokes ? ci_vis_pol_name(h->stokes) : "not said",
                        h->bunit[0] != '\0' ? h->bunit : "no unit");
    if (h->beam_major_rad > 0) {
        ci_ops_inspect_line(in, "Beam", "%.4g x %.4g arcsec, position angle %.4g deg",
                            h->beam_major_rad * CI_RAD_TO_ARCSEC,
                            h->beam_minor_rad * CI_RAD_TO_ARCSEC, h->beam_pa_rad * CI_RAD_TO_DEG);
    }
    if (h->freq_hz > 0) {
        ci_ops_inspect_line(in, "Frequency", "%.6f MHz, bandwidth %.6g MHz", h->freq_hz * 1e-6,
                            h->bandwidth_hz * 1e-6);
    }
    if (h->time_mjd_s > 0) {
        ci_time_iso(time, h->time_mjd_s, 1, true);
        ci_ops_inspect_line(in, "Time", "%s", time);
        ci_json_put_string(in->json, "first_time", time);
    }
    if (h->freq_note[0]) ci_ops_inspect_warning(in, "%s", h->freq_note);
    if (h->time_note[0]) ci_ops_inspect_warning(in, "%s", h->time_note);
    if (h->telescope || h->object) {
        ci_ops_inspect_line(in, "Telescope", "%s%s%s", h->telescope ? h->telescope : "unnamed",
                            h->object ? ", object " : "", h->object ? h->object : "");
    }
}

static void header_put(inspection *in, const ci_fits_header *h)
{
    ci_json_put_string(in->json, "kind", "FITS");
    ci_json_put_int(in->json, "n_x", (int64_t)h->n_x);
    ci_json_put_int(in->json, "n_y", (int64_t)h->n_y);
    ci_json_put_number(in->json, "cell_arcsec", h->cell_rad * CI_RAD_TO_ARCSEC);
    ci_json_put(in->json, "centre_deg",
                ci_ops_inspect_pair(h->ra_rad * CI_RAD_TO_DEG, h->dec_rad * CI_RAD_TO_DEG));
    ci_json_put_string(in->json, "stokes", h->stokes ? ci_vis_pol_name(h->stokes) : "");
    ci_json_put_string(in->json, "unit", h->bunit);
    ci_json_put_string(in->json, "telescope", h->telescope ? h->telescope : "");
    ci_json_put_number(in->json, "freq_hz", h->freq_hz);
    ci_json_put_number(in->json, "beam_major_arcsec", h->beam_major_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(in->json, "beam_minor_arcsec", h->beam_minor_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(in->json, "beam_pa_deg", h->beam_pa_rad * CI_RAD_TO_DEG);
}

typedef struct pixel_facts
{
    size_t n_blank, n_zero, x_peak, y_peak, n_kept;
    double low, high;
    float *kept; /* every row's share of at most N_KEPT pixels, for the rms */
} pixel_facts;

enum
{
    N_KEPT = 1 << 22
};

static ci_status pixels_read(ci_fits_reader *reader, const ci_fits_header *h, float *row,
                             pixel_facts *f)
{
    size_t stride = h->n_x * h->n_y / N_KEPT + 1, at = 0;
    f->low = INFINITY;
    f->high = -INFINITY;
    for (size_t y = 0; y < h->n_y; y++) {
        CI_TRY(ci_fits_reader_rows(reader, y, 1, row));
        for (size_t x = 0; x < h->n_x; x++, at++) {
            double value = (double)row[x];
            if (!isfinite(value)) {
                f->n_blank++;
                continue;
            }
            if (value == 0) f->n_zero++;
            if (value < f->low) f->low = value;
            if (value > f->high) {
                f->high = value;
                f->x_peak = x;
                f->y_peak = y;
            }
            if (at % stride == 0 && f->n_kept < N_KEPT) f->kept[f->n_kept++] = row[x];
        }
    }
    return CI_OK;
}

static void pixels_tell(inspection *in, const ci_fits_header *h, pixel_facts *f)
{
    size_t n = h->n_x * h->n_y;
    if (f->n_blank == n) {
        ci_ops_inspect_warning(in, "every pixel is blank");
        return;
    }
    double rms = (double)ci_num_mad_sigma_float(f->kept, f->n_kept);
    ci_ops_inspect_line(in, "Pixels", "%.5g to %.5g, greatest at pixel %zu, %zu (from 1)", f->low,
                        f->high, f->x_peak + 1, f->y_peak + 1);
    ci_ops_inspect_line(in, "Noise", "%.4g (1.4826 MAD of all), greatest/noise %.4g", rms,
                        rms > 0 ? f->high / rms : 0);
    if (f->n_blank > 0) {
        ci_ops_inspect_line(in, "Blank", "%.3g %% of the pixels",
                            100 * (double)f->n_blank / (double)n);
    }
    ci_json_put(in->json, "value", ci_ops_inspect_pair(f->low, f->high));
    ci_json_put_number(in->json, "rms_mad", rms);
    ci_json_put_number(in->json, "blank", (double)f->n_blank / (double)n);
    if (f->n_zero == n - f->n_blank) ci_ops_inspect_warning(in, "every pixel is exactly 0");
}

static void checksum_tell(inspection *in)
{
    bool is_right = ci_fits_verify(in->path) == CI_OK;
    ci_ops_inspect_line(in, "Checksum", "%s", is_right ? "right" : "missing or wrong");
    if (!is_right) ci_ops_inspect_warning(in, "%s", ci_error_text());
    ci_json_put_bool(in->json, "checksum_right", is_right);
    ci_error_clear();
}

ci_status ci_ops_inspect_fits(inspection *in)
{
    ci_fits_reader *reader = NULL;
    pixel_facts facts = {0};
    float *row = NULL;
    CI_TRY(ci_fits_reader_open(&reader, in->path));
    const ci_fits_header *h = ci_fits_reader_header(reader);
    header_tell(in, h);
    header_put(in, h);
    ci_status status = ci_mem_alloc(&row, h->n_x, sizeof *row, "image row");
    if (status == CI_OK) {
        size_t n = h->n_x * h->n_y < N_KEPT ? h->n_x * h->n_y : N_KEPT;
        status = ci_mem_alloc(&facts.kept, n, sizeof *facts.kept, "pixels");
    }
    if (status == CI_OK) status = pixels_read(reader, h, row, &facts);
    if (status == CI_OK) pixels_tell(in, h, &facts);
    if (status == CI_OK) checksum_tell(in);
    ci_mem_free(facts.kept);
    ci_mem_free(row);
    ci_fits_reader_close(reader);
    return status;
}

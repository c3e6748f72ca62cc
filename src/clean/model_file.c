/* A model as one HDF5 file: the same bytes of it however many ranks share the model. */
#include "clean/course_file.h"
#include "clean/model.h"
#include "clean/pixels_file.h"
#include "clean/sources.h"
#include "contimg/h5.h"

#include <math.h>
#include <string.h>

static const int64_t file_version = 5;

/* Columns of a source. */
enum
{
    SOURCE_L,
    SOURCE_M,
    SOURCE_FLUX,
    SOURCE_POINT,
    SOURCE_BEAM,
    SOURCE_SLOPE,
    SOURCE_IS_POINT,
    SOURCE_IS_REJECTED,
    SOURCE_HAS_SLOPE,
    SOURCE_COLUMNS
};

/* Columns of a variation. */
enum
{
    VARIATION_L,
    VARIATION_M,
    VARIATION_FLUX,
    VARIATION_EXCESS,
    VARIATION_SIGMA,
    VARIATION_TIMES,
    VARIATION_FREQS = VARIATION_TIMES + 2,
    VARIATION_COLUMNS = VARIATION_FREQS + 2
};

/* A source outside the image is all doubles, in the file as in memory. */
enum
{
    OUTSIDE_COLUMNS = 2 + CI_CLEAN_OUTSIDE_COLUMNS
};
_Static_assert(sizeof(ci_clean_outside) == OUTSIDE_COLUMNS * sizeof(double), "columns of a row");

/* What is in the file, as it is there. */
typedef struct content
{
    ci_clean_pixels component, extended;
    size_t n_source, n_variation, n_cell, n_outside;
    double *source;    /* [n_source][SOURCE_COLUMNS] */
    double *variation; /* [n_variation][VARIATION_COLUMNS] */
    double *amplitude; /* [n_variation][n_cell] Jy */
    double *outside;   /* [n_outside][OUTSIDE_COLUMNS] */
    double points_off, rms, peak;
    ci_clean_course course;
} content;

static void content_clear(content *c)
{
    ci_mem_free(c->component.pixel);
    ci_mem_free(c->extended.pixel);
    ci_mem_free(c->source);
    ci_mem_free(c->variation);
    ci_mem_free(c->amplitude);
    ci_mem_free(c->outside);
    ci_mem_free(c->course.mark);
    *c = (content){0};
}

static ci_status content_alloc(content *c)
{
    CI_TRY(ci_mem_alloc(&c->variation, c->n_variation * VARIATION_COLUMNS, sizeof *c->variation,
                        "model file"));
    CI_TRY(ci_mem_alloc(&c->amplitude, c->n_variation * c->n_cell, sizeof *c->amplitude,
                        "model file"));
    CI_TRY(ci_mem_alloc(&c->outside, c->n_outside * OUTSIDE_COLUMNS, sizeof *c->outside,
                        "model file"));
    return ci_mem_alloc(&c->source, c->n_source * SOURCE_COLUMNS, sizeof *c->source, "model file");
}

static size_t model_n_cell(const ci_clean_model *b)
{
    return b->cells.time.n * b->cells.freq.n;
}

/* ---- out ------------------------------------------------------------------------------------ */

/* Sources, variations and sources outside the image, which all ranks have. */
static void rows_take(const ci_clean_model *b, content *c)
{
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_clean_source *s = &b->source[i];
        const double row[SOURCE_COLUMNS] = {s->l,        s->m,           s->flux,
                                            s->point_jy, s->beam,        s->slope,
                                            s->is_point, s->is_rejected, s->has_slope};
        memcpy(c->source + i * SOURCE_COLUMNS, row, sizeof row);
    }
    for (size_t i = 0; i < b->n_variation; i++) {
        const ci_clean_variation *v = &b->variation[i];
        const double row[VARIATION_COLUMNS] = {v->l,
                                               v->m,
                                               v->flux,
                                               v->excess_jy,
                                               v->sigma,
                                               v->time_mjd_s[0],
                                               v->time_mjd_s[1],
                                               v->freq_hz[0],
                                               v->freq_hz[1]};
        memcpy(c->variation + i * VARIATION_COLUMNS, row, sizeof row);
    }
    for (size_t i = 0; i < c->n_variation * c->n_cell; i++)
        c->amplitude[i] = b->amplitude[i];
    if (b->n_outside > 0) memcpy(c->outside, b->outside, b->n_outside * sizeof *b->outside);
}

/* All ranks' pixels; the sources, which all have. */
static ci_status content_gather(ci_comm *comm, const ci_clean_model *b, content *c)
{
    *c = (content){.n_source = b->n_source,
                   .n_variation = b->n_variation,
                   .n_cell = model_n_cell(b),
                   .n_outside = b->n_outside,
                   .points_off = b->points_off,
                   .rms = b->residual_rms,
                   .peak = b->residual_peak};
    CI_AGREE(comm, content_alloc(c));
    rows_take(b, c);
    CI_TRY(ci_grid_slab_nonzero(comm, b->layout, b->pixels, &c->component.pixel, &c->component.n));
    if (!b->extended) return CI_OK;
    return ci_grid_slab_nonzero(comm, b->layout, b->extended, &c->extended.pixel, &c->extended.n);
}

static ci_status variations_write(ci_h5_file *file, const ci_clean_model *b, const content *c)
{
    uint64_t row_dim[2] = {c->n_variation, VARIATION_COLUMNS};
    uint64_t dim[3] = {c->n_variation, b->cells.time.n, b->cells.freq.n};
    CI_TRY(ci_h5_write_int_1(file, "n_variation", (int64_t)c->n_variation));
    CI_TRY(ci_h5_write_int_1(file, "n_cell", (int64_t)c->n_cell));
    if (c->n_variation == 0) return CI_OK;
    CI_TRY(ci_h5_write_double(file, "variation", 2, row_dim, c->variation));
    return ci_h5_write_double(file, "variation_jy", 3, dim, c->amplitude);
}

static ci_status outside_write(ci_h5_file *file, const content *c)
{
    uint64_t dim[2] = {c->n_outside, OUTSIDE_COLUMNS};
    CI_TRY(ci_h5_write_int_1(file, "n_outside", (int64_t)c->n_outside));
    return c->n_outside == 0 ? CI_OK : ci_h5_write_double(file, "outside", 2, dim, c->outside);
}

static ci_status content_write(ci_h5_file *file, const ci_clean_model *b, const content *c)
{
    uint64_t dim[2] = {c->n_source, SOURCE_COLUMNS};
    const ci_grid_layout *l = b->layout;
    CI_TRY(ci_h5_write_int_1(file, "version", file_version));
    CI_TRY(ci_h5_write_string(file, "stokes", ci_vis_pol_name(b->stokes)));
    CI_TRY(ci_h5_write_int_1(file, "n_x", (int64_t)l->n_x));
    CI_TRY(ci_h5_write_int_1(file, "n_y", (int64_t)l->n_y));
    CI_TRY(ci_h5_write_double_1(file, "cell_rad", b->cell_rad));
    CI_TRY(ci_h5_write_double_1(file, "ra_rad", b->field->ra_rad));
    CI_TRY(ci_h5_write_double_1(file, "dec_rad", b->field->dec_rad));
    CI_TRY(ci_h5_write_double_1(file, "ref_hz", b->axis.ref_hz));
    CI_TRY(ci_h5_write_double_1(file, "points_off", c->points_off));
    CI_TRY(ci_h5_write_double_1(file, "residual_rms_jy", c->rms));
    CI_TRY(ci_h5_write_double_1(file, "residual_peak_jy", c->peak));
    CI_TRY(ci_clean_pixels_write(file, "component", &c->component));
    CI_TRY(ci_clean_pixels_write(file, "extended", &c->extended));
    CI_TRY(ci_h5_write_int_1(file, "n_source", (int64_t)c->n_source));
    if (c->n_source > 0) CI_TRY(ci_h5_write_double(file, "source", 2, dim, c->source));
    CI_TRY(outside_write(file, c));
    CI_TRY(ci_clean_course_write(file, b));
    return variations_write(file, b, c);
}

static ci_status file_write(const ci_clean_model *b, const content *c, const char *path)
{
    char *part = NULL;
    ci_h5_file *file = NULL;
    CI_TRY(ci_path_part(&part, path));
    ci_status status = ci_h5_create(&file, part);
    if (status == CI_OK) {
        status = ci_h5_finish(file, content_write(file, b, c));
    }
    if (status == CI_OK) status = ci_path_sync(part);
    if (status == CI_OK) status = ci_path_commit(part, path);
    ci_mem_free(part);
    return status;
}

ci_status ci_clean_model_save(ci_comm *comm, const ci_clean_model *b, const char *path)
{
    content c;
    ci_status status = content_gather(comm, b, &c);
    if (status == CI_OK)
        status = ci_par_agree(comm, ci_comm_rank(comm) == 0 ? file_write(b, &c, path) : CI_OK);
    content_clear(&c);
    return status;
}

/* ---- in ------------------------------------------------------------------------------------- */

/* A number of the file that must be the model's. */
static ci_status number_check(const ci_h5_file *file, const char *name, double want)
{
    double got;
    CI_TRY(ci_h5_read_double(file, name, &got, 1));
    if (got == want) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: %s is %.17g, not %.17g: the model of another "
                    "image: leave --continue out",
                    ci_h5_path(file), name, got, want);
}

static ci_status stokes_check(const ci_h5_file *file, int want)
{
    char got[16];
    CI_TRY(ci_h5_read_text(file, "stokes", got, sizeof got));
    if (ci_vis_pol_parse(got) == want) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: stokes is '%s', not '%s': the model of another "
                    "image: leave --continue out",
                    ci_h5_path(file), got, ci_vis_pol_name(want));
}

static ci_status count_read(const ci_h5_file *file, const char *name, int64_t most, size_t *out)
{
    int64_t n;
    CI_TRY(ci_h5_read_int(file, name, &n, 1));
    if (n < 0 || n > most)
        return ci_error(CI_ERR_INPUT,
                        "%s: %s is %lld: must lie between 0 and %lld: remove "
                        "the file and image again",
                        ci_h5_path(file), name, (long long)n, (long long)most);
    *out = (size_t)n;
    return CI_OK;
}

static ci_status finite_check(const ci_h5_file *file, const char *what, const double *value,
                              size_t n_row, size_t n_column)
{
    for (size_t i = 0; i < n_row * n_column; i++)
        if (!isfinite(value[i]))
            return ci_error(CI_ERR_INPUT,
                            "%s: %s %zu has a value that is not finite: remove the "
                            "file and image again",
                            ci_h5_path(file), what, i / n_column);
    return CI_OK;
}

/* No number of a model is greater than a flux can be. */
static ci_status sizes_check(const ci_h5_file *file, const content *c)
{
    const struct
    {
        const char *what;
        const double *value;
        size_t n;
    } list[] = {{"source", c->source, c->n_source * SOURCE_COLUMNS},
                {"outside", c->outside, c->n_outside * OUTSIDE_COLUMNS},
                {"variation_jy", c->amplitude, c->n_variation * c->n_cell},
                {"residual_rms_jy", &c->rms, 1},
                {"residual_peak_jy", &c->peak, 1}};
    for (size_t k = 0; k < sizeof list / sizeof *list; k++)
        for (size_t i = 0; i < list[k].n; i++)
            if (!(fabs(list[k].value[i]) <= CI_SKY_FLUX_MAX_JY))
                return ci_error(CI_ERR_INPUT,
                                "%s: %s has a value of %g, beyond %g: remove the file and image "
                                "again",
                                ci_h5_path(file), list[k].what, list[k].value[i],
                                CI_SKY_FLUX_MAX_JY);
    if (c->rms >= 0) return CI_OK;
    return ci_error(
        CI_ERR_INPUT,
        "%s: residual_rms_jy is %g: must not be below 0: remove the file and image again",
        ci_h5_path(file), c->rms);
}

/* Direction cosines in the first two columns, and slopes that no fit gives. */
static ci_status places_check(const ci_h5_file *file, const char *what, const double *value,
                              size_t n_row, size_t n_column)
{
    CI_TRY(finite_check(file, what, value, n_row, n_column));
    for (size_t i = 0; i < n_row; i++) {
        const double *at = value + i * n_column;
        if (!(at[0] * at[0] + at[1] * at[1] < 1))
            return ci_error(CI_ERR_INPUT,
                            "%s: %s %zu lies at l, m of %g, %g: beyond the horizon: remove the "
                            "file and image again",
                            ci_h5_path(file), what, i, at[0], at[1]);
    }
    return CI_OK;
}

static ci_status slopes_check(const ci_h5_file *file, const content *c)
{
    for (size_t i = 0; i < c->n_source; i++) {
        double slope = c->source[i * SOURCE_COLUMNS + SOURCE_SLOPE];
        if (fabs(slope) > CI_CLEAN_SLOPE_MAX)
            return ci_error(CI_ERR_INPUT,
                            "%s: source %zu has a slope of %g: must lie within -%d and %d: remove "
                            "the file and image again",
                            ci_h5_path(file), i, slope, CI_CLEAN_SLOPE_MAX, CI_CLEAN_SLOPE_MAX);
    }
    return CI_OK;
}

static ci_status content_check(const ci_h5_file *file, const content *c)
{
    CI_TRY(places_check(file, "source", c->source, c->n_source, SOURCE_COLUMNS));
    CI_TRY(slopes_check(file, c));
    CI_TRY(sizes_check(file, c));
    CI_TRY(places_check(file, "outside", c->outside, c->n_outside, OUTSIDE_COLUMNS));
    CI_TRY(places_check(file, "variation", c->variation, c->n_variation, VARIATION_COLUMNS));
    return finite_check(file, "variation", c->amplitude, c->n_variation, c->n_cell);
}

static ci_status content_read(const ci_h5_file *file, const ci_clean_model *b, content *c)
{
    const ci_grid_layout *l = b->layout;
    CI_TRY(number_check(file, "version", (double)file_version));
    CI_TRY(ci_clean_origin_check(file, b));
    CI_TRY(stokes_check(file, b->stokes));
    CI_TRY(number_check(file, "n_x", (double)l->n_x));
    CI_TRY(number_check(file, "n_y", (double)l->n_y));
    CI_TRY(number_check(file, "cell_rad", b->cell_rad));
    CI_TRY(number_check(file, "ra_rad", b->field->ra_rad));
    CI_TRY(number_check(file, "dec_rad", b->field->dec_rad));
    CI_TRY(number_check(file, "ref_hz", b->axis.ref_hz));
    CI_TRY(ci_clean_course_read(file, b, &c->course));
    CI_TRY(ci_h5_read_double(file, "points_off", &c->points_off, 1));
    CI_TRY(ci_h5_read_double(file, "residual_rms_jy", &c->rms, 1));
    CI_TRY(ci_h5_read_double(file, "residual_peak_jy", &c->peak, 1));
    CI_TRY(count_read(file, "n_source", CI_CLEAN_MAX_SLOPE, &c->n_source));
    CI_TRY(count_read(file, "n_variation", CI_CLEAN_MAX_VARIABLE, &c->n_variation));
    CI_TRY(count_read(file, "n_outside", CI_CLEAN_MAX_OUTSIDE, &c->n_outside));
    c->n_cell = model_n_cell(b);
    if (c->n_variation > 0) CI_TRY(number_check(file, "n_cell", (double)c->n_cell));
    CI_TRY(content_alloc(c));
    CI_TRY(ci_clean_pixels_read(file, "component", l, &c->component));
    CI_TRY(ci_clean_pixels_read(file, "extended", l, &c->extended));
    if (c->extended.n > 0 && !b->extended)
        return ci_error(CI_ERR_INPUT,
                        "%s: holds extended components: give the --scales that it was made with",
                        ci_h5_path(file));
    if (c->n_source > 0)
        CI_TRY(ci_h5_read_double(file, "source", c->source, c->n_source * SOURCE_COLUMNS));
    if (c->n_outside > 0)
        CI_TRY(ci_h5_read_double(file, "outside", c->outside, c->n_outside * OUTSIDE_COLUMNS));
    if (c->n_variation > 0) {
        CI_TRY(
            ci_h5_read_double(file, "variation", c->variation, c->n_variation * VARIATION_COLUMNS));
        CI_TRY(ci_h5_read_double(file, "variation_jy", c->amplitude, c->n_variation * c->n_cell));
    }
    return content_check(file, c);
}

static ci_status file_read(const ci_clean_model *b, content *c, const char *path)
{
    ci_h5_file *file = NULL;
    CI_TRY(ci_file_check_plain(path));
    ci_h5_refusal_clear();
    CI_TRY(ci_h5_open(&file, path));
    return ci_h5_finish(file, ci_h5_refusal_check(path, content_read(file, b, c)));
}

/* Rank 0's content for all. */
static ci_status content_share(ci_comm *comm, content *c)
{
    double head[7] = {
        (double)c->n_source, c->points_off,       c->rms, c->peak, (double)c->n_variation,
        (double)c->n_cell,   (double)c->n_outside};
    CI_TRY(ci_par_bcast(comm, head, sizeof head, 0));
    c->n_source = (size_t)head[0];
    c->points_off = head[1];
    c->rms = head[2];
    c->peak = head[3];
    c->n_variation = (size_t)head[4];
    c->n_cell = (size_t)head[5];
    c->n_outside = (size_t)head[6];
    CI_AGREE(comm, ci_comm_rank(comm) == 0 ? CI_OK : content_alloc(c));
    CI_TRY(ci_clean_pixels_share(comm, &c->component));
    CI_TRY(ci_clean_pixels_share(comm, &c->extended));
    CI_TRY(ci_clean_course_share(comm, &c->course));
    CI_TRY(ci_par_bcast(comm, c->variation,
                        c->n_variation * VARIATION_COLUMNS * sizeof *c->variation, 0));
    CI_TRY(ci_par_bcast(comm, c->outside, c->n_outside * OUTSIDE_COLUMNS * sizeof *c->outside, 0));
    CI_TRY(ci_par_bcast(comm, c->amplitude, c->n_variation * c->n_cell * sizeof *c->amplitude, 0));
    return ci_par_bcast(comm, c->source, c->n_source * SOURCE_COLUMNS * sizeof *c->source, 0);
}

static ci_status outside_fill(ci_clean_model *b, const content *c)
{
    size_t n = c->n_outside;
    CI_TRY(ci_mem_resize(&b->outside, n, sizeof *b->outside, "sources outside the image"));
    if (n > 0) memcpy(b->outside, c->outside, n * sizeof *b->outside);
    b->n_outside = n;
    return CI_OK;
}

static ci_status variations_fill(ci_clean_model *b, const content *c)
{
    size_t n = c->n_variation, n_value = n * c->n_cell;
    CI_TRY(ci_mem_resize(&b->variation, n, sizeof *b->variation, "variable sources"));
    CI_TRY(ci_mem_resize(&b->amplitude, n_value, sizeof *b->amplitude, "variable sources"));
    b->n_variation = n;
    for (size_t i = 0; i < n; i++) {
        const double *row = c->variation + i * VARIATION_COLUMNS;
        b->variation[i] =
            (ci_clean_variation){.l = row[VARIATION_L],
                                 .m = row[VARIATION_M],
                                 .flux = row[VARIATION_FLUX],
                                 .excess_jy = row[VARIATION_EXCESS],
                                 .sigma = row[VARIATION_SIGMA],
                                 .time_mjd_s = {row[VARIATION_TIMES], row[VARIATION_TIMES + 1]},
                                 .freq_hz = {row[VARIATION_FREQS], row[VARIATION_FREQS + 1]}};
    }
    for (size_t i = 0; i < n_value; i++)
        b->amplitude[i] = c->amplitude[i];
    return CI_OK;
}

/* The course moves into the model. */
static ci_status model_fill(ci_clean_model *b, content *c)
{
    CI_TRY(ci_mem_resize(&b->source, c->n_source, sizeof *b->source, "bright sources"));
    b->n_source = c->n_source;
    for (size_t i = 0; i < c->n_source; i++) {
        const double *row = c->source + i * SOURCE_COLUMNS;
        b->source[i] = (ci_clean_source){.l = row[SOURCE_L],
                                         .m = row[SOURCE_M],
                                         .flux = row[SOURCE_FLUX],
                                         .point_jy = row[SOURCE_POINT],
                                         .beam = row[SOURCE_BEAM],
                                         .slope = row[SOURCE_SLOPE],
                                         .is_point = row[SOURCE_IS_POINT] != 0,
                                         .is_rejected = row[SOURCE_IS_REJECTED] != 0,
                                         .has_slope = row[SOURCE_HAS_SLOPE] != 0};
    }
    ci_clean_pixels_fill(&c->component, b->layout, b->pixels);
    if (b->extended) ci_clean_pixels_fill(&c->extended, b->layout, b->extended);
    ci_mem_free(b->course.mark);
    b->course = c->course;
    c->course.mark = NULL;
    b->points_off = c->points_off != 0;
    b->residual_rms = c->rms;
    b->residual_peak = c->peak;
    CI_TRY(outside_fill(b, c));
    return variations_fill(b, c);
}

ci_status ci_clean_model_load(ci_comm *comm, ci_clean_model *b, const char *path)
{
    content c = {0};
    ci_status status = ci_par_agree(comm, ci_comm_rank(comm) == 0 ? file_read(b, &c, path) : CI_OK);
    if (status == CI_OK) status = content_share(comm, &c);
    if (status == CI_OK) status = ci_par_agree(comm, model_fill(b, &c));
    content_clear(&c);
    return status;
}

/* Pixels of a model in its file: those that are not 0, by index. */
#include "clean/pixels_file.h"
#include "contimg/sky.h"

#include <math.h>

/* "<before><what><after>". */
typedef struct name
{
    char text[48];
} name;

static name name_of(const char *before, const char *what, const char *after)
{
    name out;
    snprintf(out.text, sizeof out.text, "%s%s%s", before, what, after);
    return out;
}

/* Index and flux apart, as the file has them; both in one block. */
typedef struct columns
{
    int64_t *index;
    double *flux;
} columns;

static ci_status columns_new(columns *c, size_t n)
{
    CI_TRY(ci_mem_alloc(&c->index, n, sizeof *c->index, "model file"));
    return ci_mem_alloc(&c->flux, n, sizeof *c->flux, "model file");
}

static void columns_free(columns *c)
{
    ci_mem_free(c->index);
    ci_mem_free(c->flux);
}

ci_status ci_clean_pixels_write(ci_h5_file *file, const char *what, const ci_clean_pixels *p)
{
    columns c = {0};
    uint64_t n = p->n;
    CI_TRY(ci_h5_write_int_1(file, name_of("n_", what, "").text, (int64_t)n));
    if (n == 0) return CI_OK;
    ci_status status = columns_new(&c, p->n);
    for (size_t i = 0; status == CI_OK && i < p->n; i++) {
        c.index[i] = p->pixel[i].index;
        c.flux[i] = p->pixel[i].value;
    }
    if (status == CI_OK)
        status = ci_h5_write_int(file, name_of("", what, "_index").text, 1, &n, c.index);
    if (status == CI_OK)
        status = ci_h5_write_double(file, name_of("", what, "_flux_jy").text, 1, &n, c.flux);
    columns_free(&c);
    return status;
}

static ci_status columns_check(const ci_h5_file *file, const char *what, const ci_grid_layout *l,
                               const columns *c, size_t n)
{
    int64_t end = (int64_t)(l->n_x * l->n_y);
    for (size_t i = 0; i < n; i++) {
        if (c->index[i] < (i ? c->index[i - 1] + 1 : 0) || c->index[i] >= end ||
            !isfinite(c->flux[i]))
            return ci_error(CI_ERR_INPUT,
                            "%s: %s %zu is none of an image of %zu x %zu: remove the "
                            "file and image again",
                            ci_h5_path(file), what, i, l->n_x, l->n_y);
        if (!(fabs(c->flux[i]) <= CI_SKY_FLUX_MAX_JY))
            return ci_error(CI_ERR_INPUT,
                            "%s: %s_flux_jy has a value of %g, beyond %g: remove the file and "
                            "image again",
                            ci_h5_path(file), what, c->flux[i], CI_SKY_FLUX_MAX_JY);
    }
    return CI_OK;
}

ci_status ci_clean_pixels_read(const ci_h5_file *file, const char *what, const ci_grid_layout *l,
                               ci_clean_pixels *out)
{
    int64_t n, most = (int64_t)(l->n_x * l->n_y);
    columns c = {0};
    CI_TRY(ci_h5_read_int(file, name_of("n_", what, "").text, &n, 1));
    if (n < 0 || n > most)
        return ci_error(CI_ERR_INPUT,
                        "%s: n_%s is %lld: must lie between 0 and %lld: remove the file and image "
                        "again",
                        ci_h5_path(file), what, (long long)n, (long long)most);
    out->n = (size_t)n;
    CI_TRY(ci_mem_alloc(&out->pixel, out->n, sizeof *out->pixel, "model file"));
    if (n == 0) return CI_OK;
    ci_status status = columns_new(&c, out->n);
    if (status == CI_OK)
        status = ci_h5_read_int(file, name_of("", what, "_index").text, c.index, out->n);
    if (status == CI_OK)
        status = ci_h5_read_double(file, name_of("", what, "_flux_jy").text, c.flux, out->n);
    if (status == CI_OK) status = columns_check(file, what, l, &c, out->n);
    for (size_t i = 0; status == CI_OK && i < out->n; i++)
        out->pixel[i] = (ci_grid_pixel){c.index[i], c.flux[i]};
    columns_free(&c);
    return status;
}

ci_status ci_clean_pixels_share(ci_comm *comm, ci_clean_pixels *p)
{
    int64_t n = (int64_t)p->n;
    CI_TRY(ci_par_bcast(comm, &n, sizeof n, 0));
    p->n = (size_t)n;
    CI_AGREE(comm, ci_comm_rank(comm) == 0
                       ? CI_OK
                       : ci_mem_alloc(&p->pixel, p->n, sizeof *p->pixel, "model file"));
    return ci_par_bcast(comm, p->pixel, p->n * sizeof *p->pixel, 0);
}

void ci_clean_pixels_fill(const ci_clean_pixels *p, const ci_grid_layout *l, double *slab)
{
    int64_t first = (int64_t)(l->y_first * l->n_x), n = (int64_t)(l->n_here * l->n_x);
    for (size_t i = 0; i < p->n; i++) {
        int64_t at = p->pixel[i].index - first;
        if (at >= 0 && at < n) slab[at] = p->pixel[i].value;
    }
}

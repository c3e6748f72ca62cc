/* One Stokes value and its natural weight from the correlations of a set. */
#include "image/stokes.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* ---- which correlations ---------------------------------------------------------------- */

typedef struct formula
{
    const char *stokes;
    int pol[2];
    double factor[2];  /* for the mean convention; times 2 for "sum" */
    bool is_imaginary; /* factors times -i */
} formula;

/* docs/science.md "Signs": for X north, Y east; ci_vis_feeds has the signs of others. */
static const formula formulas[] = {
    {"I", {CI_POL_XX, CI_POL_YY}, {0.5, 0.5}, false},
    {"I", {CI_POL_RR, CI_POL_LL}, {0.5, 0.5}, false},
    {"Q", {CI_POL_XX, CI_POL_YY}, {0.5, -0.5}, false},
    {"Q", {CI_POL_RL, CI_POL_LR}, {0.5, 0.5}, false},
    {"U", {CI_POL_XY, CI_POL_YX}, {0.5, 0.5}, false},
    {"U", {CI_POL_RL, CI_POL_LR}, {0.5, -0.5}, true},
    {"V", {CI_POL_XY, CI_POL_YX}, {0.5, -0.5}, true},
    {"V", {CI_POL_RR, CI_POL_LL}, {0.5, -0.5}, false},
};

static ci_status stokes_refuse(const ci_vis_meta *meta, const char *stokes)
{
    char has[64] = "";
    for (size_t i = 0; i < meta->n_pol; i++) {
        size_t n = strlen(has);
        snprintf(has + n, sizeof has - n, "%s%s", i ? " " : "", ci_vis_pol_name(meta->pol[i]));
    }
    return ci_error(CI_ERR_USAGE,
                    "--stokes %s: cannot be formed: the file has %s; ask for I, Q, U, V, XX, YY, "
                    "RR or LL as these allow",
                    stokes, has);
}

static bool single_find(ci_image_recipe *out, const ci_vis_meta *meta, const char *stokes)
{
    int pol = ci_vis_pol_parse(stokes), i = ci_vis_pol_find(meta, pol);
    if (i < 0 || (pol < 0 && !ci_vis_pol_is_parallel(pol))) return false;
    *out = (ci_image_recipe){.n_term = 1, .i_pol = {i, -1}, .factor = {1, 0}};
    return true;
}

/* What feeds turn Q, U and V by, of linear feeds. */
static double feeds_sign(const ci_vis_meta *meta, const char *stokes, int pol)
{
    ci_vis_feeds feeds;
    if (ci_vis_pol_kind_of(pol) != CI_POL_LINEAR) return 1;
    ci_vis_feeds_judge(meta, &feeds);
    return *stokes == 'Q' ? feeds.q : *stokes == 'U' ? feeds.u : *stokes == 'V' ? feeds.v : 1;
}

ci_status ci_image_recipe_find(ci_image_recipe *out, const ci_vis_meta *meta, const char *stokes,
                               const int64_t *n_good)
{
    if (single_find(out, meta, stokes)) return CI_OK;
    double scale = meta->stokes_is_sum ? 2 : 1;
    for (size_t k = 0; k < sizeof formulas / sizeof *formulas; k++) {
        const formula *f = &formulas[k];
        if (strcmp(f->stokes, stokes) != 0) continue;
        int i[2] = {ci_vis_pol_find(meta, f->pol[0]), ci_vis_pol_find(meta, f->pol[1])};
        bool is_there[2] = {i[0] >= 0, i[1] >= 0};
        bool lives[2] = {is_there[0] && n_good[i[0]] > 0, is_there[1] && n_good[i[1]] > 0};
        bool one_lives = lives[0] != lives[1], one_is_there = is_there[0] != is_there[1];
        if (strcmp(stokes, "I") == 0 && (one_lives || one_is_there)) {
            /* One hand only in the file (a dead one as well: that nothing is left of it is said
             * where samples are counted), or the other dead over the whole array. */
            bool is_first = one_lives ? lives[0] : is_there[0];
            *out = (ci_image_recipe){.n_term = 1,
                                     .i_pol = {is_first ? i[0] : i[1], -1},
                                     .factor = {scale, 0},
                                     .is_pseudo_i = true};
            return CI_OK;
        }
        if (i[0] < 0 || i[1] < 0) continue;
        ci_c64 unit = (f->is_imaginary ? -I : 1) * feeds_sign(meta, f->stokes, f->pol[0]);
        *out =
            (ci_image_recipe){.n_term = 2,
                              .i_pol = {i[0], i[1]},
                              .factor = {unit * f->factor[0] * scale, unit * f->factor[1] * scale}};
        return CI_OK;
    }
    return stokes_refuse(meta, stokes);
}

/* ---- samples ------------------------------------------------------------------------------ */

static bool row_is_auto(const ci_vis_block *b, size_t i_row)
{
    int32_t i = b->i_baseline[i_row];
    return b->meta->baseline_ant1[i] == b->meta->baseline_ant2[i];
}

static bool sample_is_good(const ci_vis_block *b, size_t s)
{
    /* A flag is the rule; a value that no flag covers must still not reach the image. */
    return b->flags[s] == 0 && b->weight[s] > 0 && isfinite(b->weight[s]) &&
           isfinite(crealf(b->data[s])) && isfinite(cimagf(b->data[s]));
}

static void good_count(const ci_vis_set *set, int64_t n_good[4])
{
    for (size_t i = 0; i < set->n_block; i++) {
        const ci_vis_block *b = set->block[i];
        for (size_t r = 0; r < b->n_row; r++) {
            if (row_is_auto(b, r)) continue;
            for (size_t c = 0; c < b->n_chan; c++)
                for (size_t p = 0; p < b->n_pol; p++)
                    n_good[p] += sample_is_good(b, ci_vis_sample(b, r, c, p));
        }
    }
}

typedef struct uv_range
{
    double min, max; /* wavelengths; max 0: none */
} uv_range;

static bool uv_range_holds(uv_range range, const double *uvw_m, double freq_hz)
{
    double r = hypot(uvw_m[0], uvw_m[1]) * freq_hz / CI_C_M_S;
    return r >= range.min && (range.max <= 0 || r <= range.max);
}

/* Value and weight of one sample; weight 0 where a term is flagged. */
static float sample_form(const ci_image_recipe *recipe, const ci_vis_block *b, size_t i_row,
                         size_t i_chan, ci_c32 *value)
{
    ci_c64 sum = 0;
    double variance = 0;
    *value = 0;
    for (size_t k = 0; k < recipe->n_term; k++) {
        size_t s = ci_vis_sample(b, i_row, i_chan, (size_t)recipe->i_pol[k]);
        if (!sample_is_good(b, s)) return 0;
        ci_c64 f = recipe->factor[k];
        sum += f * b->data[s];
        variance += (creal(f) * creal(f) + cimag(f) * cimag(f)) / b->weight[s];
    }
    *value = (ci_c32)sum;
    return (float)(1 / variance);
}

static void block_form(ci_vis_samples *s, const ci_image_recipe *recipe, size_t i_block,
                       uv_range range)
{
    const ci_vis_block *b = s->set->block[i_block];
    for (size_t r = 0; r < b->n_row; r++) {
        if (row_is_auto(b, r)) continue;
        const double *uvw = b->uvw_m + 3 * r;
        for (size_t c = 0; c < b->n_chan; c++) {
            if (!uv_range_holds(range, uvw, b->freq_hz[c])) continue;
            size_t i = r * b->n_chan + c;
            float w = sample_form(recipe, b, r, c, &s->data[i_block][i]);
            s->natural[i_block][i] = w;
            s->weight[i_block][i] = w;
            if (w <= 0) continue;
            s->n_sample++;
            double k = b->freq_hz[c] / CI_C_M_S;
            s->max_natural = fmax(s->max_natural, w);
            s->max_u_lambda = fmax(s->max_u_lambda, fabs(uvw[0]) * k);
            s->max_v_lambda = fmax(s->max_v_lambda, fabs(uvw[1]) * k);
        }
    }
}

static ci_status arrays_new(ci_vis_samples *s)
{
    size_t n = s->set->n_block;
    CI_TRY(ci_mem_alloc(&s->rows, n, sizeof *s->rows, "image rows"));
    CI_TRY(ci_mem_alloc(&s->data, n, sizeof *s->data, "image rows"));
    CI_TRY(ci_mem_alloc(&s->work, n, sizeof *s->work, "image rows"));
    CI_TRY(ci_mem_alloc(&s->weight, n, sizeof *s->weight, "image rows"));
    CI_TRY(ci_mem_alloc(&s->natural, n, sizeof *s->natural, "image rows"));
    s->n_rows = n;
    for (size_t i = 0; i < n; i++) {
        const ci_vis_block *b = s->set->block[i];
        size_t m = b->n_row * b->n_chan;
        CI_TRY(ci_mem_alloc(&s->data[i], m, sizeof(ci_c32), "Stokes visibilities"));
        CI_TRY(ci_mem_alloc(&s->weight[i], m, sizeof(float), "imaging weights"));
        CI_TRY(ci_mem_alloc(&s->natural[i], m, sizeof(float), "natural weights"));
        s->rows[i] = (ci_vis_rows){.n_row = b->n_row,
                                   .n_chan = b->n_chan,
                                   .uvw_m = b->uvw_m,
                                   .freq_hz = b->freq_hz,
                                   .weight = s->weight[i],
                                   .vis = s->data[i]};
    }
    return CI_OK;
}

static ci_status samples_fill(ci_comm *comm, ci_vis_samples *s, const ci_image_recipe *recipe,
                              const ci_image_options *options)
{
    uv_range range = {options->min_uv_lambda, options->max_uv_lambda};
    for (size_t i = 0; i < s->n_rows; i++)
        block_form(s, recipe, i, range);
    CI_TRY(ci_par_sum_int(comm, &s->n_sample, 1));
    double max[3] = {s->max_natural, s->max_u_lambda, s->max_v_lambda};
    CI_TRY(ci_par_max_double(comm, max, 3));
    s->max_natural = max[0];
    s->max_u_lambda = max[1];
    s->max_v_lambda = max[2];
    if (s->n_sample == 0)
        return ci_error(CI_ERR_NO_DATA, "Stokes %s: no data left after flags%s: nothing to image",
                        options->stokes, range.min > 0 || range.max > 0 ? " and --uv-range" : "");
    return CI_OK;
}

ci_status ci_image_samples_new(ci_comm *comm, ci_vis_samples **out, const ci_vis_set *set,
                               const ci_image_options *options)
{
    *out = NULL;
    int64_t n_good[4] = {0};
    good_count(set, n_good);
    CI_TRY(ci_par_sum_int(comm, n_good, 4));
    CI_TRY(ci_vis_feeds_check(set->meta, options->stokes));
    ci_image_recipe recipe;
    CI_TRY(ci_image_recipe_find(&recipe, set->meta, options->stokes, n_good));
    ci_vis_samples *s = NULL;
    ci_status status = ci_mem_alloc(&s, 1, sizeof *s, "image samples");
    if (status == CI_OK) {
        s->set = set;
        s->is_pseudo_i = recipe.is_pseudo_i;
        status = arrays_new(s);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = samples_fill(comm, s, &recipe, options);
    if (status != CI_OK) {
        ci_vis_samples_free(s);
        return status;
    }
    *out = s;
    return CI_OK;
}

bool ci_image_stokes_is_positive(const char *stokes)
{
    return strcmp(stokes, "Q") != 0 && strcmp(stokes, "U") != 0 && strcmp(stokes, "V") != 0;
}

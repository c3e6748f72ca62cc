/* Stokes parameters from correlations of feeds. */
#include "contimg/vis.h"

#include <complex.h>
#include <string.h>

typedef struct formula
{
    int stokes, pol[2];
    double factor[2];  /* for the mean convention; times 2 for "sum" */
    bool is_imaginary; /* factors times -i */
} formula;

/* docs/science.md "Signs": for X north, Y east; ci_vis_feeds has the signs of others. */
static const formula formulas[] = {
    {CI_VIS_POL_I, {CI_VIS_POL_XX, CI_VIS_POL_YY}, {0.5, 0.5}, false},
    {CI_VIS_POL_I, {CI_VIS_POL_RR, CI_VIS_POL_LL}, {0.5, 0.5}, false},
    {CI_VIS_POL_Q, {CI_VIS_POL_XX, CI_VIS_POL_YY}, {0.5, -0.5}, false},
    {CI_VIS_POL_Q, {CI_VIS_POL_RL, CI_VIS_POL_LR}, {0.5, 0.5}, false},
    {CI_VIS_POL_U, {CI_VIS_POL_XY, CI_VIS_POL_YX}, {0.5, 0.5}, false},
    {CI_VIS_POL_U, {CI_VIS_POL_RL, CI_VIS_POL_LR}, {0.5, -0.5}, true},
    {CI_VIS_POL_V, {CI_VIS_POL_XY, CI_VIS_POL_YX}, {0.5, -0.5}, true},
    {CI_VIS_POL_V, {CI_VIS_POL_RR, CI_VIS_POL_LL}, {0.5, -0.5}, false},
};

static ci_status stokes_refuse(const ci_vis_meta *meta, int stokes)
{
    char has[64] = "";
    for (size_t i = 0; i < meta->n_pol; i++) {
        size_t n = strlen(has);
        snprintf(has + n, sizeof has - n, "%s%s", i ? " " : "", ci_vis_pol_name(meta->pol[i]));
    }
    return ci_error(CI_ERR_USAGE,
                    "--stokes %s: cannot be formed: the file has %s; ask for I, Q, U, V, XX, YY, "
                    "RR or LL as these allow",
                    ci_vis_pol_name(stokes), has);
}

static bool single_find(ci_vis_stokes *out, const ci_vis_meta *meta, int stokes)
{
    int i = ci_vis_pol_find(meta, stokes);
    if (i < 0 || (stokes < 0 && !ci_vis_pol_is_parallel(stokes))) return false;
    *out = (ci_vis_stokes){.n_pol = 1, .i_pol = {i, -1}, .factor = {1, 0}};
    return true;
}

/* The sign that feeds give Q, U and V. */
static double feeds_sign(const ci_vis_meta *meta, int stokes)
{
    ci_vis_feeds feeds;
    ci_vis_feeds_judge(meta, &feeds);
    return stokes == CI_VIS_POL_Q   ? feeds.q
           : stokes == CI_VIS_POL_U ? feeds.u
           : stokes == CI_VIS_POL_V ? feeds.v
                                    : 1;
}

ci_status ci_vis_stokes_find(ci_vis_stokes *out, const ci_vis_meta *meta, int stokes,
                             const int64_t *n_good)
{
    if (single_find(out, meta, stokes)) return CI_OK;
    double scale = meta->stokes_is_sum ? 2 : 1;
    for (size_t k = 0; k < sizeof formulas / sizeof *formulas; k++) {
        const formula *f = &formulas[k];
        if (f->stokes != stokes) continue;
        int i[2] = {ci_vis_pol_find(meta, f->pol[0]), ci_vis_pol_find(meta, f->pol[1])};
        bool is_there[2] = {i[0] >= 0, i[1] >= 0};
        bool lives[2] = {is_there[0] && n_good[i[0]] > 0, is_there[1] && n_good[i[1]] > 0};
        bool one_lives = lives[0] != lives[1], one_is_there = is_there[0] != is_there[1];
        if (stokes == CI_VIS_POL_I && (one_lives || one_is_there)) {
            /* One hand only in the file (a dead one as well: that nothing is left of it is said
             * where samples are counted), or the other dead over the whole array. */
            bool is_first = one_lives ? lives[0] : is_there[0];
            *out = (ci_vis_stokes){.n_pol = 1,
                                   .i_pol = {is_first ? i[0] : i[1], -1},
                                   .factor = {scale, 0},
                                   .is_pseudo_i = true};
            return CI_OK;
        }
        if (i[0] < 0 || i[1] < 0) continue;
        ci_c64 phasor = (f->is_imaginary ? -I : 1) * feeds_sign(meta, f->stokes);
        *out = (ci_vis_stokes){
            .n_pol = 2,
            .i_pol = {i[0], i[1]},
            .factor = {phasor * f->factor[0] * scale, phasor * f->factor[1] * scale}};
        return CI_OK;
    }
    return stokes_refuse(meta, stokes);
}

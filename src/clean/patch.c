/* The part of the PSF that minor cycles know. */
#include "clean/psf_wide.h"
#include "clean/state.h"

#include <math.h>

static const size_t patch_half = 512;
static const double hidden_margin = 1.5; /* depth over what the PSF patch does not know */
static const double shallowest = 0.6;    /* of the peak: a major cycle goes down to that at least */
/* Peak over the rms, where noise is most of it: noise hides what the PSF gets wrong. */
static const double faint = 20;

double ci_clean_max_hidden_sidelobe(void)
{
    return shallowest / hidden_margin;
}

double ci_clean_depth(const ci_clean *c, double peak)
{
    bool is_faint = c->is_settled && peak < faint * c->setup.model->residual_rms;
    double deepest = is_faint ? 0 : 1 - c->setup.options->major_gain;
    return fmin(fmax(deepest, hidden_margin * c->hidden), shallowest);
}

/* A patch about the PSF's centre, on rank 0 where minor cycles run: a small one while major
 * cycles can be shallow enough for what it leaves out, else all that is known. */
ci_status ci_clean_patch_cut(ci_comm *comm, ci_clean *c)
{
    const ci_grid_layout *l = c->layout;
    size_t cx = l->n_x / 2, cy = l->n_y / 2, max_half = cx;
    size_t other[3] = {cy, l->n_x - 1 - cx, l->n_y - 1 - cy};
    c->patch = c->setup.psf_wide;
    c->hidden = 0;
    if (c->patch.half > 0) return CI_OK;
    for (int i = 0; i < 3; i++)
        if (other[i] < max_half) max_half = other[i];
    size_t half = max_half < patch_half ? max_half : patch_half;
    c->hidden = ci_clean_psf_beyond(l, c->setup.psf, half);
    CI_TRY(ci_par_max_double(comm, &c->hidden, 1));
    if (c->hidden > ci_clean_max_hidden_sidelobe()) {
        half = max_half;
        c->hidden = 0;
    }
    c->hidden = fmax(c->hidden, c->setup.psf_far);
    size_t side = 2 * half + 1;
    CI_TRY(ci_grid_slab_cut(comm, l, c->setup.psf,
                            (ci_grid_rectangle){cx - half, cy - half, side, side}, 0,
                            &c->patch_value));
    c->patch = (ci_clean_patch){half, c->patch_value};
    return CI_OK;
}

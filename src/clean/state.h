/* The state of a CLEAN between and inside major cycles. */
#ifndef CLEAN_STATE_H
#define CLEAN_STATE_H

#include "clean/minor.h"
#include "clean/outside.h"
#include "clean/rms.h"
#include "clean/scales.h"
#include "clean/sources.h"
#include "clean/variation.h"
#include "contimg/clean.h"

/* A source between pixels asks for negative components around its positive ones; elsewhere,
 * where the sky is positive, a negative residual is nothing to begin with. */
enum
{
    CI_CLEAN_MASK_NONE,
    CI_CLEAN_MASK_NEAR, /* within the beam's half width of a component */
    CI_CLEAN_MASK_COMPONENT
};

/* The best that was reached, and for how many cycles nothing became better. */
typedef struct ci_clean_progress
{
    double rms, excess;
    int n_idle;
} ci_clean_progress;

struct ci_clean
{
    ci_clean_setup setup;
    ci_clean_sources_setup sources;
    ci_clean_stats stats;
    const ci_grid_layout *layout; /* of the setup */
    double *pixels;               /* of the model, borrowed */
    ci_clean_scales scales;
    uint8_t *mask;        /* slab: how near a pixel component is; of the scale of points */
    ci_clean_patch patch; /* rank 0; of the PSF */
    float *patch_value;   /* owns it, where it is not the wide one */
    double hidden;        /* greatest |PSF| beyond the patch */
    ci_clean_outside_setup outside;
    ci_clean_outside_search *search; /* NULL: not begun, or nothing is hidden any more */
    bool is_outside_begun;
    bool is_measured;     /* the model knows rms and peak of the residual */
    double searched_peak; /* of the residual at the last search; infinite: none yet */
    double outside_stop;  /* |residual| that what is left outside may put into the image */
    ci_clean_progress best;
    double last_rms; /* of the residual before the last cycle */
    bool is_settled; /* it is about the same since: noise is most of it */
    ci_clean_variability variability;
    double inner; /* at and near components, part of the threshold there that counts; 1: not near */
    double deeper_rms;              /* of the residual when that was lowered */
    int n_major_before;             /* of the major cycles: in the file that it goes on from */
    double level;                   /* Jy/beam, to which the last minor cycle went */
    ci_clean_snapshot *saved_model; /* before the current cycle */
    uint8_t *saved_mask;            /* [scales][slab] the same */
    double noted[CI_CLEAN_COURSE_NUMBERS]; /* the course, the same */
    bool is_cut;                           /* max_iteration cut the last cycle short */
    bool is_exact;                         /* samples->computed is the data less the saved model */
    ci_clean_drifted drifted;              /* ... with these components' drift */
    ci_c32 *predicted;                     /* [samples] scratch */
};

/* Goes on from where the model's course says, its residual yet to be made. Local. */
void ci_clean_course_take(ci_clean *clean);
/* Notes numbers and masks before a cycle. Local. */
void ci_clean_course_note(ci_clean *clean);
/* Near a source that varies, components of either sign may stand. Local. */
void ci_clean_variations_mark(ci_clean *clean);

/* What a scan of the residual finds. */
typedef struct ci_clean_scan
{
    double peak, peak_all; /* |residual|: where a component may come to stand; of all */
    double excess;         /* greatest |residual| in units of its threshold */
} ci_clean_scan;
/* Collective. */
CI_MUST_CHECK ci_status ci_clean_scan_make(ci_comm *comm, const ci_clean *clean,
                                           const ci_clean_rms_mesh *mesh, ci_clean_scan *out);
/* After a scan that found nothing above its thresholds: another one with lower thresholds at and
 * near components, where what is left is no noise but sidelobes. Collective. */
CI_MUST_CHECK ci_status ci_clean_scan_deeper(ci_comm *comm, ci_clean *clean,
                                             const ci_clean_rms_mesh *mesh, ci_clean_scan *scan);
/* All ranks' pixels above their thresholds and *stop on rank 0, *out by ci_mem_free; *stop rises
 * until they are a number that one rank can hold. Collective. */
CI_MUST_CHECK ci_status ci_clean_active_gather(ci_comm *comm, const ci_clean *clean,
                                               const ci_clean_rms_mesh *mesh, double *stop,
                                               ci_clean_active **out, size_t *n_out);
/* Minor cycles down to `stop`, with at most n_left iterations: what they find is added to the
 * model and its mask. Collective. */
CI_MUST_CHECK ci_status ci_clean_components_find(ci_comm *comm, ci_clean *clean,
                                                 const ci_clean_rms_mesh *mesh, double stop,
                                                 int64_t n_left, ci_clean_minor_result *result);
/* Components of a scale may be of either sign near a pixel: within half of their width, the beam's
 * included. Local. */
void ci_clean_near_mark(ci_clean *clean, size_t i_scale, int32_t x, int32_t y);
/* How deep a major cycle goes, of the residual's peak: less where the patch leaves much out; to the
 * thresholds where the peak is faint. Local. */
double ci_clean_depth(const ci_clean *clean, double peak);
/* The exact residual of the model as it stands, nothing fitted to it. Collective. */
CI_MUST_CHECK ci_status ci_clean_residual_plain(ci_comm *comm, ci_clean *clean);
/* The image of the residual visibilities in samples->computed, and its rms and peak. Collective. */
CI_MUST_CHECK ci_status ci_clean_residual_image(ci_comm *comm, ci_clean *clean);
/* samples->computed, exact for the saved model, becomes so for the model as it stands: what outside
 * sources and variations are has not changed. The residual image is scratch. Collective. */
CI_MUST_CHECK ci_status ci_clean_residual_change(ci_comm *comm, ci_clean *clean);
/* Before the first cycle of an empty model: what lies outside the image leaves its residual.
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_residual_begin(ci_comm *comm, ci_clean *clean);
/* After the last cycle, of a residual with that peak: a search for what was hidden until now;
 * *again where it found something. Collective. */
CI_MUST_CHECK ci_status ci_clean_residual_finish(ci_comm *comm, ci_clean *clean, double peak,
                                                 bool *again);
/* Fits the sources outside the image to the residual in samples->computed and seeks for new ones;
 * what they are is taken from it. Collective. */
CI_MUST_CHECK ci_status ci_clean_outside_cycle(ci_comm *comm, ci_clean *clean);
/* Down to which level a minor cycle may go for what is left outside the image, of a residual with
 * that peak. Local. */
double ci_clean_outside_stop(const ci_clean *clean, double peak);
/* Seeks sources that vary about a mean of about nothing, which the mean image does not show; *n_new
 * more variations (0 or 1). Collective. */
CI_MUST_CHECK ci_status ci_clean_hidden_seek(ci_comm *comm, ci_clean *clean, int *n_new);
/* Cuts the PSF's patch. Collective. */
CI_MUST_CHECK ci_status ci_clean_patch_cut(ci_comm *comm, ci_clean *clean);

#endif

/* How far CLEAN has come: kept with the model, and taken from it to go on. */
#include "clean/state.h"

#include <stdlib.h>
#include <string.h>

static void numbers_get(const ci_clean *c, double *out)
{
    out[CI_CLEAN_COURSE_MAJOR] = c->stats.n_major;
    out[CI_CLEAN_COURSE_MINOR] = c->stats.n_minor;
    out[CI_CLEAN_COURSE_BEST_RMS] = c->best.rms;
    out[CI_CLEAN_COURSE_BEST_EXCESS] = c->best.excess;
    out[CI_CLEAN_COURSE_IDLE] = c->best.n_idle;
    out[CI_CLEAN_COURSE_LAST_RMS] = c->last_rms;
    out[CI_CLEAN_COURSE_SETTLED] = c->is_settled;
    out[CI_CLEAN_COURSE_INNER] = c->inner;
    out[CI_CLEAN_COURSE_DEEPER_RMS] = c->deeper_rms;
    out[CI_CLEAN_COURSE_LEVEL] = c->level;
    out[CI_CLEAN_COURSE_MASK] = c->setup.options->auto_mask;
    out[CI_CLEAN_COURSE_THRESHOLD] = c->setup.options->auto_threshold;
}

void ci_clean_course_note(ci_clean *c)
{
    size_t n = c->layout->n_here * c->layout->n_x;
    numbers_get(c, c->noted);
    for (size_t s = 0; n > 0 && s < c->scales.n; s++)
        memcpy(c->saved_mask + s * n, c->scales.scale[s].mask, n);
}

/* ---- out ------------------------------------------------------------------------------------ */

/* The pixels of this rank that hold, or held, a component, of all scales. */
static ci_status marks_find(const ci_clean *c, int64_t **out, size_t *n)
{
    const ci_grid_layout *l = c->layout;
    size_t n_here = l->n_here * l->n_x, k = 0;
    int64_t first = (int64_t)(l->y_first * l->n_x), n_all = (int64_t)(l->n_x * l->n_y);
    *n = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) CI_TRY(ci_mem_alloc(out, *n, sizeof **out, "clean mask"));
        for (size_t i = 0; i < c->scales.n * n_here; i++) {
            size_t s = i / n_here, at = i % n_here;
            const uint8_t *mask = c->is_cut ? c->saved_mask + s * n_here : c->scales.scale[s].mask;
            if (mask[at] != CI_CLEAN_MASK_COMPONENT) continue;
            if (pass == 0)
                ++*n;
            else
                (*out)[k++] = (int64_t)s * n_all + first + (int64_t)at;
        }
    }
    return CI_OK;
}

static int by_place(const void *a, const void *b)
{
    const int64_t *p = a, *q = b;
    return *p < *q ? -1 : *p > *q;
}

static ci_status course_keep(ci_comm *comm, const ci_clean *c, ci_clean_course *course)
{
    int64_t *here = NULL;
    size_t n_here = 0, n_byte = 0;
    ci_status status = ci_par_agree(comm, marks_find(c, &here, &n_here));
    ci_mem_free(course->mark);
    *course = (ci_clean_course){.is_known = true};
    numbers_get(c, course->number);
    if (c->is_cut) memcpy(course->number, c->noted, sizeof c->noted);
    if (status == CI_OK)
        status =
            ci_par_gather(comm, here, n_here * sizeof *here, -1, (void **)&course->mark, &n_byte);
    ci_mem_free(here);
    course->n_mark = n_byte / sizeof *here;
    if (course->n_mark > 0) qsort(course->mark, course->n_mark, sizeof *course->mark, by_place);
    return status;
}

ci_status ci_clean_save(ci_comm *comm, ci_clean *c, const char *path)
{
    ci_clean_model *b = c->setup.model;
    if (c->is_cut) ci_clean_model_swap(b, c->saved_model);
    ci_status status = course_keep(comm, c, &b->course);
    if (status == CI_OK) status = ci_clean_model_save(comm, b, path);
    if (c->is_cut) ci_clean_model_swap(b, c->saved_model);
    return status;
}

/* ---- in ------------------------------------------------------------------------------------- */

/* Marks one pixel of a scale, as when its component was found. */
static void mark_set(ci_clean *c, size_t i_scale, int64_t index)
{
    const ci_grid_layout *l = c->layout;
    int64_t n_x = (int64_t)l->n_x, at = index - (int64_t)l->y_first * n_x;
    if (c->setup.is_positive || i_scale > 0)
        ci_clean_near_mark(c, i_scale, (int32_t)(index % n_x), (int32_t)(index / n_x));
    if (at >= 0 && at < (int64_t)l->n_here * n_x)
        c->scales.scale[i_scale].mask[at] = CI_CLEAN_MASK_COMPONENT;
}

/* Else what was reached is no measure of what can be. */
static bool is_of_same_thresholds(const ci_clean *c, const double *number)
{
    return number[CI_CLEAN_COURSE_MASK] == c->setup.options->auto_mask &&
           number[CI_CLEAN_COURSE_THRESHOLD] == c->setup.options->auto_threshold;
}

void ci_clean_course_take(ci_clean *c)
{
    const ci_clean_course *course = &c->setup.model->course;
    const double *number = course->number;
    int64_t n_all = (int64_t)(c->layout->n_x * c->layout->n_y);
    if (!course->is_known) return;
    for (size_t i = 0; i < course->n_mark; i++) {
        size_t i_scale = (size_t)(course->mark[i] / n_all);
        if (i_scale < c->scales.n) mark_set(c, i_scale, course->mark[i] % n_all);
    }
    ci_clean_variations_mark(c);
    c->stats.n_major = c->n_major_before = (int)number[CI_CLEAN_COURSE_MAJOR];
    c->stats.n_minor = (int)number[CI_CLEAN_COURSE_MINOR];
    if (is_of_same_thresholds(c, number))
        c->best = (ci_clean_progress){number[CI_CLEAN_COURSE_BEST_RMS],
                                      number[CI_CLEAN_COURSE_BEST_EXCESS],
                                      (int)number[CI_CLEAN_COURSE_IDLE]};
    c->last_rms = number[CI_CLEAN_COURSE_LAST_RMS];
    c->is_settled = number[CI_CLEAN_COURSE_SETTLED] != 0;
    c->inner = number[CI_CLEAN_COURSE_INNER];
    c->deeper_rms = number[CI_CLEAN_COURSE_DEEPER_RMS];
    c->level = number[CI_CLEAN_COURSE_LEVEL];
}

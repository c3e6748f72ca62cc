/* An array's (u, v, w) lie near a plane. With w = slope v + w' and t = n - 1,
 *
 *   u l + v m + w t = u l + v (m + slope t) + w' t,
 *
 * so that an image of (l, m + slope (t - t_mid)), the slanted one, needs terms of w' alone. The
 * image that was asked for is interpolated from it along y: pixel (x, y) lies slope (t - t_mid) /
 * cell rows further, between two rows. That is done with a kernel as the grid's are, which is exact
 * for the frequencies |v| <= v_most but for aliasing where samples are divided by its transform at
 * their v; and backwards by its adjoint. Its error is the kernel's, and that of the transform at v
 * in place of at v + w' dt/dm, as which a sample appears in the slanted image. */
#ifndef GRID_SLANT_H
#define GRID_SLANT_H

#include "grid/operator.h"

/* Makes *slanted the plan with a slant, where it may do for samples whose range is known: what is
 * left of w, rows and directions of the slanted image; else slanted->slant.is_on is false.
 * Collective. */
ci_status ci_grid_slant_plan(ci_comm *comm, const ci_grid_plan *plan, const ci_vis_samples *samples,
                             double accuracy, ci_grid_plan *slanted);
/* Rows of `n_byte` each that rank r interpolates from, or from which it makes its slanted ones:
 * all ranks' slanted rows (is_forward), or rows of the image, `have` the own ones, into `need`.
 * Collective. */
ci_status ci_grid_slant_exchange(ci_comm *comm, const ci_grid_operator *g, bool is_forward,
                                 size_t n_byte, const void *have, void *need);
/* Rows that this rank needs so: [*first, *end). Local. */
void ci_grid_slant_needed(const ci_grid_operator *g, bool is_forward, size_t *first, size_t *end);
/* n - 1 less its middle, of the pixel at (l, m) of the slanted image. Local. */
double ci_grid_slant_t(const ci_grid_plan *plan, double l, double m);

#endif

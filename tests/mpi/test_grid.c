/* The same bytes of image, PSF and predictions at this number of ranks as in one process;
 * counts and memory.
 * ci-test: timeout=300 */
#include "check.h"
#include "grid/operator.h"
#include "grid_case.h"

#include <stdlib.h>

typedef struct result
{
    size_t y_first, n_y;
    double *slab, *psf;
    grid_share share; /* predictions in vis and vis_double */
} result;

static void result_free(result *r)
{
    ci_mem_free(r->slab);
    ci_mem_free(r->psf);
    grid_share_free(&r->share);
}

/* Bytes that all ranks have sent since `before` are within `bound`. */
static void check_bytes(ci_comm *comm, uint64_t before, double bound)
{
    int64_t n = (int64_t)(ci_par_counters_get(comm).n_byte_sent - before);
    CHECK_OK(ci_par_sum_int(comm, &n, 1));
    CHECK((double)n <= bound);
}

/* One way between grid and image: (P - 1) / P of the rows that hold data, and P - 1 halos; with a
 * slant the rows of the image that a rank interpolates from, beyond its own; the agreement on
 * errors besides. */
static double bytes_allowed(ci_comm *comm, const ci_grid_operator *g,
                            const ci_grid_geometry *geometry, const ci_grid_numbers *n)
{
    size_t n_line = g->plan.n_y;
    double n_rank = ci_comm_size(comm), value = (double)n->n_value_byte;
    double rows = (double)n->n_row * (double)n_line * (n_rank - 1.0) / n_rank;
    size_t halo = n->n_column > n_line ? n->n_column : n_line;
    double halos = (n_rank - 1.0) * (n->support_uv - 1) * (double)halo * n->n_plane;
    double uneven = (double)n->n_row; /* slabs of the image differ by a row */
    double more = n_rank * (double)(n_line - geometry->n_y) * (double)geometry->n_x * 8.0;
    return value * (rows + halos + uneven) + more + 100.0 * n_rank * n_rank * (n->n_plane + 3);
}

/* What the operator moves besides samples. */
static void check_moved(ci_comm *comm, ci_grid_operator *g, const ci_grid_geometry *geometry,
                        double *slab)
{
    ci_grid_numbers n;
    ci_grid_operator_numbers(g, &n);
    uint64_t before = ci_par_counters_get(comm).n_byte_sent;
    CHECK_OK(ci_grid_psf(comm, g, slab));
    check_bytes(comm, before, bytes_allowed(comm, g, geometry, &n));
}

/* Image, PSF and a prediction from this communicator's samples. */
static void make(ci_comm *comm, const grid_case *samples, const ci_grid_geometry *geometry,
                 result *out)
{
    size_t n_row = samples->n_sub_band * samples->n_row, first, count;
    ci_grid_operator *g = NULL;
    memset(out, 0, sizeof *out);
    ci_par_split(n_row, ci_comm_size(comm), ci_comm_rank(comm), &first, &count);
    CHECK_OK(grid_share_make(samples, first, count, &out->share));
    CHECK_OK(ci_grid_operator_new(comm, &g, geometry, out->share.samples));
    if (!g) return;
    CHECK(g->plan.slant.is_on == (samples->tilt != 0));
    ci_grid_operator_slab(g, &out->y_first, &out->n_y);
    size_t n = out->n_y * geometry->n_x;
    double *sky = NULL;
    CHECK_OK(ci_mem_alloc(&out->slab, n, sizeof(double), "test"));
    CHECK_OK(ci_mem_alloc(&out->psf, n, sizeof(double), "test"));
    CHECK_OK(ci_mem_alloc(&sky, n, sizeof(double), "test"));
    CHECK_OK(ci_grid_image_double(comm, g, out->share.vis_double, out->slab));
    check_moved(comm, g, geometry, out->psf);
    for (size_t i = 0; i < n; i++)
        sky[i] = grid_random(77 + out->y_first * geometry->n_x + i);
    CHECK_OK(ci_grid_degrid_double(comm, g, sky, out->share.vis_double));
    ci_grid_numbers numbers;
    ci_grid_operator_numbers(g, &numbers);
    int64_t here[2] = {numbers.n_sample_here, numbers.n_strip_here};
    CHECK_OK(ci_par_sum_int(comm, here, 2));
    CHECK(here[0] == numbers.n_sample || here[0] > numbers.n_sample); /* gaps ride along */
    CHECK(here[1] == numbers.n_strip);
    ci_mem_free(sky);
    ci_grid_operator_free(g);
}

/* This rank's part of the distributed result against the same part of one made alone. */
static void compare(const result *part, const result *whole, const grid_case *samples,
                    const ci_grid_geometry *geometry, size_t first)
{
    size_t offset = part->y_first * geometry->n_x, n = part->n_y * geometry->n_x;
    if (!part->slab || !whole->slab) return;
    CHECK(memcmp(part->slab, whole->slab + offset, n * sizeof(double)) == 0);
    CHECK(memcmp(part->psf, whole->psf + offset, n * sizeof(double)) == 0);
    CHECK(memcmp(part->share.vis_double, whole->share.vis_double + first * samples->n_chan,
                 part->share.samples->n_sample * sizeof(ci_c64)) == 0);
}

static void check(ci_comm *world, ci_comm *alone, const grid_case *samples, size_t n_x, size_t n_y,
                  double cell_arcsec, double accuracy)
{
    ci_grid_geometry geometry = {n_x, n_y, cell_arcsec * CI_ARCSEC_TO_RAD, accuracy, false};
    result part, whole;
    size_t first, count;
    ci_par_split(samples->n_sub_band * samples->n_row, ci_comm_size(world), ci_comm_rank(world),
                 &first, &count);
    make(world, samples, &geometry, &part);
    make(alone, samples, &geometry, &whole);
    compare(&part, &whole, samples, &geometry, first);
    double sum = 0.0;
    for (size_t i = 0; whole.slab && i < n_x * n_y; i++)
        sum += fabs(whole.slab[i]);
    CHECK(sum > 0.0);
    result_free(&part);
    result_free(&whole);
}

int main(void)
{
    setenv("CONTIMG_TEST_PIECE_BYTES", "4096", 1);
    ci_comm *world = NULL, *alone = NULL;
    if (ci_par_start(&world) != CI_OK) return 70;
    size_t before = ci_mem_now();
    CHECK_OK(ci_comm_split(world, ci_comm_rank(world), &alone));
    grid_case samples = {4, 41, 16, 1.3e9, 5e6, 900, 700, 500, false, 0};
    check(world, alone, &samples, 180, 126, 20, 1e-4);
    check(world, alone, &samples, 75, 210, 30, 1e-5);
    check(world, alone, &samples, 96, 96, 30, 1e-8);
    grid_case flat = {2, 30, 16, 1.3e9, 5e6, 900, 900, 0, false, 0};
    check(world, alone, &flat, 128, 128, 10, 1e-4);
    /* Fewer bands, rows of the image and rows of samples than ranks. */
    grid_case few = {1, 3, 4, 1.3e9, 5e6, 30, 900, 100, false, 0};
    check(world, alone, &few, 64, 3, 30, 1e-4);
    /* All in one band: the others idle. */
    grid_case column = {1, 50, 8, 1.3e9, 5e6, 1, 900, 300, false, 0};
    check(world, alone, &column, 64, 64, 30, 1e-4);
    /* Beyond half the period of u and v. */
    grid_case coarse = {1, 50, 8, 1.3e9, 5e6, 900, 900, 300, false, 0};
    check(world, alone, &coarse, 64, 50, 300, 1e-4);
    /* Slanted, with fewer rows than ranks have neighbours for, and more. */
    grid_case tilted = {2, 60, 16, 1.3e9, 5e6, 300, 250, 1, false, 0.3};
    check(world, alone, &tilted, 301, 203, 40, 1e-4);
    check(world, alone, &tilted, 301, 60, 40, 1e-4);
    ci_comm_free(alone);
    CHECK(ci_mem_now() == before);
    return check_end(world);
}

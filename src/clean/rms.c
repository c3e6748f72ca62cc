/* Local rms on boxes whose edges depend on the image alone. Whole rows of boxes of boxes are
 * brought to one rank each, whichever it is, so the numbers do not know the rank count.
 *
 * A box full of extended emission scatters by its emission. Taken for noise that would keep
 * clean away from it (the Vela remnant stood at four times its surroundings' rms and was
 * left as it was). Noise and artefacts are of both signs, a positive sky's emission is not:
 * where a box scatters more than the median box does, what its negative pixels say counts. */
#include "clean/rms.h"
#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    LATTICE_MIN = 128 /* rows and columns of a box whose every second one tells its rms */
};

void ci_clean_rms_mesh_free(ci_clean_rms_mesh *mesh)
{
    if (!mesh) return;
    ci_mem_free(mesh->rms);
    ci_mem_free(mesh->row);
    ci_mem_free(mesh->below);
    ci_mem_free(mesh->above);
    ci_mem_free(mesh);
}

static size_t box_edge(size_t i, size_t n_box, size_t n)
{
    return i * n / n_box;
}

/* The row of boxes that holds row y. */
static size_t box_row_of(size_t y, size_t n_box, size_t n)
{
    size_t i = y * n_box / n;
    while (i + 1 < n_box && box_edge(i + 1, n_box, n) <= y)
        i++;
    while (i > 0 && box_edge(i, n_box, n) > y)
        i--;
    return i;
}

static int rank_of_row(const ci_grid_layout *l, size_t y)
{
    int r = 0;
    while (r + 1 < l->n_rank && y >= l->first_of[r] + l->count_of[r])
        r++;
    return r;
}

/* Sigma of noise about zero whose negative half these pixels hold. */
static float negative_sigma(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (values[i] < 0) sum += (double)values[i] * (double)values[i];
    return n > 0 ? (float)sqrt(2 * sum / (double)n) : 0;
}

/* Every such row and column of a box is taken: of a large one every second, as neighbours share a
 * beam. */
static size_t lattice_step(const ci_clean_rms_mesh *m)
{
    return m->n_x / m->n_box_x >= LATTICE_MIN && m->n_y / m->n_box_y >= LATTICE_MIN ? 2 : 1;
}

/* So many rows, or columns, are taken of boxes [first, last) of n pixels in n_box boxes. */
static size_t lattice_count(size_t first, size_t last, size_t n_box, size_t n, size_t step)
{
    size_t sum = 0;
    for (size_t i = first; i < last; i++)
        sum += (box_edge(i + 1, n_box, n) - box_edge(i, n_box, n) + step - 1) / step;
    return sum;
}

/* The columns that are taken of a row; how many. */
static size_t row_take(const ci_clean_rms_mesh *m, const double *row, size_t step, float *out)
{
    size_t n = 0;
    for (size_t b = 0; b < m->n_box_x; b++)
        for (size_t x = box_edge(b, m->n_box_x, m->n_x); x < box_edge(b + 1, m->n_box_x, m->n_x);
             x += step)
            out[n++] = (float)row[x];
    return n;
}

/* Pixels of a box; rows [][n_row]: what is taken of rows of boxes from `first` on. */
static size_t box_take(const ci_clean_rms_mesh *m, const float *rows, size_t first, size_t i_y,
                       size_t i_x, float *values)
{
    size_t n = 0, step = lattice_step(m);
    size_t n_row = lattice_count(0, m->n_box_x, m->n_box_x, m->n_x, step);
    size_t x = lattice_count(0, i_x, m->n_box_x, m->n_x, step);
    size_t n_x = lattice_count(i_x, i_x + 1, m->n_box_x, m->n_x, step);
    size_t y = lattice_count(first, i_y, m->n_box_y, m->n_y, step);
    size_t y_to = y + lattice_count(i_y, i_y + 1, m->n_box_y, m->n_y, step);
    for (; y < y_to; y++, n += n_x)
        memcpy(values + n, rows + y * n_row + x, n_x * sizeof *values);
    return n;
}

/* rows: what is taken of rows of boxes [first, last); pair [last - first][n_box_x][2]: clipped
 * sigma, sigma of the negative pixels. */
static ci_status box_rows_measure(const ci_clean_rms_mesh *m, const float *rows, size_t first,
                                  size_t last, float *pair)
{
    float *values = NULL, *scratch = NULL;
    size_t n_max = (m->n_x / m->n_box_x + 1) * (m->n_y / m->n_box_y + 1);
    ci_status status = ci_mem_alloc(&values, n_max, sizeof *values, "local rms");
    if (status == CI_OK) status = ci_mem_alloc(&scratch, n_max, sizeof *scratch, "local rms");
    for (size_t s = first; status == CI_OK && s < last; s++)
        for (size_t b = 0; b < m->n_box_x; b++) {
            float centre, sigma, *out = pair + 2 * ((s - first) * m->n_box_x + b);
            size_t n = box_take(m, rows, first, s, b, values);
            out[1] = negative_sigma(values, n);
            n = ci_num_clipped_float(values, scratch, n, &centre, &sigma);
            out[0] = n > 0 ? sigma : 0;
        }
    ci_mem_free(values);
    ci_mem_free(scratch);
    return status;
}

/* What is taken of a row of boxes to the rank that holds its first row. */
static ci_status rows_exchange(ci_comm *comm, const ci_clean_rms_mesh *m, const ci_grid_layout *l,
                               const double *slab, float **rows)
{
    size_t *n_send = NULL, *n_recv = NULL, n_rank = (size_t)l->n_rank;
    float *send = NULL;
    size_t n = 0, step = lattice_step(m);
    size_t n_row = lattice_count(0, m->n_box_x, m->n_box_x, m->n_x, step);
    size_t n_most = (l->n_here / step + m->n_box_y + 1) * n_row; /* at most one more of each box */
    ci_status status = ci_mem_alloc(&n_send, n_rank, sizeof *n_send, "local rms");
    if (status == CI_OK) status = ci_mem_alloc(&n_recv, n_rank, sizeof *n_recv, "local rms");
    if (status == CI_OK) status = ci_mem_alloc(&send, n_most, sizeof *send, "local rms");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) {
        for (size_t i = 0; i < l->n_here; i++) {
            size_t box_row = box_row_of(l->y_first + i, m->n_box_y, m->n_y);
            size_t y_box = box_edge(box_row, m->n_box_y, m->n_y);
            if ((l->y_first + i - y_box) % step != 0) continue;
            size_t taken = row_take(m, slab + i * l->n_x, step, send + n);
            n_send[rank_of_row(l, y_box)] += taken * sizeof *send;
            n += taken;
        }
        if (n_rank > 1) status = ci_par_exchange(comm, send, n_send, (void **)rows, n_recv);
    }
    if (status == CI_OK && n_rank == 1) {
        *rows = send;
        send = NULL;
    }
    ci_mem_free(n_send);
    ci_mem_free(n_recv);
    ci_mem_free(send);
    return status;
}

/* One rms for each box from its pair. */
static ci_status mesh_settle(ci_clean_rms_mesh *m, const float *pair, bool is_positive)
{
    size_t n = m->n_box_x * m->n_box_y;
    CI_TRY(ci_mem_alloc(&m->rms, n, sizeof *m->rms, "local rms"));
    for (size_t i = 0; i < n; i++)
        m->rms[i] = pair[2 * i];
    if (!is_positive) return CI_OK;
    float typical = ci_num_median_float(m->rms, n); /* reorders */
    for (size_t i = 0; i < n; i++) {
        m->rms[i] = pair[2 * i];
        if (pair[2 * i] > typical) m->rms[i] = fmaxf(typical, fminf(pair[2 * i], pair[2 * i + 1]));
    }
    return CI_OK;
}

static ci_status mesh_fill(ci_comm *comm, ci_clean_rms_mesh *m, const ci_grid_layout *l,
                           const double *slab, bool is_positive)
{
    int rank = ci_comm_rank(comm);
    size_t first = m->n_box_y, last = 0;
    for (size_t s = 0; s < m->n_box_y; s++)
        if (rank_of_row(l, box_edge(s, m->n_box_y, m->n_y)) == rank) {
            if (s < first) first = s;
            last = s + 1;
        }
    size_t n_strip = last > first ? last - first : 0;
    size_t n_byte = n_strip * m->n_box_x * 2 * sizeof(float);
    float *rows = NULL, *here = NULL, *pair = NULL;
    CI_TRY(rows_exchange(comm, m, l, slab, &rows));
    ci_status status = ci_mem_alloc(&here, n_byte, 1, "local rms");
    if (status == CI_OK && n_strip > 0) status = box_rows_measure(m, rows, first, last, here);
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_gather(comm, here, n_byte, -1, (void **)&pair, NULL);
    if (status == CI_OK) status = ci_par_agree(comm, mesh_settle(m, pair, is_positive));
    ci_mem_free(rows);
    ci_mem_free(here);
    ci_mem_free(pair);
    return status;
}

/* Between which boxes pixel i lies: lower box and the weight of the next one. */
static size_t box_below(size_t i, size_t n_box, size_t n, double *weight)
{
    double at = ((double)i + 0.5) * (double)n_box / (double)n - 0.5;
    *weight = 0;
    if (at <= 0 || n_box == 1) return 0;
    size_t below = (size_t)at;
    if (below >= n_box - 1) return n_box - 1;
    *weight = at - (double)below;
    return below;
}

/* What a row's pixels have in common with those of all rows. */
static ci_status columns_set(ci_clean_rms_mesh *m)
{
    CI_TRY(ci_mem_alloc(&m->row, m->n_box_x + 1, sizeof *m->row, "local rms"));
    CI_TRY(ci_mem_alloc(&m->below, m->n_x, sizeof *m->below, "local rms"));
    CI_TRY(ci_mem_alloc(&m->above, m->n_x, sizeof *m->above, "local rms"));
    for (size_t x = 0; x < m->n_x; x++) {
        double weight;
        m->below[x] = (uint32_t)box_below(x, m->n_box_x, m->n_x, &weight);
        m->above[x] = (float)weight;
    }
    return CI_OK;
}

ci_status ci_clean_rms_mesh_new(ci_comm *comm, ci_clean_rms_mesh **out, const ci_grid_layout *l,
                                const double *slab, size_t box, bool is_positive)
{
    *out = NULL;
    ci_clean_rms_mesh *m = NULL;
    CI_TRY(ci_par_alloc(comm, &m, 1, sizeof *m, "local rms"));
    m->n_x = l->n_x;
    m->n_y = l->n_y;
    m->n_box_x = l->n_x > box ? l->n_x / box : 1;
    m->n_box_y = l->n_y > box ? l->n_y / box : 1;
    ci_status status = ci_par_agree(comm, columns_set(m));
    if (status == CI_OK) status = mesh_fill(comm, m, l, slab, is_positive);
    if (status != CI_OK) {
        ci_clean_rms_mesh_free(m);
        return status;
    }
    *out = m;
    return CI_OK;
}

float ci_clean_rms_mesh_row(const ci_clean_rms_mesh *m, size_t y)
{
    const float rounding = 1e-6f;
    float least = INFINITY;
    double wy;
    size_t by = box_below(y, m->n_box_y, m->n_y, &wy);
    const float *low = m->rms + by * m->n_box_x, *high = wy > 0 ? low + m->n_box_x : low;
    for (size_t b = 0; b < m->n_box_x; b++) {
        m->row[b] = (float)((1 - wy) * low[b] + wy * high[b]);
        least = fminf(least, m->row[b]);
    }
    m->row[m->n_box_x] = m->row[m->n_box_x - 1];
    return least * (1 - rounding);
}

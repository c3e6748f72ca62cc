/* What a run will need: memory, disk, time, and how its ranks are split into teams. */
#include "contimg/plan.h"
#include "contimg/grid.h"
#include "contimg/par.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* What one sample, row, pixel costs. The bytes follow from the structures that hold it, and from
 * what was resident and counted in runs of small tiles (tests/cli/test_plan_memory.sh); the
 * seconds are of one core of the machines this was written on and are a guess elsewhere. */
enum
{
    bytes_sample = 8 + 1 + 4,       /* data, flags, weight, per polarisation */
    bytes_row = 3 * 8 + 8 + 3 * 4,  /* uvw, interval, indices */
    bytes_flags = 1,                /* of them: what is left once Stokes values are taken */
    bytes_taken = 8 + 4 + 4,        /* Stokes value, two weights; where read */
    bytes_stokes = 8 + bytes_taken, /* with model or residual */
    bytes_imaged = 3 * 8 + 8 + 12,  /* a row of them: uvw, first sample, indices */
    bytes_gridded = 4 + 8,          /* weight, value; where gridded */
    bytes_routed = 8,               /* on the way there */
    bytes_pixel = 80,               /* dirty, psf, residual, model, kept ones, mask; the grid */
    bytes_pixel_double = 40,        /* the grid's part of it, once more */
    bytes_psf = 16,                 /* the PSF on rank 0, out to a whole image */
    bytes_wide = 70,                /* while that is made, where it is: ci_clean_psf_wide */
    bytes_wide_psf = 24,            /* its part on rank 0 */
    bytes_tile_mosaic = 48,         /* a tile convolved and reprojected */
    bytes_mosaic = 8,               /* its sums */
    bytes_found = 16,               /* image, noise and islands on rank 0 */
    axis_nodes = 8 /* that compression leaves of times, or of a sub-band's channels */
};
static const double base_bytes = 60e6;     /* program, MPI, HDF5, tables */
static const double slab_bytes = 64 << 20; /* of a file, while it is read */
static const double read_bytes_s = 400e6;
static const double sample_s = 2e-7;  /* flag, solve, apply, compress */
static const double stokes_s = 1e-7;  /* grid or degrid once */
static const double n_grid = 23;      /* of these in a tile: psf, dirty, ten major cycles */
static const double n_point = 1000;   /* bright sources and components, summed in each cycle ... */
static const double n_product = 3e9;  /* ... fewer where points x samples are more */
static const double product_s = 1e-8; /* one point in one sample, ten cycles */
static const double pixel_s = 6e-6;   /* transforms, local noise and CLEAN */
static const double serial_s = 3;     /* opening, agreeing, writing */
static const size_t default_image_size = 4200;
static const double wide_pixels = 8.4e6; /* of the largest image with a PSF twice as wide */

/* ---- teams ---------------------------------------------------------------------------- */

int ci_plan_team_of(const ci_plan_teams *teams, int rank, int *rank_in_team)
{
    for (int team = 0; team < teams->n_team; team++) {
        size_t first, count;
        ci_par_split((size_t)teams->n_rank, teams->n_team, team, &first, &count);
        if ((size_t)rank >= first && (size_t)rank < first + count) {
            *rank_in_team = rank - (int)first;
            return team;
        }
    }
    *rank_in_team = 0;
    return -1;
}

size_t ci_plan_team_tiles(const ci_plan_teams *teams, size_t n_tile, int team)
{
    size_t n_team = (size_t)teams->n_team;
    return n_tile / n_team + ((size_t)team < n_tile % n_team);
}

static double samples_of(const ci_plan_load *w)
{
    return (double)w->n_time * (double)w->n_baseline * (double)w->n_chan * (double)w->n_pol;
}

/* The part of n points of an axis that is left of them. */
static double left_of(const ci_plan_load *w, double n)
{
    return w->is_compressed && n > axis_nodes ? axis_nodes / n : 1;
}

static double rows_left(const ci_plan_load *w)
{
    return left_of(w, (double)w->n_time);
}

static double samples_left(const ci_plan_load *w)
{
    double sub_band = w->n_sub_band ? (double)w->n_sub_band : 1;
    return rows_left(w) * left_of(w, (double)w->n_chan / sub_band);
}

static double pixels_of(const ci_plan_load *w)
{
    double side = (double)(w->image_size ? w->image_size : default_image_size);
    return side * side;
}

/* Bytes of an image's pixels on the fullest of n ranks. */
static double image_bytes(const ci_plan_load *w, int n)
{
    bool is_wide = pixels_of(w) <= wide_pixels;
    double shared = bytes_pixel + (w->is_double ? bytes_pixel_double : 0) + is_wide * bytes_wide;
    return pixels_of(w) * (shared / n + bytes_psf + is_wide * bytes_wide_psf);
}

/* A mosaic is as long as its tiles drift. */
static double mosaic_pixels_of(const ci_plan_load *w)
{
    double n_group = w->n_group ? (double)w->n_group : 1;
    return pixels_of(w) * fmax(1, 0.5 * (double)w->n_tile / n_group);
}

/* Bytes of the rank with the most, of n_rank in teams of n at least. */
static double rank_bytes(const ci_plan_load *w, int n, int n_rank)
{
    double sub_band = w->n_sub_band ? (double)w->n_sub_band : 1;
    /* Whole sub-bands go to ranks: the fullest has the rounded-up share. */
    double share = n <= sub_band ? ceil(sub_band / n) / sub_band : 1.0 / n;
    double rows = (double)w->n_time * (double)w->n_baseline * sub_band;
    double samples = samples_of(w), stokes = w->n_pol ? samples / (double)w->n_pol : 0;
    double vis = share * (samples * bytes_sample + rows * bytes_row);
    /* Data and weights of a block go once its Stokes values are taken; the last one's are there
     * with all of these. */
    double imaged = stokes * samples_left(w);
    double taken = share * imaged * bytes_taken;
    double left = share * (samples * bytes_flags + rows * bytes_row);
    double gridded = bytes_gridded + (n > 1 ? bytes_routed : 0);
    if (w->is_double) gridded *= 2;
    double slab = fmin(slab_bytes, samples * bytes_sample / sub_band);
    double image = share * (imaged * (bytes_stokes + gridded) +
                            rows * rows_left(w) * (bytes_imaged + (double)ci_grid_row_bytes())) +
                   image_bytes(w, n);
    double mosaic =
        (pixels_of(w) * bytes_tile_mosaic + mosaic_pixels_of(w) * bytes_mosaic) / n_rank;
    double found = mosaic_pixels_of(w) * bytes_found;
    return base_bytes + fmax(fmax(vis + fmax(slab, taken), left + image), fmax(mosaic, found));
}

static double tile_seconds(const ci_plan_load *w, int n)
{
    double samples = samples_of(w);
    double stokes = w->n_pol ? samples / (double)w->n_pol * samples_left(w) : 0;
    double read = w->input_bytes / (double)(w->n_tile ? w->n_tile : 1) / read_bytes_s;
    double bright = fmin(stokes * n_point, n_product) * product_s;
    double grid = stokes * n_grid * stokes_s;
    return serial_s + read + (samples * sample_s + grid + bright + pixels_of(w) * pixel_s) / n;
}

static ci_plan_teams teams_of(const ci_plan_load *w, int n_rank, int n_team)
{
    ci_plan_teams t = {.n_rank = n_rank, .n_team = n_team};
    t.min_ranks = n_rank / n_team;
    t.max_ranks = (n_rank + n_team - 1) / n_team;
    t.n_round = (w->n_tile + (size_t)n_team - 1) / (size_t)n_team;
    return t;
}

/* A node holds ranks_per_node ranks, of the smallest teams at worst. */
static bool teams_fit(const ci_plan_load *w, const ci_plan_teams *t, const ci_plan_limits *l)
{
    if (l->memory_per_node <= 0) return true;
    int per_node =
        l->ranks_per_node > 0 && l->ranks_per_node < t->n_rank ? l->ranks_per_node : t->n_rank;
    return rank_bytes(w, t->min_ranks, t->n_rank) * per_node <= l->memory_per_node;
}

ci_status ci_plan_teams_choose(ci_plan_teams *out, const ci_plan_load *load,
                               const ci_plan_limits *limits)
{
    int n_rank = limits->n_rank > 0 ? limits->n_rank : 1;
    size_t n_tile = load->n_tile ? load->n_tile : 1;
    ci_plan_load w = *load;
    w.n_tile = n_tile;
    int most = n_tile < (size_t)n_rank ? (int)n_tile : n_rank;
    double best = INFINITY;
    *out =
        teams_of(&w, n_rank, limits->n_team > 0 && limits->n_team <= n_rank ? limits->n_team : 1);
    if (limits->n_team > n_rank)
        return ci_error(CI_ERR_USAGE, "teams: %d, but there %s %d rank%s", limits->n_team,
                        n_rank == 1 ? "is" : "are", n_rank, ci_plural(n_rank));
    if (limits->n_team > 0) most = 0;
    /* Most teams first: of equal times the one with fewer ranks that wait for each other. */
    for (int n_team = most; n_team >= 1; n_team--) {
        ci_plan_teams t = teams_of(&w, n_rank, n_team);
        double seconds = (double)t.n_round * tile_seconds(&w, t.min_ranks);
        if (!teams_fit(&w, &t, limits) || seconds >= best * (1 - 1e-9)) continue;
        best = seconds;
        *out = t;
    }
    if (teams_fit(&w, out, limits)) return CI_OK;
    return ci_error(
        CI_ERR_MEMORY,
        "memory: a tile needs %.1f GB on each of %d rank%s, %.1f GB a node are allowed: "
        "use more nodes with fewer ranks on each, or raise --memory",
        1e-9 * rank_bytes(&w, out->min_ranks, n_rank), out->min_ranks, ci_plural(out->min_ranks),
        1e-9 * limits->memory_per_node);
}

/* ---- the plan ------------------------------------------------------------------------------- */

ci_status ci_plan_input_bytes(ci_plan_load *load, const char *const *paths, size_t n_path)
{
    double bytes = 0;
    for (size_t i = 0; i < n_path; i++) {
        struct stat facts;
        if (stat(paths[i], &facts) != 0) return ci_error_errno(errno, paths[i], "stat");
        bytes += (double)facts.st_size;
    }
    load->input_bytes = bytes * (double)(load->n_tile ? load->n_tile : 1);
    return CI_OK;
}

/* Ranks for a job that may choose: as many as halve the time at least by 1.6 each doubling. */
static int ranks_choose(const ci_plan_load *load, const ci_plan_limits *limits)
{
    int most = limits->max_rank > 0 ? limits->max_rank : 16, best = 1;
    double time = INFINITY;
    for (int n = 1; n <= most; n *= 2) {
        ci_plan_limits l = *limits;
        ci_plan_teams t;
        l.n_rank = n;
        if (ci_plan_teams_choose(&t, load, &l) != CI_OK) {
            ci_error_clear();
            continue;
        }
        double seconds = (double)t.n_round * tile_seconds(load, t.min_ranks);
        if (seconds > time / 1.6) break;
        time = seconds;
        best = n;
    }
    return best;
}

ci_status ci_plan_make(ci_plan *out, const ci_plan_load *load, const ci_plan_limits *limits)
{
    ci_plan_limits l = *limits;
    memset(out, 0, sizeof *out);
    out->load = *load;
    ci_plan_load *w = &out->load;
    if (w->n_tile == 0) w->n_tile = 1;
    if (w->n_group == 0) w->n_group = 1;
    if (w->image_size == 0) w->image_size = default_image_size;
    out->n_sample = samples_of(w);
    if (w->input_bytes <= 0) /* data, flags, nsamples as DSA-110 writes them */
        w->input_bytes = out->n_sample * 13 * (double)w->n_tile;
    if (l.n_rank <= 0) l.n_rank = ranks_choose(w, &l);
    ci_status status = ci_plan_teams_choose(&out->teams, w, &l);
    if (status != CI_OK && status != CI_ERR_MEMORY) return status;
    out->fits = status == CI_OK;
    int n_rank = out->teams.n_rank;
    out->ranks_per_node =
        l.ranks_per_node > 0 && l.ranks_per_node < n_rank ? l.ranks_per_node : n_rank;
    out->n_node = (n_rank + out->ranks_per_node - 1) / out->ranks_per_node;
    out->memory_per_rank = rank_bytes(w, out->teams.min_ranks, n_rank);
    out->memory_per_node = out->memory_per_rank * out->ranks_per_node;
    double image = 4 * pixels_of(w);
    double n_mosaic = (double)w->n_group, n_tile = (double)w->n_tile;
    out->read_bytes = w->input_bytes;
    /* Seven images a tile; three of a mosaic. */
    double mosaic = 3 * 4 * mosaic_pixels_of(w);
    out->staging_bytes = n_tile * 7 * image + n_mosaic * mosaic;
    out->products_bytes = n_mosaic * mosaic;
    out->state_bytes = n_mosaic * 5e6 + n_tile * 1e6;
    out->seconds_per_tile = tile_seconds(w, out->teams.min_ranks);
    out->seconds =
        (double)out->teams.n_round * out->seconds_per_tile + n_mosaic * mosaic * 4e-8 / n_rank + 10;
    return status;
}

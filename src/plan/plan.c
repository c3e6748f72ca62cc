/* What a run will need: memory, disk, time, and how its ranks are split into teams. */
#include "contimg/plan.h"
#include "contimg/cal.h"
#include "contimg/flag.h"
#include "contimg/image.h"
#include "contimg/mosaic.h"
#include "contimg/phot.h"
#include "contimg/uvh5.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* What no stage takes: stages state their own cost. Bytes were compared with runs of small tiles
 * (tests/cli/test_plan_memory.sh); seconds are of one core of the machines this was written on and
 * a guess elsewhere. */
/* Program, MPI, HDF5, tables, and large blocks that are kept in whole pages. */
static const double program_bytes = 75e6;
/* Solves on a tile's own field, and images of a tile that calibrates itself, each with a solve: as
 * many as there can be but for the last ones, which few tiles need. */
static const double field_passes = 4, self_passes = 7;
static const double tile_s = 3, run_s = 10; /* opening, agreeing, writing */
static const double group_state_bytes = 5e6, tile_state_bytes = 1e6; /* databases, report, log */

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

static double sub_bands_of(const ci_plan_workload *w)
{
    return w->n_sub_band ? (double)w->n_sub_band : 1;
}

/* Visibilities of a tile, over all polarisations. */
static double visibilities_of(const ci_plan_workload *w)
{
    return (double)w->n_time * (double)w->n_baseline * (double)w->n_chan * (double)w->n_pol;
}

/* Rows of a tile, in all its sub-bands. */
static double rows_of(const ci_plan_workload *w)
{
    return (double)w->n_time * (double)w->n_baseline * sub_bands_of(w);
}

static double pixels_of(const ci_plan_workload *w)
{
    double side = (double)(w->image_size ? w->image_size : CI_IMAGE_USUAL_PIXELS);
    return side * side;
}

/* A tile as it is imaged: samples of one Stokes value, in teams of n. */
static ci_image_workload image_load_of(const ci_plan_workload *w, int n)
{
    ci_image_workload out = {.n_row = rows_of(w),
                             .n_sample = w->n_pol ? visibilities_of(w) / (double)w->n_pol : 0,
                             .n_pixel = pixels_of(w),
                             .n_rank = n,
                             .n_scale = w->n_scale,
                             .is_double = w->is_double};
    if (!w->is_compressed) return out;
    double rows = ci_vis_compressed_fraction((double)w->n_time);
    out.n_row *= rows;
    out.n_sample *= rows * ci_vis_compressed_fraction((double)w->n_chan / sub_bands_of(w));
    return out;
}

/* A mosaic is as long as its tiles drift. */
static double mosaic_pixels_of(const ci_plan_workload *w)
{
    double n_group = w->n_group ? (double)w->n_group : 1;
    return pixels_of(w) * fmax(1, 0.5 * (double)w->n_tile / n_group);
}

/* Besides the visibilities of a rank's share, while gains are solved for. */
static double solve_bytes(const ci_plan_workload *w, double share)
{
    double visibilities = visibilities_of(w);
    if (!(w->is_solved || w->is_self) || visibilities == 0) return 0;
    ci_cal_load workload = {.n_row = share * rows_of(w),
                            .n_visibility = share * visibilities,
                            .n_block_visibility =
                                visibilities / (double)w->n_pol * fmin(share, 1 / sub_bands_of(w)),
                            .n_pol = (double)w->n_pol,
                            .n_time = (double)w->n_time,
                            /* on a tile's image there is one interval of sums by channel */
                            .span_s = w->is_solved ? w->span_s : 0};
    return ci_cal_bytes(&workload);
}

/* Besides the visibilities of a rank's share, which stay, while a tile that calibrates itself is
 * imaged: a block with corrections on it, then the image. */
static double self_bytes(const ci_plan_workload *w, double share, const ci_image_workload *image)
{
    double one = fmin(share, 1 / sub_bands_of(w));
    double copy = ci_vis_block_bytes(one * rows_of(w), one * visibilities_of(w));
    if (!w->is_self) return 0;
    return fmax(copy + ci_vis_samples_bytes(image->n_row, image->n_sample, false),
                ci_image_bytes(image));
}

/* Of a tile, on the rank with the most of n. */
static double tile_bytes(const ci_plan_workload *w, int n)
{
    /* Whole sub-bands go to ranks: the fullest has the rounded-up share. */
    double n_sub_band = sub_bands_of(w), visibilities = visibilities_of(w);
    double share = n <= n_sub_band ? ceil(n_sub_band / n) / n_sub_band : 1.0 / n;
    ci_image_workload image = image_load_of(w, n);
    image.n_row *= share;
    image.n_sample *= share;
    double blocks = ci_vis_block_bytes(share * rows_of(w), share * visibilities);
    double rest = ci_vis_block_rest_bytes(share * rows_of(w), share * visibilities);
    double read = ci_uvh5_read_bytes(ci_uvh5_file_bytes(visibilities / n_sub_band));
    /* A block's values go once its samples are made; the last one's are there with all of these. */
    double taken = ci_vis_samples_bytes(0, image.n_sample, false);
    double kept = fmax(solve_bytes(w, share), self_bytes(w, share, &image));
    return fmax(blocks + fmax(fmax(read, taken), kept), rest + ci_image_bytes(&image));
}

/* Bytes of the rank with the most, of n_rank in teams of n at least. */
static double rank_bytes(const ci_plan_workload *w, int n, int n_rank)
{
    double mosaic = ci_mosaic_bytes(mosaic_pixels_of(w), pixels_of(w)) / n_rank;
    double found = ci_phot_find_bytes(mosaic_pixels_of(w));
    return program_bytes + fmax(tile_bytes(w, n), fmax(mosaic, found));
}

static double tile_seconds(const ci_plan_workload *w, int n)
{
    double visibilities = visibilities_of(w);
    ci_image_workload image = image_load_of(w, n);
    double read = ci_uvh5_read_seconds(w->input_bytes / (double)(w->n_tile ? w->n_tile : 1));
    double imaged = ci_vis_samples_seconds(visibilities) +
                    ci_image_seconds(image.n_sample, image.n_pixel, image.n_scale);
    double solved = ci_cal_seconds(visibilities);
    double shared = ci_flag_seconds(visibilities) + solved + imaged;
    if (w->has_field) shared += field_passes * solved;
    if (w->is_self) shared += self_passes * (solved + imaged);
    return tile_s + read + shared / n;
}

static ci_plan_teams teams_of(const ci_plan_workload *w, int n_rank, int n_team)
{
    ci_plan_teams t = {.n_rank = n_rank, .n_team = n_team};
    t.min_ranks = n_rank / n_team;
    t.max_ranks = (n_rank + n_team - 1) / n_team;
    t.n_round = (w->n_tile + (size_t)n_team - 1) / (size_t)n_team;
    return t;
}

/* A node holds ranks_per_node ranks, of the smallest teams at worst. */
static bool teams_fit(const ci_plan_workload *w, const ci_plan_teams *t, const ci_plan_limits *l)
{
    if (l->memory_per_node <= 0) return true;
    int per_node =
        l->ranks_per_node > 0 && l->ranks_per_node < t->n_rank ? l->ranks_per_node : t->n_rank;
    return rank_bytes(w, t->min_ranks, t->n_rank) * per_node <= l->memory_per_node;
}

ci_status ci_plan_teams_choose(ci_plan_teams *out, const ci_plan_workload *workload,
                               const ci_plan_limits *limits)
{
    int n_rank = limits->n_rank > 0 ? limits->n_rank : 1;
    size_t n_tile = workload->n_tile ? workload->n_tile : 1;
    ci_plan_workload w = *workload;
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

ci_status ci_plan_input_bytes(ci_plan_workload *workload, const char *const *paths, size_t n_path)
{
    double bytes = 0;
    for (size_t i = 0; i < n_path; i++) {
        struct stat facts;
        if (stat(paths[i], &facts) != 0) return ci_error_errno(errno, paths[i], "stat");
        bytes += (double)facts.st_size;
    }
    workload->input_bytes = bytes * (double)(workload->n_tile ? workload->n_tile : 1);
    return CI_OK;
}

/* Ranks for a job that may choose: as many as halve the time at least by 1.6 each doubling. */
static int ranks_choose(const ci_plan_workload *workload, const ci_plan_limits *limits)
{
    int most = limits->max_rank > 0 ? limits->max_rank : 16, best = 1;
    double time = INFINITY;
    for (int n = 1; n <= most; n *= 2) {
        ci_plan_limits l = *limits;
        ci_plan_teams t;
        l.n_rank = n;
        if (ci_plan_teams_choose(&t, workload, &l) != CI_OK) {
            ci_error_clear();
            continue;
        }
        double seconds = (double)t.n_round * tile_seconds(workload, t.min_ranks);
        if (seconds > time / 1.6) break;
        time = seconds;
        best = n;
    }
    return best;
}

static void disk_and_time(ci_plan *out)
{
    const ci_plan_workload *w = &out->workload;
    double n_mosaic = (double)w->n_group, n_tile = (double)w->n_tile;
    double mosaic_files = n_mosaic * ci_mosaic_file_bytes(mosaic_pixels_of(w));
    out->read_bytes = w->input_bytes;
    out->staging_bytes = n_tile * ci_image_file_bytes(pixels_of(w)) + mosaic_files;
    out->products_bytes = mosaic_files;
    out->state_bytes = n_mosaic * group_state_bytes + n_tile * tile_state_bytes;
    out->seconds_per_tile = tile_seconds(w, out->teams.min_ranks);
    out->seconds = (double)out->teams.n_round * out->seconds_per_tile +
                   n_mosaic * ci_mosaic_seconds(mosaic_pixels_of(w)) / out->teams.n_rank + run_s;
}

ci_status ci_plan_make(ci_plan *out, const ci_plan_workload *workload, const ci_plan_limits *limits)
{
    ci_plan_limits l = *limits;
    memset(out, 0, sizeof *out);
    out->workload = *workload;
    ci_plan_workload *w = &out->workload;
    if (w->n_tile == 0) w->n_tile = 1;
    if (w->n_group == 0) w->n_group = 1;
    if (w->image_size == 0) w->image_size = CI_IMAGE_USUAL_PIXELS;
    out->n_sample = visibilities_of(w);
    if (w->input_bytes <= 0) w->input_bytes = ci_uvh5_file_bytes(out->n_sample) * (double)w->n_tile;
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
    disk_and_time(out);
    return status;
}

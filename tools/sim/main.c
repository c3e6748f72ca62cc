/* contimg-sim: visibilities with a known truth, in DSA-110's exact layout. */
#include "contimg/par.h"
#include "layout.h"
#include "world.h"

#include <string.h>
#include <unistd.h>

/* Files are dealt out in turn; each rank writes whole files. */
static ci_status write_files(ci_comm *comm, sim_world *w, int64_t *n_file)
{
    int rank = ci_comm_rank(comm), size = ci_comm_size(comm);
    int64_t i = 0;
    for (size_t t = 0; t < w->n_tile; t++)
        for (int k = 0; k < SIM_MAX_SUB_BAND; k++) {
            if (w->tile[t].is_missing[k]) continue;
            if (i++ % size != rank) continue;
            CI_TRY(sim_world_write(w, t, k));
            ci_log_debug("%s written", w->tile[t].name[k]);
        }
    *n_file = i;
    return CI_OK;
}

static ci_status prepare(ci_comm *comm, const sim_options *options, sim_world **world)
{
    ci_status status = sim_world_new(world, options);
    CI_AGREE(comm, status);
    if (ci_comm_rank(comm) == 0) {
        status = ci_path_make_folder(options->out);
        if (status == CI_OK) status = sim_world_truth(*world);
    }
    return ci_par_agree(comm, status);
}

static ci_status simulate(ci_comm *comm, const sim_options *options)
{
    sim_world *world = NULL;
    double start = ci_clock_monotonic_s();
    int64_t n_file = 0;
    ci_status status = prepare(comm, options, &world);
    if (status == CI_OK) status = ci_par_agree(comm, write_files(comm, world, &n_file));
    if (status == CI_OK && ci_comm_rank(comm) == 0)
        printf(
            "%s: %lld file%s of %zu tile%s, %zu antenna%s, %zu source%s, noise %.4g Jy, %.1f s\n",
            options->out, (long long)n_file, ci_plural(n_file), world->n_tile,
            ci_plural(world->n_tile), world->array->n_antenna, ci_plural(world->array->n_antenna),
            world->sources->n, ci_plural(world->sources->n), world->sigma_jy,
            ci_clock_monotonic_s() - start);
    sim_world_free(world);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--man") == 0) { /* while building, where MPI may not start */
        sim_options_man(stdout);
        return ci_status_exit_code(fflush(stdout) == 0 ? CI_OK : CI_ERR_IO);
    }
    ci_comm *world = NULL;
    sim_options options;
    ci_status status = ci_par_start(&world);
    bool is_first;
    if (status != CI_OK) {
        fprintf(stderr, "contimg-sim: %s\n", ci_error_text());
        return ci_status_exit_code(status);
    }
    is_first = ci_comm_rank(world) == 0;
    ci_stop_install();
    status = sim_options_parse(&options, argc, argv);
    if (status == CI_OK && options.want_help) {
        if (is_first) sim_options_help(stdout);
    } else if (status == CI_OK && options.want_man) {
        if (is_first) sim_options_man(stdout);
    } else if (status == CI_OK && options.want_version) {
        if (is_first) printf("contimg-sim %s\n", ci_version());
    } else if (status == CI_OK) {
        status = simulate(world, &options);
    }
    /* Told before any rank leaves: mpirun kills the others as soon as one ends with a fault. */
    status = ci_par_agree(world, status);
    if (status != CI_OK && is_first) fprintf(stderr, "contimg-sim: %s\n", ci_error_text());
    /* MPI's end ends HDF5, which would write once more what could not be written, and crash. */
    if (status != CI_OK && sim_layout_is_left_open()) {
        (void)fflush(NULL);
        _exit(ci_status_exit_code(status));
    }
    status = ci_par_end(world, status);
    if (ci_mem_now() != 0) ci_log_warning("contimg-sim: %zu bytes were not freed", ci_mem_now());
    return ci_status_exit_code(status);
}

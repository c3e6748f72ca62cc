/* Start and end of MPI, communicators, and agreement on errors. */
#include "par/par_private.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The only function that ends the whole job: MPI itself no longer works. */
static void broken(const ci_comm *comm, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "unknown";
    int n = 0;
    MPI_Error_string(code, text, &n);
    ci_log_error("MPI failed: %s; the job ends here, run it again to resume", text);
    MPI_Abort(comm->mpi, ci_status_exit_code(CI_ERR_INTERNAL));
}

void ci_par_check(const ci_comm *comm, int code)
{
    if (code != MPI_SUCCESS) broken(comm, code);
}

/* `from`: the communicator that it is split from, or NULL. */
static ci_status comm_new(ci_comm **out, MPI_Comm mpi, const ci_comm *from, bool is_world)
{
    ci_timer *timer = from ? from->timer : NULL;
    if (!from) CI_TRY(ci_timer_new(&timer));
    ci_status status = ci_mem_alloc(out, 1, sizeof **out, "communicator");
    if (status != CI_OK) {
        if (!from) ci_timer_free(timer);
        return status;
    }
    ci_comm *comm = *out;
    comm->isa = from ? from->isa : ci_isa_widest();
    comm->timer = timer;
    comm->owns_timer = !from;
    comm->counters = from ? from->counters : &comm->own_counters;
    comm->mpi = mpi;
    comm->size = 1;
    comm->is_world = is_world;
    if (mpi != MPI_COMM_NULL) {
        MPI_Comm_set_errhandler(mpi, MPI_ERRORS_RETURN);
        MPI_Comm_rank(mpi, &comm->rank);
        MPI_Comm_size(mpi, &comm->size);
    }
    return CI_OK;
}

/* Open MPI looks for helpers of its own on PATH, and fails where there is none (env -i, cron). */
static void path_default(void)
{
    const char *path = getenv("PATH");
    if (!path || !*path) setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
}

/* Open MPI ends with many lines, and a code that is not contimg's, where it has no folder for its
 * files. */
static ci_status tmp_check(void)
{
    static const char *const names[] = {"TMPDIR", "TMP", "TEMP"};
    const char *name = "TMPDIR", *folder = NULL;
    for (int i = 0; i < 3 && !folder; i++) {
        name = names[i];
        folder = getenv(name);
    }
    if (!folder || (ci_path_is_folder(folder) && access(folder, W_OK | X_OK) == 0)) return CI_OK;
    return ci_error(CI_ERR_NOT_READY,
                    "%s '%s': not a folder that can be written: MPI needs one; set it to another, "
                    "or unset it",
                    name, folder);
}

/* Without a launcher Open MPI makes its session folder itself, under a name that can be foretold;
 * it follows a link of that name and removes what it finds. It gets a new folder of its own. */
static void session_folder_make(char out[256])
{
    const char *base = getenv("TMPDIR");
    bool is_launched = getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_NAMESPACE");
    *out = '\0';
    if (is_launched || getenv("OMPI_MCA_orte_tmpdir_base")) return;
    int n = snprintf(out, 256, "%s/contimg-XXXXXX", base ? base : "/tmp");
    if (n >= 256 || !mkdtemp(out))
        *out = '\0';
    else
        setenv("OMPI_MCA_orte_tmpdir_base", out, 1);
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *walk)
{
    (void)facts;
    (void)type;
    (void)walk;
    return remove(path);
}

static void session_folder_remove(const char *session_folder)
{
    if (*session_folder) nftw(session_folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A rank could not make its communicator: all end alike. */
static ci_status start_undo(ci_comm **world, ci_status status, const char *session_folder)
{
    ci_comm_free(*world);
    *world = NULL;
    MPI_Finalize();
    session_folder_remove(session_folder);
    if (status != CI_OK) return status;
    return ci_error(CI_ERR_MEMORY, "another rank has no memory to start with");
}

ci_status ci_par_start(ci_comm **world)
{
    char session_folder[256];
    CI_TRY(tmp_check());
    path_default();
    session_folder_make(session_folder);
    int provided = 0, code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (code != MPI_SUCCESS || provided < MPI_THREAD_FUNNELED) {
        if (code == MPI_SUCCESS) MPI_Finalize();
        session_folder_remove(session_folder);
        return ci_error(CI_ERR_NOT_READY, "MPI cannot be started with MPI_THREAD_FUNNELED");
    }
    ci_status status = comm_new(world, MPI_COMM_WORLD, NULL, true);
    int least[2] = {status == CI_OK, status == CI_OK ? (int)(*world)->isa : 0};
    MPI_Allreduce(MPI_IN_PLACE, least, 2, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (!least[0]) return start_undo(world, status, session_folder);
    memcpy((*world)->session_folder, session_folder, sizeof session_folder);
    ci_log_set_rank((*world)->rank);
    (*world)->isa = (ci_isa)least[1];
    return CI_OK;
}

ci_status ci_par_end(ci_comm *world, ci_status status)
{
    status = ci_par_agree(world, status);
    char session_folder[256];
    memcpy(session_folder, world->session_folder, sizeof session_folder);
    ci_comm_free(world);
    MPI_Finalize();
    session_folder_remove(session_folder);
    return status;
}

ci_status ci_comm_self(ci_comm **out)
{
    return comm_new(out, MPI_COMM_NULL, NULL, false);
}

ci_status ci_comm_split(ci_comm *comm, int color, ci_comm **out)
{
    *out = NULL;
    if (comm->mpi == MPI_COMM_NULL)
        return color < 0 ? CI_OK : comm_new(out, MPI_COMM_NULL, comm, false);
    MPI_Comm mpi;
    CI_PAR_CALL(comm,
                MPI_Comm_split(comm->mpi, color < 0 ? MPI_UNDEFINED : color, comm->rank, &mpi));
    ci_status status = mpi == MPI_COMM_NULL ? CI_OK : comm_new(out, mpi, comm, false);
    return ci_par_agree(comm, status);
}

void ci_comm_free(ci_comm *comm)
{
    if (!comm) return;
    if (comm->mpi != MPI_COMM_NULL && !comm->is_world) MPI_Comm_free(&comm->mpi);
    if (comm->owns_timer) ci_timer_free(comm->timer);
    ci_mem_free(comm);
}

int ci_comm_rank(const ci_comm *comm)
{
    return comm->rank;
}

int ci_comm_size(const ci_comm *comm)
{
    return comm->size;
}

MPI_Comm ci_comm_mpi(const ci_comm *comm)
{
    return comm->mpi;
}

ci_status ci_comm_node_size(ci_comm *comm, int *out)
{
    *out = 1;
    if (comm->mpi == MPI_COMM_NULL) return CI_OK;
    MPI_Comm node;
    CI_PAR_CALL(comm, MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank,
                                          MPI_INFO_NULL, &node));
    MPI_Comm_size(node, out);
    MPI_Comm_free(&node);
    return CI_OK;
}

ci_par_counters ci_par_counters_get(const ci_comm *comm)
{
    return *comm->counters;
}

ci_isa ci_comm_isa(const ci_comm *comm)
{
    return comm->isa;
}

ci_status ci_comm_isa_set(ci_comm *comm, ci_isa isa)
{
    ci_status status = CI_OK;
    if (!ci_isa_has(isa))
        status = ci_error(CI_ERR_USAGE,
                          "--isa %s: the machine of rank %d lacks it: the widest that it has is %s",
                          ci_isa_name(isa), comm->rank, ci_isa_name(ci_isa_widest()));
    CI_TRY(ci_par_agree(comm, status));
    /* Unequal levels would change results and be seen nowhere. */
    int level[2] = {(int)isa, -(int)isa}; /* the greatest, and the least with its sign changed */
    if (comm->size > 1)
        CI_PAR_CALL(comm, MPI_Allreduce(MPI_IN_PLACE, level, 2, MPI_INT, MPI_MAX, comm->mpi));
    if (level[0] != -level[1]) return ci_error(CI_ERR_INTERNAL, "--isa differs between ranks");
    comm->isa = isa;
    return CI_OK;
}

ci_timer *ci_comm_timer(const ci_comm *comm)
{
    return comm->timer;
}

ci_status ci_par_agree(ci_comm *comm, ci_status status)
{
    comm->counters->n_call++;
    if (comm->size == 1) return status;
    /* The greatest status wins, and of its ranks the lowest. */
    long long key = (long long)status * comm->size + (comm->size - 1 - comm->rank), worst = 0;
    CI_PAR_CALL(comm, MPI_Allreduce(&key, &worst, 1, MPI_LONG_LONG, MPI_MAX, comm->mpi));
    ci_status agreed = (ci_status)(worst / comm->size);
    if (agreed == CI_OK) return CI_OK;
    int root = comm->size - 1 - (int)(worst % comm->size);
    ci_error_saved worst_error = ci_error_save(agreed);
    CI_PAR_CALL(comm,
                MPI_Bcast(worst_error.text, sizeof worst_error.text, MPI_CHAR, root, comm->mpi));
    return ci_error_restore(&worst_error);
}

ci_status ci_par_alloc(ci_comm *comm, void *out, size_t n_item, size_t item_size, const char *what)
{
    void **result = out;
    ci_status status = ci_par_agree(comm, ci_mem_alloc(out, n_item, item_size, what));
    if (status == CI_OK) return CI_OK;
    ci_mem_free(*result);
    *result = NULL;
    return status;
}

ci_status ci_par_barrier(ci_comm *comm)
{
    comm->counters->n_call++;
    if (comm->size > 1) CI_PAR_CALL(comm, MPI_Barrier(comm->mpi));
    return CI_OK;
}

void ci_par_split(size_t n_item, int n_rank, int rank, size_t *first, size_t *count)
{
    size_t base = n_item / (size_t)n_rank, extra = n_item % (size_t)n_rank, r = (size_t)rank;
    *first = r * base + (r < extra ? r : extra);
    *count = base + (r < extra ? 1 : 0);
}

size_t ci_par_piece_bytes(void)
{
    const char *test = getenv("CONTIMG_TEST_PIECE_BYTES");
    long bytes = test ? strtol(test, NULL, 10) : 0;
    return bytes > 0 ? (size_t)bytes : (size_t)256 << 20;
}

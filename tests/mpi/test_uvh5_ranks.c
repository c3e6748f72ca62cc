/* A set of files reads to the same canonical bytes at any number of ranks, and errors of
 * one file end all ranks alike. ci-test: timeout=300 */
#include "check.h"

#include "contimg/uvh5.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct bytes
{
    char *data;
    size_t n, n_max;
} bytes;

static ci_status bytes_add(bytes *to, const void *data, size_t n)
{
    if (to->n + n > to->n_max) {
        to->n_max = 2 * (to->n + n);
        CI_TRY(ci_mem_resize(&to->data, to->n_max, 1, "test"));
    }
    if (n > 0) memcpy(to->data + to->n, data, n);
    to->n += n;
    return CI_OK;
}

/* Array by array of every block would differ with the split: row by row it does not. */
static ci_status block_add(bytes *to, ci_vis_block *b)
{
    CI_TRY(ci_vis_weights_join(b));
    size_t n_cell = b->n_chan * b->n_pol;
    for (size_t i = 0; i < b->n_row; i++) {
        CI_TRY(bytes_add(to, &b->i_baseline[i], sizeof b->i_baseline[i]));
        CI_TRY(bytes_add(to, &b->i_time[i], sizeof b->i_time[i]));
        CI_TRY(bytes_add(to, &b->i_phase[i], sizeof b->i_phase[i]));
        CI_TRY(bytes_add(to, &b->interval_s[i], sizeof b->interval_s[i]));
        CI_TRY(bytes_add(to, &b->uvw_m[3 * i], 3 * sizeof(double)));
        CI_TRY(bytes_add(to, b->freq_hz, b->n_chan * sizeof(double)));
        CI_TRY(bytes_add(to, b->data + i * n_cell, n_cell * sizeof(ci_c32)));
        CI_TRY(bytes_add(to, b->flags + i * n_cell, n_cell));
        CI_TRY(bytes_add(to, b->weight + i * n_cell, n_cell * sizeof(float)));
    }
    return CI_OK;
}

static ci_status set_hash(ci_comm *comm, const char *const *paths, size_t n,
                          char hex[CI_SHA256_HEX])
{
    ci_uvh5_set *set = NULL;
    ci_vis_set *vis = NULL;
    bytes here = {NULL, 0, 0};
    void *all = NULL;
    size_t n_all = 0;
    CI_TRY(ci_uvh5_set_open(comm, &set, paths, n, NULL));
    CI_TRY(ci_uvh5_set_read(comm, set, &vis));
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < vis->n_block; i++) {
        status = block_add(&here, vis->block[i]);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_gather(comm, here.data, here.n, -1, &all, &n_all);
    if (status == CI_OK) status = ci_sha256_bytes(hex, all, n_all);
    ci_mem_free(all);
    ci_mem_free(here.data);
    ci_vis_set_free(vis);
    ci_uvh5_set_free(set);
    return status;
}

static void compare(ci_comm *world, const char *folder, const char *const *names, size_t n)
{
    char *paths[4] = {NULL};
    char together[CI_SHA256_HEX] = "", alone[CI_SHA256_HEX] = "";
    ci_comm *self = NULL;
    for (size_t i = 0; i < n; i++)
        CHECK_OK(ci_path_join(&paths[i], folder, names[i]));
    CHECK_OK(set_hash(world, (const char *const *)paths, n, together));
    CHECK_OK(ci_comm_self(&self));
    CHECK_OK(set_hash(self, (const char *const *)paths, n, alone));
    CHECK(together[0] != '\0' && strcmp(together, alone) == 0);
    ci_comm_free(self);
    for (size_t i = 0; i < n; i++)
        ci_mem_free(paths[i]);
}

static void refuse(ci_comm *world, const char *folder, const char *const *names, size_t n,
                   const char *part)
{
    char *paths[4] = {NULL};
    ci_uvh5_set *set = NULL;
    for (size_t i = 0; i < n; i++)
        CHECK_OK(ci_path_join(&paths[i], folder, names[i]));
    ci_status status = ci_uvh5_set_open(world, &set, (const char *const *)paths, n, NULL);
    CHECK(status == CI_ERR_INPUT && set == NULL);
    CHECK(strstr(ci_error_text(), part) != NULL);
    for (size_t i = 0; i < n; i++)
        ci_mem_free(paths[i]);
}

int main(void)
{
    ci_comm *world = NULL;
    CHECK_OK(ci_par_start(&world));
    size_t before = ci_mem_now();
    const char *folder = getenv("CONTIMG_TEST_DATA");
    const char *source = getenv("CONTIMG_SOURCE");
    char fallback[4096];
    snprintf(fallback, sizeof fallback, "%s/../shared/data", source != NULL ? source : ".");
    if (folder == NULL) folder = fallback;
    if (!ci_path_is_folder(folder)) {
        if (ci_comm_rank(world) == 0) printf("skipped: no sample data at %s\n", folder);
        return ci_par_end(world, CI_OK) == CI_OK ? 77 : 1;
    }
    const char *sb00 = "synthetic/dsa110_like/2022-02-15T03:34:30_sb00.hdf5";
    const char *sb01 = "synthetic/dsa110_like/2022-02-15T03:34:30_sb01.hdf5";
    compare(world, folder, (const char *const[]){sb00, sb01}, 2);
    compare(world, folder, (const char *const[]){sb01, sb00}, 2);
    compare(world, folder, (const char *const[]){sb01}, 1);
    compare(world, folder,
            (const char *const[]){"uvh5_real/zen.2459122.30030.sum.bda.downsampled.uvh5"}, 1);
    compare(world, folder, (const char *const[]){"real_sky/mwa_puppis_a.uvh5"}, 1);
    compare(world, folder, (const char *const[]){"uvh5_real/mwa_integration_time.uvh5"}, 1);
    compare(world, folder, (const char *const[]){"uvh5_real/zen.2458432.34569.uvh5"}, 1);
    refuse(world, folder, (const char *const[]){sb00, sb00}, 2, "the same frequency twice");
    refuse(world, folder, (const char *const[]){sb00, "real_sky/mwa_puppis_a.uvh5"}, 2,
           "two different arrays");
    refuse(world, folder, (const char *const[]){sb00, "nothing.hdf5"}, 2, "nothing.hdf5");
    CHECK(ci_mem_now() == before);
    return check_end(world);
}

/* Reads calibration tables as --cal names them. */
#include "contimg/tile.h"

/* Whether a path exists as rank 0 sees it: ranks on other nodes may see a folder late, and what
 * follows is collective. */
static ci_status exists_on_root(ci_comm *comm, const char *path, bool *out)
{
    int64_t exists = ci_comm_rank(comm) == 0 && ci_path_exists(path);
    CI_TRY(ci_par_bcast(comm, &exists, sizeof exists, 0));
    *out = exists != 0;
    return CI_OK;
}

/* One table of the pair, where it is there. */
static ci_status read_of_pair(ci_comm *comm, const char *spec, const char *ending,
                              ci_cal_table **out)
{
    char *path = NULL;
    bool exists = false;
    CI_AGREE(comm, ci_str_format(&path, "%s.%s.calh5", spec, ending));
    ci_status status = exists_on_root(comm, path, &exists);
    /* Tables are small; every rank reads for itself and all agree. */
    if (status == CI_OK && exists) status = ci_par_agree(comm, ci_cal_table_read(out, path));
    ci_mem_free(path);
    return status;
}

static ci_status half_pair(const char *spec, bool has_bandpass)
{
    const char *there = has_bandpass ? "bandpass" : "gain";
    return ci_error(CI_ERR_INPUT,
                    "--cal %s: %s.%s.calh5 is missing: solve again, or give the table itself to "
                    "use it alone: --cal %s.%s.calh5",
                    spec, spec, has_bandpass ? "gain" : "bandpass", spec, there);
}

static ci_status tables_read(ci_comm *comm, const char *spec, ci_cal_table **bandpass,
                             ci_cal_table **gain)
{
    bool exists = false;
    *bandpass = *gain = NULL;
    CI_TRY(exists_on_root(comm, spec, &exists));
    if (exists) {
        ci_cal_table *table = NULL;
        ci_status status = ci_par_agree(comm, ci_cal_table_read(&table, spec));
        if (status == CI_OK)
            *(table->kind == CI_CAL_BANDPASS ? bandpass : gain) = table;
        else
            ci_cal_table_free(table);
        return status;
    }
    CI_TRY(read_of_pair(comm, spec, "bandpass", bandpass));
    CI_TRY(read_of_pair(comm, spec, "gain", gain));
    if (*bandpass && *gain) return CI_OK;
    if (*bandpass || *gain) return half_pair(spec, *bandpass != NULL);
    return ci_error(CI_ERR_INPUT, "--cal %s: no such table, nor %s.bandpass.calh5 or %s.gain.calh5",
                    spec, spec, spec);
}

ci_status ci_tile_tables_read(ci_comm *comm, const ci_tile_options *options, const char *spec,
                              ci_cal_table **bandpass, ci_cal_table **gain)
{
    CI_TRY(tables_read(comm, spec, bandpass, gain));
    if (*bandpass) (*bandpass)->antennas = options->table_antennas;
    if (*gain) (*gain)->antennas = options->table_antennas;
    return CI_OK;
}

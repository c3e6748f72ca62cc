/* uvh5: reads, checks and writes UVH5 (memo 1.x and all older forms listed in
 * docs/uvh5.md). The reader gives canonical blocks (contimg/vis.h). */
#ifndef CONTIMG_UVH5_H
#define CONTIMG_UVH5_H

#include "contimg/par.h"
#include "contimg/vis.h"

typedef enum ci_uvh5_phasing_choice
{
    CI_UVH5_PHASING_FILE,  /* as the header says; DSA-110's "HADEC" files recognised */
    CI_UVH5_PHASING_HADEC, /* --phasing hadec */
    CI_UVH5_PHASING_UNPROJECTED
} ci_uvh5_phasing_choice;

typedef struct ci_uvh5_options
{
    ci_uvh5_phasing_choice phasing;
    bool x_is_north_given, x_is_north; /* --x-orientation, whatever the file says */
    const char *field;                 /* --field: name or id of the one field to read; NULL: all */
    const char *earth_orientation;     /* --earth-orientation; NULL: the installed table */
    size_t read_bytes;                 /* bytes read at once; 0: 64 MiB */
} ci_uvh5_options;

/* One open, checked file. Header only; rows' antennas and times are read, data not. */
typedef struct ci_uvh5_file ci_uvh5_file;

/* Opens read-only, locking off, checks everything of uvh5.md A.7. Local. Refusals are
 * CI_ERR_INPUT with file, dataset, value and reason; what is unusual is a
 * warning of the log and of ci_uvh5_warning_*. */
CI_MUST_CHECK ci_status ci_uvh5_open(ci_uvh5_file **out, const char *path,
                                     const ci_uvh5_options *options);
/* NULL-safe. Local. */
void ci_uvh5_close(ci_uvh5_file *file);
/* The file's own data set description (its spectral windows as sub-bands); borrowed. Local. */
const ci_vis_meta *ci_uvh5_meta(const ci_uvh5_file *file);
/* What was unusual about the file, one text each; borrowed. Local. */
size_t ci_uvh5_warning_count(const ci_uvh5_file *file);
/* The i-th text, from 0; borrowed. Local. */
const char *ci_uvh5_warning_get(const ci_uvh5_file *file, size_t i);
/* CI_ERR_INPUT, naming both files and what differs, where they are of two arrays. Local. */
CI_MUST_CHECK ci_status ci_uvh5_arrays_compare(const ci_uvh5_file *first,
                                               const ci_uvh5_file *other);
/* Text facts for inspect: version, layout, history, filters...; borrowed, "" if absent. Local. */
const char *ci_uvh5_fact(const ci_uvh5_file *file, const char *name);
/* Reads the baselines of `part` (i_sub_band within this file) by runs of rows, each
 * HDF5 chunk once. weight = nsamples as read (1 where they mean nothing). Flags set:
 * FILE (also where nsamples that have a meaning are not above 0), NONFINITE (data also zeroed),
 * ZERO. Local. The file's size and mtime are
 * checked again at the end: a file that changed while read is CI_ERR_INPUT. */
CI_MUST_CHECK ci_status ci_uvh5_read(ci_uvh5_file *file, ci_vis_part part, const ci_vis_meta *meta,
                                     ci_vis_block **out);

/* A data set from the files of one observation: opens all headers on rank 0, checks that
 * they belong together (same array, times, polarisations, phase centres; no frequency
 * twice), sorts sub-bands by frequency, shares the meta; ci_uvh5_set_free. Collective. */
typedef struct ci_uvh5_set ci_uvh5_set;
/* Opens a set of files. Collective. */
CI_MUST_CHECK ci_status ci_uvh5_set_open(ci_comm *comm, ci_uvh5_set **out, const char *const *paths,
                                         size_t n_path, const ci_uvh5_options *options);
/* Of all files together; borrowed. Local. */
const ci_vis_meta *ci_uvh5_set_meta(const ci_uvh5_set *set);
/* Reads this rank's parts (ci_vis_parts) into a new ci_vis_set with its own meta.
 * Collective. */
CI_MUST_CHECK ci_status ci_uvh5_set_read(ci_comm *comm, ci_uvh5_set *set, ci_vis_set **out);
/* NULL-safe. Local. */
void ci_uvh5_set_free(ci_uvh5_set *set);

/* Quick look for ingest: what group forming needs, without reading rows' data. */
typedef struct ci_uvh5_summary
{
    double first_time_mjd_s, last_time_mjd_s, interval_s, freq_low_hz, freq_high_hz, dec_rad;
    size_t n_time, n_chan, n_pol, n_antenna;
    bool dec_known;
} ci_uvh5_summary;
/* CI_ERR_INPUT as ci_uvh5_open, of what is looked at. Local. */
CI_MUST_CHECK ci_status ci_uvh5_summary_read(ci_uvh5_summary *out, const char *path);

/* Writes blocks of one sub-band (all baselines, in row order) as UVH5 1.2 that pyuvdata
 * reads with run_check on. Data sidereally phased. Written as .part, renamed. Local. */
CI_MUST_CHECK ci_status ci_uvh5_write(const char *path, const ci_vis_block *block,
                                      const char *history);

/* Cost, for who plans it. Bytes of the files of n_visibility values as DSA-110 writes them. Local.
 */
double ci_uvh5_file_bytes(double n_visibility);
/* Bytes of memory that reading n_byte of a file takes. Local. */
double ci_uvh5_read_bytes(double n_byte);
/* Seconds that reading n_byte takes, about. Local. */
double ci_uvh5_read_seconds(double n_byte);

#endif

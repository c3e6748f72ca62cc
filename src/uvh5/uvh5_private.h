/* What the files of uvh5 share. All functions are local. */
#ifndef CI_UVH5_PRIVATE_H
#define CI_UVH5_PRIVATE_H

#include "contimg/h5.h"
#include "contimg/uvh5.h"

#include <sys/types.h>

/* Read at once, where options do not say. */
enum
{
    UVH5_READ_BYTES = 64 << 20
};

/* What a file was when it was opened; it must still be that after reading. */
typedef struct uvh5_stamp
{
    int64_t n_byte, mtime_s, mtime_ns;
} uvh5_stamp;

typedef struct uvh5_fact
{
    char name[24];
    char *text; /* owned */
} uvh5_fact;

enum
{
    UVH5_MAX_WARNING = 64,
    UVH5_MAX_FACT = 32,
    /* Larger than any array; keeps the table of pairs below 150 MB. */
    UVH5_MAX_ANTENNA = 65536,
    UVH5_MAX_ANTENNA_USED = 8192
};

/* How much of a file is looked at when it is opened. */
typedef enum uvh5_depth
{
    UVH5_LOOK, /* what ingest needs: no uvw, no data can be read */
    UVH5_READ, /* what reading needs */
    UVH5_CHECK /* also uvw and sidereal times against positions and times */
} uvh5_depth;

struct ci_uvh5_file
{
    char *path;
    ci_h5_file *h5;
    ci_uvh5_options options;
    uvh5_stamp stamp;
    uvh5_depth depth;
    ci_vis_meta *meta;

    /* as in the file */
    size_t n_row, n_chan, n_pol, n_spw; /* n_chan over all windows */
    bool is_scalar_app_dec;
    bool has_hadec_mark;

    /* maps from the file to the canonical form */
    int32_t *chan_index;                /* [n_chan] file channels, by sub-band, ascending */
    size_t *chan_first;                 /* [n_sub_band] first entry of a sub-band there */
    int pol_direct[4], pol_reversed[4]; /* canonical index -> index in the file */
    int32_t *row_baseline, *row_time;   /* [n_row] */
    int32_t *row_phase;                 /* [n_row]; -1: of a field that was not asked for */
    uint8_t *row_reversed;              /* [n_row] ant1 > ant2 */
    double *row_interval;               /* [n_row] s */
    double *row_uvw;                    /* [n_row][3] m, as in the file; NULL when light */
    size_t n_reversed;

    ci_isa isa; /* that it is read with: plain, unless the set's ranks agree on another */
    size_t n_warning;
    char *warning[UVH5_MAX_WARNING];
    size_t n_fact;
    uvh5_fact fact[UVH5_MAX_FACT];
};

/* A quiet one logs no warnings. */
ci_status ci_uvh5_file_open(ci_uvh5_file **out, const char *path, const ci_uvh5_options *options,
                            uvh5_depth depth, bool is_quiet);

/* "<path>: <dataset>: <text>". */
ci_status ci_uvh5_refuse(const ci_uvh5_file *file, const char *dataset, const char *format, ...)
    CI_PRINTF(3, 4);
/* Notes a warning: the file is used. */
void ci_uvh5_warning_add(ci_uvh5_file *file, const char *format, ...) CI_PRINTF(2, 3);
void ci_uvh5_fact_set(ci_uvh5_file *file, const char *name, const char *format, ...)
    CI_PRINTF(3, 4);

ci_status ci_uvh5_stamp_take(uvh5_stamp *out, const char *path);
ci_status ci_uvh5_stamp_check(const uvh5_stamp *stamp, const char *path);

/* A header integer; a missing one is an error. */
CI_MUST_CHECK ci_status ci_uvh5_header_int(const ci_uvh5_file *file, const char *name,
                                           int64_t *out);
/* An optional text, cut to fit; "" where it is absent or null. One that cannot be read is an
 * error: it must not pass for one that is absent. */
CI_MUST_CHECK ci_status ci_uvh5_header_text(const ci_uvh5_file *file, const char *name, char *out,
                                            size_t size);
/* The same whole. ci_mem_free. */
CI_MUST_CHECK ci_status ci_uvh5_header_text_copy(const ci_uvh5_file *file, const char *name,
                                                 char **out);
/* An optional number; *out stays as it was where it is absent or null. */
CI_MUST_CHECK ci_status ci_uvh5_header_double(const ci_uvh5_file *file, const char *name,
                                              bool *is_there, double *out);
/* Reads n doubles of a dataset whose shape was given as one value or n; one is repeated. */
ci_status ci_uvh5_header_doubles(const ci_uvh5_file *file, const char *name, double *out, size_t n);
/* Shape of a header dataset; a missing one is an error. */
ci_status ci_uvh5_header_info(const ci_uvh5_file *file, const char *name, ci_h5_info *out);

/* Number of a pair of antennas, low <= high, in the canonical order. */
static inline size_t ci_uvh5_triangle(int32_t low, int32_t high)
{
    return (size_t)high * ((size_t)high + 1) / 2 + (size_t)low;
}

/* The steps of opening, in this order. */
ci_status ci_uvh5_sizes_read(ci_uvh5_file *file);
ci_status ci_uvh5_data_check(ci_uvh5_file *file);
ci_status ci_uvh5_array_read(ci_uvh5_file *file);
ci_status ci_uvh5_freq_read(ci_uvh5_file *file);
ci_status ci_uvh5_rows_read(ci_uvh5_file *file);
ci_status ci_uvh5_pol_read(ci_uvh5_file *file);
ci_status ci_uvh5_feeds_read(ci_uvh5_file *file);
ci_status ci_uvh5_phase_read(ci_uvh5_file *file);
ci_status ci_uvh5_nsamples_look(ci_uvh5_file *file);
/* Antennas with data stand on the Earth. After the baselines. */
ci_status ci_uvh5_heights_check(ci_uvh5_file *file);
ci_status ci_uvh5_geometry_check(ci_uvh5_file *file);

/* Reads the baselines of `part` (in terms of `meta`, whose sub-band part.i_sub_band is
 * the file's sub-band `i_spw`). */
ci_status ci_uvh5_read_part(ci_uvh5_file *file, size_t i_spw, ci_vis_part part,
                            const ci_vis_meta *meta, ci_vis_block **out);

/* One phase centre per distinct time for a centre that moves on the ICRS sphere. */
typedef struct uvh5_centre
{
    ci_vis_phase_centre position; /* i_field not set */
    bool is_moving;
    double *moving; /* [n_time][2] ICRS ra, dec; owned, where is_moving */
} uvh5_centre;
/* Catalogue entry `id`, or the JSON form of it; i_row: a row that has it. */
ci_status ci_uvh5_catalog_read(ci_uvh5_file *file, int64_t id, size_t i_row, uvh5_centre *out);
/* Its name, "" where it has none; ci_mem_free. */
ci_status ci_uvh5_catalog_name(ci_uvh5_file *file, int64_t id, char **name);
/* How far the header's apparent place of a row is from an ICRS position; 0 where the header gives
 * none. */
ci_status ci_uvh5_apparent_offset(const ci_uvh5_file *file, size_t i_row, double ra_rad,
                                  double dec_rad, double *offset_rad);
/* A frame that positions are given in. */
typedef struct uvh5_frame
{
    const char *name;  /* "" for ICRS */
    double epoch;      /* of fk5 */
    double time_mjd_s; /* of gcrs */
} uvh5_frame;
/* lon, lat in the frame -> ICRS. */
ci_status ci_uvh5_frame_to_icrs(const ci_uvh5_file *file, const char *what, uvh5_frame frame,
                                double *lon_rad, double *lat_rad);
double ci_uvh5_mid_time(const ci_uvh5_file *file);
/* Julian dates of the header, in the scale of timesys, to UTC. */
ci_status ci_uvh5_times_to_utc(const ci_uvh5_file *file, double *jd, size_t n);

#endif

/* fits: FITS images in and out (CFITSIO) and world coordinates (WCSLIB). All functions are
 * local. */
#ifndef CONTIMG_FITS_H
#define CONTIMG_FITS_H

#include "contimg/base.h"
#include "contimg/vis.h"

typedef struct ci_fits_card
{
    char key[9], comment[48];
    char *text; /* used where is_text, printable ASCII of any length; owned by the header */
    double number;
    bool is_text, is_int;
} ci_fits_card;

/* A two-dimensional image's header: SIN or slanted SIN, axes RA and Dec (ICRS), degenerate
 * FREQ and STOKES axes after them. x is the column (fast, to the east at decreasing x),
 * y the row; pixel indices from 0. */
typedef struct ci_fits_header
{
    size_t n_x, n_y;
    double ra_rad, dec_rad;                             /* CRVAL */
    double x_ref, y_ref;                                /* CRPIX - 1 */
    double cell_rad;                                    /* CDELT2 = cell, CDELT1 = -cell */
    double slant_a, slant_b;                            /* SIN with PV2_1 = -a, PV2_2 = -b */
    char bunit[16];                                     /* "Jy/beam", "" where none */
    int stokes;                                         /* CI_VIS_POL_*; 0: not said */
    double beam_major_rad, beam_minor_rad, beam_pa_rad; /* FWHM; 0: none */
    double freq_hz, bandwidth_hz; /* the FREQ axis: weight-mean frequency; 0: none */
    double time_mjd_s;            /* DATE-OBS, first integration UTC; 0: none */
    bool is_day;                  /* ... of a file that gives the day alone: its start */
    char time_note[256];          /* what is to be said of the time of a file; "": nothing */
    char freq_note[128];          /* ... of its frequency */
    char *telescope, *object;     /* NULL: none; owned: ci_str_set */
    size_t n_card;
    ci_fits_card *card; /* [n_card] others, in order; owned */
} ci_fits_header;
/* Whether a unit can be that of a beam's power: none, 1, or that of the image it was made with. */
bool ci_fits_is_power_unit(const char *bunit);
/* Warns of what is to be said of the time and the frequency of a file. */
void ci_fits_notes_warn(const char *path, const ci_fits_header *header);
void ci_fits_header_clear(ci_fits_header *header); /* frees cards and names */
/* Sets h->telescope or h->object; "" is none. */
CI_MUST_CHECK ci_status ci_fits_header_copy(ci_fits_header *out, const ci_fits_header *in);
/* Adds or replaces a card with a text. */
CI_MUST_CHECK ci_status ci_fits_card_set_text(ci_fits_header *h, const char *key, const char *text,
                                              const char *comment);
/* The same with a number. */
CI_MUST_CHECK ci_status ci_fits_card_set_number(ci_fits_header *h, const char *key, double number,
                                                const char *comment);
/* The same with a whole number. */
CI_MUST_CHECK ci_status ci_fits_card_set_int(ci_fits_header *h, const char *key, int64_t number,
                                             const char *comment);
/* Takes a card out, where it is there. */
void ci_fits_card_remove(ci_fits_header *h, const char *key);
/* The card, or NULL; borrowed. */
const ci_fits_card *ci_fits_card_get(const ci_fits_header *h, const char *key);

/* Cards that may differ between runs that are the same: DATE, CHECKSUM, HISTORY, ...;
 * NULL-terminated. */
extern const char *const ci_fits_volatile[];

/* Row-wise writer: "<path>.part", closed with CHECKSUM and DATASUM, synced, renamed. float
 * pixels. Rows are given in ascending order, without gaps. */
typedef struct ci_fits_writer ci_fits_writer;
/* Begins the file with its header. */
CI_MUST_CHECK ci_status ci_fits_writer_open(ci_fits_writer **out, const char *path,
                                            const ci_fits_header *header);
/* Writes the next n_row rows, [n_row][n_x]. */
CI_MUST_CHECK ci_status ci_fits_writer_rows(ci_fits_writer *writer, size_t n_row,
                                            const float *rows);
/* Frees the writer in any case; the file appears under its name only where CI_OK. */
CI_MUST_CHECK ci_status ci_fits_writer_close(ci_fits_writer *writer);
/* The same, but the file stays "<path>.part", synced: for ci_path_commit_set. */
CI_MUST_CHECK ci_status ci_fits_writer_keep(ci_fits_writer *writer);
void ci_fits_writer_abandon(ci_fits_writer *writer); /* removes the .part */
/* Whole image at once. */
CI_MUST_CHECK ci_status ci_fits_write(const char *path, const ci_fits_header *header,
                                      const float *pixels);

typedef struct ci_fits_reader ci_fits_reader;
/* Opens a 2-D (or degenerate 3-D/4-D) image; CI_ERR_INPUT names what is wrong. */
CI_MUST_CHECK ci_status ci_fits_reader_open(ci_fits_reader **out, const char *path);
/* The same of a path that nobody knows (/proc/self/fd/7): texts call the file `shown`. */
CI_MUST_CHECK ci_status ci_fits_reader_open_as(ci_fits_reader **out, const char *path,
                                               const char *shown);
const ci_fits_header *ci_fits_reader_header(const ci_fits_reader *reader); /* borrowed */
/* Reads rows from i_row on into [n_row][n_x]. */
CI_MUST_CHECK ci_status ci_fits_reader_rows(ci_fits_reader *reader, size_t i_row, size_t n_row,
                                            float *rows);
/* Whether the file itself marks pixels without a value: integers with a card BLANK. */
bool ci_fits_reader_has_blank(const ci_fits_reader *reader);
/* Closes and frees; NULL is allowed. */
void ci_fits_reader_close(ci_fits_reader *reader);
/* CI_OK where CHECKSUM and DATASUM are there and right. */
CI_MUST_CHECK ci_status ci_fits_verify(const char *path);
/* The same, the file called `shown` in texts. */
CI_MUST_CHECK ci_status ci_fits_verify_as(const char *path, const char *shown);
/* The same for files of others: a sum that is not there is no fault. */
CI_MUST_CHECK ci_status ci_fits_verify_given(const char *path);

/* World coordinates by WCSLIB of a header. */
typedef struct ci_fits_wcs ci_fits_wcs;
/* From a header's coordinates. */
CI_MUST_CHECK ci_status ci_fits_wcs_new(ci_fits_wcs **out, const ci_fits_header *header);
/* Frees it with all that it owns; NULL is allowed. */
void ci_fits_wcs_free(ci_fits_wcs *wcs);
/* n positions; pixel indices from 0. Where one cannot be mapped the result is NaN. */
CI_MUST_CHECK ci_status ci_fits_wcs_to_pixel(ci_fits_wcs *wcs, size_t n, const double *ra_rad,
                                             const double *dec_rad, double *x, double *y);
/* The same from pixels to ICRS. */
CI_MUST_CHECK ci_status ci_fits_wcs_to_sky(ci_fits_wcs *wcs, size_t n, const double *x,
                                           const double *y, double *ra_rad, double *dec_rad);

#endif

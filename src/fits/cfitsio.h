/* Private to fits: CFITSIO's faults as ours, and the cards that the module writes itself. All
 * functions are local. */
#ifndef FITS_CFITSIO_H
#define FITS_CFITSIO_H

#include "contimg/fits.h"

#include <fitsio.h>

/* Converts a CFITSIO status into ours, with "<path>: <action>: <why>"; errno of the failed call
 * tells a full disk. Clears CFITSIO's message stack. */
ci_status ci_fits_fault(int code, const char *path, const char *action);
/* The same while a file is written: never the fault of an input. */
ci_status ci_fits_write_fault(int code, const char *path, const char *action);
/* Cards that carry the structure or are fields of ci_fits_header: never in `card`. */
bool ci_fits_key_is_own(const char *key);
/* Of those, the ones that hold names, which may be anything. */
bool ci_fits_key_is_name(const char *key);
/* out [n_max + 1] = the first n bytes of text; '?' for what FITS does not know: all but printable
 * ASCII. */
void ci_fits_printable_copy(char *out, size_t n_max, const char *text, size_t n);
/* A number; absent keys give `missing` (NaN: the key must be there). */
ci_status ci_fits_number_read(fitsfile *file, const char *path, const char *key, double missing,
                              double *out);
/* A text, "" where absent; at most size - 1 characters. */
void ci_fits_text_read(fitsfile *file, const char *key, char *out, size_t size);
/* A text of any length, owned; NULL where absent or empty. */
ci_status ci_fits_long_text_read(fitsfile *file, const char *path, const char *key, char **out);
struct wcsprm;
/* Names the axes beyond the two of an image; CI_ERR_INPUT for one that is not known, or twice. */
ci_status ci_fits_axes_check(struct wcsprm *w, const char *path);
/* CI_ERR_INPUT with the axis for which WCSLIB refused (its code); CI_OK: none is known. */
ci_status ci_fits_axes_fault(const struct wcsprm *w, const char *path, int code);
/* World coordinates, frequency and Stokes parameter; n_x and n_y are set before. */
ci_status ci_fits_world_read(fitsfile *file, const char *path, ci_fits_header *header);
/* The time, of all cards that can give it; CI_ERR_INPUT where they contradict each other. */
ci_status ci_fits_time_read(fitsfile *file, const char *path, ci_fits_header *header);
/* Fills everything of a header but the pixels from an open image HDU. */
ci_status ci_fits_header_read(fitsfile *file, const char *path, ci_fits_header *header);
/* Writes all cards of a header after the mandatory ones. */
ci_status ci_fits_header_write(fitsfile *file, const char *path, const ci_fits_header *header);
/* Opens the first image of two or more axes; names what is wrong. */
ci_status ci_fits_image_open(fitsfile **file, const char *path, const char *shown);
/* CI_ERR_INPUT where the file is shorter than its header says. */
ci_status ci_fits_length_check(fitsfile *file, const char *path, const char *shown);

#endif

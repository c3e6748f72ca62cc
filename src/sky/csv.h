/* Tables of text with a header line: the facts in share/ and the user's models. All functions are
 * local. */
#ifndef CI_SKY_CSV_H
#define CI_SKY_CSV_H

#include "contimg/base.h"

enum
{
    CI_SKY_CSV_FIELDS = 24
};

typedef struct ci_sky_csv
{
    const char *path;  /* borrowed, for error texts */
    char *text, *next; /* the file, cut into fields in place; where reading goes on */
    int line;
    int n_column;                            /* of the file */
    int n_name, field_of[CI_SKY_CSV_FIELDS]; /* name asked for -> field of the file, or -1 */
    const char *const *names;                /* borrowed */
    char *field[CI_SKY_CSV_FIELDS];          /* of the present row, by field of the file */
} ci_sky_csv;

/* Reads the file and its header. Lines that start with # and empty lines are passed over.
 * The first n_required of names must be there, the others may; a column that is not among
 * them is an error that names it and the nearest, a missing one is named. */
ci_status ci_sky_csv_open(ci_sky_csv *csv, const char *path, const char *const *names, int n_name,
                          int n_required);
/* The next row; *end where there is none. Control characters, and bytes that are no UTF-8, are
 * refused by line and column. */
ci_status ci_sky_csv_row(ci_sky_csv *csv, bool *end);
/* Text of column i_name in the present row, blanks around it cut; "" where the file has no
 * such column. Borrowed until close. */
const char *ci_sky_csv_text(const ci_sky_csv *csv, int i_name);
/* Its number, finite; `missing` where empty, unless that is NaN: then empty is an error. */
ci_status ci_sky_csv_number(const ci_sky_csv *csv, int i_name, double missing, double *out);
void ci_sky_csv_close(ci_sky_csv *csv);

#endif

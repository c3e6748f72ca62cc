/* What reading and writing CalH5 share. */
#ifndef CI_CAL_CALH5_H
#define CI_CAL_CALH5_H

#include "contimg/cal.h"
#include "contimg/h5.h"

/* Feeds of a table whose antennas are known. Local. */
CI_MUST_CHECK ci_status ci_cal_calh5_feeds_read(ci_h5_file *file, const char *path,
                                                ci_cal_table *table);
/* A word of the header, "" where it is missing; longer ones are cut. Local. */
CI_MUST_CHECK ci_status ci_cal_calh5_word_read(const ci_h5_file *file, const char *name, char *out,
                                               size_t size);
/* Jones terms, model, kind, flux scale and convention of a table. Local. */
CI_MUST_CHECK ci_status ci_cal_calh5_words_read(const ci_h5_file *file, const char *path,
                                                ci_cal_table *table);
/* Adds a line to the table's warnings. Local. */
CI_MUST_CHECK ci_status ci_cal_warning_add(ci_cal_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Channels lie side by side: a frequency twice has two gains, and a channel as wide as several
 * would take the place of its neighbours.
 * Refused; widths that are far below the spacing are a warning. Local. */
CI_MUST_CHECK ci_status ci_cal_chans_check(ci_cal_table *table, const char *path);
/* Flags gains whose amplitude is far off the table's median, and says so in its warnings. Local. */
CI_MUST_CHECK ci_status ci_cal_outliers_flag(ci_cal_table *table);
/* Flags of whatever has no solution at all say that there was nothing to solve. Local. */
void ci_cal_flags_refine(ci_cal_table *table);

#endif

/* What the sources of h5 share. All functions are local. */
#ifndef CI_H5_PRIVATE_H
#define CI_H5_PRIVATE_H

#include "contimg/h5.h"

#include <hdf5.h>

struct ci_h5_file
{
    char *path;
    hid_t id;
    bool is_written;
};

/* The innermost text of HDF5's error stack as CI_ERR_INPUT (reading) or as given:
 * "<path>: <name>: <action>: <HDF5's reason>". name NULL: the file itself. */
ci_status ci_h5_error(ci_status status, const char *path, const char *name, const char *action);
/* The system's error number in a text of that stack, 0 where it holds none. */
int ci_h5_error_number(const char *text);
/* HDF5's stack is printed nowhere: ci_h5_error makes one line of it; what the system refused is
 * noted for ci_h5_refusal_check. The setting belongs to HDF5's default stack and may be repeated.
 */
void ci_h5_refusal_watch(void);
/* The same of what is read beside HDF5; 0: nothing was refused. */
void ci_h5_refusal_note(int error_number);
/* Puts '?' for every byte that is not part of valid UTF-8: texts of damaged files and of old
 * character sets go into logs and JSON. */
void ci_h5_text_clean(char *text);
/* The file that a name in `file` stands for, as HDF5 finds it, owned; CI_ERR_INPUT, `what` in
 * front, where it is not there or not a plain file. */
ci_status ci_h5_beside(char **out, const ci_h5_file *file, const char *name, const char *what);
/* `what` in front of a fault's text; a fault keeps its status: one of reading is none of the
 * content. */
ci_status ci_h5_said_of(const char *what, ci_status status);
/* Opens a dataset; CI_ERR_INPUT where there is none, or where a virtual or
 * external one lacks a part of its values. */
ci_status ci_h5_dataset_open(const ci_h5_file *file, const char *name, hid_t *out);
/* Pieces of an open dataset that the file holds and that its shape needs. */
ci_status ci_h5_written_count(const ci_h5_file *file, const char *name, hid_t dataset,
                              const ci_h5_info *info, uint64_t *n_there, uint64_t *n_needed);
/* CI_ERR_INPUT where values of an open dataset were never written, in the box from .. to (ends
 * included), NULL for all of it. A virtual one has none of its own. */
ci_status ci_h5_written_check(const ci_h5_file *file, const char *name, hid_t dataset,
                              const hsize_t *from, const hsize_t *to);
/* Describes an open dataset. */
ci_status ci_h5_info_of(const ci_h5_file *file, const char *name, hid_t dataset, ci_h5_info *out);
/* CI_ERR_INPUT where the heap behind n variable-length strings is damaged. */
ci_status ci_h5_vlen_check(const ci_h5_file *file, const char *name, hid_t dataset, size_t n);
/* Memory type of ci_h5_type: to be closed by H5Tclose. */
hid_t ci_h5_memory_type(ci_h5_type type);
size_t ci_h5_type_size(ci_h5_type type);
/* h5py's boolean: enum {FALSE = 0, TRUE = 1} over a signed byte; H5Tclose. */
hid_t ci_h5_bool_type(void);
/* The little-endian number in n bytes of a file. */
static inline uint64_t ci_h5_number(const unsigned char *bytes, int n)
{
    uint64_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}
/* CI_OK where `type` can hold a dataset of that description. */
ci_status ci_h5_type_check(const ci_h5_file *file, const char *name, const ci_h5_info *info,
                           ci_h5_type type);

#endif

/* Small datasets: numbers and strings. */
#include "h5/h5_private.h"

#include <string.h>

/* Opens a dataset of exactly n elements. */
static ci_status open_counted(const ci_h5_file *file, const char *name, size_t n, hid_t *dataset,
                              ci_h5_info *info)
{
    char shape[128];
    CI_TRY(ci_h5_dataset_open(file, name, dataset));
    ci_status status = ci_h5_info_of(file, name, *dataset, info);
    if (status == CI_OK && info->is_null) {
        status = ci_error(CI_ERR_INPUT, "%s: %s: is empty (null dataspace): give it a value",
                          file->path, name);
    }
    if (status == CI_OK && ci_h5_info_count(info) != n) {
        ci_h5_info_shape(info, shape);
        status = ci_error(CI_ERR_INPUT, "%s: %s: shape %s, but %zu value%s needed", file->path,
                          name, shape, n, n == 1 ? " is" : "s are");
    }
    if (status == CI_OK) status = ci_h5_written_check(file, name, *dataset, NULL, NULL);
    if (status != CI_OK) H5Dclose(*dataset);
    return status;
}

ci_status ci_h5_type_check(const ci_h5_file *file, const char *name, const ci_h5_info *info,
                           ci_h5_type type)
{
    bool is_int = info->type_class == CI_H5_INTEGER || info->type_class == CI_H5_ENUM;
    switch (type) {
    case CI_H5_U8:
    case CI_H5_I64:
        if (is_int) return CI_OK;
        return ci_error(CI_ERR_INPUT, "%s: %s: is not of an integer or boolean type: convert it",
                        file->path, name);
    case CI_H5_F32:
    case CI_H5_F64:
        if (is_int || info->type_class == CI_H5_FLOAT) return CI_OK;
        return ci_error(CI_ERR_INPUT, "%s: %s: is not of a numeric type: convert it", file->path,
                        name);
    case CI_H5_C32:
    case CI_H5_C64:
        break;
    }
    if (info->type_class == CI_H5_COMPLEX) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: %s: is not complex (a compound of r and i, both of one integer or "
                    "floating-point type): convert it",
                    file->path, name);
}

static ci_status read_numbers(const ci_h5_file *file, const char *name, ci_h5_type type, void *out,
                              size_t n)
{
    hid_t dataset = -1;
    ci_h5_info info;
    CI_TRY(open_counted(file, name, n, &dataset, &info));
    ci_status status = ci_h5_type_check(file, name, &info, type);
    if (status == CI_OK && info.n_filter > 0) status = ci_h5_filters_check(file, name);
    if (status == CI_OK && n > 0) {
        hid_t memory = ci_h5_memory_type(type);
        if (H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0) {
            status = ci_h5_error(CI_ERR_INPUT, file->path, name, "cannot be read");
        }
        H5Tclose(memory);
    }
    H5Dclose(dataset);
    return status;
}

ci_status ci_h5_read_double(const ci_h5_file *file, const char *name, double *out, size_t n)
{
    return read_numbers(file, name, CI_H5_F64, out, n);
}

ci_status ci_h5_read_int(const ci_h5_file *file, const char *name, int64_t *out, size_t n)
{
    return read_numbers(file, name, CI_H5_I64, out, n);
}

/* Length without trailing blanks: writers pad with them whatever the type says. */
static size_t trimmed(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        length--;
    return length;
}

typedef void (*string_take)(void *context, size_t i, const char *text, size_t length);

static ci_status read_fixed(const ci_h5_file *file, const char *name, hid_t dataset, hid_t type,
                            size_t n, string_take take, void *context)
{
    size_t size = H5Tget_size(type);
    char *fields = NULL, *field = NULL;
    if (size == 0 || size > (size_t)1 << 28) {
        return ci_error(CI_ERR_INPUT, "%s: %s: strings of %zu bytes", file->path, name, size);
    }
    CI_TRY(ci_mem_alloc(&fields, n, size, "HDF5 strings"));
    ci_status status = ci_mem_alloc(&field, size + 1, 1, "HDF5 string");
    if (status == CI_OK && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, fields) < 0) {
        status = ci_h5_error(CI_ERR_INPUT, file->path, name, "cannot be read");
    }
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        memcpy(field, fields + i * size, size);
        field[size] = '\0';
        field[trimmed(field)] = '\0';
        take(context, i, field, strlen(field));
    }
    ci_mem_free(field);
    ci_mem_free(fields);
    return status;
}

static ci_status read_variable(const ci_h5_file *file, const char *name, hid_t dataset,
                               hid_t file_type, size_t n, string_take take, void *context)
{
    char **texts = NULL;
    CI_TRY(ci_h5_vlen_check(file, name, dataset, n));
    CI_TRY(ci_mem_alloc(&texts, n, sizeof *texts, "HDF5 strings"));
    ci_status status = CI_OK;
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Dget_space(dataset);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5Tget_cset(file_type));
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0) {
        status = ci_h5_error(CI_ERR_INPUT, file->path, name, "cannot be read");
    } else {
        for (size_t i = 0; i < n; i++) {
            char none[1] = "", *text = texts[i] != NULL ? texts[i] : none;
            text[trimmed(text)] = '\0';
            take(context, i, text, strlen(text));
        }
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
    }
    if (space >= 0) H5Sclose(space);
    H5Tclose(type);
    ci_mem_free(texts);
    return status;
}

/* Calls `take` for every string of a dataset of n. */
static ci_status read_texts(const ci_h5_file *file, const char *name, size_t n, string_take take,
                            void *context)
{
    hid_t dataset = -1;
    ci_h5_info info;
    CI_TRY(open_counted(file, name, n, &dataset, &info));
    ci_status status = CI_OK;
    if (info.type_class != CI_H5_STRING) {
        status =
            ci_error(CI_ERR_INPUT, "%s: %s: is not of a string type: convert it", file->path, name);
    } else if (info.n_filter > 0) {
        status = ci_h5_filters_check(file, name);
    }
    if (status == CI_OK) {
        hid_t type = H5Dget_type(dataset);
        status = info.is_vlen ? read_variable(file, name, dataset, type, n, take, context)
                              : read_fixed(file, name, dataset, type, n, take, context);
        if (type >= 0) H5Tclose(type);
    }
    H5Dclose(dataset);
    return status;
}

typedef struct text_copy
{
    char *text;
    ci_status status;
} text_copy;

static void take_copy(void *context, size_t i, const char *text, size_t length)
{
    text_copy *copy = context;
    (void)i;
    (void)length;
    copy->status = ci_str_copy(&copy->text, text);
    if (copy->status == CI_OK) ci_h5_text_clean(copy->text);
}

ci_status ci_h5_read_string(const ci_h5_file *file, const char *name, char **out)
{
    text_copy copy = {NULL, CI_OK};
    *out = NULL;
    CI_TRY(read_texts(file, name, 1, take_copy, &copy));
    CI_TRY(copy.status);
    *out = copy.text;
    return CI_OK;
}

typedef struct text_fields
{
    char *out;
    size_t width;
} text_fields;

static void take_field(void *context, size_t i, const char *text, size_t length)
{
    text_fields *fields = context;
    size_t n = length < fields->width - 1 ? length : fields->width - 1;
    char *field = fields->out + i * fields->width;
    memset(field, 0, fields->width);
    memcpy(field, text, n);
    ci_h5_text_clean(field);
}

ci_status ci_h5_read_text(const ci_h5_file *file, const char *name, char *out, size_t size)
{
    text_fields fields = {out, size};
    out[0] = '\0';
    return read_texts(file, name, 1, take_field, &fields);
}

typedef struct text_list
{
    char *out;
    size_t n_byte, n_room;
    ci_status status;
} text_list;

static void take_listed(void *context, size_t i, const char *text, size_t length)
{
    text_list *list = context;
    (void)i;
    if (list->status != CI_OK) return;
    if (list->n_byte + length + 1 > list->n_room) {
        list->n_room = 2 * list->n_room + length + 64;
        list->status = ci_mem_resize(&list->out, list->n_room, 1, "HDF5 strings");
        if (list->status != CI_OK) return;
    }
    char *field = list->out + list->n_byte;
    memcpy(field, text, length);
    field[length] = '\0';
    ci_h5_text_clean(field);
    list->n_byte += strlen(field) + 1;
}

ci_status ci_h5_read_string_list(const ci_h5_file *file, const char *name, size_t n, char **out,
                                 size_t *n_byte)
{
    text_list list = {0};
    *out = NULL;
    ci_status status = read_texts(file, name, n, take_listed, &list);
    if (status == CI_OK) status = list.status;
    if (status != CI_OK) {
        ci_mem_free(list.out);
        return status;
    }
    *out = list.out;
    *n_byte = list.n_byte;
    return CI_OK;
}

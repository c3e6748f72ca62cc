/* Types in memory and in written files. */
#include "h5/h5_private.h"

static hid_t complex_type(hid_t part, size_t part_size)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, 2 * part_size);
    if (type < 0) return type;
    H5Tinsert(type, "r", 0, part);
    H5Tinsert(type, "i", part_size, part);
    return type;
}

hid_t ci_h5_memory_type(ci_h5_type type)
{
    switch (type) {
    case CI_H5_U8:
        /* signed: a negative flag must not be clipped to 0 */
        return H5Tcopy(H5T_NATIVE_SCHAR);
    case CI_H5_I64:
        return H5Tcopy(H5T_NATIVE_INT64);
    case CI_H5_F32:
        return H5Tcopy(H5T_NATIVE_FLOAT);
    case CI_H5_F64:
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    case CI_H5_C32:
        return complex_type(H5T_NATIVE_FLOAT, sizeof(float));
    case CI_H5_C64:
        break;
    }
    return complex_type(H5T_NATIVE_DOUBLE, sizeof(double));
}

size_t ci_h5_type_size(ci_h5_type type)
{
    switch (type) {
    case CI_H5_U8:
        return 1;
    case CI_H5_F32:
        return 4;
    case CI_H5_I64:
    case CI_H5_F64:
    case CI_H5_C32:
        return 8;
    case CI_H5_C64:
        break;
    }
    return 16;
}

void ci_h5_text_clean(char *text)
{
    for (char *at = text; *at != '\0';) {
        size_t length = ci_str_utf8_length(at);
        if (length == 0) *at = '?';
        at += length > 0 ? length : 1;
    }
}

hid_t ci_h5_bool_type(void)
{
    signed char value = 0;
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    if (type < 0) return type;
    H5Tenum_insert(type, "FALSE", &value);
    value = 1;
    H5Tenum_insert(type, "TRUE", &value);
    return type;
}

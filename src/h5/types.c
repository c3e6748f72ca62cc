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

/* Length of the valid UTF-8 character at `text`, 0 where there is none. */
static int character_length(const unsigned char *text)
{
    static const struct
    {
        unsigned char mask, lead;
        int length;
        unsigned least;
    } forms[] = {{0x80, 0x00, 1, 0},
                 {0xe0, 0xc0, 2, 0x80},
                 {0xf0, 0xe0, 3, 0x800},
                 {0xf8, 0xf0, 4, 0x10000}};
    for (int i = 0; i < 4; i++) {
        if ((text[0] & forms[i].mask) != forms[i].lead) continue;
        unsigned code = text[0] & (unsigned char)~forms[i].mask;
        for (int k = 1; k < forms[i].length; k++) {
            if ((text[k] & 0xc0) != 0x80) return 0; /* also at the text's end */
            code = code << 6 | (text[k] & 0x3f);
        }
        bool is_legal =
            code >= forms[i].least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        return is_legal ? forms[i].length : 0;
    }
    return 0;
}

void ci_h5_text_clean(char *text)
{
    for (char *at = text; *at != '\0';) {
        int length = character_length((const unsigned char *)at);
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

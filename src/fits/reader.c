/* FITS in, by rows; checksums. */
#include "fits/cfitsio.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

struct ci_fits_reader
{
    fitsfile *file;
    char *shown; /* its name in texts */
    int bitpix;  /* as it is stored */
    bool is_compressed;
    ci_fits_header header;
};

/* Whether it exists, is a file, and is FITS: CFITSIO's own messages on that are of little help. */
static ci_status check_start(const char *path, const char *shown)
{
    struct stat info;
    if (stat(path, &info)) return ci_error_errno(errno, shown, "open");
    if (!S_ISREG(info.st_mode))
        return ci_error(CI_ERR_INPUT, "%s: not a file: give a FITS image", shown);
    FILE *file = fopen(path, "rb");
    if (!file) return ci_error_errno(errno, shown, "open");
    char start[10] = "";
    size_t n = fread(start, 1, 9, file);
    int why = ferror(file) ? errno : 0;
    fclose(file);
    if (why) return ci_error_errno(why, shown, "read");
    if (n >= 2 && (unsigned char)start[0] == 0x1f && (unsigned char)start[1] == 0x8b) return CI_OK;
    if (n < 9 || memcmp(start, "SIMPLE  =", 9) != 0)
        return ci_error(CI_ERR_INPUT,
                        "%s: not a FITS file: does not begin with SIMPLE: give a FITS image",
                        shown);
    return CI_OK;
}

/* A file cut short opens without complaint; its data end where the header says. */
ci_status ci_fits_length_check(fitsfile *file, const char *path, const char *shown)
{
    char kind[FLEN_FILENAME] = "";
    int code = 0, bitpix = 0, n_axis = 0;
    LONGLONG start = 0, size[9] = {0};
    struct stat info;
    fits_url_type(file, kind, &code);
    fits_get_hduaddrll(file, NULL, &start, NULL, &code);
    fits_get_img_paramll(file, 9, &bitpix, &n_axis, size, &code);
    if (code) return ci_fits_fault(code, shown, "header");
    if (strcmp(kind, "file://") != 0 || fits_is_compressed_image(file, &code)) return CI_OK;
    if (stat(path, &info)) return ci_error_errno(errno, shown, "open");
    LONGLONG need = labs(bitpix) / 8;
    for (int i = 0; i < n_axis && i < 9; i++) {
        if (size[i] > 0 && need > INT64_MAX / 8 / size[i])
            return ci_error(CI_ERR_INPUT, "%s: NAXIS%d: %lld: too large: correct it", shown, i + 1,
                            (long long)size[i]);
        need *= size[i];
    }
    if (n_axis && info.st_size < start + need)
        return ci_error(CI_ERR_INPUT,
                        "%s: truncated: holds %lld bytes, its header says %lld: copy it again",
                        shown, (long long)info.st_size, (long long)(start + need));
    return CI_OK;
}

ci_status ci_fits_image_open(fitsfile **file, const char *path, const char *shown)
{
    int code = 0, n_axis = 0, n_hdu = 0;
    *file = NULL;
    CI_TRY(check_start(path, shown));
    errno = 0;
    if (fits_open_diskfile(file, path, READONLY, &code)) {
        *file = NULL;
        return ci_fits_fault(code, shown, "open");
    }
    fits_get_num_hdus(*file, &n_hdu, &code);
    fits_get_img_dim(*file, &n_axis, &code);
    /* An empty primary HDU may come before the image. */
    for (int i = 2; !code && n_axis == 0 && i <= n_hdu; i++) {
        int kind = ANY_HDU;
        fits_movabs_hdu(*file, i, &kind, &code);
        if (!code && kind == IMAGE_HDU) fits_get_img_dim(*file, &n_axis, &code);
    }
    ci_status status = CI_OK;
    if (code)
        status = ci_fits_fault(code, shown, "header");
    else if (n_axis < 2)
        status = ci_error(CI_ERR_INPUT, "%s: NAXIS: %d: holds no image: give one of two axes",
                          shown, n_axis);
    if (status == CI_OK) return CI_OK;
    code = 0;
    fits_close_file(*file, &code);
    fits_clear_errmsg();
    *file = NULL;
    return status;
}

void ci_fits_reader_close(ci_fits_reader *reader)
{
    if (!reader) return;
    int code = 0;
    if (reader->file) fits_close_file(reader->file, &code);
    fits_clear_errmsg();
    ci_fits_header_clear(&reader->header);
    ci_mem_free(reader->shown);
    ci_mem_free(reader);
}

ci_status ci_fits_reader_open_as(ci_fits_reader **out, const char *path, const char *shown)
{
    *out = NULL;
    ci_fits_reader *r = NULL;
    CI_TRY(ci_mem_alloc(&r, 1, sizeof *r, "FITS reader"));
    ci_status status = ci_str_copy(&r->shown, shown);
    if (status == CI_OK) status = ci_fits_image_open(&r->file, path, shown);
    if (status == CI_OK) status = ci_fits_header_read(r->file, shown, &r->header);
    if (status == CI_OK) status = ci_fits_length_check(r->file, path, shown);
    int code = 0;
    if (status == CI_OK && fits_get_img_type(r->file, &r->bitpix, &code))
        status = ci_fits_fault(code, shown, "header");
    if (status == CI_OK) r->is_compressed = fits_is_compressed_image(r->file, &code) != 0;
    if (status != CI_OK) {
        ci_fits_reader_close(r);
        return status;
    }
    *out = r;
    return CI_OK;
}

ci_status ci_fits_reader_open(ci_fits_reader **out, const char *path)
{
    return ci_fits_reader_open_as(out, path, path);
}

const ci_fits_header *ci_fits_reader_header(const ci_fits_reader *reader)
{
    return &reader->header;
}

bool ci_fits_reader_has_blank(const ci_fits_reader *reader)
{
    int code = 0;
    LONGLONG value;
    if (reader->bitpix <= 0) return false;
    fits_read_key_lnglng(reader->file, "BLANK", &value, NULL, &code);
    fits_clear_errmsg();
    return code == 0;
}

/* Integers mark blank pixels by a value, scaled ones too; floats use NaN, and a
 * null value of 0 keeps CFITSIO from touching them. CFITSIO writes to `any` without asking. */
static int read_plain(const ci_fits_reader *reader, size_t i_row, size_t n_row, float *rows)
{
    int code = 0, any = 0;
    size_t n_x = reader->header.n_x;
    float blank = reader->bitpix > 0 ? NAN : 0;
    return fits_read_img_flt(reader->file, 1, (LONGLONG)(i_row * n_x) + 1, (LONGLONG)(n_row * n_x),
                             blank, rows, &any, &code);
}

/* By boxes, the one way in which CFITSIO uncompresses images of four axes. */
static int read_compressed(const ci_fits_reader *reader, size_t i_row, size_t n_row, float *rows)
{
    int code = 0, any = 0;
    long first[9] = {1, (long)i_row + 1, 1, 1, 1, 1, 1, 1, 1},
         step[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    long last[9] = {(long)reader->header.n_x, (long)(i_row + n_row), 1, 1, 1, 1, 1, 1, 1};
    float blank = NAN;
    return fits_read_subset(reader->file, TFLOAT, first, last, step, &blank, rows, &any, &code);
}

ci_status ci_fits_reader_rows(ci_fits_reader *reader, size_t i_row, size_t n_row, float *rows)
{
    const ci_fits_header *h = &reader->header;
    if (i_row > h->n_y || n_row > h->n_y - i_row)
        return ci_error(CI_ERR_INTERNAL, "%s: rows %zu to %zu of %zu", reader->shown, i_row,
                        i_row + n_row, h->n_y);
    if (n_row == 0) return CI_OK;
    errno = 0;
    int code = reader->is_compressed ? read_compressed(reader, i_row, n_row, rows)
                                     : read_plain(reader, i_row, n_row, rows);
    return code ? ci_fits_fault(code, reader->shown, "read") : CI_OK;
}

/* One HDU's sums: 1 right, 0 not there, -1 wrong. */
static ci_status hdu_check(const char *path, int i_hdu, bool must_be_there, int data, int whole)
{
    bool data_bad = must_be_there ? data != 1 : data < 0;
    bool whole_bad = must_be_there ? whole != 1 : whole < 0;
    if (!data_bad && !whole_bad) return CI_OK;
    return ci_error(CI_ERR_INPUT, "%s: %s: %s in HDU %d", path, data_bad ? "DATASUM" : "CHECKSUM",
                    (data_bad ? data : whole) ? "wrong, the file is damaged: make or copy it again"
                                              : "missing",
                    i_hdu);
}

static ci_status verify(const char *path, const char *shown, bool must_be_there)
{
    fitsfile *file = NULL;
    CI_TRY(ci_fits_image_open(&file, path, shown));
    int code = 0, n_hdu = 0;
    ci_status status = ci_fits_length_check(file, path, shown);
    fits_get_num_hdus(file, &n_hdu, &code);
    for (int i = 1; i <= n_hdu && !code && status == CI_OK; i++) {
        int data = 0, whole = 0;
        fits_movabs_hdu(file, i, NULL, &code);
        if (code || fits_verify_chksum(file, &data, &whole, &code)) break;
        status = hdu_check(shown, i, must_be_there, data, whole);
    }
    if (code) status = ci_fits_fault(code, shown, "checksum");
    code = 0;
    fits_close_file(file, &code);
    fits_clear_errmsg();
    return status;
}

ci_status ci_fits_verify(const char *path)
{
    return verify(path, path, true);
}

ci_status ci_fits_verify_as(const char *path, const char *shown)
{
    return verify(path, shown, true);
}

ci_status ci_fits_verify_given(const char *path)
{
    return verify(path, path, false);
}

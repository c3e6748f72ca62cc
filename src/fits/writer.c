/* FITS out, by rows. */
#include "fits/cfitsio.h"

#include "contimg/base_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct ci_fits_writer
{
    fitsfile *file;
    char *path, *part;
    int fd; /* of the .part; CFITSIO opens it by this, and it is open as long as CFITSIO's is */
    size_t n_x, n_y, i_row;
};

static void writer_free(ci_fits_writer *w)
{
    if (w->fd >= 0) close(w->fd);
    ci_mem_free(w->path);
    ci_mem_free(w->part);
    ci_mem_free(w);
}

void ci_fits_writer_abandon(ci_fits_writer *writer)
{
    if (!writer) return;
    int code = 0;
    if (writer->file) fits_close_file(writer->file, &code);
    fits_clear_errmsg();
    if (writer->part) unlink(writer->part);
    writer_free(writer);
}

static void card_put(char block[2880], size_t i, const char *format, ...) CI_PRINTF(3, 4);
static void card_put(char block[2880], size_t i, const char *format, ...)
{
    char card[120];
    va_list values;
    va_start(values, format);
    int n = vsnprintf(card, sizeof card, format, values);
    va_end(values);
    memcpy(block + 80 * i, card, n < 80 ? (size_t)n : 80);
}

/* The header that fits_create_img begins with. CFITSIO makes files by name only, and follows links
 * there: it is given one that is there already, and that begins so. */
static void header_begin(char block[2880], size_t n_x, size_t n_y, size_t n_axis)
{
    const size_t size[4] = {n_x, n_y, 1, 1};
    size_t n = 0;
    memset(block, ' ', 2880);
    card_put(block, n++, "SIMPLE  = %20s / file does conform to FITS standard", "T");
    card_put(block, n++, "BITPIX  = %20d / number of bits per data pixel", FLOAT_IMG);
    card_put(block, n++, "NAXIS   = %20d / number of data axes", (int)n_axis);
    for (size_t i = 0; i < n_axis; i++)
        card_put(block, n++, "NAXIS%zu  = %20zu / length of data axis %zu", i + 1, size[i], i + 1);
    card_put(block, n++, "EXTEND  = %20s / FITS dataset may contain extensions", "T");
    card_put(block, n++,
             "COMMENT   FITS (Flexible Image Transport System) format is defined in "
             "'Astronomy");
    card_put(block, n++,
             "COMMENT   and Astrophysics', volume 376, page 359; bibcode: "
             "2001A&A...376..359H");
    card_put(block, n, "END");
}

static ci_status writer_start(ci_fits_writer *w, const ci_fits_header *header)
{
    char block[2880], name[64];
    int code = 0;
    CI_TRY(ci_file_create(&w->fd, w->part));
    header_begin(block, w->n_x, w->n_y, header->freq_hz > 0 ? 4 : 3);
    CI_TRY(ci_file_put(w->fd, w->path, block, sizeof block));
    snprintf(name, sizeof name, "/proc/self/fd/%d", w->fd);
    errno = 0;
    if (fits_open_diskfile(&w->file, name, READWRITE, &code))
        return ci_fits_write_fault(code, w->path, "create");
    return ci_fits_header_write(w->file, w->path, header);
}

ci_status ci_fits_writer_open(ci_fits_writer **out, const char *path, const ci_fits_header *header)
{
    *out = NULL;
    if (header->n_x == 0 || header->n_y == 0)
        return ci_error(CI_ERR_INTERNAL, "%s: image of %zu x %zu pixels", path, header->n_x,
                        header->n_y);
    ci_fits_writer *w = NULL;
    CI_TRY(ci_mem_alloc(&w, 1, sizeof *w, "FITS writer"));
    w->fd = -1;
    w->n_x = header->n_x;
    w->n_y = header->n_y;
    ci_status status = ci_str_copy(&w->path, path);
    if (status == CI_OK) status = ci_path_part(&w->part, path);
    if (status == CI_OK) status = writer_start(w, header);
    if (status != CI_OK) {
        ci_fits_writer_abandon(w);
        return status;
    }
    *out = w;
    return CI_OK;
}

ci_status ci_fits_writer_rows(ci_fits_writer *writer, size_t n_row, const float *rows)
{
    if (n_row > writer->n_y - writer->i_row)
        return ci_error(CI_ERR_INTERNAL, "%s: row %zu of %zu", writer->path, writer->i_row + n_row,
                        writer->n_y);
    int code = 0;
    LONGLONG first = (LONGLONG)(writer->i_row * writer->n_x) + 1;
    errno = 0;
    /* CFITSIO takes a pointer that it does not write through. */
    union
    {
        const float *given;
        float *taken;
    } pixels = {.given = rows};
    if (n_row && fits_write_img_flt(writer->file, 1, first, (LONGLONG)(n_row * writer->n_x),
                                    pixels.taken, &code))
        return ci_fits_write_fault(code, writer->path, "write");
    writer->i_row += n_row;
    return CI_OK;
}

static ci_status finish(ci_fits_writer *writer, bool keeps)
{
    int code = 0;
    ci_status status = CI_OK;
    if (writer->i_row != writer->n_y)
        status = ci_error(CI_ERR_INTERNAL, "%s: %zu of %zu rows written", writer->path,
                          writer->i_row, writer->n_y);
    errno = 0;
    if (status == CI_OK && fits_write_chksum(writer->file, &code))
        status = ci_fits_write_fault(code, writer->path, "checksum");
    if (status == CI_OK) {
        /* From here on the file is closed whether or not that succeeds. */
        errno = 0;
        fits_close_file(writer->file, &code);
        writer->file = NULL;
        if (code) status = ci_fits_write_fault(code, writer->path, "close");
    }
    if (status == CI_OK)
        status = keeps ? ci_path_sync(writer->part) : ci_path_commit(writer->part, writer->path);
    if (status != CI_OK)
        ci_fits_writer_abandon(writer);
    else
        writer_free(writer);
    return status;
}

ci_status ci_fits_writer_close(ci_fits_writer *writer)
{
    return finish(writer, false);
}

ci_status ci_fits_writer_keep(ci_fits_writer *writer)
{
    return finish(writer, true);
}

ci_status ci_fits_write(const char *path, const ci_fits_header *header, const float *pixels)
{
    ci_fits_writer *writer = NULL;
    CI_TRY(ci_fits_writer_open(&writer, path, header));
    ci_status status = ci_fits_writer_rows(writer, header->n_y, pixels);
    if (status == CI_OK) return ci_fits_writer_close(writer);
    ci_fits_writer_abandon(writer);
    return status;
}

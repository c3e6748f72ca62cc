/* FITS out, by rows: CFITSIO writes the header, pixels and their checksum go by it, as CFITSIO
 * reads a file again to sum it. */
#include "fits/cfitsio.h"

#include "contimg/base_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum
{
    CARD = 80,
    BLOCK = 2880,
    N_PIXEL = 1 << 18, /* written at once */
    N_AT_ONCE = 32     /* of a loop that compilers make vectors of */
};

struct ci_fits_writer
{
    fitsfile *file; /* NULL once the header is there */
    char *path, *part;
    int fd; /* of the .part; CFITSIO opens it by this, and it is open as long as CFITSIO's is */
    size_t n_x, n_y, i_row;
    off_t begin;   /* of the pixels */
    uint64_t sum;  /* of the pixels as 32-bit words, carries not yet added */
    uint32_t *out; /* [N_PIXEL] as they are in the file */
};

static void writer_free(ci_fits_writer *w)
{
    if (w->fd >= 0) close(w->fd);
    ci_mem_free(w->path);
    ci_mem_free(w->part);
    ci_mem_free(w->out);
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

static void card_put(char *header, size_t i, const char *format, ...) CI_PRINTF(3, 4);
static void card_put(char *header, size_t i, const char *format, ...)
{
    char card[CARD + 40];
    va_list values;
    va_start(values, format);
    int n = vsnprintf(card, sizeof card, format, values);
    va_end(values);
    memcpy(header + CARD * i, card, n < CARD ? (size_t)n : CARD);
}

static void axis_put(char *header, size_t i_axis, size_t n)
{
    card_put(header, 3 + i_axis, "NAXIS%zu  = %20zu / length of data axis %zu", i_axis + 1, n,
             i_axis + 1);
}

/* The header that fits_create_img begins with, of one pixel: CFITSIO would fill a larger image with
 * zeros. It makes files by name only, and follows links there: it is given one that is there
 * already, and that begins so. */
static void header_begin(char block[BLOCK], size_t n_axis)
{
    size_t n = 0;
    memset(block, ' ', BLOCK);
    card_put(block, n++, "SIMPLE  = %20s / file does conform to FITS standard", "T");
    card_put(block, n++, "BITPIX  = %20d / number of bits per data pixel", FLOAT_IMG);
    card_put(block, n++, "NAXIS   = %20d / number of data axes", (int)n_axis);
    for (size_t i = 0; i < n_axis; i++, n++)
        axis_put(block, i, 1);
    card_put(block, n++, "EXTEND  = %20s / FITS dataset may contain extensions", "T");
    card_put(block, n++,
             "COMMENT   FITS (Flexible Image Transport System) format is defined in "
             "'Astronomy");
    card_put(block, n++,
             "COMMENT   and Astrophysics', volume 376, page 359; bibcode: "
             "2001A&A...376..359H");
    card_put(block, n, "END");
}

/* The cards that CFITSIO ends a header with where it sums a file; their values follow. */
static void sums_begin(fitsfile *file, int *code)
{
    char date[FLEN_VALUE] = "", comment[FLEN_COMMENT];
    fits_get_system_time(date, NULL, code);
    snprintf(comment, sizeof comment, "HDU checksum updated %.40s", date);
    fits_write_key_str(file, "CHECKSUM", "0000000000000000", comment, code);
    snprintf(comment, sizeof comment, "data unit checksum updated %.40s", date);
    fits_write_key_str(file, "DATASUM", "0", comment, code);
}

/* CFITSIO's part of the file, and zeros to where it will end. */
static ci_status header_finish(ci_fits_writer *w, const ci_fits_header *header)
{
    int code = 0;
    LONGLONG begin = 0;
    CI_TRY(ci_fits_header_write(w->file, w->path, header));
    errno = 0;
    sums_begin(w->file, &code);
    fits_set_hdustruc(w->file, &code);
    fits_get_hduaddrll(w->file, NULL, &begin, NULL, &code);
    if (code) return ci_fits_write_fault(code, w->path, "write");
    fitsfile *file = w->file;
    w->file = NULL; /* closed whether or not that succeeds */
    errno = 0;
    if (fits_close_file(file, &code)) return ci_fits_write_fault(code, w->path, "write");
    w->begin = begin;
    size_t n_byte = (w->n_x * w->n_y * sizeof *w->out + BLOCK - 1) / BLOCK * BLOCK;
    if (ftruncate(w->fd, (off_t)begin + (off_t)n_byte) != 0)
        return ci_fits_write_fault(WRITE_ERROR, w->path, "write");
    return CI_OK;
}

static ci_status writer_start(ci_fits_writer *w, const ci_fits_header *header)
{
    char block[BLOCK], name[64];
    int code = 0;
    CI_TRY(ci_mem_alloc(&w->out, N_PIXEL, sizeof *w->out, "FITS pixels"));
    CI_TRY(ci_file_create(&w->fd, w->part));
    header_begin(block, header->freq_hz > 0 ? 4 : 3);
    CI_TRY(ci_file_put(w->fd, w->path, block, sizeof block));
    snprintf(name, sizeof name, "/proc/self/fd/%d", w->fd);
    errno = 0;
    if (fits_open_diskfile(&w->file, name, READWRITE, &code))
        return ci_fits_write_fault(code, w->path, "create");
    return header_finish(w, header);
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

/* n pixels, most significant byte first; returns the sum of their words. */
static uint64_t pixels_turn(const float *restrict in, size_t n, uint32_t *restrict out)
{
    uint64_t part[N_AT_ONCE] = {0}, sum = 0;
    for (size_t first = 0; first < n; first += N_AT_ONCE) {
        uint32_t word[N_AT_ONCE] = {0};
        size_t n_here = n - first < N_AT_ONCE ? n - first : N_AT_ONCE;
        memcpy(word, in + first, n_here * sizeof *word);
        for (size_t i = 0; i < N_AT_ONCE; i++)
            part[i] += word[i];
        for (size_t i = 0; i < N_AT_ONCE; i++)
            word[i] = htobe32(word[i]);
        memcpy(out + first, word, n_here * sizeof *word);
    }
    for (size_t i = 0; i < N_AT_ONCE; i++)
        sum += part[i];
    return sum;
}

static ci_status bytes_put(const ci_fits_writer *w, off_t at, const void *data, size_t n)
{
    const char *bytes = data;
    for (size_t done = 0; done < n;) {
        ssize_t k = pwrite(w->fd, bytes + done, n - done, at + (off_t)done);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return ci_fits_write_fault(WRITE_ERROR, w->path, "write");
        done += (size_t)k;
    }
    return CI_OK;
}

ci_status ci_fits_writer_rows(ci_fits_writer *writer, size_t n_row, const float *rows)
{
    if (n_row > writer->n_y - writer->i_row)
        return ci_error(CI_ERR_INTERNAL, "%s: row %zu of %zu", writer->path, writer->i_row + n_row,
                        writer->n_y);
    size_t n = n_row * writer->n_x;
    off_t at = writer->begin + (off_t)(writer->i_row * writer->n_x * sizeof *rows);
    for (size_t first = 0; first < n; first += N_PIXEL) {
        size_t n_here = n - first < N_PIXEL ? n - first : N_PIXEL;
        size_t n_byte = n_here * sizeof *writer->out;
        writer->sum += pixels_turn(rows + first, n_here, writer->out);
        CI_TRY(bytes_put(writer, at, writer->out, n_byte));
        /* On its way while the next ones are made; the sync at the end waits for it. */
        (void)sync_file_range(writer->fd, at, (off_t)n_byte, SYNC_FILE_RANGE_WRITE);
        at += (off_t)n_byte;
    }
    writer->i_row += n_row;
    return CI_OK;
}

/* Words added with the carry back into the lowest place (FITS standard 4.0, appendix J). */
static uint32_t sum_folded(uint64_t sum)
{
    while (sum >> 32)
        sum = (sum & UINT32_MAX) + (sum >> 32);
    return (uint32_t)sum;
}

static char *card_find(char *header, size_t n_byte, const char *key)
{
    for (size_t at = 0; at + CARD <= n_byte; at += CARD)
        if (strncmp(header + at, key, strlen(key)) == 0) return header + at;
    return NULL;
}

/* What the header could not yet say: the size, DATASUM, and CHECKSUM, with which the words of the
 * whole file add up to -0. */
static ci_status sums_put(const ci_fits_writer *w, char *header, size_t n_byte)
{
    char *data = card_find(header, n_byte, "DATASUM ="),
         *all = card_find(header, n_byte, "CHECKSUM="), text[24], encoded[17] = "";
    if (!data || !all) return ci_error(CI_ERR_INTERNAL, "%s: header without sums", w->path);
    uint32_t of_data = sum_folded(w->sum), word;
    uint64_t sum = of_data;
    axis_put(header, 0, w->n_x);
    axis_put(header, 1, w->n_y);
    int n = snprintf(text, sizeof text, "'%-8u'", of_data);
    memset(data + 10, ' ', 20);
    memcpy(data + 10, text, (size_t)n);
    for (size_t i = 0; i < n_byte; i += sizeof word) {
        memcpy(&word, header + i, sizeof word);
        sum += be32toh(word);
    }
    fits_encode_chksum(sum_folded(sum), 1, encoded);
    memcpy(all + 11, encoded, 16);
    return bytes_put(w, 0, header, n_byte);
}

static ci_status sums_write(const ci_fits_writer *w)
{
    char *header = NULL;
    size_t n_byte = (size_t)w->begin;
    CI_TRY(ci_mem_alloc(&header, n_byte, 1, "FITS header"));
    ssize_t n = pread(w->fd, header, n_byte, 0);
    ci_status status = n == (ssize_t)n_byte ? sums_put(w, header, n_byte)
                                            : ci_fits_write_fault(READ_ERROR, w->path, "checksum");
    ci_mem_free(header);
    return status;
}

static ci_status finish(ci_fits_writer *writer, bool keeps)
{
    ci_status status = CI_OK;
    if (writer->i_row != writer->n_y)
        status = ci_error(CI_ERR_INTERNAL, "%s: %zu of %zu rows written", writer->path,
                          writer->i_row, writer->n_y);
    if (status == CI_OK) status = sums_write(writer);
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

/* contimg inspect: what kind of file, then what is in it. */
#include "ops/inspect.h"

#include "contimg/h5.h"

#include <errno.h>
#include <string.h>

typedef enum kind
{
    KIND_UNKNOWN,
    KIND_HDF5,
    KIND_FITS
} kind;

/* By the first bytes; an HDF5 signature may also lie behind a user block. */
static ci_status kind_read(const char *path, kind *out)
{
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[16] = {0};
    *out = KIND_UNKNOWN;
    CI_TRY(ci_file_check_plain(path));
    FILE *file = fopen(path, "rb");
    if (file == NULL) return ci_error_errno(errno, path, "open");
    size_t n = fread(head, 1, sizeof head, file);
    if (n == 0) {
        fclose(file);
        return ci_error(CI_ERR_INPUT, "%s: empty file (0 bytes)", path);
    }
    if (memcmp(head, "SIMPLE  =", 9) == 0) *out = KIND_FITS;
    for (long at = 0; *out == KIND_UNKNOWN && at <= 1 << 16; at = at == 0 ? 512 : 2 * at) {
        if (fseek(file, at, SEEK_SET) != 0 || fread(head, 1, 8, file) != 8) break;
        if (memcmp(head, signature, 8) == 0) *out = KIND_HDF5;
    }
    fclose(file);
    return CI_OK;
}

static ci_status hdf5_inspect(inspection *in)
{
    ci_h5_file *file = NULL;
    if (strstr(ci_path_base(in->path), "_incomplete") != NULL) return ci_ops_inspect_uvh5(in);
    ci_h5_refusal_clear();
    CI_TRY(ci_h5_open(&file, in->path));
    ci_status status = ci_h5_link_check(file, "Header");
    if (status == CI_OK) status = ci_h5_link_check(file, "Data");
    bool is_table = ci_h5_kind_of(file, "Data/gains") != CI_H5_NOTHING ||
                    ci_h5_kind_of(file, "Header/gain_convention") != CI_H5_NOTHING ||
                    ci_h5_kind_of(file, "Header/cal_type") != CI_H5_NOTHING;
    bool is_data =
        ci_h5_kind_of(file, "Header") == CI_H5_GROUP && ci_h5_kind_of(file, "Data") == CI_H5_GROUP;
    ci_h5_close(file);
    CI_TRY(ci_h5_refusal_check(in->path, status));
    if (is_table) return ci_ops_inspect_calh5(in);
    if (is_data) return ci_ops_inspect_uvh5(in);
    return ci_error(CI_ERR_INPUT,
                    "%s: an HDF5 file, but neither UVH5 nor CalH5: it has no groups /Header and "
                    "/Data",
                    in->path);
}

static ci_status inspect_any(inspection *in)
{
    kind what;
    CI_TRY(kind_read(in->path, &what));
    if (what == KIND_HDF5) return hdf5_inspect(in);
    if (what == KIND_FITS) return ci_ops_inspect_fits(in);
    return ci_error(CI_ERR_INPUT, "%s: neither HDF5 (UVH5, CalH5) nor FITS", in->path);
}

static void print_text(const inspection *in, FILE *out)
{
    fprintf(out, "%s\n%s%s", in->path, in->text.text ? in->text.text : "",
            in->warning_lines.text ? in->warning_lines.text : "");
}

static ci_status print_json(inspection *in, ci_status status, FILE *out)
{
    char *text = NULL;
    ci_json_put_bool(in->json, "usable", status == CI_OK);
    if (status != CI_OK) ci_json_put_string(in->json, "reason", ci_error_text());
    CI_TRY(ci_json_print(&text, in->json, true));
    fprintf(out, "%s\n", text);
    ci_mem_free(text);
    return CI_OK;
}

ci_status ci_ops_inspect(const char *path, bool as_json, FILE *out)
{
    inspection in = {.path = path, .json = ci_json_object(), .warnings = ci_json_array()};
    ci_json_put_string(in.json, "file", path);
    ci_json_put(in.json, "warnings", in.warnings);
    ci_status status = inspect_any(&in);
    if (status == CI_OK) status = in.status;
    if (as_json) {
        ci_status printed = print_json(&in, status, out);
        if (status == CI_OK) status = printed;
    } else if (status == CI_OK) {
        print_text(&in, out);
    }
    ci_json_free(in.json);
    ci_mem_free(in.text.text);
    ci_mem_free(in.warning_lines.text);
    if (status == CI_OK && (fflush(out) != 0 || ferror(out))) {
        return ci_error(CI_ERR_IO, "%s: inspect: the output cannot be written", path);
    }
    return status;
}

/* The record of a tile as bytes for another rank. */
#include "contimg/par_pack.h"
#include "contimg/tile.h"

/* A part that may be absent. */
static ci_status presence_pack(ci_par_packer *p, const void *part, bool *is_there)
{
    *is_there = part != NULL;
    return ci_par_pack(p, is_there, sizeof *is_there);
}

static ci_status flags_pack(ci_par_packer *p, const ci_tile_flags *flags)
{
    bool is_there;
    CI_TRY(presence_pack(p, flags, &is_there));
    if (!is_there) return CI_OK;
    CI_TRY(ci_par_pack(p, flags, sizeof *flags));
    for (size_t i = 0; i < flags->n_antenna; i++) {
        CI_TRY(ci_par_pack(p, &flags->antenna[i], sizeof flags->antenna[i]));
        CI_TRY(ci_par_pack_text(p, flags->antenna[i].name));
    }
    return ci_par_pack(p, flags->channel_fraction, flags->n_chan * sizeof(double));
}

static ci_status calibration_pack(ci_par_packer *p, const ci_tile_calibration *calibration)
{
    bool is_there;
    CI_TRY(presence_pack(p, calibration, &is_there));
    if (!is_there) return CI_OK;
    CI_TRY(ci_par_pack(p, calibration, sizeof *calibration));
    CI_TRY(ci_par_pack_text(p, calibration->bandpass));
    CI_TRY(ci_par_pack_text(p, calibration->gain));
    return ci_par_pack_text(p, calibration->model);
}

static ci_status gates_pack(ci_par_packer *p, const ci_qa_gates *gates)
{
    bool is_there;
    CI_TRY(presence_pack(p, gates, &is_there));
    if (!is_there) return CI_OK;
    CI_TRY(ci_par_pack(p, &gates->n, sizeof gates->n));
    CI_TRY(ci_par_pack(p, &gates->refused, sizeof gates->refused));
    CI_TRY(ci_par_pack(p, &gates->warned, sizeof gates->warned));
    return ci_par_pack(p, gates->item, gates->n * sizeof *gates->item);
}

ci_status ci_tile_record_pack(ci_par_packer *p, const ci_tile_record *record)
{
    bool is_there;
    CI_TRY(ci_par_pack(p, record, sizeof *record));
    CI_TRY(ci_par_pack_text(p, record->folder));
    CI_TRY(presence_pack(p, record->images, &is_there));
    if (is_there) CI_TRY(ci_par_pack(p, record->images, sizeof *record->images));
    CI_TRY(flags_pack(p, record->flags));
    CI_TRY(calibration_pack(p, record->calibration));
    CI_TRY(presence_pack(p, record->uv, &is_there));
    if (is_there) {
        CI_TRY(ci_par_pack(p, &record->uv->n, sizeof record->uv->n));
        CI_TRY(ci_par_pack(p, record->uv->uv_lambda, 2 * record->uv->n * sizeof(double)));
    }
    CI_TRY(gates_pack(p, record->gates));
    for (size_t i = 0; i < record->n_file; i++) {
        CI_TRY(ci_par_pack(p, &record->file[i], sizeof record->file[i]));
        CI_TRY(ci_par_pack_text(p, record->file[i].name));
    }
    return CI_OK;
}

/* ---- back: pointers are set as their parts come, so that what is there can be freed ---------- */

/* A new structure of `size` bytes, zeroed, into *out, where the part is there. */
static ci_status presence_unpack(ci_par_unpacker *u, void *out, size_t size)
{
    bool is_there = false;
    CI_TRY(ci_par_unpack(u, &is_there, sizeof is_there));
    return is_there ? ci_mem_alloc(out, 1, size, "tile record") : CI_OK;
}

static ci_status antenna_unpack(ci_par_unpacker *u, ci_tile_antenna *antenna)
{
    ci_status status = ci_par_unpack(u, antenna, sizeof *antenna);
    antenna->name = NULL;
    return status == CI_OK ? ci_par_unpack_text(u, &antenna->name) : status;
}

static ci_status flags_unpack(ci_par_unpacker *u, ci_tile_flags **out)
{
    CI_TRY(presence_unpack(u, out, sizeof **out));
    if (!*out) return CI_OK;
    ci_tile_flags packed, *flags = *out;
    CI_TRY(ci_par_unpack(u, &packed, sizeof packed));
    flags->counts = packed.counts;
    flags->n_chan = packed.n_chan;
    CI_TRY(ci_mem_alloc(&flags->antenna, packed.n_antenna, sizeof *flags->antenna, "tile record"));
    while (flags->n_antenna < packed.n_antenna)
        CI_TRY(antenna_unpack(u, &flags->antenna[flags->n_antenna++]));
    return ci_par_unpack_new(u, &flags->channel_fraction, flags->n_chan, sizeof(double));
}

static ci_status calibration_unpack(ci_par_unpacker *u, ci_tile_calibration **out)
{
    CI_TRY(presence_unpack(u, out, sizeof **out));
    if (!*out) return CI_OK;
    ci_tile_calibration *calibration = *out;
    ci_status status = ci_par_unpack(u, calibration, sizeof *calibration);
    calibration->bandpass = calibration->gain = calibration->model = NULL;
    if (status == CI_OK) status = ci_par_unpack_text(u, &calibration->bandpass);
    if (status == CI_OK) status = ci_par_unpack_text(u, &calibration->gain);
    return status == CI_OK ? ci_par_unpack_text(u, &calibration->model) : status;
}

static ci_status uv_unpack(ci_par_unpacker *u, ci_tile_uv **out)
{
    CI_TRY(presence_unpack(u, out, sizeof **out));
    if (!*out) return CI_OK;
    CI_TRY(ci_par_unpack(u, &(*out)->n, sizeof(*out)->n));
    return ci_par_unpack_new(u, &(*out)->uv_lambda, 2 * (*out)->n, sizeof(double));
}

static ci_status gates_unpack(ci_par_unpacker *u, ci_qa_gates **out)
{
    CI_TRY(presence_unpack(u, out, sizeof **out));
    if (!*out) return CI_OK;
    ci_qa_gates *gates = *out;
    CI_TRY(ci_par_unpack(u, &gates->n, sizeof gates->n));
    CI_TRY(ci_par_unpack(u, &gates->refused, sizeof gates->refused));
    CI_TRY(ci_par_unpack(u, &gates->warned, sizeof gates->warned));
    return ci_par_unpack(u, gates->item, gates->n * sizeof *gates->item);
}

static ci_status files_unpack(ci_par_unpacker *u, ci_tile_record *record, size_t n)
{
    CI_TRY(ci_mem_alloc(&record->file, n, sizeof *record->file, "tile record"));
    while (record->n_file < n) {
        ci_registry_product_file *file = &record->file[record->n_file++];
        ci_status status = ci_par_unpack(u, file, sizeof *file);
        file->name = NULL;
        CI_TRY(status);
        CI_TRY(ci_par_unpack_text(u, &file->name));
    }
    return CI_OK;
}

static ci_status record_unpack(ci_par_unpacker *u, ci_tile_record *record)
{
    ci_status status = ci_par_unpack(u, record, sizeof *record);
    size_t n_file = record->n_file;
    record->folder = NULL;
    record->images = NULL;
    record->flags = NULL;
    record->calibration = NULL;
    record->uv = NULL;
    record->gates = NULL;
    record->file = NULL;
    record->n_file = 0;
    CI_TRY(status);
    CI_TRY(ci_par_unpack_text(u, &record->folder));
    CI_TRY(presence_unpack(u, &record->images, sizeof *record->images));
    if (record->images) CI_TRY(ci_par_unpack(u, record->images, sizeof *record->images));
    CI_TRY(flags_unpack(u, &record->flags));
    CI_TRY(calibration_unpack(u, &record->calibration));
    CI_TRY(uv_unpack(u, &record->uv));
    CI_TRY(gates_unpack(u, &record->gates));
    return files_unpack(u, record, n_file);
}

ci_status ci_tile_record_unpack(ci_tile_record **out, ci_par_unpacker *unpacker)
{
    CI_TRY(ci_tile_record_new(out, ""));
    ci_status status = record_unpack(unpacker, *out);
    if (status == CI_OK) return CI_OK;
    ci_tile_record_free(*out);
    *out = NULL;
    return status;
}

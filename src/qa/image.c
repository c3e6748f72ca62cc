/* Judging one image: its files are opened, then header and pixels are judged. */
#include "qa/qa.h"

#include <math.h>
#include <string.h>

/* *reader stays NULL where there is no path or the file does not open. */
static ci_status open_gate(ci_qa_gates *gates, ci_qa_file file, const char *what,
                           ci_fits_reader **reader)
{
    if (!file.path) return CI_OK;
    const char *shown = file.shown ? file.shown : file.path;
    CI_TRY(ci_qa_fault_gate(gates, CI_QA_GATE_OPENS, what,
                            ci_fits_reader_open_as(reader, file.path, shown)));
    if (!*reader) return CI_OK;
    return ci_qa_fault_gate(gates, CI_QA_GATE_CHECKSUM, what, ci_fits_verify_as(file.path, shown));
}

static bool same_size(ci_qa_gates *gates, const ci_qa_readers *readers)
{
    const ci_fits_header *h = ci_fits_reader_header(readers->of[0]);
    for (int k = 1; k < CI_QA_N_READER; k++) {
        const ci_fits_header *o = readers->of[k] ? ci_fits_reader_header(readers->of[k]) : h;
        if (o->n_x == h->n_x && o->n_y == h->n_y) continue;
        ci_qa_gates_add(gates, CI_QA_GATE_OPENS, CI_QA_FAIL, NAN, NAN,
                        "the image has %zu x %zu pixels, another of its files %zu x %zu", h->n_x,
                        h->n_y, o->n_x, o->n_y);
        return false;
    }
    return true;
}

static ci_status judge_open(ci_qa_gates *gates, const ci_qa_readers *readers,
                            const ci_qa_subject *s, const ci_qa_limits *limits)
{
    bool opens = true;
    for (size_t i = 0; i < gates->n; i++)
        opens = opens && gates->item[i].kind != CI_QA_GATE_OPENS;
    if (readers->of[0])
        CI_TRY(ci_qa_header_judge(gates, ci_fits_reader_header(readers->of[0]), limits));
    if (!opens || !same_size(gates, readers)) return CI_OK;
    ci_qa_gates_add(gates, CI_QA_GATE_OPENS, CI_QA_PASS, NAN, NAN, "all files open");
    if (!gates->refused)
        ci_qa_gates_add(gates, CI_QA_GATE_CHECKSUM, CI_QA_PASS, NAN, NAN,
                        "CHECKSUM and DATASUM hold");
    ci_status status = ci_qa_pixels_judge(gates, readers, s, limits);
    /* Pixels that cannot be read are the product's fault. */
    return status == CI_ERR_INPUT ? ci_qa_fault_gate(gates, CI_QA_GATE_OPENS, "", status) : status;
}

ci_status ci_qa_image_judge(ci_qa_gates *gates, const ci_qa_subject *s, const ci_qa_limits *limits)
{
    memset(gates, 0, sizeof *gates);
    const ci_qa_file files[CI_QA_N_READER] = {s->image, s->pb.path ? s->pb : s->weight, s->noise,
                                              s->residual};
    static const char *const names[CI_QA_N_READER] = {
        "image: ", "beam or weight: ", "noise: ", "residual: "};
    ci_qa_readers readers = {0};
    ci_status status = CI_OK;
    for (int k = 0; k < CI_QA_N_READER && status == CI_OK; k++)
        status = open_gate(gates, files[k], names[k], &readers.of[k]);
    if (status == CI_OK) status = judge_open(gates, &readers, s, limits);
    for (int k = 0; k < CI_QA_N_READER; k++)
        ci_fits_reader_close(readers.of[k]);
    return status;
}

/* qa: quality gates of calibration tables, tiles and mosaics: what was measured, which limit it
 * is compared with, and the verdict. Knows no database and no MPI. All functions are local. */
#ifndef CONTIMG_QA_H
#define CONTIMG_QA_H

#include "contimg/cal.h"

/* What tables, tiles and mosaics must meet; CONTIMG_QA_* and options override. A limit of images
 * that is relaxed (beyond its default) is said by a WARN of its gate. */
typedef struct ci_qa_limits
{
    struct ci_qa_table_limits
    {
        double warn_flagged, max_flagged;    /* 0.05, 0.30 of the solutions */
        double min_amplitude, max_amplitude; /* 0.1, 10, of the median over receptors */
        double max_phase_scatter_deg;        /* 30 */
        double max_structure;                /* 0.02, part of the flux */
        int min_antenna;                     /* 10, or all that the array has */
        double max_offset_arcsec; /* 60, at 1.4 GHz and above; below it grows as wavelength^2 */
    } table;
    struct ci_qa_image_limits
    {
        double max_noise_ratio, warn_noise_ratio; /* rms / thermal: 3, 1.5 */
        double max_flux_loss;                     /* 0.02, of a tile with gains of another */
        double min_dynamic_range, min_peak_snr;   /* 5, 5 */
        double min_flux_ratio, max_flux_ratio;    /* 0.8, 1.2 */
        double max_flux_offset;                   /* 0.02 from 1, by three errors */
        int64_t min_flux_match;                   /* 5 */
        double pb_cut;                            /* 0.2: NaN may stand outside */
        const char *const *provenance_cards;      /* NULL-terminated: further FITS cards that
                                                     must be there; NULL: none */
    } image;
} ci_qa_limits;
/* The noise that is warned of, over the one that is refused. */
#define CI_QA_WARN_NOISE 0.5
/* Sets the defaults that are named above. */
void ci_qa_limits_default(ci_qa_limits *limits);

/* ---- calibration tables --------------------------------------------------------------------- */

/* CI_ERR_GATE with the number and its limit, `what` (a path or a kind) in front; warnings to the
 * log. The numbers are ci_cal_table_quality's. */
CI_MUST_CHECK ci_status ci_qa_table_judge(const ci_cal_table *table, const ci_qa_limits *limits,
                                          const char *what);

/* Gate "position": whether the model's sources lie where the data have them, as gains that turn
 * with the Earth tell. CI_ERR_GATE where the offset times its levers is surely beyond its limit,
 * and phases turn evenly; a warning beyond a third of it, surely where antennas have no drift in
 * common. `model` (a file) for the text. */
CI_MUST_CHECK ci_status ci_qa_offset_judge(const ci_cal_offset *offset, const ci_qa_limits *limits,
                                           const char *model);
/* What the amplitudes of baselines say of the source against its model, likewise; not known:
 * passes.
 */
CI_MUST_CHECK ci_status ci_qa_structure_judge(const ci_cal_structure *structure,
                                              const ci_qa_limits *limits);

/* ---- images ---------------------------------------------------------------------------------- */

typedef enum ci_qa_outcome
{
    CI_QA_PASS,
    CI_QA_WARN,
    CI_QA_SKIP, /* cannot be judged, with the reason */
    CI_QA_FAIL,
    CI_QA_OUTCOME_COUNT
} ci_qa_outcome;

/* What an image is asked. */
typedef enum ci_qa_gate_kind
{
    CI_QA_GATE_OPENS,
    CI_QA_GATE_CHECKSUM,
    CI_QA_GATE_WCS,
    CI_QA_GATE_UNITS,
    CI_QA_GATE_BEAM,
    CI_QA_GATE_PROVENANCE,
    CI_QA_GATE_FINITE,
    CI_QA_GATE_NOISE,
    CI_QA_GATE_COHERENCE,
    CI_QA_GATE_DYNAMIC_RANGE,
    CI_QA_GATE_PEAK_SNR,
    CI_QA_GATE_FLUX_RATIO,
    CI_QA_GATE_COUNT
} ci_qa_gate_kind;
/* "opens", "checksum", ... of records, texts and databases. */
const char *ci_qa_gate_name(ci_qa_gate_kind kind);

enum
{
    CI_QA_TEXT = 2048, /* longer than a message can be */
    CI_QA_MAX_GATES = 48
};

typedef struct ci_qa_gate
{
    ci_qa_gate_kind kind;
    ci_qa_outcome outcome;
    double value, limit; /* NaN where it has none */
    char text[CI_QA_TEXT];
} ci_qa_gate;

typedef struct ci_qa_gates
{
    size_t n;
    ci_qa_gate item[CI_QA_MAX_GATES];
    bool refused; /* one has failed */
    bool warned;
} ci_qa_gates;
/* Appends a gate; the text is made as by printf and cut to CI_QA_TEXT. Where the list is full,
 * nothing is appended. */
void ci_qa_gates_add(ci_qa_gates *gates, ci_qa_gate_kind kind, ci_qa_outcome outcome, double value,
                     double limit, const char *format, ...) CI_PRINTF(6, 7);
/* [{gate, outcome, value, limit, text}]; the caller's. */
ci_json *ci_qa_gates_json(const ci_qa_gates *gates);
/* And back. CI_ERR_INPUT names a gate or an outcome that is unknown. */
CI_MUST_CHECK ci_status ci_qa_gates_parse(ci_qa_gates *gates, const ci_json *list);
/* "pass", "warn", "skip", "fail". */
const char *ci_qa_outcome_word(ci_qa_outcome outcome);
/* The first gate that failed, borrowed; NULL: none. */
const ci_qa_gate *ci_qa_gates_first_failed(const ci_qa_gates *gates);
/* The gates that failed in one line. */
void ci_qa_gates_text(const ci_qa_gates *gates, char out[CI_QA_TEXT]);

/* A file of an image. */
typedef struct ci_qa_file
{
    const char *path;  /* that is opened; NULL: no such file */
    const char *shown; /* its name in texts; NULL: the path */
} ci_qa_file;

/* The files of one image and what was measured of it. Borrowed texts; numbers NaN (or 0 matches)
 * where not known. */
typedef struct ci_qa_subject
{
    ci_qa_file image;    /* image.fits or mosaic.fits */
    ci_qa_file pb;       /* tile: pb.fits; none for a mosaic */
    ci_qa_file weight;   /* mosaic: weight.fits; none for a tile */
    ci_qa_file noise;    /* mosaic: noise.fits; none for a tile */
    ci_qa_file residual; /* tile: residual.fits, where the rms is measured; may be none */
    double thermal_jy, flux_ratio;
    double flux_ratio_err; /* not above 0: not known */
    int64_t n_flux_match;
    bool is_loss_doubted; /* tile: its gains are another's, and what their phases cost is ... */
    double flux_loss, flux_sigma; /* ... this part of the flux, with its error; NaN: not known */
    bool accept_incomplete;       /* files named by a person: what they cannot meet is skipped */
} ci_qa_subject;
/* Whether fluxes of `ratio` times the catalogue's are further from 1 than `limit` by three errors;
 * no where the error is not known. */
bool ci_qa_fluxes_are_off(double ratio, double error, double limit);
/* What may have made them so, and what to do: the end of a text. */
const char *ci_qa_fluxes_why(void);
/* Judges one image into *gates. The status tells only of judging itself: a file that is no image
 * or damaged is a gate that fails; one that the system would not open or read (CI_ERR_IO,
 * CI_ERR_MEMORY, CI_ERR_DISK) says nothing about the image. */
CI_MUST_CHECK ci_status ci_qa_image_judge(ci_qa_gates *gates, const ci_qa_subject *subject,
                                          const ci_qa_limits *limits);
/* A tile passes where its gates opens, checksum, wcs, beam, noise, coherence and dynamic_range
 * hold: the first of them that failed, borrowed; NULL: it passes. */
const ci_qa_gate *ci_qa_tile_first_failed(const ci_qa_gates *gates);

#endif

/* The parts of judging one image: its header and its pixels. Private to qa. All functions are
 * local. */
#ifndef CONTIMG_QA_QA_H
#define CONTIMG_QA_QA_H

#include "contimg/fits.h"
#include "contimg/qa.h"

enum
{
    CI_QA_N_READER = 4
};

/* The open files of one image: the image, its beam or weight, noise, residual; NULL: none. */
typedef struct ci_qa_readers
{
    ci_fits_reader *of[CI_QA_N_READER];
} ci_qa_readers;

/* A fault of the image becomes a gate that fails; one of the machine, which says nothing about the
 * image, is returned. */
CI_MUST_CHECK ci_status ci_qa_fault_gate(ci_qa_gates *gates, ci_qa_gate_kind kind, const char *what,
                                         ci_status status);
/* A limit beyond its default that the value makes use of. */
bool ci_qa_is_relaxed(double value, double limit, double normal, bool is_max);

/* header.c: wcs, units, beam, provenance. */
CI_MUST_CHECK ci_status ci_qa_header_judge(ci_qa_gates *gates, const ci_fits_header *header,
                                           const ci_qa_limits *limits);
/* pixels.c: finite, noise, dynamic range, peak, flux ratio. */
CI_MUST_CHECK ci_status ci_qa_pixels_judge(ci_qa_gates *gates, const ci_qa_readers *readers,
                                           const ci_qa_subject *subject,
                                           const ci_qa_limits *limits);

#endif

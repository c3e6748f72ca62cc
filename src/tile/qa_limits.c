/* The limits of the quality gates, from the configuration: the one file that maps them. */
#include "contimg/tile.h"

void ci_tile_qa_limits(ci_qa_limits *out, const ci_conf *conf)
{
    ci_qa_limits_default(out);
    out->table.max_flagged = ci_conf_double(conf, CI_CONF_OPT_QA_CAL_MAX_FLAGGED);
    out->table.min_amplitude = ci_conf_double(conf, CI_CONF_OPT_QA_CAL_MIN_AMP);
    out->table.max_amplitude = ci_conf_double(conf, CI_CONF_OPT_QA_CAL_MAX_AMP);
    out->table.max_phase_scatter_deg = ci_conf_double(conf, CI_CONF_OPT_QA_CAL_MAX_PHASE_SCATTER);
    out->table.max_structure = ci_conf_double(conf, CI_CONF_OPT_QA_CAL_MAX_STRUCTURE);
    out->table.min_antenna = (int)ci_conf_int(conf, CI_CONF_OPT_QA_CAL_MIN_ANTENNAS);
    out->table.max_offset_arcsec = ci_conf_double(conf, CI_CONF_OPT_QA_CAL_MAX_OFFSET);
    out->image.max_noise_ratio = ci_conf_double(conf, CI_CONF_OPT_QA_IMG_MAX_NOISE_RATIO);
    out->image.warn_noise_ratio = CI_QA_WARN_NOISE * out->image.max_noise_ratio;
    out->image.max_flux_loss = ci_conf_double(conf, CI_CONF_OPT_QA_IMG_MAX_FLUX_LOSS);
    out->image.max_flux_offset = ci_conf_double(conf, CI_CONF_OPT_QA_IMG_MAX_FLUX_OFFSET);
    out->image.min_dynamic_range = ci_conf_double(conf, CI_CONF_OPT_QA_IMG_MIN_DYNAMIC_RANGE);
    out->image.min_peak_snr = ci_conf_double(conf, CI_CONF_OPT_QA_IMG_MIN_PEAK_SNR);
}

/* Samples between "as measured" and "as gridded", as a template (see taps.h). All functions are
 * local. */

/* exp(-2 pi i w t_mid) of a run of a segment's samples, times the correction at their v that a
 * slant asks for. */
CI_ISA_INLINE void NAME(phases)(const ci_grid_operator *g, const ci_grid_segment *segment,
                                size_t first, size_t n, REAL *cosine, REAL *sine)
{
    const double *freq = g->freq_hz + segment->freq_first + first;
    const ci_grid_slant *slant = &g->plan.slant;
    double v_slope = segment->slope_v / (g->plan.cell_rad * (double)g->plan.n_v);
    double w_slope = segment->slope_w * g->plan.w_step;
    double slope = -(w_slope + (slant->is_on ? slant->slope * v_slope : 0.0)) * g->plan.t_mid;
    for (size_t i = 0; i < n; i++) {
        REAL turns = (REAL)ci_num_turns_fraction(slope * freq[i]);
        COS_SIN(turns, &cosine[i], &sine[i]);
    }
    if (!slant->is_on) return;
    REAL y[CHUNK], correction[CHUNK];
    for (size_t i = 0; i < n; i++) {
        REAL z = (REAL)(v_slope / slant->v_most * freq[i]);
        y[i] = 4 * z * z - 2;
    }
    NAME(series)(&slant->correction, y, n, correction);
    for (size_t i = 0; i < n; i++) {
        cosine[i] *= correction[i];
        sine[i] *= correction[i];
    }
}

CI_ISA_INLINE void NAME(values_weight_phase_apply)(const ci_grid_operator *g, bool unit,
                                                   void *owned)
{
    CPLX *values = owned;
    REAL cosine[CHUNK], sine[CHUNK];
    for (size_t k = 0; k < g->n_segment; k++) {
        const ci_grid_segment *segment = &g->segment[k];
        REAL sign = segment->is_conjugate ? -1 : 1;
        for (size_t first = 0; first < segment->n_chan; first += CHUNK) {
            size_t left = segment->n_chan - first, n = left < CHUNK ? left : CHUNK;
            REAL *value = (REAL *)(values + segment->sample_first + first);
            const float *weight = g->weight + segment->sample_first + first;
            NAME(phases)(g, segment, first, n, cosine, sine);
            for (size_t i = 0; i < n; i++) {
                REAL re = unit ? 1 : value[2 * i], im = unit ? 0 : sign * value[2 * i + 1];
                value[2 * i] = (REAL)weight[i] * (re * cosine[i] - im * sine[i]);
                value[2 * i + 1] = (REAL)weight[i] * (re * sine[i] + im * cosine[i]);
            }
        }
    }
}
CI_ISA_INSTANCES(NAME(values_weight_phase_apply),
                 (const ci_grid_operator *g, bool unit, void *owned), (g, unit, owned))

CI_ISA_INLINE void NAME(values_phase_remove)(const ci_grid_operator *g, void *owned)
{
    CPLX *values = owned;
    REAL cosine[CHUNK], sine[CHUNK];
    for (size_t k = 0; k < g->n_segment; k++) {
        const ci_grid_segment *segment = &g->segment[k];
        REAL sign = segment->is_conjugate ? -1 : 1;
        for (size_t first = 0; first < segment->n_chan; first += CHUNK) {
            size_t left = segment->n_chan - first, n = left < CHUNK ? left : CHUNK;
            REAL *value = (REAL *)(values + segment->sample_first + first);
            const float *weight = g->weight + segment->sample_first + first;
            NAME(phases)(g, segment, first, n, cosine, sine);
            for (size_t i = 0; i < n; i++) {
                REAL keep = weight[i] > 0 ? 1 : 0, re = value[2 * i], im = value[2 * i + 1];
                value[2 * i] = keep * (re * cosine[i] + im * sine[i]);
                value[2 * i + 1] = keep * sign * (im * cosine[i] - re * sine[i]);
            }
        }
    }
}
CI_ISA_INSTANCES(NAME(values_phase_remove), (const ci_grid_operator *g, void *owned), (g, owned))

/* Prediction and rephasing against the plain formula, written out here. */
#include "sky_data.h"

#include <complex.h>

#include "../../src/sky/kernel.h"

#define TIME (59625.1490329 * CI_DAY_S)
#define DEC_APP 0.2839650692994774

static ci_vis_phase_centre meridian(void)
{
    return (ci_vis_phase_centre){.kind = CI_VIS_PHASING_MERIDIAN, .dec_rad = DEC_APP};
}

static ci_vis_phase_centre sidereal(double ra_rad, double dec_rad)
{
    return (ci_vis_phase_centre){
        .kind = CI_VIS_PHASING_SIDEREAL, .ra_rad = ra_rad, .dec_rad = dec_rad};
}

/* n sources within some 2 degrees of a place, of many spectra, a quarter negative, a
 * quarter extended. */
static ci_sky_model *some_sources(double ra_rad, double dec_rad, size_t n)
{
    ci_sky_model *model = NULL;
    OK(ci_sky_model_new(&model));
    for (size_t i = 0; i < n; i++) {
        double x = (double)i;
        ci_sky_source s = {.ra_rad = ra_rad + 0.035 * sin(1.7 * x),
                           .dec_rad = dec_rad + 0.035 * sin(2.3 * x + 1),
                           .flux_jy = (i % 4 == 3 ? -1 : 1) / (1 + x),
                           .ref_freq_hz = 1.4e9,
                           .spectral_index = 0.1 * (double)(i % 12) - 0.8};
        if (i % 4 >= 2) {
            s.major_rad = (3 + x) * CI_ARCSEC_TO_RAD;
            s.minor_rad = (2 + 0.5 * x) * CI_ARCSEC_TO_RAD;
            s.pa_rad = 0.4 * x;
        }
        OK(ci_sky_model_append(model, &s));
    }
    return model;
}

static double dot(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* The formula for one sample; extended sources by the closed form, u and v at the source's
 * own place. */
static double complex formula(const ci_sky_model *model, const ci_sky_beam *beam,
                              const ci_sky_pointing *pointing, const ci_sky_frame *frame,
                              const double b[3], const double s0[3], double nu)
{
    double complex sum = 0;
    for (size_t k = 0; k < model->n_source; k++) {
        const ci_sky_source *s = &model->source[k];
        double d[3], basis[3][3];
        ci_sky_direction(frame, s->ra_rad, s->dec_rad, d);
        ci_sky_uvw_basis(frame, s->ra_rad, s->dec_rad, basis);
        double u = dot(basis[0], b) * nu / CI_C_M_S, v = dot(basis[1], b) * nu / CI_C_M_S;
        double along = u * sin(s->pa_rad) + v * cos(s->pa_rad);
        double across = u * cos(s->pa_rad) - v * sin(s->pa_rad);
        double x = pow(CI_PI * s->major_rad * along, 2) + pow(CI_PI * s->minor_rad * across, 2);
        double flux =
            s->flux_jy * pow(nu / s->ref_freq_hz, s->spectral_index) * exp(-x / (4 * log(2)));
        if (beam) flux *= ci_sky_beam_power(beam, pointing, frame, s->ra_rad, s->dec_rad, nu);
        double phase = CI_TWO_PI * nu / CI_C_M_S * (dot(d, b) - dot(s0, b));
        sum += flux * (cos(phase) + I * sin(phase));
    }
    return sum;
}

/* Largest difference of a prediction from the formula over every 7th row and channel. */
static double worst_of(const ci_sky_eop *eop, const ci_vis_block *block, const ci_sky_model *model,
                       const ci_sky_beam *beam, const ci_sky_pointing *pointing,
                       const ci_c32 *predicted)
{
    const ci_vis_meta *meta = block->meta;
    double worst = 0;
    for (size_t i = 0; i < block->n_row; i += 7) {
        ci_sky_frame *frame = NULL;
        OK(ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[block->i_time[i]], 0));
        double s0[3] = {0}, b[3];
        if (meta->phase->kind == CI_VIS_PHASING_MERIDIAN)
            ci_sky_direction_apparent(frame, 0, meta->phase->dec_rad, s0);
        if (meta->phase->kind == CI_VIS_PHASING_SIDEREAL)
            ci_sky_direction(frame, meta->phase->ra_rad, meta->phase->dec_rad, s0);
        const ci_vis_antenna *a = meta->array.antenna;
        for (int q = 0; q < 3; q++)
            b[q] = a[meta->baseline_ant2[block->i_baseline[i]]].pos_ecef_m[q] -
                   a[meta->baseline_ant1[block->i_baseline[i]]].pos_ecef_m[q];
        for (size_t c = 0; c < block->n_chan; c += 7) {
            double complex v = formula(model, beam, pointing, frame, b, s0, block->freq_hz[c]);
            worst = fmax(worst, cabs(v - (double complex)predicted[i * block->n_chan + c]));
        }
        ci_sky_frame_free(frame);
    }
    return worst;
}

static double total_flux(const ci_sky_model *model)
{
    double sum = 0;
    for (size_t k = 0; k < model->n_source; k++)
        sum += fabs(model->source[k].flux_jy);
    return sum;
}

/* All kinds of sources, with a drifting beam, over 100 channels (two tiles); once evenly
 * spaced, once with a gap, which the recurrence must not step over. */
static void against_the_formula(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_phase_centre phases[3] = {meridian(), sidereal(1.4, 0.28), {0}};
    for (int k = 0; k < 6; k++) {
        ci_vis_array array = sky_data_stations();
        ci_vis_meta *meta =
            sky_data_meta(&array, TIME, 100, 2, 1.311e9, 244140.625, 100, phases[k % 3]);
        if (k >= 3)
            for (size_t c = 50; c < 100; c++)
                meta->sub_band->freq_hz[c] += 3.3e6;
        ci_sky_beam *beam = NULL;
        OK(ci_sky_beam_new(&beam, k % 2 ? "auto" : "none", &meta->array));
        assert_int_equal(ci_sky_beam_is_none(beam), k % 2 == 0);
        ci_sky_pointing pointing;
        OK(ci_sky_pointing_from(meta, &pointing));
        if (k % 3 == 2) pointing.dec_app_rad = DEC_APP;
        ci_sky_model *model = some_sources(1.4, 0.284, 37);
        ci_vis_block *block = sky_data_block(meta, 0, meta->n_baseline);
        ci_c32 *out = sky_data_alloc(block->n_row * block->n_chan, sizeof *out);
        OK(ci_sky_predict(&(ci_sky_scene){eop, model, beam, &pointing, CI_ISA_PLAIN, NULL}, block,
                          out));
        double worst = worst_of(eop, block, model, beam, &pointing, out) / total_flux(model);
        print_message("predict %d: worst difference %.2e of the total flux\n", k, worst);
        assert_true(worst < 1e-6);
        ci_mem_free(out);
        ci_vis_block_free(block);
        ci_sky_model_free(model);
        ci_sky_beam_free(beam);
        ci_vis_meta_free(meta);
    }
    ci_sky_eop_free(eop);
}

/* A block of some baselines holds the same bytes as those of the whole. */
static void same_bytes_in_parts(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_array array = sky_data_stations();
    ci_vis_meta *meta = sky_data_meta(&array, TIME, 13, 3, 1.4e9, 244140.625, 48, meridian());
    ci_sky_model *model = some_sources(1.4, 0.284, 50);
    ci_sky_beam *beam = NULL;
    OK(ci_sky_beam_new(&beam, "airy:4.65", NULL));
    ci_sky_pointing pointing;
    OK(ci_sky_pointing_from(meta, &pointing));
    ci_vis_block *whole = sky_data_block(meta, 0, meta->n_baseline);
    size_t size = whole->n_row * whole->n_chan;
    ci_c32 *a = sky_data_alloc(size, sizeof *a), *b = sky_data_alloc(size, sizeof *b);
    OK(ci_sky_predict(&(ci_sky_scene){eop, model, beam, &pointing, CI_ISA_PLAIN, NULL}, whole, a));
    size_t at = 0;
    for (size_t first = 0; first < meta->n_baseline; first += 31) {
        size_t n = meta->n_baseline - first < 31 ? meta->n_baseline - first : 31;
        ci_vis_block *part = sky_data_block(meta, first, n);
        OK(ci_sky_predict(&(ci_sky_scene){eop, model, beam, &pointing, CI_ISA_PLAIN, NULL}, part,
                          b + at));
        at += part->n_row * part->n_chan;
        ci_vis_block_free(part);
    }
    assert_int_equal(at, size);
    assert_memory_equal(a, b, size * sizeof *a);
    ci_mem_free(a);
    ci_mem_free(b);
    ci_vis_block_free(whole);
    ci_sky_beam_free(beam);
    ci_sky_model_free(model);
    ci_vis_meta_free(meta);
    ci_sky_eop_free(eop);
}

/* Points alone and in pairs (the second of a pair as the first alone), and extended sources. */
static void same_bytes_on_any_machine(void **state)
{
    (void)state;
    enum
    {
        N = CI_SKY_CHUNK * CI_SKY_LANES,
        N_OUT = 2 * CI_SKY_LANES
    };
    float a[2][2 * N], b[2 * N], e[N], one[N_OUT], wide[2][N_OUT];
    for (int i = 0; i < 2 * N; i++) {
        a[0][i] = (float)sin(0.7 * i);
        a[1][i] = (float)sin(0.9 * i);
        b[i] = (float)cos(1.3 * i * i);
        if (i < N) e[i] = (float)exp(-0.01 * i);
    }
    for (int k = 0; k < CI_ISA_COUNT; k++) {
        if (!ci_isa_has((ci_isa)k)) continue;
        for (size_t n = 0; n < 3; n++) { /* 0: extended */
            ci_sky_sum sum = {n > 0 ? n : 1,    CI_SKY_CHUNK, {a[0], a[1]},      b,
                              n > 0 ? NULL : e, -1,           {wide[0], wide[1]}};
            memset(wide, 0, sizeof wide);
            ci_sky_kernel_get((ci_isa)k)(&sum);
            memset(one, 0, sizeof one);
            sum.wave1[0] = a[n == 2];
            sum.sum[0] = one;
            sum.n_baseline = 1;
            ci_sky_kernel_get(CI_ISA_PLAIN)(&sum);
            assert_true(fabsf(one[0]) > 0.01F);
            assert_memory_equal(one, wide[n == 2], sizeof one);
        }
    }
}

/* Puts a prediction into a block's data, both polarisations. */
static void put(ci_vis_block *block, const ci_c32 *v)
{
    for (size_t i = 0; i < block->n_row * block->n_chan; i++)
        block->data[2 * i] = block->data[2 * i + 1] = v[i];
}

/* Data made in any phasing and moved to a sidereal centre are what is predicted there; uvw
 * are the basis on the baselines; the way back restores the data. */
static void rephase(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_phase_centre phases[3] = {meridian(), sidereal(1.41, 0.29), {0}};
    for (int k = 0; k < 3; k++) {
        ci_vis_array array = sky_data_stations();
        ci_vis_set *set = sky_data_alloc(1, sizeof *set);
        set->meta = sky_data_meta(&array, TIME, 150, 3, 1.4e9, 244140.625, 48, phases[k]);
        set->block = sky_data_alloc(1, sizeof *set->block);
        set->n_block = 1;
        ci_vis_block *block = set->block[0] = sky_data_block(set->meta, 0, set->meta->n_baseline);
        ci_sky_model *model = some_sources(1.4, 0.284, 9);
        size_t size = block->n_row * block->n_chan;
        ci_c32 *out = sky_data_alloc(size, sizeof *out);
        OK(ci_sky_predict(&(ci_sky_scene){eop, model, NULL, NULL, CI_ISA_PLAIN, NULL}, block, out));
        put(block, out);
        ci_c32 *first = sky_data_alloc(2 * size, sizeof *first);
        memcpy(first, block->data, 2 * size * sizeof *first);
        OK(ci_sky_set_rephase(eop, set, 1.395, 0.2835, ci_isa_widest()));
        assert_int_equal(set->meta->n_phase, 1);
        assert_int_equal(set->meta->phase->kind, CI_VIS_PHASING_SIDEREAL);
        OK(ci_sky_predict(&(ci_sky_scene){eop, model, NULL, NULL, CI_ISA_PLAIN, NULL}, block, out));
        double worst = 0, worst_back = 0;
        for (size_t i = 0; i < size; i++)
            worst = fmax(worst, cabsf(out[i] - block->data[2 * i + 1]));
        ci_sky_frame *frame = NULL;
        OK(ci_sky_frame_new(&frame, eop, &set->meta->array, set->meta->time_mjd_s[2], 0));
        double basis[3][3], b[3];
        ci_sky_uvw_basis(frame, 1.395, 0.2835, basis);
        size_t row = sky_data_row(set->meta, 2, 7, 2);
        for (int q = 0; q < 3; q++)
            b[q] = set->meta->array.antenna[7].pos_ecef_m[q] -
                   set->meta->array.antenna[2].pos_ecef_m[q];
        for (int q = 0; q < 3; q++)
            assert_true(fabs(block->uvw_m[3 * row + (size_t)q] - dot(basis[q], b)) < 1e-8);
        ci_sky_frame_free(frame);
        if (k == 1) {
            OK(ci_sky_set_rephase(eop, set, 1.41, 0.29, ci_isa_widest()));
            for (size_t i = 0; i < 2 * size; i++)
                worst_back = fmax(worst_back, cabsf(first[i] - block->data[i]));
            /* Where the data lie already nothing may change, not by one bit. */
            memcpy(first, block->data, 2 * size * sizeof *first);
            OK(ci_sky_set_rephase(eop, set, 1.41, 0.29, ci_isa_widest()));
            assert_memory_equal(first, block->data, 2 * size * sizeof *first);
        }
        double flux = total_flux(model);
        print_message("rephase %d: %.2e, back %.2e of the total flux\n", k, worst / flux,
                      worst_back / flux);
        assert_true(worst < 1e-6 * flux && worst_back < 1e-6 * flux);
        ci_mem_free(first);
        ci_mem_free(out);
        ci_sky_model_free(model);
        ci_vis_set_free(set);
    }
    ci_sky_eop_free(eop);
}

/* The same bytes with each instruction set. */
static void rephase_on_any_machine(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_array array = sky_data_stations();
    ci_vis_meta *meta = sky_data_meta(&array, TIME, 150, 2, 1.4e9, 244140.625, 37, meridian());
    ci_vis_block *block = sky_data_block(meta, 0, meta->n_baseline), *kept = NULL;
    size_t n = block->n_row * block->n_chan * block->n_pol;
    for (size_t i = 0; i < n; i++)
        block->data[i] = (float)sin((double)i) + I * (float)cos(1.7 * (double)i);
    for (int isa = 0; isa < CI_ISA_COUNT; isa++) {
        ci_vis_block *moved = NULL;
        if (!ci_isa_has((ci_isa)isa)) continue;
        OK(ci_vis_block_copy(&moved, block));
        OK(ci_sky_rephase(eop, moved, 1.395, 0.2835, (ci_isa)isa));
        if (!kept) kept = moved;
        assert_memory_equal(kept->data, moved->data, n * sizeof *moved->data);
        if (kept != moved) ci_vis_block_free(moved);
    }
    ci_vis_block_free(kept);
    ci_vis_block_free(block);
    ci_vis_meta_free(meta);
    ci_sky_eop_free(eop);
}

/* Not moving a drifting tile to one centre would smear it; moved, a source at the centre is
 * constant, and the default centre is where the meridian is at mid time. */
static void default_centre(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_array array = sky_data_stations();
    ci_vis_meta *meta =
        sky_data_meta(&array, TIME, 12.884902, 24, 1.4e9, 244140.625, 1, meridian());
    double ra, dec, ha, dec_app;
    OK(ci_sky_centre_default(eop, meta, &ra, &dec));
    ci_sky_frame *frame = NULL;
    OK(ci_sky_frame_new(&frame, eop, &meta->array, TIME + 11.5 * 12.884902, 0));
    ci_sky_apparent(frame, ra, dec, &ha, &dec_app);
    assert_true(fabs(ha) < 1e-10 && fabs(dec_app - DEC_APP) < 1e-11);
    meta->phase->kind = CI_VIS_PHASING_UNPROJECTED;
    OK(ci_sky_centre_default(eop, meta, &ra, &dec));
    ci_sky_apparent(frame, ra, dec, &ha, &dec_app);
    assert_true(fabs(ha) < 1e-10 && fabs(dec_app - meta->array.lat_rad) < 1e-11);
    ci_sky_frame_free(frame);
    *meta->phase = sidereal(2, 0.5);
    OK(ci_sky_centre_default(eop, meta, &ra, &dec));
    assert_true(ra == 2 && dec == 0.5);
    meta->n_phase = 0;
    assert_int_equal(ci_sky_centre_default(eop, meta, &ra, &dec), CI_ERR_INPUT);
    meta->n_phase = 1;
    ci_vis_meta_free(meta);
    ci_sky_eop_free(eop);
}

/* The dish stands still: a source drifts through (2 J1(x)/x)^2, whose half power is at
 * x = 1.61634. */
static void drifting_beam(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_array array = sky_data_stations();
    ci_vis_meta *meta = sky_data_meta(&array, TIME, 13, 2, 1.4e9, 1e6, 1, meridian());
    ci_sky_pointing pointing;
    OK(ci_sky_pointing_from(meta, &pointing));
    assert_true(pointing.is_fixed && pointing.ha_rad == 0 && pointing.dec_app_rad == DEC_APP);
    ci_sky_beam *beam = NULL;
    OK(ci_sky_beam_new(&beam, "auto", &meta->array));
    assert_string_equal(ci_sky_beam_text(beam), "airy:4.65");
    double half = asin(1.61634 * CI_C_M_S / (CI_PI * 4.65 * 1.4e9)), ra, dec, l, m;
    assert_true(fabs(2 * half * CI_RAD_TO_DEG - 2.715) < 0.005);
    ci_sky_frame *frame = NULL;
    OK(ci_sky_frame_new(&frame, eop, &meta->array, TIME, 0));
    ci_sky_icrs(frame, 0, DEC_APP + half, &ra, &dec);
    assert_true(fabs(ci_sky_beam_power(beam, &pointing, frame, ra, dec, 1.4e9) - 0.5) < 1e-5);
    /* 4 minutes later it is a degree west of the meridian. */
    ci_sky_frame *later = NULL;
    OK(ci_sky_frame_new(&later, eop, &meta->array, TIME + 240, 0));
    assert_true(ci_sky_beam_lm(&pointing, later, ra, dec, &l, &m));
    assert_true(fabs(l + sin(CI_TWO_PI * 240 * 1.0027379 / 86400) * cos(DEC_APP + half)) < 1e-6);
    double x = CI_PI * 4.65 * 1.4e9 / CI_C_M_S * hypot(l, m), airy = 2 * j1(x) / x;
    assert_true(fabs(ci_sky_beam_power(beam, &pointing, later, ra, dec, 1.4e9) - airy * airy) <
                1e-12);
    /* East of the meridian is at positive l; behind the dish there is nothing. */
    ci_sky_icrs(frame, -0.01, DEC_APP, &ra, &dec);
    assert_true(ci_sky_beam_lm(&pointing, frame, ra, dec, &l, &m) && l > 0);
    assert_true(ci_sky_beam_power(beam, &pointing, frame, ra + CI_PI, -dec, 1.4e9) == 0);
    /* A tracking dish follows. */
    *meta->phase = sidereal(ra, dec);
    OK(ci_sky_pointing_from(meta, &pointing));
    assert_true(!pointing.is_fixed);
    assert_true(fabs(ci_sky_beam_power(beam, &pointing, later, ra, dec, 1.4e9) - 1) < 1e-12);
    ci_sky_frame_free(frame);
    ci_sky_frame_free(later);
    ci_sky_beam_free(beam);
    assert_int_equal(ci_sky_beam_new(&beam, "airy:x", NULL), CI_ERR_USAGE);
    assert_int_equal(ci_sky_beam_new(&beam, "gauss", NULL), CI_ERR_USAGE);
    meta->array.antenna[1].diameter_m = 0;
    OK(ci_sky_beam_new(&beam, "auto", &meta->array));
    assert_false(ci_sky_beam_is_none(beam)); /* one unknown is no other size */
    ci_sky_beam_free(beam);
    meta->array.antenna[2].diameter_m = 12;
    OK(ci_sky_beam_new(&beam, "auto", &meta->array));
    assert_true(ci_sky_beam_is_none(beam));
    ci_sky_beam_free(beam);
    ci_vis_meta_free(meta);
    ci_sky_eop_free(eop);
}

/* pyuvsim's single source (unprojected, 1 Jy at ICRS 0, -30 deg): the phase of baseline 1-3,
 * whose two beams are real, is that of the geometry. */
static void pyuvsim_phase(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    const double lat = -30.721527777777855 * CI_DEG_TO_RAD,
                 lon = 21.428305555555557 * CI_DEG_TO_RAD;
    const double relative[2][3] = {{-7.233264883980155, 18.430309827206656, 0},
                                   {-15.843807228840888, -6.218151270179078, 10.114583950024098}};
    ci_vis_array array = {.lat_rad = lat, .lon_rad = lon, .height_m = 1073, .n_antenna = 2};
    array.antenna = sky_data_alloc(2, sizeof *array.antenna);
    double origin[3];
    ci_sky_geodetic_to_ecef(lat, lon, 1073, origin);
    for (int a = 0; a < 2; a++)
        for (int q = 0; q < 3; q++)
            array.antenna[a].pos_ecef_m[q] = origin[q] + relative[a][q];
    ci_vis_meta *meta = sky_data_meta(&array, (2457458.1738949567 - 2400000.5) * CI_DAY_S, 11, 1,
                                      1e8, 1e6, 1, (ci_vis_phase_centre){0});
    ci_vis_block *block = sky_data_block(meta, 0, 3);
    ci_sky_model *model = NULL;
    OK(ci_sky_model_new(&model));
    ci_sky_source source = {.dec_rad = -30 * CI_DEG_TO_RAD, .flux_jy = 1, .ref_freq_hz = 1e8};
    OK(ci_sky_model_append(model, &source));
    ci_c32 out[3];
    OK(ci_sky_predict(&(ci_sky_scene){eop, model, NULL, NULL, CI_ISA_PLAIN, NULL}, block, out));
    assert_true(fabs(cargf(out[1]) * CI_RAD_TO_DEG - 110.8315) < 1e-3);
    assert_true(fabs(cabsf(out[1]) - 1) < 1e-6 && fabs(cimagf(out[0])) < 1e-7);
    ci_sky_model_free(model);
    ci_vis_block_free(block);
    ci_vis_meta_free(meta);
    ci_sky_eop_free(eop);
}

static void refusals(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_array array = sky_data_stations();
    ci_vis_meta *meta = sky_data_meta(&array, TIME, 13, 1, 3e8, 1e6, 2, meridian());
    ci_vis_block *block = sky_data_block(meta, 0, 3);
    ci_c32 out[6];
    ci_sky_model *model = NULL;
    OK(ci_sky_model_new(&model));
    ci_sky_source source = {.name = "3C444", .n_poly = 1, .poly_min_hz = 1e9, .poly_max_hz = 2e9};
    OK(ci_sky_model_append(model, &source));
    assert_int_equal(
        ci_sky_predict(&(ci_sky_scene){eop, model, NULL, NULL, CI_ISA_PLAIN, NULL}, block, out),
        CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "3C444"));
    block->i_time[0] = 5;
    assert_int_equal(
        ci_sky_predict(&(ci_sky_scene){eop, model, NULL, NULL, CI_ISA_PLAIN, NULL}, block, out),
        CI_ERR_INTERNAL);
    assert_int_equal(ci_sky_rephase(eop, block, 0, 0, ci_isa_widest()), CI_ERR_INTERNAL);
    ci_sky_model_free(model);
    ci_vis_block_free(block);
    ci_vis_meta_free(meta);
    ci_sky_eop_free(eop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(against_the_formula),
        UNIT_TEST(same_bytes_in_parts),
        UNIT_TEST(same_bytes_on_any_machine),
        UNIT_TEST(rephase),
        UNIT_TEST(rephase_on_any_machine),
        UNIT_TEST(default_centre),
        UNIT_TEST(drifting_beam),
        UNIT_TEST(pyuvsim_phase),
        UNIT_TEST(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The offset of a model from the sky by gains that turn with the Earth: gains are written by the
 * formula exp(-2 pi i nu/c r.(s(true) - s(model))) of directions at hour angle and declination. */
#include "unit_case.h"

#include "contimg/qa.h"
#include "random.h"

#include <complex.h>
#include <math.h>

enum
{
    N_TIME = 24,
    N_FEED = 2,
    MOST = 96
};

static const double earth_rad_s = 7.2921159e-5, longitude = -2.064, latitude = 0.65,
                    usual_dec = 0.55;
static const double step_s = 12.88, deg_per_hour = CI_DEG_TO_RAD / 3600;

/* What a table's phases are made of, besides a constant for each receptor. */
typedef struct sky_case
{
    size_t n_antenna;
    double east_arcsec, north_arcsec; /* of the sky from the model */
    double drift, noise_rad;          /* random rates of antennas, deg/h; noise of each phase */
    double group;                     /* a rate that all north of 150 m have */
    size_t n_step;                    /* antennas whose phase steps by a radian in mid tile */
    double step_far;                  /* these stand so many times farther out; 0: 1 */
    size_t n_flat;                    /* antennas on a line from east to west */
    double dec;                       /* 0: the usual one */
    double slope;                     /* of the air, to the east: rad/m more each second */
    double wave_rad, wave_m, wave_s;  /* a travelling wave of it, to the east */
    uint64_t seed;
} sky_case;

static double normal(uint64_t *state)
{
    double size = sqrt(-2 * log(test_random_next(state)));
    return size * cos(CI_TWO_PI * test_random_next(state));
}

/* s at an angle g from the Greenwich meridian: docs/science.md, times and directions, 3. */
static void direction(double g, double d, double s[3])
{
    s[0] = cos(d) * cos(g);
    s[1] = -cos(d) * sin(g);
    s[2] = sin(d);
}

static double dec_of(const sky_case *c)
{
    return c->dec != 0 ? c->dec : usual_dec;
}

static double angle_at(size_t t)
{
    return (step_s * (double)t - 150) * earth_rad_s - longitude;
}

/* East and north: derivatives of s by right ascension, which hour angles fall with, over cos dec,
 * and by declination. */
static void axes_make(double dec, double *axes)
{
    for (size_t t = 0; t < N_TIME; t++) {
        double g = angle_at(t);
        const double of[6] = {sin(g), cos(g), 0, -sin(dec) * cos(g), sin(dec) * sin(g), cos(dec)};
        memcpy(axes + 6 * t, of, sizeof of);
    }
}

static void place(const sky_case *c, size_t a, uint64_t *state, double enu_m[2], double ecef_m[3])
{
    double far = a < c->n_step && c->step_far > 0 ? c->step_far : 1;
    for (int k = 0; k < 2; k++)
        enu_m[k] = 700 * far * normal(state);
    if (a < c->n_flat) enu_m[1] = 0;
    double x = -enu_m[1] * sin(latitude);
    ecef_m[0] = -2.4e6 + x * cos(longitude) - enu_m[0] * sin(longitude);
    ecef_m[1] = -4.5e6 + x * sin(longitude) + enu_m[0] * cos(longitude);
    ecef_m[2] = 3.8e6 + enu_m[1] * cos(latitude);
}

/* Phase that the sky gives a receptor at r. */
static double sky_phase(const sky_case *c, const double r[3], size_t t, double freq_hz)
{
    double east = c->east_arcsec * CI_ARCSEC_TO_RAD, north = c->north_arcsec * CI_ARCSEC_TO_RAD;
    double is[3], model[3], sum = 0, dec = dec_of(c);
    direction(angle_at(t) - east / cos(dec), dec + north, is);
    direction(angle_at(t), dec, model);
    for (int k = 0; k < 3; k++)
        sum += r[k] * (is[k] - model[k]);
    return -CI_TWO_PI * freq_hz / CI_C_M_S * sum;
}

/* Phase that the air gives an antenna so far to the east. */
static double air_phase(const sky_case *c, double east_m, size_t t)
{
    double s = step_s * (double)t, phase = c->slope * east_m * s;
    if (c->wave_m > 0) phase += c->wave_rad * sin(CI_TWO_PI * (east_m / c->wave_m - s / c->wave_s));
    return phase;
}

static ci_cal_table *table_make(const sky_case *c)
{
    ci_cal_table *table = NULL;
    ci_vis_antenna antenna[MOST] = {0};
    ci_vis_array array = {.n_antenna = c->n_antenna, .antenna = antenna};
    double enu_m[MOST][2], jump[N_FEED][N_TIME];
    uint64_t state = c->seed + 77;
    for (size_t a = 0; a < c->n_antenna; a++) {
        place(c, a, &state, enu_m[a], antenna[a].pos_ecef_m);
    }
    for (size_t i = 0; i < N_FEED * N_TIME; i++) /* of the reference antenna */
        jump[i / N_TIME][i % N_TIME] = CI_TWO_PI * test_random_next(&state);
    OK(ci_cal_table_new(&table, CI_CAL_GAIN, &array, N_TIME, 1, N_FEED));
    table->freq_hz[0] = 1.4e9;
    for (size_t t = 0; t < N_TIME; t++)
        table->time_mjd_s[t] = 5.2e9 + step_s * (double)t;
    for (size_t a = 0; a < c->n_antenna; a++) {
        double rate = c->drift * normal(&state) + (enu_m[a][1] > 150 ? c->group : 0);
        for (size_t h = 0; h < N_FEED; h++) {
            double first = CI_TWO_PI * test_random_next(&state);
            for (size_t t = 0; t < N_TIME; t++) {
                double phase = first + sky_phase(c, antenna[a].pos_ecef_m, t, 1.4e9) + jump[h][t];
                phase += rate * deg_per_hour * step_s * (double)t + c->noise_rad * normal(&state);
                phase += air_phase(c, enu_m[a][0], t);
                if (a < c->n_step && t >= N_TIME / 2) phase += 1;
                table->gain[ci_cal_index(table, t, 0, a, h)] = 3 * cexp(I * phase);
            }
        }
    }
    return table;
}

static ci_cal_offset offset_at(double dec, const ci_cal_table *table)
{
    double axes[6 * N_TIME];
    ci_cal_offset out;
    axes_make(dec, axes);
    OK(ci_cal_offset_find(table, axes, &out));
    return out;
}

static ci_cal_offset offset_of(const ci_cal_table *table)
{
    return offset_at(usual_dec, table);
}

static ci_cal_offset case_offset(const sky_case *c)
{
    ci_cal_table *table = table_make(c);
    ci_cal_offset out = offset_at(dec_of(c), table);
    ci_cal_table_free(table);
    return out;
}

static void near_arcsec(double got_rad, double want, double tolerance)
{
    unit_near(got_rad * CI_RAD_TO_ARCSEC, want, tolerance);
}

/* ---- offsets --------------------------------------------------------------------------------- */

static void test_offsets_are_found(void **state)
{
    (void)state;
    /* To first order: of 0.7 degrees the second is some tens of arcsec. */
    static const double offset[][3] = {
        {60, -25, 0.1}, {-20, 0, 0.1}, {0, 120, 0.1}, {2300, 1000, 50}};
    for (size_t i = 0; i < 4; i++) {
        const sky_case c = {
            .n_antenna = 40, .east_arcsec = offset[i][0], .north_arcsec = offset[i][1], .seed = i};
        ci_cal_offset o = case_offset(&c);
        assert_true(o.n_antenna >= 38);
        near_arcsec(o.east_rad, offset[i][0], offset[i][2]);
        near_arcsec(o.north_rad, offset[i][1], offset[i][2]);
        double turning = hypot(offset[i][0], sin(usual_dec) * offset[i][1]);
        near_arcsec(o.sure_rad, turning, 0.05 * turning);
        assert_true(!o.is_uneven);
    }
}

static void test_drifts_steps_and_gaps_leave_it(void **state)
{
    (void)state;
    const sky_case c = {.n_antenna = 96,
                        .east_arcsec = 100,
                        .drift = 10,
                        .noise_rad = 0.02,
                        .n_step = 12,
                        .seed = 3};
    ci_cal_table *table = table_make(&c);
    for (size_t t = 5; t < 9; t++) /* lost: all but a few; one whole interval */
        for (size_t i = t == 7 ? 0 : 60; i < 2 * c.n_antenna; i++)
            table->flag[t * 2 * c.n_antenna + i] = CI_CAL_FAILED;
    for (size_t t = 2; t < N_TIME; t++) /* an antenna with too few times */
        for (size_t h = 0; h < 2; h++)
            table->flag[ci_cal_index(table, t, 0, 90, h)] = CI_CAL_NO_DATA;
    ci_cal_offset o = offset_of(table);
    ci_cal_table_free(table);
    assert_true(o.n_antenna >= 75 && o.n_antenna <= 84);
    assert_true(o.sigma_rad[0] * CI_RAD_TO_ARCSEC < 4 && o.sigma_rad[1] * CI_RAD_TO_ARCSEC < 4);
    near_arcsec(o.east_rad, 100, 12);
    near_arcsec(o.north_rad, 0, 12);
    near_arcsec(o.sure_rad, 70, 25);
    assert_true(o.sure_rad < hypot(o.east_rad, o.north_rad) - 5 * o.sigma_rad[0]);
}

/* Outriggers that step would turn a fit of all antennas; most of a T's antennas do not see an
 * offset that the others show, which would look like outliers beside them. */
static void test_outriggers_and_arms(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        const sky_case far = {.n_antenna = 40, .drift = 5, .n_step = 4, .step_far = 3, .seed = i};
        ci_cal_offset o = case_offset(&far);
        near_arcsec(o.east_rad, 0, 12);
        near_arcsec(o.north_rad, 0, 12);
        const sky_case arm = {
            .n_antenna = 60, .east_arcsec = 300, .drift = 5, .n_flat = 38, .seed = i};
        o = case_offset(&arm);
        near_arcsec(o.east_rad, 300, 12);
        assert_true(o.n_antenna >= 55);
    }
}

/* Errors are what repeated tables scatter by, about; no drift of antennas is taken for an offset.
 */
static void errors_check(size_t n_antenna, double drift, double least, double most)
{
    double square = 0;
    const size_t n = 150;
    for (size_t i = 0; i < n; i++) {
        const sky_case c = {.n_antenna = n_antenna,
                            .drift = drift,
                            .noise_rad = 0.05,
                            .seed = 1000 * n_antenna + i};
        ci_cal_offset o = case_offset(&c);
        assert_true(o.sure_rad * CI_RAD_TO_ARCSEC < 10);
        square += pow(o.east_rad / o.sigma_rad[0], 2) + pow(o.north_rad / o.sigma_rad[1], 2);
    }
    double rms = sqrt(square / (2 * (double)n));
    if (!(rms > least && rms < most))
        fail_msg("%zu antennas: errors are off by a factor of %g", n_antenna, rms);
}

static void test_errors(void **state)
{
    (void)state;
    errors_check(96, 60, 0.7, 1.1);
    errors_check(40, 25, 0.6, 1.1);
    errors_check(10, 60, 0.3, 1.4);
}

/* A drift that the antennas of one half have in common is no offset, an offset besides it is. */
static void test_groups(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        sky_case c = {.n_antenna = 60, .drift = 5, .group = 300, .seed = i};
        assert_true(case_offset(&c).sure_rad * CI_RAD_TO_ARCSEC < 10);
        c.group = 30;
        c.east_arcsec = 200;
        assert_true(case_offset(&c).sure_rad * CI_RAD_TO_ARCSEC > 100);
    }
}

static void test_too_little(void **state)
{
    (void)state;
    const sky_case c = {.n_antenna = 12, .east_arcsec = 500, .seed = 1};
    ci_cal_table *table = table_make(&c);
    double axes[6 * N_TIME];
    ci_cal_offset o;
    axes_make(usual_dec, axes);
    table->n_time = 1;
    OK(ci_cal_offset_find(table, axes, &o));
    assert_true(isnan(o.east_rad) && o.n_time == 1 && o.sure_rad == 0);
    table->n_time = N_TIME;
    for (size_t i = 0; i < (size_t)N_TIME * 24; i++)
        table->flag[i] = i % 24 >= 14 ? CI_CAL_NO_DATA : 0;
    o = offset_of(table);
    assert_true(isnan(o.east_rad) && o.n_antenna == 7 && o.sure_rad == 0);
    ci_cal_table_free(table);
}

/* Antennas on a line from east to west do not see right ascensions on the meridian. */
static void test_one_line(void **state)
{
    (void)state;
    const sky_case c = {.n_antenna = 14, .north_arcsec = 200, .seed = 1};
    ci_cal_table *table = table_make(&c);
    for (size_t a = 0; a < 14; a++) {
        const double at[3] = {-sin(longitude), cos(longitude), 0};
        for (int k = 0; k < 3; k++)
            table->array.antenna[a].pos_ecef_m[k] = 144 * (double)a * at[k];
        for (size_t i = 0; i < (size_t)N_FEED * N_TIME; i++)
            table->gain[ci_cal_index(table, i / 2, 0, a, i % 2)] =
                cexp(I * sky_phase(&c, table->array.antenna[a].pos_ecef_m, i / 2, 1.4e9));
    }
    ci_cal_offset o = offset_of(table);
    near_arcsec(o.north_rad, 200, 1);
    assert_true(o.sure_rad * CI_RAD_TO_ARCSEC > 150 * sin(usual_dec));
    ci_cal_table_free(table);
}

/* ---- the air --------------------------------------------------------------------------------- */

/* The nearer to the equator, the farther to the north is what a slope of the air looks like; the
 * gate is of the slope. */
static void test_air_at_low_declination(void **state)
{
    (void)state;
    static const double dec[] = {-0.8, -0.05, -1e-5, 0.002, 0.05, 0.3};
    ci_qa_limits limits;
    ci_qa_limits_default(&limits);
    for (size_t i = 0; i < 6; i++) {
        /* 2 degrees over 1 km in 5 minutes */
        sky_case c = {.n_antenna = 96,
                      .drift = 1,
                      .seed = i,
                      .dec = dec[i],
                      .slope = 2 * CI_DEG_TO_RAD / (1000 * 300.0)};
        double per_rad = CI_TWO_PI * 1.4e9 / CI_C_M_S * earth_rad_s;
        ci_cal_offset o = case_offset(&c);
        unit_near(o.lever[1], fmax(fabs(sin(dec[i])), 0.01), 1e-9);
        assert_int_equal(isfinite(o.sigma_rad[1]), fabs(dec[i]) > 0.01);
        if (fabs(dec[i]) > 0.01)
            near_arcsec(fabs(sin(dec[i]) * o.north_rad), c.slope / per_rad * CI_RAD_TO_ARCSEC, 1.5);
        assert_true(o.sure_rad * CI_RAD_TO_ARCSEC < 20);
        OK(ci_qa_offset_judge(&o, &limits, "m.csv"));
        c.slope = 0; /* a true one turns phases as far at any declination */
        c.north_arcsec = fabs(dec[i]) > 0.01 ? 100 / sin(dec[i]) : 0;
        c.east_arcsec = fabs(dec[i]) > 0.01 ? 0 : 100;
        o = case_offset(&c);
        assert_true(o.sure_rad * CI_RAD_TO_ARCSEC > 80 && !o.is_uneven);
        unit_refused(ci_qa_offset_judge(&o, &limits, "m.csv"), CI_ERR_GATE, "m.csv lists lay");
    }
}

/* Waves may look like hundreds of arcsec, but do not turn at one rate; drifts of antennas do not
 * make an offset uneven. */
static void test_waves_are_uneven(void **state)
{
    (void)state;
    static const double wave[][3] = {{20, 3000, 480}, {30, 5000, 900}, {60, 20000, 600}};
    for (uint64_t i = 0; i < 30; i++) {
        sky_case c = {.n_antenna = i % 2 ? 32 : 96,
                      .drift = i % 5,
                      .noise_rad = 0.01,
                      .seed = i,
                      .wave_rad = wave[i % 3][0] * CI_DEG_TO_RAD,
                      .wave_m = wave[i % 3][1],
                      .wave_s = wave[i % 3][2]};
        ci_cal_offset o = case_offset(&c);
        bool is_large = o.sure_rad * CI_RAD_TO_ARCSEC > 60;
        assert_true(!is_large || o.is_uneven);
        assert_true(is_large || i % 3 < 2); /* the long ones look like an offset */
        c.wave_m = 0;
        c.east_arcsec = 150;
        c.drift = 10 * (double)(i % 5);
        c.noise_rad = 0.01 * (double)(i % 4);
        assert_true(!case_offset(&c).is_uneven);
    }
}

/* ---- the gate -------------------------------------------------------------------------------- */

static const ci_cal_offset judged = {.n_antenna = 40,
                                     .n_time = 24,
                                     .east_rad = -63 * CI_ARCSEC_TO_RAD,
                                     .sigma_rad = {2 * CI_ARCSEC_TO_RAD, INFINITY},
                                     .lever = {1, 0.25},
                                     .sure_rad = 59 * CI_ARCSEC_TO_RAD,
                                     .freq_hz = 1.4e9};

static void test_gate(void **state)
{
    (void)state;
    ci_qa_limits limits;
    ci_cal_offset o = judged;
    ci_qa_limits_default(&limits);
    OK(ci_qa_offset_judge(&o, &limits, "m.csv"));
    o.sure_rad = 61 * CI_ARCSEC_TO_RAD;
    unit_refused(ci_qa_offset_judge(&o, &limits, "m.csv"), CI_ERR_GATE,
                 "m.csv lists lay 63.0 +- 2.0 arcsec west, unknown north or south of where");
    assert_non_null(strstr(ci_error_text(), "the limit, 60 arcsec to the east or west and 240 to "
                                            "the north or south (--qa-cal-max-offset)"));
    assert_non_null(strstr(ci_error_text(), "not B1950"));
    assert_non_null(strstr(ci_error_text(), "ionosphere"));
    o.is_uneven = true;
    OK(ci_qa_offset_judge(&o, &limits, "m.csv"));
    o.is_uneven = false;
    limits.table.max_offset_arcsec = 62;
    OK(ci_qa_offset_judge(&o, &limits, "m.csv"));
    limits.table.max_offset_arcsec = 20; /* 80 at half the frequency */
    o.freq_hz = 0.7e9;
    OK(ci_qa_offset_judge(&o, &limits, "m.csv"));
    o.sure_rad = 81 * CI_ARCSEC_TO_RAD;
    unit_refused(ci_qa_offset_judge(&o, &limits, "m.csv"), CI_ERR_GATE, "the limit, 80 arcsec");
    ci_cal_offset_none(&o);
    OK(ci_qa_offset_judge(&o, &limits, "m.csv"));
}

static void warned(const ci_cal_offset *o, bool is_warned, const char *part)
{
    ci_qa_limits limits;
    ci_qa_limits_default(&limits);
    size_t before = ci_log_warning_count();
    OK(ci_qa_offset_judge(o, &limits, "m.csv"));
    assert_int_equal(ci_log_warning_count() - before, is_warned);
    if (part) assert_non_null(strstr(ci_log_warning_get(before), part));
}

static void test_warnings(void **state)
{
    (void)state;
    ci_cal_offset o = judged;
    warned(&o, true, "the ionosphere may do it, too");
    o.sure_rad = 0;
    warned(&o, false, NULL);
    o.plain_rad = CI_ARCSEC_TO_RAD; /* sure, but for a drift that antennas may share */
    warned(&o, true, NULL);
    o.east_rad = -19 * CI_ARCSEC_TO_RAD;
    o.north_rad = 20 * CI_ARCSEC_TO_RAD;
    warned(&o, false, NULL);
    o.north_rad = 40 * CI_ARCSEC_TO_RAD;
    warned(&o, true, NULL);
    o = judged;
    o.sure_rad *= 3;
    o.is_uneven = true;
    warned(&o, true, "not at one rate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_offsets_are_found),
        UNIT_TEST(test_drifts_steps_and_gaps_leave_it),
        UNIT_TEST(test_outriggers_and_arms),
        UNIT_TEST(test_errors),
        UNIT_TEST(test_groups),
        UNIT_TEST(test_too_little),
        UNIT_TEST(test_one_line),
        UNIT_TEST(test_air_at_low_declination),
        UNIT_TEST(test_waves_are_uneven),
        UNIT_TEST(test_gate),
        UNIT_TEST(test_warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Sky for the tests in Python: reads a request in text, writes numbers as raw doubles. Run
 * without arguments it makes a request of its own and checks what is known without it.
 *
 * Request, blanks or newlines between the words:
 *   eop PATH|-                             site LAT LON HEIGHT (rad, m)   dut1 S
 *   antennas N then X Y Z of each (ECEF, m), DIAMETER
 *   phase unprojected|meridian|sidereal RA DEC
 *   times N then UTC MJD seconds           channels N then Hz
 *   beam SPEC                              model PATH
 *   centre RA DEC                          data PATH|- (complex64 [row][channel])
 *   end
 * Rows: baselines in triangle order, autocorrelations in, times inside. Answer: per time
 * LAST, the basis at the centre (9), hour angle and declination of every source (2 n); then
 * the prediction [row][channel] (re, im); then, of the data moved to the centre or of the
 * prediction where there are none, the same; then the prediction there; then uvw [row][3]. */
#include "sky_data.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct request
{
    FILE *in;
    char eop[400], model[400], data[400], beam[400];
    ci_vis_array array;
    ci_vis_phase_centre phase;
    double dut1, ra, dec, *time, *freq;
    size_t n_time, n_chan;
} request;

static double number(request *r)
{
    double x;
    if (fscanf(r->in, "%lf", &x) != 1) fail_msg("request: no number at %ld", ftell(r->in));
    return x;
}

static void word(request *r, char out[400])
{
    if (fscanf(r->in, "%399s", out) != 1) fail_msg("request: no word at %ld", ftell(r->in));
}

static double *numbers(request *r, size_t *n)
{
    *n = (size_t)number(r);
    double *out = sky_data_alloc(*n, sizeof *out);
    for (size_t i = 0; i < *n; i++)
        out[i] = number(r);
    return out;
}

static void read_antennas(request *r)
{
    r->array.n_antenna = (size_t)number(r);
    r->array.antenna = sky_data_alloc(r->array.n_antenna, sizeof *r->array.antenna);
    for (size_t a = 0; a < r->array.n_antenna; a++)
        for (int q = 0; q < 3; q++)
            r->array.antenna[a].pos_ecef_m[q] = number(r);
    double diameter = number(r);
    for (size_t a = 0; a < r->array.n_antenna; a++)
        r->array.antenna[a].diameter_m = diameter;
}

static void read_phase(request *r)
{
    char kind[400];
    word(r, kind);
    r->phase.kind = strcmp(kind, "sidereal") == 0   ? CI_VIS_PHASING_SIDEREAL
                    : strcmp(kind, "meridian") == 0 ? CI_VIS_PHASING_MERIDIAN
                                                    : CI_VIS_PHASING_UNPROJECTED;
    r->phase.ra_rad = number(r);
    r->phase.dec_rad = number(r);
}

static void read_request(request *r, const char *path)
{
    char key[400] = "";
    r->in = fopen(path, "r");
    assert_non_null(r->in);
    for (word(r, key); strcmp(key, "end") != 0; word(r, key)) {
        if (strcmp(key, "eop") == 0)
            word(r, r->eop);
        else if (strcmp(key, "site") == 0) {
            r->array.lat_rad = number(r);
            r->array.lon_rad = number(r);
            r->array.height_m = number(r);
        } else if (strcmp(key, "dut1") == 0)
            r->dut1 = number(r);
        else if (strcmp(key, "antennas") == 0)
            read_antennas(r);
        else if (strcmp(key, "phase") == 0)
            read_phase(r);
        else if (strcmp(key, "times") == 0)
            r->time = numbers(r, &r->n_time);
        else if (strcmp(key, "channels") == 0)
            r->freq = numbers(r, &r->n_chan);
        else if (strcmp(key, "beam") == 0)
            word(r, r->beam);
        else if (strcmp(key, "model") == 0)
            word(r, r->model);
        else if (strcmp(key, "data") == 0)
            word(r, r->data);
        else if (strcmp(key, "centre") == 0) {
            r->ra = number(r);
            r->dec = number(r);
        } else
            fail_msg("request: what is \"%s\"?", key);
    }
    fclose(r->in);
}

static void put(FILE *out, const double *x, size_t n)
{
    assert_int_equal(fwrite(x, sizeof *x, n, out), n);
}

static void put_complex(FILE *out, const ci_c32 *v, size_t n, size_t stride)
{
    for (size_t i = 0; i < n; i++) {
        const float *part = (const float *)&v[i * stride];
        put(out, (double[2]){part[0], part[1]}, 2);
    }
}

static void put_frames(const request *r, const ci_sky_eop *eop, const ci_vis_meta *meta,
                       const ci_sky_model *model, FILE *out)
{
    for (size_t t = 0; t < meta->n_time; t++) {
        ci_sky_frame *frame = NULL;
        OK(ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[t], r->dut1));
        double last = ci_sky_frame_last_rad(frame), basis[3][3], place[2];
        put(out, &last, 1);
        ci_sky_uvw_basis(frame, r->ra, r->dec, basis);
        put(out, &basis[0][0], 9);
        for (size_t k = 0; k < model->n_source; k++) {
            ci_sky_apparent(frame, model->source[k].ra_rad, model->source[k].dec_rad, &place[0],
                            &place[1]);
            put(out, place, 2);
        }
        ci_sky_frame_free(frame);
    }
}

/* Data of the request, or the prediction, in both polarisations. */
static void fill_data(const request *r, ci_vis_block *block, const ci_c32 *predicted)
{
    size_t size = block->n_row * block->n_chan;
    ci_c32 *given = sky_data_alloc(size, sizeof *given);
    if (strcmp(r->data, "-") == 0) {
        memcpy(given, predicted, size * sizeof *given);
    } else {
        FILE *in = fopen(r->data, "rb");
        assert_non_null(in);
        assert_int_equal(fread(given, sizeof *given, size, in), size);
        fclose(in);
    }
    for (size_t i = 0; i < size; i++)
        block->data[2 * i] = block->data[2 * i + 1] = given[i];
    ci_mem_free(given);
}

static ci_vis_set *set_of(const request *r)
{
    ci_vis_set *set = sky_data_alloc(1, sizeof *set);
    set->meta =
        sky_data_meta(&r->array, r->time[0], 1, r->n_time, r->freq[0], 1, r->n_chan, r->phase);
    memcpy(set->meta->time_mjd_s, r->time, r->n_time * sizeof *r->time);
    memcpy(set->meta->sub_band->freq_hz, r->freq, r->n_chan * sizeof *r->freq);
    set->meta->dut1_s = r->dut1;
    set->block = sky_data_alloc(1, sizeof *set->block);
    set->n_block = 1;
    set->block[0] = sky_data_block(set->meta, 0, set->meta->n_baseline);
    return set;
}

static void answer(request *r, const char *path)
{
    ci_sky_eop *eop = NULL;
    ci_sky_model *model = NULL;
    ci_sky_beam *beam = NULL;
    OK(ci_sky_eop_load(&eop, strcmp(r->eop, "-") == 0 ? NULL : r->eop));
    OK(ci_sky_model_read(&model, r->model));
    OK(ci_sky_beam_new(&beam, r->beam, &r->array));
    ci_vis_set *set = set_of(r);
    ci_sky_pointing pointing;
    OK(ci_sky_pointing_from(set->meta, &pointing));
    ci_vis_block *block = set->block[0];
    size_t size = block->n_row * block->n_chan;
    ci_c32 *predicted = sky_data_alloc(size, sizeof *predicted);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    put_frames(r, eop, set->meta, model, out);
    OK(ci_sky_predict(&(ci_sky_scene){eop, model, beam, &pointing, CI_ISA_PLAIN, NULL}, block,
                      predicted));
    put_complex(out, predicted, size, 1);
    fill_data(r, block, predicted);
    OK(ci_sky_set_rephase(eop, set, r->ra, r->dec, ci_isa_widest()));
    put_complex(out, block->data, size, 2);
    OK(ci_sky_predict(&(ci_sky_scene){eop, model, beam, &pointing, CI_ISA_PLAIN, NULL}, block,
                      predicted));
    put_complex(out, predicted, size, 1);
    put(out, block->uvw_m, 3 * block->n_row);
    assert_int_equal(fclose(out), 0);
    ci_mem_free(predicted);
    ci_vis_set_free(set);
    ci_sky_beam_free(beam);
    ci_sky_model_free(model);
    ci_sky_eop_free(eop);
    ci_mem_free(r->time);
    ci_mem_free(r->freq);
}

static void serve(void **state)
{
    char **paths = *state;
    request r = {.beam = "none", .eop = "-", .data = "-"};
    read_request(&r, paths[0]);
    answer(&r, paths[1]);
}

/* Two antennas, one source of 3 Jy at the centre: the prediction there is 3. */
static void own_request(void **state)
{
    char name[3][256];
    for (int i = 0; i < 3; i++)
        snprintf(name[i], sizeof name[i], "%s/%c", ((unit_case *)*state)->folder, "mra"[i]);
    FILE *f = fopen(name[0], "w");
    fprintf(f, "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\nA,57.29577951308232,"
               "28.64788975654116,3,1e9,0\n");
    fclose(f);
    f = fopen(name[1], "w");
    fprintf(f,
            "site 0.65 -2.06 1200 dut1 0\nantennas 2 -2409761 -4478100 3838761 -2409000 -4478000 "
            "3838000 0\nphase unprojected 0 0\ntimes 1 5151600000\nchannels 2 1e9 1.1e9\n"
            "model %s centre 1 0.5\nend\n",
            name[0]);
    fclose(f);
    char *paths[2] = {name[1], name[2]};
    void *argument = paths;
    serve(&argument);
    char *text = NULL;
    size_t n;
    OK(ci_file_read(&text, &n, name[2]));
    assert_int_equal(n, sizeof(double) * (1 + 9 + 2 + 3 * 12 + 9));
    double v[12];
    memcpy(v, text + sizeof(double) * (12 + 24), sizeof v);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(v[2 * i] - 3) < 1e-6 && fabs(v[2 * i + 1]) < 1e-6);
    ci_mem_free(text);
}

int main(int n_argument, char **arguments)
{
    const struct CMUnitTest own[] = {UNIT_TEST(own_request)};
    const struct CMUnitTest served[] = {cmocka_unit_test_prestate(serve, arguments + 1)};
    if (n_argument == 3) return cmocka_run_group_tests(served, NULL, NULL);
    return cmocka_run_group_tests(own, NULL, NULL);
}

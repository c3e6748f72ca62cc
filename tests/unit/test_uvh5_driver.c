/* Reads UVH5 for the tests in Python:
 *   dump OUT FILE...   the files as one set; facts as JSON on stdout, canonical arrays raw in
 *                      OUT: per sub-band int64 n_row n_chan n_pol, freq, width (double), per
 *                      row ant1, ant2 numbers (int64), MJD seconds, interval (double), uvw,
 *                      then data (complex64), flags (uint8), weights (float)
 *   try FILE...        opens and reads each; a JSON line each: path, exit, text, odd
 *   set FILE...        opens all as one set; one such line
 *   write OUT FILE...  reads the set, moves it to its default centre, writes its first
 *                      sub-band as UVH5
 *   summary FILE...    ingest's look, a JSON line each
 *   time FILE          seconds of open and read, best of 5
 * Without arguments: what needs no sample data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contimg/h5.h"
#include "contimg/sky.h"
#include "contimg/uvh5.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_json(ci_json *json)
{
    char *text = NULL;
    if (ci_json_print(&text, json, false) == CI_OK) printf("%s\n", text);
    ci_mem_free(text);
    ci_json_free(json);
}

static void print_outcome(const char *path, ci_status status, const ci_uvh5_file *file)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "path", path);
    ci_json_put_int(json, "exit", ci_status_exit_code(status));
    ci_json_put_string(json, "text", status == CI_OK ? "" : ci_error_text());
    if (file != NULL) {
        ci_json *odd = ci_json_array();
        for (size_t i = 0; i < ci_uvh5_warning_count(file); i++) {
            ci_json_put_string(odd, NULL, ci_uvh5_warning_get(file, i));
        }
        ci_json_put(json, "odd", odd);
    }
    print_json(json);
}

static ci_status read_all(ci_uvh5_file *file)
{
    const ci_vis_meta *meta = ci_uvh5_meta(file);
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        ci_vis_block *block = NULL;
        CI_TRY(ci_uvh5_read(file, (ci_vis_part){i, 0, meta->n_baseline}, NULL, &block));
        ci_vis_block_free(block);
    }
    return CI_OK;
}

static void try_file(const char *path)
{
    ci_uvh5_file *file = NULL;
    ci_status status = ci_uvh5_open(&file, path, NULL);
    if (status == CI_OK) status = read_all(file);
    print_outcome(path, status, file);
    ci_uvh5_close(file);
    if (ci_mem_now() != 0) {
        fprintf(stderr, "%s: %zu bytes are left\n", path, ci_mem_now());
        exit(99);
    }
}

static void write_block(FILE *out, const ci_vis_block *b)
{
    const ci_vis_meta *m = b->meta;
    int64_t shape[3] = {(int64_t)b->n_row, (int64_t)b->n_chan, (int64_t)b->n_pol};
    size_t n = b->n_row * b->n_chan * b->n_pol;
    fwrite(shape, sizeof shape, 1, out);
    fwrite(b->freq_hz, 8, b->n_chan, out);
    fwrite(b->width_hz, 8, b->n_chan, out);
    for (size_t i = 0; i < b->n_row; i++) {
        int64_t number = m->array.antenna[m->baseline_ant1[b->i_baseline[i]]].number;
        fwrite(&number, 8, 1, out);
    }
    for (size_t i = 0; i < b->n_row; i++) {
        int64_t number = m->array.antenna[m->baseline_ant2[b->i_baseline[i]]].number;
        fwrite(&number, 8, 1, out);
    }
    for (size_t i = 0; i < b->n_row; i++)
        fwrite(&m->time_mjd_s[b->i_time[i]], 8, 1, out);
    fwrite(b->interval_s, 8, b->n_row, out);
    fwrite(b->uvw_m, 24, b->n_row, out);
    fwrite(b->data, sizeof(ci_c32), n, out);
    fwrite(b->flags, 1, n, out);
    for (size_t i = 0; i < n; i++) {
        float weight =
            ci_vis_weight(b, i / (b->n_chan * b->n_pol), i / b->n_pol % b->n_chan, i % b->n_pol);
        fwrite(&weight, 4, 1, out);
    }
}

static void print_meta(const ci_vis_meta *m)
{
    ci_json *json = ci_json_object(), *pol = ci_json_array();
    ci_json_put_int(json, "n_sub_band", (int64_t)m->n_sub_band);
    ci_json_put_int(json, "n_baseline", (int64_t)m->n_baseline);
    ci_json_put_int(json, "n_time", (int64_t)m->n_time);
    ci_json_put_int(json, "n_phase", (int64_t)m->n_phase);
    ci_json_put_int(json, "kind", (int64_t)m->phase[0].kind);
    ci_json_put_number(json, "ra_rad", m->phase[0].ra_rad);
    ci_json_put_number(json, "dec_rad", m->phase[0].dec_rad);
    ci_json_put_int(json, "units", (int64_t)m->units);
    ci_json_put_bool(json, "is_sum", m->stokes_is_sum);
    ci_json_put_bool(json, "x_is_north", m->x_is_north);
    ci_json_put_bool(json, "nsamples", m->has_valid_nsamples);
    ci_json_put_number(json, "interval_s", m->interval_s);
    for (size_t i = 0; i < m->n_pol; i++)
        ci_json_put_int(pol, NULL, m->pol[i]);
    ci_json_put(json, "pol", pol);
    print_json(json);
}

static ci_status set_read(char **paths, int n, ci_uvh5_set **set, ci_vis_set **vis)
{
    ci_comm *comm = NULL;
    CI_TRY(ci_comm_self(&comm));
    ci_status status = ci_uvh5_set_open(comm, set, (const char *const *)paths, (size_t)n, NULL);
    if (status == CI_OK) status = ci_uvh5_set_read(comm, *set, vis);
    ci_comm_free(comm);
    return status;
}

static ci_status dump(const char *out_path, char **paths, int n)
{
    ci_uvh5_set *set = NULL;
    ci_vis_set *vis = NULL;
    ci_status status = set_read(paths, n, &set, &vis);
    FILE *out = fopen(out_path, "wb");
    if (status == CI_OK && out != NULL) {
        print_meta(vis->meta);
        for (size_t i = 0; i < vis->n_block; i++)
            write_block(out, vis->block[i]);
    }
    if (out == NULL || fclose(out) != 0) status = CI_ERR_IO;
    ci_vis_set_free(vis);
    ci_uvh5_set_free(set);
    return status;
}

static ci_status rewrite(const char *out_path, char **paths, int n)
{
    ci_uvh5_set *set = NULL;
    ci_vis_set *vis = NULL;
    ci_sky_eop *eop = NULL;
    double ra, dec;
    ci_status status = set_read(paths, n, &set, &vis);
    if (status == CI_OK) status = ci_sky_eop_load(&eop, NULL);
    if (status == CI_OK) status = ci_sky_centre_default(eop, vis->meta, &ra, &dec);
    if (status == CI_OK) status = ci_sky_set_rephase(eop, vis, ra, dec, ci_isa_widest());
    if (status == CI_OK) status = ci_uvh5_write(out_path, vis->block[0], "written by a test");
    ci_sky_eop_free(eop);
    ci_vis_set_free(vis);
    ci_uvh5_set_free(set);
    return status;
}

static void summarise(const char *path)
{
    ci_uvh5_summary s;
    double start = ci_clock_monotonic_s();
    ci_status status = ci_uvh5_summary_read(&s, path);
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "path", path);
    ci_json_put_int(json, "exit", ci_status_exit_code(status));
    ci_json_put_number(json, "seconds", ci_clock_monotonic_s() - start);
    ci_json_put_number(json, "first_mjd_s", s.first_time_mjd_s);
    ci_json_put_number(json, "last_mjd_s", s.last_time_mjd_s);
    ci_json_put_number(json, "interval_s", s.interval_s);
    ci_json_put_number(json, "freq_low_hz", s.freq_low_hz);
    ci_json_put_number(json, "freq_high_hz", s.freq_high_hz);
    ci_json_put_number(json, "dec_rad", s.dec_rad);
    ci_json_put_bool(json, "dec_known", s.dec_known);
    ci_json_put_int(json, "n_time", (int64_t)s.n_time);
    ci_json_put_int(json, "n_chan", (int64_t)s.n_chan);
    ci_json_put_int(json, "n_pol", (int64_t)s.n_pol);
    ci_json_put_int(json, "n_antenna", (int64_t)s.n_antenna);
    print_json(json);
}

static ci_status measure(const char *path)
{
    double best_open = 1e9, best_read = 1e9;
    for (int i = 0; i < 5; i++) {
        ci_uvh5_file *file = NULL;
        double start = ci_clock_monotonic_s();
        CI_TRY(ci_uvh5_open(&file, path, NULL));
        double opened = ci_clock_monotonic_s();
        ci_status status = read_all(file);
        double done = ci_clock_monotonic_s();
        ci_uvh5_close(file);
        CI_TRY(status);
        best_open = fmin(best_open, opened - start);
        best_read = fmin(best_read, done - opened);
    }
    printf("open %.4f s, read %.4f s\n", best_open, best_read);
    return CI_OK;
}

static int drive(int argc, char **argv)
{
    const char *mode = argv[1];
    ci_status status = CI_OK;
    if (strcmp(mode, "try") == 0) {
        for (int i = 2; i < argc; i++)
            try_file(argv[i]);
    } else if (strcmp(mode, "summary") == 0) {
        for (int i = 2; i < argc; i++)
            summarise(argv[i]);
    } else if (strcmp(mode, "set") == 0) {
        ci_uvh5_set *set = NULL;
        ci_vis_set *vis = NULL;
        print_outcome("", set_read(argv + 2, argc - 2, &set, &vis), NULL);
        ci_vis_set_free(vis);
        ci_uvh5_set_free(set);
    } else if (strcmp(mode, "dump") == 0 && argc > 3) {
        status = dump(argv[2], argv + 3, argc - 3);
    } else if (strcmp(mode, "write") == 0 && argc > 3) {
        status = rewrite(argv[2], argv + 3, argc - 3);
    } else if (strcmp(mode, "time") == 0 && argc > 2) {
        status = measure(argv[2]);
    } else {
        fprintf(stderr, "unknown mode %s\n", mode);
        return 2;
    }
    if (status != CI_OK) fprintf(stderr, "%s\n", ci_error_text());
    return ci_status_exit_code(status);
}

/* ---- without arguments -------------------------------------------------------- */

/* A small sidereal data set, all pairs of 4 antennas with autocorrelations. */
static ci_vis_meta *small_meta(void)
{
    ci_vis_meta *m = NULL;
    assert_int_equal(ci_mem_alloc(&m, 1, sizeof *m, "test"), CI_OK);
    m->array.telescope = "TEST";
    m->array.lat_rad = 0.65;
    m->array.lon_rad = -2.06;
    m->array.height_m = 1200;
    m->array.n_antenna = 4;
    assert_int_equal(ci_mem_alloc(&m->array.antenna, 4, sizeof *m->array.antenna, "test"), 0);
    const double origin[3] = {-2409555.9, -4478213.6, 3838767.5};
    for (int i = 0; i < 4; i++) {
        ci_vis_antenna *a = &m->array.antenna[i];
        static const char *const names[] = {"A0", "A1", "A2", "A3"};
        a->name = names[i];
        a->number = 10 * i + 3;
        for (int k = 0; k < 3; k++)
            a->pos_ecef_m[k] = origin[k] + 37.0 * i * (k + 1 - i % 2);
    }
    m->n_pol = 2;
    m->pol[0] = -5;
    m->pol[1] = -6;
    m->units = CI_VIS_UNITS_JY;
    m->n_baseline = 10;
    assert_int_equal(ci_mem_alloc(&m->baseline_ant1, 10, 4, "test"), CI_OK);
    assert_int_equal(ci_mem_alloc(&m->baseline_ant2, 10, 4, "test"), CI_OK);
    for (int32_t high = 0, n = 0; high < 4; high++) {
        for (int32_t low = 0; low <= high; low++, n++) {
            m->baseline_ant1[n] = low;
            m->baseline_ant2[n] = high;
        }
    }
    m->n_time = 3;
    m->interval_s = 10;
    assert_int_equal(ci_mem_alloc(&m->time_mjd_s, 3, 8, "test"), CI_OK);
    for (int i = 0; i < 3; i++)
        m->time_mjd_s[i] = 59625.125 * 86400 + 10.0 * i;
    m->n_sub_band = 1;
    assert_int_equal(ci_mem_alloc(&m->sub_band, 1, sizeof *m->sub_band, "test"), CI_OK);
    m->sub_band[0].n_chan = 5;
    assert_int_equal(ci_mem_alloc(&m->sub_band[0].freq_hz, 5, 8, "test"), CI_OK);
    assert_int_equal(ci_mem_alloc(&m->sub_band[0].width_hz, 5, 8, "test"), CI_OK);
    for (int i = 0; i < 5; i++) {
        m->sub_band[0].freq_hz[i] = 1.4e9 + 1e6 * i;
        m->sub_band[0].width_hz[i] = 1e6;
    }
    m->n_phase = 1;
    assert_int_equal(ci_mem_alloc(&m->phase, 1, sizeof *m->phase, "test"), CI_OK);
    m->phase[0] = (ci_vis_phase_centre){CI_VIS_PHASING_SIDEREAL, 2.5, 0.3, 0};
    assert_int_equal(ci_vis_field_add(m, 0, "somewhere", NULL), CI_OK);
    return m;
}

static ci_vis_block *small_block(const ci_vis_meta *m)
{
    ci_vis_block *b = NULL;
    assert_int_equal(ci_vis_block_new(&b, m, (ci_vis_part){0, 0, 10}, 30), CI_OK);
    for (size_t i = 0; i < 30; i++) {
        b->i_baseline[i] = (int32_t)(i / 3);
        b->i_time[i] = (int32_t)(i % 3);
        b->interval_s[i] = 10;
        for (size_t k = 0; k < 10; k++) {
            size_t at = 10 * i + k;
            ((float *)b->data)[2 * at] = (float)at + 1;
            ((float *)b->data)[2 * at + 1] = -2 * (float)at;
            b->weight[at] = 1 + (float)(at % 7);
            b->flags[at] = at % 11 == 0 ? CI_VIS_FLAG_RFI : 0;
        }
    }
    return b;
}

static char path[64];

static void test_round_trip(void **state)
{
    (void)state;
    size_t before = ci_mem_now();
    ci_vis_meta *m = small_meta();
    ci_vis_block *b = small_block(m), *back = NULL;
    ci_uvh5_file *file = NULL;
    assert_int_equal(ci_uvh5_write(path, b, "test"), CI_OK);
    assert_int_equal(ci_uvh5_open(&file, path, NULL), CI_OK);
    const ci_vis_meta *r = ci_uvh5_meta(file);
    assert_int_equal(r->n_baseline, 10);
    assert_int_equal(r->n_time, 3);
    assert_int_equal(r->units, CI_VIS_UNITS_JY);
    assert_true(fabs(r->time_mjd_s[1] - m->time_mjd_s[1]) < 5e-5);
    assert_true(r->phase[0].ra_rad == 2.5 && r->phase[0].dec_rad == 0.3);
    assert_true(fabs(r->array.antenna[3].pos_ecef_m[1] - m->array.antenna[3].pos_ecef_m[1]) < 1e-8);
    assert_int_equal(r->array.antenna[2].number, 23);
    /* baselines 4..8 only */
    assert_int_equal(ci_uvh5_read(file, (ci_vis_part){0, 4, 5}, NULL, &back), CI_OK);
    assert_int_equal(back->n_row, 15);
    assert_int_equal(back->i_baseline[0], 4);
    assert_memory_equal(back->data, b->data + 120, 150 * sizeof(ci_c32));
    assert_memory_equal(back->weight, b->weight + 120, 150 * sizeof(float));
    for (size_t i = 0; i < 150; i++) {
        assert_int_equal(back->flags[i], (i + 120) % 11 == 0 ? CI_VIS_FLAG_FILE : 0);
    }
    ci_vis_block_free(back);
    ci_uvh5_close(file);
    ci_vis_block_free(b);
    ci_vis_meta_free(m);
    assert_int_equal(ci_mem_now(), before);
}

/* nsamples that are one number in each row stay so; one that is not has all kept as they are. */
static void test_even_weights(void **state)
{
    (void)state;
    for (int uneven = 0; uneven < 2; uneven++) {
        ci_vis_meta *m = small_meta();
        ci_vis_block *b = small_block(m), *back = NULL;
        ci_uvh5_file *file = NULL;
        for (size_t i = 0; i < 300; i++)
            b->weight[i] = 1.5F + (float)(i / 10);
        if (uneven) b->weight[207] = 0; /* no data: flagged */
        assert_int_equal(ci_uvh5_write(path, b, "test"), CI_OK);
        assert_int_equal(ci_uvh5_open(&file, path, NULL), CI_OK);
        assert_int_equal(ci_uvh5_read(file, (ci_vis_part){0, 0, 10}, NULL, &back), CI_OK);
        assert_true((back->row_weight != NULL) == !uneven);
        assert_true((back->weight != NULL) == uneven);
        for (size_t i = 0; i < 300; i++)
            assert_true(ci_vis_weight(back, i / 10, i / 2 % 5, i % 2) == b->weight[i]);
        assert_int_equal(back->flags[207], uneven ? CI_VIS_FLAG_FILE : 0);
        assert_int_equal(ci_uvh5_write(path, back, "test"), CI_OK);
        ci_vis_block_free(back);
        ci_uvh5_close(file);
        assert_int_equal(ci_uvh5_open(&file, path, NULL), CI_OK);
        assert_int_equal(ci_uvh5_read(file, (ci_vis_part){0, 0, 10}, NULL, &back), CI_OK);
        for (size_t i = 0; i < 300; i++)
            assert_true(ci_vis_weight(back, i / 10, i / 2 % 5, i % 2) == b->weight[i]);
        ci_uvh5_close(file);
        ci_vis_block_free(back);
        ci_vis_block_free(b);
        ci_vis_meta_free(m);
    }
}

static void test_changed(void **state)
{
    (void)state;
    ci_uvh5_file *file = NULL;
    ci_vis_block *block = NULL;
    assert_int_equal(ci_uvh5_open(&file, path, NULL), CI_OK);
    FILE *more = fopen(path, "ab");
    assert_non_null(more);
    fputc(0, more);
    fclose(more);
    assert_int_equal(ci_uvh5_read(file, (ci_vis_part){0, 0, 10}, NULL, &block), CI_ERR_INPUT);
    assert_null(block);
    assert_non_null(strstr(ci_error_text(), "changed while it was read"));
    ci_uvh5_close(file);
}

static void test_names(void **state)
{
    (void)state;
    ci_uvh5_file *file = NULL;
    assert_int_equal(ci_uvh5_open(&file, "x_incomplete.hdf5", NULL), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "still being written"));
    assert_int_equal(ci_uvh5_open(&file, "/nonexistent/a.hdf5", NULL), CI_ERR_INPUT);
    assert_null(file);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "uvh5_test.%ld.uvh5", (long)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_even_weights),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_names),
    };
    if (argc > 2) return drive(argc, argv);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

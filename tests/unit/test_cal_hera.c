/* cal on real data: HERA's gains (calfits, turned into CalH5 by pyuvdata) on the uncalibrated
 * file must give the calibrated file, in double and in single precision. Skipped without
 * sample data or the test Python.
 * ci-test: timeout=300 */

#include "unit_case.h"
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/cal/apply.h"
#include "contimg/uvh5.h"

/* Old files leave out where the telescope is: pyuvdata knows, but astropy asks the net first. */
static const char convert[] =
    "import sys, warnings\n"
    "warnings.simplefilter('ignore')\n"
    "from astropy.coordinates import EarthLocation\n"
    "EarthLocation.get_site_names = classmethod(lambda cls: [])\n"
    "from pyuvdata import UVCal\n"
    "UVCal.from_file(sys.argv[1]).write_calh5(sys.argv[2], clobber=True)\n";

static bool exists(const char *path)
{
    return access(path, R_OK) == 0;
}

static void data_path(char out[1024], const char *name)
{
    const char *data = getenv("CONTIMG_TEST_DATA"), *source = getenv("CONTIMG_SOURCE");
    if (data)
        snprintf(out, 1024, "%s/uvh5_real/%s", data, name);
    else
        snprintf(out, 1024, "%s/../shared/data/uvh5_real/%s", source ? source : ".", name);
}

static ci_vis_block *block_read(ci_uvh5_file **file, const char *path)
{
    ci_uvh5_options options = {0};
    ci_vis_block *block = NULL;
    OK(ci_uvh5_open(file, path, &options));
    const ci_vis_meta *meta = ci_uvh5_meta(*file);
    ci_vis_part part = {0, 0, meta->n_baseline};
    OK(ci_uvh5_read(*file, part, meta, &block));
    return block;
}

typedef struct difference
{
    double sum2, power, worst;
    size_t n;
} difference;

static void difference_add(difference *d, ci_c64 value, ci_c64 truth)
{
    double off = cabs(value - truth), size = cabs(truth);
    d->sum2 += off * off / (size * size);
    d->worst = fmax(d->worst, off / size);
    d->n++;
}

/* In double: the factors on the raw data, against what is in the calibrated file. */
static void compare_double(const ci_cal_table *table, const ci_vis_block *raw,
                           const ci_vis_block *truth, difference *d)
{
    ci_cal_correction *correction = NULL;
    ci_c64 factor[64];
    assert_int_equal(raw->n_chan, 64);
    OK(ci_cal_correction_new(&correction, table, raw));
    for (size_t r = 0; r < raw->n_row; r++) {
        ci_cal_correction_row(correction, raw, r, 0, factor);
        for (size_t c = 0; c < 64; c++) {
            size_t i = ci_vis_sample(raw, r, c, 0);
            if (truth->flags[i] || raw->flags[i] || factor[c] == 0) continue;
            difference_add(d, raw->data[i] * factor[c], truth->data[i]);
        }
    }
    ci_cal_correction_free(correction);
}

static void test_oracle(void **state)
{
    UNIT_PATH(table_path, state, "hera.calh5");
    UNIT_PATH(script, state, "convert.py");
    static const char base[] = "zen.2458043.40141.xx.HH.XRAA";
    char calfits[1024], raw_path[1024], truth_path[1024], name[256];
    char command[4096];
    const char *venv = getenv("CONTIMG_TEST_VENV");
    snprintf(name, sizeof name, "%s.abs.calfits", base);
    data_path(calfits, name);
    snprintf(name, sizeof name, "%s.uncalibrated.uvh5", base);
    data_path(raw_path, name);
    snprintf(name, sizeof name, "%s.uvh5", base);
    data_path(truth_path, name);
    snprintf(command, sizeof command, "%s/bin/python", venv ? venv : "build/venv");
    if (!exists(calfits) || !exists(raw_path) || !exists(command)) {
        print_message("skipped: needs %s and %s\n", calfits, command);
        skip();
    }
    OK(ci_file_write(script, convert, sizeof convert - 1));
    snprintf(command, sizeof command, "'%s/bin/python' '%s' '%s' '%s'", venv, script, calfits,
             table_path);
    assert_int_equal(system(command), 0);

    ci_cal_table *table = NULL;
    ci_uvh5_file *raw_file = NULL, *truth_file = NULL;
    OK(ci_cal_table_read(&table, table_path));
    assert_int_equal(table->kind, CI_CAL_BANDPASS);
    assert_int_equal(table->n_time, 60);
    assert_int_equal(table->n_chan, 64);
    assert_int_equal(table->n_feed, 1);
    assert_int_equal(table->jones[0], -5);
    ci_vis_block *raw = block_read(&raw_file, raw_path);
    ci_vis_block *truth = block_read(&truth_file, truth_path);
    assert_int_equal(raw->n_row, truth->n_row);

    difference in_double = {0}, in_single = {0};
    compare_double(table, raw, truth, &in_double);
    OK(ci_cal_apply(table, raw));
    for (size_t i = 0; i < raw->n_row * 64; i++)
        if (!raw->flags[i] && !truth->flags[i])
            difference_add(&in_single, raw->data[i], truth->data[i]);
    double rms[2] = {sqrt(in_double.sum2 / (double)in_double.n),
                     sqrt(in_single.sum2 / (double)in_single.n)};
    print_message("HERA, %zu samples: rms relative difference %.2e in double (worst %.2e), %.2e in "
                  "single\n",
                  in_double.n, rms[0], in_double.worst, rms[1]);
    assert_true(in_double.n > 50000 && in_single.n == in_double.n);
    assert_true(rms[0] <= 4e-8 && rms[1] <= 1e-7);

    ci_vis_block_free(raw);
    ci_vis_block_free(truth);
    ci_uvh5_close(raw_file);
    ci_uvh5_close(truth_file);
    ci_cal_table_free(table);
}

int main(void)
{
    ci_log_set_level(CI_LOG_ERROR);
    const struct CMUnitTest tests[] = {UNIT_TEST(test_oracle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

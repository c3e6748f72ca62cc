/* How files come to be: links are replaced, never followed; what is read is a regular file; a
 * folder takes another's place. */
#include "unit_case.h"

#include "contimg/base_file.h"
#include "contimg/draw.h"
#include "contimg/fits.h"
#include "contimg/h5.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that nobody may write to by way of a link. */
typedef struct victim
{
    char path[256];
} victim;

/* `path`.part leads to it. */
static victim victim_make(void **state, const char *path)
{
    victim v;
    char part[300];
    UNIT_PATH(name, state, "victim");
    snprintf(v.path, sizeof v.path, "%s", name);
    snprintf(part, sizeof part, "%s.part", path);
    OK(ci_file_write(v.path, "precious", 8));
    assert_int_equal(symlink(v.path, part), 0);
    return v;
}

/* It is as it was, and `path` a plain file of its own. */
static void victim_check(const victim *v, const char *path)
{
    char *text = NULL;
    struct stat facts;
    OK(ci_file_read(&text, NULL, v->path));
    int same = strcmp(text, "precious");
    ci_mem_free(text);
    assert_int_equal(same, 0);
    assert_int_equal(lstat(path, &facts), 0);
    assert_true(S_ISREG(facts.st_mode));
}

static void test_text_follows_no_link(void **state)
{
    UNIT_PATH(path, state, "tile.json");
    victim v = victim_make(state, path);
    OK(ci_file_write(path, "new", 3));
    victim_check(&v, path);
}

static void image_write(const char *path)
{
    float pixels[64] = {0};
    ci_fits_header h = {.n_x = 8,
                        .n_y = 8,
                        .cell_rad = 1e-5,
                        .x_ref = 4,
                        .y_ref = 4,
                        .freq_hz = 1.4e9,
                        .beam_major_rad = 3e-5,
                        .beam_minor_rad = 3e-5,
                        .bunit = "Jy/beam",
                        .stokes = CI_VIS_POL_I};
    pixels[27] = 1;
    OK(ci_fits_write(path, &h, pixels));
}

static void test_image_follows_no_link(void **state)
{
    UNIT_PATH(path, state, "image.fits");
    victim v = victim_make(state, path);
    image_write(path);
    victim_check(&v, path);
    OK(ci_fits_verify(path));
}

static void test_picture_follows_no_link(void **state)
{
    UNIT_PATH(image, state, "image.fits");
    UNIT_PATH(path, state, "image.png");
    image_write(image);
    victim v = victim_make(state, path);
    OK(ci_draw_fits(image, path, 100, "t"));
    victim_check(&v, path);
}

static void test_table_follows_no_link(void **state)
{
    UNIT_PATH(path, state, "gain.calh5");
    UNIT_PATH(part, state, "gain.calh5.part");
    ci_h5_file *file = NULL;
    victim v = victim_make(state, path);
    OK(ci_h5_create(&file, part));
    OK(ci_h5_close(file));
    victim_check(&v, part);
}

static void test_folder_is_not_replaced_by_a_file(void **state)
{
    UNIT_PATH(path, state, "folder");
    int fd;
    OK(ci_path_make_folder(path));
    unit_refused(ci_file_create(&fd, path), CI_ERR_IO, path);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One that would never end, and one that would be waited for. */
static void test_only_regular_files_are_read(void **state)
{
    char hex[CI_SHA256_HEX];
    int fd;
    UNIT_PATH(pipe, state, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    unit_refused(ci_sha256_file(hex, "/dev/zero"), CI_ERR_INPUT, "/dev/zero: not a regular file");
    unit_refused(ci_sha256_file(hex, pipe), CI_ERR_INPUT, "not a regular file");
    unit_refused(ci_file_open(&fd, pipe), CI_ERR_INPUT, "not a regular file");
}

/* ---- folders --------------------------------------------------------------------------------- */

static void file_in(const char *folder, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    OK(ci_path_make_folder(folder));
    OK(ci_file_write(path, name, strlen(name)));
}

static bool has(const char *folder, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return ci_path_exists(path);
}

/* What was there goes as a whole, what was made comes as a whole. */
static void test_folder_takes_anothers_place(void **state)
{
    UNIT_PATH(folder, state, "tile");
    UNIT_PATH(part, state, "tile.1-2.part");
    for (int round = 0; round < 2; round++) {
        file_in(part, round ? "second" : "first");
        OK(ci_path_replace_folder(part, folder));
        assert_false(ci_path_exists(part));
        assert_int_equal(has(folder, "first"), round == 0);
        assert_int_equal(has(folder, "second"), round == 1);
    }
}

static void test_left_parts_are_removed(void **state)
{
    UNIT_PATH(folder, state, "tile");
    UNIT_PATH(part, state, "tile.1-2.part");
    UNIT_PATH(other, state, "tile2.1-2.part");
    file_in(folder, "kept");
    file_in(part, "gone");
    file_in(other, "kept");
    ci_path_remove_parts(folder);
    assert_true(has(folder, "kept"));
    assert_true(has(other, "kept"));
    assert_false(ci_path_exists(part));
}

/* The last test: the flag stays. */
static void test_stop_ends_reading(void **state)
{
    char hex[CI_SHA256_HEX];
    UNIT_PATH(path, state, "file");
    OK(ci_file_write(path, "x", 1));
    ci_stop_install();
    raise(SIGTERM);
    unit_refused(ci_sha256_file(hex, path), CI_ERR_STOPPED, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_text_follows_no_link),
        UNIT_TEST(test_image_follows_no_link),
        UNIT_TEST(test_picture_follows_no_link),
        UNIT_TEST(test_table_follows_no_link),
        UNIT_TEST(test_folder_is_not_replaced_by_a_file),
        UNIT_TEST(test_only_regular_files_are_read),
        UNIT_TEST(test_folder_takes_anothers_place),
        UNIT_TEST(test_left_parts_are_removed),
        UNIT_TEST(test_stop_ends_reading),
    };
    return cmocka_run_group_tests_name("file_create", tests, NULL, NULL);
}

/* What of a tile that stands in its folder may be used again. */
#include "unit_case.h"

#include "contimg/tile.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static void file_write(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    OK(ci_file_write(path, text, strlen(text)));
}

/* A tile of one input file, made. */
typedef struct
{
    char input[256], folder[256];
    const char *path[1];
    ci_tile_task task;
} tile_case;

static void tile_make(tile_case *t, void **state, ci_tile_state made)
{
    ci_tile_record *record = NULL;
    UNIT_PATH(input, state, "x.hdf5");
    UNIT_PATH(folder, state, "tile");
    memcpy(t->input, input, sizeof input);
    memcpy(t->folder, folder, sizeof folder);
    t->path[0] = t->input;
    t->task = (ci_tile_task){.id = "x",
                             .folder = t->folder,
                             .path = t->path,
                             .n_path = 1,
                             .made_with_sha256 = "recipe",
                             .relaxed = ""};
    OK(ci_file_write(t->input, "visibilities", 12));
    OK(ci_path_make_folder(t->folder));
    file_write(t->folder, "image.fits", "image");
    file_write(t->folder, "pb.fits", "beam");
    file_write(t->folder, "psf.fits", "psf");
    OK(ci_tile_record_new(&record, "x"));
    record->state = made;
    snprintf(record->made_with_sha256, sizeof record->made_with_sha256, "recipe");
    OK(ci_str_copy(&record->folder, t->folder));
    OK(ci_tile_record_keep(record, &t->task));
    ci_tile_record_free(record);
}

/* Whether it is used again. */
static bool is_found(const tile_case *t)
{
    ci_tile_record *record = ci_tile_record_load_cached(&t->task);
    bool found = record != NULL;
    ci_tile_record_free(record);
    return found;
}

static void test_made_tile_is_used_again(void **state)
{
    tile_case t;
    tile_make(&t, state, CI_TILE_PASSED);
    ci_tile_record *record = ci_tile_record_load_cached(&t.task);
    assert_non_null(record);
    assert_string_equal(record->id, "x");
    assert_int_equal(record->state, CI_TILE_PASSED);
    assert_int_equal(record->n_file, 3);
    assert_string_equal(record->folder, t.folder);
    ci_tile_record_free(record);
}

static void test_moved_folder_is_where_it_was_found(void **state)
{
    tile_case t;
    UNIT_PATH(other, state, "elsewhere");
    tile_make(&t, state, CI_TILE_PASSED);
    assert_int_equal(rename(t.folder, other), 0);
    assert_false(is_found(&t));
    t.task.folder = other;
    ci_tile_record *record = ci_tile_record_load_cached(&t.task);
    assert_non_null(record);
    assert_string_equal(record->folder, other);
    ci_tile_record_free(record);
}

static void test_tile_that_failed_is_made_again(void **state)
{
    tile_case t;
    tile_make(&t, state, CI_TILE_FAILED);
    assert_false(is_found(&t));
}

static void test_other_recipe_makes_it_again(void **state)
{
    tile_case t;
    tile_make(&t, state, CI_TILE_PASSED);
    t.task.made_with_sha256 = "other options";
    assert_false(is_found(&t));
}

static void test_other_input_makes_it_again(void **state)
{
    tile_case t;
    tile_make(&t, state, CI_TILE_PASSED);
    OK(ci_file_write(t.input, "visibilities and more", 21));
    assert_false(is_found(&t));
}

static void test_input_written_anew_makes_it_again(void **state)
{
    tile_case t;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1769299200}};
    tile_make(&t, state, CI_TILE_PASSED);
    assert_int_equal(utimensat(AT_FDCWD, t.input, times, 0), 0);
    assert_false(is_found(&t));
}

static void test_changed_image_makes_it_again(void **state)
{
    tile_case t;
    tile_make(&t, state, CI_TILE_PASSED);
    file_write(t.folder, "image.fits", "imago");
    assert_false(is_found(&t));
}

static void test_lost_beam_makes_it_again(void **state)
{
    tile_case t;
    char path[512];
    tile_make(&t, state, CI_TILE_PASSED);
    snprintf(path, sizeof path, "%s/pb.fits", t.folder);
    assert_int_equal(unlink(path), 0);
    assert_false(is_found(&t));
}

/* Later steps do not read it. */
static void test_changed_psf_is_of_no_matter(void **state)
{
    tile_case t;
    tile_make(&t, state, CI_TILE_PASSED);
    file_write(t.folder, "psf.fits", "other");
    assert_true(is_found(&t));
}

static void test_record_cut_short_makes_it_again(void **state)
{
    tile_case t;
    tile_make(&t, state, CI_TILE_PASSED);
    file_write(t.folder, "tile.json", "{\"id\": \"x\", \"state\"");
    assert_false(is_found(&t));
    assert_string_equal(ci_error_text(), "");
}

/* Valid JSON that is not what was written. */
static void test_changed_record_makes_it_again(void **state)
{
    tile_case t;
    char path[512], *text = NULL;
    size_t n = 0;
    tile_make(&t, state, CI_TILE_PASSED);
    snprintf(path, sizeof path, "%s/tile.json", t.folder);
    OK(ci_file_read(&text, &n, path));
    char *word = strstr(text, "\"reason\"");
    assert_non_null(word);
    memcpy(word, "\"Reason\"", 8);
    OK(ci_file_write(path, text, n));
    assert_false(is_found(&t));
    memcpy(word, "\"reason\"", 8);
    OK(ci_file_write(path, text, n));
    assert_true(is_found(&t));
    ci_mem_free(text);
}

static void test_emptied_folder_keeps_folders(void **state)
{
    tile_case t;
    char inner[512], image[512];
    tile_make(&t, state, CI_TILE_PASSED);
    snprintf(inner, sizeof inner, "%s/inner", t.folder);
    snprintf(image, sizeof image, "%s/image.fits", t.folder);
    OK(ci_path_make_folder(inner));
    OK(ci_tile_folder_empty(t.folder));
    assert_true(ci_path_is_folder(inner));
    assert_false(ci_path_exists(image));
}

/* A stop that is asked for while a tile's files are read for their checksums comes too late to lose
 * it. The last test: the stop stays asked for. */
static void test_tile_is_kept_while_a_stop_is_asked_for(void **state)
{
    tile_case t;
    ci_tile_record *record = NULL;
    tile_make(&t, state, CI_TILE_PASSED);
    ci_stop_install();
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(ci_stop_asked());
    OK(ci_tile_record_new(&record, "x"));
    OK(ci_str_copy(&record->folder, t.folder));
    OK(ci_tile_record_keep(record, &t.task));
    assert_int_equal(record->n_file, 4); /* three images and the first record */
    ci_tile_record_free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_made_tile_is_used_again),
        UNIT_TEST(test_moved_folder_is_where_it_was_found),
        UNIT_TEST(test_tile_that_failed_is_made_again),
        UNIT_TEST(test_other_recipe_makes_it_again),
        UNIT_TEST(test_other_input_makes_it_again),
        UNIT_TEST(test_input_written_anew_makes_it_again),
        UNIT_TEST(test_changed_image_makes_it_again),
        UNIT_TEST(test_lost_beam_makes_it_again),
        UNIT_TEST(test_changed_psf_is_of_no_matter),
        UNIT_TEST(test_record_cut_short_makes_it_again),
        UNIT_TEST(test_changed_record_makes_it_again),
        UNIT_TEST(test_emptied_folder_keeps_folders),
        UNIT_TEST(test_tile_is_kept_while_a_stop_is_asked_for),
    };
    return cmocka_run_group_tests_name("tile_cached", tests, NULL, NULL);
}

/* The program that tests/fault/test_set_kill.sh kills: first, second (write and commit a set),
 * whole, finish, left, one after the other, in a folder. Without arguments: the second set takes
 * the place of the first. */
#include "unit_case.h"

#include "contimg/base_file.h"

#include <dirent.h>
#include <unistd.h>

enum
{
    N_NAME = 4
};

static const char *const names[N_NAME] = {"image-a", "image-b", "image-c", "image-d"};
/* The first call makes no c, the second no a. */
static const bool is_made[2][N_NAME] = {{true, true, false, true}, {false, true, true, true}};

static char *name_in(const char *folder, int i, const char *ending)
{
    char *path = NULL;
    return ci_str_format(&path, "%s/%s%s", folder, names[i], ending) == CI_OK ? path : NULL;
}

static ci_status write_part(const char *path, const char *text)
{
    int fd;
    CI_TRY(ci_file_create(&fd, path));
    ci_status status = ci_file_put(fd, path, text, strlen(text));
    close(fd);
    return status == CI_OK ? ci_path_sync(path) : status;
}

static ci_status write_set(const char *folder, int call)
{
    char text[100], *prefix = NULL;
    snprintf(text, sizeof text, "call %d", call);
    ci_status status = CI_OK;
    for (int i = 0; i < N_NAME && status == CI_OK; i++) {
        char *part = name_in(folder, i, ".part");
        if (is_made[call][i]) status = write_part(part, text);
        ci_mem_free(part);
    }
    if (status == CI_OK) status = ci_path_join(&prefix, folder, "");
    if (status == CI_OK) status = ci_path_end_set(prefix, names, N_NAME, true);
    ci_mem_free(prefix);
    return status;
}

/* The call whose file is there by this name; -1 where none is. */
static int call_of(const char *folder, int i, const char *ending)
{
    char *text = NULL, *path = name_in(folder, i, ending);
    int call = -1;
    if (ci_path_exists(path) && ci_file_read(&text, NULL, path) == CI_OK) call = text[5] - '0';
    ci_mem_free(text);
    ci_mem_free(path);
    return call;
}

/* The names are of one call, and one whole set is there: under its names, or listed and ready. */
static bool is_whole(const char *folder)
{
    bool is_there[2] = {true, true};
    int seen = -1;
    char *list = name_in(folder, N_NAME - 1, ".set.part");
    bool is_listed = ci_path_exists(list);
    ci_mem_free(list);
    for (int i = 0; i < N_NAME; i++) {
        int call = call_of(folder, i, "");
        if (call >= 0 && seen >= 0 && call != seen) return false;
        if (call >= 0) seen = call;
        is_there[0] = is_there[0] && (call == 0) == is_made[0][i];
        bool is_ready = is_listed && call_of(folder, i, ".ready.part") == 1;
        is_there[1] = is_there[1] && (call == 1 || is_ready) == is_made[1][i];
    }
    return is_there[0] || is_there[1];
}

static size_t count_parts(const char *folder)
{
    size_t n = 0;
    DIR *stream = opendir(folder);
    for (struct dirent *entry; stream && (entry = readdir(stream));)
        n += ci_path_is_part(entry->d_name);
    if (stream) closedir(stream);
    return n;
}

static int act(const char *action, const char *folder)
{
    char *prefix = NULL;
    ci_status status = CI_OK;
    if (strcmp(action, "first") == 0 || strcmp(action, "second") == 0)
        status = write_set(folder, action[0] == 's');
    else if (strcmp(action, "finish") == 0) {
        status = ci_path_join(&prefix, folder, "");
        if (status == CI_OK) status = ci_path_end_set(prefix, names, N_NAME, false);
        ci_mem_free(prefix);
    } else if (strcmp(action, "whole") == 0 && !is_whole(folder)) {
        fprintf(stderr, "the files are mixed, or no set is whole\n");
        return 1;
    } else if (strcmp(action, "left") == 0 && count_parts(folder) > 0) {
        fprintf(stderr, "%zu .part files left\n", count_parts(folder));
        return 1;
    }
    if (status != CI_OK) fprintf(stderr, "%s\n", ci_error_text());
    return ci_status_exit_code(status);
}

static void test_undisturbed(void **state)
{
    const char *folder = ((unit_case *)*state)->folder;
    static const char *const actions[] = {"first", "whole", "second", "whole", "left"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        assert_int_equal(act(actions[i], folder), 0);
    assert_int_equal(call_of(folder, 0, ""), -1);
    assert_int_equal(call_of(folder, 3, ""), 1);
}

int main(int n_argument, char **arguments)
{
    const struct CMUnitTest tests[] = {UNIT_TEST(test_undisturbed)};
    int code = 0;
    for (int i = 1; i < n_argument - 1 && code == 0; i++)
        code = act(arguments[i], arguments[n_argument - 1]);
    if (n_argument > 2) return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

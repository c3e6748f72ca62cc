/* How far CLEAN had come, and what it was of, in the file of a model. */
#include "clean/course_file.h"

#include <math.h>
#include <string.h>

/* ---- out ------------------------------------------------------------------------------------ */

static ci_status origin_write(ci_h5_file *file, const ci_clean_origin *origin)
{
    uint64_t n = CI_CLEAN_ORIGIN_SUMS;
    CI_TRY(ci_h5_write_double(file, "visibility_sums", 1, &n, origin->sum));
    return ci_h5_write_string(file, "made_with", origin->made_with ? origin->made_with : "");
}

ci_status ci_clean_course_write(ci_h5_file *file, const ci_clean_model *b)
{
    const ci_clean_course *course = &b->course;
    uint64_t n_number = CI_CLEAN_COURSE_NUMBERS, n = course->n_mark;
    CI_TRY(origin_write(file, &b->origin));
    CI_TRY(ci_h5_write_bool_1(file, "has_course", course->is_known));
    CI_TRY(ci_h5_write_double(file, "course", 1, &n_number, course->number));
    CI_TRY(ci_h5_write_int_1(file, "n_mark", (int64_t)n));
    return n > 0 ? ci_h5_write_int(file, "mark", 1, &n, course->mark) : CI_OK;
}

/* ---- what it was of -------------------------------------------------------------------------- */

/* The next line NAME=VALUE of a text, as lengths; false at its end. */
typedef struct line
{
    const char *name, *value;
    int n_name, n_value;
} line;

static bool line_next(const char **at, line *out)
{
    size_t n = strcspn(*at, "\n"), k = strcspn(*at, "=\n");
    if (k == n) return false;
    *out = (line){*at, *at + k + 1, (int)k, (int)(n - k - 1)};
    *at += (*at)[n] == '\n' ? n + 1 : n;
    return true;
}

/* The line of the same name in a text, where there is one. */
static bool line_find(const char *text, const line *wanted, line *out)
{
    while (line_next(&text, out))
        if (out->n_name == wanted->n_name &&
            strncmp(out->name, wanted->name, (size_t)out->n_name) == 0)
            return true;
    return false;
}

/* A value that is a checksum of a file's content says nothing to a reader. */
static bool is_content(const line *l)
{
    static const char key[] = " sha256=";
    return l->n_value >= (int)sizeof key && strncmp(l->value, key, sizeof key - 1) == 0;
}

static ci_status options_compare(const char *path, const char *was, const char *now)
{
    line a, b;
    for (const char *at = now; line_next(&at, &b);) {
        if (!line_find(was, &b, &a))
            return ci_error(CI_ERR_INPUT,
                            "%s: does not say with which --%.*s it was made: leave --continue out",
                            path, b.n_name, b.name);
        if (a.n_value == b.n_value && strncmp(a.value, b.value, (size_t)a.n_value) == 0) continue;
        if (is_content(&a) || is_content(&b))
            return ci_error(CI_ERR_INPUT,
                            "%s: made with another --%.*s (file or content): give the same, or "
                            "leave --continue out",
                            path, b.n_name, b.name);
        return ci_error(CI_ERR_INPUT,
                        "%s: made with --%.*s '%.*s', not '%.*s': give the same, or leave "
                        "--continue out",
                        path, b.n_name, b.name, a.n_value, a.value, b.n_value, b.value);
    }
    return CI_OK;
}

ci_status ci_clean_origin_check(const ci_h5_file *file, const ci_clean_model *b)
{
    double sum[CI_CLEAN_ORIGIN_SUMS];
    char *was = NULL;
    CI_TRY(ci_h5_read_string(file, "made_with", &was));
    ci_status status =
        options_compare(ci_h5_path(file), was, b->origin.made_with ? b->origin.made_with : "");
    ci_mem_free(was);
    CI_TRY(status);
    CI_TRY(ci_h5_read_double(file, "visibility_sums", sum, CI_CLEAN_ORIGIN_SUMS));
    if (memcmp(sum, b->origin.sum, sizeof sum) == 0) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: made from other visibilities (files, flags, tables or weights; %.10g of "
                    "weight %.10g, not %.10g of %.10g): leave --continue out",
                    ci_h5_path(file), sum[0], sum[1], b->origin.sum[0], b->origin.sum[1]);
}

/* ---- in ------------------------------------------------------------------------------------- */

static ci_status numbers_check(const ci_h5_file *file, const ci_clean_course *c)
{
    for (int i = 0; i < CI_CLEAN_COURSE_NUMBERS; i++)
        if (!(c->number[i] >= 0))
            return ci_error(CI_ERR_INPUT,
                            "%s: course has a value of %g: must not be below 0: remove the file "
                            "and image again",
                            ci_h5_path(file), c->number[i]);
    double inner = c->number[CI_CLEAN_COURSE_INNER];
    if (c->is_known && !(inner > 0 && inner <= 1))
        return ci_error(CI_ERR_INPUT,
                        "%s: course has thresholds of %g at components: must lie in (0, 1]: remove "
                        "the file and image again",
                        ci_h5_path(file), inner);
    if (c->number[CI_CLEAN_COURSE_MAJOR] <= INT32_MAX &&
        c->number[CI_CLEAN_COURSE_MINOR] <= INT32_MAX)
        return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: course has %g components in %g cycles: more than can be: remove the file "
                    "and image again",
                    ci_h5_path(file), c->number[CI_CLEAN_COURSE_MINOR],
                    c->number[CI_CLEAN_COURSE_MAJOR]);
}

static ci_status marks_read(const ci_h5_file *file, const ci_clean_model *b, ci_clean_course *out)
{
    int64_t n, end = (int64_t)(b->layout->n_x * b->layout->n_y) * (CI_CLEAN_MAX_SCALE + 1);
    CI_TRY(ci_h5_read_int(file, "n_mark", &n, 1));
    if (n < 0 || n > end)
        return ci_error(CI_ERR_INPUT,
                        "%s: n_mark is %lld: must lie between 0 and %lld: remove the file and "
                        "image again",
                        ci_h5_path(file), (long long)n, (long long)end);
    CI_TRY(ci_mem_alloc(&out->mark, (size_t)n, sizeof *out->mark, "model file"));
    out->n_mark = (size_t)n;
    if (n > 0) CI_TRY(ci_h5_read_int(file, "mark", out->mark, out->n_mark));
    for (size_t i = 0; i < out->n_mark; i++)
        if (out->mark[i] < 0 || out->mark[i] >= end)
            return ci_error(CI_ERR_INPUT,
                            "%s: mark %zu is no pixel of an image of %zu x %zu: remove the file "
                            "and image again",
                            ci_h5_path(file), i, b->layout->n_x, b->layout->n_y);
    return CI_OK;
}

ci_status ci_clean_course_read(const ci_h5_file *file, const ci_clean_model *b,
                               ci_clean_course *out)
{
    int64_t is_known = 0;
    CI_TRY(ci_h5_read_int(file, "has_course", &is_known, 1));
    out->is_known = is_known != 0;
    CI_TRY(ci_h5_read_double(file, "course", out->number, CI_CLEAN_COURSE_NUMBERS));
    CI_TRY(numbers_check(file, out));
    return marks_read(file, b, out);
}

ci_status ci_clean_course_share(ci_comm *comm, ci_clean_course *c)
{
    int64_t head[2] = {c->is_known, (int64_t)c->n_mark};
    CI_TRY(ci_par_bcast(comm, head, sizeof head, 0));
    CI_TRY(ci_par_bcast(comm, c->number, sizeof c->number, 0));
    c->is_known = head[0] != 0;
    c->n_mark = (size_t)head[1];
    CI_AGREE(comm, ci_comm_rank(comm) == 0
                       ? CI_OK
                       : ci_mem_alloc(&c->mark, c->n_mark, sizeof *c->mark, "model file"));
    return ci_par_bcast(comm, c->mark, c->n_mark * sizeof *c->mark, 0);
}

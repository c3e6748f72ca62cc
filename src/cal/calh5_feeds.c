/* Directions of the feeds of a CalH5 table: feed_array and feed_angle, x_orientation of older ones.
 */
#include "cal/calh5.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static ci_status feeds_take(const char *path, ci_cal_table *t, const char *names,
                            const double *angle, size_t n_feed)
{
    for (size_t a = 0; a < t->array.n_antenna; a++) {
        double *feed_rad = t->array.antenna[a].feed_rad;
        feed_rad[0] = feed_rad[1] = NAN;
        for (size_t k = 0; k < n_feed; k++, names += strlen(names) + 1) {
            double value = angle[a * n_feed + k];
            char name = (char)(names[0] | 0x20);
            bool is_second = name == 'y' || name == 'l';
            if (names[0] == '\0') continue;
            if ((!is_second && name != 'x' && name != 'r') || names[1] || !isfinite(value))
                return ci_error(CI_ERR_INPUT,
                                "%s: Header/feed_array: antenna %lld: feed \"%s\" at %g rad: x, "
                                "y, r or l at a finite angle is needed",
                                path, (long long)t->array.antenna[a].number, names, value);
            if (isfinite(feed_rad[is_second]))
                return ci_error(CI_ERR_INPUT,
                                "%s: Header/feed_array: antenna %lld: feed \"%s\" appears twice: "
                                "correct it",
                                path, (long long)t->array.antenna[a].number, names);
            feed_rad[is_second] = value;
        }
    }
    t->array.has_feeds = true;
    return CI_OK;
}

/* x_orientation: east, north or nothing. */
static ci_status orientation_read(ci_h5_file *file, const char *path, ci_cal_table *t)
{
    const char *name = "Header/x_orientation";
    char word[32] = "";
    if (ci_h5_has(file, name)) CI_TRY(ci_h5_read_text(file, name, word, sizeof word));
    t->x_is_north = strcasecmp(word, "north") == 0 || strcasecmp(word, "n") == 0;
    t->x_is_known = t->x_is_north || strcasecmp(word, "east") == 0 || strcasecmp(word, "e") == 0;
    if (t->x_is_known || word[0] == '\0' || strcasecmp(word, "none") == 0) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: Header/x_orientation: \"%s\": neither \"east\" nor \"north\": correct it",
                    path, word);
}

/* Angles against x_orientation, where both are given and the angles are along an axis. */
static ci_status orientation_compare(const char *path, const ci_cal_table *t)
{
    const double *first = t->array.antenna[0].feed_rad;
    double north = isfinite(first[0]) ? fabs(cos(first[0])) : fabs(sin(first[1]));
    bool is_clear = north < 0.1 || north > 0.99;
    if (!t->x_is_known || !is_clear || t->x_is_north == (north > 0.5)) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: Header/x_orientation: \"%s\", but feed_angle of x is %.2f deg from north "
                    "through east: correct one of the two",
                    path, t->x_is_north ? "north" : "east", first[0] * CI_RAD_TO_DEG);
}

/* feed_array and feed_angle, else x_orientation of older tables. */
ci_status ci_cal_calh5_feeds_read(ci_h5_file *file, const char *path, ci_cal_table *t)
{
    ci_h5_info info;
    double *angles = NULL;
    char *names = NULL;
    size_t n_byte, n_antenna = t->array.n_antenna;
    CI_TRY(orientation_read(file, path, t));
    bool has_angles = ci_h5_has(file, "Header/feed_angle");
    bool has_names = ci_h5_has(file, "Header/feed_array");
    if (has_angles != has_names && !t->x_is_known)
        return ci_error(CI_ERR_INPUT,
                        "%s: Header/%s: is there, but %s is not: which way the feeds lie is not "
                        "known: add it, or x_orientation",
                        path, has_angles ? "feed_angle" : "feed_array",
                        has_angles ? "feed_array" : "feed_angle");
    if (!has_angles || !has_names) return CI_OK;
    CI_TRY(ci_h5_info_get(file, "Header/feed_angle", &info));
    size_t n = (size_t)ci_h5_info_count(&info);
    if (n == 0 || n % n_antenna != 0 || n / n_antenna > 2)
        return ci_error(
            CI_ERR_INPUT,
            "%s: Header/feed_angle: %zu angles of %zu antennas: one or two of each are needed",
            path, n, n_antenna);
    ci_status status = ci_mem_alloc(&angles, n, sizeof *angles, "feed angles");
    if (status == CI_OK) status = ci_h5_read_double(file, "Header/feed_angle", angles, n);
    if (status == CI_OK)
        status = ci_h5_read_string_list(file, "Header/feed_array", n, &names, &n_byte);
    if (status == CI_OK) status = feeds_take(path, t, names, angles, n / n_antenna);
    ci_mem_free(angles);
    ci_mem_free(names);
    CI_TRY(status);
    CI_TRY(orientation_compare(path, t));
    const double *first = t->array.antenna[0].feed_rad;
    t->x_is_known = true;
    t->x_is_north = isfinite(first[0]) ? fabs(cos(first[0])) > 0.5 : fabs(sin(first[1])) > 0.5;
    return CI_OK;
}

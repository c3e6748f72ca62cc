/* Directions of the feeds: x_orientation of older files, feed_array and feed_angle of newer. */
#include "uvh5/uvh5_private.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcasecmp(text, *words) == 0) return true;
    return false;
}

/* x_orientation: 1 north, 0 east, -1 says nothing. */
static ci_status orientation_read(const ci_uvh5_file *file, int *north)
{
    static const char *const is_north[] = {"north", "n", "ns", NULL};
    static const char *const is_east[] = {"east", "e", "ew", NULL};
    char text[32];
    CI_TRY(ci_uvh5_header_text(file, "Header/x_orientation", text, sizeof text));
    *north = is_one_of(text, is_north) ? 1 : is_one_of(text, is_east) ? 0 : -1;
    if (*north >= 0 || text[0] == '\0' || strcasecmp(text, "none") == 0) return CI_OK;
    return ci_uvh5_refuse(file, "Header/x_orientation",
                          "\"%s\": neither \"east\" nor \"north\": correct it, or give its angles "
                          "as feed_array and feed_angle",
                          text);
}

/* Which of an antenna's two feeds a name is; -1: none that is known. */
static int feed_of(const char *name)
{
    if (strcasecmp(name, "x") == 0 || strcasecmp(name, "r") == 0) return 0;
    if (strcasecmp(name, "y") == 0 || strcasecmp(name, "l") == 0) return 1;
    return -1;
}

/* A feed is there once, and of the kind that the polarisations are of. */
static ci_status feed_check(const ci_uvh5_file *file, size_t a, int feed, const char *name)
{
    const ci_vis_meta *meta = file->meta;
    ci_vis_pol_kind kind = ci_vis_pol_kind_of(meta->pol[0]);
    bool is_linear = strcasecmp(name, "x") == 0 || strcasecmp(name, "y") == 0;
    if (isfinite(meta->array.antenna[a].feed_rad[feed]))
        return ci_uvh5_refuse(file, "Header/feed_array",
                              "antenna %lld: feed \"%s\" appears twice: correct it",
                              (long long)meta->array.antenna[a].number, name);
    if (kind == CI_VIS_POL_STOKES || is_linear == (kind == CI_VIS_POL_LINEAR)) return CI_OK;
    return ci_uvh5_refuse(file, "Header/feed_array",
                          "antenna %lld: feed \"%s\", but polarization_array has %s ...: correct "
                          "one of the two",
                          (long long)meta->array.antenna[a].number, name,
                          ci_vis_pol_name(meta->pol[0]));
}

/* `names`: n_feed names of each antenna, one after the other. */
static ci_status feeds_take(ci_uvh5_file *file, const char *names, const double *angle,
                            size_t n_feed)
{
    ci_vis_array *array = &file->meta->array;
    for (size_t a = 0; a < array->n_antenna; a++) {
        array->antenna[a].feed_rad[0] = array->antenna[a].feed_rad[1] = NAN;
        for (size_t k = 0; k < n_feed; k++, names += strlen(names) + 1) {
            if (names[0] == '\0') continue; /* an antenna of fewer feeds */
            int feed = feed_of(names);
            double value = angle[a * n_feed + k];
            if (feed < 0)
                return ci_uvh5_refuse(
                    file, "Header/feed_array",
                    "antenna %lld: feed \"%s\": only x, y, r and l are known: correct it",
                    (long long)array->antenna[a].number, names);
            if (!isfinite(value))
                return ci_uvh5_refuse(file, "Header/feed_angle",
                                      "antenna %lld, feed %s: %g: correct it",
                                      (long long)array->antenna[a].number, names, value);
            CI_TRY(feed_check(file, a, feed, names));
            array->antenna[a].feed_rad[feed] = value;
        }
        for (int f = 0; f < 2; f++)
            array->antenna[a].lacks_feed[f] = isnan(array->antenna[a].feed_rad[f]);
    }
    array->has_feeds = true;
    return CI_OK;
}

/* The shape that both datasets must have. */
static ci_status shape_check(const ci_uvh5_file *file, const char *name, size_t *n_feed)
{
    ci_h5_info info;
    size_t n = file->meta->array.n_antenna;
    CI_TRY(ci_uvh5_header_info(file, name, &info));
    bool is_right = info.rank == 2 && info.dim[0] == n && info.dim[1] > 0 && info.dim[1] <= 2;
    if (is_right && *n_feed > 0) is_right = info.dim[1] == *n_feed;
    if (is_right) {
        *n_feed = (size_t)info.dim[1];
        return CI_OK;
    }
    char shape[128];
    ci_h5_info_shape(&info, shape);
    return ci_uvh5_refuse(file, name, "shape %s, needs %zu antennas x 1 or 2 feeds, as feed_array",
                          shape, n);
}

static ci_status angles_read(ci_uvh5_file *file)
{
    size_t n_feed = 0, n = file->meta->array.n_antenna, n_byte = 0;
    double *angle = NULL;
    char *names = NULL;
    CI_TRY(shape_check(file, "Header/feed_array", &n_feed));
    CI_TRY(shape_check(file, "Header/feed_angle", &n_feed));
    CI_TRY(ci_mem_alloc(&angle, n, n_feed * sizeof *angle, "feeds"));
    ci_status status = ci_h5_read_double(file->h5, "Header/feed_angle", angle, n * n_feed);
    if (status == CI_OK)
        status = ci_h5_read_string_list(file->h5, "Header/feed_array", n * n_feed, &names, &n_byte);
    if (status == CI_OK) status = feeds_take(file, names, angle, n_feed);
    ci_mem_free(names);
    ci_mem_free(angle);
    return status;
}

/* Both say where feeds lie; one alone does not, and is left out only where x_orientation does. */
static ci_status angles_find(ci_uvh5_file *file, bool is_said)
{
    static const char *const names[] = {"Header/feed_array", "Header/feed_angle"};
    const bool has[] = {ci_h5_has(file->h5, names[0]), ci_h5_has(file->h5, names[1])};
    if (has[0] && has[1]) return angles_read(file);
    if (!has[0] && !has[1]) return CI_OK;
    if (is_said) {
        ci_uvh5_warning_add(file, "%s: is there, but %s is not: x_orientation is used",
                            names[has[1]], names[has[0]]);
        return CI_OK;
    }
    return ci_uvh5_refuse(file, names[has[1]],
                          "is there, but %s is not: which way the feeds lie is not known: add it, "
                          "or give --x-orientation",
                          names[has[0]]);
}

/* Which mounts rotate the feeds on the sky. One word for all antennas, or one for each. */
static ci_status mounts_read(ci_uvh5_file *file)
{
    static const char *const rotating[] = {"alt-az", "alt-az+nasmyth-r", "alt-az+nasmyth-l",
                                           "x-y",    "orbiting",         NULL};
    static const char *const other[] = {"equatorial", "fixed", "phased", "other", "", NULL};
    const char *name = "Header/mount_type";
    ci_vis_array *array = &file->meta->array;
    ci_h5_info info;
    char *words = NULL;
    size_t n_byte;
    if (!ci_h5_has(file->h5, name)) return CI_OK;
    CI_TRY(ci_uvh5_header_info(file, name, &info));
    size_t n = (size_t)ci_h5_info_count(&info);
    if (n != 1 && n != array->n_antenna)
        return ci_uvh5_refuse(file, name, "%zu words for %zu antennas: give one, or one for each",
                              n, array->n_antenna);
    CI_TRY(ci_h5_read_string_list(file->h5, name, n, &words, &n_byte));
    const char *word = words;
    ci_status status = CI_OK;
    for (size_t a = 0; status == CI_OK && a < array->n_antenna; a++) {
        array->antenna[a].is_rotating = is_one_of(word, rotating);
        if (!array->antenna[a].is_rotating && !is_one_of(word, other))
            status = ci_uvh5_refuse(
                file, name,
                "antenna %lld: \"%s\": none of alt-az, alt-az+nasmyth-r, alt-az+nasmyth-l, x-y, "
                "orbiting, equatorial, fixed, phased, other: whether its feeds rotate is not "
                "known: "
                "correct it, or remove the dataset",
                (long long)array->antenna[a].number, word);
        if (n > 1) word += strlen(word) + 1;
    }
    ci_mem_free(words);
    return status;
}

/* The header's two ways to say it must agree. */
static ci_status orientation_compare(const ci_uvh5_file *file, int north)
{
    ci_vis_feeds feeds;
    ci_vis_feeds_judge(file->meta, &feeds);
    bool is_north = feeds.q > 0;
    if (north < 0 || feeds.is_off_axis ||
        ci_vis_pol_kind_of(file->meta->pol[0]) != CI_VIS_POL_LINEAR || is_north == (north == 1))
        return CI_OK;
    if (feeds.angle_rad[0] == feeds.angle_rad[1]) return CI_OK; /* the angles say nothing */
    return ci_uvh5_refuse(file, "Header/x_orientation",
                          "\"%s\", but feed_angle of x is %.2f deg from north through east: "
                          "correct one of the two, or give --x-orientation",
                          north == 1 ? "north" : "east", feeds.angle_rad[0] * CI_RAD_TO_DEG);
}

/* --x-orientation: all X feeds there, whatever the header says. */
static void orientation_force(ci_uvh5_file *file, int north)
{
    ci_vis_meta *meta = file->meta;
    bool wanted = file->options.x_is_north;
    ci_vis_feeds feeds;
    ci_vis_feeds_judge(meta, &feeds);
    bool has_said = meta->array.has_feeds || north >= 0;
    bool said = meta->array.has_feeds ? feeds.q > 0 : north == 1;
    if (has_said && (said != wanted || feeds.is_off_axis || feeds.differ))
        ci_uvh5_warning_add(file, "--x-orientation %s is used, although the header says otherwise",
                            wanted ? "north" : "east");
    meta->array.has_feeds = false;
    meta->x_is_north = wanted;
}

static void fact_tell(ci_uvh5_file *file, int north)
{
    const ci_vis_meta *meta = file->meta;
    ci_vis_feeds f;
    ci_vis_feeds_judge(meta, &f);
    const char *how = file->options.x_is_north_given        ? " (given)"
                      : !meta->array.has_feeds && north < 0 ? " (assumed)"
                                                            : "";
    if (f.is_off_axis || f.differ)
        ci_uvh5_fact_set(file, "x_orientation", "along neither axis%s", how);
    else
        ci_uvh5_fact_set(file, "x_orientation", "to the %s%s", meta->x_is_north ? "north" : "east",
                         how);
    if (!meta->array.has_feeds || ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_STOKES) return;
    const char *names = ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_CIRCULAR ? "RL" : "XY";
    char text[160] = "";
    for (int k = 0; k < 2; k++) {
        size_t n = strlen(text);
        if (isfinite(f.angle_rad[k]))
            snprintf(text + n, sizeof text - n, "%s%c at %.2f deg", n > 0 ? ", " : "", names[k],
                     f.angle_rad[k] * CI_RAD_TO_DEG);
    }
    ci_uvh5_fact_set(file, "feeds", "%s%s%s", text, f.differ ? "; they differ by antenna" : "",
                     f.is_rotating ? "; rotating with the parallactic angle" : "");
}

/* Data of a feed that its antenna has not are flagged by the reader, which is said here; a
 * polarisation that no antenna has the feeds of is a mistake. */
static ci_status lacking_check(ci_uvh5_file *file)
{
    const ci_vis_meta *meta = file->meta;
    const char *name = "Header/feed_array";
    size_t n_lacking = 0, first = 0, n_with[2] = {0, 0};
    bool is_needed[2] = {false, false};
    for (size_t p = 0; p < meta->n_pol; p++) {
        int feed[2];
        ci_vis_pol_feeds(meta->pol[p], feed);
        for (int side = 0; side < 2; side++)
            if (feed[side] >= 0) is_needed[feed[side]] = true;
    }
    for (size_t a = meta->array.n_antenna; a-- > 0;) {
        const ci_vis_antenna *antenna = &meta->array.antenna[a];
        bool lacks = false;
        for (int f = 0; f < 2; f++) {
            lacks = lacks || (is_needed[f] && antenna->lacks_feed[f]);
            n_with[f] += !antenna->lacks_feed[f];
        }
        n_lacking += lacks;
        if (lacks) first = a;
    }
    for (int f = 0; f < 2; f++)
        if (is_needed[f] && n_with[f] == 0)
            return ci_uvh5_refuse(file, name,
                                  "no antenna has the %s feed, but polarization_array has "
                                  "correlations of it: correct one of the two",
                                  ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_CIRCULAR
                                      ? (f ? "L" : "R")
                                      : (f ? "Y" : "X"));
    if (n_lacking > 0)
        ci_uvh5_warning_add(
            file, "%s: %zu antenna%s (%lld%s) %s one of the feeds: data of it are flagged", name,
            n_lacking, ci_plural(n_lacking), (long long)meta->array.antenna[first].number,
            n_lacking > 1 ? " ..." : "", n_lacking == 1 ? "lacks" : "lack");
    return CI_OK;
}

ci_status ci_uvh5_feeds_read(ci_uvh5_file *file)
{
    ci_vis_meta *meta = file->meta;
    int north = -1;
    bool is_given = file->options.x_is_north_given;
    ci_status said = orientation_read(file, &north);
    if (!is_given) CI_TRY(said);
    CI_TRY(angles_find(file, is_given || north >= 0));
    CI_TRY(lacking_check(file));
    CI_TRY(mounts_read(file));
    if (meta->array.has_feeds && !is_given) CI_TRY(orientation_compare(file, north));
    meta->x_is_north = north == 1;
    if (is_given) orientation_force(file, north);
    if (meta->array.has_feeds) {
        ci_vis_feeds feeds;
        ci_vis_feeds_judge(meta, &feeds);
        if (feeds.angle_rad[0] != feeds.angle_rad[1] || north < 0) meta->x_is_north = feeds.q > 0;
    }
    meta->x_is_known = is_given || north >= 0 || meta->array.has_feeds;
    ci_error_clear();
    fact_tell(file, north);
    ci_vis_feeds feeds;
    ci_vis_feeds_judge(meta, &feeds);
    if (feeds.differ || feeds.has_mixed_mounts) {
        ci_status status = ci_vis_feeds_check(meta, CI_VIS_POL_I);
        ci_uvh5_warning_add(file, "%s", ci_error_text());
        ci_error_clear();
        (void)status;
    }
    return CI_OK;
}

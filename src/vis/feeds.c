/* Feeds: what their directions do to Stokes parameters. */
#include "contimg/vis.h"

#include <math.h>

static const double tolerance_rad = 1 * CI_DEG_TO_RAD + 1e-9;

/* Distance of two directions, a turn apart the same. */
static double apart(double a_rad, double b_rad)
{
    return fabs(remainder(a_rad - b_rad, CI_TWO_PI));
}

/* An antenna's feed as data assume it where the header says nothing. */
static double feed_angle(const ci_vis_meta *meta, size_t i_antenna, int i_feed)
{
    if (meta->array.has_feeds) return meta->array.antenna[i_antenna].feed_rad[i_feed];
    return meta->x_is_north == (i_feed == 0) ? 0 : CI_PI / 2;
}

/* Keeps the greatest distance from the first antenna that has the feed. */
static void antenna_add(const ci_vis_meta *meta, size_t a, bool is_first, ci_vis_feeds *out)
{
    bool rotates = meta->array.antenna[a].is_rotating;
    if (is_first) {
        out->is_rotating = rotates;
        out->i_antenna[0] = out->i_antenna[1] = a;
    }
    if (rotates != out->is_rotating) out->has_mixed_mounts = true;
    for (int f = 0; f < 2; f++) {
        double angle = feed_angle(meta, a, f);
        if (isnan(out->angle_rad[f])) out->angle_rad[f] = angle;
        double off = apart(angle, out->angle_rad[f]);
        double greatest = out->differ ? apart(out->other_rad, out->angle_rad[out->i_feed]) : 0;
        if (!(off > tolerance_rad) || off <= greatest) continue;
        out->differ = true;
        out->i_feed = f;
        out->other_rad = angle;
        out->i_antenna[1] = a;
    }
}

/* Whether an angle lies off the four axes. */
static bool off_axis(double angle_rad)
{
    return fabs(remainder(angle_rad, CI_PI / 2)) > tolerance_rad;
}

static double sign_of(double value)
{
    return value < 0 ? -1 : 1;
}

/* R at an angle a has its phase rotated by a, L at b by -b: RL by a + b, and with it Q and U by
 * that. Multiples of half a turn are signs: RL + LR = 2 q Q, RL - LR = 2i u U. */
static void circular_judge(double a, double b, ci_vis_feeds *out)
{
    if (isnan(a) || isnan(b)) return; /* without RL and LR there are no Q and U */
    out->is_off_axis = fabs(remainder(a + b, CI_PI)) > 2 * tolerance_rad;
    out->q = out->u = sign_of(cos(a + b));
}

void ci_vis_feeds_judge(const ci_vis_meta *meta, ci_vis_feeds *out)
{
    bool is_first = true, is_circular = ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_CIRCULAR;
    *out = (ci_vis_feeds){.q = 1, .u = 1, .v = 1, .is_crossed = true};
    if (ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_STOKES) return;
    out->angle_rad[0] = out->angle_rad[1] = NAN;
    for (size_t i = 0; i < meta->n_baseline; i++) {
        antenna_add(meta, (size_t)meta->baseline_ant1[i], is_first, out);
        antenna_add(meta, (size_t)meta->baseline_ant2[i], false, out);
        is_first = false;
    }
    double x = out->angle_rad[0], y = out->angle_rad[1];
    if (is_circular) {
        if (meta->array.has_feeds) circular_judge(x, y, out);
        return;
    }
    out->is_off_axis = off_axis(x) || off_axis(y);
    out->is_crossed = isnan(x) || isnan(y) || fabs(fabs(sin(x - y)) - 1) < 1 - cos(tolerance_rad);
    if (isnan(x)) x = y + CI_PI / 2;
    if (isnan(y)) y = x + CI_PI / 2;
    out->q = sign_of(cos(2 * x));
    out->u = sign_of(sin(x + y));
    out->v = sign_of(sin(y - x));
}

static ci_status differ_refuse(const ci_vis_meta *meta, const ci_vis_feeds *f)
{
    const ci_vis_antenna *a = &meta->array.antenna[f->i_antenna[0]];
    const ci_vis_antenna *b = &meta->array.antenna[f->i_antenna[1]];
    bool is_linear = ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_LINEAR;
    return ci_error(CI_ERR_INPUT,
                    "feed_angle: the %s feed of antenna %lld lies at %.2f deg, of antenna %lld at "
                    "%.2f deg: every correlation of two would lose flux by the cosine of what is "
                    "between, Stokes I too: leave out antennas whose feeds differ from the others",
                    is_linear ? (f->i_feed ? "Y" : "X") : (f->i_feed ? "L" : "R"),
                    (long long)a->number, f->angle_rad[f->i_feed] * CI_RAD_TO_DEG,
                    (long long)b->number, f->other_rad * CI_RAD_TO_DEG);
}

static ci_status stokes_refuse(const ci_vis_feeds *f, int stokes, const char *why)
{
    return ci_error(
        CI_ERR_INPUT,
        "feed_angle: feeds at %.2f and %.2f deg from north through east: %s, so that "
        "Stokes %s cannot be formed from sums and differences of correlations: image one "
        "of these (--stokes XX), or correct feed_angle",
        f->angle_rad[0] * CI_RAD_TO_DEG, f->angle_rad[1] * CI_RAD_TO_DEG, why,
        ci_vis_pol_name(stokes));
}

ci_status ci_vis_feeds_check(const ci_vis_meta *meta, int stokes)
{
    ci_vis_feeds f;
    ci_vis_feeds_judge(meta, &f);
    bool is_q_u = stokes == CI_VIS_POL_Q || stokes == CI_VIS_POL_U;
    bool is_sum = ci_vis_pol_kind_of(stokes) == CI_VIS_POL_STOKES;
    if (f.differ) return differ_refuse(meta, &f);
    if (f.has_mixed_mounts)
        return ci_error(
            CI_ERR_INPUT,
            "mount_type: the feeds of some antennas rotate with the parallactic angle "
            "(alt-az), those of others do not: their correlations lose flux: leave out one "
            "kind, or correct mount_type");
    if (is_q_u && f.is_rotating)
        return ci_error(
            CI_ERR_INPUT,
            "mount_type: the feeds rotate on the sky with the parallactic angle (alt-az), "
            "and so do Q and U: Stokes %s cannot be formed without taking that out: image I or V, "
            "or "
            "correct mount_type",
            ci_vis_pol_name(stokes));
    if (is_q_u && f.is_off_axis)
        return stokes_refuse(&f, stokes,
                             ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_CIRCULAR
                                 ? "the sum of R's and L's is no multiple of 180 deg, which mixes "
                                   "Q and U"
                                 : "more than 1 degree off the axes");
    /* X and Y both at 0: what tables without a feed's own angle say. I does not depend on it. */
    bool is_unsaid = f.angle_rad[0] == 0 && f.angle_rad[1] == 0;
    if (is_sum && !f.is_crossed && !(is_unsaid && stokes == CI_VIS_POL_I))
        return stokes_refuse(&f, stokes, "not at right angles");
    return CI_OK;
}

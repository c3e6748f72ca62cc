/* Polarisations: codes, names and feeds. */
#include "contimg/vis.h"

#include <complex.h>

/* By code: -8 YX ... -1 RR, 0 none, 1 I ... 4 V. */
static const char *const names[] = {"YX", "XY", "YY", "XX", "LR", "RL", "LL",
                                    "RR", "?",  "I",  "Q",  "U",  "V"};

enum
{
    N_NAME = sizeof names / sizeof *names
};

const char *ci_vis_pol_name(int pol)
{
    return names[pol >= CI_VIS_POL_YX && pol <= CI_VIS_POL_V ? pol - CI_VIS_POL_YX
                                                             : -CI_VIS_POL_YX];
}

int ci_vis_pol_parse(const char *name)
{
    size_t i = ci_str_index(name, names, N_NAME);
    return i < N_NAME ? (int)i + CI_VIS_POL_YX : 0;
}

int ci_vis_pol_find(const ci_vis_meta *meta, int pol)
{
    for (size_t i = 0; i < meta->n_pol && i < 4; i++) {
        if (meta->pol[i] == pol) return (int)i;
    }
    return -1;
}

ci_vis_pol_kind ci_vis_pol_kind_of(int pol)
{
    return pol > 0               ? CI_VIS_POL_STOKES
           : pol > CI_VIS_POL_XX ? CI_VIS_POL_CIRCULAR
                                 : CI_VIS_POL_LINEAR;
}

void ci_vis_pol_feeds(int pol, int feed[2])
{
    static const int first[] = {0, 1, 0, 1}, second[] = {0, 1, 1, 0}; /* XX YY XY YX, RR LL RL LR */
    feed[0] = feed[1] = -1;
    if (pol >= 0 || pol < CI_VIS_POL_YX) return;
    int k = pol <= CI_VIS_POL_XX ? CI_VIS_POL_XX - pol : CI_VIS_POL_RR - pol;
    feed[0] = first[k];
    feed[1] = second[k];
}

int ci_vis_pol_of_feed(ci_vis_pol_kind kind, int feed)
{
    return (kind == CI_VIS_POL_LINEAR ? CI_VIS_POL_XX : CI_VIS_POL_RR) - feed;
}

int ci_vis_pol_reversed(int pol)
{
    int feed[2];
    ci_vis_pol_feeds(pol, feed);
    if (feed[0] == feed[1]) return pol;
    return feed[0] == 0 ? pol - 1 : pol + 1;
}

bool ci_vis_pol_is_parallel(int pol)
{
    int feed[2];
    ci_vis_pol_feeds(pol, feed);
    return pol == CI_VIS_POL_I || (pol < 0 && feed[0] == feed[1]);
}

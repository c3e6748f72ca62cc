/* Chebyshev nodes of a run of channels, and from nodes to channels. */
#include "sky/nodes.h"

#include <math.h>
#include <string.h>

enum
{
    N = CI_SKY_NODES
};

/* Lagrange's polynomials by the second barycentric formula: the weights of these nodes are
 * (-1)^k sin((2 k + 1) pi / 2 N). */
static void shares_find(ci_sky_nodes *out, double freq_hz, size_t i_chan)
{
    double term[N], sum = 0;
    for (size_t k = 0; k < N; k++) {
        double away = freq_hz - out->freq_hz[k];
        double weight = sin((double)(2 * k + 1) * CI_PI / (2 * N));
        if (away == 0) { /* a node itself */
            for (size_t i = 0; i < N; i++)
                out->share[i][i_chan] = i == k ? 1 : 0;
            return;
        }
        term[k] = (k % 2 ? -weight : weight) / away;
        sum += term[k];
    }
    for (size_t k = 0; k < N; k++)
        out->share[k][i_chan] = (float)(term[k] / sum);
}

void ci_sky_nodes_make(ci_sky_nodes *out, const double *freq_hz, size_t n_chan)
{
    double middle = 0.5 * (freq_hz[n_chan - 1] + freq_hz[0]);
    double half = 0.5 * (freq_hz[n_chan - 1] - freq_hz[0]);
    for (size_t k = 0; k < N; k++)
        out->freq_hz[k] = middle - half * cos((double)(2 * k + 1) * CI_PI / (2 * N));
    for (size_t c = 0; c < CI_SKY_TILE; c++)
        shares_find(out, freq_hz[c < n_chan ? c : n_chan - 1], c);
}

double ci_sky_nodes_range_rad(void)
{
    return 4 * exp((log(1e-7) + lgamma(N + 1.0)) / N);
}

CI_ISA_INLINE void sums_spread(const ci_sky_nodes *nodes, const float *sum, size_t n_chan,
                               float *out)
{
    for (size_t first = 0; first < n_chan; first += CI_SKY_LANES) {
        float re[CI_SKY_LANES] = {0}, im[CI_SKY_LANES] = {0}, both[2 * CI_SKY_LANES];
        size_t n = n_chan - first < CI_SKY_LANES ? n_chan - first : CI_SKY_LANES;
        for (size_t k = 0; k < N; k++) {
            const float *restrict share = nodes->share[k] + first;
            for (size_t j = 0; j < CI_SKY_LANES; j++) {
                re[j] += share[j] * sum[k];
                im[j] += share[j] * sum[N + k];
            }
        }
        for (size_t j = 0; j < CI_SKY_LANES; j++) {
            both[2 * j] = re[j];
            both[2 * j + 1] = im[j];
        }
        if (n == CI_SKY_LANES) /* a copy of known length costs little beside the sums */
            memcpy(out + 2 * first, both, sizeof both);
        else
            memcpy(out + 2 * first, both, 2 * n * sizeof *both);
    }
}

CI_ISA_INSTANCES(sums_spread,
                 (const ci_sky_nodes *nodes, const float *sum, size_t n_chan, float *out),
                 (nodes, sum, n_chan, out))

ci_sky_spread_kernel ci_sky_spread_get(ci_isa isa)
{
    return CI_ISA_KERNEL(sums_spread, isa);
}

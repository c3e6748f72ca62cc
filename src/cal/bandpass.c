/* Bandpass: one solve per channel. The sums of a channel over all baselines are on one rank
 * where whole sub-bands are; where ranks share a sub-band, its blocks of channels are dealt
 * to them and the sums exchanged. */
#include "cal/share.h"
#include "cal/sums.h"

#include <complex.h>
#include <math.h>
#include <string.h>

enum
{
    N_FEW = 8,    /* baselines: a cache line of their sums */
    N_BLOCK = 12, /* channels that are dealt together where ranks share a sub-band */
    N_GAP = 3     /* channels that interpolation may bridge */
};

static size_t block_count(size_t n_chan)
{
    return (n_chan + N_BLOCK - 1) / N_BLOCK;
}

static size_t block_chans(size_t n_chan, size_t i_block)
{
    size_t left = n_chan - i_block * N_BLOCK;
    return left < N_BLOCK ? left : N_BLOCK;
}

/* conj(g) and |g|^2 of one baseline in each interval, 0 where a gain is flagged; g with what
 * channels lose. */
static void factors_fill(const ci_cal_problem *p, const ci_cal_sums *s, size_t i_feed, size_t b,
                         double (*out)[CI_CAL_N_NORMAL])
{
    const ci_c64 *gain = p->gain + i_feed * p->n_interval * p->n_antenna;
    const uint8_t *flag = p->gain_flag + i_feed * p->n_interval * p->n_antenna;
    size_t ant1 = (size_t)p->meta->baseline_ant1[s->part.i_baseline_first + b];
    size_t ant2 = (size_t)p->meta->baseline_ant2[s->part.i_baseline_first + b];
    double loss = ci_cal_loss(p, s->part.i_sub_band, i_feed, ant1, ant2);
    for (size_t t = 0; t < p->n_interval; t++) {
        size_t g1 = t * p->n_antenna + ant1, g2 = t * p->n_antenna + ant2;
        ci_c64 g = ant1 == ant2 || flag[g1] || flag[g2] ? 0 : loss * gain[g1] * conj(gain[g2]);
        out[t][0] = creal(g);
        out[t][1] = -cimag(g);
        out[t][2] = out[t][0] * out[t][0] + out[t][1] * out[t][1];
    }
}

/* The part's baselines summed over intervals with the present gains, channels [first, first +
 * n_chan) of the sub-band, at most CI_CAL_RUN_CHAN: out [3][n_chan][baseline of the part] = re, im,
 * b. A few baselines at a time, as those of one channel lie far from those of the next. */
static void chan_sums(const ci_cal_problem *p, const ci_cal_sums *s, size_t i_feed, size_t first,
                      size_t n_chan, double *out)
{
    size_t n_baseline = s->part.n_baseline;
    double few[N_FEW][CI_CAL_N_NORMAL][CI_CAL_RUN_CHAN];
    for (size_t b = 0; b < n_baseline; b += N_FEW) {
        size_t n = n_baseline - b < N_FEW ? n_baseline - b : N_FEW;
        for (size_t i = 0; i < n; i++) {
            size_t at = ci_cal_sum_index(p, s, b + i, i_feed, 0) + first;
            ci_cal_normal in = ci_cal_normal_at(s, at);
            factors_fill(p, s, i_feed, b + i, p->factor);
            ci_cal_run_sum(ci_comm_isa(p->comm), &in, s->n_chan, p->factor, p->n_interval, n_chan,
                           few[i]);
        }
        for (size_t k = 0; k < CI_CAL_N_NORMAL; k++)
            for (size_t c = 0; c < n_chan; c++)
                for (size_t i = 0; i < n; i++)
                    out[(k * n_chan + c) * n_baseline + b + i] = few[i][k][c];
    }
}

/* Solves a run of channels; solutions into the problem's arrays. */
static void chans_solve(ci_cal_problem *p, size_t i_chan_first, size_t n_chan, size_t i_feed,
                        const double *sums)
{
    size_t n = p->n_baseline;
    for (size_t c = 0; c < n_chan; c++) {
        size_t at = (i_feed * p->n_chan + i_chan_first + c) * p->n_antenna;
        int n_step = ci_cal_stefcal_solve(p->solver, sums + c * n, sums + (n_chan + c) * n,
                                          sums + (2 * n_chan + c) * n, p->i_ref, p->bandpass + at,
                                          p->bandpass_flag + at, p->bandpass_snr + at);
        p->n_unconverged += n_step < 0;
        if (n_step > p->n_iteration) p->n_iteration = n_step;
    }
}

/* ---- who solves what --------------------------------------------------------- */

/* Holders of a sub-band are consecutive in share[]. */
static void holders_find(const ci_cal_problem *p, size_t i_sub_band, size_t *first, size_t *count)
{
    *first = *count = 0;
    for (size_t i = 0; i < p->n_share; i++) {
        if ((size_t)p->share[i].i_sub_band != i_sub_band) continue;
        if ((*count)++ == 0) *first = i;
    }
}

static void dealt_blocks(const ci_cal_problem *p, size_t i_sub_band, size_t i_share, size_t *first,
                         size_t *count)
{
    size_t holder_first, n_holder;
    holders_find(p, i_sub_band, &holder_first, &n_holder);
    ci_par_split(block_count(p->meta->sub_band[i_sub_band].n_chan), (int)n_holder,
                 (int)(i_share - holder_first), first, count);
}

/* Doubles that a holder of n_baseline sends for one block of one feed. */
static size_t piece_size(const ci_cal_problem *p, size_t i_sub_band, size_t i_block,
                         size_t n_baseline)
{
    return 3 * block_chans(p->meta->sub_band[i_sub_band].n_chan, i_block) * n_baseline;
}

static const ci_cal_sums *part_of(const ci_cal_problem *p, size_t i_sub_band)
{
    for (size_t i = 0; i < p->n_part; i++)
        if (p->part[i].part.i_sub_band == i_sub_band) return &p->part[i];
    return NULL;
}

/* Packs (or, with out NULL, counts) what goes to one holder. */
static size_t pack_for(const ci_cal_problem *p, size_t i_share, double *out)
{
    size_t i_sub_band = (size_t)p->share[i_share].i_sub_band, first, count, n = 0;
    const ci_cal_sums *s = part_of(p, i_sub_band);
    if (!s) return 0;
    dealt_blocks(p, i_sub_band, i_share, &first, &count);
    for (size_t k = first; k < first + count; k++) {
        for (size_t h = 0; h < p->n_feed; h++) {
            if (out) chan_sums(p, s, h, k * N_BLOCK, block_chans(s->n_chan, k), out + n);
            n += piece_size(p, i_sub_band, k, s->part.n_baseline);
        }
    }
    return n;
}

/* Doubles before block k, feed h in the message of a sender with n_baseline to a holder whose
 * blocks start at `first`. */
static size_t piece_offset(const ci_cal_problem *p, size_t i_sub_band, size_t first, size_t k,
                           size_t h, size_t n_baseline)
{
    size_t n = 0;
    for (size_t j = first; j < k; j++)
        n += p->n_feed * piece_size(p, i_sub_band, j, n_baseline);
    return n + h * piece_size(p, i_sub_band, k, n_baseline);
}

/* Solves the blocks dealt to this rank at share i_share from the messages of all holders;
 * start[r] is where rank r's message begins. */
static void dealt_solve(ci_cal_problem *p, size_t i_share, const double *all, const size_t *start,
                        double *sums)
{
    size_t i_sub_band = (size_t)p->share[i_share].i_sub_band, first, count, holder, n_holder;
    size_t n_chan_all = p->meta->sub_band[i_sub_band].n_chan;
    size_t i_chan_first = ci_vis_chan_first(p->meta, i_sub_band);
    holders_find(p, i_sub_band, &holder, &n_holder);
    dealt_blocks(p, i_sub_band, i_share, &first, &count);
    for (size_t k = first; k < first + count; k++) {
        size_t n_chan = block_chans(n_chan_all, k);
        for (size_t h = 0; h < p->n_feed; h++) {
            memset(sums, 0, 3 * n_chan * p->n_baseline * sizeof(double));
            for (size_t i = holder; i < holder + n_holder; i++) {
                const ci_cal_share *from = &p->share[i];
                size_t n = (size_t)from->n_baseline;
                const double *piece =
                    all + start[from->rank] + piece_offset(p, i_sub_band, first, k, h, n);
                for (size_t c = 0; c < 3 * n_chan; c++)
                    memcpy(sums + c * p->n_baseline + from->i_baseline_first, piece + c * n,
                           n * sizeof(double));
            }
            chans_solve(p, i_chan_first + k * N_BLOCK, n_chan, h, sums);
        }
    }
}

/* Where ranks share sub-bands each holds at most one part. */
static ci_status shared_solve(ci_cal_problem *p, double *sums)
{
    size_t n_rank = (size_t)ci_comm_size(p->comm), n = 0;
    size_t *n_send = NULL, *n_recv = NULL;
    double *send = NULL;
    void *recv = NULL;
    for (size_t i = 0; i < p->n_share; i++)
        n += pack_for(p, i, NULL);
    ci_status status = ci_mem_alloc(&n_send, 2 * n_rank, sizeof *n_send, "bandpass exchange");
    if (status == CI_OK) status = ci_mem_alloc(&send, n, sizeof *send, "bandpass exchange");
    status = ci_par_agree(p->comm, status);
    if (status == CI_OK) {
        n_recv = n_send + n_rank;
        n = 0;
        for (size_t i = 0; i < p->n_share; i++) {
            size_t count = pack_for(p, i, send + n);
            n_send[p->share[i].rank] += count * sizeof(double);
            n += count;
        }
        status = ci_par_exchange(p->comm, send, n_send, &recv, n_recv);
    }
    if (status == CI_OK) {
        size_t at = 0;
        for (size_t r = 0; r < n_rank; r++) {
            size_t n_byte = n_recv[r];
            n_recv[r] = at;
            at += n_byte / sizeof(double);
        }
        for (size_t i = 0; i < p->n_share; i++)
            if (p->share[i].rank == ci_comm_rank(p->comm)) dealt_solve(p, i, recv, n_recv, sums);
    }
    ci_mem_free(recv);
    ci_mem_free(send);
    ci_mem_free(n_send);
    return status;
}

static void whole_solve(ci_cal_problem *p, double *sums)
{
    for (size_t i = 0; i < p->n_part; i++) {
        const ci_cal_sums *s = &p->part[i];
        for (size_t c = 0; c < s->n_chan; c += CI_CAL_RUN_CHAN) {
            size_t n = s->n_chan - c < CI_CAL_RUN_CHAN ? s->n_chan - c : CI_CAL_RUN_CHAN;
            for (size_t h = 0; h < p->n_feed; h++) {
                chan_sums(p, s, h, c, n, sums);
                chans_solve(p, s->i_chan_first + c, n, h, sums);
            }
        }
    }
}

/* ---- solutions to all ranks ----------------------------------------------------- */

static ci_status solutions_share(ci_cal_problem *p, bool is_shared)
{
    ci_cal_solutions all = {p->n_antenna, p->bandpass, p->bandpass_snr, p->bandpass_flag};
    size_t n = 0, n_max = 0, size = ci_cal_solution_size(p->n_antenna);
    double *here = NULL;
    for (size_t i = 0; i < p->n_part; i++)
        n_max += p->part[i].n_chan * p->n_feed;
    CI_TRY(ci_par_alloc(p->comm, &here, n_max * size, sizeof *here, "bandpass solutions"));
    for (size_t i = 0; i < p->n_share; i++) {
        if (p->share[i].rank != ci_comm_rank(p->comm)) continue;
        const ci_cal_sums *s = part_of(p, (size_t)p->share[i].i_sub_band);
        size_t first = 0, count = block_count(s->n_chan);
        if (is_shared) dealt_blocks(p, s->part.i_sub_band, i, &first, &count);
        size_t c_end = (first + count) * N_BLOCK;
        for (size_t c = first * N_BLOCK; c < c_end && c < s->n_chan; c++)
            for (size_t h = 0; h < p->n_feed; h++)
                ci_cal_solution_pack(&all, h * p->n_chan + s->i_chan_first + c, here + n++ * size);
    }
    ci_status status = ci_cal_solutions_share(p->comm, here, n, &all);
    ci_mem_free(here);
    return status;
}

/* Mean amplitude 1 and mean phase 0 over the band; what is taken out goes to the gains. */
static void normalise(ci_cal_problem *p)
{
    for (size_t h = 0; h < p->n_feed; h++) {
        ci_c64 *bandpass = p->bandpass + h * p->n_chan * p->n_antenna;
        const uint8_t *flag = p->bandpass_flag + h * p->n_chan * p->n_antenna;
        for (size_t a = 0; a < p->n_antenna; a++) {
            double amplitude = 0;
            ci_c64 sum = 0;
            size_t n = 0;
            for (size_t i = a; i < p->n_chan * p->n_antenna; i += p->n_antenna) {
                if (flag[i]) continue;
                amplitude += cabs(bandpass[i]);
                sum += bandpass[i];
                n++;
            }
            if (n == 0 || !(amplitude > 0)) continue;
            double size = cabs(sum);
            ci_c64 phasor = (int32_t)a != p->i_ref && size > 0 ? sum / size : 1;
            ci_c64 scale = phasor * (amplitude / (double)n);
            for (size_t i = a; i < p->n_chan * p->n_antenna; i += p->n_antenna)
                bandpass[i] /= scale;
            for (size_t t = 0; t < p->n_interval; t++)
                p->gain[(h * p->n_interval + t) * p->n_antenna + a] *= scale;
        }
    }
}

static ci_status bandpass_solve(ci_cal_problem *p)
{
    if (p->n_chan == 1) { /* all is in the gains */
        for (size_t i = 0; i < p->n_feed * p->n_antenna; i++)
            p->bandpass[i] = 1;
        return CI_OK;
    }
    bool is_shared = false;
    double *sums = NULL;
    for (size_t s = 0; s < p->meta->n_sub_band; s++) {
        size_t first, count;
        holders_find(p, s, &first, &count);
        is_shared |= count > 1;
    }
    CI_TRY(ci_par_alloc(p->comm, &sums, 3 * (size_t)CI_CAL_RUN_CHAN * p->n_baseline, sizeof *sums,
                        "bandpass sums"));
    ci_status status = CI_OK;
    if (is_shared)
        status = shared_solve(p, sums);
    else
        whole_solve(p, sums);
    ci_mem_free(sums);
    if (status == CI_OK) status = solutions_share(p, is_shared);
    if (status != CI_OK) return status;
    for (size_t h = 0; h < p->n_feed; h++) {
        size_t at = h * p->n_chan * p->n_antenna;
        ci_cal_reference_align(p->n_chan, p->n_antenna, p->i_ref, p->bandpass + at,
                               p->bandpass_flag + at);
    }
    normalise(p);
    return CI_OK;
}

ci_status ci_cal_bandpass_solve(ci_cal_problem *p)
{
    size_t mark = ci_timer_begin(ci_comm_timer(p->comm), "bandpass");
    ci_status status = bandpass_solve(p);
    ci_timer_end(ci_comm_timer(p->comm), mark);
    return status;
}

/* ---- gaps ----------------------------------------------------------------------- */

/* Complex log interpolation over channels (first, end) between good neighbours; the mean
 * slope of the phase (a delay) is taken out first, it may change far within the gap. */
static void gap_fill(const ci_cal_problem *p, size_t base, size_t before, size_t after, ci_c64 step)
{
    size_t n_antenna = p->n_antenna;
    ci_c64 g0 = p->bandpass[base + before * n_antenna], g1 = p->bandpass[base + after * n_antenna];
    float snr0 = p->bandpass_snr[base + before * n_antenna];
    float snr1 = p->bandpass_snr[base + after * n_antenna];
    double slope = carg(step), n = (double)(after - before);
    double phase = carg(g1 * conj(g0) * cexp(-I * slope * n)), ratio = log(cabs(g1) / cabs(g0));
    for (size_t c = before + 1; c < after; c++) {
        double f = (double)(c - before);
        size_t i = base + c * n_antenna;
        p->bandpass[i] = g0 * exp(ratio * f / n) * cexp(I * (slope * f + phase * f / n));
        p->bandpass_flag[i] = 0;
        p->bandpass_snr[i] = snr0 < snr1 ? snr0 : snr1;
    }
}

/* One receptor in one sub-band; base: its position at the sub-band's first channel. */
static void receptor_fill(const ci_cal_problem *p, size_t base, size_t n_chan)
{
    ci_c64 step = 0;
    size_t n_antenna = p->n_antenna, before = SIZE_MAX;
    uint8_t *flag = p->bandpass_flag + base;
    const ci_c64 *gain = p->bandpass + base;
    for (size_t c = 0; c + 1 < n_chan; c++)
        if (!flag[c * n_antenna] && !flag[(c + 1) * n_antenna])
            step += gain[(c + 1) * n_antenna] * conj(gain[c * n_antenna]);
    if (!(cabs(step) > 0)) step = 1;
    bool has_failed = false; /* data that no gain fits: a hole in the bandpass is no gap */
    for (size_t c = 0; c < n_chan; c++) {
        has_failed |= flag[c * n_antenna] == CI_CAL_FAILED;
        if (flag[c * n_antenna]) continue;
        if (before != SIZE_MAX && c - before > 1 && c - before <= N_GAP + 1 && !has_failed)
            gap_fill(p, base, before, c, step);
        before = c;
        has_failed = false;
    }
    for (size_t c = 0; c < n_chan; c++)
        if (flag[c * n_antenna] == CI_CAL_GAP) flag[c * n_antenna] = CI_CAL_FAILED;
}

void ci_cal_bandpass_fill(ci_cal_problem *p)
{
    for (size_t h = 0; h < p->n_feed; h++) {
        size_t i_chan_first = 0;
        for (size_t s = 0; s < p->meta->n_sub_band; s++) {
            size_t n_chan = p->meta->sub_band[s].n_chan;
            for (size_t a = 0; a < p->n_antenna; a++)
                receptor_fill(p, (h * p->n_chan + i_chan_first) * p->n_antenna + a, n_chan);
            i_chan_first += n_chan;
        }
    }
}

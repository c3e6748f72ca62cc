/* Dead receptors. Every rank sends one record per sub-band and baseline that it holds; the
 * decision is taken by all alike on the whole. */
#include "flag/flag_private.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

enum
{
    N_SCRATCH = 512 /* samples of a baseline that its median is taken of */
};

static const double nearly_all =
    0.75; /* of a dead receptor's baselines: the rest may be interference */

static const double least_coherence = 0.3;

/* Records of this rank and of all. */
typedef struct gathered
{
    ci_flag_record *here, *whole; /* owned */
    size_t n_here, n_whole;
} gathered;

/* The gathered records and what the decision works on, for one feed. */
typedef struct judge
{
    const ci_vis_meta *meta;
    const ci_flag_record *records;
    size_t n_record, i_pol;
    double *value;           /* [n_record] median over the sub-band's scale; NaN where unused */
    double *scratch;         /* [n_record] */
    double *receptor;        /* [n_antenna] */
    bool *is_out;            /* [n_antenna] dead so far */
    double *pool;            /* [2 n_record] values sorted into antennas */
    size_t *first;           /* [n_antenna + 1] */
    uint32_t *key;           /* [2 n_record] */
    size_t *i_value, *order; /* [2 n_record] */
    int64_t *count;          /* [2][n_antenna] good samples, all samples */
} judge;

static ci_status records_make(const ci_vis_set *set, ci_isa isa, ci_flag_times *times,
                              ci_flag_record **out, size_t *n_out)
{
    size_t n_max = 0, n = 0;
    float *scratch = NULL;
    ci_flag_record *records = NULL;
    for (size_t i = 0; i < set->n_block; i++)
        n_max += set->block[i]->part.n_baseline;
    CI_TRY(ci_mem_alloc(&scratch, N_SCRATCH, sizeof *scratch, "amplitudes of a baseline"));
    ci_status status = ci_mem_alloc(&records, n_max, sizeof *records, "medians of baselines");
    if (status == CI_OK && times) status = ci_flag_times_new(times, set->meta, n_max);
    for (size_t i = 0; status == CI_OK && i < set->n_block; i++) {
        const ci_vis_block *block = set->block[i];
        for (size_t i_row = 0, end; i_row < block->n_row && n < n_max; i_row = end) {
            end = ci_vis_baseline_end(block, i_row);
            ci_flag_record *r = &records[n++];
            r->i_sub_band = (int64_t)block->part.i_sub_band;
            r->i_baseline = block->i_baseline[i_row];
            r->n_all = (int64_t)((end - i_row) * block->n_chan);
            for (size_t p = 0; p < block->n_pol; p++) {
                r->median[p] = NAN;
                if (!ci_vis_pol_is_parallel(block->meta->pol[p])) continue;
                r->median[p] = ci_flag_median_amplitude(block, i_row, end, p, scratch, N_SCRATCH,
                                                        isa, &r->n_good[p]);
                r->coherence[p] = ci_flag_times_add(times, block, i_row, end, p, n - 1);
            }
        }
    }
    ci_mem_free(scratch);
    *out = records;
    *n_out = n;
    return status;
}

static bool is_auto(const judge *j, const ci_flag_record *r)
{
    return ci_vis_baseline_is_auto(j->meta, (size_t)r->i_baseline);
}

static bool is_used(const judge *j, const ci_flag_record *r, bool autos)
{
    int32_t ant1 = j->meta->baseline_ant1[r->i_baseline];
    int32_t ant2 = j->meta->baseline_ant2[r->i_baseline];
    return (ant1 == ant2) == autos && isfinite(r->median[j->i_pol]) &&
           (autos || !(j->is_out[ant1] && j->is_out[ant2]));
}

/* value = median amplitude relative to its sub-band's median over baselines of the living, so
 * that the slope of the band does not matter. Records come in order of sub-bands. */
static void values_normalise(judge *j, bool autos)
{
    for (size_t first = 0, end; first < j->n_record; first = end) {
        size_t n = 0;
        for (end = first;
             end < j->n_record && j->records[end].i_sub_band == j->records[first].i_sub_band;
             end++) {
            const ci_flag_record *r = &j->records[end];
            bool living = !j->is_out[j->meta->baseline_ant1[r->i_baseline]] &&
                          !j->is_out[j->meta->baseline_ant2[r->i_baseline]];
            if (is_used(j, r, autos) && living) j->scratch[n++] = r->median[j->i_pol];
        }
        double scale = ci_num_median(j->scratch, n);
        for (size_t i = first; i < end; i++) {
            bool use = is_used(j, &j->records[i], autos) && scale > 0;
            j->value[i] = use ? j->records[i].median[j->i_pol] / scale : NAN;
        }
    }
}

/* receptor[a] = the value below which a share of its baselines' values lies, those to dead partners
 * left out. */
static void receptors_level(judge *j, bool autos, double share)
{
    size_t n_antenna = j->meta->array.n_antenna, n = 0;
    for (size_t i = 0; i < j->n_record; i++) {
        if (!isfinite(j->value[i])) continue;
        int32_t ant[2] = {j->meta->baseline_ant1[j->records[i].i_baseline],
                          j->meta->baseline_ant2[j->records[i].i_baseline]};
        for (int k = 0; k < (autos ? 1 : 2); k++) {
            if (!autos && j->is_out[ant[1 - k]]) continue;
            j->key[n] = (uint32_t)ant[k];
            j->i_value[n++] = i;
        }
    }
    ci_num_sort_by_key(j->key, n, n_antenna, j->first, j->order);
    for (size_t i = 0; i < n; i++)
        j->pool[i] = j->value[j->i_value[j->order[i]]];
    for (size_t a = 0; a < n_antenna; a++) {
        double *of = j->pool + j->first[a];
        size_t n_of = j->first[a + 1] - j->first[a];
        if (share == 0.5 || n_of == 0)
            j->receptor[a] = ci_num_median(of, n_of);
        else
            j->receptor[a] = ci_num_nth(of, n_of, (size_t)ceil(share * (double)(n_of - 1)));
    }
}

/* Median coherence of the used baselines that have a receptor below the limit, or of the others. */
static double coherence_median(judge *j, double limit, bool of_low)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_record; i++) {
        if (!isfinite(j->value[i])) continue;
        int32_t a = j->meta->baseline_ant1[j->records[i].i_baseline];
        int32_t b = j->meta->baseline_ant2[j->records[i].i_baseline];
        bool is_low = j->receptor[a] < limit || j->receptor[b] < limit;
        if (is_low == of_low) j->scratch[n++] = j->records[i].coherence[j->i_pol];
    }
    return ci_num_median(j->scratch, n);
}

/* Whether a sky is seen by those below the limit and not by the others: then they work, and the
 * others are full of interference. */
static bool low_are_alive(judge *j, double limit)
{
    double low = coherence_median(j, limit, true), high = coherence_median(j, limit, false);
    return low > least_coherence && low > 2 * high;
}

/* One pass: receptors nearly all of whose baselines are below the fraction of the median of the
 * living; true where one was found. A median over all may be lifted by interference on half of
 * the baselines, but then a working receptor has it on half of its own, too. */
static bool low_find(judge *j, bool autos, double fraction)
{
    size_t n_antenna = j->meta->array.n_antenna, n = 0;
    bool found = false;
    values_normalise(j, autos);
    receptors_level(j, autos, 0.5);
    for (size_t a = 0; a < n_antenna; a++)
        if (isfinite(j->receptor[a]) && !j->is_out[a]) j->scratch[n++] = j->receptor[a];
    double limit = fraction * ci_num_median(j->scratch, n);
    receptors_level(j, autos, nearly_all);
    if (!autos && low_are_alive(j, limit)) return false;
    for (size_t a = 0; a < n_antenna; a++) {
        if (j->is_out[a] || !(j->receptor[a] < limit)) continue;
        j->is_out[a] = true;
        found = true;
    }
    return found;
}

static void amplitudes_report(judge *j, ci_flag_report *report)
{
    for (size_t i = 0; i < j->n_record; i++)
        j->value[i] = is_used(j, &j->records[i], false) ? j->records[i].median[j->i_pol] : NAN;
    receptors_level(j, false, 0.5);
    for (size_t a = 0; a < report->n_antenna; a++)
        report->median_amplitude[a * report->n_pol + j->i_pol] = j->receptor[a];
}

/* Receptors without data; where the search for interference has flagged some since, those that had
 * none before it. */
static void empty_find(judge *j, const ci_flag_options *options, bool again, ci_flag_report *report)
{
    const int64_t *good = j->count, *all = j->count + report->n_antenna;
    for (size_t a = 0; a < report->n_antenna; a++) {
        uint8_t *d = &report->dead[a * report->n_pol + j->i_pol];
        bool empty =
            all[a] > 0 && (double)good[a] < (1 - options->flagged_fraction) * (double)all[a];
        empty |= all[a] > 0 && good[a] == 0;
        if (!again && empty) *d = CI_FLAG_RECEPTOR_EMPTY;
        j->is_out[a] = *d != CI_FLAG_RECEPTOR_ALIVE;
    }
}

static void feed_judge(judge *j, const ci_flag_options *options, bool again, ci_flag_report *report)
{
    const int64_t *good = j->count;
    size_t p = j->i_pol;
    for (size_t a = 0; a < report->n_antenna; a++)
        j->is_out[a] = false;
    if (!again) amplitudes_report(j, report);
    empty_find(j, options, again, report);
    /* Each one found improves the array's median. */
    while (low_find(j, false, options->dead_fraction))
        continue;
    while (low_find(j, true, options->dead_fraction))
        continue;
    report->n_low[p] = report->n_empty[p] = report->n_alive[p] = 0;
    for (size_t a = 0; a < report->n_antenna; a++) {
        uint8_t *d = &report->dead[a * report->n_pol + p];
        if (j->is_out[a] && *d == CI_FLAG_RECEPTOR_ALIVE) *d = CI_FLAG_RECEPTOR_LOW;
        report->n_low[p] += *d == CI_FLAG_RECEPTOR_LOW;
        report->n_empty[p] += *d == CI_FLAG_RECEPTOR_EMPTY;
        report->n_alive[p] += *d == CI_FLAG_RECEPTOR_ALIVE && good[a] > 0;
    }
}

static ci_status judge_new(judge *j, const ci_vis_meta *meta, const ci_flag_record *records,
                           size_t n_record)
{
    static const char what[] = "dead receptors";
    size_t n_antenna = meta->array.n_antenna, n_pair = 2 * n_record;
    *j = (judge){.meta = meta, .records = records, .n_record = n_record};
    CI_TRY(ci_mem_alloc(&j->value, n_record, sizeof *j->value, what));
    CI_TRY(ci_mem_alloc(&j->scratch, n_record + n_antenna, sizeof *j->scratch, what));
    CI_TRY(ci_mem_alloc(&j->receptor, n_antenna, sizeof *j->receptor, what));
    CI_TRY(ci_mem_alloc(&j->is_out, n_antenna, sizeof *j->is_out, what));
    CI_TRY(ci_mem_alloc(&j->pool, n_pair, sizeof *j->pool, what));
    CI_TRY(ci_mem_alloc(&j->first, n_antenna + 1, sizeof *j->first, what));
    CI_TRY(ci_mem_alloc(&j->key, n_pair, sizeof *j->key, what));
    CI_TRY(ci_mem_alloc(&j->i_value, n_pair, sizeof *j->i_value, what));
    CI_TRY(ci_mem_alloc(&j->order, n_pair, sizeof *j->order, what));
    return ci_mem_alloc(&j->count, 2 * n_antenna, sizeof *j->count, what);
}

static void judge_clear(judge *j)
{
    ci_mem_free(j->value);
    ci_mem_free(j->scratch);
    ci_mem_free(j->receptor);
    ci_mem_free(j->is_out);
    ci_mem_free(j->pool);
    ci_mem_free(j->first);
    ci_mem_free(j->key);
    ci_mem_free(j->i_value);
    ci_mem_free(j->order);
    ci_mem_free(j->count);
}

/* Good and all samples of every antenna's cross-correlations in one polarisation. */
static void samples_count(judge *j)
{
    size_t n_antenna = j->meta->array.n_antenna;
    for (size_t a = 0; a < 2 * n_antenna; a++)
        j->count[a] = 0;
    for (size_t i = 0; i < j->n_record; i++) {
        const ci_flag_record *r = &j->records[i];
        if (is_auto(j, r)) continue;
        int32_t ant[2] = {j->meta->baseline_ant1[r->i_baseline],
                          j->meta->baseline_ant2[r->i_baseline]};
        for (int k = 0; k < 2; k++) {
            j->count[ant[k]] += r->n_good[j->i_pol];
            j->count[n_antenna + (size_t)ant[k]] += r->n_all;
        }
    }
}

static ci_status judge_all(const ci_vis_meta *meta, const ci_flag_record *records, size_t n_record,
                           const ci_flag_options *options, bool again, ci_flag_report *report)
{
    judge j;
    ci_status status = judge_new(&j, meta, records, n_record);
    for (size_t p = 0; status == CI_OK && p < meta->n_pol; p++) {
        if (!ci_vis_pol_is_parallel(meta->pol[p])) continue;
        j.i_pol = p;
        samples_count(&j);
        feed_judge(&j, options, again, report);
    }
    judge_clear(&j);
    return status;
}

/* Columns of report->dead that a polarisation uses on either side; -1: none in the data. A parallel
 * hand is its own receptor; all Stokes parameters depend on I. */
typedef struct receptors
{
    int first, second;
} receptors;

static receptors receptors_of(const ci_vis_meta *meta, size_t i_pol)
{
    int pol = meta->pol[i_pol], feed[2];
    ci_vis_pol_feeds(pol, feed);
    ci_vis_pol_kind kind = ci_vis_pol_kind_of(pol);
    if (kind == CI_VIS_POL_STOKES)
        return (receptors){ci_vis_pol_find(meta, CI_VIS_POL_I),
                           ci_vis_pol_find(meta, CI_VIS_POL_I)};
    return (receptors){ci_vis_pol_find(meta, ci_vis_pol_of_feed(kind, feed[0])),
                       ci_vis_pol_find(meta, ci_vis_pol_of_feed(kind, feed[1]))};
}

static void dead_mark(ci_vis_block *block, const ci_flag_report *report)
{
    const ci_vis_meta *meta = block->meta;
    for (size_t p = 0; p < block->n_pol; p++) {
        receptors r = receptors_of(meta, p);
        for (size_t i_row = 0; i_row < block->n_row; i_row++) {
            size_t ant1 = (size_t)meta->baseline_ant1[block->i_baseline[i_row]];
            size_t ant2 = (size_t)meta->baseline_ant2[block->i_baseline[i_row]];
            bool dead = (r.first >= 0 && report->dead[ant1 * report->n_pol + (size_t)r.first]) ||
                        (r.second >= 0 && report->dead[ant2 * report->n_pol + (size_t)r.second]);
            if (!dead) continue;
            for (size_t i_chan = 0; i_chan < block->n_chan; i_chan++)
                block->flags[ci_vis_sample(block, i_row, i_chan, p)] |= CI_VIS_FLAG_DEAD;
        }
    }
}

/* A working receptor has about as much as the others, so a third of them without is worth a look.
 */
static const double many = 1.0 / 3;

void ci_flag_dead_tell(const ci_vis_meta *meta, const ci_flag_options *options,
                       const ci_flag_report *report)
{
    for (size_t p = 0; p < meta->n_pol; p++) {
        size_t n_low = report->n_low[p], n_empty = report->n_empty[p];
        size_t n = n_low + n_empty + report->n_alive[p];
        if (n_low + n_empty == 0) continue;
        ci_log(
            (double)n_low > many * (double)n ? CI_LOG_WARNING : CI_LOG_INFO,
            "flag: polarisation %d: %zu of %zu receptors taken as dead and flagged: %zu whose "
            "amplitude is below %g %% of the others' on nearly all baselines, %zu with more than "
            "%g %% of their samples without data",
            meta->pol[p], n_low + n_empty, n, n_low, 100 * options->dead_fraction, n_empty,
            100 * options->flagged_fraction);
    }
}

/* ---- for a part of the time ------------------------------------------------------------------ */

/* Amplitude below which a baseline is one of a dead receptor, [n_sub_band][n_pol]; records come in
 * order of sub-bands. */
static ci_status limits_find(const ci_vis_meta *meta, const ci_flag_record *records,
                             size_t n_record, double dead_fraction, double *limit)
{
    double *scratch = NULL;
    CI_TRY(ci_mem_alloc(&scratch, n_record, sizeof *scratch, "lost receptors"));
    for (size_t p = 0; p < meta->n_pol; p++) {
        for (size_t first = 0, end = 0; first < n_record; first = end) {
            size_t n = 0;
            for (; end < n_record && records[end].i_sub_band == records[first].i_sub_band; end++)
                if (isfinite(records[end].median[p]) &&
                    !ci_vis_baseline_is_auto(meta, (size_t)records[end].i_baseline))
                    scratch[n++] = records[end].median[p];
            bool is_used = n > 0 && ci_vis_pol_is_parallel(meta->pol[p]);
            limit[(size_t)records[first].i_sub_band * meta->n_pol + p] =
                is_used ? dead_fraction * ci_num_median(scratch, n) : 0;
        }
    }
    ci_mem_free(scratch);
    return CI_OK;
}

static void lost_mark(ci_vis_block *block, const uint8_t *lost)
{
    const ci_vis_meta *meta = block->meta;
    for (size_t p = 0; p < block->n_pol; p++) {
        receptors r = receptors_of(meta, p);
        for (size_t i_row = 0; i_row < block->n_row; i_row++) {
            size_t t = (size_t)block->i_time[i_row];
            size_t ant1 = (size_t)meta->baseline_ant1[block->i_baseline[i_row]] * meta->n_pol;
            size_t ant2 = (size_t)meta->baseline_ant2[block->i_baseline[i_row]] * meta->n_pol;
            if (!(r.first >= 0 && lost[(ant1 + (size_t)r.first) * meta->n_time + t]) &&
                !(r.second >= 0 && lost[(ant2 + (size_t)r.second) * meta->n_time + t]))
                continue;
            for (size_t i_chan = 0; i_chan < block->n_chan; i_chan++)
                block->flags[ci_vis_sample(block, i_row, i_chan, p)] |= CI_VIS_FLAG_DEAD;
        }
    }
}

/* Flags receptors at the times at which they are lost; *n_lost: how many of both. Collective. */
static ci_status lost_find(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options,
                           const gathered *all, ci_flag_times *times, size_t *n_lost)
{
    const ci_vis_meta *meta = set->meta;
    double *limit = NULL;
    uint8_t *lost = NULL;
    ci_status status =
        ci_mem_alloc(&limit, meta->n_sub_band * meta->n_pol, sizeof *limit, "lost receptors");
    if (status == CI_OK)
        status = limits_find(meta, all->whole, all->n_whole, options->dead_fraction, limit);
    status = ci_par_agree(comm, status);
    if (status == CI_OK)
        status = ci_flag_times_count(comm, times, meta, all->here, all->n_here, limit);
    if (status == CI_OK)
        status = ci_par_agree(
            comm, ci_flag_times_judge(times, meta, ci_comm_rank(comm) == 0, &lost, n_lost));
    for (size_t i = 0; status == CI_OK && *n_lost > 0 && i < set->n_block; i++)
        lost_mark(set->block[i], lost);
    ci_mem_free(limit);
    ci_mem_free(lost);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void gathered_clear(gathered *all)
{
    ci_mem_free(all->whole);
    ci_mem_free(all->here);
    *all = (gathered){0};
}

/* Records of all ranks; times NULL: not looked at one by one. Collective. */
static ci_status records_gather(ci_comm *comm, const ci_vis_set *set, ci_flag_times *times,
                                gathered *out)
{
    void *whole = NULL;
    size_t n_byte = 0;
    CI_AGREE(comm, records_make(set, ci_comm_isa(comm), times, &out->here, &out->n_here));
    CI_TRY(ci_par_gather(comm, out->here, out->n_here * sizeof *out->here, -1, &whole, &n_byte));
    out->whole = whole;
    out->n_whole = n_byte / sizeof *out->whole;
    return CI_OK;
}

ci_status ci_flag_dead(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options, bool again,
                       ci_flag_report *report)
{
    gathered all = {0};
    ci_flag_times times = {0};
    size_t n_lost = 0;
    ci_status status = records_gather(comm, set, again ? NULL : &times, &all);
    if (status == CI_OK && !again) status = lost_find(comm, set, options, &all, &times, &n_lost);
    ci_flag_times_clear(&times);
    if (status == CI_OK && n_lost > 0) {
        gathered_clear(&all);
        status = records_gather(comm, set, NULL, &all);
    }
    if (status == CI_OK)
        status = ci_par_agree(comm,
                              judge_all(set->meta, all.whole, all.n_whole, options, again, report));
    for (size_t i = 0; status == CI_OK && i < set->n_block; i++)
        dead_mark(set->block[i], report);
    gathered_clear(&all);
    return status;
}

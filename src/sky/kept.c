/* Keeps the sums of predictions: a model that is wanted twice is summed over its sources once. */
#include "sky/kept.h"

static const char what[] = "sums of the model that are wanted again";

/* Most floats that are asked for at once, with what counts them a few huge pages: parts by
 * themselves would be of small pages, which take three times as long to touch. */
static const size_t most_at_once = (8U << 20) / sizeof(float) - 16;

typedef struct entry
{
    const ci_vis_block *block; /* NULL: free */
    size_t n_part, n_most, n_chunk, n_left;
    size_t n_at_once; /* floats of a chunk, unless a part is larger */
    float **chunk;    /* [n_chunk] memory of the parts */
    float *free;      /* n_left floats of the last one */
    float **part;     /* [n_part], borrowed from them */
    size_t *size;     /* [n_part] */
    bool is_whole;
} entry;

struct ci_sky_kept
{
    size_t n_entry, n_most;
    entry *entry;
    entry *now;    /* of the prediction that runs; NULL: none */
    size_t i_part; /* that is taken next */
};

ci_status ci_sky_kept_new(ci_sky_kept **out)
{
    return ci_mem_alloc(out, 1, sizeof **out, what);
}

static void entry_clear(entry *e)
{
    for (size_t i = 0; i < e->n_chunk; i++)
        ci_mem_free(e->chunk[i]);
    ci_mem_free(e->chunk);
    ci_mem_free(e->part);
    ci_mem_free(e->size);
    *e = (entry){0};
}

void ci_sky_kept_free(ci_sky_kept *kept)
{
    if (!kept) return;
    for (size_t i = 0; i < kept->n_entry; i++)
        entry_clear(&kept->entry[i]);
    ci_mem_free(kept->entry);
    ci_mem_free(kept);
}

/* Room for one more; NULL where there is none. */
static entry *entry_new(ci_sky_kept *kept, const ci_vis_block *block, size_t n_byte)
{
    if (kept->n_entry == kept->n_most) {
        size_t n_most = kept->n_most > 0 ? 2 * kept->n_most : 16;
        if (ci_mem_resize(&kept->entry, n_most, sizeof *kept->entry, what) != CI_OK) {
            ci_error_clear();
            return NULL;
        }
        kept->n_most = n_most;
    }
    entry *e = &kept->entry[kept->n_entry++];
    size_t n = n_byte / sizeof(float);
    *e = (entry){.block = block, .n_at_once = n < most_at_once ? n : most_at_once};
    return e;
}

bool ci_sky_kept_begin(ci_sky_kept *kept, const ci_vis_block *block, size_t n_byte)
{
    if (!kept) return false;
    kept->i_part = 0;
    kept->now = NULL;
    for (size_t i = 0; i < kept->n_entry; i++)
        if (kept->entry[i].block == block) kept->now = &kept->entry[i];
    if (kept->now) return true;
    /* What follows needs memory, too: half of the budget is left to it. */
    size_t budget = ci_mem_budget();
    if (budget > 0 && ci_mem_now() + n_byte > budget / 2) return false;
    kept->now = entry_new(kept, block, n_byte);
    return kept->now != NULL;
}

static ci_status chunk_new(entry *e, size_t n)
{
    CI_TRY(ci_mem_resize(&e->chunk, e->n_chunk + 1, sizeof *e->chunk, what));
    CI_TRY(ci_mem_alloc(&e->chunk[e->n_chunk], n, sizeof(float), what));
    e->n_chunk++;
    e->n_left = n;
    e->free = e->chunk[e->n_chunk - 1];
    return CI_OK;
}

static ci_status part_new(entry *e, size_t n)
{
    if (e->n_part == e->n_most) {
        size_t n_most = e->n_most > 0 ? 2 * e->n_most : 64;
        CI_TRY(ci_mem_resize(&e->part, n_most, sizeof *e->part, what));
        CI_TRY(ci_mem_resize(&e->size, n_most, sizeof *e->size, what));
        e->n_most = n_most;
    }
    if (n > e->n_left) CI_TRY(chunk_new(e, n > e->n_at_once ? n : e->n_at_once));
    e->part[e->n_part] = e->free;
    e->free += n;
    e->n_left -= n;
    e->size[e->n_part++] = n;
    return CI_OK;
}

ci_status ci_sky_kept_next(ci_sky_kept *kept, size_t n, float **sum, bool *is_known)
{
    entry *e = kept->now;
    *is_known = e->is_whole;
    if (!e->is_whole) CI_TRY(part_new(e, n));
    if (kept->i_part >= e->n_part || e->size[kept->i_part] != n)
        return ci_error(CI_ERR_INTERNAL, "prediction: not the block whose sums are kept");
    *sum = e->part[kept->i_part++];
    return CI_OK;
}

void ci_sky_kept_end(ci_sky_kept *kept, ci_status status)
{
    entry *e = kept->now;
    kept->now = NULL;
    if (status == CI_OK && !e->is_whole)
        e->is_whole = true;
    else
        entry_clear(e);
}

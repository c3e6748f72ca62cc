/* Large blocks that are given back are kept for the next ones: a page that is touched for the first
 * time costs more than zeros in one that is there, most where a host takes free pages back. */
#include "base/pages.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum
{
    N_SPAN = 64
};

typedef struct span
{
    char *at;
    size_t n_byte;
} span;

/* What was given back, no two of them side by side. */
typedef struct spans
{
    pthread_mutex_t lock;
    size_t n, n_byte;
    span each[N_SPAN];
} spans;

static spans kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The smallest of n_byte or more; kept.n: none. */
static size_t smallest_of(size_t n_byte)
{
    size_t best = kept.n;
    for (size_t i = 0; i < kept.n; i++)
        if (kept.each[i].n_byte >= n_byte &&
            (best == kept.n || kept.each[i].n_byte < kept.each[best].n_byte))
            best = i;
    return best;
}

/* Takes n_byte from the end of a span. */
static char *span_cut(size_t i, size_t n_byte)
{
    span *s = &kept.each[i];
    s->n_byte -= n_byte;
    kept.n_byte -= n_byte;
    char *at = s->at + s->n_byte;
    if (s->n_byte == 0) *s = kept.each[--kept.n];
    return at;
}

/* Until no more than `most` are left; the smallest go first, they serve least. */
static void spans_trim(size_t most)
{
    while (kept.n_byte > most) {
        size_t i = smallest_of(1), n = kept.n_byte - most;
        n = (n + CI_MEM_HUGE_PAGE - 1) / CI_MEM_HUGE_PAGE * CI_MEM_HUGE_PAGE;
        if (n > kept.each[i].n_byte) n = kept.each[i].n_byte;
        (void)munmap(span_cut(i, n), n);
    }
}

/* Begins at a huge page and asks for such pages: they are touched first in a third of the time, and
 * found more quickly. */
static char *fresh_new(size_t n_byte)
{
    char *all = mmap(NULL, n_byte + CI_MEM_HUGE_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;
    size_t before = (CI_MEM_HUGE_PAGE - (uintptr_t)all % CI_MEM_HUGE_PAGE) % CI_MEM_HUGE_PAGE;
    if (before > 0) (void)munmap(all, before);
    if (before < CI_MEM_HUGE_PAGE) (void)munmap(all + before + n_byte, CI_MEM_HUGE_PAGE - before);
    (void)madvise(all + before, n_byte, MADV_HUGEPAGE);
    return all + before;
}

char *ci_mem_pages_new(size_t n_byte, size_t most)
{
    char *pages = NULL;
    (void)pthread_mutex_lock(&kept.lock);
    size_t i = smallest_of(n_byte);
    if (i < kept.n)
        pages = span_cut(i, n_byte);
    else
        spans_trim(most);
    (void)pthread_mutex_unlock(&kept.lock);
    if (!pages) return fresh_new(n_byte);
    memset(pages, 0, n_byte);
    return pages;
}

/* Joins a span with those beside it; whether there is room for it. */
static bool span_put(span s)
{
    kept.n_byte += s.n_byte;
    for (size_t i = 0; i < kept.n;) {
        span *other = &kept.each[i];
        bool is_before = other->at + other->n_byte == s.at, is_after = s.at + s.n_byte == other->at;
        if (!is_before && !is_after) {
            i++;
            continue;
        }
        if (is_before) s.at = other->at;
        s.n_byte += other->n_byte;
        *other = kept.each[--kept.n];
    }
    if (kept.n < N_SPAN) {
        kept.each[kept.n++] = s;
        return true;
    }
    kept.n_byte -= s.n_byte;
    return false;
}

void ci_mem_pages_free(char *pages, size_t n_byte)
{
#ifdef MADV_FREE
    (void)madvise(pages, n_byte, MADV_FREE);
#endif
    (void)pthread_mutex_lock(&kept.lock);
    bool is_kept = span_put((span){pages, n_byte});
    (void)pthread_mutex_unlock(&kept.lock);
    if (!is_kept) (void)munmap(pages, n_byte);
}

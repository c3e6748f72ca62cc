/* Counted memory: a header of one cache line before each buffer holds its size. */
#include "contimg/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64

typedef struct
{
    size_t n_byte;
} header;

static atomic_size_t bytes_now, bytes_peak, bytes_budget;

static ci_status total_bytes(size_t n_item, size_t item_size, const char *what, size_t *out)
{
    size_t n;
    if (__builtin_mul_overflow(n_item, item_size, &n) || n > SIZE_MAX / 2)
        return ci_error(CI_ERR_MEMORY, "%s: %zu items of %zu bytes are more than can be addressed",
                        what, n_item, item_size);
    *out = n;
    return CI_OK;
}

/* Counts n bytes more, or fails where the budget would be passed. */
static ci_status count_up(size_t n, const char *what)
{
    size_t before = atomic_load(&bytes_now), budget = atomic_load(&bytes_budget);
    /* Judged before it counts: what is refused must not be in the way of other threads. */
    do {
        if (budget > 0 && (n > budget || before > budget - n))
            return ci_error(CI_ERR_MEMORY,
                            "%s needs %.3f GB more, %.3f of %.3f GB are in use: give more with "
                            "--memory, or use more ranks on more nodes",
                            what, (double)n * 1e-9, (double)before * 1e-9, (double)budget * 1e-9);
    } while (!atomic_compare_exchange_weak(&bytes_now, &before, before + n));
    size_t now = before + n;
    size_t peak = atomic_load(&bytes_peak);
    while (now > peak && !atomic_compare_exchange_weak(&bytes_peak, &peak, now)) {
    }
    return CI_OK;
}

/* A large block begins at a huge page and asks for such pages: they are touched first in a third of
 * the time, and found more quickly. */
static char *block_new(size_t n_byte)
{
    enum
    {
        HUGE_PAGE = 2 << 20,
        LARGE = 32 << 20
    };
    if (n_byte < LARGE) return aligned_alloc(ALIGNMENT, n_byte);
    size_t whole = (n_byte + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    char *block = aligned_alloc(HUGE_PAGE, whole);
    if (block) (void)madvise(block, whole, MADV_HUGEPAGE);
    return block;
}

ci_status ci_mem_alloc(void *out, size_t n_item, size_t item_size, const char *what)
{
    void **result = out;
    *result = NULL;
    size_t n = 0;
    CI_TRY(total_bytes(n_item, item_size, what, &n));
    CI_TRY(count_up(n, what));
    size_t whole = (n + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *base = block_new(whole);
    if (!base) {
        atomic_fetch_sub(&bytes_now, n);
        return ci_error(
            CI_ERR_MEMORY,
            "could not allocate %.3g GB (%zu bytes) for %s: the machine's memory is in use; "
            "lower --memory, or use fewer ranks on a node",
            1e-9 * (double)n, n, what);
    }
    memset(base, 0, whole);
    ((header *)base)->n_byte = n;
    *result = base + ALIGNMENT;
    return CI_OK;
}

ci_status ci_mem_resize(void *inout, size_t n_item, size_t item_size, const char *what)
{
    void **pointer = inout;
    void *fresh;
    CI_TRY(ci_mem_alloc(&fresh, n_item, item_size, what));
    if (*pointer) {
        size_t old = ((header *)((char *)*pointer - ALIGNMENT))->n_byte;
        size_t n = n_item * item_size;
        memcpy(fresh, *pointer, old < n ? old : n);
        ci_mem_free(*pointer);
    }
    *pointer = fresh;
    return CI_OK;
}

void ci_mem_free(void *pointer)
{
    if (!pointer) return;
    char *base = (char *)pointer - ALIGNMENT;
    atomic_fetch_sub(&bytes_now, ((header *)base)->n_byte);
    free(base);
}

void ci_mem_set_budget(size_t bytes)
{
    atomic_store(&bytes_budget, bytes);
}

size_t ci_mem_budget(void)
{
    return atomic_load(&bytes_budget);
}

size_t ci_mem_now(void)
{
    return atomic_load(&bytes_now);
}

size_t ci_mem_peak(void)
{
    return atomic_load(&bytes_peak);
}

/* Counted memory: a header of one cache line before each buffer holds its size. */
#include "base/pages.h"
#include "contimg/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum
{
    ALIGNMENT = 64,
    LARGE = 4 << 20
};

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

/* Large blocks are the kernel's own: fresh pages are zero, and touched where they are used first.
 * Not where a sanitizer is to see what is beyond a block. */
#if defined(__SANITIZE_ADDRESS__)
static const size_t large = SIZE_MAX;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const size_t large = SIZE_MAX;
#else
static const size_t large = LARGE;
#endif
#else
static const size_t large = LARGE;
#endif

static size_t pages_whole(size_t n_byte)
{
    return (n_byte + CI_MEM_HUGE_PAGE - 1) / CI_MEM_HUGE_PAGE * CI_MEM_HUGE_PAGE;
}

/* What is kept of blocks that were given back is no more than what was in use before: a process
 * does not grow by it. */
static char *pages_new(size_t n_byte)
{
    size_t now = atomic_load(&bytes_now), peak = atomic_load(&bytes_peak);
    return ci_mem_pages_new(pages_whole(n_byte), peak > now ? peak - now : 0);
}

/* n_byte zeros, a multiple of ALIGNMENT. */
static char *block_new(size_t n_byte)
{
    if (n_byte >= large) return pages_new(n_byte);
    char *block = aligned_alloc(ALIGNMENT, n_byte);
    if (block) memset(block, 0, n_byte);
    return block;
}

static size_t block_bytes(size_t n)
{
    return (n + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void block_free(char *block, size_t n_byte)
{
    if (n_byte >= large)
        ci_mem_pages_free(block, pages_whole(n_byte));
    else
        free(block);
}

ci_status ci_mem_alloc(void *out, size_t n_item, size_t item_size, const char *what)
{
    void **result = out;
    *result = NULL;
    size_t n = 0;
    CI_TRY(total_bytes(n_item, item_size, what, &n));
    CI_TRY(count_up(n, what));
    char *base = block_new(block_bytes(n));
    if (!base) {
        atomic_fetch_sub(&bytes_now, n);
        return ci_error(
            CI_ERR_MEMORY,
            "could not allocate %.3g GB (%zu bytes) for %s: the machine's memory is in use; "
            "lower --memory, or use fewer ranks on a node",
            1e-9 * (double)n, n, what);
    }
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
    size_t n = ((header *)base)->n_byte;
    atomic_fetch_sub(&bytes_now, n);
    block_free(base, block_bytes(n));
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

/* Row plans and the distributed convolution: against plain sums, and the same bytes at this
 * number of ranks as at one. */
#include "check.h"
#include "contimg/fft.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double value(size_t i)
{
    return sin((double)i * 1.7) + 0.3 * cos((double)(i * i % 1013));
}

static void test_sizes(void)
{
    CHECK(ci_fft_good_size(1) == 12 && ci_fft_good_size(12) == 12 && ci_fft_good_size(13) == 20);
    CHECK(ci_fft_good_size(64) == 72 && ci_fft_good_size(4097) == 4116);
    for (size_t n = 1; n < 9000; n += 13) {
        size_t m = ci_fft_good_size(n), rest = m;
        CHECK(m >= n && m % 4 == 0 && (m & (m - 1)) != 0 && (m < n + n / 10 + 14));
        for (size_t p = 2; p < 8; p++)
            while (rest % p == 0)
                rest /= p;
        CHECK(rest == 1);
    }
}

static void test_rows(size_t n, int sign)
{
    ci_fft_rows *plan32 = NULL, *plan64 = NULL;
    ci_c32 *a = NULL;
    ci_c64 *b = NULL, *alone = NULL;
    CHECK_OK(ci_fft_rows_new(&plan32, n, sign, false));
    CHECK_OK(ci_fft_rows_new(&plan64, n, sign, true));
    CHECK_OK(ci_mem_alloc(&a, 5 * n, sizeof *a, "test"));
    CHECK_OK(ci_mem_alloc(&b, 5 * n, sizeof *b, "test"));
    CHECK_OK(ci_mem_alloc(&alone, n, sizeof *alone, "test"));
    for (size_t i = 0; i < 5 * n; i++)
        a[i] = (ci_c32)(b[i] = (float)value(i) + I * (float)value(i + 999));
    memcpy(alone, b + 3 * n, n * sizeof *alone);
    ci_fft_rows_run32(plan32, a, 5);
    ci_fft_rows_run64(plan64, b, 5);
    ci_fft_rows_run64(plan64, alone, 1);
    CHECK(memcmp(alone, b + 3 * n, n * sizeof *alone) == 0);
    for (size_t k = 0; k < n; k += 7) {
        ci_c64 sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += ((float)value(3 * n + i) + I * (float)value(3 * n + i + 999)) *
                   cexp(sign * I * CI_TWO_PI * (double)(i * k % n) / (double)n);
        CHECK(cabs(sum - b[3 * n + k]) < 1e-11 * (double)n);
        CHECK(cabs(sum - a[3 * n + k]) < 1e-5 * sqrt((double)n));
    }
    ci_mem_free(a);
    ci_mem_free(b);
    ci_mem_free(alone);
    ci_fft_rows_free(plan32);
    ci_fft_rows_free(plan64);
}

/* A Gaussian of 3 x 2 pixels by its transform. */
static double gaussian(void *context, double u, double v)
{
    (void)context;
    return exp(-2 * CI_PI * CI_PI * (9 * u * u + 4 * v * v));
}

enum
{
    N_Y = 90,
    N_X = 113
};

static void convolve(ci_comm *comm, bool uneven, size_t *first, size_t *count, float **slab)
{
    int rank = ci_comm_rank(comm), size = ci_comm_size(comm);
    ci_par_split(N_Y, size, rank, first, count);
    if (uneven && size > 1) { /* all rows on the last rank but 5 on the first */
        *first = rank == 0 ? 0 : 5;
        *count = rank == 0 ? 5 : rank == size - 1 ? N_Y - 5 : 0;
    }
    CHECK_OK(ci_mem_alloc(slab, *count * N_X, sizeof **slab, "test"));
    for (size_t i = 0; i < *count * N_X; i++) {
        size_t y = *first + i / N_X, x = i % N_X;
        bool is_inside = y > 20 && y < 70 && x > 20 && x < 90;
        (*slab)[i] = is_inside ? (float)value(*first * N_X + i) : 0.0f;
    }
    CHECK_OK(
        ci_fft_convolve(comm, &(ci_fft_slab){N_Y, N_X, *first, *count, *slab}, gaussian, NULL));
}

static void test_convolve(ci_comm *world, ci_comm *alone, bool uneven)
{
    size_t first, count, whole_first, whole_count;
    float *slab = NULL, *whole = NULL;
    convolve(world, uneven, &first, &count, &slab);
    convolve(alone, false, &whole_first, &whole_count, &whole);
    CHECK(memcmp(slab, whole + first * N_X, count * N_X * sizeof *slab) == 0);
    /* One pixel by the sum over its neighbours. */
    double sum = 0;
    for (int y = 45 - 20; y <= 45 + 20; y++)
        for (int x = 50 - 24; x <= 50 + 24; x++)
            sum += (float)value((size_t)(y * N_X + x)) / (CI_TWO_PI * 6) *
                   exp(-0.5 * ((x - 50) * (x - 50) / 9.0 + (y - 45) * (y - 45) / 4.0));
    CHECK(fabs(sum - whole[45 * N_X + 50]) < 1e-5);
    ci_mem_free(slab);
    ci_mem_free(whole);
}

int main(void)
{
    setenv("CONTIMG_TEST_PIECE_BYTES", "4096", 1);
    ci_comm *world = NULL, *alone = NULL;
    if (ci_par_start(&world) != CI_OK) return 70;
    size_t before = ci_mem_now();
    test_sizes();
    test_rows(30, 1);
    test_rows(630, -1);
    test_rows(77, 1);
    CHECK_OK(ci_comm_split(world, ci_comm_rank(world), &alone));
    test_convolve(world, alone, false);
    test_convolve(world, alone, true);
    ci_comm_free(alone);
    CHECK(ci_mem_now() == before);
    return check_end(world);
}

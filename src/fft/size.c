/* Lengths that transform quickly and with one result everywhere. */
#include "contimg/fft.h"

static bool is_smooth(size_t n)
{
    static const size_t primes[] = {2, 3, 5, 7};
    for (int i = 0; i < 4; i++)
        while (n % primes[i] == 0)
            n /= primes[i];
    return n == 1;
}

size_t ci_fft_good_size(size_t n)
{
    /* Sizes with a single factor 2 are 1.5 to 2 times slower than their neighbours. */
    n = n < 12 ? 12 : (n + 3) / 4 * 4;
    while (!is_smooth(n) || (n & (n - 1)) == 0)
        n += 4;
    return n;
}

double ci_fft_row_ns(size_t n)
{
    size_t odd = n, two = 1;
    for (; odd % 2 == 0; odd /= 2)
        two *= 2;
    double each = odd % 7 == 0 ? 4.2 : odd > 1 && odd % 9 == 0 ? 3.8 : 3.1;
    if (two < 32 && n >= 512) each *= 1.9;
    return each * (double)n;
}

size_t ci_fft_fast_size(size_t n)
{
    size_t best = ci_fft_good_size(n);
    for (size_t m = best; m <= n + n / 8; m = ci_fft_good_size(m + 1))
        if (ci_fft_row_ns(m) < ci_fft_row_ns(best)) best = m;
    return best;
}

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

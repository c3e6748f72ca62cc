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
    if (n < 6) n = 6;
    n += n % 2;
    while (!is_smooth(n) || (n & (n - 1)) == 0)
        n += 2;
    return n;
}

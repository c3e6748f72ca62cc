/* The median of a few hundred values by counting, for several instruction sets: what inner loops
 * ask for. No branch depends on a value, and nothing is moved. */
#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    MOST = 8192,
    FEW = 32 /* so many at most are compared with each other */
};

/* A number in the order of the floats: sign and size, as two's complement. */
static inline int32_t key_of(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? bits ^ 0x7fffffff : bits;
}

static inline float value_of(int32_t key)
{
    float value;
    int32_t bits = key < 0 ? key ^ 0x7fffffff : key;
    memcpy(&value, &bits, sizeof value);
    return value;
}

CI_ISA_INLINE uint32_t count_below(const int32_t *restrict key, size_t n, int32_t limit)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += key[i] < limit;
    return count;
}

/* The greatest key below a limit; two loops are what vectors take. */
CI_ISA_INLINE int32_t greatest_below(const int32_t *restrict key, size_t n, int32_t limit)
{
    int32_t here[MOST], greatest = INT32_MIN;
    for (size_t i = 0; i < n; i++)
        here[i] = key[i] < limit ? key[i] : INT32_MIN;
    for (size_t i = 0; i < n; i++)
        greatest = here[i] > greatest ? here[i] : greatest;
    return greatest;
}

/* The upper of the two in the middle has n / 2 before it: the range that it lies in is halved until
 * there is no other key in it. The lower one is next to it; the same where n is odd. */
CI_ISA_INLINE void middle(const float *restrict values, size_t n, float out[2])
{
    int32_t key[MOST], low = INT32_MAX, high = INT32_MIN;
    size_t n_low = 0, n_high = n; /* below the range, and up to its end */
    for (size_t i = 0; i < n; i++)
        key[i] = key_of(values[i]);
    for (size_t i = 0; i < n; i++) {
        low = key[i] < low ? key[i] : low;
        high = key[i] > high ? key[i] : high;
    }
    while (low < high && n_high - n_low > 1) {
        int32_t at = (int32_t)(low + ((int64_t)high - low + 1) / 2);
        size_t n_below = count_below(key, n, at);
        low = n_below <= n / 2 ? at : low;
        high = n_below <= n / 2 ? high : at - 1;
        n_low = n_below <= n / 2 ? n_below : n_low;
        n_high = n_below <= n / 2 ? n_high : n_below;
    }
    if (low < high) low = greatest_below(key, n, high + 1);
    bool is_between = n % 2 == 0 && n_low == n / 2;
    out[0] = value_of(is_between ? greatest_below(key, n, low) : low);
    out[1] = value_of(low);
}

CI_ISA_INSTANCES(middle, (const float *values, size_t n, float *out), (values, n, out))

/* The same of a few: the two that have n / 2, or one less, before them. */
CI_ISA_INLINE void middle_few(const float *restrict values, size_t n, float out[2])
{
    int32_t key[FEW], n_before[FEW] = {0}, two[2] = {0};
    for (size_t i = 0; i < FEW; i++)
        key[i] = i < n ? key_of(values[i]) : INT32_MAX;
    for (size_t j = 0; j < n; j++) {
        int32_t here = key[j];
        for (size_t i = 0; i < FEW; i++)
            n_before[i] += (here < key[i]) | ((here == key[i]) & (j < i));
    }
    int32_t upper = (int32_t)(n / 2), lower = (int32_t)((n - 1) / 2);
    for (size_t i = 0; i < FEW; i++) {
        two[0] |= n_before[i] == lower ? key[i] : 0;
        two[1] |= n_before[i] == upper ? key[i] : 0;
    }
    out[0] = value_of(two[0]);
    out[1] = value_of(two[1]);
}

CI_ISA_INSTANCES(middle_few, (const float *values, size_t n, float *out), (values, n, out))

static bool has_nan(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(values[i])) return true;
    return false;
}

float ci_num_median_by(float *values, size_t n, ci_isa isa)
{
    float two[2];
    if (n == 0 || n > MOST || (n <= FEW && has_nan(values, n)))
        return ci_num_median_float(values, n);
    if (n <= FEW)
        CI_ISA_KERNEL(middle_few, isa)(values, n, two);
    else
        CI_ISA_KERNEL(middle, isa)(values, n, two);
    return two[0] == two[1] ? two[1] : (float)(0.5 * ((double)two[0] + (double)two[1]));
}

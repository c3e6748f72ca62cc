/* Order: counting sort of items by small whole keys, doubles for qsort, the nearest of a list. */
#include "contimg/num.h"

void ci_num_sort_by_key(const uint32_t *key, size_t n, size_t n_key, size_t *start, size_t *order)
{
    for (size_t k = 0; k <= n_key; k++)
        start[k] = 0;
    for (size_t i = 0; i < n; i++)
        start[key[i] + 1]++;
    for (size_t k = 0; k < n_key; k++)
        start[k + 1] += start[k];
    for (size_t i = 0; i < n; i++)
        order[start[key[i]]++] = i;
    for (size_t k = n_key; k > 0; k--)
        start[k] = start[k - 1];
    start[0] = 0;
}

int ci_num_compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

size_t ci_num_nearest(const double *values, size_t n, double x)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (values[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && x - values[low - 1] <= values[low] - x ? low - 1 : low;
}

/* Counting sort: items by small whole keys. */
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

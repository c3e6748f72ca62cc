/* Memory of large blocks, in huge pages, for several threads. All functions are local. */
#ifndef CI_BASE_PAGES_H
#define CI_BASE_PAGES_H

#include <stddef.h>

enum
{
    CI_MEM_HUGE_PAGE = 2 << 20
};

/* n_byte zeros, a multiple of CI_MEM_HUGE_PAGE; NULL where there is no memory. What was given back
 * is used again, and no more than `most` bytes of that are kept where fresh ones are asked for. */
char *ci_mem_pages_new(size_t n_byte, size_t most);
/* Gives them back; the kernel takes them where memory is short. */
void ci_mem_pages_free(char *pages, size_t n_byte);

#endif

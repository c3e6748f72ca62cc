/* The end of what target_avx2.h began: the last line of a file. */
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute pop
#endif

/* Instruction sets: names, and what this machine has. */
#include "contimg/base.h"

#include <strings.h>

static const char *const names[CI_ISA_COUNT] = {"plain", "avx2", "avx512"};

bool ci_isa_has(ci_isa isa)
{
#if defined(__GNUC__) && defined(__x86_64__)
    if (isa == CI_ISA_AVX2) return __builtin_cpu_supports("avx2");
    if (isa == CI_ISA_AVX512) return __builtin_cpu_supports("avx512f");
#endif
    return isa == CI_ISA_PLAIN;
}

ci_isa ci_isa_widest(void)
{
    int isa = CI_ISA_COUNT - 1;
    while (isa > CI_ISA_PLAIN && !ci_isa_has((ci_isa)isa))
        isa--;
    return (ci_isa)isa;
}

const char *ci_isa_name(ci_isa isa)
{
    return names[isa];
}

ci_status ci_isa_parse(const char *name, ci_isa *out)
{
    for (int i = 0; i < CI_ISA_COUNT; i++)
        if (strcasecmp(name, names[i]) == 0) {
            *out = (ci_isa)i;
            return CI_OK;
        }
    return ci_error(CI_ERR_USAGE, "instruction set '%s': use plain, avx2 or avx512", name);
}

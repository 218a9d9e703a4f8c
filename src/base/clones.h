/* clones: CLONES before a function of plain loops has it compiled for AVX2 and AVX-512 too, with loops turned into vector code; which one runs is
 * chosen when the program starts. The same answer from each. Without effect where the compiler cannot, and under sanitizers. */
#ifndef ONEFOLD_BASE_CLONES_H
#define ONEFOLD_BASE_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&               \
    !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define CLONES
#endif

#endif

/* Counts how often a CUDA program calls the driver and cuBLAS: to be named by LD_PRELOAD.
 *
 * Each function below counts and jumps to the one that it hides, with the arguments as they came.
 * When the process ends, the counts are written to the file that FPO_LAUNCH_COUNTS names, a line
 * each. What cuBLAS launches itself is hidden inside it: a call to it is at least one kernel.
 * scripts/gpu/pack.sh compiles this, for x86-64.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define FUNCTIONS(DO)                                                                       \
    DO(cuLaunchKernel) DO(cuLaunchKernelEx) DO(cublasGemmEx) DO(cublasGemmStridedBatchedEx) \
    DO(cublasSgemmStridedBatched) DO(cublasDgemmStridedBatched)                             \
    DO(cuMemcpyHtoDAsync_v2) DO(cuMemcpyDtoHAsync_v2) DO(cuMemcpyDtoDAsync_v2)              \
    DO(cuMemsetD8Async) DO(cuMemAllocAsync) DO(cuMemFreeAsync) DO(cuEventRecord)            \
    DO(cuStreamWaitEvent) DO(cuStreamSynchronize)

#define DEFINE(name)                                                       \
    __attribute__((visibility("hidden"), used)) unsigned long count_##name; \
    __attribute__((visibility("hidden"), used)) void *real_##name;          \
    __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" \
            "lock incq count_" #name "(%rip)\njmp *real_" #name "(%rip)\n");
FUNCTIONS(DEFINE)

__attribute__((constructor)) static void find(void) {
#define FIND(name) real_##name = dlsym(RTLD_NEXT, #name);
    FUNCTIONS(FIND)
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("FPO_LAUNCH_COUNTS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file)
        return;
#define REPORT(name) fprintf(file, "%s %lu\n", #name, count_##name);
    FUNCTIONS(REPORT)
    fclose(file);
}

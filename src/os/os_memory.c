/* os_memory: see os.h. The limits of control groups are asked for where version 2 and version 1 have them for whoever lives in a container; one
 * that is not there, or says "max", is none. */
#include <stdio.h>
#include <unistd.h>

#include "os/os.h"

static uint64_t limit_in(const char *path) {
    unsigned long long bytes = 0;
    FILE *file = fopen(path, "re");
    bool read = file && fscanf(file, "%llu", &bytes) == 1;
    if (file)
        fclose(file);
    return read && bytes ? bytes : UINT64_MAX;
}

uint64_t os_memory_bytes(void) {
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t least = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        uint64_t limit = limit_in(limits[i]);
        least = limit < least ? limit : least;
    }
    return least;
}

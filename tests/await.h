/* await: how a test waits for what others do: for the thing itself, looked at again every millisecond, and never for a length of time.
 *
 *     AWAIT(atomic_load(&closed) == 10);
 *
 * It fails, naming the condition, only after longer than a slow and busy machine takes. Where a test must say that something is
 * quick, its bar is a multiple of what it measures beside it, or CPU time, or NOT_LATE_MS: what only a lost wake-up exceeds. */
#ifndef ONEFOLD_TESTS_AWAIT_H
#define ONEFOLD_TESTS_AWAIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define AWAIT_MS 120000
#define NOT_LATE_MS 20000

/* Milliseconds of a clock that only goes forward. */
static inline int64_t await_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* So many of the wanted connections that both ends of each find a descriptor in this process. */
static inline unsigned connections_here(unsigned wanted) {
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    unsigned most = files.rlim_cur > 1024 ? 462 : files.rlim_cur < 120 ? 10 : (unsigned)(files.rlim_cur - 100) / 2;
    return wanted < most ? wanted : most;
}

#define AWAIT(condition)                                                                                               \
    for (int64_t await_until_ms = await_clock_ms() + AWAIT_MS; !(condition); usleep(1000)) {                           \
        if (await_clock_ms() > await_until_ms)                                                                         \
            fail_msg("not within %d s: %s", AWAIT_MS / 1000, #condition);                                              \
    }

#endif

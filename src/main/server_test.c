/* server: a signal to stop that comes before it is waited for ends nothing, on whichever thread. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "await.h"
#include "main/server.h"

static _Atomic bool over;

/* A library's thread: it was there before, and blocks nothing. */
static void *run(void *context) {
    (void)context;
    while (!over)
        usleep(1000);
    return NULL;
}

static bool is_pending(int which) {
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, which) == 1;
}

static void kept_until_waited_for(void **state) {
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
    server_keep_signals();
    kill(getpid(), SIGTERM);
    AWAIT(is_pending(SIGTERM));
    server_wait_signal();
    assert_false(is_pending(SIGTERM));
    over = true;
    pthread_join(thread, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_until_waited_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

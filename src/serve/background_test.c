/* background: one piece of work at a time, its progress and its fault, cancelling, closing while it runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "serve/background.h"

struct work {
    struct background *background;
    _Atomic bool entered, leave; /* told to come to its end */
    enum status end;
};

static enum status hold(void *context, struct fault *fault) {
    struct work *w = context;
    struct timespec pause = {0, 1000000};
    background_progress(w->background, 0.25);
    atomic_store(&w->entered, true);
    while (!atomic_load(&w->leave) && !background_cancelled(w->background))
        nanosleep(&pause, NULL);
    enum status status = background_checked(w->background, fault);
    return status || !w->end ? status : fault_set(fault, w->end, "went wrong");
}

static void start(struct work *w) {
    struct timespec pause = {0, 1000000};
    struct fault fault = {0};
    atomic_store(&w->entered, false);
    assert_int_equal(background_start(w->background, hold, w, &fault), STATUS_OK);
    while (!atomic_load(&w->entered))
        nanosleep(&pause, NULL);
}

static struct background_state ended(struct background *b) {
    struct timespec pause = {0, 1000000};
    struct background_state state;
    for (background_state(b, &state); state.running; background_state(b, &state))
        nanosleep(&pause, NULL);
    return state;
}

static void test_one_at_a_time(void **state) {
    (void)state;
    struct work w = {.background = background_create(os_real(), "GET /v1/things")};
    struct background_state s;
    struct fault fault = {0};
    background_state(w.background, &s);
    assert_false(s.running);
    assert_int_equal(s.started_ms, 0);
    start(&w);
    background_state(w.background, &s);
    assert_true(s.running);
    assert_true(s.progress == 0.25);
    assert_int_equal(background_start(w.background, hold, &w, &fault), STATUS_BUSY);
    assert_non_null(strstr(fault.text, "GET /v1/things"));
    atomic_store(&w.leave, true);
    s = ended(w.background);
    assert_true(s.progress == 1 && s.ended_ms >= s.started_ms && s.started_ms > 0);
    assert_string_equal(s.fault, "");
    w.end = STATUS_DAMAGED;
    start(&w);
    assert_string_equal(ended(w.background).fault, "went wrong");
    background_close(w.background);
    background_free(w.background);
}

static void test_cancelled(void **state) {
    (void)state;
    struct work w = {.background = background_create(os_real(), "x")};
    struct fault fault = {0};
    assert_false(background_cancel(w.background));
    start(&w);
    assert_true(background_cancel(w.background));
    assert_string_equal(ended(w.background).fault, "cancelled");
    start(&w); /* it is not still cancelled */
    background_close(w.background);
    assert_string_equal(ended(w.background).fault, "cancelled");
    assert_int_equal(background_start(w.background, hold, &w, &fault), STATUS_CLOSED);
    background_free(w.background);
    background_close(NULL);
    background_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

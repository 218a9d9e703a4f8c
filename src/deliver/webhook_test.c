/* webhook_test: the sender against a server of the test's own on loopback that answers, refuses, hangs up and keeps silent: every entry
 * arrives, in order, again only under the same id, signed; also over restarts of either side. */
#include "deliver/webhook.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "await.h"
#include "base/json_read.h"
#include "base/random.h"
#include "own_folder_client.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)
#define FOLDER "webhook" /* in a folder of this run */
#define IDS_MAX 20000
#define SECRET "whsec_test"

/* --- the other end: one request a connection, worked in turn --- */

enum mood { MOOD_TAKE, MOOD_REFUSE, MOOD_HANG_UP, MOOD_TAKE_AND_HANG_UP, MOOD_MIXED };

struct other_end {
    int listener;
    uint16_t port;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic int mood;
    _Atomic unsigned requests, bad_signatures, faults;
    pthread_mutex_t lock;
    uint64_t ids[IDS_MAX]; /* position * 10 + order, of every entry in every request that was read */
    bool taken[IDS_MAX];   /* and answered 2xx */
    size_t id_count;
    struct random random;
};

static bool receive(int s, struct buffer *in) {
    struct pollfd wait = {.fd = s, .events = POLLIN};
    if (poll(&wait, 1, AWAIT_MS) != 1)
        return false;
    ssize_t got = recv(s, buffer_reserve(in, 65536), 65536, 0);
    if (got <= 0)
        return false;
    in->size += (size_t)got;
    return true;
}

static struct slice header_of(struct slice head, const char *name) {
    size_t size = strlen(name);
    for (size_t at = 0; at + size < head.size; at++) {
        if (head.data[at] == '\n' && strncasecmp(head.data + at + 1, name, size) == 0) {
            const char *value = head.data + at + 1 + size, *end = memchr(value, '\r', head.size);
            return slice_trim(slice_of(value, (size_t)(end - value)));
        }
    }
    return SLICE_NONE;
}

static void check_signature(struct other_end *o, struct slice head, struct slice body) {
    char expected[WEBHOOK_SIGNATURE_BYTES];
    struct slice signature = header_of(head, "X-Onefold-Signature:");
    long long t = signature.size > 2 ? strtoll(signature.data + 2, NULL, 10) : 0;
    webhook_sign(SLICE(SECRET), t * 1000, body, expected);
    if (!slice_is(signature, expected))
        atomic_fetch_add(&o->bad_signatures, 1);
}

static void note_entries(struct other_end *o, struct slice body, bool taken) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    struct feed_place place;
    if (json_parse(p, body, false, &root, NULL) != STATUS_OK) {
        atomic_fetch_add(&o->faults, 1);
        json_parser_free(p);
        return;
    }
    pthread_mutex_lock(&o->lock);
    for (const struct json *e = json_first(p, json_get(p, root, "entries")); e; e = json_next(p, e)) {
        if (!feed_place_parse(json_get_text(p, e, "id"), &place) || o->id_count == IDS_MAX) {
            atomic_fetch_add(&o->faults, 1);
            continue;
        }
        o->taken[o->id_count] = taken;
        o->ids[o->id_count++] = place.position * 10 + place.order;
    }
    pthread_mutex_unlock(&o->lock);
    json_parser_free(p);
}

static void answer(struct other_end *o, int s, struct slice head, struct slice body) {
    static const char taken[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
                      refused[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    int mood = atomic_load(&o->mood);
    if (mood == MOOD_MIXED)
        mood = (int)random_below(&o->random, MOOD_MIXED);
    check_signature(o, head, body);
    atomic_fetch_add(&o->requests, 1);
    note_entries(o, body, mood == MOOD_TAKE);
    if (mood == MOOD_TAKE)
        (void)!send(s, taken, sizeof taken - 1, MSG_NOSIGNAL);
    else if (mood == MOOD_REFUSE)
        (void)!send(s, refused, sizeof refused - 1, MSG_NOSIGNAL);
}

static void serve_one(struct other_end *o, int s) {
    struct buffer in = {0};
    char *end = NULL;
    while ((end = in.size ? memmem(in.data, in.size, "\r\n\r\n", 4) : NULL) == NULL && receive(s, &in))
        ;
    if (end) {
        size_t head = (size_t)(end - in.data) + 4;
        struct slice length = header_of(slice_of(in.data, head), "Content-Length:");
        size_t bytes = length.size ? strtoull(length.data, NULL, 10) : 0;
        while (in.size < head + bytes && receive(s, &in))
            ;
        if (in.size >= head + bytes)
            answer(o, s, slice_of(in.data, head), slice_of(in.data + head, bytes));
    }
    buffer_release(&in);
    close(s);
}

static void *other_end_run(void *context) {
    struct other_end *o = context;
    while (!atomic_load(&o->stop)) {
        struct pollfd wait = {.fd = o->listener, .events = POLLIN};
        if (poll(&wait, 1, 20) == 1)
            serve_one(o, accept(o->listener, NULL, NULL));
    }
    return NULL;
}

/* `port` 0: a free one. */
static struct other_end *other_end_start(uint16_t port, enum mood mood) {
    struct other_end *o = memory_get(1, sizeof *o);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    o->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(o->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(o->listener, (struct sockaddr *)&at, bytes), 0);
    assert_int_equal(listen(o->listener, 64), 0);
    assert_int_equal(getsockname(o->listener, (struct sockaddr *)&at, &bytes), 0);
    o->port = ntohs(at.sin_port);
    o->mood = mood;
    random_init(&o->random, 5);
    pthread_mutex_init(&o->lock, NULL);
    assert_int_equal(pthread_create(&o->thread, NULL, other_end_run, o), 0);
    return o;
}

static void other_end_stop(struct other_end *o) {
    atomic_store(&o->stop, true);
    pthread_join(o->thread, NULL);
    close(o->listener);
    assert_int_equal(o->bad_signatures, 0);
    assert_int_equal(o->faults, 0);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

/* --- this end --- */

struct stage {
    struct feed *feed;
    struct webhook *webhook;
    uint64_t position;
    char url[100];
    _Atomic bool two, none;
};

static void write_entry(void *context, const struct feed_entry *entry, struct json_writer *w) {
    char id[ENTRY_ID_BYTES];
    (void)context;
    json_object(w);
    json_member_cstring(w, "id", entry_id((struct feed_place){entry->position, entry->order}, id));
    json_end_object(w);
}

static void targets(void *context, void (*each)(void *to, const struct webhook_target *target), void *to) {
    struct stage *s = context;
    static const uint32_t first[] = {1};
    struct webhook_target all = {SLICE("all"), slice_text(s->url), SLICE(SECRET), {.all_segments = true}},
                          some = {SLICE("some"),
                                  slice_text(s->url),
                                  SLICE(SECRET),
                                  {.segments = first, .segment_count = 1}};
    if (atomic_load(&s->none))
        return;
    each(to, &all);
    if (atomic_load(&s->two))
        each(to, &some);
}

static void start(struct stage *s) {
    struct fault fault = {0};
    struct webhook_parts parts = {os_real(), FOLDER "/webhooks", s->feed, s, targets, write_entry};
    struct webhook_options options = {
        .batch_entries = 7, .retry_first_ms = 2, .retry_max_ms = 20, .connect_s = 60, .request_s = 60};
    MUST(webhook_start(&parts, &options, &s->webhook, &fault));
}

static void open_stage(struct stage *s, uint16_t port) {
    *s = (struct stage){.position = 1};
    MUST(os_make_folder(os_real(), FOLDER, NULL));
    MUST(feed_create(os_real(), FOLDER "/feed", 0, &s->feed, NULL));
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/hook", port);
}

static void remove_name(void *context, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    if (os_remove(os_real(), path, NULL)) {
        MUST(os_list(os_real(), path, remove_name, path, NULL));
        MUST(os_remove(os_real(), path, NULL));
    }
}

static void close_stage(struct stage *s) {
    feed_free(s->feed);
    MUST(os_list(os_real(), FOLDER, remove_name, FOLDER, NULL));
    MUST(os_remove(os_real(), FOLDER, NULL));
}

/* Entries of segments 1, 2, 3, 1 ... */
static void add(struct stage *s, unsigned count) {
    for (unsigned i = 0; i < count; i++, s->position++) {
        struct feed_entry entry = {.position = s->position,
                                   .customer = 1,
                                   .subject = (uint32_t)(s->position % 3) + 1,
                                   .kind = FEED_ENTERED,
                                   .cause = FEED_RECORD};
        feed_add(s->feed, &entry);
        feed_publish(s->feed, s->position);
    }
}

static bool caught_up(struct stage *s, const char *name) {
    struct webhook_status status;
    assert_true(webhook_status(s->webhook, slice_text(name), &status));
    return status.place.position == s->position - 1;
}

static void wait_caught_up(struct stage *s, const char *name) { AWAIT(caught_up(s, name)); }

static bool has_failed(struct stage *s, struct webhook_status *status) {
    assert_true(webhook_status(s->webhook, SLICE("all"), status));
    return status->failures > 0;
}

static struct webhook_status await_failure(struct stage *s) {
    struct webhook_status status;
    AWAIT(has_failed(s, &status));
    return status;
}

/* What was taken is 1 .. end - 1, each in its turn or again after it came; no later one before an earlier one was taken. */
static void expect_all(struct other_end *o, uint64_t first, uint64_t end) {
    uint64_t next = first, tried = first;
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->id_count; i++) {
        uint64_t position = o->ids[i] / 10;
        assert_true(position <= tried); /* in order */
        tried = position == tried ? tried + 1 : tried;
        if (o->taken[i]) {
            assert_true(position <= next);
            next = position == next ? next + 1 : next;
        }
    }
    assert_int_equal(next, end);
    pthread_mutex_unlock(&o->lock);
}

static void arrives_in_order(void **state) {
    (void)state;
    struct stage s;
    struct other_end *o = other_end_start(0, MOOD_TAKE);
    struct webhook_status status;
    open_stage(&s, o->port);
    start(&s);
    for (unsigned i = 0; i < 100; i++) {
        add(&s, 3);
        usleep(200);
    }
    wait_caught_up(&s, "all");
    expect_all(o, 1, 301);
    assert_int_equal(o->id_count, 300); /* none twice */
    assert_true(webhook_status(s.webhook, SLICE("all"), &status));
    assert_int_equal(status.delivered, 300);
    assert_int_equal(status.failures, 0);
    assert_int_equal(status.code, 204);
    assert_false(webhook_status(s.webhook, SLICE("other"), &status));
    webhook_stop(s.webhook);
    close_stage(&s);
    other_end_stop(o);
}

static void troubled(void **state) {
    (void)state;
    struct stage s;
    struct webhook_status status;
    struct other_end *o = other_end_start(0, MOOD_REFUSE);
    open_stage(&s, o->port);
    start(&s);
    add(&s, 10);
    AWAIT(o->requests >= 3);
    assert_true(webhook_status(s.webhook, SLICE("all"), &status));
    assert_true(status.failures >= 2 && status.code == 503 && status.retry_at_ms > 0);
    assert_non_null(strstr(status.error, "503"));
    atomic_store(&o->mood, MOOD_HANG_UP);
    unsigned before = o->requests;
    AWAIT(o->requests >= before + 3);
    atomic_store(&o->mood, MOOD_MIXED);
    for (unsigned i = 0; i < 50; i++) {
        add(&s, 7);
        usleep(1000);
    }
    wait_caught_up(&s, "all");
    expect_all(o, 1, s.position);
    webhook_stop(s.webhook);
    close_stage(&s);
    other_end_stop(o);
}

/* Both ends come and go; this one also without writing its last places. */
static void restarts(void **state) {
    (void)state;
    struct stage s;
    struct buffer old = {0};
    struct other_end *o = other_end_start(0, MOOD_TAKE);
    uint16_t port = o->port;
    open_stage(&s, port);
    start(&s);
    add(&s, 20);
    wait_caught_up(&s, "all");
    other_end_stop(o);
    add(&s, 20); /* nobody listens */
    struct webhook_status status = await_failure(&s);
    assert_true(status.code == 0 && status.error[0]);
    webhook_stop(s.webhook);
    MUST(os_read_file(os_real(), FOLDER "/webhooks", &old, NULL));
    add(&s, 20); /* this end is not there either */
    o = other_end_start(port, MOOD_TAKE);
    start(&s);
    wait_caught_up(&s, "all");
    expect_all(o, 21, 61);
    webhook_stop(s.webhook);
    MUST(os_write_file(os_real(), FOLDER "/webhooks", buffer_slice(&old), NULL)); /* as after a crash */
    start(&s);
    wait_caught_up(&s, "all");
    assert_int_equal(o->id_count, 80);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(o->ids[i], o->ids[i + 40]); /* the same ids again */
    webhook_stop(s.webhook);
    buffer_release(&old);
    close_stage(&s);
    other_end_stop(o);
}

static void targets_come_and_go(void **state) {
    (void)state;
    struct stage s;
    struct webhook_status status;
    struct other_end *o = other_end_start(0, MOOD_TAKE);
    open_stage(&s, o->port);
    start(&s);
    add(&s, 30);
    wait_caught_up(&s, "all");
    assert_int_equal(o->id_count, 30);
    atomic_store(&s.two, true);
    webhook_notice(s.webhook); /* begins with what comes from now on */
    add(&s, 30);
    wait_caught_up(&s, "all");
    wait_caught_up(&s, "some");
    assert_int_equal(o->id_count, 30 + 30 + 10);
    atomic_store(&s.none, true);
    webhook_notice(s.webhook);
    assert_false(webhook_status(s.webhook, SLICE("all"), &status));
    add(&s, 30);
    usleep(20000);
    assert_int_equal(o->id_count, 70);
    webhook_stop(s.webhook);
    close_stage(&s);
    other_end_stop(o);
}

/* Known answer: Python's hmac.new(b"whsec_test", b'1700000000.{"a":1}', "sha256").hexdigest() */
static void signature_known(void **state) {
    (void)state;
    char signature[WEBHOOK_SIGNATURE_BYTES];
    webhook_sign(SLICE(SECRET), 1700000000999, SLICE("{\"a\":1}"), signature);
    assert_string_equal(signature, "t=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789");
}

static void bad_urls(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s, 1);
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/x", "http://"};
    for (size_t k = 0; k < sizeof urls / sizeof *urls; k++) {
        snprintf(s.url, sizeof s.url, "%s", urls[k]);
        start(&s);
        add(&s, 1);
        assert_true(await_failure(&s).error[0]);
        webhook_stop(s.webhook);
    }
    close_stage(&s);
}

int main(void) {
    own_folder_enter("webhook");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrives_in_order),    cmocka_unit_test(troubled),        cmocka_unit_test(restarts),
        cmocka_unit_test(targets_come_and_go), cmocka_unit_test(signature_known), cmocka_unit_test(bad_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* subscribe_test: the whole flow as a subscriber sees it, over HTTP and a stream of server-sent events: the customer whose order makes the
 * difference is told at once; who leaves by time alone leaves on time, also when the server slept over it; who comes back misses nothing and
 * sees the same ids; events, merges and webhooks arrive. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "await.h"
#include "base/json_read.h"
#include "base/time.h"
#include "main/client.h"
#include "main/follow.h"
#include "main/server.h"
#include "own_folder_client.h"

#define FOLDER "data" /* in a folder of this run */
#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        if (call)                                                                                                      \
            fail_msg("%s: %s", #call, fault.text);                                                                     \
    } while (0)

static struct server *server;
static struct client *admin, *writer;
static char admin_key[48], write_key[48];
static struct json_parser *json;
static struct fault fault;

static void remove_all(void) {
    if (system("rm -rf " FOLDER) != 0)
        abort();
}

static void start(void) {
    struct serve_options options = {.port = 0};
    struct engine_options engine = {.threads = true};
    MUST(server_start(os_real(), FOLDER, &engine, &options, &server, &fault));
    if (server->admin_key[0])
        memcpy(admin_key, server->admin_key, sizeof admin_key);
    if (write_key[0] == 0)
        MUST(server_source(server, "web", "segment", write_key, &fault));
    MUST(client_create(serve_address(server->serve), admin_key, &admin, &fault));
    MUST(client_create_writer(serve_address(server->serve), write_key, &writer, &fault));
}

static void stop(void) {
    client_free(admin);
    client_free(writer);
    server_stop(server);
    server = NULL;
}

static int begin(void **state) {
    (void)state;
    remove_all();
    write_key[0] = 0;
    json = json_parser_create();
    start();
    return 0;
}

static int end(void **state) {
    (void)state;
    if (server)
        stop();
    json_parser_free(json);
    remove_all();
    return 0;
}

/* A request that must succeed; its answer stays until the next. */
static const struct json *ask(struct client *client, const char *method, const char *path, const char *body) {
    static struct buffer answer;
    int http = 0;
    const struct json *root = NULL;
    buffer_clear(&answer);
    if (client_request(client, method, path, "application/json", slice_text(body), &http, &answer, &fault))
        fail_msg("%s %s: %s", method, path, fault.text);
    if (http >= 300)
        fail_msg("%s %s: %d %.*s", method, path, http, (int)answer.size, answer.data);
    if (json_parse(json, buffer_slice(&answer), true, &root, &fault))
        fail_msg("%s %s: no JSON", method, path);
    return root;
}

static int64_t now_ms(void) { return os_now_ms(os_real()); }

static void order(const char *user, const char *id, double total, int64_t at_ms) {
    struct buffer body = {0};
    char time[TIME_TEXT_BYTES];
    int size = (int)time_format(at_ms, time);
    buffer_print(&body,
                 "{\"userId\":\"%s\",\"event\":\"Order Completed\",\"timestamp\":\"%.*s\",\"properties\":{\"order_id\":"
                 "\"%s\",\"total\":%.2f}}%c",
                 user, size, time, id, total, 0);
    ask(writer, "POST", "/v1/track", body.data);
    buffer_release(&body);
}

static struct follow *subscribe(const char *path) {
    struct follow *follow;
    MUST(follow_open(serve_address(server->serve), admin_key, path, &follow, &fault));
    return follow;
}

/* The next entry of this kind for this customer, parsed; others are gone over. */
static const struct json *expect(struct follow *follow, const char *kind, const char *user, struct feed_place *place) {
    struct follow_event event;
    const struct json *root;
    int64_t until = now_ms() + AWAIT_MS;
    while (now_ms() < until) {
        enum status status = follow_next(follow, 500, &event);
        if (status == STATUS_TIMEOUT)
            continue;
        if (status)
            fail_msg("the stream ended");
        if (json_parse(json, event.data, false, &root, &fault))
            fail_msg("no JSON: %.*s", SLICE_ARG(event.data));
        assert_true(slice_equal(json_get_text(json, root, "id"), event.id));
        const struct json *first = json_first(json, json_get(json, root, "identifiers"));
        if (slice_is(event.kind, kind) && slice_is(json_get_text(json, first, "value"), user)) {
            if (place)
                assert_true(feed_place_parse(event.id, place));
            return root;
        }
    }
    fail_msg("no entry \"%s\" for %s within %d s", kind, user, AWAIT_MS / 1000);
    return NULL;
}

static int64_t time_of(const struct json *entry) {
    int64_t at_ms;
    bool zoned;
    assert_int_equal(time_parse_iso(json_get_text(json, entry, "at"), &at_ms, &zoned), STATUS_OK);
    return at_ms;
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Past orders of 40,000, today 10,000 and a little: over 50,000, told at once. */
static void missed_customer(void **state) {
    (void)state;
    int64_t delays[9], taken[9];
    char user[20], id[20];
    for (unsigned i = 0; i < 9; i++) {
        snprintf(user, sizeof user, "u%u", i);
        snprintf(id, sizeof id, "past%u", i);
        order(user, id, 40000, now_ms() - 40 * DAY_MS);
    }
    ask(admin, "POST", "/v1/segments", "{\"name\":\"core\",\"expression\":\"sum(order.total) > 50000\"}");
    struct follow *follow = subscribe("/v1/stream?segments=core");
    for (unsigned i = 0; i < 9; i++) {
        snprintf(user, sizeof user, "u%u", i);
        snprintf(id, sizeof id, "today%u", i);
        int64_t sent = now_ms();
        order(user, id, 10000.01, sent);
        taken[i] = now_ms() - sent;
        const struct json *entry = expect(follow, "entered", user, NULL);
        delays[i] = now_ms() - sent; /* the request and its sync are in it */
        assert_true(slice_is(json_get_text(json, entry, "segment"), "core"));
        const struct json *clause = json_first(json, json_get(json, entry, "clauses"));
        assert_true(slice_is(json_get_text(json, clause, "text"), "sum(order.total) > 50000"));
        assert_false(json_get_bool(json, clause, "before", true));
        assert_true(json_get_bool(json, clause, "after", false));
    }
    qsort(delays, 9, sizeof *delays, compare);
    qsort(taken, 9, sizeof *taken, compare);
    if (delays[4] > 100 + 10 * taken[4])
        fail_msg("told after %lld ms in the median, requests take %lld ms", (long long)delays[4], (long long)taken[4]);
    follow_close(follow);
}

/* Alone by the clock, and on it. */
static void leaves_on_time(void **state) {
    (void)state;
    ask(admin, "POST", "/v1/segments", "{\"name\":\"fresh\",\"expression\":\"any(order, last 3 seconds)\"}");
    struct follow *follow = subscribe("/v1/stream?segments=fresh");
    int64_t ordered = now_ms();
    order("u1", "o1", 10, ordered);
    expect(follow, "entered", "u1", NULL);
    const struct json *entry = expect(follow, "left", "u1", NULL);
    int64_t seen = now_ms(), due = ordered + 3000;
    assert_true(slice_is(json_get_text(json, entry, "cause"), "time"));
    assert_int_equal(time_of(entry), due);
    assert_true(seen >= due && seen - due <= NOT_LATE_MS);
    follow_close(follow);
}

/* The server sleeps over the moment; what it says afterwards is as if it had not. */
static void slept_over(void **state) {
    (void)state;
    struct feed_place place, again;
    char path[80];
    ask(admin, "POST", "/v1/segments", "{\"name\":\"fresh\",\"expression\":\"any(order, last 3 seconds)\"}");
    struct follow *follow = subscribe("/v1/stream?segments=fresh");
    int64_t ordered = now_ms();
    order("u1", "o1", 10, ordered);
    expect(follow, "entered", "u1", &place);
    follow_close(follow);
    stop();
    while (now_ms() < ordered + 3300)
        usleep(10000);
    start();
    snprintf(path, sizeof path, "/v1/stream?segments=fresh&after=%llu-%u", (unsigned long long)place.position,
             place.order);
    int64_t began = now_ms();
    follow = subscribe(path);
    const struct json *entry = expect(follow, "left", "u1", &again);
    assert_int_equal(time_of(entry), ordered + 3000);
    assert_true(now_ms() - began <= NOT_LATE_MS);
    assert_true(again.position > place.position || (again.position == place.position && again.order > place.order));
    follow_close(follow);
}

/* Everything from the beginning, as ids and kinds. */
static void read_all(struct buffer *into, unsigned count) {
    struct follow *follow = subscribe("/v1/stream?segments=all&after=0");
    struct follow_event event;
    for (unsigned i = 0; i < count; i++) {
        enum status status = follow_next(follow, AWAIT_MS, &event);
        assert_int_equal(status, STATUS_OK);
        buffer_print(into, "%.*s %.*s\n", SLICE_ARG(event.id), SLICE_ARG(event.kind));
    }
    follow_close(follow);
}

static void same_ids_again(void **state) {
    (void)state;
    struct buffer before = {0}, after = {0}, rest = {0};
    char user[20], id[20], path[80];
    ask(admin, "POST", "/v1/segments", "{\"name\":\"one\",\"expression\":\"count(order) >= 1\"}");
    ask(admin, "POST", "/v1/segments", "{\"name\":\"two\",\"expression\":\"count(order) = 1\"}");
    ask(admin, "POST", "/v1/checkpoint", "");
    for (unsigned i = 0; i < 60; i++) {
        snprintf(user, sizeof user, "u%u", i / 2);
        snprintf(id, sizeof id, "o%u", i);
        order(user, id, 10, now_ms());
    }
    read_all(&before, 90); /* 30 enter each, and leave "two" */
    client_free(admin);
    client_free(writer);
    serve_stop(server->serve);
    engine_abandon(server->engine); /* as a crash leaves it: the checkpoint is the old one */
    free(server);
    start();
    read_all(&after, 90);
    assert_true(slice_equal(buffer_slice(&before), buffer_slice(&after)));
    /* From any id on, exactly what follows it comes. */
    struct slice lines = buffer_slice(&before);
    const char *tenth = lines.data;
    for (unsigned i = 0; i < 9; i++)
        tenth = (const char *)memchr(tenth, '\n', lines.size) + 1;
    snprintf(path, sizeof path, "/v1/stream?segments=all&after=%.*s", (int)strcspn(tenth, " "), tenth);
    struct follow *follow = subscribe(path);
    struct follow_event event;
    for (unsigned i = 10; i < 90; i++) {
        assert_int_equal(follow_next(follow, AWAIT_MS, &event), STATUS_OK);
        buffer_print(&rest, "%.*s %.*s\n", SLICE_ARG(event.id), SLICE_ARG(event.kind));
    }
    const char *eleventh = (const char *)memchr(tenth, '\n', 100) + 1;
    assert_true(slice_equal(buffer_slice(&rest), slice_of(eleventh, before.size - (size_t)(eleventh - before.data))));
    assert_int_equal(follow_next(follow, 50, &event), STATUS_TIMEOUT);
    follow_close(follow);
    buffer_release(&before);
    buffer_release(&after);
    buffer_release(&rest);
}

/* Each is told what it asked for and nothing else, in order, however many there are; some read only at the end. */
static void many_subscribers(void **state) {
    (void)state;
    enum { COUNT_MOST = 150, ORDERS = 20 };
    const unsigned count = connections_here(COUNT_MOST);
    struct follow *follows[COUNT_MOST];
    struct follow_event event;
    char user[20], id[20];
    ask(admin, "POST", "/v1/segments", "{\"name\":\"one\",\"expression\":\"count(order) >= 1\"}");
    ask(admin, "POST", "/v1/segments", "{\"name\":\"large\",\"expression\":\"sum(order.total) > 15\"}");
    for (unsigned i = 0; i < count; i++)
        follows[i] = subscribe(i % 2 ? "/v1/stream?segments=large" : "/v1/stream?segments=one");
    for (unsigned i = 0; i < ORDERS; i++) {
        snprintf(user, sizeof user, "u%u", i);
        snprintf(id, sizeof id, "o%u", i);
        order(user, id, i + 0.5, now_ms());
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = i % 2 ? 15 : 0; k < ORDERS; k++) {
            assert_int_equal(follow_next(follows[i], AWAIT_MS, &event), STATUS_OK);
            snprintf(user, sizeof user, "\"u%u\"", k);
            assert_non_null(memmem(event.data.data, event.data.size, user, strlen(user)));
            assert_non_null(memmem(event.data.data, event.data.size, i % 2 ? "\"large\"" : "\"one\"", i % 2 ? 7 : 5));
        }
        assert_int_equal(follow_next(follows[i], 0, &event), STATUS_TIMEOUT);
        follow_close(follows[i]);
    }
}

static void events_and_merges(void **state) {
    (void)state;
    ask(writer, "POST", "/v1/track", "{\"userId\":\"u0\",\"event\":\"Coupon Taken\"}");
    ask(admin, "POST", "/v1/subscriptions", "{\"name\":\"coupons\",\"events\":[\"Coupon Taken\"]}");
    struct follow *follow = subscribe("/v1/stream?segments=all&events=Coupon%20Taken");
    ask(writer, "POST", "/v1/track",
        "{\"userId\":\"u1\",\"event\":\"Coupon Taken\",\n \"properties\":{\"coupon\":\"满100减10\"}}");
    const struct json *entry = expect(follow, "event", "u1", NULL);
    assert_true(slice_is(json_get_text(json, entry, "type"), "Coupon Taken"));
    const struct json *payload = json_get(json, entry, "payload");
    assert_true(slice_is(json_get_text(json, json_get(json, payload, "properties"), "coupon"), "满100减10"));
    ask(writer, "POST", "/v1/track", "{\"anonymousId\":\"a1\",\"event\":\"Seen\"}");
    ask(writer, "POST", "/v1/track", "{\"anonymousId\":\"a1\",\"userId\":\"u1\",\"event\":\"Seen\"}");
    entry = expect(follow, "merged", "u1", NULL);
    assert_int_equal(json_get_text(json, entry, "merged").size, ONEID_BYTES);
    follow_close(follow);
}

/* --- a webhook's other end: takes one request and keeps it --- */

struct taken {
    int listener;
    struct buffer in;
};

static void *take_one(void *context) {
    struct taken *t = context;
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    int s = accept(t->listener, NULL, NULL);
    size_t whole = SIZE_MAX;
    while (t->in.size < whole) {
        ssize_t got = recv(s, buffer_reserve(&t->in, 65536), 65536, 0);
        if (got <= 0)
            break;
        t->in.size += (size_t)got;
        const char *end = memmem(t->in.data, t->in.size, "\r\n\r\n", 4), *length = NULL;
        if (end)
            length = memmem(t->in.data, t->in.size, "Content-Length: ", 16);
        if (length)
            whole = (size_t)(end - t->in.data) + 4 + strtoull(length + 16, NULL, 10);
    }
    (void)!send(s, good, sizeof good - 1, MSG_NOSIGNAL);
    close(s);
    return NULL;
}

static int64_t delivered(void) {
    const struct json *root = ask(admin, "GET", "/v1/subscriptions", "");
    const struct json *one = json_first(json, json_get(json, root, "subscriptions"));
    assert_null(json_get(json, one, "secret"));
    return json_get_integer(json, json_get(json, one, "delivery"), "delivered", 0);
}

static void webhook_told(void **state) {
    (void)state;
    struct taken t = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    struct buffer body = {0};
    pthread_t thread;
    assert_int_equal(bind(t.listener, (struct sockaddr *)&at, bytes), 0);
    assert_int_equal(listen(t.listener, 4), 0);
    assert_int_equal(getsockname(t.listener, (struct sockaddr *)&at, &bytes), 0);
    assert_int_equal(pthread_create(&thread, NULL, take_one, &t), 0);
    ask(admin, "POST", "/v1/segments", "{\"name\":\"one\",\"expression\":\"count(order) >= 1\"}");
    buffer_print(
        &body, "{\"name\":\"crm\",\"segments\":[\"one\"],\"url\":\"http://127.0.0.1:%u/hook\",\"secret\":\"s3cret\"}%c",
        ntohs(at.sin_port), 0);
    ask(admin, "POST", "/v1/subscriptions", body.data);
    order("u1", "o1", 10, now_ms());
    pthread_join(thread, NULL);
    assert_non_null(memmem(t.in.data, t.in.size, "X-Onefold-Signature: t=", 23));
    assert_non_null(memmem(t.in.data, t.in.size, "\"subscription\":\"crm\"", 20));
    assert_non_null(memmem(t.in.data, t.in.size, "\"value\":\"u1\"", 12));
    AWAIT(delivered() == 1);
    close(t.listener);
    buffer_release(&t.in);
    buffer_release(&body);
}

int main(void) {
    own_folder_enter("subscribe");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(missed_customer, begin, end),
        cmocka_unit_test_setup_teardown(leaves_on_time, begin, end),
        cmocka_unit_test_setup_teardown(slept_over, begin, end),
        cmocka_unit_test_setup_teardown(same_ids_again, begin, end),
        cmocka_unit_test_setup_teardown(many_subscribers, begin, end),
        cmocka_unit_test_setup_teardown(events_and_merges, begin, end),
        cmocka_unit_test_setup_teardown(webhook_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

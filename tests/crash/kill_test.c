/* kill_test: the real program under load, killed by SIGKILL at random moments, again and again on one data folder.
 *
 * In each round the program ($ONEFOLD) starts on the folder, three connections send batches of calls with message ids of
 * their own, a fourth asks for checkpoints (compaction runs beside: memory for rows is kept small), and after up to a
 * second the process is killed. What got no answer is sent again in the next round, as a client would. In every third
 * round the next start is killed too, somewhere in its recovery. Then, through the API, for every customer of the round:
 *
 *   each acknowledged call is there once, whole, with all its rows (an order gives two); none is there twice;
 *   nothing is there that was never sent.
 *
 * At the end a clean stop, a start that has nothing to fold, and everything is asked for once more.
 *
 * Times are not repeatable; the seed that is printed repeats the choices. Skipped where $ONEFOLD names no program. */
#include "await.h"
#include "base/hash.h"
#include "base/json_read.h"
#include "base/random.h"
#include "main/client.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 8
#define ROUNDS_LONG 60
#define SENDERS 3
#define BATCH_CALLS 20
#define BATCHES_OF_CUSTOMER 8
#define CUSTOMER_CALLS (BATCH_CALLS * BATCHES_OF_CUSTOMER)
#define START_TIMEOUT_MS 30000

enum call_state { CALL_UNSENT, CALL_SENT, CALL_ACKNOWLEDGED };

/* What one sender sends in all rounds: call `n` belongs to customer n / CUSTOMER_CALLS. */
struct sender {
    struct kill *kill;
    unsigned number;
    uint8_t *states; /* [batches], enum call_state */
    size_t batch_count, batch_capacity;
    size_t first_open; /* batches before it are acknowledged */
    size_t verified;   /* customers before it were asked for, complete */
    uint64_t refused;  /* answers that asked to come again */
};

struct kill {
    char folder[64], admin_key[64], write_key[64], url[64];
    const char *program;
    pid_t pid;
    FILE *output;
    uint64_t tail; /* records folded at the last start, as it printed */
    struct random random;
    uint64_t seed;
    atomic_bool stop;
    _Atomic uint64_t acknowledged; /* batches, in this round */
    struct sender senders[SENDERS];
    uint64_t checkpoints, recoveries_killed, lost, doubled, partial, strange;
};

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(uint64_t ms) {
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* --- the process --- */

static void start_process(struct kill *k) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    k->pid = fork();
    assert_true(k->pid >= 0);
    if (k->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* not left behind by a test that failed */
        dup2(ends[1], STDOUT_FILENO);
        execl(k->program, k->program, "serve", "--data", k->folder, "--port", "0", "--delta-mib", "1", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    k->output = fdopen(ends[0], "r");
    assert_non_null(k->output);
}

/* Waits for the process to end; returns what waitpid says. */
static int end_process(struct kill *k, int signal) {
    int how = 0;
    kill(k->pid, signal);
    assert_int_equal(waitpid(k->pid, &how, 0), k->pid);
    fclose(k->output);
    k->output = NULL;
    k->pid = 0;
    return how;
}

/* Reads what it prints until it listens. */
static void await_listening(struct kill *k) {
    char line[512];
    unsigned long long tail;
    while (fgets(line, sizeof line, k->output)) {
        const char *opened = strstr(line, " opened in ");
        if (sscanf(line, "admin key: %63s", k->admin_key) == 1)
            continue;
        if (opened && sscanf(opened, " opened in %*s s, %llu", &tail) == 1)
            k->tail = tail;
        if (sscanf(line, "listening on %63s", k->url) == 1)
            return;
    }
    fail_msg("seed %llu: the program ended before it listened", (unsigned long long)k->seed);
}

static struct client *admin(struct kill *k) {
    struct client *c;
    assert_int_equal(client_create(k->url, k->admin_key, &c, NULL), STATUS_OK);
    return c;
}

/* First start: a source and its key. */
static void define_source(struct kill *k) {
    struct client *c = admin(k);
    struct buffer answer = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    int http = 0;
    assert_int_equal(client_request(c, "POST", "/v1/sources", "application/json",
                                    SLICE("{\"name\":\"web\",\"kind\":\"segment\"}"), &http, &answer, NULL),
                     STATUS_OK);
    assert_in_range(http, 200, 201);
    assert_int_equal(
        client_request(c, "POST", "/v1/sources/web/keys", "application/json", SLICE("{}"), &http, &answer, NULL),
        STATUS_OK);
    assert_in_range(http, 200, 201);
    buffer_reserve(&answer, 64);
    assert_int_equal(json_parse(p, buffer_slice(&answer), true, &root, NULL), STATUS_OK);
    struct slice key = json_get_text(p, root, "key");
    assert_true(key.size && key.size < sizeof k->write_key);
    memcpy(k->write_key, key.data, key.size);
    json_parser_free(p);
    buffer_release(&answer);
    client_free(c);
}

/* --- sending --- */

static bool is_order(uint64_t n) { return n % 5 == 0; }

static void put_call(struct buffer *out, unsigned sender, uint64_t n) {
    unsigned long long customer = n / CUSTOMER_CALLS, check = hash_mix(n * SENDERS + sender) >> 12;
    buffer_print(out, "{\"type\":\"track\",\"messageId\":\"k%u-%llu\",", sender, (unsigned long long)n);
    if (n % 7 != 1)
        buffer_print(out, "\"userId\":\"s%u-%llu\",", sender, customer);
    if (n % 7 == 1 || n % 3 == 0) /* a browser that is nobody's until it is this customer's: merges */
        buffer_print(out, "\"anonymousId\":\"b%u-%llu\",", sender, (unsigned long long)n / 40);
    buffer_print(out, "\"event\":\"%s\",\"properties\":{\"n\":%llu,", is_order(n) ? "Order Completed" : "Viewed",
                 (unsigned long long)n);
    if (is_order(n))
        buffer_print(out, "\"order_id\":\"o%u-%llu\",\"total\":12.5,\"products\":[{\"sku\":\"x\",\"quantity\":1}],",
                     sender, (unsigned long long)n);
    buffer_print(out, "\"title\":\"something that was looked at for a while\",\"check\":%llu}}", check);
}

static void put_batch(struct buffer *out, unsigned sender, size_t batch) {
    buffer_print(out, "{\"batch\":[");
    for (uint64_t i = 0; i < BATCH_CALLS; i++) {
        buffer_print(out, i ? "," : "");
        put_call(out, sender, batch * BATCH_CALLS + i);
    }
    buffer_print(out, "]}");
}

/* The next batch that has no answer yet. */
static size_t next_batch(struct sender *s, size_t from) {
    size_t batch = from;
    while (batch < s->batch_count && s->states[batch] == CALL_ACKNOWLEDGED)
        batch++;
    if (batch == s->batch_capacity) {
        s->batch_capacity = s->batch_capacity * 2 + 1024;
        s->states = memory_resize(s->states, s->batch_capacity, 1);
    }
    if (batch == s->batch_count) {
        s->states[batch] = CALL_UNSENT;
        s->batch_count++;
    }
    return batch;
}

static void acknowledge(struct sender *s, size_t batch) {
    s->states[batch] = CALL_ACKNOWLEDGED;
    atomic_fetch_add(&s->kill->acknowledged, 1);
}

static void *send_calls(void *context) {
    struct sender *s = context;
    struct client *client;
    struct buffer body = {0}, answer = {0};
    size_t at = s->first_open;
    int http = 0;
    if (client_create_writer(s->kill->url, s->kill->write_key, &client, NULL))
        return NULL;
    while (!atomic_load(&s->kill->stop)) {
        at = next_batch(s, at);
        s->states[at] = CALL_SENT;
        buffer_clear(&body);
        put_batch(&body, s->number, at);
        if (client_request(client, "POST", "/v1/batch", "application/json", buffer_slice(&body), &http, &answer, NULL))
            break; /* killed */
        if (http == 200 && memmem(answer.data, answer.size, "\"accepted\":20", 13))
            acknowledge(s, at);
        else
            s->refused++;
    }
    while (s->first_open < s->batch_count && s->states[s->first_open] == CALL_ACKNOWLEDGED)
        s->first_open++;
    client_free(client);
    buffer_release(&body);
    buffer_release(&answer);
    return NULL;
}

static void *ask_for_checkpoints(void *context) {
    struct kill *k = context;
    struct client *client = admin(k);
    struct buffer answer = {0};
    int http = 0;
    while (!atomic_load(&k->stop)) {
        if (client_request(client, "POST", "/v1/checkpoint", NULL, SLICE_NONE, &http, &answer, NULL))
            break;
        k->checkpoints += http == 200;
        sleep_ms(20);
    }
    client_free(client);
    buffer_release(&answer);
    return NULL;
}

/* --- asking --- */

/* Counts the rows of one page; false at the last one, else `next` is where to go on. */
static bool count_page(struct kill *k, struct sender *s, struct json_parser *p, struct buffer *answer,
                       uint64_t customer, unsigned (*rows)[2], struct buffer *next) {
    const struct json *root;
    buffer_reserve(answer, 64);
    assert_int_equal(json_parse(p, buffer_slice(answer), true, &root, NULL), STATUS_OK);
    const struct json *timeline = json_get(p, root, "timeline");
    assert_non_null(timeline);
    for (const struct json *row = json_first(p, timeline); row; row = json_next(p, row)) {
        const struct json *properties = json_get(p, row, "properties");
        uint64_t n = (uint64_t)json_get_integer(p, properties, "n", -1);
        bool document = slice_is(json_get_text(p, row, "kind"), "document");
        if (n / CUSTOMER_CALLS != customer || (document && !is_order(n))) {
            k->strange++;
            continue;
        }
        rows[n % CUSTOMER_CALLS][document]++;
        k->partial += (uint64_t)json_get_integer(p, properties, "check", 0) != hash_mix(n * SENDERS + s->number) >> 12;
        k->partial += !slice_is(json_get_text(p, properties, "title"), "something that was looked at for a while");
    }
    struct slice cursor = json_get_text(p, root, "next");
    buffer_clear(next);
    buffer_add_slice(next, cursor);
    return cursor.size > 0;
}

/* True where every call of the customer is acknowledged, so that it need not be asked for until the end. */
static bool check_customer(struct kill *k, struct sender *s, struct client *client, struct json_parser *p,
                           uint64_t customer) {
    unsigned rows[CUSTOMER_CALLS][2] = {{0}};
    struct buffer answer = {0}, path = {0}, next = {0};
    bool complete = true, more = true;
    int http = 0;
    while (more) {
        buffer_clear(&path);
        buffer_print(&path, "/v1/profiles/user_id:s%u-%llu/timeline?limit=500%s%.*s%c", s->number,
                     (unsigned long long)customer, next.size ? "&before=" : "", (int)next.size,
                     next.size ? next.data : "", 0);
        assert_int_equal(client_request(client, "GET", path.data, NULL, SLICE_NONE, &http, &answer, NULL), STATUS_OK);
        more = http == 200 && count_page(k, s, p, &answer, customer, rows, &next);
        assert_true(http == 200 || http == 404);
    }
    for (uint64_t i = 0; i < CUSTOMER_CALLS; i++) {
        uint64_t n = customer * CUSTOMER_CALLS + i, batch = n / BATCH_CALLS;
        enum call_state state = batch < s->batch_count ? s->states[batch] : CALL_UNSENT;
        complete = complete && state == CALL_ACKNOWLEDGED;
        k->doubled += rows[i][0] > 1 || rows[i][1] > 1;
        k->lost += state == CALL_ACKNOWLEDGED && !rows[i][0];
        k->partial += (rows[i][0] != 0) != (rows[i][1] != 0) && is_order(n);
        k->strange += state == CALL_UNSENT && rows[i][0];
    }
    buffer_release(&answer);
    buffer_release(&path);
    buffer_release(&next);
    return complete;
}

/* `all`: those that were asked for before, too. */
static void check_customers(struct kill *k, bool all) {
    struct client *client = admin(k);
    struct json_parser *p = json_parser_create();
    for (unsigned i = 0; i < SENDERS; i++) {
        struct sender *s = &k->senders[i];
        uint64_t end = (s->batch_count + BATCHES_OF_CUSTOMER - 1) / BATCHES_OF_CUSTOMER;
        bool complete = true;
        for (uint64_t c = all ? 0 : s->verified; c < end; c++) {
            complete = check_customer(k, s, client, p, c) && complete;
            if (complete && c >= s->verified)
                s->verified = c + 1;
        }
    }
    if (k->lost || k->doubled || k->partial || k->strange)
        fail_msg(
            "seed %llu, data in %s: %llu acknowledged calls lost, %llu doubled, %llu half there, %llu rows never sent",
            (unsigned long long)k->seed, k->folder, (unsigned long long)k->lost, (unsigned long long)k->doubled,
            (unsigned long long)k->partial, (unsigned long long)k->strange);
    json_parser_free(p);
    client_free(client);
}

/* --- rounds --- */

static void load_and_kill(struct kill *k, uint64_t ms) {
    pthread_t threads[SENDERS + 1];
    atomic_store(&k->stop, false);
    atomic_store(&k->acknowledged, 0);
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_calls, &k->senders[i]), 0);
    assert_int_equal(pthread_create(&threads[SENDERS], NULL, ask_for_checkpoints, k), 0);
    sleep_ms(ms);
    AWAIT(atomic_load(&k->acknowledged) > 1); /* later on a slow machine: a round without an answer shows nothing */
    int how = end_process(k, SIGKILL);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL); /* it had not ended by itself */
    atomic_store(&k->stop, true);
    for (unsigned i = 0; i < SENDERS + 1; i++)
        pthread_join(threads[i], NULL);
}

static void one_round(struct kill *k, unsigned round) {
    load_and_kill(k, random_between(&k->random, 100, 1000));
    for (unsigned again = 0; round % 3 == 2 && again < 2; again++, k->recoveries_killed++) {
        start_process(k);
        sleep_ms(random_below(&k->random, 60));
        int how = end_process(k, SIGKILL);
        assert_true(WIFSIGNALED(how));
    }
    start_process(k);
    await_listening(k);
    check_customers(k, false);
}

static void remove_folder(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct buffer inner = {0};
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        buffer_print(&inner, "%s/%s%c", path, entry->d_name, 0);
        if (unlink(inner.data) != 0)
            remove_folder(inner.data);
        buffer_release(&inner);
    }
    if (folder)
        closedir(folder);
    rmdir(path);
}

static void stop_cleanly(struct kill *k) {
    int how = end_process(k, SIGTERM);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void report(const struct kill *k, unsigned rounds) {
    uint64_t acknowledged = 0, refused = 0;
    for (unsigned i = 0; i < SENDERS; i++) {
        for (size_t b = 0; b < k->senders[i].batch_count; b++)
            acknowledged += k->senders[i].states[b] == CALL_ACKNOWLEDGED ? BATCH_CALLS : 0;
        refused += k->senders[i].refused;
    }
    printf("kill -9: %u rounds, %llu acknowledged records, %llu lost, %llu doubled (%llu recoveries killed, %llu "
           "checkpoints, "
           "%llu batches told to come again)\n",
           rounds, (unsigned long long)acknowledged, (unsigned long long)k->lost, (unsigned long long)k->doubled,
           (unsigned long long)k->recoveries_killed, (unsigned long long)k->checkpoints, (unsigned long long)refused);
    assert_true(acknowledged > (uint64_t)rounds * BATCH_CALLS);
}

static void test_killed_again_and_again(void **state) {
    struct kill k = {.program = getenv("ONEFOLD"), .seed = now_ms()};
    unsigned rounds = getenv("TEST_LONG") ? ROUNDS_LONG : ROUNDS;
    (void)state;
    if (!k.program || access(k.program, X_OK) != 0) {
        printf("skipped: the environment variable ONEFOLD names no program to run\n");
        skip();
    }
    if (getenv("KILL_SEED"))
        k.seed = strtoull(getenv("KILL_SEED"), NULL, 10);
    random_init(&k.random, k.seed);
    snprintf(k.folder, sizeof k.folder, "/tmp/onefold-kill-XXXXXX");
    assert_non_null(mkdtemp(k.folder));
    for (unsigned i = 0; i < SENDERS; i++)
        k.senders[i] = (struct sender){.kill = &k, .number = i};
    start_process(&k);
    await_listening(&k);
    define_source(&k);
    for (unsigned round = 0; round < rounds; round++)
        one_round(&k, round);
    stop_cleanly(&k);
    start_process(&k);
    await_listening(&k);
    assert_int_equal(k.tail, 0); /* a clean stop leaves nothing to fold */
    check_customers(&k, true);
    stop_cleanly(&k);
    report(&k, rounds);
    remove_folder(k.folder);
    for (unsigned i = 0; i < SENDERS; i++)
        free(k.senders[i].states);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_again_and_again)};
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

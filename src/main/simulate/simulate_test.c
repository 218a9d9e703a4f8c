/* simulate_test: the made-up company keeps its promises: same seed, same bytes; the manifest, the truth and the counts
 * of dirt agree with the files; every file is well-formed in its own encoding; failures of the disk are passed on.
 * Everything is written to the simulated system, so nothing touches the disk. */
#include "main/simulate/simulate.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/json_read.h"
#include "base/memory.h"
#include "base/time.h"
#include "os/os_sim.h"

#define CELLS_MAX 32

struct folder {
    struct os_sim *sim;
    struct os *os;
    struct simulate_summary summary;
    struct json_parser *parser;
};

static struct simulate_options options_of(uint64_t seed, const char *folder) {
    return (struct simulate_options){.seed = seed, .customers = 260, .days = 100, .folder = folder};
}

static void must(enum status status, const struct fault *fault) {
    if (status)
        fail_msg("%s: %s", status_name(status), fault->text);
}

static int set_up(void **state) {
    struct folder *f = memory_get(1, sizeof *f);
    struct fault fault = {0};
    struct simulate_options options = options_of(7, "/demo");
    f->sim = os_sim_create(1);
    f->os = os_sim_os(f->sim);
    f->parser = json_parser_create();
    must(simulate(f->os, &options, &f->summary, &fault), &fault);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct folder *f = *state;
    json_parser_free(f->parser);
    os_sim_free(f->sim);
    free(f);
    return 0;
}

static struct buffer read_path(struct folder *f, const char *folder, const char *path) {
    struct buffer full = {0}, content = {0};
    struct fault fault = {0};
    buffer_print(&full, "%s/%s%c", folder, path, 0);
    must(os_read_file(f->os, full.data, &content, &fault), &fault);
    buffer_release(&full);
    return content;
}

/* The file as UTF-8. */
static struct buffer read_feed(struct folder *f, enum simulated_feed feed) {
    struct buffer raw = read_path(f, "/demo", simulate_feed_path(feed)), text = {0};
    if (feed != FEED_POS)
        return raw;
    iconv_t converter = iconv_open("UTF-8", "GB18030");
    char *in = raw.data, *out = buffer_reserve(&text, raw.size * 3);
    size_t in_left = raw.size, out_left = raw.size * 3;
    assert_int_equal(iconv(converter, &in, &in_left, &out, &out_left), 0);
    assert_int_equal(in_left, 0);
    text.size = raw.size * 3 - out_left;
    iconv_close(converter);
    buffer_release(&raw);
    return text;
}

static bool next_line(struct slice *rest, struct slice *line) {
    if (rest->size == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    assert_non_null(end);
    *line = slice_of(rest->data, (size_t)(end - rest->data));
    rest->size -= line->size + 1;
    rest->data = end + 1;
    return true;
}

/* Cells of a CSV line; quotes stay on, which no cell compared here has. */
static size_t split(struct slice line, struct slice *cells) {
    size_t count = 0, start = 0;
    bool quoted = false;
    for (size_t i = 0; i <= line.size; i++) {
        if (i < line.size && line.data[i] == '"')
            quoted = !quoted;
        if (i < line.size && (quoted || line.data[i] != ','))
            continue;
        assert_true(count < CELLS_MAX);
        cells[count++] = slice_of(line.data + start, i - start);
        start = i + 1;
    }
    return count;
}

static bool is_lines(enum simulated_feed feed) { return strstr(simulate_feed_path(feed), ".ndjson") != NULL; }

static uint64_t hash_folder(struct folder *f, const char *folder) {
    static const char *const others[] = {"manifest.json", "truth/effects.json", "truth/dirt.json", "mappings/pos.json"};
    uint64_t hash = 0;
    for (size_t i = 0; i < FEED_COUNT + sizeof others / sizeof *others; i++) {
        const char *path = i < FEED_COUNT ? simulate_feed_path((enum simulated_feed)i) : others[i - FEED_COUNT];
        struct buffer content = read_path(f, folder, path);
        hash = hash_bytes(buffer_slice(&content), hash);
        buffer_release(&content);
    }
    return hash;
}

static void same_seed_same_bytes(void **state) {
    struct folder *f = *state;
    struct fault fault = {0};
    struct simulate_options again = options_of(7, "/again"), other = options_of(8, "/other");
    must(simulate(f->os, &again, NULL, &fault), &fault);
    must(simulate(f->os, &other, NULL, &fault), &fault);
    assert_true(hash_folder(f, "/demo") == hash_folder(f, "/again"));
    assert_true(hash_folder(f, "/demo") != hash_folder(f, "/other"));
    /* over a longer old folder nothing of it remains */
    other.folder = "/again";
    other.customers = 20;
    must(simulate(f->os, &other, NULL, &fault), &fault);
    other.folder = "/small";
    must(simulate(f->os, &other, NULL, &fault), &fault);
    assert_true(hash_folder(f, "/small") == hash_folder(f, "/again"));
}

static size_t count_lines(struct slice text) {
    size_t count = 0;
    for (struct slice line; next_line(&text, &line);)
        count++;
    return count;
}

static void manifest_counts_are_the_files(void **state) {
    struct folder *f = *state;
    struct fault fault = {0};
    struct buffer manifest = read_path(f, "/demo", "manifest.json");
    const struct json *root;
    size_t files = 0;
    must(json_parse(f->parser, buffer_slice(&manifest), true, &root, &fault), &fault);
    for (const struct json *m = json_first(f->parser, root); m; m = json_next(f->parser, m), files++) {
        char path[64], mapping[64];
        snprintf(path, sizeof path, "%.*s", SLICE_ARG(json_get_text(f->parser, m, "file")));
        snprintf(mapping, sizeof mapping, "%.*s", SLICE_ARG(json_get_text(f->parser, m, "mapping")));
        struct buffer content = read_path(f, "/demo", path);
        size_t lines = count_lines(buffer_slice(&content)), header = strstr(path, ".csv") ? 1 : 0;
        assert_int_equal(json_get_integer(f->parser, m, "records", -1), lines - header);
        assert_int_equal(json_get_integer(f->parser, m, "bytes", -1), content.size);
        assert_true(lines > header);
        assert_int_equal(slice_is(json_get_text(f->parser, m, "kind"), "import"), mapping[0] != 0);
        buffer_release(&content);
        if (mapping[0]) {
            content = read_path(f, "/demo", mapping);
            assert_true(content.size > 0);
            buffer_release(&content);
        }
    }
    assert_int_equal(files, FEED_TRUTH_RECORDS);
    buffer_release(&manifest);
}

static void every_json_line_parses(void **state) {
    struct folder *f = *state;
    struct fault fault = {0};
    for (enum simulated_feed feed = 0; feed < FEED_COUNT; feed++) {
        if (!is_lines(feed))
            continue;
        struct buffer content = read_feed(f, feed);
        struct slice rest = buffer_slice(&content), line = SLICE_NONE;
        const struct json *root;
        while (next_line(&rest, &line)) {
            must(json_parse(f->parser, line, false, &root, &fault), &fault);
            assert_int_equal(root->kind, JSON_OBJECT);
        }
        buffer_release(&content);
    }
}

static void every_row_has_its_columns(void **state) {
    struct folder *f = *state;
    for (enum simulated_feed feed = 0; feed < FEED_COUNT; feed++) {
        if (is_lines(feed))
            continue;
        struct buffer content = read_feed(f, feed);
        struct slice rest = buffer_slice(&content), line = SLICE_NONE, cells[CELLS_MAX];
        assert_true(next_line(&rest, &line));
        size_t columns = split(line, cells);
        assert_true(columns >= 3);
        while (next_line(&rest, &line))
            if (split(line, cells) != columns)
                fail_msg("%s: %.*s", simulate_feed_path(feed), SLICE_ARG(line));
        buffer_release(&content);
    }
}

/* A mapping names the columns of its file's header, in that order. */
static void mappings_name_the_columns(void **state) {
    struct folder *f = *state;
    struct fault fault = {0};
    for (enum simulated_feed feed = 0; feed < FEED_COUNT; feed++) {
        char path[64];
        if (strcmp(simulate_feed_kind(feed), "import") != 0)
            continue;
        const char *name = simulate_feed_path(feed);
        snprintf(path, sizeof path, "mappings/%.*s.json", (int)(strchr(name, '.') - name), name);
        struct buffer mapping = read_path(f, "/demo", path), content = read_feed(f, feed);
        struct slice rest = buffer_slice(&content), line = SLICE_NONE, cells[CELLS_MAX];
        const struct json *root;
        size_t at = 0;
        must(json_parse(f->parser, buffer_slice(&mapping), true, &root, &fault), &fault);
        assert_true(next_line(&rest, &line));
        size_t count = is_lines(feed) ? 0 : split(line, cells);
        const struct json *columns = json_get(f->parser, root, "columns");
        for (const struct json *c = json_first(f->parser, columns); c && count; c = json_next(f->parser, c), at++)
            assert_true(at < count && slice_equal(c->key, cells[at]));
        assert_int_equal(at, count);
        assert_true(columns->count > 0);
        buffer_release(&mapping);
        buffer_release(&content);
    }
}

static void id_cards_are_valid(void **state) {
    static const int weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    struct folder *f = *state;
    struct buffer content = read_feed(f, FEED_MEMBERS);
    struct slice rest = buffer_slice(&content), line = SLICE_NONE, cells[CELLS_MAX];
    size_t seen = 0;
    assert_true(next_line(&rest, &line));
    while (next_line(&rest, &line)) {
        split(line, cells);
        struct slice id = cells[6];
        int sum = 0;
        if (id.size == 0)
            continue;
        assert_int_equal(id.size, 18);
        for (int i = 0; i < 17; i++)
            sum += (id.data[i] - '0') * weights[i];
        assert_int_equal(id.data[17], "10X98765432"[sum % 11]);
        unsigned month = (unsigned)((id.data[10] - '0') * 10 + id.data[11] - '0');
        unsigned day = (unsigned)((id.data[12] - '0') * 10 + id.data[13] - '0');
        assert_true(time_date_valid(1990, month, day) || (month == 2 && day == 29));
        seen++;
    }
    assert_true(seen > 10);
    buffer_release(&content);
}

/* --- the truth against the records --- */

struct truth {
    struct slice *lines; /* "channel,record", sorted */
    bool *met;
    size_t count;
};

static int by_text(const void *a, const void *b) {
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static struct truth truth_of(struct slice text) {
    struct truth t = {0};
    struct slice line = SLICE_NONE;
    t.lines = memory_get(count_lines(text), sizeof *t.lines);
    assert_true(next_line(&text, &line));
    while (next_line(&text, &line)) {
        size_t size = line.size;
        while (line.data[size - 1] != ',')
            size--;
        t.lines[t.count++] = slice_of(line.data, size - 1);
    }
    qsort(t.lines, t.count, sizeof *t.lines, by_text);
    t.met = memory_get(t.count + 1, sizeof *t.met);
    return t;
}

static bool meet(struct truth *t, const char *channel, const char *prefix, struct slice record) {
    char text[128];
    int size = snprintf(text, sizeof text, "%s,%s%.*s", channel, prefix, SLICE_ARG(record));
    struct slice key = slice_of(text, (size_t)size);
    const struct slice *found = bsearch(&key, t->lines, t->count, sizeof *t->lines, by_text);
    if (found)
        t->met[found - t->lines] = true;
    return found != NULL;
}

static void meet_rows(struct folder *f, struct truth *t, enum simulated_feed feed, const char *channel,
                      const char *prefix) {
    struct buffer content = read_feed(f, feed);
    struct slice rest = buffer_slice(&content), line = SLICE_NONE, cells[CELLS_MAX];
    assert_true(next_line(&rest, &line));
    while (next_line(&rest, &line)) {
        split(line, cells);
        bool nobody = feed == FEED_POS && cells[4].size == 0 && cells[5].size == 0;
        if (meet(t, channel, prefix, cells[0]) == nobody)
            fail_msg("%s: %.*s", channel, SLICE_ARG(line));
    }
    buffer_release(&content);
}

static void meet_lines(struct folder *f, struct truth *t, enum simulated_feed feed, const char *channel,
                       const char *prefix, const char *key) {
    struct buffer content = read_feed(f, feed);
    struct slice rest = buffer_slice(&content), line = SLICE_NONE;
    struct fault fault = {0};
    const struct json *root;
    while (next_line(&rest, &line)) {
        must(json_parse(f->parser, line, false, &root, &fault), &fault);
        const struct json *anonymous = json_get(f->parser, root, "anonymousId"),
                          *user = json_get(f->parser, root, "userId");
        bool nobody = *prefix ? slice_is(json_get_text(f->parser, root, "phone"), "anonymous")
                              : feed == FEED_WEB && !anonymous && !user;
        if (meet(t, channel, prefix, json_get_text(f->parser, root, key)) == nobody)
            fail_msg("%s: %.*s", channel, SLICE_ARG(line));
    }
    buffer_release(&content);
}

/* Every record of a person stands in the truth, and nothing else does. */
static void truth_covers_every_record(void **state) {
    struct folder *f = *state;
    struct buffer content = read_feed(f, FEED_TRUTH_RECORDS);
    struct truth t = truth_of(buffer_slice(&content));
    meet_lines(f, &t, FEED_WEB, "web", "", "messageId");
    meet_lines(f, &t, FEED_APP, "app", "", "messageId");
    meet_lines(f, &t, FEED_MINIPROGRAM, "miniprogram", "", "messageId");
    meet_lines(f, &t, FEED_CALLS, "calls", "call:", "call_id");
    meet_lines(f, &t, FEED_REVIEWS, "reviews", "review:", "review_id");
    meet_rows(f, &t, FEED_ORDERS, "orders", "order:");
    meet_rows(f, &t, FEED_ORDER_UPDATES, "order_updates", "order:");
    meet_rows(f, &t, FEED_POS, "pos", "order:");
    meet_rows(f, &t, FEED_MEMBERS, "members", "member:");
    meet_rows(f, &t, FEED_CONTRACTS, "contracts", "contract:");
    meet_rows(f, &t, FEED_ADS, "ads", "click:");
    meet_rows(f, &t, FEED_TOUCHES, "touches", "touch:");
    for (size_t i = 0; i < t.count; i++) {
        if (!t.met[i])
            fail_msg("no record for %.*s", SLICE_ARG(t.lines[i]));
        if (i && slice_equal(t.lines[i], t.lines[i - 1]))
            fail_msg("twice: %.*s", SLICE_ARG(t.lines[i]));
    }
    free(t.lines);
    free(t.met);
    buffer_release(&content);
}

/* An identifier not marked as shared has one owner. */
static void unshared_identifiers_have_one_owner(void **state) {
    struct folder *f = *state;
    struct buffer content = read_feed(f, FEED_TRUTH_IDENTIFIERS);
    struct slice rest = buffer_slice(&content), line = SLICE_NONE, cells[CELLS_MAX],
                 *keys = memory_get(count_lines(rest), sizeof *keys);
    size_t count = 0, shared = 0;
    assert_true(next_line(&rest, &line));
    while (next_line(&rest, &line)) {
        assert_int_equal(split(line, cells), 4);
        if (slice_is(cells[3], "0"))
            keys[count++] = slice_of(line.data, cells[0].size + 1 + cells[1].size);
        else
            shared++;
    }
    qsort(keys, count, sizeof *keys, by_text);
    for (size_t i = 1; i < count; i++)
        if (slice_equal(keys[i], keys[i - 1]))
            fail_msg("two owners: %.*s", SLICE_ARG(keys[i]));
    assert_true(count > 260 && shared > 0);
    free(keys);
    buffer_release(&content);
}

/* --- planted dirt, counted again from the files --- */

/* Lines equal to an earlier one. */
static size_t repeats_in(struct slice text) {
    size_t lines = count_lines(text), count = 0, repeats = 0;
    struct slice *all = memory_get(lines + 1, sizeof *all), line;
    while (next_line(&text, &line))
        all[count++] = line;
    qsort(all, count, sizeof *all, by_text);
    for (size_t i = 1; i < count; i++)
        repeats += slice_equal(all[i], all[i - 1]);
    free(all);
    return repeats;
}

static void dirt_is_counted(void **state) {
    static const enum simulated_feed calls[] = {FEED_WEB, FEED_APP, FEED_MINIPROGRAM};
    static const enum simulated_feed rows[] = {FEED_ORDERS, FEED_POS, FEED_MEMBERS, FEED_TOUCHES};
    struct folder *f = *state;
    uint64_t planted = 0;
    for (size_t i = 0; i < 7; i++) {
        enum simulated_feed feed = i < 3 ? calls[i] : rows[i - 3];
        struct buffer content = read_feed(f, feed);
        uint64_t told = f->summary.dirt[i < 3 ? DIRT_EXACT_REPEAT : DIRT_REPEATED_ROW][feed];
        assert_int_equal(repeats_in(buffer_slice(&content)), told);
        planted += told;
        buffer_release(&content);
    }
    assert_true(planted > 0);
    for (enum dirt dirt = 0; dirt < DIRT_COUNT; dirt++)
        assert_true(strlen(simulate_dirt_name(dirt)) > 0);
}

static void till_dirt_is_counted(void **state) {
    struct folder *f = *state;
    struct buffer content = read_feed(f, FEED_POS);
    struct slice rest = buffer_slice(&content), line = SLICE_NONE, cells[CELLS_MAX], last = SLICE_NONE;
    uint64_t negative = 0, as_text = 0;
    assert_true(next_line(&rest, &line));
    while (next_line(&rest, &line)) {
        size_t count = split(line, cells);
        assert_int_equal(count, 18);
        if (!slice_equal(line, last)) {
            negative += cells[10].data[0] == '-';
            as_text += slice_starts(cells[11], SLICE("¥")) || slice_starts(cells[11], SLICE("\"¥"));
        }
        last = line;
    }
    assert_int_equal(negative, f->summary.dirt[DIRT_NEGATIVE][FEED_POS]);
    assert_int_equal(as_text, f->summary.dirt[DIRT_AMOUNT_TEXT][FEED_POS]);
    buffer_release(&content);
}

/* Rows come in the order of their arrival, although some tell of earlier moments. */
static void calls_come_in_arrival_order(void **state) {
    struct folder *f = *state;
    struct fault fault = {0};
    struct buffer content = read_feed(f, FEED_APP);
    struct slice rest = buffer_slice(&content), line = SLICE_NONE;
    const struct json *root;
    char last[32] = "";
    size_t late = 0, again = 0;
    while (next_line(&rest, &line)) {
        must(json_parse(f->parser, line, false, &root, &fault), &fault);
        struct slice arrived = json_get_text(f->parser, root, "receivedAt"),
                     happened = json_get_text(f->parser, root, "timestamp");
        assert_int_equal(arrived.size, 24);
        if (slice_compare(slice_text(last), arrived) > 0) {
            again++; /* a call sent again says when it came first */
            continue;
        }
        late += memcmp(happened.data, arrived.data, 13) < 0;
        snprintf(last, sizeof last, "%.*s", SLICE_ARG(arrived));
    }
    assert_true(late > 0);
    assert_true(again <= f->summary.dirt[DIRT_EXACT_REPEAT][FEED_APP]);
    buffer_release(&content);
}

static void options_are_checked(void **state) {
    struct folder *f = *state;
    struct fault fault = {0};
    struct simulate_options o = {.customers = 0, .folder = "/x"};
    assert_int_equal(simulate(f->os, &o, NULL, &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "customers"));
    o = (struct simulate_options){.customers = 1, .days = SIMULATE_DAYS_MAX + 1, .folder = "/x"};
    assert_int_equal(simulate(f->os, &o, NULL, &fault), STATUS_INVALID);
    o = (struct simulate_options){.customers = 1};
    assert_int_equal(simulate(f->os, &o, NULL, &fault), STATUS_INVALID);
    o = (struct simulate_options){.customers = 1, .days = 1, .folder = "/x"};
    must(simulate(f->os, &o, NULL, &fault), &fault); /* one person, one day: still a whole folder */
}

/* Whatever call of the disk fails, the failure is what simulate returns. */
static void failures_are_passed_on(void **state) {
    (void)state;
    struct simulate_options o = {.seed = 3, .customers = 12, .days = 2, .folder = "/x"};
    uint64_t calls = 1, failures = 0;
    for (uint64_t n = 0; n <= calls; n += n < 40 ? 1 : 7) {
        struct os_sim *sim = os_sim_create(2);
        struct fault fault = {0};
        os_sim_fail_call(sim, n, STATUS_IO);
        enum status status = simulate(os_sim_os(sim), &o, NULL, &fault);
        if (n == 0)
            calls = os_sim_calls(sim);
        assert_int_equal(status, n == 0 ? STATUS_OK : STATUS_IO);
        failures += status != STATUS_OK;
        os_sim_free(sim);
    }
    assert_true(failures > 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(manifest_counts_are_the_files),
        cmocka_unit_test(every_json_line_parses),
        cmocka_unit_test(every_row_has_its_columns),
        cmocka_unit_test(mappings_name_the_columns),
        cmocka_unit_test(id_cards_are_valid),
        cmocka_unit_test(truth_covers_every_record),
        cmocka_unit_test(unshared_identifiers_have_one_owner),
        cmocka_unit_test(dirt_is_counted),
        cmocka_unit_test(till_dirt_is_counted),
        cmocka_unit_test(calls_come_in_arrival_order),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(failures_are_passed_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* evaluate: joins three things: log position -> customer (history), log position -> record id (log), record id -> person
 * (truth). Ids are compared by hash. */
#include "main/evaluate.h"

#include <stdlib.h>

#include "base/hash.h"
#include "collect/payload.h"

/* Which column of which mapping names a record, and how the truth file writes it. */
static const struct {
    const char *mapping, *column, *prefix;
} row_ids[] = {
    {"members", "member_card", "member:"}, {"contracts", "contract_no", "contract:"}, {"ads", "click_id", "click:"},
    {"orders", "order_id", "order:"},      {"order_updates", "order_id", "order:"},   {"pos", "小票号", "order:"},
    {"calls", "call_id", "call:"},         {"reviews", "review_id", "review:"},       {"touches", "touch_id", "touch:"},
};

struct pair {
    uint64_t key, value;
};

struct pairs {
    struct buffer bytes;
};

static void add_pair(struct pairs *p, uint64_t key, uint64_t value) {
    struct pair pair = {key, value};
    buffer_add(&p->bytes, &pair, sizeof pair);
}

static int by_key(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static struct pair *sort_pairs(struct pairs *p, size_t *count) {
    *count = p->bytes.size / sizeof(struct pair);
    if (*count)
        qsort(p->bytes.data, *count, sizeof(struct pair), by_key);
    return (struct pair *)p->bytes.data;
}

static uint64_t find_value(const struct pair *pairs, size_t count, uint64_t key) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pairs[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && pairs[low].key == key ? pairs[low].value : 0;
}

/* Log position -> customer, for every row of every customer. */
static void positions_of_customers(struct engine *e, struct pairs *out) {
    struct identity_counters counters;
    struct arena arena = {0};
    identity_counters_read(e->identity, &counters);
    for (uint32_t n = 1; n <= counters.created; n++) {
        struct history_rows rows;
        if (identity_redirect(e->identity, (struct customer_id){n}).number != n)
            continue;
        struct history_hold hold = history_enter(e->history);
        history_rows(e->history, (struct customer_id){n}, -1, &arena, &rows);
        for (size_t i = 0; i < rows.count; i++)
            add_pair(out, history_row_position(&rows, i), n);
        history_leave(e->history, hold);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static uint64_t id_hash(const char *prefix, struct slice id) {
    char text[512];
    size_t head = strlen(prefix), size = id.size > sizeof text - 32 ? sizeof text - 32 : id.size;
    memcpy(text, prefix, head);
    memcpy(text + head, id.data, size);
    return hash_bytes(slice_of(text, head + size), 1) | 1;
}

static uint64_t segment_id(struct json_parser *p, struct slice payload) {
    struct payload_segment head;
    const struct json *root;
    if (payload.size < sizeof head)
        return 0;
    memcpy(&head, payload.data, sizeof head);
    struct slice item = {payload.data + sizeof head + head.context_bytes, head.item_bytes};
    if (sizeof head + (uint64_t)head.context_bytes + head.item_bytes > payload.size ||
        json_parse(p, item, false, &root, NULL))
        return 0;
    struct slice id = json_get_text(p, root, "messageId");
    return id.size ? id_hash("", id) : 0;
}

/* The cell under `column`, or an empty slice. */
static struct slice row_cell(struct json_parser *p, const struct payload_row *head, struct slice payload,
                             const char *column) {
    const char *header = payload.data + sizeof *head + head->name_bytes, *cells = header + head->header_bytes;
    const char *end = payload.data + payload.size;
    uint32_t index = 0, size;
    const struct json *root;
    if (head->header_bytes == 0) {
        memcpy(&size, cells, 4);
        if (cells + 4 + size > end || json_parse(p, slice_of(cells + 4, size), false, &root, NULL))
            return SLICE_NONE;
        return json_get_text(p, root, column);
    }
    for (const char *at = header; at < cells && strcmp(at, column) != 0; at += strlen(at) + 1)
        index++;
    for (; cells + 4 <= end; index--) {
        memcpy(&size, cells, 4);
        if (cells + 4 + size > end)
            break;
        if (index == 0)
            return slice_of(cells + 4, size);
        cells += 4 + size;
    }
    return SLICE_NONE;
}

static uint64_t row_id(struct json_parser *p, struct slice payload) {
    struct payload_row head;
    if (payload.size < sizeof head)
        return 0;
    memcpy(&head, payload.data, sizeof head);
    if (sizeof head + (uint64_t)head.name_bytes + head.header_bytes + 4 > payload.size)
        return 0;
    struct slice mapping = {payload.data + sizeof head, head.name_bytes};
    for (size_t i = 0; i < sizeof row_ids / sizeof row_ids[0]; i++)
        if (slice_is(mapping, row_ids[i].mapping)) {
            struct slice cell = slice_trim(row_cell(p, &head, payload, row_ids[i].column));
            return cell.size ? id_hash(row_ids[i].prefix, cell) : 0;
        }
    return 0;
}

/* Record id -> customer, for every log record that has a row. */
static enum status customers_of_records(struct engine *e, struct pairs *out, struct fault *fault) {
    struct pairs positions = {0};
    struct log_reader *reader;
    struct log_record raw;
    size_t count;
    enum status status = log_reader_open(e->log, log_first(e->log), &reader, fault);
    if (status)
        return status;
    positions_of_customers(e, &positions);
    const struct pair *customer = sort_pairs(&positions, &count);
    struct json_parser *p = json_parser_create();
    while (!(status = log_read(reader, &raw, fault))) {
        uint64_t at =
            raw.kind == LOG_SEGMENT_ITEM || raw.kind == LOG_ROW ? find_value(customer, count, raw.position) : 0;
        uint64_t id = !at ? 0 : raw.kind == LOG_ROW ? row_id(p, raw.payload) : segment_id(p, raw.payload);
        if (id)
            add_pair(out, id, at);
    }
    json_parser_free(p);
    log_reader_close(reader);
    buffer_release(&positions.bytes);
    return status == STATUS_END ? STATUS_OK : status;
}

/* Reads the truth: record id -> person. */
static enum status read_truth(struct engine *e, const char *path, struct pairs *out, struct fault *fault) {
    struct buffer text = {0};
    enum status status = os_read_file(e->os, path, &text, fault);
    size_t line = 1, at = 0;
    while (at < text.size && !status) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        struct slice row = {text.data + at, end ? (size_t)(end - text.data) - at : text.size - at};
        const char *first = memchr(row.data, ',', row.size), *last = memrchr(row.data, ',', row.size);
        if (!first || first == last)
            status = fault_set(fault, STATUS_INVALID, "%s: line %zu: expected channel,record_id,person_id", path, line);
        else if (line > 1)
            add_pair(out, id_hash("", slice_of(first + 1, (size_t)(last - first - 1))),
                     hash_bytes(slice_trim(slice_of(last + 1, (size_t)(row.data + row.size - last - 1))), 2));
        at += row.size + 1;
        line++;
    }
    buffer_release(&text);
    return status;
}

static double pairs_of(uint64_t n) { return (double)n * (double)(n - 1) / 2; }

/* Sums n(n-1)/2 over runs of equal keys; counts the runs. */
static double pairs_in_runs(const struct pair *p, size_t count, uint64_t *runs) {
    double sum = 0;
    *runs = 0;
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && p[end].key == p[i].key)
            end++;
        sum += pairs_of(end - i);
        ++*runs;
        i = end;
    }
    return sum;
}

/* `truth` is sorted by record id; repeats of one id (an order's updates) count once. */
static void measure(const struct pair *truth, size_t truth_count, const struct pair *found, size_t found_count,
                    struct identity_quality *out) {
    struct pairs by_person = {0}, by_customer = {0}, by_both = {0};
    size_t n;
    for (size_t i = 0; i < truth_count; i++) {
        if (i && truth[i].key == truth[i - 1].key)
            continue;
        uint64_t customer = find_value(found, found_count, truth[i].key);
        out->records++;
        add_pair(&by_person, truth[i].value, customer);
        if (customer) {
            out->covered++;
            add_pair(&by_customer, customer, truth[i].value);
            add_pair(&by_both, hash_mix(truth[i].value ^ hash_mix(customer)), 0);
        }
    }
    uint64_t runs;
    const struct pair *person = sort_pairs(&by_person, &n);
    double person_pairs = pairs_in_runs(person, n, &out->persons);
    size_t persons = n;
    const struct pair *customer = sort_pairs(&by_customer, &n);
    double customer_pairs = pairs_in_runs(customer, n, &out->customers);
    size_t customers = n;
    const struct pair *both = sort_pairs(&by_both, &n);
    double both_pairs = pairs_in_runs(both, n, &runs);
    for (size_t i = 0; i < persons;) {
        size_t end = i;
        while (end < persons && person[end].key == person[i].key)
            end++;
        bool one = person[i].value && person[i].value == person[end - 1].value;
        size_t low = 0; /* that customer's records: all this person's? */
        for (size_t high = customers; one && low < high;) {
            size_t middle = low + (high - low) / 2;
            if (customer[middle].key < person[i].value)
                low = middle + 1;
            else
                high = middle;
        }
        for (; one && low < customers && customer[low].key == person[i].value; low++)
            one = customer[low].value == person[i].key;
        out->exact_persons += one;
        i = end;
    }
    out->precision = customer_pairs ? both_pairs / customer_pairs : 1;
    out->recall = person_pairs ? both_pairs / person_pairs : 1;
    out->f1 = out->precision + out->recall ? 2 * out->precision * out->recall / (out->precision + out->recall) : 0;
    out->coverage = out->records ? (double)out->covered / (double)out->records : 0;
    buffer_release(&by_person.bytes);
    buffer_release(&by_customer.bytes);
    buffer_release(&by_both.bytes);
}

enum status evaluate_identity(struct engine *e, const char *truth_path, struct identity_quality *out,
                              struct fault *fault) {
    struct pairs truth = {0}, found = {0};
    size_t truth_count, found_count;
    *out = (struct identity_quality){0};
    enum status status = read_truth(e, truth_path, &truth, fault);
    if (!status)
        status = customers_of_records(e, &found, fault);
    if (!status) {
        const struct pair *t = sort_pairs(&truth, &truth_count), *f = sort_pairs(&found, &found_count);
        measure(t, truth_count, f, found_count, out);
    }
    buffer_release(&truth.bytes);
    buffer_release(&found.bytes);
    return status;
}

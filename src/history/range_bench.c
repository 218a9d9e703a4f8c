/* range_bench: what the tables of what is now cost when spans are compacted, in time and in bytes, and what one customer's range costs.
 *
 *     range_bench [spans, default 8]
 *
 * Customers have one to three settings of six attributes, ten views with eleven properties each, and every second one an order that is
 * updated once. On paper: a clean customer's table is a halving over its owners or one look at its starts, two loads from memory that no cache
 * holds: some 200 ns; a gathered one also its chain, a line of memory a row. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "history/history_inside.h"
#include "history/range.h"

#define VIEWS 10
#define TEXTS 8 /* of a view; three numbers besides */
#define ASKED 200000

struct bench {
    struct dictionary *dictionary;
    struct history *history;
    struct random random;
    struct record_builder builder;
    struct type *view, *order;
    uint16_t attributes[6];
    uint64_t position;
    uint32_t customers;
    bool orders;
};

static double now_ms(void) { return (double)os_monotonic_ns(os_real()) / 1e6; }

static uint16_t property(struct bench *b, struct type *t, const char *name, enum property_type type) {
    struct property *p = NULL;
    if (dictionary_property(b->dictionary, t, slice_text(name), type, &p, NULL))
        abort();
    return p->number;
}

static void define(struct bench *b) {
    static const char *const names[6] = {"b_city", "b_level", "b_gender", "b_score", "b_name", "b_phone"};
    struct type *customer = NULL;
    char name[16];
    if (dictionary_type(b->dictionary, TYPE_EVENT, SLICE("bench view"), &b->view, NULL) ||
        dictionary_type(b->dictionary, TYPE_DOCUMENT, SLICE("bench order"), &b->order, NULL) ||
        dictionary_type(b->dictionary, TYPE_ATTRIBUTES, SLICE("customer"), &customer, NULL))
        abort();
    for (unsigned i = 0; i < TEXTS + 3; i++) {
        snprintf(name, sizeof name, "p%u", i);
        property(b, b->view, name, i < TEXTS ? PROPERTY_TEXT : PROPERTY_NUMBER);
    }
    property(b, b->order, "total", PROPERTY_MONEY);
    property(b, b->order, "status", PROPERTY_TEXT);
    for (unsigned i = 0; i < 6; i++)
        b->attributes[i] = property(b, customer, names[i], i == 2 || i == 3 ? PROPERTY_NUMBER : PROPERTY_TEXT);
}

static void begin(struct bench *b, const struct type *t, uint16_t type, uint32_t document) {
    int64_t time_ms = 1700000000000 + random_between(&b->random, 0, 31536000000);
    struct record_head head = {.type = type,
                               .kind = t ? t->kind : TYPE_ATTRIBUTES,
                               .source = 1,
                               .time_ms = time_ms,
                               .received_ms = time_ms + random_between(&b->random, 100, 900),
                               .position = ++b->position,
                               .document = document};
    record_begin(&b->builder, &head);
}

static void finish(struct bench *b, uint32_t customer) {
    history_append(b->history, (struct customer_id){customer}, record_end(&b->builder));
}

static void set_text(struct bench *b, uint16_t p, unsigned kinds) {
    char text[48];
    int n = snprintf(text, sizeof text, "a value of some length %u", (unsigned)random_below(&b->random, kinds));
    record_set_text(&b->builder, p, slice_of(text, (size_t)n));
}

static void add_settings(struct bench *b, uint32_t customer) {
    for (uint64_t n = random_below(&b->random, 4) ? 1 : 3; n; n--) {
        begin(b, NULL, 0, 0);
        for (unsigned i = 0; i < 6; i++)
            if (i == 2 || i == 3)
                record_set(&b->builder, b->attributes[i], VALUE_NUMBER, random_between(&b->random, 0, 100), 0);
            else
                set_text(b, b->attributes[i], i < 4 ? 30 : 100000000);
        finish(b, customer);
    }
}

static void add_view(struct bench *b, uint32_t customer) {
    begin(b, b->view, b->view->number, 0);
    for (uint16_t p = 1; p <= TEXTS; p++)
        set_text(b, p, p % 2 ? 5000 : 20);
    for (uint16_t p = TEXTS + 1; p <= TEXTS + 3; p++)
        record_set(&b->builder, p, VALUE_NUMBER, random_between(&b->random, 0, 60000), 2);
    finish(b, customer);
}

static void add_order(struct bench *b, uint32_t customer) {
    for (unsigned i = 0; i < 2; i++) {
        begin(b, b->order, b->order->number, customer);
        record_set(&b->builder, 1, VALUE_NUMBER, random_between(&b->random, 0, 60000), 2);
        set_text(b, 2, 4);
        finish(b, customer);
    }
}

static enum status compact_all(struct bench *b, struct fault *fault) {
    enum status status;
    while (!(status = history_compact(b->history, true, fault)))
        history_tidy(b->history);
    return status == STATUS_END ? STATUS_OK : status;
}

/* What the current tables of all bases cost to make again, and their bytes. */
static double current_again(struct bench *b, uint64_t *bytes) {
    double start = now_ms();
    struct buffer out = {0};
    *bytes = 0;
    for (uint32_t n = 0; n <= b->customers / SPAN_CUSTOMERS; n++) {
        const struct span *span = history_span(b->history, n);
        const struct base *base = span ? span_view(span)->base : NULL;
        for (uint32_t i = 0; base && i < base->table_count; i++) {
            buffer_clear(&out);
            if (base->tables[i]->kind == TYPE_ATTRIBUTES)
                span_attributes_now(base->tables[i], &out);
            else if (base->current[i])
                span_documents_now(base->tables[i], &out);
            *bytes += out.size;
        }
    }
    buffer_release(&out);
    return now_ms() - start;
}

static void tell(struct bench *b, const char *what, double took_ms) {
    struct history_counters c;
    uint64_t bytes;
    double again = current_again(b, &bytes);
    history_counters_read(b->history, &c);
    uint64_t events = (uint64_t)b->customers * VIEWS;
    printf("%s: %.1f ms a span, of it %.1f ms for what is now (+%.0f %%); %.1f bytes an event, of them %.1f\n", what,
           took_ms / (double)c.spans, again / (double)c.spans, 100 * again / (took_ms - again),
           (double)c.base_bytes / (double)events, (double)bytes / (double)events);
}

/* One customer's range: an attribute and the views' (and orders') times and a number. */
static void ask(struct bench *b, const char *what, unsigned forms) {
    const struct column_want number = {.property = TEXTS + 1}, total = {.property = 1},
                             setting = {.property = b->attributes[3]};
    const struct rows_want rows[] = {{ROWS_EVENTS, b->view->number, &number, 1},
                                     {ROWS_DOCUMENTS, b->order->number, &total, 1}};
    const struct range_want want = {&setting, 1, rows, 2};
    struct range *range = range_create(b->history, NULL);
    struct history_hold hold = history_enter(b->history);
    uint64_t found = 0;
    double start = now_ms();
    for (unsigned i = 0; i < ASKED; i++) {
        uint32_t customer = 1 + (uint32_t)random_below(&b->random, b->customers);
        range_customer(range, &want, (struct customer_id){customer}, UINT64_MAX);
        if (forms & 1) {
            const struct range_rows *views = range_rows(range, 0);
            for (uint32_t row = views->first; row < views->end; row++)
                found += (uint64_t)range_integer(&views->columns[0], row) & 1;
        }
        if (forms & 2)
            found += range_rows(range, 1)->end - range_rows(range, 1)->first;
        if (forms & 4)
            found += range_attribute(range, 0)->form;
    }
    printf("%s: %.0f ns a customer (%" PRIu64 ")\n", what, (now_ms() - start) * 1e6 / ASKED, found);
    history_leave(b->history, hold);
    range_free(range);
}

static void ask_all(struct bench *b, const char *what) {
    static const char *const forms[] = {"the range alone", "ten views", "its orders", NULL, "an attribute"};
    char text[64];
    for (unsigned f = 0; f <= 4; f++)
        if (forms[f]) {
            snprintf(text, sizeof text, "%s, %s", what, forms[f]);
            ask(b, text, f);
        }
}

static enum status run(struct bench *b, struct fault *fault) {
    double start;
    for (uint32_t c = 1; c <= b->customers; c++) {
        add_settings(b, c);
        for (unsigned i = 0; i < VIEWS; i++)
            add_view(b, c);
        if (b->orders && c % 2)
            add_order(b, c);
    }
    start = now_ms();
    enum status status = compact_all(b, fault);
    if (status)
        return status;
    tell(b, b->orders ? "with orders, first compaction" : "events alone, first compaction", now_ms() - start);
    if (b->orders)
        ask_all(b, "clean");
    for (uint32_t c = 1; c <= b->customers; c++) {
        add_view(b, c);
        if (b->orders && c % 2) {
            add_order(b, c);
            add_settings(b, c);
        }
    }
    if (b->orders)
        ask_all(b, "with one to six new rows");
    start = now_ms();
    status = compact_all(b, fault);
    if (!status)
        tell(b, b->orders ? "with orders, compacted again" : "events alone, compacted again", now_ms() - start);
    return status;
}

static void remove_name(void *context, const char *name) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%s%c", (const char *)context, name, 0);
    if (os_remove(os_real(), path.data, NULL))
        fprintf(stderr, "cannot remove %s\n", path.data);
    buffer_release(&path);
}

int range_bench(int argc, char **argv) {
    uint64_t spans = argc > 1 ? strtoull(argv[1], NULL, 10) : 8;
    char made[] = "/tmp/range_bench.XXXXXX";
    const char *folder = mkdtemp(made);
    struct fault fault = {0};
    enum status status = spans && folder ? STATUS_OK : STATUS_INVALID;
    for (unsigned orders = 0; orders < 2 && !status; orders++) {
        struct bench b = {
            .dictionary = dictionary_create(), .customers = (uint32_t)(spans * SPAN_CUSTOMERS - 1), .orders = orders};
        random_init(&b.random, 1);
        define(&b);
        struct history_options options = {.delta_bytes = (uint64_t)8 << 30};
        status = history_create(os_real(), folder, b.dictionary, &options, &b.history, &fault);
        if (!status)
            status = run(&b, &fault);
        history_free(b.history);
        record_builder_release(&b.builder);
        dictionary_free(b.dictionary);
        if (os_list(os_real(), folder, remove_name, (void *)(uintptr_t)folder, NULL))
            fprintf(stderr, "range_bench: %s was not removed whole\n", folder);
    }
    if (folder && os_remove(os_real(), folder, NULL))
        fprintf(stderr, "range_bench: %s was not removed\n", folder);
    if (status)
        fprintf(stderr, "range_bench: %s\n", fault.text);
    return status != STATUS_OK;
}

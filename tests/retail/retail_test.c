/* retail_test: a real year of a gift shop (UCI Online Retail: 541,909 lines) through the import door, against its published
 * figures. The data is not part of the project: it is looked for in ONEFOLD_TEST_DATA, or ../shared/data, and the test is
 * skipped where it is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "main/loader.h"
#include "main/server.h"
#include "own_folder_client.h"

#define MAPPING "tests/retail/online_retail.json"

static char data_path[512];

static const char *find_data(void) {
    const char *folder = getenv("ONEFOLD_TEST_DATA");
    snprintf(data_path, sizeof data_path, "%s/online_retail_I/online_retail_I_2010-12_2011-12.csv.gz",
             folder ? folder : "../shared/data");
    return access(data_path, R_OK) == 0 ? data_path : NULL;
}

struct totals {
    struct engine *engine;
    uint64_t invoices, lines, clean_lines, clean_invoices, clean_customers;
    int64_t clean_micros; /* of pounds */
    uint16_t items, quantity, price;
    bool known; /* the customer has a customer id */
    bool customer_clean;
};

static void number_of(const struct record_head *r, const struct record_value *v, uint32_t count, uint16_t property,
                      int64_t *value, unsigned *scale) {
    (void)r;
    *value = 0;
    *scale = 0;
    for (uint32_t i = 0; i < count; i++)
        if (v[i].property == property && v[i].kind == VALUE_NUMBER) {
            *value = v[i].integer;
            *scale = v[i].scale;
        }
}

static void add_document(void *context, const struct record_head *d, int64_t updated_ms, uint32_t updates) {
    struct totals *t = context;
    const struct record_value *items = record_find(d, t->items);
    bool clean = false;
    (void)updated_ms;
    t->invoices++;
    assert_non_null(items);
    assert_int_equal(items->count, updates); /* one line, one item */
    t->lines += items->count;
    for (uint32_t i = 0; i < items->count; i++) {
        const struct record_item *item = &record_items(d, items)[i];
        const struct record_value *v = record_item_values(d, item);
        int64_t quantity, price;
        unsigned quantity_scale, price_scale;
        number_of(d, v, item->value_count, t->quantity, &quantity, &quantity_scale);
        number_of(d, v, item->value_count, t->price, &price, &price_scale);
        assert_true(decimal_rescale(&price, price_scale, 6));
        assert_int_equal(quantity_scale, 0);
        if (t->known && quantity > 0 && price > 0) {
            t->clean_micros += quantity * price;
            t->clean_lines++;
            clean = true;
        }
    }
    t->clean_invoices += clean;
    t->customer_clean = t->customer_clean || clean;
}

static void note_person(void *context, struct identifier_id id) {
    struct totals *t = context;
    const struct namespace *ns =
        dictionary_namespace_at(t->engine->dictionary, identity_namespace(t->engine->identity, id));
    t->known = t->known || slice_is(ns->name, "user_id");
}

static uint16_t property_of(struct engine *e, enum type_kind kind, const char *type, const char *name) {
    const struct type *t = dictionary_type_find(e->dictionary, kind, slice_text(type));
    assert_non_null(t);
    const struct property *p = dictionary_property_find(e->dictionary, t, slice_text(name));
    assert_non_null(p);
    return p->number;
}

static struct totals add_up(struct engine *e) {
    struct totals t = {.engine = e};
    struct identity_counters people;
    struct arena arena = {0};
    const struct type *order = dictionary_type_find(e->dictionary, TYPE_DOCUMENT, SLICE("order"));
    assert_non_null(order);
    t.items = property_of(e, TYPE_DOCUMENT, "order", "items");
    const struct property *items = dictionary_property_at(order, t.items);
    const struct type *item = dictionary_type_at(e->dictionary, items->item_type);
    t.quantity = dictionary_property_find(e->dictionary, item, SLICE("quantity"))->number;
    t.price = dictionary_property_find(e->dictionary, item, SLICE("price"))->number;
    identity_counters_read(e->identity, &people);
    for (uint32_t n = 1; n <= people.created; n++) {
        struct customer_id c = {n};
        if (identity_redirect(e->identity, c).number != n)
            continue;
        t.known = t.customer_clean = false;
        identity_identifiers(e->identity, c, 100000, note_person, &t);
        struct history_hold hold = history_enter(e->history);
        history_documents(e->history, c, order->number, &arena, add_document, &t);
        history_leave(e->history, hold);
        arena_reset(&arena);
        t.clean_customers += t.customer_clean;
    }
    arena_release(&arena);
    return t;
}

static void check_published(struct engine *e) {
    struct identity_counters people;
    identity_counters_read(e->identity, &people);
    struct totals t = add_up(e);
    assert_int_equal(people.customers, 4372);
    assert_int_equal(t.invoices, 25900);
    assert_int_equal(t.lines, 541909);
    assert_int_equal(t.clean_lines, 397884);
    assert_int_equal(t.clean_invoices, 18532);
    assert_int_equal(t.clean_customers, 4338);
    assert_int_equal((t.clean_micros + 5000) / 10000, 891140790); /* 8,911,407.90 to the penny */
    assert_int_equal(quarantine_waiting(e->govern), 0);
}

/* The same by an analysis, as a user asks for it. */
static void check_analysis(struct server *server) {
    struct client *client = NULL;
    struct fault fault = {0};
    struct buffer answer = {0};
    char key[48];
    if (server_admin_key(server, key, &fault) || client_create(serve_address(server->serve), key, &client, &fault) ||
        load_request(
            client, "POST", "/v1/insight/concentration?format=csv&table=summary",
            SLICE("{\"orders\": \"order.items where quantity > 0 and price > 0\", \"value\": \"quantity * price\"}"),
            &answer, &fault))
        fail_msg("%s", fault.text);
    buffer_add_char(&answer, 0);
    if (!strstr(answer.data, "\n4338,18532,8911407.90"))
        fail_msg("4,338 customers, 18,532 invoices, 8,911,407.90 expected: %s", answer.data);
    buffer_release(&answer);
    client_free(client);
}

static void import_once(struct server *server, struct load_counts *counts) {
    struct client *client = NULL;
    struct fault fault = {0};
    char key[48];
    if (server_admin_key(server, key, &fault) || client_create(serve_address(server->serve), key, &client, &fault) ||
        load_import(client, data_path, MAPPING, false, NULL, NULL, counts, &fault))
        fail_msg("%s", fault.text);
    client_free(client);
    assert_true(engine_settle(server->engine, 120000));
}

static void the_published_figures_come_out(void **state) {
    struct server *server = NULL;
    struct load_counts counts;
    struct fault fault = {0};
    struct serve_options door = {.port = 0};
    (void)state;
    if (!find_data()) {
        print_message("skipped: %s is not there (set ONEFOLD_TEST_DATA)\n", data_path);
        skip();
    }
    if (server_start(os_real(), own_folder("retail"), NULL, &door, &server, &fault))
        fail_msg("%s", fault.text);
    import_once(server, &counts);
    print_message("online retail: %llu rows in %.2f s, %.0f rows/s, %llu exact repeats kept as declared\n",
                  (unsigned long long)counts.rows, counts.seconds, (double)counts.rows / counts.seconds,
                  (unsigned long long)counts.repeats);
    assert_int_equal(counts.rows, 541909);
    assert_int_equal(counts.repeats, 5268);
    assert_int_equal(counts.rejected, 0);
    check_published(server->engine);
    check_analysis(server);
    import_once(server, &counts); /* the same file again adds nothing */
    check_published(server->engine);
    server_stop(server);
    if (server_start(os_real(), own_folder("retail"), NULL, &door, &server,
                     &fault)) /* nor does a restart take anything away */
        fail_msg("%s", fault.text);
    if (engine_compact(server->engine, &fault))
        fail_msg("%s", fault.text);
    check_published(server->engine);
    server_stop(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_published_figures_come_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

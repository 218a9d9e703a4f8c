/* range_test: every column of every kind of range against what rows, attributes and documents say one by one, over random histories: before,
 * between and after compactions, with late, replaced, merged and moved rows. */
#include "history/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "history/range_bed.h"
#include "history/range_inside.h"
#include "history/table.h"
#include "os/image.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)

/* --- what is expected, as text --- */

struct expected {
    struct world *w;
    struct buffer rows[5];
    struct buffer attributes[ATTRIBUTES];
};

static void print_number(struct buffer *out, double value) { buffer_print(out, "%.17g", value); }

static bool kind_fits(int type, uint8_t kind) {
    static const uint8_t of[] = {VALUE_TEXT, VALUE_NUMBER, VALUE_NUMBER, VALUE_BOOL, VALUE_TIME,
                                 VALUE_DATE, VALUE_LIST,   VALUE_LIST,   VALUE_ITEMS};
    return type < 0 || of[type] == kind || (of[type] == VALUE_NUMBER && kind == VALUE_REAL);
}

static void print_value(struct world *w, struct buffer *out, const struct record_head *r, const struct record_value *v,
                        int type);

static void print_items(struct world *w, struct buffer *out, const struct record_head *r,
                        const struct record_value *v) {
    buffer_add_char(out, '[');
    for (uint32_t i = 0; i < v->count; i++) {
        const struct record_item *item = &record_items(r, v)[i];
        buffer_add_char(out, '(');
        for (uint16_t p = I_SKU; p <= I_REAL; p++) {
            const struct record_value *found = NULL;
            for (uint32_t k = 0; k < item->value_count; k++)
                if (record_item_values(r, item)[k].property == p)
                    found = &record_item_values(r, item)[k];
            print_value(w, out, r, found, dictionary_property_at(w->item, p)->type);
        }
        buffer_add_char(out, ')');
    }
    buffer_add_char(out, ']');
}

static void print_value(struct world *w, struct buffer *out, const struct record_head *r, const struct record_value *v,
                        int type) {
    struct decimal number;
    if (!v || v->kind == VALUE_MISSING) {
        buffer_print(out, "-");
    } else if (type == PROPERTY_TEXT && v->kind < VALUE_TEXT) {
        table_value_text(v->kind, v->scale, v->integer, out);
    } else if (type == PROPERTY_NUMBER && v->kind == VALUE_TEXT) {
        if (decimal_parse(record_text(r, v), &number))
            buffer_print(out, "-");
        else
            print_number(out, decimal_real(number.value, number.scale));
    } else if (!kind_fits(type, v->kind)) {
        buffer_print(out, "-");
    } else if (v->kind == VALUE_TEXT) {
        buffer_add_slice(out, record_text(r, v));
    } else if (v->kind == VALUE_LIST) {
        buffer_add_char(out, '[');
        for (uint32_t i = 0; i < v->count; i++)
            print_value(w, out, r, &record_list(r, v)[i], type == PROPERTY_TEXT_LIST ? PROPERTY_TEXT : PROPERTY_NUMBER);
        buffer_add_char(out, ']');
    } else if (v->kind == VALUE_ITEMS) {
        print_items(w, out, r, v);
    } else {
        print_number(out, record_number(v));
    }
    buffer_add_char(out, '|');
}

static void print_property(struct world *w, struct buffer *out, const struct type *t, const struct record_head *r,
                           uint16_t p) {
    print_value(w, out, r, record_find(r, p), dictionary_property_at(t, p)->type);
}

static void expect_event(struct world *w, struct buffer *out, const struct record_head *r) {
    buffer_print(out, "@%lld ", (long long)r->time_ms);
    for (uint16_t p = V_PRICE; p <= V_WIDENED; p++)
        print_property(w, out, w->view, r, p);
    buffer_print(out, "%lld|%u|\n", (long long)r->received_ms, r->source);
}

struct folded {
    int64_t time_ms;
    uint64_t position;
    struct buffer text;
};

struct folded_list {
    struct world *w;
    const struct history_rows *rows;
    struct folded all[64];
    unsigned count;
};

/* Position of the document's first update. */
static uint64_t first_position(const struct folded_list *l, const struct record_head *d) {
    struct record_builder b = {0};
    uint64_t position = 0;
    for (size_t i = l->rows->count; i-- > 0 && !position;) {
        const struct record_head *r = history_row(l->w->history, l->rows, i, &b);
        if (r->type == d->type && r->document == d->document)
            position = r->position;
    }
    record_builder_release(&b);
    return position;
}

static void take_document(void *context, const struct record_head *d, int64_t updated_ms, uint32_t updates) {
    struct folded_list *l = context;
    (void)updates;
    assert_true(l->count < 64);
    struct folded *f = &l->all[l->count++];
    *f = (struct folded){.time_ms = d->time_ms, .position = first_position(l, d)};
    buffer_print(&f->text, "@%lld ", (long long)d->time_ms);
    for (uint16_t p = O_TOTAL; p <= O_NOTES; p++)
        print_property(l->w, &f->text, l->w->order, d, p);
    buffer_print(&f->text, "%lld|%llu|%lld|%u|\n", (long long)updated_ms, (unsigned long long)f->position,
                 (long long)d->time_ms, d->source);
}

static int by_first(const void *a, const void *b) {
    const struct folded *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static void expect_folded(struct folded_list *l, struct buffer *out) {
    qsort(l->all, l->count, sizeof *l->all, by_first);
    for (unsigned i = 0; i < l->count; i++) {
        buffer_add_slice(out, buffer_slice(&l->all[i].text));
        buffer_release(&l->all[i].text);
    }
}

/* Relations by hand: the newest mention of each property wins, ended ones are out. */
static void expect_relations(struct world *w, const struct history_rows *rows, struct buffer *out) {
    struct folded_list l = {w, rows, {{0}}, 0};
    for (uint32_t document = 1; document <= 4; document++) {
        struct record_builder b = {0};
        int64_t values[4] = {0}, updated = INT64_MIN;
        bool have[4] = {false}, any = false;
        struct folded f = {0};
        for (size_t i = 0; i < rows->count; i++) {
            const struct record_head *r = history_row(w->history, rows, i, &b);
            if (r->type != w->knows->number || r->document != document)
                continue;
            updated = any ? updated : r->time_ms;
            any = true;
            f.time_ms = r->time_ms;
            f.position = r->position;
            for (uint16_t p = 1; p <= 3; p++) {
                const struct record_value *v = record_find(r, p);
                if (v && !have[p]) {
                    have[p] = true;
                    values[p] = v->integer;
                }
            }
        }
        record_builder_release(&b);
        if (!any || values[RELATION_ENDED])
            continue;
        buffer_print(&f.text, "@%lld %lld|%lld|", (long long)f.time_ms, (long long)values[1], (long long)values[1]);
        if (have[3])
            buffer_print(&f.text, "%lld|", (long long)values[3]);
        else
            buffer_print(&f.text, "-|");
        buffer_print(&f.text, "%lld|\n", (long long)updated);
        l.all[l.count++] = f;
    }
    expect_folded(&l, out);
}

static void take_attribute(void *context, const struct attribute_now *a) {
    struct expected *e = context;
    for (unsigned i = 0; i < ATTRIBUTES; i++)
        if (e->w->attributes[i].property == a->property) {
            buffer_clear(&e->attributes[i]);
            print_value(e->w, &e->attributes[i], a->record, a->value, world_attribute_types[i]);
        }
}

static int oldest_first(const void *a, const void *b) {
    const struct record_head *x = *(const struct record_head *const *)a, *y = *(const struct record_head *const *)b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (x->type > y->type) - (x->type < y->type);
}

static void expect(struct world *w, uint32_t customer, struct expected *e) {
    struct arena arena = {0};
    struct history_rows rows;
    struct record_builder b = {0};
    e->w = w;
    for (unsigned i = 0; i < 5; i++)
        buffer_clear(&e->rows[i]);
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        buffer_clear(&e->attributes[i]);
        buffer_print(&e->attributes[i], "-|");
    }
    history_rows(w->history, (struct customer_id){world_number(customer)}, -1, &arena, &rows);
    const struct record_head **all = arena_get(&arena, (rows.count + 1) * sizeof *all);
    for (size_t i = 0; i < rows.count; i++) {
        const struct record_head *r = history_row(w->history, &rows, i, &b);
        all[i] = memcpy(arena_get(&arena, r->bytes), r, r->bytes);
    }
    if (rows.count)
        qsort(all, rows.count, sizeof *all, oldest_first);
    for (size_t i = 0; i < rows.count; i++) {
        const struct record_head *r = all[i];
        if (r->type == w->view->number)
            expect_event(w, &e->rows[0], r);
        if (r->type == w->other->number)
            buffer_print(&e->rows[4], "@%lld %llu|\n", (long long)r->time_ms, (unsigned long long)r->position);
        if (r->kind == TYPE_EVENT)
            buffer_print(&e->rows[3], "@%lld %u|%llu|%lld|%u|\n", (long long)r->time_ms, r->type,
                         (unsigned long long)r->position, (long long)r->received_ms, r->source);
    }
    struct folded_list orders = {w, &rows, {{0}}, 0};
    history_documents_in(w->history, &rows, w->order->number, &arena, take_document, &orders);
    expect_folded(&orders, &e->rows[1]);
    expect_relations(w, &rows, &e->rows[2]);
    history_attributes_in(w->history, &rows, &arena, take_attribute, e);
    record_builder_release(&b);
    arena_release(&arena);
}

static void expected_release(struct expected *e) {
    for (unsigned i = 0; i < 5; i++)
        buffer_release(&e->rows[i]);
    for (unsigned i = 0; i < ATTRIBUTES; i++)
        buffer_release(&e->attributes[i]);
}

/* --- what a range says, as text --- */

static void print_cell(struct buffer *out, struct range *range, const struct range_column *c, uint32_t row) {
    const uint32_t *starts = c->form == COLUMN_CHILDREN ? range_child_starts(range, c) : NULL;
    struct buffer scratch = {0};
    if (c->form == COLUMN_NOTHING || (c->absent && (c->absent[row / 8] >> (row % 8) & 1))) {
        buffer_print(out, "-|");
        return;
    }
    switch (c->form) {
    case COLUMN_WHOLE:
    case COLUMN_LOOKED_UP:
        print_number(out, c->kind == VALUE_NUMBER ? decimal_real(range_integer(c, row), c->scale)
                                                  : (double)range_integer(c, row));
        break;
    case COLUMN_DOUBLES:
        print_number(out, ((const double *)c->data)[row]);
        break;
    case COLUMN_CODED:
    case COLUMN_TEXTS:
        buffer_add_slice(out, range_text(c, row, &scratch));
        break;
    default:
        buffer_add_char(out, '[');
        for (uint32_t i = starts[row]; i < starts[row + 1]; i++) {
            assert_true(!c->child_begins || (c->child_begins[i / 64] >> (i % 64) & 1) == (i == starts[row]));
            assert_true(i >= c->child->first && i < c->child->end);
            if (c->kind == VALUE_LIST) {
                print_cell(out, range, &c->child->columns[0], i);
                continue;
            }
            buffer_add_char(out, '(');
            for (unsigned k = 0; k < 3; k++)
                print_cell(out, range, &c->child->columns[k], i);
            buffer_add_char(out, ')');
        }
        buffer_add_char(out, ']');
    }
    buffer_add_char(out, '|');
    buffer_release(&scratch);
}

static void check_customer(struct world *w, const struct expected *e, uint32_t i, const char *what) {
    struct buffer got = {0};
    for (uint32_t k = 0; k < w->want.rows_count; k++) {
        const struct range_rows *rows = range_rows(w->range, k);
        buffer_clear(&got);
        for (uint32_t row = rows->starts[i]; row < rows->starts[i + 1]; row++) {
            assert_true(row >= rows->first && row < rows->end);
            buffer_print(&got, "@%lld ", (long long)range_row_time(rows, row));
            for (uint32_t c = 0; c < w->want.rows[k].column_count; c++)
                print_cell(&got, w->range, &rows->columns[c], row);
            buffer_add_char(&got, '\n');
        }
        if (!slice_equal(buffer_slice(&got), buffer_slice(&e->rows[k])))
            fail_msg("seed %llu, %s, rows %u of customer %u: got\n%.*s, want\n%.*s", (unsigned long long)w->seed, what,
                     k, i, SLICE_ARG(buffer_slice(&got)), SLICE_ARG(buffer_slice(&e->rows[k])));
    }
    for (uint32_t k = 0; k < w->want.attribute_count; k++) {
        buffer_clear(&got);
        print_cell(&got, w->range, range_attribute(w->range, k), i);
        if (!slice_equal(buffer_slice(&got), buffer_slice(&e->attributes[k])))
            fail_msg("seed %llu, %s, attribute %u of customer %u: got %.*s, want %.*s", (unsigned long long)w->seed,
                     what, k, i, SLICE_ARG(buffer_slice(&got)), SLICE_ARG(buffer_slice(&e->attributes[k])));
    }
    buffer_release(&got);
}

static void compare_span(struct world *w, uint32_t span, struct expected *all) {
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    uint16_t owners[CUSTOMERS];
    uint32_t who[CUSTOMERS], count = 0;
    if (!range_span(w->range, &w->want, span, dirty, population))
        return;
    for (uint32_t c = 1; c <= CUSTOMERS; c++) {
        uint32_t owner = world_number(c) % SPAN_CUSTOMERS;
        if (world_number(c) / SPAN_CUSTOMERS != span || w->gone[c])
            continue;
        if (dirty[owner / 64] >> (owner % 64) & 1) {
            owners[count] = (uint16_t)owner;
            who[count++] = c;
        } else {
            check_customer(w, &all[c], owner, "span");
        }
    }
    range_owners(w->range, &w->want, span, owners, count);
    assert_int_equal(range_count(w->range), count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(range_customer_at(w->range, i).number, world_number(who[i]));
        check_customer(w, &all[who[i]], i, "owners");
    }
}

static void compare_all(struct world *w) {
    struct expected *all = memory_get(CUSTOMERS + 1, sizeof *all);
    struct history_hold hold = history_enter(w->history);
    for (uint32_t c = 1; c <= CUSTOMERS; c++) {
        expect(w, c, &all[c]);
        range_customer(w->range, &w->want, (struct customer_id){world_number(c)}, UINT64_MAX);
        check_customer(w, &all[c], 0, "customer");
    }
    compare_span(w, 0, all);
    compare_span(w, 1, all);
    history_leave(w->history, hold);
    for (uint32_t c = 1; c <= CUSTOMERS; c++)
        expected_release(&all[c]);
    free(all);
}

static void run(uint64_t seed) {
    struct world w;
    world_open(&w, seed);
    for (unsigned step = 0; step < 240; step++) {
        uint32_t customer = (uint32_t)random_between(&w.random, 1, CUSTOMERS);
        for (uint64_t n = random_below(&w.random, 8); n > 0 && !w.gone[customer]; n--)
            world_add_row(&w, customer);
        uint64_t what = random_below(&w.random, 100);
        if (what < 3)
            world_merge_some(&w);
        else if (what >= 90)
            world_split_some(&w);
        else if (what < 6)
            world_compact(&w);
        else if (what < 12)
            compare_all(&w);
        if (step == 120 && seed % 2) { /* number to text: the one change of type that values allow */
            struct property *p;
            MUST(dictionary_property(w.dictionary, w.view, SLICE("widened"), PROPERTY_TEXT, &p, NULL));
            p->type = PROPERTY_TEXT;
            w.widened = V_WIDENED;
        }
    }
    compare_all(&w);
    world_compact(&w);
    compare_all(&w);
    world_close(&w);
}

static void ranges_say_what_rows_say(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        print_message("range: seed %llu\n", (unsigned long long)seed);
        range_splice_rows = seed % 3 ? 1 : 256;
        run(seed);
    }
    range_splice_rows = 256;
}

/* --- what random rows do not show --- */

/* A person with this user id; its customer number. */
static uint32_t person(struct world *w, const char *user, const char *phone) {
    struct governed g = {.source = 1};
    struct resolution out;
    g.claims[g.claim_count++] =
        (struct claim){dictionary_namespace_find(w->dictionary, SLICE("user_id"))->number, slice_text(user)};
    if (phone)
        g.claims[g.claim_count++] =
            (struct claim){dictionary_namespace_find(w->dictionary, SLICE("anonymous_id"))->number, slice_text(phone)};
    if (!*user)
        g.claims[0] = g.claims[--g.claim_count];
    MUST(identity_resolve(w->identity, &g, ++w->position, 1, &out));
    for (size_t i = 0; i < out.merge_count; i++)
        history_merge(w->history, out.merges[i].winner, out.merges[i].loser);
    for (size_t i = 0; i < out.move_count; i++)
        history_move(w->history, out.moves[i].from, out.moves[i].to, out.moves[i].arrivals, out.moves[i].arrival_count);
    return out.customer.number;
}

static void relate(struct world *w, uint32_t from, uint32_t to, bool over) {
    struct record_head head = {
        .type = w->knows->number, .kind = TYPE_RELATION, .time_ms = 1000, .position = ++w->position, .document = to};
    record_begin(&w->builder, &head);
    record_set(&w->builder, RELATION_CUSTOMER, VALUE_NUMBER, to, 0);
    if (over)
        record_set(&w->builder, RELATION_ENDED, VALUE_BOOL, 1, 0);
    history_append(w->history, (struct customer_id){from}, record_end(&w->builder));
}

static void targets_follow_merges_and_population_counts(void **state) {
    (void)state;
    struct world w;
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    world_open(&w, 1);
    range_free(w.range);
    w.range = range_create(w.history, w.identity);
    uint32_t a = person(&w, "a", NULL), b = person(&w, "b", NULL), c = person(&w, "", "device"),
             d = person(&w, "d", NULL);
    relate(&w, a, b, false);
    relate(&w, a, c, false);
    relate(&w, a, d, false);
    relate(&w, a, d, true);
    assert_int_equal(person(&w, "b", "device"), b); /* c is b */
    for (int pass = 0; pass < 2; pass++) {
        struct history_hold hold = history_enter(w.history);
        assert_true(range_span(w.range, &w.want, 0, dirty, population));
        assert_int_equal(population[0], 1u << a | 1u << b | 1u << d);
        assert_int_equal(dirty[0], pass ? 0 : 1u << a);
        if (!pass)
            range_customer(w.range, &w.want, (struct customer_id){a}, UINT64_MAX);
        const struct range_rows *rows = range_rows(w.range, 2);
        uint32_t first = rows->starts[pass ? a : 0];
        assert_int_equal(rows->starts[(pass ? a : 0) + 1] - first, 2);
        assert_int_equal(range_integer(&rows->columns[0], first), b);
        assert_int_equal(range_integer(&rows->columns[0], first + 1), b);
        assert_true(range_bytes(w.range) > 0);
        history_leave(w.history, hold);
        world_compact(&w);
    }
    assert_false(range_span(w.range, &w.want, 77, dirty, population));
    range_customer(w.range, &w.want, (struct customer_id){77 * SPAN_CUSTOMERS}, UINT64_MAX);
    assert_int_equal(range_rows(w.range, 0)->starts[1], 0);
    assert_int_equal(range_attribute(w.range, 0)->form, COLUMN_NOTHING);
    world_close(&w);
}

#define RELATED                                                                                                        \
    1500 /* relations: more than are asked about at once. Their owners come behind whom they lead to, who merge */

/* Each relation's target as identity_redirect says, over the span and customer by customer. */
static void check_targets(struct world *w, const uint32_t *written) {
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    struct history_hold hold = history_enter(w->history);
    assert_true(range_span(w->range, &w->want, 0, dirty, population));
    const struct range_rows *rows = range_rows(w->range, 2);
    assert_int_equal(rows->end, RELATED);
    for (uint32_t i = 0; i < RELATED; i++) {
        struct customer_id now = identity_redirect(w->identity, (struct customer_id){written[i]});
        int64_t expected = now.number ? now.number : written[i];
        assert_int_equal(rows->starts[RELATED + i + 1] - rows->starts[RELATED + i], 1);
        if (range_integer(&rows->columns[0], rows->starts[RELATED + i]) != expected)
            fail_msg("seed %llu: target of %u", (unsigned long long)w->seed, RELATED + i);
    }
    for (uint32_t i = 0; i < RELATED; i += 7) {
        struct customer_id now = identity_redirect(w->identity, (struct customer_id){written[i]});
        range_customer(w->range, &w->want, (struct customer_id){RELATED + i}, UINT64_MAX);
        const struct range_rows *one = range_rows(w->range, 2);
        assert_int_equal(one->starts[1] - one->starts[0], 1);
        assert_int_equal(range_integer(&one->columns[0], one->starts[0]), now.number ? now.number : written[i]);
    }
    history_leave(w->history, hold);
}

/* Of many relations some lead to customers merged since, to shared numbers, and to numbers never given. */
static void many_targets(void **state) {
    (void)state;
    struct world w;
    static uint32_t written[RELATED];
    char user[16], device[16];
    world_open(&w, 5);
    range_free(w.range);
    w.range = range_create(w.history, w.identity);
    for (uint32_t i = 1; i <= RELATED; i++) {
        snprintf(user, sizeof user, "u%u", i);
        snprintf(device, sizeof device, "d%u", i);
        person(&w, i % 2 ? user : "", i % 2 ? NULL : device);
    }
    for (uint32_t i = 0; i < RELATED; i++) {
        written[i] = (uint32_t)random_between(&w.random, 1, i < 1000 ? RELATED : RELATED + 5000);
        relate(&w, RELATED + i, written[i], false);
    }
    world_compact(&w);
    check_targets(&w, written);
    for (uint32_t pass = 0; pass < 3; pass++) { /* one alone, then a few, then many */
        for (uint32_t k = 0; k < (pass ? pass * pass * 20 : 1); k++) {
            snprintf(user, sizeof user, "u%u", 1 + 2 * (unsigned)random_below(&w.random, RELATED / 2));
            snprintf(device, sizeof device, "d%u", 2 + 2 * (unsigned)random_below(&w.random, RELATED / 2));
            person(&w, user, device);
        }
        check_targets(&w, written);
    }
    world_close(&w);
}

/* Rows as they stood when a position was next: those from it on are not there, in whatever order they came. */
static void rows_before_a_position(void **state) {
    (void)state;
    struct world w;
    world_open(&w, 2);
    for (unsigned i = 1; i <= 6; i++) {
        struct record_head head = {.type = i == 6 ? 0 : w.view->number,
                                   .kind = i == 6 ? TYPE_ATTRIBUTES : TYPE_EVENT,
                                   .time_ms = 10 - i,
                                   .position = i};
        record_begin(&w.builder, &head);
        if (i == 6)
            record_set_text(&w.builder, w.attributes[0].property, SLICE("x"));
        history_append(w.history, (struct customer_id){5}, record_end(&w.builder));
        if (i == 2)
            world_compact(&w);
    }
    struct history_hold hold = history_enter(w.history);
    for (uint64_t before = 1; before <= 14; before++) {
        range_splice_rows = before > 7 ? 1 : 256;
        range_customer(w.range, &w.want, (struct customer_id){5}, before > 7 ? before - 7 : before);
        uint64_t at = before > 7 ? before - 7 : before;
        assert_int_equal(range_rows(w.range, 0)->end, at <= 6 ? at - 1 : 5);
        assert_int_equal(range_rows(w.range, 3)->end, at <= 6 ? at - 1 : 5);
        assert_int_equal(range_attribute(w.range, 0)->form, at <= 6 ? COLUMN_NOTHING : COLUMN_TEXTS);
    }
    range_splice_rows = 256;
    history_leave(w.history, hold);
    world_close(&w);
}

/* Attributes that nobody asks for, and types, leave a customer clean. */
static void only_what_is_wanted_makes_dirty(void **state) {
    (void)state;
    struct world w;
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    world_open(&w, 3);
    static const struct {
        unsigned attribute;
        bool event, dirty;
    } cases[] = {{0, false, true}, {1, false, false}, {2, true, true}, {3, false, false}};
    struct range_want want = {w.attributes, 1, w.rows, 1};
    for (unsigned i = 0; i < 4; i++) {
        struct record_head head = {.type = cases[i].event ? w.view->number : 0,
                                   .kind = cases[i].event ? TYPE_EVENT : TYPE_ATTRIBUTES,
                                   .position = i + 1u};
        record_begin(&w.builder, &head);
        if (!cases[i].event)
            record_set(&w.builder, w.attributes[cases[i].attribute].property, VALUE_MISSING, 0, 0);
        history_append(w.history, (struct customer_id){100 * i + 100}, record_end(&w.builder));
    }
    struct history_hold hold = history_enter(w.history);
    assert_true(range_span(w.range, &want, 0, dirty, population));
    for (unsigned i = 0; i < 4; i++) {
        uint32_t owner = 100 * i + 100;
        assert_int_equal(dirty[owner / 64] >> (owner % 64) & 1, cases[i].dirty);
    }
    history_leave(w.history, hold);
    world_close(&w);
}

/* Copies a span file without its current tables: as files were before there were such. */
static void strip(struct world *w, const char *path) {
    struct image *image;
    struct image_writer *writer;
    struct slice section;
    struct fault fault = {0};
    char copy[128], name[16];
    snprintf(copy, sizeof copy, "%s.copy", path);
    MUST(image_open(os_real(), path, &image, &fault));
    MUST(image_create(os_real(), copy, &writer, &fault));
    for (uint32_t i = 0; i < dictionary_type_count(w->dictionary); i++) {
        snprintf(name, sizeof name, "t%u", i);
        if (image_find(image, name, true, &section, &fault) == STATUS_OK)
            MUST(image_add(writer, name, section.data, section.size, &fault));
    }
    MUST(image_find(image, "tables", true, &section, &fault));
    MUST(image_add(writer, "tables", section.data, section.size, &fault));
    MUST(image_finish(writer, NULL, &fault));
    image_close(image);
    assert_int_equal(rename(copy, path), 0);
}

static void find_span_file(void *context, const char *name) {
    if (strncmp(name, "span-0-", 7) == 0)
        snprintf(context, 128, FOLDER "/%s", name);
}

static void files_of_before_still_open(void **state) {
    (void)state;
    struct world w;
    struct fault fault = {0};
    char path[128] = "";
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    world_open(&w, 4);
    for (unsigned i = 0; i < 300; i++)
        world_add_row(&w, (uint32_t)random_between(&w.random, 1, 25));
    world_compact(&w);
    struct history_image *image = history_freeze(w.history);
    MUST(history_write(image, FOLDER "/saved", &fault));
    history_image_free(image, true);
    history_free(w.history);
    MUST(os_list(os_real(), FOLDER, find_span_file, path, &fault));
    strip(&w, path);
    MUST(history_create(os_real(), FOLDER, w.dictionary, NULL, &w.history, &fault));
    MUST(history_load(w.history, FOLDER "/saved", &fault));
    range_free(w.range);
    w.range = range_create(w.history, NULL);
    compare_all(&w);
    struct history_hold hold = history_enter(w.history);
    assert_true(range_span(w.range, &w.want, 0, dirty, population));
    assert_true(dirty[0] == UINT64_MAX && dirty[SPAN_CUSTOMERS / 64 - 1] == UINT64_MAX);
    history_leave(w.history, hold);
    world_close(&w);
}

/* Tables of many rows have starts of their own. */
static void large_tables_say_what_rows_say(void **state) {
    (void)state;
    struct world w;
    world_open(&w, 5);
    for (unsigned i = 0; i < 30000; i++)
        world_add_row(&w, (uint32_t)random_between(&w.random, 1, 25));
    world_compact(&w);
    compare_all(&w);
    for (unsigned i = 0; i < 20; i++)
        world_add_row(&w, (uint32_t)random_between(&w.random, 1, 25));
    compare_all(&w);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_follow_merges_and_population_counts),
        cmocka_unit_test(many_targets),
        cmocka_unit_test(rows_before_a_position),
        cmocka_unit_test(only_what_is_wanted_makes_dirty),
        cmocka_unit_test(files_of_before_still_open),
        cmocka_unit_test(large_tables_say_what_rows_say),
        cmocka_unit_test(ranges_say_what_rows_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

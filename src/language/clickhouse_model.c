/* clickhouse_model: see the header. */
#include "language/clickhouse_model.h"

#include <assert.h>

/* --- texts and types --- */

static void put(struct buffer *out, const char *text) { buffer_add(out, text, strlen(text)); }

static void put_text(struct buffer *out, struct slice text) {
    buffer_add_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'' || text.data[i] == '\\')
            buffer_add_char(out, '\\');
        buffer_add_char(out, text.data[i]);
    }
    buffer_add_char(out, '\'');
}

static const char *column_type(uint8_t property_type) {
    switch (property_type) {
    case PROPERTY_TEXT:
        return "String";
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        return "Decimal(38, 6)";
    case PROPERTY_BOOL:
        return "UInt8";
    case PROPERTY_TIME:
        return "Int64";
    case PROPERTY_DATE:
        return "Int32";
    default:
        return NULL; /* not exported */
    }
}

/* --- export --- */

#define TABLES_MAX 32

/* Rows of one table, one INSERT. */
struct insert {
    uint32_t type, property; /* property 0: the rows of the type; type 0: customers */
    struct buffer rows;
};

struct export {
    const struct dictionary *dictionary;
    struct buffer *out;
    struct insert inserts[TABLES_MAX];
    unsigned insert_count;
    const struct type *type;
    uint32_t owner, n;
    const struct record_value **attributes;
    const struct record_head **records;
};

static void make_columns(const struct type *type, const char *prefix, struct buffer *out) {
    for (uint16_t i = 1; i <= type->property_count; i++) {
        const char *name = column_type(dictionary_property_at(type, i)->type);
        if (name)
            buffer_print(out, ", %s%u Nullable(%s)", prefix, i, name);
    }
    put(out, ") ENGINE = Memory\n");
}

static void make_tables(struct export *e, const struct type *type) {
    buffer_print(
        e->out,
        "CREATE OR REPLACE TABLE t%u (owner UInt32, n UInt32, time Int64, received Int64, updated Int64, source Int32",
        type->number);
    make_columns(type, "p", e->out);
    for (uint16_t i = 1; i <= type->property_count; i++) {
        const struct property *p = dictionary_property_at(type, i);
        if (p->type != PROPERTY_ITEMS)
            continue;
        buffer_print(e->out, "CREATE OR REPLACE TABLE t%u_%u (owner UInt32, n UInt32", type->number, i);
        make_columns(dictionary_type_at(e->dictionary, p->item_type), "p", e->out);
    }
}

static void put_value(struct buffer *out, const struct record_head *r, const struct record_value *v) {
    struct json_writer w = {.out = out};
    if (!v || v->kind == VALUE_MISSING)
        put(out, "NULL");
    else if (v->kind == VALUE_NUMBER)
        json_decimal(&w, v->integer, v->scale);
    else if (v->kind == VALUE_REAL)
        json_real(&w, v->real);
    else if (v->kind == VALUE_TEXT)
        put_text(out, record_text(r, v));
    else
        buffer_print(out, "%lld", (long long)v->integer);
}

/* Begins a row of that table. */
static struct buffer *begin_row(struct export *e, uint32_t type, uint32_t property) {
    struct insert *in = e->inserts;
    while (in < e->inserts + e->insert_count && (in->type != type || in->property != property))
        in++;
    assert(in < e->inserts + TABLES_MAX);
    if (in == e->inserts + e->insert_count) {
        e->insert_count++;
        *in = (struct insert){.type = type, .property = property};
        buffer_print(&in->rows, type == 0 ? "INSERT INTO customers VALUES " : "INSERT INTO t%u", type);
        if (type)
            buffer_print(&in->rows, property ? "_%u VALUES " : " VALUES ", property);
    } else
        put(&in->rows, ", ");
    return &in->rows;
}

/* Values of a row or item, in order of the columns. */
static void put_values(struct buffer *out, const struct type *type, const struct record_head *r,
                       const struct record_value *values, uint32_t count) {
    for (uint16_t i = 1; i <= type->property_count; i++) {
        const struct record_value *found = NULL;
        if (!column_type(dictionary_property_at(type, i)->type))
            continue;
        for (uint32_t k = 0; k < count; k++)
            if (values[k].property == i)
                found = &values[k];
        put(out, ", ");
        put_value(out, r, found);
    }
    put(out, ")");
}

static void export_row(struct export *e, const struct record_head *r, int64_t updated_ms) {
    struct buffer *out = begin_row(e, r->type, 0);
    buffer_print(out, "(%u, %u, %lld, %lld, %lld, %u", e->owner, ++e->n, (long long)r->time_ms,
                 (long long)r->received_ms, (long long)updated_ms, r->source);
    put_values(out, e->type, r, record_values(r), r->value_count);
    for (unsigned k = 0; k < r->value_count; k++) {
        const struct record_value *v = &record_values(r)[k];
        for (uint32_t i = 0; v->kind == VALUE_ITEMS && i < v->count; i++) {
            const struct record_item *item = &record_items(r, v)[i];
            const struct property *p = dictionary_property_at(e->type, v->property);
            out = begin_row(e, r->type, p->number);
            buffer_print(out, "(%u, %u", e->owner, e->n);
            put_values(out, dictionary_type_at(e->dictionary, p->item_type), r, record_item_values(r, item),
                       item->value_count);
        }
    }
}

static void take_document(void *context, const struct record_head *document, int64_t updated_ms, uint32_t updates) {
    (void)updates;
    export_row(context, document, updated_ms);
}

static void take_attribute(void *context, const struct attribute_now *a) {
    struct export *e = context;
    e->attributes[a->property] = a->value; /* the record lies in the arena */
    e->records[a->property] = a->record;
}

static void export_customer(struct export *e, struct history *history, uint32_t customer, struct arena *arena) {
    const struct type *type = dictionary_type_at(e->dictionary, DICTIONARY_CUSTOMER);
    size_t count = type->property_count + 1u;
    e->attributes = arena_get(arena, count * sizeof *e->attributes);
    e->records = arena_get(arena, count * sizeof *e->records);
    memset(e->attributes, 0, count * sizeof *e->attributes);
    history_attributes(history, (struct customer_id){customer}, arena, take_attribute, e);
    struct buffer *out = begin_row(e, 0, 0);
    buffer_print(out, "(%u", customer);
    for (uint16_t i = 1; i <= type->property_count; i++)
        if (column_type(dictionary_property_at(type, i)->type)) {
            put(out, ", ");
            put_value(out, e->records[i], e->attributes[i]);
        }
    put(out, ")");
}

static void export_rows(struct export *e, struct history *history, uint32_t customer, const struct type *type,
                        struct arena *arena) {
    struct history_rows rows;
    struct record_builder builder = {0};
    e->type = type;
    e->owner = customer;
    if (type->kind == TYPE_DOCUMENT) {
        history_documents(history, (struct customer_id){customer}, type->number, arena, take_document, e);
        return;
    }
    history_rows(history, (struct customer_id){customer}, type->number, arena, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        const struct record_head *r = history_row(history, &rows, i, &builder);
        export_row(e, r, r->time_ms);
    }
    record_builder_release(&builder);
}

void clickhouse_export(const struct vocabulary *vocabulary, struct history *history, const struct type *const *types,
                       size_t type_count, uint32_t first, uint32_t count, const uint64_t *population,
                       struct buffer *out) {
    struct export e = {.dictionary = vocabulary->dictionary, .out = out};
    struct arena arena = {0};
    put(out, "CREATE OR REPLACE TABLE customers (id UInt32");
    make_columns(dictionary_type_at(e.dictionary, DICTIONARY_CUSTOMER), "a", out);
    for (size_t i = 0; i < type_count; i++)
        if (types[i]->kind != TYPE_RELATION)
            make_tables(&e, types[i]);
    for (uint32_t c = first; c < first + count; c++) {
        if (!(population[c / 64] >> (c % 64) & 1))
            continue;
        export_customer(&e, history, c, &arena);
        for (size_t i = 0; i < type_count; i++)
            if (types[i]->kind != TYPE_RELATION)
                export_rows(&e, history, c, types[i], &arena);
    }
    for (unsigned i = 0; i < e.insert_count; i++) {
        put(&e.inserts[i].rows, "\n");
        buffer_add_slice(out, buffer_slice(&e.inserts[i].rows));
        buffer_release(&e.inserts[i].rows);
    }
    arena_release(&arena);
}

/* --- queries --- */

struct query {
    const struct vocabulary *vocabulary;
    struct buffer joins; /* sub-queries of aggregates */
    unsigned aggregates;
    int64_t now_ms;
    bool failed;
};

static void expression(struct query *q, const struct node *n, struct buffer *out);

static void sub(struct query *q, const char *before, const struct node *n, const char *after, struct buffer *out) {
    put(out, before);
    expression(q, n, out);
    put(out, after);
}

/* A condition: true or false, never missing. */
static void condition(struct query *q, const struct node *n, struct buffer *out) {
    sub(q, "ifNull((", n, "), 0)", out);
}

static const char *zone(const struct query *q) { return zone_name(q->vocabulary->zone); }

static void put_now(const struct query *q, struct buffer *out) {
    buffer_print(out, "fromUnixTimestamp64Milli(toInt64(%lld), '%s')", (long long)q->now_ms, zone(q));
}

/* As days in the zone. */
static void as_date(struct query *q, const struct node *n, struct buffer *out) {
    if (n->type == TERM_DATE) {
        sub(q, "(", n, ")", out);
        return;
    }
    sub(q, "toInt32(toDate32(fromUnixTimestamp64Milli(", n, ", '", out);
    buffer_print(out, "%s')))", zone(q));
}

/* As ms. */
static void as_moment(struct query *q, const struct node *n, struct buffer *out) {
    if (n->type == TERM_TIME) {
        sub(q, "(", n, ")", out);
        return;
    }
    sub(q, "toUnixTimestamp64Milli(toDateTime64(addDays(toDate32('1970-01-01'), ", n, "), 3, '", out);
    buffer_print(out, "%s'))", zone(q));
}

static bool mixed(const struct node *a, const struct node *b) {
    return (a->type == TERM_TIME && b->type == TERM_DATE) || (a->type == TERM_DATE && b->type == TERM_TIME);
}

static void compare(struct query *q, const struct node *a, const char *word, const struct node *b, struct buffer *out) {
    put(out, "ifNull(");
    if (mixed(a, b))
        as_date(q, a, out);
    else
        sub(q, "(", a, ")", out);
    put(out, word);
    if (mixed(a, b))
        as_date(q, b, out);
    else
        sub(q, "(", b, ")", out);
    put(out, ", 0)");
}

static void function_of_two(struct query *q, const char *name, const struct node *n, struct buffer *out) {
    buffer_print(out, "ifNull(%s(", name);
    expression(q, n->first, out);
    sub(q, ", ", n->first->next, "), 0)", out);
}

/* A glob as a LIKE pattern. */
static void matches(struct query *q, const struct node *n, struct buffer *out) {
    struct slice glob = n->first->next->text;
    struct buffer like = {0};
    for (size_t i = 0; i < glob.size; i++) {
        char c = glob.data[i];
        bool literal = c == '\\' && i + 1 < glob.size;
        c = literal ? glob.data[++i] : c;
        if (!literal && (c == '*' || c == '?')) {
            buffer_add_char(&like, c == '*' ? '%' : '_');
            continue;
        }
        if (c == '%' || c == '_' || c == '\\')
            buffer_add_char(&like, '\\');
        buffer_add_char(&like, c);
    }
    sub(q, "ifNull((", n->first, ") LIKE ", out);
    put_text(out, buffer_slice(&like));
    put(out, ", 0)");
    buffer_release(&like);
}

static void junction(struct query *q, const struct node *n, const char *word, struct buffer *out) {
    put(out, "(");
    for (const struct node *c = n->first; c; c = c->next) {
        condition(q, c, out);
        put(out, c->next ? word : ")");
    }
}

static void is_in(struct query *q, const struct node *n, struct buffer *out) {
    put(out, "(0");
    for (const struct node *c = n->first->next; c; c = c->next) {
        put(out, " OR ");
        compare(q, n->first, " = ", c, out);
    }
    put(out, ")");
}

static void since(struct query *q, const struct node *n, struct buffer *out) {
    static const int64_t lengths[] = {1000, 60000, 3600000, DAY_MS, 7 * DAY_MS};
    bool until = n->op == OP_DAYS_UNTIL, days = until || n->op == OP_DAYS_SINCE || n->op == OP_WEEKS_SINCE;
    put(out, until ? "-toInt64(floor((" : "toInt64(floor((");
    if (days && n->first->type == TERM_DATE) {
        put(out, "toInt32(toDate32(");
        put_now(q, out);
        sub(q, ")) - ", n->first, "", out);
        buffer_print(out, ") / %d))", n->op == OP_WEEKS_SINCE ? 7 : 1);
        return;
    }
    buffer_print(out, "%lld - ", (long long)q->now_ms);
    as_moment(q, n->first, out);
    buffer_print(out, ") / %lld))", (long long)lengths[until ? 3 : n->op - OP_SECONDS_SINCE]);
}

static void call(struct query *q, const struct node *n, struct buffer *out) {
    static const char *const words[OP_COUNT_] = {[OP_EQUAL] = " = ",
                                                 [OP_LESS] = " < ",
                                                 [OP_LESS_EQUAL] = " <= ",
                                                 [OP_GREATER] = " > ",
                                                 [OP_GREATER_EQUAL] = " >= "};
    const struct node *a = n->first, *b = a ? a->next : NULL;
    if (words[n->op]) {
        compare(q, a, words[n->op], b, out);
        return;
    }
    switch (n->op) {
    case OP_AND:
        junction(q, n, " AND ", out);
        break;
    case OP_OR:
        junction(q, n, " OR ", out);
        break;
    case OP_NOT:
        put(out, "NOT ");
        condition(q, a, out);
        break;
    case OP_NOT_EQUAL:
        put(out, "NOT ");
        compare(q, a, " = ", b, out);
        break;
    case OP_BETWEEN:
        put(out, "(");
        compare(q, a, " >= ", b, out);
        put(out, " AND ");
        compare(q, a, " <= ", b->next, out);
        put(out, ")");
        break;
    case OP_IN:
        is_in(q, n, out);
        break;
    case OP_CONTAINS:
        function_of_two(q, "0 < position", n, out);
        break;
    case OP_STARTS_WITH:
        function_of_two(q, "startsWith", n, out);
        break;
    case OP_ENDS_WITH:
        function_of_two(q, "endsWith", n, out);
        break;
    case OP_MATCHES:
        matches(q, n, out);
        break;
    case OP_IS_MISSING:
        sub(q, "isNull(", a, ")", out);
        break;
    case OP_IS_PRESENT:
        sub(q, "isNotNull(", a, ")", out);
        break;
    case OP_SECONDS_SINCE:
    case OP_MINUTES_SINCE:
    case OP_HOURS_SINCE:
    case OP_DAYS_SINCE:
    case OP_WEEKS_SINCE:
    case OP_DAYS_UNTIL:
        since(q, n, out);
        break;
    default:
        q->failed = true;
    }
}

static void put_literal(const struct node *n, struct buffer *out) {
    struct json_writer w = {.out = out};
    switch (n->literal) {
    case VALUE_TEXT:
        put_text(out, n->text);
        break;
    case VALUE_NUMBER:
        put(out, "toDecimal128('");
        json_decimal(&w, n->integer, n->scale);
        put(out, "', 6)");
        break;
    case VALUE_TIME:
        buffer_print(out, "toInt64(%lld)", (long long)n->integer);
        break;
    default:
        buffer_print(out, "%lld", (long long)n->integer);
    }
}

static void reference(struct query *q, const struct reference *ref, struct buffer *out) {
    static const char *const system[] = {"time", "received", "updated", "source"};
    if (ref->kind == REFERENCE_SYSTEM && ref->system < 4)
        buffer_print(out, "r.%s", system[ref->system]);
    else if (ref->kind == REFERENCE_PROPERTY && column_type(ref->property_type))
        buffer_print(out, "%s%u", ref->level == 0 ? "c.a" : ref->level == 1 ? "r.p" : "i.p", ref->property);
    else
        q->failed = true;
}

/* --- windows: the rows' times, compared by ClickHouse's own calendar --- */

static void period(struct query *q, const struct node *n, int by, struct buffer *out) {
    static const char *const starts[] = {[UNIT_WEEK] = "toStartOfWeek",
                                         [UNIT_MONTH] = "toStartOfMonth",
                                         [UNIT_QUARTER] = "toStartOfQuarter",
                                         [UNIT_YEAR] = "toStartOfYear"};
    static const char *const moves[] = {
        [UNIT_WEEK] = "addWeeks", [UNIT_MONTH] = "addMonths", [UNIT_QUARTER] = "addQuarters", [UNIT_YEAR] = "addYears"};
    buffer_print(out, "toUnixTimestamp64Milli(toDateTime64(%s(%s(toDate32(", moves[n->unit], starts[n->unit]);
    put_now(q, out);
    buffer_print(out, ")%s), %d), 3, '%s'))",
                 n->unit != UNIT_WEEK             ? ""
                 : q->vocabulary->week_start == 7 ? ", 0"
                                                  : ", 1",
                 by, zone(q));
}

static void day(struct query *q, int by, struct buffer *out) {
    put(out, "toUnixTimestamp64Milli(toDateTime64(addDays(toDate32(");
    put_now(q, out);
    buffer_print(out, "), %d), 3, '%s'))", by, zone(q));
}

static void rolling(struct query *q, const struct node *n, struct buffer *out) {
    static const char *const names[] = {
        [UNIT_MONTH] = "subtractMonths", [UNIT_QUARTER] = "subtractQuarters", [UNIT_YEAR] = "subtractYears"};
    static const int64_t lengths[] = {1000, 60000, 3600000, DAY_MS, 7 * DAY_MS};
    buffer_print(out, " AND r.time <= %lld AND r.time > ", (long long)q->now_ms);
    if (n->unit <= UNIT_WEEK) {
        buffer_print(out, "%lld", (long long)(q->now_ms - n->amount * lengths[n->unit]));
        return;
    }
    buffer_print(out, "toUnixTimestamp64Milli(%s(", names[n->unit]);
    put_now(q, out);
    buffer_print(out, ", %lld))", (long long)n->amount);
}

static void bound(struct query *q, const char *word, const struct node *moment, struct buffer *out) {
    buffer_print(out, " AND ifNull(r.time %s ", word);
    as_moment(q, moment, out);
    put(out, ", 0)");
}

static void window(struct query *q, const struct node *n, struct buffer *out) {
    if (!n)
        return;
    switch (n->window_kind) {
    case WINDOW_ROLLING:
        rolling(q, n, out);
        break;
    case WINDOW_TODAY:
    case WINDOW_YESTERDAY: {
        int by = n->window_kind == WINDOW_TODAY ? 0 : -1;
        put(out, " AND r.time >= ");
        day(q, by, out);
        put(out, " AND r.time < ");
        day(q, by + 1, out);
        break;
    }
    case WINDOW_THIS:
    case WINDOW_PREVIOUS: {
        int by = n->window_kind == WINDOW_THIS ? 0 : -1;
        put(out, " AND r.time >= ");
        period(q, n, by, out);
        put(out, " AND r.time < ");
        period(q, n, by + 1, out);
        break;
    }
    case WINDOW_SINCE:
        bound(q, ">=", n->first, out);
        break;
    case WINDOW_BEFORE:
        bound(q, "<", n->first, out);
        break;
    case WINDOW_FROM_TO:
        bound(q, ">=", n->first, out);
        bound(q, "<", n->first->next, out);
        break;
    case WINDOW_ON:
        bound(q, ">=", n->first, out);
        sub(q, " AND ifNull(r.time < toUnixTimestamp64Milli(toDateTime64(addDays(toDate32('1970-01-01'), 1 + ",
            n->first, "), 3, '", out);
        buffer_print(out, "%s')), 0)", zone(q));
        break;
    default:
        q->failed = true;
    }
}

/* --- aggregates --- */

static void aggregate_value(struct query *q, const struct node *n, struct buffer *out) {
    struct buffer value = {0};
    bool rows = n->source->from.value.kind == REFERENCE_NONE;
    if (rows)
        put(&value, n->op == OP_FIRST || n->op == OP_LAST ? "r.time" : "1");
    else
        reference(q, &n->source->from.value, &value);
    const char *name = NULL;
    switch (n->op) {
    case OP_COUNT:
    case OP_ANY:
    case OP_NONE:
        name = "count";
        break;
    case OP_SUM:
        name = "sum";
        break;
    case OP_MIN:
    case OP_FIRST:
        name = "min";
        break;
    case OP_MAX:
    case OP_LAST:
        name = "max";
        break;
    case OP_DISTINCT:
        name = "uniqExact";
        break;
    default:
        break;
    }
    if (!name || ((n->op == OP_FIRST || n->op == OP_LAST) && (!rows || n->piece_count)))
        q->failed = true;
    else
        buffer_print(out, "%s(%.*s)", name, SLICE_ARG(buffer_slice(&value)));
    buffer_release(&value);
}

/* A sub-query with the value of each customer that has rows. */
static void aggregate(struct query *q, const struct node *n, struct buffer *out) {
    const struct source_reference *from = &n->source->from;
    struct buffer text = {0};
    unsigned number = q->aggregates++;
    if (from->kind != SOURCE_EVENTS && from->kind != SOURCE_DOCUMENTS)
        q->failed = true;
    put(&text, " LEFT JOIN (SELECT c.id AS id, ");
    aggregate_value(q, n, &text);
    buffer_print(&text, " AS v FROM customers AS c INNER JOIN t%u AS r ON r.owner = c.id", from->type);
    if (from->items)
        buffer_print(&text, " INNER JOIN t%u_%u AS i ON i.owner = r.owner AND i.n = r.n", from->type, from->items);
    put(&text, " WHERE 1");
    if (n->where) {
        put(&text, " AND ");
        condition(q, n->where, &text);
    }
    window(q, n->window, &text);
    buffer_print(&text, " GROUP BY c.id) AS g%u ON g%u.id = c.id", number, number);
    buffer_add_slice(&q->joins, buffer_slice(&text));
    buffer_release(&text);
    if (n->op == OP_ANY || n->op == OP_NONE)
        buffer_print(out, "(ifNull(g%u.v, 0) %s 0)", number, n->op == OP_ANY ? ">" : "=");
    else if (n->op == OP_COUNT || n->op == OP_SUM || n->op == OP_DISTINCT)
        buffer_print(out, "ifNull(g%u.v, 0)", number);
    else
        buffer_print(out, "g%u.v", number);
}

static void expression(struct query *q, const struct node *n, struct buffer *out) {
    switch (n->kind) {
    case NODE_LITERAL:
        put_literal(n, out);
        break;
    case NODE_NAME:
        reference(q, &n->reference, out);
        break;
    case NODE_CALL:
        call(q, n, out);
        break;
    case NODE_AGGREGATE:
        aggregate(q, n, out);
        break;
    default:
        q->failed = true;
    }
}

bool clickhouse_query(const struct vocabulary *vocabulary, const struct node *root, int64_t now_ms,
                      struct buffer *out) {
    struct query q = {.vocabulary = vocabulary, .now_ms = now_ms};
    struct buffer where = {0};
    condition(&q, root, &where);
    if (!q.failed) {
        put(out, "SELECT c.id FROM customers AS c");
        buffer_add_slice(out, buffer_slice(&q.joins));
        put(out, " WHERE ");
        buffer_add_slice(out, buffer_slice(&where));
        put(out, " ORDER BY c.id SETTINGS join_use_nulls = 1\n");
    }
    buffer_release(&where);
    buffer_release(&q.joins);
    return !q.failed;
}

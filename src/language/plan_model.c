/* plan_model: the slow plain twin of the plans and kernels: walks the tree for one customer, over rows as records.
 *
 * Where the language's headers leave room, this file decides:
 *   - No window has an upper bound that it does not state: rows in the future of now count.
 *   - Rows stand in the order (time, log position, type); a document's are those of its first update; items follow in their order.
 *   - A missing bool is false as a condition, and is missing as a value. Empty texts and empty lists are present.
 *   - Among the elements of IN and CONTAINS_ANY a missing one equals nothing; CONTAINS_ALL is false with one.
 *   - `within` of sequences has fixed lengths up to weeks, and includes its end.
 *   - A sequence holds where some choice of rows for its steps, in order, fulfils everything. A negated step forbids matching rows
 *     strictly between the chosen rows beside it, with its `within` only those up to so long after the row before. At the end it forbids
 *     them after the last row, up to its `within` and the whole's; where there is such an end the sequence holds only once it is reached.
 *   - steps() is the largest k for which the sequence of the first k steps holds.
 *   - Master data is looked up in its latest version. */
#include <assert.h>
#include <stdlib.h>

#include "language/plan_model_inside.h"

bool model_condition(const struct scope *s, const struct node *n) {
    struct value v = model_value(s, n);
    return v.type == TERM_BOOL && v.integer;
}

/* --- operators --- */

static struct value literal(const struct node *n) {
    switch (n->literal) {
    case VALUE_BOOL:
        return value_bool(n->integer);
    case VALUE_NUMBER:
        return value_exact(n->integer, n->scale);
    case VALUE_REAL:
        return value_real(n->real);
    case VALUE_TIME:
        return value_time(n->integer);
    case VALUE_DATE:
        return value_date(n->integer);
    default:
        assert(n->literal == VALUE_TEXT);
        return value_text(n->text);
    }
}

static bool element_of(const struct zone *zone, struct value list, struct value x) {
    if (list.type == TERM_TEXT && x.type == TERM_TEXT)
        return text_contains(list.text, x.text);
    for (uint32_t i = 0; i < list.count && x.type != TERM_NONE; i++)
        if (value_equal(zone, list.elements[i], x))
            return true;
    return false;
}

static bool text_ends(struct slice text, struct slice end) {
    return text.size >= end.size && slice_equal(slice_of(text.data + text.size - end.size, end.size), end);
}

/* Comparisons: false where an argument is missing. `v` [count] are the arguments. */
static bool compares(const struct zone *zone, enum op op, const struct value *v, uint32_t count) {
    uint32_t found = 0, missing = 0;
    for (uint32_t i = 0; i < count; i++)
        missing += v[i].type == TERM_NONE;
    if (op == OP_IN || op == OP_CONTAINS_ANY || op == OP_CONTAINS_ALL) {
        for (uint32_t i = 1; i < count && v[0].type != TERM_NONE; i++)
            if (v[i].type != TERM_NONE)
                found += op == OP_IN ? value_equal(zone, v[0], v[i]) : element_of(zone, v[0], v[i]);
        return op == OP_CONTAINS_ALL ? found == count - 1 : found > 0;
    }
    if (missing)
        return false;
    switch (op) {
    case OP_EQUAL:
        return value_equal(zone, v[0], v[1]);
    case OP_LESS:
        return value_compare(zone, v[0], v[1]) < 0;
    case OP_LESS_EQUAL:
        return value_compare(zone, v[0], v[1]) <= 0;
    case OP_GREATER:
        return value_compare(zone, v[0], v[1]) > 0;
    case OP_GREATER_EQUAL:
        return value_compare(zone, v[0], v[1]) >= 0;
    case OP_BETWEEN:
        return value_compare(zone, v[0], v[1]) >= 0 && value_compare(zone, v[0], v[2]) <= 0;
    case OP_CONTAINS:
        return element_of(zone, v[0], v[1]);
    case OP_STARTS_WITH:
        return slice_starts(v[0].text, v[1].text);
    case OP_ENDS_WITH:
        return text_ends(v[0].text, v[1].text);
    default:
        assert(op == OP_MATCHES);
        return text_matches(v[0].text, v[1].text);
    }
}

static struct value add(struct world *w, struct value a, struct value b) {
    if (a.type == TERM_NUMBER)
        return number_arithmetic(OP_ADD, a, b);
    char *joined = arena_get(w->arena, a.text.size + b.text.size + 1);
    memcpy(joined, a.text.data ? a.text.data : "", a.text.size);
    memcpy(joined + a.text.size, b.text.data ? b.text.data : "", b.text.size);
    return value_text(slice_of(joined, a.text.size + b.text.size));
}

/* A moment and a length of time. */
static struct value shifted(const struct scope *s, const struct node *n) {
    const struct node *length = n->first->next, *moment = n->first;
    if (moment->kind == NODE_DURATION && !moment->ago) {
        length = moment;
        moment = n->first->next;
    }
    struct value v = model_value(s, moment);
    if (v.type == TERM_NONE)
        return v;
    const struct zone *zone = s->world->zone;
    int64_t amount = n->op == OP_SUBTRACT ? -length->amount : length->amount;
    return value_time(moment_add(zone, moment_of(zone, v), amount, length->unit));
}

/* Character by character: blanks are up to U+0020, U+00A0 and U+3000. */
static struct slice trimmed(struct slice text) {
    size_t first = text.size, end = 0;
    for (size_t i = 0, size; i < text.size; i += size) {
        unsigned char c = (unsigned char)text.data[i];
        size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        size = size < text.size - i ? size : text.size - i;
        struct slice one = slice_of(text.data + i, size);
        if (c <= ' ' || slice_is(one, "\u00a0") || slice_is(one, "\u3000"))
            continue;
        first = first == text.size ? i : first;
        end = i + size;
    }
    return first < end ? slice_of(text.data + first, end - first) : slice_of("", 0);
}

static struct value changed_text(struct world *w, enum op op, struct slice text) {
    if (op == OP_TRIM)
        return value_text(trimmed(text));
    char *copy = arena_get(w->arena, text.size + 1);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = op == OP_LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z';
        copy[i] = letter ? (char)(c ^ 0x20) : c;
    }
    return value_text(slice_of(copy, text.size));
}

static struct value calendar(const struct world *w, enum op op, struct value v) {
    int64_t days = v.type == TERM_DATE ? v.integer : day_of(w->zone, v.integer), year;
    unsigned month, day;
    time_civil(days, &year, &month, &day);
    switch (op) {
    case OP_DATE:
        return value_date(days);
    case OP_YEAR:
        return value_whole(year);
    case OP_QUARTER:
        return value_whole((month + 2) / 3);
    case OP_MONTH:
        return value_whole(month);
    case OP_DAY:
        return value_whole(day);
    case OP_WEEKDAY:
        return value_whole(days - period_start(days, UNIT_WEEK, 0, 1) + 1);
    default:
        assert(op == OP_HOUR);
        if (v.type == TERM_DATE)
            return value_whole(0);
        return value_whole((zone_utc_to_local(w->zone, v.integer) - days * DAY_MS) / 3600000);
    }
}

static int64_t days_since(const struct world *w, struct value v) {
    return v.type == TERM_DATE ? day_of(w->zone, w->now_ms) - v.integer : floor_divide(w->now_ms - v.integer, DAY_MS);
}

static struct value elapsed(const struct world *w, enum op op, struct value v) {
    switch (op) {
    case OP_SECONDS_SINCE:
        return value_whole(floor_divide(w->now_ms - moment_of(w->zone, v), 1000));
    case OP_MINUTES_SINCE:
        return value_whole(floor_divide(w->now_ms - moment_of(w->zone, v), 60000));
    case OP_HOURS_SINCE:
        return value_whole(floor_divide(w->now_ms - moment_of(w->zone, v), 3600000));
    case OP_DAYS_SINCE:
        return value_whole(days_since(w, v));
    case OP_DAYS_UNTIL:
        return value_whole(-days_since(w, v));
    case OP_WEEKS_SINCE:
        return value_whole(floor_divide(days_since(w, v), 7));
    case OP_MONTHS_SINCE:
        return value_whole(months_between(w->zone, v, w->now_ms));
    case OP_YEARS_SINCE:
        return value_whole(floor_divide(months_between(w->zone, v, w->now_ms), 12));
    case OP_AGE: /* by the day, of a time too */
        v = value_date(v.type == TERM_DATE ? v.integer : day_of(w->zone, v.integer));
        return value_whole(floor_divide(months_between(w->zone, v, w->now_ms), 12));
    default:
        assert(op == OP_DAYS_UNTIL_ANNIVERSARY);
        v = value_date(v.type == TERM_DATE ? v.integer : day_of(w->zone, v.integer));
        return value_whole(days_to_anniversary(day_of(w->zone, w->now_ms), v.integer));
    }
}

static int64_t whole(struct value number) {
    struct value v = number_floor(number);
    return v.scale == 0 ? v.integer : v.real < 0 ? -1000000000 : 1000000000;
}

static struct value negated(struct value v) { return number_arithmetic(OP_SUBTRACT, value_whole(0), v); }

/* Functions of values that are all there. One case each. */
static struct value function(struct world *w, enum op op, const struct value *v, uint32_t count) {
    switch (op) {
    case OP_ADD:
        return add(w, v[0], v[1]);
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
    case OP_MODULO:
        return number_arithmetic(op, v[0], v[1]);
    case OP_NEGATE:
        return negated(v[0]);
    case OP_ABS:
        return value_compare(w->zone, v[0], value_whole(0)) < 0 ? negated(v[0]) : v[0];
    case OP_ROUND:
        return number_round(v[0], count > 1 ? (unsigned)whole(v[1]) : 0);
    case OP_FLOOR:
        return number_floor(v[0]);
    case OP_CEILING:
        return negated(number_floor(negated(v[0])));
    case OP_LOWER:
    case OP_UPPER:
    case OP_TRIM:
        return changed_text(w, op, v[0].text);
    case OP_LENGTH:
        return value_whole(v[0].type == TERM_TEXT ? text_length(v[0].text) : v[0].count);
    case OP_SUBSTRING:
        return value_text(text_part(v[0].text, whole(v[1]), count > 2 ? whole(v[2]) : (int64_t)1 << 40));
    case OP_DATE:
    case OP_YEAR:
    case OP_QUARTER:
    case OP_MONTH:
    case OP_DAY:
    case OP_WEEKDAY:
    case OP_HOUR:
        return calendar(w, op, v[0]);
    default:
        return elapsed(w, op, v[0]);
    }
}

/* least, greatest, coalesce: of those that are there. */
static struct value choice(const struct zone *zone, enum op op, const struct value *v, uint32_t count) {
    struct values present = {0};
    for (uint32_t i = 0; i < count; i++)
        add_value(&present, v[i]);
    struct value chosen = op == OP_COALESCE ? present.count ? present.all[0] : VALUE_NONE
                                            : extreme_of(zone, &present, op == OP_LEAST ? -1 : 1);
    free(present.all);
    return chosen;
}

static bool is_comparison(enum op op) { return (op >= OP_EQUAL && op <= OP_MATCHES) && op != OP_NOT_EQUAL; }

static struct value over_arguments(const struct scope *s, const struct node *n) {
    struct world *w = s->world;
    uint32_t count = 0, missing = 0;
    for (const struct node *c = n->first; c; c = c->next)
        count++;
    struct value *v = memory_get(count + 1, sizeof *v), result;
    count = 0;
    for (const struct node *c = n->first; c; c = c->next, count++) {
        v[count] = model_value(s, c);
        missing += v[count].type == TERM_NONE;
    }
    if (is_comparison(n->op))
        result = value_bool(compares(w->zone, n->op, v, count));
    else if (n->op == OP_NOT_EQUAL)
        result = value_bool(!compares(w->zone, OP_EQUAL, v, count));
    else if (n->op == OP_IS_MISSING || n->op == OP_IS_PRESENT)
        result = value_bool((n->op == OP_IS_MISSING) == (v[0].type == TERM_NONE));
    else if (n->op == OP_LEAST || n->op == OP_GREATEST || n->op == OP_COALESCE)
        result = choice(w->zone, n->op, v, count);
    else
        result = missing ? VALUE_NONE : function(w, n->op, v, count);
    free(v);
    return result;
}

/* --- segments, tags, metrics, scores --- */

static bool in_stored_set(const struct scope *s, uint32_t set) {
    uint64_t bits[SPAN_CUSTOMERS / 64] = {0};
    uint32_t customer = s->person->customer.number, at = customer % SPAN_CUSTOMERS;
    if (!s->world->outside->set_bits)
        return false;
    s->world->outside->set_bits(s->world->outside->context, set, customer / SPAN_CUSTOMERS, bits);
    return bits[at / 64] >> (at % 64) & 1;
}

static struct value named(const struct scope *s, const struct node *n) {
    struct scope customer = {.world = s->world, .person = s->person};
    struct value v = VALUE_NONE;
    if (n->definition)
        v = model_value(&customer, n->definition);
    else if (n->reference.kind != REFERENCE_NONE)
        v = reference_value(&customer, &n->reference);
    else if (n->op == OP_IN_SEGMENT)
        v = value_bool(in_stored_set(&customer, n->definition_number));
    if (n->op == OP_IN_SEGMENT || n->op == OP_HAS_TAG)
        return value_bool(v.type == TERM_BOOL ? v.integer : v.type != TERM_NONE);
    return v;
}

/* --- the tree --- */

static bool is_length(const struct node *n) { return n && n->kind == NODE_DURATION && !n->ago; }

/* Whether all, or any, of the operands are true. */
static struct value junction(const struct scope *s, const struct node *n) {
    for (const struct node *c = n->first; c; c = c->next)
        if (model_condition(s, c) != (n->op == OP_AND))
            return value_bool(n->op == OP_OR);
    return value_bool(n->op == OP_AND);
}

static struct value call(const struct scope *s, const struct node *n) {
    struct world *w = s->world;
    switch (n->op) {
    case OP_AND:
    case OP_OR:
        return junction(s, n);
    case OP_NOT:
        return value_bool(!model_condition(s, n->first));
    case OP_IF:
        return model_value(s, model_condition(s, n->first) ? n->first->next : n->first->next->next);
    case OP_NOW:
        return value_time(w->now_ms);
    case OP_TODAY:
        return value_date(day_of(w->zone, w->now_ms));
    case OP_IN_SEGMENT:
    case OP_HAS_TAG:
    case OP_TAG:
    case OP_METRIC:
    case OP_SCORE:
        return named(s, n);
    default:
        if (is_length(n->first) || (n->first && is_length(n->first->next)))
            return shifted(s, n);
        return over_arguments(s, n);
    }
}

struct value model_value(const struct scope *s, const struct node *n) {
    struct world *w = s->world;
    switch (n->kind) {
    case NODE_LITERAL:
        return literal(n);
    case NODE_DURATION:
        assert(n->ago);
        return value_time(moment_add(w->zone, w->now_ms, -n->amount, n->unit));
    case NODE_NAME:
        return reference_value(s, &n->reference);
    case NODE_CALL:
        return call(s, n);
    case NODE_AGGREGATE:
        return model_aggregate(s, n);
    default:
        assert(n->kind == NODE_SEQUENCE);
        return model_sequence(s, n);
    }
}

/* --- the answer --- */

void model_write(struct json_writer *w, struct value v) {
    char date[TIME_TEXT_BYTES];
    switch (v.type) {
    case TERM_BOOL:
        json_bool(w, v.integer);
        break;
    case TERM_NUMBER:
        if (v.scale == SCALE_REAL)
            json_real(w, v.real);
        else
            json_decimal(w, v.integer, v.scale);
        break;
    case TERM_TEXT:
        json_text(w, v.text);
        break;
    case TERM_TIME:
        json_time(w, v.integer);
        break;
    case TERM_DATE:
        json_text(w, slice_of(date, time_format_date(v.integer, date)));
        break;
    default:
        json_null(w);
    }
}

static struct slice list_json(struct arena *arena, struct value v) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_array(&w);
    for (uint32_t i = 0; i < v.count; i++)
        model_write(&w, v.elements[i]);
    json_end_array(&w);
    struct slice copy = arena_copy(arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

struct term_value model_evaluate(const struct vocabulary *vocabulary, const struct outside *outside,
                                 const struct node *root, struct customer_id customer, int64_t now_ms,
                                 struct arena *arena) {
    struct world w = {.vocabulary = vocabulary,
                      .outside = outside,
                      .dictionary = vocabulary->dictionary,
                      .zone = vocabulary->zone ? vocabulary->zone : zone_utc(),
                      .arena = arena,
                      .now_ms = now_ms};
    struct scope s = {.world = &w, .person = person_of(&w, customer)};
    struct value v = model_value(&s, root);
    if (v.type == TERM_TEXT)
        v.text = arena_copy(arena, v.text);
    else if (v.type == TERM_TEXT_LIST || v.type == TERM_NUMBER_LIST)
        v.text = list_json(arena, v);
    if (w.parser)
        json_parser_free(w.parser);
    return (struct term_value){v.type, v.scale, v.integer, v.real, v.text};
}

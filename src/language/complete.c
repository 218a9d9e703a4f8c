/* complete: what may stand at a place of an expression that is being written. The place comes from complete_scan.h, the names from the
 * dictionary and the definitions, operators, functions and windows from their tables. Candidates are collected, those that begin with what
 * is there before those that only contain it, kinds in a fixed order, and written up to the limit. */
#include "language/complete_inside.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "govern/normalise.h"
#include "language/tree_inside.h"

#define CANDIDATES_MAX 20000
#define TAIL_BYTES 64
#define MOMENTS (1u << TERM_TIME | 1u << TERM_DATE)

struct candidate {
    struct slice insert, label, en, zh;
    const char *kind;
    uint32_t from;    /* byte that the insert begins at */
    uint32_t rank;    /* best is 0 */
    uint32_t order;   /* of coming */
    int64_t valid_to; /* of master data; INT64_MAX: open */
};
struct completion {
    struct spot spot;
    struct buffer candidates;
    struct slice partial; /* the whole dotted name so far, or what stands of a text */
    uint32_t from;
    unsigned wanted; /* types that a value here may have, as bits; 0: any */
};

/* Best first, as far as what is there does not tell. */
enum kind {
    KIND_VALUE,
    KIND_WINDOW,
    KIND_FIELD,
    KIND_ATTRIBUTE,
    KIND_DOCUMENT,
    KIND_EVENT,
    KIND_RELATION,
    KIND_OPERATOR,
    KIND_FUNCTION,
    KIND_SEGMENT,
    KIND_TAG,
    KIND_METRIC
};
static const char *const kind_names[] = {"value",    "window",   "field",    "attribute", "document", "event",
                                         "relation", "operator", "function", "segment",   "tag",      "metric"};

static struct slice keep(struct completion *c, struct slice text) { return arena_copy(&c->spot.arena, text); }

__attribute__((format(printf, 2, 3))) static struct slice print(struct completion *c, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return keep(c, slice_of(text, size < 0 ? 0 : (size_t)size < sizeof text ? (size_t)size : sizeof text - 1));
}

/* --- matching --- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool begins(struct slice text, struct slice with) {
    if (text.size < with.size)
        return false;
    for (size_t i = 0; i < with.size; i++)
        if (lower(text.data[i]) != lower(with.data[i]))
            return false;
    return true;
}

static bool holds(struct slice text, struct slice part) {
    for (; text.size >= part.size && text.size; text.data++, text.size--)
        if (begins(text, part))
            return true;
    return part.size == 0;
}

/* 0: begins with what is there; 1: contains it; 2: neither. */
static unsigned match(struct slice text, struct slice partial) {
    return begins(text, partial) ? 0 : holds(text, partial) ? 1 : 2;
}

static void add(struct completion *c, enum kind kind, uint32_t from, unsigned matched, const struct candidate *what) {
    uint32_t count = (uint32_t)(c->candidates.size / sizeof *what);
    if (matched > 1 || count >= CANDIDATES_MAX)
        return;
    struct candidate made = *what;
    made.kind = kind_names[kind];
    made.from = from;
    made.rank = matched * 16 + kind;
    made.order = count;
    if (made.valid_to == 0)
        made.valid_to = INT64_MAX;
    buffer_add(&c->candidates, &made, sizeof made);
}

/* A name in place of the dotted name so far. */
static void add_name(struct completion *c, enum kind kind, struct slice name, const char *en, const char *zh) {
    unsigned matched = match(name, c->partial);
    if (matched < 2)
        add(c, kind, c->from, matched,
            &(struct candidate){.insert = name, .label = name, .en = slice_text(en), .zh = slice_text(zh)});
}

/* --- names --- */

/* `before` and the name, each piece as it must be written. */
static struct slice written(struct completion *c, struct slice before, struct slice name) {
    struct buffer text = {0};
    if (before.size) {
        buffer_add_slice(&text, before);
        buffer_add_char(&text, '.');
    }
    size_t start = 0;
    for (size_t i = 0; i <= name.size; i++) { /* dots in a name stay dots where its pieces are plain */
        if (i < name.size && name.data[i] != '.')
            continue;
        if (!lexer_plain_name(slice_of(name.data + start, i - start)) ||
            tree_word_reserved(slice_of(name.data + start, i - start)))
            start = SIZE_MAX;
        if (start == SIZE_MAX)
            break;
        start = i + 1;
    }
    if (start != SIZE_MAX) {
        buffer_add_slice(&text, name);
    } else {
        struct name_piece piece = {.text = name};
        struct node node = {.kind = NODE_NAME, .pieces = &piece, .piece_count = 1};
        tree_format(&node, &text);
    }
    struct slice kept = keep(c, buffer_slice(&text));
    buffer_release(&text);
    return kept;
}

static void add_property(struct completion *c, enum kind kind, struct slice before, const struct type *owner,
                         const struct property *property) {
    struct slice name = written(c, before, property->name);
    struct node node = {.type = (uint8_t)check_type_of(property->type), .money = property->type == PROPERTY_MONEY};
    if (match(name, c->partial) > 1 || (c->wanted && !(c->wanted >> node.type & 1)))
        return;
    bool items = property->type == PROPERTY_ITEMS;
    struct slice en = print(c, "%s of %.*s", items ? "items" : spot_type_word(&node, false), SLICE_ARG(owner->name));
    struct slice zh = print(c, "%.*s 的%s", SLICE_ARG(owner->name), items ? "明细" : spot_type_word(&node, true));
    add_name(c, kind, name, en.data, zh.data);
}

/* Tags by hand, uploaded segments and scores lie in attributes; they are asked for by tag("x") and the like. */
static bool stored_definition(const struct type *type, const struct property *property) {
    return type->number == DICTIONARY_CUSTOMER &&
           (slice_starts(property->name, SLICE("tag.")) || slice_starts(property->name, SLICE("segment.")) ||
            slice_starts(property->name, SLICE("score.")));
}

static void add_properties(struct completion *c, enum kind kind, struct slice before, const struct type *type,
                           bool items) {
    for (uint32_t i = 1; type && i <= type->property_count; i++) {
        const struct property *property = dictionary_property_at(type, (uint16_t)i);
        if (property && (items || property->type != PROPERTY_ITEMS) && !stored_definition(type, property))
            add_property(c, kind, before, type, property);
    }
}

/* Fields of the master data whose ids rows of `type` hold. */
static void add_master_fields(struct completion *c, enum kind kind, struct slice before, const struct type *type) {
    const struct dictionary *d = c->spot.check.v->dictionary;
    for (uint32_t i = 1, count = dictionary_type_count(d); type && i < count; i++) {
        const struct type *master = dictionary_type_at(d, (uint16_t)i);
        if (master->kind == TYPE_MASTER && check_master_key(d, type, master))
            add_properties(c, kind, written(c, before, master->name), master, false);
    }
}

static void add_all_fields(struct completion *c, enum kind kind, struct slice before, const struct type *type,
                           bool items) {
    add_properties(c, kind, before, type, items);
    add_master_fields(c, kind, before, type);
}

static void add_system(struct completion *c, const struct scope *scope, struct slice before) {
    static const struct {
        const char *name, *en, *zh;
    } fields[] = {{"time", "when it happened", "发生时间"},
                  {"received", "when it came in", "接收时间"},
                  {"source", "number of the source", "来源编号"},
                  {"updated", "time of the latest update", "最近更新时间"},
                  {"event", "name of the event's type", "事件类型名称"}};
    struct reference reference;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (check_system(scope, slice_text(fields[i].name), &reference))
            add_name(c, KIND_FIELD, written(c, before, slice_text(fields[i].name)), fields[i].en, fields[i].zh);
}

static void add_values(struct completion *c) {
    const struct scope *scope = &c->spot.check.scope;
    const struct type *customer = dictionary_type_at(c->spot.check.v->dictionary, DICTIONARY_CUSTOMER);
    add_all_fields(c, KIND_FIELD, SLICE_NONE, scope->item, false);
    add_all_fields(c, KIND_FIELD, SLICE_NONE, scope->row, false);
    add_system(c, scope, SLICE_NONE);
    add_all_fields(c, KIND_ATTRIBUTE, SLICE_NONE, customer, false);
    if (begins(c->partial, SLICE("customer.")))
        add_all_fields(c, KIND_ATTRIBUTE, SLICE("customer"), customer, false);
}

/* --- sources --- */

static struct slice type_written(struct completion *c, const struct type *type) {
    char plain[NAME_BYTES];
    return written(c, SLICE_NONE, check_type_name(&c->spot.check, type, plain));
}

static void add_type_fields(struct completion *c, const struct type *type, struct slice name) {
    const struct dictionary *d = c->spot.check.v->dictionary;
    struct scope row = {.row = type, .rows = true};
    add_all_fields(c, KIND_FIELD, name, type, true);
    add_system(c, &row, name);
    for (uint32_t i = 1; i <= type->property_count; i++) {
        const struct property *items = dictionary_property_at(type, (uint16_t)i);
        if (items && items->type == PROPERTY_ITEMS && begins(c->partial, written(c, name, items->name)))
            add_all_fields(c, KIND_FIELD, written(c, name, items->name), dictionary_type_at(d, items->item_type),
                           false);
    }
}

static void add_sources(struct completion *c) {
    const struct dictionary *d = c->spot.check.v->dictionary;
    const struct type *row = c->spot.check.scope.item ? NULL : c->spot.check.scope.row;
    for (uint32_t i = 1; row && i <= row->property_count; i++) {
        const struct property *items = dictionary_property_at(row, (uint16_t)i);
        if (items && items->type == PROPERTY_ITEMS) {
            add_property(c, KIND_FIELD, SLICE_NONE, row, items);
            if (begins(c->partial, items->name))
                add_all_fields(c, KIND_FIELD, written(c, SLICE_NONE, items->name),
                               dictionary_type_at(d, items->item_type), false);
        }
    }
    for (uint32_t i = 1, count = dictionary_type_count(d); i < count; i++) {
        const struct type *type = dictionary_type_at(d, (uint16_t)i);
        if (!check_has_rows(type))
            continue;
        struct slice name = type_written(c, type);
        add_name(c,
                 type->kind == TYPE_DOCUMENT ? KIND_DOCUMENT
                 : type->kind == TYPE_EVENT  ? KIND_EVENT
                                             : KIND_RELATION,
                 name, spot_kind_word(type, false), spot_kind_word(type, true));
        if (c->partial.size > name.size && begins(c->partial, name))
            add_type_fields(c, type, name);
    }
    add_name(c, KIND_EVENT, SLICE("any event"), "every event of any type", "任何类型的事件");
}

/* Behind last(order). : the fields of its rows. False where no dot behind a parenthesis stands before the place. */
static bool add_row_fields(struct completion *c) {
    const struct scan *s = &c->spot.scan;
    uint32_t dot = s->path < s->count && scan_sign(s, s->path, SIGN_DOT) ? s->path : s->path - 1;
    if (s->path == 0 || s->path >= s->count || !scan_sign(s, dot, SIGN_DOT) || !scan_sign(s, dot - 1, SIGN_CLOSE))
        return false;
    struct scope rows;
    if (!spot_end_rows(&c->spot, dot, &rows))
        return true;
    add_all_fields(c, KIND_FIELD, SLICE_NONE, rows.item, false);
    add_all_fields(c, KIND_FIELD, SLICE_NONE, rows.row, false);
    add_system(c, &rows, SLICE_NONE);
    return true;
}

/* --- operators, functions, windows --- */

/* The words before the place that may be the beginning of one of the language's: the last `words` tokens and the partial. */
struct tail {
    char text[TAIL_BYTES];
    struct slice words;
    uint32_t first; /* token */
    uint32_t from;  /* byte */
};

static bool tail_of(const struct completion *c, uint32_t words, struct tail *tail) {
    const struct scan *s = &c->spot.scan;
    uint32_t end = s->path < s->count && s->partial.size ? s->count - 1 : s->count;
    size_t size = 0;
    if (words > end || (words == 0 && s->path < s->count && s->path + 1 < s->count))
        return false;
    tail->first = end - words;
    for (uint32_t i = tail->first; i < end; i++) {
        struct slice word = s->tokens[i].text;
        if (s->tokens[i].kind != TOKEN_WORD || size + word.size + 1 >= TAIL_BYTES)
            return false;
        memcpy(tail->text + size, word.data, word.size);
        size += word.size;
        tail->text[size++] = ' ';
    }
    if (size + s->partial.size >= TAIL_BYTES)
        return false;
    memcpy(tail->text + size, s->partial.data ? s->partial.data : "", s->partial.size);
    tail->words = slice_of(tail->text, size + s->partial.size);
    tail->from = words ? s->tokens[tail->first].place : s->partial_from;
    return true;
}

/* Whether a value is expected behind token `end` - 1. */
static bool value_expected(const struct scan *s, uint32_t end) {
    static const char *const words[] = {"and",   "or",          "not",     "where",    "between", "since",
                                        "until", "anniversary", "matches", "contains", "with",    "before",
                                        "after", "from",        "to",      "on"};
    if (end == 0)
        return true;
    const struct token *last = &s->tokens[end - 1];
    if (last->kind == TOKEN_SIGN)
        return last->sign != SIGN_CLOSE && last->sign != SIGN_DOT;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (scan_word(s, end - 1, words[i]))
            return true;
    return false;
}

/* The operator goes with what stands before it, as far as that is known. */
static bool suits(enum op op, const struct node *left) {
    unsigned type = left->type;
    bool number = type == TERM_NUMBER, moment = type == TERM_TIME || type == TERM_DATE;
    switch (op) {
    case OP_AND:
    case OP_OR:
    case OP_IS_MISSING:
    case OP_IS_PRESENT:
        return true;
    case OP_EQUAL:
    case OP_NOT_EQUAL:
    case OP_IN:
        return type != TERM_TEXT_LIST && type != TERM_NUMBER_LIST;
    case OP_CONTAINS:
        return type == TERM_TEXT || type == TERM_TEXT_LIST || type == TERM_NUMBER_LIST;
    case OP_CONTAINS_ANY:
    case OP_CONTAINS_ALL:
        return type == TERM_TEXT_LIST || type == TERM_NUMBER_LIST;
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
    case OP_MATCHES:
        return type == TERM_TEXT;
    case OP_ADD:
        return number || moment || type == TERM_TEXT;
    case OP_SUBTRACT:
        return number || moment;
    case OP_MULTIPLY:
    case OP_DIVIDE:
    case OP_MODULO:
        return number;
    default:
        return number || moment;
    }
}

static struct slice op_insert(struct completion *c, enum op op) {
    const struct operator_row *row = operator_row(op);
    bool call = row->form == FORM_FUNCTION || row->form == FORM_AGGREGATE || row->form == FORM_SEQUENCE;
    if (row->form == FORM_NAMED)
        return print(c, op == OP_IN_SEGMENT || op == OP_HAS_TAG ? "%s \"" : "%s(\"", row->word);
    if (call)
        return row->most ? print(c, "%s(", row->word) : slice_text(row->word);
    if (op == OP_IN || op == OP_CONTAINS_ANY || op == OP_CONTAINS_ALL)
        return print(c, "%s (", row->word);
    return row->form == FORM_SUFFIX ? slice_text(row->word) : print(c, "%s ", row->word);
}

static void add_op(struct completion *c, enum op op, const struct tail *tail, bool whole_word) {
    const struct operator_row *row = operator_row(op);
    struct slice word = slice_text(row->word);
    bool infix = row->form == FORM_INFIX || row->form == FORM_SUFFIX;
    unsigned matched = whole_word && !infix ? match(word, tail->words) : begins(word, tail->words) ? 0 : 2;
    if (matched < 2)
        add(c, infix ? KIND_OPERATOR : KIND_FUNCTION, tail->from, matched,
            &(struct candidate){.insert = op_insert(c, op),
                                .label = word,
                                .en = slice_text(row->meaning_en),
                                .zh = slice_text(row->meaning_zh)});
}

static bool begins_value(enum operator_form form) {
    return form == FORM_PREFIX || form == FORM_FUNCTION || form == FORM_OF || form == FORM_AGGREGATE ||
           form == FORM_SEQUENCE || form == FORM_NAMED;
}

static void add_ops(struct completion *c, const struct tail *tail, uint32_t words) {
    struct node left = {0};
    struct term term;
    const struct scan *s = &c->spot.scan;
    bool value = value_expected(s, tail->first);
    uint32_t path = scan_path(s, tail->first);
    bool known = !value && path < tail->first && spot_name(&c->spot, path, tail->first, &left, &term);
    for (unsigned op = OP_NOTHING + 1; op < OP_COUNT_; op++) {
        enum operator_form form = (enum operator_form)operator_row((enum op)op)->form;
        bool fits = value ? begins_value(form) && op != OP_NEGATE
                          : (form == FORM_INFIX || form == FORM_SUFFIX) && (!known || suits((enum op)op, &left));
        if (fits)
            add_op(c, (enum op)op, tail, words == 0);
    }
}

static void add_word(struct completion *c, const struct tail *tail, const char *word, const char *en, const char *zh) {
    struct slice text = slice_text(word);
    if (begins(text, tail->words))
        add(c, KIND_OPERATOR, tail->from, 0,
            &(struct candidate){.insert = text, .label = slice_trim(text), .en = slice_text(en), .zh = slice_text(zh)});
}

static void add_windows(struct completion *c, const struct tail *tail) {
    static const struct {
        const char *insert;
        uint8_t kind;
    } windows[] = {{"last 30 days", WINDOW_ROLLING},
                   {"last 7 days", WINDOW_ROLLING},
                   {"last 365 days", WINDOW_ROLLING},
                   {"today", WINDOW_TODAY},
                   {"yesterday", WINDOW_YESTERDAY},
                   {"this week", WINDOW_THIS},
                   {"this month", WINDOW_THIS},
                   {"this quarter", WINDOW_THIS},
                   {"this year", WINDOW_THIS},
                   {"previous week", WINDOW_PREVIOUS},
                   {"previous month", WINDOW_PREVIOUS},
                   {"previous year", WINDOW_PREVIOUS},
                   {"since ", WINDOW_SINCE},
                   {"before ", WINDOW_BEFORE},
                   {"from ", WINDOW_FROM_TO},
                   {"on ", WINDOW_ON},
                   {"after ", WINDOW_AFTER},
                   {"7 days after ", WINDOW_SPAN_AFTER},
                   {"7 days before ", WINDOW_SPAN_BEFORE}};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        const struct window_row *row = window_row((enum window_kind)windows[i].kind);
        struct slice text = slice_text(windows[i].insert);
        if (begins(text, tail->words))
            add(c, KIND_WINDOW, tail->from, 0,
                &(struct candidate){.insert = text,
                                    .label = slice_trim(text),
                                    .en = slice_text(row->meaning_en),
                                    .zh = slice_text(row->meaning_zh)});
    }
}

static void add_units(struct completion *c, const struct tail *tail) {
    static const char *const zh[] = {"秒", "分钟", "小时", "天", "周", "月", "季度", "年"};
    for (unsigned unit = UNIT_SECOND; unit <= UNIT_YEAR; unit++) {
        struct slice word = print(c, "%ss", unit_word((enum unit)unit));
        if (begins(word, tail->words))
            add(c, KIND_WINDOW, tail->from, 0,
                &(struct candidate){.insert = word, .label = word, .en = word, .zh = slice_text(zh[unit])});
    }
}

static void add_words_of(struct completion *c, const struct frame *f, const struct tail *tail, uint32_t words) {
    const struct token *before = tail->first ? &c->spot.scan.tokens[tail->first - 1] : NULL;
    bool behind_source = f->state == FRAME_SOURCE && tail->first >= f->end && f->end > f->source;
    if (before && before->kind == TOKEN_LITERAL && before->literal == VALUE_NUMBER)
        add_units(c, tail);
    if (f->state == FRAME_WINDOW && tail->first == f->begin)
        add_windows(c, tail);
    else if (f->state != FRAME_SOURCE)
        add_ops(c, tail, words);
    if (behind_source)
        add_word(c, tail, "where ", "only rows for which this is true", "只看满足条件的记录");
    if (behind_source && (f->op == OP_SEQUENCE || f->op == OP_STEPS)) {
        add_word(c, tail, "-> ", "the next step", "下一步");
        add_word(c, tail, "within ", "at most so long after the step before", "距上一步不超过");
    }
}

/* What the words before the place and the partial may become: "days s" is days since, not a name that begins with s. */
static void add_words(struct completion *c) {
    const struct scan *s = &c->spot.scan;
    const struct frame *f = &s->frames[s->frame_count - 1];
    size_t before = c->candidates.size;
    struct tail tail;
    for (uint32_t words = 2; words <= 2; words--) {
        if (tail_of(c, words, &tail) && tail.first >= f->begin)
            add_words_of(c, f, &tail, words);
        if (words && c->candidates.size > before)
            return;
    }
}

/* --- candidate values --- */

struct value_walk {
    struct completion *c;
    uint16_t name;
};

static struct slice in_quotes(struct completion *c, struct slice text) {
    struct node literal = {.kind = NODE_LITERAL, .literal = VALUE_TEXT, .text = text};
    struct buffer out = {0};
    tree_format(&literal, &out);
    struct slice kept = keep(c, buffer_slice(&out));
    buffer_release(&out);
    return kept;
}

static void add_value(struct completion *c, struct slice id, struct slice name, int64_t valid_to, const char *en,
                      const char *zh) {
    unsigned by_name = match(name, c->partial), by_id = match(id, c->partial);
    unsigned matched = by_name < by_id ? by_name : by_id;
    if (matched > 1)
        return;
    struct slice label = slice_equal(id, name) ? keep(c, id) : print(c, "%.*s (%.*s)", SLICE_ARG(name), SLICE_ARG(id));
    add(c, KIND_VALUE, c->from, matched,
        &(struct candidate){.insert = in_quotes(c, id),
                            .label = label,
                            .valid_to = valid_to,
                            .en = slice_text(en),
                            .zh = slice_text(zh)});
}

static bool value_of_master(void *context, struct slice id, const struct record_head *latest, int64_t valid_to) {
    struct value_walk *walk = context;
    struct completion *c = walk->c;
    const struct record_value *name = walk->name ? record_find(latest, walk->name) : NULL;
    struct slice shown = name && name->kind == VALUE_TEXT ? record_text(latest, name) : id;
    char date[TIME_TEXT_BYTES];
    struct slice en = SLICE_NONE, zh = SLICE_NONE;
    if (valid_to != INT64_MAX && (match(shown, c->partial) < 2 || match(id, c->partial) < 2)) {
        int64_t day = zone_utc_to_local(c->spot.check.v->zone, valid_to) / DAY_MS;
        size_t size = time_format_date(day, date);
        en = print(c, "closed from %.*s on", (int)size, date);
        zh = print(c, "%.*s 起关闭", (int)size, date);
    }
    add_value(c, id, shown, valid_to, en.size ? en.data : "", zh.size ? zh.data : "");
    return c->candidates.size / sizeof(struct candidate) < CANDIDATES_MAX;
}

static void add_master_values(struct completion *c, uint16_t master) {
    const struct dictionary *d = c->spot.check.v->dictionary;
    const struct property *name = dictionary_property_find(d, dictionary_type_at(d, master), SLICE("name"));
    struct value_walk walk = {.c = c, .name = name ? name->number : 0};
    if (c->spot.check.v->master)
        master_walk(c->spot.check.v->master, master, value_of_master, &walk);
}

static void add_event_values(struct completion *c) {
    const struct dictionary *d = c->spot.check.v->dictionary;
    for (uint32_t i = 1, count = dictionary_type_count(d); i < count; i++) {
        const struct type *type = dictionary_type_at(d, (uint16_t)i);
        if (type->kind == TYPE_EVENT)
            add_value(c, type->name, type->name, INT64_MAX, "event", "事件");
    }
}

/* The name that what stands at the place is compared with; 0, 0: none. */
static bool compared_with(const struct completion *c, uint32_t *from, uint32_t *to) {
    const struct scan *s = &c->spot.scan;
    const struct frame *f = &s->frames[s->frame_count - 1];
    uint32_t end = s->path < s->count ? s->path : s->count, words;
    if (f->state == FRAME_LIST && f->begin >= 2) {
        end = f->begin - 1;
        while (end && !scan_sign(s, end, SIGN_OPEN))
            end--;
    }
    const struct token *last = end ? &s->tokens[end - 1] : NULL;
    bool sign = last && last->kind == TOKEN_SIGN && last->sign >= SIGN_EQUAL;
    enum op op = sign || !last ? OP_NOTHING : scan_op(s, end, 1u << FORM_INFIX, &words);
    if (sign)
        words = 1;
    else if (op == OP_NOTHING || op == OP_AND || op == OP_OR)
        return false;
    *to = end - words;
    if (*to && scan_word(s, *to - 1, "not"))
        --*to;
    *from = scan_path(s, *to);
    return *from < *to;
}

static void add_compared(struct completion *c) {
    uint32_t from, to;
    struct node left = {0};
    struct term term;
    if (!compared_with(c, &from, &to) || !spot_name(&c->spot, from, to, &left, &term))
        return;
    c->wanted = check_is_moment(&left) ? MOMENTS : 1u << left.type;
    if (check_gender(&term)) {
        add_value(c, SLICE("male"), SLICE("male"), INT64_MAX, "1", "男");
        add_value(c, SLICE("female"), SLICE("female"), INT64_MAX, "2", "女");
        add_value(c, SLICE("unknown"), SLICE("unknown"), INT64_MAX, "0", "未知");
    } else if (term.master) {
        add_master_values(c, term.master);
    } else if (term.event) {
        add_event_values(c);
    }
}

/* --- names of definitions --- */

struct definition_walk {
    struct completion *c;
    enum kind kind;
};

static void add_definition(void *to, struct slice name) {
    static const char *const en[] = {[KIND_SEGMENT] = "segment", [KIND_TAG] = "tag", [KIND_METRIC] = "metric"};
    static const char *const zh[] = {[KIND_SEGMENT] = "分群", [KIND_TAG] = "标签", [KIND_METRIC] = "指标"};
    struct definition_walk *walk = to;
    struct completion *c = walk->c;
    unsigned matched = match(name, c->partial);
    if (matched < 2)
        add(c, walk->kind, c->from, matched,
            &(struct candidate){.insert = in_quotes(c, name),
                                .label = keep(c, name),
                                .en = slice_text(en[walk->kind]),
                                .zh = slice_text(zh[walk->kind])});
}

static void add_scores(struct completion *c) {
    const struct type *customer = dictionary_type_at(c->spot.check.v->dictionary, DICTIONARY_CUSTOMER);
    for (uint32_t i = 1; i <= customer->property_count; i++) {
        const struct property *property = dictionary_property_at(customer, (uint16_t)i);
        if (property && slice_starts(property->name, SLICE("score.")))
            add_value(c, slice_of(property->name.data + 6, property->name.size - 6),
                      slice_of(property->name.data + 6, property->name.size - 6), INT64_MAX, "score", "分数");
    }
}

/* After in segment, has tag, tag(, metric(, score(. */
static bool add_definitions(struct completion *c) {
    const struct scan *s = &c->spot.scan;
    uint32_t end = s->path < s->count ? s->path : s->count, words;
    bool open = end && scan_sign(s, end - 1, SIGN_OPEN);
    enum op op = scan_op(s, open ? end - 1 : end, 1u << FORM_NAMED, &words);
    if (op == OP_NOTHING || open == (op == OP_IN_SEGMENT || op == OP_HAS_TAG))
        return false;
    struct definition_walk walk = {c, op == OP_IN_SEGMENT ? KIND_SEGMENT : op == OP_METRIC ? KIND_METRIC : KIND_TAG};
    enum definition_kind kind = op == OP_IN_SEGMENT ? DEFINITION_SEGMENT
                                : op == OP_METRIC   ? DEFINITION_METRIC
                                                    : DEFINITION_TAG;
    const struct vocabulary *v = c->spot.check.v;
    if (op == OP_SCORE)
        add_scores(c);
    else if (v->each)
        v->each(v->context, kind, add_definition, &walk);
    return true;
}

/* --- the way in --- */

static bool moment_expected(const struct scan *s, uint32_t end) {
    static const char *const words[] = {"since", "until", "anniversary", "before", "after", "from", "to", "on"};
    bool expected = false;
    for (size_t i = 0; end && i < sizeof words / sizeof *words; i++)
        expected = expected || scan_word(s, end - 1, words[i]);
    return expected;
}

static void collect(struct completion *c) {
    const struct scan *s = &c->spot.scan;
    const struct frame *f = &s->frames[s->frame_count - 1];
    uint32_t end = s->path < s->count ? s->path : s->count;
    if (s->in_comment || add_row_fields(c) || add_definitions(c))
        return;
    if (moment_expected(s, end))
        c->wanted = MOMENTS;
    if (value_expected(s, end) || f->state == FRAME_LIST)
        add_compared(c);
    if (s->in_text)
        return;
    if (f->state == FRAME_SOURCE && end <= f->source)
        add_sources(c);
    else if (f->state != FRAME_SOURCE && value_expected(s, end) && !(f->state == FRAME_WINDOW && end == f->begin))
        add_values(c);
    add_words(c);
}

static int by_rank(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void write_candidate(const struct candidate *candidate, struct json_writer *w) {
    json_object(w);
    json_member_integer(w, "from", candidate->from);
    json_member_text(w, "insert", candidate->insert);
    json_member_text(w, "label", candidate->label);
    json_member_cstring(w, "kind", candidate->kind);
    json_member_text(w, "en", candidate->en);
    json_member_text(w, "zh", candidate->zh);
    if (candidate->valid_to != INT64_MAX)
        json_member_time(w, "valid_to", candidate->valid_to);
    json_end_object(w);
}

/* What is typed so far as one text, and where it begins. */
static void find_partial(struct completion *c) {
    const struct scan *s = &c->spot.scan;
    struct buffer path = {0};
    c->partial = s->partial;
    c->from = s->partial_from;
    if (s->path >= s->count || scan_sign(s, s->path, SIGN_DOT))
        return;
    c->from = s->tokens[s->path].place;
    for (uint32_t i = s->path; i < s->count; i++)
        if (scan_sign(s, i, SIGN_DOT))
            buffer_add_char(&path, '.');
        else
            buffer_add_slice(&path, s->tokens[i].text);
    c->partial = keep(c, buffer_slice(&path));
    buffer_release(&path);
}

void check_complete(const struct vocabulary *vocabulary, struct slice text, uint32_t at, size_t limit,
                    struct json_writer *w) {
    struct completion c = {0};
    spot_open(&c.spot, vocabulary, text, at);
    find_partial(&c);
    collect(&c);
    size_t count = c.candidates.size / sizeof(struct candidate);
    struct candidate *candidates = (struct candidate *)(void *)c.candidates.data;
    if (count)
        qsort(candidates, count, sizeof *candidates, by_rank);
    json_array(w);
    for (size_t i = 0; i < count && i < limit; i++)
        write_candidate(&candidates[i], w);
    json_end_array(w);
    buffer_release(&c.candidates);
    spot_close(&c.spot);
}

/* range_column: columns of ranges: stored ones as they lie, gathered ones made of cells, and reading both. */
#include <assert.h>

#include "base/decimal.h"
#include "history/range_inside.h"

/* --- reading --- */

static uint64_t raw_of(const void *data, unsigned width, uint32_t row) {
    switch (width) {
    case 1:
        return ((const uint8_t *)data)[row];
    case 2:
        return ((const uint16_t *)data)[row];
    case 4:
        return ((const uint32_t *)data)[row];
    case 8:
        return ((const uint64_t *)data)[row];
    default:
        return 0;
    }
}

/* Text `i` of a stored column, whole. */
static struct slice stored_text(const struct range_column *c, uint64_t i, struct buffer *scratch) {
    struct slice middle = table_text_at(c->table, c->head, i);
    if (!c->head->base || !middle.data)
        return middle;
    struct table_affix affix = table_affix_of(c->table, c->head);
    buffer_clear(scratch);
    buffer_add_slice(scratch, affix.prefix);
    buffer_add_slice(scratch, middle);
    buffer_add_slice(scratch, affix.suffix);
    return buffer_slice(scratch);
}

struct slice range_code_text(const struct range_column *c, uint32_t code, struct buffer *scratch) {
    assert(c->form == COLUMN_CODED);
    return code < c->code_count ? stored_text(c, code, scratch) : SLICE_NONE;
}

struct slice range_text(const struct range_column *c, uint32_t row, struct buffer *scratch) {
    if (c->form == COLUMN_CODED)
        return range_code_text(c, (uint32_t)raw_of(c->data, c->width, row), scratch);
    if (c->form != COLUMN_TEXTS)
        return SLICE_NONE;
    return c->texts ? c->texts[row] : stored_text(c, row, scratch);
}

int64_t range_integer(const struct range_column *c, uint32_t row) {
    uint64_t raw = raw_of(c->data, c->width, row);
    if (c->form == COLUMN_LOOKED_UP)
        return raw < c->code_count ? c->numbers[raw] : 0;
    return c->form == COLUMN_WHOLE ? (int64_t)((uint64_t)c->base + (uint64_t)c->multiple * raw) : 0;
}

int64_t range_row_time(const struct range_rows *rows, uint32_t row) {
    return table_time_of(range_integer(&rows->seconds, row), range_integer(&rows->ms, row));
}

uint64_t column_bytes(const struct range_column *c, uint32_t rows) {
    uint64_t bytes = c->absent ? rows / 8 : 0;
    switch (c->form) {
    case COLUMN_NOTHING:
    case COLUMN_PENDING:
        return 0;
    case COLUMN_TEXTS:
        return bytes + (c->texts ? sizeof(struct slice) : 4) * (uint64_t)rows;
    case COLUMN_CHILDREN:
        return bytes + (c->child_begins ? c->child->end / 8 : 4ull * rows);
    default:
        return bytes + (uint64_t)c->width * rows;
    }
}

/* --- cells --- */

static struct slice text_whole(struct arena *arena, const struct table_head *t, const struct column_head *c,
                               uint32_t row) {
    struct slice middle = table_text_at(t, c, c->encoding == COLUMN_TEXT_CODES ? table_code(t, c, row) : row);
    struct table_affix affix = table_affix_of(t, c);
    if (affix.prefix.size + affix.suffix.size == 0 || !middle.data)
        return middle;
    size_t size = affix.prefix.size + middle.size + affix.suffix.size;
    char *whole = arena_get(arena, size);
    memcpy(whole, affix.prefix.data, affix.prefix.size);
    memcpy(whole + affix.prefix.size, middle.data, middle.size);
    memcpy(whole + affix.prefix.size + middle.size, affix.suffix.data, affix.suffix.size);
    return slice_of(whole, size);
}

static struct cell cell_of_column(struct arena *arena, const struct table_head *t, const struct column_head *c,
                                  uint32_t row) {
    struct cell cell = {.kind = c->kind, .scale = c->scale};
    switch (c->encoding) {
    case COLUMN_INTEGER:
    case COLUMN_INTEGER_CODES:
        cell.integer = column_integer(t, c, row);
        break;
    case COLUMN_REAL:
        cell.kind = VALUE_REAL;
        cell.real = ((const double *)((const char *)t + c->data))[row];
        break;
    case COLUMN_TEXT:
    case COLUMN_TEXT_CODES:
        cell.kind = VALUE_TEXT;
        cell.text = text_whole(arena, t, c, row);
        break;
    default:
        break;
    }
    return cell;
}

static struct cell cell_of_value(const struct record_head *r, const struct record_value *v) {
    struct cell cell = {.kind = v->kind, .scale = v->scale};
    if (v->kind == VALUE_TEXT)
        cell.text = record_text(r, v);
    else if (v->kind == VALUE_REAL)
        cell.real = v->real;
    else
        cell.integer = v->integer;
    return cell;
}

bool cell_find(struct arena *arena, const struct table_source *s, uint16_t property, struct cell_column *known,
               struct cell *cell) {
    *cell = (struct cell){.kind = VALUE_MISSING};
    if (!s->table) {
        for (uint32_t i = 0; i < s->value_count; i++)
            if (s->values[i].property == property) {
                *cell = cell_of_value(s->record, &s->values[i]);
                return true;
            }
        return false;
    }
    if (known->table != s->table)
        *known = (struct cell_column){s->table, table_column(s->table, property)};
    const struct column_head *c = known->column;
    if (!c)
        return false;
    if (bitmap_get(s->table, c->absent, s->row))
        return bitmap_get(s->table, c->nulls, s->row);
    *cell = cell_of_column(arena, s->table, c, s->row);
    return true;
}

int column_type(const struct history *h, uint16_t type, uint16_t property) {
    if (property >= RANGE_TIME || type >= dictionary_type_count(h->dictionary))
        return -1;
    const struct property *p = dictionary_property_at(dictionary_type_at(h->dictionary, type), property);
    return p ? atomic_load_explicit(&((struct property *)p)->type, memory_order_relaxed) : -1;
}

/* Whether a value of this kind is one of a property of this type as it stands. */
static bool fits(int type, uint8_t kind) {
    switch (type) {
    case PROPERTY_TEXT:
        return kind == VALUE_TEXT;
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        return kind == VALUE_NUMBER || kind == VALUE_REAL;
    case PROPERTY_BOOL:
        return kind == VALUE_BOOL;
    case PROPERTY_TIME:
        return kind == VALUE_TIME;
    case PROPERTY_DATE:
        return kind == VALUE_DATE;
    case PROPERTY_TEXT_LIST:
    case PROPERTY_NUMBER_LIST:
        return kind == VALUE_LIST;
    case PROPERTY_ITEMS:
        return kind == VALUE_ITEMS;
    default:
        return true;
    }
}

static struct slice written(struct arena *arena, const struct cell *cell) {
    struct buffer text = {0};
    int64_t bits;
    memcpy(&bits, &cell->integer, sizeof bits);
    table_value_text(cell->kind, cell->scale, bits, &text);
    struct slice kept = arena_copy(arena, buffer_slice(&text));
    buffer_release(&text);
    return kept;
}

/* Brings a value to the property's type: numbers and the like as text, text as a number where it is one; else it is absent. */
static void convert(struct arena *arena, struct cell *cell, int type) {
    struct decimal number;
    if (cell->kind == VALUE_MISSING || fits(type, cell->kind))
        return;
    if (type == PROPERTY_TEXT && cell->kind < VALUE_TEXT) {
        cell->text = written(arena, cell);
        cell->kind = VALUE_TEXT;
    } else if ((type == PROPERTY_NUMBER || type == PROPERTY_MONEY) && cell->kind == VALUE_TEXT &&
               decimal_parse(cell->text, &number) == STATUS_OK) {
        *cell = (struct cell){.kind = VALUE_NUMBER, .scale = (uint8_t)number.scale, .integer = number.value};
    } else {
        cell->kind = VALUE_MISSING;
    }
}

void column_of_integers(const int64_t *values, enum value_kind kind, struct range_column *out) {
    *out =
        (struct range_column){.form = COLUMN_WHOLE, .width = 8, .kind = (uint8_t)kind, .multiple = 1, .data = values};
}

static void take_absent(struct arena *arena, const struct cell *cells, uint32_t count, struct range_column *out) {
    uint32_t absent = 0;
    for (uint32_t i = 0; i < count; i++)
        absent += cells[i].kind == VALUE_MISSING;
    if (!absent)
        return;
    size_t bytes = (count + 63) / 64 * 8;
    uint8_t *bits = memset(arena_get(arena, bytes), 0, bytes);
    for (uint32_t i = 0; i < count; i++)
        if (cells[i].kind == VALUE_MISSING)
            bits[i / 8] |= (uint8_t)(1 << (i % 8));
    out->absent = bits;
}

/* Numbers at the highest scale among them; false where one has no exact decimal, or does not fit there. */
static bool exact_numbers(const struct cell *cells, uint32_t count, int64_t *values, uint8_t *scale) {
    *scale = 0;
    for (uint32_t i = 0; i < count; i++)
        if (cells[i].kind == VALUE_REAL)
            return false;
        else if (cells[i].kind == VALUE_NUMBER && cells[i].scale > *scale)
            *scale = cells[i].scale;
    for (uint32_t i = 0; i < count; i++) {
        values[i] = cells[i].kind == VALUE_NUMBER ? cells[i].integer : 0;
        if (!decimal_rescale(&values[i], cells[i].kind == VALUE_NUMBER ? cells[i].scale : 0, *scale))
            return false;
    }
    return true;
}

static void number_column(struct arena *arena, const struct cell *cells, uint32_t count, struct range_column *out) {
    int64_t *values = arena_get(arena, count * sizeof *values);
    uint8_t scale;
    if (exact_numbers(cells, count, values, &scale)) {
        column_of_integers(values, VALUE_NUMBER, out);
        out->scale = scale;
        return;
    }
    double *reals = (double *)(void *)values;
    for (uint32_t i = 0; i < count; i++)
        reals[i] = cells[i].kind == VALUE_REAL     ? cells[i].real
                   : cells[i].kind == VALUE_NUMBER ? decimal_real(cells[i].integer, cells[i].scale)
                                                   : 0;
    *out = (struct range_column){.form = COLUMN_DOUBLES, .width = 8, .kind = VALUE_REAL, .data = reals};
}

static void text_column(struct arena *arena, const struct cell *cells, uint32_t count, struct range_column *out) {
    struct slice *texts = arena_get(arena, count * sizeof *texts);
    for (uint32_t i = 0; i < count; i++)
        texts[i] = cells[i].kind == VALUE_TEXT ? cells[i].text : SLICE_NONE;
    *out = (struct range_column){.form = COLUMN_TEXTS, .kind = VALUE_TEXT, .texts = texts};
}

void column_of_cells(struct arena *arena, struct cell *cells, uint32_t count, int type, struct range_column *out) {
    uint8_t kind = VALUE_MISSING;
    *out = (struct range_column){.form = COLUMN_NOTHING};
    for (uint32_t i = 0; i < count; i++) {
        convert(arena, &cells[i], type);
        if (cells[i].kind == VALUE_LIST || cells[i].kind == VALUE_ITEMS)
            cells[i].kind = VALUE_MISSING;
        else if (cells[i].kind != VALUE_MISSING && kind != VALUE_REAL)
            kind = cells[i].kind;
    }
    if (kind == VALUE_MISSING)
        return;
    if (kind == VALUE_TEXT) {
        text_column(arena, cells, count, out);
    } else if (kind == VALUE_NUMBER || kind == VALUE_REAL) {
        number_column(arena, cells, count, out);
    } else {
        int64_t *values = arena_get(arena, count * sizeof *values);
        for (uint32_t i = 0; i < count; i++)
            values[i] = cells[i].kind == VALUE_MISSING ? 0 : cells[i].integer;
        column_of_integers(values, (enum value_kind)kind, out);
    }
    take_absent(arena, cells, count, out);
}

/* --- stored columns as they lie --- */

static const void *at(const struct table_head *t, uint64_t offset) { return (const char *)t + offset; }

#define OFFSETS_AT_ONCE 32

/* The count is fixed, so that compilers make it vectors. */
static uint32_t descents(const uint32_t *offsets) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < OFFSETS_AT_ONCE; i++)
        found |= offsets[i] > offsets[i + 1];
    return found;
}

/* Offsets of a file are looked at before a kernel walks by them. */
static bool ascending(const uint32_t *offsets, uint32_t count, uint32_t limit) {
    uint32_t bad = 0, i = 0;
    for (; count - i >= OFFSETS_AT_ONCE; i += OFFSETS_AT_ONCE)
        bad |= descents(offsets + i);
    for (; i < count; i++)
        bad |= offsets[i] > offsets[i + 1];
    return !bad && offsets[count] <= limit;
}

void column_of_head(struct range *range, const struct table_head *t, const struct column_head *c,
                    struct range_column *out) {
    *out = (struct range_column){.form = COLUMN_WHOLE,
                                 .width = c->width,
                                 .kind = c->kind,
                                 .scale = c->scale,
                                 .base = c->base,
                                 .multiple = c->multiple,
                                 .data = at(t, c->data)};
    if (c->encoding == COLUMN_INTEGER)
        return;
    int64_t *numbers = arena_get(&range->arena, (c->dictionary_count + 1ull) * sizeof *numbers);
    for (uint32_t i = 0; i < c->dictionary_count; i++)
        numbers[i] = c->multiple == 8 ? ((const int64_t *)at(t, c->dictionary))[i]
                                      : (int64_t)((uint64_t)c->base + ((const uint32_t *)at(t, c->dictionary))[i]);
    out->form = COLUMN_LOOKED_UP;
    out->code_count = c->dictionary_count;
    out->numbers = numbers;
}

static uint16_t item_type_of(const struct range *range, uint16_t type, uint16_t property) {
    const struct property *p = dictionary_property_at(dictionary_type_at(range->history->dictionary, type), property);
    return p ? atomic_load_explicit(&((struct property *)p)->item_type, memory_order_relaxed) : 0;
}

void column_children_types(const struct range *range, uint16_t type, const struct column_want *want,
                           struct children_types *out) {
    static const struct column_want element = {0};
    int property = column_type(range->history, type, want->property);
    *out = (struct children_types){.kind = VALUE_ITEMS, .columns = want->items, .count = want->item_count};
    if (property == PROPERTY_ITEMS) {
        out->type = item_type_of(range, type, want->property);
        return;
    }
    out->kind = VALUE_LIST;
    out->columns = &element;
    out->count = 1;
    out->type = UINT16_MAX;
    out->element = property == PROPERTY_TEXT_LIST ? PROPERTY_TEXT : PROPERTY_NUMBER;
}

#define WIDEN(type)                                                                                                    \
    for (uint32_t i = 0; i < t->row_count; i++)                                                                        \
    out[i] = (int64_t)((uint64_t)c->base + (uint64_t)c->multiple * ((const type *)at(t, c->data))[i])

int64_t *column_widened(struct range *range, const struct table_head *t, const struct column_head *c) {
    int64_t *out = arena_get(&range->arena, (t->row_count + 1ull) * sizeof *out);
    if (c && c->encoding == COLUMN_INTEGER && c->width == 1)
        WIDEN(uint8_t);
    else if (c && c->encoding == COLUMN_INTEGER && c->width == 2)
        WIDEN(uint16_t);
    else if (c && c->encoding == COLUMN_INTEGER && c->width == 4)
        WIDEN(uint32_t);
    else
        for (uint32_t i = 0; i < t->row_count; i++)
            out[i] = c ? column_integer(t, c, i) : 0;
    return out;
}

static bool children_of_table(struct range *range, const struct table_head *t, struct run rows,
                              const struct column_head *c, const struct column_want *want, uint16_t type,
                              struct range_column *out) {
    const struct table_head *child = at(t, c->dictionary);
    const uint32_t *starts = at(t, c->data);
    const uint64_t *begins = range->form == FORM_SPAN && c->base ? at(t, (uint64_t)c->base) : NULL;
    struct children_types types;
    column_children_types(range, type, want, &types);
    if (begins)
        starts = NULL;
    else if (!ascending(starts + rows.first, rows.end - rows.first, child->row_count))
        return false;
    struct range_column *columns = arena_get(&range->arena, (types.count + 1ull) * sizeof *columns);
    struct range_rows *made = arena_get(&range->arena, sizeof *made);
    const struct run all = {starts ? starts[rows.first] : 0, starts ? starts[rows.end] : child->row_count};
    *made = (struct range_rows){.first = all.first, .end = all.end, .columns = columns};
    for (uint32_t i = 0; i < types.count; i++) {
        const struct column_head *stored =
            types.kind == VALUE_LIST ? table_column(child, types.columns[i].property) : NULL;
        if (stored && stored->kind != VALUE_MISSING && !fits(types.element, stored->kind))
            return false;
        if (!column_of_table(range, child, all, &types.columns[i], types.type, &columns[i]))
            return false;
    }
    *out = (struct range_column){.form = COLUMN_CHILDREN, .kind = types.kind, .child = made, .child_starts = starts};
    out->child_begins = begins;
    return true;
}

/* Whatever a damaged file says, they ascend up to the count of child rows. */
static const uint32_t *starts_of_begins(struct range *range, const uint64_t *begins, uint32_t rows, uint32_t children) {
    uint32_t *starts = arena_get(&range->arena, (rows + 1ull) * sizeof *starts), row = 0;
    for (uint32_t i = 0; i < children && row < rows; i++)
        if (begins[i / 64] >> (i % 64) & 1)
            starts[row++] = i;
    while (row <= rows)
        starts[row++] = children;
    starts[0] = 0;
    return starts;
}

const uint32_t *range_child_starts(struct range *range, const struct range_column *column) {
    struct range_column *c = (struct range_column *)column;
    assert(c->form == COLUMN_CHILDREN);
    if (c->child_starts)
        return c->child_starts;
    const uint32_t *stored = at(c->table, c->head->data), rows = c->table->row_count, children = c->child->end;
    bool good = stored[rows] == children && ascending(stored, rows, children);
    return c->child_starts = good ? stored : starts_of_begins(range, c->child_begins, rows, children);
}

static uint8_t hint_at(uint32_t kind, uint16_t property) {
    return (uint8_t)(((kind * 31 + property) * 0x9e3779b1u) >> 24); /* of COLUMN_HINTS */
}
_Static_assert(COLUMN_HINTS == 256, "a byte leads to a hint");
#define HINT_NOWHERE UINT8_MAX /* there was none, or it stood too far back */

const struct column_head *range_find_column(struct range *range, const struct table_head *t, uint32_t kind,
                                            uint16_t property) {
    uint8_t *hint = &range->column_hints[hint_at(kind, property)];
    if (*hint && *hint <= t->column_count && table_columns(t)[*hint - 1].property == property)
        return &table_columns(t)[*hint - 1];
    const struct column_head *c = table_column(t, property);
    ptrdiff_t at = c ? c - table_columns(t) : HINT_NOWHERE;
    *hint = at < HINT_NOWHERE ? (uint8_t)(at + 1) : HINT_NOWHERE;
    return c;
}

#define HEAD_LINES 14 /* of a table of which nothing is known: its head and the columns' */

void range_fetch_column(const struct range *range, const struct table_head *t, uint32_t kind, uint16_t property) {
    uint8_t hint = range->column_hints[hint_at(kind, property)];
    const char *at = (const char *)t;
    for (unsigned i = 0; t && !hint && i < HEAD_LINES; i++)
        __builtin_prefetch(at + 64 * (size_t)i);
    if (!t || !hint || hint == HINT_NOWHERE)
        return;
    at = (const char *)&table_columns(t)[hint - 1];
    __builtin_prefetch(at);
    __builtin_prefetch(at + sizeof(struct column_head) - 1);
}

bool column_of_table(struct range *range, const struct table_head *t, struct run rows, const struct column_want *want,
                     uint16_t type, struct range_column *out) {
    const struct column_head *c = range_find_column(range, t, type, want->property);
    int property = column_type(range->history, type, want->property);
    *out = (struct range_column){.form = COLUMN_NOTHING};
    if (!c || c->absent_count == t->row_count || c->kind == VALUE_MISSING)
        return true;
    if (!fits(property, c->encoding == COLUMN_REAL ? VALUE_REAL : c->kind))
        return false;
    switch (c->encoding) {
    case COLUMN_INTEGER:
    case COLUMN_INTEGER_CODES:
        column_of_head(range, t, c, out);
        break;
    case COLUMN_REAL:
        *out = (struct range_column){.form = COLUMN_DOUBLES, .width = 8, .kind = VALUE_REAL, .data = at(t, c->data)};
        break;
    case COLUMN_TEXT_CODES:
        *out = (struct range_column){.form = COLUMN_CODED,
                                     .width = c->width,
                                     .kind = VALUE_TEXT,
                                     .code_count = c->dictionary_count,
                                     .data = at(t, c->data)};
        break;
    case COLUMN_TEXT:
        *out = (struct range_column){.form = COLUMN_TEXTS, .kind = VALUE_TEXT, .data = at(t, c->data)};
        break;
    default:
        if (!children_of_table(range, t, rows, c, want, type, out))
            return false;
    }
    out->absent = c->absent ? at(t, c->absent) : NULL;
    out->table = t;
    out->head = c;
    return true;
}

bool column_of_system(struct range *range, const struct table_head *t, struct run rows, uint16_t property,
                      struct range_column *out) {
    static const uint16_t stored[] = {[RANGE_RECEIVED - RANGE_TIME] = TABLE_RECEIVED,
                                      [RANGE_UPDATED - RANGE_TIME] = TABLE_UPDATED,
                                      [RANGE_SOURCE - RANGE_TIME] = TABLE_SOURCE,
                                      [RANGE_POSITION - RANGE_TIME] = TABLE_POSITION};
    if (property == RANGE_TARGET)
        return column_of_targets(range, t, rows, out);
    uint16_t of = property <= RANGE_POSITION ? stored[property - RANGE_TIME] : 0;
    const struct column_head *c = of ? range_find_column(range, t, t->type, of) : NULL;
    if (!c)
        return false;
    column_of_head(range, t, c, out);
    out->kind = property == RANGE_RECEIVED || property == RANGE_UPDATED ? VALUE_TIME : VALUE_NUMBER;
    return true;
}

void column_one_row(struct arena *arena, struct range_column *c, uint32_t row) {
    if (c->absent && (c->absent[row / 8] >> (row % 8) & 1)) {
        *c = (struct range_column){.form = COLUMN_NOTHING};
        return;
    }
    c->absent = NULL;
    switch (c->form) {
    case COLUMN_WHOLE:
    case COLUMN_LOOKED_UP:
    case COLUMN_DOUBLES:
    case COLUMN_CODED:
        c->data = (const char *)c->data + (size_t)c->width * row;
        break;
    case COLUMN_TEXTS: {
        struct slice *text = arena_get(arena, sizeof *text);
        *text = text_whole(arena, c->table, c->head, row);
        c->texts = text;
        break;
    }
    case COLUMN_CHILDREN:
        c->child_starts += row;
        break;
    default:
        break;
    }
}

/* table: reading columns where they lie. Building is table_build.c. */
#include "history/table.h"

#include <assert.h>

#include "base/decimal.h"
#include "base/time.h"
#include "history/history.h"

static const void *at(const struct table_head *t, uint64_t offset) { return (const char *)t + offset; }

static bool inside(const struct table_head *t, uint64_t offset, uint64_t size) {
    return offset <= t->bytes && size <= t->bytes - offset;
}

static bool check_offsets(const struct table_head *t, uint64_t offset, uint64_t count, uint64_t limit) {
    if (offset % 4 || !inside(t, offset, (count + 1) * 4))
        return false;
    const uint32_t *o = at(t, offset);
    return o[0] == 0 && o[count] <= limit;
}

static bool check_table(const struct table_head *t, size_t size, unsigned depth);

/* What all texts of a column begin and end with. */
static uint64_t affix_bytes(const struct column_head *c) {
    return ((uint64_t)c->multiple & UINT32_MAX) + ((uint64_t)c->multiple >> 32);
}

static bool check_affix(const struct table_head *t, const struct column_head *c) {
    return c->base == 0 || (c->base > 0 && inside(t, (uint64_t)c->base, affix_bytes(c)));
}

/* The bitmap of children that are their row's first, in whole words. */
static bool check_begins(const struct table_head *t, const struct column_head *c, uint32_t children) {
    return c->base == 0 ||
           (c->base > 0 && c->base % 8 == 0 && inside(t, (uint64_t)c->base, ((uint64_t)children + 63) / 64 * 8));
}

static bool check_column(const struct table_head *t, const struct column_head *c, unsigned depth) {
    uint64_t rows = t->row_count, bitmap_bytes = (rows + 7) / 8;
    if ((c->absent && !inside(t, c->absent, bitmap_bytes)) || (c->nulls && !inside(t, c->nulls, bitmap_bytes)))
        return false;
    if (c->width > 8 || (c->width & (c->width - 1)) || c->data % 8 || c->scale > DECIMAL_SCALE_MAX)
        return false;
    if (c->property >= TABLE_SYSTEM && c->encoding > COLUMN_INTEGER_CODES)
        return false;
    switch (c->encoding) {
    case COLUMN_INTEGER:
        return c->kind <= VALUE_DATE && inside(t, c->data, rows * c->width);
    case COLUMN_INTEGER_CODES:
        return c->kind <= VALUE_DATE && c->dictionary % 8 == 0 && inside(t, c->data, rows * c->width) &&
               (c->multiple == 4 || c->multiple == 8) &&
               inside(t, c->dictionary, (uint64_t)c->multiple * c->dictionary_count);
    case COLUMN_REAL:
        return inside(t, c->data, rows * 8);
    case COLUMN_TEXT_CODES:
        if (c->dictionary % 8 || c->dictionary > t->bytes || column_texts(c) > t->bytes)
            return false;
        return check_affix(t, c) && inside(t, c->data, rows * c->width) && column_offset(t, c, 0) == 0 &&
               column_offset(t, c, c->dictionary_count) <= t->bytes - column_texts(c);
    case COLUMN_TEXT:
        return !(c->flags & COLUMN_OFFSETS_16) && check_affix(t, c) && c->dictionary <= t->bytes &&
               check_offsets(t, c->data, rows, t->bytes - c->dictionary);
    case COLUMN_ROWS: {
        if (depth || c->dictionary % 8 || !inside(t, c->dictionary, sizeof(struct table_head)))
            return false; /* items hold no rows of their own */
        const struct table_head *child = at(t, c->dictionary);
        bool list = c->kind == VALUE_LIST;
        return (list || c->kind == VALUE_ITEMS) && (!list || child->column_count <= 1) &&
               check_table(child, t->bytes - c->dictionary, depth + 1) && check_begins(t, c, child->row_count) &&
               check_offsets(t, c->data, rows, child->row_count);
    }
    default:
        return false;
    }
}

static bool check_table(const struct table_head *t, size_t size, unsigned depth) {
    if (size < sizeof *t || t->magic != TABLE_MAGIC || t->kind >= TYPE_KIND_COUNT || t->bytes > size ||
        t->bytes < sizeof *t || !inside(t, sizeof *t, t->column_count * sizeof(struct column_head)))
        return false;
    size_t starts_bytes = t->starts_form == STARTS_BLOCKS ? sizeof(struct starts_block) * STARTS_BLOCKS_COUNT
                                                          : sizeof(uint32_t) * (SPAN_CUSTOMERS + 1);
    if (t->starts_form > STARTS_BLOCKS || (t->starts && (t->starts % 4 || !inside(t, t->starts, starts_bytes))))
        return false;
    for (unsigned i = 0; i < t->column_count; i++)
        if (!check_column(t, &table_columns(t)[i], depth) ||
            (i && table_columns(t)[i].property <= table_columns(t)[i - 1].property))
            return false;
    return true;
}

bool table_check(const struct table_head *t, size_t size) { return check_table(t, size, 0); }

const struct column_head *table_column(const struct table_head *t, uint16_t property) {
    const struct column_head *c = table_columns(t);
    unsigned low = 0, high = t->column_count;
    while (low < high) { /* columns ascend by property */
        unsigned middle = (low + high) / 2;
        if (c[middle].property < property)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->column_count && c[low].property == property ? &c[low] : NULL;
}

static uint64_t raw(const void *data, unsigned width, uint32_t row) {
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

int64_t column_integer(const struct table_head *t, const struct column_head *c, uint32_t row) {
    uint64_t r = raw(at(t, c->data), c->width, row);
    if (c->encoding == COLUMN_INTEGER_CODES && r >= c->dictionary_count)
        return 0;
    if (c->encoding == COLUMN_INTEGER_CODES && c->multiple == 8)
        return ((const int64_t *)at(t, c->dictionary))[r];
    if (c->encoding == COLUMN_INTEGER_CODES)
        return (int64_t)((uint64_t)c->base + ((const uint32_t *)at(t, c->dictionary))[r]);
    return (int64_t)((uint64_t)c->base + (uint64_t)c->multiple * r);
}

int64_t table_system_value(const struct table_head *t, enum table_system which, uint32_t row) {
    const struct column_head *c = table_column(t, (uint16_t)which);
    return c ? column_integer(t, c, row) : 0;
}

bool table_is_top(const struct table_head *t) {
    struct table_order order = table_order_of(t);
    return order.seconds && order.ms && order.position && (t->starts || table_column(t, TABLE_OWNER));
}

/* They stand close behind each other. */
struct table_order table_order_of(const struct table_head *t) {
    struct table_order order = {t, table_column(t, TABLE_TIME_S), NULL, NULL};
    const struct column_head *end = table_columns(t) + t->column_count;
    for (const struct column_head *c = order.seconds; c && c < end && c->property <= TABLE_POSITION; c++) {
        order.ms = c->property == TABLE_TIME_MS ? c : order.ms;
        order.position = c->property == TABLE_POSITION ? c : order.position;
    }
    return order;
}

/* As the starts say, whatever that is. */
static void stored_range(const struct table_head *t, uint32_t owner, uint32_t *first, uint32_t *end) {
    if (t->starts_form == STARTS_BLOCKS) {
        const struct starts_block *block = (const struct starts_block *)at(t, t->starts) + owner / STARTS_BLOCK;
        uint32_t i = owner % STARTS_BLOCK;
        *first = block->start + (i ? block->ends[i - 1] : 0u);
        *end = (uint32_t)block->start + block->ends[i];
    } else {
        const uint32_t *starts = at(t, t->starts);
        *first = starts[owner];
        *end = starts[owner + 1];
    }
}

void table_range(const struct table_head *t, uint32_t owner, uint32_t *first, uint32_t *end) {
    assert(owner < SPAN_CUSTOMERS);
    if (t->starts) {
        stored_range(t, owner, first, end);
        *end = *end < t->row_count ? *end : t->row_count;
        *first = *first < *end ? *first : *end;
        return;
    }
    const struct column_head *c = table_column(t, TABLE_OWNER);
    uint32_t low = 0, high = c ? t->row_count : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((uint64_t)column_integer(t, c, middle) < owner)
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (c && low < t->row_count && (uint64_t)column_integer(t, c, low) == owner)
        low++;
    *end = low;
}

struct table_affix table_affix_of(const struct table_head *t, const struct column_head *c) {
    struct table_affix affix = {SLICE_NONE, SLICE_NONE};
    if (c->base) {
        const char *bytes = at(t, (uint64_t)c->base);
        affix.prefix = (struct slice){bytes, (uint64_t)c->multiple & UINT32_MAX};
        affix.suffix = (struct slice){bytes + affix.prefix.size, (uint64_t)c->multiple >> 32};
    }
    return affix;
}

uint64_t table_code(const struct table_head *t, const struct column_head *c, uint32_t row) {
    return raw(at(t, c->data), c->width, row);
}

struct slice table_text_at(const struct table_head *t, const struct column_head *c, uint64_t i) {
    uint64_t texts = column_texts(c);
    if (i >= (c->encoding == COLUMN_TEXT_CODES ? c->dictionary_count : t->row_count))
        return SLICE_NONE;
    uint32_t from = column_offset(t, c, i), end = column_offset(t, c, i + 1);
    if (end < from || texts + end > t->bytes)
        return SLICE_NONE;
    return (struct slice){(const char *)t + texts + from, end - from};
}

/* The part of a row's text between what all of its column begin and end with. */
static struct slice text_of(const struct table_head *t, const struct column_head *c, uint32_t row) {
    return table_text_at(t, c, c->encoding == COLUMN_TEXT_CODES ? table_code(t, c, row) : row);
}

static void set_value(const struct table_head *t, const struct column_head *c, uint32_t row, struct record_builder *b);

static void set_rows(const struct table_head *t, const struct column_head *c, uint32_t row, struct record_builder *b) {
    const uint32_t *offsets = at(t, c->data);
    const struct table_head *child = at(t, c->dictionary);
    uint32_t first = offsets[row], end = offsets[row + 1];
    if (end > child->row_count)
        end = child->row_count;
    if (c->kind == VALUE_LIST)
        record_list_begin(b, c->property);
    else
        record_items_begin(b, c->property);
    for (uint32_t i = first; i < end; i++) {
        if (c->kind == VALUE_ITEMS)
            record_item_begin(b);
        for (unsigned k = 0; k < child->column_count; k++)
            set_value(child, &table_columns(child)[k], i, b);
    }
    if (c->kind == VALUE_LIST)
        record_list_end(b);
    else
        record_items_end(b);
}

static void set_text(const struct table_head *t, const struct column_head *c, uint32_t row, struct record_builder *b) {
    struct slice middle = text_of(t, c, row);
    if (!c->base) {
        record_set_text(b, c->property, middle);
        return;
    }
    struct table_affix affix = table_affix_of(t, c);
    struct buffer whole = {0};
    buffer_add_slice(&whole, affix.prefix);
    buffer_add_slice(&whole, middle);
    buffer_add_slice(&whole, affix.suffix);
    record_set_text(b, c->property, buffer_slice(&whole));
    buffer_release(&whole);
}

static void set_value(const struct table_head *t, const struct column_head *c, uint32_t row, struct record_builder *b) {
    if (bitmap_get(t, c->absent, row)) {
        if (bitmap_get(t, c->nulls, row))
            record_set(b, c->property, VALUE_MISSING, 0, 0);
        return;
    }
    switch (c->encoding) {
    case COLUMN_INTEGER:
    case COLUMN_INTEGER_CODES:
        record_set(b, c->property, (enum value_kind)c->kind, column_integer(t, c, row), c->scale);
        break;
    case COLUMN_REAL:
        record_set_real(b, c->property, ((const double *)at(t, c->data))[row]);
        break;
    case COLUMN_TEXT:
    case COLUMN_TEXT_CODES:
        set_text(t, c, row, b);
        break;
    default:
        set_rows(t, c, row, b);
    }
}

/* The record's head from the system columns, which stand last, in ascending order. */
static struct record_head head_of(const struct table_head *t, const struct column_head *system, uint32_t row) {
    const struct column_head *end = table_columns(t) + t->column_count;
    struct record_head head = {.type = t->type, .kind = t->kind};
    int64_t value[TABLE_SYSTEM_END - TABLE_SYSTEM] = {0};
    bool delay = false;
    for (const struct column_head *c = system; c < end; c++)
        if (c->property < TABLE_SYSTEM_END) {
            value[c->property - TABLE_SYSTEM] = column_integer(t, c, row);
            delay |= c->property == TABLE_DELAY;
        }
    head.time_ms = table_time_of(value[TABLE_TIME_S - TABLE_SYSTEM], value[TABLE_TIME_MS - TABLE_SYSTEM]);
    head.received_ms = value[TABLE_RECEIVED - TABLE_SYSTEM];
    if (delay)
        head.received_ms = (int64_t)((uint64_t)head.time_ms + (uint64_t)value[TABLE_DELAY - TABLE_SYSTEM]);
    head.position = (uint64_t)value[TABLE_POSITION - TABLE_SYSTEM];
    head.arrival = (uint32_t)value[TABLE_ARRIVAL - TABLE_SYSTEM];
    head.source = (uint16_t)value[TABLE_SOURCE - TABLE_SYSTEM];
    head.priority = (uint8_t)(value[TABLE_TRAITS - TABLE_SYSTEM] >> 16);
    head.flags = (uint16_t)value[TABLE_TRAITS - TABLE_SYSTEM];
    head.document = (uint32_t)value[TABLE_DOCUMENT - TABLE_SYSTEM];
    return head;
}

/* A row with lists or items: by the builder. */
static struct record_head *record_with_rows(const struct table_head *t, uint32_t row, const struct record_head *head,
                                            struct record_builder *b) {
    record_begin(b, head);
    for (unsigned i = 0; i < t->column_count && table_columns(t)[i].property < TABLE_SYSTEM; i++)
        set_value(t, &table_columns(t)[i], row, b);
    return record_end(b);
}

/* One scalar straight into its place; text goes behind what is in `out`. */
static struct record_value scalar_of(const struct table_head *t, const struct column_head *c, uint32_t row,
                                     struct buffer *out) {
    struct record_value v = {.property = c->property, .kind = c->kind, .scale = c->scale};
    if (c->encoding == COLUMN_REAL) {
        v.kind = VALUE_REAL;
        v.scale = 0;
        v.real = ((const double *)at(t, c->data))[row];
    } else if (c->encoding == COLUMN_TEXT || c->encoding == COLUMN_TEXT_CODES) {
        struct table_affix affix = table_affix_of(t, c);
        v.kind = VALUE_TEXT;
        v.scale = 0;
        v.offset = out->size;
        buffer_add_slice(out, affix.prefix);
        buffer_add_slice(out, text_of(t, c, row));
        buffer_add_slice(out, affix.suffix);
        v.count = (uint32_t)(out->size - v.offset);
    } else {
        v.integer = column_integer(t, c, row);
    }
    return v;
}

void table_fetch(const struct table_head *t, uint32_t row, enum table_fetch stage) {
    const struct column_head *columns = table_columns(t);
    for (unsigned i = 0; i < t->column_count; i++) {
        const struct column_head *c = &columns[i];
        const char *base = (const char *)t;
        bool codes = c->encoding == COLUMN_TEXT_CODES;
        if (stage == FETCH_VALUES) {
            __builtin_prefetch(base + c->data + (size_t)row * (c->encoding >= COLUMN_TEXT ? 4 : c->width));
            if (c->absent)
                __builtin_prefetch(base + c->absent + row / 8);
        } else if (stage == FETCH_OFFSETS && codes) {
            __builtin_prefetch(base + c->dictionary +
                               (c->flags & COLUMN_OFFSETS_16 ? 2 : 4) * raw(base + c->data, c->width, row));
        } else if (stage == FETCH_TEXTS && (codes || c->encoding == COLUMN_TEXT)) {
            __builtin_prefetch(text_of(t, c, row).data);
        }
    }
}

/* The usual row, scalars only, is laid out in one go: values at their places, with room for one of every column, text behind them.
 * This is what a profile read spends most of its time on. */
struct record_head *table_record(const struct table_head *t, uint32_t row, struct record_builder *b) {
    assert(row < t->row_count);
    const struct column_head *columns = table_columns(t);
    unsigned scalars = 0, count = 0;
    while (scalars < t->column_count && columns[scalars].property < TABLE_SYSTEM)
        scalars++;
    struct record_head head = head_of(t, columns + scalars, row);
    for (unsigned i = 0; i < scalars; i++)
        if (columns[i].encoding == COLUMN_ROWS && !bitmap_get(t, columns[i].absent, row))
            return record_with_rows(t, row, &head, b);
    struct buffer *out = &b->finished;
    size_t base = sizeof head + scalars * sizeof(struct record_value);
    buffer_clear(out);
    buffer_reserve(out, base);
    out->size = base;
    for (unsigned i = 0; i < scalars; i++) {
        const struct column_head *c = &columns[i];
        struct record_value v = {.property = c->property, .kind = VALUE_MISSING};
        if (bitmap_get(t, c->absent, row)) {
            if (!bitmap_get(t, c->nulls, row))
                continue;
        } else {
            v = scalar_of(t, c, row, out);
        }
        memcpy(out->data + sizeof head + count++ * sizeof v, &v, sizeof v);
    }
    buffer_add(out, "\0\0\0\0\0\0\0", (8 - out->size % 8) % 8);
    memset(out->data + sizeof head + count * sizeof(struct record_value), 0,
           (scalars - count) * sizeof(struct record_value));
    head.bytes = (uint32_t)out->size;
    head.value_count = (uint16_t)count;
    memcpy(out->data, &head, sizeof head);
    return (struct record_head *)out->data;
}

/* range_ahead: what a walk over spans will read, asked for before it is.
 *
 * A span is found over seven pointers (its struct, its view, the base, the base's tables, a table's head, its items' head, a column), none of
 * them in a cache, and then some thousand bytes are read of each of a few columns: too few for the hardware to guess where the next ones are.
 * So each span's way is walked a step at a time while the spans before are worked on, and at last the lines of the columns themselves are
 * asked for, some at a time between one node of the plan and the next, as many as memory can bring meanwhile. Which columns those are is
 * known from the spans before: a column that was gone over as a whole will be again. */
#include "history/range_inside.h"

#include <stdlib.h>

#define LINE_BYTES 64
#define TEXTS_FEW 40  /* entries of a dictionary that a condition asks each of */
#define TEXTS_LINES 4 /* of their offsets and texts */

/* --- which columns are gone over --- */

static uint32_t below(const struct column_want *want) { return want->item_count ? want->item_count : 1; }

static uint32_t flag_count(const struct rows_want *want) {
    uint32_t flags = 1 + want->column_count;
    for (uint32_t i = 0; i < want->column_count; i++)
        flags += below(&want->columns[i]);
    return flags;
}

void range_watch(struct rows_slot *slot, const struct rows_want *want) {
    uint32_t flags = flag_count(want), at = 1 + want->column_count;
    if (slot->scanned_count != flags) { /* never yet, or something else is wanted now */
        free(slot->scanned);
        slot->scanned = memory_get(flags, 1);
        slot->scanned_count = flags;
    }
    slot->rows.seconds.scanned = &slot->scanned[0];
    for (uint32_t i = 0; i < want->column_count; at += below(&want->columns[i++])) {
        struct range_column *c = (struct range_column *)&slot->rows.columns[i];
        c->scanned = &slot->scanned[1 + i];
        uint32_t children = c->form != COLUMN_CHILDREN ? 0 : c->kind == VALUE_ITEMS ? want->columns[i].item_count : 1;
        for (uint32_t k = 0; k < children; k++)
            ((struct range_column *)c->child->columns)[k].scanned = &slot->scanned[at + k];
    }
}

/* --- asking for lines --- */

static void fetch_lines(const void *at, unsigned lines) {
    for (unsigned i = 0; at && i < lines; i++)
        __builtin_prefetch((const char *)at + LINE_BYTES * i);
}

static void fetch_some(struct range *range, unsigned lines) {
    while (lines && range->fetch_next < range->fetch_count) {
        struct fetch *f = &range->fetches[range->fetch_next];
        for (; lines && f->at < f->end; f->at += LINE_BYTES, lines--)
            __builtin_prefetch(f->at, 0, 2);
        range->fetch_next += f->at >= f->end;
    }
}

void range_fetch(struct range *range, uint32_t lines) { fetch_some(range, lines); }

static void add_fetch(struct range *range, const struct table_head *t, uint64_t offset, uint64_t bytes) {
    const char *at = (const char *)t + offset;
    if (range->fetch_count < FETCH_MAX)
        range->fetches[range->fetch_count++] = (struct fetch){at, at + bytes};
}

static void add_column(struct range *range, const struct table_head *t, const struct column_head *c) {
    if (!c)
        return;
    uint32_t width = c->encoding == COLUMN_TEXT || c->encoding == COLUMN_ROWS ? 4 : c->width;
    add_fetch(range, t, c->data, (uint64_t)t->row_count * width);
    if (c->encoding == COLUMN_TEXT_CODES && c->dictionary_count <= TEXTS_FEW)
        add_fetch(range, t, c->dictionary, TEXTS_LINES * LINE_BYTES);
    if (c->absent)
        add_fetch(range, t, c->absent, t->row_count / 8);
}

static void add_starts(struct range *range, const struct table_head *t) {
    const struct column_head *owners = range_find_column(range, t, t->type, TABLE_OWNER);
    if (owners)
        add_column(range, t, owners);
    else if (t->starts)
        add_fetch(range, t, t->starts,
                  t->starts_form == STARTS_BLOCKS ? STARTS_BLOCKS_COUNT * sizeof(struct starts_block)
                                                  : (SPAN_CUSTOMERS + 1) * sizeof(uint32_t));
}

/* --- the way to a span, step by step --- */

static const struct base *base_ahead(const struct range *range, uint32_t span) {
    const struct span *found = history_span(range->history, span);
    return found ? span_view(found)->base : NULL;
}

static const struct table_head *table_of(const struct base *base, const struct rows_want *want) {
    return want->form == ROWS_ANY_EVENT ? NULL
           : want->form == ROWS_EVENTS  ? base_table(base, want->type)
                                        : base_current(base, want->type);
}

/* Where a column of a table in `want` stands. */
static uint16_t property_of(const struct column_want *want) {
    return want->property == RANGE_TARGET ? RELATION_CUSTOMER : want->property;
}

/* Tables below a column of such a type are alike. */
static uint32_t kind_below(uint16_t type, const struct column_want *want) {
    return 0x10000u + ((uint32_t)type << 8) + want->property;
}

static void fetch_table(const struct range *range, const struct table_head *t, const struct rows_want *want) {
    fetch_lines(t, 1);
    range_fetch_column(range, t, want->type, TABLE_TIME_S);
    range_fetch_column(range, t, want->type, TABLE_TIME_MS);
    range_fetch_column(range, t, want->type, TABLE_OWNER);
    for (uint32_t k = 0; k < want->column_count; k++)
        if (property_of(&want->columns[k]) < RANGE_TIME)
            range_fetch_column(range, t, want->type, property_of(&want->columns[k]));
}

static void fetch_heads(const struct range *range, const struct base *base, const struct range_want *want) {
    const struct table_head *attributes = want->attribute_count ? base_current(base, DICTIONARY_CUSTOMER) : NULL;
    fetch_lines(attributes, 1);
    for (uint32_t i = 0; i < want->attribute_count; i++)
        range_fetch_column(range, attributes, DICTIONARY_CUSTOMER, want->attributes[i].property);
    for (uint32_t i = 0; i < want->rows_count; i++)
        fetch_table(range, table_of(base, &want->rows[i]), &want->rows[i]);
}

static void fetch_child_heads(struct range *range, const struct base *base, const struct range_want *want) {
    for (uint32_t i = 0; i < want->rows_count; i++) {
        const struct rows_want *rows = &want->rows[i];
        const struct table_head *t = table_of(base, rows);
        for (uint32_t k = 0; t && k < rows->column_count; k++) {
            const struct column_want *w = &rows->columns[k];
            const struct column_head *c = w->item_count ? range_find_column(range, t, rows->type, w->property) : NULL;
            if (!c || c->encoding != COLUMN_ROWS)
                continue;
            const struct table_head *child = (const struct table_head *)(const void *)((const char *)t + c->dictionary);
            fetch_lines(child, 1);
            for (uint32_t item = 0; item < w->item_count; item++)
                range_fetch_column(range, child, kind_below(rows->type, w), w->items[item].property);
        }
    }
}

static void add_children(struct range *range, const struct table_head *t, const struct column_head *c,
                         const struct column_want *want, const uint8_t *scanned) {
    const struct table_head *child = (const struct table_head *)(const void *)((const char *)t + c->dictionary);
    if (c->base)
        add_fetch(range, t, (uint64_t)c->base, child->row_count / 8);
    else
        add_column(range, t, c);
    for (uint32_t k = 0; k < below(want); k++)
        if (scanned[k])
            add_column(range, child,
                       range_find_column(range, child, kind_below(t->type, want),
                                         want->item_count ? want->items[k].property : 0));
}

static void add_table(struct range *range, const struct table_head *t, const struct rows_want *want,
                      const uint8_t *scanned) {
    uint32_t at = 1 + want->column_count;
    add_starts(range, t);
    if (scanned[0])
        add_column(range, t, range_find_column(range, t, want->type, TABLE_TIME_S));
    for (uint32_t i = 0; i < want->column_count; at += below(&want->columns[i++])) {
        uint16_t property = property_of(&want->columns[i]);
        const struct column_head *c = property < RANGE_TIME ? range_find_column(range, t, want->type, property) : NULL;
        if (c && c->encoding == COLUMN_ROWS)
            add_children(range, t, c, &want->columns[i], scanned + at);
        else if (c && scanned[1 + i])
            add_column(range, t, c);
    }
}

static void add_columns(struct range *range, const struct base *base, const struct range_want *want) {
    const struct table_head *attributes = want->attribute_count ? base_current(base, 0) : NULL;
    for (uint32_t i = 0; attributes && i < want->attribute_count; i++)
        if (range->attributes[i].scanned)
            add_column(range, attributes,
                       range_find_column(range, attributes, DICTIONARY_CUSTOMER, want->attributes[i].property));
    for (uint32_t i = 0; i < want->rows_count; i++) {
        bool watched = range->rows[i].scanned && range->rows[i].scanned_count == flag_count(&want->rows[i]);
        const struct table_head *t = watched ? table_of(base, &want->rows[i]) : NULL;
        if (t)
            add_table(range, t, &want->rows[i], range->rows[i].scanned);
    }
}

void range_ahead(struct range *range, const struct range_want *want, uint32_t span) {
    const struct span *far = history_span(range->history, span + 7);
    const struct base *base;
    fetch_some(range, UINT32_MAX); /* what is left of this one */
    range->fetch_count = range->fetch_next = 0;
    if (far) {
        fetch_lines(&far->view, 1);
        fetch_lines(&far->gone_count, 1);
    }
    if ((far = history_span(range->history, span + 6)))
        fetch_lines(span_view(far), 1);
    if ((far = history_span(range->history, span + 5))) {
        fetch_lines(span_view(far)->base, 2);
        fetch_lines(span_view(far)->delta, 1);
    }
    if ((base = base_ahead(range, span + 4))) {
        fetch_lines(base->types, 1);
        fetch_lines(base->tables, 2);
        fetch_lines(base->current, 2);
    }
    if ((base = base_ahead(range, span + 3)))
        fetch_heads(range, base, want);
    if ((base = base_ahead(range, span + 2)))
        fetch_child_heads(range, base, want);
    if (range->want == want && (base = base_ahead(range, span + 1)))
        add_columns(range, base, want);
}

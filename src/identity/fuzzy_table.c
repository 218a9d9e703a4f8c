/* fuzzy_table: see the header. */
#include "identity/fuzzy_table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "govern/normalise_text.h"

void fuzzy_dictionary_release(struct fuzzy_dictionary *d) {
    arena_release(&d->texts);
    free(d->values);
    free(d->slots);
    *d = (struct fuzzy_dictionary){0};
}

/* The slot that holds `text`'s code, or the free one it would get. */
static size_t slot_of(const struct fuzzy_dictionary *d, struct slice text) {
    size_t mask = d->slot_count - 1, at = hash_bytes(text, 7) & mask;
    while (d->slots[at] && !slice_equal(d->values[d->slots[at]], text))
        at = (at + 1) & mask;
    return at;
}

static void widen(struct fuzzy_dictionary *d) {
    d->slot_count = d->slot_count ? d->slot_count * 2 : 64;
    free(d->slots);
    d->slots = memory_get(d->slot_count, sizeof *d->slots);
    for (size_t code = 1; code <= d->count; code++)
        d->slots[slot_of(d, d->values[code])] = (uint32_t)code;
}

uint32_t fuzzy_dictionary_add(struct fuzzy_dictionary *d, struct slice text) {
    if (text.size == 0)
        return 0;
    if ((d->count + 1) * 2 >= d->slot_count)
        widen(d);
    size_t at = slot_of(d, text);
    if (d->slots[at])
        return d->slots[at];
    if (d->count + 2 > d->capacity) {
        d->capacity = d->capacity ? d->capacity * 2 : 64;
        d->values = memory_resize(d->values, d->capacity, sizeof *d->values);
        d->values[0] = SLICE_NONE;
    }
    assert(d->count < UINT32_MAX - 1);
    d->values[++d->count] = arena_copy(&d->texts, text);
    return d->slots[at] = (uint32_t)d->count;
}

uint32_t fuzzy_dictionary_find(const struct fuzzy_dictionary *d, struct slice text) {
    return d->slot_count && text.size ? d->slots[slot_of(d, text)] : 0;
}

void fuzzy_table_release(struct fuzzy_table *t) {
    for (size_t i = 0; i < t->column_count; i++) {
        free(t->columns[i].name);
        free(t->columns[i].codes);
        fuzzy_dictionary_release(&t->columns[i].values);
    }
    free(t->sources);
    *t = (struct fuzzy_table){0};
}

struct fuzzy_column *fuzzy_table_find(struct fuzzy_table *t, struct slice name) {
    for (size_t i = 0; i < t->column_count; i++)
        if (slice_is(name, t->columns[i].name))
            return &t->columns[i];
    return NULL;
}

struct fuzzy_column *fuzzy_table_column(struct fuzzy_table *t, struct slice name) {
    struct fuzzy_column *column = fuzzy_table_find(t, name);
    if (column || t->column_count == FUZZY_COLUMNS_MAX)
        return column;
    column = &t->columns[t->column_count++];
    column->name = memory_text(name);
    column->codes = memory_get(t->capacity ? t->capacity : 1, sizeof *column->codes);
    return column;
}

size_t fuzzy_table_record(struct fuzzy_table *t, uint32_t source) {
    if (t->record_count == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 1024;
        t->sources = memory_resize(t->sources, t->capacity, sizeof *t->sources);
        for (size_t i = 0; i < t->column_count; i++)
            t->columns[i].codes = memory_resize(t->columns[i].codes, t->capacity, sizeof(uint32_t));
    }
    t->sources[t->record_count] = source;
    for (size_t i = 0; i < t->column_count; i++)
        t->columns[i].codes[t->record_count] = 0;
    t->source_count = source >= t->source_count ? source + 1 : t->source_count;
    return t->record_count++;
}

/* "0" and "9" are good house numbers; everything else that says "nothing here" is nothing. */
static bool says_nothing(struct slice value) {
    return value.size == 0 || (value.size > 1 && text_is_placeholder(value)) ||
           (value.size == 1 && !((value.data[0] >= '0' && value.data[0] <= '9') || (value.data[0] & 0x80) ||
                                 ((value.data[0] | 32) >= 'a' && (value.data[0] | 32) <= 'z')));
}

void fuzzy_table_set(struct fuzzy_table *t, struct fuzzy_column *column, size_t record, struct slice value) {
    assert(record < t->record_count);
    value = slice_trim(value);
    column->codes[record] = says_nothing(value) ? 0 : fuzzy_dictionary_add(&column->values, value);
}

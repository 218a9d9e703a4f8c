/* moved: see the header. */
#include "history/moved.h"

#include <assert.h>
#include <stdlib.h>

enum note_property { NOTE_ARRIVALS = 1, NOTE_TYPES = 2 };

/* --- sets --- */

void arrivals_of(const uint32_t *sorted, size_t count, struct arrivals *out) {
    *out = (struct arrivals){.sorted = sorted, .count = count};
    for (size_t i = 0; i < count; i++) {
        uint32_t bit = sorted[i] % (ARRIVALS_FILTER_WORDS * 64);
        assert(i == 0 || sorted[i - 1] < sorted[i]);
        out->filter[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

bool arrivals_search(const struct arrivals *a, uint32_t arrival) {
    return a->count && bsearch(&arrival, a->sorted, a->count, sizeof arrival, by_number) != NULL;
}

/* --- notes --- */

const struct record_head *moved_note(struct record_builder *b, const struct arrivals *a, const uint32_t *types,
                                     size_t type_count) {
    record_begin(b, &(struct record_head){.type = MOVED_TYPE, .kind = TYPE_MASTER, .flags = RECORD_MOVED});
    if (a) {
        record_list_begin(b, NOTE_ARRIVALS);
        for (size_t i = 0; i < a->count; i++)
            record_set(b, 0, VALUE_NUMBER, a->sorted[i], 0);
        record_list_end(b);
    }
    record_list_begin(b, NOTE_TYPES);
    for (size_t i = 0; i < type_count; i++)
        record_set(b, 0, VALUE_NUMBER, types[i], 0);
    record_list_end(b);
    return record_end(b);
}

bool moved_note_covers_all(const struct record_head *note) { return !record_find(note, NOTE_ARRIVALS); }

bool moved_note_covers(const struct record_head *note, uint32_t arrival) {
    const struct record_value *list = record_find(note, NOTE_ARRIVALS);
    if (!list)
        return true;
    const struct record_value *all = record_list(note, list);
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (all[middle].integer < arrival)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->count && all[low].integer == arrival;
}

void moved_note_types(const struct record_head *note, void (*each)(void *context, uint16_t type, uint8_t kind),
                      void *context) {
    const struct record_value *list = record_find(note, NOTE_TYPES);
    for (uint32_t i = 0; list && i < list->count; i++) {
        int64_t value = record_list(note, list)[i].integer;
        each(context, (uint16_t)value, (uint8_t)(value >> 16));
    }
}

/* --- of a chain --- */

void moved_meet(struct moved *m, const struct record_head *note) {
    assert(moved_is_note(note));
    if (moved_note_covers_all(note))
        m->all = true;
    else
        m->notes[m->count++] = note;
}

bool moved_covers(const struct moved *m, struct moved_key key) {
    if (m->all)
        return true;
    for (size_t i = 0; i < m->count; i++)
        if (moved_note_covers(m->notes[i], key.arrival) || (key.second && moved_note_covers(m->notes[i], key.second)))
            return true;
    return false;
}

bool moved_from_chain(const struct delta_row *newest, const struct delta_row *until, uint32_t arrival) {
    for (const struct delta_row *row = newest; row && row != until; row = row->before)
        if (moved_is_note(delta_record(row)) && moved_note_covers(delta_record(row), arrival))
            return true;
    return false;
}

/* span: delta rows and base files. */
#include "history/moved.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/large.h"
#include "base/pages.h"

struct delta *delta_create(void) {
    return memory_get(1, sizeof(struct delta));
}

void delta_free(struct delta *delta) {
    if (!delta)
        return;
    for (struct delta_block *block = delta->first; block;) {
        struct delta_block *next = atomic_load_explicit(&block->next, memory_order_relaxed);
        pages_free(block, sizeof *block + block->capacity);
        block = next;
    }
    for (unsigned i = 0; i < SPAN_CUSTOMERS / HEADS_PER_PAGE; i++)
        pages_free(atomic_load_explicit(&delta->pages[i], memory_order_relaxed), sizeof(struct heads_page));
    for (unsigned i = 0; i < TOUCHED_BUCKETS; i++)
        for (struct delta_touched *t = atomic_load_explicit(&delta->touched[i], memory_order_relaxed), *next; t;
             t = next) {
            next = t->next;
            free(t);
        }
    free(delta);
}

/* Room for one row in the last block, or a new block twice as large as the one before. */
static void *delta_room(struct delta *delta, size_t size) {
    struct delta_block *last = delta->last;
    size_t used = last ? atomic_load_explicit(&last->used, memory_order_relaxed) : 0;
    if (last && last->capacity - used >= size)
        return last->bytes + used;
    size_t bytes = last ? (sizeof *last + last->capacity) * 2 : DELTA_BLOCK_BYTES_MIN;
    bytes = bytes > DELTA_BLOCK_BYTES_MAX ? DELTA_BLOCK_BYTES_MAX : bytes;
    bytes = bytes < sizeof *last + size ? sizeof *last + size : bytes;
    struct delta_block *block = pages_take(bytes);
    block->capacity = bytes - sizeof *block;
    atomic_init(&block->next, NULL);
    atomic_init(&block->used, 0);
    if (last)
        atomic_store_explicit(&last->next, block, memory_order_release);
    else
        delta->first = block;
    delta->last = block;
    atomic_fetch_add_explicit(&delta->bytes, bytes, memory_order_relaxed);
    return block->bytes;
}

static const struct delta_row *_Atomic *head_of(struct delta *delta, uint32_t owner) {
    struct heads_page *_Atomic *slot = &delta->pages[owner / HEADS_PER_PAGE];
    struct heads_page *page = atomic_load_explicit(slot, memory_order_relaxed);
    if (!page) {
        page = pages_get(sizeof *page);
        atomic_store_explicit(slot, page, memory_order_release);
        atomic_fetch_add_explicit(&delta->bytes, sizeof *page, memory_order_relaxed);
    }
    return &page->head[owner % HEADS_PER_PAGE];
}

const struct delta_touched *delta_touched(const struct delta *delta, uint16_t type) {
    const struct delta_touched *t = atomic_load_explicit(&delta->touched[type % TOUCHED_BUCKETS], memory_order_acquire);
    while (t && t->type != type)
        t = t->next;
    return t;
}

static void touch(struct delta *delta, uint16_t type, uint8_t kind, uint32_t owner) {
    struct delta_touched *t = (struct delta_touched *)delta_touched(delta, type);
    if (!t) {
        t = memory_get(1, sizeof *t);
        t->type = type;
        t->kind = kind;
        t->next = atomic_load_explicit(&delta->touched[type % TOUCHED_BUCKETS], memory_order_relaxed);
        atomic_fetch_add_explicit(&delta->bytes, sizeof *t, memory_order_relaxed);
        atomic_store_explicit(&delta->touched[type % TOUCHED_BUCKETS], t, memory_order_release);
    }
    uint64_t word = atomic_load_explicit(&t->owners[owner / 64], memory_order_relaxed);
    atomic_store_explicit(&t->owners[owner / 64], word | (uint64_t)1 << (owner % 64), memory_order_release);
}

struct touching {
    struct delta *delta;
    uint32_t owner;
};

static void touch_noted(void *context, uint16_t type, uint8_t kind) {
    struct touching *t = context;
    touch(t->delta, type, kind, t->owner);
}

/* Answers over types that lost rows are no more what the base says, as over those that gain one. */
static void touch_record(struct delta *delta, const struct record_head *record, uint32_t owner) {
    if (moved_is_note(record))
        moved_note_types(record, touch_noted, &(struct touching){delta, owner});
    else
        touch(delta, record->type, record->kind, owner);
}

void delta_append(struct delta *delta, uint32_t owner, const struct record_head *record) {
    size_t size = (sizeof(struct delta_row) + record->bytes + 15) & ~(size_t)15;
    assert(owner < SPAN_CUSTOMERS && record->bytes % 8 == 0);
    struct delta_row *row = delta_room(delta, size);
    const struct delta_row *_Atomic *head = head_of(delta, owner);
    touch_record(delta, record, owner);
    row->before = atomic_load_explicit(head, memory_order_relaxed);
    row->owner = owner;
    row->reserved = 0;
    memcpy(row + 1, record, record->bytes);
    if (record->flags & (RECORD_REPLACES | RECORD_MOVED))
        atomic_fetch_add_explicit(&delta->edit_count, 1, memory_order_release);
    atomic_fetch_add_explicit(&delta->last->used, size, memory_order_release);
    atomic_store_explicit(head, row, memory_order_release);
    atomic_fetch_add_explicit(&delta->row_count, 1, memory_order_release);
}

#define LINE 64

/* The head of its chain, and the first lines of where the row will stand; the rest follows by itself. */
void delta_prefetch(const struct delta *delta, uint32_t owner) {
    const struct heads_page *page =
        atomic_load_explicit(&((struct delta *)delta)->pages[owner / HEADS_PER_PAGE], memory_order_relaxed);
    const struct delta_block *last = delta->last;
    if (page)
        __builtin_prefetch(&page->head[owner % HEADS_PER_PAGE], 1);
    if (!last)
        return;
    const char *end = last->bytes + atomic_load_explicit(&((struct delta_block *)last)->used, memory_order_relaxed);
    for (size_t i = 0; i < 4; i++)
        __builtin_prefetch(end + i * LINE, 1);
}

const struct delta_row *delta_head(const struct delta *delta, uint32_t owner) {
    const struct heads_page *page = atomic_load_explicit(&delta->pages[owner / HEADS_PER_PAGE], memory_order_acquire);
    return page ? atomic_load_explicit(&page->head[owner % HEADS_PER_PAGE], memory_order_acquire) : NULL;
}

bool delta_replaced(const struct delta_row *newest, const struct delta_row *until, uint16_t type, uint64_t position) {
    for (const struct delta_row *row = newest; row && row != until; row = row->before) {
        const struct record_head *r = delta_record(row);
        if ((r->flags & RECORD_REPLACES) && r->type == type && r->position == position)
            return true;
    }
    return false;
}

struct delta_walk delta_start(const struct delta *delta, uint32_t row_count) {
    return (struct delta_walk){row_count ? delta->first : NULL, 0, row_count};
}

const struct delta_row *delta_next(struct delta_walk *walk) {
    if (!walk->left)
        return NULL;
    while (walk->offset >= atomic_load_explicit(&walk->block->used, memory_order_acquire)) {
        walk->block = atomic_load_explicit(&walk->block->next, memory_order_acquire);
        walk->offset = 0;
        assert(walk->block); /* `left` rows are published */
    }
    const struct delta_row *row = (const struct delta_row *)(walk->block->bytes + walk->offset);
    walk->offset += (sizeof *row + delta_record(row)->bytes + 15) & ~(size_t)15;
    walk->left--;
    return row;
}

/* --- base --- */

#define TABLES_SECTION "tables"

/* The table of what `t` says now; NULL where the file has none. */
static enum status current_open(const struct base *b, const struct table_head *t, const struct table_head **current,
                                struct fault *fault) {
    char name[SPAN_SECTION_BYTES];
    struct slice section;
    struct fault unused;
    *current = NULL;
    if (!span_has_current(t))
        return STATUS_OK;
    span_current_name(t, name);
    enum status status = image_find(b->image, name, false, &section, &unused);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    *current = (const struct table_head *)section.data;
    if (!status && !span_current_check(t, *current, section.size))
        status = fault_set(fault, STATUS_DAMAGED, "%s: table %s does not hold together", b->path, name);
    return status;
}

enum status base_open(struct os *os, const char *path, uint64_t number, struct base **base, struct fault *fault) {
    struct image *image;
    struct slice index, section;
    enum status status = image_open(os, path, &image, fault);
    if (status)
        return status;
    status = image_find(image, TABLES_SECTION, true, &index, fault);
    if (!status && (index.size % 4 || index.size / 4 > DICTIONARY_TYPES_MAX))
        status = fault_set(fault, STATUS_DAMAGED, "%s: its list of tables has %zu bytes", path, index.size);
    if (status) {
        image_close(image);
        return status;
    }
    struct base *b = memory_get(1, sizeof *b);
    b->image = image;
    b->number = number;
    b->path = memory_text(slice_text(path));
    b->bytes = image_bytes(image);
    b->types = memory_get(index.size / 4, sizeof *b->types);
    b->tables = memory_get(index.size / 4, sizeof *b->tables);
    b->current = memory_get(index.size / 4, sizeof *b->current);
    for (size_t i = 0; i < index.size / 4 && !status; i++) {
        char name[16];
        uint32_t type;
        memcpy(&type, index.data + i * 4, 4);
        snprintf(name, sizeof name, "t%u", type);
        status = image_find(image, name, false, &section, fault);
        const struct table_head *t = (const struct table_head *)section.data;
        if (!status && (!table_check(t, section.size) || t->type != type || !table_is_top(t)))
            status = fault_set(fault, STATUS_DAMAGED, "%s: table %s does not hold together", path, name);
        if (!status)
            status = current_open(b, t, &b->current[b->table_count], fault);
        if (!status) {
            b->types[b->table_count] = t->type;
            b->tables[b->table_count++] = t;
            b->row_count += t->row_count;
        }
    }
    if (status)
        base_free(b);
    else
        *base = b;
    return status;
}

/* A table of `from` where it lies in its copy. */
static const struct table_head *table_in(const struct base *copy, const struct base *from, const struct table_head *t) {
    if (!t)
        return NULL;
    return (const struct table_head *)(const void *)(image_data(copy->image) +
                                                     ((const char *)t - image_data(from->image)));
}

struct base *base_copy(const struct base *base) {
    void *memory = large_take(base->bytes);
    if (!memory)
        return NULL;
    struct base *b = memory_get(1, sizeof *b);
    *b = *base;
    b->memory = memory;
    b->image = image_copy(base->image, memory);
    b->path = memory_text(slice_text(base->path));
    b->types = memory_get(b->table_count, sizeof *b->types);
    b->tables = memory_get(b->table_count, sizeof *b->tables);
    b->current = memory_get(b->table_count, sizeof *b->current);
    for (uint32_t i = 0; i < b->table_count; i++) {
        b->types[i] = base->types[i];
        b->tables[i] = table_in(b, base, base->tables[i]);
        b->current[i] = table_in(b, base, base->current[i]);
    }
    return b;
}

void base_free(struct base *base) {
    if (!base)
        return;
    image_close(base->image);
    large_free(base->memory, base->bytes);
    free(base->types);
    free(base->tables);
    free(base->current);
    free(base->path);
    free(base);
}

enum status base_verify(struct base *base, struct fault *fault) {
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < base->table_count && !base->verified && !status; i++) {
        struct slice section;
        char name[16];
        snprintf(name, sizeof name, "t%u", base->tables[i]->type);
        status = image_find(base->image, name, true, &section, fault);
        span_current_name(base->tables[i], name);
        if (!status && base->current[i])
            status = image_find(base->image, name, true, &section, fault);
    }
    base->verified = base->verified || !status;
    return status;
}

/* Where `type` stands in the list of tables, or table_count. */
static uint32_t table_index(const struct base *base, uint16_t type) {
    uint32_t low = 0, high = base->table_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (base->types[middle] < type)
            low = middle + 1;
        else
            high = middle;
    }
    return low < base->table_count && base->types[low] == type ? low : base->table_count;
}

const struct table_head *base_table(const struct base *base, uint16_t type) {
    uint32_t at = base ? table_index(base, type) : 0;
    return base && at < base->table_count ? base->tables[at] : NULL;
}

const struct table_head *base_current(const struct base *base, uint16_t type) {
    uint32_t at = base ? table_index(base, type) : 0;
    return base && at < base->table_count ? base->current[at] : NULL;
}

/* --- compaction --- */

static int by_place(const void *a, const void *b) {
    const struct table_source *x = a, *y = b;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row); /* of replaced rows: by arrival */
}

/* A note in the delta that is compacted: rows of `owner` that came before `index`. */
struct owner_note {
    uint32_t owner, index;
    const struct record_head *note;
};

/* The delta's rows, grouped by type (each group in order of arrival), and its notes by owner. */
struct typed_rows {
    struct table_source *rows;
    uint32_t *start; /* [types + 1] */
    uint32_t types;
    struct owner_note *notes;
    size_t note_count;
};

static int by_note_owner(const void *a, const void *b) {
    const struct owner_note *x = a, *y = b;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static bool kept(const uint64_t *gone, uint32_t owner) { return !(gone[owner / 64] >> (owner % 64) & 1); }

static struct typed_rows delta_by_type(const struct delta *delta, uint32_t delta_rows, const uint64_t *gone,
                                       uint32_t types) {
    struct typed_rows r = {.types = types, .start = memory_get(types + 2ull, sizeof(uint32_t))};
    const struct delta_row *row;
    struct delta_walk walk = delta_start(delta, delta_rows);
    while ((row = delta_next(&walk)))
        if (moved_is_note(delta_record(row)))
            r.note_count++;
        else if (kept(gone, row->owner))
            r.start[delta_record(row)->type + 2]++;
    for (uint32_t i = 2; i <= types + 1; i++)
        r.start[i] += r.start[i - 1];
    r.rows = memory_get(r.start[types + 1], sizeof *r.rows);
    r.notes = memory_get(r.note_count, sizeof *r.notes);
    r.note_count = 0;
    walk = delta_start(delta, delta_rows);
    for (uint32_t i = 0; (row = delta_next(&walk)); i++) {
        const struct record_head *record = delta_record(row);
        if (moved_is_note(record))
            r.notes[r.note_count++] = (struct owner_note){row->owner, i, record};
        else if (kept(gone, row->owner))
            r.rows[r.start[record->type + 1]++] = (struct table_source){.record = record,
                                                                        .values = record_values(record),
                                                                        .value_count = record->value_count,
                                                                        .row = i,
                                                                        .owner = row->owner,
                                                                        .time_ms = record->time_ms,
                                                                        .position = record->position};
    }
    if (r.note_count)
        qsort(r.notes, r.note_count, sizeof *r.notes, by_note_owner);
    return r;
}

/* The base table's rows of customers that are still here, in their order. */
static uint32_t base_rows(const struct table_head *t, const uint64_t *gone, struct table_source *out) {
    uint32_t count = 0, first, end;
    struct table_order order = {0};
    if (t)
        order = table_order_of(t);
    for (uint32_t owner = 0; t && owner < SPAN_CUSTOMERS; owner++) {
        if (!kept(gone, owner))
            continue;
        table_range(t, owner, &first, &end);
        for (uint32_t row = first; row < end; row++)
            out[count++] = (struct table_source){.table = t,
                                                 .row = row,
                                                 .owner = owner,
                                                 .time_ms = table_order_time(&order, row),
                                                 .position = table_order_position(&order, row)};
    }
    return count;
}

static struct row_twin twin_of(const struct table_source *s) {
    return s->table ? row_twin_at(s->table, s->row) : row_twin_of(s->record);
}

static int by_replaced(const void *a, const void *b) {
    const struct table_source *x = a, *y = b;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return row_twin_compare(twin_of(x), twin_of(y));
}

static bool is_derived(const struct table_source *row) {
    uint16_t flags = row->table ? (uint16_t)table_system_value(row->table, TABLE_TRAITS, row->row) : row->record->flags;
    return flags & RECORD_DERIVED;
}

/* Leaves out of `rows` what a later row of `by` (sorted by_replaced, the latest of each kept) takes the place of. */
static uint32_t without_replaced(struct table_source *rows, uint32_t count, const struct table_source *by,
                                 uint32_t by_count) {
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct table_source *r = bsearch(&rows[i], by, by_count, sizeof *by, by_replaced);
        if (!r || (!rows[i].table && rows[i].row >= r->row) || is_derived(&rows[i]))
            rows[kept_count++] = rows[i];
    }
    return kept_count;
}

/* Applies RECORD_REPLACES among the rows of one type. */
static void apply_replacements(struct table_source *old_rows, uint32_t *old_count, struct table_source *new_rows,
                               uint32_t *new_count) {
    uint32_t count = 0, latest = 0;
    struct table_source *by = memory_get(*new_count, sizeof *by);
    for (uint32_t i = 0; i < *new_count; i++)
        if (new_rows[i].record->flags & RECORD_REPLACES)
            by[count++] = new_rows[i];
    if (count)
        qsort(by, count, sizeof *by, by_replaced);
    for (uint32_t i = 0; i < count; i++)
        if (latest && by_replaced(&by[latest - 1], &by[i]) == 0)
            by[latest - 1].row = by[i].row > by[latest - 1].row ? by[i].row : by[latest - 1].row;
        else
            by[latest++] = by[i];
    if (latest) {
        *old_count = without_replaced(old_rows, *old_count, by, latest);
        *new_count = without_replaced(new_rows, *new_count, by, latest);
    }
    free(by);
}

/* The first note of `owner` or behind. */
static size_t notes_from(const struct typed_rows *r, uint32_t owner) {
    size_t low = 0, high = r->note_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->notes[middle].owner < owner)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool moved_away(const struct typed_rows *r, const struct table_source *row) {
    size_t at = notes_from(r, row->owner);
    if (at == r->note_count || r->notes[at].owner != row->owner)
        return false;
    struct moved_key key = row->table ? moved_key_at(row->table, row->row) : moved_key_of(row->record);
    for (; at < r->note_count && r->notes[at].owner == row->owner; at++)
        if ((row->table || row->row < r->notes[at].index) &&
            (moved_note_covers(r->notes[at].note, key.arrival) ||
             (key.second && moved_note_covers(r->notes[at].note, key.second))))
            return true;
    return false;
}

/* Leaves out rows that are another customer's by now. After apply_replacements: a row whose repair moved away stays replaced. */
static uint32_t without_moved(const struct typed_rows *r, struct table_source *rows, uint32_t count) {
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!moved_away(r, &rows[i]))
            rows[kept_count++] = rows[i];
    return kept_count;
}

/* Merges two sorted runs into `out`, which may be the room in front of `a`. */
static uint32_t merge_rows(const struct table_source *a, uint32_t a_count, const struct table_source *b,
                           uint32_t b_count, struct table_source *out) {
    uint32_t i = 0, k = 0, n = 0;
    while (i < a_count || k < b_count)
        out[n++] = k == b_count || (i < a_count && by_place(&a[i], &b[k]) <= 0) ? a[i++] : b[k++];
    return n;
}

/* Writes what the rows of `t` come to. */
static enum status add_current(struct image_writer *writer, const struct table_head *t, struct fault *fault) {
    struct buffer current = {0};
    char name[SPAN_SECTION_BYTES];
    if (!span_has_current(t))
        return STATUS_OK;
    if (t->kind == TYPE_ATTRIBUTES)
        span_attributes_now(t, &current);
    else
        span_documents_now(t, &current);
    assert(span_current_check(t, (const struct table_head *)current.data, current.size));
    span_current_name(t, name);
    enum status status = image_add(writer, name, current.data, current.size, fault);
    buffer_release(&current);
    return status;
}

enum status span_compact(struct os *os, const struct span_view *view, uint32_t delta_rows, const uint64_t *gone,
                         const struct dictionary *dictionary, const char *path, uint32_t *row_count,
                         struct fault *fault) {
    uint32_t types = dictionary_type_count(dictionary);
    struct typed_rows fresh = delta_by_type(view->delta, delta_rows, gone, types);
    struct buffer table = {0}, index = {0};
    struct image_writer *writer = NULL;
    enum status status = image_create(os, path, &writer, fault);
    *row_count = 0;
    for (uint32_t type = 0; type < types && !status; type++) {
        /* after filling, start[t + 1] is where type t ends, so start[t] is where it begins */
        struct table_source *new_rows = fresh.rows + fresh.start[type];
        uint32_t new_count = fresh.start[type + 1] - fresh.start[type];
        const struct table_head *t = base_table(view->base, (uint16_t)type);
        uint32_t old_most = t ? t->row_count : 0;
        if (new_count + old_most == 0)
            continue;
        /* old rows stand at its end and are merged to its front: what is written never overtakes what is read */
        struct table_source *all = memory_get((size_t)old_most + new_count, sizeof *all), *old_rows = all + new_count;
        uint32_t old_count = base_rows(t, gone, old_rows);
        if (atomic_load_explicit(&view->delta->edit_count, memory_order_acquire))
            apply_replacements(old_rows, &old_count, new_rows, &new_count);
        if (fresh.note_count) {
            old_count = without_moved(&fresh, old_rows, old_count);
            new_count = without_moved(&fresh, new_rows, new_count);
        }
        qsort(new_rows, new_count, sizeof *new_rows, by_place);
        uint32_t count = merge_rows(old_rows, old_count, new_rows, new_count, all);
        if (count) {
            char name[16];
            buffer_clear(&table);
            table_build(&table, (uint16_t)type, dictionary_type_at(dictionary, (uint16_t)type)->kind, all, count,
                        TABLE_TOP);
            assert(table_check((const struct table_head *)table.data, table.size));
            snprintf(name, sizeof name, "t%u", type);
            buffer_add(&index, &type, sizeof type);
            status = image_add(writer, name, table.data, table.size, fault);
            if (!status)
                status = add_current(writer, (const struct table_head *)table.data, fault);
            *row_count += count;
        }
        free(all);
    }
    if (!status)
        status = image_add(writer, TABLES_SECTION, index.data, index.size, fault);
    if (!status)
        status = image_finish(writer, NULL, fault);
    else if (writer)
        image_abandon(writer);
    buffer_release(&table);
    buffer_release(&index);
    free(fresh.rows);
    free(fresh.start);
    free(fresh.notes);
    return status;
}

/* master: see the header for the contract.
 *
 * A version is one typed record, complete: what the version before had and the new record did not name was copied into
 * it, in order of property, so that equal content is equal bytes behind the head. Its time_ms is when it starts;
 * "valid_from" is not kept as a field besides. The ids of a type stand in blocks of at most BLOCK_ITEMS, in byte
 * order: an insertion moves part of one block, a search halves over the blocks' first ids and then inside one.
 *
 * Lock: one read-write lock, held for one call. */
#include "history/master.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/time.h"

#define BLOCK_ITEMS 256
#define SAVE_VERSION 1

struct item {
    struct slice id; /* in id_text */
    char *id_text;
    struct record_head **versions; /* ascending by (time_ms, coming) */
    uint32_t count;
};

struct block {
    uint32_t count;
    struct item items[BLOCK_ITEMS];
};

struct shelf {
    struct block **blocks; /* none is empty */
    size_t block_count;
    uint64_t item_count;
};

struct master {
    const struct dictionary *dictionary;
    pthread_rwlock_t lock;
    struct shelf *shelves[DICTIONARY_TYPES_MAX];
    struct record_builder builder; /* fold thread */
    _Atomic uint64_t version;
};

/* On disk. */
struct save_head {
    uint32_t version, reserved;
    uint64_t record_count;
};
_Static_assert(sizeof(struct save_head) == 16, "on disk");

static void lock_read(const struct master *m) {
    int failed = pthread_rwlock_rdlock((pthread_rwlock_t *)(uintptr_t)&m->lock);
    assert(failed == 0);
    (void)failed;
}

static void unlock(const struct master *m) { pthread_rwlock_unlock((pthread_rwlock_t *)(uintptr_t)&m->lock); }

struct master *master_create(const struct dictionary *dictionary) {
    struct master *m = memory_get(1, sizeof *m);
    m->dictionary = dictionary;
    pthread_rwlock_init(&m->lock, NULL);
    return m;
}

static void item_release(struct item *item) {
    for (uint32_t i = 0; i < item->count; i++)
        free(item->versions[i]);
    free(item->versions);
    free(item->id_text);
}

static void shelf_free(struct shelf *shelf) {
    if (!shelf)
        return;
    for (size_t b = 0; b < shelf->block_count; b++) {
        for (uint32_t i = 0; i < shelf->blocks[b]->count; i++)
            item_release(&shelf->blocks[b]->items[i]);
        free(shelf->blocks[b]);
    }
    free(shelf->blocks);
    free(shelf);
}

void master_free(struct master *m) {
    if (!m)
        return;
    for (unsigned type = 0; type < DICTIONARY_TYPES_MAX; type++)
        shelf_free(m->shelves[type]);
    record_builder_release(&m->builder);
    pthread_rwlock_destroy(&m->lock);
    free(m);
}

/* --- ids in order --- */

struct place {
    size_t block;
    uint32_t item;
};

/* The first item whose id is >= `id`, or where it would go: past the end of the last block that starts below it. */
static struct place place_of(const struct shelf *shelf, struct slice id) {
    size_t low = 0, high = shelf->block_count; /* blocks that start at or below `id` */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (slice_compare(shelf->blocks[middle]->items[0].id, id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return (struct place){0, 0};
    const struct block *block = shelf->blocks[low - 1];
    uint32_t from = 0, to = block->count;
    while (from < to) {
        uint32_t middle = (from + to) / 2;
        if (slice_compare(block->items[middle].id, id) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return (struct place){low - 1, from};
}

static struct item *item_at(const struct shelf *shelf, struct place at) {
    if (at.block >= shelf->block_count || at.item >= shelf->blocks[at.block]->count)
        return NULL;
    return &shelf->blocks[at.block]->items[at.item];
}

static struct item *item_find(const struct master *m, uint16_t type, struct slice id) {
    const struct shelf *shelf = type < DICTIONARY_TYPES_MAX ? m->shelves[type] : NULL;
    struct item *item = shelf ? item_at(shelf, place_of(shelf, id)) : NULL;
    return item && slice_equal(item->id, id) ? item : NULL;
}

static void add_block(struct shelf *shelf, size_t at) {
    shelf->blocks = memory_resize(shelf->blocks, shelf->block_count + 1, sizeof *shelf->blocks);
    memmove(shelf->blocks + at + 1, shelf->blocks + at, (shelf->block_count - at) * sizeof *shelf->blocks);
    shelf->blocks[at] = memory_get(1, sizeof **shelf->blocks);
    shelf->block_count++;
}

/* Moves the upper part of a full block into a new one behind it: half, or nothing where ids come in ascending order. */
static struct place split(struct shelf *shelf, struct place at) {
    struct block *full = shelf->blocks[at.block];
    assert(full->count == BLOCK_ITEMS);
    bool at_end = at.block + 1 == shelf->block_count && at.item == BLOCK_ITEMS;
    uint32_t keep = at_end ? BLOCK_ITEMS : BLOCK_ITEMS / 2;
    add_block(shelf, at.block + 1);
    struct block *upper = shelf->blocks[at.block + 1];
    upper->count = BLOCK_ITEMS - keep;
    memcpy(upper->items, full->items + keep, upper->count * sizeof *upper->items);
    full->count = keep;
    return at.item > keep || at_end ? (struct place){at.block + 1, at.item - keep} : at;
}

static struct item *item_insert(struct shelf *shelf, struct slice id) {
    struct place at = place_of(shelf, id);
    if (shelf->block_count == 0)
        add_block(shelf, 0);
    else if (shelf->blocks[at.block]->count == BLOCK_ITEMS)
        at = split(shelf, at);
    struct block *block = shelf->blocks[at.block];
    assert(at.item <= block->count && block->count < BLOCK_ITEMS);
    struct item *item = &block->items[at.item];
    memmove(item + 1, item, (block->count - at.item) * sizeof *item);
    block->count++;
    shelf->item_count++;
    *item = (struct item){.id_text = memory_text(id)};
    item->id = slice_of(item->id_text, id.size);
    return item;
}

static struct shelf *shelf_of(struct master *m, uint16_t type) {
    assert(type < DICTIONARY_TYPES_MAX);
    if (!m->shelves[type])
        m->shelves[type] = memory_get(1, sizeof **m->shelves);
    return m->shelves[type];
}

/* --- putting --- */

/* The type's properties that mean something here; 0 where there is none of the name. */
struct named {
    uint16_t id, name, valid_from, valid_to;
};

static uint16_t number_of(const struct dictionary *d, const struct type *type, struct slice name) {
    const struct property *p = dictionary_property_find(d, type, name);
    return p ? p->number : 0;
}

static struct named named_of(const struct master *m, uint16_t type) {
    const struct type *t = dictionary_type_at(m->dictionary, type);
    return (struct named){.id = number_of(m->dictionary, t, SLICE("id")),
                          .name = number_of(m->dictionary, t, SLICE("name")),
                          .valid_from = number_of(m->dictionary, t, SLICE("valid_from")),
                          .valid_to = number_of(m->dictionary, t, SLICE("valid_to"))};
}

/* The value of `property` as an instant, or `otherwise`. */
static int64_t instant_of(const struct record_head *r, uint16_t property, int64_t otherwise) {
    const struct record_value *v = property ? record_find(r, property) : NULL;
    int64_t time_ms;
    bool zoned;
    if (!v)
        return otherwise;
    if (v->kind == VALUE_TIME)
        return v->integer;
    if (v->kind == VALUE_DATE)
        return v->integer * DAY_MS;
    if (v->kind == VALUE_TEXT && time_parse_iso(record_text(r, v), &time_ms, &zoned) == STATUS_OK)
        return time_ms;
    return otherwise;
}

static struct slice text_of(const struct record_head *r, uint16_t property) {
    const struct record_value *v = property ? record_find(r, property) : NULL;
    return v && v->kind == VALUE_TEXT ? record_text(r, v) : SLICE_NONE;
}

#define ID_BYTES 48

/* The id as text; one that was declared a number is written out into `number`. Empty where there is none. */
static struct slice id_of(const struct record_head *r, uint16_t property, char number[ID_BYTES]) {
    const struct record_value *v = property ? record_find(r, property) : NULL;
    if (!v || v->kind != VALUE_NUMBER)
        return text_of(r, property);
    return slice_of(number, (size_t)snprintf(number, ID_BYTES, "%.*f", v->scale, decimal_real(v->integer, v->scale)));
}

static void copy_plain(struct record_builder *b, const struct record_head *from, const struct record_value *v) {
    if (v->kind == VALUE_TEXT)
        record_set_text(b, v->property, record_text(from, v));
    else if (v->kind == VALUE_REAL)
        record_set_real(b, v->property, v->real);
    else
        record_set(b, v->property, v->kind, v->integer, v->scale);
}

static void copy_value(struct record_builder *b, const struct record_head *from, const struct record_value *v) {
    if (v->kind == VALUE_LIST) {
        record_list_begin(b, v->property);
        for (uint32_t i = 0; i < v->count; i++)
            copy_plain(b, from, &record_list(from, v)[i]);
        record_list_end(b);
    } else if (v->kind == VALUE_ITEMS) {
        record_items_begin(b, v->property);
        for (uint32_t i = 0; i < v->count; i++) {
            const struct record_item *item = &record_items(from, v)[i];
            record_item_begin(b);
            for (uint32_t k = 0; k < item->value_count; k++)
                copy_plain(b, from, &record_item_values(from, item)[k]);
        }
        record_items_end(b);
    } else if (v->kind != VALUE_MISSING) {
        copy_plain(b, from, v);
    }
}

/* A complete version starting at `from_ms`: `record` over `before` (may be NULL), both ascending by property. */
static const struct record_head *complete(struct record_builder *b, const struct named *named,
                                          const struct record_head *record, const struct record_head *before,
                                          int64_t from_ms) {
    record_begin(b, record);
    b->head.time_ms = from_ms;
    const struct record_value *new = record_values(record), *old = before ? record_values(before) : NULL;
    unsigned new_left = record->value_count, old_left = before ? before->value_count : 0;
    while (new_left || old_left) {
        bool from_old = !new_left || (old_left && old->property < new->property);
        const struct record_value *v = from_old ? old : new;
        if (v->property != named->valid_from)
            copy_value(b, from_old ? before : record, v);
        if (old_left && (from_old || old->property == v->property))
            old++, old_left--;
        if (!from_old)
            new ++, new_left--;
    }
    return record_end(b);
}

static bool same_content(const struct record_head *a, const struct record_head *b) {
    return a->bytes == b->bytes && memcmp(a + 1, b + 1, a->bytes - sizeof *a) == 0;
}

static void add_version(struct item *item, uint32_t at, const struct record_head *record) {
    assert(at <= item->count);
    struct record_head *copy = memory_get(1, record->bytes);
    memcpy(copy, record, record->bytes);
    item->versions = memory_resize(item->versions, (size_t)item->count + 1, sizeof *item->versions);
    memmove(item->versions + at + 1, item->versions + at, (item->count - at) * sizeof *item->versions);
    item->versions[at] = copy;
    item->count++;
}

/* How many versions start at or before `time_ms`. */
static uint32_t started_by(const struct item *item, int64_t time_ms) {
    uint32_t count = item->count;
    while (count && item->versions[count - 1]->time_ms > time_ms)
        count--;
    return count;
}

void master_put(struct master *m, const struct record_head *record) {
    struct named named = named_of(m, record->type);
    char number[ID_BYTES];
    struct slice id = id_of(record, named.id, number);
    assert(record->kind == TYPE_MASTER);
    if (id.size == 0)
        return;
    int64_t from_ms = instant_of(record, named.valid_from, record->time_ms);
    struct item *item = item_find(m, record->type, id); /* only this thread changes anything: reading needs no lock */
    uint32_t at = item ? started_by(item, from_ms) : 0;
    const struct record_head *before = at ? item->versions[at - 1] : NULL;
    const struct record_head *version = complete(&m->builder, &named, record, before, from_ms);
    bool own_start = instant_of(record, named.valid_from, TIME_NONE) != TIME_NONE;
    if (before && same_content(before, version) && !(own_start && before->time_ms != from_ms))
        return;
    int failed = pthread_rwlock_wrlock(&m->lock);
    assert(failed == 0);
    (void)failed;
    if (!item)
        item = item_insert(shelf_of(m, record->type), id);
    add_version(item, at, version);
    atomic_fetch_add_explicit(&m->version, 1, memory_order_release);
    unlock(m);
}

/* --- reading --- */

uint64_t master_count(const struct master *m, uint16_t type) {
    lock_read(m);
    uint64_t count = type < DICTIONARY_TYPES_MAX && m->shelves[type] ? m->shelves[type]->item_count : 0;
    unlock(m);
    return count;
}

static void write_plain(struct json_writer *w, const struct record_head *r, const struct record_value *v) {
    char date[TIME_TEXT_BYTES];
    switch (v->kind) {
    case VALUE_BOOL:
        json_bool(w, v->integer != 0);
        break;
    case VALUE_NUMBER:
        json_decimal(w, v->integer, v->scale);
        break;
    case VALUE_REAL:
        json_real(w, v->real);
        break;
    case VALUE_TIME:
        json_time(w, v->integer);
        break;
    case VALUE_DATE:
        json_text(w, slice_of(date, time_format_date(v->integer, date)));
        break;
    case VALUE_TEXT:
        json_text(w, record_text(r, v));
        break;
    default:
        json_null(w);
    }
}

static void write_items(struct json_writer *w, const struct master *m, const struct property *p,
                        const struct record_head *r, const struct record_value *v) {
    const struct type *type = dictionary_type_at(m->dictionary, p->item_type);
    json_array(w);
    for (uint32_t i = 0; i < v->count; i++) {
        const struct record_item *item = &record_items(r, v)[i];
        json_object(w);
        for (uint32_t k = 0; k < item->value_count; k++) {
            const struct record_value *field = &record_item_values(r, item)[k];
            const struct property *named = dictionary_property_at(type, field->property);
            if (named) {
                json_key_slice(w, named->name);
                write_plain(w, r, field);
            }
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_value(struct json_writer *w, const struct master *m, const struct property *p,
                        const struct record_head *r, const struct record_value *v) {
    if (v->kind == VALUE_ITEMS) {
        write_items(w, m, p, r, v);
    } else if (v->kind == VALUE_LIST) {
        json_array(w);
        for (uint32_t i = 0; i < v->count; i++)
            write_plain(w, r, &record_list(r, v)[i]);
        json_end_array(w);
    } else {
        write_plain(w, r, v);
    }
}

static void write_fields(struct json_writer *w, const struct master *m, const struct named *named,
                         const struct record_head *r) {
    const struct type *type = dictionary_type_at(m->dictionary, r->type);
    const struct record_value *v = record_values(r);
    json_object(w);
    for (unsigned i = 0; i < r->value_count; i++) {
        const struct property *p = dictionary_property_at(type, v[i].property);
        if (p && p->number != named->id && p->number != named->valid_to) {
            json_key_slice(w, p->name);
            write_value(w, m, p, r, &v[i]);
        }
    }
    json_end_object(w);
}

static void write_version(struct json_writer *w, const struct master *m, const struct named *named,
                          const struct item *item, uint32_t version) {
    const struct record_head *r = item->versions[version];
    int64_t until = instant_of(r, named->valid_to, INT64_MAX);
    if (version + 1 < item->count && item->versions[version + 1]->time_ms < until)
        until = item->versions[version + 1]->time_ms;
    json_object(w);
    json_member_text(w, "id", item->id);
    json_member_time(w, "valid_from", r->time_ms);
    json_key(w, "valid_to");
    if (until == INT64_MAX)
        json_null(w);
    else
        json_time(w, until);
    json_key(w, "fields");
    write_fields(w, m, named, r);
    json_end_object(w);
}

bool master_get_json(const struct master *m, uint16_t type, struct slice id, int64_t time_ms, struct json_writer *w) {
    lock_read(m);
    const struct item *item = item_find(m, type, id);
    if (item) {
        struct named named = named_of(m, type);
        uint32_t started = time_ms == TIME_NONE ? item->count : started_by(item, time_ms);
        write_version(w, m, &named, item, started ? started - 1 : 0);
    }
    unlock(m);
    return item != NULL;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

static bool contains(struct slice text, struct slice query) {
    for (size_t at = 0; at + query.size <= text.size; at++) {
        size_t same = 0;
        while (same < query.size && lower(text.data[at + same]) == lower(query.data[same]))
            same++;
        if (same == query.size)
            return true;
    }
    return false;
}

static bool matches(const struct item *item, const struct named *named, struct slice query) {
    return query.size == 0 || contains(item->id, query) ||
           contains(text_of(item->versions[item->count - 1], named->name), query);
}

static void list(const struct master *m, const struct shelf *shelf, const struct named *named, struct slice after,
                 struct slice query, size_t limit, struct json_writer *w) {
    struct place at = place_of(shelf, after);
    for (; at.block < shelf->block_count && limit; at = (struct place){at.block + 1, 0})
        for (; at.item < shelf->blocks[at.block]->count && limit; at.item++) {
            const struct item *item = item_at(shelf, at);
            if ((after.size == 0 || !slice_equal(item->id, after)) && matches(item, named, query)) {
                write_version(w, m, named, item, item->count - 1);
                limit--;
            }
        }
}

void master_list_json(const struct master *m, uint16_t type, struct slice after, struct slice query, size_t limit,
                      struct json_writer *w) {
    json_array(w);
    lock_read(m);
    if (type < DICTIONARY_TYPES_MAX && m->shelves[type]) {
        struct named named = named_of(m, type);
        list(m, m->shelves[type], &named, after, query, limit, w);
    }
    unlock(m);
    json_end_array(w);
}

uint64_t master_version(const struct master *m) {
    return atomic_load_explicit(&((struct master *)(uintptr_t)m)->version, memory_order_acquire);
}

void master_walk(const struct master *m, uint16_t type,
                 bool (*each)(void *context, struct slice id, const struct record_head *latest, int64_t valid_to),
                 void *context) {
    lock_read(m);
    const struct shelf *shelf = type < DICTIONARY_TYPES_MAX ? m->shelves[type] : NULL;
    uint16_t valid_to = shelf ? named_of(m, type).valid_to : 0;
    bool more = true;
    for (size_t b = 0; shelf && b < shelf->block_count && more; b++)
        for (uint32_t i = 0; i < shelf->blocks[b]->count && more; i++) {
            const struct item *item = &shelf->blocks[b]->items[i];
            const struct record_head *latest = item->versions[item->count - 1];
            more = each(context, item->id, latest, instant_of(latest, valid_to, INT64_MAX));
        }
    unlock(m);
}

struct by_name {
    uint16_t property;
    struct slice name;
    struct buffer *id;
    unsigned found;
};

static bool take_named(void *context, struct slice id, const struct record_head *latest, int64_t valid_to) {
    struct by_name *n = context;
    (void)valid_to;
    if (!slice_equal(text_of(latest, n->property), n->name))
        return true;
    if (n->found++ == 0)
        buffer_add_slice(n->id, id);
    return n->found < 2;
}

bool master_id_of_name(const struct master *m, uint16_t type, struct slice name, struct buffer *id) {
    size_t before = id->size;
    if (type >= dictionary_type_count(m->dictionary) || name.size == 0)
        return false;
    struct by_name n = {named_of(m, type).name, name, id, 0};
    master_walk(m, type, take_named, &n);
    if (n.found != 1)
        id->size = before;
    return n.found == 1;
}

/* --- saving --- */

static enum status save_shelf(const struct shelf *shelf, struct image_writer *image, uint64_t *count,
                              struct fault *fault) {
    enum status status = STATUS_OK;
    for (size_t b = 0; b < shelf->block_count; b++)
        for (uint32_t i = 0; i < shelf->blocks[b]->count; i++) {
            const struct item *item = &shelf->blocks[b]->items[i];
            for (uint32_t v = 0; v < item->count && !status; v++, ++*count)
                status = image_write(image, item->versions[v], item->versions[v]->bytes, fault);
        }
    return status;
}

enum status master_save(const struct master *m, struct image_writer *image, struct fault *fault) {
    struct save_head head = {.version = SAVE_VERSION};
    enum status status = image_section(image, "master.records", fault);
    lock_read(m);
    for (unsigned type = 0; type < DICTIONARY_TYPES_MAX && !status; type++)
        if (m->shelves[type])
            status = save_shelf(m->shelves[type], image, &head.record_count, fault);
    unlock(m);
    return status ? status : image_add(image, "master.head", &head, sizeof head, fault);
}

/* The next whole record of `rest`, or NULL. */
static const struct record_head *next_record(const struct master *m, struct slice *rest) {
    struct record_head head;
    if (rest->size < sizeof head)
        return NULL;
    memcpy(&head, rest->data, sizeof head);
    if (head.bytes > rest->size || !record_check(slice_of(rest->data, head.bytes)) || head.kind != TYPE_MASTER ||
        head.type >= dictionary_type_count(m->dictionary))
        return NULL;
    const struct record_head *record = (const struct record_head *)rest->data;
    *rest = slice_of(rest->data + head.bytes, rest->size - head.bytes);
    return record;
}

/* Puts the record behind its id's others; false where it has no id or starts before them. */
static bool load_record(struct master *m, const struct record_head *record) {
    const struct type *type = dictionary_type_at(m->dictionary, record->type);
    char number[ID_BYTES];
    struct slice id = id_of(record, number_of(m->dictionary, type, SLICE("id")), number);
    if (id.size == 0)
        return false;
    struct item *item = item_find(m, record->type, id);
    if (!item)
        item = item_insert(shelf_of(m, record->type), id);
    if (item->count && item->versions[item->count - 1]->time_ms > record->time_ms)
        return false;
    add_version(item, item->count, record);
    return true;
}

enum status master_load(struct master *m, struct image *image, struct fault *fault) {
    struct slice head_bytes, records;
    struct save_head head = {0};
    enum status status = image_find(image, "master.head", true, &head_bytes, fault);
    if (!status)
        status = image_find(image, "master.records", true, &records, fault);
    if (status)
        return status;
    if (head_bytes.size == sizeof head)
        memcpy(&head, head_bytes.data, sizeof head);
    if (head.version != SAVE_VERSION)
        return fault_set(fault, STATUS_DAMAGED, "section \"master.head\" is not of version %d", SAVE_VERSION);
    struct slice rest = records;
    uint64_t count = 0;
    for (const struct record_head *r; rest.size && (r = next_record(m, &rest)) && load_record(m, r); count++) {
    }
    atomic_fetch_add_explicit(&m->version, 1, memory_order_release);
    if (rest.size || count != head.record_count)
        return fault_set(fault, STATUS_DAMAGED,
                         "section \"master.records\" makes no sense near offset %zu: record %llu of %llu",
                         records.size - rest.size, (unsigned long long)count, (unsigned long long)head.record_count);
    return STATUS_OK;
}

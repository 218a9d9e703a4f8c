/* history_places: where one customer's rows are, in a base and in a delta's chain, without decoding them. */
#include <assert.h>
#include <stdlib.h>

#include "history/history_inside.h"

static int newest_first(const void *a, const void *b) {
    const struct row_place *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms > y->time_ms ? -1 : 1;
    if (x->position != y->position)
        return x->position > y->position ? -1 : 1;
    return (x->type > y->type) - (x->type < y->type); /* of one record: the same before and after compaction */
}

static bool wanted(int type, uint16_t row_type, uint8_t row_kind) {
    return type == PLACES_ALL || type == row_type || (type == PLACES_EVENTS && row_kind == TYPE_EVENT);
}

/* The base's tables that may hold rows of `type`: [*first, *end) of its list. */
static void tables_of(const struct base *base, int type, uint32_t *first, uint32_t *end) {
    *first = 0;
    *end = base ? base->table_count : 0;
    if (!base || type < 0)
        return;
    while (*first < *end) {
        uint32_t middle = (*first + *end) / 2;
        if (base->types[middle] < type)
            *first = middle + 1;
        else
            *end = middle;
    }
    *end = *first + (*first < base->table_count && base->types[*first] == type);
}

/* The delta's newest row that takes the place of the row of its type at its position. */
struct replacement {
    uint64_t position;
    struct row_twin twin;
    const struct delta_row *row;
    uint32_t age; /* rows of the chain that are newer */
    uint16_t type;
    bool passed; /* the walk from the newest row on has come past it */
};

/* Nearly always none. */
struct replacements {
    struct replacement *all; /* in order of position and type, each once */
    size_t count;
};

static int by_place(const void *a, const void *b) {
    const struct replacement *x = a, *y = b;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    return row_twin_compare(x->twin, y->twin);
}

static int by_place_and_age(const void *a, const void *b) {
    const struct replacement *x = a, *y = b;
    int place = by_place(a, b);
    return place ? place : (x->age > y->age) - (x->age < y->age);
}

/* `found`: rows of the chain that take the place of others. */
static struct replacements replacements_of(const struct delta_row *newest, size_t found, struct arena *arena) {
    struct replacements r = {0};
    size_t kept = 0;
    uint32_t age = 0;
    if (found == 0)
        return r;
    r.all = arena_get(arena, found * sizeof *r.all);
    for (const struct delta_row *row = newest; row; row = row->before, age++) {
        const struct record_head *record = delta_record(row);
        if (record->flags & RECORD_REPLACES)
            r.all[r.count++] =
                (struct replacement){record->position, row_twin_of(record), row, age, record->type, false};
    }
    qsort(r.all, r.count, sizeof *r.all, by_place_and_age);
    for (size_t i = 0; i < r.count; i++)
        if (i == 0 || by_place(&r.all[kept - 1], &r.all[i]) != 0)
            r.all[kept++] = r.all[i];
    r.count = kept;
    return r;
}

static struct replacement *replacement_at(const struct replacements *r, uint16_t type, uint64_t position,
                                          struct row_twin twin) {
    struct replacement key = {.position = position, .twin = twin, .type = type};
    return r->count ? bsearch(&key, r->all, r->count, sizeof key, by_place) : NULL;
}

/* Which rows are looked for. */
struct wish {
    int type;
    const struct arrivals *arrivals; /* or NULL: through whichever */
};

/* What the chain says of older rows. */
struct edits {
    struct replacements replaced;
    struct moved moved; /* by the whole chain; in a walk along it, by what was passed */
};

static bool wished(const struct wish *wish, struct moved_key key) {
    return !wish->arrivals || arrivals_have(wish->arrivals, key.arrival) ||
           (key.second && arrivals_have(wish->arrivals, key.second));
}

/* Rows of a long chain mostly stand one before the other: what is far back is asked for ahead of the walk. Those of a short one lie anywhere. */
#define WALK_AHEAD 1024
#define WALK_LONG 32 /* rows */

static inline void walk_ahead(const struct delta_row *row, size_t walked) {
    if (walked > WALK_LONG)
        __builtin_prefetch((const char *)row - WALK_AHEAD);
}

/* The rows of the chain that are looked for; of its edits, what they say. A walk over a million rows takes as long as their lines take to
 * come from memory, so it is one for everything. */
static size_t chain_look(const struct delta_row *newest, bool has_edits, const struct wish *wish, struct arena *arena,
                         struct edits *out) {
    size_t rows = 0, notes = 0, replaces = 0, walked = 0;
    for (const struct delta_row *row = newest; row; row = row->before) {
        const struct record_head *r = delta_record(row);
        walk_ahead(row, walked++);
        if (moved_is_note(r)) {
            notes++;
            continue;
        }
        replaces += (r->flags & RECORD_REPLACES) != 0;
        rows += wanted(wish->type, r->type, r->kind) && wished(wish, moved_key_of(r));
    }
    *out = (struct edits){.replaced = replacements_of(newest, has_edits ? replaces : 0, arena)};
    if (notes)
        out->moved.notes = arena_get(arena, notes * sizeof *out->moved.notes);
    return rows;
}

static size_t base_count(const struct base *base, uint32_t owner, int type) {
    size_t count = 0;
    uint32_t from, to, first, end;
    tables_of(base, type, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        if (!wanted(type, base->tables[i]->type, base->tables[i]->kind))
            continue;
        table_range(base->tables[i], owner, &first, &end);
        count += end - first;
    }
    return count;
}

/* Whether a row of the base is one that is looked for and still the owner's. */
static bool base_row_counts(const struct table_head *t, const struct column_head *arrivals, uint32_t row,
                            const struct wish *wish, const struct moved *moved) {
    if (!wish->arrivals && !moved->count)
        return true;
    struct moved_key key = {arrivals ? (uint32_t)column_integer(t, arrivals, row) : 0, 0};
    if (t->kind == TYPE_ATTRIBUTES)
        key.second = (uint32_t)table_system_value(t, TABLE_DOCUMENT, row);
    return wished(wish, key) && !moved_covers(moved, key);
}

/* The places of base rows, newest first within each table, without those that the delta replaced or that moved away. */
static size_t base_places(const struct base *base, uint32_t owner, const struct wish *wish, const struct edits *edits,
                          struct row_place *places) {
    size_t count = 0;
    uint32_t from, to, first, end;
    tables_of(base, wish->type, &from, &to);
    for (uint32_t i = from; i < to && !edits->moved.all; i++) {
        const struct table_head *t = base->tables[i];
        if (!wanted(wish->type, t->type, t->kind))
            continue;
        table_range(t, owner, &first, &end);
        struct table_order order = table_order_of(t);
        const struct column_head *arrivals = table_column(t, TABLE_ARRIVAL);
        for (uint32_t row = end; row-- > first;) {
            if (!base_row_counts(t, arrivals, row, wish, &edits->moved))
                continue;
            uint64_t position = table_order_position(&order, row);
            if (edits->replaced.count && replacement_at(&edits->replaced, t->type, position, row_twin_at(t, row)) &&
                !(table_system_value(t, TABLE_TRAITS, row) & RECORD_DERIVED))
                continue;
            places[count++] = (struct row_place){.time_ms = table_order_time(&order, row),
                                                 .position = position,
                                                 .table = t,
                                                 .row = row,
                                                 .type = t->type};
        }
    }
    return count;
}

/* The places of a chain's rows, the last to come first, without those that a later one replaced or that moved away. A repair that moved
 * away still takes the place of what it repaired. */
static size_t delta_places(const struct delta_row *row, const struct wish *wish, struct edits *edits,
                           struct row_place *places) {
    size_t count = 0, walked = 0;
    for (; row; row = row->before) {
        const struct record_head *r = delta_record(row);
        walk_ahead(row, walked++);
        if (moved_is_note(r)) {
            moved_meet(&edits->moved, r);
            continue;
        }
        struct replacement *by =
            r->flags & RECORD_DERIVED ? NULL : replacement_at(&edits->replaced, r->type, r->position, row_twin_of(r));
        if (!wanted(wish->type, r->type, r->kind) || (by && by->passed))
            continue;
        if (by && by->row == row)
            by->passed = true;
        if (!wished(wish, moved_key_of(r)) ||
            (moved_any(&edits->moved) && moved_covers(&edits->moved, moved_key_of(r))))
            continue;
        places[count++] =
            (struct row_place){.time_ms = r->time_ms, .position = r->position, .record = r, .type = r->type};
    }
    return count;
}

/* --- sorting: runs that are in order already are found and merged, so that the rows of a customer with a million, which
 * come in as many runs as there are types, are passed over a few times --- */

static size_t run_end(const struct row_place *places, size_t from, size_t count) {
    while (++from < count && newest_first(&places[from - 1], &places[from]) <= 0) {
    }
    return from;
}

static void merge_runs(const struct row_place *a, const struct row_place *a_end, const struct row_place *b,
                       const struct row_place *b_end, struct row_place *out) {
    while (a < a_end && b < b_end)
        *out++ = newest_first(a, b) <= 0 ? *a++ : *b++;
    if (a < a_end)
        memcpy(out, a, (size_t)((const char *)a_end - (const char *)a));
    else if (b < b_end)
        memcpy(out, b, (size_t)((const char *)b_end - (const char *)b));
}

/* Merges each two neighbouring runs of `from` into `to`; returns how many there are now. */
static size_t merge_pass(const struct row_place *from, struct row_place *to, size_t count) {
    size_t runs = 0;
    for (size_t at = 0, end; at < count; at = end, runs++) {
        size_t middle = run_end(from, at, count);
        end = middle < count ? run_end(from, middle, count) : count;
        merge_runs(from + at, from + middle, from + middle, from + end, to + at);
    }
    return runs;
}

static void sort_many(struct row_place *places, size_t count) {
    if (run_end(places, 0, count) == count)
        return;
    struct row_place *spare = memory_resize(NULL, count, sizeof *spare), *from = places, *to = spare, *swap;
    for (size_t runs = 2; runs > 1; swap = from, from = to, to = swap)
        runs = merge_pass(from, to, count);
    if (from != places)
        memcpy(places, from, count * sizeof *places);
    free(spare);
}

/* Insertion for the few. */
static void sort_places(struct row_place *places, size_t count) {
    if (count > 24) {
        sort_many(places, count);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct row_place x = places[i];
        size_t at = i;
        for (; at && newest_first(&places[at - 1], &x) > 0; at--)
            places[at] = places[at - 1];
        places[at] = x;
    }
}

/* The chain first: what it says of older rows is said of the base's too. */
static size_t find(const struct base *base, const struct delta_row *newest, bool has_edits, uint32_t owner,
                   const struct wish *wish, struct arena *arena, struct row_place **places) {
    struct edits edits;
    size_t most = chain_look(newest, has_edits, wish, arena, &edits) + base_count(base, owner, wish->type);
    *places = arena_get(arena, (most ? most : 1) * sizeof **places);
    size_t count = delta_places(newest, wish, &edits, *places);
    count += base_places(base, owner, wish, &edits, *places + count);
    assert(count <= most && (has_edits || wish->arrivals || count == most));
    sort_places(*places, count);
    return count;
}

size_t places_find(const struct base *base, const struct delta_row *newest, bool edits, uint32_t owner, int type,
                   struct arena *arena, struct row_place **places) {
    return find(base, newest, edits, owner, &(struct wish){type, NULL}, arena, places);
}

size_t places_through(const struct base *base, const struct delta_row *newest, bool edits, uint32_t owner,
                      const struct arrivals *arrivals, struct arena *arena, struct row_place **places) {
    return find(base, newest, edits, owner, &(struct wish){PLACES_ALL, arrivals}, arena, places);
}

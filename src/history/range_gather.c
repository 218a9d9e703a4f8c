/* range_gather: rows of base and delta put in order and made into columns of their own, for customers whose delta matters. */
#include <assert.h>
#include <stdlib.h>

#include "history/history_fold.h"
#include "history/range_inside.h"
#include "history/target.h"

static struct table_source source_of(const struct row_place *p, uint32_t owner) {
    const struct record_head *r = p->record;
    return (struct table_source){.table = p->table,
                                 .record = r,
                                 .values = r ? record_values(r) : NULL,
                                 .value_count = r ? r->value_count : 0,
                                 .row = p->row,
                                 .owner = owner,
                                 .time_ms = p->time_ms,
                                 .position = p->position,
                                 .updated_ms = p->time_ms};
}

static uint16_t flags_of(const struct table_source *s) {
    return s->table ? (uint16_t)table_system_value(s->table, TABLE_TRAITS, s->row) : s->record->flags;
}

static uint32_t document_of(const struct table_source *s) {
    return s->table ? (uint32_t)table_system_value(s->table, TABLE_DOCUMENT, s->row) : s->record->document;
}

static void add_source(struct range *range, const struct row_place *p, uint32_t owner) {
    if (p->position >= range->before)
        return;
    *(struct table_source *)(void *)(range->sources.data + range->sources.size) = source_of(p, owner);
    range->sources.size += sizeof(struct table_source);
}

/* Appends the owner's rows of `type`, oldest first, to range->sources. */
static void add_sources(struct range *range, const struct range_owner *o, int type) {
    struct row_place *places;
    if (o->gone)
        return;
    size_t count = places_find(range->base, o->newest, range->edits, o->owner, type, &range->arena, &places);
    buffer_reserve(&range->sources, count * sizeof(struct table_source));
    for (size_t end = count, first; end > 0; end = first) {
        /* rows of one record stand by type in either direction */
        for (first = end - 1; type < 0 && first > 0 && places[first - 1].time_ms == places[first].time_ms &&
                              places[first - 1].position == places[first].position;
             first--) {
        }
        for (size_t i = first; i < end; i++)
            add_source(range, &places[i], o->owner);
    }
}

static uint32_t source_count(const struct range *range) {
    return (uint32_t)(range->sources.size / sizeof(struct table_source));
}

/* --- columns --- */

/* Appends the elements or items of one row, whose newest update that names the property is the run's last; a document's items may come from
 * several. */
static void add_children(struct range *range, const struct table_source *sources, struct run run, uint16_t property,
                         uint8_t kind) {
    struct cell_column known = {0};
    struct cell cell;
    uint32_t from = run.end - 1;
    if (kind == VALUE_ITEMS)
        while (from > run.first && !(cell_find(&range->arena, &sources[from], property, &known, &cell) &&
                                     fold_puts_items(flags_of(&sources[from]))))
            from--;
    for (uint32_t i = from; i < run.end; i++) {
        size_t before = range->children.size;
        if (table_children(&sources[i], property, &range->children) != kind)
            range->children.size = before;
    }
}

/* Columns of the rows in range->children. */
static const struct range_column *child_columns(struct range *range, const struct children_types *types) {
    const struct table_source *children = (const struct table_source *)(const void *)range->children.data;
    uint32_t rows = (uint32_t)(range->children.size / sizeof *children);
    struct range_column *made = arena_get(&range->arena, (types->count + 1ull) * sizeof *made);
    for (uint32_t i = 0; i < types->count; i++) {
        uint16_t property = types->columns[i].property;
        struct cell *cells = arena_get(&range->arena, (rows + 1ull) * sizeof *cells);
        struct cell_column known = {0};
        for (uint32_t k = 0; k < rows; k++)
            cell_find(&range->arena, &children[k], property, &known, &cells[k]);
        int type = types->kind == VALUE_LIST ? types->element : column_type(range->history, types->type, property);
        column_of_cells(&range->arena, cells, rows, type, &made[i]);
    }
    return made;
}

/* What the newest update of the run that names the property says, in *cell; returns the end of the run up to it. */
static uint32_t newest_mention(struct range *range, const struct table_source *sources, struct run run,
                               uint16_t property, struct cell_column *known, struct cell *cell) {
    uint32_t end = run.end;
    *cell = (struct cell){0};
    while (end > run.first && !cell_find(&range->arena, &sources[end - 1], property, known, cell))
        end--;
    return end;
}

static void gather_children(struct range *range, const struct table_source *sources, const struct run *runs,
                            uint32_t count, const struct column_want *want, uint16_t type, struct range_column *out) {
    struct range_rows *child = arena_get(&range->arena, sizeof *child);
    uint32_t *starts = arena_get(&range->arena, (count + 1ull) * sizeof *starts);
    struct cell *present = arena_get(&range->arena, (count + 1ull) * sizeof *present);
    struct children_types types;
    struct cell_column known = {0};
    column_children_types(range, type, want, &types);
    buffer_clear(&range->children);
    starts[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct run run = {runs[i].first, newest_mention(range, sources, runs[i], want->property, &known, &present[i])};
        if (present[i].kind == types.kind) {
            add_children(range, sources, run, want->property, types.kind);
            present[i] = (struct cell){.kind = VALUE_BOOL, .integer = 1};
        } else {
            present[i].kind = VALUE_MISSING;
        }
        starts[i + 1] = (uint32_t)(range->children.size / sizeof(struct table_source));
    }
    column_of_cells(&range->arena, present, count, PROPERTY_BOOL, out);
    if (out->form == COLUMN_NOTHING)
        return;
    *child = (struct range_rows){.end = starts[count], .columns = child_columns(range, &types)};
    *out = (struct range_column){
        .form = COLUMN_CHILDREN, .kind = types.kind, .absent = out->absent, .child = child, .child_starts = starts};
}

static int64_t received_of(const struct table_source *s) {
    if (!s->table)
        return s->record->received_ms;
    const struct column_head *delay = table_column(s->table, TABLE_DELAY);
    if (delay)
        return (int64_t)((uint64_t)s->time_ms + (uint64_t)column_integer(s->table, delay, s->row));
    return table_system_value(s->table, TABLE_RECEIVED, s->row);
}

/* The customer at a relation's other end, as it is now. */
static bool target_of(struct range *range, const struct table_source *sources, struct run run, int64_t *out) {
    struct cell_column known = {0};
    struct cell cell;
    newest_mention(range, sources, run, RELATION_CUSTOMER, &known, &cell);
    uint32_t number = cell.kind == VALUE_NUMBER && cell.scale == 0 && cell.integer > 0 && cell.integer <= UINT32_MAX
                          ? (uint32_t)cell.integer
                          : 0;
    const struct table_source *last = &sources[run.end - 1];
    if (range->identity && targets_by_identifier(range->identity))
        number =
            target_now(range->identity, (struct identifier_id){document_of(last)}, (struct customer_id){number}).number;
    else if (range->identity)
        identity_redirect_all(range->identity, &number, 1);
    *out = number;
    return *out != 0;
}

static bool system_of(struct range *range, const struct table_source *sources, struct run run, uint16_t property,
                      int64_t *out) {
    const struct table_source *first = &sources[run.first], *last = &sources[run.end - 1];
    switch (property) {
    case RANGE_TIME:
        *out = first->time_ms;
        return true;
    case RANGE_RECEIVED:
        *out = received_of(last);
        return true;
    case RANGE_UPDATED:
        *out = last->updated_ms;
        return true;
    case RANGE_SOURCE:
        *out = last->table ? table_system_value(last->table, TABLE_SOURCE, last->row) : last->record->source;
        return true;
    case RANGE_TYPE:
        *out = last->table ? last->table->type : last->record->type;
        return true;
    case RANGE_POSITION:
        *out = (int64_t)first->position;
        return true;
    case RANGE_TARGET:
        return target_of(range, sources, run, out);
    default:
        return false;
    }
}

static void gather_system(struct range *range, const struct table_source *sources, const struct run *runs,
                          uint32_t count, uint16_t property, struct range_column *out) {
    bool time = property == RANGE_TIME || property == RANGE_RECEIVED || property == RANGE_UPDATED;
    struct cell *cells = arena_get(&range->arena, (count + 1ull) * sizeof *cells);
    for (uint32_t i = 0; i < count; i++) {
        cells[i] = (struct cell){.kind = time ? VALUE_TIME : VALUE_NUMBER};
        if (!system_of(range, sources, runs[i], property, &cells[i].integer))
            cells[i].kind = VALUE_MISSING;
    }
    column_of_cells(&range->arena, cells, count, -1, out);
}

void gather_column(struct range *range, const struct table_source *sources, const struct run *runs, uint32_t count,
                   const struct column_want *want, uint16_t type, struct range_column *out) {
    int property = column_type(range->history, type, want->property);
    if (want->property >= RANGE_TIME) {
        gather_system(range, sources, runs, count, want->property, out);
        return;
    }
    if (property >= PROPERTY_TEXT_LIST) {
        gather_children(range, sources, runs, count, want, type, out);
        return;
    }
    struct cell *cells = arena_get(&range->arena, (count + 1ull) * sizeof *cells);
    struct cell_column known = {0};
    for (uint32_t i = 0; i < count; i++)
        newest_mention(range, sources, runs[i], want->property, &known, &cells[i]);
    column_of_cells(&range->arena, cells, count, property, out);
}

/* --- rows --- */

/* The rows of one owner, sources [from, source_count), as documents: regrouped in place by document, runs in order of their first update. */
static int by_first(const void *a, const void *b) {
    const struct table_source *const *x = a, *const *y = b;
    if ((*x)->time_ms != (*y)->time_ms)
        return (*x)->time_ms < (*y)->time_ms ? -1 : 1;
    return ((*x)->position > (*y)->position) - ((*x)->position < (*y)->position);
}

static bool ended(struct range *range, const struct table_source *sources, struct run run) {
    struct cell_column known = {0};
    struct cell cell;
    newest_mention(range, sources, run, RELATION_ENDED, &known, &cell);
    return cell.kind == VALUE_BOOL && cell.integer;
}

static uint32_t document_runs(struct range *range, uint32_t from, bool relation, struct run *runs) {
    uint32_t count = source_count(range) - from, found = 0;
    struct table_source *sources = (struct table_source *)(void *)range->sources.data;
    struct table_source *copy = arena_get(&range->arena, (count + 1ull) * sizeof *copy);
    struct update *updates = arena_get(&range->arena, (count + 1ull) * sizeof *updates);
    struct update_group *groups = arena_get(&range->arena, (count + 1ull) * sizeof *groups);
    const struct table_source **first = arena_get(&range->arena, (count + 1ull) * sizeof *first);
    for (uint32_t i = 0; i < count; i++) {
        copy[i] = sources[from + i];
        updates[i] = (struct update){document_of(&copy[i]), i, NULL};
    }
    size_t group_count = fold_group(updates, count, groups);
    uint32_t at = from;
    for (size_t g = 0; g < group_count; g++) {
        first[g] = &sources[at];
        for (uint32_t k = 0; k < groups[g].count; k++)
            sources[at++] = copy[groups[g].updates[k].order];
        sources[at - 1].updated_ms = sources[at - 1].time_ms;
        sources[at - groups[g].count].owner = groups[g].count; /* how far the run goes */
    }
    if (group_count > 1)
        qsort(first, group_count, sizeof *first, by_first);
    for (size_t g = 0; g < group_count; g++) {
        uint32_t begin = (uint32_t)(first[g] - sources);
        struct run run = {begin, begin + first[g]->owner};
        if (!relation || !ended(range, sources, run))
            runs[found++] = run;
    }
    return found;
}

static struct range_owner owner_at(const struct range *range, uint32_t i) {
    return range->owners ? range->owners[i] : (struct range_owner){.owner = i};
}

static void split_times(struct range *range, const struct table_source *sources, const struct run *runs, uint32_t count,
                        struct range_rows *out) {
    int64_t *seconds = arena_get(&range->arena, (count + 1ull) * sizeof *seconds);
    int64_t *ms = arena_get(&range->arena, (count + 1ull) * sizeof *ms);
    for (uint32_t i = 0; i < count; i++) {
        int64_t time_ms = sources[runs[i].first].time_ms;
        seconds[i] = time_ms / 1000 - (time_ms % 1000 < 0);
        ms[i] = time_ms - seconds[i] * 1000;
    }
    column_of_integers(seconds, VALUE_NUMBER, &out->seconds);
    column_of_integers(ms, VALUE_NUMBER, &out->ms);
}

#define FETCHED_OWNERS 32 /* what they have fits the second cache */
#define FETCHED_ROWS 64   /* of a chain */

static void fetch_row(const struct delta_row *row) {
    __builtin_prefetch(row);
    __builtin_prefetch((const char *)row + 64);
    __builtin_prefetch((const char *)row + 128);
}

/* Chains lie far apart, a trip to memory a row. Those of some owners, from the first of which on we are to gather, are gone along together, a
 * row of each at a time, so that memory brings many at once. */
static void fetch_chains(const struct range *range, uint32_t first) {
    const struct delta_row *rows[FETCHED_OWNERS];
    uint32_t count = 0;
    if (range->form != FORM_OWNERS || first % FETCHED_OWNERS)
        return;
    for (uint32_t i = first; i < range->count && i < first + FETCHED_OWNERS; i++)
        if (range->owners[i].newest) {
            rows[count++] = range->owners[i].newest;
            fetch_row(range->owners[i].newest);
        }
    for (uint32_t row = 0; count && row < FETCHED_ROWS; row++) {
        uint32_t left = 0;
        for (uint32_t i = 0; i < count; i++)
            if (rows[i]->before) {
                rows[left++] = rows[i]->before;
                fetch_row(rows[i]->before);
            }
        count = left;
    }
}

/* The sources and runs in hand, kept for columns that are asked for later. */
static const struct gathered_rows *keep_gathered(struct range *range, const struct rows_want *want, uint32_t count) {
    struct gathered_rows *g = arena_get(&range->arena, sizeof *g);
    struct table_source *sources = arena_get(&range->arena, range->sources.size + 1);
    struct run *runs = arena_get(&range->arena, range->runs.size + 1);
    if (range->sources.size)
        memcpy(sources, range->sources.data, range->sources.size);
    if (range->runs.size)
        memcpy(runs, range->runs.data, range->runs.size);
    *g = (struct gathered_rows){sources, runs, count, want};
    return g;
}

void gather_rows(struct range *range, const struct rows_want *want, struct range_rows *out) {
    bool documents = want->form == ROWS_DOCUMENTS || want->form == ROWS_RELATION;
    int type = want->form == ROWS_ANY_EVENT ? PLACES_EVENTS : want->type;
    uint32_t *starts = arena_get(&range->arena, (range->count + 1ull) * sizeof *starts), count = 0;
    buffer_clear(&range->sources);
    buffer_clear(&range->runs);
    starts[0] = 0;
    for (uint32_t i = 0; i < range->count; i++) {
        struct range_owner o = owner_at(range, i);
        uint32_t from = source_count(range);
        fetch_chains(range, i);
        add_sources(range, &o, type);
        uint32_t more = source_count(range) - from;
        struct run *mine = (struct run *)(void *)buffer_reserve(&range->runs, (more + 1ull) * sizeof *mine);
        if (documents) {
            more = document_runs(range, from, want->form == ROWS_RELATION, mine);
        } else {
            for (uint32_t k = 0; k < more; k++)
                mine[k] = (struct run){from + k, from + k + 1};
        }
        range->runs.size += more * sizeof *mine;
        starts[i + 1] = count += more;
    }
    const struct gathered_rows *g = keep_gathered(range, want, count);
    struct range_column *columns = arena_get(&range->arena, (want->column_count + 1ull) * sizeof *columns);
    for (uint32_t i = 0; i < want->column_count; i++)
        columns[i] = (struct range_column){.form = COLUMN_PENDING};
    *out = (struct range_rows){.end = count, .starts = starts, .columns = columns, .gathered = g};
    split_times(range, g->sources, g->runs, count, out);
}

void gather_from_table(struct range *range, const struct table_head *t, const struct column_want *want, uint16_t type,
                       struct range_column *out) {
    struct table_order order = table_order_of(t);
    const struct column_head *updated = table_column(t, TABLE_UPDATED);
    struct run *runs = arena_get(&range->arena, (t->row_count + 1ull) * sizeof *runs);
    buffer_clear(&range->sources);
    struct table_source *sources =
        (struct table_source *)(void *)buffer_reserve(&range->sources, (t->row_count + 1ull) * sizeof *sources);
    for (uint32_t i = 0; i < t->row_count; i++) {
        sources[i] = (struct table_source){.table = t, .row = i};
        if (order.seconds) {
            sources[i].time_ms = table_order_time(&order, i);
            sources[i].position = table_order_position(&order, i);
            sources[i].updated_ms = updated ? column_integer(t, updated, i) : sources[i].time_ms;
        }
        runs[i] = (struct run){i, i + 1};
    }
    gather_column(range, sources, runs, t->row_count, want, type, out);
}

/* --- attributes --- */

static struct fold_rank rank_of(const struct table_source *s) {
    int64_t traits = s->table ? table_system_value(s->table, TABLE_TRAITS, s->row) : 0;
    return (struct fold_rank){s->table ? (uint8_t)(traits >> 16) : s->record->priority, s->time_ms, s->position};
}

/* The owners' rows of type 0, kept for all attributes. */
static void settings_prepare(struct range *range) {
    if (range->settings_stamp == range->stamp)
        return;
    uint32_t *starts = arena_get(&range->arena, (range->count + 1ull) * sizeof *starts);
    buffer_clear(&range->sources);
    for (uint32_t i = 0; i < range->count; i++) {
        struct range_owner o = owner_at(range, i);
        fetch_chains(range, i);
        starts[i] = source_count(range);
        add_sources(range, &o, DICTIONARY_CUSTOMER);
    }
    starts[range->count] = source_count(range);
    struct table_source *kept = arena_get(&range->arena, range->sources.size + 1);
    if (range->sources.size)
        memcpy(kept, range->sources.data, range->sources.size);
    range->settings = kept;
    range->setting_starts = starts;
    range->settings_stamp = range->stamp;
}

void gather_attribute(struct range *range, const struct column_want *want, struct range_column *out) {
    settings_prepare(range);
    struct run *runs = arena_get(&range->arena, (range->count + 1ull) * sizeof *runs);
    struct cell_column known = {0};
    struct cell cell;
    for (uint32_t i = 0; i < range->count; i++) {
        uint32_t end = range->setting_starts[i + 1];
        struct fold_rank best = {0};
        runs[i] = (struct run){end, end};
        for (uint32_t k = range->setting_starts[i]; k < end; k++) {
            struct fold_rank rank = rank_of(&range->settings[k]);
            bool first = runs[i].first == runs[i].end;
            if ((first || fold_outranks(rank, best)) &&
                cell_find(&range->arena, &range->settings[k], want->property, &known, &cell)) {
                runs[i] = (struct run){k, k + 1};
                best = rank;
            }
        }
    }
    gather_column(range, range->settings, runs, range->count, want, DICTIONARY_CUSTOMER, out);
}

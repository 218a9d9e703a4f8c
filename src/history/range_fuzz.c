/* range_fuzz: bytes as a table of a span file, read as a range: whatever they are, its columns stay inside them. */
#include <stdlib.h>
#include <unistd.h>

#include "history/history_inside.h"
#include "history/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS 24
#define ROWS_MAX 20000

struct stage {
    struct history *history;
    struct range *range;
    struct span_view *view;
    struct table_head *tables[1];
    uint16_t types[1];
    struct base base;
};

static struct stage *stage_get(void) {
    static struct stage *s;
    if (s)
        return s;
    s = memory_get(1, sizeof *s);
    char folder[] = "/tmp/onefold-range-fuzz-XXXXXX"; /* nothing is written to it */
    if (!mkdtemp(folder) || history_create(os_real(), folder, dictionary_create(), NULL, &s->history, NULL) ||
        rmdir(folder))
        abort();
    s->view = span_view(history_span_make(s->history, 0));
    s->range = range_create(s->history, NULL);
    s->base.types = s->types;
    s->base.tables = (const struct table_head **)s->tables;
    s->base.current = (const struct table_head **)s->tables;
    s->base.table_count = 1;
    return s;
}

static uint64_t read_column(struct range *range, const struct range_column *c, uint32_t first, uint32_t end,
                            unsigned depth) {
    const uint32_t *starts = c->form == COLUMN_CHILDREN ? range_child_starts(range, c) : NULL;
    struct buffer scratch = {0};
    uint64_t sum = 0;
    for (uint32_t row = first; row < end; row++) {
        if (c->form == COLUMN_NOTHING || (c->absent && (c->absent[row / 8] >> (row % 8) & 1)))
            continue;
        if (c->form == COLUMN_WHOLE || c->form == COLUMN_LOOKED_UP)
            sum += (uint64_t)range_integer(c, row);
        else if (c->form == COLUMN_DOUBLES)
            sum += ((const double *)c->data)[row] > 0;
        else if (c->form != COLUMN_CHILDREN)
            for (struct slice text = range_text(c, row, &scratch); text.size; text.size--)
                sum += (unsigned char)text.data[text.size - 1];
        else if (starts[row] > starts[row + 1] || starts[row + 1] > c->child->end)
            abort();
    }
    if (c->form == COLUMN_CODED)
        for (uint32_t code = 0; code < c->code_count && code < ROWS_MAX; code++)
            sum += range_code_text(c, code, &scratch).size;
    if (c->form == COLUMN_CHILDREN && depth == 0)
        for (unsigned i = 0; i < (c->kind == VALUE_LIST ? 1 : COLUMNS); i++)
            sum += read_column(range, &c->child->columns[i], c->child->first, c->child->end, 1);
    buffer_release(&scratch);
    return sum;
}

static uint64_t read_rows(struct range *range, uint32_t columns) {
    const struct range_rows *rows = range_rows(range, 0);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < range_count(range); i++) {
        if (rows->starts[i] > rows->starts[i + 1] || rows->starts[i] < rows->first || rows->starts[i + 1] > rows->end)
            abort();
    }
    for (uint32_t row = rows->first; row < rows->end; row++)
        sum += (uint64_t)range_row_time(rows, row);
    for (uint32_t i = 0; i < columns; i++)
        sum += read_column(range, &rows->columns[i], rows->first, rows->end, 0);
    return sum;
}

/* The first type of this kind that the preset has, so that its properties have types; relations it has none of. */
static uint16_t type_of_kind(const struct dictionary *d, uint8_t kind) {
    uint16_t type = 0;
    while (type < dictionary_type_count(d) && dictionary_type_at(d, type)->kind != kind)
        type++;
    return type;
}

static uint64_t read_all(struct stage *s, struct table_head *t) {
    struct column_want columns[COLUMNS + 6] = {{0}}, items[COLUMNS] = {{0}};
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64], sum = 0;
    for (uint16_t i = 0; i < COLUMNS; i++) {
        items[i].property = i;
        columns[i] = (struct column_want){i, items, COLUMNS};
    }
    for (uint16_t i = 0; i < 6; i++)
        columns[COLUMNS + i].property = (uint16_t)(RANGE_RECEIVED + i);
    struct rows_want rows = {t->kind == TYPE_EVENT ? ROWS_EVENTS : ROWS_DOCUMENTS, t->type, columns, COLUMNS + 6};
    struct range_want want = {columns, t->type == 0 ? COLUMNS : 0, &rows, t->type == 0 ? 0 : 1};
    if (!range_span(s->range, &want, 0, dirty, population))
        abort();
    for (int form = 0; form < 3; form++) {
        if (form)
            range_customer(s->range, &want, (struct customer_id){37}, form == 1 ? UINT64_MAX : 1u << 30);
        if (want.rows_count)
            sum += read_rows(s->range, rows.column_count);
        for (uint32_t i = 0; i < want.attribute_count; i++)
            sum += read_column(s->range, range_attribute(s->range, i), 0, range_count(s->range), 0);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct stage *s = stage_get();
    char *copy = memory_get(size + BUFFER_SLACK, 1); /* aligned as a mapped section is */
    memcpy(copy, data, size);
    struct table_head *t = (struct table_head *)(void *)copy;
    if (table_check(t, size) && t->row_count < ROWS_MAX && (t->kind == TYPE_EVENT || span_has_current(t))) {
        t->kind = t->kind == TYPE_RELATION ? TYPE_DOCUMENT : t->kind;
        t->type = type_of_kind(s->history->dictionary, t->kind);
        if (t->kind == TYPE_EVENT ? table_is_top(t)
                                  : span_current_check(t, t, size) && (t->type == 0 || table_is_top(t))) {
            s->tables[0] = t;
            s->types[0] = t->type;
            s->view->base = &s->base;
            read_all(s, t);
            s->view->base = NULL;
        }
    }
    free(copy);
    return 0;
}

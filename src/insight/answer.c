/* answer: see the header. Cells lie in one array a table, row by row. */
#include "insight/answer.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/answer_inside.h"

const char *answer_type_name(enum answer_type type) {
    static const char *const names[] = {"text",     "integer", "number", "money", "percent",
                                        "duration", "time",    "date",   "oneid", "bool"};
    assert((size_t)type < sizeof names / sizeof *names);
    return names[type];
}

struct answer *answer_create(void) {
    return memory_get(1, sizeof(struct answer));
}

void answer_free(struct answer *answer) {
    if (!answer)
        return;
    for (size_t i = 0; i < answer->table_count; i++) {
        free(answer->tables[i]->cells);
        free(answer->tables[i]);
    }
    free(answer->tables);
    free(answer->notes);
    arena_release(&answer->arena);
    free(answer);
}

struct answer_table *answer_table(struct answer *answer, const char *name) {
    struct answer_table *table = memory_get(1, sizeof *table);
    table->answer = answer;
    table->name = name;
    answer->tables = memory_resize(answer->tables, answer->table_count + 1, sizeof *answer->tables);
    answer->tables[answer->table_count++] = table;
    return table;
}

void answer_column_text(struct answer_table *table, struct slice name, enum answer_type type) {
    assert(table->cell_count == 0 && table->column_count < ANSWER_COLUMNS_MAX);
    table->columns[table->column_count++] = (struct answer_column){arena_copy(&table->answer->arena, name), type};
}

void answer_column(struct answer_table *table, const char *name, enum answer_type type) {
    answer_column_text(table, slice_text(name), type);
}

/* The next cell; NULL past the bound, from the beginning of a row on, so that no row is half there. */
static struct answer_cell *next(struct answer_table *t) {
    struct answer *a = t->answer;
    assert(t->column_count > 0);
    if (t->cell_count % t->column_count == 0)
        t->full = t->full || a->cell_count + t->column_count > ANSWER_CELLS_MAX;
    if (t->full) {
        t->left_out++;
        return NULL;
    }
    if (t->cell_count == t->cell_capacity) {
        t->cell_capacity = t->cell_capacity ? t->cell_capacity * 2 : 64;
        t->cells = memory_resize(t->cells, t->cell_capacity, sizeof *t->cells);
    }
    a->cell_count++;
    struct answer_cell *cell = &t->cells[t->cell_count++];
    *cell = (struct answer_cell){0};
    return cell;
}

static enum answer_type type_of_next(const struct answer_table *t) {
    return t->columns[(t->cell_count + t->left_out) % t->column_count].type;
}

void answer_text(struct answer_table *table, struct slice text) {
    assert(type_of_next(table) == ANSWER_TEXT);
    struct answer_cell *cell = next(table);
    if (cell)
        cell->text = text.size ? arena_copy(&table->answer->arena, text) : SLICE("");
}

void answer_cstring(struct answer_table *table, const char *text) { answer_text(table, slice_text(text)); }

void answer_number(struct answer_table *table, struct number value) {
    assert(type_of_next(table) != ANSWER_TEXT);
    bool none = value.scale == NUMBER_REAL && !isfinite(value.real);
    struct answer_cell *cell = next(table);
    if (cell)
        *cell = (struct answer_cell){.missing = none, .number = value};
}

void answer_integer(struct answer_table *table, int64_t value) { answer_number(table, number_whole(value)); }

void answer_real(struct answer_table *table, double value) {
    answer_number(table,
                  isfinite(value) ? number_of_real(value) : (struct number){.real = value, .scale = NUMBER_REAL});
}

void answer_share(struct answer_table *table, uint64_t part, uint64_t whole) {
    answer_real(table, whole ? (double)part / (double)whole : NAN);
}

void answer_missing(struct answer_table *table) {
    struct answer_cell *cell = next(table);
    if (cell)
        cell->missing = true;
}

void answer_note(struct answer *answer, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    size_t bytes = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    answer->notes = memory_resize(answer->notes, answer->note_count + 1, sizeof *answer->notes);
    answer->notes[answer->note_count++] = arena_copy(&answer->arena, slice_of(text, bytes));
}

/* --- several answers as one --- */

static struct answer_table *joined_table(struct answer *answer, size_t from, const char *column,
                                         const struct answer_table *like) {
    for (size_t i = from; i < answer->table_count; i++)
        if (strcmp(answer->tables[i]->name, like->name) == 0)
            return answer->tables[i];
    struct answer_table *t = answer_table(answer, like->name);
    answer_column(t, column, ANSWER_TEXT);
    for (size_t i = 0; i < like->column_count; i++)
        answer_column_text(t, like->columns[i].name, like->columns[i].type);
    return t;
}

static void join_rows(struct answer_table *t, struct slice name, const struct answer_table *from) {
    assert(t->column_count == from->column_count + 1);
    for (size_t i = 0; i < from->cell_count; i++) {
        const struct answer_cell *cell = &from->cells[i];
        if (i % from->column_count == 0)
            answer_text(t, name);
        if (cell->missing)
            answer_missing(t);
        else if (type_of_next(t) == ANSWER_TEXT)
            answer_text(t, cell->text);
        else
            answer_number(t, cell->number);
    }
}

static size_t answers_with_note(struct answer *const *answers, size_t count, struct slice note) {
    size_t with = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < answers[i]->note_count; k++)
            with += slice_equal(answers[i]->notes[k], note);
    return with;
}

static void join_notes(struct answer *answer, const struct slice *names, struct answer *const *answers, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < answers[i]->note_count; k++) {
            const struct slice note = answers[i]->notes[k];
            if (count > 1 && answers_with_note(answers, count, note) == 1)
                answer_note(answer, "%.*s: %.*s", SLICE_ARG(names[i]), SLICE_ARG(note));
            else if (answers_with_note(answers, i, note) == 0)
                answer_note(answer, "%.*s", SLICE_ARG(note));
        }
}

void answer_join(struct answer *answer, const char *column, const struct slice *names, struct answer *const *answers,
                 size_t count) {
    const size_t from = answer->table_count;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < answers[i]->table_count; k++)
            join_rows(joined_table(answer, from, column, answers[i]->tables[k]), names[i], answers[i]->tables[k]);
    join_notes(answer, names, answers, count);
}

const struct answer_table *answer_find(const struct answer *answer, const char *name) {
    for (size_t i = 0; i < answer->table_count; i++)
        if (strcmp(answer->tables[i]->name, name) == 0)
            return answer->tables[i];
    return NULL;
}

size_t answer_rows(const struct answer_table *table) {
    return table->column_count ? table->cell_count / table->column_count : 0;
}

struct answer_cell answer_at(const struct answer_table *table, size_t row, const char *column) {
    for (size_t i = 0; i < table->column_count; i++)
        if (slice_is(table->columns[i].name, column)) {
            assert(row < answer_rows(table));
            return table->cells[row * table->column_count + i];
        }
    assert(!"the column is there");
    return (struct answer_cell){.missing = true};
}

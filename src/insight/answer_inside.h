/* answer_inside: what answer.c and answer_write.c share. */
#ifndef ONEFOLD_INSIGHT_ANSWER_INSIDE_H
#define ONEFOLD_INSIGHT_ANSWER_INSIDE_H

#include "insight/answer.h"

struct answer_column {
    struct slice name;
    enum answer_type type;
};
struct answer_table {
    struct answer *answer;
    const char *name;
    struct answer_column columns[ANSWER_COLUMNS_MAX];
    size_t column_count;
    struct answer_cell *cells;
    size_t cell_count, cell_capacity, left_out;
    bool full;
};
struct answer {
    struct answer_table **tables;
    size_t table_count, cell_count;
    struct slice *notes;
    size_t note_count;
    struct arena arena;
};

#endif

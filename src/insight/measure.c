/* measure: see the header. */
#include "insight/measure.h"

#include <stdio.h>

#include "insight/periods.h"

enum status measure_read(const struct definition_part *part, struct scan *scan, struct measure *m,
                         struct fault *fault) {
    struct definition_rows *rows;
    struct slice value = SLICE_NONE;
    size_t count;
    unsigned kind;
    char path[160];
    *m = (struct measure){0};
    enum status status = definition_rows(part, "event", 1, 1, &rows, &count, fault);
    if (!status)
        status = definition_text(part, "value", &value, fault);
    kind = value.size ? MEASURE_SUM : MEASURE_COUNT;
    if (!status)
        status = definition_choice(part, "measure", MEASURE_WORDS, &kind, fault);
    if (!status)
        status = scan_rows(scan, &rows[0], &m->rows, fault);
    if (status)
        return status;
    m->kind = (enum measure_kind)kind;
    m->name = rows[0].name;
    bool needs = kind != MEASURE_COUNT && kind != MEASURE_CUSTOMERS && kind != MEASURE_PER_CUSTOMER;
    if (needs && !value.size)
        return definition_fail(part, "value", fault, "is missing; name the number that is counted, such as \"total\"");
    if (!needs && value.size)
        return definition_fail(part, "value", fault, "is not asked for by this measure; did you mean measure \"sum\"?");
    m->has_value = needs;
    (void)snprintf(path, sizeof path, "%s%svalue", part->path, part->path[0] ? "." : "");
    if (needs)
        status = scan_row_value(scan, m->rows, value, path, TERM_NUMBER, &m->value, fault);
    if (!status && needs)
        m->money = scan_row_value_node(scan, m->rows, m->value)->money;
    return status ? status : definition_text(part, "name", &m->name, fault);
}

void cell_merge(struct cell *into, const struct cell *from) {
    if (from->values && (into->values == 0 || from->least < into->least))
        into->least = from->least;
    if (from->values && (into->values == 0 || from->most > into->most))
        into->most = from->most;
    into->rows += from->rows;
    into->customers += from->customers;
    into->values += from->values;
    into->sum += from->sum;
}

static struct number ratio(__int128 millionths, uint64_t count) {
    struct number sum = number_of_millionths(millionths), out = {0};
    (void)number_calculate(OP_DIVIDE, sum, number_whole((int64_t)count), &out);
    return out;
}

bool measure_value(const struct measure *m, const struct cell *c, struct number *out) {
    switch (m->kind) {
    case MEASURE_COUNT:
        *out = number_whole((int64_t)c->rows);
        return true;
    case MEASURE_CUSTOMERS:
        *out = number_whole((int64_t)c->customers);
        return true;
    case MEASURE_SUM:
        *out = number_of_millionths(c->sum);
        return true;
    case MEASURE_MIN:
    case MEASURE_MAX:
        *out = number_of_millionths(m->kind == MEASURE_MIN ? c->least : c->most);
        return c->values > 0;
    case MEASURE_AVG:
        if (c->values)
            *out = ratio(c->sum, c->values);
        return c->values > 0;
    default:
        if (c->customers)
            *out = ratio(m->kind == MEASURE_PER_CUSTOMER ? (__int128)c->rows * 1000000 : c->sum, c->customers);
        return c->customers > 0;
    }
}

enum answer_type measure_type(const struct measure *m) {
    if (m->kind == MEASURE_COUNT || m->kind == MEASURE_CUSTOMERS)
        return ANSWER_INTEGER;
    return m->money ? ANSWER_MONEY : ANSWER_NUMBER;
}

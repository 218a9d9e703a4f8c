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
    m->rows_text = rows[0].text;
    m->value_text = value;
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

void cell_values_merge(struct cell_values *into, const struct cell_values *from) {
    if (from->count && (into->count == 0 || from->least < into->least))
        into->least = from->least;
    if (from->count && (into->count == 0 || from->most > into->most))
        into->most = from->most;
    into->count += from->count;
    into->sum += from->sum;
}

static struct number ratio(__int128 millionths, uint64_t count) {
    struct number sum = number_of_millionths(millionths), out = {0};
    (void)number_calculate(OP_DIVIDE, sum, number_whole((int64_t)count), &out);
    return out;
}

bool measure_value(const struct measure *m, const struct cell *c, const struct cell_values *v, struct number *out) {
    static const struct cell_values none;
    v = v ? v : &none;
    switch (m->kind) {
    case MEASURE_COUNT:
        *out = number_whole((int64_t)c->rows);
        return true;
    case MEASURE_CUSTOMERS:
        *out = number_whole((int64_t)c->customers);
        return true;
    case MEASURE_SUM:
        *out = number_of_millionths(v->sum);
        return true;
    case MEASURE_MIN:
    case MEASURE_MAX:
        *out = number_of_millionths(m->kind == MEASURE_MIN ? v->least : v->most);
        return v->count > 0;
    case MEASURE_AVG:
        if (v->count)
            *out = ratio(v->sum, v->count);
        return v->count > 0;
    default:
        if (c->customers)
            *out = ratio(m->kind == MEASURE_PER_CUSTOMER ? (__int128)c->rows * 1000000 : v->sum, c->customers);
        return c->customers > 0;
    }
}

enum answer_type measure_type(const struct measure *m) {
    if (m->kind == MEASURE_COUNT || m->kind == MEASURE_CUSTOMERS)
        return ANSWER_INTEGER;
    return m->money ? ANSWER_MONEY : ANSWER_NUMBER;
}

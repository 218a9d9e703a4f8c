/* range_target: the customers at the other ends of stored relations, as they are now.
 *
 * A relation holds the number of the other end as it was when it was written. Nearly all of those are still who they were, and identity's
 * bits of the population tell so without a look at each customer. So a piece of the column at a time is widened into a small array and asked
 * about; the column is copied only from where a number has become another. */
#include <assert.h>

#include "history/range_inside.h"
#include "history/target.h"

#define PIECE 512 /* rows */

#define WIDEN(type)                                                                                                    \
    for (uint32_t i = 0; i < count; i++) {                                                                             \
        type raw = ((const type *)data)[i + first];                                                                    \
        bad |= raw > most;                                                                                             \
        out[i] = base + multiple * (uint32_t)raw;                                                                      \
    }

/* `count` numbers from row `first` on; false where one is no customer's. An absent row has the lowest of the column: a customer's too. */
static bool numbers_of(const struct table_head *t, const struct column_head *c, uint32_t first, uint32_t count,
                       uint32_t *out) {
    const void *data = (const char *)t + c->data;
    if (c->base < 1 || c->base > UINT32_MAX || c->multiple < 1 || c->multiple > UINT32_MAX)
        return false;
    uint32_t base = (uint32_t)c->base, multiple = (uint32_t)c->multiple, most = (UINT32_MAX - base) / multiple;
    bool bad = false;
    switch (c->width) {
    case 1:
        WIDEN(uint8_t);
        break;
    case 2:
        WIDEN(uint16_t);
        break;
    case 4:
        WIDEN(uint32_t);
        break;
    case 8:
        WIDEN(uint64_t);
        break;
    default:
        for (uint32_t i = 0; i < count; i++)
            out[i] = base;
    }
    return !bad;
}

/* The same once anybody was split: by the identifiers the rows name. True where somebody is another. */
static bool holders_of(const struct identity *identity, const struct table_head *t, uint32_t first, uint32_t count,
                       uint32_t *numbers) {
    const struct column_head *c = table_column(t, TABLE_DOCUMENT);
    bool changed = false;
    for (uint32_t i = 0; i < count; i++) {
        struct identifier_id identifier = {c ? (uint32_t)column_integer(t, c, first + i) : 0};
        uint32_t holder = target_now(identity, identifier, (struct customer_id){numbers[i]}).number;
        changed |= holder != numbers[i];
        numbers[i] = holder;
    }
    return changed;
}

/* Says in *copy who they are now where somebody is another, indexed as the column is; false where a number is no customer's, and where one
 * customer's few rows are better gathered than copied. */
static bool targets_now(struct range *range, const struct table_head *t, const struct column_head *c, struct run rows,
                        uint32_t **copy) {
    uint32_t piece[PIECE];
    bool by_identifier = range->identity && targets_by_identifier(range->identity);
    *copy = NULL;
    for (uint32_t row = rows.first; row < rows.end; row += PIECE) {
        uint32_t count = rows.end - row < PIECE ? rows.end - row : PIECE;
        if (!numbers_of(t, c, row, count, piece))
            return false;
        bool changed = by_identifier ? holders_of(range->identity, t, row, count, piece)
                                     : range->identity && identity_redirect_all(range->identity, piece, count) > 0;
        if (changed && range->form == FORM_CUSTOMER)
            return false;
        if (changed && !*copy) {
            *copy = arena_get(&range->arena, (size_t)rows.end * sizeof **copy);
            if (!numbers_of(t, c, rows.first, row - rows.first, *copy + rows.first))
                return false;
        }
        if (*copy)
            memcpy(*copy + row, piece, count * sizeof *piece);
    }
    return true;
}

bool column_of_targets(struct range *range, const struct table_head *t, struct run rows, struct range_column *out) {
    const struct column_head *c = range_find_column(range, t, t->type, RELATION_CUSTOMER);
    uint32_t *copy;
    assert(rows.first <= rows.end && rows.end <= t->row_count);
    *out = (struct range_column){.form = COLUMN_NOTHING};
    if (!c || c->absent_count == t->row_count || c->kind == VALUE_MISSING)
        return true;
    if (c->encoding != COLUMN_INTEGER || c->kind != VALUE_NUMBER || c->scale)
        return false;
    if (range->as_written)
        copy = NULL;
    else if (!targets_now(range, t, c, rows, &copy))
        return false;
    column_of_head(range, t, c, out);
    if (copy)
        *out = (struct range_column){
            .form = COLUMN_WHOLE, .width = sizeof *copy, .kind = VALUE_NUMBER, .multiple = 1, .data = copy};
    out->absent = c->absent ? (const uint8_t *)t + c->absent : NULL;
    return true;
}

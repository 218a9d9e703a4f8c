/* fuzzy_profile: what the columns of an unknown table are: by their names, and where those say nothing or something that the
 * values contradict, by the values. The default rule file is this and nothing else.
 *
 * It need not be right about everything: a column that tells nothing gets weights near zero by the training, whatever it was
 * taken for. What matters is that no column is taken for evidence which is none: record numbers, constants. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "identity/fuzzy_normalise.h"
#include "identity/fuzzy_rules.h"

/* Shares are of the records that have a value. */
struct look {
    size_t filled, distinct;
    double at_sign, date, number, digits, has_digit, length, words, unique_share;
};

#define LOOK_VALUES_MAX 20000

static void look_at(const struct fuzzy_column *c, size_t records, struct look *look) {
    uint32_t *counts = memory_get(c->values.count + 1, sizeof *counts);
    double seen = 0;
    *look = (struct look){.distinct = c->values.count};
    for (size_t i = 0; i < records; i++) {
        look->filled += c->codes[i] != 0;
        counts[c->codes[i]]++;
    }
    look->distinct = 0;
    size_t once = 0;
    for (size_t v = 1; v <= c->values.count; v++) {
        look->distinct += counts[v] != 0;
        once += counts[v] == 1;
    }
    for (size_t v = 1; v <= c->values.count && v <= LOOK_VALUES_MAX; v++) {
        struct slice s = c->values.values[v];
        double weight = counts[v];
        size_t digits = 0, blanks = 0, letters = 0, wide = 0;
        bool at = false;
        for (size_t i = 0; i < s.size; i++) {
            char x = s.data[i];
            digits += x >= '0' && x <= '9';
            letters += ((x | 32) >= 'a' && (x | 32) <= 'z') || (x & 0x80);
            wide += (x & 0xC0) == 0x80;
            blanks += x == ' ';
            at |= x == '@' && i > 0 && i + 3 < s.size;
        }
        seen += weight;
        look->at_sign += weight * at;
        look->date += weight * fuzzy_is_date(s);
        look->number += weight * (digits > 0 && letters == 0 && digits * 2 >= s.size);
        look->digits += weight * (double)digits;
        look->has_digit += weight * (digits > 0);
        look->length += weight * (double)(s.size - wide);
        look->words += weight * (double)(blanks + 1);
    }
    free(counts);
    seen = seen > 0 ? seen : 1;
    double *all[] = {&look->at_sign,   &look->date,   &look->number, &look->digits,
                     &look->has_digit, &look->length, &look->words};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] /= seen;
    look->unique_share = look->filled ? (double)once / (double)look->filled : 0;
}

/* By the values alone. */
static enum fuzzy_role role_of_values(const struct look *l) {
    if (l->at_sign > 0.5)
        return FUZZY_ROLE_EMAIL;
    if (l->date > 0.6)
        return FUZZY_ROLE_DATE;
    if (l->unique_share > 0.995 && l->words < 1.2 && l->has_digit > 0.9)
        return FUZZY_ROLE_RECORD_ID;
    if (l->distinct <= 40 && l->filled > l->distinct * 8)
        return FUZZY_ROLE_CATEGORY;
    if (l->number > 0.8)
        return l->digits >= 7 ? FUZZY_ROLE_CODE : FUZZY_ROLE_QUANTITY;
    if (l->has_digit > 0.8 && l->words < 1.3 && l->length < 24)
        return FUZZY_ROLE_CODE;
    return l->words > 1.7 || l->length > 14 ? FUZZY_ROLE_TEXT : FUZZY_ROLE_WORD;
}

/* Whether the values can be what the column's name says. */
static bool values_fit(enum fuzzy_role role, const struct look *l) {
    switch (role) {
    case FUZZY_ROLE_EMAIL:
        return l->at_sign > 0.3;
    case FUZZY_ROLE_PHONE:
        return l->digits >= 5;
    case FUZZY_ROLE_NUMBER_ID:
        return l->digits >= 4;
    case FUZZY_ROLE_BIRTH:
        return l->date > 0.3 || l->digits >= 4;
    case FUZZY_ROLE_BIRTH_YEAR:
    case FUZZY_ROLE_BIRTH_MONTH:
    case FUZZY_ROLE_BIRTH_DAY:
        return l->number > 0.8;
    case FUZZY_ROLE_ADDRESS:
        return l->length >= 5 && l->distinct > 20 && l->date < 0.3;
    case FUZZY_ROLE_POSTCODE:
    case FUZZY_ROLE_HOUSE:
        return l->has_digit > 0.5;
    case FUZZY_ROLE_GENDER:
        return l->distinct <= 30;
    case FUZZY_ROLE_GIVEN:
    case FUZZY_ROLE_FAMILY:
    case FUZZY_ROLE_NAME:
        return l->has_digit < 0.5;
    case FUZZY_ROLE_DURATION:
        return l->has_digit > 0.5;
    case FUZZY_ROLE_TEXT:
        return l->length > 6;
    default:
        return true;
    }
}

/* Fields in the order they are taken when there are too many: what tells people apart comes first. */
static const enum fuzzy_role order[] = {
    FUZZY_ROLE_GIVEN,    FUZZY_ROLE_FAMILY,   FUZZY_ROLE_NAME,      FUZZY_ROLE_ORGANISATION, FUZZY_ROLE_BIRTH,
    FUZZY_ROLE_EMAIL,    FUZZY_ROLE_PHONE,    FUZZY_ROLE_NUMBER_ID, FUZZY_ROLE_TEXT,         FUZZY_ROLE_ADDRESS,
    FUZZY_ROLE_HOUSE,    FUZZY_ROLE_POSTCODE, FUZZY_ROLE_CITY,      FUZZY_ROLE_MIDDLE,       FUZZY_ROLE_DATE,
    FUZZY_ROLE_DURATION, FUZZY_ROLE_WORD,     FUZZY_ROLE_CODE,      FUZZY_ROLE_QUANTITY,     FUZZY_ROLE_REGION,
    FUZZY_ROLE_COUNTRY,  FUZZY_ROLE_GENDER,   FUZZY_ROLE_CATEGORY,
};

static struct fuzzy_field_rule *add_field(struct fuzzy_rules *rules, enum fuzzy_role role) {
    if (rules->field_count == FUZZY_FIELDS_MAX)
        return NULL;
    struct fuzzy_field_rule *f = &rules->fields[rules->field_count++];
    unsigned same = 0;
    for (size_t i = 0; i + 1 < rules->field_count; i++)
        same += rules->fields[i].role == role;
    *f = (struct fuzzy_field_rule){
        .role = role, .comparator = fuzzy_role_comparator(role), .tf = fuzzy_role_tf(role), .swap_with = -1};
    if (same)
        snprintf(f->name, sizeof f->name, "%s_%u", fuzzy_role_word(role), same + 1);
    else
        snprintf(f->name, sizeof f->name, "%s", fuzzy_role_word(role));
    return f;
}

/* One field out of every column of these roles, in this order. */
static void join_roles(struct fuzzy_rules *rules, enum fuzzy_role *role_of, size_t columns, enum fuzzy_role as,
                       enum fuzzy_comparator comparator, const enum fuzzy_role *from, size_t from_count) {
    struct fuzzy_field_rule *f = add_field(rules, as);
    for (size_t r = 0; f && r < from_count; r++)
        for (size_t c = 0; c < columns; c++)
            if (role_of[c] == from[r] && f->column_count < FUZZY_FIELD_COLUMNS_MAX) {
                f->columns[f->column_count++] = (unsigned)c;
                role_of[c] = FUZZY_ROLE_IGNORE;
            }
    if (f)
        f->comparator = comparator;
}

static size_t count_role(const enum fuzzy_role *role_of, size_t columns, enum fuzzy_role role) {
    size_t count = 0;
    for (size_t c = 0; c < columns; c++)
        count += role_of[c] == role;
    return count;
}

/* Columns that only together are a value: a birthday in three, a name in some rows whole and in others in parts. */
static void join_columns(struct fuzzy_rules *rules, enum fuzzy_role *role_of, size_t columns) {
    static const enum fuzzy_role birth[] = {FUZZY_ROLE_BIRTH_YEAR, FUZZY_ROLE_BIRTH_MONTH, FUZZY_ROLE_BIRTH_DAY};
    static const enum fuzzy_role names[] = {FUZZY_ROLE_NAME, FUZZY_ROLE_ORGANISATION, FUZZY_ROLE_GIVEN,
                                            FUZZY_ROLE_MIDDLE, FUZZY_ROLE_FAMILY};
    if (count_role(role_of, columns, FUZZY_ROLE_BIRTH_YEAR) == 1 && count_role(role_of, columns, FUZZY_ROLE_BIRTH) == 0)
        join_roles(rules, role_of, columns, FUZZY_ROLE_BIRTH, FUZZY_DATE, birth, 3);
    bool whole = count_role(role_of, columns, FUZZY_ROLE_NAME) > 0;
    bool parts = count_role(role_of, columns, FUZZY_ROLE_GIVEN) + count_role(role_of, columns, FUZZY_ROLE_FAMILY) > 0;
    if (whole && parts)
        join_roles(rules, role_of, columns, FUZZY_ROLE_NAME, FUZZY_TOKENS, names, 5);
}

static void pair_swaps(struct fuzzy_rules *rules) {
    int given = -1, family = -1, line[2] = {-1, -1};
    for (size_t i = 0; i < rules->field_count; i++) {
        enum fuzzy_role role = rules->fields[i].role;
        if (role == FUZZY_ROLE_GIVEN && given < 0)
            given = (int)i;
        if (role == FUZZY_ROLE_FAMILY && family < 0)
            family = (int)i;
        if (role == FUZZY_ROLE_ADDRESS)
            line[line[0] < 0 ? 0 : 1] = line[1] < 0 ? (int)i : line[1];
    }
    if (given >= 0 && family >= 0)
        rules->fields[given].swap_with = family;
    if (line[1] >= 0)
        rules->fields[line[0]].swap_with = line[1];
}

void fuzzy_profile(struct fuzzy_table *table, struct fuzzy_rules *rules) {
    enum fuzzy_role role_of[FUZZY_COLUMNS_MAX];
    assert(table->column_count <= FUZZY_COLUMNS_MAX);
    for (size_t c = 0; c < table->column_count; c++) {
        struct look look;
        look_at(&table->columns[c], table->record_count, &look);
        enum fuzzy_role by_name = fuzzy_role_of_header(slice_text(table->columns[c].name));
        role_of[c] = by_name != FUZZY_ROLES && values_fit(by_name, &look) ? by_name : role_of_values(&look);
        if (role_of[c] == FUZZY_ROLE_SOURCE && rules->source_column < 0 && look.distinct > 1)
            rules->source_column = (int)c;
        if (look.distinct < 2 || (int)c == rules->source_column || role_of[c] == FUZZY_ROLE_SOURCE ||
            role_of[c] == FUZZY_ROLE_RECORD_ID)
            role_of[c] = FUZZY_ROLE_IGNORE;
    }
    join_columns(rules, role_of, table->column_count);
    for (size_t r = 0; r < sizeof order / sizeof *order; r++)
        for (size_t c = 0; c < table->column_count; c++) {
            struct fuzzy_field_rule *f = role_of[c] == order[r] ? add_field(rules, order[r]) : NULL;
            if (f)
                f->columns[f->column_count++] = (unsigned)c;
        }
    pair_swaps(rules);
}

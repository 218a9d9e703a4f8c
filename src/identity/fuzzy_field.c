/* fuzzy_field: see the header. */
#include "identity/fuzzy_field.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "identity/fuzzy_normalise.h"

#define RARER_MAX 5.0
#define SHARED_USUAL                                                                                                   \
    6 /* records with one e-mail address, phone or number; more are not one person's, but a shop's or an office's */
#define SHARED_MAX 16.0
#define CACHED_VALUES_MAX 20000

/* --- codes --- */

static bool is_dated(enum fuzzy_role role) { return role == FUZZY_ROLE_BIRTH || role == FUZZY_ROLE_DATE; }

/* Where a column's dates can be read both ways, the readings that can only be one decide. */
static void learn_date_order(struct fuzzy_normaliser *n, const struct fuzzy_column *c) {
    long votes = 0;
    for (size_t v = 1; v <= c->values.count; v++)
        votes += fuzzy_date_order(c->values.values[v]);
    fuzzy_normaliser_day_first(n, votes > 0);
}

static void codes_of_one(struct fuzzy_field *f, struct fuzzy_normaliser *n, const struct fuzzy_column *c,
                         size_t records) {
    struct buffer text = {0};
    uint32_t *code_of = memory_get(c->values.count + 1, sizeof *code_of);
    for (size_t v = 1; v <= c->values.count; v++) {
        buffer_clear(&text);
        fuzzy_normalise(n, f->rule->role, c->values.values[v], &text);
        code_of[v] = fuzzy_dictionary_add(&f->dictionary, buffer_slice(&text));
    }
    for (size_t i = 0; i < records; i++)
        f->codes[i] = code_of[c->codes[i]];
    free(code_of);
    buffer_release(&text);
}

static void codes_of_many(struct fuzzy_field *f, struct fuzzy_normaliser *n, const struct fuzzy_table *t) {
    struct buffer raw = {0}, text = {0};
    for (size_t i = 0; i < t->record_count; i++) {
        buffer_clear(&raw);
        buffer_clear(&text);
        for (size_t c = 0; c < f->rule->column_count; c++) {
            struct slice cell = fuzzy_table_text(&t->columns[f->rule->columns[c]], i);
            if (cell.size && raw.size)
                buffer_add_char(&raw, ' ');
            buffer_add_slice(&raw, cell);
        }
        if (raw.size)
            fuzzy_normalise(n, f->rule->role, buffer_slice(&raw), &text);
        f->codes[i] = fuzzy_dictionary_add(&f->dictionary, buffer_slice(&text));
    }
    buffer_release(&raw);
    buffer_release(&text);
}

/* --- values --- */

static bool all_ascii(struct slice s) {
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i] & 0x80)
            return false;
    return true;
}

static void describe_values(struct fuzzy_field *f, struct fuzzy_normaliser *n) {
    struct fuzzy_dictionary *d = &f->dictionary;
    f->values = memory_get(d->count + 1, sizeof *f->values);
    for (size_t v = 1; v <= d->count; v++) {
        struct fuzzy_value *value = &f->values[v];
        value->text = value->latin = d->values[v];
        value->ascii = all_ascii(value->text);
        if (!value->ascii) {
            struct buffer latin = {0};
            fuzzy_normalise_latin(n, value->text, &latin);
            value->latin = arena_copy(&d->texts, buffer_slice(&latin));
            buffer_release(&latin);
        }
        fuzzy_sound(value->latin, value->sound);
        for (size_t i = 0; i < value->text.size && i < FUZZY_TEXT_MAX; i++)
            value->letters |= 1ULL << (value->text.data[i] & 63);
        if (f->rule->comparator == FUZZY_NUMBER) {
            char text[48] = {0};
            memcpy(text, value->text.data, value->text.size < sizeof text - 1 ? value->text.size : sizeof text - 1);
            value->number = strtod(text, NULL);
        }
    }
}

/* What is its owner's alone where it is not shared. */
static bool is_own(enum fuzzy_role role) {
    return role == FUZZY_ROLE_EMAIL || role == FUZZY_ROLE_PHONE || role == FUZZY_ROLE_NUMBER_ID;
}

/* How many records have each value, and how likely two records have the same. */
static void count_values(struct fuzzy_field *f, size_t records) {
    double sum = 0;
    for (size_t i = 0; i < records; i++)
        if (f->codes[i]) {
            f->values[f->codes[i]].records++;
            f->filled++;
        }
    for (size_t v = 1; v <= f->dictionary.count; v++)
        sum += (double)f->values[v].records * (double)f->values[v].records;
    f->chance_same = f->filled ? sum / ((double)f->filled * (double)f->filled) : 1;
    for (size_t v = 1; !f->rule->tf && is_own(f->rule->role) && v <= f->dictionary.count; v++)
        if (f->values[v].records > SHARED_USUAL) { /* by both records' chance to have it */
            double shared = 2 * log2((double)f->values[v].records / SHARED_USUAL);
            f->values[v].rarer = (float)-(shared > SHARED_MAX ? SHARED_MAX : shared);
        }
    for (size_t v = 1; f->rule->tf && v <= f->dictionary.count; v++) {
        double rarer = log2(f->chance_same * (double)f->filled / (f->values[v].records ? f->values[v].records : 1));
        f->values[v].rarer = (float)(rarer > RARER_MAX ? RARER_MAX : rarer < -RARER_MAX ? -RARER_MAX : rarer);
    }
}

/* --- pieces of free text --- */

static int by_piece(const void *a, const void *b) {
    const struct fuzzy_piece *x = a, *y = b;
    return (x->piece > y->piece) - (x->piece < y->piece);
}

/* The three-byte pieces of a text between two blanks, each once, as hashes. */
static void cut_pieces(struct slice text, struct buffer *into) {
    char padded[FUZZY_TEXT_MAX * 8 + 2] = " ";
    size_t size = text.size < sizeof padded - 2 ? text.size : sizeof padded - 2, start = into->size;
    memcpy(padded + 1, text.data, size);
    padded[size + 1] = ' ';
    for (size_t i = 0; i + 3 <= size + 2; i++) {
        struct fuzzy_piece p = {(uint32_t)hash_bytes(slice_of(padded + i, 3), 11) | 1, 0};
        buffer_add(into, &p, sizeof p);
    }
    struct fuzzy_piece *list = (struct fuzzy_piece *)(into->data + start);
    size_t count = (into->size - start) / sizeof *list, kept = 0;
    if (count)
        qsort(list, count, sizeof *list, by_piece);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || list[kept - 1].piece != list[i].piece)
            list[kept++] = list[i];
    into->size = start + kept * sizeof *list;
}

#define PIECE_COUNTS ((size_t)1 << 20)

/* Weighs pieces by how rare they are among the records (idf), to length one. */
static void weigh_pieces(struct fuzzy_field *f) {
    uint32_t *counts = memory_get(PIECE_COUNTS, sizeof *counts); /* pieces that share a slot share its count */
    for (size_t v = 1; v <= f->dictionary.count; v++)
        for (uint32_t i = 0; i < f->values[v].piece_count; i++)
            counts[f->pieces[f->values[v].pieces_at + i].piece & (PIECE_COUNTS - 1)]++;
    for (size_t v = 1; v <= f->dictionary.count; v++) {
        struct fuzzy_piece *list = f->pieces + f->values[v].pieces_at;
        double sum = 0;
        for (uint32_t i = 0; i < f->values[v].piece_count; i++) {
            double idf = log((double)(f->dictionary.count + 1) / counts[list[i].piece & (PIECE_COUNTS - 1)]) + 0.1;
            list[i].weight = (float)idf;
            sum += idf * idf;
        }
        for (uint32_t i = 0; i < f->values[v].piece_count; i++)
            list[i].weight = (float)(list[i].weight / sqrt(sum));
    }
    free(counts);
}

static void make_pieces(struct fuzzy_field *f) {
    struct buffer all = {0};
    for (size_t v = 1; v <= f->dictionary.count; v++) {
        size_t start = all.size / sizeof(struct fuzzy_piece);
        cut_pieces(f->values[v].text, &all);
        f->values[v].pieces_at = start;
        f->values[v].piece_count = (uint32_t)(all.size / sizeof(struct fuzzy_piece) - start);
    }
    f->pieces = (struct fuzzy_piece *)all.data; /* taken over */
    f->piece_count = all.size / sizeof(struct fuzzy_piece);
    weigh_pieces(f);
}

void fuzzy_fields_init(struct fuzzy_fields *fields, struct fuzzy_table *table, const struct fuzzy_rules *rules) {
    struct fuzzy_normaliser *n = fuzzy_normaliser_create();
    *fields = (struct fuzzy_fields){.count = rules->field_count, .record_count = table->record_count};
    fields->sources = memory_get(table->record_count + 1, sizeof *fields->sources);
    for (size_t i = 0; i < table->record_count; i++)
        fields->sources[i] =
            rules->source_column >= 0 ? table->columns[rules->source_column].codes[i] : table->sources[i];
    fields->source_count =
        rules->source_column >= 0 ? table->columns[rules->source_column].values.count + 1 : table->source_count;
    for (size_t i = 0; i < rules->field_count; i++) {
        struct fuzzy_field *f = &fields->list[i];
        f->rule = &rules->fields[i];
        f->codes = memory_get(table->record_count + 1, sizeof *f->codes);
        f->level_count = fuzzy_levels(f->rule->comparator);
        f->differ = fuzzy_level_differ(f->rule->comparator);
        f->swapped = fuzzy_level_swapped(f->rule->comparator);
        assert(f->rule->column_count > 0 && f->differ > 0);
        if (is_dated(f->rule->role))
            learn_date_order(n, &table->columns[f->rule->columns[0]]);
        if (f->rule->column_count == 1)
            codes_of_one(f, n, &table->columns[f->rule->columns[0]], table->record_count);
        else
            codes_of_many(f, n, table);
        describe_values(f, n);
        count_values(f, table->record_count);
        if (f->rule->comparator == FUZZY_COSINE)
            make_pieces(f);
        f->cached = f->dictionary.count < CACHED_VALUES_MAX && f->rule->comparator != FUZZY_EXACT &&
                    f->rule->comparator != FUZZY_DATE && f->rule->comparator != FUZZY_NUMBER;
    }
    for (size_t i = 0; i < rules->field_count; i++)
        if (rules->fields[i].swap_with >= 0)
            fields->list[rules->fields[i].swap_with].second = true;
    fields->rows = memory_get(table->record_count * fields->count + 1, sizeof *fields->rows);
    for (size_t i = 0; i < fields->count; i++)
        for (size_t r = 0; r < table->record_count; r++)
            fields->rows[r * fields->count + i] = fields->list[i].codes[r];
    fuzzy_normaliser_free(n);
}

void fuzzy_fields_release(struct fuzzy_fields *fields) {
    for (size_t i = 0; i < fields->count; i++) {
        struct fuzzy_field *f = &fields->list[i];
        fuzzy_dictionary_release(&f->dictionary);
        free(f->values);
        free(f->codes);
        free(f->pieces);
    }
    free(fields->rows);
    free(fields->sources);
    *fields = (struct fuzzy_fields){0};
}

/* csv: the rules by example, and against a slow twin that reads one character at a time. */
#include "collect/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define CELLS 64

/* The whole text as "a|b/" per row; a row with a fault as "!/"; `*lines` counts. */
static void read_all(char separator, struct slice text, struct buffer *out, size_t *lines) {
    struct slice cells[CELLS];
    struct csv csv = {.separator = separator, .cells = cells, .cells_max = CELLS};
    struct csv_row row;
    *lines = 0;
    while (csv_read(&csv, text, true, &row)) {
        assert_true(row.size >= row.text.size && row.size <= text.size && row.size > 0);
        for (size_t i = 0; !row.fault && i < row.cell_count && i < CELLS; i++)
            buffer_print(out, "%s%.*s", i ? "|" : "", SLICE_ARG(cells[i]));
        buffer_print(out, row.fault ? "!/" : "/");
        *lines += row.line_count;
        text = slice_of(text.data + row.size, text.size - row.size);
    }
    csv_release(&csv);
}

static void test_examples(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
        size_t lines;
    } cases[] = {
        {"", "", 0},
        {"a", "a/", 1},
        {"a\n", "a/", 1},
        {"a,b\nc,d", "a|b/c|d/", 2},
        {"a,b\r\nc,d\r\n", "a|b/c|d/", 2},
        {"a\rb\rc", "a/b/c/", 3},
        {"a,\n", "a|/", 1},
        {",\n", "|/", 1},
        {"\n\na\n", "//a/", 3},
        {"\"a\"\n", "a/", 1},
        {"\"a,b\",c\n", "a,b|c/", 1},
        {"\"a\nb\",c\nd,e\n", "a\nb|c/d|e/", 3},
        {"\"a\"\"b\",\"\"\"\",\"\"\n", "a\"b|\"|/", 1},
        {"a\"b,c\"\n", "a\"b|c\"/", 1},
        {"\"a\"x,b\nc,d\n", "!/c|d/", 2},
        {"\"a\" ,b\n", "!/", 1},
        {"x,\"a\nb,c\n", "!/b|c/", 2},
        {"\"", "!/", 1},
        {"\"a\"", "a/", 1},
        {"\"a\"\r", "a/", 1},
        {"0123456789012345678901234567890123456789,x\n", "0123456789012345678901234567890123456789|x/", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        size_t lines;
        read_all(',', slice_text(cases[i].text), &out, &lines);
        if (!slice_is(buffer_slice(&out), cases[i].want) || lines != cases[i].lines)
            fail_msg("%s gives %.*s, %zu lines", cases[i].text, (int)out.size, out.data, lines);
        buffer_release(&out);
    }
    struct buffer out = {0};
    size_t lines;
    read_all('\t', SLICE("a,b\tc\n\"d\te\"\tf\n"), &out, &lines);
    assert_true(slice_is(buffer_slice(&out), "a,b|c/d\te|f/"));
    buffer_release(&out);
}

/* The slow twin: one character at a time, a state machine. An open quote at the end gives up the line it is read from. */
static void model(char separator, struct slice text, struct buffer *out, size_t *lines) {
    size_t at = 0;
    *lines = 0;
    while (at < text.size) {
        enum { START, PLAIN, QUOTED, CLOSED } mode = START;
        size_t first = at, row_lines = 1, out_start = out->size, cells = 1;
        bool bad = false, ended = false;
        while (at < text.size && !ended) {
            char c = text.data[at++];
            if (mode == QUOTED) {
                if (c == '"' && at < text.size && text.data[at] == '"')
                    buffer_add_char(out, text.data[at++]);
                else if (c == '"')
                    mode = CLOSED;
                else
                    buffer_add_char(out, c);
                row_lines += c == '\n';
            } else if (c == separator) {
                if (cells < CELLS)
                    buffer_add_char(out, '|');
                cells++;
                mode = START;
            } else if (c == '\n' || c == '\r') {
                at += c == '\r' && at < text.size && text.data[at] == '\n';
                ended = true;
            } else if (mode == START && c == '"') {
                mode = QUOTED;
            } else {
                bad = bad || mode == CLOSED;
                if (mode == START)
                    mode = PLAIN;
                if (cells <= CELLS && mode == PLAIN)
                    buffer_add_char(out, c);
            }
        }
        if (mode == QUOTED) {
            bad = true;
            row_lines = 1;
            at = first;
            while (at < text.size && text.data[at] != '\n' && text.data[at] != '\r')
                at++;
            if (at < text.size)
                at += text.data[at] == '\r' && at + 1 < text.size && text.data[at + 1] == '\n' ? 2 : 1;
        }
        if (bad) {
            out->size = out_start;
            buffer_add_char(out, '!');
        }
        buffer_add_char(out, '/');
        *lines += row_lines;
    }
}

static void random_text(struct random *r, struct buffer *out) {
    static const char letters[] = "ab,\"\n\r\t";
    unsigned weight = (unsigned)random_below(r, 4);
    for (uint64_t i = random_below(r, 120); i; i--)
        buffer_add_char(out, weight && random_chance(r, 0.2 * weight) ? 'x' : letters[random_below(r, 7)]);
}

static void test_against_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct random r;
        struct buffer text = {0}, out = {0}, want = {0};
        size_t lines, want_lines;
        random_init(&r, seed);
        random_text(&r, &text);
        char *exact = memory_text(buffer_slice(&text)); /* nothing readable past its end but the zero */
        read_all(',', slice_of(exact, text.size), &out, &lines);
        model(',', slice_of(exact, text.size), &want, &want_lines);
        if (!slice_equal(buffer_slice(&out), buffer_slice(&want)) || lines != want_lines)
            fail_msg("seed %llu: \"%s\" gives %.*s and %zu lines, not %.*s and %zu", (unsigned long long)seed, exact,
                     (int)out.size, out.data, lines, (int)want.size, want.data, want_lines);
        free(exact);
        buffer_release(&text);
        buffer_release(&out);
        buffer_release(&want);
    }
}

/* Growing prefixes: a row that is given before the end is there must be the row of the whole text. */
static void test_prefixes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct random r;
        struct buffer text = {0};
        struct slice cells[CELLS];
        struct csv csv = {.separator = ',', .cells = cells, .cells_max = CELLS};
        struct csv_row whole, part;
        random_init(&r, seed);
        random_text(&r, &text);
        if (csv_read(&csv, buffer_slice(&text), true, &whole))
            for (size_t size = 0; size < text.size; size++)
                if (csv_read(&csv, slice_of(text.data, size), false, &part) &&
                    (part.size != whole.size || part.cell_count != whole.cell_count || part.fault != whole.fault))
                    fail_msg("seed %llu at %zu", (unsigned long long)seed, size);
        csv_release(&csv);
        buffer_release(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

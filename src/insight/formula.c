/* formula: see the header. A parser by descent into a tree. */
#include "insight/formula.h"

#include <math.h>
#include <stdlib.h>

#define DEPTH_MAX 50

struct formula {
    char op; /* + - * / n (number) s (series) */
    double number;
    size_t series;
    struct formula *left, *right;
};

struct parse {
    struct slice text;
    size_t at, series_count;
    struct arena *arena;
    struct fault *fault;
    unsigned depth;
};

static struct formula *sum(struct parse *p);

static struct formula *make(struct parse *p, char op, struct formula *left, struct formula *right) {
    struct formula *f = arena_get(p->arena, sizeof *f);
    *f = (struct formula){.op = op, .left = left, .right = right};
    return f;
}

static char next(struct parse *p) {
    while (p->at < p->text.size && (unsigned char)p->text.data[p->at] <= ' ')
        p->at++;
    return p->at < p->text.size ? p->text.data[p->at] : 0;
}

static struct formula *fail(struct parse *p, const char *what) {
    (void)fault_set(p->fault, STATUS_INVALID, "at %zu: %s", p->at + 1, what);
    return NULL;
}

static struct formula *number(struct parse *p) {
    char text[40], *end;
    size_t size = p->text.size - p->at < sizeof text - 1 ? p->text.size - p->at : sizeof text - 1;
    memcpy(text, p->text.data + p->at, size);
    text[size] = 0;
    double value = strtod(text, &end);
    if (end == text)
        return fail(p, "a number, a series' letter or \"(\" is expected here");
    struct formula *f = make(p, 'n', NULL, NULL);
    f->number = value;
    p->at += (size_t)(end - text);
    return f;
}

static struct formula *unit(struct parse *p) {
    char c = next(p);
    if (++p->depth > DEPTH_MAX)
        return fail(p, "too many brackets in brackets");
    struct formula *f = NULL;
    if (c == '(' || c == '-') {
        p->at++;
        f = c == '(' ? sum(p) : unit(p);
        if (f && c == '-')
            f = make(p, '-', make(p, 'n', NULL, NULL), f);
        if (f && c == '-')
            f->left->number = 0;
        if (f && c == '(' && next(p) != ')')
            return fail(p, "\")\" is expected here");
        p->at += f && c == '(';
    } else if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
        size_t series = (size_t)((c | 32) - 'a');
        if (series >= p->series_count) {
            (void)fault_set(p->fault, STATUS_INVALID, "at %zu: there is no series %c; there are A to %c", p->at + 1,
                            c & ~32, (char)('A' + p->series_count - 1));
            return NULL;
        }
        p->at++;
        f = make(p, 's', NULL, NULL);
        f->series = series;
    } else {
        f = number(p);
    }
    p->depth--;
    return f;
}

static struct formula *product(struct parse *p) {
    struct formula *f = unit(p);
    for (char c; f && ((c = next(p)) == '*' || c == '/');) {
        p->at++;
        struct formula *right = unit(p);
        f = right ? make(p, c, f, right) : NULL;
    }
    return f;
}

static struct formula *sum(struct parse *p) {
    struct formula *f = product(p);
    for (char c; f && ((c = next(p)) == '+' || c == '-');) {
        p->at++;
        struct formula *right = product(p);
        f = right ? make(p, c, f, right) : NULL;
    }
    return f;
}

enum status formula_parse(struct slice text, size_t series_count, struct arena *arena, struct formula **formula,
                          struct fault *fault) {
    struct fault own = {0};
    struct parse p = {.text = text, .series_count = series_count, .arena = arena, .fault = fault ? fault : &own};
    *formula = sum(&p);
    if (*formula && next(&p))
        *formula = fail(&p, "+, -, * or / is expected here");
    return *formula ? STATUS_OK : STATUS_INVALID;
}

double formula_value(const struct formula *f, const double *series) {
    if (f->op == 'n')
        return f->number;
    if (f->op == 's')
        return series[f->series];
    double a = formula_value(f->left, series), b = formula_value(f->right, series);
    switch (f->op) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    default:
        return b == 0 ? NAN : a / b;
    }
}

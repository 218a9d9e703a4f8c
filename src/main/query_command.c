/* query_command: `onefold query "EXPRESSION"`: how many customers fulfil a condition (or what an expression comes to), a few of them, and how long
 * it took; or what is wrong with it. Asks a running server (--url, --key), or opens a data folder of its own for the time (--data). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json_read.h"
#include "govern/json_text.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"

enum asked { ASKED_COUNT, ASKED_EXPLAIN, ASKED_CHECK, ASKED_FORMAT };

static const char *const paths[] = {[ASKED_COUNT] = "/v1/query",
                                    [ASKED_EXPLAIN] = "/v1/query/explain",
                                    [ASKED_CHECK] = "/v1/query/check",
                                    [ASKED_FORMAT] = "/v1/query/format"};

/* --- showing --- */

struct shown {
    struct json_parser *p;
    const struct json *root;
};

static void show_text(const struct shown *s, const struct json *object, const char *key) {
    struct slice text = json_get_text(s->p, object, key);
    printf("%.*s", SLICE_ARG(text));
}

static double number_of(const struct json *json) {
    return json == NULL                 ? 0
           : json->kind == JSON_INTEGER ? (double)json->integer
           : json->kind == JSON_REAL    ? json->real
                                        : 0;
}

static double number(const struct shown *s, const struct json *object, const char *key) {
    return number_of(json_get(s->p, object, key));
}

static void show_json(const struct shown *s, const struct json *json) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    if (json->kind == JSON_TEXT)
        buffer_add_slice(&text, json->text);
    else
        json_text_of(s->p, json, &w);
    printf("%.*s", SLICE_ARG(buffer_slice(&text)));
    buffer_release(&text);
}

static void show_member(const struct shown *s, const struct json *member) {
    const struct json *values = json_get(s->p, member, "values");
    const char *gap = "";
    values = values ? values : json_get(s->p, member, "attributes");
    printf("  ");
    show_text(s, member, "oneid");
    for (const struct json *i = json_first(s->p, json_get(s->p, member, "identifiers")); i; i = json_next(s->p, i)) {
        printf("  ");
        show_text(s, i, "namespace");
        printf(":");
        show_text(s, i, "value");
    }
    printf("\n    ");
    for (const struct json *v = json_first(s->p, values); v; v = json_next(s->p, v)) {
        printf("%s%.*s = ", gap, SLICE_ARG(v->key));
        show_json(s, v);
        gap = ", ";
    }
    printf("\n");
}

static void show_count(const struct shown *s) {
    double count = number(s, s->root, "count"), population = number(s, s->root, "population");
    const struct json *sample = json_get(s->p, s->root, "sample");
    printf("%.0f of %.0f customers (%.1f %%) in %.2f ms\n", count, population,
           population > 0 ? 100 * count / population : 0.0, number(s, s->root, "elapsed_ms"));
    if (json_get(s->p, s->root, "mean"))
        printf("least %g, most %g, mean %g\n", number(s, s->root, "least"), number(s, s->root, "most"),
               number(s, s->root, "mean"));
    if (sample == NULL || sample->count == 0)
        return;
    printf("some of them:\n");
    for (const struct json *m = json_first(s->p, sample); m; m = json_next(s->p, m))
        show_member(s, m);
}

/* A node a line, its children two blanks further right. */
static void show_plan(const struct shown *s, const struct json *node, int depth) {
    const struct json *estimated = json_get(s->p, node, "estimated_rows"),
                      *actual = json_get(s->p, node, "actual_rows"), *customers = json_get(s->p, node, "customers"),
                      *ms = json_get(s->p, node, "ms");
    printf("%*s", depth * 2, "");
    show_text(s, node, "node");
    printf("  [");
    show_text(s, node, "kind");
    if (estimated)
        printf(", estimated %.0f rows", number_of(estimated));
    if (actual)
        printf(", %.0f rows", number_of(actual));
    if (customers)
        printf(", %.0f customers", number_of(customers));
    if (ms)
        printf(", %.3f ms", number_of(ms));
    printf("]\n");
    const struct json *children = json_get(s->p, node, "children");
    for (const struct json *c = children ? json_first(s->p, children) : NULL; c; c = json_next(s->p, c))
        show_plan(s, c, depth + 1);
}

static int show_check(const struct shown *s) {
    const struct json *error = json_get(s->p, s->root, "error");
    if (error) {
        show_text(s, error, "message");
        printf("\n");
        return 1;
    }
    printf("right: ");
    show_text(s, s->root, "type");
    printf("\n");
    show_text(s, s->root, "formatted");
    printf("\n");
    return 0;
}

static int show(enum asked asked, const struct buffer *answer, bool json) {
    struct shown s = {.p = json_parser_create()};
    int code = 0;
    if (json) {
        printf("%.*s\n", SLICE_ARG(buffer_slice(answer)));
    } else if (json_parse(s.p, buffer_slice(answer), true, &s.root, NULL) == STATUS_OK) {
        if (asked == ASKED_COUNT) {
            show_count(&s);
        } else if (asked == ASKED_EXPLAIN) {
            show_plan(&s, json_get(s.p, s.root, "plan"), 0);
        } else if (asked == ASKED_CHECK) {
            code = show_check(&s);
        } else {
            show_text(&s, s.root, "formatted");
            printf("\n");
        }
    }
    json_parser_free(s.p);
    return code;
}

/* --- asking --- */

static void write_request(enum asked asked, const char *expression, const char *values, uint64_t limit,
                          struct buffer *out) {
    struct json_writer w = {.out = out};
    bool sample = asked == ASKED_COUNT || asked == ASKED_EXPLAIN;
    json_object(&w);
    json_member_cstring(&w, "expression", expression);
    if (sample)
        json_member_integer(&w, "limit", (int64_t)limit);
    if (sample && values) {
        json_key(&w, "values");
        json_array(&w);
        for (const char *at = values, *end; *at; at = *end ? end + 1 : end) {
            end = strchr(at, ';');
            end = end ? end : at + strlen(at);
            json_text(&w, slice_trim(slice_of(at, (size_t)(end - at))));
        }
        json_end_array(&w);
    }
    json_end_object(&w);
}

int query_command(int argc, char **argv) {
    const char *expression, *url = NULL, *key = getenv("ONEFOLD_KEY"), *folder = "onefold-data", *values = NULL;
    bool explain = false, check = false, format = false, json = false;
    uint64_t limit = 5;
    int count = 1;
    const struct arg table[] = {
        {"data", ARG_TEXT, &folder, "data folder to ask, no server running on it (onefold-data)"},
        {"url", ARG_TEXT, &url, "or a running server, such as http://127.0.0.1:8080"},
        {"key", ARG_TEXT, &key, "its admin key (or ONEFOLD_KEY in the environment)"},
        {"limit", ARG_NUMBER, &limit, "how many customers are shown (5)"},
        {"values", ARG_TEXT, &values, "what is shown of each: expressions with semicolons between (all attributes)"},
        {"explain", ARG_FLAG, &explain, "shows the plan with estimated and actual rows and times"},
        {"check", ARG_FLAG, &check, "only says whether it is right, and what is wrong"},
        {"format", ARG_FLAG, &format, "only writes it in its canonical form"},
        {"json", ARG_FLAG, &json, "the answer as JSON"},
        {0}};
    args_parse(argc, argv, "query \"EXPRESSION\" [--data DIR | --url URL --key KEY]", table, &expression, &count);
    if (count != 1) {
        fprintf(stderr, "onefold: one expression is needed, in quotation marks; see onefold query --help\n");
        return 2;
    }
    enum asked asked = explain ? ASKED_EXPLAIN : check ? ASKED_CHECK : format ? ASKED_FORMAT : ASKED_COUNT;
    struct ask asking = {0};
    struct buffer body = {0}, answer = {0};
    struct fault fault = {0};
    server_signals();
    write_request(asked, expression, values, limit, &body);
    enum status status = STATUS_OK;
    if (!url && access(folder, F_OK) != 0) /* a misspelt one would be made, and have nobody in it */
        status = fault_set(&fault, STATUS_NOT_FOUND,
                           "there is no data folder \"%s\"; --data names one, --url a running server", folder);
    if (!status)
        status = ask_open(&asking, url, key, folder, &fault);
    if (!status)
        status = ask_for(&asking, "POST", paths[asked], buffer_slice(&body), &answer, &fault);
    int code = status ? 1 : show(asked, &answer, json);
    if (status)
        fprintf(stderr, "onefold: %s\n", fault.text);
    ask_close(&asking);
    buffer_release(&body);
    buffer_release(&answer);
    return code;
}

/* rules_command: `onefold identity rules`: the rules in force, or others taken over from a file; `onefold identity rehearse FILE`: what
 * others would come to. A file is a list of definitions of namespaces, or {"namespaces":[...]}. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"

int identity_rules_command(int argc, char **argv);
int identity_rehearse_command(int argc, char **argv);

struct asked {
    const char *url, *key, *folder, *file;
    bool json;
    struct buffer answer;
};

/* The file as a request's body. */
static bool read_body(const char *path, struct buffer *body) {
    FILE *file = fopen(path, "rb");
    char part[4096];
    if (!file) {
        fprintf(stderr, "onefold: %s cannot be read\n", path);
        return false;
    }
    struct buffer text = {0};
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        buffer_add(&text, part, got);
    fclose(file);
    bool list = slice_starts(slice_trim(buffer_slice(&text)), SLICE("["));
    if (list)
        buffer_add_slice(body, SLICE("{\"namespaces\":"));
    buffer_add_slice(body, buffer_slice(&text));
    if (list)
        buffer_add_char(body, '}');
    buffer_release(&text);
    return true;
}

static int ask(struct asked *a, const char *method, const char *path) {
    struct ask asking = {0};
    struct buffer body = {0};
    struct fault fault = {0};
    if (a->file && !read_body(a->file, &body))
        return 1;
    server_signals();
    enum status status = ask_open(&asking, a->url, a->key, a->folder, &fault);
    if (!status)
        status = ask_for(&asking, method, path, buffer_slice(&body), &a->answer, &fault);
    if (status)
        fprintf(stderr, "onefold: %s\n", fault.text);
    ask_close(&asking);
    buffer_release(&body);
    return status ? 1 : 0;
}

static void parse(int argc, char **argv, const char *usage, struct asked *a, bool *apply) {
    int count = 1;
    *a = (struct asked){.key = getenv("ONEFOLD_KEY"), .folder = "onefold-data"};
    const struct arg table[] = {
        {"data", ARG_TEXT, &a->folder, "data folder to ask, no server running on it (onefold-data)"},
        {"url", ARG_TEXT, &a->url, "or a running server, such as http://127.0.0.1:8080"},
        {"key", ARG_TEXT, &a->key, "its admin key (or ONEFOLD_KEY in the environment)"},
        {"json", ARG_FLAG, &a->json, "the answer as JSON"},
        {apply ? "apply" : NULL, ARG_FLAG, apply, "takes over the rules of FILE, and solves everything anew by them"},
        {0}};
    args_parse(argc, argv, usage, table, &a->file, &count);
    if (count == 0)
        a->file = NULL;
}

/* --- rules --- */

static void show_rule(struct json_parser *p, const struct json *ns) {
    struct slice name = json_get_text(p, ns, "name"), kind = json_get_text(p, ns, "kind");
    struct slice shared = json_get_text(p, ns, "shared");
    int64_t limit = json_get_integer(p, ns, "limit", 0), days = json_get_integer(p, ns, "window_days", 0);
    size_t blocked = 0;
    for (const struct json *m = json_first(p, json_get(p, ns, "blocked")); m; m = json_next(p, m))
        blocked++;
    printf("%-20.*s %-10.*s %8lld %-6s %5lld %6lld %-9s %-8.*s %zu\n", SLICE_ARG(name), SLICE_ARG(kind),
           (long long)json_get_integer(p, ns, "priority", 0), json_get_bool(p, ns, "unique", false) ? "unique" : "",
           (long long)limit, (long long)days, json_get_bool(p, ns, "anonymous_only", false) ? "anonymous" : "",
           SLICE_ARG(shared), blocked);
}

static void show_rules(struct json_parser *p, const struct json *root) {
    printf("%-20s %-10s %8s %-6s %5s %6s %-9s %-8s %s\n", "namespace", "kind", "priority", "", "limit", "days", "only",
           "shared", "blocked");
    for (const struct json *m = json_first(p, json_get(p, root, "namespaces")); m; m = json_next(p, m))
        show_rule(p, m);
    if (json_get_bool(p, root, "sweeping", false))
        printf("everything is being solved anew: %lld of %lld identifiers so far\n",
               (long long)json_get_integer(p, root, "swept", 0),
               (long long)json_get_integer(p, root, "identifiers", 0));
}

/* --- a rehearsal --- */

static int64_t at(struct json_parser *p, const struct json *list, size_t index) {
    const struct json *m = json_first(p, list);
    for (; m && index; index--)
        m = json_next(p, m);
    return m && m->kind == JSON_INTEGER ? m->integer : 0;
}

static void show_example(struct json_parser *p, const struct json *e) {
    const struct json *identifier = json_get(p, e, "identifier");
    struct slice other = json_get_text(p, e, "other");
    printf("  %.*s %.*s %s %.*s (%.*s:%.*s)\n", SLICE_ARG(json_get_text(p, e, "would")),
           SLICE_ARG(json_get_text(p, e, "customer")),
           slice_is(json_get_text(p, e, "would"), "split") ? "into" : "with", (int)(other.size ? other.size : 9),
           other.size ? other.data : "a new one", SLICE_ARG(json_get_text(p, identifier, "namespace")),
           SLICE_ARG(json_get_text(p, identifier, "value")));
}

static void show_rehearsal(struct json_parser *p, const struct json *root) {
    static const char *const names[] = {"components",      "too_large",   "customers_before",
                                        "customers_after", "would_merge", "would_split",
                                        "would_move",      "refused",     "held"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        printf("%-18s %12lld\n", names[i], (long long)json_get_integer(p, root, names[i], 0));
    printf("\nidentifiers        before        after\n");
    for (size_t i = 0; i < 12; i++)
        printf("%s%-10lld %12lld %12lld\n", i < 11 ? "up to " : "more  ", 1LL << i,
               (long long)at(p, json_get(p, root, "sizes_before"), i),
               (long long)at(p, json_get(p, root, "sizes_after"), i));
    printf("\n");
    for (const struct json *e = json_first(p, json_get(p, root, "examples")); e; e = json_next(p, e))
        show_example(p, e);
}

static int show(struct asked *a, void (*as)(struct json_parser *p, const struct json *root)) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    if (a->json)
        printf("%.*s\n", SLICE_ARG(buffer_slice(&a->answer)));
    else if (!json_parse(p, buffer_slice(&a->answer), true, &root, NULL))
        as(p, root);
    json_parser_free(p);
    buffer_release(&a->answer);
    return 0;
}

int identity_rules_command(int argc, char **argv) {
    struct asked a;
    bool apply = false;
    parse(argc, argv, "identity rules [FILE --apply] [--data DIR | --url URL --key KEY]", &a, &apply);
    if (apply != (a.file != NULL)) {
        fprintf(stderr,
                "onefold: a file of rules is taken over with --apply; try `onefold identity rehearse FILE` first\n");
        return 2;
    }
    int code = ask(&a, apply ? "POST" : "GET", "/v1/identity/rules");
    return code ? code : show(&a, show_rules);
}

int identity_rehearse_command(int argc, char **argv) {
    struct asked a;
    parse(argc, argv, "identity rehearse FILE [--data DIR | --url URL --key KEY]", &a, NULL);
    if (!a.file) {
        fprintf(stderr, "onefold: a file is needed: [{\"define\":\"namespace\",\"name\":\"phone\",\"limit\":3}]\n");
        return 2;
    }
    int code = ask(&a, "POST", "/v1/identity/rules/rehearse");
    return code ? code : show(&a, show_rehearsal);
}

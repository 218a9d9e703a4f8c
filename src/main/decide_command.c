/* decide_command: `onefold identity merge | split | undo | explain | device | oneid | decisions`: who is one customer, decided by hand and
 * explained, on a data folder or a running server. The calls are those of the API (docs/merge-split.md); an answer is printed as lines to be
 * read, with --json as it came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/json_write.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"

int identity_merge_command(int argc, char **argv);
int identity_split_command(int argc, char **argv);
int identity_undo_command(int argc, char **argv);
int identity_explain_command(int argc, char **argv);
int identity_device_command(int argc, char **argv);
int identity_oneid_command(int argc, char **argv);
int identity_decisions_command(int argc, char **argv);

#define GIVEN_MAX 1000

struct deciding {
    const char *usage;
    const char *url, *key, *folder, *since;
    uint64_t entry, from;
    bool preview, json;
    const char *given[GIVEN_MAX];
    int given_count;
    struct buffer path, body;
};

/* --- an answer as lines --- */

static bool is_container(const struct json *j) { return j->kind == JSON_ARRAY || j->kind == JSON_OBJECT; }

/* An identifier is namespace and value; it is printed as people write it. */
static bool is_identifier(struct json_parser *p, const struct json *j) {
    return j->kind == JSON_OBJECT && j->count == 2 && json_get_text(p, j, "namespace").size && json_get(p, j, "value");
}

static void print_scalar(struct json_parser *p, const struct json *j) {
    if (is_identifier(p, j))
        printf("%.*s:%.*s", SLICE_ARG(json_get_text(p, j, "namespace")), SLICE_ARG(json_get_text(p, j, "value")));
    else if (j->kind == JSON_TEXT)
        printf("%.*s", SLICE_ARG(j->text));
    else if (j->kind == JSON_INTEGER)
        printf("%lld", (long long)j->integer);
    else if (j->kind == JSON_REAL)
        printf("%.6g", j->real);
    else
        printf("%s", j->kind != JSON_BOOL ? "-" : j->boolean ? "yes" : "no");
}

static bool is_plain(struct json_parser *p, const struct json *j) { return !is_container(j) || is_identifier(p, j); }

static bool is_flat(struct json_parser *p, const struct json *j) {
    for (const struct json *m = json_first(p, j); m; m = json_next(p, m))
        if (!is_plain(p, m))
            return false;
    return true;
}

/* What is null, false or empty is left out: an answer has every member, a line what there is to say. */
static bool says_nothing(const struct json *j) {
    return j->kind == JSON_NULL || (is_container(j) && j->count == 0) || (j->kind == JSON_TEXT && j->text.size == 0);
}

static void print_tree(struct json_parser *p, const struct json *j, int depth);

static void print_line(struct json_parser *p, const struct json *j, int depth) {
    const char *gap = "";
    printf("%*s", depth * 2, "");
    if (is_plain(p, j)) {
        print_scalar(p, j);
    } else {
        for (const struct json *m = json_first(p, j); m; m = json_next(p, m)) {
            if (says_nothing(m) || (m->kind == JSON_BOOL && !m->boolean))
                continue;
            printf("%s%.*s ", gap, SLICE_ARG(m->key));
            print_scalar(p, m);
            gap = ", ";
        }
    }
    printf("\n");
}

static void print_member(struct json_parser *p, const struct json *m, int depth) {
    if (says_nothing(m))
        return;
    printf("%*s%.*s", depth * 2, "", SLICE_ARG(m->key));
    if (is_plain(p, m)) {
        printf(" ");
        print_scalar(p, m);
        printf("\n");
    } else {
        printf("\n");
        print_tree(p, m, depth + 1);
    }
}

static void print_tree(struct json_parser *p, const struct json *j, int depth) {
    bool list = j->kind == JSON_ARRAY;
    for (const struct json *m = json_first(p, j); m; m = json_next(p, m)) {
        if (list && (is_plain(p, m) || (m->kind == JSON_OBJECT && is_flat(p, m)))) {
            print_line(p, m, depth);
        } else if (list) {
            print_tree(p, m, depth);
            printf("\n");
        } else {
            print_member(p, m, depth);
        }
    }
}

/* --- asking --- */

static void parse(int argc, char **argv, struct deciding *d, const char *usage, int least, int most) {
    *d = (struct deciding){.usage = usage, .key = getenv("ONEFOLD_KEY"), .folder = "onefold-data"};
    d->given_count = most;
    const struct arg table[] = {
        {"data", ARG_TEXT, &d->folder, "data folder, no server running on it (onefold-data)"},
        {"url", ARG_TEXT, &d->url, "or a running server, such as http://127.0.0.1:8080"},
        {"key", ARG_TEXT, &d->key, "its admin key (or ONEFOLD_KEY in the environment)"},
        {"json", ARG_FLAG, &d->json, "the answer as JSON"},
        {"preview", ARG_FLAG, &d->preview, "merge, split, undo: what would come of it; nothing is changed"},
        {"entry", ARG_NUMBER, &d->entry, "split: the merge that the journal's entry of this number tells of"},
        {"since", ARG_TEXT, &d->since, "split: what was merged from this instant on, such as 2026-01-31T08:00:00Z"},
        {"from", ARG_NUMBER, &d->from, "decisions: so many are left out"},
        {0}};
    args_parse(argc, argv, usage, table, d->given, &d->given_count);
    if (d->given_count < least) {
        fprintf(stderr, "onefold: usage: onefold %s\n", usage);
        exit(2);
    }
}

static int ask(struct deciding *d, const char *method) {
    struct ask asking = {0};
    struct buffer answer = {0};
    struct fault fault = {0};
    const struct json *root;
    server_signals();
    buffer_add_char(&d->path, 0);
    enum status status = ask_open(&asking, d->url, d->key, d->folder, &fault);
    if (!status)
        status = ask_for(&asking, method, d->path.data, buffer_slice(&d->body), &answer, &fault);
    if (status)
        fprintf(stderr, "onefold: %s\n", fault.text);
    struct json_parser *p = json_parser_create();
    if (!status && d->json)
        printf("%.*s\n", SLICE_ARG(buffer_slice(&answer)));
    else if (!status && !json_parse(p, buffer_slice(&answer), true, &root, NULL))
        print_tree(p, root, 0);
    json_parser_free(p);
    ask_close(&asking);
    buffer_release(&answer);
    buffer_release(&d->path);
    buffer_release(&d->body);
    return status ? 1 : 0;
}

/* Ids hold whatever people typed. */
static void add_encoded(struct buffer *path, const char *text) {
    for (; *text; text++)
        if (strchr("-_.~:", *text) || (*text >= '0' && *text <= '9') || ((*text | 32) >= 'a' && (*text | 32) <= 'z'))
            buffer_add_char(path, *text);
        else
            buffer_print(path, "%%%02X", (unsigned char)*text);
}

static int decide(struct deciding *d, const char *word, struct json_writer *w) {
    if (d->preview)
        json_member_bool(w, "preview", true);
    json_end_object(w);
    buffer_print(&d->path, "/v1/identity/%s", word);
    return ask(d, "POST");
}

/* --- the words --- */

int identity_merge_command(int argc, char **argv) {
    struct deciding d;
    parse(argc, argv, &d, "identity merge ID ID [--preview] [--data DIR | --url URL --key KEY]", 2, 2);
    struct json_writer w = {.out = &d.body};
    json_object(&w);
    json_member_cstring(&w, "customer", d.given[0]);
    json_member_cstring(&w, "other", d.given[1]);
    return decide(&d, "merge", &w);
}

int identity_split_command(int argc, char **argv) {
    struct deciding d;
    parse(argc, argv, &d,
          "identity split (ID NAMESPACE:VALUE... | --entry N | ID --since TIME) [--preview] [--data DIR | --url URL "
          "--key KEY]",
          0, GIVEN_MAX);
    bool by_identifiers = d.given_count > 1 && !d.entry && !d.since;
    if (!by_identifiers && !(d.given_count == 1 && d.since && !d.entry) &&
        !(d.given_count == 0 && d.entry && !d.since)) {
        fprintf(stderr,
                "onefold: a split is told by identifiers that leave, by --entry N alone, or by --since TIME\n"
                "usage: onefold %s\n",
                d.usage);
        return 2;
    }
    struct json_writer w = {.out = &d.body};
    json_object(&w);
    if (d.entry)
        json_member_integer(&w, "entry", (int64_t)d.entry);
    else
        json_member_cstring(&w, "customer", d.given[0]);
    if (d.since)
        json_member_cstring(&w, "since", d.since);
    if (by_identifiers) {
        json_key(&w, "identifiers");
        json_array(&w);
        for (int i = 1; i < d.given_count; i++)
            json_cstring(&w, d.given[i]);
        json_end_array(&w);
    }
    return decide(&d, "split", &w);
}

int identity_undo_command(int argc, char **argv) {
    struct deciding d;
    char *end;
    parse(argc, argv, &d, "identity undo DECISION [--preview] [--data DIR | --url URL --key KEY]", 1, 1);
    long long number = strtoll(d.given[0], &end, 10);
    if (number < 1 || *end) {
        fprintf(stderr, "onefold: a decision's number is expected, not '%s'; `onefold identity decisions` lists them\n",
                d.given[0]);
        return 2;
    }
    struct json_writer w = {.out = &d.body};
    json_object(&w);
    json_member_integer(&w, "decision", number);
    return decide(&d, "undo", &w);
}

int identity_explain_command(int argc, char **argv) {
    struct deciding d;
    parse(argc, argv, &d, "identity explain ID ID [--data DIR | --url URL --key KEY]", 2, 2);
    buffer_print(&d.path, "/v1/identity/explain?a=");
    add_encoded(&d.path, d.given[0]);
    buffer_print(&d.path, "&b=");
    add_encoded(&d.path, d.given[1]);
    return ask(&d, "GET");
}

static int ask_about(int argc, char **argv, const char *usage, const char *path) {
    struct deciding d;
    parse(argc, argv, &d, usage, 1, 1);
    buffer_print(&d.path, "%s", path);
    add_encoded(&d.path, d.given[0]);
    return ask(&d, "GET");
}

int identity_device_command(int argc, char **argv) {
    return ask_about(argc, argv, "identity device NAMESPACE:VALUE [--data DIR | --url URL --key KEY]",
                     "/v1/identity/device/");
}

int identity_oneid_command(int argc, char **argv) {
    return ask_about(argc, argv, "identity oneid ID [--data DIR | --url URL --key KEY]", "/v1/identity/oneid/");
}

int identity_decisions_command(int argc, char **argv) {
    struct deciding d;
    parse(argc, argv, &d, "identity decisions [--from N] [--data DIR | --url URL --key KEY]", 0, 0);
    buffer_print(&d.path, "/v1/identity/decisions?limit=1000&from=%llu", (unsigned long long)d.from);
    return ask(&d, "GET");
}

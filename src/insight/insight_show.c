/* insight_show: the table of analyses as JSON, as the reference page, as help for a terminal. */
#include <stdio.h>

#include "insight/insight.h"

static struct slice plain_name(const char *name, bool *needed) {
    struct slice text = slice_text(name);
    *needed = text.size && text.data[text.size - 1] == '!';
    text.size -= *needed;
    return text;
}

/* --- JSON --- */

static void write_parameters(const struct insight_parameter *p, struct json_writer *w) {
    bool needed;
    for (; p->name; p++) {
        json_object(w);
        json_member_text(w, "name", plain_name(p->name, &needed));
        json_member_cstring(w, "type", p->type);
        json_member_bool(w, "needed", needed);
        if (p->fallback[0])
            json_member_cstring(w, "default", p->fallback);
        json_member_cstring(w, "en", p->en);
        json_member_cstring(w, "zh", p->zh);
        json_end_object(w);
    }
}

void insight_write_kinds(struct json_writer *w) {
    json_array(w);
    for (size_t i = 0; i < insight_kind_count; i++) {
        const struct insight_kind *k = &insight_kinds[i];
        json_object(w);
        json_member_cstring(w, "kind", k->name);
        json_member_cstring(w, "en", k->en);
        json_member_cstring(w, "zh", k->zh);
        json_key(w, "parameters");
        json_array(w);
        write_parameters(k->parameters, w);
        write_parameters(insight_common, w);
        json_end_array(w);
        json_key(w, "example");
        json_raw(w, slice_text(k->example));
        json_end_object(w);
    }
    json_end_array(w);
}

/* --- docs/insight.md --- */

static const char guide[] =
    "<!-- Made from src/insight/insight.def and insight_show.c; insight_test fails when this is stale. -->\n"
    "# Analyses\n\n"
    "What customers do, what they are worth, what brought them. Each analysis takes a definition (a JSON object) and "
    "gives\n"
    "tables with notes: on the command line, over HTTP, saved under a name, as CSV or JSON.\n\n"
    "    onefold insight funnel --data onefold-data steps=\"product_viewed -> product_added -> order_completed\" "
    "window=\"7 "
    "days\"\n"
    "    onefold insight retention --data onefold-data start=app_opened interval=week --csv\n"
    "    onefold insight funnel --url http://127.0.0.1:8080 --key KEY --definition funnel.json --json\n"
    "    curl -H \"Authorization: Bearer KEY\" http://127.0.0.1:8080/v1/insight/funnel?format=csv \\\n"
    "         -d '{\"steps\": [\"product_viewed\", \"order where total > 100\"], \"last\": \"30 days\", \"split\": "
    "\"city\"}'\n\n"
    "## How definitions are written\n\n"
    "Conditions, values and sets of rows are the language's own (docs/language.md), so they mean the same as in a "
    "segment.\n\n"
    "| type | what is written | example |\n|---|---|---|\n"
    "| condition | of a customer | `city = \"上海\" and in segment \"核心客户\"` |\n"
    "| value | of a customer; a text, number, date ... | `city`, `first(page_viewed).channel` (first touch), "
    "`age(birthday) < 30` |\n"
    "| rows | events, documents or a document's items, with a condition, a window | `order where status = \"paid\"`, "
    "`order.items where price > 300`, `any event` |\n"
    "| rows[] | a list of them, texts or `{\"event\": rows, \"name\": \"shown so\"}`; or one text with `->` between | "
    "`\"product_viewed -> order\"` |\n"
    "| value of the rows | an expression about one row | `quantity * price`, `channel`, `coalesce(coupon, \"none\")` "
    "|\n"
    "| length | of time | `7 days`, `1 month`, seconds as a number |\n"
    "| moment | a date or time in the workspace's zone, or back from now | `2026-01-31`, `2026-01-31T08:00`, `30 days "
    "ago` |\n\n"
    "A type whose name has blanks stands in backticks or is written plainly: `` `Product Viewed` ``, "
    "`product_viewed`.\n"
    "An unknown member, a wrong type or a wrong expression is refused with its place and the likely fix:\n"
    "`at steps[1].event: at 27: there is no \"prize\" in product_viewed; did you mean \"price\"?`\n\n"
    "Who counts: the population is everybody known by a person's or device's identifier, as for segments; `population` "
    "narrows "
    "it.\n"
    "Rows of equal time are in the order of the log. Windows of time are half-open, in the workspace's zone. Missing "
    "values are "
    "the\n"
    "group `(missing)`; the largest groups are shown, the rest is `(others)`.\n\n"
    "**Answers.** `{\"tables\": [{\"name\", \"columns\": [{\"name\", \"type\"}], \"rows\": [[...]]}], \"notes\": "
    "[\"...\"]}`. "
    "A percent is a share (0.25), a\n"
    "duration seconds. `format=csv` gives the tables as CSV (`table=steps` one of them), `format=text` as on a "
    "terminal. Notes say "
    "what\n"
    "a careful reader has to know: sizes of samples, tests and their corrections, what was left out. Shares come with "
    "Wilson's "
    "95 %\n"
    "interval; differences between groups with a two-proportion z test and Holm's correction for the number of tests. "
    "Quantiles "
    "are\n"
    "exact, by straight line between neighbours.\n\n"
    "**The same twice.** A definition over the same log position gives the same bytes, with one worker or many.\n\n"
    "**Segments out of analyses.** `POST /v1/insight/{kind}/segment` with `{\"definition\": {...}, \"members\": {...}, "
    "\"name\": "
    "\"...\"}` makes a\n"
    "segment of whoever stands behind a figure: a rule that follows the data where the language can say the same, else "
    "an "
    "upload\n"
    "segment of those it is now.\n";

static void write_parameter_rows(const struct insight_parameter *p, struct buffer *into) {
    bool needed;
    for (; p->name; p++) {
        struct slice name = plain_name(p->name, &needed);
        buffer_print(into, "| `%.*s`%s | %s | %s | %s / %s |\n", SLICE_ARG(name), needed ? " (needed)" : "", p->type,
                     p->fallback, p->en, p->zh);
    }
}

void insight_write_reference(struct buffer *into) {
    static const char head[] = "| member | type | default | meaning |\n|---|---|---|---|\n";
    buffer_print(into, "%s", guide);
    buffer_print(into, "\n## What all of them take\n\n%s", head);
    write_parameter_rows(insight_common, into);
    for (size_t i = 0; i < insight_kind_count; i++) {
        const struct insight_kind *k = &insight_kinds[i];
        buffer_print(into, "\n## %s\n\n%s.\n%s。\n\n%s", k->name, k->en, k->zh, head);
        write_parameter_rows(k->parameters, into);
        buffer_print(into, "\n    %s\n", k->example);
    }
}

/* --- a terminal --- */

static void help_rows(const struct insight_parameter *p, struct buffer *into) {
    bool needed;
    for (; p->name; p++) {
        struct slice name = plain_name(p->name, &needed);
        buffer_print(into, "  %-12.*s %-18s %s%s%s%s\n", SLICE_ARG(name), p->type, p->en,
                     needed           ? " (needed)"
                     : p->fallback[0] ? " ("
                                      : "",
                     needed ? "" : p->fallback, !needed && p->fallback[0] ? ")" : "");
    }
}

void insight_write_help(const struct insight_kind *kind, struct buffer *into) {
    if (!kind) {
        for (size_t i = 0; i < insight_kind_count; i++)
            buffer_print(into, "  %-14s %s\n", insight_kinds[i].name, insight_kinds[i].en);
        return;
    }
    buffer_print(into, "%s: %s\n", kind->name, kind->en);
    help_rows(kind->parameters, into);
    help_rows(insight_common, into);
    buffer_print(into, "example: %s\n", kind->example);
}

/* tree_meant: see the header. */
#include "language/tree_meant.h"

#include <stdio.h>

#include "govern/record.h"
#include "language/suggest.h"
#include "language/tree_inside.h"

/* What people write who know other languages, or only their own; and what it is here. */
static const struct {
    const char *written, *meant;
} twins[] = {{"like", "contains"},
             {"has", "contains"},
             {"have", "contains"},
             {"include", "contains"},
             {"includes", "contains"},
             {"regexp", "matches"},
             {"rlike", "matches"},
             {"startswith", "starts with"},
             {"begins", "starts with"},
             {"starts", "starts with"},
             {"endswith", "ends with"},
             {"ends", "ends with"},
             {"equals", "="},
             {"equal", "="},
             {"eq", "="},
             {"exists", "any"},
             {"average", "avg"},
             {"mean", "avg"},
             {"total", "sum"},
             {"mode", "top"},
             {"favorite", "top"},
             {"favourite", "top"},
             {"len", "length"},
             {"substr", "substring"},
             {"ceil", "ceiling"},
             {"ifnull", "coalesce"},
             {"nvl", "coalesce"},
             {"isnull", "is missing"},
             {"null", "missing"},
             {"empty", "missing"},
             {"blank", "missing"},
             {"unknown", "missing"},
             {"set", "present"},
             {"known", "present"},
             {"concat", "+"},
             {"maximum", "max"},
             {"minimum", "min"},
             {"unique", "distinct"},
             {"case", "if"},
             {"then", "->"},
             {"followed", "->"},
             {"datediff", "days since"},
             {"days", "days since"},
             {"funnel", "sequence"},
             {"segment", "in segment"},
             {"percent", "share"},
             {"ratio", "share"},
             {"past", "last"},
             {"recent", "last"},
             {"within", "last"},
             {"in", "last"},
             {"between", "from"},
             {"until", "before"},
             {"且", "and"},
             {"并且", "and"},
             {"而且", "and"},
             {"和", "and"},
             {"或", "or"},
             {"或者", "or"},
             {"非", "not"},
             {"包含", "contains"},
             {"不包含", "not contains"},
             {"属于", "in"},
             {"不属于", "not in"},
             {"介于", "between"},
             {"等于", "="},
             {"是", "="},
             {"为", "="},
             {"不等于", "!="},
             {"不是", "!="},
             {"大于等于", ">="},
             {"小于等于", "<="},
             {"大于", ">"},
             {"小于", "<"},
             {"为空", "is missing"},
             {"空", "missing"},
             {"计数", "count"},
             {"求和", "sum"},
             {"平均", "avg"},
             {"最大", "max"},
             {"最小", "min"},
             {"去重", "distinct"},
             {"最近", "last"},
             {"近", "last"},
             {"过去", "last"},
             {"今天", "today"},
             {"昨天", "yesterday"},
             {"本", "this"},
             {"今年", "this"},
             {"上", "previous"},
             {"去年", "previous"},
             {"秒", "seconds"},
             {"分钟", "minutes"},
             {"小时", "hours"},
             {"天", "days"},
             {"日", "days"},
             {"周", "weeks"},
             {"月", "months"},
             {"个月", "months"},
             {"季", "quarters"},
             {"年", "years"}};

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool has_word(const char *const *words, struct slice word) {
    for (size_t i = 0; words[i]; i++)
        if (slice_is(word, words[i]))
            return true;
    return false;
}

/* Whether `meant` may stand where `words` may: it, or its first word, or a sign. Where functions may, so may everything. */
static bool fits(const char *meant, const char *const *words) {
    size_t first = strcspn(meant, " ");
    return !is_letter(meant[0]) || has_word(words, slice_text(meant)) || has_word(words, slice_of(meant, first)) ||
           (meant[first] && has_word(words, SLICE("count")));
}

/* Chinese has no blanks: "最近30天" begins with what is meant. */
static bool is_twin(struct slice word, const char *written) {
    return tree_word_is(word, written) ||
           ((unsigned char)written[0] >= 0x80 && slice_starts(word, slice_text(written)));
}

struct slice tree_meant_word(struct slice word, const char *const *words) {
    struct suggestion s = suggestion_of(word);
    for (size_t i = 0; words[i]; i++)
        suggestion_offer(&s, slice_text(words[i]));
    for (size_t i = 0; s.distance != 1 && i < sizeof twins / sizeof *twins; i++)
        if (is_twin(word, twins[i].written) && fits(twins[i].meant, words))
            return slice_text(twins[i].meant);
    return s.distance ? s.best : SLICE_NONE;
}

/* --- habits --- */

static bool is_number(const struct token *t) {
    return t->kind == TOKEN_LITERAL && (t->literal == VALUE_NUMBER || t->literal == VALUE_REAL);
}

static bool is_text(const struct token *t) { return t->kind == TOKEN_LITERAL && t->literal == VALUE_TEXT; }

static bool is_name(const struct token *t) { return t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTED; }

static bool is_sign(const struct token *t, enum sign sign) { return t->kind == TOKEN_SIGN && t->sign == sign; }

static bool is_one_of(const struct token *t, const char *const *words) {
    for (size_t i = 0; t->kind == TOKEN_WORD && words[i]; i++)
        if (tree_word_is(t->text, words[i]))
            return true;
    return false;
}

static bool expects(const struct meant_place *p, const char *begin) {
    return strncmp(p->expected, begin, strlen(begin)) == 0;
}

static const char *habit_of_number(const struct meant_place *p) {
    bool behind = is_number(p->before) && p->found->place == p->before->end;
    if (behind && p->found->kind == TOKEN_WORD)
        return slice_starts(p->found->text, SLICE("年"))
                   ? "dates are written 2026-01-31"
                   : "a number stands without a unit or currency: 50000 for 5万 or 50k";
    if (behind && is_sign(p->found, SIGN_COMMA) && is_number(p->next))
        return "numbers are written without commas: 1000";
    if (is_sign(p->before, SIGN_REMAINDER) && p->found->kind != TOKEN_LITERAL)
        return "% is the remainder of a division; 10 percent is 0.1";
    return NULL;
}

static const char *habit_of_word(const struct meant_place *p) {
    static const char *const sql[] = {"select", "from", "group", "by", "having", "limit", "join", NULL};
    static const char *const where[] = {"where", NULL}, *const within[] = {"within", NULL},
                             *const not [] = {"not", NULL};
    static const char *const exists[] = {"exists", NULL}, *const has[] = {"has", "have", NULL};
    if (is_one_of(p->found, sql) || (is_one_of(p->before, sql) && !expects(p, "\"to\"")))
        return "this is no SQL: write the condition alone, such as city = \"x\" and count(order) > 3";
    if (is_one_of(p->found, where))
        return "where stands inside the brackets, before the window: count(order where total > 5, last 30 days)";
    if (is_one_of(p->found, within) && !expects(p, "a window"))
        return "a window stands inside the brackets, behind a comma: count(order, last 30 days)";
    if (is_one_of(p->found, not ))
        return "not equal is written !=; not stands before in, between, contains, starts with, ends with and matches";
    if (is_one_of(p->found, exists) || is_one_of(p->before, has))
        return "whether there are rows is asked with any(order)";
    return NULL;
}

/* Windows without their comma, and words of aggregates without their brackets. */
static const char *habit_of_brackets(const struct meant_place *p) {
    static const char *const windows[] = {"last", "this", "previous", "since", "today", "yesterday", "from", NULL};
    static const char *const aggregates[] = {"count", "sum", "avg",  "min", "max",      "median", "first",
                                             "last",  "any", "none", "top", "distinct", "share",  NULL};
    static const char *const named[] = {"tag", "metric", "score", NULL}, *const events[] = {"events", NULL};
    static const char *const distinct[] = {"distinct", "unique", NULL};
    bool close = expects(p, "\")\", ");
    if (close && is_one_of(p->found, events))
        return "events of any type are written any event";
    if (close && is_one_of(p->before, distinct))
        return "different values are counted with distinct(order.coupon)";
    if (close && (is_one_of(p->found, windows) || is_one_of(p->before, windows)))
        return "a window stands behind a comma: count(order, last 30 days)";
    if (is_text(p->found) && is_one_of(p->before, named))
        return "the name stands in brackets: metric(\"name\")";
    if (is_name(p->found) && is_one_of(p->before, aggregates))
        return "rows stand in brackets: last(order)";
    return NULL;
}

static const char *habit_of_rows(const struct meant_place *p) {
    bool source = expects(p, "what to look at"), close = expects(p, "\")\", where");
    if (source && is_sign(p->found, SIGN_TIMES))
        return "rows are counted with count(order), events of any type with count(any event)";
    if (source && is_text(p->found))
        return "a type stands without quotes, in backticks where it has blanks: `Product Viewed`";
    if (source && is_number(p->found))
        return "this is asked of rows; of values side by side use least(a, b) or greatest(a, b)";
    if (close && p->found->kind == TOKEN_SIGN && p->found->sign >= SIGN_EQUAL)
        return "what is asked of the rows stands behind where: any(order where total > 5)";
    if (close && is_sign(p->found, SIGN_MINUS) && is_name(p->next))
        return "a name with - stands in backticks, or is written with _";
    if (close && p->found->kind == TOKEN_WORD)
        return "what is asked of the rows stands behind where: any(order where total > 5)";
    if (expects(p, "a window") && is_name(p->found) && p->next->kind == TOKEN_SIGN && p->next->sign >= SIGN_EQUAL)
        return "what is asked of the rows stands behind where: any(order where total > 5)";
    if (expects(p, "\"->\"") && (is_sign(p->found, SIGN_GREATER) || is_sign(p->found, SIGN_MINUS)))
        return "steps are joined by ->";
    return NULL;
}

static const char *habit_of_lists(const struct meant_place *p) {
    if (is_sign(p->found, SIGN_COMMA) && (is_text(p->before) || is_number(p->before)))
        return "several values stand after in (...), contains any (...) or contains all (...)";
    if (is_sign(p->found, SIGN_OPEN) && is_one_of(p->before, (const char *const[]){"segment", "tag", NULL}))
        return "in segment and has tag take no brackets: in segment \"name\"";
    return NULL;
}

void tree_meant(const struct meant_place *p, char out[MEANT_BYTES]) {
    const char *habit = habit_of_number(p);
    struct slice better = SLICE_NONE;
    habit = habit ? habit : habit_of_lists(p);
    if (!habit && p->found->kind == TOKEN_WORD && p->words && !expects(p, "\")\", where"))
        better = tree_meant_word(p->found->text, p->words);
    if (!habit && (better.size == 0 || tree_word_is(p->found->text, "not")))
        habit = habit_of_word(p);
    if (!habit && better.size == 0)
        habit = habit_of_brackets(p);
    if (!habit && better.size == 0)
        habit = habit_of_rows(p);
    if (habit)
        snprintf(out, MEANT_BYTES, "; %s", habit);
    else if (better.size)
        snprintf(out, MEANT_BYTES, "; did you mean \"%.*s\"?", SLICE_ARG(better));
    else
        out[0] = 0;
}

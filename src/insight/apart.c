/* apart: see the header. A group's customers are named by a condition of the language ("(city) = \"x\""), which scan_create puts beside the
 * population: so there is one way only in which customers are chosen. */
#include "insight/apart.h"

#include <stdlib.h>

#include "insight/groups.h"
#include "insight/scan.h"

struct tally {
    uint64_t customers;
};
struct found {
    struct scan *scan;
    struct scan_split split;
    struct groups groups; /* of struct tally */
};
struct worker {
    struct found *found;
    struct groups groups;
};

bool apart_asked(const struct definition_part *d) { return definition_get(d, "split") != NULL; }

/* --- which groups there are --- */

static void add_tally(void *into, void *from) {
    ((struct tally *)into)->customers += ((struct tally *)from)->customers;
}

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->found = context;
    groups_init(&w->groups, sizeof(struct tally), add_tally, NULL);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    groups_release(&w->groups);
    free(w);
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    struct scan_groups groups;
    uint32_t numbers[SCAN_SPLITS_MAX];
    scan_part_groups(part, &w->found->split, &groups);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        size_t count = scan_groups_of(&groups, i, numbers);
        for (size_t k = 0; k < count; k++)
            ((struct tally *)groups_get(&w->groups, numbers[k]))->customers++;
    }
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct found *f = context;
    const struct worker *w = state;
    for (uint32_t i = groups_next(&w->groups, 0); i != UINT32_MAX; i = groups_next(&w->groups, i + 1))
        groups_merge(&f->groups, scan_shared_group(f->scan, texts, &f->split, i), groups_at(&w->groups, i));
}

static uint64_t weight_of(const void *data) { return ((const struct tally *)data)->customers; }

static struct slice name_of(void *context, uint32_t group) {
    const struct found *f = context;
    return scan_group_name(f->scan, &f->split, group);
}

static enum status read_split(struct found *f, const struct definition_part *d, struct fault *fault) {
    enum status status = scan_create(d, &f->scan, fault);
    if (!status)
        status = scan_split(f->scan, d, &f->split, fault);
    if (!status && f->split.segment_count == 0) {
        enum term_type type = scan_value_node(f->scan, f->split.value)->type;
        if (type != TERM_TEXT && type != TERM_NUMBER && type != TERM_BOOL)
            return definition_fail(
                d, "split", fault,
                "a text, a number or a condition of the customer is expected here, such as \"city\"");
    }
    return status;
}

static enum status find(struct found *f, const struct definition_part *d, struct fault *fault) {
    enum status status = read_split(f, d, fault);
    return status ? status : scan_run(f->scan, &(struct scan_work){f, begin, visit, merge, end}, fault);
}

/* --- one of them --- */

static void quote(struct buffer *out, struct slice text) {
    struct json_writer w = {.out = out};
    json_text(&w, text);
}

/* What only customers of the group fulfil. */
static void condition_of(const struct found *f, struct slice name, bool missing, struct buffer *out) {
    const struct scan_split *s = &f->split;
    buffer_clear(out);
    if (s->segment_count) {
        buffer_print(out, "in segment ");
        quote(out, name);
        return;
    }
    const enum term_type type = scan_value_node(f->scan, s->value)->type;
    if (type == TERM_BOOL && !missing)
        buffer_print(out, "%s(%.*s)", slice_is(name, "true") ? "" : "not ", SLICE_ARG(s->name));
    else if (missing)
        buffer_print(out, "(%.*s) is missing", SLICE_ARG(s->name));
    else if (type == TERM_NUMBER)
        buffer_print(out, "(%.*s) = %.*s", SLICE_ARG(s->name), SLICE_ARG(name));
    else {
        buffer_print(out, "(%.*s) = ", SLICE_ARG(s->name));
        quote(out, name);
    }
}

struct told {
    const struct definition_part *definition;
    insight_function *run;
    const struct group_list *list;
    size_t shown;
    struct answer *answers[APART_GROUPS_MAX];
};

static enum status run_each(struct told *t, const struct found *f, struct fault *fault) {
    struct buffer condition = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < t->shown && !status; i++) {
        struct definition_part d = *t->definition;
        condition_of(f, t->list->all[i].name, t->list->all[i].number == 0 && !f->split.segment_count, &condition);
        d.group = arena_copy(d.arena, buffer_slice(&condition));
        t->answers[i] = answer_create();
        status = t->run(d.insight, &d, t->answers[i], fault);
    }
    buffer_release(&condition);
    return status;
}

static void show_groups(const struct told *t, const struct found *f, struct answer *answer) {
    struct answer_table *table = answer_table(answer, "groups");
    answer_column(table, "group", ANSWER_TEXT);
    answer_column(table, "customers", ANSWER_INTEGER);
    answer_column(table, "share", ANSWER_PERCENT);
    for (size_t i = 0; i < t->list->count; i++) {
        const struct group *g = &t->list->all[i];
        answer_text(table, g->name);
        answer_integer(table, (int64_t)g->weight);
        answer_share(table, g->weight, scan_population(f->scan));
    }
    if (t->shown < t->list->count)
        answer_note(answer, "the %zu largest groups are told apart; the others are not in the tables below", t->shown);
}

enum status apart_run(const struct definition_part *d, insight_function *run, struct answer *answer,
                      struct fault *fault) {
    struct found found = {0};
    struct group_list list = {0};
    struct told told = {.definition = d, .run = run, .list = &list};
    int64_t most = 10;
    if (d->insight->members) {
        struct definition_part one;
        enum status status = apart_member_group(d, &one, fault);
        return status ? status : run(d->insight, &one, answer, fault);
    }
    groups_init(&found.groups, sizeof(struct tally), add_tally, NULL);
    enum status status = definition_integer(d, "groups", 1, APART_GROUPS_MAX, &most, fault);
    if (!status)
        status = find(&found, d, fault);
    if (d->insight->check_only && status == STATUS_END) { /* read as it would be for a group */
        struct definition_part one = *d;
        one.group = SLICE("true");
        status = run(d->insight, &one, answer, fault);
    } else if (!status) {
        groups_list(&found.groups, (size_t)most, weight_of, name_of, &found, &list);
        while (told.shown < list.count && list.all[told.shown].number <= TEXTS_MAX)
            told.shown++;
        status = run_each(&told, &found, fault);
    }
    if (!status && !d->insight->check_only) {
        struct slice names[APART_GROUPS_MAX];
        for (size_t i = 0; i < told.shown; i++)
            names[i] = list.all[i].name;
        show_groups(&told, &found, answer);
        answer_join(answer, "group", names, told.answers, told.shown);
    }
    for (size_t i = 0; i < told.shown; i++)
        answer_free(told.answers[i]);
    group_list_release(&list);
    groups_release(&found.groups);
    scan_free(found.scan);
    return status;
}

static bool is_number(struct slice name) {
    size_t digits = 0;
    for (size_t i = 0; i < name.size; i++) {
        const char c = (char)name.data[i];
        digits += c >= '0' && c <= '9';
        if (!(c >= '0' && c <= '9') && !(c == '-' && i == 0) && !(c == '.' && i > 0))
            return false;
    }
    return digits > 0;
}

/* A segment of the split, a number, true or false; of texts anything. */
static bool may_be_group(const struct found *f, struct slice name, bool missing) {
    const struct scan_split *s = &f->split;
    for (size_t i = 0; i < s->segment_count; i++)
        if (slice_equal(s->names[i], name))
            return true;
    if (s->segment_count || name.size == 0)
        return false;
    const enum term_type type = scan_value_node(f->scan, s->value)->type;
    if (missing || type == TERM_TEXT)
        return true;
    return type == TERM_NUMBER ? is_number(name) : slice_is(name, "true") || slice_is(name, "false");
}

enum status apart_member_group(const struct definition_part *d, struct definition_part *one, struct fault *fault) {
    const struct insight_members *m = d->insight->members;
    struct definition_part part;
    struct found f = {0};
    struct slice name = SLICE_NONE;
    *one = *d;
    enum status status =
        definition_enter(d, "members", m->which ? m->which : definition_get(d, "members"), SIZE_MAX, &part, fault);
    if (!status)
        status = definition_text(&part, "group", &name, fault);
    if (!status)
        status = read_split(&f, d, fault);
    const bool missing = slice_is(name, TEXTS_MISSING_TEXT);
    if (!status && !may_be_group(&f, name, missing)) {
        status = definition_fail(&part, "group", fault,
                                 "members are of one group of the split: its name is expected here, as the tables show "
                                 "it, such as {\"group\": \"(missing)\"}; or leave the split out");
    }
    if (!status) {
        struct buffer condition = {0};
        condition_of(&f, name, missing && !f.split.segment_count, &condition);
        one->group = arena_copy(d->arena, buffer_slice(&condition));
        buffer_release(&condition);
    }
    scan_free(f.scan);
    return status;
}

/* households_command: `onefold identity households`: which customers of a data folder may live together, and why; measured where the truth is
 * known. Opens the folder itself; nothing is changed. In a running server the same list is /v1/households. */
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "main/args.h"
#include "main/commands.h"
#include "main/evaluate_households.h"
#include "network/household_read.h"

int households_command(int argc, char **argv);

struct told {
    const struct engine *engine;
    const struct households *households;
    const char *gap;
};

static void print_reason(void *context, const struct household_reason *reason) {
    struct told *t = context;
    struct slice value = reason->key.identifier.number ? identity_value(t->engine->identity, reason->key.identifier)
                                                       : households_text_of(t->households, reason->key.text);
    char day[TIME_TEXT_BYTES];
    printf("%s%s %.*s", t->gap, household_kind(reason->evidence)->en, SLICE_ARG(value));
    if (reason->count > 2)
        printf(" (of %u)", reason->count);
    if (reason->key.since_ms > 0)
        printf(" since %.10s", (time_format(reason->key.since_ms, day), day));
    t->gap = "; ";
}

static void print_group(const struct engine *engine, const struct households *h, const struct household_group *group) {
    const uint32_t *members = h->members + group->first;
    struct household_score score;
    printf("%.3f  %u customers", (double)group->probability, group->count);
    for (uint32_t i = 0; i < group->count; i++) {
        char oneid[ONEID_BYTES + 1];
        oneid_format((struct customer_id){members[i]}, oneid);
        printf(" %s", oneid);
    }
    printf("\n");
    for (uint32_t i = 0; i < group->count; i++)
        for (uint32_t k = i + 1; k < group->count; k++) {
            struct told t = {engine, h, "       "};
            if (!households_explain(h, members[i], members[k], &score, print_reason, &t))
                continue;
            printf("%s  %.1f bits\n", score.same_surname ? "; same surname" : "", score.bits);
        }
}

static void print_list(const struct engine *engine, const struct households *h, uint64_t limit) {
    uint64_t open = 0, shown = 0;
    for (size_t i = 0; i < h->group_count; i++)
        open += !h->groups[i].decided;
    printf("%llu customers share something with another, in %zu pairs, of which %zu are rather one person; %llu "
           "households proposed\n",
           (unsigned long long)h->customer_count, h->pair_count, h->one_person_count, (unsigned long long)open);
    for (size_t i = 0; i < h->group_count && shown < limit; i++)
        if (!h->groups[i].decided) {
            print_group(engine, h, &h->groups[i]);
            shown++;
        }
    printf("%zu things are shared by too many\n", h->crowd_count);
    for (size_t i = 0; i < h->crowd_count && i < 5; i++) {
        const struct household_crowd *c = &h->crowds[i];
        struct slice value = c->key.identifier.number ? identity_value(engine->identity, c->key.identifier)
                                                      : households_text_of(h, c->key.text);
        printf("  %s %.*s: %u customers: %s\n", household_kind((enum household_evidence)c->key.kind)->en,
               SLICE_ARG(value), c->count, household_kind((enum household_evidence)c->key.kind)->why_not);
    }
}

static void print_quality(const struct household_quality *q, double least) {
    printf("from %.2f: %llu pairs proposed, %llu right (precision %.4f); of %llu to be found recall %.4f, of the %llu "
           "that share\n"
           "  anything in the records recall %.4f; %llu of %llu groups exactly a family; %llu pairs of one person, "
           "%llu unknown\n",
           least, (unsigned long long)q->proposed, (unsigned long long)q->right, q->precision,
           (unsigned long long)q->pairs, q->recall, (unsigned long long)q->visible, q->visible_recall,
           (unsigned long long)q->exact_groups, (unsigned long long)q->groups, (unsigned long long)q->same_person,
           (unsigned long long)q->unknown);
}

static enum status measure(struct engine *engine, const struct households *h, const char *truth, struct fault *fault) {
    static const double levels[] = {0.5, 0.7, 0.8, 0.9, 0.95};
    struct buffer identifiers = {0}, people = {0};
    enum status status = STATUS_OK;
    buffer_print(&identifiers, "%s/identifiers.csv%c", truth, 0);
    buffer_print(&people, "%s/people.csv%c", truth, 0);
    for (size_t i = 0; i < sizeof levels / sizeof *levels && !status; i++) {
        struct household_quality quality;
        status = evaluate_households(engine, h, levels[i], identifiers.data, people.data, &quality, fault);
        if (!status)
            print_quality(&quality, levels[i]);
    }
    buffer_release(&identifiers);
    buffer_release(&people);
    return status;
}

int households_command(int argc, char **argv) {
    const char *folder = "onefold-data", *truth = NULL;
    uint64_t limit = 10;
    struct engine *engine = NULL;
    struct households *h = NULL;
    struct fault fault = {0};
    const struct arg table[] = {
        {"data", ARG_TEXT, &folder, "data folder, no server running on it (onefold-data)"},
        {"limit", ARG_NUMBER, &limit, "households shown (10)"},
        {"truth", ARG_TEXT, &truth, "folder with identifiers.csv and people.csv, to be measured against"},
        {0}};
    args_parse(argc, argv, "identity households [--data FOLDER] [--truth FOLDER]", table, NULL, NULL);
    enum status status = engine_open(os_real(), folder, &(struct engine_options){.threads = true}, &engine, &fault);
    if (!status) {
        struct network_parts parts = {engine->os, engine->dictionary, engine->identity, engine->history, NULL, NULL};
        status = household_read(&parts, 0.5, &h, &fault);
    }
    if (!status)
        print_list(engine, h, limit);
    if (!status && truth)
        status = measure(engine, h, truth, &fault);
    if (status)
        fprintf(stderr, "onefold: %s\n", fault.text);
    households_free(h);
    engine_close(engine);
    return status ? 1 : 0;
}

/* plan_random_test: random typed expressions over random histories: what plans and kernels say is held against the slow twin, however the
 * rows lie (delta, base, both, arrived in another order, saved and loaded), whole spans against single customers, one worker against many,
 * each kernel level against the others; the past as it was before a position, and each clause by itself; and no
 * answer changes before the instant that was promised.
 *
 * TEST_LONG=1 runs far more seeds; TEST_SEED=n that one alone, TEST_EACH=1 compiles each expression by itself. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "language/kernel.h"
#include "language/language_random_model.h"
#include "language/plan_model.h"
#include "own_folder_client.h"

#define ROOTS 24
#define VARIANTS 5
#define FAILURES_MAX 12

static const char *const variants[VARIANTS] = {"in the delta", "compacted", "half compacted", "in another order",
                                               "saved and loaded"};

struct bed {
    struct random_world w;
    struct arena arena;
    struct history *histories[VARIANTS];
    struct node *roots[ROOTS];
    struct buffer texts[ROOTS];
    size_t root_count;
    struct term_value *expected; /* [root * (customers + 1) + customer - first]; the last is a customer without rows */
    uint64_t population[2 * SPAN_CUSTOMERS / 64];
    struct plan *plan;
};

static struct totals { uint64_t expressions, refused, cases, evaluations, later, failures; } totals;

static char current[4096]; /* what is at work, for who finds a core */

static void say_current(int signal_number) {
    ssize_t done = write(2, current, strlen(current));
    (void)done;
    signal(signal_number, SIG_DFL);
}

/* --- histories --- */

static void folder(char *out, size_t size, const char *what) {
    snprintf(out, size, "%s/data%s", own_folder("plan-random"), what);
}

static void clean_folder(void) {
    char command[128], path[96];
    folder(path, sizeof path, "");
    snprintf(command, sizeof command, "rm -rf %s", path); /* the test's own folder */
    if (system(command))
        fail();
}

static struct history *open_history(const struct random_world *w, unsigned variant) {
    struct history *h;
    struct fault fault = {0};
    char path[96], name[16];
    snprintf(name, sizeof name, "/h%u", variant);
    folder(path, sizeof path, "");
    mkdir(path, 0700);
    folder(path, sizeof path, name);
    if (history_create(os_real(), path, w->dictionary, NULL, &h, &fault))
        fail_msg("%s", fault.text);
    return h;
}

static void compact_all(struct history *h) {
    struct fault fault = {0};
    enum status status;
    while (!(status = history_compact(h, true, &fault)))
        history_tidy(h);
    if (status != STATUS_END)
        fail_msg("%s", fault.text);
}

/* Bases out of memory instead of mapped files. */
static void copy_bases(struct history *h) {
    struct fault fault = {0};
    struct history_counters counters;
    while (!history_compact(h, false, &fault))
        history_tidy(h);
    history_tidy(h);
    history_counters_read(h, &counters);
    assert_true(counters.memory_bytes == counters.base_bytes && counters.base_bytes > 0);
}

static struct history *reopen(const struct random_world *w, struct history *h, unsigned variant) {
    struct fault fault = {0};
    char path[96];
    folder(path, sizeof path, "/saved");
    struct history_image *image = history_freeze(h);
    if (history_write(image, path, &fault))
        fail_msg("%s", fault.text);
    history_image_free(image, true);
    history_free(h);
    h = open_history(w, variant);
    if (history_load(h, path, &fault))
        fail_msg("%s", fault.text);
    return h;
}

static struct history *make_history(struct random_world *w, unsigned variant) {
    struct history *h = open_history(w, variant);
    size_t half = w->step_count / 2;
    if (variant == 3)
        random_world_shuffle(w);
    random_world_do(w, h, 0, variant < 2 ? w->step_count : half);
    if (variant >= 2) {
        compact_all(h);
        random_world_do(w, h, half, w->step_count);
    }
    if (variant == 1 || (variant == 3 && random_chance(&w->random, 0.5)))
        compact_all(h);
    if (variant == 1)
        copy_bases(h);
    return variant == 4 ? reopen(w, h, variant) : h;
}

/* --- comparing --- */

static bool member(const uint64_t *bits, uint32_t i) { return bits[i / 64] >> (i % 64) & 1; }

/* A bool that is missing is no member, like a false one. Doubles may differ in the last bits: they may be added in another order. */
static bool values_same(enum term_type type, const struct term_value *a, const struct term_value *b) {
    if (type == TERM_BOOL)
        return (a->type == TERM_BOOL && a->integer) == (b->type == TERM_BOOL && b->integer);
    if (a->type != b->type)
        return false;
    if (a->type == TERM_NUMBER) {
        if ((a->scale == UINT8_MAX) != (b->scale == UINT8_MAX))
            return false;
        if (a->scale == UINT8_MAX)
            return a->real == b->real || (a->real - b->real < 1e-12 * (a->real < 0 ? -a->real : a->real) &&
                                          b->real - a->real < 1e-12 * (a->real < 0 ? -a->real : a->real));
        __int128 x = a->integer, y = b->integer;
        for (unsigned i = a->scale; i < 6; i++)
            x *= 10;
        for (unsigned i = b->scale; i < 6; i++)
            y *= 10;
        return x == y;
    }
    if (a->type == TERM_TEXT || a->type >= TERM_TEXT_LIST)
        return slice_equal(a->text, b->text);
    return a->type == TERM_NONE || a->integer == b->integer;
}

static void print_value(struct buffer *out, const struct term_value *v) {
    struct json_writer w = {.out = out};
    switch (v->type) {
    case TERM_NONE:
        buffer_print(out, "missing");
        break;
    case TERM_BOOL:
        json_bool(&w, v->integer);
        break;
    case TERM_NUMBER:
        if (v->scale == UINT8_MAX)
            buffer_print(out, "%.17g (double)", v->real);
        else
            json_decimal(&w, v->integer, v->scale);
        break;
    case TERM_TIME:
        json_time(&w, v->integer);
        break;
    case TERM_DATE:
        json_time(&w, v->integer * DAY_MS);
        break;
    default:
        json_text(&w, v->text);
    }
}

/* --- failures: the smallest part of the expression that is wrong for this customer --- */

struct blame {
    struct bed *bed;
    struct history *history;
    struct customer_id customer;
    int64_t now_ms;
    const struct node *smallest;
};

static struct outside outside_of(const struct bed *bed, struct history *h) {
    return (struct outside){.history = h, .identity = bed->w.identity, .set_bits = random_set_bits};
}

static struct term_value live_value(struct evaluator *e, const struct plan *plan, size_t root, int64_t *until) {
    uint64_t bit = 0;
    if (plan_type(plan, root) != TERM_BOOL)
        return evaluate_value(e, root, 0);
    evaluate_bits(e, root, &bit, until);
    return (struct term_value){.type = TERM_BOOL, .integer = bit & 1};
}

static bool wrong_alone(const struct blame *b, const struct node *n) {
    struct plan *plan;
    struct arena arena = {0};
    struct outside outside = outside_of(b->bed, b->history);
    if (plan_create(&b->bed->w.vocabulary, &n, 1, &plan, NULL) != STATUS_OK)
        return false;
    struct evaluator *e = evaluator_create(plan, &outside);
    evaluator_customer(e, b->customer, b->now_ms, UINT64_MAX);
    struct term_value got = live_value(e, plan, 0, NULL);
    struct term_value wanted = model_evaluate(&b->bed->w.vocabulary, &outside, n, b->customer, b->now_ms, &arena);
    bool wrong = !values_same(plan_type(plan, 0), &wanted, &got);
    evaluator_free(e);
    plan_free(plan);
    arena_release(&arena);
    return wrong;
}

/* Parts that are about the customer: not inside a where. */
static void find_smallest(struct blame *b, const struct node *n) {
    if (!n || n->kind == NODE_STEP || n->kind == NODE_SOURCE || n->type == TERM_DURATION)
        return;
    if (n->kind != NODE_WINDOW && n->kind != NODE_LITERAL) {
        if (!wrong_alone(b, n))
            return;
        b->smallest = n;
    }
    if (n->kind == NODE_AGGREGATE || n->kind == NODE_SEQUENCE) {
        find_smallest(b, n->window);
        return;
    }
    for (const struct node *c = n->first; c; c = c->next)
        find_smallest(b, c);
}

/* --- and the fewest rows with which it is --- */

static bool wrong_with(const struct blame *blame, const struct random_world *steps, bool compacted) {
    static unsigned number = VARIANTS + 1;
    struct blame b = *blame;
    b.history = open_history(steps, number++);
    random_world_do(steps, b.history, 0, steps->step_count);
    if (compacted)
        compact_all(b.history);
    bool wrong = wrong_alone(&b, b.smallest);
    history_free(b.history);
    return wrong;
}

/* Leaves out one row after the other, as long as it is wrong without it. `few` is a copy of the world with steps of its own. */
static void leave_rows_out(const struct blame *b, struct random_world *few, bool compacted) {
    for (size_t i = few->step_count; i-- > 0;) {
        struct random_step step = few->steps[i];
        memmove(&few->steps[i], &few->steps[i + 1], (few->step_count - i - 1) * sizeof step);
        few->step_count--;
        if (wrong_with(b, few, compacted))
            continue;
        memmove(&few->steps[i + 1], &few->steps[i], (few->step_count - i) * sizeof step);
        few->steps[i] = step;
        few->step_count++;
    }
}

static void print_rows(const struct blame *b, struct buffer *text) {
    struct random_world few = b->bed->w;
    few.steps = memory_get(few.step_count + 1, sizeof *few.steps);
    memcpy(few.steps, b->bed->w.steps, few.step_count * sizeof *few.steps);
    bool delta = b->smallest && totals.failures <= 3 && wrong_with(b, &few, false),
         base = b->smallest && totals.failures <= 3 && !delta && wrong_with(b, &few, true);
    if (delta || base) {
        leave_rows_out(b, &few, base);
        buffer_print(text, "  with these rows alone, %s:\n", delta ? "in the delta" : "compacted");
    }
    for (uint32_t c = few.first; c < few.first + few.customers; c++) {
        size_t before = text->size;
        if (delta || base || c == b->customer.number) {
            buffer_print(text, "  customer %u\n", c);
            size_t named = text->size;
            random_world_print(&few, (struct customer_id){c}, text);
            text->size = text->size == named ? before : text->size;
        }
    }
    free(few.steps);
}

static void fail_case(struct bed *bed, const char *how, struct history *h, size_t root, uint32_t customer,
                      int64_t now_ms, const struct term_value *wanted, const struct term_value *got) {
    struct buffer text = {0};
    char time[TIME_TEXT_BYTES];
    struct blame blame = {bed, h, {customer}, now_ms, NULL};
    if (++totals.failures > FAILURES_MAX)
        return;
    time[time_format(now_ms, time)] = 0;
    buffer_print(&text, "seed %llu, %s, customer %u, now %s, zone %s, week %u\n  %.*s\n  the twin says ",
                 (unsigned long long)bed->w.seed, how, customer, time, zone_name(bed->w.vocabulary.zone),
                 bed->w.vocabulary.week_start, SLICE_ARG(buffer_slice(&bed->texts[root])));
    print_value(&text, wanted);
    buffer_print(&text, ", the plan ");
    print_value(&text, got);
    buffer_print(&text, "\n");
    if (h)
        find_smallest(&blame, bed->roots[root]);
    if (blame.smallest) {
        buffer_print(&text, "  wrong by itself: ");
        tree_format(blame.smallest, &text);
        buffer_print(&text, "\n");
    }
    print_rows(&blame, &text);
    fprintf(stderr, "%.*s\n", SLICE_ARG(buffer_slice(&text))); /* longer than print_message takes */
    buffer_release(&text);
}

/* --- a bed --- */

static void make_roots(struct bed *bed) {
    for (unsigned tries = 0; tries < 4 * ROOTS && bed->root_count < ROOTS; tries++) {
        struct buffer *text = &bed->texts[bed->root_count];
        struct fault fault = {0};
        buffer_clear(text);
        random_expression(&bed->w, random_chance(&bed->w.random, 0.4), text);
        totals.expressions++;
        snprintf(current, sizeof current, "checking (seed %llu): %.*s\n", (unsigned long long)bed->w.seed,
                 SLICE_ARG(buffer_slice(text)));
        if (check_text(&bed->w.vocabulary, buffer_slice(text), TERM_NONE, &bed->arena, &bed->roots[bed->root_count],
                       &fault, NULL) == STATUS_OK) {
            bed->root_count++;
            continue;
        }
        totals.refused++;
        if (getenv("TEST_REFUSED"))
            print_message("refused: %.*s\n  %s\n", SLICE_ARG(buffer_slice(text)), fault.text);
    }
}

static uint32_t customer_at(const struct bed *bed, uint32_t i) {
    if (i < bed->w.customers)
        return bed->w.first + i;
    return bed->w.first > 1 ? 1 : 0; /* one without rows, where there is one */
}

static struct term_value *expected(const struct bed *bed, size_t root, uint32_t i) {
    return &bed->expected[root * (bed->w.customers + 1) + i];
}

static void ask_twin(struct bed *bed) {
    struct outside outside = outside_of(bed, bed->histories[0]);
    bed->expected = memory_get(ROOTS * (bed->w.customers + 1), sizeof *bed->expected);
    for (size_t r = 0; r < bed->root_count; r++) {
        snprintf(current, sizeof current, "twin (seed %llu): %.*s\n", (unsigned long long)bed->w.seed,
                 SLICE_ARG(buffer_slice(&bed->texts[r])));
        for (uint32_t i = 0; i <= bed->w.customers; i++)
            if (customer_at(bed, i)) {
                *expected(bed, r, i) =
                    model_evaluate(&bed->w.vocabulary, &outside, bed->roots[r],
                                   (struct customer_id){customer_at(bed, i)}, bed->w.now_ms, &bed->arena);
                totals.cases++;
            }
    }
}

static void bed_open(struct bed *bed, uint64_t seed) {
    *bed = (struct bed){0};
    clean_folder();
    random_world_create(&bed->w, seed, seed % 4 == 0, false);
    random_world_define(&bed->w);
    make_roots(bed);
    for (unsigned v = 0; v < VARIANTS; v++)
        bed->histories[v] = make_history(&bed->w, v);
    identity_population(bed->w.identity, 0, 2 * SPAN_CUSTOMERS / 64, bed->population);
    ask_twin(bed);
}

static void bed_close(struct bed *bed) {
    for (unsigned v = 0; v < VARIANTS; v++)
        history_free(bed->histories[v]);
    for (size_t i = 0; i < ROOTS; i++)
        buffer_release(&bed->texts[i]);
    free(bed->expected);
    arena_release(&bed->arena);
    random_world_release(&bed->w);
    clean_folder();
}

/* --- what is held against the twin --- */

/* Answers of two spans for a bool root. */
static void check_bits(struct bed *bed, const char *how, struct history *h, size_t root, uint32_t span,
                       const uint64_t *bits) {
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++) {
        uint32_t customer = span * SPAN_CUSTOMERS + i;
        bool is_customer = member(bed->population, customer),
             known = customer >= bed->w.first && customer < bed->w.first + bed->w.customers;
        const struct term_value *v = expected(bed, root, known ? customer - bed->w.first : bed->w.customers);
        struct term_value got = {.type = TERM_BOOL, .integer = member(bits, i)},
                          wanted = is_customer ? *v : (struct term_value){.type = TERM_BOOL};
        if (!known && is_customer && !bed->w.definition_count)
            continue;
        if (!known && is_customer) { /* sets and relations differ from one to the next: ask */
            if (customer != 1 && customer % 97)
                continue;
            struct outside outside = outside_of(bed, bed->histories[0]);
            wanted = model_evaluate(&bed->w.vocabulary, &outside, bed->roots[root], (struct customer_id){customer},
                                    bed->w.now_ms, &bed->arena);
        }
        totals.evaluations += is_customer;
        if (!values_same(TERM_BOOL, &wanted, &got))
            fail_case(bed, how, h, root, customer, bed->w.now_ms, &wanted, &got);
    }
}

static void check_values(struct bed *bed, const char *how, struct history *h, struct evaluator *e, size_t root,
                         size_t at, uint32_t span) {
    for (uint32_t i = 0; i < bed->w.customers; i++) {
        uint32_t customer = bed->w.first + i;
        if (customer / SPAN_CUSTOMERS != span || !member(bed->population, customer))
            continue;
        struct term_value got = evaluate_value(e, at, customer % SPAN_CUSTOMERS);
        totals.evaluations++;
        if (!values_same((enum term_type)bed->roots[root]->type, expected(bed, root, i), &got))
            fail_case(bed, how, h, root, customer, bed->w.now_ms, expected(bed, root, i), &got);
    }
}

/* No answer may change before `until`: the twin is asked at instants before it. */
static void check_until(struct bed *bed, const char *how, struct history *h, size_t root, uint32_t i, int64_t until) {
    struct outside outside = outside_of(bed, h);
    struct random *r = &bed->w.random;
    int64_t now = bed->w.now_ms, far = until == INT64_MAX ? now + 800 * DAY_MS : until;
    int64_t instants[4] = {now + 1, until == INT64_MAX ? far : until - 1, random_between(r, now, far - 1),
                           random_between(r, now, far - now > 2 * DAY_MS ? now + 2 * DAY_MS : far - 1)};
    if (until <= now) {
        print_message("seed %llu: until is not after now: %.*s\n", (unsigned long long)bed->w.seed,
                      SLICE_ARG(buffer_slice(&bed->texts[root])));
        totals.failures++;
        return;
    }
    for (unsigned k = 0; k < 4; k++) {
        if (instants[k] >= until)
            continue;
        struct term_value then = model_evaluate(&bed->w.vocabulary, &outside, bed->roots[root],
                                                (struct customer_id){bed->w.first + i}, instants[k], &bed->arena);
        totals.later++;
        if (!values_same(TERM_BOOL, expected(bed, root, i), &then)) {
            char text[160], at[TIME_TEXT_BYTES], promised[TIME_TEXT_BYTES];
            at[time_format(instants[k], at)] = 0;
            promised[time_format(until == INT64_MAX ? 0 : until, promised)] = 0;
            snprintf(text, sizeof text, "%s, promised until %s, changed (the plan's word) at %s", how,
                     until == INT64_MAX ? "ever" : promised, at);
            fail_case(bed, text, NULL, root, bed->w.first + i, now, &then, expected(bed, root, i));
        }
    }
}

static void check_spans(struct bed *bed, struct evaluator *e, const struct plan *plan, const size_t *roots,
                        size_t count, unsigned v) {
    uint64_t bits[SPAN_CUSTOMERS / 64];
    int64_t *until = memory_get(SPAN_CUSTOMERS, sizeof *until);
    for (uint32_t span = 0; span < 2; span++) {
        if (!evaluator_span(e, span, bed->w.now_ms))
            continue;
        for (size_t at = 0; at < count; at++) {
            size_t r = roots[at];
            snprintf(current, sizeof current, "span, %s (seed %llu): %.*s\n", variants[v],
                     (unsigned long long)bed->w.seed, SLICE_ARG(buffer_slice(&bed->texts[r])));
            if (plan_type(plan, at) != TERM_BOOL) {
                check_values(bed, variants[v], bed->histories[v], e, r, at, span);
                continue;
            }
            bool timed = random_chance(&bed->w.random, 0.5);
            evaluate_bits(e, at, bits, timed ? until : NULL);
            check_bits(bed, variants[v], bed->histories[v], r, span, bits);
            for (uint32_t i = 0; i < bed->w.customers && timed; i++)
                if ((bed->w.first + i) / SPAN_CUSTOMERS == span && member(bed->population, bed->w.first + i) &&
                    random_chance(&bed->w.random, 0.2))
                    check_until(bed, "span", bed->histories[v], r, i, until[(bed->w.first + i) % SPAN_CUSTOMERS]);
        }
    }
    free(until);
}

/* Each operand of the outermost and / or by itself. */
static void check_clauses(struct bed *bed, struct evaluator *e, size_t root, size_t at, uint32_t i, unsigned v) {
    struct outside outside = outside_of(bed, bed->histories[v]);
    const struct node *n = bed->roots[root];
    while (n->kind == NODE_CALL && n->op == OP_IN_SEGMENT && n->definition) /* those of the segment asked for */
        n = n->definition;
    bool several = n->kind == NODE_CALL && (n->op == OP_AND || n->op == OP_OR);
    uint64_t got = evaluate_clauses(e, at), wanted = 0;
    unsigned clause = 0;
    for (const struct node *c = several ? n->first : n; c && clause < 64; c = several ? c->next : NULL, clause++) {
        struct term_value value = model_evaluate(&bed->w.vocabulary, &outside, c,
                                                 (struct customer_id){bed->w.first + i}, bed->w.now_ms, &bed->arena);
        wanted |= (uint64_t)(value.type == TERM_BOOL && value.integer) << clause;
    }
    struct term_value bits[2] = {{.type = TERM_NUMBER, .integer = (int64_t)wanted},
                                 {.type = TERM_NUMBER, .integer = (int64_t)got}};
    if (got != wanted)
        fail_case(bed, "clauses", NULL, root, bed->w.first + i, bed->w.now_ms, &bits[0], &bits[1]);
}

static void note_relation(void *context, const struct dependency *dependency) {
    *(bool *)context = *(bool *)context || dependency->kind == DEPENDS_RELATED;
}

/* Rows from a log position on are left out: as if they had never come. Relations are not asked: those at their other end stay whole. */
static void check_before(struct bed *bed, const struct plan *plan, const size_t *roots, size_t count) {
    struct random_world past = bed->w;
    const struct random_step *cut = &bed->w.steps[random_below(&bed->w.random, bed->w.step_count)];
    uint64_t before = cut->record ? cut->record->position : bed->w.position / 2;
    past.steps = memory_get(bed->w.step_count + 1, sizeof *past.steps);
    past.step_count = 0;
    for (size_t i = 0; i < bed->w.step_count; i++)
        if (!bed->w.steps[i].record || bed->w.steps[i].record->position < before)
            past.steps[past.step_count++] = bed->w.steps[i];
    struct history *h = open_history(&bed->w, VARIANTS);
    random_world_do(&past, h, 0, past.step_count);
    struct outside then = outside_of(bed, h);
    for (unsigned v = 0; v < VARIANTS; v++) {
        struct outside outside = outside_of(bed, bed->histories[v]);
        struct evaluator *e = evaluator_create(plan, &outside);
        for (unsigned tries = 0; tries < 4; tries++) {
            uint32_t customer = bed->w.first + (uint32_t)random_below(&bed->w.random, bed->w.customers);
            if (!member(bed->population, customer))
                continue;
            evaluator_customer(e, (struct customer_id){customer}, bed->w.now_ms, before);
            for (size_t at = 0; at < count; at++) {
                bool related = false;
                check_dependencies(bed->roots[roots[at]], note_relation, &related);
                if (related)
                    continue;
                struct term_value got = live_value(e, plan, at, NULL);
                struct term_value wanted = model_evaluate(&bed->w.vocabulary, &then, bed->roots[roots[at]],
                                                          (struct customer_id){customer}, bed->w.now_ms, &bed->arena);
                totals.evaluations++;
                char how[96];
                snprintf(how, sizeof how, "%s, before position %llu", variants[v], (unsigned long long)before);
                if (!values_same((enum term_type)bed->roots[roots[at]]->type, &wanted, &got))
                    fail_case(bed, how, NULL, roots[at], customer, bed->w.now_ms, &wanted, &got);
            }
        }
        evaluator_free(e);
    }
    history_free(h);
    free(past.steps);
}

static void check_live(struct bed *bed, struct evaluator *e, const struct plan *plan, const size_t *roots, size_t count,
                       unsigned v) {
    for (uint32_t i = 0; i < bed->w.customers; i++) {
        if (!member(bed->population, bed->w.first + i))
            continue;
        evaluator_customer(e, (struct customer_id){bed->w.first + i}, bed->w.now_ms, UINT64_MAX);
        for (size_t at = 0; at < count; at++) {
            size_t r = roots[at];
            int64_t until = 0;
            bool timed = random_chance(&bed->w.random, 0.3);
            snprintf(current, sizeof current, "live, %s (seed %llu), customer %u: %.*s\n", variants[v],
                     (unsigned long long)bed->w.seed, bed->w.first + i, SLICE_ARG(buffer_slice(&bed->texts[r])));
            struct term_value got = live_value(e, plan, at, timed ? &until : NULL);
            totals.evaluations++;
            if (!values_same((enum term_type)bed->roots[r]->type, expected(bed, r, i), &got))
                fail_case(bed, variants[v], bed->histories[v], r, bed->w.first + i, bed->w.now_ms, expected(bed, r, i),
                          &got);
            else if (timed && plan_type(plan, at) == TERM_BOOL)
                check_until(bed, "live", bed->histories[v], r, i, until);
            if (timed && plan_type(plan, at) == TERM_BOOL)
                check_clauses(bed, e, r, at, i, v);
        }
    }
}

/* The whole batch, by one worker and by three, at a kernel level. */
static void check_batch(struct bed *bed, const struct plan *plan, const size_t *roots, size_t count, unsigned v) {
    struct outside outside = outside_of(bed, bed->histories[v]);
    enum kernel_level best = kernel_level();
    size_t at = random_below(&bed->w.random, count);
    if (plan_type(plan, at) != TERM_BOOL)
        return;
    for (unsigned level = KERNEL_SCALAR; level <= best; level++)
        for (unsigned workers = 1; workers <= 3; workers += 2) {
            struct plan_answer answer;
            uint64_t members = 0;
            kernel_level_set((enum kernel_level)level);
            assert_int_equal(plan_run(plan, at, &outside, bed->w.now_ms, workers, NULL, &answer), STATUS_OK);
            for (uint32_t span = 0; span < answer.span_count && span < 2; span++) {
                check_bits(bed, "batch", bed->histories[v], roots[at], span, answer.bits[span]);
                members += kernel_count(answer.bits[span], SPAN_CUSTOMERS / 64);
            }
            assert_int_equal(answer.count, members);
            assert_int_equal(answer.population, kernel_count(bed->population, 2 * SPAN_CUSTOMERS / 64));
            plan_answer_release(&answer);
        }
    kernel_level_set(best);
}

static void check_plan(struct bed *bed, const size_t *roots, size_t count) {
    const struct node *trees[ROOTS];
    struct plan *plan;
    struct fault fault = {0};
    for (size_t i = 0; i < count; i++)
        trees[i] = bed->roots[roots[i]];
    snprintf(current, sizeof current, "compiling (seed %llu): %.*s ...\n", (unsigned long long)bed->w.seed,
             SLICE_ARG(buffer_slice(&bed->texts[roots[0]])));
    if (plan_create(&bed->w.vocabulary, trees, count, &plan, &fault))
        fail_msg("seed %llu: %s", (unsigned long long)bed->w.seed, fault.text);
    enum kernel_level best = kernel_level();
    for (unsigned v = 0; v < VARIANTS; v++) {
        struct outside outside = outside_of(bed, bed->histories[v]);
        struct evaluator *e = evaluator_create(plan, &outside);
        kernel_level_set((enum kernel_level)(random_below(&bed->w.random, (uint64_t)best + 1)));
        check_spans(bed, e, plan, roots, count, v);
        check_live(bed, e, plan, roots, count, v);
        kernel_level_set(best);
        evaluator_free(e);
        check_batch(bed, plan, roots, count, v);
    }
    check_before(bed, plan, roots, count);
    plan_free(plan);
}

static void run_seed(uint64_t seed) {
    struct bed *bed = memory_get(1, sizeof *bed);
    size_t roots[ROOTS];
    bed_open(bed, seed);
    for (size_t i = 0; i < ROOTS; i++)
        roots[i] = i;
    if (getenv("TEST_EACH"))
        for (size_t i = 0; i < bed->root_count; i++)
            check_plan(bed, &roots[i], 1);
    else
        check_plan(bed, roots, bed->root_count);
    bed_close(bed);
    free(bed);
}

static void plans_equal_the_twin(void **state) {
    (void)state;
    const char *one = getenv("TEST_SEED"), *far = getenv("TEST_LONG");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1, count = one ? 1 : far && *far == '1' ? 600 : 32;
    signal(SIGABRT, say_current);
    for (uint64_t seed = first; seed < first + count && totals.failures <= FAILURES_MAX; seed++)
        run_seed(seed);
    print_message(
        "plan_random: %llu expressions, %llu refused by the checker; %llu cases, %llu evaluations, %llu asked at a "
        "later instant; %llu wrong\n",
        (unsigned long long)totals.expressions, (unsigned long long)totals.refused, (unsigned long long)totals.cases,
        (unsigned long long)totals.evaluations, (unsigned long long)totals.later, (unsigned long long)totals.failures);
    assert_int_equal(totals.failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans_equal_the_twin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* demo: `onefold demo`: a simulated company goes through the real doors (HTTP tracking, file imports), and what the platform
 * made of it is printed: customers, quarantine, identity against the truth (by identifiers alone, then with matching), one person's whole
 * view, rates. */
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "main/args.h"
#include "main/commands.h"
#include "main/evaluate.h"
#include "main/evaluate_households.h"
#include "main/loader.h"
#include "main/server.h"
#include "main/simulate/simulate.h"
#include "network/household_read.h"

struct demo {
    bool json, once;
    uint64_t customers, seed;
    const char *folder; /* given, or the passing one */
    char passing[64];
    struct server *server;
    struct client *admin;
    struct simulate_summary company;
    struct load_counts loaded[FEED_COUNT];
    double simulate_s, load_s, settle_s;
    uint64_t sent_records;
    struct identity_quality quality, matched; /* by identifiers; and what matching added */
    struct household_quality households;
    uint64_t matched_pairs; /* that it merged */
    double match_s;
    char oneid[ONEID_BYTES + 1]; /* of the person shown */
    struct buffer view;          /* its profile, JSON */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static char *path_of(const struct demo *d, const char *name) {
    struct buffer path = {0};
    buffer_print(&path, "%s/company/%s%c", d->folder, name, 0);
    return path.data;
}

static void say(const struct demo *d, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(const struct demo *d, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (!d->json)
        vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

/* --- loading --- */

static const struct {
    const char *path, *kind, *source;
} feeds[FEED_COUNT] = {
#define FEED(name, path, kind, source, encoding, mapping) {path, kind, source},
#include "main/simulate/feeds.def"
#undef FEED
};

static enum status load_calls(struct demo *d, const char *path, enum simulated_feed feed, struct fault *fault) {
    char key[48];
    struct client *writer = NULL;
    enum status status = server_source(d->server, feeds[feed].source, "segment", key, fault);
    if (!status)
        status = client_create_writer(serve_address(d->server->serve), key, &writer, fault);
    if (!status)
        status = load_segment(writer, path, NULL, NULL, &d->loaded[feed], fault);
    client_free(writer);
    return status;
}

static enum status load_mapped(struct demo *d, const char *path, enum simulated_feed feed, struct fault *fault) {
    struct buffer name = {0};
    buffer_print(&name, "mappings/%s.json%c", feeds[feed].source, 0);
    char *mapping = path_of(d, name.data);
    enum status status = load_import(d->admin, path, mapping, false, NULL, NULL, &d->loaded[feed], fault);
    free(mapping);
    buffer_release(&name);
    return status;
}

static enum status load_company(struct demo *d, struct fault *fault) {
    enum status status = STATUS_OK;
    double began = now_s();
    say(d, "\nloading through HTTP and file imports\n");
    for (enum simulated_feed feed = 0; feed < FEED_COUNT && !status; feed++) {
        if (strcmp(feeds[feed].kind, "truth") == 0)
            continue;
        char *path = path_of(d, feeds[feed].path);
        status = strcmp(feeds[feed].kind, "segment") == 0 ? load_calls(d, path, feed, fault)
                                                          : load_mapped(d, path, feed, fault);
        free(path);
        const struct load_counts *n = &d->loaded[feed];
        d->sent_records += n->rows;
        if (!status)
            say(d, "  %-20s %8llu records %8.1f MB  %7.0f records/s   %llu repeats, %llu rejected\n", feeds[feed].path,
                (unsigned long long)n->rows, (double)n->bytes / 1e6,
                (double)n->rows / (n->seconds > 0 ? n->seconds : 1), (unsigned long long)n->repeats,
                (unsigned long long)n->rejected);
    }
    d->load_s = now_s() - began;
    return status;
}

/* --- who shares no identifier --- */

#define AUTOMATIC "0.99" /* probability from which a pair is merged without being asked about */
#define MATCH_SECONDS_MAX 600
#define HOUSEHOLDS_LEAST 0.5 /* probability from which a household is proposed */

/* Waits for the run to end; false where it did not in time, or with a fault. */
static enum status match_wait(struct demo *d, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    struct buffer answer = {0};
    const struct json *root = NULL;
    const double began = now_s();
    enum status status = STATUS_OK;
    bool running = true;
    while (running && !status) {
        usleep(20000);
        buffer_clear(&answer);
        status = load_request(d->admin, "GET", "/v1/identity/matches?limit=1", SLICE_NONE, &answer, fault);
        if (!status)
            status = json_parse(p, buffer_slice(&answer), true, &root, fault);
        running = !status && json_get_bool(p, root, "running", false);
        if (running && now_s() - began > MATCH_SECONDS_MAX)
            status = fault_set(fault, STATUS_TIMEOUT, "matching took longer than ten minutes");
    }
    struct slice wrong = status ? SLICE_NONE : json_get_text(p, root, "fault");
    if (wrong.size)
        status = fault_set(fault, STATUS_INVALID, "matching: %.*s", SLICE_ARG(wrong));
    const struct json *last = status ? NULL : json_get(p, root, "last_run"),
                      *merged = last ? json_get(p, last, "merged") : NULL;
    d->matched_pairs = merged ? (uint64_t)merged->integer : 0;
    buffer_release(&answer);
    json_parser_free(p);
    return status;
}

/* What names, birthdays and addresses say beyond identifiers, only where it is all but certain. */
static enum status match(struct demo *d, const char *truth, struct fault *fault) {
    struct buffer answer = {0};
    double began = now_s();
    enum status status = load_request(d->admin, "POST", "/v1/identity/matches/run",
                                      SLICE("{\"automatic\":" AUTOMATIC "}"), &answer, fault);
    buffer_release(&answer);
    if (!status)
        status = match_wait(d, fault);
    if (!status && !engine_settle(d->server->engine, 600000))
        status = fault_set(fault, STATUS_TIMEOUT, "folding the merges took longer than ten minutes");
    d->match_s = now_s() - began;
    return status ? status : evaluate_identity(d->server->engine, truth, &d->matched, fault);
}

/* --- the person shown --- */

struct kinds {
    const struct identity *identity;
    uint64_t namespaces; /* bit per namespace number */
};

static void note_kind(void *context, struct identifier_id identifier) {
    struct kinds *k = context;
    k->namespaces |= (uint64_t)1 << (identity_namespace(k->identity, identifier) % 64);
}

/* Somebody with many kinds of identifiers and a history that fits a screen. */
static struct customer_id choose_person(struct engine *e) {
    struct identity_counters counters;
    struct arena arena = {0};
    struct customer_id best = {0};
    int best_score = -1;
    identity_counters_read(e->identity, &counters);
    for (uint32_t n = 1; n <= counters.created && n < 20000; n++) {
        struct customer_id c = {n};
        struct history_rows rows;
        struct kinds k = {e->identity, 0};
        if (identity_redirect(e->identity, c).number != n)
            continue;
        struct history_hold hold = history_enter(e->history);
        history_rows(e->history, c, -1, &arena, &rows);
        history_leave(e->history, hold);
        arena_reset(&arena);
        identity_identifiers(e->identity, c, 200, note_kind, &k);
        int score = __builtin_popcountll(k.namespaces) * 10 + (rows.count >= 30 && rows.count <= 150 ? 9 : 0);
        if (score > best_score) {
            best_score = score;
            best = c;
        }
    }
    arena_release(&arena);
    return best;
}

static enum status fetch_view(struct demo *d, struct fault *fault) {
    char path[96];
    oneid_format(choose_person(d->server->engine), d->oneid);
    snprintf(path, sizeof path, "/v1/profiles/%s?rows=8", d->oneid);
    return load_request(d->admin, "GET", path, SLICE_NONE, &d->view, fault);
}

/* --- the report --- */

struct figures {
    struct identity_counters people;
    struct history_counters rows;
    struct fold_counters fold;
    struct log_counters log;
    uint64_t waiting, seen_bytes;
};

static struct figures figures_of(const struct demo *d) {
    struct engine *e = d->server->engine;
    struct figures f = {.waiting = quarantine_waiting(e->govern), .seen_bytes = seen_disk_bytes(e->seen)};
    identity_counters_read(e->identity, &f.people);
    history_counters_read(e->history, &f.rows);
    engine_counters(e, &f.fold);
    log_counters_read(e->log, &f.log);
    return f;
}

static double rate(const struct demo *d) { return (double)d->sent_records / (d->load_s + d->settle_s); }

static void report_quality(const struct demo *d, const char *how, const struct identity_quality *q) {
    say(d, "  %-15s precision %.4f   recall %.4f   F1 %.4f   coverage %.4f   %llu of %llu people exactly whole\n", how,
        q->precision, q->recall, q->f1, q->coverage, (unsigned long long)q->exact_persons,
        (unsigned long long)q->persons);
}

static void report_households(const struct demo *d) {
    const struct household_quality *q = &d->households;
    say(d, "\nhouseholds proposed, against the truth (pairs of customers)\n");
    say(d, "  proposed                %10llu   right %llu: precision %.4f\n", (unsigned long long)q->proposed,
        (unsigned long long)q->right, q->precision);
    say(d, "  share a thing           %10llu   in one family, of %llu: recall %.4f of those, %.4f of all\n",
        (unsigned long long)q->visible, (unsigned long long)q->pairs, q->visible_recall, q->recall);
}

static void report_text(const struct demo *d) {
    struct figures f = figures_of(d);
    say(d, "\nwhat was found\n");
    say(d, "  records sent            %10llu   in %.1f s until folded: %.0f records/s\n",
        (unsigned long long)d->sent_records, d->load_s + d->settle_s, rate(d));
    say(d, "  known before (repeats)  %10llu\n", (unsigned long long)f.fold.duplicates);
    say(d, "  quarantine              %10llu   records and single values, each with its reason\n",
        (unsigned long long)f.waiting);
    say(d, "  customers               %10llu   of %zu simulated people\n", (unsigned long long)f.people.customers,
        d->company.people);
    say(d, "  unowned documents       %10llu   orders that nobody's identifier came with\n",
        (unsigned long long)f.people.unowned);
    say(d, "  identifiers             %10llu\n", (unsigned long long)f.people.identifiers);
    say(d, "  merges / conflicts      %10llu / %llu\n", (unsigned long long)f.people.merges,
        (unsigned long long)f.people.conflicts);
    say(d, "  history rows            %10llu\n", (unsigned long long)f.rows.rows);
    say(d, "\nidentity against the truth (pairs of records)\n");
    report_quality(d, "by identifiers", &d->quality);
    report_quality(d, "matched too", &d->matched);
    say(d, "  matching merged %llu pairs of customers, each at a probability of " AUTOMATIC " or more, in %.1f s\n",
        (unsigned long long)d->matched_pairs, d->match_s);
    report_households(d);
}

static void households_json(struct json_writer *w, const struct household_quality *q) {
    json_key(w, "households");
    json_object(w);
    json_member_integer(w, "proposed", (int64_t)q->proposed);
    json_member_integer(w, "right", (int64_t)q->right);
    json_member_integer(w, "to_be_found", (int64_t)q->pairs);
    json_member_integer(w, "visible", (int64_t)q->visible);
    json_member_real(w, "precision", q->precision);
    json_member_real(w, "recall", q->recall);
    json_member_real(w, "visible_recall", q->visible_recall);
    json_end_object(w);
}

static void quality_json(struct json_writer *w, const char *key, const struct identity_quality *q) {
    json_key(w, key);
    json_object(w);
    json_member_real(w, "precision", q->precision);
    json_member_real(w, "recall", q->recall);
    json_member_real(w, "f1", q->f1);
    json_member_real(w, "coverage", q->coverage);
    json_member_integer(w, "people_exact", (int64_t)q->exact_persons);
    json_member_integer(w, "people", (int64_t)q->persons);
    json_end_object(w);
}

static void report_json(const struct demo *d) {
    struct figures f = figures_of(d);
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    json_object(&w);
    json_member_integer(&w, "seed", (int64_t)d->seed);
    json_member_integer(&w, "people", (int64_t)d->company.people);
    json_member_integer(&w, "records_sent", (int64_t)d->sent_records);
    json_member_real(&w, "seconds", d->load_s + d->settle_s);
    json_member_real(&w, "records_per_second", rate(d));
    json_member_integer(&w, "duplicates", (int64_t)f.fold.duplicates);
    json_member_integer(&w, "quarantined", (int64_t)f.waiting);
    json_member_integer(&w, "quarantined_whole", (int64_t)f.fold.quarantined);
    json_member_integer(&w, "customers", (int64_t)f.people.customers);
    json_member_integer(&w, "unowned_documents", (int64_t)f.people.unowned);
    json_member_integer(&w, "identifiers", (int64_t)f.people.identifiers);
    json_member_integer(&w, "merges", (int64_t)f.people.merges);
    json_member_integer(&w, "conflicts", (int64_t)f.people.conflicts);
    json_member_integer(&w, "rows", (int64_t)f.rows.rows);
    quality_json(&w, "identity", &d->quality);
    quality_json(&w, "matched", &d->matched);
    json_member_integer(&w, "matched_pairs", (int64_t)d->matched_pairs);
    households_json(&w, &d->households);
    json_key(&w, "profile");
    json_raw(&w, buffer_slice(&d->view));
    json_member_cstring(&w, "address", serve_address(d->server->serve));
    json_end_object(&w);
    printf("%.*s\n", (int)out.size, out.data);
    buffer_release(&out);
}

/* Prints a JSON value indented, short containers on one line. */
static void show_json(const struct json_parser *p, const struct json *v, int depth) {
    bool object = v->kind == JSON_OBJECT;
    const struct json *child = json_first(p, v);
    struct buffer line = {0};
    struct json_writer w = {.out = &line};
    if (v->kind < JSON_ARRAY) {
        switch (v->kind) {
        case JSON_TEXT:
            json_text(&w, v->text);
            break;
        case JSON_INTEGER:
            json_integer(&w, v->integer);
            break;
        case JSON_REAL:
            json_real(&w, v->real);
            break;
        case JSON_BOOL:
            json_bool(&w, v->boolean);
            break;
        default:
            json_null(&w);
        }
        printf("%.*s", (int)line.size, line.data);
        buffer_release(&line);
        return;
    }
    bool flat = true;
    for (const struct json *c = child; c; c = json_next(p, c))
        flat = flat && c->kind < JSON_ARRAY;
    flat = flat && depth > 1;
    printf("%c", object ? '{' : '[');
    for (; child; child = json_next(p, child)) {
        if (!flat)
            printf("\n%*s", (depth + 1) * 2 + 2, "");
        if (object)
            printf("%.*s: ", SLICE_ARG(child->key));
        show_json(p, child, depth + 1);
        if (json_next(p, child))
            printf(flat ? ", " : "");
    }
    if (!flat && v->count)
        printf("\n%*s", depth * 2 + 2, "");
    printf("%c", object ? '}' : ']');
}

static void show_view(struct demo *d) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    say(d, "\none customer's whole view (GET /v1/profiles/%s?rows=8)\n  ", d->oneid);
    if (!json_parse(p, buffer_slice(&d->view), true, &root, NULL))
        show_json(p, root, 0);
    say(d, "\n");
    json_parser_free(p);
}

/* --- the course of it --- */

static enum status start(struct demo *d, uint64_t port, struct fault *fault) {
    char *company = path_of(d, "");
    struct simulate_options simulation = {.seed = d->seed, .customers = d->customers, .folder = company};
    struct serve_options door = {.port = (uint16_t)port};
    double began = now_s();
    say(d, "simulating a company of %llu people, seed %llu\n", (unsigned long long)d->customers,
        (unsigned long long)d->seed);
    enum status status = simulate(os_real(), &simulation, &d->company, fault);
    d->simulate_s = now_s() - began;
    free(company);
    if (!status)
        status = server_start(os_real(), d->folder, NULL, &door, &d->server, fault);
    if (status)
        return status;
    if (!d->server->admin_key[0])
        return fault_set(fault, STATUS_EXISTS, "%s holds data already; the demonstration wants a fresh folder",
                         d->folder);
    say(d, "listening on %s, admin key %s\n", serve_address(d->server->serve), d->server->admin_key);
    return client_create(serve_address(d->server->serve), d->server->admin_key, &d->admin, fault);
}

/* What proposing households would come to; nothing is changed. */
static enum status find_households(struct demo *d, struct fault *fault) {
    const struct engine *e = d->server->engine;
    const struct network_parts parts = {e->os, e->dictionary, e->identity, e->history, NULL, NULL};
    struct households *found = NULL;
    char *identifiers = path_of(d, "truth/identifiers.csv"), *people = path_of(d, "truth/people.csv");
    enum status status = household_read(&parts, HOUSEHOLDS_LEAST, &found, fault);
    if (!status)
        status =
            evaluate_households(d->server->engine, found, HOUSEHOLDS_LEAST, identifiers, people, &d->households, fault);
    households_free(found);
    free(identifiers);
    free(people);
    return status;
}

static enum status run(struct demo *d, uint64_t port, struct fault *fault) {
    enum status status = start(d, port, fault);
    if (!status)
        status = load_company(d, fault);
    double began = now_s();
    if (!status && !engine_settle(d->server->engine, 600000))
        status = fault_set(fault, STATUS_TIMEOUT, "folding took longer than ten minutes");
    d->settle_s = now_s() - began;
    char *truth = path_of(d, "truth/records.csv");
    if (!status)
        status = evaluate_identity(d->server->engine, truth, &d->quality, fault);
    if (!status)
        status = match(d, truth, fault);
    free(truth);
    if (!status)
        status = find_households(d, fault);
    if (!status)
        status = fetch_view(d, fault);
    if (status)
        return status;
    if (d->json)
        report_json(d);
    else {
        report_text(d);
        show_view(d);
    }
    return STATUS_OK;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

int demo_command(int argc, char **argv) {
    struct demo d = {.customers = 5000, .seed = 1};
    uint64_t port = 0;
    struct fault fault = {0};
    const struct arg table[] = {
        {"customers", ARG_NUMBER, &d.customers, "simulated people (5000)"},
        {"seed", ARG_NUMBER, &d.seed, "of the simulation (1)"},
        {"once", ARG_FLAG, &d.once, "end after the report"},
        {"json", ARG_FLAG, &d.json, "the report as one JSON object"},
        {"data", ARG_TEXT, &d.folder, "a fresh data folder (one of its own, removed at the end)"},
        {"port", ARG_NUMBER, &port, "port, 0 for a free one (0)"},
        {0}};
    args_parse(argc, argv, "demo [--customers N] [--seed S] [--once] [--json]", table, NULL, NULL);
    if (!d.folder) {
        snprintf(d.passing, sizeof d.passing, "/tmp/onefold-demo-XXXXXX");
        d.folder = mkdtemp(d.passing);
        if (!d.folder) {
            fprintf(stderr, "onefold: no folder can be made under /tmp; give one with --data\n");
            return 1;
        }
    }
    server_signals();
    enum status status = run(&d, port, &fault);
    if (status)
        fprintf(stderr, "onefold: %s\n", fault.text);
    if (!status && !d.once) {
        server_keep_signals();
        say(&d, "\nstill there: %s (admin key %s); end with Ctrl-C\n", serve_address(d.server->serve),
            d.server->admin_key);
        server_wait_signal();
    }
    client_free(d.admin);
    server_stop(d.server);
    buffer_release(&d.view);
    if (d.passing[0])
        nftw(d.passing, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return status ? 1 : 0;
}

/* network_run: see the header. */
#include "serve/network_run.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

#define LOOK_S 5          /* between looks at the schedules */
#define RETRY_MS 600000   /* before a scheduled refresh that failed is tried again */
#define COMMANDS_AHEAD 20 /* of the fold: so long everything else waits behind them in the log */

struct network_runs {
    struct serve_parts parts;
    struct background *background;
    uint64_t appended;    /* the position of the last command of a run; its thread alone looks */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    pthread_t clock;
    bool clocked, closing;
    char which[NETWORK_NAME_BYTES_MAX + 1];
};

struct order {
    struct network_runs *runs;
    char name[NETWORK_NAME_BYTES_MAX + 1];
};

/* --- what the last one found --- */

static char *path_of(const struct network_runs *runs, struct slice name) {
    char hex[2 * NETWORK_NAME_BYTES_MAX + 1] = ""; /* names may be of any script */
    struct buffer path = {0};
    for (size_t i = 0; i < name.size && i < NETWORK_NAME_BYTES_MAX; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)name.data[i]);
    buffer_print(&path, "%s/networks/%s.json%c", runs->parts.folder, hex, 0);
    return path.data;
}

void network_runs_last(struct network_runs *runs, struct slice name, struct buffer *json) {
    struct buffer text = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    char *path = path_of(runs, name);
    bool good = os_read_file(runs->parts.os, path, &text, NULL) == STATUS_OK &&
                json_parse(p, buffer_slice(&text), true, &root, NULL) == STATUS_OK && root->kind == JSON_OBJECT;
    buffer_add_slice(json, good ? buffer_slice(&text) : SLICE("null"));
    free(path);
    json_parser_free(p);
    buffer_release(&text);
}

void network_runs_forget(struct network_runs *runs, struct slice name) {
    char *path = path_of(runs, name);
    (void)!os_remove(runs->parts.os, path, NULL);
    free(path);
}

static int64_t last_ms(struct network_runs *runs, struct slice name) {
    struct buffer text = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    int64_t at_ms = 0;
    bool zoned;
    network_runs_last(runs, name, &text);
    if (json_parse(p, buffer_slice(&text), true, &root, NULL) == STATUS_OK && root->kind == JSON_OBJECT &&
        time_parse_iso(json_get_text(p, root, "at"), &at_ms, &zoned) != STATUS_OK)
        at_ms = 0;
    json_parser_free(p);
    buffer_release(&text);
    return at_ms;
}

static double rounded(double value, double scale) { return round(value * scale) / scale; }

static void write_found(const struct network_run *run, int64_t at_ms, uint64_t position, struct json_writer *w) {
    const struct network_values *v = &run->values;
    json_object(w);
    json_member_time(w, "at", at_ms);
    json_member_integer(w, "position", (int64_t)position);
    json_member_integer(w, "customers", (int64_t)v->count);
    json_member_integer(w, "relations", (int64_t)run->relation_count);
    json_member_integer(w, "related_pairs", (int64_t)v->edge_count);
    if (v->component_count) {
        json_member_integer(w, "components", (int64_t)v->component_count);
        json_member_integer(w, "largest_component", (int64_t)v->component_size_max);
    }
    if (v->community_count) {
        json_member_integer(w, "communities", (int64_t)v->community_count);
        json_member_real(w, "modularity", rounded(v->modularity, 1e4));
    }
    json_member_integer(w, "written", (int64_t)run->changed);
    json_member_real(w, "read_s", rounded(run->read_s, 1e3));
    json_member_real(w, "measure_s", rounded(run->measure_s, 1e3));
    json_member_real(w, "write_s", rounded(run->write_s, 1e3));
    json_end_object(w);
}

static void keep_found(struct network_runs *runs, const struct network *network, const struct network_run *run,
                       int64_t at_ms, uint64_t position) {
    struct buffer text = {0}, folder = {0};
    struct json_writer w = {.out = &text};
    char *path = path_of(runs, network->name);
    write_found(run, at_ms, position, &w);
    buffer_print(&folder, "%s/networks%c", runs->parts.folder, 0);
    (void)!os_make_folder(runs->parts.os, folder.data, NULL);
    (void)!os_write_file(runs->parts.os, path, buffer_slice(&text), NULL); /* lost, it is only unknown */
    free(path);
    buffer_release(&folder);
    buffer_release(&text);
}

/* --- networks in force --- */

static const struct zone *zone_of(const struct audience_snapshot *snapshot) {
    return audience_vocabulary(snapshot)->zone;
}

void network_runs_each(const struct serve_parts *parts, struct json_parser *p,
                       void (*each)(void *context, const struct network *network, int64_t defined_ms), void *context) {
    struct audience_snapshot *snapshot = audience_snapshot(parts->audience);
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    const struct json *root;
    audience_analyses_json(snapshot, &w);
    bool good = json_parse(p, buffer_slice(&text), true, &root, NULL) == STATUS_OK;
    for (const struct json *a = good ? json_first(p, root) : NULL; a; a = json_next(p, a)) {
        struct network network;
        int64_t defined_ms = 0;
        bool zoned;
        if (!slice_is(json_get_text(p, a, "kind"), NETWORK_KIND) ||
            network_read(p, json_get_text(p, a, "name"), json_get(p, json_get(p, a, "analysis"), "definition"), NULL,
                         zone_of(snapshot), &network, NULL))
            continue;
        if (time_parse_iso(json_get_text(p, a, "defined_at"), &defined_ms, &zoned))
            defined_ms = 0;
        each(context, &network, defined_ms);
    }
    buffer_release(&text);
    audience_snapshot_release(snapshot);
}

int64_t network_runs_next(struct network_runs *runs, const struct network *network, int64_t defined_ms) {
    int64_t last = last_ms(runs, network->name);
    if (!network->scheduled)
        return INT64_MAX;
    struct audience_snapshot *snapshot = audience_snapshot(runs->parts.audience);
    int64_t next = schedule_next(&network->schedule, zone_of(snapshot), last > defined_ms ? last : defined_ms);
    audience_snapshot_release(snapshot);
    return next;
}

/* --- a run --- */

static bool tell_progress(void *context, double done) {
    struct network_runs *runs = context;
    background_progress(runs->background, done);
    return !background_cancelled(runs->background);
}

/* Appends, and lets the fold come near, so that nobody's event waits behind a million customers. */
static bool append(void *context, struct slice command) {
    struct network_runs *runs = context;
    struct log_record record = {.received_ms = os_now_ms(runs->parts.os), .kind = LOG_COMMAND, .payload = command};
    if (log_append(runs->parts.log, &record, 1, NULL))
        return false;
    runs->appended = record.position;
    while (record.position > COMMANDS_AHEAD && !background_cancelled(runs->background) &&
           !history_wait(runs->parts.history, record.position - COMMANDS_AHEAD, 100))
        ;
    return true;
}

static enum status refresh(struct network_runs *runs, const struct network *network, struct fault *fault) {
    struct network_parts parts = {runs->parts.os,      runs->parts.dictionary, runs->parts.identity,
                                  runs->parts.history, tell_progress,          runs};
    struct network_run run;
    uint64_t position = history_position(runs->parts.history);
    int64_t at_ms = os_now_ms(runs->parts.os);
    enum status status = network_refresh(&parts, network, append, runs, &run, fault);
    while (!status && !background_cancelled(runs->background) &&
           !history_wait(runs->parts.history, runs->appended, 100))
        ;
    if (!status)
        keep_found(runs, network, &run, at_ms, position);
    network_values_release(&run.values);
    return status;
}

static enum status run_work(void *context, struct fault *fault) {
    struct order order = *(struct order *)context;
    struct network_runs *runs = order.runs;
    struct json_parser *p = json_parser_create();
    struct audience_snapshot *snapshot = audience_snapshot(runs->parts.audience);
    struct audience_analysis saved;
    struct network network;
    const struct json *root;
    enum status status;
    free(context);
    pthread_mutex_lock(&runs->lock);
    memcpy(runs->which, order.name, sizeof runs->which);
    pthread_mutex_unlock(&runs->lock);
    if (!audience_analysis(snapshot, slice_text(order.name), &saved) || !slice_is(saved.kind, NETWORK_KIND))
        status = fault_set(fault, STATUS_NOT_FOUND, "the network \"%s\" was deleted", order.name);
    else if (!(status = json_parse(p, saved.json, false, &root, fault)))
        status = network_read(p, slice_text(order.name), json_get(p, root, "definition"), NULL, zone_of(snapshot),
                              &network, fault);
    audience_snapshot_release(snapshot); /* the slices are the parser's */
    if (!status)
        status = refresh(runs, &network, fault);
    json_parser_free(p);
    return status;
}

enum status network_runs_start(struct network_runs *runs, struct slice name, struct fault *fault) {
    struct audience_snapshot *snapshot = audience_snapshot(runs->parts.audience);
    struct audience_analysis saved;
    bool there = name.size <= NETWORK_NAME_BYTES_MAX && audience_analysis(snapshot, name, &saved) &&
                 slice_is(saved.kind, NETWORK_KIND);
    audience_snapshot_release(snapshot);
    if (!there)
        return fault_set(fault, STATUS_NOT_FOUND, "no network is called \"%.*s\"; GET /v1/networks lists them",
                         (int)(name.size < 80 ? name.size : 80), name.data);
    struct order *order = memory_get(1, sizeof *order);
    order->runs = runs;
    memcpy(order->name, name.data, name.size);
    enum status status = background_start(runs->background, run_work, order, fault);
    if (status)
        free(order);
    return status;
}

struct background *network_runs_background(struct network_runs *runs) {
    return runs->background;
}

void network_runs_which(struct network_runs *runs, char into[NETWORK_NAME_BYTES_MAX + 1]) {
    pthread_mutex_lock(&runs->lock);
    memcpy(into, runs->which, sizeof runs->which);
    pthread_mutex_unlock(&runs->lock);
}

/* --- schedules --- */

struct due {
    struct network_runs *runs;
    int64_t now_ms, earliest_ms;
    char name[NETWORK_NAME_BYTES_MAX + 1];   /* who has waited longest */
    char failed[NETWORK_NAME_BYTES_MAX + 1]; /* a moment ago, or empty */
};

static void find_due(void *context, const struct network *network, int64_t defined_ms) {
    struct due *d = context;
    int64_t next = network_runs_next(d->runs, network, defined_ms);
    bool failed = slice_is(network->name, d->failed);
    if (next > d->now_ms || next >= d->earliest_ms || failed)
        return;
    d->earliest_ms = next;
    memset(d->name, 0, sizeof d->name);
    memcpy(d->name, network->name.data, network->name.size);
}

static void look_at_schedules(struct network_runs *runs, struct json_parser *p) {
    struct background_state state;
    struct due due = {.runs = runs, .now_ms = os_now_ms(runs->parts.os), .earliest_ms = INT64_MAX};
    background_state(runs->background, &state);
    if (state.running)
        return;
    if (state.fault[0] && due.now_ms - state.ended_ms < RETRY_MS)
        network_runs_which(runs, due.failed);
    network_runs_each(&runs->parts, p, find_due, &due);
    if (due.name[0])
        (void)!network_runs_start(runs, slice_text(due.name), NULL);
}

static void *clock_thread(void *context) {
    struct network_runs *runs = context;
    struct json_parser *p = json_parser_create();
    pthread_mutex_lock(&runs->lock);
    while (!runs->closing) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += LOOK_S;
        if (pthread_cond_timedwait(&runs->wake, &runs->lock, &until) != ETIMEDOUT)
            continue;
        pthread_mutex_unlock(&runs->lock);
        look_at_schedules(runs, p);
        pthread_mutex_lock(&runs->lock);
    }
    pthread_mutex_unlock(&runs->lock);
    json_parser_free(p);
    return NULL;
}

struct network_runs *network_runs_create(const struct serve_parts *parts) {
    struct network_runs *runs = memory_get(1, sizeof *runs);
    runs->parts = *parts;
    runs->background = background_create(parts->os, "GET /v1/networks");
    pthread_mutex_init(&runs->lock, NULL);
    pthread_cond_init(&runs->wake, NULL);
    runs->clocked = parts->audience && pthread_create(&runs->clock, NULL, clock_thread, runs) == 0;
    return runs;
}

void network_runs_close(struct network_runs *runs) {
    if (!runs)
        return;
    pthread_mutex_lock(&runs->lock);
    runs->closing = true;
    pthread_cond_signal(&runs->wake);
    bool join = runs->clocked;
    runs->clocked = false;
    pthread_mutex_unlock(&runs->lock);
    if (join)
        pthread_join(runs->clock, NULL);
    background_close(runs->background);
}

void network_runs_free(struct network_runs *runs) {
    if (!runs)
        return;
    background_free(runs->background);
    pthread_mutex_destroy(&runs->lock);
    pthread_cond_destroy(&runs->wake);
    free(runs);
}

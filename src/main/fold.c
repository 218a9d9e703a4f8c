/* fold: log records -> state. One thread; the same log always gives the same state. */
#include "main/fold.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "audience/audience.h"
#include "main/fold_ahead.h"
#include "main/fold_command.h"
#include "main/fold_identity.h"
#include "main/fold_party.h"
#include "os/image.h"

#define REPLAY_PASSED_MAX                                                                                              \
    500 /* records a replay reads past rather than opening a reader: that takes 200 times as long */
#define REPLAY_TIDY 512
#define FORESEE_STEPS 3

/* What is saved of the fold itself. */
struct saved_fold {
    uint64_t position, records, duplicates, quarantined, definitions;
};

struct fold {
    struct engine *engine;
    struct ahead *ahead;
    struct json_parser *json;
    struct governed *governed; /* of a replay; large: not on the stack */
    struct resolution *resolution;
    uint64_t foreseen[FORESEE_STEPS]; /* by step: number of the first record that has not taken it */
    uint64_t applying;                /* position of the record in hand: a replay works others because of it */
    _Atomic uint64_t position, records, duplicates, quarantined, definitions, busy_ns;
    pthread_mutex_t retiring;
    uint64_t replay_position; /* of the last order to replay, under `retiring` */
};

struct fold *fold_create(struct engine *engine) {
    struct fold *f = memory_get(1, sizeof *f);
    f->engine = engine;
    f->ahead = ahead_create(engine);
    f->json = json_parser_create();
    f->governed = memory_get(1, sizeof *f->governed);
    f->resolution = memory_get(1, sizeof *f->resolution);
    pthread_mutex_init(&f->retiring, NULL);
    return f;
}

void fold_free(struct fold *f) {
    if (!f)
        return;
    ahead_free(f->ahead);
    json_parser_free(f->json);
    free(f->governed);
    free(f->resolution);
    pthread_mutex_destroy(&f->retiring);
    free(f);
}

uint64_t fold_position(const struct fold *f) { return atomic_load(&((struct fold *)f)->position); }

enum status fold_start_at(struct fold *f, uint64_t position, struct fault *fault) {
    atomic_store(&f->position, position);
    return ahead_start_at(f->ahead, position, fault);
}

enum status fold_help(struct fold *f, struct fault *fault) { return ahead_help(f->ahead, fault); }

size_t fold_retire(struct fold *f, uint64_t checkpointed) {
    size_t removed = 0;
    pthread_mutex_lock(&f->retiring);
    if (f->replay_position <= checkpointed)
        removed = log_retire(f->engine->log, checkpointed, os_now_ms(f->engine->os));
    pthread_mutex_unlock(&f->retiring);
    return removed;
}

static void count(_Atomic uint64_t *counter) { atomic_fetch_add_explicit(counter, 1, memory_order_relaxed); }

static bool all_master(const struct governed *g) {
    for (size_t i = 0; i < g->record_count; i++)
        if (g->records[i]->kind != TYPE_MASTER)
            return false;
    return g->record_count > 0;
}

static void place_master(struct fold *f, const struct governed *g) {
    for (size_t i = 0; i < g->record_count; i++) {
        master_put(f->engine->master, g->records[i]);
        audience_master_changed(f->engine->audience, g->records[i]->type);
    }
    if (g->refused)
        govern_note_holder(f->engine->govern, GOVERN_HOLDER_MASTER);
}

/* The same where other customers are named too; r: who the record's own identifiers lead to. */
static bool place_parties(struct fold *f, const struct log_record *raw, struct governed *g,
                          struct customer_id customer) {
    struct engine *e = f->engine;
    const struct resolution *r = f->resolution;
    bool own = customer.number == r->customer.number;
    struct fold_end end = {customer, r->arrival, own && r->created};
    if (!own)
        audience_records(e->audience, r->customer, r->created, NULL, 0, f->applying);
    if (!fold_parties(e, raw, g, &end, r, f->applying)) {
        count(&f->quarantined);
        return false;
    }
    govern_note_holder(e->govern, customer.number);
    return true;
}

/* A clean record finds its customer and joins the history; with `holder`, it joins that customer's, wherever its
 * identifiers lead by now. False when no identifier of it is usable. */
static bool place(struct fold *f, const struct log_record *raw, struct governed *g, struct customer_id holder) {
    struct engine *e = f->engine;
    struct resolution *r = f->resolution;
    if (all_master(g)) {
        place_master(f, g);
        return true;
    }
    if (identity_resolve(e->identity, g, raw->position, (unsigned)g->record_count, r)) {
        govern_set_aside(e->govern, raw, QUARANTINE_NO_IDENTIFIER,
                         "every identifier of it is blocked; one that stands for a person is needed");
        count(&f->quarantined);
        return false;
    }
    fold_unite(e, r, f->applying);
    struct customer_id customer = holder.number ? identity_redirect(e->identity, holder) : r->customer;
    if (g->party_count)
        return place_parties(f, raw, g, customer);
    for (size_t i = 0; i < g->record_count; i++) {
        g->records[i]->arrival = r->arrival.number;
        g->records[i]->document = r->documents[i].number;
        history_append(e->history, customer, g->records[i]);
    }
    bool own = customer.number == r->customer.number;
    for (size_t i = 0; i < g->record_count && own && r->document_new; i++)
        if (r->documents[i].number)
            g->records[i]->flags |= RECORD_NEW_DOCUMENT;
    if (!own) /* its identifiers lead elsewhere by now, to somebody they may have made */
        audience_records(e->audience, r->customer, r->created, NULL, 0, f->applying);
    audience_records(e->audience, customer, own && r->created, g->records, g->record_count, f->applying);
    if (g->refused)
        govern_note_holder(e->govern, customer.number);
    return true;
}

/* Takes a governed record in unless its message id was seen. What is put aside is not remembered: its replay must pass.
 */
static void take(struct fold *f, const struct log_record *raw, struct governed *g) {
    if (g->message_hash && seen_has(f->engine->seen, g->message_hash))
        count(&f->duplicates);
    else if (place(f, raw, g, (struct customer_id){0}) && g->message_hash)
        seen_add(f->engine->seen, g->message_hash);
}

/* A record that `holder` has already, without some of its values: the repaired one takes its place, there. */
static void replace(struct fold *f, const struct log_record *raw, struct governed *g, uint32_t holder) {
    assert(holder);
    for (size_t i = 0; i < g->record_count; i++)
        g->records[i]->flags |= RECORD_REPLACES;
    place(f, raw, g, (struct customer_id){holder == GOVERN_HOLDER_MASTER ? 0 : holder});
}

static void apply_data(struct fold *f, struct ahead_record *record) {
    if (record->governed.refused)
        govern_settle(f->engine->govern);
    if (record->governed.quarantined)
        count(&f->quarantined);
    else
        take(f, &record->raw, &record->governed);
}

enum status fold_tell_sources(struct fold *f, struct fault *fault) {
    struct engine *e = f->engine;
    enum status status = STATUS_OK;
    for (uint16_t n = 1; n <= sources_count(e->sources) && !status; n++) {
        struct source source;
        if (sources_at(e->sources, n, &source))
            status = govern_set_source(e->govern, n, source.priority, slice_text(source.time_zone), fault);
    }
    return status;
}

static enum status apply_definition(struct fold *f, const struct log_record *raw, const struct json *root,
                                    struct fault *fault) {
    struct engine *e = f->engine;
    struct slice what = json_get_text(f->json, root, "define");
    if (slice_is(what, "source") || slice_is(what, "key")) {
        enum status status = sources_define(e->sources, f->json, root, fault);
        return status ? status : fold_tell_sources(f, fault);
    }
    if (slice_is(what, "mapping"))
        return govern_define_mapping(e->govern, f->json, root, fault);
    if (slice_is(what, "type") || slice_is(what, "namespace")) {
        enum status status = dictionary_define(e->dictionary, f->json, root, fault);
        if (!status)
            audience_dictionary_changed(e->audience, raw->position);
        return status;
    }
    if (audience_defines(what))
        return audience_define(e->audience, f->json, root, raw->position, raw->received_ms, fault);
    return fault_set(fault, STATUS_INVALID,
                     "\"define\" is \"%.*s\"; expected source, key, mapping, type, namespace, segment, tag, metric, "
                     "subscription or workspace",
                     SLICE_ARG(what));
}

/* Reads records by ascending position. */
struct replay {
    struct log_reader *reader;
    uint64_t next; /* the reader's next record stands here or behind */
};

/* NOT_FOUND where nothing stands at `position` any more. */
static enum status replay_read(struct fold *f, struct replay *r, uint64_t position, struct log_record *raw,
                               struct fault *fault) {
    if (!r->reader || position < r->next || position - r->next > REPLAY_PASSED_MAX) {
        log_reader_close(r->reader);
        r->reader = NULL;
        enum status status = log_reader_open(f->engine->log, position, &r->reader, fault);
        if (status)
            return status;
    }
    enum status status;
    do
        status = log_read(r->reader, raw, fault);
    while (!status && raw->position < position);
    r->next = status ? UINT64_MAX : raw->position + 1;
    return status == STATUS_END || (!status && raw->position > position) ? STATUS_NOT_FOUND : status;
}

/* Works the record at `position` again, out of quarantine. Past its retention it stays there as a note. */
static enum status replay_one(struct fold *f, struct replay *r, uint64_t position, struct fault *fault) {
    struct engine *e = f->engine;
    struct log_record raw;
    uint32_t holder = govern_waits_whole(e->govern, position) ? 0 : govern_holder(e->govern, position);
    enum status status = replay_read(f, r, position, &raw, fault);
    if (!status && govern_replay(e->govern, &raw, f->governed)) {
        if (holder)
            replace(f, &raw, f->governed, holder);
        else /* nothing of it was used; or it was a repetition, and is one again */
            take(f, &raw, f->governed);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* What this replay reads must be there when it is folded again: see fold_retire. */
static void replay_begins(struct fold *f, uint64_t position) {
    pthread_mutex_lock(&f->retiring);
    assert(position > f->replay_position);
    f->replay_position = position;
    pthread_mutex_unlock(&f->retiring);
}

/* `ordered`: the order's position. A record that cannot be read because the disk fails must not be passed over: the
 * same log would give another state. */
static enum status replay(struct fold *f, const struct json *root, uint64_t ordered, struct fault *fault) {
    struct engine *e = f->engine;
    struct source source;
    struct buffer positions = {0};
    struct replay again = {0};
    struct slice name = json_get_text(f->json, root, "source"), reason = json_get_text(f->json, root, "reason");
    uint16_t number = name.size && sources_by_name(e->sources, name, &source) ? source.number : 0;
    enum status status = STATUS_OK;
    if (name.size && !number)
        return STATUS_OK;
    replay_begins(f, ordered);
    quarantine_positions(e->govern, number, quarantine_reason_find(reason), &positions);
    for (size_t i = 0; i < positions.size / sizeof(uint64_t) && !status; i++) {
        uint64_t position;
        memcpy(&position, positions.data + i * sizeof position, sizeof position);
        status = replay_one(f, &again, position, fault);
        if (i % REPLAY_TIDY == REPLAY_TIDY - 1)
            history_tidy(e->history); /* a million rows may come of this one record */
    }
    log_reader_close(again.reader);
    buffer_release(&positions);
    return status;
}

static enum status apply_json(struct fold *f, const struct log_record *raw, struct fault *fault) {
    const struct json *root;
    struct fault refused = {0};
    enum status status = json_parse(f->json, raw->payload, true, &root, &refused);
    if (!status && raw->kind == LOG_DEFINE) {
        status = apply_definition(f, raw, root, &refused);
        count(&f->definitions);
    } else if (!status && slice_is(json_get_text(f->json, root, "command"), "replay")) {
        return replay(f, root, raw->position, fault);
    } else if (!status && fold_decides(json_get_text(f->json, root, "command"))) {
        status = fold_decide(f->engine, f->json, root, raw, &refused);
    } else if (!status && fold_rules(json_get_text(f->json, root, "command"))) {
        status = fold_rules_apply(f->engine, f->json, root, raw, &refused);
    } else if (!status) {
        status = fold_command(f->engine, f->json, root, raw, &refused);
    }
    if (status) /* it was checked at the door; a rule that changed since may refuse it now */
        govern_set_aside(f->engine->govern, raw, QUARANTINE_BAD_DEFINITION, refused.text);
    return STATUS_OK;
}

/* Time passes before each record, whatever it is. Errors: DAMAGED, IO of the log, read again for a replay. Then the state is
 * between two records. */
static enum status apply(struct fold *f, struct ahead_record *record, struct fault *fault) {
    const struct log_record *raw = &record->raw;
    f->applying = raw->position;
    audience_clock(f->engine->audience, raw->received_ms, raw->position);
    switch (raw->kind) {
    case LOG_SEGMENT_ITEM:
    case LOG_ROW:
        apply_data(f, record);
        return STATUS_OK;
    case LOG_DEFINE:
    case LOG_COMMAND:
        return apply_json(f, raw, fault);
    default: /* a tick is its time; receipts have no reader yet */
        return STATUS_OK;
    }
}

/* --- batches --- */

static void foresee_slots(struct engine *e, const struct governed *g) {
    identity_prefetch(e->identity, g);
    if (g->message_hash)
        seen_prefetch(e->seen, g->message_hash);
}

static void foresee_entries(struct engine *e, const struct governed *g) { identity_prefetch_entries(e->identity, g); }

static void foresee_customer(struct engine *e, const struct governed *g) {
    struct customer_id customer = identity_foresee(e->identity, g);
    if (customer.number) {
        history_prefetch(e->history, customer);
        audience_prefetch(e->audience, customer);
    }
}

/* What the records behind the one in hand will ask for, in three steps, so that memory brings it while others are worked. A step is taken
 * for a record when it is there, not further ahead than `reach`, and some records after the step before, whose answer it reads. */
static void look_ahead(struct fold *f) {
    static const struct {
        void (*take)(struct engine *e, const struct governed *g);
        unsigned reach;
    } steps[FORESEE_STEPS] = {{foresee_slots, 12}, {foresee_entries, 8}, {foresee_customer, 4}};
    uint64_t now = ahead_number(f->ahead);
    for (unsigned s = 0; s < FORESEE_STEPS; s++) {
        uint64_t n = f->foreseen[s] > now ? f->foreseen[s] : now + 1;
        for (unsigned budget = 2; budget && n <= now + steps[s].reach && (s == 0 || n + 2 < f->foreseen[s - 1]);
             budget--) {
            const struct ahead_record *r = ahead_peek(f->ahead, (unsigned)(n - now));
            if (!r)
                break;
            if (ahead_has_data(r))
                steps[s].take(f->engine, &r->governed);
            n++;
        }
        f->foreseen[s] = n;
    }
}

enum status fold_batch(struct fold *f, size_t limit, size_t *applied, struct fault *fault) {
    struct ahead_record *record;
    enum status status = STATUS_OK;
    uint64_t began = os_monotonic_ns(f->engine->os);
    *applied = 0;
    ahead_begin(f->ahead);
    while (*applied < limit && !(status = ahead_next(f->ahead, &record, fault))) {
        assert(record->raw.position > fold_position(f));
        look_ahead(f);
        if ((status = apply(f, record, fault)))
            break;
        fold_sweep(f->engine, &record->raw);
        atomic_store_explicit(&f->position, record->raw.position, memory_order_release);
        count(&f->records);
        ahead_done(f->ahead);
        ++*applied;
    }
    if (*applied) {
        audience_publish(f->engine->audience, fold_position(f));
        history_advance(f->engine->history, fold_position(f));
        atomic_fetch_add(&f->busy_ns, os_monotonic_ns(f->engine->os) - began);
    }
    return status == STATUS_END ? STATUS_OK : status;
}

enum status fold_rest(struct fold *f, struct fault *fault) {
    size_t applied;
    enum status status;
    ahead_rest(f->ahead);
    do
        status = fold_batch(f, SIZE_MAX, &applied, fault);
    while (!status && applied);
    return status;
}

void fold_resume(struct fold *f) { ahead_resume(f->ahead); }

enum status fold_save(struct fold *f, struct image_writer *image, struct fault *fault) {
    struct saved_fold saved = {fold_position(f), atomic_load(&f->records), atomic_load(&f->duplicates),
                               atomic_load(&f->quarantined), atomic_load(&f->definitions)};
    return image_add(image, "fold", &saved, sizeof saved, fault);
}

enum status fold_load(struct fold *f, struct image *image, struct fault *fault) {
    struct slice section;
    struct saved_fold saved;
    enum status status = image_find(image, "fold", true, &section, fault);
    if (status)
        return status;
    if (section.size != sizeof saved)
        return fault_set(fault, STATUS_DAMAGED, "checkpoint: section fold has %zu bytes", section.size);
    memcpy(&saved, section.data, sizeof saved);
    atomic_store(&f->position, saved.position);
    atomic_store(&f->records, saved.records);
    atomic_store(&f->duplicates, saved.duplicates);
    atomic_store(&f->quarantined, saved.quarantined);
    atomic_store(&f->definitions, saved.definitions);
    return STATUS_OK;
}

void fold_counters_read(const struct fold *fold, struct fold_counters *out) {
    struct fold *f = (struct fold *)fold;
    out->records = atomic_load(&f->records);
    out->duplicates = atomic_load(&f->duplicates);
    out->quarantined = atomic_load(&f->quarantined);
    out->definitions = atomic_load(&f->definitions);
    out->busy_ns = atomic_load(&f->busy_ns);
}

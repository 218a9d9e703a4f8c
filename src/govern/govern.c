/* govern: owns the state, begins and ends the work on each raw record, and answers for quality. How payloads are read:
 * govern_segment.c, govern_row.c; how values are: govern_value.c. */
#include "govern/govern.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "govern/govern_inside.h"
#include "govern/govern_row.h"
#include "govern/govern_segment.h"
#include "os/image.h"

#define SOURCES (UINT16_MAX + 1u)
#define PRIORITY_DEFAULT 100
#define IDENTIFIER_BYTES_MAX 255

struct govern *govern_create(struct os *os, struct dictionary *dictionary) {
    struct govern *g = memory_get(1, sizeof *g);
    g->os = os;
    g->dictionary = dictionary;
    g->parser = json_parser_create();
    g->context_parser = json_parser_create();
    g->quality = memory_get(SOURCES, sizeof *g->quality);
    g->sources = memory_get(SOURCES, sizeof *g->sources);
    for (uint32_t i = 0; i < SOURCES; i++)
        g->sources[i].priority = PRIORITY_DEFAULT;
    quarantine_init(&g->quarantine);
    int failed = pthread_mutex_init(&g->mappings_lock, NULL);
    assert(!failed);
    (void)failed;
    return g;
}

void govern_free(struct govern *g) {
    if (!g)
        return;
    for (uint32_t i = 0; i < SOURCES; i++) {
        free(g->quality[i]);
        zone_free(g->sources[i].zone);
    }
    free(g->quality);
    free(g->sources);
    for (size_t i = 0; i < GOVERN_RECORDS_MAX; i++)
        record_builder_release(&g->builders[i]);
    quarantine_release(&g->quarantine);
    mappings_release(&g->mappings);
    pthread_mutex_destroy(&g->mappings_lock);
    event_clocks_release(&g->clocks);
    json_parser_free(g->parser);
    json_parser_free(g->context_parser);
    buffer_release(&g->context_text);
    buffer_release(&g->text);
    arena_release(&g->scratch);
    free(g);
}

/* Zone files are the machine's, like phone tables; a simulated disk has none. */
static enum status load_zone(struct os *os, struct slice name, struct zone **zone, struct fault *fault) {
    enum status status = zone_load(os, name, zone, fault);
    return status == STATUS_NOT_FOUND && os != os_real() ? zone_load(os_real(), name, zone, fault) : status;
}

enum status govern_set_source(struct govern *g, uint16_t source, uint8_t priority, struct slice time_zone,
                              struct fault *fault) {
    struct zone *zone = NULL;
    enum status status = time_zone.size ? load_zone(g->os, time_zone, &zone, fault) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    zone_free(g->sources[source].zone);
    g->sources[source] = (struct source_rules){priority, zone};
    return STATUS_OK;
}

/* --- refusing --- */

void govern_refuse(struct govern *g, enum quarantine_reason reason, struct slice field, struct slice text) {
    char place[DICTIONARY_NAME_BYTES_MAX + 64];
    assert(reason < QUARANTINE_REASON_COUNT);
    if (g->refusal_count == REFUSALS_MAX)
        return;
    if (g->line) {
        int shown = (int)(field.size < DICTIONARY_NAME_BYTES_MAX ? field.size : DICTIONARY_NAME_BYTES_MAX);
        field.size = (size_t)snprintf(place, sizeof place, "%s%.*s%sline %llu", shown ? "column " : "", shown,
                                      field.data, shown ? " " : "", (unsigned long long)g->line);
        field.data = place;
    }
    g->refusals[g->refusal_count++] =
        (struct refusal){reason, arena_copy(&g->scratch, field), arena_copy(&g->scratch, text)};
}

void govern_refuse_whole(struct govern *g, enum quarantine_reason reason, struct slice field, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    g->out->quarantined = true;
    g->out->record_count = 0;
    g->out->claim_count = g->out->party_count = 0;
    g->refusal_count = 0; /* what of it is bad does not matter any more */
    govern_refuse(g, reason, field, slice_text(text));
    g->fault.text[0] = 0;
}

static void store_refusals(struct govern *g) {
    for (size_t i = 0; i < g->refusal_count; i++) {
        struct quarantine_entry entry = {.position = g->raw->position,
                                         .received_ms = g->raw->received_ms,
                                         .source = g->raw->source,
                                         .reason = (uint8_t)g->refusals[i].reason,
                                         .whole = g->out->quarantined,
                                         .field = g->refusals[i].field,
                                         .text = g->refusals[i].text};
        quarantine_add(&g->quarantine, &entry);
    }
}

/* --- claims --- */

enum status govern_normalise_identifier(const struct namespace *ns, struct slice raw, struct arena *arena,
                                        struct slice *canonical, struct fault *fault) {
    enum status status = STATUS_OK;
    struct idcard idcard;
    raw = slice_trim(raw);
    switch ((enum normaliser)ns->normaliser) {
    case NORMALISE_PHONE:
        status = normalise_phone(raw, "CN", arena, canonical, fault);
        break;
    case NORMALISE_EMAIL:
        status = normalise_email(raw, arena, canonical, fault);
        break;
    case NORMALISE_IDCARD:
        status = normalise_idcard(raw, arena, &idcard, fault);
        if (status == STATUS_OK)
            *canonical = idcard.number;
        break;
    case NORMALISE_LOWER:
        status = normalise_lower(raw, arena, canonical, fault);
        break;
    default:
        *canonical = arena_copy(arena, raw);
    }
    if (status == STATUS_OK && (canonical->size == 0 || canonical->size > IDENTIFIER_BYTES_MAX))
        return fault_set(fault, STATUS_INVALID, "an identifier of %zu bytes; 1 to %d are possible", canonical->size,
                         IDENTIFIER_BYTES_MAX);
    return status;
}

void govern_claim_canonical(struct govern *g, const struct namespace *ns, struct slice value, struct slice field) {
    struct governed *out = g->out;
    for (size_t i = 0; i < out->claim_count; i++)
        if (out->claims[i].namespace_number == ns->number && slice_equal(out->claims[i].value, value))
            return;
    if (out->claim_count == CLAIMS_MAX) {
        govern_refuse(g, QUARANTINE_TOO_MANY_IDENTIFIERS, field, SLICE("a record has at most 32 identifiers"));
        return;
    }
    count_up(&g->count->identifiers);
    out->claims[out->claim_count++] = (struct claim){ns->number, value};
}

static enum quarantine_reason bad_identifier(const struct namespace *ns) {
    return ns->normaliser == NORMALISE_PHONE    ? QUARANTINE_BAD_PHONE
           : ns->normaliser == NORMALISE_EMAIL  ? QUARANTINE_BAD_EMAIL
           : ns->normaliser == NORMALISE_IDCARD ? QUARANTINE_BAD_IDCARD
                                                : QUARANTINE_BAD_IDENTIFIER;
}

bool govern_identifier(struct govern *g, const struct namespace *ns, struct slice raw, struct slice field,
                       struct slice *canonical) {
    raw = slice_trim(raw);
    if (raw.size == 0)
        return false;
    if (text_is_placeholder(raw)) {
        count_up(&g->count->placeholders);
        return false;
    }
    if (ns->kind == NAMESPACE_DOCUMENT) {
        govern_refuse(g, QUARANTINE_BAD_IDENTIFIER, field, SLICE("names a document's key, not a customer"));
        return false;
    }
    if (govern_normalise_identifier(ns, raw, &g->scratch, canonical, &g->fault) == STATUS_OK)
        return true;
    govern_refuse(g, bad_identifier(ns), field, slice_text(g->fault.text));
    g->fault.text[0] = 0;
    return false;
}

void govern_claim(struct govern *g, const struct namespace *ns, struct slice raw, struct slice field) {
    struct slice canonical;
    if (govern_identifier(g, ns, raw, field, &canonical))
        govern_claim_canonical(g, ns, canonical, field);
}

/* Strongest namespace first; within one, in the order they came. */
static void sort_claims(struct govern *g) {
    struct claim *claims = g->out->claims;
    for (size_t i = 1; i < g->out->claim_count; i++) {
        struct claim claim = claims[i];
        uint8_t priority = dictionary_namespace_at(g->dictionary, claim.namespace_number)->priority;
        size_t at = i;
        for (; at && dictionary_namespace_at(g->dictionary, claims[at - 1].namespace_number)->priority > priority; at--)
            claims[at] = claims[at - 1];
        claims[at] = claim;
    }
}

uint64_t govern_message_hash(struct slice message_id) {
    if (message_id.size == 0)
        return 0;
    uint64_t hash = hash_bytes(message_id, GOVERN_MESSAGE_SEED);
    return hash ? hash : 1;
}

/* --- time --- */

/* What stands for the device: the first identifier of a device, else the first one. */
static uint64_t device_hash(const struct govern *g) {
    const struct governed *out = g->out;
    size_t at = 0;
    if (out->claim_count == 0)
        return 0;
    for (size_t i = 0; i < out->claim_count; i++)
        if (dictionary_namespace_at(g->dictionary, out->claims[i].namespace_number)->kind == NAMESPACE_DEVICE) {
            at = i;
            break;
        }
    uint64_t hash = hash_bytes(out->claims[at].value, out->claims[at].namespace_number);
    return hash ? hash : 1;
}

static void refuse_time(struct govern *g, enum quarantine_reason reason, struct slice field, const char *text) {
    govern_refuse(g, reason, field, slice_text(text));
    g->fault.text[0] = 0;
    count_up(reason == QUARANTINE_BAD_TIME ? &g->count->time_bad : &g->count->time_future);
    g->time_flags = RECORD_TIME_RECEIVED;
}

static void refuse_future(struct govern *g, int64_t time_ms, struct slice field) {
    char when[TIME_TEXT_BYTES], text[128];
    when[time_format(time_ms, when)] = 0;
    snprintf(text, sizeof text, "%s is more than 24 hours after it was received; the received time is used", when);
    refuse_time(g, QUARANTINE_FUTURE_TIME, field, text);
}

/* Most times are plain ISO with a zone, which needs no more than the base's reader. */
static bool read_time(struct govern *g, struct slice value, const char *format, int64_t *time_ms) {
    bool zoned;
    if (!format && time_parse_iso(value, time_ms, &zoned) == STATUS_OK && zoned)
        return true;
    return normalise_time(value, g->zone, format, time_ms, &g->fault) == STATUS_OK;
}

void govern_set_time(struct govern *g, struct slice value, const char *format, int64_t sent_ms, struct slice field) {
    int64_t received = g->raw->received_ms, device_ms;
    g->time_flags = 0;
    g->out->time_ms = received;
    if (slice_trim(value).size == 0) {
        count_up(&g->count->time_missing);
        g->time_flags = RECORD_TIME_RECEIVED;
        return;
    }
    if (!read_time(g, value, format, &device_ms)) {
        refuse_time(g, QUARANTINE_BAD_TIME, field, g->fault.text[0] ? g->fault.text : "no time that can be read");
        return;
    }
    int64_t time_ms = device_ms, ahead, delay;
    if (sent_ms != TIME_NONE)
        time_ms = event_time_correct(&g->clocks, device_hash(g), device_ms, sent_ms, received);
    if (time_ms != device_ms)
        count_up(&g->count->time_corrected);
    if (__builtin_sub_overflow(time_ms, received, &ahead) || ahead > EVENT_TIME_FUTURE_MAX_MS) {
        refuse_future(g, time_ms, field);
        return;
    }
    if (__builtin_sub_overflow(received, time_ms, &delay) || delay > QUALITY_LATE_MS)
        count_up(&g->count->late);
    g->out->time_ms = time_ms;
}

/* --- records --- */

struct record_builder *govern_begin(struct govern *g, enum type_kind kind, struct slice type_name) {
    struct governed *out = g->out;
    size_t at = out->record_count;
    assert(at < GOVERN_RECORDS_MAX && !out->quarantined);
    enum status status = dictionary_type(g->dictionary, kind, type_name, &g->types[at], &g->fault);
    if (status != STATUS_OK) {
        struct fault fault = g->fault;
        govern_refuse_whole(g, status == STATUS_FULL ? QUARANTINE_TOO_MANY_TYPES : QUARANTINE_BAD_NAME, SLICE("type"),
                            "%s", fault.text);
        return NULL;
    }
    struct record_head head = {.type = g->types[at]->number,
                               .source = g->raw->source,
                               .time_ms = out->time_ms,
                               .received_ms = g->raw->received_ms,
                               .position = g->raw->position,
                               .kind = (uint8_t)kind,
                               .priority = g->sources[g->raw->source].priority,
                               .flags = g->time_flags,
                               .message_hash = out->message_hash};
    record_begin(&g->builders[at], &head);
    out->document_keys[at] = (struct claim){0};
    out->owners[at] = 0;
    return &g->builders[at];
}

/* Attributes that set nothing are no record. */
void govern_end(struct govern *g) {
    struct governed *out = g->out;
    size_t at = out->record_count;
    assert(at < GOVERN_RECORDS_MAX);
    struct record_head *record = record_end(&g->builders[at]);
    if (record->kind == TYPE_ATTRIBUTES && record->value_count == 0)
        return;
    out->records[at] = record;
    out->record_count++;
    count_up(&g->types[at]->record_count);
}

/* --- one raw record --- */

static struct quality *quality_of(struct govern *g, uint16_t source) {
    struct quality *quality = g->quality[source];
    if (!quality) {
        quality = memory_get(1, sizeof *quality);
        atomic_store_explicit(&g->quality[source], quality, memory_order_release);
    }
    return quality;
}

static void find_known(struct govern *g) {
    struct known *known = &g->known;
    if (known->generation == g->dictionary->generation)
        return;
    known->user_id = dictionary_namespace_find(g->dictionary, SLICE("user_id"));
    known->anonymous_id = dictionary_namespace_find(g->dictionary, SLICE("anonymous_id"));
    known->device_id = dictionary_namespace_find(g->dictionary, SLICE("device_id"));
    known->customer = dictionary_type_mutable(g->dictionary, DICTIONARY_CUSTOMER);
    known->generation = g->dictionary->generation;
    assert(known->user_id && known->anonymous_id && known->device_id); /* the preset has them */
}

static void begin(struct govern *g, const struct log_record *raw, struct governed *out) {
    const struct zone *zone = g->sources[raw->source].zone;
    g->raw = raw;
    g->out = out;
    g->zone = zone ? zone : zone_utc();
    g->refusal_count = 0;
    g->line = 0;
    g->fault.text[0] = 0;
    g->time_flags = 0;
    arena_reset(&g->scratch);
    out->message_hash = 0;
    out->time_ms = raw->received_ms;
    out->source = raw->source;
    out->claim_count = out->record_count = out->party_count = 0;
    out->quarantined = false;
    find_known(g);
}

static bool belongs_to_somebody(const struct governed *out) {
    if (out->claim_count)
        return true;
    for (size_t i = 0; i < out->record_count; i++)
        if (out->document_keys[i].namespace_number || out->records[i]->kind == TYPE_MASTER)
            return true;
    return false;
}

static void work_record(struct govern *g, const struct log_record *raw, struct governed *out) {
    begin(g, raw, out);
    if (raw->kind == LOG_SEGMENT_ITEM)
        govern_segment(g);
    else if (raw->kind == LOG_ROW)
        govern_row(g);
    else
        govern_refuse_whole(g, QUARANTINE_BAD_PAYLOAD, SLICE_NONE, "a log record of kind %u holds no data", raw->kind);
    if (!out->quarantined && !belongs_to_somebody(out))
        govern_refuse_whole(g, QUARANTINE_NO_IDENTIFIER, SLICE_NONE,
                            "no identifier that can be used (placeholders and refused values do not count)");
    sort_claims(g);
    if (out->party_count)
        govern_settle_parties(g);
    out->refused = g->refusal_count > 0;
    out->hashed = false;
    assert(!out->quarantined || (out->record_count == 0 && out->claim_count == 0 && g->refusal_count == 1));
}

void govern_work(struct govern *g, const struct log_record *raw, struct governed *out) {
    g->count = quality_of(g, raw->source);
    work_record(g, raw, out);
    count_up(&g->count->records);
    if (out->quarantined)
        count_up(&g->count->whole_refused);
}

void govern_settle(struct govern *g) { store_refusals(g); }

void govern_apply(struct govern *g, const struct log_record *raw, struct governed *out) {
    govern_work(g, raw, out);
    govern_settle(g);
}

/* --- kept past the next record --- */

static struct slice copy_text(char **at, struct slice text) {
    char *copy = *at;
    if (text.size)
        memcpy(copy, text.data, text.size);
    *at += text.size;
    return slice_of(copy, text.size);
}

void governed_copy(const struct governed *from, struct buffer *bytes, struct governed *into) {
    size_t records = 0, texts = 0;
    for (size_t i = 0; i < from->record_count; i++) {
        records += from->records[i]->bytes; /* multiples of 8 */
        texts += from->document_keys[i].namespace_number ? from->document_keys[i].value.size : 0;
    }
    for (size_t i = 0; i < from->claim_count; i++)
        texts += from->claims[i].value.size;
    buffer_clear(bytes);
    char *at = buffer_reserve(bytes, records + texts), *text = at + records;
    into->message_hash = from->message_hash;
    into->time_ms = from->time_ms;
    into->source = from->source;
    into->claim_count = from->claim_count;
    into->record_count = from->record_count;
    into->party_count = from->party_count;
    into->quarantined = from->quarantined;
    into->refused = from->refused;
    into->hashed = false;
    for (size_t i = 0; i < from->claim_count; i++) {
        into->claims[i] = from->claims[i];
        into->claims[i].value = copy_text(&text, from->claims[i].value);
    }
    for (size_t i = 0; i < from->record_count; i++) {
        into->records[i] = (struct record_head *)(void *)at;
        memcpy(at, from->records[i], from->records[i]->bytes);
        at += from->records[i]->bytes;
        into->owners[i] = from->owners[i];
        into->document_keys[i] = from->document_keys[i];
        if (from->document_keys[i].namespace_number)
            into->document_keys[i].value = copy_text(&text, from->document_keys[i].value);
    }
    if (from->party_count)
        memcpy(into->parties, from->parties, from->party_count * sizeof *into->parties);
    bytes->size = records + texts;
}

bool govern_replay(struct govern *g, const struct log_record *raw, struct governed *out) {
    unsigned whole, values;
    quarantine_waiting_at(&g->quarantine, raw->position, &whole, &values);
    g->count = &g->replaying;
    work_record(g, raw, out);
    if (out->quarantined || (whole == 0 && (values == 0 || g->refusal_count > 0)))
        return false;
    quarantine_repair(&g->quarantine, raw->position);
    store_refusals(g);
    return true;
}

/* --- mappings --- */

enum status govern_check_mapping(struct json_parser *p, const struct json *definition, struct fault *fault) {
    struct mapping *mapping;
    enum status status = mapping_parse(p, definition, &mapping, fault);
    if (status != STATUS_OK)
        return status;
    if (mapping->zone_name.size)
        status = zone_load(os_real(), mapping->zone_name, &mapping->zone, fault);
    mapping_free(mapping);
    return status;
}

static enum status put_mapping(struct govern *g, struct mapping *mapping, struct fault *fault) {
    enum status status = STATUS_OK;
    if (mapping->zone_name.size)
        status = load_zone(g->os, mapping->zone_name, &mapping->zone, fault);
    pthread_mutex_lock(&g->mappings_lock);
    if (status == STATUS_OK)
        status = mappings_put(&g->mappings, mapping, fault);
    pthread_mutex_unlock(&g->mappings_lock);
    if (status != STATUS_OK)
        mapping_free(mapping);
    return status;
}

enum status govern_define_mapping(struct govern *g, struct json_parser *p, const struct json *definition,
                                  struct fault *fault) {
    struct mapping *mapping;
    enum status status = mapping_parse(p, definition, &mapping, fault);
    return status == STATUS_OK ? put_mapping(g, mapping, fault) : status;
}

bool govern_mapping_json(struct govern *g, struct slice name, struct buffer *into) {
    pthread_mutex_lock(&g->mappings_lock);
    const struct mapping *mapping = mappings_find(&g->mappings, name);
    if (mapping)
        buffer_add_slice(into, mapping->json);
    pthread_mutex_unlock(&g->mappings_lock);
    return mapping != NULL;
}

void govern_list_mappings(struct govern *g, struct json_writer *w) {
    pthread_mutex_lock(&g->mappings_lock);
    json_array(w);
    for (size_t i = 0; i < g->mappings.count; i++)
        json_raw(w, g->mappings.all[i]->json);
    json_end_array(w);
    pthread_mutex_unlock(&g->mappings_lock);
}

/* --- quality --- */

static const struct quality_name {
    const char *name;
    size_t offset;
} quality_names[] = {
#define COUNTER(name)                                                                                                  \
    { #name, offsetof(struct quality, name) }
    COUNTER(records),      COUNTER(whole_refused), COUNTER(values_present), COUNTER(values_refused),
    COUNTER(time_missing), COUNTER(time_bad),      COUNTER(time_future),    COUNTER(time_corrected),
    COUNTER(late),         COUNTER(identifiers),   COUNTER(placeholders),
#undef COUNTER
};
_Static_assert(sizeof quality_names / sizeof *quality_names * sizeof(uint64_t) == sizeof(struct quality),
               "all of them");

void govern_quality_json(struct govern *g, struct json_writer *w) {
    json_array(w);
    for (uint32_t source = 0; source < SOURCES; source++) {
        const struct quality *quality = atomic_load_explicit(&g->quality[source], memory_order_acquire);
        if (!quality)
            continue;
        json_object(w);
        json_member_integer(w, "source", source);
        for (size_t i = 0; i < sizeof quality_names / sizeof *quality_names; i++) {
            const uint64_t *counter = (const uint64_t *)((const char *)quality + quality_names[i].offset);
            json_member_integer(w, quality_names[i].name, (int64_t)__atomic_load_n(counter, __ATOMIC_RELAXED));
        }
        json_end_object(w);
    }
    json_end_array(w);
}

/* --- saving --- */

/* Quality of a source as saved; `counter_count` tells how many this program knew. */
struct quality_head {
    uint32_t source, counter_count;
};
#define QUALITY_COUNTERS (sizeof(struct quality) / sizeof(uint64_t))

static void gather_quality(const struct govern *g, struct buffer *into) {
    for (uint32_t source = 0; source < SOURCES; source++)
        if (g->quality[source]) {
            struct quality_head head = {source, QUALITY_COUNTERS};
            buffer_add(into, &head, sizeof head);
            buffer_add(into, g->quality[source], sizeof(struct quality));
        }
}

static enum status add_buffer(struct image_writer *image, const char *name, struct buffer *content,
                              struct fault *fault) {
    enum status status = image_add(image, name, content->data, content->size, fault);
    buffer_clear(content);
    return status;
}

enum status govern_save(struct govern *g, struct image_writer *image, struct fault *fault) {
    struct buffer content = {0};
    struct json_writer w = {.out = &content};
    dictionary_write_json(g->dictionary, &w);
    enum status status = add_buffer(image, "govern.dictionary", &content, fault);
    if (status == STATUS_OK) {
        w.comma = false;
        govern_list_mappings(g, &w);
        status = add_buffer(image, "govern.mappings", &content, fault);
    }
    if (status == STATUS_OK) {
        gather_quality(g, &content);
        status = add_buffer(image, "govern.quality", &content, fault);
    }
    if (status == STATUS_OK) {
        event_clocks_save(&g->clocks, &content);
        status = add_buffer(image, "govern.clocks", &content, fault);
    }
    buffer_release(&content);
    return status == STATUS_OK ? quarantine_save(&g->quarantine, image, fault) : status;
}

static enum status damaged(struct fault *fault, const char *section) {
    return fault_set(fault, STATUS_DAMAGED, "the saved section %s makes no sense", section);
}

static enum status load_quality(struct govern *g, struct slice bytes, struct fault *fault) {
    struct quality_head head;
    for (size_t at = 0; at < bytes.size;) {
        if (bytes.size - at < sizeof head)
            return damaged(fault, "govern.quality");
        memcpy(&head, bytes.data + at, sizeof head);
        at += sizeof head;
        if (head.source >= SOURCES || head.counter_count > QUALITY_COUNTERS ||
            bytes.size - at < head.counter_count * sizeof(uint64_t))
            return damaged(fault, "govern.quality");
        memcpy(quality_of(g, (uint16_t)head.source), bytes.data + at, head.counter_count * sizeof(uint64_t));
        at += head.counter_count * sizeof(uint64_t);
    }
    return STATUS_OK;
}

static enum status load_mappings(struct govern *g, struct slice json, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    enum status status = json_parse(p, json, false, &root, fault);
    for (const struct json *m = status == STATUS_OK ? json_first(p, root) : NULL; m && status == STATUS_OK;
         m = json_next(p, m))
        status = govern_define_mapping(g, p, m, fault);
    json_parser_free(p);
    return status;
}

enum status govern_load(struct govern *g, struct image *image, struct fault *fault) {
    struct slice dictionary, mappings, quality, clocks;
    enum status status = image_find(image, "govern.dictionary", true, &dictionary, fault);
    if (status == STATUS_OK)
        status = image_find(image, "govern.mappings", true, &mappings, fault);
    if (status == STATUS_OK)
        status = image_find(image, "govern.quality", true, &quality, fault);
    if (status == STATUS_OK)
        status = image_find(image, "govern.clocks", true, &clocks, fault);
    if (status == STATUS_OK)
        status = dictionary_load(g->dictionary, dictionary, fault);
    if (status == STATUS_OK)
        status = load_mappings(g, mappings, fault);
    if (status == STATUS_OK)
        status = load_quality(g, quality, fault);
    if (status == STATUS_OK && !event_clocks_load(&g->clocks, clocks))
        status = damaged(fault, "govern.clocks");
    return status == STATUS_OK ? quarantine_load(&g->quarantine, image, fault) : status;
}

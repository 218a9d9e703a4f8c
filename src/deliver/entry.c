/* entry: see the header. */
#include "deliver/entry.h"

#include <stdlib.h>

#include "base/json_write.h"
#include "collect/payload.h"

#define IDENTIFIERS_SHOWN 5
#define IDENTIFIERS_LOOKED_AT 64 /* some may be of namespaces that were made keys of documents since */
#define STEP_POSITIONS 5000      /* the log's reader walks on this far before it is opened anew */

struct entry_writer {
    struct entry_parts parts;
    struct log_reader *reader;
    uint64_t next; /* position the reader stands before */
    struct buffer text;
};

struct entry_writer *entry_writer_create(const struct entry_parts *parts) {
    struct entry_writer *writer = memory_get(1, sizeof *writer);
    writer->parts = *parts;
    return writer;
}

static void close_reader(struct entry_writer *writer) {
    if (writer->reader)
        log_reader_close(writer->reader);
    writer->reader = NULL;
}

void entry_writer_free(struct entry_writer *writer) {
    if (writer == NULL)
        return;
    close_reader(writer);
    buffer_release(&writer->text);
    free(writer);
}

/* --- who --- */

struct shown {
    const struct entry_parts *parts;
    struct json_writer *w;
    unsigned left;
};

static void show_identifier(void *context, struct identifier_id identifier) {
    struct shown *s = context;
    const struct namespace *namespace =
        dictionary_namespace_at(s->parts->dictionary, identity_namespace(s->parts->identity, identifier));
    if (s->left == 0 || namespace == NULL || namespace->kind == NAMESPACE_DOCUMENT)
        return;
    s->left--;
    json_object(s->w);
    json_member_text(s->w, "namespace", namespace->name);
    json_member_text(s->w, "value", identity_value(s->parts->identity, identifier));
    json_end_object(s->w);
}

static void write_oneid(struct json_writer *w, const char *key, uint32_t customer) {
    char oneid[ONEID_BYTES + 1];
    oneid_format((struct customer_id){customer}, oneid);
    json_member_cstring(w, key, oneid);
}

static void write_identifiers(struct entry_writer *writer, uint32_t customer, struct json_writer *w) {
    struct shown shown = {&writer->parts, w, IDENTIFIERS_SHOWN};
    struct customer_id now = identity_redirect(writer->parts.identity, (struct customer_id){customer});
    json_key(w, "identifiers");
    json_array(w);
    if (now.number)
        identity_names(writer->parts.identity, now, IDENTIFIERS_LOOKED_AT, show_identifier, &shown);
    json_end_array(w);
}

/* --- why --- */

static void write_clause(struct entry_writer *writer, const struct node *clause, bool before, bool after,
                         struct json_writer *w) {
    buffer_clear(&writer->text);
    tree_format(clause, &writer->text);
    json_object(w);
    json_member_text(w, "text", buffer_slice(&writer->text));
    json_member_bool(w, "before", before);
    json_member_bool(w, "after", after);
    json_end_object(w);
}

/* The clauses of evaluate_clauses, in its order. */
static void write_clauses(struct entry_writer *writer, const struct node *tree, const struct feed_entry *entry,
                          struct json_writer *w) {
    uint64_t changed = entry->clauses_before ^ entry->clauses_after;
    bool outermost = tree->kind == NODE_CALL && (tree->op == OP_AND || tree->op == OP_OR);
    const struct node *clause = outermost ? tree->first : tree;
    json_key(w, "clauses");
    json_array(w);
    for (unsigned i = 0; clause && i < 64; i++, clause = outermost ? clause->next : NULL) {
        if (changed >> i & 1)
            write_clause(writer, clause, entry->clauses_before >> i & 1, entry->clauses_after >> i & 1, w);
    }
    json_end_array(w);
}

static void write_segment(struct entry_writer *writer, const struct audience_snapshot *snapshot,
                          const struct feed_entry *entry, struct json_writer *w) {
    struct audience_entry segment;
    bool found = audience_find_number(snapshot, entry->subject, &segment);
    json_key(w, "segment");
    if (found)
        json_text(w, segment.name);
    else
        json_null(w);
    json_member_integer(w, "segment_number", entry->subject);
    if (found && segment.tree && entry->position >= segment.position)
        write_clauses(writer, segment.tree, entry, w);
}

/* --- what the source sent --- */

/* The record at `position`, or false where the log does not have it any more. */
static bool read_record(struct entry_writer *writer, uint64_t position, struct log_record *record) {
    if (writer->reader && (position < writer->next || position - writer->next > STEP_POSITIONS))
        close_reader(writer);
    if (writer->reader == NULL && log_reader_open(writer->parts.log, position, &writer->reader, NULL) != STATUS_OK) {
        writer->reader = NULL;
        return false;
    }
    enum status status;
    do
        status = log_read(writer->reader, record, NULL);
    while (status == STATUS_OK && record->position < position);
    if (status == STATUS_OK)
        writer->next = record->position + 1;
    else
        close_reader(writer);
    return status == STATUS_OK && record->position == position;
}

/* JSON as it was sent, on one line: a line's end in valid JSON is a blank between two tokens. */
static void write_raw(struct entry_writer *writer, struct slice json, struct json_writer *w) {
    buffer_clear(&writer->text);
    buffer_add_slice(&writer->text, json);
    for (size_t i = 0; i < writer->text.size; i++) {
        if (writer->text.data[i] == '\n' || writer->text.data[i] == '\r')
            writer->text.data[i] = ' ';
    }
    json_raw(w, buffer_slice(&writer->text));
}

static bool write_item(struct entry_writer *writer, struct slice payload, struct json_writer *w) {
    struct payload_segment head;
    if (payload.size < sizeof head)
        return false;
    memcpy(&head, payload.data, sizeof head);
    if (payload.size - sizeof head != (uint64_t)head.context_bytes + head.item_bytes || head.item_bytes == 0)
        return false;
    json_key(w, "payload");
    write_raw(writer, slice_of(payload.data + sizeof head + head.context_bytes, head.item_bytes), w);
    return true;
}

static bool take_cell(struct slice *cells, struct slice *cell) {
    uint32_t size;
    if (cells->size < sizeof size)
        return false;
    memcpy(&size, cells->data, sizeof size);
    if (cells->size - sizeof size < size)
        return false;
    *cell = slice_of(cells->data + sizeof size, size);
    *cells = slice_of(cells->data + sizeof size + size, cells->size - sizeof size - size);
    return true;
}

static void write_cells(struct entry_writer *writer, const struct payload_row *head, struct slice names,
                        struct slice cells, struct json_writer *w) {
    struct slice cell;
    json_key(w, "row");
    if (head->header_bytes == 0 && take_cell(&cells, &cell)) { /* a line of JSON */
        write_raw(writer, cell, w);
        return;
    }
    json_object(w);
    while (names.size && take_cell(&cells, &cell)) {
        const char *end = memchr(names.data, 0, names.size);
        if (end == NULL)
            break;
        json_key_slice(w, slice_of(names.data, (size_t)(end - names.data)));
        json_text(w, cell);
        names = slice_of(end + 1, names.size - (size_t)(end + 1 - names.data));
    }
    json_end_object(w);
}

static bool write_row(struct entry_writer *writer, struct slice payload, struct json_writer *w) {
    struct payload_row head;
    if (payload.size < sizeof head)
        return false;
    memcpy(&head, payload.data, sizeof head);
    uint64_t names_at = sizeof head + (uint64_t)head.name_bytes, cells_at = names_at + head.header_bytes;
    if (cells_at > payload.size)
        return false;
    json_key(w, "payload");
    json_object(w);
    write_cells(writer, &head, slice_of(payload.data + names_at, head.header_bytes),
                slice_of(payload.data + cells_at, payload.size - cells_at), w);
    json_end_object(w);
    return true;
}

static void write_payload(struct entry_writer *writer, uint64_t position, struct json_writer *w) {
    struct log_record record;
    bool written = false;
    if (writer->parts.log && read_record(writer, position, &record)) {
        if (record.kind == LOG_SEGMENT_ITEM)
            written = write_item(writer, record.payload, w);
        else if (record.kind == LOG_ROW)
            written = write_row(writer, record.payload, w);
    }
    if (!written) {
        json_key(w, "payload");
        json_null(w);
    }
}

/* --- all of it --- */

static void write_type(struct entry_writer *writer, const struct feed_entry *entry, struct json_writer *w) {
    json_key(w, "type");
    if (entry->subject < dictionary_type_count(writer->parts.dictionary))
        json_text(w, dictionary_type_at(writer->parts.dictionary, (uint16_t)entry->subject)->name);
    else
        json_null(w);
}

void entry_write(struct entry_writer *writer, const struct audience_snapshot *snapshot, const struct feed_entry *entry,
                 struct json_writer *w) {
    char id[ENTRY_ID_BYTES];
    json_object(w);
    json_member_cstring(w, "id", entry_id((struct feed_place){entry->position, entry->order}, id));
    json_member_cstring(w, "kind", feed_kind_name(entry->kind));
    write_oneid(w, "oneid", entry->customer);
    if (entry->kind == FEED_MERGED)
        write_oneid(w, "merged", entry->subject);
    if (entry->kind == FEED_PARTED)
        write_oneid(w, "split", entry->subject);
    json_member_time(w, "at", entry->at_ms);
    json_member_cstring(w, "cause", feed_cause_name(entry->cause));
    if (entry->kind == FEED_ENTERED || entry->kind == FEED_LEFT)
        write_segment(writer, snapshot, entry, w);
    else if (entry->kind == FEED_EVENT)
        write_type(writer, entry, w);
    write_identifiers(writer, entry->customer, w);
    if (entry->kind == FEED_EVENT)
        write_payload(writer, entry->position, w);
    json_end_object(w);
}

/* entry: an entry of the feed as subscribers see it, whichever way it reaches them: server-sent events, webhooks, answers of the API.
 *
 *     {"id":"812-0","kind":"entered","segment":"核心客户","segment_number":3,"oneid":"9f0c...","at":"2026-01-31T08:00:00.000Z","cause":"record",
 *      "clauses":[{"text":"sum(order.total) > 50000","before":false,"after":true}],"identifiers":[{"namespace":"user_id","value":"u1"}]}
 *     {"id":"813-0","kind":"event","type":"Order Completed","oneid":"...","at":"...","cause":"record","identifiers":[...],"payload":{...}}
 *     {"id":"814-0","kind":"merged","oneid":"<who stayed>","merged":"<who is no more>","at":"...","cause":"merge","identifiers":[...]}
 *     {"id":"815-0","kind":"split","oneid":"<who stayed>","split":"<who is a customer of its own now>","at":"...","cause":"split",...}
 *
 * `clauses` are those that changed, as the definition in force words them; they are left out where the definition has changed since. `payload`
 * is what the source sent, where the log still has it: a tracking call, or {"row":{"column":"cell"}}. One line, without line ends. */
#ifndef ONEFOLD_DELIVER_ENTRY_H
#define ONEFOLD_DELIVER_ENTRY_H

#include "audience/audience.h"
#include "log/log.h"

/* Which entries somebody wants. Arrays are borrowed. */
struct entry_filter {
    const uint32_t *segments; /* numbers */
    size_t segment_count;
    const uint16_t *types; /* of events */
    size_t type_count;
    bool all_segments, all_events, merges; /* merges: and splits */
};
bool entry_wanted(const struct entry_filter *filter, const struct feed_entry *entry);

/* What entries are written from; borrowed. `log` NULL: events have no payload. */
struct entry_parts {
    struct audience *audience;
    const struct dictionary *dictionary;
    const struct identity *identity;
    struct log *log;
};
/* A writer has a reader of the log and scratch memory. Thread: one at a time. */
struct entry_writer;
struct entry_writer *entry_writer_create(const struct entry_parts *parts);
void entry_writer_free(struct entry_writer *writer);
/* `snapshot`: the definitions in force, held by the caller. Cost: microseconds; of an event a read of the log, which is near where the
 * entries come in order. */
void entry_write(struct entry_writer *writer, const struct audience_snapshot *snapshot, const struct feed_entry *entry,
                 struct json_writer *w);

const char *feed_kind_name(enum feed_kind kind);
const char *feed_cause_name(enum feed_cause cause);
#define ENTRY_ID_BYTES 40
/* "812-0"; returns `out`. */
const char *entry_id(struct feed_place place, char out[ENTRY_ID_BYTES]);

#endif

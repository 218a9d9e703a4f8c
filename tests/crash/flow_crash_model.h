/* flow_crash_model: what flow_crash_test sends, and what must come of it.
 *
 * The script is endless and always the same: record `id` (1, 2, 3 ...) has the same bytes in every run. Ten people with
 * ever new browsers, who become known now and then; orders and their updates; one record in six is an earlier one sent
 * again under its message id; some are refused, some hold one value that is refused until a definition is repaired and
 * quarantine replayed; products come as rows of a file. Every usable message carries a number of its own, "n".
 *
 * What a state is, as text, leaves out log positions, file numbers and how rows are split between base and delta: two
 * engines that folded the same records give the same text. */
#ifndef ONEFOLD_TESTS_CRASH_FLOW_CRASH_MODEL_H
#define ONEFOLD_TESTS_CRASH_FLOW_CRASH_MODEL_H

#include "main/engine.h"

#define PEOPLE 10
#define RECEIVED_MS_BASE INT64_C(1701728000000)

/* Builds record `id` over `payload`, which is emptied; its received_ms is RECEIVED_MS_BASE + id. */
struct log_record script_record(uint64_t id, struct buffer *payload);
/* The id of the record whose message `id` sends again; itself where it is no repetition. Below 1 of nothing. */
uint64_t script_original(uint64_t id);
bool script_is_replay(uint64_t id); /* orders quarantine to be worked again: needs old records in the log */

/* Rows that message `original` gives in the history: 0 for definitions, refused records and master data. */
unsigned script_rows(uint64_t original);

/* The whole state, one thing a line. */
void state_text(struct engine *engine, struct buffer *out);
/* Adds to counts[n] for every row of every customer that carries the number n <= limit; false where one is past it. */
bool state_count_numbers(struct engine *engine, unsigned *counts, uint64_t limit);

#endif

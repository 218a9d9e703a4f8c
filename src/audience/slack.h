/* slack: how many more events each answer of each customer holds against (evaluate_hold), a byte for each live segment.
 *
 * A customer's bytes are neighbours, so that an event with thirty segments to ask looks at one cache line. A byte has a count of events: 0, not
 * known, and 1: the next is evaluated; else so many until one is evaluated, or SLACK_ANY_EVENTS. With SLACK_DOCUMENTS records of
 * documents change nothing besides. With SLACK_KEEPS the last of the events is not evaluated: if no document came, something else keeps the
 * answer, against any number of events and no document. Of a segment that hangs on one sum over documents it counts parts of the sum's bound instead
 * (slack_take_parts). With SLACK_TURNS the last of the events is not
 * evaluated either, if all of them surely counted and it comes before the customer's `sure_ms`: it turns the answer, which then
 * holds against any number until `sure_ms`. One such instant a customer, the earliest of its segments', not one for each: it
 * may be too early, which costs an evaluation, and what was turned is looked at again by then.
 *
 * Some segments ask how many values are distinct (`distinct(viewed.brand) >= 8`). Of those an event surely counts only with a value that was not counted
 * yet. So beside a customer's bytes stand prints of the values that his segments of that kind have counted: all of them, and maybe more. Where
 * they have no room they are let go, and what turns those segments is not known.
 *
 * Known where an answer was evaluated, for the customer alone or in a pass over everybody, until anything but an event comes. Kept by
 * segment, so that a plan made anew forgets nothing. Nothing depends on it but the work: forgotten, answers are evaluated once more. */
#ifndef ONEFOLD_AUDIENCE_SLACK_H
#define ONEFOLD_AUDIENCE_SLACK_H

#include <string.h>

#include "base/memory.h"
#include "history/history.h"

#define SLACK_BYTES_MAX                                                                                                \
    (UINT64_C(1) << 30) /* a thousand segments of a million customers; those past it are evaluated with every event */
#define SLACK_ANY_EVENTS 31
#define SLACK_KEEPS 0x20
#define SLACK_DOCUMENTS 0x40
#define SLACK_TURNS 0x80
#define SLACK_SLOT_NONE UINT32_MAX

struct slack;
struct slack *slack_create(void);
void slack_free(struct slack *slack);
/* The segment's place in a customer's bytes, made when first asked for; it stays until it is dropped, and may then be another's. What lies
 * there is the one's before: whoever makes a place has everybody evaluated. */
uint32_t slack_slot(struct slack *slack, uint32_t segment);
void slack_drop(struct slack *slack, uint32_t segment);
/* All that is known of a segment is void until everybody was evaluated: then nobody reads or writes its bytes. */
void slack_set_void(struct slack *slack, uint32_t slot, bool is_void);
bool slack_is_void(const struct slack *slack, uint32_t slot);
bool slack_any_void(const struct slack *slack);

/* Says of a segment that it asks for distinct values: before anything is known of it. */
void slack_set_distinct(struct slack *slack, uint32_t slot, bool is_distinct);

#define SLACK_VALUES 16
struct slack_place {
    uint8_t *bytes;   /* by slot; NULL where the customer has no place */
    int64_t *sure_ms; /* INT64_MAX: no end to it */
    uint16_t *values; /* [SLACK_VALUES]: prints, 0: none; NULL: not known */
};
struct slack_place slack_of(struct slack *slack, struct customer_id customer);
/* Brings them nearer. */
void slack_prefetch(const struct slack *slack, struct customer_id customer);
/* Nothing of the customer, or in a span of the slot, is known. */
void slack_forget(struct slack *slack, struct customer_id customer);
void slack_forget_span(struct slack *slack, uint32_t span, uint32_t slot);
/* From `sure_ms` on no byte says for sure what turns it. Before answers of a later moment are put beside them. */
void slack_expire(struct slack *slack, const struct slack_place *place, int64_t now_ms);
/* Whether the value may have been counted. */
static inline bool slack_has_value(const struct slack_place *place, uint16_t print) {
    bool has = !place->values;
    for (unsigned i = 0; i < SLACK_VALUES && place->values; i++)
        has |= place->values[i] == print;
    return has;
}
/* These, SLACK_VALUES at the most, were counted. Where all together have no room only these stay, and no segment of that kind turns. False
 * where there is no room for any. */
bool slack_add_values(struct slack *slack, const struct slack_place *place, const uint16_t *prints, uint32_t count);
/* What one segment says of a whole span: `bytes` [SPAN_CUSTOMERS] of those in `which`, 0 of the others, and from when on what turns is not
 * sure (`sure_ms` [SPAN_CUSTOMERS], NULL: nothing of it turns). `values` [SPAN_CUSTOMERS]: what was counted; NULL: it asks for no values. */
void slack_put_span(struct slack *slack, uint32_t span, uint32_t slot, const uint64_t *which, const uint8_t *bytes,
                    const int64_t *sure_ms, const uint16_t (*values)[SLACK_VALUES], int64_t now_ms);
uint64_t slack_bytes(const struct slack *slack); /* thread: any */

enum slack_says { SLACK_HOLDS, SLACK_TURNED, SLACK_UNKNOWN };
_Static_assert(SLACK_TURNS >> 2 == SLACK_KEEPS && SLACK_KEEPS == SLACK_ANY_EVENTS + 1, "flags above the count");
static inline unsigned slack_events(uint8_t byte) { return byte & SLACK_ANY_EVENTS; }
/* One more event. `sure`: it counts, and comes before sure_ms. */
static inline enum slack_says slack_take(uint8_t *byte, bool sure) {
    if (slack_events(*byte) == SLACK_ANY_EVENTS)
        return SLACK_HOLDS;
    if (!sure)
        *byte &= (uint8_t)~SLACK_TURNS;
    if (slack_events(*byte) > 1) {
        --*byte;
        return SLACK_HOLDS;
    }
    if (*byte & SLACK_KEEPS) {
        *byte = SLACK_ANY_EVENTS;
        return SLACK_HOLDS;
    }
    if (!(*byte & SLACK_TURNS))
        return SLACK_UNKNOWN;
    *byte = SLACK_ANY_EVENTS; /* documents: of the answer that was */
    return SLACK_TURNED;
}

/* A document whose amount is so many parts, of a segment whose count is one of parts (evaluate_amount). False where it must be evaluated. */
static inline bool slack_take_parts(uint8_t *byte, uint32_t parts) {
    unsigned left = slack_events(*byte);
    if (left == SLACK_ANY_EVENTS)
        return true;
    if (parts >= left)
        return false;
    *byte = (uint8_t)(*byte - parts);
    return true;
}

/* Eight slots together: `which` has SLACK_TURNS in the bytes that are meant, and so has what is returned. slack_take_word: of those, the ones
 * that do not go on holding: slack_take says what of them, and has not been asked yet. The others have taken the event. */
static inline uint64_t slack_word(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}
static inline uint64_t slack_take_word(uint8_t *bytes, uint64_t which, bool sure) {
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * SLACK_TURNS;
    uint64_t word = slack_word(bytes), events = word & ones * SLACK_ANY_EVENTS;
    uint64_t several = (events + ones * (SLACK_TURNS - 2)) & high;            /* two and more */
    uint64_t any = (events + ones * (SLACK_TURNS - SLACK_ANY_EVENTS)) & high; /* no carry: a byte is at most 31 + 126 */
    word -= (which & several & ~any) >> 7;
    if (!sure)
        word &= ~(which & several & ~any);
    memcpy(bytes, &word, sizeof word);
    return which & ~several;
}
/* A document comes: nothing of them turns for sure any more, nor is kept by what documents change; returned are those that it can matter to. */
static inline uint8_t slack_document(uint8_t byte) { return (uint8_t)(byte & ~(SLACK_TURNS | SLACK_KEEPS)); }
static inline uint64_t slack_document_word(uint8_t *bytes, uint64_t which) {
    uint64_t word = slack_word(bytes) & ~(which | which >> 2);
    memcpy(bytes, &word, sizeof word);
    return which & ~(word << 1); /* SLACK_DOCUMENTS is the bit below */
}
static inline uint8_t slack_byte(uint32_t events, bool turns, bool documents, bool keeps) {
    unsigned byte = documents ? SLACK_DOCUMENTS : 0;
    if (events == UINT32_MAX)
        return (uint8_t)(byte | SLACK_ANY_EVENTS);
    byte |= keeps ? SLACK_KEEPS : 0;
    if (events >= SLACK_ANY_EVENTS)
        return (uint8_t)(byte | (SLACK_ANY_EVENTS - 1));
    return (uint8_t)(byte | (turns ? SLACK_TURNS : 0) | events);
}

#endif

/* stream_read: a definition's list of rows into a stream: what paths, channels, attribution and lift have in common.
 *
 *     {"touches": [{"event": "page_viewed", "channel": "utm_source"}, {"event": "call_received", "name": "call"}], "channel": "channel"}
 *
 * Each element is rows with a name, or with what gives each row its text (here called "channel") and a number of its own ("value"). Both may also
 * stand once at the top, for those that say nothing else; an element with a name is called by that. */
#ifndef ONEFOLD_INSIGHT_STREAM_READ_H
#define ONEFOLD_INSIGHT_STREAM_READ_H

#include "insight/stream.h"

#define STREAM_NONE UINT32_MAX

struct stream_number { /* of the rows of a set */
    bool given;
    unsigned number;
};
struct stream_list {
    const char *key;               /* "touches" */
    size_t least, most;            /* elements */
    const char *text;              /* member that gives a row its text; NULL: rows are called as their set is */
    const char *number;            /* member that gives a row its number; NULL: there is none */
    bool own_only;                 /* these two are looked for in the elements only, not at the top */
    struct slice usual;            /* the text where nothing gives it; empty: the set's name */
    struct stream_number *numbers; /* [STREAM_SETS_MAX], by set; where `number` */
};
/* Adds the list's sets to `stream`, whose `scan` is set. *first (may be NULL): the first one's number; STREAM_NONE where there is none. */
enum status stream_read(struct stream *stream, const struct definition_part *definition, const struct stream_list *list,
                        unsigned *first, struct fault *fault) WARN_UNUSED;

/* What the customer's or row's number is in millionths, as sums are kept; 0 where it has none or it is out of reach. */
int64_t stream_millionths(const struct vector *numbers, uint32_t element);

#endif

/* network: a named network of customers: which relations make it, what is measured of each customer in it, and when again.
 *
 * Defined as an analysis of kind "network" (audience/audience.h), so it is a log record with versions:
 *     {"define":"analysis","name":"family","kind":"network",
 *      "definition":{"types":["household","guardian_of"],"measures":["degree","community","influence"],"schedule":{"every":"1 day","at":"03:00"}}}
 *
 * A run reads all relations of these types as they are, measures (measure.h), and writes what changed since the last run as commands:
 *     {"command":"network","network":"family","measures":["degree","community"],"customers":[["<oneid>",3,"<oneid>"],["<oneid>",null,null]]}
 * The fold makes rows of the customer's attributes "network.family.degree" of them. So values stand in the profile with the time of their run, are read by
 * the language as any attribute, turn live segments as they come, follow merges and splits, and are the same after a restart. Of two who
 * were merged the later written value holds until the next run.
 *
 * Thread: any. */
#ifndef ONEFOLD_NETWORK_NETWORK_H
#define ONEFOLD_NETWORK_NETWORK_H

#include "audience/schedule.h"
#include "network/measure.h"

#define NETWORK_KIND "network"
#define NETWORK_NAME_BYTES_MAX 60
#define NETWORK_TYPES_MAX 32
#define NETWORK_PART 500 /* customers a command, so that none keeps the fold long */

struct network {
    struct slice name;
    struct slice types[NETWORK_TYPES_MAX]; /* names of relations */
    size_t type_count;
    uint32_t measures; /* bits of enum network_measure */
    bool scheduled;
    struct schedule schedule;
};
/* Reads a definition: {"types":[...],"measures":[...],"schedule":{...}}; measures missing: degree, community, influence. Slices are `json`'s.
 * `dictionary`: whose relations they must be; NULL: not looked at. Errors: INVALID (what, and what would be right). */
enum status network_read(const struct json_parser *p, struct slice name, const struct json *json,
                         const struct dictionary *dictionary, const struct zone *zone, struct network *out,
                         struct fault *fault) WARN_UNUSED;

struct network_run {
    struct network_values values;
    size_t relation_count; /* read, each direction */
    size_t changed;        /* customers whose values were written */
    double read_s, measure_s, write_s;
};
/* Reads, measures, and gives what changed to `append`, a command at a time; false from it ends the run. `run` is released by the caller. Errors:
 * CLOSED, INVALID, NO_MEMORY, IO. */
enum status network_refresh(const struct network_parts *parts, const struct network *network,
                            bool (*append)(void *context, struct slice command), void *context, struct network_run *run,
                            struct fault *fault) WARN_UNUSED;
/* The attribute a measure is kept in; NULL where no run has made it yet. */
const struct property *network_property(const struct dictionary *dictionary, struct slice network,
                                        enum network_measure measure);
/* The command that only makes the attributes, for expressions that name them before the first run. */
void network_write_empty(const struct network *network, struct json_writer *w);

/* Those with the greatest values of a measure now, greatest first, equal ones by customer. Returns how many, at most `limit`. Cost: a pass over one
 * column. COMMUNITY: the largest communities are asked for by community_size. */
struct network_top {
    uint32_t customer;
    double value;
};
size_t network_top(const struct network_parts *parts, struct slice network, enum network_measure measure, size_t limit,
                   struct network_top *out);

#endif

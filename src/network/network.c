/* network: see the header. */
#include "network/network.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"

/* --- definitions --- */

/* Letters, digits and "_", so that the attribute can be written in an expression without backticks. */
static bool plain_name(struct slice name) {
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
        if (!letter && !(i && c >= '0' && c <= '9'))
            return false;
    }
    return name.size > 0 && name.size <= NETWORK_NAME_BYTES_MAX;
}

static enum status read_types(const struct json_parser *p, const struct json *json, const struct dictionary *dictionary,
                              struct network *out, struct fault *fault) {
    const struct json *types = json_get(p, json, "types");
    for (const struct json *t = types && types->kind == JSON_ARRAY ? json_first(p, types) : NULL; t;
         t = json_next(p, t)) {
        if (t->kind != JSON_TEXT || out->type_count == NETWORK_TYPES_MAX)
            return fault_set(fault, STATUS_INVALID, "\"types\" is a list of names of relations, %d at most",
                             NETWORK_TYPES_MAX);
        if (dictionary && !dictionary_type_find(dictionary, TYPE_RELATION, t->text))
            return fault_set(fault, STATUS_INVALID,
                             "\"types\": no relation is called \"%.*s\"; GET /v1/dictionary lists them (kind relation)",
                             (int)(t->text.size < 80 ? t->text.size : 80), t->text.data);
        out->types[out->type_count++] = t->text;
    }
    return out->type_count ? STATUS_OK
                           : fault_set(fault, STATUS_INVALID, "\"types\" names the relations, such as [\"household\"]");
}

static enum status unknown_measure(struct fault *fault) {
    char list[256];
    size_t size = 0;
    for (int i = 0; i < NETWORK_MEASURES; i++)
        size += (size_t)snprintf(list + size, sizeof list - size, "%s%s", i ? ", " : "",
                                 network_measure_row((enum network_measure)i)->word);
    assert(size < sizeof list);
    return fault_set(fault, STATUS_INVALID, "\"measures\" is a list of these: %s", list);
}

static enum status read_measures(const struct json_parser *p, const struct json *json, struct network *out,
                                 struct fault *fault) {
    const struct json *measures = json_get(p, json, "measures");
    out->measures = measures ? 0 : 1u << NETWORK_DEGREE | 1u << NETWORK_COMMUNITY | 1u << NETWORK_INFLUENCE;
    for (const struct json *m = measures && measures->kind == JSON_ARRAY ? json_first(p, measures) : NULL; m;
         m = json_next(p, m)) {
        int measure = m->kind == JSON_TEXT ? network_measure_parse(m->text) : -1;
        if (measure < 0)
            return unknown_measure(fault);
        out->measures |= 1u << measure;
    }
    return out->measures ? STATUS_OK : unknown_measure(fault);
}

enum status network_read(const struct json_parser *p, struct slice name, const struct json *json,
                         const struct dictionary *dictionary, const struct zone *zone, struct network *out,
                         struct fault *fault) {
    const struct json *schedule = json_get(p, json, "schedule");
    *out = (struct network){.name = name, .scheduled = schedule && schedule->kind != JSON_NULL};
    if (!plain_name(name))
        return fault_set(
            fault, STATUS_INVALID,
            "\"name\" of a network is of letters, digits and \"_\", at most %d bytes, as it stands in the names of "
            "attributes",
            NETWORK_NAME_BYTES_MAX);
    enum status status = read_types(p, json, dictionary, out, fault);
    if (!status)
        status = read_measures(p, json, out, fault);
    if (!status && out->scheduled)
        status = schedule_read(p, schedule, zone, &out->schedule, fault);
    return status;
}

const struct property *network_property(const struct dictionary *dictionary, struct slice network,
                                        enum network_measure measure) {
    char name[DICTIONARY_NAME_BYTES_MAX];
    int size = snprintf(name, sizeof name, "network.%.*s.%s", SLICE_ARG(network), network_measure_row(measure)->word);
    return dictionary_property_find(dictionary, dictionary_type_at(dictionary, DICTIONARY_CUSTOMER),
                                    slice_of(name, (size_t)size));
}

/* --- values as they are --- */

struct current {
    const struct network_parts *parts;
    enum network_measure measures[NETWORK_MEASURES]; /* those with an attribute, as wanted */
    struct column_want wants[NETWORK_MEASURES];
    size_t count;
    double *values[NETWORK_MEASURES]; /* [measure][customer], NAN: none */
    uint32_t customers;
    struct buffer scratch;
    /* network_top's */
    struct network_top *top;
    size_t top_count, top_limit;
};

static double column_value(const struct range_column *c, uint32_t row, struct buffer *scratch) {
    struct slice text;
    if (c->form == COLUMN_NOTHING || (c->absent && (c->absent[row / 8] >> (row % 8) & 1)))
        return NAN;
    switch (c->kind) {
    case VALUE_NUMBER:
        return (double)range_integer(c, row) / pow(10, c->scale);
    case VALUE_REAL:
        return c->form == COLUMN_DOUBLES ? ((const double *)c->data)[row] : NAN;
    case VALUE_TEXT:
        text = range_text(c, row, scratch);
        return oneid_parse(text).number ? (double)oneid_parse(text).number : NAN;
    default:
        return NAN;
    }
}

static void want_measure(struct current *c, struct slice network, enum network_measure measure) {
    const struct property *property = network_property(c->parts->dictionary, network, measure);
    if (!property)
        return;
    c->measures[c->count] = measure;
    c->wants[c->count++] = (struct column_want){.property = property->number};
}

static void take_values(void *context, struct range *range, const uint64_t *bits) {
    struct current *c = context;
    for (size_t m = 0; m < c->count; m++) {
        const struct range_column *column = range_attribute(range, (uint32_t)m);
        for (uint32_t i = 0; i < range_count(range); i++) {
            uint32_t customer = range_customer_at(range, i).number;
            if ((!bits || bits[i / 64] >> (i % 64) & 1) && customer <= c->customers)
                c->values[c->measures[m]][customer] = column_value(column, i, &c->scratch);
        }
    }
}

static enum status read_current(struct current *c, const struct network *network, struct fault *fault) {
    struct identity_counters counters;
    identity_counters_read(c->parts->identity, &counters);
    c->customers = (uint32_t)counters.created;
    for (int m = 0; m < NETWORK_MEASURES; m++)
        if (network->measures >> m & 1) {
            want_measure(c, network->name, (enum network_measure)m);
            c->values[m] = memory_get_large((size_t)c->customers + 1, sizeof(double));
            for (uint32_t i = 0; i <= c->customers; i++)
                c->values[m][i] = NAN;
        }
    const struct range_want want = {.attributes = c->wants, .attribute_count = (uint32_t)c->count};
    return c->count ? network_scan(c->parts, &want, 0.3, 0.1, take_values, c, fault) : STATUS_OK;
}

static void release_current(struct current *c) {
    for (size_t m = 0; m < NETWORK_MEASURES; m++)
        free(c->values[m]);
    buffer_release(&c->scratch);
}

/* --- writing --- */

struct writing {
    const struct network *network;
    const struct network_parts *parts;
    struct current *current;
    const struct network_values *values;
    bool (*append)(void *context, struct slice command);
    void *context;
    struct buffer text;
    struct json_writer json;
    size_t in_part, changed;
    bool failed;
};

static void begin_command(const struct network *network, struct json_writer *w) {
    json_object(w);
    json_member_cstring(w, "command", "network");
    json_member_text(w, "network", network->name);
    json_key(w, "measures");
    json_array(w);
    for (int m = 0; m < NETWORK_MEASURES; m++)
        if (network->measures >> m & 1)
            json_cstring(w, network_measure_row((enum network_measure)m)->word);
    json_end_array(w);
    json_key(w, "customers");
    json_array(w);
}

static void end_command(struct json_writer *w) {
    json_end_array(w);
    json_end_object(w);
}

void network_write_empty(const struct network *network, struct json_writer *w) {
    begin_command(network, w);
    end_command(w);
}

static void end_part(struct writing *w) {
    if (!w->in_part)
        return;
    end_command(&w->json);
    w->failed = w->failed || !w->append(w->context, buffer_slice(&w->text));
    w->in_part = 0;
}

static void write_value(struct writing *w, enum network_measure measure, double value) {
    char oneid[ONEID_BYTES + 1];
    if (isnan(value)) {
        json_null(&w->json);
    } else if (network_measure_row(measure)->type == PROPERTY_TEXT) {
        oneid_format((struct customer_id){(uint32_t)value}, oneid);
        json_cstring(&w->json, oneid);
    } else if (network_measure_row(measure)->decimals == 0) {
        json_integer(&w->json, (int64_t)value);
    } else {
        json_real(&w->json, value);
    }
}

static double new_value(const struct writing *w, int measure, size_t index) {
    return index == SIZE_MAX ? NAN : w->values->values[measure][index];
}

/* `index`: of the customer among the new values, SIZE_MAX: in no relation any more. */
static void write_customer(struct writing *w, uint32_t customer, size_t index) {
    bool changed = false;
    char oneid[ONEID_BYTES + 1];
    for (int m = 0; m < NETWORK_MEASURES && !changed; m++)
        if (w->network->measures >> m & 1) {
            double old = customer <= w->current->customers ? w->current->values[m][customer] : NAN,
                   new = new_value(w, m, index);
            changed = isnan(old) != isnan(new) || old < new || old > new;
        }
    if (!changed)
        return;
    if (!w->in_part) {
        buffer_clear(&w->text);
        w->json = (struct json_writer){.out = &w->text};
        begin_command(w->network, &w->json);
    }
    json_array(&w->json);
    oneid_format((struct customer_id){customer}, oneid);
    json_cstring(&w->json, oneid);
    for (int m = 0; m < NETWORK_MEASURES; m++)
        if (w->network->measures >> m & 1)
            write_value(w, (enum network_measure)m, new_value(w, m, index));
    json_end_array(&w->json);
    w->changed++;
    if (++w->in_part == NETWORK_PART)
        end_part(w);
}

static enum status write_changes(struct writing *w, struct fault *fault) {
    const struct network_values *v = w->values;
    uint32_t last = v->count ? v->customers[v->count - 1] : 0;
    size_t next = 0;
    bool going = true;
    last = last > w->current->customers ? last : w->current->customers;
    for (uint32_t customer = 1; customer <= last && going && !w->failed; customer++) {
        bool in = next < v->count && v->customers[next] == customer;
        write_customer(w, customer, in ? next : SIZE_MAX);
        next += in;
        if (customer % 4096 == 0)
            going = !w->parts->progress || w->parts->progress(w->parts->context, 0.5 + 0.5 * customer / last);
    }
    if (!w->failed && going)
        end_part(w);
    buffer_release(&w->text);
    return w->failed ? fault_set(fault, STATUS_IO, "the log takes no more; GET /v1/status says why")
           : going   ? STATUS_OK
                     : fault_set(fault, STATUS_CLOSED, "cancelled; what was written so far stays");
}

/* --- a run --- */

static double seconds_since(const struct network_parts *parts, uint64_t began_ns) {
    return (double)(os_monotonic_ns(parts->os) - began_ns) / 1e9;
}

static enum status read_edges(const struct network_parts *parts, const struct network *network, struct edge_list *edges,
                              struct fault *fault) {
    enum status status = STATUS_OK;
    double share = 0.3 / (double)network->type_count;
    for (size_t i = 0; i < network->type_count && !status; i++) {
        const struct type *type = dictionary_type_find(parts->dictionary, TYPE_RELATION, network->types[i]);
        if (type)
            status = edges_read(parts, type->number, share * (double)i, share, edges, fault);
    }
    edge_list_sort(edges);
    return status;
}

static bool stopped(void *context) {
    const struct network_parts *parts = context;
    return parts->progress && !parts->progress(parts->context, 0.4);
}

enum status network_refresh(const struct network_parts *parts, const struct network *network,
                            bool (*append)(void *context, struct slice command), void *context, struct network_run *run,
                            struct fault *fault) {
    struct edge_list edges = {0};
    struct current current = {.parts = parts};
    struct writing writing = {.network = network,
                              .parts = parts,
                              .current = &current,
                              .values = &run->values,
                              .append = append,
                              .context = context};
    *run = (struct network_run){0};
    uint64_t began_ns = os_monotonic_ns(parts->os);
    enum status status = read_edges(parts, network, &edges, fault);
    if (!status)
        status = read_current(&current, network, fault);
    run->relation_count = edges.count;
    run->read_s = seconds_since(parts, began_ns);
    began_ns = os_monotonic_ns(parts->os);
    if (!status)
        status = network_measure_all(&edges, network->measures, stopped, (void *)parts, &run->values, fault);
    edge_list_release(&edges);
    run->measure_s = seconds_since(parts, began_ns);
    began_ns = os_monotonic_ns(parts->os);
    if (!status)
        status = write_changes(&writing, fault);
    run->changed = writing.changed;
    run->write_s = seconds_since(parts, began_ns);
    release_current(&current);
    return status;
}

/* --- the greatest --- */

static void put_top(struct current *c, uint32_t customer, double value) {
    size_t at = c->top_count;
    if (at == c->top_limit) {
        const struct network_top *least = &c->top[at - 1];
        if (value < least->value || (value <= least->value && customer > least->customer))
            return;
        at--;
    }
    for (; at > 0 &&
           (c->top[at - 1].value < value || (c->top[at - 1].value <= value && c->top[at - 1].customer > customer));
         at--)
        c->top[at] = c->top[at - 1];
    c->top[at] = (struct network_top){customer, value};
    c->top_count += c->top_count < c->top_limit;
}

static void take_top(void *context, struct range *range, const uint64_t *bits) {
    struct current *c = context;
    const struct range_column *column = range_attribute(range, 0);
    for (uint32_t i = 0; i < range_count(range); i++)
        if (!bits || bits[i / 64] >> (i % 64) & 1) {
            double value = column_value(column, i, &c->scratch);
            if (!isnan(value))
                put_top(c, range_customer_at(range, i).number, value);
        }
}

size_t network_top(const struct network_parts *parts, struct slice network, enum network_measure measure, size_t limit,
                   struct network_top *out) {
    struct current c = {.parts = parts, .top = out, .top_limit = limit};
    struct network_parts quiet = *parts;
    struct fault fault = {0};
    quiet.progress = NULL;
    want_measure(&c, network, measure);
    const struct range_want want = {.attributes = c.wants, .attribute_count = (uint32_t)c.count};
    if (c.count && limit && network_scan(&quiet, &want, 0, 0, take_top, &c, &fault))
        c.top_count = 0;
    buffer_release(&c.scratch);
    return c.top_count;
}

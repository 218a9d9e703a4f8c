/* definitions: a definition read, checked and put in its place. See the header. */
#include "audience/definitions.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"
#include "govern/json_text.h"

static const char *const hows[] = {"", "live", "scheduled", "upload", "rule", "manual", "import", "model"};
static const char *const sorts[] = {"segment", "tag", "metric", "subscription", "analysis"};

const char *definition_how_name(enum definition_how how) { return hows[how]; }
const char *definition_sort_name(enum definition_sort sort) { return sorts[sort]; }

void definition_entry(const struct made *made, struct audience_entry *out) {
    const struct definition_version *last = &made->versions[made->version_count - 1];
    *out = (struct audience_entry){.kind = (enum definition_kind)made->sort,
                                   .number = made->number,
                                   .name = made->name,
                                   .type_name = made->type_name,
                                   .how = slice_text(made->deleted ? "deleted" : hows[made->how]),
                                   .expression = made->expression,
                                   .tree = made->tree,
                                   .type = made->type,
                                   .position = last->position,
                                   .version = last->version,
                                   .attribute = made->attribute};
}

/* --- one definition under way --- */

struct defining {
    const struct definition_parts *parts;
    const struct audience_snapshot *old;
    struct json_parser *p;
    const struct json *json;
    const struct made *before; /* the version in force, deleted or not; NULL: a new name */
    struct made *made;
    bool apply;
    uint64_t position;
    int64_t at_ms;
};

static struct slice text_of(const struct defining *d, const char *key) { return json_get_text(d->p, d->json, key); }

static struct slice kept(struct defining *d, struct slice text) {
    return text.size ? arena_copy(&d->made->arena, text) : SLICE_NONE;
}

/* The member written as JSON again; empty where there is none. */
static struct slice kept_json(struct defining *d, const char *key) {
    const struct json *value = json_get(d->p, d->json, key);
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    if (!value || value->kind == JSON_NULL)
        return SLICE_NONE;
    json_text_of(d->p, value, &w);
    struct slice copy = arena_copy(&d->made->arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

static enum status check_name(struct slice name, struct fault *fault) {
    if (name.size == 0)
        return fault_set(fault, STATUS_INVALID, "\"name\" is missing");
    if (name.size > DEFINITION_NAME_BYTES_MAX)
        return fault_set(fault, STATUS_INVALID, "a name has at most %d bytes; this one has %zu",
                         DEFINITION_NAME_BYTES_MAX, name.size);
    for (size_t i = 0; i < name.size; i++)
        if ((unsigned char)name.data[i] < ' ' || name.data[i] == '`' || name.data[i] == 0x7f)
            return fault_set(fault, STATUS_INVALID, "a name may not hold ` or control characters");
    return STATUS_OK;
}

/* --- schedules --- */

static enum status read_schedule(struct defining *d, struct fault *fault) {
    d->made->schedule_text = kept_json(d, "schedule");
    return schedule_read(d->p, json_get(d->p, d->json, "schedule"), d->old->vocabulary.zone, &d->made->schedule, fault);
}

/* --- kinds --- */

static enum status read_how(struct defining *d, struct fault *fault) {
    struct slice kind = text_of(d, "kind");
    struct made *made = d->made;
    bool segment = made->sort == SORT_SEGMENT;
    enum definition_how first = segment ? HOW_LIVE : HOW_RULE, last = segment ? HOW_UPLOAD : HOW_MODEL;
    made->how = made->sort == SORT_METRIC ? HOW_NONE : first;
    if (made->sort == SORT_METRIC || kind.size == 0)
        return STATUS_OK;
    for (int how = first; how <= (int)last; how++)
        if (slice_is(kind, hows[how])) {
            made->how = (enum definition_how)how;
            return STATUS_OK;
        }
    return fault_set(fault, STATUS_INVALID, "\"kind\" of a %s is %s; it is \"%.*s\"", sorts[made->sort],
                     segment ? "live, scheduled or upload" : "rule, manual, import or model",
                     (int)(kind.size < 40 ? kind.size : 40), kind.data);
}

static enum term_type type_of_name(struct slice name) {
    return slice_is(name, "bool")                                   ? TERM_BOOL
           : slice_is(name, "number")                               ? TERM_NUMBER
           : slice_is(name, "distribution")                         ? TERM_DISTRIBUTION
           : slice_is(name, "text") || slice_is(name, "preference") ? TERM_TEXT
                                                                    : TERM_NONE;
}

static const char *const type_words[] = {"",     "bool",      "number",      "text",         "time",
                                         "date", "text_list", "number_list", "distribution", "duration"};

/* What a tag's values are: as declared, and where nothing is declared, what its rule gives. */
static enum status settle_type(struct defining *d, struct fault *fault) {
    struct made *made = d->made;
    struct slice declared = text_of(d, "type");
    enum term_type wanted = type_of_name(declared), found = made->tree ? (enum term_type)made->tree->type : TERM_NONE;
    if (made->sort == SORT_SEGMENT || made->sort == SORT_METRIC) {
        made->type = made->sort == SORT_SEGMENT ? TERM_BOOL : found;
        made->type_name = slice_text(type_words[made->type]);
        return STATUS_OK;
    }
    if ((declared.size || !made->tree) && wanted == TERM_NONE)
        return fault_set(fault, STATUS_INVALID,
                         "\"type\" of a tag is bool, text, number, distribution or preference; it is \"%.*s\"",
                         (int)(declared.size < 40 ? declared.size : 40), declared.data);
    if (made->tree && wanted != TERM_NONE && wanted != found)
        return fault_set(fault, STATUS_INVALID, "\"type\" is %.*s, but the expression gives a %s", SLICE_ARG(declared),
                         term_type_name(found));
    made->type = made->tree ? found : wanted == TERM_DISTRIBUTION ? TERM_TEXT : wanted;
    made->type_name = declared.size ? kept(d, declared) : slice_text(type_words[made->type]);
    return STATUS_OK;
}

/* The attribute that holds a tag by hand or an upload's members. */
static enum status settle_attribute(struct defining *d, struct fault *fault) {
    struct made *made = d->made;
    struct buffer name = {0};
    struct property *property;
    struct type *customer;
    enum property_type type = made->type == TERM_BOOL     ? PROPERTY_BOOL
                              : made->type == TERM_NUMBER ? PROPERTY_NUMBER
                                                          : PROPERTY_TEXT;
    buffer_print(&name, "%s.%.*s", made->sort == SORT_SEGMENT ? "segment" : "tag", SLICE_ARG(made->name));
    customer = (struct type *)dictionary_type_at(d->parts->dictionary, DICTIONARY_CUSTOMER);
    const struct property *known = dictionary_property_find(d->parts->dictionary, customer, buffer_slice(&name));
    enum status status = STATUS_OK;
    if (known && known->type != type && !(type == PROPERTY_NUMBER && known->type == PROPERTY_MONEY))
        status = fault_set(fault, STATUS_CONFLICT, "the attribute \"%.*s\" holds values of type %s already",
                           (int)name.size, name.data, property_type_name(known->type));
    else if (known)
        made->attribute = known->number;
    else if (d->apply && !(status = dictionary_property(d->parts->dictionary, customer, buffer_slice(&name), type,
                                                        &property, fault)))
        made->attribute = property->number;
    buffer_release(&name);
    return status;
}

static enum status read_expression(struct defining *d, struct fault *fault) {
    const struct json *expression = json_get(d->p, d->json, "expression");
    struct made *made = d->made;
    bool needed =
        made->sort == SORT_METRIC || made->how == HOW_LIVE || made->how == HOW_SCHEDULED || made->how == HOW_RULE;
    bool there = expression && expression->kind != JSON_NULL;
    if (!needed)
        return there ? fault_set(fault, STATUS_INVALID, "a %s of kind %s has no \"expression\"", sorts[made->sort],
                                 hows[made->how])
                     : STATUS_OK;
    if (!there || (expression->kind != JSON_TEXT && expression->kind != JSON_OBJECT))
        return fault_set(fault, STATUS_INVALID, "\"expression\" is missing; it is a text or a tree");
    if (expression->kind == JSON_TEXT)
        return made_check(made, d->old, arena_copy(&made->arena, expression->text), NULL, NULL, fault);
    return made_check(made, d->old, SLICE_NONE, d->p, expression, fault);
}

/* An upload's members are those whose attribute says so. */
static enum status read_upload(struct defining *d, struct fault *fault) {
    struct buffer text = {0};
    enum status status = STATUS_OK;
    attribute_expression(d->made->name, &text);
    if (d->made->attribute) /* not there yet where this is only a check */
        status = made_check(d->made, d->old, buffer_slice(&text), NULL, NULL, fault);
    buffer_release(&text);
    return status;
}

static enum status read_rule(struct defining *d, struct fault *fault) {
    struct made *made = d->made;
    enum status status = read_how(d, fault);
    if (!status)
        status = read_expression(d, fault);
    if (!status && made->how == HOW_SCHEDULED)
        status = read_schedule(d, fault);
    if (!status)
        status = settle_type(d, fault);
    if (!status &&
        (made->how == HOW_UPLOAD || made->how == HOW_MANUAL || made->how == HOW_IMPORT || made->how == HOW_MODEL))
        status = settle_attribute(d, fault);
    if (!status && made->how == HOW_UPLOAD)
        status = read_upload(d, fault);
    return status;
}

/* --- subscriptions --- */

static enum status read_segments(struct defining *d, struct fault *fault) {
    const struct json *list = json_get(d->p, d->json, "segments");
    struct made *made = d->made;
    if (!list || (list->kind == JSON_TEXT && slice_is(list->text, "all"))) {
        made->all_segments = list != NULL;
        return STATUS_OK;
    }
    if (list->kind != JSON_ARRAY || list->count > DEFINITION_LIST_MAX)
        return fault_set(fault, STATUS_INVALID, "\"segments\" is a list of at most %d names, or \"all\"",
                         DEFINITION_LIST_MAX);
    made->uses = arena_get(&made->arena, list->count * sizeof *made->uses + 1);
    for (const struct json *item = json_first(d->p, list); item; item = json_next(d->p, item)) {
        const struct made *segment = item->kind == JSON_TEXT ? definition_find(d->old, SORT_SEGMENT, item->text) : NULL;
        if (!segment)
            return fault_set(fault, STATUS_INVALID, "\"segments\": there is no segment \"%.*s\"",
                             item->kind == JSON_TEXT ? (int)item->text.size : 0,
                             item->kind == JSON_TEXT ? item->text.data : "");
        made->uses[made->use_count++] = segment->number;
    }
    return STATUS_OK;
}

static enum status read_events(struct defining *d, struct fault *fault) {
    const struct json *list = json_get(d->p, d->json, "events");
    struct made *made = d->made;
    if (!list || (list->kind == JSON_TEXT && slice_is(list->text, "all"))) {
        made->all_events = list != NULL;
        return STATUS_OK;
    }
    if (list->kind != JSON_ARRAY || list->count > DEFINITION_LIST_MAX)
        return fault_set(fault, STATUS_INVALID, "\"events\" is a list of at most %d names, or \"all\"",
                         DEFINITION_LIST_MAX);
    made->types = arena_get(&made->arena, list->count * sizeof *made->types + 1);
    for (const struct json *item = json_first(d->p, list); item; item = json_next(d->p, item)) {
        const struct type *type =
            item->kind == JSON_TEXT ? dictionary_type_find(d->parts->dictionary, TYPE_EVENT, item->text) : NULL;
        if (!type)
            return fault_set(fault, STATUS_INVALID, "\"events\": there is no event \"%.*s\"",
                             item->kind == JSON_TEXT ? (int)item->text.size : 0,
                             item->kind == JSON_TEXT ? item->text.data : "");
        made->types[made->type_count++] = type->number;
    }
    return STATUS_OK;
}

static enum status read_subscription(struct defining *d, struct fault *fault) {
    struct made *made = d->made;
    made->url = kept(d, text_of(d, "url"));
    made->secret = kept(d, text_of(d, "secret"));
    if (made->url.size && !slice_starts(made->url, SLICE("https://")) && !slice_starts(made->url, SLICE("http://")))
        return fault_set(fault, STATUS_INVALID, "\"url\" begins with https:// or http://");
    enum status status = read_segments(d, fault);
    if (!status)
        status = read_events(d, fault);
    if (!status && !made->all_segments && !made->all_events && !made->use_count && !made->type_count)
        status =
            fault_set(fault, STATUS_INVALID, "a subscription names \"segments\" or \"events\", or says \"all\" of one");
    return status;
}

/* --- analyses: kept as data; what they mean is insight's, and checked before they are logged --- */

static enum status read_analysis(struct defining *d, struct fault *fault) {
    const struct json *definition = json_get(d->p, d->json, "definition"),
                      *parameters = json_get(d->p, d->json, "parameters");
    struct slice kind = text_of(d, "kind");
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    if (kind.size == 0)
        return fault_set(fault, STATUS_INVALID, "\"kind\" of the analysis is missing, such as funnel");
    if (!definition || definition->kind != JSON_OBJECT)
        return fault_set(fault, STATUS_INVALID, "\"definition\" is missing; it is an object");
    if (parameters && parameters->kind != JSON_OBJECT && parameters->kind != JSON_NULL)
        return fault_set(fault, STATUS_INVALID, "\"parameters\" is {name: {\"default\": value}}");
    json_object(&w);
    json_member_text(&w, "kind", kind);
    json_key(&w, "definition");
    json_text_of(d->p, definition, &w);
    if (parameters && parameters->kind == JSON_OBJECT) {
        json_key(&w, "parameters");
        json_text_of(d->p, parameters, &w);
    }
    json_end_object(&w);
    d->made->type_name = kept(d, kind);
    d->made->analysis = kept(d, buffer_slice(&text));
    buffer_release(&text);
    return STATUS_OK;
}

/* --- putting it in --- */

static enum status refuse_deletion(const struct defining *d, struct fault *fault) {
    const struct made *user = d->before ? snapshot_user(d->old, d->before->number) : NULL;
    if (!d->before || d->before->deleted)
        return fault_set(fault, STATUS_NOT_FOUND, "no %s is called \"%.*s\"", sorts[d->made->sort],
                         SLICE_ARG(d->made->name));
    if (user)
        return fault_set(fault, STATUS_CONFLICT, "%s \"%.*s\" is used by %s \"%.*s\"; change or delete that first",
                         sorts[d->made->sort], SLICE_ARG(d->made->name), sorts[user->sort], SLICE_ARG(user->name));
    return STATUS_OK;
}

static void put_version(struct defining *d) {
    struct made *made = d->made;
    const struct made *before = d->before;
    uint32_t old = before ? before->version_count : 0, skipped = 0;
    if (old >= DEFINITION_VERSIONS_MAX)
        skipped = old - DEFINITION_VERSIONS_MAX + 1;
    made->versions = arena_get(&made->arena, (old - skipped + 1) * sizeof *made->versions);
    for (uint32_t i = skipped; i < old; i++) {
        struct definition_version *v = &made->versions[made->version_count++];
        *v = before->versions[i];
        v->how = kept(d, v->how);
        v->expression = kept(d, v->expression);
    }
    made->versions[made->version_count++] =
        (struct definition_version){.version = old ? before->versions[old - 1].version + 1 : 1,
                                    .deleted = made->deleted,
                                    .position = d->position,
                                    .at_ms = d->at_ms,
                                    .how = slice_text(hows[made->how]),
                                    .expression = made->sort == SORT_ANALYSIS ? made->analysis : made->expression};
}

/* Whether `number` is used on the way from `from`; the way is written into `path`. */
static bool leads_to(const struct audience_snapshot *s, uint32_t from, uint32_t number, bool *seen,
                     struct buffer *path) {
    const struct made *made = s->by_number[from];
    if (from == number)
        return true;
    if (seen[from])
        return false;
    seen[from] = true;
    for (uint32_t i = 0; i < made->use_count; i++)
        if (leads_to(s, made->uses[i], number, seen, path)) {
            struct buffer rest = *path;
            *path = (struct buffer){0};
            buffer_print(path, " -> \"%.*s\"", SLICE_ARG(made->name));
            buffer_add_slice(path, buffer_slice(&rest));
            buffer_release(&rest);
            return true;
        }
    return false;
}

/* Stored sets have no tree to be followed, so circles are looked for here as well as by the check. */
static enum status refuse_circle(const struct defining *d, struct fault *fault) {
    const struct made *made = d->made;
    struct buffer path = {0};
    bool circle = false;
    if (!d->before)
        return STATUS_OK;
    bool *seen = memory_get(d->old->number_count, sizeof *seen);
    for (uint32_t i = 0; i < made->use_count && !circle; i++)
        circle = leads_to(d->old, made->uses[i], made->number, seen, &path);
    free(seen);
    enum status status =
        circle ? fault_set(fault, STATUS_CONFLICT, "it would contain itself: \"%.*s\"%.*s -> \"%.*s\"",
                           SLICE_ARG(made->name), (int)path.size, path.data ? path.data : "", SLICE_ARG(made->name))
               : STATUS_OK;
    buffer_release(&path);
    return status;
}

static bool same(const struct made *a, const struct made *b) {
    return !a->deleted && !b->deleted && a->how == b->how && a->type == b->type && a->attribute == b->attribute &&
           a->sort != SORT_SUBSCRIPTION && slice_equal(a->expression, b->expression) &&
           slice_equal(a->description, b->description) && slice_equal(a->schedule_text, b->schedule_text) &&
           slice_equal(a->type_name, b->type_name) && slice_equal(a->analysis, b->analysis);
}

static enum status define_one(struct defining *d, enum definition_sort sort, struct definition_change *change,
                              struct fault *fault) {
    struct made *made = d->made, key = {.sort = sort, .name = text_of(d, "name")};
    enum status status = check_name(key.name, fault);
    if (status)
        return status;
    made->sort = sort;
    made->name = kept(d, key.name);
    for (uint32_t n = 1; n < d->old->number_count && !d->before; n++)
        if (d->old->by_number[n]->sort == sort && slice_equal(d->old->by_number[n]->name, made->name))
            d->before = d->old->by_number[n];
    made->number = d->before ? d->before->number : d->old->number_count;
    if (made->number >= MEMBERS_SETS_MAX)
        return fault_set(fault, STATUS_FULL, "there are at most %u definitions", MEMBERS_SETS_MAX - 1);
    made->deleted = json_get_bool(d->p, d->json, "deleted", false);
    made->description = kept_json(d, "description");
    status = made->deleted               ? refuse_deletion(d, fault)
             : sort == SORT_SUBSCRIPTION ? read_subscription(d, fault)
             : sort == SORT_ANALYSIS     ? read_analysis(d, fault)
                                         : read_rule(d, fault);
    if (!status)
        status = refuse_circle(d, fault);
    if (status)
        return status;
    change->number = made->number;
    if (d->before && same(d->before, made))
        return STATUS_OK;
    put_version(d);
    change->snapshot = snapshot_with(d->old, d->parts, made_hold(made), NULL);
    return snapshot_make_again(change->snapshot, made->number, SLICE_NONE, &change->again, &change->again_count, fault);
}

static enum status define_workspace(struct defining *d, struct definition_change *change, struct fault *fault) {
    const struct vocabulary *old = &d->old->vocabulary;
    struct slice name = text_of(d, "time_zone");
    int64_t week_start = json_get_integer(d->p, d->json, "week_start", old->week_start);
    struct zone *zone = NULL;
    if (week_start < 1 || week_start > 7)
        return fault_set(fault, STATUS_INVALID, "\"week_start\" is 1 (Monday) to 7 (Sunday)");
    enum status status = zone_load(d->parts->os, name.size ? name : slice_text(zone_name(old->zone)), &zone, fault);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_INVALID : status;
    struct workspace *workspace = memory_get(1, sizeof *workspace);
    atomic_store(&workspace->references, 1);
    workspace->zone = zone;
    workspace->week_start = (uint8_t)week_start;
    change->number = 0;
    change->snapshot = snapshot_with(d->old, d->parts, NULL, workspace);
    return snapshot_make_again(change->snapshot, 0, SLICE_NONE, &change->again, &change->again_count, fault);
}

bool made_by_hand(const struct made *made) {
    return !made->deleted && made->attribute && (made->how == HOW_MANUAL || made->how == HOW_UPLOAD);
}

/* What sources say of these attributes is refused while they are set by hand. */
static void mark_attribute(const struct defining *d) {
    if (d->before && d->before->attribute)
        dictionary_attribute_by_hand(d->parts->dictionary, d->before->attribute, false);
    if (made_by_hand(d->made))
        dictionary_attribute_by_hand(d->parts->dictionary, d->made->attribute, true);
}

enum status definition_apply(const struct definition_parts *parts, const struct audience_snapshot *old,
                             struct json_parser *p, const struct json *definition, bool apply, uint64_t position,
                             int64_t at_ms, struct definition_change *change, struct fault *fault) {
    struct defining d = {.parts = parts,
                         .old = old,
                         .p = p,
                         .json = definition,
                         .made = made_create(),
                         .apply = apply,
                         .position = position,
                         .at_ms = at_ms};
    struct slice what = json_get_text(p, definition, "define");
    enum status status = STATUS_INVALID;
    *change = (struct definition_change){0};
    int sort = 0;
    while (sort < SORT_COUNT_ && !slice_is(what, sorts[sort]))
        sort++;
    if (sort < SORT_COUNT_)
        status = define_one(&d, (enum definition_sort)sort, change, fault);
    else if (slice_is(what, "workspace"))
        status = define_workspace(&d, change, fault);
    else
        fault_set(fault, STATUS_INVALID,
                  "\"define\" is \"%.*s\"; expected segment, tag, metric, subscription, analysis or workspace",
                  (int)(what.size < 40 ? what.size : 40), what.data ? what.data : "");
    if (!status && apply && change->snapshot)
        mark_attribute(&d);
    made_release(d.made);
    if (status) {
        audience_snapshot_release(change->snapshot);
        free(change->again);
        *change = (struct definition_change){0};
    }
    return status;
}

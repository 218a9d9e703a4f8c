/* relations_test: relations and contacts by every way in, among merges and splits by hand, restarts, compactions and repairs: at every customer
 * stand exactly the rows that a plain list of what was said comes to, told apart by who holds the identifiers now; what happened stands once; and
 * the language finds those who are related. */
#include "audience_bed_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"

#define USERS 5
#define PHONES 3
#define STEPS 120
#define SEEDS 10
#define SAID_MAX 4000
#define ID_BYTES 40

/* A row that must be there: at whoever holds `through`. */
struct said {
    int64_t time_ms; /* of its record alone, so it tells rows apart as the position does */
    const char *type;
    char through[ID_BYTES], other[ID_BYTES]; /* namespace:value; `other` empty: what happened */
    int ended;                               /* -1: not said */
    unsigned flags;
    const char *extra; /* "share" or "n", "" none; "?" refused until it is repaired */
};

struct world {
    struct random random;
    struct bed bed;
    struct said said[SAID_MAX];
    size_t count;
    int64_t time_ms;
    unsigned message, anonymous[USERS];
    bool repaired;
};

/* --- saying --- */

static int64_t next_time(struct world *w) {
    w->time_ms += 1000; /* what is said comes in any order of time */
    return w->time_ms - (int64_t)random_below(&w->random, 50) * 3600000 * 24 -
           (int64_t)random_below(&w->random, 400) * 2;
}

static void say(struct world *w, int64_t time_ms, const char *type, const char *through, const char *other, int ended,
                unsigned flags, const char *extra) {
    assert_true(w->count < SAID_MAX);
    struct said *s = &w->said[w->count++];
    *s = (struct said){.time_ms = time_ms, .type = type, .ended = ended, .flags = flags, .extra = extra};
    snprintf(s->through, sizeof s->through, "%s", through);
    snprintf(s->other, sizeof s->other, "%s", other);
}

static void say_both(struct world *w, int64_t time_ms, const char *type, const char *inverse, const char *own,
                     const char *other, int ended, unsigned own_flags, unsigned other_flags, const char *extra) {
    say(w, time_ms, type, own, other, ended, own_flags, extra);
    say(w, time_ms, inverse, other, own, ended, other_flags, extra);
}

/* A user who calls: by user_id, or by an anonymous_id of theirs alone. */
static void caller(struct world *w, char id[ID_BYTES], char member[80]) {
    struct random *r = &w->random;
    unsigned user = (unsigned)random_below(r, USERS);
    if (random_chance(r, 0.3)) {
        unsigned n = (unsigned)random_below(r, ++w->anonymous[user]);
        snprintf(id, ID_BYTES, "anonymous_id:a%u-%u", user, n);
        snprintf(member, 80, "\"anonymousId\":\"a%u-%u\"", user, n);
    } else {
        snprintf(id, ID_BYTES, "user_id:u%u", user);
        snprintf(member, 80, "\"userId\":\"u%u\"", user);
    }
}

static void somebody(struct world *w, char id[ID_BYTES]) {
    if (random_chance(&w->random, 0.4))
        snprintf(id, ID_BYTES, "phone:+861380000000%u", (unsigned)random_below(&w->random, PHONES));
    else
        snprintf(id, ID_BYTES, "user_id:u%u", (unsigned)random_below(&w->random, USERS));
}

static const char *iso(int64_t time_ms, char text[TIME_TEXT_BYTES]) {
    text[time_format(time_ms, text)] = 0;
    return text;
}

static void relation_call(struct world *w) {
    struct random *r = &w->random;
    char own[ID_BYTES], other[ID_BYTES], member[80], when[TIME_TEXT_BYTES], end[TIME_TEXT_BYTES], ended[80] = "";
    int64_t time_ms = next_time(w);
    bool alike = random_chance(r, 0.4), bad = random_chance(r, 0.3), over = random_chance(r, 0.3);
    const char *type = alike ? "household" : "knows", *inverse = alike ? "household" : "known_by";
    caller(w, own, member);
    somebody(w, other);
    bool later = !over && random_chance(r, 0.3);
    if (later)
        snprintf(ended, sizeof ended, ",\"ended\":\"%s\"", iso(time_ms + 1, end));
    else if (over)
        snprintf(ended, sizeof ended, ",\"ended\":true");
    bed_print(&w->bed, LOG_SEGMENT_ITEM,
              "{\"type\":\"relation\",\"messageId\":\"m%u\",%s,\"since\":\"%s\",\"relation\":\"%s\",\"to\":\"%s\","
              "\"properties\":{%s}%s}",
              ++w->message, member, iso(time_ms, when), type, other,
              alike ? ""
              : bad ? "\"share\":\"?\""
                    : "\"share\":\"7\"",
              ended);
    if (strcmp(own, other) == 0)
        return; /* refused: both ends are one */
    say_both(w, time_ms, type, inverse, own, other, over, 0, 0, alike ? "" : bad ? "?" : "7");
    if (later)
        say_both(w, time_ms + 1, type, inverse, own, other, 1, RECORD_ENDS, RECORD_ENDS, "");
}

static void booking(struct world *w) {
    struct random *r = &w->random;
    char own[ID_BYTES], other[ID_BYTES], member[80], when[TIME_TEXT_BYTES], list[200] = "";
    int64_t time_ms = next_time(w);
    unsigned user = (unsigned)random_below(r, USERS), phones = (unsigned)random_below(r, 1 << PHONES);
    bool bad = random_chance(r, 0.3);
    caller(w, own, member);
    for (unsigned i = 0; i < PHONES; i++)
        if (phones >> i & 1)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s\"1380000000%u\"", list[0] ? "," : "", i);
    bed_print(&w->bed, LOG_SEGMENT_ITEM,
              "{\"type\":\"track\",\"messageId\":\"m%u\",%s,\"timestamp\":\"%s\",\"event\":\"Booked\",\"properties\":{"
              "\"for\":\"u%u\",\"phones\":[%s],\"n\":\"%s\"}}",
              ++w->message, member, iso(time_ms, when), user, list, bad ? "?" : "7");
    say(w, time_ms, "Booked", own, "", -1, 0, bad ? "?" : "7");
    snprintf(other, sizeof other, "user_id:u%u", user);
    if (strcmp(own, other) != 0)
        say_both(w, time_ms, "referred", "referred_by", own, other, -1, 0, RECORD_INVOLVES, "");
    for (unsigned i = 0; i < PHONES; i++) {
        snprintf(other, sizeof other, "phone:+861380000000%u", i);
        if (phones >> i & 1)
            say_both(w, time_ms, "has_contact", "contact_of", own, other, -1, 0, RECORD_INVOLVES, "");
    }
}

static void sending(struct world *w) {
    char own[ID_BYTES], child[ID_BYTES], member[80], when[TIME_TEXT_BYTES];
    int64_t time_ms = next_time(w);
    unsigned user = (unsigned)random_below(&w->random, USERS);
    bool bad = random_chance(&w->random, 0.3);
    caller(w, own, member);
    snprintf(child, sizeof child, "user_id:u%u", user);
    bed_print(&w->bed, LOG_SEGMENT_ITEM,
              "{\"type\":\"track\",\"messageId\":\"m%u\",%s,\"timestamp\":\"%s\",\"event\":\"Sent\",\"properties\":{"
              "\"child\":\"u%u\",\"n\":\"%s\"}}",
              ++w->message, member, iso(time_ms, when), user, bad ? "?" : "7");
    say(w, time_ms, "Sent", child, "", -1, 0, bad ? "?" : "7");
    if (strcmp(own, child) != 0)
        say_both(w, time_ms, "guardian_of", "ward_of", own, child, -1, RECORD_INVOLVES, 0, "");
}

static struct identifier_id identifier(struct world *w, const char *id) {
    struct slice name = slice_of(id, (size_t)(strchr(id, ':') - id)), value = slice_text(strchr(id, ':') + 1);
    const struct namespace *ns = dictionary_namespace_find(w->bed.engine->dictionary, name);
    return identity_find(w->bed.engine->identity, ns->number, value);
}

static struct customer_id holder(struct world *w, const char *id) {
    struct identifier_id i = identifier(w, id);
    return i.number ? identity_customer(w->bed.engine->identity, i) : (struct customer_id){0};
}

static void order(struct world *w) {
    char from[ID_BYTES], to[ID_BYTES], when[TIME_TEXT_BYTES];
    int64_t time_ms = next_time(w);
    bool over = random_chance(&w->random, 0.4);
    somebody(w, from);
    somebody(w, to);
    bed_step(&w->bed);
    uint32_t a = holder(w, from).number, b = holder(w, to).number;
    bed_print(&w->bed, LOG_COMMAND,
              "{\"command\":\"relate\",\"type\":\"knows\",\"from\":\"%s\",\"to\":\"%s\",\"at\":\"%s\",\"end\":%s}",
              from, to, iso(time_ms, when), over ? "true" : "false");
    if (strcmp(from, to) != 0 && (a == 0 || a != b))
        say_both(w, time_ms, "knows", "known_by", from, to, over, 0, 0, "");
}

/* --- disturbing --- */

static void decide(struct world *w) {
    char a[ID_BYTES], b[ID_BYTES], member[80];
    caller(w, a, member);
    somebody(w, b);
    switch (random_below(&w->random, 3)) {
    case 0:
        bed_print(&w->bed, LOG_COMMAND, "{\"command\":\"merge\",\"customer\":\"%s\",\"other\":\"%s\"}", a, b);
        break;
    case 1:
        bed_print(&w->bed, LOG_COMMAND, "{\"command\":\"split\",\"customer\":\"%s\",\"identifiers\":[\"%s\"]}", b, b);
        break;
    default: {
        unsigned user = (unsigned)random_below(&w->random, USERS);
        bed_print(&w->bed, LOG_SEGMENT_ITEM,
                  "{\"type\":\"identify\",\"messageId\":\"m%u\",\"userId\":\"u%u\",\"anonymousId\":\"a%u-0\"}",
                  ++w->message, user, user);
    }
    }
}

static void disturb(struct world *w) {
    struct fault fault = {0};
    uint64_t what = random_below(&w->random, 100);
    if (what < 8)
        bed_restart(&w->bed, random_chance(&w->random, 0.5));
    else if (what < 16 && engine_compact(w->bed.engine, &fault))
        fail_msg("%s", fault.text);
    else if (what < 20 && engine_checkpoint(w->bed.engine, &fault))
        fail_msg("%s", fault.text);
}

/* --- comparing --- */

struct lines {
    char **all;
    size_t count;
};

PRINTF_LIKE(2, 3)
static void add_line(struct lines *l, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    l->all = memory_resize(l->all, l->count + 1, sizeof *l->all);
    l->all[l->count] = memory_get(1, 240);
    vsnprintf(l->all[l->count++], 240, format, arguments);
    va_end(arguments);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void release_lines(struct lines *l) {
    for (size_t i = 0; i < l->count; i++)
        free(l->all[i]);
    free(l->all);
}

/* What was refused shows once it is repaired. */
static const char *extra_now(const struct world *w, const char *extra) {
    return strcmp(extra, "?") == 0 && !w->repaired ? "" : extra;
}

static void expect(struct world *w, struct lines *l) {
    for (size_t i = 0; i < w->count; i++) {
        const struct said *s = &w->said[i];
        add_line(l, "%u has %lld %s by %s to %s ended %d flags %u %s", holder(w, s->through).number,
                 (long long)s->time_ms, s->type, s->through, s->other, s->ended, s->flags, extra_now(w, s->extra));
    }
}

static void print_identifier(struct world *w, uint32_t number, char out[ID_BYTES]) {
    const struct engine *e = w->bed.engine;
    struct identifier_id id = {number};
    out[0] = 0;
    if (number)
        snprintf(out, ID_BYTES, "%.*s:%.*s",
                 SLICE_ARG(dictionary_namespace_at(e->dictionary, identity_namespace(e->identity, id))->name),
                 SLICE_ARG(identity_value(e->identity, id)));
}

static void tell_row(struct world *w, uint32_t customer, const struct record_head *r, struct lines *l) {
    const struct type *type = dictionary_type_at(w->bed.engine->dictionary, r->type);
    const struct record_value *ended = record_find(r, RELATION_ENDED);
    const struct property *p = dictionary_property_find(w->bed.engine->dictionary, type,
                                                        r->kind == TYPE_RELATION ? SLICE("share") : SLICE("n"));
    const struct record_value *v = p ? record_find(r, p->number) : NULL;
    char through[ID_BYTES], other[ID_BYTES], extra[40] = "";
    print_identifier(w, r->arrival, through);
    print_identifier(w, r->document, other);
    if (v && v->kind == VALUE_TEXT)
        snprintf(extra, sizeof extra, "%.*s", SLICE_ARG(record_text(r, v)));
    else if (v)
        snprintf(extra, sizeof extra, "%g", record_number(v));
    add_line(l, "%u has %lld %.*s by %s to %s ended %d flags %u %s", customer, (long long)r->time_ms,
             SLICE_ARG(type->name), through, other, r->kind == TYPE_RELATION && ended ? (int)ended->integer : -1,
             r->flags & (RECORD_INVOLVES | RECORD_ENDS), extra);
}

static uint32_t created(struct world *w) {
    struct identity_counters counters;
    identity_counters_read(w->bed.engine->identity, &counters);
    return (uint32_t)counters.created;
}

static void find(struct world *w, struct lines *l) {
    struct history *h = w->bed.engine->history;
    struct arena arena = {0};
    struct record_builder builder = {0};
    for (uint32_t c = 1; c <= created(w); c++) {
        struct history_rows rows;
        arena_reset(&arena);
        if (identity_redirect(w->bed.engine->identity, (struct customer_id){c}).number != c)
            continue;
        history_rows(h, (struct customer_id){c}, -1, &arena, &rows);
        for (size_t i = 0; i < rows.count; i++)
            tell_row(w, c, history_row(h, &rows, i, &builder), l);
    }
    record_builder_release(&builder);
    arena_release(&arena);
}

static void compare(struct world *w, uint64_t seed) {
    struct lines want = {0}, got = {0};
    expect(w, &want);
    find(w, &got);
    qsort(want.all, want.count, sizeof *want.all, by_text);
    qsort(got.all, got.count, sizeof *got.all, by_text);
    for (size_t i = 0; i < want.count || i < got.count; i++)
        if (i >= want.count || i >= got.count || strcmp(want.all[i], got.all[i]) != 0)
            fail_msg("seed %llu: before %s\n       expected %s\n         found %s", (unsigned long long)seed,
                     i ? want.all[i - 1] : "nothing", i < want.count ? want.all[i] : "no more",
                     i < got.count ? got.all[i] : "no more");
    release_lines(&want);
    release_lines(&got);
}

/* Whether `s` is the newest that says so of the relation of its customer to its other end's identifier. */
static bool newest_said(struct world *w, const struct said *s) {
    uint32_t customer = holder(w, s->through).number;
    for (size_t i = 0; i < w->count; i++) {
        const struct said *o = &w->said[i];
        if (strcmp(o->type, s->type) == 0 && strcmp(o->other, s->other) == 0 && o->ended >= 0 &&
            o->time_ms > s->time_ms && holder(w, o->through).number == customer)
            return false;
    }
    return true;
}

/* Those of whom it was said last that they know somebody, and not that it is over. */
static void check_segment(struct world *w, const char *segment, const char *type, uint64_t seed) {
    uint32_t count = created(w);
    bool *in = memory_get(count + 1, sizeof *in);
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->said[i].type, type) == 0 && w->said[i].ended <= 0 &&
            (w->said[i].ended < 0 || newest_said(w, &w->said[i])))
            in[holder(w, w->said[i].through).number] = true;
    for (uint32_t c = 1; c <= count; c++)
        if (in[c] != audience_member(w->bed.engine->audience, bed_number(&w->bed, segment), (struct customer_id){c}))
            fail_msg("seed %llu: customer %u is %sin %s", (unsigned long long)seed, c, in[c] ? "not " : "", segment);
    free(in);
}

static void check(struct world *w, uint64_t seed) {
    bed_step(&w->bed);
    compare(w, seed);
    check_segment(w, "knows", "knows", seed);
    check_segment(w, "known", "known_by", seed);
    check_segment(w, "lives", "household", seed);
    check_segment(w, "guards", "guardian_of", seed);
    check_segment(w, "contact", "contact_of", seed);
    bed_check_batch(&w->bed, seed);
}

/* --- the run --- */

#define DEFINE_KNOWS(type)                                                                                             \
    "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"knows\",\"inverse\":\"known_by\",\"properties\":{"          \
    "\"share\":\"" type "\"}}"
#define DEFINE_BOOKED(type)                                                                                            \
    "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Booked\",\"properties\":{\"n\":\"" type "\","                  \
    "\"for\":{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"user_id\",\"relation\":\"referred\"},"       \
    "\"phones\":{\"type\":\"text_list\",\"customer\":\"contact\",\"identifier\":\"phone\"}}}"
#define DEFINE_SENT(type)                                                                                              \
    "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Sent\",\"properties\":{\"n\":\"" type "\","                    \
    "\"child\":{\"type\":\"text\",\"customer\":\"subject\",\"identifier\":\"user_id\",\"relation\":\"guardian_of\"}}}"

static void begin(struct world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    random_init(&w->random, seed);
    w->time_ms = BED_MS - 86400000;
    bed_open(&w->bed);
    bed_define(&w->bed, DEFINE_KNOWS("number"));
    bed_define(&w->bed, DEFINE_BOOKED("number"));
    bed_define(&w->bed, DEFINE_SENT("number"));
    bed_segment(&w->bed, "knows", "count(knows) > 0");
    bed_segment(&w->bed, "known", "any(known_by)");
    bed_segment(&w->bed, "lives", "any(household)");
    bed_segment(&w->bed, "guards", "any(guardian_of)");
    bed_segment(&w->bed, "contact", "any(contact_of)");
    bed_segment(&w->bed, "of a booker", "any(contact_of where count(Booked) > 1)");
}

static void repair(struct world *w) {
    bed_define(&w->bed, DEFINE_KNOWS("text"));
    bed_define(&w->bed, DEFINE_BOOKED("text"));
    bed_define(&w->bed, DEFINE_SENT("text"));
    bed_put(&w->bed, LOG_COMMAND, "{\"command\":\"replay\"}");
    w->repaired = true;
}

static void run(uint64_t seed) {
    struct world *w = memory_get(1, sizeof *w);
    begin(w, seed);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t what = random_below(&w->random, 10);
        if (what < 3)
            relation_call(w);
        else if (what < 5)
            booking(w);
        else if (what < 6)
            sending(w);
        else if (what < 7)
            order(w);
        else
            decide(w);
        if (random_chance(&w->random, 0.5))
            bed_step(&w->bed);
        disturb(w);
        if (i % 30 == 29)
            check(w, seed);
    }
    repair(w);
    check(w, seed);
    bed_restart(&w->bed, true);
    check(w, seed);
    bed_close(&w->bed);
    free(w);
}

static void rows_are_what_was_said(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("relations: seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

static void expect_in(struct bed *bed, const char *user, bool in) {
    struct fault fault = {0};
    bed_step(bed);
    assert_int_equal(bed_in(bed, "of a booker", user), in);
    bed_check_batch(bed, 0);
    assert_int_equal(engine_compact(bed->engine, &fault), STATUS_OK);
    bed_check_batch(bed, 0);
}

static void relate(struct bed *bed, const char *from, const char *to) {
    bed_print(bed, LOG_COMMAND,
              "{\"command\":\"relate\",\"type\":\"mentors\",\"from\":\"user_id:%s\",\"to\":\"user_id:%s\"}", from, to);
}

/* Relations written before a merge and during it lead to whoever has the identifier after it was taken back. */
static void a_relation_follows_its_identifier(void **state) {
    struct bed bed = {0};
    (void)state;
    bed_open(&bed);
    bed_traits(&bed, "a", "\"city\":\"x\"");
    bed_traits(&bed, "b", "\"city\":\"x\"");
    bed_traits(&bed, "one", "\"city\":\"x\"");
    bed_track(&bed, "other", BED_MS, "Booked", "");
    bed_track(&bed, "other", BED_MS, "Booked", "");
    relate(&bed, "a", "one");
    bed_step(&bed);
    bed_segment(&bed, "of a booker", "any(mentors where count(Booked) > 1)");
    expect_in(&bed, "a", false);
    bed_put(&bed, LOG_COMMAND, "{\"command\":\"merge\",\"customer\":\"user_id:one\",\"other\":\"user_id:other\"}");
    expect_in(&bed, "a", true);
    relate(&bed, "b", "other");
    expect_in(&bed, "b", true);
    bed_put(&bed, LOG_COMMAND, "{\"command\":\"undo\",\"decision\":1}");
    expect_in(&bed, "a", false);
    expect_in(&bed, "b", true);
    bed_restart(&bed, true);
    expect_in(&bed, "a", false);
    expect_in(&bed, "b", true);
    bed_close(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relation_follows_its_identifier),
        cmocka_unit_test(rows_are_what_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* dictionary_rules: see the header. */
#include "govern/dictionary_rules.h"

#include <stdatomic.h>

#define DAY_MS (24LL * 3600 * 1000)

static const char *const shared_names[] = {"default", "none", "first", "last"};
#define SHARED_COUNT (sizeof shared_names / sizeof *shared_names)

const char *shared_device_name(enum shared_device policy) { return shared_names[policy]; }
int shared_device_parse(struct slice name) {
    for (size_t i = 0; i < SHARED_COUNT; i++)
        if (slice_is(name, shared_names[i]))
            return (int)i;
    return -1;
}

/* --- matching --- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c; }

static bool matches_one(char pattern, char value) {
    return pattern == '?' || (pattern == '#' && value >= '0' && value <= '9') || lower(pattern) == lower(value);
}

/* After a '*' the rest is tried at every place from where it stood; only the last '*' needs to be tried again. */
static bool matches(struct slice pattern, struct slice value) {
    size_t p = 0, v = 0, star = SIZE_MAX, resume = 0;
    while (v < value.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            resume = v;
        } else if (p < pattern.size && matches_one(pattern.data[p], value.data[v])) {
            p++, v++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            v = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*')
        p++;
    return p == pattern.size;
}

bool blocked_values_have(const struct blocked_values *blocked, struct slice value) {
    for (size_t i = 0; blocked && i < blocked->count; i++)
        if (matches(blocked->patterns[i], value))
            return true;
    return false;
}

/* --- definitions --- */

static enum status check_blocked(struct json_parser *p, const struct json *blocked, struct fault *fault) {
    size_t count = 0;
    if (blocked->kind != JSON_ARRAY)
        return fault_set(fault, STATUS_INVALID, "\"blocked\" is a list of values or patterns (* ? #)");
    for (const struct json *m = json_first(p, blocked); m; m = json_next(p, m)) {
        if (m->kind != JSON_TEXT || !m->text.size || m->text.size > BLOCKED_PATTERN_BYTES_MAX)
            return fault_set(fault, STATUS_INVALID, "\"blocked\": entry %zu is no text of 1 to %d bytes", count + 1,
                             BLOCKED_PATTERN_BYTES_MAX);
        if (++count > BLOCKED_PATTERNS_MAX)
            return fault_set(fault, STATUS_FULL, "\"blocked\": at most %d entries", BLOCKED_PATTERNS_MAX);
    }
    return STATUS_OK;
}

enum status dictionary_rules_check(struct json_parser *p, const struct json *definition, struct fault *fault) {
    const struct json *window = json_get(p, definition, "window_days"), *blocked = json_get(p, definition, "blocked");
    const struct json *anonymous = json_get(p, definition, "anonymous_only");
    struct slice shared = json_get_text(p, definition, "shared");
    if (window && (window->kind != JSON_INTEGER || window->integer < 0 || window->integer > WINDOW_DAYS_MAX))
        return fault_set(fault, STATUS_INVALID, "\"window_days\" is a whole number of days from 0 (for ever) to %d",
                         WINDOW_DAYS_MAX);
    if (anonymous && anonymous->kind != JSON_BOOL)
        return fault_set(fault, STATUS_INVALID, "\"anonymous_only\" is true or false");
    if (shared.size && shared_device_parse(shared) < 0)
        return fault_set(fault, STATUS_INVALID, "\"shared\": \"%.*s\" is none of default, none, first, last",
                         SLICE_ARG(shared));
    return blocked ? check_blocked(p, blocked, fault) : STATUS_OK;
}

static const struct blocked_values *read_blocked(struct arena *arena, const struct namespace *ns, struct json_parser *p,
                                                 const struct json *list) {
    size_t count = 0;
    for (const struct json *m = json_first(p, list); m; m = json_next(p, m))
        count++;
    struct blocked_values *out = arena_get(arena, sizeof *out + count * sizeof *out->patterns);
    out->older = ns->blocked;
    out->count = 0;
    for (const struct json *m = json_first(p, list); m; m = json_next(p, m))
        out->patterns[out->count++] = arena_copy(arena, m->text);
    return out;
}

void dictionary_rules_apply(struct arena *arena, struct namespace *ns, struct json_parser *p,
                            const struct json *definition) {
    const struct json *blocked = json_get(p, definition, "blocked");
    struct slice shared = json_get_text(p, definition, "shared");
    ns->window_ms = json_get_integer(p, definition, "window_days", ns->window_ms / DAY_MS) * DAY_MS;
    ns->anonymous_only = json_get_bool(p, definition, "anonymous_only", ns->anonymous_only);
    if (shared.size)
        ns->shared = (uint8_t)shared_device_parse(shared);
    if (blocked)
        atomic_store_explicit(&ns->blocked, read_blocked(arena, ns, p, blocked), memory_order_release);
}

void dictionary_rules_write(const struct namespace *ns, struct json_writer *w) {
    const struct blocked_values *blocked = ns->blocked;
    if (ns->window_ms)
        json_member_integer(w, "window_days", ns->window_ms / DAY_MS);
    if (ns->anonymous_only)
        json_member_bool(w, "anonymous_only", true);
    if (ns->shared != SHARED_DEFAULT)
        json_member_cstring(w, "shared", shared_device_name((enum shared_device)ns->shared));
    if (!blocked || !blocked->count)
        return;
    json_key(w, "blocked");
    json_array(w);
    for (size_t i = 0; i < blocked->count; i++)
        json_text(w, blocked->patterns[i]);
    json_end_array(w);
}

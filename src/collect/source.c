/* source: sources in an array by number, keys in an open-addressing table by the first eight bytes of their hash.
 *
 * Keys we make carry 190 bits of chance, so an unsalted hash cannot be turned back by trying; hashing before looking up
 * also means that the look-up's timing depends on the hash alone, which tells a guesser nothing. The final comparison
 * is constant-time all the same. Nothing is ever removed: a revoked key stays, so that it can be listed and never used
 * again. */
#include "collect/source.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_BYTES 32
#define TEXT_MAX(member) (sizeof(member) - 1)

struct key {
    unsigned char hash[HASH_BYTES];
    char name[64];
    uint16_t source; /* 0 for an admin key */
    uint8_t role;
    bool revoked;
};

struct sources {
    struct os *os;
    pthread_rwlock_t lock; /* over everything below */
    struct source *entries;
    struct key *keys;
    uint32_t *table; /* index of a key + 1; 0 = free */
    size_t table_size;
    size_t key_count;
    uint16_t count;
};

struct sources *sources_create(struct os *os) {
    int ready = sodium_init();
    assert(ready >= 0);
    (void)ready;
    struct sources *s = memory_get(1, sizeof *s);
    s->os = os;
    s->table_size = 64;
    s->table = memory_get(s->table_size, sizeof *s->table);
    int failed = pthread_rwlock_init(&s->lock, NULL);
    assert(!failed);
    (void)failed;
    return s;
}

void sources_free(struct sources *s) {
    if (!s)
        return;
    pthread_rwlock_destroy(&s->lock);
    free(s->entries);
    free(s->keys);
    free(s->table);
    free(s);
}

/* --- look-ups; the caller holds the lock --- */

static void hash_key(struct slice key, unsigned char hash[HASH_BYTES]) {
    int failed = crypto_generichash(hash, HASH_BYTES, (const unsigned char *)key.data, key.size, NULL, 0);
    assert(!failed);
    (void)failed;
}

static size_t slot_of(const struct sources *s, const unsigned char hash[HASH_BYTES]) {
    uint64_t head;
    memcpy(&head, hash, sizeof head);
    return head & (s->table_size - 1);
}

static struct key *key_find(const struct sources *s, const unsigned char hash[HASH_BYTES]) {
    for (size_t i = slot_of(s, hash); s->table[i]; i = (i + 1) & (s->table_size - 1)) {
        struct key *key = &s->keys[s->table[i] - 1];
        if (sodium_memcmp(key->hash, hash, HASH_BYTES) == 0)
            return key;
    }
    return NULL;
}

static struct source *entry_find(const struct sources *s, struct slice name) {
    for (uint16_t i = 0; i < s->count; i++)
        if (slice_is(name, s->entries[i].name))
            return &s->entries[i];
    return NULL;
}

/* --- definitions: read into a plan, which is either dropped (check) or put in place (define) --- */

struct plan {
    struct source source; /* number 0: a new one */
    struct key key;
    bool is_key;
    bool key_known;
};

/* Copies the text member `key` into `into`; a missing one leaves `into` as it is. */
static enum status read_text(struct json_parser *p, const struct json *object, const char *key, char *into,
                             size_t size_max, struct fault *fault) {
    const struct json *member = json_get(p, object, key);
    if (!member || member->kind == JSON_NULL)
        return STATUS_OK;
    if (member->kind != JSON_TEXT)
        return fault_set(fault, STATUS_INVALID, "\"%s\" must be text", key);
    struct slice text = slice_trim(member->text);
    if (text.size > size_max)
        return fault_set(fault, STATUS_INVALID, "\"%s\" has %zu bytes; at most %zu are allowed", key, text.size,
                         size_max);
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return fault_set(fault, STATUS_INVALID, "\"%s\" holds a control character", key);
    memcpy(into, text.data, text.size);
    into[text.size] = 0;
    return STATUS_OK;
}

static enum status read_bool(struct json_parser *p, const struct json *object, const char *key, bool *into,
                             struct fault *fault) {
    const struct json *member = json_get(p, object, key);
    if (!member || member->kind == JSON_NULL)
        return STATUS_OK;
    if (member->kind != JSON_BOOL)
        return fault_set(fault, STATUS_INVALID, "\"%s\" must be true or false", key);
    *into = member->boolean;
    return STATUS_OK;
}

/* True when `text` is made of letters, digits and `others` alone. */
static bool plain_word(const char *text, const char *others) {
    for (; *text; text++) {
        char c = *text;
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && !strchr(others, c))
            return false;
    }
    return true;
}

static enum status plan_source(const struct sources *s, struct json_parser *p, const struct json *d, struct plan *plan,
                               struct fault *fault) {
    struct slice name = slice_trim(json_get_text(p, d, "name"));
    if (!name.size)
        return fault_set(fault, STATUS_INVALID, "a source needs a \"name\"");
    const struct source *known = entry_find(s, name);
    struct source *source = &plan->source;
    if (!known && s->count >= SOURCES_MAX)
        return fault_set(fault, STATUS_FULL, "there are %u sources already, the most there can be", SOURCES_MAX);
    *source = known ? *known : (struct source){.kind = "segment", .priority = 100, .enabled = true};
    enum status status = read_text(p, d, "name", source->name, TEXT_MAX(source->name), fault);
    if (!status)
        status = read_text(p, d, "kind", source->kind, TEXT_MAX(source->kind), fault);
    if (!status)
        status = read_text(p, d, "time_zone", source->time_zone, TEXT_MAX(source->time_zone), fault);
    if (!status)
        status = read_bool(p, d, "enabled", &source->enabled, fault);
    if (status)
        return status;
    if (!source->kind[0] || !plain_word(source->kind, "_-"))
        return fault_set(fault, STATUS_INVALID, "\"kind\" must be a word such as \"segment\" or \"file\"");
    if (!plain_word(source->time_zone, "_-+/:"))
        return fault_set(fault, STATUS_INVALID, "\"time_zone\" must be a name such as \"Asia/Shanghai\"");
    const struct json *priority = json_get(p, d, "priority");
    if (priority && (priority->kind != JSON_INTEGER || priority->integer < 0 || priority->integer > 255))
        return fault_set(fault, STATUS_INVALID, "\"priority\" must be a number from 0 (strongest) to 255");
    if (priority)
        source->priority = (uint8_t)priority->integer;
    return STATUS_OK;
}

static enum status plan_key_source(const struct sources *s, struct json_parser *p, const struct json *d,
                                   struct key *key, struct fault *fault) {
    struct slice name = slice_trim(json_get_text(p, d, "source"));
    if (!name.size)
        return fault_set(fault, STATUS_INVALID, "a write key needs a \"source\"");
    const struct source *source = entry_find(s, name);
    if (!source)
        return fault_set(fault, STATUS_NOT_FOUND, "there is no source \"%.*s\"", SLICE_ARG(name));
    key->source = source->number;
    return STATUS_OK;
}

static enum status plan_key(const struct sources *s, struct json_parser *p, const struct json *d, struct plan *plan,
                            struct fault *fault) {
    struct slice hash = json_get_text(p, d, "hash"), role = json_get_text(p, d, "role");
    struct key key = {0};
    size_t got = 0;
    if (hash.size != 2 * HASH_BYTES || sodium_hex2bin(key.hash, HASH_BYTES, hash.data, hash.size, NULL, &got, NULL) ||
        got != HASH_BYTES)
        return fault_set(fault, STATUS_INVALID, "\"hash\" must be %d hex digits", 2 * HASH_BYTES);
    key.role = slice_is(role, "write") ? KEY_WRITE : slice_is(role, "admin") ? KEY_ADMIN : 0;
    if (!key.role)
        return fault_set(fault, STATUS_INVALID, "\"role\" must be \"write\" or \"admin\"");
    enum status status = key.role == KEY_WRITE ? plan_key_source(s, p, d, &key, fault) : STATUS_OK;
    if (status)
        return status;
    const struct key *known = key_find(s, key.hash);
    if (known && (known->role != key.role || known->source != key.source))
        return fault_set(fault, STATUS_CONFLICT, "this key belongs to another role or source; make a new one");
    if (!known && s->key_count >= SOURCE_KEYS_MAX)
        return fault_set(fault, STATUS_FULL, "there are %u keys already, the most there can be", SOURCE_KEYS_MAX);
    plan->key = known ? *known : key;
    plan->key_known = known != NULL;
    status = read_text(p, d, "name", plan->key.name, TEXT_MAX(plan->key.name), fault);
    return status ? status : read_bool(p, d, "revoked", &plan->key.revoked, fault);
}

static enum status plan_read(const struct sources *s, struct json_parser *p, const struct json *d, struct plan *plan,
                             struct fault *fault) {
    struct slice what = json_get_text(p, d, "define");
    *plan = (struct plan){.is_key = slice_is(what, "key")};
    if (plan->is_key)
        return plan_key(s, p, d, plan, fault);
    if (slice_is(what, "source"))
        return plan_source(s, p, d, plan, fault);
    return fault_set(fault, STATUS_INVALID, "\"define\" must be \"source\" or \"key\" here");
}

enum status sources_check(struct sources *s, struct json_parser *p, const struct json *definition,
                          struct fault *fault) {
    struct plan plan;
    pthread_rwlock_rdlock(&s->lock);
    enum status status = plan_read(s, p, definition, &plan, fault);
    pthread_rwlock_unlock(&s->lock);
    return status;
}

static void put_source(struct sources *s, const struct source *source) {
    if (source->number) {
        assert(source->number <= s->count);
        s->entries[source->number - 1] = *source;
        return;
    }
    assert(s->count < SOURCES_MAX);
    s->entries = memory_resize(s->entries, s->count + 1u, sizeof *s->entries);
    s->entries[s->count] = *source;
    s->count++;
    s->entries[s->count - 1].number = s->count;
}

static void table_put(struct sources *s, uint32_t key_index) {
    size_t i = slot_of(s, s->keys[key_index].hash);
    while (s->table[i])
        i = (i + 1) & (s->table_size - 1);
    s->table[i] = key_index + 1;
}

static void put_key(struct sources *s, const struct key *key) {
    struct key *known = key_find(s, key->hash);
    if (known) {
        *known = *key;
        return;
    }
    assert(s->key_count < SOURCE_KEYS_MAX);
    s->keys = memory_resize(s->keys, s->key_count + 1, sizeof *s->keys);
    s->keys[s->key_count++] = *key;
    if (s->key_count * 2 <= s->table_size) {
        table_put(s, (uint32_t)s->key_count - 1);
        return;
    }
    s->table_size *= 2;
    free(s->table);
    s->table = memory_get(s->table_size, sizeof *s->table);
    for (uint32_t i = 0; i < s->key_count; i++)
        table_put(s, i);
}

enum status sources_define(struct sources *s, struct json_parser *p, const struct json *definition,
                           struct fault *fault) {
    struct plan plan;
    pthread_rwlock_wrlock(&s->lock);
    enum status status = plan_read(s, p, definition, &plan, fault);
    if (!status && plan.is_key)
        put_key(s, &plan.key);
    else if (!status)
        put_source(s, &plan.source);
    pthread_rwlock_unlock(&s->lock);
    return status;
}

/* --- questions --- */

enum status sources_by_key(struct sources *s, struct slice key, struct source *out, struct fault *fault) {
    unsigned char hash[HASH_BYTES];
    bool found = false;
    hash_key(key, hash);
    pthread_rwlock_rdlock(&s->lock);
    const struct key *known = key_find(s, hash);
    if (known && known->role == KEY_WRITE && !known->revoked) {
        assert(known->source >= 1 && known->source <= s->count);
        *out = s->entries[known->source - 1];
        found = true;
    }
    pthread_rwlock_unlock(&s->lock);
    if (!found)
        return fault_set(fault, STATUS_UNAUTHORIZED, "the write key is not known here or was revoked");
    if (!out->enabled)
        return fault_set(fault, STATUS_FORBIDDEN, "the source \"%s\" is switched off", out->name);
    return STATUS_OK;
}

bool sources_is_admin(struct sources *s, struct slice key) {
    unsigned char hash[HASH_BYTES];
    hash_key(key, hash);
    pthread_rwlock_rdlock(&s->lock);
    const struct key *known = key_find(s, hash);
    bool is_admin = known && known->role == KEY_ADMIN && !known->revoked;
    pthread_rwlock_unlock(&s->lock);
    return is_admin;
}

bool sources_has_admin(struct sources *s) {
    bool has = false;
    pthread_rwlock_rdlock(&s->lock);
    for (size_t i = 0; i < s->key_count && !has; i++)
        has = s->keys[i].role == KEY_ADMIN && !s->keys[i].revoked;
    pthread_rwlock_unlock(&s->lock);
    return has;
}

bool sources_by_name(struct sources *s, struct slice name, struct source *out) {
    pthread_rwlock_rdlock(&s->lock);
    const struct source *found = entry_find(s, name);
    if (found)
        *out = *found;
    pthread_rwlock_unlock(&s->lock);
    return found != NULL;
}

bool sources_at(struct sources *s, uint16_t number, struct source *out) {
    pthread_rwlock_rdlock(&s->lock);
    bool found = number >= 1 && number <= s->count;
    if (found)
        *out = s->entries[number - 1];
    pthread_rwlock_unlock(&s->lock);
    return found;
}

uint16_t sources_count(struct sources *s) {
    pthread_rwlock_rdlock(&s->lock);
    uint16_t count = s->count;
    pthread_rwlock_unlock(&s->lock);
    return count;
}

/* --- keys as text --- */

void sources_hash_key(struct slice key, char out[65]) {
    unsigned char hash[HASH_BYTES];
    hash_key(key, hash);
    sodium_bin2hex(out, 65, hash, HASH_BYTES);
}

void sources_new_key(struct os *os, enum key_role role, char out[48]) {
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    assert(role == KEY_WRITE || role == KEY_ADMIN);
    memcpy(out, role == KEY_WRITE ? "ofw_" : "ofa_", 4);
    for (size_t i = 4; i < 36;) {
        unsigned char chance[32];
        os_random(os, chance, sizeof chance);
        for (size_t c = 0; c < sizeof chance && i < 36; c++)
            if (chance[c] < 62 * 4) /* the rest would favour the first letters */
                out[i++] = letters[chance[c] % 62];
    }
    out[36] = 0;
}

/* --- out and back --- */

static void write_source_members(struct json_writer *w, const struct source *source) {
    json_member_cstring(w, "name", source->name);
    json_member_cstring(w, "kind", source->kind);
    json_member_integer(w, "priority", source->priority);
    json_member_cstring(w, "time_zone", source->time_zone);
    json_member_bool(w, "enabled", source->enabled);
}

static void write_key_members(struct json_writer *w, const struct key *key) {
    char hex[2 * HASH_BYTES + 1];
    sodium_bin2hex(hex, sizeof hex, key->hash, HASH_BYTES);
    json_member_cstring(w, "hash", hex);
    json_member_cstring(w, "name", key->name);
    json_member_bool(w, "revoked", key->revoked);
}

static void write_keys(const struct sources *s, const char *member, uint16_t source, struct json_writer *w) {
    json_key(w, member);
    json_array(w);
    for (size_t i = 0; i < s->key_count; i++) {
        if (s->keys[i].source != source)
            continue;
        json_object(w);
        write_key_members(w, &s->keys[i]);
        json_end_object(w);
    }
    json_end_array(w);
}

void sources_write_json(struct sources *s, struct json_writer *w) {
    pthread_rwlock_rdlock(&s->lock);
    json_object(w);
    json_key(w, "sources");
    json_array(w);
    for (uint16_t i = 0; i < s->count; i++) {
        json_object(w);
        json_member_integer(w, "number", s->entries[i].number);
        write_source_members(w, &s->entries[i]);
        write_keys(s, "keys", s->entries[i].number, w);
        json_end_object(w);
    }
    json_end_array(w);
    write_keys(s, "admin_keys", 0, w);
    json_end_object(w);
    pthread_rwlock_unlock(&s->lock);
}

static void save_key(const struct sources *s, const struct key *key, struct json_writer *w) {
    json_member_cstring(w, "define", "key");
    json_member_cstring(w, "role", key->role == KEY_WRITE ? "write" : "admin");
    if (key->source)
        json_member_cstring(w, "source", s->entries[key->source - 1].name);
    write_key_members(w, key);
}

void sources_save(struct sources *s, struct buffer *into) {
    pthread_rwlock_rdlock(&s->lock);
    for (size_t i = 0; i < s->count + s->key_count; i++) {
        struct json_writer w = {.out = into};
        json_object(&w);
        if (i < s->count) {
            json_member_cstring(&w, "define", "source");
            write_source_members(&w, &s->entries[i]);
        } else {
            save_key(s, &s->keys[i - s->count], &w);
        }
        json_end_object(&w);
        buffer_add_char(into, '\n');
    }
    pthread_rwlock_unlock(&s->lock);
}

enum status sources_load(struct sources *s, struct slice lines, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    enum status status = STATUS_OK;
    while (lines.size && !status) {
        const char *end = memchr(lines.data, '\n', lines.size);
        size_t size = end ? (size_t)(end - lines.data) : lines.size;
        const struct json *root;
        if (size)
            status = json_parse(p, slice_of(lines.data, size), false, &root, fault);
        if (size && !status)
            status = sources_define(s, p, root, fault);
        size += end != NULL;
        lines = slice_of(lines.data + size, lines.size - size);
    }
    json_parser_free(p);
    return status;
}

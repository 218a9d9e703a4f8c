/* segment_auth: see the header. */
#include "collect/segment_auth.h"

#include <assert.h>
#include <sodium.h>

static const struct {
    const char *name;
    const char *letter; /* what browsers send */
    enum segment_call call;
} calls[] = {
    {"identify", "i", SEGMENT_IDENTIFY},
    {"track", "t", SEGMENT_TRACK},
    {"page", "p", SEGMENT_PAGE},
    {"screen", "s", SEGMENT_SCREEN},
    {"group", "g", SEGMENT_GROUP},
    {"alias", "a", SEGMENT_ALIAS},
    {"relation", "relation", SEGMENT_RELATION},
    {"batch", "b", SEGMENT_BATCH},
    {"import", "import", SEGMENT_BATCH},
};
#define CALL_COUNT (sizeof calls / sizeof *calls)

enum segment_call segment_call_of_path(struct slice path) {
    static const char *const roots[] = {"/v1/", "/beacon/v1/", "/api/s/s2s/", "/api/s/"};
    while (path.size && path.data[path.size - 1] == '/')
        path.size--;
    for (size_t r = 0; r < sizeof roots / sizeof *roots; r++) {
        struct slice root = slice_text(roots[r]);
        if (!slice_starts(path, root))
            continue;
        struct slice name = slice_of(path.data + root.size, path.size - root.size);
        for (size_t i = 0; i < CALL_COUNT; i++)
            if (slice_is(name, calls[i].name) || slice_is(name, calls[i].letter))
                return calls[i].call;
    }
    return SEGMENT_NONE;
}

enum segment_call segment_call_of_type(struct slice type) {
    for (size_t i = 0; i < CALL_COUNT; i++)
        if (calls[i].call != SEGMENT_BATCH && slice_is(type, calls[i].name))
            return calls[i].call;
    return SEGMENT_NONE;
}

const char *segment_call_name(enum segment_call call) {
    for (size_t i = 0; i < CALL_COUNT; i++)
        if (calls[i].call == call)
            return calls[i].name;
    assert(call == SEGMENT_NONE);
    return "none";
}

struct slice segment_basic_user(struct slice header, char into[SEGMENT_KEY_BYTES_MAX]) {
    size_t size = 0;
    header = slice_trim(header);
    if (header.size < 6 || strncasecmp(header.data, "basic ", 6) != 0)
        return SLICE_NONE;
    struct slice text = slice_trim(slice_of(header.data + 6, header.size - 6));
    while (text.size && text.data[text.size - 1] == '=')
        text.size--;
    if (!text.size || sodium_base642bin((unsigned char *)into, SEGMENT_KEY_BYTES_MAX, text.data, text.size, NULL, &size,
                                        NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING))
        return SLICE_NONE;
    const char *colon = memchr(into, ':', size);
    return slice_of(into, colon ? (size_t)(colon - into) : size);
}

void segment_basic_header(struct slice user, struct buffer *into) {
    char text[SEGMENT_KEY_BYTES_MAX];
    size_t encoded = sodium_base64_ENCODED_LEN(user.size + 1, sodium_base64_VARIANT_ORIGINAL);
    assert(user.size < sizeof text);
    memcpy(text, user.data, user.size);
    text[user.size] = ':';
    buffer_add(into, "Basic ", 6);
    sodium_bin2base64(buffer_reserve(into, encoded), encoded, (const unsigned char *)text, user.size + 1,
                      sodium_base64_VARIANT_ORIGINAL);
    into->size += encoded - 1; /* without the zero at its end */
}

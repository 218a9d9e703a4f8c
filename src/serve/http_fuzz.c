/* http_fuzz: what serve reads of a request by itself: target, parameters, percent-encoding, keys, routes. Input: lines; each is taken for all
 * of these. What is promised is checked: results lie within what was given or decoded, and decoding twice what needs no decoding
 * changes nothing. */
#include <assert.h>
#include <stdint.h>

#include "serve/query.h"
#include "serve/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_within(struct slice part, struct slice whole) {
    return part.size == 0 || (part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

static void try_route(struct slice path, struct arena *arena) {
    struct slice pieces[ROUTE_PIECES_MAX], decoded;
    const char *allow;
    for (enum http_method method = HTTP_OTHER; method <= HTTP_OPTIONS; method++) {
        const struct route *route = route_find(method, path, &allow);
        if (route == NULL)
            continue;
        size_t count = route_pieces(route, path, pieces);
        assert(count <= ROUTE_PIECES_MAX);
        for (size_t i = 0; i < count; i++) {
            assert(pieces[i].size && lies_within(pieces[i], path));
            if (query_decode(pieces[i], false, arena, &decoded) == STATUS_OK)
                assert(decoded.size <= pieces[i].size);
        }
    }
}

static void try_line(struct slice line, struct arena *arena) {
    struct slice path, query, value, piece;
    struct fault fault = {0};
    int64_t number;
    if (query_split(line, &path, &query)) {
        assert(path.size && path.data[0] == '/' && lies_within(query, line));
        try_route(path, arena);
        size_t pieces = 0;
        for (struct slice rest = path; query_piece(&rest, &piece); pieces++)
            assert(lies_within(piece, path));
        assert(pieces >= 1);
        if (query_raw(query, "limit", &value))
            assert(lies_within(value, query));
        if (query_integer(query, "limit", -5, 1000, 7, &number, &fault) == STATUS_OK)
            assert(number >= -5 && number <= 1000);
        query_text(query, "before", arena);
        query_flag(query, "last");
    }
    if (query_decode(line, true, arena, &value) == STATUS_OK)
        assert(value.size <= line.size &&
               (value.size == 0 || memchr(value.data, 0, value.size) == NULL || memchr(line.data, 0, line.size)));
    struct slice key = query_key(line, arena);
    assert(key.size <= line.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct slice rest = slice_of(data, size);
    while (rest.size) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t bytes = end ? (size_t)(end - rest.data) : rest.size;
        try_line(slice_of(rest.data, bytes), &arena);
        bytes += end != NULL;
        rest = slice_of(rest.data + bytes, rest.size - bytes);
    }
    arena_release(&arena);
    return 0;
}

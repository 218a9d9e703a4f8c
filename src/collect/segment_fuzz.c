/* Fuzz target: the first byte chooses the path and where the key is, the rest is the body. Beyond not faulting: the
 * answer is JSON and its counts are the records', every record's parts add up and its item is a JSON object with a
 * type. */
#include "collect/segment.h"

#include <assert.h>
#include <stdlib.h>

#include "collect/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sources *make_sources(void) {
    struct sources *sources = sources_create(os_real());
    char hash[65];
    struct buffer lines = {0};
    struct fault fault;
    sources_hash_key(SLICE("key1"), hash);
    buffer_print(&lines,
                 "{\"define\":\"source\",\"name\":\"web\"}\n{\"define\":\"key\",\"role\":\"write\",\"source\":\"web\","
                 "\"hash\":\"%s\"}\n",
                 hash);
    enum status status = sources_load(sources, buffer_slice(&lines), &fault);
    assert(!status);
    (void)status;
    buffer_release(&lines);
    return sources;
}

static void check_record(struct json_parser *p, const struct log_record *record) {
    struct payload_segment head;
    struct fault fault;
    const struct json *root;
    assert(record->payload.size >= sizeof head && record->kind == LOG_SEGMENT_ITEM && record->source == 1);
    memcpy(&head, record->payload.data, sizeof head);
    assert(record->payload.size == sizeof head + head.context_bytes + head.item_bytes);
    const char *at = record->payload.data + sizeof head;
    if (head.context_bytes &&
        (json_parse(p, slice_of(at, head.context_bytes), false, &root, &fault) || root->kind != JSON_OBJECT))
        abort();
    if (json_parse(p, slice_of(at + head.context_bytes, head.item_bytes), false, &root, &fault))
        abort();
    assert(root->kind == JSON_OBJECT && json_get_text(p, root, "type").size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {"/v1/batch", "/v1/track",  "/v1/i", "/v1/group/",
                                        "/v1/alias", "/v1/import", "/v2",   "/v1/p"};
    static const char *const encodings[] = {"", "", "gzip", "deflate"};
    static struct json_parser *parser;
    static struct segment_door *door;
    struct segment_answer answer;
    struct buffer body = {0};
    struct fault fault;
    const struct json *root;
    if (!door) {
        parser = json_parser_create();
        door = segment_door_create(make_sources());
    }
    if (!size)
        return 0;
    buffer_add(&body, data + 1, size - 1);
    struct segment_request request = {.path = slice_text(paths[data[0] & 7]),
                                      .encoding = slice_text(encodings[data[0] >> 3 & 3]),
                                      .write_key = data[0] & 32 ? SLICE_NONE : SLICE("key1"),
                                      .authorization = data[0] & 64 ? buffer_slice(&body) : SLICE_NONE,
                                      .body = buffer_slice(&body)};
    segment_accept(door, &request, &answer);
    if (json_parse(parser, answer.body, true, &root, &fault))
        abort();
    assert(answer.status || (size_t)json_get_integer(parser, root, "accepted", -1) == answer.record_count);
    assert(answer.status || json_get(parser, root, "rejected")->count == answer.rejected_count);
    assert(!answer.status || answer.record_count == 0);
    for (size_t i = 0; i < answer.record_count; i++)
        check_record(parser, &answer.records[i]);
    buffer_release(&body);
    return 0;
}

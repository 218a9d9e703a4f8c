/* simulate/out: see the header. Rows are collected as bytes plus (arrival, place); a flush sorts the places, copies the
 * due rows into one block and moves the others to the front of a fresh buffer. */
#include "main/simulate/out.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct feed_info {
    const char *path, *kind, *encoding;
};
static const struct feed_info infos[FEED_COUNT] = {
#define FEED(name, path, kind, source, encoding, mapping) {path, kind, encoding},
#include "main/simulate/feeds.def"
#undef FEED
};
static const char *const dirt_names[DIRT_COUNT] = {
#define DIRT(name, text, rate, meaning) text,
#include "main/simulate/dirt.def"
#undef DIRT
};
struct column {
    enum simulated_feed feed;
    const char *name;
};
static const struct column columns[] = {
#define COLUMN(feed, name, targets, type, more) {FEED_##feed, name},
#include "main/simulate/columns.def"
#undef COLUMN
};

const char *simulate_feed_path(enum simulated_feed feed) {
    assert(feed < FEED_COUNT);
    return infos[feed].path;
}
const char *simulate_feed_kind(enum simulated_feed feed) {
    assert(feed < FEED_COUNT);
    return infos[feed].kind;
}
const char *simulate_dirt_name(enum dirt dirt) {
    assert(dirt < DIRT_COUNT);
    return dirt_names[dirt];
}

static bool is_lines(enum simulated_feed feed) { return strstr(infos[feed].path, ".ndjson") != NULL; }

struct slice feeds_gb18030(struct feeds *feeds, struct slice text) {
    buffer_clear(&feeds->work);
    char *out = buffer_reserve(&feeds->work, text.size * 2 + 16), *in = (char *)(uintptr_t)text.data;
    size_t in_left = text.size, out_left = text.size * 2 + 16;
    size_t lost = iconv(feeds->gb18030, &in, &in_left, &out, &out_left);
    assert(lost == 0 && in_left == 0);
    feeds->work.size = (size_t)(out - feeds->work.data);
    return buffer_slice(&feeds->work);
}

static void hold(struct feeds *feeds, enum simulated_feed feed, struct slice line, int64_t arrival_ms) {
    struct feed_file *file = &feeds->files[feed];
    if (file->row_count == file->row_capacity) {
        file->row_capacity = file->row_capacity ? file->row_capacity * 2 : 64;
        file->rows = memory_resize(file->rows, file->row_capacity, sizeof *file->rows);
    }
    file->rows[file->row_count++] = (struct feed_row){arrival_ms, file->held.size, line.size + 1};
    buffer_add_slice(&file->held, line);
    buffer_add_char(&file->held, '\n');
    feeds->summary->records[feed]++;
}

struct buffer *feeds_begin(struct feeds *feeds) {
    buffer_clear(&feeds->line);
    feeds->fields = 0;
    return &feeds->line;
}

void feeds_field(struct feeds *feeds, struct slice text) {
    bool quote = false;
    if (feeds->fields++)
        buffer_add_char(&feeds->line, ',');
    for (size_t i = 0; i < text.size && !quote; i++)
        quote = text.data[i] == ',' || text.data[i] == '"' || text.data[i] == '\n' || text.data[i] == '\r';
    if (!quote) {
        buffer_add_slice(&feeds->line, text);
        return;
    }
    buffer_add_char(&feeds->line, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            buffer_add_char(&feeds->line, '"');
        buffer_add_char(&feeds->line, text.data[i]);
    }
    buffer_add_char(&feeds->line, '"');
}

void feeds_text(struct feeds *feeds, const char *text) { feeds_field(feeds, slice_text(text)); }

void feeds_print(struct feeds *feeds, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert(size >= 0 && (size_t)size < sizeof text);
    feeds_field(feeds, slice_of(text, (size_t)size));
}

void feeds_end(struct feeds *feeds, enum simulated_feed feed, int64_t arrival_ms, int times, int64_t apart_ms) {
    struct slice line = buffer_slice(&feeds->line);
    assert(times >= 1);
    assert(feeds->files[feed].column_count == 0 || is_lines(feed) || feeds->fields == feeds->files[feed].column_count);
    if (strcmp(infos[feed].encoding, "gb18030") == 0)
        line = feeds_gb18030(feeds, line);
    for (int i = 0; i < times; i++)
        hold(feeds, feed, line, arrival_ms + i * apart_ms);
}

void feeds_line(struct feeds *feeds, enum simulated_feed feed, struct slice line, int64_t arrival_ms) {
    hold(feeds, feed, line, arrival_ms);
}

static int by_arrival(const void *left, const void *right) {
    const struct feed_row *a = left, *b = right;
    if (a->arrival_ms != b->arrival_ms)
        return a->arrival_ms < b->arrival_ms ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static enum status write_block(struct feeds *feeds, enum simulated_feed feed, struct slice block) {
    struct feed_file *file = &feeds->files[feed];
    if (block.size == 0 || feeds->status)
        return feeds->status;
    feeds->status = os_write_at(feeds->os, file->file, block.data, block.size, file->offset, feeds->fault);
    if (feeds->status == STATUS_OK) {
        file->offset += block.size;
        feeds->summary->bytes[feed] = file->offset;
    }
    return feeds->status;
}

static enum status flush_one(struct feeds *feeds, enum simulated_feed feed, int64_t until_ms) {
    struct feed_file *file = &feeds->files[feed];
    size_t due = 0;
    struct buffer kept = {0};
    if (file->row_count == 0)
        return feeds->status;
    qsort(file->rows, file->row_count, sizeof *file->rows, by_arrival);
    buffer_clear(&file->block);
    for (; due < file->row_count && file->rows[due].arrival_ms < until_ms; due++)
        buffer_add(&file->block, file->held.data + file->rows[due].at, file->rows[due].size);
    for (size_t i = due; i < file->row_count; i++) {
        struct feed_row row = file->rows[i];
        file->rows[i - due] = (struct feed_row){row.arrival_ms, kept.size, row.size};
        buffer_add(&kept, file->held.data + row.at, row.size);
    }
    file->row_count -= due;
    buffer_release(&file->held);
    file->held = kept;
    return write_block(feeds, feed, buffer_slice(&file->block));
}

enum status feeds_flush(struct feeds *feeds, int64_t until_ms) {
    for (enum simulated_feed feed = 0; feed < FEED_COUNT && feeds->status == STATUS_OK; feed++)
        feeds->status = flush_one(feeds, feed, until_ms);
    return feeds->status;
}

static const char *truth_header(enum simulated_feed feed) {
    switch (feed) {
    case FEED_TRUTH_RECORDS:
        return "channel,record_id,person_id\n";
    case FEED_TRUTH_IDENTIFIERS:
        return "namespace,value,person_id,shared\n";
    case FEED_TRUTH_PEOPLE:
        return "person_id,name,gender,birthday,city,family_id,kind,first_date,churn_date,top_category,cycles_days,"
               "price_sensitivity,preferred_channel,response_sms,response_email,response_ads,child_birthday,orders,"
               "spend_fen\n";
    default:
        return "";
    }
}

static enum status write_header(struct feeds *feeds, enum simulated_feed feed) {
    feeds_begin(feeds);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (columns[i].feed != feed)
            continue;
        feeds_text(feeds, columns[i].name);
        feeds->files[feed].column_count++;
    }
    if (is_lines(feed))
        return STATUS_OK;
    if (feeds->fields == 0)
        return write_block(feeds, feed, slice_text(truth_header(feed)));
    struct slice line = buffer_slice(&feeds->line);
    if (strcmp(infos[feed].encoding, "gb18030") == 0)
        line = feeds_gb18030(feeds, line);
    write_block(feeds, feed, line);
    return write_block(feeds, feed, SLICE("\n"));
}

static enum status open_one(struct feeds *feeds, enum simulated_feed feed) {
    struct buffer path = {0};
    struct feed_file *file = &feeds->files[feed];
    buffer_print(&path, "%s/%s%c", feeds->folder, infos[feed].path, 0);
    enum status status = os_open(feeds->os, path.data, OS_WRITE | OS_CREATE, &file->file, feeds->fault);
    if (status == STATUS_OK)
        status = os_truncate(feeds->os, file->file, 0, feeds->fault);
    buffer_release(&path);
    return status ? status : write_header(feeds, feed);
}

static enum status make_folder(struct feeds *feeds, const char *name) {
    struct buffer path = {0};
    buffer_print(&path, "%s%s%c", feeds->folder, name, 0);
    enum status status = os_make_folder(feeds->os, path.data, feeds->fault);
    buffer_release(&path);
    return status;
}

enum status feeds_open(struct feeds *feeds, struct os *os, const char *folder, struct simulate_summary *summary,
                       struct fault *fault) {
    *feeds = (struct feeds){.os = os, .folder = folder, .summary = summary, .fault = fault};
    feeds->gb18030 = iconv_open("GB18030", "UTF-8");
    if (feeds->gb18030 == (iconv_t)-1)
        return feeds->status = fault_set(fault, STATUS_UNSUPPORTED, "this machine's iconv does not know GB18030");
    feeds->status = make_folder(feeds, "/truth");
    if (feeds->status == STATUS_OK)
        feeds->status = make_folder(feeds, "/mappings");
    for (enum simulated_feed feed = 0; feed < FEED_COUNT && feeds->status == STATUS_OK; feed++)
        feeds->status = open_one(feeds, feed);
    return feeds->status;
}

void feeds_release(struct feeds *feeds) {
    for (enum simulated_feed feed = 0; feed < FEED_COUNT; feed++) {
        struct feed_file *file = &feeds->files[feed];
        if (file->file)
            os_close(feeds->os, file->file);
        buffer_release(&file->held);
        buffer_release(&file->block);
        free(file->rows);
        *file = (struct feed_file){0};
    }
    if (feeds->gb18030 != (iconv_t)-1 && feeds->gb18030)
        iconv_close(feeds->gb18030);
    feeds->gb18030 = NULL;
    buffer_release(&feeds->line);
    buffer_release(&feeds->work);
}

enum status feeds_file(struct feeds *feeds, const char *path, struct slice content) {
    struct buffer full = {0};
    if (feeds->status)
        return feeds->status;
    buffer_print(&full, "%s/%s%c", feeds->folder, path, 0);
    feeds->status = os_write_file(feeds->os, full.data, content, feeds->fault);
    buffer_release(&full);
    return feeds->status;
}

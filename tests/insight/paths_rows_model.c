/* paths_rows_model: see the header. */
#include "paths_rows_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"

#define COOKIES 300

static const char mapping[] =
    "{\"name\": \"rows\", \"source\": \"rows\", \"format\": \"csv\", \"time_zone\": \"UTC\", \"record\": "
    "\"event\", \"type\": \"seen\", \"columns\": {\"id\": \"message_id\", \"event\": \"type\", \"time\": "
    "\"time\", \"cookie\": \"identifier cookie\", \"member\": \"identifier member_id\"}}";

struct row rows[ROWS];
size_t row_count;
const uint64_t rows_seed = 20261128;

/* --- the rows, and whose they are --- */

static uint32_t parent[2 * COOKIES + 2];
static uint32_t root_of(uint32_t i) { return parent[i] == i ? i : (parent[i] = root_of(parent[i])); }

static void make_rows(void) {
    struct random r;
    random_init(&r, rows_seed);
    row_count = ROWS;
    for (uint32_t i = 0; i < sizeof parent / sizeof *parent; i++)
        parent[i] = i;
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &rows[i];
        row->time_s = 1767268800 + (int64_t)random_below(&r, 400) * 600; /* few moments, so that many rows share one */
        row->cookie = 1 + (uint32_t)random_below(&r, COOKIES);
        row->member = random_below(&r, 12) == 0 ? 1 + row->cookie / 2 : 0; /* two cookies, one member: they are one */
        row->kind = random_below(&r, 6) == 0;
        row->page = (unsigned)random_below(&r, PAGES);
        row->channel = (unsigned)random_below(&r, CHANNELS);
        row->place = i;
        if (row->member)
            parent[root_of(row->cookie)] = root_of(COOKIES + row->member);
    }
    for (size_t i = 0; i < ROWS; i++)
        rows[i].customer = root_of(rows[i].cookie);
}

static void write_rows(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "id,event,time,cookie,member,page,channel\n");
    for (size_t i = 0; i < ROWS; i++) {
        char member[32] = "";
        if (rows[i].member)
            snprintf(member, sizeof member, "m-%u", rows[i].member);
        fprintf(file, "r%zu,%s,%lld,c-%u,%s,page%u,ch%u\n", i, rows[i].kind ? "bought" : "seen",
                (long long)rows[i].time_s * 1000, rows[i].cookie, member, rows[i].page, rows[i].channel);
    }
    assert_int_equal(fclose(file), 0);
}

static int by_customer(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->customer != y->customer)
        return x->customer < y->customer ? -1 : 1;
    if (x->time_s != y->time_s)
        return x->time_s < y->time_s ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* --- the program --- */

struct served served;

int open_rows(void **state) {
    (void)state;
    served_open(&served, "paths-rows");
    make_rows();
    write_rows(served_file(&served, "rows.csv"));
    if (os_write_file(os_real(), served_file(&served, "rows.json"), slice_text(mapping), &served.fault))
        fail_msg("%s", served.fault.text);
    char rows_path[128];
    snprintf(rows_path, sizeof rows_path, "%s", served_file(&served, "rows.csv"));
    assert_int_equal(served_import(&served, rows_path, served_file(&served, "rows.json")), ROWS);
    qsort(rows, ROWS, sizeof *rows, by_customer);
    return 0;
}

int close_rows(void **state) {
    (void)state;
    served_close(&served);
    return 0;
}

const char *ask(const char *kind, const char *table, const char *definition) {
    return served_table(&served, kind, table, definition);
}

/* Number `column` behind `head`; 0 where there is no such line. */
double figure(const char *csv, const char *head, unsigned column) {
    size_t size = strlen(head);
    const char *line = csv;
    while (line && (strncmp(line, head, size) != 0 || line[size] != ',')) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return 0;
    for (line += size; column-- > 1;)
        line = strchr(line + 1, ',');
    return strtod(line + 1, NULL);
}

void same(const char *csv, const char *head, unsigned column, double expected) {
    double got = figure(csv, head, column);
    if (fabs(got - expected) > 1e-9 * (1 + fabs(expected)))
        fail_msg("%s, column %u: got %g, counted %g (seed %llu)\n%s", head, column, got, expected,
                 (unsigned long long)rows_seed, csv);
}

double members(const char *kind, const char *definition, const char *whom) {
    static unsigned number;
    struct buffer body = {0};
    buffer_print(&body, "{\"name\": \"s%u\", \"kind\": \"upload\", \"definition\": %s, \"members\": %s}%c", ++number,
                 definition, whom, 0);
    char path[64];
    snprintf(path, sizeof path, "/v1/insight/%s/segment", kind);
    served_good(&served, "POST", path, body.data, (const char *const[]){"\"customers\":", NULL});
    buffer_release(&body);
    return strtod(strstr(served.answer.data, "\"customers\":") + 12, NULL);
}

void refused(const char *kind, const char *definition, const char *whom, const char *text) {
    struct buffer body = {0};
    buffer_print(&body, "{\"name\": \"refused\", \"definition\": %s, \"members\": %s}%c", definition, whom, 0);
    char path[64];
    snprintf(path, sizeof path, "/v1/insight/%s/segment", kind);
    served_bad(&served, 400, "POST", path, body.data, text);
    buffer_release(&body);
}

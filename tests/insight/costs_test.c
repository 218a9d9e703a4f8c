/* costs_test: what channels cost out of master data, as an ad platform's bills are loaded, against sums by hand: bills of a day, of some days partly in the
 * period, of a campaign whose platform is the channel; bills that cannot be used; and what is said of wrong definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "served_client.h"

static struct served served;

static const char bills[] = "bill,campaign_id,platform,day,last_day,cost\n"
                            "b1,c1,ads,2026-01-01,2026-01-01,100.25\n" /* inside */
                            "b2,c1,ads,2026-01-09,2026-01-12,400\n"    /* the 9th and 10th inside: half */
                            "b3,c2,mail,2026-01-31,2026-01-31,77\n"    /* outside */
                            "b4,c2,mail,2026-01-05,2026-01-05,30\n"    /* inside */
                            "b5,c3,poster,2026-01-05,2026-01-05,50\n"  /* inside, of a channel nobody touched */
                            "b6,,,2026-01-05,2026-01-05,60\n"          /* whose is not known */
                            "b7,c1,ads,,,9\n";                         /* when is not known */
static const char bills_mapping[] =
    "{\"name\": \"bills\", \"source\": \"bills\", \"format\": \"csv\", \"time_zone\": \"UTC\", \"record\": \"master\", "
    "\"type\": \"ad_cost\", \"columns\": {\"bill\": \"key\", \"campaign_id\": \"field campaign_id\", \"platform\": "
    "\"field platform\", \"day\": {\"to\": \"field day\", \"type\": \"date\"}, \"last_day\": {\"to\": \"field "
    "last_day\", "
    "\"type\": \"date\"}, \"cost\": {\"to\": \"field cost\", \"type\": \"money\"}}}";
static const char campaigns[] = "id,kind\nc1,ads\nc2,mail\nc3,poster\n";
static const char campaigns_mapping[] =
    "{\"name\": \"campaigns\", \"source\": \"campaigns\", \"format\": \"csv\", \"time_zone\": \"UTC\", \"record\": "
    "\"master\", \"type\": \"campaign\", \"columns\": {\"id\": \"key\", \"kind\": \"field kind\"}}";

static void import(const char *name, const char *rows, const char *mapping) {
    char path[128], by[128], file[64];
    (void)snprintf(file, sizeof file, "%s.csv", name);
    (void)snprintf(path, sizeof path, "%s", served_file(&served, file));
    (void)snprintf(file, sizeof file, "%s.json", name);
    (void)snprintf(by, sizeof by, "%s", served_file(&served, file));
    if (os_write_file(os_real(), path, slice_text(rows), &served.fault) ||
        os_write_file(os_real(), by, slice_text(mapping), &served.fault))
        fail_msg("%s", served.fault.text);
    served_import(&served, path, by);
}

static int begin(void **state) {
    (void)state;
    served_open(&served, "costs-test");
    served_source(&served, "web", "segment");
    import("bills", bills, bills_mapping);
    import("campaigns", campaigns, campaigns_mapping);
    for (int i = 0; i < 3; i++) { /* two come by ads, one by mail; all buy for 90 */
        char body[512];
        (void)snprintf(
            body, sizeof body,
            "{\"batch\":[{\"type\":\"track\",\"userId\":\"u%d\",\"event\":\"clicked\",\"timestamp\":\"2026-01-0%d"
            "T08:00:00Z\",\"properties\":{\"platform\":\"%s\"}},{\"type\":\"track\",\"userId\":\"u%d\","
            "\"event\":\"bought\",\"timestamp\":\"2026-01-0%dT09:00:00Z\",\"properties\":{\"total\":90}}]}",
            i, i + 2, i < 2 ? "ads" : "mail", i, i + 2);
        assert_int_equal(served_call(&served, served.writer, "POST", "/v1/batch", body), 200);
    }
    served_settle(&served);
    return 0;
}

static int end(void **state) {
    (void)state;
    served_close(&served);
    return 0;
}

#define ASK(costs)                                                                                                     \
    "{\"touches\": \"clicked\", \"channel\": \"platform\", \"conversions\": \"bought\", \"value\": \"total\", "        \
    "\"from\": "                                                                                                       \
    "\"2026-01-01\", \"to\": \"2026-01-11\", \"models\": [\"last\"], \"paths\": 0, \"costs\": " costs "}"

static void has(const char *csv, const char *line) {
    if (!strstr(csv, line))
        fail_msg("expected %s in\n%s", line, csv);
}

/* ads 100.25 + 200, mail 30, poster 50; 200 + 77 outside; two bills left out. */
static void of_the_period(void **state) {
    static const char *const channels[] = {"platform", "campaign.kind"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char ask[512];
        (void)snprintf(ask, sizeof ask,
                       ASK("{\"master\": \"ad_cost\", \"channel\": \"%s\", \"amount\": \"cost\", \"time\": \"day\", "
                           "\"until\": \"last_day\"}"),
                       channels[i]);
        has(served_table(&served, "attribution", "cost_coverage", ask), "380.25,330.25,0.868507560");
        has(served_table(&served, "attribution", "cost_coverage", ask), ",277,7,2\r\n");
        const char *csv = served_table(&served, "attribution", "returns", ask);
        has(csv, "ads,last,300.25,2,150.125,180,");
        has(csv, "mail,last,30,1,30,90,3,2\r\n");
        has(csv, "poster,last,50,0,,0,0,-1\r\n");
        csv = served_table(&served, "attribution", "budget", ask);
        has(csv, "poster,50,0.13149243"); /* of 380.25 */
    }
    GOOD("POST", "/v1/insight/attribution",
         ASK("{\"master\": \"ad_cost\", \"channel\": \"platform\", \"amount\": \"cost\", \"time\": \"day\"}"),
         "1 channels cost something and have no touches, so no conversion is theirs: poster",
         "2 of 7 bills have no channel, amount or time, and are left out");
}

/* Without a time all count; what has none too. */
static void of_any_time(void **state) {
    (void)state;
    GOOD("POST", "/v1/insight/attribution",
         ASK("{\"master\": \"ad_cost\", \"channel\": \"platform\", \"amount\": \"cost\"}"),
         "[\"ads\",\"last\",509.25,2,", "no \\\"time\\\" of costs is named: all of them count", "1 of 7 bills");
}

static void not_understood(void **state) {
    (void)state;
#define WRONG(costs, text) BAD(400, "POST", "/v1/insight/attribution", ASK(costs), text)
    WRONG("{\"master\": \"ad_cots\"}",
          "at costs.master: there is no master data \\\"ad_cots\\\"; did you mean \\\"ad_cost\\\"?");
    WRONG("{\"master\": \"ad_cost\"}", "at costs.channel: is missing; name the field of the master data");
    WRONG("{\"master\": \"ad_cost\", \"channel\": \"platfrm\"}", "did you mean \\\"platform\\\"?");
    WRONG("{\"master\": \"ad_cost\", \"channel\": \"campain.kind\"}", "did you mean \\\"campaign\\\"?");
    WRONG("{\"master\": \"ad_cost\", \"channel\": \"campaign.kin\"}", "did you mean \\\"kind\\\"?");
    WRONG("{\"master\": \"ad_cost\", \"channel\": \"platform\", \"amount\": \"platform\"}",
          "at costs.amount: a number or an amount is expected here");
    WRONG("{\"master\": \"ad_cost\", \"channel\": \"platform\", \"amount\": \"cost\", \"until\": \"last_day\"}",
          "at costs.until: is the end of what begins at ");
    WRONG("{\"master\": \"ad_cost\", \"channel\": \"platform\", \"amount\": \"cost\", \"per\": 1}", "at costs.per: ");
    WRONG("{\"ads\": \"many\"}", "is expected to be a number from 0 on");
    /* and when it is saved, without running it */
    BAD(400, "POST", "/v1/analyses",
        "{\"name\": \"x\", \"kind\": \"attribution\", \"definition\": " ASK("{\"master\": \"ad_cots\"}") "}",
        "did you mean \\\"ad_cost\\\"?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_the_period),
        cmocka_unit_test(of_any_time),
        cmocka_unit_test(not_understood),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

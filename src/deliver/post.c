/* post: see the header. */
#include "deliver/post.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define ANSWER_BYTES_MAX (1u << 20)
#define CONNECTIONS_MAX 64

struct poster {
    CURLM *multi;
    struct poster_options options;
    struct under_way *first; /* all that are under way */
};

struct under_way {
    struct under_way *next;
    CURL *easy;
    struct curl_slist *headers;
    void *tag;
    size_t answer_bytes;
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_begin(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

struct poster *poster_create(const struct poster_options *options) {
    struct poster *poster = memory_get(1, sizeof *poster);
    pthread_once(&library_once, library_begin);
    poster->options = *options;
    poster->multi = curl_multi_init();
    if (poster->multi == NULL)
        abort();
    curl_multi_setopt(poster->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    return poster;
}

static void end(struct poster *poster, struct under_way *u) {
    struct under_way **at = &poster->first;
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    curl_multi_remove_handle(poster->multi, u->easy);
    curl_easy_cleanup(u->easy);
    curl_slist_free_all(u->headers);
    free(u);
}

void poster_free(struct poster *poster) {
    if (poster == NULL)
        return;
    while (poster->first)
        end(poster, poster->first);
    curl_multi_cleanup(poster->multi);
    free(poster);
}

static size_t on_answer(char *data, size_t size, size_t count, void *context) {
    struct under_way *u = context;
    (void)data;
    u->answer_bytes += size * count;
    return u->answer_bytes <= ANSWER_BYTES_MAX ? size * count : 0;
}

/* True when the library takes all of it. */
static bool set_up(struct poster *poster, struct under_way *u, const char *url, struct slice body) {
    CURL *e = u->easy;
    bool good = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.data) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_HTTPHEADER, u->headers) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)poster->options.connect_s) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)poster->options.request_s) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_USERAGENT, "onefold") == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_WRITEDATA, u) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, u->error) == CURLE_OK;
    good &= curl_easy_setopt(e, CURLOPT_PRIVATE, u) == CURLE_OK;
    return good;
}

bool poster_send(struct poster *poster, void *tag, const char *url, const char *const *headers, struct slice body) {
    struct under_way *u = memory_get(1, sizeof *u);
    u->tag = tag;
    u->easy = curl_easy_init();
    if (u->easy == NULL)
        abort();
    u->headers = curl_slist_append(NULL, "Expect:"); /* bodies are small: no asking first */
    for (; *headers; headers++)
        u->headers = curl_slist_append(u->headers, *headers);
    u->next = poster->first;
    poster->first = u;
    if (set_up(poster, u, url, body) && curl_multi_add_handle(poster->multi, u->easy) == CURLM_OK)
        return true;
    end(poster, u);
    return false;
}

bool poster_done(struct poster *poster, struct post_result *result) {
    int left;
    struct CURLMsg *message;
    while ((message = curl_multi_info_read(poster->multi, &left)) != NULL) {
        struct under_way *u = NULL;
        long code = 0;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode outcome = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&u);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &code);
        assert(u);
        *result = (struct post_result){.tag = u->tag, .code = outcome == CURLE_OK ? (int)code : 0};
        if (outcome != CURLE_OK)
            snprintf(result->error, sizeof result->error, "%s", u->error[0] ? u->error : curl_easy_strerror(outcome));
        end(poster, u);
        return true;
    }
    return false;
}

void poster_wait(struct poster *poster, unsigned timeout_ms) {
    int running;
    curl_multi_perform(poster->multi, &running);
    curl_multi_poll(poster->multi, NULL, 0, (int)timeout_ms, NULL);
    curl_multi_perform(poster->multi, &running);
}

void poster_wake(struct poster *poster) { curl_multi_wakeup(poster->multi); }

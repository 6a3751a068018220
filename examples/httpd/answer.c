/* Make the answers to requests. */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64

#include "answer.h"
#include "conditions.h"
#include "live.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static char date[48];    /* the Date field of each answer */
static struct file page; /* /live */

void answer_prepare(void)
{
    time_t now = time(NULL);
    struct tm utc;

    strftime(date, sizeof date, "Date: " HTTP_DATE "\r\n", gmtime_r(&now, &utc));
    if (page.users == 0) {
        page = (struct file){.users = 1, .fd = -1, .bytes = live_page, .modified = now};
        page.changed.tv_sec = now;
        page.size = (int64_t)strlen(live_page);
        files_describe(&page, "live.html");
    }
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {206, "Partial Content"},
                   {301, "Moved Permanently"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {412, "Precondition Failed"},
                   {414, "URI Too Long"},
                   {416, "Range Not Satisfiable"},
                   {431, "Request Header Fields Too Large"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};
    size_t i = 0;

    while (reasons[i].status != status) {
        i++;
    }
    return reasons[i].reason;
}

/* All heads fit into `head`: the longest part is the name of one file. */
static void put(struct answer *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put(struct answer *answer, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof answer->head - answer->head_size;

    va_start(arguments, format);
    int size = vsnprintf(answer->head + answer->head_size, room, format, arguments);

    va_end(arguments);
    answer->head_size += size >= 0 && (size_t)size < room ? (size_t)size : 0;
}

static void put_status(struct answer *answer, int status)
{
    put(answer, "HTTP/1.1 %d %s\r\n%s%s", status, reason_of(status), date,
        answer->is_last ? "Connection: close\r\n" : "");
}

/* The end of an answer that only repeats its status. */
static void put_text(struct answer *answer, int status, bool is_head)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%d %s\n", status, reason_of(status));

    put(answer, "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", size,
        is_head ? "" : text);
}

/* Send a part of a file only if it is still the one of which the peer has other parts (If-Range).
 */
static void put_file(struct answer *answer, const struct request *request)
{
    struct file *file = answer->file;
    const char *only = request->field[FIELD_IF_RANGE];
    int status = conditions_check(request, file);

    answer->offset = 0;
    answer->end = file->size;
    if (status != 200) {
        put_status(answer, status);
        if (status == 304) {
            put(answer, "ETag: %s\r\n\r\n", file->etag);
        } else {
            put_text(answer, status, request->is_head);
        }
        answer_release(answer);
        return;
    }
    if (!request->is_head && (only == NULL || strcmp(only, file->etag) == 0)) {
        status =
            request_range(request->field[FIELD_RANGE], file->size, &answer->offset, &answer->end);
    }
    put_status(answer, status);
    if (status == 416) {
        put(answer, "Content-Range: bytes */%lld\r\n", (long long)file->size);
        put_text(answer, status, false);
        answer_release(answer);
        return;
    }
    if (status == 206) {
        put(answer, "Content-Range: bytes %lld-%lld/%lld\r\n", (long long)answer->offset,
            (long long)answer->end - 1, (long long)file->size);
    }
    put(answer, "%sContent-Length: %lld\r\n\r\n", file->fields,
        (long long)(answer->end - answer->offset));
    if (request->is_head) {
        answer_release(answer);
    }
}

/* Redirect from a directory without its slash to the one with it, because the links in its page are
 * relative to that. */
static void put_location(struct answer *answer, const struct request *request)
{
    const char *query = request->query;

    put(answer, "Location: ");
    for (const char *at = strrchr(request->path, '/') + 1; *at != '\0'; at++) {
        put(answer, "%%%02X", (unsigned char)*at);
    }
    put(answer, "/%s%s\r\n", query != NULL ? "?" : "", query != NULL ? query : "");
}

/* NULL: a request that could not be read. */
static void put_refusal(struct answer *answer, int status, const struct request *request)
{
    put_status(answer, status);
    if (status == 301 && request != NULL) {
        put_location(answer, request);
    } else if (status == 405) {
        put(answer, "Allow: GET, HEAD\r\n");
    } else if (status == 503) {
        put(answer, "Retry-After: 1\r\n");
    }
    put_text(answer, status, request != NULL && request->is_head);
}

static void put_stream(struct answer *answer, bool is_head)
{
    answer->is_stream = !is_head;
    answer->is_last = true;
    live.visitors += answer->is_stream;
    put_status(answer, 200);
    put(answer, "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n");
}

void answer_make(struct answer *answer, int status, const struct request *request, bool is_last)
{
    answer->head_size = 0;
    answer->file = NULL;
    answer->is_stream = false;
    answer->is_last = true;
    if (status != 200) {
        put_refusal(answer, status, NULL);
        return;
    }
    answer->is_last = is_last || !request->keeps_alive;
    if (strcmp(request->path, "/live/events") == 0) {
        status = live.visitors < live.places ? 200 : 503;
        if (status == 200) {
            put_stream(answer, request->is_head);
            return;
        }
    } else if (strcmp(request->path, "/live") == 0) {
        answer->file = &page;
        page.users++;
    } else {
        status = files_find(request->path, &answer->file);
    }
    if (status == 200) {
        put_file(answer, request);
    } else {
        put_refusal(answer, status, request);
    }
}

void answer_release(struct answer *answer)
{
    files_release(answer->file);
    answer->file = NULL;
}

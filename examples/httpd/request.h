/* The head of an HTTP/1.1 request, parsed strictly (RFC 9112). Anything doubtful is refused,
 * because an attacker can use a request that two programs read in two ways. */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REQUEST_LINE_MAX = 4096, /* a longer first line is answered with 414 */
    REQUEST_HEAD_MAX = 8192  /* a longer head with 431 */
};

/* The fields that matter here; NULL where the request has none. */
enum request_field {
    FIELD_HOST,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_RANGE,
    FIELD_IF_RANGE,
    FIELD_IF_MATCH,
    FIELD_IF_UNMODIFIED_SINCE,
    FIELD_IF_MODIFIED_SINCE,
    FIELD_IF_NONE_MATCH,
    FIELD_CONNECTION,
    FIELDS
};

struct request {
    bool is_head;      /* as GET, but without the content */
    bool keeps_alive;  /* another request may follow on this connection */
    const char *path;  /* decoded, begins with a slash, without the query */
    const char *query; /* as it came, without its question mark; NULL if there is none */
    const char *field[FIELDS];
    size_t size; /* of the head, with all its line ends */
};

/* Read the request at the beginning of `bytes`, in place: its pointers point into `bytes`. Returns
 * 200; 0 when the head is not complete yet; or the status of a refusal, and then nothing that
 * follows the request can be trusted. */
int request_read(struct request *request, char *bytes, size_t size);

/* Which of `size` bytes a Range field asks for: from `first` up to but without `end`. Returns 206;
 * 416 when there are no such bytes; or 200 when it asks for all, or is not understood. */
int request_range(const char *range, int64_t size, int64_t *first, int64_t *end);

#endif

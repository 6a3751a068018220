/* The answer to a request. */
#ifndef HTTPD_ANSWER_H
#define HTTPD_ANSWER_H

#include "files.h"
#include "request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_HEAD_MAX = 2048 + REQUEST_LINE_MAX }; /* a redirect repeats the query */

struct answer {
    bool is_last;      /* the connection ends after it */
    bool is_stream;    /* the lines of live.h follow it, until the peer ends */
    size_t head_size;  /* how much of `head` to send */
    struct file *file; /* the file to send after it, or NULL; the answer uses it */
    int64_t offset;    /* the first byte of the file to send */
    int64_t end;       /* the byte after the last one to send */
    char head[ANSWER_HEAD_MAX];
};

/* Prepare what is the same in all answers: call it once before the first, and once a second. */
void answer_prepare(void);

/* Make the answer to a request that was read with this status. It uses a file until
 * answer_release. */
void answer_make(struct answer *answer, int status, const struct request *request, bool is_last);
void answer_release(struct answer *answer);

#endif

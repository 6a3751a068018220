/* What is said to a request. */
#ifndef HTTPD_ANSWER_H
#define HTTPD_ANSWER_H

#include "files.h"
#include "request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_HEAD_MAX = 2048 };

struct answer {
    bool is_last;      /* the connection ends after it */
    bool is_stream;    /* after it come the lines of live.h, for as long as the peer likes */
    size_t head_size;  /* what is to be sent of `head`, */
    struct file *file; /* and then, unless it is NULL, of a file that the answer uses, */
    int64_t offset;    /* from here */
    int64_t end;       /* up to but without this */
    char head[ANSWER_HEAD_MAX];
};

/* Once before all answers, and then once a second: what is the same in all of them. */
void answer_prepare(void);

/* Make the answer to a request that was read with this status. It uses a file until
 * answer_release. */
void answer_make(struct answer *answer, int status, const struct request *request, bool is_last);
void answer_release(struct answer *answer);

#endif

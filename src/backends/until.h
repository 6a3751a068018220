/* Receiving up to a delimiter, without a buffer of our own. */
#ifndef NF_BACKENDS_UNTIL_H
#define NF_BACKENDS_UNTIL_H

#include "backends/line.h"

/* The turn being the caller's: the bytes up to and including `delimiter`, or the unterminated rest
 * before the end; NET_TOOBIG and NET_TIMEOUT consume nothing. */
ssize_t nf_stream_until(struct nf_line *line, void *buffer, size_t size, int delimiter,
                        net_deadline deadline);

/* After a deadline a low-water mark stays on the descriptor: whoever receives otherwise takes it
 * away first. */
void nf_stream_unmark(struct nf_line *line);

#endif

/* How a message lies in a stream: what comes before and after its bytes. Nothing here receives or
 * sends.
 *
 *   u16        the length in 2 bytes, big-endian; the bytes          RFC 1035, 4.2.2
 *   u32        the length in 4 bytes, big-endian; the bytes
 *   netstring  the length in decimal without leading zeros, ':'; the bytes; ','
 *   line       the bytes; '\n', or "\r\n", which is read and never written */
#ifndef NF_FRAMED_FRAME_H
#define NF_FRAMED_FRAME_H

#include "socket/kept.h"

enum { NF_FRAME_HEAD_MAX = 16 }; /* more than any of them has before or after the bytes */

/* Where a message lies: so many bytes before its `size` bytes, and so many after. */
struct nf_frame {
    size_t head;
    size_t size;
    size_t tail;
};

static inline size_t nf_frame_whole(const struct nf_frame *frame)
{
    return frame->head + frame->size + frame->tail;
}

/* The longest message that the kind of frame can carry. */
size_t nf_frame_most(enum nf_frame_kind kind);

/* Find the first message of what a peer has sent: 1, and `frame` says where it lies, though some of
 * it may not have come yet; 0: not enough has come to say; or NET_RESET: what came is no such
 * frame, or its message is longer than `max`. */
int nf_frame_find(enum nf_frame_kind kind, struct nf_kept *kept, size_t max,
                  struct nf_frame *frame);

/* Whether a message may have these bytes: 0, or NET_MISUSE. */
int nf_frame_check(enum nf_frame_kind kind, const net_slice *slices, int count);

/* Write what comes before and after a message of `size` bytes. */
void nf_frame_write(enum nf_frame_kind kind, size_t size, char head[NF_FRAME_HEAD_MAX],
                    char tail[NF_FRAME_HEAD_MAX], struct nf_frame *frame);

#endif

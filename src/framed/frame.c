/* The four kinds of frames, byte by byte. */
#include "framed/frame.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BITS = 8, U16_SIZE = 2, U32_SIZE = 4, TEN = 10 };

size_t nf_frame_most(enum nf_frame_kind kind)
{
    return kind == NF_FRAME_U16 ? UINT16_MAX : UINT32_MAX;
}

/* ---- Reading ---- */

static int refuse(const char *why)
{
    return nf_fail_because(NET_RESET, "%s", why);
}

static int refuse_length(const char *least, unsigned long long length, size_t max)
{
    return nf_fail_because(NET_RESET, "the peer announced a message of %s%llu bytes; max is %zu",
                           least, length, max);
}

static int find_by_number(const unsigned char *bytes, size_t count, size_t head, size_t max,
                          struct nf_frame *frame)
{
    unsigned long long length = 0;

    for (size_t i = 0; i < head && i < count; i++) {
        length = length << BITS | bytes[i];
    }
    if (count < head) {
        return 0;
    }
    *frame = (struct nf_frame){.head = head, .size = (size_t)length};
    return length <= max ? 1 : refuse_length("", length, max);
}

/* The number of the length grows with each digit, so one that is too large ends the search. */
static int find_netstring(const unsigned char *bytes, size_t count, size_t max,
                          struct nf_frame *frame)
{
    unsigned long long length = 0;
    size_t at = 0;

    while (at < count && bytes[at] >= '0' && bytes[at] <= '9') {
        if (at == 1 && length == 0) {
            return refuse("the length of a netstring begins with a zero");
        }
        length = length * TEN + (bytes[at] - '0');
        at++;
        if (length > max) {
            return refuse_length(at < count && bytes[at] == ':' ? "" : "at least ", length, max);
        }
    }
    if (at == count) {
        return 0;
    }
    if (at == 0 || bytes[at] != ':') {
        return refuse("the length of a netstring is digits and a colon");
    }
    *frame = (struct nf_frame){.head = at + 1, .size = (size_t)length, .tail = 1};
    if (count >= nf_frame_whole(frame) && bytes[frame->head + frame->size] != ',') {
        return refuse("a netstring ends without its comma");
    }
    return 1;
}

/* Only new bytes are searched. */
static int find_line(struct nf_kept *kept, size_t max, struct nf_frame *frame)
{
    const char *start = nf_kept_start(kept);
    const char *found = memchr(start + kept->searched, '\n', kept->count - kept->searched);
    size_t size = found != NULL ? (size_t)(found - start) : kept->count;
    size_t tail = 1;

    kept->searched = size;
    if (size > 0 && start[size - 1] == '\r') {
        size--;
        tail++;
    }
    if (size > max) {
        return refuse_length(found != NULL ? "" : "at least ", size, max);
    }
    *frame = (struct nf_frame){.size = size, .tail = tail};
    return found != NULL ? 1 : 0;
}

int nf_frame_find(enum nf_frame_kind kind, struct nf_kept *kept, size_t max, struct nf_frame *frame)
{
    size_t count = nf_kept_count(kept);

    if (count == 0) {
        return 0;
    }
    const unsigned char *bytes = (const unsigned char *)nf_kept_start(kept);

    switch (kind) {
    case NF_FRAME_U16:
        return find_by_number(bytes, count, U16_SIZE, max, frame);
    case NF_FRAME_NETSTRING:
        return find_netstring(bytes, count, max, frame);
    case NF_FRAME_LINE:
        return find_line(kept, max, frame);
    default:
        return find_by_number(bytes, count, U32_SIZE, max, frame);
    }
}

/* ---- Writing ---- */

/* A carriage return at the end would be taken for a part of the line's end. */
int nf_frame_check(enum nf_frame_kind kind, const net_slice *slices, int count)
{
    char last = '\0';

    for (int i = 0; kind == NF_FRAME_LINE && i < count; i++) {
        if (slices[i].size == 0) {
            continue;
        }
        if (memchr(slices[i].data, '\n', slices[i].size) != NULL) {
            return nf_fail_because(NET_MISUSE, "a message with a newline in it is no line");
        }
        last = ((const char *)slices[i].data)[slices[i].size - 1];
    }
    return last != '\r' ? 0 : nf_fail_because(NET_MISUSE, "a line cannot end in a carriage return");
}

static void write_number(size_t number, size_t size, char *head)
{
    for (size_t i = size; i > 0; i--) {
        head[i - 1] = (char)(unsigned char)number;
        number >>= BITS;
    }
}

void nf_frame_write(enum nf_frame_kind kind, size_t size, char head[NF_FRAME_HEAD_MAX],
                    char tail[NF_FRAME_HEAD_MAX], struct nf_frame *frame)
{
    *frame = (struct nf_frame){.size = size};
    switch (kind) {
    case NF_FRAME_U16:
        frame->head = U16_SIZE;
        write_number(size, U16_SIZE, head);
        break;
    case NF_FRAME_NETSTRING:
        frame->head = (size_t)snprintf(head, NF_FRAME_HEAD_MAX, "%zu:", size);
        frame->tail = 1;
        tail[0] = ',';
        break;
    case NF_FRAME_LINE:
        frame->tail = 1;
        tail[0] = '\n';
        break;
    default:
        frame->head = U32_SIZE;
        write_number(size, U32_SIZE, head);
        break;
    }
}

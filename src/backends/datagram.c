/* Batches of datagrams over whatever gives and takes one; nothing here knows where a datagram comes
 * from. */
#include "backends/datagram.h"
#include "name/endpoint.h"
#include "os/transfer.h"
#include "wait/wait.h"

#include <stdlib.h>
#include <string.h>

enum {
    CANCEL_SLICE = 50,    /* ms: half of what a cancel may take */
    CONGESTION_PAUSE = 1, /* ms before the kernel is asked for buffers again */
    KEPT_SHIFT = 32       /* of the code in nf_datagram_kept, above the system error */
};

/* Many slices as one, which the caller frees; NULL: NET_LIMIT. */
static void *join(const net_slice *slices, int count, net_slice *joined)
{
    size_t size = 0;
    size_t at = 0;

    for (int i = 0; i < count; i++) {
        size += slices[i].size;
    }
    char *bytes = malloc(size > 0 ? size : 1);

    if (bytes == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        if (slices[i].size > 0) {
            memcpy(bytes + at, slices[i].data, slices[i].size);
        }
        at += slices[i].size;
    }
    *joined = (net_slice){.data = bytes, .size = size};
    return bytes;
}

ssize_t nf_datagram_send(net_socket *socket, const net_slice *slices, int count,
                         net_deadline deadline, nf_datagram_give *give)
{
    net_slice joined;

    if (count <= NF_SLICES_MAX) {
        return give(socket, slices, count, NULL, deadline);
    }
    void *bytes = join(slices, count, &joined);

    if (bytes == NULL) {
        return NET_LIMIT;
    }
    ssize_t n = give(socket, &joined, 1, NULL, deadline);

    free(bytes);
    return n;
}

ssize_t nf_datagram_recv(net_socket *socket, void *buffer, size_t size, int until,
                         net_deadline deadline, nf_datagram_take *take)
{
    if (until != NF_SOME) {
        return nf_fail_because(NET_MISUSE, "datagrams are received whole, one by one");
    }
    ssize_t length = take(socket, buffer, size, NULL, deadline);

    if (length > 0 && (size_t)length > size) {
        return nf_fail_because(NET_TOOBIG, "a datagram of %zd bytes into a buffer of %zu, dropped",
                               length, size);
    }
    return length;
}

int nf_datagram_kept(struct nf_datagram_kept *kept)
{
    uint64_t failure = 0;

    if (atomic_load_explicit(&kept->failure, memory_order_relaxed) != 0) {
        failure = atomic_exchange(&kept->failure, 0);
    }
    return failure != 0 ? nf_fail_as(-(int)(failure >> KEPT_SHIFT), (int)(uint32_t)failure) : 0;
}

/* Whether the system tells this failure but once, of a datagram that went before. */
static bool is_told_once(int code)
{
    return code == NET_REFUSED || code == NET_UNREACHABLE || code == NET_RESET ||
           code == NET_SYSTEM;
}

/* A batch of `i` stops for `code`: what the caller gets, and what waits for his next call. */
static int stop(int i, int code, struct nf_datagram_kept *kept)
{
    if (i == 0) {
        return code;
    }
    if (kept != NULL && is_told_once(code)) {
        uint64_t error = (uint32_t)nf_cause_pending()->error;

        atomic_store(&kept->failure, (uint64_t)-code << KEPT_SHIFT | error);
    }
    return i;
}

int nf_datagram_recv_messages(net_socket *socket, net_message *messages, int count,
                              net_deadline deadline, nf_datagram_take *take,
                              struct nf_datagram_kept *kept)
{
    for (int i = 0; i < count; i++) {
        ssize_t length = take(socket, messages[i].data, messages[i].capacity, &messages[i].endpoint,
                              i == 0 ? deadline : NET_NOW);

        if (length < 0) {
            return stop(i, (int)length, kept);
        }
        messages[i].size = (size_t)length;
    }
    return count;
}

int nf_datagram_send_messages(net_socket *socket, const net_message *messages, int count,
                              net_deadline deadline, nf_datagram_give *give,
                              struct nf_datagram_kept *kept)
{
    for (int i = 0; i < count; i++) {
        net_slice slice = {.data = messages[i].data, .size = messages[i].size};
        ssize_t sent = give(socket, &slice, 1, &messages[i].endpoint, deadline);

        if (sent < 0) {
            return stop(i, (int)sent, kept);
        }
    }
    return count;
}

/* A full queue is waited out in slices: no cancel wakes this wait, because the bell of a shared
 * descriptor may have been heard by another. Linux now and then denies a first datagram that it
 * lets pass the second time; and what it calls too big may have been the one before, which the path
 * has complained of since. */
int nf_datagram_retry(net_socket *socket, int fd, ssize_t code, bool *denied, net_deadline deadline)
{
    if (nf_is_canceled(socket)) {
        return nf_fail(NET_CANCELED);
    }
    if (code == NF_WOULD_BLOCK) {
        net_deadline slice = nf_deadline_after(nf_now(), CANCEL_SLICE);
        int got = nf_wait(fd, NF_OUT, NULL, nf_earlier(slice, deadline));

        return got < 0 ? got : 0;
    }
    if (code == NF_CONGESTED) {
        return nf_pause(NULL, CONGESTION_PAUSE, deadline);
    }
    if ((code == NET_DENIED || code == NET_TOOBIG) && !*denied) {
        *denied = true;
        return 0;
    }
    return (int)code;
}

int nf_datagram_check_peer(net_socket *socket, const net_endpoint *endpoint)
{
    struct nf_addr remote;

    if (endpoint == NULL || nf_endpoint_is_empty(endpoint)) {
        return 0;
    }
    nf_endpoint_remote(endpoint, &remote);
    return nf_addr_equal(&remote, &socket->name)
               ? 0
               : nf_fail_because(NET_MISUSE, "this socket talks to one peer, and that is another");
}

/* Sending datagrams in batches, the same for connected and shared descriptors. `find_route` says
 * where a message goes, and from which address.
 *
 * A train is a run of datagrams of one size, the last perhaps shorter, end to end in one buffer,
 * from one sender to one receiver. Linux carries it through its layers as one (UDP_SEGMENT). The
 * next messages, at most 64, are laid out as trains, at most 32, and given to one sendmmsg(2). A
 * message joins the train before it when it goes to the same endpoint and is not larger than the
 * first of the train; a smaller one ends the train, and an empty one goes alone. When the system
 * takes fewer, the rest is laid out again.
 *
 * The system can refuse a train where it would send single datagrams: the interface cannot split
 * it, or a segment does not fit the path. Nothing is sent then. The peer and the size are stored in
 * one word, the refusal, and messages of that size or more go to that peer one by one from then on.
 * Only the last refusal is stored; a forgotten one costs one refused call. */
#include "datagram/datagram.h"
#include "socket/counter.h"
#include "name/endpoint.h"
#include "os/socket.h"
#include "os/sockopt.h"
#include "wait/wait.h"

#include <stdlib.h>
#include <string.h>

enum {
    CANCEL_SLICE = 50,      /* ms: half of what a cancel may take */
    CONGESTION_PAUSE = 1,   /* ms until the kernel is asked for buffers again */
    FULL_PAUSE = 1,         /* ms until a peer's full queue is tried again */
    OTHERS_ERRORS_MAX = 16, /* errors of others' datagrams that one send skips */
    CODE_SHIFT = 32,        /* position of the code in nf_deferred, above the system error */
    SEGMENT_BITS = 16       /* bits of the size in a refusal; every datagram's size fits */
};

/* Copy slices into one, which the caller frees. NULL: NET_LIMIT. */
static void *join(const net_slice *slices, int count, net_slice *joined)
{
    size_t size = nf_slices_size(slices, count);
    char *bytes = malloc(size > 0 ? size : 1);

    if (bytes == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    nf_slices_copy(bytes, slices, count, 0, SIZE_MAX);
    *joined = (net_slice){.data = bytes, .size = size};
    return bytes;
}

ssize_t nf_datagram_send_joined(net_socket *socket, const net_slice *slices, int count,
                                net_deadline deadline, nf_datagram_send_one *send_one)
{
    net_slice joined;
    void *bytes = join(slices, count, &joined);

    if (bytes == NULL) {
        return NET_LIMIT;
    }
    ssize_t n = send_one(socket, &joined, 1, deadline);

    free(bytes);
    return n;
}

int nf_datagram_refuse_until(void)
{
    return nf_fail_because(NET_MISUSE, "messages are received whole, one by one");
}

int nf_datagram_refuse_large(ssize_t length, size_t size)
{
    return nf_fail_because(NET_TOOBIG, "a message of %zd bytes into a buffer of %zu, dropped",
                           length, size);
}

int nf_datagram_check_size(size_t size, size_t size_max)
{
    return size_max == 0 || size <= size_max
               ? 0
               : nf_fail_because(NET_TOOBIG, "%zu bytes; the most is %zu", size, size_max);
}

int nf_deferred_take_failure(struct nf_deferred *deferred)
{
    uint64_t failure = atomic_exchange(&deferred->failure, 0);

    return failure != 0 ? nf_fail_as(-(int)(failure >> CODE_SHIFT), (int)(uint32_t)failure) : 0;
}

/* Whether the system reports this failure only once. Then it is about an earlier datagram. */
static bool is_reported_once(int code)
{
    return code == NET_REFUSED || code == NET_UNREACHABLE || code == NET_RESET ||
           code == NET_SYSTEM || (code == NET_DENIED && !nf_cause_is_transient());
}

int nf_datagram_stop(int i, int code, struct nf_deferred *deferred)
{
    if (i == 0) {
        return code;
    }
    if (deferred != NULL && is_reported_once(code)) {
        uint64_t error = (uint32_t)nf_cause_pending()->error;

        atomic_store(&deferred->failure, (uint64_t)-code << CODE_SHIFT | error);
    }
    return i;
}

/* Connect again. Without a peer the socket receives datagrams from every sender, and they would be
 * taken for the peer's. So a filter drops all that arrives until it is connected, and what arrived
 * before the filter is discarded. */
static int redial(int fd, const struct nf_addr *peer)
{
    nf_sockopt_set(fd, NF_SO_DROP_ALL, 1);
    int code = nf_fd_connect(fd, peer);

    if (code == 0) {
        nf_sockopt_set(fd, NF_SO_DROP_ALL, 0);
    }
    return code;
}

/* How each failure is retried:
 *
 * A full queue: wait in slices, since no cancel wakes this wait: on a shared descriptor another
 * thread may have consumed the wake.
 *
 * NET_DENIED: Linux sometimes denies a first datagram that it accepts the second time. One retry.
 *
 * NET_TOOBIG: it may be about the datagram before, for which the path has since returned an error.
 * One retry.
 *
 * With IP_RECVERR: an error of a datagram to another peer. As many retries as it takes, but a storm
 * of them ends.
 *
 * Else the peer may have closed, and Linux has disconnected us if it is a unix socket. Another
 * socket may have the name now, so dial once again. */
int nf_datagram_retry(net_socket *socket, int fd, ssize_t code, struct nf_retry *retry,
                      net_deadline deadline)
{
    if (nf_is_canceled(socket)) {
        return nf_fail(NET_CANCELED);
    }
    if (code == NF_WOULD_BLOCK && retry->pauses) {
        return nf_pause(NULL, FULL_PAUSE, deadline);
    }
    if (code == NF_WOULD_BLOCK) {
        net_deadline slice = nf_deadline_after(nf_now(), CANCEL_SLICE);
        int got = nf_wait(fd, NF_OUT, NULL, nf_earlier(slice, deadline));

        return got < 0 ? got : 0;
    }
    if (code == NF_CONGESTED) {
        return nf_pause(NULL, CONGESTION_PAUSE, deadline);
    }
    if (nf_transfer_discard_errors(fd) && retry->is_shared && retry->others++ < OTHERS_ERRORS_MAX) {
        return 0;
    }
    if (retry->is_used) {
        return (int)code;
    }
    retry->is_used = true;
    if ((code == NET_DENIED && nf_cause_is_transient()) || code == NET_TOOBIG) {
        return 0;
    }
    return retry->redials ? redial(fd, &socket->name) : (int)code;
}

/* ---- Sending many ---- */

/* Segments that a route refused, in one word: a hash of the peer's address and the size of the
 * segments. If two peers have the same hash, one of them needlessly gets single datagrams. */
static uint64_t refusal_of(const struct nf_addr *to, size_t segment)
{
    const uint64_t prime = 0x100000001b3; /* FNV-1a's */
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < sizeof to->ip; i++) {
        hash = (hash ^ to->ip[i]) * prime;
    }
    return hash << SEGMENT_BITS | segment;
}

static bool is_refused(uint64_t refusal, const struct nf_addr *to, size_t segment)
{
    uint64_t asked = refusal_of(to, segment);
    uint64_t size = ((uint64_t)1 << SEGMENT_BITS) - 1;

    return (asked ^ refusal) <= size && (asked & size) >= (refusal & size);
}

/* The next messages, as trains. */
struct plan {
    struct nf_train train[NF_TRAINS_MAX];
    struct nf_route route[NF_TRAINS_MAX];
    size_t bytes[NF_TRAINS_MAX];
    size_t total; /* bytes of all */
    int trains;
};

/* Whether `next` may join the train that starts with `first` and ends before `next`. `bytes` is the
 * size of that train. */
static bool may_join(const net_message *first, const net_message *next, size_t bytes)
{
    return next->size > 0 && next->size <= first->size && next[-1].size == first->size &&
           bytes + next->size <= NF_TRAIN_SIZE_MAX &&
           memcmp(&next->endpoint, &first->endpoint, sizeof(net_endpoint)) == 0;
}

static int open_train(const struct nf_datagram_sender *sender, const net_message *message,
                      struct plan *plan)
{
    struct nf_route *route = &plan->route[plan->trains];
    int code = nf_datagram_check_size(message->size, sender->size_max);

    if (code == 0) {
        code = sender->find_route(sender->socket, &message->endpoint, route);
    }
    if (code == 0) {
        plan->bytes[plan->trains] = 0;
        plan->train[plan->trains++] = (struct nf_train){
            .to = route->is_open ? &route->to : NULL,
            .from = route->says_from ? &route->from : NULL,
        };
    }
    return code;
}

/* Whether the plan has room for a train that begins with a datagram of `size` bytes. */
static bool has_room(const struct plan *plan, int most, size_t size)
{
    return plan->trains < most && (plan->trains == 0 || plan->total + size <= NF_AT_ONCE);
}

/* Plan as many messages as fit one system call. 0, or a code if not even the first can go.
 *
 * If a train after the first fails, the system returns only the number of trains before it. A
 * failure that it reports only once would then be lost. A shared descriptor has no such failures. A
 * connected one has, so each system call on it sends one train. */
static int plan_trains(const struct nf_datagram_sender *sender, const net_message *messages,
                       int count, bool has_trains, uint64_t refusal, struct plan *plan)
{
    int most = sender->deferred != NULL ? 1 : NF_TRAINS_MAX;
    const net_message *first = NULL;
    bool alone = true; /* messages to the route of `first`, at its size, are sent singly */
    int last = -1;

    plan->trains = 0;
    plan->total = 0;
    for (int i = 0; i < count && i < NF_TRAIN_MESSAGES_MAX; i++) {
        if (alone || !may_join(first, &messages[i], plan->bytes[last])) {
            bool fits = has_room(plan, most, messages[i].size);
            int code = fits ? open_train(sender, &messages[i], plan) : 1;

            if (code != 0) {
                return i == 0 ? code : 0;
            }
            first = &messages[i];
            last = plan->trains - 1;
            alone = !has_trains || is_refused(refusal, &plan->route[last].to, first->size);
        }
        plan->train[last].count++;
        plan->bytes[last] += messages[i].size;
        plan->total += messages[i].size;
    }
    return 0;
}

/* The first `trains` trains of a plan were sent: count them. Returns the number of messages, and in
 * `cost` what they cost. */
static int count_sent(const struct nf_datagram_sender *sender, const struct plan *plan, int trains,
                      size_t *cost)
{
    int64_t bytes = 0;
    int count = 0;

    for (int i = 0; i < trains; i++) {
        bytes += (int64_t)plan->bytes[i];
        count += plan->train[i].count;
    }
    nf_add(sender->bytes, bytes);
    nf_add(sender->messages, count);
    *cost = nf_datagram_cost((size_t)bytes, count);
    return count;
}

int nf_datagram_send_messages(const struct nf_datagram_sender *sender, const net_message *messages,
                              int count, net_deadline deadline)
{
    uint64_t refusal = atomic_load_explicit(sender->refusal, memory_order_relaxed);
    bool has_trains = count > 1 && sender->has_trains && nf_transfer_knows_trains(sender->fd);
    struct nf_retry retry = sender->retry;
    struct nf_pace pace = {0};
    int done = 0;
    int code = sender->deferred != NULL && !nf_is_canceled(sender->socket)
                   ? nf_deferred_take(sender->deferred)
                   : 0;

    while (code == 0 && done < count) {
        struct plan plan;

        if (nf_is_canceled(sender->socket)) {
            code = nf_fail(NET_CANCELED);
            break;
        }
        code = plan_trains(sender, messages + done, count - done, has_trains, refusal, &plan);
        if (code != 0) {
            break;
        }
        int sent = nf_transfer_send_trains(sender->fd, sender->v6, messages + done, plan.train,
                                           plan.trains);

        if (sent > 0) {
            size_t cost = 0;

            done += count_sent(sender, &plan, sent, &cost);
            retry.is_used = false;
            retry.others = 0;
            code = done == count || nf_pace_goes_on(&pace, cost, deadline) ? 0 : NET_TIMEOUT;
        } else if (sent == NF_NO_TRAIN) {
            refusal = refusal_of(&plan.route[0].to, messages[done].size);
            atomic_store_explicit(sender->refusal, refusal, memory_order_relaxed);
        } else {
            code = nf_datagram_retry(sender->socket, sender->fd, sent, &retry, deadline);
        }
    }
    return code == 0 ? done : nf_datagram_stop(done, code, sender->deferred);
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

/* Batches of datagrams over whatever gives and takes one; nothing here knows where a datagram comes
 * from. */
#include "datagram/datagram.h"
#include "socket/counter.h"
#include "name/endpoint.h"
#include "os/socket.h"
#include "os/sockopt.h"
#include "wait/wait.h"

#include <stdlib.h>
#include <string.h>

enum {
    CANCEL_SLICE = 50,    /* ms: half of what a cancel may take */
    CONGESTION_PAUSE = 1, /* ms before the kernel is asked for buffers again */
    FULL_PAUSE = 1,       /* ms before a peer's full queue is tried again */
    KEPT_SHIFT = 32,      /* of the code in nf_datagram_kept, above the system error */
    SEGMENT_BITS = 16     /* of a refusal; no datagram has more bytes than they can say */
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

ssize_t nf_datagram_send_joined(net_socket *socket, const net_slice *slices, int count,
                                net_deadline deadline, nf_datagram_send_one *give)
{
    net_slice joined;
    void *bytes = join(slices, count, &joined);

    if (bytes == NULL) {
        return NET_LIMIT;
    }
    ssize_t n = give(socket, &joined, 1, deadline);

    free(bytes);
    return n;
}

int nf_datagram_refuse_until(void)
{
    return nf_fail_because(NET_MISUSE, "datagrams are received whole, one by one");
}

int nf_datagram_refuse_large(ssize_t length, size_t size)
{
    return nf_fail_because(NET_TOOBIG, "a datagram of %zd bytes into a buffer of %zu, dropped",
                           length, size);
}

int nf_deferred_take_failure(struct nf_deferred *kept)
{
    uint64_t failure = atomic_exchange(&kept->failure, 0);

    return failure != 0 ? nf_fail_as(-(int)(failure >> KEPT_SHIFT), (int)(uint32_t)failure) : 0;
}

/* Whether the system tells this failure but once, of a datagram that went before. */
static bool is_told_once(int code)
{
    return code == NET_REFUSED || code == NET_UNREACHABLE || code == NET_RESET ||
           code == NET_SYSTEM || (code == NET_DENIED && !nf_cause_is_transient());
}

int nf_datagram_stop(int i, int code, struct nf_deferred *kept)
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

/* Without a peer the socket would hear anybody, and take it for the peer's. */
static int dial_again(int fd, const struct nf_addr *peer)
{
    char scrap;

    nf_sockopt_set(fd, NF_SO_DROP_ALL, 1);
    int code = nf_socket_connect(fd, peer);

    if (code == 0) {
        while (nf_transfer_recv(fd, &scrap, sizeof scrap, NF_DONTWAIT) >= 0) {
        }
        nf_sockopt_set(fd, NF_SO_DROP_ALL, 0);
    }
    return code;
}

/* A full queue is waited out in slices: no cancel wakes this wait, because the bell of a shared
 * descriptor may have been heard by another. Linux now and then denies a first datagram that it
 * lets pass the second time; and what it calls too big may have been the one before, which the path
 * has complained of since. From a dialed unix socket Linux takes a peer who has closed: another may
 * be there by his name. */
int nf_datagram_retry(net_socket *socket, int fd, ssize_t code, bool *denied,
                      _Atomic net_deadline *full_until, net_deadline deadline)
{
    if (nf_is_canceled(socket)) {
        return nf_fail(NET_CANCELED);
    }
    if (code == NF_WOULD_BLOCK && full_until != NULL) {
        atomic_store(full_until, nf_deadline_after(nf_now(), FULL_PAUSE));
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
    if (((code == NET_DENIED && nf_cause_is_transient()) || code == NET_TOOBIG) && !*denied) {
        *denied = true;
        return 0;
    }
    if (nf_addr_is_named(&socket->name) && socket->name.size > 0 && full_until == NULL &&
        !*denied) {
        *denied = true;
        return dial_again(fd, &socket->name);
    }
    return (int)code;
}

/* ---- Sending many ---- */

/* A refused train, in one word: whom it was for, well mixed, and the size of its datagrams. Two
 * peers that look alike in it only go without trains. */
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

/* The next messages, laid out as trains. */
struct plan {
    struct nf_train train[NF_TRAINS_MAX];
    struct nf_route route[NF_TRAINS_MAX];
    size_t bytes[NF_TRAINS_MAX];
    int trains;
};

/* Whether `next` may join the train that `first` opened and the message before `next` ended. */
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
    int code = sender->find_route(sender->socket, &message->endpoint, route);

    if (code == 0) {
        plan->bytes[plan->trains] = 0;
        plan->train[plan->trains++] = (struct nf_train){
            .to = route->is_open ? &route->to : NULL,
            .from = route->says_from ? &route->from : NULL,
        };
    }
    return code;
}

/* Lay out as many as fit one system call. 0, or why not even the first can go.
 *
 * When a train in the midst of others fails, the system says only how many went before, and takes
 * that failure for told. Of a shared descriptor all failures come again; one with a peer has those
 * that are told once, so there every train goes alone. */
static int draw(const struct nf_datagram_sender *sender, const net_message *messages, int count,
                bool has_trains, uint64_t refusal, struct plan *plan)
{
    int most = sender->kept != NULL ? 1 : NF_TRAINS_MAX;
    const net_message *first = NULL;
    bool alone = true; /* what goes to whom `first` goes to, at its size */
    int last = -1;

    plan->trains = 0;
    for (int i = 0; i < count && i < NF_TRAIN_MESSAGES_MAX; i++) {
        if (alone || !may_join(first, &messages[i], plan->bytes[last])) {
            int code = plan->trains < most ? open_train(sender, &messages[i], plan) : 1;

            if (code != 0) {
                return i == 0 ? code : 0;
            }
            first = &messages[i];
            last = plan->trains - 1;
            alone = !has_trains || is_refused(refusal, &plan->route[last].to, first->size);
        }
        plan->train[last].count++;
        plan->bytes[last] += messages[i].size;
    }
    return 0;
}

/* The first trains of a plan have left; how many messages those were. */
static int account(const struct nf_datagram_sender *sender, const struct plan *plan, int trains)
{
    int64_t bytes = 0;
    int count = 0;

    for (int i = 0; i < trains; i++) {
        bytes += (int64_t)plan->bytes[i];
        count += plan->train[i].count;
    }
    nf_add(sender->bytes, bytes);
    nf_add(sender->messages, count);
    return count;
}

int nf_datagram_send_messages(const struct nf_datagram_sender *sender, const net_message *messages,
                              int count, net_deadline deadline)
{
    uint64_t refusal = atomic_load_explicit(sender->refusal, memory_order_relaxed);
    bool has_trains = count > 1 && sender->has_trains && nf_transfer_knows_trains(sender->fd);
    bool denied = sender->is_adopted;
    int done = 0;
    int code = sender->kept != NULL && !nf_is_canceled(sender->socket)
                   ? nf_deferred_take(sender->kept)
                   : 0;

    while (code == 0 && done < count) {
        struct plan plan;

        if (nf_is_canceled(sender->socket)) {
            code = nf_fail(NET_CANCELED);
            break;
        }
        code = draw(sender, messages + done, count - done, has_trains, refusal, &plan);
        if (code < 0) {
            break;
        }
        int sent = nf_transfer_send_trains(sender->fd, sender->v6, messages + done, plan.train,
                                           plan.trains);

        if (sent > 0) {
            done += account(sender, &plan, sent);
            denied = sender->is_adopted;
        } else if (sent == NF_NO_TRAIN) {
            refusal = refusal_of(&plan.route[0].to, messages[done].size);
            atomic_store_explicit(sender->refusal, refusal, memory_order_relaxed);
        } else {
            code = nf_datagram_retry(sender->socket, sender->fd, sent, &denied, sender->full_until,
                                     deadline);
        }
    }
    return code < 0 ? nf_datagram_stop(done, code, sender->kept) : done;
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

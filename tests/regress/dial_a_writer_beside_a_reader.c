/* wrap: nf_poll nf_futex_wait */
/* On a socket that is still dialing, a writer waited for the dial in the queue of the receivers.
 * The reader that completed the dial was back in that queue before the writer woke, and the two
 * ends waited for each other. */
#include "support.h"

#include "os/futex.h"
#include "os/poll.h"

#include <stdatomic.h>

enum { LATE = 100 }; /* ms between the wake of the writer and its next step */

static _Atomic bool armed;
static _Atomic bool driven; /* the reader drives the dial */
static _Atomic bool queued; /* the writer waits for the driver */
static _Thread_local bool wakes_late;

int __real_nf_poll(struct nf_poll *polls, int count, net_deadline deadline);
int __wrap_nf_poll(struct nf_poll *polls, int count, net_deadline deadline);
int __wrap_nf_poll(struct nf_poll *polls, int count, net_deadline deadline)
{
    if (atomic_exchange(&armed, false)) {
        driven = true;
        while (!queued) {
            nap(1);
        }
    }
    return __real_nf_poll(polls, count, deadline);
}

void __real_nf_futex_wait(_Atomic uint32_t *word, uint32_t seen, net_deadline deadline);
void __wrap_nf_futex_wait(_Atomic uint32_t *word, uint32_t seen, net_deadline deadline);
void __wrap_nf_futex_wait(_Atomic uint32_t *word, uint32_t seen, net_deadline deadline)
{
    if (wakes_late) {
        queued = true;
    }
    __real_nf_futex_wait(word, seen, deadline);
    if (wakes_late) {
        nap(LATE);
    }
}

static long long write_request(struct caller *caller)
{
    wakes_late = true;
    long long n = net_send(caller->socket, "?", 1, caller->deadline);

    queued = true; /* also if the writer did not have to wait */
    return n;
}

static void a_writer_goes_on_once_the_dial_is_won(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_deadline enough = net_after(10000 * (int64_t)slowness());
    struct caller reader;
    struct caller writer;
    char address[ADDRESS_MAX];
    char request = 0;

    dial_address(listener, address);
    net_socket *client = assert_socket(net_connect(address, NET_NOW));

    driven = false;
    queued = false;
    armed = true;
    caller_launch(&reader, call_recv, client, enough);
    while (!driven && !reader.done) {
        nap(1);
    }
    caller_launch(&writer, write_request, client, enough);
    net_socket *server = assert_socket(net_accept(listener, enough));
    ssize_t heard = net_recv(server, &request, 1, enough);

    if (heard == 1) {
        net_send(server, "!", 1, enough);
    }
    caller_join(&writer);
    caller_join(&reader);
    net_close(server, NET_NOW);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
    assert_int_equal(writer.result, 1);
    assert_int_equal(heard, 1);
    assert_int_equal(reader.result, 1);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_writer_goes_on_once_the_dial_is_won)};

    return run_over(kernel_streams, tests);
}

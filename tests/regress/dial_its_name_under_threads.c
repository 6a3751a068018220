/* wrap: nf_poll */
/* The peer's address was stored in the socket when its dial was won. At that moment other threads
 * read it for the sentences of their failures: a data race, and perhaps a torn address. */
#include "support.h"

#include "os/poll.h"

#include <stdatomic.h>
#include <string.h>

enum { READERS = 2, ENOUGH = 40, GO_ON = 10 };

static _Atomic bool armed;
static _Atomic int failures;

/* Hold the driver until others have failed beside it. They continue to fail. */
int __real_nf_poll(struct nf_poll *polls, int count, net_deadline deadline);
int __wrap_nf_poll(struct nf_poll *polls, int count, net_deadline deadline);
int __wrap_nf_poll(struct nf_poll *polls, int count, net_deadline deadline)
{
    if (atomic_exchange(&armed, false)) {
        while (failures < ENOUGH) {
            nap(1);
        }
        nap(GO_ON);
    }
    return __real_nf_poll(polls, count, deadline);
}

static const char *address;

/* Until the peer's end ends it all. Return how many sentences named something else. */
static long long read_sentences(struct caller *caller)
{
    long long odd = 0;
    ssize_t n = NET_TIMEOUT;
    char byte;

    while (n == NET_TIMEOUT) {
        n = net_recv(caller->socket, &byte, 1, NET_NOW);
        if (n == NET_TIMEOUT) {
            const char *text = net_error_text();

            odd += strstr(text, address) == NULL && strstr(text, "still dialing") == NULL ? 1 : 0;
            if (failures < ENOUGH) {
                failures++;
            }
        }
    }
    return odd + (n == NET_EOF ? 0 : 1);
}

static void a_sentence_names_the_peer_once_it_is_known(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct caller driver;
    struct caller readers[READERS];
    char target[ADDRESS_MAX];

    dial_address(listener, target);
    address = target;
    failures = 0;
    net_socket *client = assert_socket(net_connect(target, NET_NOW));

    armed = true;
    caller_launch(&driver, call_recv_all, client, soon());
    while (armed) {
        nap(1);
    }
    for (int i = 0; i < READERS; i++) {
        caller_launch(&readers[i], read_sentences, client, NET_NOW);
    }
    net_socket *server = assert_socket(net_accept(listener, soon()));

    nap(GO_ON);
    net_close(server, NET_NOW); /* an end for the driver, and for the readers */
    caller_join(&driver);
    for (int i = 0; i < READERS; i++) {
        caller_join(&readers[i]);
    }
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].result, 0);
    }
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "tcp://[::1]:0", NULL};
    static const struct test tests[] = {TEST(a_sentence_names_the_peer_once_it_is_known)};

    return run_over(templates, tests);
}

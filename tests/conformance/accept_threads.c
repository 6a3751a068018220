/* Many threads accept at one listener. Each call is accepted once. */
#include "support.h"

enum { CALLS = 1000, BEHIND = 10 };

struct worker {
    net_socket *listener;
    int picked_up;
    pthread_t thread;
};

static _Atomic bool hung_up[CALLS];

/* Each caller sends its number, and gets an answer when the number was received. */
static void *pick_up_all(void *argument)
{
    struct worker *worker = argument;
    net_socket *call = net_accept(worker->listener, soon());

    while (call != NULL) {
        int number = 0;

        if (net_recv(call, &number, sizeof number, soon()) == sizeof number &&
            net_send(call, &number, sizeof number, soon()) == sizeof number) {
            worker->picked_up++;
        }
        net_close(call, NET_NOW);
        hung_up[number] = true;
        call = net_accept(worker->listener, soon());
    }
    return NULL;
}

/* A datagram from the port of a live peer belongs to that peer. So the caller keeps its port
 * until the peers are closed. */
static void let_go(net_socket *client, int number)
{
    while (!hung_up[number]) {
        nap(1);
    }
    hung_up[number] = false;
    net_close(client, NET_NOW);
}

static void each_call_is_picked_up_by_one_of_many_threads(void **state)
{
    static net_socket *clients[CALLS];
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    struct worker workers[8] = {0};
    int picked_up = 0;
    int made = CALLS / slowness();

    dial_address(listener, address);
    for (size_t i = 0; i < COUNT(workers); i++) {
        workers[i].listener = listener;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, pick_up_all, &workers[i]), 0);
    }
    for (int i = 0; i < made; i++) {
        int number = i;

        clients[i] = assert_socket(net_connect(address, soon()));
        assert_count(net_send(clients[i], &number, sizeof number, soon()), sizeof number);
        assert_count(net_recv(clients[i], &number, sizeof number, soon()), sizeof number);
        assert_int_equal(number, i);
        if (i >= BEHIND) {
            let_go(clients[i - BEHIND], i - BEHIND);
        }
    }
    for (int i = made - BEHIND; i < made; i++) {
        let_go(clients[i], i);
    }
    net_cancel(listener);
    for (size_t i = 0; i < COUNT(workers); i++) {
        pthread_join(workers[i].thread, NULL);
        picked_up += workers[i].picked_up;
    }
    assert_int_equal(picked_up, made);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test any[] = {TEST(each_call_is_picked_up_by_one_of_many_threads)};

    return run_over(all_templates, any);
}

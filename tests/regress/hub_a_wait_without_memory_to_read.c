/* wrap: calloc malloc */
/* Without memory for the datagrams of a udp listener, a poller spun. */
#include "watching.h"

static _Atomic bool no_memory;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory ? NULL : __real_calloc(count, size);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return no_memory ? NULL : __real_malloc(size);
}

static void it_rests_and_goes_on(void **state)
{
    char address[ADDRESS_MAX];
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    dial_address(listener, address);
    net_socket *stranger = assert_socket(net_connect(address, soon()));

    watch(poller, listener, NET_READABLE);
    no_memory = true;
    ssize_t n = net_send(stranger, "hello", 5, soon());

    expect_quiet(poller, 500);
    no_memory = false;
    assert_int_equal(n, 5);
    expect_event(poller, listener, NET_READABLE);
    net_close(stranger, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test tests[] = {TEST(it_rests_and_goes_on)};

    return run_over(kernel_datagrams, tests);
}

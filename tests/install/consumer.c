/* A first program of a user, in C99: both ends of one connection. Prints the library's version. */
#include <netfacade.h>

#include <stdio.h>
#include <string.h>

static const char greeting[] = "hello";

static int talk(net_socket *listener, net_deadline deadline)
{
    char address[64];
    char heard[sizeof greeting];
    net_socket *caller;
    net_socket *callee;
    int well = 0;

    if (net_get(listener, "local", address, sizeof address) < 0) {
        return 0;
    }
    caller = net_connect(address, deadline);
    callee = net_accept(listener, deadline);
    if (caller != NULL && callee != NULL &&
        (size_t)net_send(caller, greeting, sizeof greeting, deadline) == sizeof greeting &&
        (size_t)net_recv_all(callee, heard, sizeof heard, deadline) == sizeof heard) {
        well = memcmp(heard, greeting, sizeof heard) == 0;
    }
    net_close(caller, NET_NOW);
    net_close(callee, NET_NOW);
    return well;
}

int main(void)
{
    net_socket *listener = net_listen("tcp://127.0.0.1:0");
    int well = listener != NULL && talk(listener, net_after(5000));

    net_close(listener, NET_NOW);
    if (!well) {
        fprintf(stderr, "%s\n", net_error_text());
        return 1;
    }
    puts(net_version());
    return 0;
}

/* A caller of netfacade that uses its verbs one after the other. */
#include <netfacade.h>

#include <string.h>

/* Whether every call reached netfacade: both ends talk, over tcp. */
int we_reach_netfacade(void)
{
    net_deadline deadline = net_after(20000);
    net_socket *listener = net_listen("tcp://127.0.0.1:0");
    net_socket *caller = NULL;
    net_socket *callee = NULL;
    char words[64] = "";
    int well = 0;

    if (net_get(listener, "local", words, sizeof words) > 0) {
        caller = net_connect(words, deadline);
        callee = net_accept(listener, deadline);
    }
    if (net_send(caller, "ours", 5, deadline) == 5 && net_shutdown(caller) == 0 &&
        net_recv_all(callee, words, 6, deadline) == 5) {
        well = strcmp(words, "ours") == 0;
    }
    net_close(caller, NET_NOW);
    net_close(callee, NET_NOW);
    net_close(listener, NET_NOW);
    return well;
}

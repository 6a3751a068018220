/* by_proxy PROXY HOST:PORT CA NAME: asks a proxy for a connection by CONNECT, and a server behind
 * it for a page, over TLS. */
#include "wait_for_line.h"

int main(int argc, char **argv)
{
    char text[1024];

    if (argc != 5) {
        return 2;
    }
    net_socket *socket = must_have(net_connect(argv[1], net_after(LIMIT)), "connect");

    snprintf(text, sizeof text, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", argv[2], argv[2]);
    tell(socket, text);
    expect_answer(socket, "HTTP/1.");
    while (strcmp(text, "\r\n") != 0) {
        ssize_t n = net_recv_until(socket, text, sizeof text - 1, '\n', net_after(LIMIT));

        if (n <= 0) {
            give_up("proxy");
        }
        text[n] = '\0';
    }
    int fd = net_release(socket);

    if (fd < 0) {
        give_up("release");
    }
    snprintf(text, sizeof text, "tls+fd://%d?side=client&ca=%s&name=%s", fd, argv[3], argv[4]);
    socket = must_have(net_connect(text, net_after(LIMIT)), "tls");
    tell(socket, "GET / HTTP/1.0\r\n\r\n");
    ssize_t n = net_recv_until(socket, text, sizeof text - 1, '\n', net_after(LIMIT));

    if (n <= 0) {
        give_up("recv");
    }
    printf("%.*s", (int)n, text);
    net_close(socket, NET_NOW);
    return 0;
}

/* ask_dns ADDRESS COUNT: asks a DNS server over TLS (RFC 7858) as often for the address of
 * one.test, first all questions and then all answers, on one connection. */
#include "wait_for_line.h"

static const unsigned char question[] = {0,   0,   1,   0, 0,   1,   0,   0,   0, 0, 0, 0, 3,
                                         'o', 'n', 'e', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};

int main(int argc, char **argv)
{
    int count = argc == 3 ? atoi(argv[2]) : 0;
    int right = 0;
    net_socket *socket = must_have(net_connect(argc > 1 ? argv[1] : "", net_after(LIMIT)), "dial");

    for (int i = 0; i < count; i++) {
        unsigned char query[sizeof question];

        memcpy(query, question, sizeof question);
        query[0] = (unsigned char)i;
        if (net_send(socket, query, sizeof query, net_after(LIMIT)) != sizeof query) {
            give_up("send");
        }
    }
    for (int i = 0; i < count; i++) {
        unsigned char answer[1024];
        ssize_t n = net_recv(socket, answer, sizeof answer, net_after(LIMIT));

        if (n <= 0) {
            give_up("recv");
        }
        right += n > 4 && memcmp(answer + n - 4, "\300\0\2\1", 4) == 0 ? 1 : 0;
    }
    net_close(socket, net_after(1000));
    printf("%d right of %d\n", right, count);
    return 0;
}

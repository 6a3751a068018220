/* The system disconnects a dialed datagram socket once a send has found no peer. From then on the
 * socket received from any sender that knew its name, also after it had dialed again. */
#include "support.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char name[] = "unixgram://@netfacade-regress-stranger";

/* Send from a socket without a name to an abstract one. */
static void stranger_says(const char *address, const char *word)
{
    const char *abstract = strchr(address, '@') + 1;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(to.sun_path + 1, abstract, strlen(abstract));
    sendto(fd, word, strlen(word), 0, (struct sockaddr *)&to,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract)));
    close(fd);
}

static void only_the_peer_is_heard(void **state)
{
    char own[ADDRESS_MAX];
    char word[16];
    net_socket *listener = assert_socket(net_listen(name));
    net_socket *client = assert_socket(net_connect(name, soon()));

    (void)state;
    assert_ok(net_get(client, "local", own, sizeof own));
    stranger_says(own, "evil");
    net_close(listener, NET_NOW);
    assert_code(net_send(client, "x", 1, soon()), NET_REFUSED);
    stranger_says(own, "evil");
    assert_code(net_recv(client, word, sizeof word, NET_NOW), NET_TIMEOUT);

    listener = assert_socket(net_listen(name));
    assert_count(net_send(client, "again", 5, soon()), 5);
    stranger_says(own, "evil");
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv(server, word, sizeof word, soon()), 5);
    assert_count(net_send(server, "answer", 6, soon()), 6);
    assert_count(net_recv(client, word, sizeof word, soon()), 6);
    assert_memory_equal(word, "answer", 6);
    assert_code(net_recv(client, word, sizeof word, NET_NOW), NET_TIMEOUT);
    net_close(server, NET_NOW);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    const struct test tests[] = {TEST(only_the_peer_is_heard)};

    return run_once(tests);
}

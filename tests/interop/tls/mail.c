/* mail ADDRESS CA NAME: sends a mail by SMTP, after STARTTLS. */
#include "wait_for_line.h"

int main(int argc, char **argv)
{
    char address[1024];
    char name[256];
    char version[16];

    if (argc != 4) {
        return 2;
    }
    net_socket *socket = must_have(net_connect(argv[1], net_after(LIMIT)), "connect");

    expect_answer(socket, "220");
    tell(socket, "EHLO localhost\r\n");
    expect_answer(socket, "250");
    tell(socket, "STARTTLS\r\n");
    expect_answer(socket, "220");
    int fd = net_release(socket);

    if (fd < 0) {
        give_up("release");
    }
    snprintf(address, sizeof address, "tls+fd://%d?side=client&ca=%s&name=%s", fd, argv[2],
             argv[3]);
    socket = must_have(net_connect(address, net_after(LIMIT)), "tls");
    if (net_get(socket, "peer-name", name, sizeof name) < 0 ||
        net_get(socket, "tls-version", version, sizeof version) < 0) {
        give_up("get");
    }
    tell(socket, "EHLO localhost\r\n");
    expect_answer(socket, "250");
    tell(socket, "MAIL FROM:<a@localhost>\r\n");
    expect_answer(socket, "250");
    tell(socket, "RCPT TO:<b@localhost>\r\n");
    expect_answer(socket, "250");
    tell(socket, "DATA\r\n");
    expect_answer(socket, "354");
    tell(socket, "Subject: greetings\r\n\r\nGood day.\r\n.\r\n");
    expect_answer(socket, "250");
    tell(socket, "QUIT\r\n");
    expect_answer(socket, "221");
    net_close(socket, net_after(1000));
    printf("sent to %s by TLS %s\n", name, version);
    return 0;
}

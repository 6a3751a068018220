/* mailbox ADDRESS CERT KEY CALLERS: an SMTP server for so many callers, one after the other, that
 * takes mail only after STARTTLS. It says how each of them ends. */
#include "wait_for_line.h"

/* The next command. False: the caller is gone, or its records are no good. */
static bool next_command(net_socket *socket, char *line, size_t size)
{
    ssize_t n = net_recv_until(socket, line, size - 1, '\n', net_after(LIMIT));

    if (n <= 0) {
        printf("ended: %s\n", n == NET_EOF ? "end" : net_error_text());
        return false;
    }
    line[n] = '\0';
    return true;
}

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

/* Until STARTTLS has been answered. */
static bool talk_in_the_clear(net_socket *socket)
{
    char line[1024];

    tell(socket, "220 localhost\r\n");
    while (next_command(socket, line, sizeof line)) {
        if (begins(line, "STARTTLS")) {
            tell(socket, "220 go ahead\r\n");
            return true;
        }
        tell(socket,
             begins(line, "EHLO") ? "250-localhost\r\n250 STARTTLS\r\n" : "530 STARTTLS\r\n");
    }
    return false;
}

static void take_mail(net_socket *socket)
{
    char line[1024];

    while (next_command(socket, line, sizeof line)) {
        printf("got %s", line);
        if (begins(line, "QUIT")) {
            tell(socket, "221 bye\r\n");
            return;
        }
        if (begins(line, "DATA")) {
            tell(socket, "354 go ahead\r\n");
            while (next_command(socket, line, sizeof line) && strcmp(line, ".\r\n") != 0) {
                printf("mail %s", line);
            }
        }
        tell(socket, "250 well\r\n");
    }
}

static void serve(net_socket *socket, const char *cert, const char *key)
{
    char address[1024];

    if (!talk_in_the_clear(socket)) {
        net_close(socket, NET_NOW);
        return;
    }
    int fd = net_release(socket);

    if (fd < 0) {
        printf("not released: %s\n", net_error_text());
        net_close(socket, NET_NOW);
        return;
    }
    snprintf(address, sizeof address, "tls+fd://%d?side=server&cert=%s&key=%s", fd, cert, key);
    socket = net_connect(address, net_after(LIMIT));
    if (socket == NULL) {
        printf("refused: %s\n", net_error_text());
        return;
    }
    take_mail(socket);
    net_close(socket, net_after(1000));
}

int main(int argc, char **argv)
{
    char local[256];

    if (argc != 5) {
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    net_socket *listener = must_have(net_listen(argv[1]), "listen");

    if (net_get(listener, "local", local, sizeof local) < 0) {
        give_up("get");
    }
    printf("listening on %s\n", local);
    for (int left = atoi(argv[4]); left > 0; left--) {
        serve(must_have(net_accept(listener, net_after(3L * LIMIT)), "accept"), argv[2], argv[3]);
    }
    net_close(listener, NET_NOW);
    return 0;
}

/* send_lines HOST PORT COUNT: sends COUNT lines of 11 bytes to a TCP listener, as fast as it can,
 * and ends. It does not use the library. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE = 11, AT_ONCE = 3000 };

static int say(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

        if (n < 0) {
            perror("send");
            return -1;
        }
        text += n;
        size -= (size_t)n;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static char text[LINE * AT_ONCE + 1];
    struct sockaddr_in name = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (argc != 4 || inet_pton(AF_INET, argv[1], &name.sin_addr) != 1) {
        fprintf(stderr, "usage: send_lines HOST PORT COUNT\n");
        return 2;
    }
    name.sin_port = htons((uint16_t)strtol(argv[2], NULL, 10));
    for (int i = 0; i < AT_ONCE; i++) {
        memcpy(text + (size_t)i * LINE, "0123456789\n", LINE);
    }
    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        perror("connect");
        return 1;
    }
    for (long left = strtol(argv[3], NULL, 10); left > 0; left -= AT_ONCE) {
        if (say(fd, text, (size_t)LINE * (size_t)(left < AT_ONCE ? left : AT_ONCE)) != 0) {
            return 1;
        }
    }
    return close(fd) == 0 ? 0 : 1;
}

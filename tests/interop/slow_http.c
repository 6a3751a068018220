/* slow_http KIND PORT COUNT [PATH] - bad callers of an HTTP server on 127.0.0.1, COUNT at once:
 *
 *     silent    send nothing
 *     begun     send the beginning of a request, and nothing more
 *     drip      send one byte of an endless head every 50 ms
 *     deaf      ask for PATH and read nothing of it
 *     reset     one after the other: send one byte of a request more than the one before, or all of
 *               it, read what has come of the answer, and reset the connection
 *
 * Prints "ready" when all are connected and have sent that. Deaf callers then stay until they are
 * killed. The others wait for the server to end them; then it prints "COUNT ended, COUNT of them
 * with 408". */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST = 1000,
    DRIP_MS = 50,
    LIMIT_S = 120, /* if the server does not end them by then, the program stops waiting */
    SMALL_BUFFER = 4096
};

static const char request[] = "GET /index.html HTTP/1.1\r\nHost: me\r\nA: b\r\n\r\n";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int dial(int port)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int small = SMALL_BUFFER;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) < 0 ||
        connect(fd, (struct sockaddr *)&server, sizeof server) < 0) {
        die("connect");
    }
    return fd;
}

static void say(int fd, const char *words, size_t size)
{
    if (send(fd, words, size, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) {
        die("send");
    }
}

static void reset_all(int port, int count)
{
    struct linger none = {.l_onoff = 1};
    char answer[100];

    for (int i = 0; i < count; i++) {
        int fd = dial(port);
        size_t size = (size_t)i % sizeof request;

        say(fd, request, size);
        if (i % 2 == 0) {
            recv(fd, answer, sizeof answer, size == sizeof request - 1 ? 0 : MSG_DONTWAIT);
        }
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd);
    }
}

/* Whether the server has ended the connection. A 408 as the reason is counted. */
static int has_ended(int fd, int *told)
{
    char answer[1000];
    ssize_t got = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT);

    if (got > 0) {
        answer[got] = '\0';
        *told += strncmp(answer, "HTTP/1.1 408 ", strlen("HTTP/1.1 408 ")) == 0;
    }
    return got == 0 || (got < 0 && errno != EAGAIN);
}

static void wait_for_all(struct pollfd *calls, int count, int drips)
{
    time_t begun = time(NULL);
    int ended = 0;
    int told = 0;

    while (ended < count && time(NULL) - begun < LIMIT_S) {
        int ready = poll(calls, (nfds_t)count, DRIP_MS);

        for (int i = 0; i < count; i++) {
            if (calls[i].fd >= 0 && calls[i].revents != 0 && has_ended(calls[i].fd, &told)) {
                close(calls[i].fd);
                calls[i].fd = -1; /* poll ignores a negative descriptor */
                ended++;
            } else if (calls[i].fd >= 0 && drips && ready == 0) {
                say(calls[i].fd, "a", 1);
            }
        }
    }
    printf("%d ended, %d of them with 408\n", ended, told);
}

int main(int argc, char **argv)
{
    static struct pollfd calls[MOST];
    const char *kind = argc > 3 ? argv[1] : "";
    int port = argc > 3 ? atoi(argv[2]) : 0;
    int count = argc > 3 ? atoi(argv[3]) : 0;
    int drips = strcmp(kind, "drip") == 0;
    int deaf = strcmp(kind, "deaf") == 0 && argc > 4;
    char words[200];

    if (count < 1 || count > MOST) {
        fprintf(stderr, "usage: slow_http KIND PORT COUNT [PATH]\n");
        return 2;
    }
    if (strcmp(kind, "reset") == 0) {
        reset_all(port, count);
        return 0;
    }
    snprintf(words, sizeof words, "GET %s HTTP/1.1\r\nHost: me\r\n%s", deaf ? argv[4] : "/",
             deaf ? "\r\n" : "A: ");
    for (int i = 0; i < count; i++) {
        calls[i] = (struct pollfd){.fd = dial(port), .events = POLLIN};
        if (strcmp(kind, "silent") != 0) {
            say(calls[i].fd, words, strlen(words));
        }
    }
    puts("ready");
    fflush(stdout);
    while (deaf) {
        pause();
    }
    wait_for_all(calls, count, drips);
    return 0;
}

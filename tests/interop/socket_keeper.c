/* socket_keeper RESTARTS SERVER ADDRESS - keeps a listening socket of 127.0.0.1 over tcp while the
 * echo server on it is replaced again and again, and callers never stop talking.
 *
 * Each server gets the socket as its descriptor 3, as sd_listen_fds(3) describes, with the name
 * "echo". ADDRESS tells the server how to take it. A new server is started first; then the old one
 * gets SIGTERM, and must end by itself, with 0. Each caller repeats this: dial, send random bytes,
 * receive the echo, close. A dial that fails, an echo that differs, an early end is a failure, and
 * the keeper prints which. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CALLERS = 8,
    LIMIT_S = 120,
    PATIENCE_S = 30, /* the longest wait for one answer */
    PASSED = 3,
    LONGEST = 20000, /* bytes of one message */
    SAYINGS = 24,    /* messages of one call, at most */
    CALLS_EACH = 3   /* calls of every caller between two restarts */
};

static struct sockaddr_in where;
static atomic_bool over;
static atomic_bool failed;
static atomic_long calls[CALLERS];
static atomic_long echoes;

static void complain(const char *what, int error)
{
    fprintf(stderr, "socket_keeper: %s: %s\n", what, strerror(error));
    failed = true;
    over = true;
}

/* ---- Callers ---- */

static unsigned next_below(unsigned *seed, unsigned limit)
{
    *seed = *seed * 1103515245 + 12345;
    return (*seed >> 16) % limit;
}

/* One message. It is short enough that both directions have room for it, no matter when each side
 * reads. */
static bool say_and_hear(int fd, const char *said, size_t size)
{
    char heard[LONGEST];

    if (send(fd, said, size, MSG_NOSIGNAL) != (ssize_t)size) {
        complain("a caller could not say it all", errno);
        return false;
    }
    errno = 0;
    if (recv(fd, heard, size, MSG_WAITALL) != (ssize_t)size || memcmp(heard, said, size) != 0) {
        complain("a caller did not get its echo", errno);
        return false;
    }
    echoes++;
    return true;
}

static void call(unsigned *seed)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned sayings = 1 + next_below(seed, SAYINGS);
    char said[LONGEST];
    bool good = true;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&where, sizeof where) != 0) {
        complain("a dial failed", errno);
        good = false;
    }
    for (unsigned i = 0; i < sayings && good; i++) {
        size_t size = 1 + next_below(seed, LONGEST);

        memset(said, (int)('a' + next_below(seed, 26)), size);
        good = say_and_hear(fd, said, size);
    }
    errno = 0;
    if (good && (shutdown(fd, SHUT_WR) != 0 || recv(fd, said, 1, 0) != 0)) {
        complain("a call did not end well", errno);
    }
    close(fd);
}

static void *call_again_and_again(void *argument)
{
    atomic_long *made = argument;
    unsigned seed = (unsigned)(made - calls) + 1;

    while (!over) {
        call(&seed);
        ++*made;
    }
    return NULL;
}

/* ---- Servers ---- */

struct server {
    pid_t process;
    int says; /* the read end of its output */
};

static void become(int listener, int output, char **command)
{
    char process[16];

    snprintf(process, sizeof process, "%d", (int)getpid());
    setenv("LISTEN_PID", process, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "echo", 1);
    if (dup2(output, 1) == 1 && dup2(listener, PASSED) == PASSED &&
        fcntl(PASSED, F_SETFD, 0) == 0) { /* also if it was there already */
        execv(command[0], command);
    }
    _exit(EXIT_FAILURE);
}

/* Returns when the server listens; 0: it does not. */
static bool start(struct server *server, int listener, char **command)
{
    int ends[2];
    char word = 0;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    server->process = fork();
    if (server->process == 0) {
        become(listener, ends[1], command);
    }
    close(ends[1]);
    server->says = ends[0];
    return server->process > 0 && read(server->says, &word, 1) == 1;
}

static void stop(struct server *server)
{
    int status = 0;

    kill(server->process, SIGTERM);
    if (waitpid(server->process, &status, 0) != server->process || status != 0) {
        complain("a server did not end well", 0);
    }
    close(server->says);
}

/* ---- The whole ---- */

/* Waits until every caller has made some more calls. */
static void let_them_call(void)
{
    const struct timespec moment = {.tv_nsec = 2000000};
    long before[CALLERS];

    for (int i = 0; i < CALLERS; i++) {
        before[i] = calls[i];
    }
    for (int i = 0; i < CALLERS; i++) {
        while (calls[i] < before[i] + CALLS_EACH && !failed) {
            nanosleep(&moment, NULL);
        }
    }
}

static int listen_somewhere(void)
{
    socklen_t length = sizeof where;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    where = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&where, sizeof where) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&where, &length) != 0) {
        complain("no socket to keep", errno);
    }
    return fd;
}

int main(int argc, char **argv)
{
    pthread_t callers[CALLERS];
    struct server server;
    struct server next;
    int restarts = argc > 3 ? atoi(argv[1]) : 0;

    if (restarts <= 0) {
        fprintf(stderr, "usage: socket_keeper RESTARTS SERVER ADDRESS\n");
        return EXIT_FAILURE;
    }
    alarm(LIMIT_S);
    int listener = listen_somewhere();

    if (failed || !start(&server, listener, argv + 2)) {
        complain("no server", 0);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_create(&callers[i], NULL, call_again_and_again, &calls[i]);
    }
    for (int i = 0; i < restarts && !failed; i++) {
        let_them_call();
        if (!start(&next, listener, argv + 2)) {
            complain("no next server", 0);
        }
        stop(&server);
        server = next;
    }
    let_them_call();
    over = true;
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i], NULL);
    }
    stop(&server);
    printf("%ld echoes in spite of %d restarts\n", (long)echoes, restarts);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

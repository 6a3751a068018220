/* wrap: read */
/* A terminal or a named FIFO cannot be read without waiting, so the library asked poll(2) first. If
 * another process that reads the same one was faster, the read waited, whatever the deadline. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE = 100, RESCUE = 1500 /* ms until the test ends a read that waits */ };

static int rival = -1; /* another descriptor for the same: it takes what is about to be read */
static int taken;

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
    char bytes[16];

    if (rival >= 0 && taken == 0 && __real_read(rival, bytes, sizeof bytes) > 0) {
        taken++;
    }
    return __real_read(fd, buffer, size);
}

/* Writes a line soon, and another after RESCUE unless it is told that it need not. */
struct writer {
    int fd;
    int done[2];
    pthread_t thread;
};

static void *write_lines(void *argument)
{
    struct writer *writer = argument;
    struct pollfd told = {.fd = writer->done[0], .events = POLLIN};
    bool good = write(writer->fd, "one\n", 4) == 4;

    if (poll(&told, 1, RESCUE * slowness()) == 0) {
        good = good && write(writer->fd, "two\n", 4) == 4;
    }
    return good ? writer : NULL;
}

/* `fd` blocks. The call must end at its deadline, though the rival takes what comes. */
static void receive_beside_a_rival(const char *what, int fd, struct writer *writer)
{
    char address[ADDRESS_MAX];
    char bytes[16];
    void *good;

    snprintf(address, sizeof address, "fd://%d", fd);
    net_socket *socket = assert_socket(net_connect(address, NET_NOW));

    taken = 0;
    assert_int_equal(pipe2(writer->done, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&writer->thread, NULL, write_lines, writer), 0);
    double start = now_ms();
    ssize_t got = net_recv(socket, bytes, sizeof bytes, net_after(PATIENCE));
    double ms = elapsed_ms(start);

    assert_int_equal(write(writer->done[1], "", 1), 1);
    pthread_join(writer->thread, &good);
    print_message("%s: the rival took %d, and the call with %d ms ended after %.0f ms\n", what,
                  taken, PATIENCE, ms);
    net_close(socket, NET_NOW);
    close(writer->done[0]);
    close(writer->done[1]);
    assert_ptr_equal(good, writer);
    assert_int_equal(got, NET_TIMEOUT);
    assert_int_equal(taken, 1);
    in_time(ms < PATIENCE + 50.0 * slowness());
}

static void a_fifo_keeps_the_deadline(void **state)
{
    char directory[] = "/tmp/netfacade-XXXXXX";
    char path[64];
    struct writer writer;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    writer.fd = open(path, O_RDWR | O_CLOEXEC);
    rival = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(writer.fd >= 0 && rival >= 0 && fd >= 0);
    receive_beside_a_rival("a FIFO", fd, &writer);
    close(writer.fd);
    close(rival);
    rival = -1;
    unlink(path);
    rmdir(directory);
}

static void a_terminal_keeps_the_deadline(void **state)
{
    struct writer writer;

    (void)state;
    writer.fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (writer.fd < 0 || grantpt(writer.fd) != 0 || unlockpt(writer.fd) != 0) {
        close(writer.fd);
        skip();
    }
    int fd = open(ptsname(writer.fd), O_RDWR | O_NOCTTY | O_CLOEXEC);

    rival = open(ptsname(writer.fd), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0 && rival >= 0);
    receive_beside_a_rival("a terminal", fd, &writer);
    close(rival);
    rival = -1;
    close(writer.fd);
}

/* Nor does the second descriptor see an end where the first sees none. */
static void a_fifo_without_a_writer_is_no_end(void **state)
{
    char directory[] = "/tmp/netfacade-XXXXXX";
    char path[64];
    char address[ADDRESS_MAX];
    char bytes[16];

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(address, sizeof address, "fd://%d", open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    net_socket *socket = assert_socket(net_connect(address, NET_NOW));

    assert_code(net_recv(socket, bytes, sizeof bytes, net_after(20)), NET_TIMEOUT);
    int writer = open(path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(write(writer, "one\n", 4), 4);
    assert_count(net_recv(socket, bytes, sizeof bytes, soon()), 4);
    assert_code(net_recv(socket, bytes, sizeof bytes, NET_NOW), NET_TIMEOUT);
    close(writer);
    assert_code(net_recv(socket, bytes, sizeof bytes, soon()), NET_EOF);
    net_close(socket, NET_NOW);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_fifo_keeps_the_deadline),
        TEST(a_terminal_keeps_the_deadline),
        TEST(a_fifo_without_a_writer_is_no_end),
    };

    return run_once(tests);
}

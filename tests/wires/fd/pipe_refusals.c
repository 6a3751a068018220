/* driven: skip, nothing here waits */
/* What is refused: calls that do not fit an adopted pipe, file or device, and descriptors that
 * cannot be adopted. */
#include "foreign.h"
#include "watching.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void open_pipe(int fd[2])
{
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
}

static void it_is_for_receiving_alone(void **state)
{
    int fd[2];
    char byte = 'x';
    net_message message = {.data = &byte, .size = 1, .capacity = 1};

    (void)state;
    open_pipe(fd);
    net_socket *socket = adopt_connection(fd[0]);

    assert_code(net_send(socket, "x", 1, soon()), NET_MISUSE);
    assert_says("receiving alone");
    assert_blames("send", "fd://");
    assert_code(net_send_vector(socket, &(net_slice){"x", 1}, 1, soon()), NET_MISUSE);
    assert_code(net_shutdown(socket), NET_MISUSE);
    assert_code(net_send_messages(socket, &message, 1, soon()), NET_MISUSE);
    assert_code(net_recv_messages(socket, &message, 1, soon()), NET_MISUSE);
    assert_no_socket(net_accept(socket, soon()), NET_MISUSE);
    assert_int_equal(write(fd[1], "y", 1), 1);
    assert_count(net_recv(socket, &byte, 1, soon()), 1);
    net_close(socket, soon());
    close(fd[1]);
}

static void its_properties(void **state)
{
    static const char *const others[] = {"local",     "peer",  "port",   "nodelay", "bytes-sent",
                                         "truncated", "reset", "rcvbuf", "nonsense"};
    int fd[2];
    char text[16];

    (void)state;
    open_pipe(fd);
    net_socket *socket = adopt_connection(fd[0]);

    assert_count(net_get(socket, "scheme", text, sizeof text), 2);
    assert_string_equal(text, "fd");
    assert_int_equal(number_of(socket, "bytes-received"), 0);
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_code(net_get(socket, others[i], text, sizeof text), NET_ADDRESS);
        assert_code(net_set(socket, others[i], "1"), NET_ADDRESS);
    }
    assert_code(net_set(socket, "bytes-received", "1"), NET_MISUSE);
    assert_int_equal(net_fd(socket), fd[0]);
    net_close(socket, soon());
    close(fd[1]);
}

/* A refused descriptor still belongs to the caller, and it is unchanged. */
static void assert_refused(int fd, const char *options, int code, bool listens)
{
    char address[ADDRESS_MAX];
    int flags = fcntl(fd, F_GETFL);
    int inherited = fcntl(fd, F_GETFD);

    foreign_address(fd, options, address);
    assert_no_socket(listens ? net_listen(address) : net_connect(address, NET_NOW), code);
    assert_says(address);
    assert_int_equal(fcntl(fd, F_GETFL), flags);
    assert_int_equal(fcntl(fd, F_GETFD), inherited);
}

static void what_is_none_is_refused(void **state)
{
    int fd[2];

    (void)state;
    assert_int_equal(pipe(fd), 0); /* without FD_CLOEXEC, which a refusal does not set */
    int directory = open("/", O_RDONLY | O_DIRECTORY);
    int path = open("/etc/passwd", O_PATH);
    int written = open("/dev/null", O_WRONLY);

    assert_refused(fd[1], "", NET_MISUSE, false);
    assert_says("writing alone");
    assert_refused(written, "", NET_MISUSE, false);
    assert_refused(directory, "", NET_ADDRESS, false);
    assert_refused(path, "", NET_ADDRESS, false);
    assert_refused(fd[0], "", NET_MISUSE, true);
    assert_says("nobody dials a pipe");
    assert_refused(fd[0], "?nodelay=on", NET_ADDRESS, false);
    close(directory);
    close(path);
    close(written);
    close(fd[1]);
    close(fd[0]);
    assert_refused(fd[0], "", NET_ADDRESS, false);
    assert_refused(fd[0], "", NET_ADDRESS, true);
}

/* A program that waits for room to send would call net_send again and again for nothing. */
static void it_is_never_writable(void **state)
{
    int fd[2];
    char address[ADDRESS_MAX];
    net_poller *poller = open_poller();

    (void)state;
    open_pipe(fd);
    net_socket *socket = assert_socket(net_connect(foreign_address(fd[0], "", address), NET_NOW));

    watch(poller, socket, NET_WRITABLE);
    expect_quiet(poller, 20);
    watch(poller, socket, NET_READABLE | NET_WRITABLE);
    expect_quiet(poller, 20);
    assert_int_equal(write(fd[1], "x", 1), 1);
    expect_event(poller, socket, NET_READABLE);
    net_poller_close(poller);
    net_close(socket, NET_NOW);
    close(fd[1]);
}

static void nobodys_address(void **state)
{
    int fd[2];
    char address[ADDRESS_MAX];
    net_endpoint endpoint;

    (void)state;
    open_pipe(fd);
    assert_code(net_resolve(foreign_address(fd[0], "", address), &endpoint, 1, soon()), NET_MISUSE);
    close(fd[0]);
    close(fd[1]);
}

/* ---- What never waits ---- */

static int open_file(const char *words)
{
    char path[] = "/tmp/netfacade-file-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, words, strlen(words)), (ssize_t)strlen(words));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void a_file_is_read_to_its_end(void **state)
{
    char buffer[16];
    int fd = open_file("one\ntwo\nthree");

    (void)state;
    net_poller *poller = open_poller();
    net_socket *socket = adopt_connection(fd);

    watch(poller, socket, NET_READABLE);
    expect_event(poller, socket, NET_READABLE);
    assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', NET_NOW), 4);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 4); /* nothing beyond it */
    assert_count(net_recv_all(socket, buffer, 4, NET_NOW), 4);
    expect_event(poller, socket, NET_READABLE);
    assert_count(net_recv(socket, buffer, sizeof buffer, soon()), 5);
    expect_event(poller, socket, NET_READABLE);
    assert_code(net_recv(socket, buffer, sizeof buffer, NET_NOW), NET_EOF);
    assert_int_equal(assert_ok(net_release(socket)), fd);
    close(fd);
    net_poller_close(poller);
}

static void devices(void **state)
{
    char buffer[16] = "";
    net_poller *poller = open_poller();
    net_socket *null = adopt_connection(open("/dev/null", O_RDONLY));
    net_socket *zero = adopt_connection(open("/dev/zero", O_RDWR));

    (void)state;
    watch(poller, null, NET_READABLE);
    expect_event(poller, null, NET_READABLE);
    assert_code(net_recv(null, buffer, sizeof buffer, NET_NOW), NET_EOF);
    assert_code(net_recv(null, buffer, sizeof buffer, soon()), NET_EOF);
    net_close(null, NET_NOW);
    watch(poller, zero, NET_READABLE);
    expect_event(poller, zero, NET_READABLE);
    assert_count(net_recv_until(zero, buffer, sizeof buffer, '\0', NET_NOW), 1);
    assert_count(net_recv_all(zero, buffer, sizeof buffer, soon()), sizeof buffer);
    net_close(zero, soon());
    net_poller_close(poller);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(it_is_for_receiving_alone), TEST(its_properties),  TEST(what_is_none_is_refused),
        TEST(it_is_never_writable),      TEST(nobodys_address), TEST(devices),
        TEST(a_file_is_read_to_its_end),
    };

    return run_once(tests);
}

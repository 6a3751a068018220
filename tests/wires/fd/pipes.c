/* driven: skip, there are no two ends of the library's */
/* fd://N of a pipe, FIFO, terminal, file or device, to receive from. The open file may be shared.
 * So nothing is read beyond what was asked for, and the file's flags do not change. */
#include "foreign.h"

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Something to receive from, and the descriptor to write to it. */
struct ends {
    int read;
    int write;
    char path[64]; /* remove it at the end; empty: nothing to remove */
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void open_pipe(struct ends *ends)
{
    int fd[2];

    assert_int_equal(pipe(fd), 0);
    *ends = (struct ends){.read = fd[0], .write = fd[1]};
}

static void open_fifo(struct ends *ends)
{
    *ends = (struct ends){.path = "/tmp/netfacade-fifo-XXXXXX"};
    int fd = mkstemp(ends->path);

    assert_true(fd >= 0);
    close(fd);
    unlink(ends->path);
    assert_int_equal(mkfifo(ends->path, 0600), 0);
    ends->read = open(ends->path, O_RDONLY | O_NONBLOCK);
    ends->write = open(ends->path, O_WRONLY);
    assert_true(ends->read >= 0 && ends->write >= 0);
    assert_int_equal(fcntl(ends->read, F_SETFL, 0), 0);
}

/* Switch off the terminal's line discipline. */
static void make_raw(int fd)
{
    struct termios mode;

    assert_int_equal(tcgetattr(fd, &mode), 0);
    cfmakeraw(&mode);
    assert_int_equal(tcsetattr(fd, TCSANOW, &mode), 0);
}

static void open_terminal(struct ends *ends)
{
    *ends = (struct ends){.read = -1};
    assert_int_equal(openpty(&ends->write, &ends->read, NULL, NULL, NULL), 0);
    make_raw(ends->read);
}

/* Open the side of the program that runs in the terminal. */
static void open_other_side(struct ends *ends)
{
    *ends = (struct ends){.read = -1};
    assert_int_equal(openpty(&ends->read, &ends->write, NULL, NULL, NULL), 0);
    make_raw(ends->write);
}

/* Open what the address of a test stands for. */
static void open_ends(void **state, struct ends *ends)
{
    const char *kind = template_of(state);

    if (strcmp(kind, "pipe") == 0) {
        open_pipe(ends);
    } else if (strcmp(kind, "fifo") == 0) {
        open_fifo(ends);
    } else if (strcmp(kind, "terminal") == 0) {
        open_terminal(ends);
    } else {
        open_other_side(ends);
    }
}

static void close_ends(struct ends *ends)
{
    close_fd(&ends->read);
    close_fd(&ends->write);
    if (ends->path[0] != '\0') {
        unlink(ends->path);
    }
}

/* The read end belongs to the socket from now on. */
static net_socket *adopt(struct ends *ends)
{
    net_socket *socket = adopt_connection(ends->read);

    ends->read = -1;
    return socket;
}

static void put(const struct ends *ends, const char *words)
{
    assert_int_equal(write(ends->write, words, strlen(words)), (ssize_t)strlen(words));
}

/* ---- Receiving ---- */

static void what_is_written_is_received(void **state)
{
    struct ends ends;
    char buffer[16];

    open_ends(state, &ends);
    net_socket *socket = adopt(&ends);

    assert_code(net_recv(socket, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    put(&ends, "hello");
    assert_count(net_recv(socket, buffer, 2, soon()), 2);
    assert_memory_equal(buffer, "he", 2);
    assert_count(net_recv_all(socket, buffer, 3, soon()), 3);
    assert_memory_equal(buffer, "llo", 3);
    assert_count(net_recv(socket, buffer, 0, NET_NOW), 0);
    assert_count(net_recv_all(socket, buffer, 0, NET_NOW), 0);
    put(&ends, "one\ntwo\nth");
    assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), 4);
    assert_memory_equal(buffer, "one\n", 4);
    assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), 4);
    assert_memory_equal(buffer, "two\n", 4);
    assert_code(net_recv_until(socket, buffer, sizeof buffer, '\n', net_after(20)), NET_TIMEOUT);
    put(&ends, "ree\n");
    assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), 6);
    assert_memory_equal(buffer, "three\n", 6);
    assert_int_equal(number_of(socket, "bytes-received"), 19);
    net_close(socket, soon());
    close_ends(&ends);
}

static void the_end_stays(void **state)
{
    struct ends ends;
    char buffer[16];

    open_ends(state, &ends);
    net_socket *socket = adopt(&ends);

    put(&ends, "a\nlast");
    if (strcmp(template_of(state), "terminal") == 0) {
        await_events(net_fd(socket), POLLIN); /* a hang-up may arrive before what was written */
    }
    assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), 2);
    assert_code(net_recv_until(socket, buffer, sizeof buffer, '\n', net_after(20)), NET_TIMEOUT);
    close_fd(&ends.write);
    assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), 4);
    assert_memory_equal(buffer, "last", 4);
    assert_code(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), NET_EOF);
    assert_code(net_recv(socket, buffer, sizeof buffer, NET_NOW), NET_EOF);
    assert_code(net_recv_all(socket, buffer, sizeof buffer, NET_NOW), NET_EOF);
    if (ends.path[0] != '\0') { /* another writer opens it: its bytes are not for this socket */
        ends.write = open(ends.path, O_WRONLY);
        put(&ends, "more");
        assert_code(net_recv(socket, buffer, sizeof buffer, NET_NOW), NET_EOF);
    }
    net_close(socket, NET_NOW);
    close_ends(&ends);
}

/* Another reader of the same pipe finds everything behind the delimiter. */
static void nothing_beyond_a_line_is_taken(void **state)
{
    struct ends ends;
    char buffer[32];

    open_ends(state, &ends);
    int second = dup(ends.read);
    net_socket *socket = adopt(&ends);

    put(&ends, "mine\ntheirs");
    assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), 5);
    assert_int_equal(read(second, buffer, sizeof buffer), 6);
    assert_memory_equal(buffer, "theirs", 6);
    put(&ends, "12345");
    assert_count(net_recv(socket, buffer, 2, soon()), 2);
    assert_int_equal(read(second, buffer, sizeof buffer), 3);
    assert_memory_equal(buffer, "345", 3);
    net_close(socket, NET_NOW);
    close(second);
    close_ends(&ends);
}

static void a_line_larger_than_the_buffer(void **state)
{
    struct ends ends;
    char buffer[8];

    open_ends(state, &ends);
    net_socket *socket = adopt(&ends);

    put(&ends, "abcdef\n");
    for (size_t size = 1; size < 7; size++) {
        assert_code(net_recv_until(socket, buffer, size, '\n', soon()), NET_TOOBIG);
        assert_code(net_recv_until(socket, buffer, size, '\n', NET_NOW), NET_TOOBIG);
    }
    assert_count(net_recv(socket, buffer, 1, NET_NOW), 1);
    assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', NET_NOW), 6);
    assert_memory_equal(buffer, "bcdef\n", 6);
    net_close(socket, NET_NOW);
    close_ends(&ends);
}

static void deadlines_hold(void **state)
{
    struct ends ends;
    char buffer[8];

    open_ends(state, &ends);
    net_socket *socket = adopt(&ends);
    double start = now_ms();

    assert_code(net_recv(socket, buffer, sizeof buffer, net_after(60)), NET_TIMEOUT);
    assert_took(elapsed_ms(start), 59, 110);
    start = now_ms();
    put(&ends, "abc");
    assert_int_equal(net_recv_all(socket, buffer, sizeof buffer, net_after(60)), 3);
    assert_int_equal(net_error(), NET_TIMEOUT);
    assert_says("recv fd://");
    assert_took(elapsed_ms(start), 59, 110);
    net_close(socket, NET_NOW);
    close_ends(&ends);
}

static void a_cancel_wakes_and_touches_nobody_else(void **state)
{
    struct ends ends;
    struct caller reader;
    char buffer[8];

    open_ends(state, &ends);
    int second = dup(ends.read);
    net_socket *socket = adopt(&ends);

    caller_start(&reader, call_recv, socket, soon());
    double start = now_ms();

    net_cancel(socket);
    caller_join(&reader);
    assert_took(elapsed_ms(start), 0, 100);
    assert_int_equal(reader.result, NET_CANCELED);
    put(&ends, "x");
    assert_code(net_recv(socket, buffer, sizeof buffer, NET_NOW), NET_CANCELED);
    assert_code(net_recv(socket, buffer, 0, NET_NOW), NET_CANCELED);
    assert_int_equal(read(second, buffer, sizeof buffer), 1);
    net_close(socket, NET_NOW);
    close(second);
    close_ends(&ends);
}

/* ---- Sharing ---- */

static void the_open_file_stays_as_it_was(void **state)
{
    for (int which = 0; which < 4; which++) {
        struct ends ends;
        char buffer[8];

        open_ends(state, &ends);
        int raw = ends.read;
        int flags = (which & 1) != 0 ? O_NONBLOCK : 0;

        assert_int_equal(fcntl(raw, F_SETFL, flags), 0);
        assert_int_equal(fcntl(raw, F_SETFD, (which & 2) != 0 ? FD_CLOEXEC : 0), 0);
        net_socket *socket = adopt(&ends);

        assert_int_equal(net_fd(socket), raw);
        assert_int_equal(fcntl(raw, F_GETFL) & O_NONBLOCK, flags);
        assert_code(net_recv(socket, buffer, sizeof buffer, net_after(30)), NET_TIMEOUT);
        put(&ends, "x\nab");
        assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), 2);
        assert_code(net_recv_until(socket, buffer, sizeof buffer, '\n', net_after(30)),
                    NET_TIMEOUT);
        assert_int_equal(fcntl(raw, F_GETFL) & O_NONBLOCK, flags);
        assert_code(net_release(socket), NET_MISUSE); /* a part of a line */
        assert_count(net_recv(socket, buffer, sizeof buffer, NET_NOW), 2);
        assert_int_equal(assert_ok(net_release(socket)), raw);
        assert_int_equal(fcntl(raw, F_GETFL) & O_NONBLOCK, flags);
        assert_int_equal(fcntl(raw, F_GETFD), (which & 2) != 0 ? FD_CLOEXEC : 0);
        put(&ends, "y");
        assert_int_equal(read(raw, buffer, sizeof buffer), 1);
        close(raw);
        close_ends(&ends);
    }
}

static void a_byte_that_was_looked_at_is_not_given_away(void **state)
{
    struct ends ends;
    char byte;

    open_ends(state, &ends);
    int raw = ends.read;
    net_socket *socket = adopt(&ends);

    put(&ends, "x");
    assert_code(net_recv_until(socket, &byte, 1, '\n', soon()), NET_TOOBIG);
    assert_code(net_release(socket), NET_MISUSE);
    assert_count(net_recv(socket, &byte, 1, NET_NOW), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(assert_ok(net_release(socket)), raw);
    close(raw);
    close_ends(&ends);
}

static int read_one(void *argument)
{
    char line[8];

    return net_recv_until(argument, line, sizeof line, '\n', soon()) == 2 && line[0] == 'c' &&
                   net_close(argument, NET_NOW) == 0
               ? 0
               : 1;
}

static void a_child_reads_on(void **state)
{
    struct ends ends;
    char line[8];

    open_ends(state, &ends);
    net_socket *socket = adopt(&ends);

    put(&ends, "p\nc\nq\n");
    assert_count(net_recv_until(socket, line, sizeof line, '\n', soon()), 2);
    assert_int_equal(in_child(read_one, socket), 0);
    assert_count(net_recv_until(socket, line, sizeof line, '\n', soon()), 2);
    assert_int_equal(line[0], 'q');
    net_close(socket, NET_NOW);
    close_ends(&ends);
}

/* ---- Two readers of lines ---- */

enum { LINES = 4000 };

struct reader {
    struct caller caller;
    long lines;
    long sum;
    bool broken;
};

static long long read_lines(struct caller *caller)
{
    struct reader *reader = (struct reader *)caller;
    char line[32];
    long long n = 0;

    for (;;) {
        n = net_recv_until(caller->socket, line, sizeof line - 1, '\n', soon());
        if (n < 0) {
            return n;
        }
        line[n] = '\0';
        long number = strtol(line, NULL, 10);
        char expected[32];

        snprintf(expected, sizeof expected, "%ld line\n", number);
        reader->broken = reader->broken || strcmp(line, expected) != 0;
        reader->lines++;
        reader->sum += number;
    }
}

static void each_line_goes_whole_to_one_of_two(void **state)
{
    struct reader readers[2] = {{.lines = 0}, {.lines = 0}};
    struct ends ends;
    char line[32];

    open_ends(state, &ends);
    net_socket *socket = adopt(&ends);

    for (int i = 0; i < 2; i++) {
        caller_launch(&readers[i].caller, read_lines, socket, soon());
    }
    for (int i = 1; i <= LINES; i++) {
        snprintf(line, sizeof line, "%d line\n", i);
        put(&ends, line);
    }
    close_fd(&ends.write);
    for (int i = 0; i < 2; i++) {
        caller_join(&readers[i].caller);
        assert_int_equal(readers[i].caller.result, NET_EOF);
        assert_false(readers[i].broken);
    }
    assert_int_equal(readers[0].lines + readers[1].lines, LINES);
    assert_int_equal(readers[0].sum + readers[1].sum, (long)LINES * (LINES + 1) / 2);
    net_close(socket, NET_NOW);
    close_ends(&ends);
}

int main(void)
{
    static const char *const all[] = {"pipe", "fifo", "terminal", "other side", NULL};
    static const char *const pipes[] = {"pipe", "fifo", NULL};
    static const struct test each[] = {
        TEST(what_is_written_is_received),
        TEST(the_end_stays),
        TEST(nothing_beyond_a_line_is_taken),
        TEST(a_line_larger_than_the_buffer),
        TEST(deadlines_hold),
        TEST(a_cancel_wakes_and_touches_nobody_else),
        TEST(the_open_file_stays_as_it_was),
        TEST(a_byte_that_was_looked_at_is_not_given_away),
        TEST(a_child_reads_on),
    };
    static const struct test of_pipes[] = {TEST(each_line_goes_whole_to_one_of_two)};

    return run_over(all, each) + run_over(pipes, of_pipes);
}

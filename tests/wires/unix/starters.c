/* Many listeners start at once on the file of a dead socket. One of them gets the name, the others
 * are told that it is in use, and nothing else is left behind. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTERS = 8, ROUNDS = 25 };

static const char *const paths[] = {"unix://{path}", "unixgram://{path}", NULL};

static const char *path_of(const char *address)
{
    return strstr(address, "//") + 2;
}

/* Leave the file of a listener that was killed. */
static void leave_a_dead_one(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(name.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    close(fd);
}

static void expect_nothing_there(const char *path)
{
    char lock[ADDRESS_MAX];
    struct stat there;

    snprintf(lock, sizeof lock, "%s.starting", path);
    assert_int_equal(lstat(lock, &there), -1);
    assert_int_equal(lstat(path, &there), -1);
}

/* ---- Processes ---- */

/* Pipes. All children see the end of `start` and `stop` when the last writer closes. */
struct field {
    const char *address;
    int start[2];
    int told[2];
    int stop[2];
    pid_t child[STARTERS];
};

static void await_end(const int ends[2])
{
    char byte;

    close(ends[1]);
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR) {
    }
}

/* Report the code of net_listen. The winner answers one caller and stays until the end. */
static void start_in_child(const struct field *field)
{
    await_end(field->start);
    net_socket *listener = net_listen(field->address);
    int code = listener != NULL ? 0 : net_error();

    if (write(field->told[1], &code, sizeof code) != sizeof code) {
        abort();
    }
    net_socket *server = listener != NULL ? net_accept(listener, soon()) : NULL;
    char byte;

    if (server != NULL && net_recv(server, &byte, 1, soon()) == 1) {
        net_send(server, &byte, 1, soon());
    }
    await_end(field->stop);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
    kill(getpid(), SIGKILL); /* valgrind would report the memory of the parent */
}

static void open_field(struct field *field, const char *address)
{
    field->address = address;
    assert_int_equal(pipe2(field->start, O_CLOEXEC), 0);
    assert_int_equal(pipe2(field->told, O_CLOEXEC), 0);
    assert_int_equal(pipe2(field->stop, O_CLOEXEC), 0);
    for (int i = 0; i < STARTERS; i++) {
        field->child[i] = fork();
        assert_true(field->child[i] >= 0);
        if (field->child[i] == 0) {
            alarm((unsigned)(60 * slowness()));
            start_in_child(field);
        }
    }
    close(field->start[1]);
}

static void close_field(struct field *field)
{
    close(field->stop[1]);
    for (int i = 0; i < STARTERS; i++) {
        int status;

        assert_int_equal(waitpid(field->child[i], &status, 0), field->child[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    close(field->start[0]);
    close(field->told[0]);
    close(field->told[1]);
    close(field->stop[0]);
}

static void one_of_many_processes_gets_the_path(void **state)
{
    for (int round = 0; round < 1 + ROUNDS / slowness(); round++) {
        const char *address = template_of(state);
        struct field field;
        int winners = 0;
        char byte = 'x';

        leave_a_dead_one(path_of(address));
        open_field(&field, address);
        for (int i = 0; i < STARTERS; i++) {
            int code = 1;

            assert_int_equal(read(field.told[0], &code, sizeof code), sizeof code);
            assert_true(code == 0 || code == NET_INUSE);
            winners += code == 0 ? 1 : 0;
        }
        assert_int_equal(winners, 1);
        net_socket *client = assert_socket(net_connect(address, soon()));

        assert_count(net_send(client, &byte, 1, soon()), 1);
        assert_count(net_recv(client, &byte, 1, soon()), 1);
        close_field(&field);
        net_close(client, NET_NOW);
        expect_nothing_there(path_of(address));
    }
}

/* ---- Threads ---- */

static long long call_listen(struct caller *caller)
{
    caller->made = net_listen(caller->address);
    return caller->made != NULL ? 0 : net_error();
}

static void one_of_many_threads_gets_the_path(void **state)
{
    for (int round = 0; round < 1 + 4 * ROUNDS / slowness(); round++) {
        const char *address = template_of(state);
        struct caller callers[STARTERS];
        int winners = 0;

        leave_a_dead_one(path_of(address));
        for (int i = 0; i < STARTERS; i++) {
            callers[i].address = address;
            caller_launch(&callers[i], call_listen, NULL, NET_NOW);
        }
        for (int i = 0; i < STARTERS; i++) {
            caller_join(&callers[i]);
        }
        for (int i = 0; i < STARTERS; i++) {
            assert_true(callers[i].result == 0 || callers[i].result == NET_INUSE);
            winners += callers[i].result == 0 ? 1 : 0;
            net_close(callers[i].made, NET_NOW);
        }
        assert_int_equal(winners, 1);
        expect_nothing_there(path_of(address));
    }
}

/* A lock file whose owner was killed does not matter. */
static void a_lock_file_without_an_owner_is_no_lock(void **state)
{
    const char *address = template_of(state);
    char lock[ADDRESS_MAX];

    leave_a_dead_one(path_of(address));
    snprintf(lock, sizeof lock, "%s.starting", path_of(address));
    close(open(lock, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    net_close(assert_socket(net_listen(address)), NET_NOW);
    expect_nothing_there(path_of(address));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(one_of_many_processes_gets_the_path),
        TEST(one_of_many_threads_gets_the_path),
        TEST(a_lock_file_without_an_owner_is_no_lock),
    };

    return run_over(paths, tests);
}

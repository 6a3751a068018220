/* A process that asked for a reset was remembered by one of 31 numbers. A descendant 31 generations
 * below it had the same one, and its close of an inherited copy reset the connection of all. */
#include "support.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GENERATIONS = 40 };

static struct pair pair;

static bool ends_well(pid_t child)
{
    int status = 0;

    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* A process of this generation. One of its children closes the copy of the socket, the other is of
 * the next generation. */
static bool live(int generation)
{
    pid_t closer = fork();

    if (closer == 0) {
        alarm(60);
        _exit(net_close(pair.client, NET_NOW) == 0 ? 0 : 1);
    }
    /* The library gives a process its number only when it is called. */
    net_socket *own = net_listen("mem://");
    bool good = own != NULL && ends_well(closer);

    net_close(own, NET_NOW);
    if (good && generation < GENERATIONS) {
        pid_t next = fork();

        if (next == 0) {
            alarm(60);
            _exit(live(generation + 1) ? 0 : 1);
        }
        good = ends_well(next);
    }
    return good;
}

static int be_the_first(void *argument)
{
    (void)argument;
    return live(1) ? 0 : 1;
}

static void the_connection_lives(void **state)
{
    char word[8];

    dial_pair(template_of(state), &pair);
    assert_ok(net_set(pair.client, "reset", "on"));
    double start = now_ms();
    int code = in_child(be_the_first, NULL);
    double ms = elapsed_ms(start);
    ssize_t sent = net_send(pair.client, "word", 4, soon());
    ssize_t got = net_recv(pair.server, word, sizeof word, soon());

    print_message("%d generations closed it in %.0f ms; then %zd of 4 bytes arrive\n", GENERATIONS,
                  ms, got);
    assert_int_equal(code, 0);
    assert_int_equal(sent, 4);
    assert_int_equal(got, 4);
    close_pair(&pair);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "unix://@", NULL};
    static const struct test tests[] = {TEST(the_connection_lives)};

    return run_over(templates, tests);
}

/* What pollers report. */
#include "watching.h"

#include <time.h>

net_poller *open_poller(void)
{
    net_poller *poller = net_poller_open();

    if (poller == NULL) {
        print_error("net_poller_open: %s\n", net_error_text());
    }
    assert_non_null(poller);
    return poller;
}

void watch(net_poller *poller, net_socket *socket, unsigned interest)
{
    assert_count(net_poller_watch(poller, socket, interest, socket, NET_FOREVER), 0);
}

void expect_event(net_poller *poller, net_socket *socket, unsigned ready)
{
    net_event event = {0};

    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_ptr_equal(event.socket, socket);
    assert_ptr_equal(event.user, socket);
    assert_int_equal(event.ready, ready);
}

double cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

/* A thread that spins uses all of the time. */
void expect_quiet(net_poller *poller, int ms)
{
    enum { ONCE = 5 /* ms of processor time that a wait may cost */ };
    double cpu = cpu_ms();
    double since = now_ms();
    net_event event;

    assert_code(net_poller_wait(poller, &event, 1, net_after(ms)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), ms, 2000 + ms);
    in_time(cpu_ms() - cpu <= ms / 3.0 + ONCE * slowness());
}

static int place_of(net_socket *const *sockets, int count, const net_socket *socket)
{
    int i = 0;

    while (i < count && sockets[i] != socket) {
        i++;
    }
    return i;
}

void expect_all(net_poller *poller, net_socket *const *sockets, int count, unsigned ready)
{
    enum { WAITS_EACH = 4 };
    static net_event events[COUNT_MOST];
    static bool told[COUNT_MOST];
    int found = 0;
    int waits = 0;

    assert_in_range(count, 1, COUNT_MOST);
    for (int i = 0; i < count; i++) {
        told[i] = false;
    }
    while (found < count) {
        int n = (int)assert_ok(net_poller_wait(poller, events, count, soon()));

        for (int i = 0; i < n; i++) {
            int at = place_of(sockets, count, events[i].socket);

            assert_in_range(at, 0, count - 1);
            assert_ptr_equal(events[i].user, events[i].socket);
            assert_int_equal(events[i].ready, ready);
            found += told[at] ? 0 : 1;
            told[at] = true;
        }
        assert_true(++waits <= WAITS_EACH * count);
    }
}

/* ---- A thread that watches ---- */

/* Runs until it has received the wake that ends it, so that this wake is not left to the next wait.
 */
static void *take_events(void *argument)
{
    struct watcher *watcher = argument;
    int n = 1;

    nap(0); /* TSan prepares for signals at the first call that blocks */
    watcher->begun = true;
    while (n > 0 || (n == 0 && !watcher->stop)) {
        net_event event;

        n = net_poller_wait(watcher->poller, &event, 1, soon());
        if (n == 1) {
            watcher->event = event;
            net_poller_watch(watcher->poller, event.socket, 0, NULL, NET_FOREVER);
            watcher->events++; /* now the socket may be watched again */
        } else if (n == 0) {
            watcher->wakes++;
        } else {
            watcher->failed = true;
        }
    }
    return NULL;
}

void watcher_start(struct watcher *watcher, net_poller *poller)
{
    *watcher = (struct watcher){.poller = poller};
    assert_int_equal(pthread_create(&watcher->thread, NULL, take_events, watcher), 0);
    while (!watcher->begun) {
        nap(0);
    }
}

void watcher_await(struct watcher *watcher, int events)
{
    double since = now_ms();

    while (watcher->events < events && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    assert_int_equal(watcher->events, events);
}

void watcher_stop(struct watcher *watcher)
{
    watcher->stop = true;
    net_poller_wake(watcher->poller);
    pthread_join(watcher->thread, NULL);
    assert_false(watcher->failed);
}

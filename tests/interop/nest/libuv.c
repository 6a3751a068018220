/* A poller in libuv's loop. */
#define _POSIX_C_SOURCE 200809L
#include "play.h"

#include <stdlib.h>
#include <uv.h>

static uv_loop_t loop;
static uv_poll_t readable;
static uv_timer_t timer;
static void (*on_ready)(void);
static void (*on_passed)(void);

static void be_ready(uv_poll_t *handle, int status, int events)
{
    (void)handle;
    if (status < 0 || (events & UV_READABLE) == 0) {
        abort();
    }
    on_ready();
}

static void watch(int fd, void (*ready)(void))
{
    on_ready = ready;
    if (uv_poll_init(&loop, &readable, fd) != 0 ||
        uv_poll_start(&readable, UV_READABLE, be_ready) != 0) {
        abort();
    }
}

static void unwatch(void)
{
    uv_close((uv_handle_t *)&readable, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void be_passed(uv_timer_t *handle)
{
    (void)handle;
    on_passed();
}

static void after(int milliseconds, void (*passed)(void))
{
    on_passed = passed;
    uv_update_time(&loop);
    uv_timer_start(&timer, be_passed, (uint64_t)milliseconds, 0);
}

static void run(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void stop(void)
{
    uv_stop(&loop);
}

int main(void)
{
    const struct foreign_loop libuv = {"libuv", watch, unwatch, after, run, stop};

    if (uv_loop_init(&loop) != 0 || uv_timer_init(&loop, &timer) != 0) {
        return EXIT_FAILURE;
    }
    int status = play(&libuv);

    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? status : EXIT_FAILURE;
}

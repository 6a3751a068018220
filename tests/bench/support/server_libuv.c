/* The echo server of libuv. Answers are sent by uv_try_write, which needs no request object. */
#include "server.h"
#include "contest.h"

#ifdef HAVE_LIBUV
#include <netinet/in.h>
#include <stdlib.h>
#include <uv.h>

static uv_loop_t loop;
static uv_tcp_t listener;

static void let_go(uv_handle_t *call)
{
    free(call);
}

static void give_room(uv_handle_t *call, size_t suggested, uv_buf_t *room)
{
    static _Alignas(PAGE) char buffer[SERVER_ROOM];

    (void)call;
    (void)suggested;
    *room = uv_buf_init(buffer, sizeof buffer);
}

static void echo(uv_stream_t *call, ssize_t size, const uv_buf_t *room)
{
    if (size == 0) {
        return; /* nothing was there */
    }
    if (size > 0) {
        uv_buf_t answer = uv_buf_init(room->base, (unsigned)size);

        if (uv_try_write(call, &answer, 1) == size) {
            server_record.echoed++;
            return;
        }
    }
    server_record.closed++;
    uv_close((uv_handle_t *)call, let_go);
}

static void pick_up(uv_stream_t *caller, int status)
{
    uv_tcp_t *call = malloc(sizeof *call);

    need(status == 0 && call != NULL && uv_tcp_init(&loop, call) == 0 &&
             uv_accept(caller, (uv_stream_t *)call) == 0 &&
             uv_read_start((uv_stream_t *)call, give_room, echo) == 0,
         "uv_accept");
    server_record.accepted++;
    /* cppcheck-suppress memleak ; the loop has it, and let_go frees it */
}

static int libuv_open(const char *address)
{
    struct sockaddr_in name;
    int length = sizeof name;

    (void)address;
    need(uv_loop_init(&loop) == 0 && uv_tcp_init(&loop, &listener) == 0, "uv_loop_init");
    need(uv_ip4_addr("127.0.0.1", 0, &name) == 0 &&
             uv_tcp_bind(&listener, (struct sockaddr *)&name, 0) == 0 &&
             uv_tcp_nodelay(&listener, 1) == 0 &&
             uv_listen((uv_stream_t *)&listener, SOMAXCONN, pick_up) == 0 &&
             uv_tcp_getsockname(&listener, (struct sockaddr *)&name, &length) == 0,
         "uv_listen");
    return ntohs(name.sin_port);
}

static void libuv_turn(void)
{
    uv_run(&loop, UV_RUN_ONCE);
}

const struct server server_libuv = {"libuv", libuv_open, libuv_turn};
#endif

/* A poller in GLib's main loop. */
#define _POSIX_C_SOURCE 200809L
#include "play.h"

#include <glib-unix.h>
#include <glib.h>
#include <stdlib.h>

static GMainLoop *loop;
static guint readable;
static void (*on_ready)(void);
static void (*on_passed)(void);

static gboolean be_ready(gint fd, GIOCondition condition, gpointer data)
{
    (void)fd;
    (void)data;
    if ((condition & G_IO_IN) == 0) {
        abort();
    }
    on_ready();
    return G_SOURCE_CONTINUE;
}

static void watch(int fd, void (*ready)(void))
{
    on_ready = ready;
    readable = g_unix_fd_add(fd, G_IO_IN, be_ready, NULL);
}

static void unwatch(void)
{
    g_source_remove(readable);
}

static gboolean be_passed(gpointer data)
{
    (void)data;
    on_passed();
    return G_SOURCE_REMOVE;
}

static void after(int milliseconds, void (*passed)(void))
{
    on_passed = passed;
    g_timeout_add((guint)milliseconds, be_passed, NULL);
}

static void run(void)
{
    g_main_loop_run(loop);
}

static void stop(void)
{
    g_main_loop_quit(loop);
}

int main(void)
{
    const struct foreign_loop glib = {"GLib", watch, unwatch, after, run, stop};

    loop = g_main_loop_new(NULL, FALSE);
    int status = play(&glib);

    g_main_loop_unref(loop);
    return status;
}

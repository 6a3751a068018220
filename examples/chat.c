/* chat [ADDRESS] - a client of chat_server: sends what you type, and prints what others say.
 *
 *     chat                          tcp://127.0.0.1:7000
 *     chat udp://127.0.0.1:7000     the same room; a line is a datagram here
 *     chat unix:///run/chat         any wire that chat_server listens on
 *
 * The lines of a terminal and those of the server are received alike: fd://0 makes a socket of
 * standard input, and one poller waits for both. ^D leaves. What comes from others is foreign text,
 * so it is shown without characters that could control a terminal or mislead a reader. */
#include <netfacade.h>

#include "text.h"
#include "wires.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_SIZE = 1024,  /* the longest message that chat_server takes, with its end */
    HEARD_SIZE = 4096, /* a message with its sender's name; a longer one is shown in parts */
    GOODBYE_MS = 5000, /* how long the server may take to say goodbye */
    QUIET_MS = 1000    /* datagrams have no end: it is over when nothing has come for so long */
};

static net_poller *poller;
static net_socket *input; /* standard input; NULL after its end */
static net_socket *call;
static bool has_messages;
static bool has_end; /* datagrams have none */
static bool over;
static int status = EXIT_SUCCESS;
static char line[LINE_SIZE]; /* what was typed */
static size_t size;          /* bytes in `line` */
static size_t said;          /* how many of them the server has taken */
static net_deadline leave_by = NET_FOREVER;
static net_deadline leave_at_last; /* however much still comes */

static void fail(void)
{
    fprintf(stderr, "chat: %s\n", net_error_text());
    status = EXIT_FAILURE;
    over = true;
}

/* ---- What others say ---- */

/* The size without the end of the line, which may be "\r\n". */
static size_t without_end(const char *text, size_t length)
{
    if (length > 0 && text[length - 1] == '\n') {
        length--;
        length -= length > 0 && text[length - 1] == '\r';
    }
    return length;
}

/* Receive a line of a stream, without its end. One that is too long comes in parts. */
static ssize_t hear_line(net_socket *from, char *text, size_t room)
{
    ssize_t got = net_recv_until(from, text, room, '\n', NET_NOW);

    if (got == NET_TOOBIG) {
        got = net_recv(from, text, room, NET_NOW);
    }
    return got > 0 ? (ssize_t)without_end(text, (size_t)got) : got;
}

static void hear(void)
{
    static char text[HEARD_SIZE + 1];
    ssize_t got = has_messages ? net_recv(call, text, HEARD_SIZE, NET_NOW)
                               : hear_line(call, text, HEARD_SIZE);

    if (got >= 0) {
        size_t length = has_messages ? without_end(text, (size_t)got) : (size_t)got;
        length = text_clean(text, length);
        text[length] = '\n';
        fwrite(text, 1, length + 1, stdout);
        if (!has_end && leave_by != NET_FOREVER) {
            net_deadline quiet = net_after(QUIET_MS);
            leave_by = quiet < leave_at_last ? quiet : leave_at_last;
        }
    } else if (got == NET_EOF) {
        over = true; /* the server has hung up; its last line said why */
    } else if (got != NET_TIMEOUT && got != NET_TOOBIG) {
        fail();
    }
}

/* ---- What you say ---- */

/* Send as much of the line as the server takes now; the rest waits for NET_WRITABLE. */
static void say(void)
{
    ssize_t sent = net_send(call, line + said, size - said, NET_NOW);

    if (sent >= 0) {
        said = has_messages ? size : said + (size_t)sent;
    } else if (sent == NET_TOOBIG || sent == NET_MISUSE || (sent != NET_TIMEOUT && !has_end)) {
        fail(); /* no broken call, or one that no receive reports */
    } else if (sent != NET_TIMEOUT) {
        said = size; /* broken: the receive says so, after what the server said before */
    }
}

/* Read the next line that was typed. The end of the input is a goodbye, which the server answers.
 */
static void read_input(void)
{
    static const char goodbye[] = "/quit";
    ssize_t got = hear_line(input, line, sizeof line - 1);

    if (got == NET_TIMEOUT) {
        return;
    }
    if (got < 0) {
        if (got != NET_EOF) {
            fail();
        }
        net_close(input, NET_NOW); /* takes it out of the poller, too */
        input = NULL;
        memcpy(line, goodbye, sizeof goodbye);
        got = (ssize_t)strlen(goodbye);
        leave_by = net_after(has_end ? GOODBYE_MS : QUIET_MS);
        leave_at_last = net_after(GOODBYE_MS);
    }
    size = (size_t)got;
    line[size] = '\n';
    size++;
    said = 0;
    say();
}

/* ---- Both ---- */

static bool watch(void)
{
    bool is_waiting = said < size;

    return net_poller_watch(poller, call, NET_READABLE | (is_waiting ? NET_WRITABLE : 0), NULL,
                            leave_by) == 0 &&
           (input == NULL ||
            net_poller_watch(poller, input, is_waiting ? 0 : NET_READABLE, NULL, NET_FOREVER) == 0);
}

static void talk(void)
{
    net_event event;

    if (!has_end) {
        net_send(call, "", 0, NET_NOW); /* tells the server that this client is here */
    }
    while (!over) {
        if (!watch() || net_poller_wait(poller, &event, 1, NET_FOREVER) < 0) {
            fail();
        } else if (event.socket == input) {
            read_input();
        } else if ((event.ready & NET_EXPIRED) != 0) {
            over = true;
        } else {
            if ((event.ready & NET_READABLE) != 0) {
                hear();
            }
            if ((event.ready & NET_WRITABLE) != 0) {
                say();
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fputs("usage: chat [ADDRESS]\n", stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    input = net_connect("fd://0", NET_NOW);
    poller = input != NULL ? net_poller_open() : NULL;
    if (poller != NULL) {
        call = net_connect(argc == 2 ? argv[1] : "tcp://127.0.0.1:7000", NET_FOREVER);
    }
    if (call == NULL) {
        fail();
        return status;
    }
    has_messages = wire_has_messages(call);
    has_end = wire_has_end(call);
    talk();
    net_close(call, NET_NOW);
    net_close(input, NET_NOW);
    net_poller_close(poller);
    return status;
}

/* tls_get URL [OPTIONS] - fetches a page over TLS, and writes it to standard output.
 *
 *     tls_get https://www.example.org/index.html
 *     tls_get https://localhost:8443/ ca=keys/ca.pem       trusts this authority instead
 *     tls_get https://192.0.2.1/ name=www.example.org      the certificate is for another name
 *
 * OPTIONS are those of tls://, joined by &; none is needed to be safe. A server without a valid
 * certificate for the host does not learn what is asked for. The server says where the page ends,
 * and nobody else can: one that is cut off on its way fails, and does not look like a short one. */
#include <netfacade.h>

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 10000, SIZE = 4096 };

static int fail(const char *sentence)
{
    fprintf(stderr, "tls_get: %s\n", sentence);
    return EXIT_FAILURE;
}

/* The answer: a line with a status, other lines, an empty one, and the page. */
static int receive(net_socket *call)
{
    char buffer[SIZE];
    ssize_t got = net_recv_until(call, buffer, sizeof buffer - 1, '\n', net_after(PATIENCE_MS));

    if (got > 0) {
        buffer[got] = '\0';
        buffer[text_clean(buffer, strcspn(buffer, "\r\n"))] = '\0';
        if (strncmp(buffer, "HTTP/1.", 7) != 0 || strncmp(buffer + 8, " 200", 4) != 0) {
            return fail(buffer);
        }
    }
    while (got > 2) { /* the empty line ends with \r\n, or only \n */
        got = net_recv_until(call, buffer, sizeof buffer, '\n', net_after(PATIENCE_MS));
    }
    if (got < 0) {
        return fail(got == NET_EOF ? "the answer ends before the page begins" : net_error_text());
    }
    while (got >= 0) {
        got = net_recv(call, buffer, sizeof buffer, net_after(PATIENCE_MS));
        if (got > 0 && fwrite(buffer, 1, (size_t)got, stdout) != (size_t)got) {
            return fail("standard output cannot be written");
        }
    }
    return got == NET_EOF ? EXIT_SUCCESS : fail(net_error_text());
}

int main(int argc, char **argv)
{
    char host[SIZE];
    char path[SIZE] = "";
    char address[3 * SIZE];
    char request[3 * SIZE];
    const char *url = argc > 1 ? argv[1] : "";
    const char *options = argc > 2 ? argv[2] : "";

    if (argc > 3 || strlen(url) >= SIZE || strlen(options) >= SIZE ||
        sscanf(url, "https://%4095[^/?#]%4095[^#]", host, path) < 1 ||
        strpbrk(url, " \r\n") != NULL) {
        fputs("usage: tls_get https://HOST[:PORT][/PATH] [OPTIONS]\n", stderr);
        return 2;
    }
    const char *bracket = strchr(host, ']'); /* of an IPv6 address */
    const char *port = strchr(bracket != NULL ? bracket : host, ':') != NULL ? "" : ":443";
    snprintf(address, sizeof address, "tls://%s%s?%s", host, port, options);
    snprintf(request, sizeof request, "GET %s%s HTTP/1.0\r\nHost: %s\r\n\r\n",
             path[0] == '/' ? "" : "/", path, host);

    net_socket *call = net_connect(address, net_after(PATIENCE_MS));
    size_t size = strlen(request);
    int status = EXIT_FAILURE;

    if (call == NULL || (size_t)net_send(call, request, size, net_after(PATIENCE_MS)) != size) {
        fail(net_error_text());
    } else {
        status = receive(call);
    }
    net_close(call, NET_NOW);
    return fclose(stdout) == 0 ? status : fail("standard output cannot be written");
}

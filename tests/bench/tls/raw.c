/* OpenSSL on raw sockets, as a careful program does it: blocking sockets without Nagle's delay,
 * contexts that are used again, and buffers that an idle connection gives back. */
#include "certificates.h"
#include "contest.h"
#include "stack.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    SSL *ssl;
    int fd;
};

static SSL_CTX *server;
static SSL_CTX *client;
static SSL_SESSION *remembered;
static int listener;
static struct sockaddr_in name;

static SSL_CTX *make_context(bool resumes)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());

    need(context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
             SSL_CTX_set_ciphersuites(context, TLS_CIPHER) == 1,
         "SSL_CTX_new");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (!resumes) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    }
    return context;
}

static int remember(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(remembered);
    remembered = session;
    return 1;
}

static void listen_anywhere(void)
{
    socklen_t length = sizeof name;
    int on = 1;

    name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(bind(listener, (struct sockaddr *)&name, length) == 0 && listen(listener, SOMAXCONN) == 0,
         "listen");
    getsockname(listener, (struct sockaddr *)&name, &length);
}

static void start(bool resumes)
{
    server = make_context(resumes);
    client = make_context(resumes);
    need(SSL_CTX_use_certificate_chain_file(server, certificate_file(CERTIFICATE_GOOD)) == 1 &&
             SSL_CTX_use_PrivateKey_file(server, certificate_key(CERTIFICATE_GOOD),
                                         SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_load_verify_file(client, certificate_ca()) == 1,
         "the certificates");
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    if (resumes) {
        SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(client, remember);
        SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF); /* tickets hold all */
    }
    listen_anywhere();
}

static void stop(void)
{
    close(listener);
    SSL_SESSION_free(remembered);
    remembered = NULL;
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void interrupt_accept(void)
{
    shutdown(listener, SHUT_RDWR);
}

static struct connection *begin(SSL_CTX *context, int fd)
{
    struct connection *made = malloc(sizeof *made);

    need(made != NULL, "malloc");
    *made = (struct connection){.ssl = SSL_new(context), .fd = fd};
    need(made->ssl != NULL && SSL_set_fd(made->ssl, fd) == 1, "SSL_new");
    return made;
}

static void *dial(void)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(connect(fd, (struct sockaddr *)&name, sizeof name) == 0, "connect");
    struct connection *made = begin(client, fd);

    need(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(made->ssl), "127.0.0.1") == 1, "the name");
    if (remembered != NULL) {
        SSL_set_session(made->ssl, remembered);
    }
    need(SSL_connect(made->ssl) == 1, "SSL_connect");
    return made;
}

static void *accept_one(void)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        return NULL;
    }
    struct connection *made = begin(server, fd);

    need(SSL_accept(made->ssl) == 1, "SSL_accept");
    return made;
}

static long send_all(void *connection, const void *data, size_t size)
{
    return SSL_write(((struct connection *)connection)->ssl, data, (int)size);
}

static long receive(void *connection, void *buffer, size_t size)
{
    return SSL_read(((struct connection *)connection)->ssl, buffer, (int)size);
}

static void hang_up(void *connection)
{
    struct connection *self = connection;

    SSL_shutdown(self->ssl);
    SSL_free(self->ssl);
    close(self->fd);
    free(self);
}

static const char *cipher(void *connection, char *buffer, size_t size)
{
    const struct connection *self = connection;

    snprintf(buffer, size, "%s", SSL_get_cipher_name(self->ssl));
    return buffer;
}

const struct stack stack_raw = {start,    stop,    interrupt_accept, dial,  accept_one,
                                send_all, receive, hang_up,          cipher};

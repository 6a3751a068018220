/* The bytes of a session. */
#include "tls/records.h"

#include <openssl/bio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAPACITY = 512,
    /* What a peer may make us answer, by asking for new keys or for a renegotiation, while it does
     * not read the answers. */
    MOST_ANSWERS = 64 * 1024
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

bool nf_tls_records_reserve(net_cipher_session *session, size_t size)
{
    size_t held = session->sealed_end - session->sealed_begin;
    size_t capacity = session->sealed_capacity;
    unsigned char *grown;

    if (session->sealed_capacity - session->sealed_end >= size) {
        return true;
    }
    if (session->sealed_begin > 0) {
        memmove(session->sealed, session->sealed + session->sealed_begin, held);
        session->sealed_begin = 0;
        session->sealed_end = held;
    }
    if (capacity - held >= size) {
        return true;
    }
    capacity = capacity < FIRST_CAPACITY ? FIRST_CAPACITY : capacity + capacity / 2;
    if (capacity < held + size) {
        capacity = held + size;
    }
    grown = realloc(session->sealed, capacity);
    if (grown == NULL) {
        return false;
    }
    session->sealed = grown;
    session->sealed_capacity = capacity;
    return true;
}

static int set_code(net_cipher_session *session, int code)
{
    session->code = session->code != 0 ? session->code : code;
    return -1;
}

/* Never says "again": a write that fails ends the session. */
static int write_records(BIO *bio, const char *bytes, int size)
{
    net_cipher_session *session = BIO_get_data(bio);

    BIO_clear_retry_flags(bio); /* one for reading, if it were left, would look like hunger */
    if (session->reading) {
        session->answered += (size_t)size;
        if (session->answered > MOST_ANSWERS) {
            return set_code(session, NET_RESET);
        }
    }
    if (!nf_tls_records_reserve(session, (size_t)size)) {
        return set_code(session, NET_LIMIT);
    }
    memcpy(session->sealed + session->sealed_end, bytes, (size_t)size);
    session->sealed_end += (size_t)size;
    return size;
}

static int read_loan(BIO *bio, char *buffer, int size)
{
    net_cipher_session *session = BIO_get_data(bio);
    size_t taken = session->lent < (size_t)size ? session->lent : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (taken == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(buffer, session->loan, taken);
    session->loan += taken;
    session->lent -= taken;
    return (int)taken;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/* Left behind when the process ends, as the library's context is. */
static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "netfacade");
    if (method != NULL) {
        BIO_meth_set_write(method, write_records);
        BIO_meth_set_read(method, read_loan);
        BIO_meth_set_ctrl(method, control);
    }
}

BIO *nf_tls_records(net_cipher_session *session)
{
    BIO *bio;

    pthread_once(&once, make_method);
    bio = method != NULL ? BIO_new(method) : NULL;
    if (bio != NULL) {
        BIO_set_data(bio, session);
        BIO_set_init(bio, 1);
    }
    return bio;
}

net_cipher_session *nf_tls_records_owner(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}

size_t nf_tls_records_feed(net_cipher_session *session, const void *bytes, size_t size)
{
    size_t left = session->lent;

    session->loan = bytes;
    session->lent = session->ended ? 0 : size; /* nobody reads what comes after the end */
    return left;
}

size_t nf_tls_records_yield(net_cipher_session *session, void *buffer, size_t size)
{
    size_t held = session->sealed_end - session->sealed_begin;
    size_t taken = held < size ? held : size;

    if (taken == 0) {
        return 0;
    }
    memcpy(buffer, session->sealed + session->sealed_begin, taken);
    session->sealed_begin += taken;
    if (taken == held) {
        free(session->sealed);
        session->sealed = NULL;
        session->sealed_begin = 0;
        session->sealed_end = 0;
        session->sealed_capacity = 0;
        session->answered = 0;
    }
    return taken;
}

/* wrap: malloc calloc realloc strdup strndup */
/* The cipher of tls:// without memory: each allocation of its own fails once, and a code tells. */
#include "certificates.h"
#include "support.h"

#include <netfacade/cipher.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which allocation from now on fails; below 0: none. */
static int failing = -1;

static bool fails(void)
{
    return failing >= 0 && failing-- == 0;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
char *__wrap_strndup(const char *text, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return fails() ? NULL : __real_strndup(text, size);
}

struct end {
    net_cipher_settings *settings;
    net_cipher_session *session;
    unsigned char inbox[32768];
    size_t size;
};

static struct end client;
static struct end server;

static bool open_end(struct end *end, int side, const char *const *values,
                     net_cipher_failure *failure)
{
    end->settings = net_tls()->configure(NULL, values, side, failure);
    if (end->settings == NULL) {
        return false;
    }
    end->session = net_tls()->open(end->settings, side, "localhost", "1", failure);
    return end->session != NULL;
}

static void close_end(struct end *end)
{
    if (end->session != NULL) {
        net_tls()->close(end->session);
    }
    if (end->settings != NULL) {
        net_tls()->release(end->settings);
    }
    memset(end, 0, sizeof *end);
}

static void carry(struct end *from, struct end *to)
{
    size_t left = net_tls()->feed(to->session, NULL, 0);

    memmove(to->inbox, to->inbox + to->size - left, left);
    to->size = left + net_tls()->yield(from->session, to->inbox + left, sizeof to->inbox - left);
    net_tls()->feed(to->session, to->inbox, to->size);
}

/* Settings, hands shaken, bytes, the end; 0, or the code that something failed with. */
static int talk(const char *const *values, const char *const *server_values,
                net_cipher_failure *failure)
{
    int done[2] = {NET_CIPHER_HUNGRY, NET_CIPHER_HUNGRY};
    static char bytes[20000];
    ssize_t got;

    if (!open_end(&client, NET_CIPHER_CLIENT, values, failure) ||
        !open_end(&server, NET_CIPHER_SERVER, server_values, failure)) {
        return failure->code;
    }
    for (int i = 0; i < 6 && (done[0] != 0 || done[1] != 0); i++) {
        done[0] = done[0] != 0 ? net_tls()->greet(client.session, failure) : 0;
        carry(&client, &server);
        done[1] = done[1] != 0 ? net_tls()->greet(server.session, failure) : 0;
        carry(&server, &client);
        if ((done[0] != 0 && done[0] != NET_CIPHER_HUNGRY) ||
            (done[1] != 0 && done[1] != NET_CIPHER_HUNGRY)) {
            return failure->code;
        }
    }
    got = net_tls()->decrypt(client.session, bytes, 1, failure); /* the tickets */
    if (got != NET_CIPHER_HUNGRY) {
        return (int)got;
    }
    got = net_tls()->encrypt(server.session, bytes, sizeof bytes, failure);
    if (got < 0) {
        return (int)got;
    }
    carry(&server, &client);
    got = net_tls()->decrypt(client.session, bytes, sizeof bytes, failure);
    if (got < 0) {
        return (int)got;
    }
    net_tls()->finish(client.session);
    return 0;
}

static void each_allocation_may_fail(void **state)
{
    const char *values[24] = {certificate_ca(), NULL, NULL, NULL, "a,b", "1.2", NULL, "on"};
    const char *server_values[24] = {NULL,
                                     certificate_file(CERTIFICATE_GOOD),
                                     certificate_key(CERTIFICATE_GOOD),
                                     NULL,
                                     "b",
                                     "1.2",
                                     NULL,
                                     "on"};
    net_cipher_failure failure;
    int code = NET_LIMIT;
    int n = 0;
    int failed = 0;

    (void)state;
    do {
        char name[32];

        snprintf(name, sizeof name, "localhost"); /* the same settings, or new ones */
        values[3] = n % 2 == 0 ? NULL : name;
        failing = n;
        code = talk(values, server_values, &failure);
        if (failing < 0 && code != 0) {
            assert_int_equal(code, NET_LIMIT);
            assert_int_equal(failure.code, NET_LIMIT);
            failed++;
        }
        code = failing >= 0 ? 0 : NET_LIMIT;
        failing = -1;
        close_end(&client);
        close_end(&server);
        n++;
    } while (code != 0 && n < 200);
    assert_in_range(failed, 15, 100);
    assert_int_equal(talk(values, server_values, &failure), 0);
    close_end(&client);
    close_end(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

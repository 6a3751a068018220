/* The cipher of tls:// in many threads, and in a child of a fork. */
#include "certificates.h"
#include "sealed.h"
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

enum { THREADS = 4, ROUNDS = 20, CHILDREN = 40 };

static char client_options[512];
static char server_options[1024];
static net_cipher_settings *shared; /* a listener's, for the sessions of all threads */
static atomic_bool stop;

static bool talk(void)
{
    struct sealed client;
    struct sealed server;
    char byte;
    bool good;

    memset(&server, 0, sizeof server);
    server.cipher = net_tls();
    server.greeted = NET_CIPHER_HUNGRY;
    server.session = net_tls()->open(shared, NET_CIPHER_SERVER, NULL, NULL, &server.failure);
    good = server.session != NULL &&
           sealed_open(&client, net_tls(), NET_CIPHER_CLIENT, client_options, "localhost", "1") &&
           sealed_shake(&client, &server, SIZE_MAX) &&
           sealed_decrypt(&client, &byte, 1) == NET_CIPHER_HUNGRY &&
           sealed_say(&client, &server, client_options, sizeof client_options) &&
           sealed_say(&server, &client, server_options, sizeof server_options);
    sealed_close(&client);
    sealed_close(&server);
    return good;
}

static void *talk_often(void *failed)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (!talk()) {
            *(bool *)failed = true;
        }
    }
    return NULL;
}

static void threads_share_settings(void **state)
{
    pthread_t threads[THREADS];
    bool failed[THREADS] = {false};

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, talk_often, &failed[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(failed[i]);
    }
}

static void *take_and_release(void *unused)
{
    net_cipher_failure failure;

    while (!atomic_load(&stop)) {
        net_tls()->release(
            sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, client_options, &failure));
    }
    return unused;
}

/* The lock may be held by another thread when this one forks. */
static void a_child_finds_the_lock_free(void **state)
{
    pthread_t thread;
    net_cipher_failure failure;
    net_cipher_settings *kept =
        sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, client_options, &failure);
    int good = 0;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, take_and_release, NULL), 0);
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        pid_t child = fork();

        if (child == 0) {
            alarm(20 * (unsigned)slowness());
            net_tls()->release(
                sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, client_options, &failure));
            kill(getpid(), SIGKILL); /* the only end without handlers, and without a leak to see */
        }
        waitpid(child, &status, 0);
        good += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 1 : 0;
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    net_tls()->release(kept);
    assert_int_equal(good, CHILDREN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_settings),
        cmocka_unit_test(a_child_finds_the_lock_free),
    };
    net_cipher_failure failure;
    int status;

    snprintf(client_options, sizeof client_options, "ca=%s", certificate_ca());
    snprintf(server_options, sizeof server_options, "cert=%s key=%s",
             certificate_file(CERTIFICATE_GOOD), certificate_key(CERTIFICATE_GOOD));
    shared = sealed_settings(net_tls(), NULL, NET_CIPHER_SERVER, server_options, &failure);
    status = cmocka_run_group_tests(tests, NULL, NULL);
    net_tls()->release(shared);
    return status;
}

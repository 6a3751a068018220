/* driven: skip, nothing here waits */
/* Files of certificates and keys that cannot be used: NET_ADDRESS names the option, the file and
 * the fault before a listener is open or anything is dialed, and nobody is asked for a password. */
#include "tls_pair.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_MOST = 200 };

/* A file in the directory of the certificates. */
static const char *write_file(const char *name, const char *text, mode_t mode)
{
    static char path[PATH_MOST];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", certificates_directory(), name);
    unlink(path);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

/* Both ways to name a pair, at a listener and at a dial. */
static void expect_refused(const char *cert, const char *key, const char *words)
{
    static const char *const forms[] = {"tls://127.0.0.1:0?cert=%s&key=%s",
                                        "tls://127.0.0.1:0?cert=%s,%s",
                                        "tls+mem://files?cert=%s&key=%s"};
    char address[TLS_ADDRESS_MAX];

    for (size_t i = 0; i < COUNT(forms); i++) {
        snprintf(address, sizeof address, forms[i], cert, key);
        assert_no_socket(net_listen(address), NET_ADDRESS);
        assert_says(words);
    }
    snprintf(address, sizeof address, "tls://127.0.0.1:1?verify=off&cert=%s&key=%s", cert, key);
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    assert_says(words);
    assert_no_socket(net_connect(address, NET_NOW), NET_ADDRESS);
    assert_says(words);
}

static void a_pair_that_cannot_be_used_is_told_at_once(void **state)
{
    const char *cert = certificate_file(CERTIFICATE_GOOD);
    const char *key = certificate_key(CERTIFICATE_GOOD);

    (void)state;
    expect_refused(certificate_file(CERTIFICATE_ODD_KEY), certificate_key(CERTIFICATE_ODD_KEY),
                   "it does not fit the certificate");
    expect_refused(cert, certificate_key(CERTIFICATE_RSA), "it does not fit the certificate");
    expect_refused(certificate_file(CERTIFICATE_WEAK), certificate_key(CERTIFICATE_WEAK),
                   "its key is too weak");
    expect_refused(certificate_file(CERTIFICATE_LOCKED_KEY),
                   certificate_key(CERTIFICATE_LOCKED_KEY), "the key is encrypted");
    expect_refused("/nonexistent.pem", key, "cert=/nonexistent.pem: No such file");
    expect_refused(cert, "/nonexistent.key", "key=/nonexistent.key: No such file");
    expect_refused("/tmp", key, "cert=/tmp: not a file");
    expect_refused(cert, "/tmp", "key=/tmp: not a file");
    expect_refused("/dev/zero", key, "cert=/dev/zero: not a file");
    expect_refused(cert, "/dev/tty", "key=/dev/tty");
    expect_refused(key, key, "no certificate in PEM form");
    expect_refused(cert, cert, "no private key in PEM form");
}

static void a_file_that_is_no_pem_is_told(void **state)
{
    static const char half[] = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    static const char odd[] = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    static const char false_key[] =
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const char *cert = certificate_file(CERTIFICATE_GOOD);
    const char *key = certificate_key(CERTIFICATE_GOOD);

    (void)state;
    expect_refused(write_file("empty.pem", "", 0600), key, "no certificate in PEM form");
    expect_refused(write_file("words.pem", "good day\n", 0600), key, "no certificate in PEM form");
    expect_refused(write_file("half.pem", half, 0600), key, "half.pem: a certificate in it");
    expect_refused(write_file("odd.pem", odd, 0600), key, "odd.pem: a certificate in it");
    expect_refused(cert, write_file("empty.key", "", 0600), "no private key in PEM form");
    expect_refused(cert, write_file("false.key", false_key, 0600), "key=");
}

/* A fault in the chain behind a good certificate must not go unseen. */
static void a_fault_behind_the_certificate_is_told(void **state)
{
    char text[8192] = "";
    FILE *file = fopen(certificate_file(CERTIFICATE_GOOD), "r");

    (void)state;
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 100, file);

    fclose(file);
    strcpy(text + n, "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n");
    expect_refused(write_file("chain.pem", text, 0600), certificate_key(CERTIFICATE_GOOD),
                   "a certificate in it cannot be read");
}

/* A FIFO without a writer would hold up its reader. */
static void a_fifo_holds_nobody_up(void **state)
{
    char path[PATH_MOST];

    (void)state;
    snprintf(path, sizeof path, "%s/fifo", certificates_directory());
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused(path, certificate_key(CERTIFICATE_GOOD), "fifo: not a file");
    expect_refused(certificate_file(CERTIFICATE_GOOD), path, "fifo: not a file");
    unlink(path);
}

/* Root may read all: a child gives that up. */
static int listen_as_nobody(void *argument)
{
    enum { NOBODY = 65534 };

    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        return 1;
    }
    if (net_listen(argument) != NULL || net_error() != NET_ADDRESS) {
        return 2;
    }
    return strstr(net_error_text(), "locked-away.key: Permission denied") != NULL ? 0 : 3;
}

static void a_key_that_may_not_be_read_is_told(void **state)
{
    char address[TLS_ADDRESS_MAX];

    (void)state;
    const char *key = write_file("locked-away.key", "", 0000);

    assert_int_equal(chmod(certificates_directory(), 0755), 0);
    snprintf(address, sizeof address, "tls://127.0.0.1:0?cert=%s&key=%s",
             certificate_file(CERTIFICATE_GOOD), key);
    assert_int_equal(in_child(listen_as_nobody, address), 0);
}

/* ---- What a peer is verified with ---- */

static void expect_no_store(const char *ca, const char *words)
{
    char address[TLS_ADDRESS_MAX];

    snprintf(address, sizeof address, "tls://127.0.0.1:1?ca=%s", ca);
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    assert_says(words);
    snprintf(address, sizeof address, "tls://127.0.0.1:0?cert=%s&key=%s&verify=peer&ca=%s",
             certificate_file(CERTIFICATE_GOOD), certificate_key(CERTIFICATE_GOOD), ca);
    assert_no_socket(net_listen(address), NET_ADDRESS);
    assert_says(words);
}

static void a_store_that_cannot_be_used_is_told(void **state)
{
    (void)state;
    expect_no_store("/nonexistent.pem", "ca=/nonexistent.pem: No such file");
    expect_no_store("/dev", "no certificate has its hash for a name there");
    expect_no_store("/dev/null", "ca=/dev/null: not a file");
    expect_no_store(write_file("no-ca.pem", "", 0600), "no certificate in PEM form");
    expect_no_store(certificate_key(CERTIFICATE_GOOD), "no certificate in PEM form");
}

/* ---- Options that do not fit ---- */

static void expect_no_listener(const char *options, const char *words)
{
    char address[TLS_ADDRESS_MAX];

    snprintf(address, sizeof address, "tls://127.0.0.1:0?%s", options);
    assert_no_socket(net_listen(address), NET_ADDRESS);
    assert_says(words);
}

static void expect_no_dial(const char *options, const char *words)
{
    char address[TLS_ADDRESS_MAX];

    snprintf(address, sizeof address, "tls://127.0.0.1:1?%s", options);
    assert_no_socket(net_connect(address, NET_NOW), NET_ADDRESS);
    assert_says(words);
}

static void options_that_do_not_fit_are_told(void **state)
{
    char pair[TLS_ADDRESS_MAX / 2];
    char options[TLS_ADDRESS_MAX];

    (void)state;
    snprintf(pair, sizeof pair, "cert=%s&key=%s", certificate_file(CERTIFICATE_GOOD),
             certificate_key(CERTIFICATE_GOOD));
    expect_no_listener("verify=off", "a listener needs cert= and key=");
    expect_no_listener("cert=/a.pem", "key= is missing");
    expect_no_listener("key=/a.pem", "cert= is missing");
    snprintf(options, sizeof options, "%s&verify=on", pair);
    expect_no_listener(options, "verify=on is for a dial");
    snprintf(options, sizeof options, "%s&name=localhost", pair);
    expect_no_listener(options, "name=localhost is for a dial");
    snprintf(options, sizeof options, "%s&ca=%s", pair, certificate_ca());
    expect_no_listener(options, "ca= has no effect on a listener without verify=peer");
    snprintf(options, sizeof options, "%s&alpn=h2,,x", pair);
    expect_no_listener(options, "alpn=h2,,x: each name has 1 to 255 bytes");
    snprintf(options, sizeof options, "%s&side=server", pair);
    expect_no_listener(options, "side is for a connection");
    expect_no_dial("verify=peer", "verify=peer is for a listener");
    expect_no_dial("verify=maybe", "verify");
    expect_no_dial("min-version=1.1", "min-version");
    expect_no_dial("cert=/a.pem", "cert= needs key= beside it");
    expect_no_dial("name=.example.test", "is no host's name");
    expect_no_dial("name=a%20b", "is no host's name");
    expect_no_dial("side=client", "side is for a connection that is adopted");
    expect_no_dial("certs=/a.pem", "cert");
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_pair_that_cannot_be_used_is_told_at_once), TEST(a_file_that_is_no_pem_is_told),
        TEST(a_fault_behind_the_certificate_is_told),     TEST(a_fifo_holds_nobody_up),
        TEST(a_key_that_may_not_be_read_is_told),         TEST(a_store_that_cannot_be_used_is_told),
        TEST(options_that_do_not_fit_are_told),
    };

    tls_begin();
    return run_once(tests);
}

/* The cipher of tls:// has a context of OpenSSL's to itself, which honours the system's
 * openssl.cnf. */
/* valgrind: skip, its children leave their settings behind */
#include "certificates.h"
#include "sealed.h"
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static char options[1024];

/* The code of making settings in a child with this configuration. */
static int configured(const char *text)
{
    char path[256];
    net_cipher_failure failure = {0};
    int status = 0;
    int descriptor;
    pid_t child;

    snprintf(path, sizeof path, "%s/openssl.cnf", certificates_directory());
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
    close(descriptor);
    child = fork();
    if (child == 0) {
        setenv("OPENSSL_CONF", path, 1);
        _exit(sealed_settings(net_tls(), NULL, NET_CIPHER_SERVER, options, &failure) != NULL
                  ? 0
                  : -failure.code);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : 1;
}

static void providers_are_the_systems(void **state)
{
    (void)state;
    assert_int_equal(configured(""), 0);
    assert_int_equal(configured("openssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\n"
                                "[d]\nactivate = 1\n"),
                     0);
    assert_int_equal(configured("openssl_conf = i\n[i]\nproviders = p\n[p]\nbase = b\n"
                                "[b]\nactivate = 1\n"),
                     NET_UNSUPPORTED); /* it has no ciphers */
}

static void other_parts_are_not_read_again(void **state)
{
    (void)state;
    assert_int_equal(configured("openssl_conf = i\n[i]\noid_section = o\nno_such = thing\n[o]\n"
                                "x = 1.2.3.4\n"),
                     0);
    assert_int_equal(configured("no configuration\n"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(providers_are_the_systems),
        cmocka_unit_test(other_parts_are_not_read_again),
    };

    /* By the program's own context; ours is made in each child. */
    snprintf(options, sizeof options, "cert=%s key=%s", certificate_file(CERTIFICATE_GOOD),
             certificate_key(CERTIFICATE_GOOD));
    return cmocka_run_group_tests(tests, NULL, NULL);
}

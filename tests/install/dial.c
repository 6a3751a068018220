/* A program of a user, in C99: dials the address that it gets, and prints the version of TLS, or
 * why not. With AT_SECURE it says first that it is privileged. With USE_CIPHER it brings the
 * cipher. */
#include <netfacade.h>
#ifdef USE_CIPHER
#include <netfacade/cipher.h>
#endif

#include <stdio.h>
#include <sys/auxv.h>

int main(int argc, char **argv)
{
    char version[16];
    net_socket *call;
    int status = 1;

    if (argc != 2) {
        return 2;
    }
    if (getauxval(AT_SECURE) != 0) {
        puts("privileged");
    }
#ifdef USE_CIPHER
    if (net_use_cipher(net_tls()) != 0) {
        puts(net_error_text());
        return 1;
    }
#endif
    call = net_connect(argv[1], net_after(5000));
    if (call == NULL && net_error() == NET_UNSUPPORTED) {
        printf("NET_UNSUPPORTED: ");
    }
    if (call != NULL && net_get(call, "tls-version", version, sizeof version) > 0) {
        printf("TLS %s\n", version);
        status = 0;
    } else {
        puts(net_error_text());
    }
    net_close(call, NET_NOW);
    return status;
}

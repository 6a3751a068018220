/* TLS over OpenSSL: the cipher of tls://. */
#include "tls/option.h"
#include "tls/records.h"
#include "tls/session.h"
#include "tls/settings.h"
#include "tls/text.h"

#include <stddef.h>

static const net_cipher_property properties[] = {
    /* The options, in the order of enum nf_tls_option. */
    {"ca", NULL, NULL, NET_CIPHER_OPTION},
    {"cert", NULL, NULL, NET_CIPHER_OPTION | NET_CIPHER_SETTABLE},
    {"key", NULL, NULL, NET_CIPHER_OPTION},
    {"name", NULL, NULL, NET_CIPHER_OPTION},
    {"alpn", NULL, NULL, NET_CIPHER_OPTION},
    {"min-version", "1.2|1.3", "1.2", NET_CIPHER_OPTION},
    {"verify", "on|off|peer", NULL, NET_CIPHER_OPTION}, /* the standard is the side's */
    {"tickets", "off|on", "on", NET_CIPHER_OPTION},

    {"tls-version", NULL, NULL, 0},
    {"tls-cipher", NULL, NULL, 0},
    {"server-name", NULL, NULL, 0},
    {"peer-name", NULL, NULL, 0},
    {"peer-fingerprint", NULL, NULL, 0},
    {"peer-certificate", NULL, NULL, NET_CIPHER_LINES},
    {NULL, NULL, NULL, 0},
};

static const net_cipher cipher = {
    .version = NET_CIPHER_VERSION,
    .scheme = "tls",
    .properties = properties,
    .configure = nf_tls_configure,
    .release = nf_tls_release,
    .open = nf_tls_open,
    .close = nf_tls_close,
    .greet = nf_tls_greet,
    .encrypt = nf_tls_encrypt,
    .decrypt = nf_tls_decrypt,
    .peek = nf_tls_peek,
    .finish = nf_tls_finish,
    .feed = nf_tls_records_feed,
    .yield = nf_tls_records_yield,
    .waiting = nf_tls_waiting,
    .text = nf_tls_text,
};

const net_cipher *net_tls(void)
{
    return &cipher;
}

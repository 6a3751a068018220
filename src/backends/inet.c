/* Hosts, binding and kernel options, alike for every transport over IP. */
#include "backends/inet.h"
#include "os/lookup.h"
#include "os/sockopt.h"

#include <string.h>

/* The words that the kernel keeps, and its names for them. */
static const struct {
    enum nf_word word;
    enum nf_sockopt option;
} kept[] = {
    {NF_NODELAY, NF_SO_NODELAY},
    {NF_KEEPALIVE, NF_SO_KEEPALIVE},
    {NF_USER_TIMEOUT, NF_SO_USER_TIMEOUT},
    {NF_REUSEPORT, NF_SO_REUSEPORT},
    {NF_SNDBUF, NF_SO_SNDBUF},
    {NF_RCVBUF, NF_SO_RCVBUF},
    {NF_BROADCAST, NF_SO_BROADCAST},
    {NF_V6ONLY, NF_SO_V6ONLY},
    {NF_RTT, NF_SO_RTT},
    {NF_RETRANSMITS, NF_SO_RETRANSMITS},
};

enum { KEPT = sizeof kept / sizeof kept[0] };

int nf_inet_host(const struct nf_target *target, bool listening, struct nf_host *host)
{
    int code = nf_host_parse(target->url.target, target->url.target_length, host);

    if (code == 0) {
        code = nf_host_find_zone(host);
    }
    if (code < 0) {
        return code;
    }
    if (host->service[0] != '\0') {
        int port = nf_lookup_service(host->service, target->backend->scheme);

        if (port < 0) {
            return port;
        }
        host->addr.port = (uint16_t)port;
    }
    if (listening && host->kind == NF_HOST_NAME) {
        return nf_fail_because(NET_ADDRESS, "a listener takes a numeric address, localhost or *");
    }
    if (!listening && (host->kind == NF_HOST_WILDCARD ||
                       (host->kind == NF_HOST_LITERAL && nf_addr_is_wildcard(&host->addr)))) {
        return nf_fail_because(NET_ADDRESS, "a wildcard is no address to dial");
    }
    if (!listening && host->addr.port == 0) {
        return nf_fail_because(NET_ADDRESS, "port 0 is no port to dial");
    }
    return 0;
}

int nf_inet_apply(int fd, const struct nf_target *target)
{
    const struct nf_options *options = &target->options;
    nf_words wanted = (options->given | NF_WORD(NF_NODELAY)) & target->backend->words;
    int code = 0;

    for (int i = 0; i < KEPT && code == 0; i++) {
        if ((wanted & NF_WORD(kept[i].word)) != 0 && kept[i].word != NF_V6ONLY) {
            code = nf_sockopt_set(fd, kept[i].option, options->value[kept[i].word]);
        }
    }
    return code;
}

/* SO_REUSEADDR lets a stream listener come back over TIME_WAIT; on datagrams it would let another
 * steal the traffic. */
static int prepare(int fd, const struct nf_target *target, enum nf_transport transport,
                   const struct nf_addr *name)
{
    int code = nf_inet_apply(fd, target);

    if (code == 0 && transport == NF_STREAM) {
        code = nf_sockopt_set(fd, NF_SO_REUSEADDR, 1);
    }
    if (code == 0 && name->family != NF_IPV4) {
        code = nf_sockopt_set(fd, NF_SO_V6ONLY, target->options.value[NF_V6ONLY]);
    }
    if (code == 0) {
        code = nf_socket_bind(fd, name);
    }
    return code;
}

static int open_bound(const struct nf_target *target, enum nf_transport transport,
                      const struct nf_addr *name)
{
    int fd = nf_socket_open((enum nf_family)name->family, transport, false);

    if (fd < 0) {
        return fd;
    }
    int code = prepare(fd, target, transport, name);

    if (code < 0) {
        nf_socket_close(fd);
        return code;
    }
    return fd;
}

int nf_inet_bind(const struct nf_target *target, enum nf_transport transport, struct nf_addr *name)
{
    struct nf_host host;
    int code = nf_inet_host(target, true, &host);

    if (code < 0) {
        return code;
    }
    if ((target->options.given & NF_WORD(NF_SOURCE)) != 0) {
        return nf_fail_because(NET_ADDRESS,
                               "source is for dialing: a listener's own address is the host");
    }
    if (host.kind == NF_HOST_LOCALHOST) {
        static const uint8_t loopback[] = {127, 0, 0, 1};

        host.addr.family = NF_IPV4;
        memcpy(host.addr.ip, loopback, sizeof loopback);
    }
    bool everywhere = host.addr.family == NF_EVERYWHERE;
    int fd = open_bound(target, transport, &host.addr);

    /* A system without IPv6 still has every interface that it has. */
    if (everywhere && target->options.value[NF_V6ONLY] == 0 &&
        (fd == NET_UNSUPPORTED || fd == NET_ADDRESS)) {
        host.addr.family = NF_IPV4;
        fd = open_bound(target, transport, &host.addr);
    }
    code = fd < 0 ? fd : nf_socket_local(fd, name);
    if (fd >= 0 && code < 0) {
        nf_socket_close(fd);
        return code;
    }
    if (fd >= 0 && everywhere) {
        name->family = NF_EVERYWHERE;
    }
    return fd;
}

int nf_inet_property(int fd, enum nf_word word, struct nf_value *value, bool write)
{
    for (int i = 0; i < KEPT; i++) {
        if (kept[i].word == word) {
            return write ? nf_sockopt_set(fd, kept[i].option, value->number)
                         : nf_sockopt_get(fd, kept[i].option, &value->number);
        }
    }
    if (word == NF_LOCAL) {
        return nf_socket_local(fd, &value->addr);
    }
    if (word == NF_PORT) {
        struct nf_addr name;
        int code = nf_socket_local(fd, &name);

        value->number = code == 0 ? name.port : 0;
        return code;
    }
    value->number = 0;
    return 0;
}

/* Checking hosts against options, and binding, the same for every transport over IP. The functions
 * named ..._error return the sentence for the user, or NULL when nothing is wrong. */
#include "open/inet.h"
#include "open/adopt.h"
#include "os/lookup.h"
#include "os/sockopt.h"
#include "socket/kernel.h"

#include <string.h>

/* A host of the wrong kind for listening, or for dialing. */
static const char *host_error(const struct nf_host *host, bool listening)
{
    if (listening) {
        return host->kind == NF_HOST_NAME ? "a listener takes a numeric address, localhost or *"
                                          : NULL;
    }
    if (host->kind == NF_HOST_WILDCARD ||
        (host->kind == NF_HOST_LITERAL && nf_addr_is_wildcard(&host->addr))) {
        return "a wildcard is no address to dial";
    }
    return host->addr.port == 0 ? "port 0 is no port to dial" : NULL;
}

/* The option `family` against the host, the source and v6only. The family of a host name is not
 * known yet; a dial later asks the resolver only for the right one. */
static const char *family_error(const struct nf_options *options, const struct nf_host *host,
                                bool listening)
{
    int family = (int)options->value[NF_FAMILY];
    bool v6only = options->value[NF_V6ONLY] != 0;
    bool is_other = family != 0 && host->kind == NF_HOST_LITERAL && host->addr.family != family;
    bool wildcard = host->kind == NF_HOST_WILDCARD;

    if (!listening && (options->given & NF_OPTION(NF_V6ONLY)) != 0) {
        return "v6only is for listeners: family=6 dials IPv6 alone";
    }
    if (is_other) {
        return family == NF_IPV4 ? "family=4 leaves out an IPv6 address"
                                 : "family=6 leaves out an IPv4 address";
    }
    if (family != 0 && options->source.family != NF_NOWHERE && options->source.family != family) {
        return family == NF_IPV4 ? "family=4 cannot be dialed from an IPv6 source"
                                 : "family=6 cannot be dialed from an IPv4 source";
    }
    if (wildcard && family == NF_IPV4 && v6only) {
        return "family=4 and v6only=on leave no family";
    }
    if (wildcard && family == NF_IPV6 && !v6only && (options->given & NF_OPTION(NF_V6ONLY)) != 0) {
        return "family=6 is IPv6 alone, and v6only=off both: say one of them";
    }
    return NULL;
}

/* The options about multicast groups against the host. */
static const char *group_error(const struct nf_target *target, const struct nf_host *host,
                               bool listening)
{
    const struct nf_options *options = &target->options;
    const struct nf_addr *only = &options->group_source;
    bool group = nf_addr_is_group(&host->addr);
    const uint64_t sending = NF_OPTION(NF_INTERFACE) | NF_OPTION(NF_MULTICAST_LOOP);

    if (group && (target->backend->properties.options & sending) == 0) {
        return "a multicast group is reached by datagrams alone";
    }
    if (nf_addr_is_group(&options->source)) {
        return "a multicast group cannot be the source";
    }
    if (only->family != NF_NOWHERE && !(listening && group)) {
        return "group-source is for listening to a multicast group";
    }
    if (only->family != NF_NOWHERE &&
        (only->family != host->addr.family || only->port != 0 || nf_addr_is_group(only))) {
        return "group-source is one host, of the group's family, without a port";
    }
    if ((options->given & sending) != 0 && !(listening || group || host->kind == NF_HOST_NAME)) {
        return "interface and multicast-loop are for multicast groups; device is for any address";
    }
    return NULL;
}

/* The zone of the host and the options `interface` and `device` each name an interface. Those that
 * are given must be the same. A link-local address needs at least one, and gets it as its scope.
 * Returns as the ..._error functions do. */
static const char *settle_interface(const struct nf_options *options, struct nf_addr *addr)
{
    const int64_t named[] = {addr->scope, options->value[NF_INTERFACE], options->value[NF_DEVICE]};
    int64_t chosen = 0;

    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (chosen != 0 && named[i] != 0 && named[i] != chosen) {
            return "zone, interface and device must be the same one";
        }
        chosen = named[i] != 0 ? named[i] : chosen;
    }
    if (!nf_addr_is_link_local(addr)) {
        return NULL;
    }
    addr->scope = (uint32_t)chosen;
    return chosen != 0 ? NULL : "a link-local address needs its interface, as in [fe80::1%eth0]";
}

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
    const char *wrong = host_error(host, listening);

    if (wrong == NULL) {
        wrong = family_error(&target->options, host, listening);
    }
    if (wrong == NULL) {
        wrong = group_error(target, host, listening);
    }
    if (wrong == NULL) {
        wrong = settle_interface(&target->options, &host->addr);
    }
    return wrong == NULL ? 0 : nf_fail_because(NET_ADDRESS, "%s", wrong);
}

static bool is_v6only(const struct nf_options *options)
{
    return options->value[NF_V6ONLY] != 0 || options->value[NF_FAMILY] == NF_IPV6;
}

/* SO_REUSEADDR lets a stream listener restart while old connections are in TIME_WAIT, and several
 * sockets on one host receive a multicast group, each the groups it has joined. A unicast datagram
 * socket does not get it: another process could bind the same port and take its datagrams. */
static int prepare(int fd, const struct nf_target *target, enum nf_transport transport,
                   const struct nf_addr *name)
{
    bool group = nf_addr_is_group(name);
    int code = nf_kernel_apply(fd, target);

    if (code == 0 && (transport == NF_STREAM || group)) {
        code = nf_sockopt_set(fd, NF_SO_REUSEADDR, 1);
    }
    if (code == 0 && name->family != NF_IPV4) {
        code = nf_sockopt_set(fd, NF_SO_V6ONLY, is_v6only(&target->options));
    }
    if (code == 0 && group) {
        code = nf_group_join(fd, name, nf_kernel_interface(target->options.value, name),
                             &target->options.group_source);
    }
    if (code == 0) {
        code = nf_fd_bind(fd, name);
    }
    return code;
}

static int open_bound(const struct nf_target *target, enum nf_transport transport,
                      const struct nf_addr *name)
{
    int fd = nf_fd_open((enum nf_family)name->family, transport, false);

    if (fd < 0) {
        return fd;
    }
    int code = prepare(fd, target, transport, name);

    if (code < 0) {
        nf_fd_close(fd);
        return code;
    }
    return fd;
}

void nf_inet_localhost(int family, struct nf_addr *addr)
{
    static const uint8_t v4[sizeof addr->ip] = {127, 0, 0, 1};
    static const uint8_t v6[sizeof addr->ip] = {[sizeof addr->ip - 1] = 1};

    addr->family = (uint16_t)family;
    memcpy(addr->ip, family == NF_IPV4 ? v4 : v6, sizeof addr->ip);
}

/* Limit localhost or a wildcard, which may be of either family, to `family`; 0: no limit. */
static void narrow(struct nf_host *host, int family)
{
    if (host->kind == NF_HOST_LOCALHOST) {
        nf_inet_localhost(family != 0 ? family : NF_IPV4, &host->addr);
    } else if (host->kind == NF_HOST_WILDCARD && family != 0) {
        host->addr.family = (uint16_t)family;
    }
}

int nf_inet_bind(const struct nf_target *target, enum nf_transport transport, struct nf_addr *name)
{
    if (target->adopted >= 0) {
        return nf_adopt_bound(target, name);
    }
    struct nf_host host;
    int code = nf_inet_host(target, true, &host);

    if (code < 0) {
        return code;
    }
    if ((target->options.given & NF_OPTION(NF_SOURCE)) != 0) {
        return nf_fail_because(NET_ADDRESS,
                               "source is for dialing: a listener's own address is the host");
    }
    narrow(&host, (int)target->options.value[NF_FAMILY]);
    bool everywhere = host.addr.family == NF_EVERYWHERE;
    int fd = open_bound(target, transport, &host.addr);

    /* Without IPv6 in the kernel, the wildcard of IPv4 covers every address of the host. */
    if (everywhere && target->options.value[NF_V6ONLY] == 0 &&
        (fd == NET_UNSUPPORTED || fd == NET_ADDRESS)) {
        host.addr.family = NF_IPV4;
        fd = open_bound(target, transport, &host.addr);
    }
    code = fd < 0 ? fd : nf_fd_local(fd, name, NULL);
    if (fd >= 0 && code < 0) {
        nf_fd_close(fd);
        return code;
    }
    if (fd >= 0 && everywhere) {
        name->family = NF_EVERYWHERE;
    }
    return fd;
}

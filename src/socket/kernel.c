/* Options and properties of a descriptor, by way of getsockopt and setsockopt. */
#include "socket/kernel.h"
#include "os/socket.h"
#include "os/sockopt.h"

/* The properties that the kernel keeps, and the socket option of each. */
static const struct {
    enum nf_property property;
    enum nf_sockopt option;
} kernel_options[] = {
    {NF_NODELAY, NF_SO_NODELAY},
    {NF_KEEPALIVE, NF_SO_KEEPALIVE},
    {NF_USER_TIMEOUT, NF_SO_USER_TIMEOUT},
    {NF_REUSEPORT, NF_SO_REUSEPORT},
    {NF_BROADCAST, NF_SO_BROADCAST},
    {NF_DSCP, NF_SO_DSCP},
    {NF_TTL, NF_SO_TTL},
    {NF_FRAGMENT, NF_SO_FRAGMENT},
    {NF_MULTICAST_LOOP, NF_SO_GROUP_LOOP},
    {NF_INTERFACE, NF_SO_GROUP_INTERFACE},
    {NF_DEVICE, NF_SO_DEVICE},
    {NF_SNDBUF, NF_SO_SNDBUF},
    {NF_RCVBUF, NF_SO_RCVBUF},
    {NF_V6ONLY, NF_SO_V6ONLY},
    {NF_RTT, NF_SO_RTT},
    {NF_RETRANSMITS, NF_SO_RETRANSMITS},
    {NF_MTU, NF_SO_MTU},
    {NF_DROPPED_KERNEL, NF_SO_DROPPED},
};

enum { KERNEL_OPTIONS = sizeof kernel_options / sizeof kernel_options[0] };

/* Those of the above that are set on a new descriptor. The code that binds sets v6only, and
 * congestion is a name, not a number. */
#define TO_APPLY ((NF_OPTION(NF_BACKLOG) - 1) & ~(NF_OPTION(NF_V6ONLY) | NF_OPTION(NF_CONGESTION)))

/* Those that a failed adoption may lack the privilege to undo. They are set last. */
#define HARD_TO_UNDO                                                                               \
    (NF_OPTION(NF_INTERFACE) | NF_OPTION(NF_DEVICE) | NF_OPTION(NF_SNDBUF) | NF_OPTION(NF_RCVBUF))

int64_t nf_kernel_interface(const int64_t *values, const struct nf_addr *name)
{
    if (values[NF_INTERFACE] != 0 || !nf_addr_is_group(name)) {
        return values[NF_INTERFACE];
    }
    return name->scope != 0 ? name->scope : values[NF_DEVICE];
}

/* Set the options of `left`, in the order of the table. */
static int apply(int fd, const struct nf_options *options, uint64_t left)
{
    int code = 0;

    for (int i = 0; i < KERNEL_OPTIONS && left != 0 && code == 0; i++) {
        if ((left & NF_OPTION(kernel_options[i].property)) != 0) {
            left &= ~NF_OPTION(kernel_options[i].property);
            code = nf_sockopt_set(fd, kernel_options[i].option,
                                  options->value[kernel_options[i].property]);
        }
    }
    return code;
}

int nf_kernel_apply(int fd, const struct nf_target *target)
{
    const struct nf_options *options = &target->options;
    uint64_t wanted =
        (options->given | NF_OPTION(NF_NODELAY)) & target->backend->properties.options;
    int code = apply(fd, options, wanted & TO_APPLY & ~HARD_TO_UNDO);

    if (code == 0 && (wanted & NF_OPTION(NF_CONGESTION)) != 0) {
        code = nf_congestion_set(fd, options->congestion);
    }
    if (code == 0 && options->sockopt.count > 0) {
        code = nf_rawopts_set(fd, &options->sockopt);
    }
    return code == 0 ? apply(fd, options, wanted & HARD_TO_UNDO) : code;
}

int nf_kernel_mtu(const struct nf_addr *peer, int64_t device, int64_t *mtu)
{
    int fd = nf_fd_open((enum nf_family)peer->family, NF_DATAGRAM, false);
    int code = fd < 0 ? fd : nf_sockopt_set(fd, NF_SO_DEVICE, device);

    if (code == 0) {
        code = nf_fd_connect(fd, peer);
    }
    if (code == 0) {
        code = nf_sockopt_get(fd, NF_SO_MTU, mtu);
    }
    nf_fd_close(fd);
    return code;
}

int nf_kernel_property(int fd, enum nf_property property, struct nf_value *value, bool write)
{
    for (int i = 0; i < KERNEL_OPTIONS; i++) {
        if (kernel_options[i].property == property) {
            return write ? nf_sockopt_set(fd, kernel_options[i].option, value->number)
                         : nf_sockopt_get(fd, kernel_options[i].option, &value->number);
        }
    }
    if (property == NF_CONGESTION) {
        return write ? nf_congestion_set(fd, value->text) : nf_congestion_get(fd, value->text);
    }
    if (property == NF_SOCKOPT) {
        return nf_rawopts_set(fd, &value->list);
    }
    if (property == NF_LOCAL) {
        return nf_fd_local(fd, &value->addr, value->name);
    }
    if (property == NF_PORT) {
        struct nf_addr name;
        int code = nf_fd_local(fd, &name, NULL);

        value->number = code == 0 ? name.port : 0;
        return code;
    }
    value->number = 0;
    return 0;
}

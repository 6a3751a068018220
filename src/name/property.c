/* The table of options and properties. */
#include "name/property.h"
#include "name/nearest.h"

#include <limits.h>
#include <string.h>

const struct nf_rule nf_rules[NF_PROPERTIES] = {
    [NF_NODELAY] = {"nodelay", NF_KIND_SWITCH, true, 1, 1, 0, 1},
    [NF_KEEPALIVE] = {"keepalive", NF_KIND_DURATION, true, NF_SECOND_IN_MS, 0, NF_SECOND_IN_MS,
                      32767 * NF_SECOND_IN_MS},
    [NF_USER_TIMEOUT] = {"user-timeout", NF_KIND_DURATION, true, 1, 0, 1, INT_MAX},
    [NF_REUSEPORT] = {"reuseport", NF_KIND_SWITCH, false, 1, 0, 0, 1},
    [NF_V6ONLY] = {"v6only", NF_KIND_SWITCH, false, 1, 0, 0, 1},
    [NF_SNDBUF] = {"sndbuf", NF_KIND_SIZE, true, 1, 0, 1, NF_GIB - 1},
    [NF_RCVBUF] = {"rcvbuf", NF_KIND_SIZE, true, 1, 0, 1, NF_GIB - 1},
    [NF_BROADCAST] = {"broadcast", NF_KIND_SWITCH, true, 1, 0, 0, 1},
    [NF_DEVICE] = {"device", NF_KIND_INTERFACE, false, 1, 0, 0, 0},
    [NF_DSCP] = {"dscp", NF_KIND_COUNT, true, 1, 0, 0, 63},
    [NF_CONGESTION] = {"congestion", NF_KIND_TEXT, true, 1, 0, 0, 0},
    [NF_TTL] = {"ttl", NF_KIND_COUNT, true, 1, 64, 1, 255},
    [NF_FRAGMENT] = {"fragment", NF_KIND_SWITCH, true, 1, 1, 0, 1},
    [NF_MULTICAST_LOOP] = {"multicast-loop", NF_KIND_SWITCH, true, 1, 1, 0, 1},
    [NF_INTERFACE] = {"interface", NF_KIND_INTERFACE, false, 1, 0, 0, 0},
    [NF_BACKLOG] = {"backlog", NF_KIND_COUNT, false, 1, INT_MAX, 0, INT_MAX},
    [NF_SOURCE] = {"source", NF_KIND_ADDRESS, false, 1, 0, 0, 0},
    [NF_GROUP_SOURCE] = {"group-source", NF_KIND_ADDRESS, false, 1, 0, 0, 0},
    [NF_FAMILY] = {"family", NF_KIND_FAMILY, false, 1, 0, 0, 0},
    [NF_SOCKOPT] = {"sockopt", NF_KIND_SOCKOPT, true, 1, 0, 0, 0},
    [NF_PEERS] = {"peers", NF_KIND_COUNT, true, 1, 65536, 1, NF_UNLIMITED},
    [NF_QUEUE] = {"queue", NF_KIND_SIZE, true, 1, 256 * NF_KIB, 1, NF_UNLIMITED},
    [NF_TOTAL] = {"total", NF_KIND_SIZE, true, 1, 64 * NF_MIB, 1, NF_UNLIMITED},
    [NF_STRANGERS] = {"strangers", NF_KIND_SIZE, true, 1, NF_MIB, 1, NF_UNLIMITED},
    [NF_IDLE] = {"idle", NF_KIND_DURATION, true, 1, 60 * NF_SECOND_IN_MS, 1, NF_UNLIMITED},
    [NF_MODE] = {"mode", NF_KIND_MODE, false, 1, 0600, 0, 0777},
    [NF_UNLINK] = {"unlink", NF_KIND_SWITCH, false, 1, 1, 0, 1},
    [NF_SEED] = {"seed", NF_KIND_COUNT, false, 1, 0, 0, NF_UNLIMITED},
    [NF_CHUNK] = {"chunk", NF_KIND_LIMIT, false, 1, 0, 1, NF_GIB - 1},
    [NF_DELAY] = {"delay", NF_KIND_DURATION, false, 1, 0, 1, INT_MAX},
    [NF_LOSS] = {"loss", NF_KIND_SHARE, false, 1, 0, 0, NF_MILLIONTHS},
    [NF_DUPLICATE] = {"duplicate", NF_KIND_SHARE, false, 1, 0, 0, NF_MILLIONTHS},
    [NF_REORDER] = {"reorder", NF_KIND_SHARE, false, 1, 0, 0, NF_MILLIONTHS},
    [NF_RESET_AFTER] = {"reset-after", NF_KIND_LIMIT, false, 1, 0, 1, NF_UNLIMITED},
    [NF_STALL_AFTER] = {"stall-after", NF_KIND_LIMIT, false, 1, 0, 1, NF_UNLIMITED},
    [NF_ACCEPT_FAIL] = {"accept-fail", NF_KIND_CODE, false, 1, 0, 0, 0},
    [NF_FRAME] = {"frame", NF_KIND_FRAME, false, 1, NF_FRAME_U32, 0, 0},
    [NF_MAX] = {"max", NF_KIND_SIZE, true, 1, NF_MIB, 1, NF_GIB},
    [NF_SIDE] = {"side", NF_KIND_SIDE, false, 1, NF_SIDE_NOT_SAID, 0, 0},
    [NF_SCHEME] = {"scheme", NF_KIND_TEXT, false, 0, 0, 0, 0},
    [NF_LOCAL] = {"local", NF_KIND_ADDRESS, false, 0, 0, 0, 0},
    [NF_PEER] = {"peer", NF_KIND_ADDRESS, false, 0, 0, 0, 0},
    [NF_LOCAL_HOST] = {"local-host", NF_KIND_HOST, false, 0, 0, 0, 0},
    [NF_PEER_HOST] = {"peer-host", NF_KIND_HOST, false, 0, 0, 0, 0},
    [NF_PEER_PORT] = {"peer-port", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_PORT] = {"port", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_BYTES_SENT] = {"bytes-sent", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_BYTES_RECEIVED] = {"bytes-received", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_MESSAGES_SENT] = {"messages-sent", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_MESSAGES_RECEIVED] = {"messages-received", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_DROPPED_QUEUE] = {"dropped-queue", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_DROPPED_STRANGERS] = {"dropped-strangers", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_TRUNCATED] = {"truncated", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_RTT] = {"rtt", NF_KIND_MICROSECONDS, false, 0, 0, 0, 0},
    [NF_RETRANSMITS] = {"retransmits", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_ADMIT] = {"admit", NF_KIND_ADDRESS, true, 0, 0, 0, 0},
    [NF_MTU] = {"mtu", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_DROPPED_KERNEL] = {"dropped-kernel", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_PEER_PID] = {"peer-pid", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_PEER_UID] = {"peer-uid", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_PEER_GID] = {"peer-gid", NF_KIND_COUNT, false, 0, 0, 0, 0},
    [NF_RESET] = {"reset", NF_KIND_SWITCH, true, 1, 0, 0, 1},
};

_Static_assert(NF_OPTIONS <= 64, "a set holds every option");
_Static_assert(NF_PROPERTIES - NF_OPTIONS <= 64, "and every other property");

bool nf_property_is_settable(enum nf_property property)
{
    return nf_rules[property].settable;
}

bool nf_property_is_readable(enum nf_property property)
{
    return property != NF_ADMIT && property != NF_SOCKOPT;
}

bool nf_property_is_option(enum nf_property property)
{
    return property < NF_OPTIONS;
}

bool nf_property_is_number(enum nf_property property)
{
    switch (nf_rules[property].kind) {
    case NF_KIND_SWITCH:
    case NF_KIND_DURATION:
    case NF_KIND_SIZE:
    case NF_KIND_COUNT:
    case NF_KIND_MICROSECONDS:
    case NF_KIND_LIMIT:
    case NF_KIND_MODE:
        return true;
    default:
        return false;
    }
}

/* The name of number `i` of a set that has a cipher: "" if it is not in the set, NULL after the
 * last. */
static const char *named_in(int i, const struct nf_properties *set)
{
    const net_cipher_property *named = set->cipher != NULL ? &set->cipher->properties[i] : NULL;

    if (named == NULL || named->name == NULL) {
        return NULL;
    }
    return set->others != 0 || (named->flags & NET_CIPHER_OPTION) != 0 ? named->name : "";
}

/* The names of a set by number; "" for a property that is not in it. The cipher's come last. */
static const char *name_in(int i, const void *set)
{
    if (i >= NF_PROPERTIES) {
        return named_in(i - NF_PROPERTIES, set);
    }
    return nf_properties_have(set, (enum nf_property)i) ? nf_rules[i].name : "";
}

static int find_named(const struct nf_properties *set, const char *name, size_t length)
{
    const char *each = named_in(0, set);

    for (int i = 0; each != NULL; each = named_in(++i, set)) {
        if (length > 0 && strlen(each) == length && memcmp(each, name, length) == 0) {
            return NF_NAMED + i;
        }
    }
    return nf_unknown("option or property of this scheme", name, length, name_in, set);
}

int nf_property_find(const struct nf_properties *set, const char *name, size_t length)
{
    for (int i = 0; i < NF_PROPERTIES; i++) {
        if (nf_properties_have(set, (enum nf_property)i) && strlen(nf_rules[i].name) == length &&
            memcmp(nf_rules[i].name, name, length) == 0) {
            return i;
        }
    }
    return find_named(set, name, length);
}

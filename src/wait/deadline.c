/* Adding time to a moment without overflow. */
#include "wait/deadline.h"

net_deadline nf_deadline_after(net_deadline now, int64_t milliseconds)
{
    if (milliseconds > (NET_FOREVER - now) / NF_MILLISECOND) {
        return NET_FOREVER;
    }
    if (milliseconds < -((now - NF_EPOCH) / NF_MILLISECOND)) {
        return NF_EPOCH;
    }
    return now + milliseconds * NF_MILLISECOND;
}

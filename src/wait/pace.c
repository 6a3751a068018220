/* Counting what a call moves after its deadline. */
#include "wait/pace.h"
#include "os/cause.h"

enum { LATE = NF_AT_ONCE, LATE_NOW = 4 * NF_AT_ONCE };

bool nf_pace_goes_on(struct nf_pace *pace, size_t moved, net_deadline deadline)
{
    if (!nf_deadline_passed(deadline)) {
        return true;
    }
    pace->late += moved > pace->least ? moved : pace->least;
    if (pace->late < (size_t)(deadline == NET_NOW ? LATE_NOW : LATE)) {
        return true;
    }
    nf_fail(NET_TIMEOUT);
    return false;
}

/* How the attempts of a dial ended, for its error sentence. */
#include "open/dial.h"
#include "name/endpoint.h"

/* Whether the sentence needs the system's error text, because several errors share the code. For a
 * unix socket's name that is always so. */
static bool wants_errno(const struct nf_attempt *attempt)
{
    return attempt->error != 0 && (attempt->code == NET_SYSTEM || attempt->code == NET_DENIED ||
                                   attempt->code == NET_LIMIT || attempt->code == NET_UNSUPPORTED ||
                                   nf_addr_is_named(&attempt->addr));
}

static void describe_attempt(struct nf_text *text, const struct nf_attempt *attempt)
{
    bool over = attempt->state == NF_FAILED;
    long long took = ((over ? attempt->ended : nf_now()) - attempt->started) / NF_MILLISECOND;

    nf_text_add(text, "%s", text->length > 0 ? "; " : "");
    nf_print_host(text, &attempt->addr);
    if (attempt->state == NF_WAITING) {
        nf_text_add(text, ": %s", attempt->why[0] != '\0' ? attempt->why : "not tried");
        return;
    }
    nf_text_add(text, ": %s", over ? nf_code_text(attempt->code) : "no answer");
    if (over && wants_errno(attempt)) {
        char error[128];

        nf_errno_text(attempt->error, error, sizeof error);
        nf_text_add(text, " (%s)", error);
    } else if (over && attempt->why[0] != '\0') {
        nf_text_add(text, " (%s)", attempt->why);
    }
    if (took > 0) {
        nf_text_add(text, " after %lld ms", took);
    }
}

int nf_dial_report(const struct nf_dial *dial, int code, char *buffer, size_t size)
{
    struct nf_text text;

    nf_text_begin(&text, buffer, size);
    for (int i = 0; i < dial->race.count; i++) {
        describe_attempt(&text, &dial->race.attempt[i]);
    }
    if ((dial->race.count == 0 || dial->code == NET_LIMIT) && dial->lookup_error[0] != '\0') {
        nf_text_add(&text, "%s%s", text.length > 0 ? "; " : "", dial->lookup_error);
    } else if (dial->resolve != NULL) {
        nf_text_add(&text, "%sstill looking up the name", text.length > 0 ? "; " : "");
    }
    return code;
}

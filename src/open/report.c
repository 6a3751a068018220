/* A whole dial in one call, and the sentence that reports how the attempts of a dial ended. */
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

/* Why an attempt failed, beyond its code; may be empty. */
static void describe_failure(const struct nf_attempt *attempt, char *reason, size_t size)
{
    if (wants_errno(attempt)) {
        nf_errno_text(attempt->error, reason, size);
    } else {
        nf_text_copy(reason, size, attempt->why);
    }
}

/* The dial of a name is a single attempt, and the sentence has its name and its code already. */
static void describe_attempt(struct nf_text *text, const struct nf_attempt *attempt)
{
    bool over = attempt->state == NF_FAILED;
    bool is_named = nf_addr_is_named(&attempt->addr);
    long long took = ((over ? attempt->ended : nf_now()) - attempt->started) / NF_MILLISECOND;
    char reason[sizeof attempt->why];

    nf_text_add(text, "%s", text->length > 0 ? "; " : "");
    if (!is_named) {
        nf_print_host(text, &attempt->addr);
        nf_text_add(text, ": ");
    }
    if (attempt->state == NF_WAITING) {
        nf_text_add(text, "%s", attempt->why[0] != '\0' ? attempt->why : "not tried");
        return;
    }
    describe_failure(attempt, reason, sizeof reason);
    if (is_named && over && reason[0] != '\0') {
        nf_text_add(text, "%s", reason);
    } else {
        nf_text_add(text, "%s", over ? nf_code_text(attempt->code) : "no answer");
        if (over && reason[0] != '\0') {
            nf_text_add(text, " (%s)", reason);
        }
    }
    if (took > 0) {
        nf_text_add(text, " after %lld ms", took);
    }
}

void nf_dial_report(const struct nf_dial *dial, char *buffer, size_t size)
{
    struct nf_text text;

    nf_text_begin(&text, buffer, size);
    for (int i = 0; i < dial->race.count; i++) {
        describe_attempt(&text, &dial->race.attempt[i]);
    }
    const char *between = text.length > 0 ? "; " : "";
    bool is_pending = dial->resolve != NULL; /* at least one family has no answer yet */
    bool is_of_lookup = dial->race.count == 0 || dial->code == NET_LIMIT;

    if (is_pending) {
        nf_text_add(&text, "%sstill looking up the name", between);
    } else if (is_of_lookup && dial->lookup_error[0] != '\0') {
        nf_text_add(&text, "%s%s", between, dial->lookup_error);
    }
}

int nf_dial_fail(const struct nf_dial *dial, int code)
{
    char attempts[NF_DETAIL_MAX];

    nf_dial_report(dial, attempts, sizeof attempts);
    return nf_fail_because(code, "%s", attempts);
}

int nf_dial_now(struct nf_connection *connection, const struct nf_target *target,
                enum nf_transport transport, const struct nf_addr *to, net_deadline deadline)
{
    struct nf_dial dial;
    int code = nf_dial_begin(&dial, target, transport, to);

    if (code < 0) {
        return code;
    }
    dial.alone = true;
    code = nf_dial_drive(&dial, connection, NULL, deadline);
    if (code < 0) {
        nf_dial_fail(&dial, code);
    }
    nf_dial_end(&dial);
    return code;
}

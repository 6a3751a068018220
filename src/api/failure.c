/* Codes and sentences for the caller; a sentence is put together when it is asked for. */
#include "api/failure.h"
#include "name/endpoint.h"

#include <string.h>

/* Until a dial is won, the name is its driver's. */
static bool is_named(net_socket *socket)
{
    return socket != NULL && nf_backend_of(socket) == socket->kind;
}

int nf_failed(int code, const char *operation, net_socket *socket)
{
    return is_named(socket) ? nf_blame_at(code, operation, socket->kind->scheme, &socket->name)
                            : nf_blame(code, operation, NULL);
}

ssize_t nf_fell_short(ssize_t n, const char *operation, net_socket *socket)
{
    nf_failed(n < 0 ? (int)n : nf_cause_pending()->code, operation, socket);
    return n;
}

void nf_remember(struct nf_who *who, net_socket *socket)
{
    who->scheme = is_named(socket) ? socket->kind->scheme : NULL;
    if (who->scheme == NULL) {
        return;
    }
    who->addr = socket->name;
    if (nf_addr_is_named(&who->addr) && who->addr.size > 0) {
        who->addr.name = memcpy(who->room, who->addr.name, who->addr.size);
    }
}

int nf_failed_of(int code, const char *operation, const struct nf_who *who)
{
    return who->scheme != NULL ? nf_blame_at(code, operation, who->scheme, &who->addr)
                               : nf_blame(code, operation, NULL);
}

int nf_failed_for(int code, const char *operation, const char *address)
{
    return nf_blame(code, operation, address);
}

int net_error(void)
{
    return nf_failure()->cause->code;
}

static void say_where(struct nf_text *text, const struct nf_failure *failure)
{
    if (failure->scheme != NULL) {
        nf_text_add(text, " %s://", failure->scheme);
        nf_print_addr(text, &failure->addr);
    } else if (failure->where[0] != '\0') {
        nf_text_add(text, " %s", failure->where);
    }
}

static void say_why(struct nf_text *text, const struct nf_cause *cause)
{
    nf_text_add(text, ": %s", nf_code_text(cause->code));
    if (cause->detail[0] != '\0') {
        nf_text_add(text, " (%s)", cause->detail);
    } else if (cause->error != 0) {
        char words[128];

        nf_errno_text(cause->error, words, sizeof words);
        nf_text_add(text, " (%s)", words);
    }
}

const char *net_error_text(void)
{
    const struct nf_failure *failure = nf_failure();
    struct nf_cause *cause = failure->cause;
    char sentence[NF_DETAIL_MAX];
    struct nf_text text;

    if (cause->code == 0) {
        return nf_code_text(0);
    }
    if (!cause->whole) {
        nf_text_begin(&text, sentence, sizeof sentence);
        nf_text_add(&text, "%s", failure->operation);
        say_where(&text, failure);
        say_why(&text, cause);
        memcpy(cause->detail, sentence, sizeof sentence);
        cause->whole = true;
    }
    return cause->detail;
}

const char *net_strerror(int code)
{
    return nf_code_text(code);
}

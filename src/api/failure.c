/* The failure that a public function reports: its code, and the sentence of net_error_text. A
 * failing call records the operation and the address. The sentence is formatted only when it is
 * asked for. */
#include "api/failure.h"
#include "name/endpoint.h"

#include <string.h>

/* Where this thread's last failure happened. The reason is recorded in os/cause.h. */
struct place {
    const char *operation;
    const char *scheme; /* of the socket, which `addr` names; NULL: no socket */
    struct nf_addr addr;
    union {
        char address[NF_QUOTE_MAX];  /* without a socket: as the caller gave it */
        char name[NF_ADDR_NAME_MAX]; /* the bytes of addr.name */
    };
};

static _Thread_local struct place last;

int nf_failed_for(int code, const char *operation, const char *address)
{
    nf_cause_report(code);
    last.operation = operation;
    last.scheme = NULL;
    nf_text_quote(last.address, address);
    return code;
}

static int fail_at(int code, const char *operation, const char *scheme, const struct nf_addr *addr)
{
    nf_cause_report(code);
    last.operation = operation;
    last.scheme = scheme;
    nf_addr_copy(&last.addr, addr, last.name);
    return code;
}

/* While a socket is dialing it has another table, which may write the name: do not read it then. */
static bool is_named(net_socket *socket)
{
    return socket != NULL && nf_backend_of(socket) == socket->kind;
}

int nf_failed(int code, const char *operation, net_socket *socket)
{
    return is_named(socket) ? fail_at(code, operation, socket->kind->scheme, &socket->name)
                            : nf_failed_for(code, operation, NULL);
}

ssize_t nf_fell_short(ssize_t n, const char *operation, net_socket *socket)
{
    nf_failed(n < 0 ? (int)n : nf_cause_pending()->code, operation, socket);
    return n;
}

void nf_save_name(struct nf_saved_name *name, net_socket *socket)
{
    name->scheme = is_named(socket) ? socket->kind->scheme : NULL;
    if (name->scheme != NULL) {
        nf_addr_copy(&name->addr, &socket->name, name->storage);
    }
}

int nf_failed_of(int code, const char *operation, const struct nf_saved_name *name)
{
    return name->scheme != NULL ? fail_at(code, operation, name->scheme, &name->addr)
                                : nf_failed_for(code, operation, NULL);
}

int net_error(void)
{
    return nf_cause_last()->code;
}

static void add_place(struct nf_text *text)
{
    if (last.scheme != NULL) {
        nf_text_add(text, " %s://", last.scheme);
        nf_print_addr(text, &last.addr);
    } else if (last.address[0] != '\0') {
        nf_text_add(text, " %s", last.address);
    }
}

static void add_cause(struct nf_text *text, const struct nf_cause *cause)
{
    nf_text_add(text, ": %s", nf_code_text(cause->code));
    if (cause->detail[0] != '\0') {
        nf_text_add(text, " (%s)", cause->detail);
    } else if (cause->error != 0) {
        char error_text[128];

        nf_errno_text(cause->error, error_text, sizeof error_text);
        nf_text_add(text, " (%s)", error_text);
    }
}

/* What is quoted in a sentence may come from anywhere. It is escaped here, once for all. A sentence
 * that does not fit ends in "...". */
static void escape(struct nf_cause *cause, const char *sentence)
{
    static const char cut[] = "...";
    struct nf_text text;

    nf_text_begin(&text, cause->detail, sizeof cause->detail - strlen(cut));
    nf_text_add_escaped(&text, sentence);
    if (text.length >= text.size) {
        memcpy(cause->detail + strlen(cause->detail), cut, sizeof cut);
    }
    cause->whole = true;
    cause->escaped = true;
}

const char *net_error_text(void)
{
    struct nf_cause *cause = nf_cause_last();
    char sentence[NF_DETAIL_MAX];
    struct nf_text text;

    if (cause->code == 0) {
        return nf_code_text(0);
    }
    if (!cause->escaped) {
        nf_text_begin(&text, sentence, sizeof sentence);
        if (cause->whole) {
            nf_text_add(&text, "%s", cause->detail);
        } else {
            nf_text_add(&text, "%s", last.operation);
            add_place(&text);
            add_cause(&text, cause);
        }
        escape(cause, sentence);
    }
    return cause->detail;
}

const char *net_strerror(int code)
{
    return nf_code_text(code);
}

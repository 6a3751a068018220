/* Failures of this cipher, and OpenSSL's queue of errors. */
#define _GNU_SOURCE
#include "tls/failure.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ERRORS = 16 }; /* that a queue of OpenSSL holds */

struct nf_tls_error {
    unsigned long code;
    char *file;
    char *function;
    char *data; /* NULL: none */
    int line;
};

static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

static void save(struct nf_tls_errors *errors)
{
    const char *file;
    const char *function;
    const char *data;
    int line;
    int flags;
    unsigned long code;

    errors->saved = calloc(MOST_ERRORS, sizeof *errors->saved);
    if (errors->saved == NULL) { /* then they are lost: a failure of ours must not look like one */
        ERR_clear_error();
        return;
    }
    for (int i = 0; i < MOST_ERRORS; i++) {
        code = ERR_get_error_all(&file, &line, &function, &data, &flags);
        if (code == 0) {
            break;
        }
        errors->saved[i].code = code;
        errors->saved[i].file = copy(file);
        errors->saved[i].function = copy(function);
        errors->saved[i].data = (flags & ERR_TXT_STRING) != 0 ? copy(data) : NULL;
        errors->saved[i].line = line;
        errors->count++;
    }
}

static void put_back(struct nf_tls_errors *errors)
{
    for (int i = 0; i < errors->count; i++) {
        struct nf_tls_error *error = &errors->saved[i];

        ERR_new();
        ERR_set_debug(error->file, error->line, error->function);
        ERR_set_error(ERR_GET_LIB(error->code), ERR_GET_REASON(error->code),
                      error->data != NULL ? "%s" : NULL, error->data);
        free(error->file);
        free(error->function);
        free(error->data);
    }
    free(errors->saved);
}

void nf_tls_errors_begin(struct nf_tls_errors *errors)
{
    errors->saved = NULL;
    errors->count = 0;
    if (ERR_peek_error() != 0) {
        save(errors);
    }
}

void nf_tls_errors_end(struct nf_tls_errors *errors)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
    if (errors->saved != NULL) {
        put_back(errors);
    }
}

int nf_tls_fail(net_cipher_failure *failure, int code, const char *format, ...)
{
    va_list arguments;

    failure->code = code;
    va_start(arguments, format);
    (void)vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    return code;
}

int nf_tls_no_memory(net_cipher_failure *failure)
{
    return nf_tls_fail(failure, NET_LIMIT, "no memory");
}

const char *nf_tls_newest_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return reason != NULL ? reason : "OpenSSL does not say why";
}

/* No certificates: this build has no OpenSSL. */
#include "certificates.h"

#include <stddef.h>

bool certificates_here(void)
{
    return false;
}

const char *certificate_file(enum certificate which)
{
    (void)which;
    return NULL;
}

const char *certificate_key(enum certificate which)
{
    (void)which;
    return NULL;
}

const char *certificate_ca(void)
{
    return NULL;
}

const char *certificates_directory(void)
{
    return NULL;
}

void certificates_end(void)
{
}

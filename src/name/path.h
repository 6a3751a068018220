/* Addresses by name: the target of unix:// and mem:// addresses. Pure text. */
#ifndef NF_NAME_PATH_H
#define NF_NAME_PATH_H

#include "name/text.h"
#include "os/address.h"

#include <stddef.h>

/* Take a target apart: %XX stands for one byte (RFC 3986, 2.1). How many bytes went into `name`, or
 * NET_ADDRESS with what is wrong. */
int nf_path_parse(const char *text, size_t length, char name[NF_ADDR_NAME_MAX]);

/* Print a named address so that it parses to the same again. A NUL at the front of a unix name is
 * printed as @, unix(7)'s abstract names. */
void nf_path_print(struct nf_text *text, const struct nf_addr *addr);

#endif

/* Named addresses: the target of unix:// and mem:// addresses. Pure text: no file is touched. */
#ifndef NF_NAME_PATH_H
#define NF_NAME_PATH_H

#include "name/text.h"
#include "os/address.h"

#include <stddef.h>

/* Copy `text` with each %XX as one byte. Returns how many bytes there are, or NET_ADDRESS with what
 * is wrong: an escape, or more than `room` bytes. */
int nf_path_decode(const char *text, size_t length, char *bytes, int room);

/* Parse a target, in which %XX is one byte (RFC 3986, 2.1). Returns the number of bytes in
 * `name`, or NET_ADDRESS with what is wrong. */
int nf_path_parse(const char *text, size_t length, char name[NF_ADDR_NAME_MAX]);

/* Print a named address so that parsing it gives the same name, and all that comes out is safe
 * (name/text.h). A NUL at the front of a unix
 * name, which is the abstract kind of unix(7), is printed as @. */
void nf_path_print(struct nf_text *text, const struct nf_addr *addr);

/* Print the value of an option so that parsing it in an address gives the same. */
void nf_path_print_text(struct nf_text *text, const char *value);

#endif

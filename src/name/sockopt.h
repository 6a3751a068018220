/* The value of `sockopt`: socket options by the system's own names and numbers. */
#ifndef NF_NAME_SOCKOPT_H
#define NF_NAME_SOCKOPT_H

#include "name/text.h"
#include "os/rawopt.h"

/* 0, or NET_ADDRESS with what is wrong. */
int nf_rawopts_parse(const char *text, size_t length, struct nf_rawopts *list);

/* Print the options as numbers, so that parsing them gives the same list. */
void nf_rawopts_print(struct nf_text *text, const struct nf_rawopts *list);

#endif

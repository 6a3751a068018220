/* The conditions of a request (RFC 9110, 13): If-Match and its kin. */
#ifndef HTTPD_CONDITIONS_H
#define HTTPD_CONDITIONS_H

#include "files.h"
#include "request.h"

/* 200: answer with the file; 304: the peer has it already; or 412: it is not the file that the peer
 * believes it to be. */
int conditions_check(const struct request *request, const struct file *file);

#endif

/* The addresses of a test that leave names open, for the runner. */
#ifndef TEMPLATES_H
#define TEMPLATES_H

#include <stdbool.h>

/* Before a test and after it: no test leaves a file behind; false where it did. */
void templates_begin(void);
bool templates_end(void);

/* A child was killed: its sockets may have left their files. */
void templates_child_ended(void);

/* The address that a template stands for: a fresh one for each call, where it leaves a name open.
 */
const char *template_instance(const char *address);

#endif

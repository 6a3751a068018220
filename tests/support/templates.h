/* The addresses of templates that leave names open, for the runner. */
#ifndef TEMPLATES_H
#define TEMPLATES_H

#include <stdbool.h>

/* Call before and after each test: a test must not leave a file behind. False if it did. */
void templates_begin(void);
bool templates_end(void);

/* A child was killed: its sockets may have left their files. */
void templates_child_ended(void);

/* Whether tests are not run over this template here, for the time that it costs. */
bool template_is_spared(const char *address);

/* The address that a template stands for: a fresh one for each call if it leaves a name open. */
const char *template_instance(const char *address);

#endif

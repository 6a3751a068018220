/* Parsing an address, scheme://target?query, and the host and port of a target. Pure text: no
 * name is looked up, except by nf_host_find_zone. */
#ifndef NF_NAME_URL_H
#define NF_NAME_URL_H

#include "name/text.h"
#include "os/address.h"

#include <stdbool.h>
#include <stddef.h>

enum { NF_SCHEME_MAX = 32, NF_NAME_MAX = 256, NF_SERVICE_MAX = 32, NF_ZONE_TEXT_MAX = NF_ZONE_MAX };

/* Points into the caller's text, which must outlive it. */
struct nf_url {
    char scheme[NF_SCHEME_MAX];
    const char *target;
    size_t target_length;
    const char *query; /* what follows the `?`; empty when there is none */
    size_t query_length;
};

enum nf_host_kind { NF_HOST_WILDCARD, NF_HOST_LITERAL, NF_HOST_LOCALHOST, NF_HOST_NAME };

struct nf_host {
    enum nf_host_kind kind;
    struct nf_addr addr;          /* of a literal; the port is valid for every kind */
    char zone[NF_ZONE_TEXT_MAX];  /* of a literal, as written; empty: none */
    char name[NF_NAME_MAX];       /* of a name */
    bool has_port;                /* or a service */
    char service[NF_SERVICE_MAX]; /* instead of a port number; empty: none */
};

/* 0, or NET_ADDRESS with what is wrong. */
int nf_url_split(const char *address, struct nf_url *url);

/* `host:port`; 0, or NET_ADDRESS with what is wrong. */
int nf_host_parse(const char *text, size_t length, struct nf_host *host);

/* `host` or `host:port`, where the host is a literal: the value of `source`. */
int nf_host_parse_source(const char *text, size_t length, struct nf_host *host);

/* The index of the interface that has this name, or the number that the text is. 0, NET_ADDRESS or
 * NET_LIMIT. */
int nf_zone_find(const char *zone, uint32_t *index);

/* Look up the zone, if there is one, and store its interface index in the literal. 0, NET_ADDRESS
 * or NET_LIMIT. */
int nf_host_find_zone(struct nf_host *host);

/* Print the host so that parsing it gives the same host. */
void nf_host_print(struct nf_text *text, const struct nf_host *host);

#endif

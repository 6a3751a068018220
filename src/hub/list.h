/* Doubly linked lists. The links are members of what is listed, so no call allocates. A list of
 * zeros is empty. */
#ifndef NF_HUB_LIST_H
#define NF_HUB_LIST_H

#include <stddef.h>

struct nf_link {
    struct nf_link *next;
    struct nf_link *previous;
};

struct nf_list {
    struct nf_link *first;
    struct nf_link *last;
};

/* The object that has this link as its `member`; NULL for NULL. */
#define NF_HOLDER(link, type, member) ((type *)nf_holder_of((link), offsetof(type, member)))

static inline void *nf_holder_of(struct nf_link *link, size_t offset)
{
    return link != NULL ? (char *)link - offset : NULL;
}

/* Set the two pointers that point to a link: those of its neighbours, or those of the list. */
static inline void nf_list_point(struct nf_list *list, const struct nf_link *link,
                                 struct nf_link *from_previous, struct nf_link *from_next)
{
    *(link->previous != NULL ? &link->previous->next : &list->first) = from_previous;
    *(link->next != NULL ? &link->next->previous : &list->last) = from_next;
}

static inline void nf_list_append(struct nf_list *list, struct nf_link *link)
{
    *link = (struct nf_link){.previous = list->last};
    nf_list_point(list, link, link, link);
}

static inline void nf_list_remove(struct nf_list *list, const struct nf_link *link)
{
    nf_list_point(list, link, link->next, link->previous);
}

/* Put `other` where `link` is. */
static inline void nf_list_replace(struct nf_list *list, const struct nf_link *link,
                                   struct nf_link *other)
{
    *other = *link;
    nf_list_point(list, other, other, other);
}

#endif

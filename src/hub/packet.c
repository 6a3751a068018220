/* Letters and boxes: lists and sums. */
#include "hub/packet.h"
#include "os/batch.h"

#include <stdlib.h>
#include <string.h>

/* A bound counts payload. So that tiny datagrams cannot make what stands around them much larger
 * than what is bounded, their number has a bound too: one for so many bytes of the bound, and some
 * more. */
enum { BYTES_A_DATAGRAM = 64, DATAGRAMS_MORE = 1024 };

struct nf_letter *nf_letter_new(const void *data, size_t size, size_t segment,
                                const struct nf_addr *local)
{
    struct nf_letter *letter = malloc(sizeof *letter + size);

    if (letter != NULL) {
        *letter = (struct nf_letter){.local = *local,
                                     .data = (unsigned char *)(letter + 1),
                                     .size = size,
                                     .segment = segment};
        if (size > 0 && data != NULL) {
            memcpy(letter->data, data, size);
        }
    }
    return letter;
}

struct nf_letter *nf_letter_copy(const struct nf_letter *letter, int64_t count)
{
    size_t size = count < nf_letter_count(letter) ? (size_t)count * letter->segment : letter->size;
    struct nf_letter *copy = nf_letter_new(letter->data, size, letter->segment, &letter->local);

    if (copy != NULL) {
        copy->is_strangers = letter->is_strangers;
    }
    return copy;
}

void nf_letter_free(struct nf_letter *letter)
{
    if (letter->is_lodger) {
        letter->box = NULL;
    } else {
        free(letter);
    }
}

int64_t nf_letter_count(const struct nf_letter *letter)
{
    return letter->size <= letter->segment
               ? 1
               : (int64_t)((letter->size + letter->segment - 1) / letter->segment);
}

int64_t nf_letter_fit(const struct nf_letter *letter, const struct nf_load *load, int64_t bound)
{
    int64_t room = bound - load->bytes;
    int64_t places = bound / BYTES_A_DATAGRAM + DATAGRAMS_MORE - load->datagrams;
    int64_t fit = nf_letter_count(letter);

    if (room < (int64_t)letter->size) {
        fit = room > 0 ? room / (int64_t)letter->segment : 0;
    }
    fit = fit < places ? fit : places;
    return fit > 0 ? fit : 0;
}

void nf_letter_cut(struct nf_letter *letter, int64_t count)
{
    if (count < nf_letter_count(letter)) {
        letter->size = (size_t)count * letter->segment;
    }
}

static void weigh(struct nf_load *load, int64_t bytes, int64_t datagrams)
{
    load->bytes += bytes;
    load->datagrams += datagrams;
}

void nf_mail_weigh(struct nf_load *whole, const struct nf_letter *letter, int sign)
{
    int64_t bytes = sign * (int64_t)letter->size;
    int64_t count = sign * nf_letter_count(letter);

    weigh(&letter->box->load, bytes, count);
    weigh(whole, bytes, count);
}

void nf_mail_append(struct nf_mailbox *box, struct nf_load *whole, struct nf_letter *letter)
{
    letter->box = box;
    letter->next = NULL;
    letter->previous = box->last;
    *(box->last != NULL ? &box->last->next : &box->first) = letter;
    box->last = letter;
    nf_mail_weigh(whole, letter, 1);
}

static void unlink_letter(struct nf_letter *letter)
{
    struct nf_mailbox *box = letter->box;

    *(letter->previous != NULL ? &letter->previous->next : &box->first) = letter->next;
    *(letter->next != NULL ? &letter->next->previous : &box->last) = letter->previous;
    letter->box = NULL;
}

void nf_mail_remove(struct nf_load *whole, struct nf_letter *letter)
{
    nf_mail_weigh(whole, letter, -1);
    unlink_letter(letter);
}

void nf_mail_replace(struct nf_load *whole, struct nf_letter *letter, struct nf_letter *other)
{
    struct nf_mailbox *box = letter->box;

    nf_mail_weigh(whole, letter, -1);
    other->box = box;
    other->previous = letter->previous;
    other->next = letter->next;
    *(other->previous != NULL ? &other->previous->next : &box->first) = other;
    *(other->next != NULL ? &other->next->previous : &box->last) = other;
    letter->box = NULL;
    nf_mail_weigh(whole, other, 1);
}

size_t nf_letter_read(struct nf_letter *letter, void *buffer, size_t size)
{
    struct nf_arrival rest = {
        .data = letter->data, .size = letter->size, .segment = letter->segment};
    size_t length = nf_arrival_read(&rest, buffer, size);

    letter->data = rest.data;
    letter->size = rest.size;
    return length;
}

size_t nf_mail_read(struct nf_load *whole, struct nf_letter *letter, void *buffer, size_t size)
{
    size_t length = nf_letter_read(letter, buffer, size);

    weigh(&letter->box->load, -(int64_t)length, -1);
    weigh(whole, -(int64_t)length, -1);
    if (letter->size == 0) {
        unlink_letter(letter);
    }
    return length;
}

/* Names in addresses. A byte that a target cannot contain, or that must not be printed, is escaped
 * as %XX. */
#include "name/path.h"
#include "os/cause.h"

#include <stdbool.h>

static int take_byte(const char *text, size_t length, size_t *at)
{
    int high = *at + 2 < length ? nf_hex_value(text[*at + 1]) : -1;
    int low = high >= 0 ? nf_hex_value(text[*at + 2]) : -1;

    if (text[*at] != '%') {
        return (unsigned char)text[(*at)++];
    }
    *at += 3;
    return low >= 0 ? high << 4 | low : -1;
}

int nf_path_parse(const char *text, size_t length, char name[NF_ADDR_NAME_MAX])
{
    int size = 0;

    for (size_t at = 0; at < length;) {
        int byte = take_byte(text, length, &at);

        if (byte < 0) {
            return nf_fail_because(NET_ADDRESS, "after '%%' come two hex digits");
        }
        if (size == NF_ADDR_NAME_MAX) {
            return nf_fail_because(NET_ADDRESS, "a path or name has less than %d bytes",
                                   NF_ADDR_NAME_MAX);
        }
        name[size++] = (char)byte;
    }
    return size;
}

/* Blanks, and bytes that have a meaning in an address. */
static bool is_special(unsigned char byte)
{
    return byte == ' ' || byte == '%' || byte == '?' || byte == '#';
}

void nf_path_print(struct nf_text *text, const struct nf_addr *addr)
{
    size_t at = 0;

    while (at < addr->size) {
        const char *next = addr->name + at;
        unsigned char byte = (unsigned char)*next;
        size_t bytes = nf_text_safe(next, addr->size - at);

        if (at == 0 && byte == '\0' && addr->family == NF_UNIX) {
            nf_text_add(text, "@");
            bytes = 1;
        } else if (bytes == 0 || is_special(byte) ||
                   (at == 0 && byte == '@' && addr->family == NF_UNIX)) {
            nf_text_add(text, "%%%02X", (unsigned)byte);
            bytes = 1;
        } else {
            nf_text_add_character(text, next, bytes);
        }
        at += bytes;
    }
}

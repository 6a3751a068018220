/* Names in addresses. A byte that a target cannot contain, or that must not be printed, is escaped
 * as %XX. */
#include "name/path.h"
#include "os/cause.h"

#include <stdbool.h>
#include <string.h>

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

int nf_path_decode(const char *text, size_t length, char *bytes, int room)
{
    int size = 0;

    for (size_t at = 0; at < length;) {
        int byte = take_byte(text, length, &at);

        if (byte < 0) {
            return nf_fail_because(NET_ADDRESS, "after '%%' come two hex digits");
        }
        if (size == room) {
            return nf_fail_because(NET_ADDRESS, "a path or name has less than %d bytes", room);
        }
        bytes[size++] = (char)byte;
    }
    return size;
}

int nf_path_parse(const char *text, size_t length, char name[NF_ADDR_NAME_MAX])
{
    return nf_path_decode(text, length, name, NF_ADDR_NAME_MAX);
}

/* Blanks, and bytes that have a meaning in an address. */
static bool is_special(unsigned char byte)
{
    return byte == ' ' || byte == '%' || byte == '?' || byte == '#' || byte == '&';
}

/* Print the character that comes next, or its first byte as %XX. Returns how many bytes. */
static size_t print_next(struct nf_text *text, const char *next, size_t left, bool escapes)
{
    size_t bytes = nf_text_safe(next, left);

    if (bytes == 0 || escapes) {
        nf_text_add(text, "%%%02X", (unsigned)(unsigned char)*next);
        return 1;
    }
    nf_text_add_character(text, next, bytes);
    return bytes;
}

/* `&` has a meaning only behind the `?`. */
void nf_path_print(struct nf_text *text, const struct nf_addr *addr)
{
    size_t at = 0;

    while (at < addr->size) {
        unsigned char byte = (unsigned char)addr->name[at];
        bool is_at = at == 0 && byte == '@' && addr->family == NF_UNIX;

        if (at == 0 && byte == '\0' && addr->family == NF_UNIX) {
            nf_text_add(text, "@");
            at++;
        } else {
            at += print_next(text, addr->name + at, addr->size - at,
                             is_at || (is_special(byte) && byte != '&'));
        }
    }
}

void nf_path_print_text(struct nf_text *text, const char *value)
{
    size_t size = strlen(value);
    size_t at = 0;

    while (at < size) {
        at += print_next(text, value + at, size - at, is_special((unsigned char)value[at]));
    }
}

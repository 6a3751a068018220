/* Ends of an encrypted connection without a wire. */
#include "sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PROPERTIES = 25 };

static size_t index_of(const net_cipher *cipher, const char *name)
{
    size_t i = 0;

    while (cipher->properties[i].name != NULL && strcmp(cipher->properties[i].name, name) != 0) {
        i++;
    }
    if (cipher->properties[i].name == NULL) {
        fprintf(stderr, "sealed: no option %s\n", name);
        abort();
    }
    return i;
}

net_cipher_settings *sealed_settings(const net_cipher *cipher, const net_cipher_settings *old,
                                     int side, const char *options, net_cipher_failure *failure)
{
    const char *values[MOST_PROPERTIES] = {NULL};
    char *text = strdup(options);
    char *rest = text;
    net_cipher_settings *settings;

    for (size_t i = 0; old == NULL && cipher->properties[i].name != NULL; i++) {
        values[i] = cipher->properties[i].standard;
    }
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');

        *value = '\0';
        values[index_of(cipher, word)] = value + 1;
    }
    settings = cipher->configure(old, values, side, failure);
    free(text);
    return settings;
}

bool sealed_open(struct sealed *end, const net_cipher *cipher, int side, const char *options,
                 const char *host, const char *port)
{
    memset(end, 0, sizeof *end);
    end->cipher = cipher;
    end->greeted = NET_CIPHER_HUNGRY;
    end->settings = sealed_settings(cipher, NULL, side, options, &end->failure);
    if (end->settings == NULL) {
        return false;
    }
    end->session = cipher->open(end->settings, side, host, port, &end->failure);
    return end->session != NULL;
}

void sealed_close(struct sealed *end)
{
    if (end->session != NULL) {
        end->cipher->close(end->session);
    }
    if (end->settings != NULL) {
        end->cipher->release(end->settings);
    }
    free(end->inbox);
    memset(end, 0, sizeof *end);
}

/* The lent bytes are a copy of their own, so that valgrind sees a session that keeps the pointer.
 */
static unsigned char *lend(struct sealed *end, size_t bytes)
{
    unsigned char *loan = malloc(bytes + 1);

    if (bytes > 0) {
        memcpy(loan, end->inbox, bytes);
    }
    end->cipher->feed(end->session, loan, bytes);
    return loan;
}

static void take_back(struct sealed *end, unsigned char *loan, size_t bytes)
{
    size_t left = end->cipher->feed(end->session, NULL, 0);
    size_t read = bytes - left;

    free(loan);
    end->inbox_size -= read;
    if (end->inbox_size > 0) {
        memmove(end->inbox, end->inbox + read, end->inbox_size);
    }
}

int sealed_greet(struct sealed *end, size_t bytes)
{
    size_t lent = bytes < end->inbox_size ? bytes : end->inbox_size;
    unsigned char *loan = lend(end, lent);

    end->greeted = end->cipher->greet(end->session, &end->failure);
    take_back(end, loan, lent);
    return end->greeted;
}

ssize_t sealed_encrypt(struct sealed *end, const void *data, size_t size)
{
    return end->cipher->encrypt(end->session, data, size, &end->failure);
}

ssize_t sealed_decrypt(struct sealed *end, void *buffer, size_t size)
{
    size_t lent = end->inbox_size;
    unsigned char *loan = lend(end, lent);
    ssize_t got = end->cipher->decrypt(end->session, buffer, size, &end->failure);

    take_back(end, loan, lent);
    return got;
}

ssize_t sealed_peek(struct sealed *end, void *buffer, size_t size)
{
    size_t lent = end->inbox_size;
    unsigned char *loan = lend(end, lent);
    ssize_t got = end->cipher->peek(end->session, buffer, size, &end->failure);

    take_back(end, loan, lent);
    return got;
}

void sealed_give(struct sealed *end, const void *bytes, size_t size)
{
    size_t wanted = end->inbox_size + size;

    if (wanted > end->inbox_capacity) {
        end->inbox_capacity = 2 * wanted;
        end->inbox = realloc(end->inbox, end->inbox_capacity);
    }
    if (size > 0) {
        memcpy(end->inbox + end->inbox_size, bytes, size);
    }
    end->inbox_size = wanted;
}

size_t sealed_take(struct sealed *end, void *buffer, size_t size)
{
    return end->cipher->yield(end->session, buffer, size);
}

size_t sealed_carry(struct sealed *from, struct sealed *to, size_t step)
{
    unsigned char buffer[4096];
    size_t total = 0;
    size_t got;

    step = step < sizeof buffer ? step : sizeof buffer;
    while ((got = sealed_take(from, buffer, step)) > 0) {
        sealed_give(to, buffer, got);
        total += got;
    }
    return total;
}

/* Greet until nothing more can be done with what has arrived. */
static void go_on(struct sealed *end, size_t step)
{
    size_t before;

    do {
        before = end->inbox_size;
        if (end->greeted == NET_CIPHER_HUNGRY) {
            sealed_greet(end, step);
        }
    } while (end->greeted == NET_CIPHER_HUNGRY && end->inbox_size > 0 && end->inbox_size < before);
}

bool sealed_shake(struct sealed *client, struct sealed *server, size_t step)
{
    size_t moved;

    do {
        go_on(client, step);
        moved = sealed_carry(client, server, step);
        go_on(server, step);
        moved += sealed_carry(server, client, step);
    } while (moved > 0 &&
             (client->greeted == NET_CIPHER_HUNGRY || server->greeted == NET_CIPHER_HUNGRY));
    return client->greeted == 0 && server->greeted == 0;
}

bool sealed_say(struct sealed *from, struct sealed *to, const void *data, size_t size)
{
    unsigned char *arrived = malloc(size);
    size_t sent = 0;
    size_t got = 0;
    bool same;

    while (sent < size) {
        ssize_t taken = sealed_encrypt(from, (const char *)data + sent, size - sent);

        if (taken < 1) {
            break;
        }
        sent += (size_t)taken;
        sealed_carry(from, to, SIZE_MAX);
        while (got < size) {
            ssize_t more = sealed_decrypt(to, arrived + got, size - got);

            if (more < 1) {
                break;
            }
            got += (size_t)more;
        }
    }
    same = got == size && memcmp(arrived, data, size) == 0;
    free(arrived);
    return same;
}

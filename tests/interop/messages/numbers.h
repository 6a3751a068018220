/* Messages that count: the first is "1", the next is "2". */
#ifndef MESSAGES_NUMBERS_H
#define MESSAGES_NUMBERS_H

#include <netfacade.h>

#include <stdio.h>
#include <string.h>

enum { BATCH = 64, NUMBER_SIZE = 16, PATIENCE_MS = 60000 };

/* A batch of messages, each with room for a number. */
static inline void make_batch(net_message messages[BATCH], char text[BATCH][NUMBER_SIZE])
{
    memset(messages, 0, BATCH * sizeof *messages);
    for (int i = 0; i < BATCH; i++) {
        messages[i].data = text[i];
        messages[i].capacity = NUMBER_SIZE;
    }
}

/* How many of `count` messages are the numbers after `before`. */
static inline long count_right(const net_message *messages, int count, long before)
{
    char number[NUMBER_SIZE];
    long right = 0;

    for (int i = 0; i < count; i++) {
        size_t size = (size_t)snprintf(number, sizeof number, "%ld", before + 1 + i);
        right += messages[i].size == size && memcmp(messages[i].data, number, size) == 0 ? 1 : 0;
    }
    return right;
}

#endif

/* The input of a fuzz target, byte by byte: what happens next. */
#ifndef INPUT_H
#define INPUT_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_left;

/* 0 when all is used up. */
static unsigned next_byte(void)
{
    if (input_left == 0) {
        return 0;
    }
    input_left--;
    return *input++;
}

#endif

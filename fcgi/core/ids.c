#include "core/ids.h"

#include <pthread.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

enum { RANDOM_BYTES = 8 };

static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t last_stamp; // milliseconds << 12 | counter: RFC 9562, section 6.2, method 1

static uint64_t next_stamp(void)
{
    uint64_t now = (uint64_t)(clock_wall_us() / 1000) << 12;
    pthread_mutex_lock(&last_lock);
    last_stamp = now > last_stamp ? now : last_stamp + 1;
    uint64_t stamp = last_stamp;
    pthread_mutex_unlock(&last_lock);
    return stamp;
}

// The system is asked for random bytes once for many ids.
static void put_random(uint8_t bytes[RANDOM_BYTES])
{
    static _Thread_local uint8_t stock[64 * RANDOM_BYTES];
    static _Thread_local size_t left;
    if (left == 0) {
        randombytes_buf(stock, sizeof stock);
        left = sizeof stock;
    }
    left -= RANDOM_BYTES;
    memcpy(bytes, stock + left, RANDOM_BYTES);
}

void id_from_bytes(const uint8_t bytes[ID_BYTES], char out[ID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < ID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 15];
    }
    *p = '\0';
}

static void put_time(uint8_t bytes[ID_BYTES], uint64_t ms)
{
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
}

void id_bound(int64_t ms, char out[ID_TEXT])
{
    uint8_t bytes[ID_BYTES] = {0};
    put_time(bytes, ms < 0 ? 0 : (uint64_t)ms);
    id_from_bytes(bytes, out);
}

void id_new(char out[ID_TEXT])
{
    uint8_t bytes[ID_BYTES];
    uint64_t stamp = next_stamp();
    put_time(bytes, stamp >> 12);
    bytes[6] = (uint8_t)(0x70 | ((stamp >> 8) & 0x0f));
    bytes[7] = (uint8_t)stamp;
    put_random(bytes + 8);
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    id_from_bytes(bytes, out);
}

// Of a lower-case hexadecimal digit one more than its value; 0 for anything else.
static const uint8_t digits[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

// Over 15 for what is no digit.
static unsigned digit(char c)
{
    return digits[(unsigned char)c] - 1U;
}

bool id_to_bytes(const char *text, uint8_t out[ID_BYTES])
{
    static const uint8_t at[ID_BYTES] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    if (strlen(text) != ID_TEXT - 1 || text[8] != '-' || text[13] != '-' || text[18] != '-' ||
        text[23] != '-')
        return false;
    unsigned wrong = 0;
    for (int i = 0; i < ID_BYTES; i++) {
        unsigned high = digit(text[at[i]]), low = digit(text[at[i] + 1]);
        wrong |= high | low;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return wrong < 16;
}

bool id_valid(const char *text)
{
    uint8_t bytes[ID_BYTES];
    return id_to_bytes(text, bytes);
}

int64_t id_time_ms(const uint8_t bytes[ID_BYTES])
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | bytes[i];
    return ms;
}

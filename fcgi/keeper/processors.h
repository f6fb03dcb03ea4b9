// Whether the machine's processors are all at work, so that more cells at once would only share them.
#ifndef CLOCHE_KEEPER_PROCESSORS_H
#define CLOCHE_KEEPER_PROCESSORS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t count;
    bool busy;        // in the time between the last two looks; false while that is not known
    int64_t since_ns; // when the last of them was, 0 before the first
    int64_t idle_ms;  // of all processors together, up to then
} processors_t;

// Looks, if the last look was long enough ago. A first one, or one after a long time, says nothing of now.
void processors_look(processors_t *p, int64_t now_ns);
// What a look does with what it saw.
void processors_note(processors_t *p, int64_t now_ns, int64_t idle_ms);

#endif

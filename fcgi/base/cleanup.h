// Cleanup attributes: a local that owns something says so, and every exit path is short.
//
//     cleanup_close int fd = -1;
//     cleanup_buf buf_t out = BUF_INIT(4096);
//
// Each local must be initialised to its empty value. To hand the thing on, take it: fd_take, ptr_take.
#ifndef CLOCHE_BASE_CLEANUP_H
#define CLOCHE_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

static inline void cleanup_free_fn(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_close_fn(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_fclose_fn(FILE **f)
{
    if (*f)
        fclose(*f);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_fn)))
#define cleanup_close __attribute__((cleanup(cleanup_close_fn)))
#define cleanup_fclose __attribute__((cleanup(cleanup_fclose_fn)))
#define cleanup_buf __attribute__((cleanup(buf_free)))

// Closes *fd if it is open, and marks it closed.
static inline void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

// Moves the descriptor out of *fd.
static inline int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#endif

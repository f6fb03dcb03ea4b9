#include "core/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

// Most conversations fit into the first step; only what fills it is read in large ones.
enum { FIRST_STEP = 4 * 1024, READ_STEP = 64 * 1024, READER_MAX = 1024 * 1024 };

void frame_reader_init(frame_reader_t *r)
{
    *r = (frame_reader_t){.in = BUF_INIT(READER_MAX), .step = FIRST_STEP};
}

void frame_reader_free(frame_reader_t *r)
{
    buf_free(&r->in);
    r->taken = 0;
}

int frame_read(frame_reader_t *r, int fd, err_t *err)
{
    // Once per read and not per frame: a flood of tiny frames would have us move the rest for each.
    buf_drop(&r->in, r->taken);
    r->taken = 0;
    char *room = buf_room(&r->in, r->step);
    if (!room)
        return err_set(err, ERR_PROTOCOL, "frames come faster than they are taken");
    ssize_t n = recv(fd, room, r->step, MSG_DONTWAIT);
    if (n > 0) {
        buf_grew(&r->in, (size_t)n);
        if ((size_t)n == r->step)
            r->step = READ_STEP;
        return 1;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    return err_set(err, ERR_CLOSED, "the cell closed its control socket");
}

// The largest payload we accept for a type; -1 for what a runner must not send.
static int64_t accepted(unsigned char type)
{
    switch (type) {
#define X(name, number, direction, max) \
    case number:                        \
        return direction == '<' ? (int64_t)(max) : -1;
        FRAME_TYPES(X)
#undef X
    default:
        return -1;
    }
}

int frame_next(frame_reader_t *r, frame_t *frame, err_t *err)
{
    size_t left = r->in.len - r->taken;
    if (left < FRAME_HEADER)
        return 0;
    const unsigned char *p = (const unsigned char *)r->in.data + r->taken;
    uint32_t len = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    int64_t max = accepted(p[4]);
    if (max < 0)
        return err_set(err, ERR_PROTOCOL, "unexpected frame type 0x%02x", p[4]);
    if (len > max)
        return err_set(err, ERR_PROTOCOL, "frame 0x%02x of %u bytes, at most %lld are allowed",
                       p[4], len, (long long)max);
    if (left - FRAME_HEADER < len)
        return 0;
    *frame = (frame_t){
        .type = (frame_type_t)p[4], .payload = r->in.data + r->taken + FRAME_HEADER, .len = len};
    r->taken += FRAME_HEADER + len;
    return 1;
}

int frame_put_header(buf_t *out, frame_type_t type, size_t len)
{
    unsigned char header[FRAME_HEADER] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
                                          (unsigned char)(len >> 8), (unsigned char)len,
                                          (unsigned char)type};
    return buf_add(out, header, sizeof header);
}

int frame_put(buf_t *out, frame_type_t type, const void *payload, size_t len)
{
    frame_put_header(out, type, len);
    return buf_add(out, payload, len);
}

int frame_put_invoke(buf_t *out, const char *head, size_t head_len, const void *body,
                     size_t body_len)
{
    unsigned char prefix[4] = {(unsigned char)(head_len >> 24), (unsigned char)(head_len >> 16),
                               (unsigned char)(head_len >> 8), (unsigned char)head_len};
    frame_put_header(out, FRAME_INVOKE, sizeof prefix + head_len + body_len);
    buf_add(out, prefix, sizeof prefix);
    buf_add(out, head, head_len);
    return buf_add(out, body, body_len);
}

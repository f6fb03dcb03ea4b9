// The least a FastCGI program can do: constant THREADS answers every request with the same greeting. What
// the path through nginx costs by itself; everything a platform adds is measured against it.
#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>

enum { THREADS_MAX = 1024 };

static void *answer(void *unused)
{
    FCGX_Request request;
    (void)unused;
    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutS("Content-Type: text/plain; charset=utf-8\r\n\r\nHello, World!", request.out);
        FCGX_Finish_r(&request);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (threads < 1 || threads > THREADS_MAX || FCGX_Init() != 0)
        return 2;
    for (long i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, answer, NULL) != 0)
            return 1;
    }
    answer(NULL);
    return 1;
}

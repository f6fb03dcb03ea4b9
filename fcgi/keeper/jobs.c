#include "keeper/jobs.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { STACK_BYTES = 256 * 1024 };

typedef struct {
    job_t *first, **end;
} list_t;

struct jobs {
    loop_t *loop;
    watch_t watch; // of an eventfd that tells of finished jobs
    pthread_mutex_t lock;
    pthread_cond_t wake;
    list_t launches, removals, finished;
    bool closing;
    unsigned each, count; // threads wanted of each kind, threads there are
    pthread_t threads[];
};

static void put(list_t *list, job_t *job)
{
    if (!list->first)
        list->end = &list->first;
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static job_t *take(list_t *list)
{
    job_t *job = list->first;
    if (job)
        list->first = job->next;
    return job;
}

static void finish(jobs_t *jobs, job_t *job)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&jobs->lock);
    put(&jobs->finished, job);
    pthread_mutex_unlock(&jobs->lock);
    ssize_t n = write(jobs->watch.fd, &one, sizeof one);
    (void)n; // fails only when the counter is full, and then the loop is awake
}

static void work(jobs_t *jobs, list_t *list)
{
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->closing) {
        job_t *job = take(list);
        if (!job) {
            pthread_cond_wait(&jobs->wake, &jobs->lock);
            continue;
        }
        pthread_mutex_unlock(&jobs->lock);
        job->run(job);
        finish(jobs, job);
        pthread_mutex_lock(&jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
}

static void *launcher(void *context)
{
    jobs_t *jobs = context;
    work(jobs, &jobs->launches);
    return NULL;
}

static void *remover(void *context)
{
    jobs_t *jobs = context;
    work(jobs, &jobs->removals);
    return NULL;
}

static void on_finished(watch_t *w, uint32_t events)
{
    jobs_t *jobs = w->owner;
    uint64_t times;
    (void)events;
    ssize_t n = read(w->fd, &times, sizeof times);
    (void)n;
    pthread_mutex_lock(&jobs->lock);
    job_t *list = jobs->finished.first;
    jobs->finished.first = NULL;
    pthread_mutex_unlock(&jobs->lock);
    while (list) {
        job_t *job = list;
        list = job->next;
        job->done(job);
    }
}

static int start_threads(jobs_t *jobs, err_t *err)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int failed = 0;
    for (; !failed && jobs->count < 2 * jobs->each; jobs->count += !failed)
        failed = pthread_create(&jobs->threads[jobs->count], &attr,
                                jobs->count < jobs->each ? launcher : remover, jobs);
    pthread_attr_destroy(&attr);
    return failed ? err_set(err, ERR_INTERNAL, "cannot start the launch threads") : 0;
}

int jobs_open(loop_t *loop, unsigned each, jobs_t **out, err_t *err)
{
    jobs_t *jobs = calloc(1, sizeof *jobs + 2 * (size_t)each * sizeof jobs->threads[0]);
    if (!jobs)
        return err_set(err, ERR_INTERNAL, "out of memory");
    jobs->loop = loop;
    jobs->each = each;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->wake, NULL);
    jobs->watch = (watch_t){.fn = on_finished, .owner = jobs};
    jobs->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (jobs->watch.fd < 0)
        err_errno(err, "eventfd");
    if (jobs->watch.fd < 0 || loop_watch(loop, &jobs->watch, EPOLLIN, err) < 0 ||
        start_threads(jobs, err) < 0) {
        jobs_close(jobs);
        return -1;
    }
    *out = jobs;
    return 0;
}

static void add(jobs_t *jobs, list_t *list, job_t *job)
{
    job->result = 0;
    job->err = (err_t){0};
    pthread_mutex_lock(&jobs->lock);
    put(list, job);
    // All, because not every thread takes every job.
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
}

void jobs_launch(jobs_t *jobs, job_t *job)
{
    add(jobs, &jobs->launches, job);
}

void jobs_remove(jobs_t *jobs, job_t *job)
{
    add(jobs, &jobs->removals, job);
}

void jobs_close(jobs_t *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->closing = true;
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
    for (unsigned i = 0; i < jobs->count; i++)
        pthread_join(jobs->threads[i], NULL);
    loop_unwatch(jobs->loop, &jobs->watch);
    fd_close(&jobs->watch.fd);
    pthread_cond_destroy(&jobs->wake);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

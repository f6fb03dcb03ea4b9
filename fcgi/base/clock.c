#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_mono_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int clock_left_ms(int64_t deadline_ns)
{
    int64_t left = deadline_ns - clock_mono_ns();
    if (left <= 0)
        return 0;
    int64_t ms = (left + 999999) / 1000000;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

int64_t clock_wall_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void clock_format(int64_t wall_us, char out[CLOCK_TEXT])
{
    int us = (int)(wall_us % 1000000);
    time_t sec = (time_t)(wall_us / 1000000);
    if (us < 0) { // before 1970
        us += 1000000;
        sec--;
    }
    struct tm tm;
    gmtime_r(&sec, &tm);
    char day[CLOCK_TEXT - 6];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, CLOCK_TEXT, "%s.%03dZ", day, us / 1000);
}

// Reads exactly `n` digits at *p and moves on; -1 if they are not there.
static int digits(const char **p, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        char c = (*p)[i];
        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    *p += n;
    return value;
}

static int literal(const char **p, char c)
{
    if (**p != c)
        return -1;
    (*p)++;
    return 0;
}

static int parse_offset(const char **p, int *seconds)
{
    *seconds = 0;
    if (literal(p, 'Z') == 0 || literal(p, 'z') == 0)
        return 0;
    int sign = **p == '-' ? -1 : 1;
    if (**p != '+' && **p != '-')
        return -1;
    (*p)++;
    int hours = digits(p, 2);
    if (hours < 0 || hours > 23 || literal(p, ':') < 0)
        return -1;
    int minutes = digits(p, 2);
    if (minutes < 0 || minutes > 59)
        return -1;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return 0;
}

static int parse_fraction(const char **p)
{
    int us = 0, scale = 100000;
    if (literal(p, '.') < 0)
        return 0;
    if (**p < '0' || **p > '9')
        return -1;
    for (; **p >= '0' && **p <= '9' && scale > 0; (*p)++, scale /= 10)
        us += (**p - '0') * scale;
    return us;
}

int clock_parse(const char *text, int64_t *wall_us, err_t *err)
{
    const char *p = text;
    struct tm tm = {0};
    int offset = 0, us = -1;
    int year = digits(&p, 4);
    int ok = year >= 1970 && literal(&p, '-') == 0 && (tm.tm_mon = digits(&p, 2) - 1) >= 0 &&
             literal(&p, '-') == 0 && (tm.tm_mday = digits(&p, 2)) >= 1 &&
             (literal(&p, 'T') == 0 || literal(&p, 't') == 0) &&
             (tm.tm_hour = digits(&p, 2)) >= 0 && literal(&p, ':') == 0 &&
             (tm.tm_min = digits(&p, 2)) >= 0 && literal(&p, ':') == 0 &&
             (tm.tm_sec = digits(&p, 2)) >= 0 && (us = parse_fraction(&p)) >= 0 &&
             parse_offset(&p, &offset) == 0 && *p == '\0';
    if (!ok || tm.tm_mon > 11 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60)
        return err_set(err, ERR_INVALID, "not an RFC 3339 time");
    tm.tm_year = year - 1900;
    int day = tm.tm_mday, second = tm.tm_sec;
    tm.tm_sec = 0; // a leap second must not look like another day
    time_t minute = timegm(&tm);
    if (tm.tm_mday != day)
        return err_set(err, ERR_INVALID, "no such day");
    *wall_us = ((int64_t)minute + second - offset) * 1000000 + us;
    return 0;
}

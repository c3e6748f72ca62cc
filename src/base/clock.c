/* Clocks, UTC as text, the request to stop, and the version. */
#include "contimg/base.h"
#include "ci_version.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

double ci_clock_unix_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ci_clock_monotonic_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ci_clock_read_unix_s(const ci_clock *clock)
{
    return clock && clock->is_set ? clock->unix_s : ci_clock_unix_s();
}

double ci_clock_read_monotonic_s(const ci_clock *clock)
{
    return clock && clock->is_set ? clock->monotonic_s : ci_clock_monotonic_s();
}

void ci_clock_wait(ci_clock *clock, double seconds)
{
    if (clock && clock->is_set) {
        clock->unix_s += seconds;
        clock->monotonic_s += seconds;
        return;
    }
    double whole = floor(seconds);
    struct timespec pause = {(time_t)whole, (long)(1e9 * (seconds - whole))};
    nanosleep(&pause, NULL); /* a signal ends it early, so that a stop is seen */
}

void ci_time_iso(char out[32], double time_mjd_s, int n_digit, bool with_z)
{
    if (n_digit > 6) n_digit = 6;
    double scale = pow(10.0, n_digit);
    /* Times come from Julian dates, whose unit in the last place is 40 us: 5.0 stored as
     * 4.99996 is still 5. Asked for finer digits, the slack is a twentieth of the last one. */
    double slack = 0.05 / scale < 5e-5 ? 0.05 / scale : 5e-5;
    double unix_s = ci_time_unix_from_mjd_s(time_mjd_s) + slack;
    double whole = floor(unix_s);
    double fraction = floor((unix_s - whole) * scale);
    time_t seconds = (time_t)whole;
    struct tm parts;
    if (!isfinite(time_mjd_s) || !gmtime_r(&seconds, &parts)) {
        strcpy(out, "unknown");
        return;
    }
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    if (n_digit > 0) n += (size_t)snprintf(out + n, 32 - n, ".%0*.0f", n_digit, fraction);
    if (with_z && n < 31) strcpy(out + n, "Z");
}

ci_status ci_time_parse_iso(const char *text, double *time_mjd_s)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest) rest = strptime(text, "%Y-%m-%d %H:%M:%S", &parts);
    if (!rest) return ci_error(CI_ERR_USAGE, "time '%s': use YYYY-MM-DDTHH:MM:SS (UTC)", text);
    double fraction = 0;
    if (*rest == '.') {
        double digit = 0.1;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, digit *= 0.1)
            fraction += digit * (*rest - '0');
    }
    if (strcmp(rest, "") != 0 && strcmp(rest, "Z") != 0)
        return ci_error(CI_ERR_USAGE, "time '%s': '%s' after the time: use YYYY-MM-DDTHH:MM:SS[Z]",
                        text, rest);
    /* strptime takes a 31 February, which timegm makes the 3 March of. */
    struct tm date = {.tm_year = parts.tm_year, .tm_mon = parts.tm_mon, .tm_mday = parts.tm_mday};
    timegm(&date);
    if (date.tm_mday != parts.tm_mday)
        return ci_error(CI_ERR_USAGE, "time '%s': there is no such day", text);
    *time_mjd_s = ci_time_mjd_s_from_unix((double)timegm(&parts) + fraction);
    return CI_OK;
}

static volatile sig_atomic_t stop_asked;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

void ci_stop_install(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

bool ci_stop_asked(void)
{
    return stop_asked != 0;
}

const char *ci_version(void)
{
    return CI_VERSION_TEXT;
}

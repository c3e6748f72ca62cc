/* Nested timers: scopes in the order of their first call, so that parents come first. */
#include "contimg/base.h"

#include <string.h>

enum
{
    MAX_SCOPE = 256, /* what comes after is counted in its parent */
    MAX_DEPTH = 32
};

struct ci_timer
{
    size_t n_scope, depth;
    int32_t open[MAX_DEPTH]; /* scopes that are open, outermost first */
    double begun_s[MAX_DEPTH];
    ci_timer_scope scope[MAX_SCOPE];
};

ci_status ci_timer_new(ci_timer **out)
{
    return ci_mem_alloc(out, 1, sizeof **out, "timer");
}

void ci_timer_free(ci_timer *timer)
{
    ci_mem_free(timer);
}

/* Index of the scope, made where it is new; -1 where there is no space for it. */
static int32_t scope_find(ci_timer *timer, int32_t i_parent, const char *name)
{
    size_t first = i_parent < 0 ? 0 : (size_t)i_parent + 1;
    for (size_t i = first; i < timer->n_scope; i++)
        if (timer->scope[i].i_parent == i_parent && strcmp(timer->scope[i].name, name) == 0)
            return (int32_t)i;
    if (timer->n_scope == MAX_SCOPE) return -1;
    ci_timer_scope *scope = &timer->scope[timer->n_scope];
    *scope = (ci_timer_scope){.i_parent = i_parent, .n_timer = 1};
    snprintf(scope->name, sizeof scope->name, "%s", name);
    return (int32_t)timer->n_scope++;
}

size_t ci_timer_begin(ci_timer *timer, const char *name)
{
    if (!timer) return 0;
    size_t mark = timer->depth;
    if (mark == MAX_DEPTH) return mark;
    int32_t i = scope_find(timer, mark > 0 ? timer->open[mark - 1] : -1, name);
    if (i < 0) return mark;
    timer->open[mark] = i;
    timer->begun_s[mark] = ci_clock_monotonic_s();
    timer->depth++;
    return mark;
}

void ci_timer_end(ci_timer *timer, size_t mark)
{
    if (!timer || timer->depth <= mark) return;
    double now_s = ci_clock_monotonic_s();
    while (timer->depth > mark) {
        timer->depth--;
        ci_timer_scope *scope = &timer->scope[timer->open[timer->depth]];
        scope->n_call++;
        scope->seconds += now_s - timer->begun_s[timer->depth];
        scope->max_seconds = scope->seconds;
    }
}

const ci_timer_scope *ci_timer_scopes(const ci_timer *timer, size_t *n_scope)
{
    *n_scope = timer->n_scope;
    return timer->scope;
}

void ci_timer_add(ci_timer *timer, const ci_timer_scope *scopes, size_t n_scope)
{
    int32_t to[MAX_SCOPE] = {0};
    for (size_t i = 0; i < n_scope && i < MAX_SCOPE; i++) {
        const ci_timer_scope *from = &scopes[i];
        size_t before = timer->n_scope;
        int32_t parent = from->i_parent < 0 ? -1 : to[from->i_parent];
        /* What has no space, and what is in it, is part of its parent's time already. */
        to[i] = from->i_parent >= 0 && parent < 0 ? -1 : scope_find(timer, parent, from->name);
        if (to[i] < 0) continue;
        ci_timer_scope *sum = &timer->scope[to[i]];
        sum->n_timer = timer->n_scope > before ? from->n_timer : sum->n_timer + from->n_timer;
        sum->n_call += from->n_call;
        sum->seconds += from->seconds;
        if (from->max_seconds > sum->max_seconds) sum->max_seconds = from->max_seconds;
    }
}

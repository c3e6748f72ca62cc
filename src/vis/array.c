/* The array of a data set: copy, names, and which antenna is which. */
#include "contimg/vis.h"

#include <string.h>

void ci_vis_array_texts_set(ci_vis_array *array, char *texts, size_t n_byte)
{
    const char *at = texts;
    array->texts = texts;
    array->n_text_byte = n_byte;
    array->telescope = at;
    at += strlen(at) + 1;
    array->instrument = at;
    for (size_t i = 0; i < array->n_antenna; i++) {
        at += strlen(at) + 1;
        array->antenna[i].name = at;
    }
}

static char *text_put(char *to, const char *text)
{
    size_t n = strlen(ci_vis_text(text)) + 1;
    memcpy(to, ci_vis_text(text), n);
    return to + n;
}

ci_status ci_vis_array_copy(ci_vis_array *out, const ci_vis_array *array)
{
    size_t n = array->antenna != NULL ? array->n_antenna : 0;
    size_t n_byte = strlen(ci_vis_text(array->telescope)) + strlen(ci_vis_text(array->instrument));
    ci_vis_antenna *antenna = NULL;
    char *texts = NULL;
    for (size_t i = 0; i < n; i++)
        n_byte += strlen(ci_vis_text(array->antenna[i].name));
    n_byte += array->n_antenna + 2;
    CI_TRY(ci_mem_alloc(&antenna, array->n_antenna, sizeof *antenna, "antennas"));
    ci_status status = ci_mem_alloc(&texts, n_byte, 1, "names of antennas");
    if (status != CI_OK) {
        ci_mem_free(antenna);
        return status;
    }
    if (n > 0) memcpy(antenna, array->antenna, n * sizeof *antenna);
    char *at = text_put(text_put(texts, array->telescope), array->instrument);
    for (size_t i = 0; i < n; i++)
        at = text_put(at, antenna[i].name);
    *out = *array;
    out->antenna = antenna;
    ci_vis_array_texts_set(out, texts, n_byte);
    return CI_OK;
}

void ci_vis_array_clear(ci_vis_array *array)
{
    ci_mem_free(array->antenna);
    ci_mem_free(array->texts);
    memset(array, 0, sizeof *array);
}

int32_t ci_vis_antenna_named(const ci_vis_array *array, const char *name)
{
    int32_t found = -1;
    for (size_t i = 0; name[0] != '\0' && i < array->n_antenna; i++) {
        if (strcmp(ci_vis_text(array->antenna[i].name), name) != 0) continue;
        if (found >= 0) return -1;
        found = (int32_t)i;
    }
    return found;
}

static bool is_named(const ci_vis_array *array, const char *name)
{
    for (size_t i = 0; i < array->n_antenna; i++)
        if (strcmp(ci_vis_text(array->antenna[i].name), name) == 0) return true;
    return false;
}

int32_t ci_vis_antenna_match(const ci_vis_array *array, const ci_vis_array *other, size_t wanted)
{
    const ci_vis_antenna *antenna = &other->antenna[wanted];
    const char *name = ci_vis_text(antenna->name);
    int32_t numbered = -1;
    for (size_t i = 0; i < array->n_antenna && numbered < 0; i++)
        if (array->antenna[i].number == antenna->number) numbered = (int32_t)i;
    const char *rival = numbered >= 0 ? ci_vis_text(array->antenna[numbered].name) : "";
    if (numbered >= 0 && strcmp(rival, name) == 0) return numbered;
    bool is_alone = ci_vis_antenna_named(other, name) >= 0;
    if (is_alone && is_named(array, name)) return ci_vis_antenna_named(array, name);
    /* One that is called otherwise, by a name of its own, is another antenna. */
    bool rival_is_alone = ci_vis_antenna_named(array, rival) >= 0;
    return is_alone && rival_is_alone ? -1 : numbered;
}

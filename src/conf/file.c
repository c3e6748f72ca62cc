/* The configuration file (KEY=VALUE as systemd reads it, or INI) and the environment. */
#include "conf/table.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
    char *name, *value;
    int line;
} pair;

typedef struct
{
    FILE *stream;
    const char *path;
    int line;
    char *whole; /* that line; of getline */
    size_t capacity;
    pair *pairs;
    size_t n_pair;
    ci_status status;
} file_state;

/* A name that belongs to others: capitals, and not ours. */
static bool is_foreign(const char *name, size_t n)
{
    if (n == 0 || strncmp(name, "CONTIMG_", 8) == 0) return false;
    for (size_t i = 0; i < n; i++)
        if (islower((unsigned char)name[i])) return false;
    return true;
}

/* One line for the parser: no blanks in front, which it would take for a continuation of the
 * value before, and none that is cut at the parser's line length. */
static char *read_line(char *text, int n, void *context)
{
    file_state *state = context;
    if (getline(&state->whole, &state->capacity, state->stream) < 0) return NULL;
    state->line++;
    const char *start = state->whole + strspn(state->whole, " \t");
    size_t n_name = strcspn(start, " =\n");
    bool is_comment = *start == '#' || *start == ';';
    if (strlen(start) < (size_t)n)
        snprintf(text, (size_t)n, "%s", start);
    else {
        if (!is_comment && !is_foreign(start, n_name) && state->status == CI_OK)
            state->status = ci_error(CI_ERR_USAGE, "%s:%d: %.*s: longer than %d characters",
                                     state->path, state->line, (int)n_name, start, n - 2);
        snprintf(text, (size_t)n, "#\n");
    }
    return text;
}

/* All that stands behind the = of the line, without blanks around it, and its length: the parser
 * takes what follows " ;" for a comment, systemd does not. */
static const char *whole_value(const file_state *state, size_t *n)
{
    static const char blanks[] = " \t\r\n\v\f";
    const char *start = state->whole + strcspn(state->whole, "=:");
    if (*start) start++;
    start += strspn(start, blanks);
    *n = strlen(start);
    while (*n > 0 && strchr(blanks, start[*n - 1]))
        --*n;
    return start;
}

/* "export NAME" -> NAME; quotes around the whole value are removed, as a shell or systemd would. */
static int on_pair(void *context, const char *section, const char *name, const char *cut)
{
    (void)section, (void)cut;
    file_state *state = context;
    size_t n = 0;
    const char *value = whole_value(state, &n);
    if (strncmp(name, "export ", 7) == 0) name += 7;
    state->status = ci_mem_resize(&state->pairs, state->n_pair + 1, sizeof(pair), "configuration");
    if (state->status != CI_OK) return 0;
    pair *fresh = &state->pairs[state->n_pair++];
    fresh->line = state->line;
    bool quoted = n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0];
    state->status = ci_str_copy(&fresh->name, name);
    if (state->status == CI_OK)
        state->status = ci_str_format(&fresh->value, "%.*s", (int)(quoted ? n - 2 : n),
                                      value + (quoted ? 1 : 0));
    return state->status == CI_OK;
}

static const char *pair_value(const file_state *state, const char *name, size_t n)
{
    for (size_t i = state ? state->n_pair : 0; i-- > 0;)
        if (strlen(state->pairs[i].name) == n && strncmp(state->pairs[i].name, name, n) == 0)
            return state->pairs[i].value;
    return NULL;
}

/* Replaces ${NAME} from the file's own pairs, then the environment; an unknown name stays as it is.
 */
static ci_status expand(char **out, const file_state *state, const char *value, int depth)
{
    ci_text text = {0};
    ci_status status = ci_text_append(&text, "%s", "");
    while (status == CI_OK && *value) {
        const char *end = value[0] == '$' && value[1] == '{' ? strchr(value, '}') : NULL;
        char name[128] = "";
        if (end && end - value - 2 < (int)sizeof name)
            memcpy(name, value + 2, (size_t)(end - value - 2));
        const char *found = *name ? pair_value(state, name, strlen(name)) : NULL;
        if (!found && *name) found = getenv(name);
        if (found && depth < 8) {
            char *inner = NULL;
            status = expand(&inner, state, found, depth + 1);
            if (status == CI_OK) status = ci_text_append(&text, "%s", inner);
            ci_mem_free(inner);
            value = end + 1;
        } else
            status = ci_text_append(&text, "%c", *value++);
    }
    *out = text.text;
    return status;
}

/* The variable whose name is nearest, into `text`; NULL where none is near. Without the part that
 * all begin with. */
static const char *nearest_variable(const char *name, char text[64])
{
    char variable[CI_CONF_OPT_COUNT][64];
    const char *names[CI_CONF_OPT_COUNT];
    size_t n_own = strlen("CONTIMG_"), n_name = 0;
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_variable((ci_conf_id)i, variable[i]);
        if (strncmp(variable[i], "CONTIMG_", n_own) == 0) names[n_name++] = variable[i] + n_own;
    }
    const char *nearest = ci_str_nearest(name + n_own, names, n_name);
    if (!nearest) return NULL;
    snprintf(text, 64, "CONTIMG_%.50s", nearest);
    return text;
}

/* One warning for a name, however often and wherever it is set. */
static ci_status warn_once(ci_conf *conf, const char *where, const char *name)
{
    char key[160], text[64];
    snprintf(key, sizeof key, " %s ", name);
    if (conf->warned.text && strstr(conf->warned.text, key)) return CI_OK;
    bool is_retired = ci_conf_is_retired(name);
    const char *nearest = is_retired ? NULL : nearest_variable(name, text);
    ci_log_warning("%s: %s is %s and has no effect%s%s%s", where, name,
                   is_retired ? "retired" : "unknown", nearest ? ", did you mean " : "",
                   nearest ? nearest : "", nearest ? "?" : "");
    return ci_text_append(&conf->warned, "%s", key);
}

/* A key that is no option: foreign names of an environment file are passed over. */
static ci_status unknown_key(ci_conf *conf, const file_state *state, const pair *p)
{
    if (strncmp(p->name, "CONTIMG_", 8) == 0) {
        char where[1100];
        snprintf(where, sizeof where, "%s:%d", state->path, p->line);
        return warn_once(conf, where, p->name);
    }
    if (is_foreign(p->name, strlen(p->name))) return CI_OK;
    const char *names[CI_CONF_OPT_COUNT];
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++)
        names[i] = ci_conf_rows[i].name;
    const char *nearest = ci_str_nearest(p->name, names, CI_CONF_OPT_COUNT);
    return ci_error(CI_ERR_USAGE, "%s:%d: unknown key '%s'%s%s%s", state->path, p->line, p->name,
                    nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static ci_conf_id find_key(const char *key)
{
    ci_conf_id id = ci_conf_find_variable(key);
    if (id != CI_CONF_OPT_COUNT) return id;
    if (strcmp(key, "CAL_REGISTRY_DB") == 0) return CI_CONF_OPT_CAL_REGISTRY_DB;
    char name[64];
    snprintf(name, sizeof name, "%s", key);
    for (char *c = name; *c; c++)
        if (*c == '_') *c = '-';
    return ci_conf_find_name(name);
}

static ci_status apply_pair(ci_conf *conf, const file_state *state, const pair *p)
{
    ci_conf_id id = find_key(p->name);
    if (id == CI_CONF_OPT_COUNT) return unknown_key(conf, state, p);
    /* The deployed CAL_REGISTRY_DB gives way to our own name. */
    if (strcmp(p->name, "CAL_REGISTRY_DB") == 0 &&
        pair_value(state, "CONTIMG_CAL_REGISTRY_DB", strlen("CONTIMG_CAL_REGISTRY_DB")))
        return CI_OK;
    if (strcmp(p->name, "CONTIMG_CAL_REGISTRY_DB") == 0) conf->cal_by_own_name = true;
    char *value = NULL, *line = NULL;
    ci_status status = expand(&value, state, p->value, 0);
    if (status == CI_OK) status = ci_str_format(&line, "%s:%d", state->path, p->line);
    if (status == CI_OK) status = ci_conf_set(conf, id, value, CI_CONF_SOURCE_FILE, line);
    ci_mem_free(value);
    ci_mem_free(line);
    return status;
}

ci_status ci_conf_file_read(ci_conf *conf, const char *path)
{
    if (strcmp(path, "/dev/null") != 0) CI_TRY(ci_file_check_plain(path));
    file_state state = {.path = path, .stream = fopen(path, "r")};
    if (!state.stream) return ci_error_errno(errno, path, "open configuration");
    int bad_line = ini_parse_stream(read_line, &state, on_pair, &state);
    ci_status status = state.status;
    if (status == CI_OK && ci_path_is_folder(path))
        status = ci_error(CI_ERR_INPUT, "%s: a folder, not a configuration file", path);
    if (status == CI_OK && ferror(state.stream))
        status = ci_error_errno(errno, path, "read configuration");
    fclose(state.stream);
    free(state.whole);
    if (status == CI_OK && bad_line != 0)
        status =
            ci_error(CI_ERR_USAGE, "%s:%d: not KEY=VALUE: comments begin with #", path, bad_line);
    for (size_t i = 0; status == CI_OK && i < state.n_pair; i++)
        status = apply_pair(conf, &state, &state.pairs[i]);
    for (size_t i = 0; i < state.n_pair; i++) {
        ci_mem_free(state.pairs[i].name);
        ci_mem_free(state.pairs[i].value);
    }
    ci_mem_free(state.pairs);
    return status;
}

/* Names in the environment that are known although they are no options. */
static bool is_own_variable(const char *name)
{
    static const char *const own[] = {"CONTIMG_SHARE", "CONTIMG_BUILD", "CONTIMG_SOURCE",
                                      "CONTIMG_CONFIG", "CONTIMG_API_TOKEN"};
    if (strncmp(name, "CONTIMG_TEST_", 13) == 0) return true;
    return ci_str_index(name, own, sizeof own / sizeof *own) < sizeof own / sizeof *own;
}

static ci_status apply_variable(ci_conf *conf, const char *name, const char *value)
{
    ci_conf_id id = ci_conf_find_variable(name);
    bool is_own_name_set = getenv("CONTIMG_CAL_REGISTRY_DB") || conf->cal_by_own_name;
    if (strcmp(name, "CAL_REGISTRY_DB") == 0 && !is_own_name_set) id = CI_CONF_OPT_CAL_REGISTRY_DB;
    if (id == CI_CONF_OPT_CONFIG) return CI_OK;
    if (id == CI_CONF_OPT_COUNT) {
        bool is_ours = strncmp(name, "CONTIMG_", 8) == 0 && !is_own_variable(name);
        return is_ours ? warn_once(conf, "environment", name) : CI_OK;
    }
    char *expanded = NULL;
    ci_status status = expand(&expanded, NULL, value, 0);
    if (status == CI_OK) status = ci_conf_set(conf, id, expanded, CI_CONF_SOURCE_ENVIRONMENT, NULL);
    ci_mem_free(expanded);
    return status;
}

ci_status ci_conf_environment_read(ci_conf *conf)
{
    for (char **entry = environ; *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        size_t n = equals ? (size_t)(equals - *entry) : 0;
        char name[128];
        if (n == 0 || n >= sizeof name) continue;
        memcpy(name, *entry, n);
        name[n] = '\0';
        if (strncmp(name, "CONTIMG_", 8) != 0 && strcmp(name, "CAL_REGISTRY_DB") != 0) continue;
        CI_TRY(apply_variable(conf, name, equals + 1));
    }
    return CI_OK;
}

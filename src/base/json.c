/* A ci_json is a cJSON item under another name. */
#include "contimg/base.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *item(ci_json *value)
{
    return (cJSON *)value;
}

static const cJSON *citem(const ci_json *value)
{
    return (const cJSON *)value;
}

ci_json *ci_json_object(void)
{
    return (ci_json *)cJSON_CreateObject();
}

ci_json *ci_json_array(void)
{
    return (ci_json *)cJSON_CreateArray();
}

void ci_json_free(ci_json *value)
{
    cJSON_Delete(item(value));
}

/* An object has a name once: JSON with a name twice means different things to different readers. */
static void put(ci_json *container, const char *name, cJSON *value)
{
    if (!name)
        cJSON_AddItemToArray(item(container), value);
    else if (ci_json_get(container, name))
        cJSON_ReplaceItemInObjectCaseSensitive(item(container), name, value);
    else
        cJSON_AddItemToObject(item(container), name, value);
}

void ci_json_put(ci_json *container, const char *name, ci_json *value)
{
    put(container, name, item(value));
}

void ci_json_put_string(ci_json *container, const char *name, const char *text)
{
    put(container, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void ci_json_put_number(ci_json *container, const char *name, double value)
{
    put(container, name, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

void ci_json_put_int(ci_json *container, const char *name, int64_t value)
{
    /* A double holds it exactly up to 2^53; beyond that only its text is right. */
    char text[32];
    if (value >= -9007199254740992 && value <= 9007199254740992) {
        put(container, name, cJSON_CreateNumber((double)value));
        return;
    }
    snprintf(text, sizeof text, "%lld", (long long)value);
    put(container, name, cJSON_CreateRaw(text));
}

void ci_json_put_bool(ci_json *container, const char *name, bool value)
{
    put(container, name, cJSON_CreateBool(value));
}

void ci_json_remove(ci_json *object, const char *name)
{
    cJSON_DeleteItemFromObjectCaseSensitive(item(object), name);
}

ci_status ci_json_print(char **out, const ci_json *value, bool pretty)
{
    *out = NULL;
    char *text = pretty ? cJSON_Print(citem(value)) : cJSON_PrintUnformatted(citem(value));
    if (!text) return ci_error(CI_ERR_MEMORY, "JSON text: out of memory");
    /* File names may hold any bytes, JSON only UTF-8. */
    ci_status status = pretty ? ci_str_utf8(out, text) : ci_str_copy(out, text);
    cJSON_free(text);
    return status;
}

static const char seal_name[] = "content_sha256";

static ci_status content_hash(char out[CI_SHA256_HEX], const ci_json *object)
{
    char *text = NULL;
    CI_TRY(ci_json_print(&text, object, true));
    ci_status status = ci_sha256_bytes(out, text, strlen(text));
    ci_mem_free(text);
    return status;
}

ci_status ci_json_seal(ci_json *object)
{
    char hash[CI_SHA256_HEX];
    ci_json_remove(object, seal_name);
    CI_TRY(content_hash(hash, object));
    ci_json_put_string(object, seal_name, hash);
    return CI_OK;
}

ci_status ci_json_seal_check(ci_json *object)
{
    char said[CI_SHA256_HEX], hash[CI_SHA256_HEX];
    ci_json_copy_string(said, sizeof said, object, seal_name);
    ci_json_remove(object, seal_name);
    CI_TRY(content_hash(hash, object));
    if (strcmp(said, hash) == 0) return CI_OK;
    return ci_error(CI_ERR_INPUT, "%s '%s': is not that of the rest, which was changed since: %s",
                    seal_name, said, hash);
}

ci_status ci_json_write_file(const ci_json *value, const char *path)
{
    char *text = NULL, *line = NULL;
    CI_TRY(ci_json_print(&text, value, true));
    ci_status status = ci_str_format(&line, "%s\n", text);
    size_t n = 0;
    for (; status == CI_OK && line[n]; n++) {
    }
    if (status == CI_OK) status = ci_file_write(path, line, n);
    ci_mem_free(line);
    ci_mem_free(text);
    return status;
}

ci_status ci_json_parse(ci_json **out, const char *text, const char *what)
{
    const char *end = NULL;
    cJSON *value = cJSON_ParseWithOpts(text, &end, 1);
    *out = (ci_json *)value;
    if (!value)
        return ci_error(CI_ERR_INPUT, "%s: not valid JSON near '%.20s'", what, end ? end : "");
    return CI_OK;
}

ci_status ci_json_read_file(ci_json **out, const char *path)
{
    char *text = NULL;
    *out = NULL;
    CI_TRY(ci_file_read(&text, NULL, path));
    ci_status status = ci_json_parse(out, text, path);
    ci_mem_free(text);
    return status;
}

const ci_json *ci_json_get(const ci_json *object, const char *name)
{
    return (const ci_json *)cJSON_GetObjectItemCaseSensitive(citem(object), name);
}

const ci_json *ci_json_at(const ci_json *array, size_t i)
{
    return (const ci_json *)cJSON_GetArrayItem(citem(array), (int)i);
}

size_t ci_json_length(const ci_json *array)
{
    return array ? (size_t)cJSON_GetArraySize(citem(array)) : 0;
}

double ci_json_number(const ci_json *value, double missing)
{
    return cJSON_IsNumber(citem(value)) ? citem(value)->valuedouble : missing;
}

const char *ci_json_string(const ci_json *value, const char *missing)
{
    return cJSON_IsString(citem(value)) ? citem(value)->valuestring : missing;
}

const char *ci_json_get_string(const ci_json *object, const char *name, const char *missing)
{
    return ci_json_string(ci_json_get(object, name), missing);
}

void ci_json_copy_string(char *out, size_t size, const ci_json *object, const char *name)
{
    snprintf(out, size, "%s", ci_json_get_string(object, name, ""));
}

double ci_json_get_number(const ci_json *object, const char *name, double missing)
{
    return ci_json_number(ci_json_get(object, name), missing);
}

bool ci_json_bool(const ci_json *value, bool missing)
{
    return cJSON_IsBool(citem(value)) ? cJSON_IsTrue(citem(value)) : missing;
}

const char *ci_json_member_name(const ci_json *value)
{
    const cJSON *member = citem(value);
    return member && member->string ? member->string : "";
}

bool ci_json_get_bool(const ci_json *object, const char *name, bool missing)
{
    return ci_json_bool(ci_json_get(object, name), missing);
}

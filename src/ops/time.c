/* Times put into JSON as text. */
#include "ops/time.h"

void ci_ops_time_put(ci_json *json, const char *name, double unix_s)
{
    char at[32];
    ci_time_iso(at, ci_time_mjd_s_from_unix(unix_s), 0, true);
    ci_json_put_string(json, name, at);
}

void ci_ops_time_put_known(ci_json *json, const char *name, double unix_s)
{
    if (unix_s > 0) ci_ops_time_put(json, name, unix_s);
}

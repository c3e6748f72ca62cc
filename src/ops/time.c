/* Times in JSON. */
#include "ops/time.h"

void ci_ops_time_put(ci_json *json, const char *name, double unix_s)
{
    char at[32];
    if (!(unix_s > 0)) return;
    ci_time_iso(at, ci_time_mjd_s_from_unix(unix_s), 0, true);
    ci_json_put_string(json, name, at);
}

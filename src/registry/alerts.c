/* Alerts: which ones hold, and whether their beginning and end were told. */
#include "contimg/registry_watch.h"
#include "registry/handle.h"

#include <string.h>

#define COLUMN(field, type, name) CI_COLUMN(ci_registry_alert, field, type, name)
static const ci_column alert_columns[] = {
    COLUMN(name, TEXT, "name"),          COLUMN(message, TEXT, "message"),
    COLUMN(value, REAL, "value"),        COLUMN(limit, REAL, "limit_value"),
    COLUMN(since_unix_s, REAL, "since"), COLUMN(is_active, INT, "is_active"),
};
static const ci_row_table alert_rows = {
    CI_ROW_TABLE("alerts", "name", ci_registry_alert, alert_columns)};

ci_status ci_registry_alerts_read(ci_registry *registry, ci_registry_alerts **out)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_DATA], &alert_rows,
                                "WHERE is_active ORDER BY name", NO_VALUES);
}

void ci_registry_alerts_free(ci_registry_alerts *alerts)
{
    ci_registry_list_free(&alert_rows, alerts);
}

/* ---- what holds now -------------------------------------------------------------------------- */

static const ci_registry_alert *find(const ci_registry_alerts *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->item[i].name, name) == 0) return &list->item[i];
    return NULL;
}

/* It holds: `known` is its row, NULL where it has none. */
static ci_status begin_one(ci_registry *registry, const ci_registry_alert *alert,
                           const ci_registry_alert *known)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    bool is_back = known && !known->is_active;
    if (known) {
        /* Its end was not told yet: to the operator it never ended. */
        CI_TRY(ci_registry_db_update(db, NULL, "alerts",
                                     SET({"message", V(alert->message)}, {"value", V(alert->value)},
                                         {"limit_value", V(alert->limit)}, {"is_active", V(1)}),
                                     "WHERE name=?", VALUES(V(alert->name))));
        if (!is_back) return CI_OK;
        CI_TRY(ci_registry_db_run(db, NULL, "UPDATE alerts SET is_told=1 WHERE name=?",
                                  VALUES(V(alert->name))));
    } else {
        CI_TRY(ci_registry_db_insert(
            db, "alerts",
            SET({"name", V(alert->name)}, {"message", V(alert->message)},
                {"value", V(alert->value)}, {"limit_value", V(alert->limit)}, {"is_active", V(1)},
                {"is_told", V(0)}, {"since", V(ci_registry_now(registry))})));
    }
    return ci_registry_db_change(registry, CI_REGISTRY_DB_DATA, "alert", alert->name, "clear",
                                 "active", alert->message);
}

/* It holds no longer. */
static ci_status end_one(ci_registry *registry, const ci_registry_alert *known)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    CI_TRY(ci_registry_db_run(db, NULL, "DELETE FROM alerts WHERE name=? AND NOT is_told",
                              VALUES(V(known->name))));
    CI_TRY(ci_registry_db_run(
        db, NULL, "UPDATE alerts SET is_active=0,is_told=0,tell_after=NULL WHERE name=?",
        VALUES(V(known->name))));
    return ci_registry_db_change(registry, CI_REGISTRY_DB_DATA, "alert", known->name, "active",
                                 "clear", known->message);
}

static ci_status update(ci_registry *registry, const ci_registry_alerts *found, double tell_s,
                        ci_registry_alerts **tell)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    ci_registry_alerts *known = NULL;
    double now = ci_registry_now(registry);
    ci_status status = ci_registry_list_new(&known, &registry->db[CI_REGISTRY_DB_DATA], &alert_rows,
                                            "ORDER BY name", NO_VALUES);
    for (size_t i = 0; status == CI_OK && i < found->n; i++)
        status = begin_one(registry, &found->item[i], find(known, found->item[i].name));
    for (size_t i = 0; status == CI_OK && i < known->n; i++)
        if (known->item[i].is_active && !find(found, known->item[i].name))
            status = end_one(registry, &known->item[i]);
    ci_registry_alerts_free(known);
    /* A time far ahead is of a clock that was set back since. */
    static const char due[] =
        "WHERE NOT is_told AND (tell_after IS NULL OR tell_after<=?1 OR tell_after>?1+?2)";
    if (status == CI_OK) {
        char tail[sizeof due + 32];
        snprintf(tail, sizeof tail, "%s ORDER BY name", due);
        status = ci_registry_list_new(tell, &registry->db[CI_REGISTRY_DB_DATA], &alert_rows, tail,
                                      VALUES(V(now), V(tell_s)));
    }
    if (status == CI_OK) {
        char sql[sizeof due + 64];
        snprintf(sql, sizeof sql, "UPDATE alerts SET tell_after=?1+?2 %s", due);
        status = ci_registry_db_run(db, NULL, sql, VALUES(V(now), V(tell_s)));
    }
    return status;
}

ci_status ci_registry_alerts_update(ci_registry *registry, const ci_registry_alerts *found,
                                    double tell_s, ci_registry_alerts **tell)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    *tell = NULL;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_end(db, update(registry, found, tell_s, tell));
    if (status != CI_OK) {
        ci_registry_alerts_free(*tell);
        *tell = NULL;
    }
    return status;
}

ci_status ci_registry_alert_told(ci_registry *registry, const ci_registry_alert *alert)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status =
        ci_registry_db_run(db, NULL, "UPDATE alerts SET is_told=1 WHERE name=? AND is_active=?",
                           VALUES(V(alert->name), V(alert->is_active)));
    if (status == CI_OK)
        status = ci_registry_db_run(db, NULL, "DELETE FROM alerts WHERE is_told AND NOT is_active",
                                    NO_VALUES);
    return ci_registry_db_end(db, status);
}

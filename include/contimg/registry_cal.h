/* registry: calibration tables, their validity, and the choice of one for a time. All functions are
 * local. */
#ifndef CONTIMG_REGISTRY_CAL_H
#define CONTIMG_REGISTRY_CAL_H

#include "contimg/registry.h"

typedef enum ci_registry_cal_kind
{
    CI_REGISTRY_BANDPASS,
    CI_REGISTRY_GAIN
} ci_registry_cal_kind;

typedef enum ci_registry_cal_state
{
    CI_REGISTRY_CAL_ACTIVE,
    CI_REGISTRY_CAL_FAILED,
    CI_REGISTRY_CAL_RETIRED,
    CI_REGISTRY_CAL_OTHER /* a word that contimg does not write */
} ci_registry_cal_state;

typedef struct ci_registry_cal
{
    int64_t id;
    ci_registry_cal_kind kind;
    char *path, *source, *quality_json, *ref_antenna; /* owned by the list; borrowed in add */
    char set_name[CI_REGISTRY_ID], sha256[CI_SHA256_HEX];
    ci_registry_cal_state state;
    double time_mjd_s; /* middle of the data it was solved on */
    double valid_start_mjd_s, valid_end_mjd_s, dec_rad;
    bool dec_known, is_approximate, is_deployed;
    double created_unix_s;
} ci_registry_cal;
CI_REGISTRY_LIST(ci_registry_cals, ci_registry_cal);
/* Registers a table. The first registration of a path wins:
 * *is_new false, nothing changed, where it is there already. */
CI_MUST_CHECK ci_status ci_registry_cal_add(ci_registry *registry, const ci_registry_cal *table,
                                            bool *is_new);
/* Changes a table's state, with a reason. */
CI_MUST_CHECK ci_status ci_registry_cal_state_set(ci_registry *registry, const char *path,
                                                  ci_registry_cal_state state, const char *reason);
/* All tables; of the deployed pipeline too where asked. */
CI_MUST_CHECK ci_status ci_registry_cals_read(ci_registry *registry, ci_registry_cals **out,
                                              bool with_deployed);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_cals_free(ci_registry_cals *tables);
typedef struct ci_registry_cal_want
{
    ci_registry_cal_kind kind;
    double time_mjd_s, dec_rad; /* middle of the observation */
    bool dec_known;
    double validity_s;      /* each side: 24 h bandpass, 1 h gain */
    double max_dec_off_rad; /* 5 deg */
    double borrow_s;        /* 30 days; 0: never borrow */
    int64_t n_skip;         /* that many are left out, the nearest */
} ci_registry_cal_want;
/* Sets the defaults that are named above, of that kind. */
void ci_registry_cal_want_default(ci_registry_cal_want *want, ci_registry_cal_kind kind);
/* The active table of that kind, of any set, nearest in time (ties: newest), n = 0 where there is
 * none. *is_borrowed: outside its validity, within borrow_s. */
CI_MUST_CHECK ci_status ci_registry_cal_choose(ci_registry *registry,
                                               const ci_registry_cal_want *want,
                                               ci_registry_cals **out, bool *is_borrowed);

#endif

/* Attempts at publishing: the claim that begins one, and its ends. */
#include "registry/products.h"

#include <math.h>
#include <string.h>

static ci_status attempt_close(ci_db *db, const char *token, double now, const char *outcome,
                               const char *error)
{
    return ci_registry_db_update(
        db, NULL, "publish_attempts",
        SET({"ended_at", V(now)}, {"outcome", V(outcome)}, {"error", V(error)}),
        "WHERE token=? AND outcome IS NULL", VALUES(V(token)));
}

static ci_status take(ci_registry *registry, const ci_registry_product *p, bool from_zero,
                      double lease_s, ci_registry_owner *owner)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    double now = ci_registry_now(registry);
    int64_t attempt = 0;
    if (p->state == CI_REGISTRY_PUBLISH_PUBLISHING)
        CI_TRY(attempt_close(db, p->owner.token, now, "died", "its process ended before it did"));
    ci_registry_lease_new(registry, lease_s, owner);
    CI_TRY(ci_registry_lease_write(db, "data_registry", "data_id", p->id, owner));
    CI_TRY(ci_registry_db_run(
        db, NULL,
        "UPDATE data_registry SET status='publishing',publish_attempts="
        "CASE WHEN ? THEN 1 ELSE coalesce(publish_attempts,0)+1 END,publish_mode=?,"
        "finalization_status='pending' WHERE data_id=?",
        VALUES(V(from_zero), V(from_zero ? "manual" : "auto"), V(p->id))));
    CI_TRY(ci_registry_db_int(
        db, &attempt, 0, "SELECT coalesce(max(attempt),0)+1 FROM publish_attempts WHERE data_id=?",
        VALUES(V(p->id))));
    CI_TRY(ci_registry_db_insert(db, "publish_attempts",
                                 SET({"data_id", V(p->id)}, {"attempt", V(attempt)},
                                     {"started_at", V(now)}, {"host", V(owner->host)},
                                     {"pid", V(owner->pid)}, {"job", V(owner->job)},
                                     {"token", V(owner->token)}, {"run", V(registry->run)})));
    return ci_registry_db_change(
        registry, CI_REGISTRY_DB_DATA, "product", p->id, ci_registry_publish_state_word(p->state),
        "publishing",
        p->state == CI_REGISTRY_PUBLISH_PUBLISHING ? "taken over: its owner is dead" : NULL);
}

static ci_registry_claim judge(const ci_registry *registry, const ci_registry_product *p,
                               bool by_name)
{
    double now = ci_registry_now(registry);
    switch (p->state) {
    case CI_REGISTRY_PUBLISH_PUBLISHED:
        return CI_REGISTRY_CLAIM_PUBLISHED;
    case CI_REGISTRY_PUBLISH_PUBLISHING:
        return ci_registry_owner_alive(registry, &p->owner) ? CI_REGISTRY_CLAIM_BUSY
                                                            : CI_REGISTRY_CLAIM_TAKEN;
    case CI_REGISTRY_PUBLISH_REFUSED:
        return by_name ? CI_REGISTRY_CLAIM_TAKEN : CI_REGISTRY_CLAIM_REFUSED;
    case CI_REGISTRY_PUBLISH_FAILED:
        return by_name ? CI_REGISTRY_CLAIM_TAKEN : CI_REGISTRY_CLAIM_FAILED;
    default:
        if (by_name) return CI_REGISTRY_CLAIM_TAKEN;
        if (!p->auto_publish) return CI_REGISTRY_CLAIM_WAIT;
        /* A failure that lies ahead: the clock was set back; waiting would be for the clock. */
        if (p->failed_unix_s > now) return CI_REGISTRY_CLAIM_TAKEN;
        return p->next_try_unix_s > now ? CI_REGISTRY_CLAIM_WAIT : CI_REGISTRY_CLAIM_TAKEN;
    }
}

/* What a claim will need to know of the owner, before its transaction. */
static ci_status owner_ask(ci_registry *registry, const char *id)
{
    ci_registry_products *found = NULL;
    CI_TRY(ci_registry_product_get_own(registry, id, &found));
    if (found->n > 0) ci_registry_lease_ask(registry, &found->item[0].owner);
    ci_registry_products_free(found);
    return CI_OK;
}

ci_status ci_registry_product_claim(ci_registry *registry, const char *id, bool by_name,
                                    double lease_s, ci_registry_claim *claim,
                                    ci_registry_owner *owner)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    ci_registry_products *found = NULL;
    *claim = CI_REGISTRY_CLAIM_UNKNOWN;
    memset(owner, 0, sizeof *owner);
    CI_TRY(owner_ask(registry, id));
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_product_get_own(registry, id, &found);
    if (status == CI_OK && found->n > 0) {
        const ci_registry_product *p = &found->item[0];
        *claim = judge(registry, p, by_name);
        *owner = p->owner;
        bool from_zero = by_name && p->state != CI_REGISTRY_PUBLISH_PUBLISHING;
        if (*claim == CI_REGISTRY_CLAIM_TAKEN)
            status = take(registry, p, from_zero, lease_s, owner);
    }
    ci_registry_products_free(found);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_product_take_over(ci_registry *registry, const char *id, double lease_s,
                                        ci_registry_owner *owner, bool *taken)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    ci_registry_products *found = NULL;
    *taken = false;
    CI_TRY(owner_ask(registry, id));
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_product_get_own(registry, id, &found);
    if (status == CI_OK && found->n > 0) {
        const ci_registry_product *p = &found->item[0];
        *owner = p->owner;
        if (p->state == CI_REGISTRY_PUBLISH_PUBLISHING &&
            !ci_registry_owner_alive(registry, &p->owner)) {
            status = take(registry, p, false, lease_s, owner);
            *taken = status == CI_OK;
        }
    }
    ci_registry_products_free(found);
    return ci_registry_db_end(db, status);
}

/* ---- the ends of an attempt ------------------------------------------------------------------ */

/* Begins the transaction that ends an attempt; refuses where the lease is not `token` now. */
static ci_status end_begin(ci_registry *registry, const char *id, const char *token)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    int64_t n = 0;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_int(db, &n, 0,
                                          "SELECT count(*) FROM data_registry WHERE data_id=? AND "
                                          "status='publishing' AND lease_token=?",
                                          VALUES(V(id), V(token)));
    if (status == CI_OK && n == 0)
        status = ci_error(CI_ERR_NOT_READY,
                          "%s: the lease was lost: another process took the product over", id);
    return status == CI_OK ? CI_OK : ci_registry_db_end(db, status);
}

ci_status ci_registry_product_renew(ci_registry *registry, const char *id, const char *token,
                                    double lease_s)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    CI_TRY(end_begin(registry, id, token));
    return ci_registry_db_end(
        db,
        ci_registry_db_run(db, NULL, "UPDATE data_registry SET lease_expires_at=? WHERE data_id=?",
                           VALUES(V(ci_registry_now(registry) + lease_s), V(id))));
}

/* How an attempt ended. */
typedef struct attempt_outcome
{
    const char *outcome; /* of the attempt */
    const char *state;   /* of the product from now on */
    const char *error;   /* NULL: none */
    const char *reason;  /* of the change of state */
    const char *gate;    /* that refused it; NULL: none */
} attempt_outcome;

/* Closes the attempt, gives the lease back and records the change from publishing to `to`; ends the
 * transaction that end_begin began. */
static ci_status attempt_end(ci_registry *registry, const char *id, const char *token,
                             ci_status status, const attempt_outcome *is)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    double now = ci_registry_now(registry);
    if (status == CI_OK) status = attempt_close(db, token, now, is->outcome, is->error);
    if (status == CI_OK) status = ci_registry_lease_write(db, "data_registry", "data_id", id, NULL);
    if (status == CI_OK)
        status = ci_registry_db_change_refused(
            registry, CI_REGISTRY_DB_DATA,
            &(ci_refusal){"product", id, "publishing", is->state, is->reason, is->gate});
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_product_publish(ci_registry *registry, const char *id, const char *token,
                                      const char *published_path, const char *qa_json)
{
    CI_TRY(end_begin(registry, id, token));
    ci_status status = ci_registry_db_run(
        &registry->db[CI_REGISTRY_DB_DATA], NULL,
        "UPDATE data_registry SET status='published',published_path=?,published_at=?,"
        "qa_status='passed',validation_status='validated',finalization_status='finalized',"
        "publish_attempts=0,publish_error=NULL,next_try_at=NULL,staging_removable=1,"
        "qa_json=coalesce(?,qa_json) WHERE data_id=?",
        VALUES(V(published_path), V(ci_registry_now(registry)), V(qa_json), V(id)));
    return attempt_end(registry, id, token, status,
                       &(attempt_outcome){"published", "published", NULL, published_path, NULL});
}

ci_status ci_registry_product_refuse(ci_registry *registry, const char *id, const char *token,
                                     const char *gate, const char *why, const char *qa_json)
{
    CI_TRY(end_begin(registry, id, token));
    /* A gate's refusal is no attempt that failed: the count goes back by the one of the claim. */
    ci_status status = ci_registry_db_run(
        &registry->db[CI_REGISTRY_DB_DATA], NULL,
        "UPDATE data_registry SET status='refused',qa_status='failed',"
        "validation_status='failed',finalization_status='failed',publish_error=?,failed_at=?,"
        "publish_attempts=max(publish_attempts-1,0),qa_json=? WHERE data_id=?",
        VALUES(V(why), V(ci_registry_now(registry)), V(qa_json), V(id)));
    return attempt_end(registry, id, token, status,
                       &(attempt_outcome){"refused", "refused", why, why, gate});
}

ci_status ci_registry_product_fail(ci_registry *registry, const char *id, const char *token,
                                   const char *why, double backoff_s, int64_t max_attempt,
                                   ci_registry_publish_state *state)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    double now = ci_registry_now(registry);
    int64_t n_attempt = 0;
    CI_TRY(end_begin(registry, id, token));
    ci_status status = ci_registry_db_int(
        db, &n_attempt, 1, "SELECT publish_attempts FROM data_registry WHERE data_id=?",
        VALUES(V(id)));
    *state = n_attempt >= max_attempt ? CI_REGISTRY_PUBLISH_FAILED : CI_REGISTRY_PUBLISH_STAGING;
    const char *to = ci_registry_publish_state_word(*state);
    double wait_s = backoff_s * pow(2, (double)(n_attempt > 1 ? n_attempt - 1 : 0));
    double next_try = *state == CI_REGISTRY_PUBLISH_FAILED ? (double)NAN : now + wait_s;
    if (status == CI_OK)
        status = ci_registry_db_update(db, NULL, "data_registry",
                                       SET({"status", V(to)}, {"publish_error", V(why)},
                                           {"failed_at", V(now)}, {"next_try_at", V(next_try)},
                                           {"finalization_status", V("failed")}),
                                       "WHERE data_id=?", VALUES(V(id)));
    return attempt_end(registry, id, token, status,
                       &(attempt_outcome){"failed", to, why, why, NULL});
}

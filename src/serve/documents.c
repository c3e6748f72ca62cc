/* The documents: each made by one thread at a time, for all that asked before it began. */
#include "serve/serve_private.h"

#include <string.h>

enum
{
    BUSY_S = 1, /* for a lock; stopping has to wait as long */
    N_TRY = 3   /* a reader without write permission can meet a change of the journal */
};

typedef struct
{
    pthread_mutex_t lock;
    pthread_cond_t is_made;
    bool is_busy;
    double began_s; /* when the making of what is kept began, monotonic; 0: nothing is kept */
    ci_serve_which which;
    ci_serve_document kept;
} slot;

struct ci_serve_documents
{
    const ci_serve_options *options;
    slot slots[CI_SERVE_KIND_COUNT];
};

void ci_serve_document_clear(ci_serve_document *document)
{
    ci_mem_free(document->text.text);
    memset(document, 0, sizeof *document);
}

ci_status ci_serve_documents_new(ci_serve_documents **out, const ci_serve_options *options)
{
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "documents"));
    (*out)->options = options;
    for (int i = 0; i < CI_SERVE_KIND_COUNT; i++) {
        pthread_mutex_init(&(*out)->slots[i].lock, NULL);
        pthread_cond_init(&(*out)->slots[i].is_made, NULL);
    }
    return CI_OK;
}

void ci_serve_documents_free(ci_serve_documents *documents)
{
    if (!documents) return;
    for (int i = 0; i < CI_SERVE_KIND_COUNT; i++) {
        ci_serve_document_clear(&documents->slots[i].kept);
        pthread_mutex_destroy(&documents->slots[i].lock);
        pthread_cond_destroy(&documents->slots[i].is_made);
    }
    ci_mem_free(documents);
}

ci_status ci_serve_registry_open(ci_registry **out, const ci_serve_options *options,
                                 bool is_repeated)
{
    ci_registry_options how;
    ci_registry_options_default(&how);
    how.read_only = true;
    how.busy_s = BUSY_S;
    how.is_repeated = is_repeated;
    return ci_registry_open(out, &options->databases, &how);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* As text, on a line of its own; frees the value. */
static ci_status json_put(ci_text *out, ci_json *json)
{
    char *text = NULL;
    ci_status status = ci_json_print(&text, json, true);
    if (status == CI_OK) status = ci_text_append(out, "%s\n", text);
    ci_mem_free(text);
    ci_json_free(json);
    return status;
}

static ci_status status_put(ci_text *out, ci_registry *registry)
{
    ci_json *root = ci_json_object();
    ci_status status = ci_ops_status_put(root, registry);
    if (status == CI_OK) return json_put(out, root);
    ci_json_free(root);
    return status;
}

static ci_status publish_put(ci_text *out, ci_registry *registry)
{
    ci_ops_metrics metrics;
    CI_TRY(ci_ops_metrics_read(&metrics, registry));
    return json_put(out, ci_ops_metrics_json(&metrics));
}

static ci_status failed_put(ci_text *out, ci_registry *registry, const ci_serve_which *which)
{
    ci_json *json = NULL;
    CI_TRY(ci_ops_failed_json(&json, registry, (size_t)which->limit, which->min_attempts));
    return json_put(out, json);
}

/* What needs the databases, from databases that are open. */
static ci_status read_put(ci_serve_document *out, const ci_serve_options *options,
                          ci_registry *registry, ci_serve_kind kind, const ci_serve_which *which)
{
    bool is_well = true;
    ci_status status;
    switch (kind) {
    case CI_SERVE_STATUS:
        return status_put(&out->text, registry);
    case CI_SERVE_PUBLISH:
        return publish_put(&out->text, registry);
    case CI_SERVE_FAILED:
        return failed_put(&out->text, registry, which);
    case CI_SERVE_METRICS:
        return ci_serve_prometheus_put(&out->text, options, registry);
    case CI_SERVE_INDEX:
        return ci_serve_index_put(&out->text, options, registry, NULL);
    default:
        status = ci_serve_health_put(&out->text, options, registry, NULL, &is_well);
        if (!is_well) out->code = MHD_HTTP_SERVICE_UNAVAILABLE;
        return status;
    }
}

static ci_status read_try(ci_serve_document *out, const ci_serve_options *options,
                          ci_serve_kind kind, const ci_serve_which *which)
{
    ci_registry *registry = NULL;
    ci_serve_document_clear(out);
    out->code = MHD_HTTP_OK;
    CI_TRY(ci_serve_registry_open(&registry, options, true));
    ci_status status = read_put(out, options, registry, kind, which);
    ci_registry_close(registry);
    return status;
}

/* A document that says itself that the databases cannot be read. */
static ci_status without_databases(ci_serve_document *out, const ci_serve_options *options,
                                   ci_serve_kind kind, ci_status fault)
{
    bool is_well;
    ci_error_saved why = ci_error_save(fault);
    ci_serve_document_clear(out);
    out->code = kind == CI_SERVE_INDEX ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    if (kind == CI_SERVE_INDEX) return ci_serve_index_put(&out->text, options, NULL, why.text);
    return ci_serve_health_put(&out->text, options, NULL, why.text, &is_well);
}

static ci_status read_document(ci_serve_document *out, const ci_serve_options *options,
                               ci_serve_kind kind, const ci_serve_which *which)
{
    ci_status status = read_try(out, options, kind, which);
    for (int i = 1; i < N_TRY && status != CI_OK && status != CI_ERR_NOT_READY; i++) {
        ci_clock_wait(NULL, 0.02);
        status = read_try(out, options, kind, which);
    }
    bool says_so = kind == CI_SERVE_HEALTH || kind == CI_SERVE_INDEX;
    return status != CI_OK && says_so ? without_databases(out, options, kind, status) : status;
}

static void make(ci_serve_document *out, const ci_serve_options *options, ci_serve_kind kind,
                 const ci_serve_which *which)
{
    ci_status status = CI_OK;
    if (kind == CI_SERVE_SYSTEM) {
        out->code = MHD_HTTP_OK;
        status = json_put(&out->text,
                          ci_ops_system_json(ci_clock_unix_s(), options->disk, options->n_disk));
    } else
        status = read_document(out, options, kind, which);
    if (status == CI_OK) return;
    ci_serve_document_clear(out);
    out->code = MHD_HTTP_SERVICE_UNAVAILABLE;
    snprintf(out->error, sizeof out->error, "%s", ci_error_text());
}

/* ---- sharing --------------------------------------------------------------------------------- */

static void copy_out(ci_serve_document *out, const ci_serve_document *from)
{
    memset(out, 0, sizeof *out);
    out->code = from->code;
    snprintf(out->error, sizeof out->error, "%s", from->error);
    if (!from->text.text || ci_text_append(&out->text, "%s", from->text.text) == CI_OK) return;
    ci_serve_document_clear(out);
    out->code = MHD_HTTP_SERVICE_UNAVAILABLE;
    snprintf(out->error, sizeof out->error, "%s", ci_error_text());
}

static bool is_same(const ci_serve_which *a, const ci_serve_which *b)
{
    return a->limit == b->limit && a->min_attempts == b->min_attempts;
}

void ci_serve_documents_get(ci_serve_documents *documents, ci_serve_kind kind,
                            const ci_serve_which *which, ci_serve_document *out)
{
    slot *s = &documents->slots[kind];
    double came_s = ci_clock_monotonic_s();
    pthread_mutex_lock(&s->lock);
    while (s->is_busy)
        pthread_cond_wait(&s->is_made, &s->lock);
    if (s->began_s <= came_s || !is_same(&s->which, which)) {
        ci_serve_document fresh = {0};
        s->is_busy = true;
        pthread_mutex_unlock(&s->lock);
        double began_s = ci_clock_monotonic_s();
        make(&fresh, documents->options, kind, which);
        pthread_mutex_lock(&s->lock);
        ci_serve_document_clear(&s->kept);
        s->kept = fresh;
        s->began_s = began_s;
        s->which = *which;
        s->is_busy = false;
        pthread_cond_broadcast(&s->is_made);
    }
    copy_out(out, &s->kept);
    pthread_mutex_unlock(&s->lock);
}

/* The open files of a product as the subject of the quality gates. */
#include "publish/publish.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A file by the descriptor that was hashed: gates judge the very bytes that are copied. */
static const char *fd_path(char out[64], const ci_publish_files *files, const char *name)
{
    const ci_publish_file *f = ci_publish_files_find(files, name);
    if (!f) return NULL;
    snprintf(out, 64, "/proc/self/fd/%d", f->fd);
    return out;
}

/* Texts speak of the file's name, not of a number of ours. */
static void name_put_back(char text[CI_QA_TEXT], const ci_publish_files *files)
{
    static const char head[] = "/proc/self/fd/";
    char *at = strstr(text, head), *end;
    if (!at) return;
    long fd = strtol(at + strlen(head), &end, 10);
    for (size_t k = 0; k < files->n; k++) {
        if (files->item[k].fd != fd) continue;
        char fresh[2 * CI_QA_TEXT];
        snprintf(fresh, sizeof fresh, "%.*s%s%s", (int)(at - text), text, files->item[k].name, end);
        snprintf(text, CI_QA_TEXT, "%.*s", CI_QA_TEXT - 1, fresh);
        return;
    }
}

/* What kept the gates from judging, with the file's name. */
static ci_status fault_named(ci_status status, const ci_publish_files *files)
{
    char text[CI_QA_TEXT];
    snprintf(text, sizeof text, "%.*s", CI_QA_TEXT - 1, ci_error_text());
    name_put_back(text, files);
    return ci_error(status, "%s", text);
}

static ci_status measured(ci_registry *registry, const ci_registry_product *p, bool is_mosaic,
                          ci_qa_subject *s)
{
    ci_registry_images *images = NULL;
    ci_registry_groups *groups = NULL;
    s->thermal_jy = s->flux_ratio = NAN;
    CI_TRY(is_mosaic ? ci_registry_mosaic_get(registry, p->id, &images)
                     : ci_registry_tile_get(registry, p->id, &images));
    if (images->n > 0) {
        s->thermal_jy = images->item[0].thermal_jy;
        s->flux_ratio = images->item[0].flux_ratio;
        s->n_flux_match = images->item[0].n_flux_match;
    }
    ci_registry_images_free(images);
    CI_TRY(ci_registry_group_get(registry, p->id, &groups));
    s->accept_incomplete = groups->n > 0 && groups->item[0].is_named;
    ci_registry_groups_free(groups);
    return CI_OK;
}

ci_status ci_publish_judge_files(ci_registry *registry, const ci_registry_product *p,
                                 const ci_publish_files *files, const ci_publish_options *options,
                                 ci_qa_gates *gates)
{
    char paths[5][64];
    ci_qa_subject s = {0};
    bool is_mosaic = p->type == CI_REGISTRY_MOSAIC;
    CI_TRY(measured(registry, p, is_mosaic, &s));
    s.image = fd_path(paths[0], files, is_mosaic ? "mosaic.fits" : "image.fits");
    s.pb = is_mosaic ? NULL : fd_path(paths[1], files, "pb.fits");
    s.weight = is_mosaic ? fd_path(paths[2], files, "weight.fits") : NULL;
    s.noise = is_mosaic ? fd_path(paths[3], files, "noise.fits") : NULL;
    s.residual = is_mosaic ? NULL : fd_path(paths[4], files, "residual.fits");
    if (!s.image || (is_mosaic && (!s.weight || !s.noise))) {
        memset(gates, 0, sizeof *gates);
        const char *missing = !s.image   ? (is_mosaic ? "mosaic.fits" : "image.fits")
                              : s.weight ? "noise.fits"
                                         : "weight.fits";
        ci_qa_gates_add(gates, CI_QA_GATE_OPENS, CI_QA_FAIL, NAN, NAN, "%s is not among its files",
                        missing);
        return CI_OK;
    }
    ci_status status = ci_qa_image_judge(gates, &s, &options->limits);
    if (status != CI_OK) return fault_named(status, files);
    for (size_t i = 0; i < gates->n; i++)
        name_put_back(gates->item[i].text, files);
    return CI_OK;
}

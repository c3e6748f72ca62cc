/* The open files of a product as the subject of the quality gates. */
#include "publish/publish.h"

#include <math.h>
#include <string.h>

/* Where descriptors are opened again: gates judge the very bytes that are copied. */
typedef char fd_path[64];

static ci_qa_file file_of(fd_path path, const ci_publish_files *files, const char *name)
{
    const ci_publish_file *f = ci_publish_files_find(files, name);
    if (!f) return (ci_qa_file){NULL, NULL};
    snprintf(path, sizeof(fd_path), "/proc/self/fd/%d", f->fd);
    return (ci_qa_file){path, f->is.name};
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
    fd_path path[5];
    ci_qa_subject s = {0};
    bool is_mosaic = p->type == CI_REGISTRY_MOSAIC;
    const char *image = is_mosaic ? "mosaic.fits" : "image.fits";
    CI_TRY(measured(registry, p, is_mosaic, &s));
    s.image = file_of(path[0], files, image);
    if (is_mosaic) {
        s.weight = file_of(path[1], files, "weight.fits");
        s.noise = file_of(path[2], files, "noise.fits");
    } else {
        s.pb = file_of(path[3], files, "pb.fits");
        s.residual = file_of(path[4], files, "residual.fits");
    }
    const char *missing = !s.image.path                 ? image
                          : is_mosaic && !s.weight.path ? "weight.fits"
                          : is_mosaic && !s.noise.path  ? "noise.fits"
                                                        : NULL;
    if (!missing) return ci_qa_image_judge(gates, &s, &options->limits);
    memset(gates, 0, sizeof *gates);
    ci_qa_gates_add(gates, CI_QA_GATE_OPENS, CI_QA_FAIL, NAN, NAN, "%s is not among its files",
                    missing);
    return CI_OK;
}

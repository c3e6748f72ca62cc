/* provenance.json of a published product: written when it is published, read when its row is lost.
 */
#include "publish/publish.h"

#include <string.h>

static const char id_name[] = "id", type_name[] = "type", date_name[] = "date";
static const char metadata_name[] = "metadata", gates_name[] = "gates";

static ci_json *files_json(const ci_publish_files *files)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < files->n; i++) {
        const ci_registry_product_file *f = &files->item[i].is;
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "name", f->name);
        ci_json_put_int(one, "bytes", f->n_byte);
        ci_json_put_string(one, "sha256", f->sha256);
        ci_json_put(list, NULL, one);
    }
    return list;
}

/* Puts JSON that a row keeps as text; what is none is left out. */
static void text_put(ci_json *root, const char *name, const char *text)
{
    ci_json *value = NULL;
    if (text && text[0] && ci_json_parse(&value, text, name) == CI_OK)
        ci_json_put(root, name, value);
}

ci_status ci_publish_provenance_text(char **out, const ci_publish_provenance *p,
                                     const ci_publish_files *files)
{
    ci_json *root = ci_json_object();
    ci_json_put_string(root, id_name, p->id);
    ci_json_put_string(root, type_name, p->type_word);
    ci_json_put_string(root, date_name, p->date);
    ci_json_put_string(root, "published_by", ci_version());
    text_put(root, metadata_name, p->metadata_json);
    text_put(root, gates_name, p->gates_json);
    ci_json_put(root, "files", files_json(files));
    ci_status status = ci_json_print(out, root, true);
    ci_json_free(root);
    return status;
}

static ci_status text_get(char **out, const ci_json *root, const char *name)
{
    const ci_json *value = ci_json_get(root, name);
    return value ? ci_json_print(out, value, false) : CI_OK;
}

ci_status ci_publish_provenance_read(ci_publish_provenance *out, const char *path)
{
    ci_json *root = NULL;
    memset(out, 0, sizeof *out);
    CI_TRY(ci_json_read_file(&root, path));
    ci_json_copy_string(out->id, sizeof out->id, root, id_name);
    ci_json_copy_string(out->type_word, sizeof out->type_word, root, type_name);
    ci_json_copy_string(out->date, sizeof out->date, root, date_name);
    ci_status status = text_get(&out->metadata_json, root, metadata_name);
    if (status == CI_OK) status = text_get(&out->gates_json, root, gates_name);
    ci_json_free(root);
    return status;
}

void ci_publish_provenance_clear(ci_publish_provenance *p)
{
    ci_mem_free(p->metadata_json);
    ci_mem_free(p->gates_json);
    memset(p, 0, sizeof *p);
}

/* Private to publish. All functions are local. */
#ifndef CONTIMG_PUBLISH_PUBLISH_H
#define CONTIMG_PUBLISH_PUBLISH_H

#include "contimg/publish.h"

/* ---- paths.c: folders by descriptor, never by a path that could change meanwhile ---------- */

/* Letters, digits and . _ : + -, not beginning with . or -; at most 200 bytes. */
bool ci_publish_name_ok(const char *name);
/* Opens `path`, a folder below `base`, one component at a time without following links;
 * links inside `base` itself are allowed. *fd is the caller's to close. CI_ERR_GATE: the path
 * breaks a rule (outside, "..", link, a name that may not be published); CI_ERR_INPUT: it is not
 * there. */
CI_MUST_CHECK ci_status ci_publish_folder_open(const char *base, const char *path, int *fd);
/* A folder `name` in the folder `parent`: opened, or (make) made first and the parent synced. */
CI_MUST_CHECK ci_status ci_publish_child_open(int parent, const char *name, bool make,
                                              const char *shown, int *fd);
CI_MUST_CHECK ci_status ci_publish_base_open(const char *base, int *fd);
CI_MUST_CHECK ci_status ci_publish_sync(int fd, const char *shown);
/* Removes a folder of plain files; missing is CI_OK. Does not enter sub-folders. */
CI_MUST_CHECK ci_status ci_publish_folder_remove(int parent, const char *name, const char *shown);
/* <id>.<this>.part, as of a lease that nobody has: recovery removes the folder. */
#define CI_PUBLISH_NOBODY "0-0000000000000000"
/* "yyyy-mm-dd": a date's folder. */
bool ci_publish_is_date(const char *name);
/* "<parent>/<yyyy-mm-dd>" of a first integration. */
CI_MUST_CHECK ci_status ci_publish_date(char out[16], double time_mjd_s, const char *id);

/* ---- files.c: the files of a product --------------------------------------------------------- */

typedef struct ci_publish_file
{
    ci_registry_product_file is; /* its name, checksum and length */
    int fd;                      /* open for reading, or -1 */
} ci_publish_file;
typedef struct ci_publish_files
{
    size_t n;
    ci_publish_file *item; /* by name */
} ci_publish_files;
/* Opens and hashes all plain files of a folder but `.part` and hidden ones. CI_ERR_GATE: a
 * link, a device, a name that may not be published. */
CI_MUST_CHECK ci_status ci_publish_files_open(ci_publish_files *files, int folder,
                                              const char *shown);
void ci_publish_files_close(ci_publish_files *files);
const ci_publish_file *ci_publish_files_find(const ci_publish_files *files, const char *name);

/* Called now and then while bytes move; a status that is not CI_OK stops. */
typedef struct ci_publish_tick
{
    ci_status (*call)(void *context);
    void *context;
} ci_publish_tick;
/* Copies one file into `folder`, synced, 0444, its bytes those that were hashed. */
CI_MUST_CHECK ci_status ci_publish_file_copy(const ci_publish_file *file, int folder,
                                             const char *shown, const ci_publish_tick *tick);
/* Writes text as a new file, synced, 0444; adds it to `files` (with its checksum, fd -1). */
CI_MUST_CHECK ci_status ci_publish_file_text(ci_publish_files *files, int folder, const char *shown,
                                             const char *name, const char *text);
/* "hex  name" lines of all files. */
CI_MUST_CHECK ci_status ci_publish_sums_text(char **out, const ci_publish_files *files);
/* Reads every file back from the disk and compares it with its checksum. */
CI_MUST_CHECK ci_status ci_publish_files_compare(const ci_publish_files *files, int folder,
                                                 const char *shown, const ci_publish_tick *tick);
/* Every file that SHA256SUMS lists is there; their content is not read. */
CI_MUST_CHECK ci_status ci_publish_folder_complete(int folder, const char *shown);
/* A published folder against its own SHA256SUMS; where `staged` is given, that too. */
CI_MUST_CHECK ci_status ci_publish_folder_verify(int folder, const char *shown,
                                                 const ci_publish_files *staged);

/* ---- provenance.c ---------------------------------------------------------------------------- */

/* What provenance.json says of a product. */
typedef struct ci_publish_provenance
{
    char id[CI_REGISTRY_ID], type_word[CI_REGISTRY_WORD], date[16];
    char *metadata_json; /* of how it was made, as its row has it; NULL or "": none */
    char *gates_json;    /* that it passed; NULL: none */
} ci_publish_provenance;
/* The text, to ci_mem_free. Nothing of the publishing is in it: what is staged has the same bytes
 * however often it is published. */
CI_MUST_CHECK ci_status ci_publish_provenance_text(char **out, const ci_publish_provenance *p,
                                                   const ci_publish_files *files);
/* From such a file; to be cleared whatever the status. */
CI_MUST_CHECK ci_status ci_publish_provenance_read(ci_publish_provenance *out, const char *path);
/* Frees what was read. */
void ci_publish_provenance_clear(ci_publish_provenance *p);

/* ---- attempt.c ------------------------------------------------------------------------------- */

/* One attempt under the lease `owner`: CI_OK: published (committed). CI_ERR_GATE: refused.
 * Anything else: failed; the lease is still ours to end. */
CI_MUST_CHECK ci_status ci_publish_attempt(ci_registry *registry, const ci_registry_product *p,
                                           const ci_registry_owner *owner,
                                           const ci_publish_options *options,
                                           ci_publish_result *result);
/* The attempt and its end in the registry. */
CI_MUST_CHECK ci_status ci_publish_conclude(ci_registry *registry, const ci_registry_product *p,
                                            const ci_registry_owner *owner,
                                            const ci_publish_options *options,
                                            ci_publish_result *result);
/* Removes the staging folder of a product that is published still, and records it. */
CI_MUST_CHECK ci_status ci_publish_staging_remove(ci_registry *registry,
                                                  const ci_registry_product *p,
                                                  const ci_publish_options *options);
/* rebuild.c: rows of products that are in the products folder and have none. */
CI_MUST_CHECK ci_status ci_publish_rebuild(ci_registry *registry, const ci_publish_options *options,
                                           ci_publish_recovered *recovered);
/* withdraw.c: removes the published folder of a product that is withdrawn; not there is CI_OK. */
CI_MUST_CHECK ci_status ci_publish_withdraw_finish(ci_registry *registry,
                                                   const ci_registry_product *p,
                                                   const ci_publish_options *options);
/* Path rules and gates alone, on the open files of a product. */
CI_MUST_CHECK ci_status ci_publish_judge_files(ci_registry *registry, const ci_registry_product *p,
                                               const ci_publish_files *files,
                                               const ci_publish_options *options,
                                               ci_qa_gates *gates);

#endif

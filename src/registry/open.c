/* Opening one database: journal, migration, read-only copies; backups. */
#include "registry/open.h"

#include "contimg/base_file.h"
#include "registry/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Write-ahead logs live in memory shared by the processes of one machine; on a file system
 * that several machines mount they lose data. Unknown ones are taken for such. */
static bool is_network_file_system(const char *path)
{
    static const long network[] = {0x6969 /* NFS */,
                                   0x517b /* SMB */,
                                   0xff534d42 /* CIFS */,
                                   0xfe534d42 /* SMB2 */,
                                   0x0bd00bd0 /* Lustre */,
                                   0x47504653 /* GPFS */,
                                   0x19830326 /* BeeGFS */,
                                   0x00c36400 /* Ceph */,
                                   0x7461636f /* OCFS2 */,
                                   0x01161970 /* GFS2 */,
                                   0x5346414f /* AFS */,
                                   0x65735546 /* FUSE */,
                                   0x01021997 /* 9P */,
                                   0x73757245 /* Coda */,
                                   0x24051905 /* UBIFS, no shared maps */,
                                   0x00aac1d0 /* PanFS */};
    char *folder = NULL;
    struct statfs facts;
    if (ci_path_parent(&folder, path) != CI_OK) return true;
    int failed = statfs(folder, &facts);
    ci_mem_free(folder);
    if (failed) return true;
    for (size_t i = 0; i < sizeof network / sizeof network[0]; i++)
        if (((long)facts.f_type & 0xffffffffL) == network[i]) return true;
    return false;
}

static ci_status open_handle(ci_db *db, const char *name, int flags)
{
    if (!ci_path_is_folder(name)) CI_TRY(ci_file_check_plain(name));
    int code =
        sqlite3_open_v2(name, &db->handle, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        ci_status status = ci_registry_db_error(db, code, "open");
        sqlite3_close(db->handle);
        db->handle = NULL;
        return status;
    }
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, (int)(1000 * db->busy_s));
    return CI_OK;
}

ci_status ci_registry_db_newer(const ci_db *db, int found)
{
    return ci_error(CI_ERR_NOT_READY,
                    "%s: schema version %d, this contimg %s knows %d: use the newer contimg that "
                    "wrote it, or put back the copy that it made before, in the folder backups of "
                    "the state folder",
                    db->path, found, ci_version(), ci_registry_schema_version(db->which));
}

/* ---- backup --------------------------------------------------------------------- */

ci_status ci_registry_db_backup(ci_db *from, const char *path)
{
    ci_db to = {.which = from->which, .busy_s = from->busy_s};
    int fd;
    char *part = NULL, *folder = NULL;
    ci_status status = ci_path_parent(&folder, path);
    if (status == CI_OK) status = ci_path_make_folder(folder);
    if (status == CI_OK) status = ci_path_part(&part, path);
    if (status == CI_OK) status = ci_file_create(&fd, part);
    if (status == CI_OK) close(fd);
    if (status == CI_OK) status = ci_str_copy(&to.path, part);
    if (status == CI_OK)
        status = open_handle(&to, part, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (status == CI_OK) {
        sqlite3_backup *copy = sqlite3_backup_init(to.handle, "main", from->handle, "main");
        int code = copy ? SQLITE_OK : sqlite3_errcode(to.handle);
        double end = ci_clock_monotonic_s() + from->busy_s;
        while (copy && code != SQLITE_DONE) {
            code = sqlite3_backup_step(copy, -1);
            if (code == SQLITE_DONE) break;
            bool wait = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
            if (!wait || ci_clock_monotonic_s() > end) break;
            ci_clock_wait(NULL, 0.02);
        }
        sqlite3_backup_finish(copy);
        if (code != SQLITE_DONE) status = ci_registry_db_error(&to, code, "back up");
    }
    /* A copy of a write-ahead database would make its own log on first use. */
    if (status == CI_OK) status = ci_registry_db_script(&to, "PRAGMA journal_mode=DELETE");
    ci_registry_db_close(&to);
    if (status == CI_OK) status = ci_path_commit(part, path);
    if (status != CI_OK && part) unlink(part);
    ci_mem_free(part);
    ci_mem_free(folder);
    return status;
}

/* A copy of the state before the migration, read through a second connection while the
 * first holds the write lock: nobody else can slip a row in between. */
static ci_status backup_before(const ci_db *db, const char *backups, int version, double now_unix_s)
{
    ci_db reader = {.which = db->which, .busy_s = db->busy_s};
    char when[32], *path = NULL;
    ci_time_iso(when, ci_time_mjd_s_from_unix(now_unix_s), 0, true);
    for (char *c = when; *c; c++)
        if (*c == ':') *c = '-';
    const char *base = ci_path_base(db->path);
    size_t stem = strcspn(base, ".");
    ci_status status = ci_str_copy(&reader.path, db->path);
    if (status == CI_OK)
        status =
            ci_str_format(&path, "%s/%.*s-v%d-%s.sqlite3", backups, (int)stem, base, version, when);
    if (status == CI_OK) status = open_handle(&reader, db->path, SQLITE_OPEN_READONLY);
    if (status == CI_OK) status = ci_registry_db_backup(&reader, path);
    if (status == CI_OK)
        ci_log_info("%s: schema version %d is migrated to %d; copy before it: %s", db->path,
                    version, ci_registry_schema_version(db->which), path);
    ci_registry_db_close(&reader);
    ci_mem_free(path);
    return status;
}

/* A log that was not taken into the database: of a process that is at work, or that was killed. */
static bool is_log_left(const char *path)
{
    static const char *const endings[] = {"-wal", "-journal"};
    bool found = false;
    for (int i = 0; i < 2 && !found; i++) {
        char name[4400];
        struct stat facts;
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        found = stat(name, &facts) == 0 && facts.st_size > 0;
    }
    return found;
}

/* After a crash the database is looked at before anything is written to it. */
static ci_status check_after_crash(ci_db *db)
{
    char text[CI_REGISTRY_TEXT];
    CI_TRY(ci_registry_db_word(db, text, sizeof text, "PRAGMA quick_check(1)", NO_VALUES));
    if (strcmp(text, "ok") == 0) return CI_OK;
    return ci_error(CI_ERR_DATABASE,
                    "%s: %s: damaged; contimg db restore puts a copy back (contimg's own are in "
                    "the folder backups of the state folder)",
                    db->path, text);
}

/* A new database has the group and the permissions of its folder, whatever the umask, and so have
 * the logs that SQLite makes beside it: who may write in the folder may write it, who may read,
 * read. */
static ci_status file_make(const char *path)
{
    char *folder = NULL;
    struct stat facts;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST) return CI_OK;
    if (fd < 0) return ci_error_errno(errno, path, "make");
    ci_status status = ci_path_parent(&folder, path);
    if (status == CI_OK && stat(folder, &facts) == 0) {
        /* A group that is not one of this user's stays as it is. */
        bool is_shared = fchown(fd, (uid_t)-1, facts.st_gid) == 0;
        mode_t mode = (facts.st_mode & (is_shared ? 0664 : 0604)) | 0600;
        if (fchmod(fd, mode) != 0) status = ci_error_errno(errno, path, "set permissions");
    }
    ci_mem_free(folder);
    close(fd);
    return status;
}

/* ---- writing ----------------------------------------------------------------------- */

static ci_status set_journal(ci_db *db)
{
    bool network = is_network_file_system(db->path);
    char now[CI_REGISTRY_WORD];
    const char *wanted = network ? "delete" : "wal";
    ci_status status = ci_registry_db_word(db, now, sizeof now, "PRAGMA journal_mode", NO_VALUES);
    if (status == CI_OK && strcmp(now, wanted) != 0) {
        /* Needs the file alone; where others are in it the present journal stays, safe if
         * slower, or (leaving WAL on a network disk) is tried again by the next writer. */
        sqlite3_busy_timeout(db->handle, 1000);
        int code = sqlite3_exec(db->handle,
                                network ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL",
                                NULL, NULL, NULL);
        sqlite3_busy_timeout(db->handle, (int)(1000 * db->busy_s));
        if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
            status = ci_registry_db_error(db, code, "set the journal");
    }
    if (status == CI_OK) status = ci_registry_db_script(db, "PRAGMA synchronous=FULL");
    return status;
}

static ci_status read_migrated(ci_db *db)
{
    int64_t at = 0;
    CI_TRY(ci_registry_db_int(db, &at, 0, "SELECT value FROM contimg_meta WHERE key='migrated_at'",
                              NO_VALUES));
    db->migrated_unix_s = (double)at;
    return CI_OK;
}

static ci_status migrate(ci_db *db, const char *backups, double now_unix_s)
{
    int version = 0, known = ci_registry_schema_version(db->which);
    CI_TRY(ci_registry_db_begin(db));
    /* Again, under the lock: another process may have done it meanwhile. */
    ci_status status = ci_registry_schema_version_read(db, &version);
    int64_t n_table = 0;
    if (status == CI_OK)
        status =
            ci_registry_db_int(db, &n_table, 0, "SELECT count(*) FROM sqlite_master", NO_VALUES);
    if (status == CI_OK && version > known) status = ci_registry_db_newer(db, version);
    if (status == CI_OK && version < known) {
        if (n_table > 0) status = backup_before(db, backups, version, now_unix_s);
        if (status == CI_OK) status = ci_registry_schema_migrate(db, now_unix_s);
    }
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_db_open_write(ci_db *db, const char *backups, double now_unix_s)
{
    char *folder = NULL;
    ci_status status = ci_path_parent(&folder, db->path);
    if (status == CI_OK) status = ci_path_make_folder(folder);
    ci_mem_free(folder);
    CI_TRY(status);
    CI_TRY(file_make(db->path));
    bool crashed = is_log_left(db->path);
    CI_TRY(open_handle(db, db->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    CI_TRY(ci_registry_schema_check_owner(db));
    if (crashed) CI_TRY(check_after_crash(db));
    CI_TRY(ci_registry_schema_version_read(db, &db->version_found));
    if (db->version_found > ci_registry_schema_version(db->which))
        return ci_registry_db_newer(db, db->version_found);
    CI_TRY(set_journal(db));
    if (db->version_found < ci_registry_schema_version(db->which))
        CI_TRY(migrate(db, backups, now_unix_s));
    CI_TRY(ci_registry_db_script(db, "PRAGMA foreign_keys=ON"));
    return read_migrated(db);
}

/* ---- reading ------------------------------------------------------------------------ */

/* The index of a write-ahead log cannot be made: no permission, or no space. */
static bool has_no_index(const ci_db *db, int code)
{
    int why = sqlite3_system_errno(db->handle);
    if (why == 0) why = errno;
    return (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY ||
           (code & 0xff) == SQLITE_FULL ||
           ((code & 0xff) == SQLITE_IOERR && (why == ENOSPC || why == EDQUOT));
}

/* Opens for reading; a write-ahead database whose folder we may not write, or whose disk is full,
 * and that has no writer, can only be read as one that never changes. */
ci_status ci_registry_db_open_plain(ci_db *db)
{
    CI_TRY(open_handle(db, db->path, SQLITE_OPEN_READONLY));
    int64_t n = 0;
    sqlite3_stmt *stmt = NULL;
    errno = 0;
    int code =
        sqlite3_prepare_v2(db->handle, "SELECT count(*) FROM sqlite_master", -1, &stmt, NULL);
    bool is_denied = has_no_index(db, code);
    sqlite3_finalize(stmt);
    if (code == SQLITE_OK) return CI_OK;
    char *log = NULL, *name = NULL;
    struct stat facts;
    ci_status status = ci_str_format(&log, "%s-wal", db->path);
    bool quiet = status == CI_OK && (stat(log, &facts) != 0 || facts.st_size == 0);
    ci_mem_free(log);
    if (!quiet || !is_denied) return ci_registry_db_error(db, code, "read");
    sqlite3_close(db->handle);
    db->handle = NULL;
    CI_TRY(ci_str_format(&name, "file:%s?immutable=1", db->path));
    status = open_handle(db, name, SQLITE_OPEN_READONLY);
    ci_mem_free(name);
    if (status == CI_OK)
        status = ci_registry_db_int(db, &n, 0, "SELECT count(*) FROM sqlite_master", NO_VALUES);
    return status;
}

/* The file's content in memory, migrated there: an older database is read as if it were
 * of today, and stays as it is. */
static ci_status read_through_memory(ci_db *db, double now_unix_s)
{
    ci_db memory = *db;
    memory.handle = NULL;
    CI_TRY(open_handle(&memory, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    ci_status status = CI_OK;
    if (db->handle) {
        sqlite3_backup *copy = sqlite3_backup_init(memory.handle, "main", db->handle, "main");
        int code = copy ? sqlite3_backup_step(copy, -1) : SQLITE_ERROR;
        sqlite3_backup_finish(copy);
        if (code != SQLITE_DONE) status = ci_registry_db_error(&memory, code, "copy into memory");
        sqlite3_close(db->handle);
        db->handle = NULL;
    }
    if (status == CI_OK) status = ci_registry_db_begin(&memory);
    if (status == CI_OK)
        status = ci_registry_db_end(&memory, ci_registry_schema_migrate(&memory, now_unix_s));
    if (status == CI_OK) status = ci_registry_db_script(&memory, "PRAGMA query_only=ON");
    *db = memory;
    return status;
}

/* Whether there is no such file; that it cannot be looked at is a fault, not an empty database. */
static ci_status is_missing(const char *path, bool *out)
{
    struct stat facts;
    *out = lstat(path, &facts) != 0;
    if (!*out || errno == ENOENT || errno == ENOTDIR) return CI_OK;
    return ci_error_errno(errno, path, "look at");
}

ci_status ci_registry_db_open_read(ci_db *db, double now_unix_s)
{
    int known = ci_registry_schema_version(db->which);
    bool missing;
    CI_TRY(is_missing(db->path, &missing));
    if (missing) {
        db->version_found = 0;
        CI_TRY(read_through_memory(db, now_unix_s));
        return CI_OK;
    }
    CI_TRY(ci_registry_db_open_plain(db));
    CI_TRY(ci_registry_schema_check_owner(db));
    CI_TRY(ci_registry_schema_version_read(db, &db->version_found));
    if (db->version_found > known) return ci_registry_db_newer(db, db->version_found);
    if (db->version_found < known) {
        ci_log(db->is_repeated ? CI_LOG_DEBUG : CI_LOG_INFO,
               "%s: schema version %d is older than %d: read as it is, not changed (the first "
               "command that writes changes it)",
               db->path, db->version_found, known);
        return read_through_memory(db, now_unix_s);
    }
    return read_migrated(db);
}

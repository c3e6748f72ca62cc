/* base: status and error text, log, counted memory, strings and paths, clock,
 * JSON and SHA-256. Everything else in contimg uses this module; it knows
 * no MPI and no data. All functions are local. */
#ifndef CONTIMG_BASE_H
#define CONTIMG_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define CI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CI_MUST_CHECK __attribute__((warn_unused_result))
#else
#define CI_PRINTF(fmt, args)
#define CI_MUST_CHECK
#endif

/* Single and double complex numbers as plain C99 complex types. */
typedef float _Complex ci_c32;
typedef double _Complex ci_c64;

#define CI_PI 3.14159265358979323846
#define CI_TWO_PI 6.28318530717958647693
#define CI_C_M_S 299792458.0
#define CI_DEG_TO_RAD (CI_PI / 180.0)
#define CI_RAD_TO_DEG (180.0 / CI_PI)
#define CI_ARCSEC_TO_RAD (CI_PI / 648000.0)
#define CI_RAD_TO_ARCSEC (648000.0 / CI_PI)
#define CI_DAY_S 86400.0
/* MJD of 1970-01-01. */
#define CI_MJD_UNIX_EPOCH 40587.0
#define CI_TIME_JD_OF_MJD 2400000.5 /* Julian date of MJD 0 */

/* ---- status and error text ------------------------------------------- */

/* Every function that can fail returns one of these. The order is the order of
 * badness: where ranks disagree the greatest value wins (ci_par_agree). */
typedef enum ci_status
{
    CI_OK = 0,
    CI_ERR_ALERT,     /* an alert is active: exit 1, of the monitor only */
    CI_ERR_USAGE,     /* wrong option, key or value: exit 2 */
    CI_ERR_INPUT,     /* a file or its content cannot be used: exit 3 */
    CI_ERR_NO_DATA,   /* nothing left after flags: exit 3 */
    CI_ERR_IO,        /* the system refused to read or write: exit 4 */
    CI_ERR_DATABASE,  /* SQLite failed: exit 4 */
    CI_ERR_MEMORY,    /* no memory, or over --memory: exit 5 */
    CI_ERR_DISK,      /* no space left: exit 5 */
    CI_ERR_NOT_READY, /* limits, versions, locks held by others: exit 6 */
    CI_ERR_GATE,      /* a quality gate refused: exit 7 */
    CI_ERR_STOPPED,   /* asked to stop, resumable: exit 75 */
    CI_ERR_INTERNAL,  /* a fault of contimg itself: exit 70 */
    CI_STATUS_COUNT
} ci_status;

/* Name of a status ("CI_ERR_INPUT"); borrowed. */
const char *ci_status_name(ci_status status);
/* One line of text on a status; borrowed. */
const char *ci_status_text(ci_status status);
/* The exit code of a process that ends with it. */
int ci_status_exit_code(ci_status status);
/* Whether the machine failed, not the data or what was asked: with the same data it may be another
 * time. */
bool ci_status_is_environment(ci_status status);

/* Sets the calling thread's error text and returns `status`, so that a fault is
 * written as `return ci_error(CI_ERR_INPUT, "%s: ...", path)`. The text names
 * the file, the dataset or option, the value, and what to do, in one line: a control character
 * becomes '?'. */
ci_status ci_error(ci_status status, const char *format, ...) CI_PRINTF(2, 3);
/* Puts "<prefix>: " before the present error text; returns `status`. */
ci_status ci_error_prefix(ci_status status, const char *format, ...) CI_PRINTF(2, 3);
/* The calling thread's error text; borrowed, "" where none. */
const char *ci_error_text(void);
/* Makes the calling thread's error text "". */
void ci_error_clear(void);
/* A status with its text, to be reported after a step that may set another: save, take
 * the step, restore. */
typedef struct ci_error_saved
{
    ci_status status;
    char text[1024]; /* "" where status is CI_OK */
} ci_error_saved;
/* The status with the calling thread's text. */
ci_error_saved ci_error_save(ci_status status);
/* Makes the saved text the present one; returns the saved status. CI_OK changes nothing. */
ci_status ci_error_restore(const ci_error_saved *saved);

/* Returns from the calling function where `expr` is not CI_OK. */
#define CI_TRY(expr)                                                                               \
    do {                                                                                           \
        ci_status ci_try_status_ = (expr);                                                         \
        if (ci_try_status_ != CI_OK) return ci_try_status_;                                        \
    } while (0)

/* ---- log --------------------------------------------------------------- */

typedef enum ci_log_level
{
    CI_LOG_DEBUG,
    CI_LOG_INFO,
    CI_LOG_WARNING,
    CI_LOG_ERROR
} ci_log_level;

/* Lines go to stderr as "2026-01-25T00:00:10Z INFO  text". Ranks other than 0
 * write warnings and errors only, marked "[rank N]". */
void ci_log_set_level(ci_log_level level);
/* The level of a name as --log-level has it; CI_ERR_USAGE for another. */
CI_MUST_CHECK ci_status ci_log_level_parse(const char *name, ci_log_level *out);
/* The rank that this process's lines are written as. */
void ci_log_set_rank(int rank);
/* Also writes every line as JSON ({"ts","level","rank","msg"}) to `path`, appended;
 * NULL closes it. */
CI_MUST_CHECK ci_status ci_log_set_json_file(const char *path);
/* Writes a line, printf. */
void ci_log(ci_log_level level, const char *format, ...) CI_PRINTF(2, 3);
#define ci_log_debug(...) ci_log(CI_LOG_DEBUG, __VA_ARGS__)
#define ci_log_info(...) ci_log(CI_LOG_INFO, __VA_ARGS__)
#define ci_log_warning(...) ci_log(CI_LOG_WARNING, __VA_ARGS__)
#define ci_log_error(...) ci_log(CI_LOG_ERROR, __VA_ARGS__)
/* What a long step does now, as one line that the next call and the next line of the log write
 * over: on rank 0 where standard error is a terminal and shows lines of INFO. _end takes the line
 * away. */
void ci_log_progress(const char *format, ...) CI_PRINTF(1, 2);
/* Takes the line of progress away. */
void ci_log_progress_end(void);
/* Number of warnings so far; at most 256 are kept. */
size_t ci_log_warning_count(void);
/* The i-th warning, from 0; borrowed, "" beyond the last. */
const char *ci_log_warning_get(size_t i);

/* ---- counted memory ---------------------------------------------------- */

/* Allocates n_item x item_size zeroed bytes, 64-byte aligned, counted against the
 * budget; overflow-checked. n_item 0 gives a valid pointer. `what` appears in the
 * error text. Free with ci_mem_free. */
CI_MUST_CHECK ci_status ci_mem_alloc(void *out, size_t n_item, size_t item_size, const char *what);
/* Grows or shrinks; old content kept, new bytes zero. *inout may be NULL. */
CI_MUST_CHECK ci_status ci_mem_resize(void *inout, size_t n_item, size_t item_size,
                                      const char *what);
/* Frees what the counted allocator gave; NULL is allowed. */
void ci_mem_free(void *pointer);
/* Budget in bytes of this process; 0 for none. */
void ci_mem_set_budget(size_t bytes);
/* The budget as it was set. */
size_t ci_mem_budget(void);
/* Bytes that are allocated now. */
size_t ci_mem_now(void);
/* The most bytes that were allocated at one time. */
size_t ci_mem_peak(void);

/* ---- strings and paths -------------------------------------------------- */

/* Counted, NUL-terminated copy; free with ci_mem_free. */
CI_MUST_CHECK ci_status ci_str_copy(char **out, const char *text);
/* *text becomes a copy of `value`, NULL where that is NULL or ""; what was there is freed. */
CI_MUST_CHECK ci_status ci_str_set(char **text, const char *value);
/* Frees n strings and the list of them. NULL-safe. */
void ci_str_list_free(char **list, size_t n);
/* printf into a counted string; free with ci_mem_free. */
CI_MUST_CHECK ci_status ci_str_format(char **out, const char *format, ...) CI_PRINTF(2, 3);
/* The same from a list of arguments. */
CI_MUST_CHECK ci_status ci_str_format_args(char **out, const char *format, va_list args)
    CI_PRINTF(2, 0);
/* Bytes of the valid UTF-8 character that `text` begins with, RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF. 0: none, the byte is no character's first. */
size_t ci_str_utf8_length(const char *text);
/* Whether all of `text` is valid UTF-8. */
bool ci_str_is_utf8(const char *text);
/* Text that must fit one line: bytes of control characters, and those that are no UTF-8, become
 * '?'. */
void ci_str_one_line(char *text);
/* A copy that is valid UTF-8: each byte that is not becomes U+FFFD; ci_mem_free. */
CI_MUST_CHECK ci_status ci_str_utf8(char **out, const char *text);
/* The ending of a word for n things: "" for one. */
#define ci_plural(n) ((n) == 1 ? "" : "s")
/* A growing text buffer; start from {0}, free .text with ci_mem_free. */
typedef struct ci_text
{
    char *text;
    size_t length, capacity;
} ci_text;
/* Appends, printf; CI_ERR_MEMORY leaves the buffer as it was. */
CI_MUST_CHECK ci_status ci_text_append(ci_text *buffer, const char *format, ...) CI_PRINTF(2, 3);
/* Text of a manual page: roff's special characters are made plain. */
void ci_text_print_roff(FILE *out, const char *text);
/* Whole-string number parsing, C locale; CI_ERR_USAGE names `what` and the text. */
CI_MUST_CHECK ci_status ci_parse_double(const char *text, const char *what, double *out);
/* The same of a whole number. */
CI_MUST_CHECK ci_status ci_parse_int(const char *text, const char *what, int64_t *out);
/* Edit distance, for "did you mean". The nearest of n names, or NULL where none is near. */
const char *ci_str_nearest(const char *text, const char *const *names, size_t n_name);
/* Index of the first of the names that is `text`; n_name where none is. */
size_t ci_str_index(const char *text, const char *const *names, size_t n_name);

/* folder/name; ci_mem_free. */
CI_MUST_CHECK ci_status ci_path_join(char **out, const char *folder, const char *name);
const char *ci_path_base(const char *path); /* borrowed: after the last '/' */
/* The folder that a path is in; ci_mem_free. */
CI_MUST_CHECK ci_status ci_path_parent(char **out, const char *path);
/* Against the current folder, and tidied, so that equal folders have equal texts: no ".", no ".."
 * but behind a link, no double or last slash. Links stay as they are named; "" stays "". */
CI_MUST_CHECK ci_status ci_path_absolute(char **out, const char *path);
/* Whether there is anything by that name. */
bool ci_path_exists(const char *path);
bool ci_path_is_same(const char *a, const char *b); /* both there, one file */
/* Whether it is a folder, or a link to one. */
bool ci_path_is_folder(const char *path);
/* mkdir -p with mode 0777 & ~umask. */
CI_MUST_CHECK ci_status ci_path_make_folder(const char *path);
/* Bytes free for an ordinary user on the file system of `path`. */
CI_MUST_CHECK ci_status ci_path_free_bytes(const char *path, uint64_t *out);
/* fsync of a file or folder by name. */
CI_MUST_CHECK ci_status ci_path_sync(const char *path);
/* "<path>.part", its sync and its rename to <path>, folder synced: no reader ever
 * sees half a file. */
CI_MUST_CHECK ci_status ci_path_part(char **out, const char *path);
bool ci_path_is_part(const char *name); /* ends in ".part", with something before it */
/* Renames the `.part` to its final name, after its bytes are on disk. */
CI_MUST_CHECK ci_status ci_path_commit(const char *part_path, const char *path);
/* Files of one call take the place of those of an earlier one, under n names in one folder, in an
 * order that is always the same. Every "<path>.part" that is there, synced before, is renamed to
 * "<path>.ready.part"; then "<last path>.set.part" lists them, and from here on the new files are
 * the set: the earlier ones go, and the new ones get their names, in order. So the names never mix
 * two calls, and one whole set is always there: the earlier until the list is, then the new, under
 * its names or as .ready.part; a name whose file was not made anew is no more. Between the two,
 * readers may find names missing, as no file system renames several files at once. What a kill or
 * an error leaves half renamed is brought to its end by the next of these three functions with the
 * same names. */
CI_MUST_CHECK ci_status ci_path_commit_set(char *const *paths, size_t n);
/* Removes every "<path>.part" of them, once an earlier commit is at its end. */
void ci_path_discard_set(char *const *paths, size_t n);
/* The same for "<prefix><name>": commits, or not; either way no .part of them is left, but where
 * the renaming failed: CI_ERR_IO, and the new files wait as said above. */
CI_MUST_CHECK ci_status ci_path_end_set(const char *prefix, const char *const *names, size_t n,
                                        bool commits);
/* The folder `part`, beside `folder`, replaces it: what was there under that name is removed
 * (plain files; folders in it stay as they are, in `part`). */
CI_MUST_CHECK ci_status ci_path_replace_folder(const char *part, const char *folder);
/* Removes the folders "<folder>.<anything>.part" with the plain files in them: what others, that
 * are dead, were making. */
void ci_path_remove_parts(const char *folder);
/* CI_ERR_INPUT where something is there that is no plain file (a pipe would be waited for). */
CI_MUST_CHECK ci_status ci_file_check_plain(const char *path);
/* Whole file in or out (written by .part and rename). *out is NUL-terminated. */
CI_MUST_CHECK ci_status ci_file_read(char **out, size_t *n_byte, const char *path);
/* Writes a whole file. */
CI_MUST_CHECK ci_status ci_file_write(const char *path, const void *data, size_t n_byte);
/* Maps errno to CI_ERR_DISK, _IO, _INPUT (ENOENT) with the text "<path>: <action>: <why>". */
ci_status ci_error_errno(int error_number, const char *path, const char *action);
/* The folder of installed facts: $CONTIMG_SHARE, else beside the executable
 * (../share/contimg), else the source tree's share/. `name` inside it, which can be read and is not
 * empty; else CI_ERR_NOT_READY. */
CI_MUST_CHECK ci_status ci_path_share(char **out, const char *name);

/* ---- clock --------------------------------------------------------------- */

double ci_clock_unix_s(void);      /* UTC now, Unix seconds */
double ci_clock_monotonic_s(void); /* for durations */
/* The time that leases, retries and waiting go by: the system's, or one that a test sets. Every
 * function takes NULL for the system's. */
typedef struct ci_clock
{
    bool is_set;                /* false: the system's, whatever the times below */
    double unix_s, monotonic_s; /* what a clock shows that is set */
} ci_clock;
/* UTC in Unix seconds, by that clock. */
double ci_clock_read_unix_s(const ci_clock *clock);
/* Seconds for durations, by that clock. */
double ci_clock_read_monotonic_s(const ci_clock *clock);
/* Waits; one that is set goes on by `seconds` at once. */
void ci_clock_wait(ci_clock *clock, double seconds);
/* "YYYY-MM-DDTHH:MM:SS" of a UTC time in seconds of MJD (rounded down to n_digit
 * fractional digits); `out` holds >= 32 chars. No time zone is ever asked. */
void ci_time_iso(char out[32], double time_mjd_s, int n_digit, bool with_z);
/* The time of such a text, seconds of MJD; CI_ERR_USAGE for another text. */
CI_MUST_CHECK ci_status ci_time_parse_iso(const char *text, double *time_mjd_s);
/* Seconds of MJD from Unix seconds. */
static inline double ci_time_mjd_s_from_unix(double unix_s)
{
    return unix_s + CI_MJD_UNIX_EPOCH * CI_DAY_S;
}
/* Unix seconds from seconds of MJD. */
static inline double ci_time_unix_from_mjd_s(double mjd_s)
{
    return mjd_s - CI_MJD_UNIX_EPOCH * CI_DAY_S;
}

/* ---- timers --------------------------------------------------------------- */

/* Nested scopes: where a program's time goes. One thread uses a timer; a NULL timer measures
 * nothing. A communicator brings one along: ci_comm_timer. */
typedef struct ci_timer ci_timer;
typedef struct ci_timer_scope
{
    char name[24];
    int32_t i_parent;   /* -1: outermost; a parent comes before its children */
    int32_t n_timer;    /* that were added up in it: ranks */
    uint64_t n_call;    /* sum over them */
    double seconds;     /* sum over them */
    double max_seconds; /* of one of them */
} ci_timer_scope;
CI_MUST_CHECK ci_status ci_timer_new(ci_timer **out); /* free with ci_timer_free */
/* Frees it with all that it owns; NULL is allowed. */
void ci_timer_free(ci_timer *timer);
/* Opens scope `name` inside the one that is open now; it is the same scope each time. The mark that
 * is returned goes to ci_timer_end, which also ends scopes inside it that an error has left open.
 */
size_t ci_timer_begin(ci_timer *timer, const char *name);
/* Ends the scope that the mark is of. */
void ci_timer_end(ci_timer *timer, size_t mark);
/* The scopes, borrowed; those that are open lack the time since they were opened. */
const ci_timer_scope *ci_timer_scopes(const ci_timer *timer, size_t *n_scope);
/* Adds up the scopes of another timer, by name and parent: how ranks are merged. */
void ci_timer_add(ci_timer *timer, const ci_timer_scope *scopes, size_t n_scope);

/* ---- SHA-256 ------------------------------------------------------------- */

#define CI_SHA256_HEX 65
/* Checksum of n bytes as 64 hexadecimal digits. */
CI_MUST_CHECK ci_status ci_sha256_bytes(char out_hex[CI_SHA256_HEX], const void *data, size_t n);
/* Checksum of a file's content. */
CI_MUST_CHECK ci_status ci_sha256_file(char out_hex[CI_SHA256_HEX], const char *path);

/* ---- JSON ---------------------------------------------------------------- */

/* A JSON value. Containers own what is put into them; free the root only. */
typedef struct ci_json ci_json;
/* A new object, {}; NULL without memory, which every function here accepts. */
ci_json *ci_json_object(void);
/* A new array, []. */
ci_json *ci_json_array(void);
/* Frees it with all that it owns; NULL is allowed. */
void ci_json_free(ci_json *value);
/* Put a member into an object (name != NULL), in place of one that it has of that name, or append
 * to an array (name NULL). Non-finite numbers become null. */
void ci_json_put(ci_json *container, const char *name, ci_json *value);
/* A copy of a text; NULL becomes null. */
void ci_json_put_string(ci_json *container, const char *name, const char *text);
/* A number. */
void ci_json_put_number(ci_json *container, const char *name, double value);
/* A whole number. */
void ci_json_put_int(ci_json *container, const char *name, int64_t value);
/* true or false. */
void ci_json_put_bool(ci_json *container, const char *name, bool value);
/* Removes a member where it is there. */
void ci_json_remove(ci_json *object, const char *name);
/* Text form, NUL-terminated; free with ci_mem_free. Pretty is for others to read, and valid UTF-8:
 * each byte of a name that is not becomes U+FFFD. Else bytes stay, for who opens what is named. */
CI_MUST_CHECK ci_status ci_json_print(char **out, const ci_json *value, bool pretty);
/* The pretty text into a file, by .part and rename. */
CI_MUST_CHECK ci_status ci_json_write_file(const ci_json *value, const char *path);
/* Puts "content_sha256" into an object: the checksum of its pretty text without it. */
CI_MUST_CHECK ci_status ci_json_seal(ci_json *object);
/* CI_ERR_INPUT where an object is not as it was sealed, or never was; takes the checksum out. */
CI_MUST_CHECK ci_status ci_json_seal_check(ci_json *object);
/* A value from text; CI_ERR_INPUT names `what` and where it is wrong. */
CI_MUST_CHECK ci_status ci_json_parse(ci_json **out, const char *text, const char *what);
/* A value from a file. */
CI_MUST_CHECK ci_status ci_json_read_file(ci_json **out, const char *path);
/* Look-ups; borrowed; NULL, `missing`, where absent or of another type. */
const ci_json *ci_json_get(const ci_json *object, const char *name);
/* The i-th member, from 0. */
const ci_json *ci_json_at(const ci_json *array, size_t i);
/* Number of members of an array or object. */
size_t ci_json_length(const ci_json *array);
/* A member's text. */
const char *ci_json_get_string(const ci_json *object, const char *name, const char *missing);
/* A member's text into out [size], "" where absent: for texts that this program wrote from an
 * array of that size; a longer one is cut. */
void ci_json_copy_string(char *out, size_t size, const ci_json *object, const char *name);
/* A member's number. */
double ci_json_get_number(const ci_json *object, const char *name, double missing);
/* A member's truth value. */
bool ci_json_get_bool(const ci_json *object, const char *name, bool missing);
/* The number that a value is. */
double ci_json_number(const ci_json *value, double missing);
/* The text that a value is. */
const char *ci_json_string(const ci_json *value, const char *missing);
/* The truth value that a value is. */
bool ci_json_bool(const ci_json *value, bool missing);
/* The name that a member of an object has, "" for others. */
const char *ci_json_member_name(const ci_json *value);

/* ---- stop request -------------------------------------------------------- */

/* Installs handlers for SIGTERM, SIGINT and SIGUSR1 that only set a flag. */
void ci_stop_install(void);
/* Whether one of these signals has come. */
bool ci_stop_asked(void);

/* ---- version ------------------------------------------------------------- */

const char *ci_version(void); /* "0.1.0-12-gabcdef" from git at build time */

/* ---- instruction sets ------------------------------------------------------------------- */

/* A kernel for several instruction sets is written once, as a CI_ISA_INLINE function `name` without
 * result; CI_ISA_INSTANCES(name, (parameters), (arguments)) makes it into name_plain, name_avx2 and
 * name_avx512, and CI_ISA_TABLE(name) of those three, indexed by ci_isa: CI_ISA_KERNEL(name, isa)
 * is the one to call. As it goes lane by lane, without contraction, each gives the same bits.
 * Which one is used is never asked of the machine where it is called: ci_comm_isa says what all
 * ranks have. */
#if defined(__GNUC__)
#define CI_ISA_INLINE static inline __attribute__((always_inline))
#else
#define CI_ISA_INLINE static inline
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define CI_ISA_TARGET_AVX2 __attribute__((target("avx2")))
#if defined(__clang__)
#define CI_ISA_TARGET_AVX512 __attribute__((target("avx512f")))
#else
#define CI_ISA_TARGET_AVX512 __attribute__((target("avx512f,prefer-vector-width=512")))
#endif
#else
#define CI_ISA_TARGET_AVX2
#define CI_ISA_TARGET_AVX512
#endif

#define CI_ISA_INSTANCES(name, parameters, arguments)                                              \
    CI_ISA_INSTANCE(, CI_ISA_NAME(name, plain), name, parameters, arguments)                       \
    CI_ISA_INSTANCE(CI_ISA_TARGET_AVX2, CI_ISA_NAME(name, avx2), name, parameters, arguments)      \
    CI_ISA_INSTANCE(CI_ISA_TARGET_AVX512, CI_ISA_NAME(name, avx512), name, parameters, arguments)  \
    static void(*const CI_ISA_TABLE(name)[CI_ISA_COUNT]) parameters = {                            \
        CI_ISA_NAME(name, plain), CI_ISA_NAME(name, avx2), CI_ISA_NAME(name, avx512)};
#define CI_ISA_INSTANCE(target, instance, name, parameters, arguments)                             \
    target static void instance parameters                                                         \
    {                                                                                              \
        name arguments;                                                                            \
    }
#define CI_ISA_TABLE(name) CI_ISA_NAME(name, by_isa)
#define CI_ISA_KERNEL(name, isa) CI_ISA_TABLE(name)[isa]
#define CI_ISA_NAME(name, isa) CI_ISA_NAME_(name, isa)
#define CI_ISA_NAME_(name, isa) name##_##isa

typedef enum ci_isa
{
    CI_ISA_PLAIN,
    CI_ISA_AVX2,
    CI_ISA_AVX512,
    CI_ISA_COUNT
} ci_isa;

/* Whether this machine has it. */
bool ci_isa_has(ci_isa isa);
/* The widest that it has. */
ci_isa ci_isa_widest(void);
/* "plain", "avx2", "avx512". */
const char *ci_isa_name(ci_isa isa);
/* CI_ERR_USAGE where no set has that name. */
CI_MUST_CHECK ci_status ci_isa_parse(const char *name, ci_isa *out);

#endif

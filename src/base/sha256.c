/* SHA-256 of bytes and of files, by OpenSSL. */
#include "contimg/base_file.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

static void to_hex(char out[CI_SHA256_HEX], const unsigned char digest[32])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

ci_status ci_sha256_bytes(char out_hex[CI_SHA256_HEX], const void *data, size_t n)
{
    unsigned char digest[32];
    if (EVP_Digest(data, n, digest, NULL, EVP_sha256(), NULL) != 1)
        return ci_error(CI_ERR_INTERNAL, "SHA-256 failed");
    to_hex(out_hex, digest);
    return CI_OK;
}

static ci_status digest_fd(EVP_MD_CTX *context, int fd, const char *path, bool stops,
                           unsigned char digest[32])
{
    static _Thread_local char buffer[1 << 16];
    bool ok = EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (off_t at = 0;;) {
        if (stops && ci_stop_asked())
            return ci_error(CI_ERR_STOPPED,
                            "stopped on request while %s was read; run it again to resume", path);
        ssize_t n = pread(fd, buffer, sizeof buffer, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ci_error_errno(errno, path, "read");
        if (n == 0) break;
        at += n;
        ok = ok && EVP_DigestUpdate(context, buffer, (size_t)n) == 1;
    }
    if (!ok || EVP_DigestFinal_ex(context, digest, NULL) != 1)
        return ci_error(CI_ERR_INTERNAL, "%s: SHA-256 failed", path);
    return CI_OK;
}

static ci_status hash(char out_hex[CI_SHA256_HEX], int fd, const char *path, bool stops)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[32];
    ci_status status = context ? digest_fd(context, fd, path, stops, digest)
                               : ci_error(CI_ERR_MEMORY, "%s: no memory for SHA-256", path);
    EVP_MD_CTX_free(context);
    if (status == CI_OK) to_hex(out_hex, digest);
    return status;
}

ci_status ci_sha256_file(char out_hex[CI_SHA256_HEX], const char *path)
{
    int fd;
    CI_TRY(ci_file_open(&fd, path));
    ci_status status = hash(out_hex, fd, path, true);
    close(fd);
    return status;
}

ci_status ci_sha256_fd(char out_hex[CI_SHA256_HEX], int fd, const char *path)
{
    return hash(out_hex, fd, path, false);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that tell users apart without telling who they are. */
#include "agent/pseudonym.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "sipcore/sip_field.h"
#include "sipcore/sip_uri.h"

enum { KEY_OCTETS = 32, DIGEST_OCTETS = 16, TEXT_OCTETS = 2 * KEY_OCTETS + 1 /* digits and a line feed */ };

#define DOMAIN       "@pseudonym.invalid"
#define NEW_FILE     PSEUDONYM_KEY_FILE ".new"
#define DAMAGED_FILE PSEUDONYM_KEY_FILE ".damaged"

struct pseudonym {
    uint8_t key[KEY_OCTETS];
    struct err trouble; /* with the file, when it was read */
};

static int read_key(struct pseudonym *p, int dir, struct err *e);
static int keep_key(const struct pseudonym *p, int dir, struct err *e);

/* ---- the key ---------------------------------------------------------------------------------------------------- */

/* Make a new key, and keep it if that can be; one for this run will do. */
static bool
make_key(struct pseudonym *p, const char *state_dir, int dir, struct err *e)
{
    struct err why = { "" };

    if (getrandom(p->key, sizeof(p->key), 0) != (ssize_t)sizeof(p->key)) {
        err_sys(e, -errno, "no random numbers for a key");
        return false;
    }
    if (keep_key(p, dir, &why) < 0)
        log_line(LOG_LEVEL_WARNING, LOG_STATE,
                 "state directory %s: %s: the pseudonyms of users will be others after the next start",
                 state_dir, why.text);
    return true;
}

/* The key of the state directory, or a new one. */
static bool
find_key(struct pseudonym *p, const char *state_dir, int dir, struct err *e)
{
    struct err why = { "" };
    int code = read_key(p, dir, &why);

    if (code == 0)
        return true;
    if (code == -EBADMSG) {
        bool is_aside = renameat(dir, PSEUDONYM_KEY_FILE, dir, DAMAGED_FILE) == 0;

        log_line(LOG_LEVEL_ERROR, LOG_STATE, "%s/%s: %s: %s, users get new pseudonyms", state_dir,
                 PSEUDONYM_KEY_FILE, why.text, is_aside ? "kept as " DAMAGED_FILE : "it cannot be set aside");
        err_set(&p->trouble, code, "%.100s: %s, users got new ones", why.text,
                is_aside ? "kept as " DAMAGED_FILE : "it cannot be set aside");
    } else if (code != -ENOENT) {
        log_line(LOG_LEVEL_ERROR, LOG_STATE, "%s/%s: %s: users get other pseudonyms for this run", state_dir,
                 PSEUDONYM_KEY_FILE, why.text);
        err_set(&p->trouble, code, "%.100s: users have other ones for this run", why.text);
        dir = -1; /* what is there may be good */
    }
    return make_key(p, state_dir, dir, e);
}

struct pseudonym *
pseudonym_new(const char *state_dir, struct err *e)
{
    struct pseudonym *p = calloc(1, sizeof(*p));
    bool is_good;
    int dir;

    if (!p) {
        err_set(e, -ENOMEM, "no memory for pseudonyms");
        return NULL;
    }
    dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    is_good = dir < 0 ? make_key(p, state_dir, dir, e) : find_key(p, state_dir, dir, e);
    if (dir >= 0)
        close(dir);
    if (is_good)
        return p;
    pseudonym_free(p);
    return NULL;
}

void
pseudonym_free(struct pseudonym *p)
{
    if (!p)
        return;
    OPENSSL_cleanse(p, sizeof(*p));
    free(p);
}

const char *
pseudonym_trouble(const struct pseudonym *p)
{
    return p->trouble.text;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
parse_key(struct pseudonym *p, const char text[TEXT_OCTETS + 1], size_t octets)
{
    if (octets != TEXT_OCTETS || text[TEXT_OCTETS - 1] != '\n')
        return false;
    for (size_t i = 0; i < KEY_OCTETS; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        p->key[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* 0; -ENOENT; -EBADMSG: it is no key; another negative errno: it cannot be read, and is left alone. */
static int
read_key(struct pseudonym *p, int dir, struct err *e)
{
    char text[TEXT_OCTETS + 1];
    struct stat st;
    ssize_t n = -1;
    bool is_key;
    int code = 0, fd = openat(dir, PSEUDONYM_KEY_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ELOOP ? err_set(e, -EBADMSG, "it is a symbolic link")
                              : err_sys(e, -errno, "cannot open it");
    if (fstat(fd, &st) < 0)
        code = err_sys(e, -errno, "cannot look at it");
    else if (S_ISREG(st.st_mode))
        n = read(fd, text, sizeof(text));
    if (code == 0 && S_ISREG(st.st_mode) && n < 0)
        code = err_sys(e, -errno, "cannot read it");
    is_key = code == 0 && n >= 0 && parse_key(p, text, (size_t)n);
    OPENSSL_cleanse(text, sizeof(text));
    if (is_key && (st.st_mode & 077) != 0) {
        log_line(
            LOG_LEVEL_WARNING, LOG_STATE,
            "%s could be read by others, who may know by it who is behind a pseudonym; remove it for a new one",
            PSEUDONYM_KEY_FILE);
        if (fchmod(fd, 0600) < 0)
            log_line(LOG_LEVEL_WARNING, LOG_STATE, "%s: cannot set its mode: %s", PSEUDONYM_KEY_FILE,
                     strerror(errno));
    }
    close(fd);
    if (code < 0)
        return code;
    return is_key ? 0 : err_set(e, -EBADMSG, "damaged: it is no key");
}

static int
write_key(int fd, const struct pseudonym *p, struct err *e)
{
    static const char digits[] = "0123456789abcdef";
    char text[TEXT_OCTETS];
    ssize_t n;

    for (size_t i = 0; i < KEY_OCTETS; i++) {
        text[2 * i] = digits[p->key[i] >> 4];
        text[2 * i + 1] = digits[p->key[i] & 15];
    }
    text[TEXT_OCTETS - 1] = '\n';
    n = write(fd, text, sizeof(text));
    OPENSSL_cleanse(text, sizeof(text));
    if (n != (ssize_t)sizeof(text))
        return err_sys(e, n < 0 ? -errno : -ENOSPC, "cannot write %s", NEW_FILE);
    return fsync(fd) < 0 ? err_sys(e, -errno, "cannot write %s", NEW_FILE) : 0;
}

static int
keep_key(const struct pseudonym *p, int dir, struct err *e)
{
    int fd, code;

    if (dir < 0)
        return err_set(e, -EBADF, "the key cannot be kept");
    unlinkat(dir, NEW_FILE, 0); /* of one that was killed here */
    fd = openat(dir, NEW_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, -errno, "cannot make %s", NEW_FILE);
    code = write_key(fd, p, e);
    close(fd);
    if (code == 0 && renameat(dir, NEW_FILE, dir, PSEUDONYM_KEY_FILE) < 0)
        code = err_sys(e, -errno, "cannot make %s", PSEUDONYM_KEY_FILE);
    if (code < 0)
        unlinkat(dir, NEW_FILE, 0);
    else
        fsync(dir);
    return code;
}

/* ---- pseudonyms ------------------------------------------------------------------------------------------------- */

size_t
pseudonym_of(const struct pseudonym *p, struct span uri, char to[PSEUDONYM_OCTETS])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[EVP_MAX_MD_SIZE] = { 0 };
    unsigned octets = 0;
    char address[SIP_AOR_MAX];
    size_t length = sip_aor_canonical(uri, address);

    /* It cannot fail but for want of memory. Then there is no name, rather than a name that tells. */
    if (!HMAC(EVP_sha256(), p->key, KEY_OCTETS, (const uint8_t *)address, length, digest, &octets)) {
        to[0] = '\0';
        return 0;
    }
    for (size_t i = 0; i < DIGEST_OCTETS; i++) {
        to[2 * i] = digits[digest[i] >> 4];
        to[2 * i + 1] = digits[digest[i] & 15];
    }
    memcpy(to + 2 * DIGEST_OCTETS, DOMAIN, sizeof(DOMAIN));
    return 2 * DIGEST_OCTETS + sizeof(DOMAIN) - 1;
}

size_t
pseudonym_header(const struct pseudonym *p, struct span value, char to[PSEUDONYM_OCTETS + 8])
{
    struct sip_address address;
    char name[PSEUDONYM_OCTETS];

    pseudonym_of(p, sip_address_parse(value, &address) ? address.uri : value, name);
    return (size_t)snprintf(to, PSEUDONYM_OCTETS + 8, "<sip:%s>", name);
}

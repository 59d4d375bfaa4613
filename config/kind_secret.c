/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared secret of the collectors, in the configuration or in a file of its own. */
#include "config/kind.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_OCTETS = 512 };

/* Visible ASCII and spaces: what every sender's configuration can hold. */
static bool
is_key(const struct field *f, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return length >= f->min && length <= f->max;
}

static void
keep_key(struct loader *l, const struct field *f, const char *text, void *base)
{
    char *copy = field_copy(l, text);

    memcpy(field_member(f, base), &copy, sizeof(copy));
}

static void
key_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    if (node_is_null(n))
        return; /* none is asked for */
    if (n->kind != NODE_SCALAR || !is_key(f, n->text, n->length))
        field_refuse(l, f, n, NULL);
    else
        keep_key(l, f, n->text, base);
    if (n->kind == NODE_SCALAR && l->is_open_to_all) {
        field_warn(l, n,
                   "everybody may read the key in this file (chmod o-r it, or keep the key in a file of "
                   "its own: auth_key_file)");
        complaints_last_is_secret(l->complaints);
    }
}

static void
key_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "null or a key of %" PRIu64 " to %" PRIu64 " visible ASCII characters", f->min, f->max);
}

static void
key_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    const char *key;

    (void)indent;
    memcpy(&key, field_member_const(f, base), sizeof(key));
    fputs(key ? "\"(not shown)\"" : "null", out);
}

const struct kind kind_key = { .load = key_load, .expect = key_expect, .dump = key_dump, .is_secret = true };

/* Open a regular file that not everybody may read; else complains and returns -1. Who may not read it is told by
 * `is_hidden`: the agent has no use for it. */
static int
open_key_file(struct loader *l, const struct field *f, const struct node *n, bool *is_hidden)
{
    struct stat s;
    struct err e;
    int fd;

    /* Asked before opening too: to open a device can have effects. */
    if (stat(n->text, &s) == 0 && !S_ISREG(s.st_mode)) {
        field_refuse(l, f, n, "it is not a regular file");
        return -1;
    }
    fd = open(n->text, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    *is_hidden = fd < 0 && errno == EACCES;
    if (*is_hidden)
        return -1;
    if (fd < 0 || fstat(fd, &s) != 0) {
        err_sys(&e, -errno, "it cannot be read");
        field_refuse(l, f, n, "%s", e.text);
    } else if (!S_ISREG(s.st_mode)) {
        field_refuse(l, f, n, "it is not a regular file");
    } else if (s.st_mode & (S_IROTH | S_IWOTH)) {
        field_refuse(l, f, n, "its mode is %04o: everybody can reach the key; chmod o-rw it",
                     (unsigned)s.st_mode & 07777u);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Read the first line of a key file into `text`; its length, or -1 when it cannot be read or has more than one. */
static ssize_t
read_line(int fd, char text[KEY_FILE_OCTETS])
{
    size_t length = 0;
    ssize_t n;

    do {
        n = read(fd, text + length, KEY_FILE_OCTETS - 1 - length);
        if (n > 0)
            length += (size_t)n;
    } while ((n > 0 && length < KEY_FILE_OCTETS - 1) || (n < 0 && errno == EINTR));
    if (n < 0)
        return -1;
    if (length && text[length - 1] == '\n')
        length--;
    if (length && text[length - 1] == '\r')
        length--;
    text[length] = '\0';
    return (ssize_t)length;
}

static void
key_file_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    char text[KEY_FILE_OCTETS];
    char *key;
    ssize_t length;
    int fd;

    memcpy(&key, field_member(f, base), sizeof(key));
    if (!field_scalar(l, f, n))
        return;
    if (n->text[0] != '/' || strlen(n->text) != n->length) {
        field_refuse(l, f, n, "begin its path with /");
        return;
    }
    if (key) {
        field_complain(l, n, "expected a key in one place, got auth_key as well (remove one of them)");
        return;
    }
    fd = open_key_file(l, f, n, &((struct config *)base)->hep.key_is_hidden);
    if (fd < 0)
        return;
    length = read_line(fd, text);
    close(fd);
    if (length < 0 || !is_key(f, text, (size_t)length))
        field_refuse(l, f, n, "its content is no such key");
    else
        keep_key(l, f, text, base);
    explicit_bzero(text, sizeof(text));
}

static void
key_file_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "a file with one line, a key of %" PRIu64 " to %" PRIu64 " visible ASCII characters",
               f->min, f->max);
}

const struct kind kind_key_file = { .load = key_file_load, .expect = key_file_expect };

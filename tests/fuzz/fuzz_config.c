/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration loader. Whatever the file, it is refused with complaints or loaded; and what was loaded comes back
 * from its own dump as the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Load from memory; NULL when refused. */
static struct config *
load(const void *text, size_t length)
{
    static int fd = -1;
    char path[64];
    struct config *c;
    struct err e;
    char *complaints;
    size_t n;
    FILE *stream = open_memstream(&complaints, &n);
    int rc;

    if (fd < 0)
        fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, text, length, 0) != (ssize_t)length)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = config_load(path, &c, stream, &e);
    fclose(stream);
    if ((rc == 0) != (c != NULL) || (rc != 0 && n == 0)) /* a refusal says why */
        abort();
    if (rc == 0 && n > 0 && strstr(complaints, ": warning: ") == NULL) /* and only a warning is no refusal */
        abort();
    free(complaints);
    return c;
}

static char *
dump(const struct config *c, size_t *length)
{
    char *text;
    FILE *stream = open_memstream(&text, length);

    config_dump(c, stream);
    fclose(stream);
    return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = load(data, size), *again;
    char *text, *text_again;
    size_t length, length_again;

    if (!c)
        return 0;
    text = dump(c, &length);
    again = load(text, length);
    if (!again)
        abort();
    text_again = dump(again, &length_again);
    if (length != length_again || memcmp(text, text_again, length) != 0)
        abort();
    free(text);
    free(text_again);
    config_free(c);
    config_free(again);
    return 0;
}

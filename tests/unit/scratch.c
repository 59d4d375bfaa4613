/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of files need. */
#include "tests/unit/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
insist(bool claim, const char *what)
{
    if (claim)
        return;
    perror(what);
    abort();
}

static void
set_template(char path[PATH_MAX])
{
    const char *base = getenv("TMPDIR");

    snprintf(path, PATH_MAX, "%s/sipmib-test-XXXXXX", base && *base ? base : "/tmp");
}

int
scratch_file(char path[PATH_MAX])
{
    set_template(path);
    return mkstemp(path);
}

void
scratch_make(char dir[PATH_MAX])
{
    set_template(dir);
    insist(mkdtemp(dir) != NULL, dir);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void
scratch_remove(const char *dir)
{
    insist(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0, dir);
}

unsigned
scratch_count(const char *dir, const char *instance, const char *suffix, char name[NAME_MAX + 1])
{
    char path[PATH_MAX + NAME_MAX + 2];
    struct dirent *entry;
    unsigned found = 0;
    DIR *d;

    snprintf(path, sizeof(path), "%s/%s", dir, instance);
    d = opendir(path);
    if (!d)
        return 0;
    while ((entry = readdir(d))) {
        size_t length = strlen(entry->d_name);

        if (length < strlen(suffix) || strcmp(entry->d_name + length - strlen(suffix), suffix) != 0)
            continue;
        found++;
        if (name)
            strcpy(name, entry->d_name);
    }
    closedir(d);
    return found;
}

void
scratch_unhex(const char *name, const char *path)
{
    const char *top = getenv("top_srcdir");
    char line[512], source[PATH_MAX];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    FILE *from;

    snprintf(source, sizeof(source), "%s/tests/unit/old/%s", top ? top : "..", name);
    from = fopen(source, "r");
    insist(from != NULL, source);
    insist(fd >= 0, path);
    while (fgets(line, sizeof(line), from)) {
        unsigned long long at;
        unsigned octet;
        int used, more;

        if (sscanf(line, "octets %llu", &at) == 1)
            insist(ftruncate(fd, (off_t)at) == 0, path);
        else if (sscanf(line, "%llx%n", &at, &used) == 1)
            for (; sscanf(line + used, "%2x%n", &octet, &more) == 1; used += more)
                insist(pwrite(fd, &(uint8_t){ (uint8_t)octet }, 1, (off_t)at++) == 1, path);
    }
    fclose(from);
    close(fd);
}

void
scratch_lane_open(struct scratch_lane *s, uint32_t ring_octets)
{
    struct lane_writer_options options = { .instance = "edge",
                                           .software = "test/1",
                                           .ring_octets = ring_octets };
    char path[PATH_MAX + 8];

    memset(s, 0, sizeof(*s));
    scratch_make(s->dir);
    options.dir = s->dir;
    insist(lane_writer_open(&s->writer, &options, &s->e) == 0, s->e.text);
    insist(scratch_count(s->dir, "edge", LANE_SUFFIX, s->name) == 1, "lane");
    snprintf(path, sizeof(path), "%s/edge", s->dir);
    s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    insist(s->dir_fd >= 0, path);
    insist(lane_reader_open(&s->reader, s->dir_fd, s->name, &s->e) == 0, s->e.text);
}

void
scratch_lane_close(struct scratch_lane *s)
{
    lane_reader_close(&s->reader);
    lane_writer_close(&s->writer);
    close(s->dir_fd);
    scratch_remove(s->dir);
}

void
scratch_lane_poke(const struct scratch_lane *s, uint64_t offset, uint64_t word)
{
    int fd = openat(s->dir_fd, s->name, O_WRONLY | O_CLOEXEC);

    insist(fd >= 0, s->name);
    insist(pwrite(fd, &word, sizeof(word), (off_t)offset) == sizeof(word), s->name);
    close(fd);
}

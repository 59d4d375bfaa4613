/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzz target over files, without a fuzzer and with any compiler: those named on the command line, or
 * else the seeds of the target this program is called after (replay_sip: tests/fuzz/seeds/fuzz_sip below
 * $top_srcdir). Directories stand for the files in them. Each input lies in memory of just its size, so that
 * a sanitizer sees its end. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned runs;

static int
complain(const char *path)
{
    perror(path);
    return 1;
}

static int
run_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    FILE *file = fopen(path, "rb");
    int status = 0;

    if (file == NULL || data == NULL || fread(data, 1, size, file) != size)
        status = complain(path);
    else
        LLVMFuzzerTestOneInput(data, size);
    runs++;
    if (file != NULL)
        fclose(file);
    free(data);
    return status;
}

static int
run(const char *path)
{
    struct stat st;
    struct dirent *entry;
    DIR *directory;
    int status = 0;

    if (stat(path, &st) != 0)
        return complain(path);
    if (!S_ISDIR(st.st_mode))
        return run_file(path, (size_t)st.st_size);
    directory = opendir(path);
    if (directory == NULL)
        return complain(path);
    while ((entry = readdir(directory)) != NULL) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        status |= run(name);
    }
    closedir(directory);
    return status;
}

int
main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir"), *target = strstr(argv[0], "replay_");
    char seeds[4096];
    int status = 0;

    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            status |= run(argv[i]);
    } else if (target != NULL) {
        snprintf(seeds, sizeof(seeds), "%s/tests/fuzz/seeds/fuzz_%s", top != NULL ? top : ".",
                 target + strlen("replay_"));
        status = run(seeds);
    }
    printf("%u inputs\n", runs);
    return status != 0 || runs == 0;
}

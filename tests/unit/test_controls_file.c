/* SPDX-License-Identifier: BSD-2-Clause */
/* sipCommonCfgServiceNotifEnable on disk: what is kept, what counts as damaged, and what a directory that
 * does not work does to SETs. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/log.h"
#include "mib/snapshot.h"
#include "tests/unit/controls_fixture.h"
#include "tests/unit/sandbox.h"

enum { LINES_MAX = 4096 };

static struct controls_fixture f;
static char path[PATH_MAX + 32], text[256 * 1024];
static int log_fd;

/* What is said goes to a file that nobody sees. */
static void
begin(void)
{
    controls_fixture_open(&f);
    snprintf(path, sizeof(path), "%s/" CONTROLS_FILE, f.dir);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    cr_assert(log_fd >= 0);
    cr_assert(dup2(log_fd, STDERR_FILENO) >= 0);
    log_init("test", LOG_LEVEL_INFO, false);
}

static void
end(void)
{
    close(log_fd);
    controls_fixture_close(&f);
}

TestSuite(controls_file, .init = begin, .fini = end);

/* All that was said since the last call. */
static const char *
said(void)
{
    static off_t at;
    ssize_t n = pread(log_fd, text, sizeof(text) - 1, at);

    text[n > 0 ? n : 0] = '\0';
    at += n > 0 ? n : 0;
    return text;
}

static const char *
file_text(void)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void
put_file(const char *content, size_t octets)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

    cr_assert(fd >= 0);
    cr_assert(eq(i64, write(fd, content, octets), (ssize_t)octets));
    close(fd);
}

static void
put_text(const char *content)
{
    put_file(content, strlen(content));
}

static int
notify(uint32_t appl_index, unsigned bits)
{
    return controls_fixture_set(&f, controls_fixture_notify(appl_index, bits));
}

static unsigned
files(void)
{
    DIR *d = opendir(f.dir);
    unsigned n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static bool
exists(const char *name)
{
    char other[PATH_MAX + 64];

    snprintf(other, sizeof(other), "%s/%s", f.dir, name);
    return faccessat(AT_FDCWD, other, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *
trouble(void)
{
    static struct controls_stats stats;

    controls_stats_get(f.controls, &stats);
    return stats.trouble;
}

/* ---- what is kept ----------------------------------------------------------------------------------------------- */

Test(controls_file, has_the_defaults_where_nothing_was_set)
{
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_DEFAULT));
    cr_assert(eq(uint, files(), 0), "nothing is written before anything is set");
    cr_assert(eq(str, (char *)said(), ""));
}

Test(controls_file, is_text_that_says_it_all)
{
    cr_assert(eq(int, notify(9, 0), 0));
    cr_assert(eq(int, notify(7, 7), 0));
    cr_assert(
        eq(str, (char *)file_text(),
           "sipmib settings 1\nnotify edge coldStart warmStart statusChanged\nnotify ua none\nend 2\n"));
    cr_assert(eq(uint, files(), 1), "no temporary file stays");
}

Test(controls_file, is_not_for_everybody)
{
    struct stat st;

    umask(0);
    notify(7, 0);
    cr_assert(eq(int, stat(path, &st), 0));
    cr_assert(eq(uint, st.st_mode & 07777, 0640));
}

Test(controls_file, survives_a_restart)
{
    notify(7, SNAP_NOTIFY_STATUS_CHANGED);
    notify(9, 0);
    controls_fixture_restart(&f);
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_STATUS_CHANGED));
    cr_assert(eq(uint, controls_fixture_notified(&f, "ua"), 0));
    cr_assert(eq(str, (char *)said(), ""));
}

Test(controls_file, keeps_a_value_that_happens_to_be_the_default)
{
    cr_assert(eq(int, notify(7, SNAP_NOTIFY_DEFAULT), 0));
    cr_assert(eq(str, (char *)file_text(), "sipmib settings 1\nnotify edge coldStart warmStart\nend 1\n"));
}

Test(controls_file, is_not_written_when_it_says_so_already)
{
    struct stat before, after;

    notify(7, 0);
    cr_assert(eq(int, stat(path, &before), 0));
    cr_assert(eq(int, notify(7, 0), 0));
    cr_assert(eq(int, stat(path, &after), 0));
    cr_assert(eq(u64, before.st_ino, after.st_ino));
}

Test(controls_file, keeps_lines_of_instances_that_are_configured_no_longer)
{
    put_text("sipmib settings 1\nnotify gone none\nend 1\n");
    controls_fixture_restart(&f);
    notify(7, SNAP_NOTIFY_STATUS_CHANGED);
    cr_assert(eq(str, (char *)file_text(),
                 "sipmib settings 1\nnotify edge statusChanged\nnotify gone none\nend 2\n"));
}

Test(controls_file, takes_lines_in_any_order)
{
    static const char lines[] = "sipmib settings 1\nnotify ua none\nnotify edge warmStart coldStart\nend 2\n";

    put_text(lines);
    controls_fixture_restart(&f);
    cr_assert(eq(uint, controls_fixture_notified(&f, "ua"), 0));
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_DEFAULT));
    cr_assert(eq(str, (char *)said(), ""));
}

static size_t
write_many(char *to, unsigned lines)
{
    size_t used = (size_t)sprintf(to, "sipmib settings 1\n");

    for (unsigned i = 0; i < lines; i++)
        used += (size_t)sprintf(to + used, "notify old-%u none\n", i);
    return used + (size_t)sprintf(to + used, "end %u\n", lines);
}

Test(controls_file, makes_room_by_forgetting_an_instance_that_has_gone)
{
    put_file(text, write_many(text, LINES_MAX));
    controls_fixture_restart(&f);
    cr_assert(eq(str, (char *)said(), ""));
    cr_assert(eq(int, notify(7, 0), 0));
    cr_assert(ne(ptr, strstr(said(), "old-0, which is configured no longer"), NULL));
    cr_assert(ne(ptr, strstr(file_text(), "\nend 4096\n"), NULL));
    cr_assert(ne(ptr, strstr(text, "\nnotify edge none\n"), NULL));
    cr_assert(eq(ptr, strstr(text, "\nnotify old-0 none\n"), NULL));
}

Test(controls_file, is_written_over_a_temporary_file_that_was_left)
{
    char left[PATH_MAX + 64];

    snprintf(left, sizeof(left), "%s/" CONTROLS_FILE ".new", f.dir);
    cr_assert(eq(int, symlink("/dev/full", left), 0), "and nothing is written through it");
    cr_assert(eq(int, notify(7, 0), 0));
    cr_assert(eq(str, (char *)file_text(), "sipmib settings 1\nnotify edge none\nend 1\n"));
    cr_assert(eq(uint, files(), 1));
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

/* What is there is damaged: set aside and shown once, the defaults in force, and a SET makes a good one. */
static void
assert_damaged(const char *what)
{
    controls_fixture_restart(&f);
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_DEFAULT), "%s", what);
    cr_assert(exists(CONTROLS_FILE ".damaged"), "%s", what);
    cr_assert(not(exists(CONTROLS_FILE)), "%s", what);
    cr_assert(ne(int, trouble()[0], '\0'), "%s", what);
    controls_fixture_restart(&f);
    cr_assert(eq(int, trouble()[0], '\0'), "%s: said once", what);
    cr_assert(eq(int, notify(7, 0), 0), "%s", what);
    cr_assert(eq(str, (char *)file_text(), "sipmib settings 1\nnotify edge none\nend 1\n"), "%s", what);
}

Test(controls_file, is_said_to_be_damaged_and_what_to_do_about_it)
{
    put_text("sipmib settings 1\nnotify edge \033[2J\nend 1\n");
    controls_fixture_restart(&f);
    cr_assert(ne(ptr, strstr(said(), "settings: line 2: expected"), NULL));
    cr_assert(ne(ptr, strstr(text, "got \"notify edge \\x1b[2J\""), NULL), "%s", text);
    cr_assert(ne(ptr, strstr(text, "renamed to " CONTROLS_FILE ".damaged"), NULL));
    cr_assert(ne(ptr, strstr(text, "set sipCommonCfgServiceNotifEnable again"), NULL));
    controls_fixture_restart(&f);
    cr_assert(eq(str, (char *)said(), ""));
}

Test(controls_file, is_damaged_when_any_of_it_is_missing)
{
    static const char whole[] = "sipmib settings 1\nnotify edge statusChanged\nend 1\n";

    for (size_t octets = 0; octets < sizeof(whole) - 1; octets++) {
        char what[64];

        snprintf(what, sizeof(what), "cut to %zu octets", octets);
        put_file(whole, octets);
        assert_damaged(what);
    }
}

Test(controls_file, of_a_newer_version_is_left_as_it_is)
{
    struct err e;

    put_text("sipmib settings 2\nwhatever\n");
    controls_fixture_restart(&f);
    cr_assert(eq(int, controls_check_version(f.controls, &e), -EPROTONOSUPPORT));
    cr_assert(strstr(e.text, "newer sipmibd (version 2") != NULL, "%s", e.text);
    cr_assert(eq(str, (char *)file_text(), "sipmib settings 2\nwhatever\n"));
}

Test(controls_file, is_damaged_when_it_says_anything_else)
{
    static const char *const bad[] = {
        "sipmib settings 0\nend 0\n",
        "sipmib settings 2 \nend 0\n",
        "sipmib settings 1 \nend 0\n",
        "\nsipmib settings 1\nend 0\n",
        "sipmib settings 1\nend 1\n",
        "sipmib settings 1\nend 00\n",
        "sipmib settings 1\nend 0\n\n",
        "sipmib settings 1\nend 0\nend 0\n",
        "sipmib settings 1\nend 0\nx",
        "sipmib settings 1\nnotify edge statusChanged\nend 2\n",
        "sipmib settings 1\nnotify edge\nend 1\n",
        "sipmib settings 1\nnotify edge \nend 1\n",
        "sipmib settings 1\nnotify  edge none\nend 1\n",
        "sipmib settings 1\nnotify edge none \nend 1\n",
        "sipmib settings 1\nnotify edge none coldStart\nend 1\n",
        "sipmib settings 1\nnotify edge coldStart none\nend 1\n",
        "sipmib settings 1\nnotify edge coldStart coldStart\nend 1\n",
        "sipmib settings 1\nnotify edge coldstart\nend 1\n",
        "sipmib settings 1\nnotify edge lukewarmStart\nend 1\n",
        "sipmib settings 1\nnotify .edge none\nend 1\n",
        "sipmib settings 1\nnotify ed/ge none\nend 1\n",
        "sipmib settings 1\nnotify edge none\nnotify edge none\nend 2\n",
        "sipmib settings 1\nnotify edge none\n\nend 2\n",
        "sipmib settings 1\n# by hand\nend 1\n",
        "sipmib settings 1\r\nend 0\r\n",
        "sipmib settings 1\nallow edge none\nend 1\n",
        "sipmib settings 1\nnotify a-name-of-64-octets-is-one-octet-longer-than-any-name-that-can-be64 none\nend 1\n",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put_text(bad[i]);
        assert_damaged(bad[i]);
    }
}

Test(controls_file, is_damaged_when_an_octet_is_zero)
{
    put_file("sipmib settings 1\nnotify edge none\0\nend 1\n", 42);
    assert_damaged("zero");
}

Test(controls_file, is_damaged_when_a_line_has_no_end_or_there_are_too_many)
{
    memset(text, 'x', 4096);
    put_file(text, 4096);
    assert_damaged("one long line");
    put_file(text, write_many(text, LINES_MAX + 1));
    assert_damaged("too many");
}

Test(controls_file, is_damaged_when_it_is_too_long_to_be_one)
{
    put_file("", 0);
    cr_assert(eq(int, truncate(path, 64 << 20), 0));
    assert_damaged("long");
}

Test(controls_file, is_damaged_when_it_is_no_file)
{
    char elsewhere[PATH_MAX + 64];

    cr_assert(eq(int, symlink("/etc/passwd", path), 0));
    assert_damaged("link");
    unlink(path);
    snprintf(elsewhere, sizeof(elsewhere), "%s/" CONTROLS_FILE ".damaged", f.dir);
    unlink(elsewhere);
    cr_assert(eq(int, mkfifo(path, 0600), 0));
    assert_damaged("fifo");
    unlink(path);
    unlink(elsewhere);
    cr_assert(eq(int, mkdir(path, 0700), 0));
    assert_damaged("directory");
}

Test(controls_file, stays_where_it_is_when_it_cannot_be_renamed)
{
    char in_the_way[PATH_MAX + 64];

    snprintf(in_the_way, sizeof(in_the_way), "%s/" CONTROLS_FILE ".damaged", f.dir);
    cr_assert(eq(int, mkdir(in_the_way, 0700), 0));
    put_text("nonsense");
    controls_fixture_restart(&f);
    cr_assert(ne(ptr, strstr(said(), "it stays there"), NULL));
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_DEFAULT));
}

/* ---- directories that do not work ------------------------------------------------------------------------------- */

/* A state directory that is not there yet. */
static void
start_without_directory(char dir[PATH_MAX + 16])
{
    snprintf(dir, PATH_MAX + 16, "%.*s/later", PATH_MAX - 1, f.dir);
    controls_free(f.controls);
    f.controls = controls_new(dir, &f.e);
    cr_assert(ne(ptr, f.controls, NULL));
    controls_fixture_follow(&f);
}

Test(controls_file, works_without_a_directory_until_something_is_to_be_kept)
{
    char dir[PATH_MAX + 16];
    struct mib_change change = controls_fixture_change("BYE", 481);

    start_without_directory(dir);
    cr_assert(ne(ptr, strstr(said(), "cannot open it: No such file or directory"), NULL));
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_DEFAULT));
    cr_assert(eq(int, notify(7, 0), -ENOENT));
    cr_assert(ne(ptr, strstr(f.e.text, "later: cannot open it"), NULL));
    cr_assert(ne(ptr, strstr(trouble(), "later: cannot open it"), NULL));
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_DEFAULT));
    cr_assert(eq(str, (char *)said(), ""), "who asked has been told");
    change.creates = true;
    cr_assert(eq(int, controls_fixture_set(&f, change), 0), "rows are not kept, and need no directory");
}

Test(controls_file, takes_a_directory_that_comes_later)
{
    char dir[PATH_MAX + 16];

    start_without_directory(dir);
    cr_assert(eq(int, mkdir(dir, 0700), 0));
    snprintf(path, sizeof(path), "%s/" CONTROLS_FILE, dir);
    put_text("sipmib settings 1\nnotify ua none\nend 1\n");
    cr_assert(eq(int, notify(7, SNAP_NOTIFY_STATUS_CHANGED), 0));
    cr_assert(eq(uint, controls_fixture_notified(&f, "ua"), 0), "nothing is written over what was there");
    cr_assert(eq(str, (char *)file_text(),
                 "sipmib settings 1\nnotify edge statusChanged\nnotify ua none\nend 2\n"));
    cr_assert(eq(int, trouble()[0], '\0'));
}

Test(controls_file, takes_a_directory_that_comes_later_at_a_reload)
{
    char dir[PATH_MAX + 16];

    start_without_directory(dir);
    cr_assert(eq(int, mkdir(dir, 0700), 0));
    snprintf(path, sizeof(path), "%s/" CONTROLS_FILE, dir);
    put_text("sipmib settings 1\nnotify ua none\nend 1\n");
    controls_fixture_follow(&f);
    cr_assert(eq(uint, controls_fixture_notified(&f, "ua"), 0));
}

/* Everything in one SET or nothing: the row does not come when the file cannot be written. */
static bool
changes_nothing(void)
{
    struct mib_change changes[2] = { controls_fixture_change("BYE", 481), controls_fixture_notify(7, 0) };
    struct controls_undo *undo;

    changes[0].creates = true;
    return controls_apply(f.controls, changes, 2, FIXTURE_NOW, &undo, &f.e) < 0 && undo == NULL &&
           controls_fixture_notified(&f, "edge") == SNAP_NOTIFY_STATUS_CHANGED &&
           strcmp(controls_fixture_rows(&f, "edge"), "INVITE.486 MESSAGE.503") == 0 && files() == 1 &&
           strcmp(file_text(), "sipmib settings 1\nnotify edge statusChanged\nend 1\n") == 0 &&
           trouble()[0] != '\0';
}

static int
fails_to_sync(void)
{
    return sandbox_refuse_flags(SYS_fsync, 0, 0, EIO) ? changes_nothing() : SANDBOX_SKIP;
}

static int
fails_to_write_back(void)
{
    struct mib_change change = controls_fixture_notify(7, 0);
    struct controls_undo *undo;

    if (controls_apply(f.controls, &change, 1, FIXTURE_NOW, &undo, &f.e) < 0)
        return false;
    if (!sandbox_refuse_flags(SYS_fsync, 0, 0, EIO))
        return SANDBOX_SKIP;
    return controls_undo(f.controls, undo, &f.e) == -EIO &&
           controls_fixture_notified(&f, "edge") == SNAP_NOTIFY_STATUS_CHANGED &&
           strcmp(file_text(), "sipmib settings 1\nnotify edge none\nend 1\n") == 0 && trouble()[0] != '\0';
}

static int
fails_without_room(void)
{
    if (!sandbox_mount_tmpfs(f.dir, "size=4k,nr_inodes=3"))
        return SANDBOX_SKIP;
    /* One page: the file fits, the one beside it does not. */
    if (notify(7, SNAP_NOTIFY_STATUS_CHANGED) != 0)
        return false;
    return changes_nothing();
}

static void
assert_in_child(int (*claim)(void))
{
    int result = sandbox_run(claim);

    if (result == SANDBOX_SKIP) {
        end(); /* a test that is skipped is not cleaned up after */
        cr_skip("cannot do that here");
    }
    cr_assert(eq(int, result, true));
}

Test(controls_file, changes_nothing_when_the_disk_fails)
{
    cr_assert(eq(int, notify(7, SNAP_NOTIFY_STATUS_CHANGED), 0));
    assert_in_child(fails_to_sync);
}

Test(controls_file, changes_nothing_when_the_disk_is_full)
{
    assert_in_child(fails_without_room);
}

Test(controls_file, takes_back_what_is_in_force_even_when_it_cannot_be_written_back)
{
    cr_assert(eq(int, notify(7, SNAP_NOTIFY_STATUS_CHANGED), 0));
    assert_in_child(fails_to_write_back);
}

Test(controls_file, goes_back_with_a_set_that_is_taken_back)
{
    struct mib_change change = controls_fixture_notify(7, 0);
    struct controls_undo *undo;

    notify(7, SNAP_NOTIFY_STATUS_CHANGED);
    cr_assert(eq(int, controls_apply(f.controls, &change, 1, FIXTURE_NOW, &undo, NULL), 0));
    cr_assert(eq(str, (char *)file_text(), "sipmib settings 1\nnotify edge none\nend 1\n"));
    cr_assert(eq(int, controls_undo(f.controls, undo, NULL), 0));
    cr_assert(eq(str, (char *)file_text(), "sipmib settings 1\nnotify edge statusChanged\nend 1\n"));
}

/* Where the new file would be made. */
static void
block_writing(char block[PATH_MAX + 64])
{
    snprintf(block, PATH_MAX + 64, "%s/" CONTROLS_FILE ".new", f.dir);
    cr_assert(eq(int, mkdir(block, 0700), 0));
}

Test(controls_file, is_written_again_after_a_set_could_not_be_taken_back_in_it)
{
    struct mib_change change = controls_fixture_notify(7, 0);
    struct controls_undo *undo;
    char block[PATH_MAX + 64];

    cr_assert(eq(int, notify(7, SNAP_NOTIFY_STATUS_CHANGED), 0));
    cr_assert(eq(int, controls_apply(f.controls, &change, 1, FIXTURE_NOW, &undo, NULL), 0));
    block_writing(block);
    cr_assert(lt(int, controls_undo(f.controls, undo, NULL), 0));
    cr_assert(lt(int, notify(7, SNAP_NOTIFY_WARM_START), 0), "one that fails changes nothing about that");
    cr_assert(eq(int, rmdir(block), 0));
    cr_assert(eq(str, (char *)file_text(), "sipmib settings 1\nnotify edge none\nend 1\n"), "it is behind");
    cr_assert(eq(int, notify(7, SNAP_NOTIFY_STATUS_CHANGED), 0), "what is in force already");
    controls_fixture_restart(&f);
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_STATUS_CHANGED));
}

Test(controls_file, is_said_at_the_start_when_it_cannot_be_written)
{
    if (geteuid() == 0) {
        end();
        cr_skip("root may write everywhere");
    }
    chmod(f.dir, 0500);
    controls_fixture_restart(&f);
    cr_assert(ne(ptr, strstr(said(), "cannot write to it"), NULL));
    cr_assert(eq(int, notify(7, 0), -EACCES));
    chmod(f.dir, 0700);
    cr_assert(eq(int, notify(7, 0), 0));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a fault point does: look whether the harness wants something to happen here. */
#include "tests/stress/faults_control.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sipcore/fault.h"
#include "tests/stress/faults_points.h"

static const char *const points[] = {
#define X(who, name) name,
    FAULTS_POINTS(X)
#undef X
};
enum { POINTS = sizeof(points) / sizeof(points[0]) };
_Static_assert(sizeof(points) / sizeof(points[0]) <= (size_t)FAULTS_POINTS_MAX,
               "the control file has room for all points");

static struct faults_control *control;

/* Permissions bind this process, whoever started it. */
static void
obey_permissions(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) != 0)
        return;
    data[0].effective &= ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH);
    data[0].permitted &= ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH);
    syscall(SYS_capset, &header, data);
}

__attribute__((constructor)) static void
prepare(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p = MAP_FAILED;

    if (fd >= 0)
        p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (p == MAP_FAILED)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    obey_permissions();
    control = p;
}

struct faults_control *
faults_control(void)
{
    return control;
}

static unsigned
place_of(const char *name)
{
    unsigned k = 0;

    while (k < POINTS && strcmp(points[k], name) != 0)
        k++;
    if (k < POINTS)
        return k;
    fprintf(stderr, "fault point %s is in no table\n", name);
    abort();
}

void
fault_point(const char *name)
{
    unsigned k = place_of(name);
    uint64_t action;

    if (!control)
        return;
    atomic_fetch_add(&control->passed[k], 1);
    if (atomic_load(&control->armed) != k + 1)
        return;
    if (atomic_load(&control->countdown) > 0) {
        atomic_fetch_sub(&control->countdown, 1);
        return;
    }
    atomic_store(&control->armed, 0);
    action = atomic_load(&control->action);
    if (action == FAULTS_KILL) {
        atomic_fetch_add(&control->killed[k], 1);
        kill(getpid(), SIGKILL);
    } else if (action == FAULTS_STOP) {
        atomic_fetch_add(&control->stopped[k], 1);
        kill(getpid(), SIGSTOP);
    }
}

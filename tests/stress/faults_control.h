/* SPDX-License-Identifier: BSD-2-Clause */
/* The file through which the fault harness commands one process and hears of it: 64-bit words that both map. A kill
 * leaves them as they were. */
#ifndef TESTS_STRESS_FAULTS_CONTROL_H
#define TESTS_STRESS_FAULTS_CONTROL_H

#include <stdatomic.h>
#include <stdint.h>

enum { FAULTS_POINTS_MAX = 64, FAULTS_MESSAGES_MAX = 32, FAULTS_USERS = 16 };

enum faults_action { FAULTS_KILL = 1, FAULTS_STOP = 2 };

/* Of a message: announced before the library is called, done after. What is served lies between the two. */
struct faults_message {
    _Atomic uint64_t announced, done;
};

/* faults_process.py has the same, word by word. */
struct faults_control {
    _Atomic uint64_t armed;         /* the place of a point in the table, from 1; 0: none */
    _Atomic uint64_t countdown;     /* the point is passed so often before */
    _Atomic uint64_t action;        /* enum faults_action */
    _Atomic int64_t clock_offset_s; /* of the wall clock */
    _Atomic uint64_t is_full;       /* nothing can be allocated or written */
    _Atomic uint64_t reserved[11];
    _Atomic uint64_t passed[FAULTS_POINTS_MAX];
    _Atomic uint64_t killed[FAULTS_POINTS_MAX];
    _Atomic uint64_t stopped[FAULTS_POINTS_MAX];
    /* of writers */
    _Atomic uint64_t is_held; /* do nothing */
    _Atomic uint64_t is_idle; /* it does nothing */
    _Atomic uint64_t reopen;  /* let go of the lane, and take another */
    _Atomic uint64_t refresh; /* report all users again */
    _Atomic uint64_t lanes;   /* opened until now */
    _Atomic uint64_t refused; /* times that none could be opened */
    _Atomic uint64_t reserved_too[10];
    struct faults_message messages[FAULTS_MESSAGES_MAX];
    struct faults_message users[FAULTS_USERS]; /* versions of bindings */
};

/* Map $FAULTS_CONTROL; NULL without. The same each time. */
struct faults_control *faults_control(void);

#endif

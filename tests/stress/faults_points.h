/* SPDX-License-Identifier: BSD-2-Clause */
/* Every fault point of the tree, and whose it is: W is passed by a writer, A by the agent, C by the child that looks at
 * a store for it. Those of LMDB lie around the writes of its commit (faults_system.c). The harness reads this table. */
#ifndef TESTS_STRESS_FAULTS_POINTS_H
#define TESTS_STRESS_FAULTS_POINTS_H

#define FAULTS_POINTS(X)       \
    X(W, "file.directory")     \
    X(W, "file.made")          \
    X(W, "file.allocated")     \
    X(W, "lane.locked")        \
    X(W, "lane.written")       \
    X(W, "lane.mapped")        \
    X(W, "lane.linked")        \
    X(W, "lane.pointed")       \
    X(W, "lane.closing")       \
    X(W, "lane.closed")        \
    X(C, "start.probing")      \
    X(A, "start.locked")       \
    X(A, "start.read")         \
    X(A, "start.scanned")      \
    X(A, "start.reconciled")   \
    X(A, "attach.opened")      \
    X(A, "attach.added")       \
    X(A, "register.put")       \
    X(A, "register.committed") \
    X(A, "retire.read")        \
    X(A, "retire.added")       \
    X(A, "retire.put")         \
    X(A, "retire.committed")   \
    X(A, "retire.forgotten")   \
    X(A, "retire.unlink")      \
    X(A, "retire.unlinked")    \
    X(A, "batch.begun")        \
    X(A, "batch.place")        \
    X(A, "batch.rows")         \
    X(A, "batch.commit")       \
    X(A, "batch.committed")    \
    X(A, "lmdb.pages")         \
    X(A, "lmdb.meta")          \
    X(A, "lmdb.done")          \
    X(A, "store.put_all")      \
    X(A, "store.replaced")     \
    X(A, "settings.made")      \
    X(A, "settings.written")   \
    X(A, "settings.renamed")

#endif

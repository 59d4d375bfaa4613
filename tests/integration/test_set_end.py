#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""sipmibd is ended in the middle of a SET: one that the manager was told of is kept, though the master's last word comes
together with SIGTERM; one that the master never said it keeps is taken back."""

import os
import signal
import struct

import agentx
import harness
import manager
import master
from master import CLEANUP_SET, COMMIT_SET, RESPONSE, TEST_SET, pdu

ENABLE = agentx.oid(manager.NOTIFY_ENABLE + ".1")
OF_NONE = struct.pack(">HH", 4, 0) + ENABLE + struct.pack(">IB3x", 1, 0)


def settings(site):
    path = os.path.join(site.state_dir, "settings")
    if not os.path.exists(path):
        return ""
    with open(path, encoding="ascii") as f:
        return f.read()


def ask(session, kind, payload=b"", packet=1):
    """The error status of the answer; what else the agent says meanwhile is answered."""
    session.socket.sendall(pdu(kind, payload, packet=packet))
    while True:
        got = session.take()
        if got[0] == RESPONSE and got[4] == packet:
            return struct.unpack(">H", got[5][4:6])[0]
        if got[0] != RESPONSE:
            session.answer(got)


def end(report, claim, last_word, is_kept):
    with harness.Site("set-end-") as site:
        site.write_config(["{name: edge, appl_index: 1, roles: [proxy_server]}"])
        m = master.Master(site.agentx_socket)
        agent = site.start_sipmibd(wait=False)
        session = m.accept()
        before = settings(site)
        errors = [ask(session, TEST_SET, OF_NONE, 101), ask(session, COMMIT_SET, packet=102)]
        done = settings(site)
        report.check("%s: it was done" % claim, errors == [0, 0] and done != before, "%s %s" % (errors, done))
        agent.signal(signal.SIGSTOP)
        if last_word:
            session.socket.sendall(pdu(CLEANUP_SET, packet=103))
        agent.signal(signal.SIGTERM)
        agent.signal(signal.SIGCONT)
        report.equal("%s: it ends well" % claim, 0, agent.popen.wait(20))
        report.check("%s: it is %s" % (claim, "kept" if is_kept else "taken back"), (settings(site) == done) == is_kept,
                     settings(site))
        session.close()
        m.close()


def main():
    report = harness.Report()
    end(report, "a SET that is over", True, True)
    end(report, "a SET that is not over", False, False)
    report.exit()


main()

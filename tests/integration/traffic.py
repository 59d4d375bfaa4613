# SPDX-License-Identifier: BSD-2-Clause
"""The SIP traffic of the tests and the demonstration: SIPp playing the users around a server."""

import harness
import sipp

# name, steps, who is called, what a reader may want to know
LIBRE_CALLERS = [
    ("registrations", sipp.register(600, 300, 0), "bob", "register, refresh, unregister"),
    ("calls", sipp.CALL, "alice", "INVITE, 180, 200, ACK, BYE"),
    ("calls ended by the server", sipp.CALLED_AND_LEFT, "hangup", "its BYE"),
    ("calls to nobody", sipp.refused(404), "nobody", "404"),
    ("calls to a busy user", sipp.refused(486), "busy", "486"),
    ("calls to one who is away", sipp.refused(480), "away", "480"),
    ("cancelled calls", sipp.CANCELLED, "slow", "CANCEL, 487"),
    ("calls with a late ACK", sipp.LATE_ACK, "alice", "2xx sent again until the ACK"),
    ("messages answered late", sipp.request("MESSAGE", 200, sipp.LATE_T1_MS), "late", "requests sent again"),
    ("capability queries", sipp.request("OPTIONS", 200), "alice", "OPTIONS"),
    ("requests of an unknown method", sipp.request("FROBNICATE", 501), "alice", "501"),
    ("requests of a method not served", sipp.request("SUBSCRIBE", 405), "alice", "405"),
]
KAMAILIO_CALLEES = [
    ("alice", sipp.ANSWERS),
    ("busy", sipp.refuses(486, "Busy Here")),
    ("away", sipp.refuses(480, "Temporarily Unavailable")),
    ("slow", sipp.RINGS_ONLY),
    ("late", sipp.ANSWERS_LATE),
]
KAMAILIO_CALLERS = [
    ("registrations", sipp.register(600, 300, 0), "bob", "register, refresh, unregister"),
    ("calls", sipp.CALL, "alice", "through the proxy: two transactions for each request"),
    ("calls to nobody", sipp.refused(404), "nobody", "404 of the proxy"),
    ("calls to a busy user", sipp.refused(486), "busy", "486 of the user agent"),
    ("calls to one who is away", sipp.refused(480), "away", "480"),
    ("cancelled calls", sipp.CANCELLED, "slow", "CANCEL, 487"),
    ("calls with a late ACK", sipp.LATE_ACK, "alice", "2xx sent again until the ACK"),
    ("messages answered late", sipp.request("MESSAGE", 200, sipp.LATE_T1_MS), "late", "requests sent again, by the proxy too"),
    ("requests of an unknown method", sipp.request("FROBNICATE", 501), "alice", "501"),
]


class Peers:
    """SIPps around one server, directly or through a relay."""

    def __init__(self, site, server_port, relay=None):
        self.site, self.server_port, self.relay = site, server_port, relay
        self.callers, self.callees = [], []

    def _start(self, name, steps, callee, options):
        port = harness.free_port()
        link = self.relay.link(name, port if callee else None) if self.relay else None
        options.setdefault("contact_port", link.far if link else port)
        remote = None if callee else link.near if link else self.server_port
        peer = sipp.Sipp(self.site.directory, name.replace(" ", "-"), steps, port, remote, **options)
        peer.link = link
        self.site.at_end.append(peer.kill)
        self.site.at_failure.append(peer.describe)
        return peer

    def call(self, name, steps, service="service", calls=1, **options):
        """Start a SIPp that calls; wait() for it."""
        peer = self._start(name, steps, False, dict(options, service=service, calls=calls))
        self.callers.append(peer)
        return peer

    def answer(self, callees):
        """Start SIPps that are called, (name, steps) each, and register them. Returns when they are."""
        registrations = []
        for name, steps in callees:
            peer = self._start(name, steps, True, {})
            self.callees.append(peer)
            harness.wait_for("SIPp to listen", lambda: _is_bound(peer))
            contact = peer.link.far if peer.link else peer.port
            registrations.append(self.call("register " + name, sipp.register(600), name, contact_port=contact))
        for registration in registrations:
            registration.wait()

    def stop(self):
        """End those that are called, so that their counts are final."""
        for peer in self.callees:
            peer.stop()

    def all(self):
        return self.callers + self.callees


def _is_bound(peer):
    if peer.process.poll() is not None:
        raise RuntimeError("sipp %s ended: %s" % (peer.name, peer.complaints()))
    return harness.is_bound(peer.port)

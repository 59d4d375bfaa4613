# SPDX-License-Identifier: BSD-2-Clause
"""The truth on the wire: a relay that writes down every datagram between a SIP server and its peers, and a count of
what it wrote by the rules of RFC 4780, made independently of libsipstat: dictionaries, no timers, nothing forgotten.
"""

import re
import selectors
import socket
import threading
import time
from collections import Counter, namedtuple

RECEIVE_BUFFER = 4 << 20
Message = namedtuple("Message", "time is_in data link")


class Link:
    """One peer's way through the relay. It talks to `near`, the server to `far`."""

    def __init__(self, name, server_port, peer_port=None):
        self.name, self.server = name, ("127.0.0.1", server_port)
        self.peer = ("127.0.0.1", peer_port) if peer_port else None
        self.near_socket, self.far_socket = self._socket(), self._socket()
        self.near, self.far = (s.getsockname()[1] for s in (self.near_socket, self.far_socket))
        self.drop_out = self.drop_in = None  # functions of the datagram: True to lose it
        self.dropped = Counter()             # what the server sent and the peer never got: (method, code)

    @staticmethod
    def _socket():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        s.bind(("127.0.0.1", 0))
        return s


class Relay:
    """All links of one server, served by a thread of its own. `log` has what the server received and sent."""

    def __init__(self, server_port):
        self.server_port, self.log = server_port, []
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_over = False
        self._thread.start()

    def link(self, name, peer_port=None):
        """A new link. `peer_port` for a peer that is called; one that calls is known by its first datagram."""
        link = Link(name, self.server_port, peer_port)
        self._selector.register(link.near_socket, selectors.EVENT_READ, (link, True))
        self._selector.register(link.far_socket, selectors.EVENT_READ, (link, False))
        return link

    def close(self):
        self._is_over = True
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._wake.close()

    def settle(self, quiet=0.3, timeout=20):
        """Wait until nothing has crossed for a while."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.log or time.monotonic() - self.log[-1].time > quiet:
                return
            time.sleep(0.05)

    def _run(self):
        while not self._is_over:
            for key, _ in self._selector.select(1):
                if key.data is None:
                    self._woken.recv(64)
                elif key.data[1]:
                    self._from_peer(key.data[0])
                else:
                    self._from_server(key.data[0])

    def _from_peer(self, link):
        data, link.peer = link.near_socket.recvfrom(65536)
        if link.drop_in and link.drop_in(data):
            return
        self.log.append(Message(time.monotonic(), True, data, link))
        link.far_socket.sendto(data, link.server)

    def _from_server(self, link):
        data, _ = link.far_socket.recvfrom(65536)
        self.log.append(Message(time.monotonic(), False, data, link))
        if link.drop_out and link.drop_out(data):
            sip = parse(data)
            link.dropped[(sip.cseq_method, sip.code)] += 1
        elif link.peer:
            link.near_socket.sendto(data, link.peer)


# ---------------------------------------------------------------- reading a message

Sip = namedtuple("Sip", "method code uri branch sent_by cseq_method cseq to_tag from_tag call_id rseq headers")

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "k": "supported", "c": "content-type"}


def parse(data):
    """The parts that count, or None when this is no SIP message."""
    head = data.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].decode("utf-8", "replace").lstrip("\n")
    lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers.setdefault(COMPACT.get(name, name), []).append(value.strip())
    request = re.match(r"(\S+) (\S+) SIP/2\.0\s*$", lines[0])
    response = re.match(r"SIP/2\.0 (\d{3})\b", lines[0])
    cseq = re.match(r"(\d+)\s+(\S+)$", headers.get("cseq", [""])[0])
    via = re.match(r"SIP\s*/\s*2\.0\s*/\s*\S+\s+([^\s;,]+)([^,]*)", headers.get("via", [""])[0])
    if not (request or response) or not cseq or not via or any(h not in headers for h in ("to", "from", "call-id")):
        return None
    branch = re.search(r";\s*branch=([^;,\s]+)", via.group(2))
    return Sip(
        method=request.group(1) if request else None, code=int(response.group(1)) if response else None,
        uri=request.group(2) if request else None, branch=branch.group(1) if branch else "",
        sent_by=via.group(1).lower(), cseq_method=cseq.group(2), cseq=int(cseq.group(1)),
        to_tag=_tag(headers["to"][0]), from_tag=_tag(headers["from"][0]), call_id=headers["call-id"][0],
        rseq=headers.get("rseq", [""])[0], headers=headers)


def _tag(value):
    match = re.search(r";\s*tag=([^;\s]+)", value.split(">")[-1])
    return match.group(1) if match else ""


# ---------------------------------------------------------------- counting


class Transaction:
    def __init__(self, sip, began):
        self.began, self.final, self.seen, self.is_acked = began, None, set(), False
        self.has_credentials = "authorization" in sip.headers or "proxy-authorization" in sip.headers
        self.has_proxy_require = "proxy-require" in sip.headers
        self.is_uri_counted = False


class Ledger:
    """Counts by object name: counts[(object, index...)]."""

    TIMER_B = 32.0

    def __init__(self):
        self.counts, self.transactions = Counter(), {}
        self.open = 0

    def count_all(self, log):
        for message in log:
            self.count(message.time, message.is_in, message.data)
        now = time.monotonic()
        self.open = sum(1 for (_, _, method), t in self.transactions.items()
                        if t.final is None and method != "ACK" and now - t.began < self.TIMER_B)
        return self

    def count(self, when, is_in, data):
        if not data.strip(b"\r\n \0") or data[:1] in (b"\0", b"\1"):  # CRLF and STUN keep-alives
            return
        sip = parse(data)
        if sip is None:
            self._add("sipCommonOtherStatsOtherwiseDiscardedMsgs" if is_in else "unparsable")
        elif sip.method:
            self._request(when, is_in, sip)
        else:
            self._response(is_in, sip)

    def _add(self, name, *index):
        self.counts[(name,) + index] += 1

    @staticmethod
    def _key(is_server, sip, method):
        if sip.branch.startswith("z9hG4bK"):
            return is_server, (sip.branch, sip.sent_by), method
        # RFC 2543: no To tag, which comes with the answer, and no more of Via than an answer leaves as it is
        return is_server, (sip.call_id, sip.cseq, sip.from_tag, sip.sent_by, sip.branch), method

    def _request(self, when, is_in, sip):
        self._add("sipCommonSummaryInRequests" if is_in else "sipCommonSummaryOutRequests")
        is_new = self._ack(when, is_in, sip) if sip.method == "ACK" else self._other(when, is_in, sip)
        if is_new:
            self._add("sipCommonMethodStatsInbounds" if is_in else "sipCommonMethodStatsOutbounds", sip.method)
        elif not is_in:
            self._add("sipCommonStatsRetries", sip.method)

    def _ack(self, when, is_in, sip):
        invite = self.transactions.get(self._key(is_in, sip, "INVITE"))
        if invite and (invite.final is None or invite.final >= 300):
            is_new, invite.is_acked = not invite.is_acked, True
            return is_new
        return self._begin(self._key(is_in, sip, "ACK"), sip, when)

    def _other(self, when, is_in, sip):
        is_new = self._begin(self._key(is_in, sip, sip.method), sip, when)
        if is_new and is_in and sip.uri.split(":")[0].lower() not in ("sip", "sips", "tel"):
            self._add("sipCommonOtherStatsNumUnsupportedUris")
            self.transactions[self._key(is_in, sip, sip.method)].is_uri_counted = True
        return is_new

    def _begin(self, key, sip, when):
        if key in self.transactions:
            return False
        self.transactions[key] = Transaction(sip, when)
        self._add("sipCommonSummaryTotalTransactions")
        return True

    def _response(self, is_in, sip):
        self._add("sipCommonSummaryInResponses" if is_in else "sipCommonSummaryOutResponses")
        self._add("sipCommonStatusCodeIns" if is_in else "sipCommonStatusCodeOuts", sip.cseq_method, sip.code)
        t = self.transactions.get(self._key(not is_in, sip, sip.cseq_method))
        if not t:
            return
        mark = (sip.code, sip.to_tag, sip.rseq)
        if mark in t.seen and not is_in:
            self._add("sipCommonStatsRetryFinalResponses" if sip.code >= 200 else
                      "sipCommonStatsRetryNonFinalResponses", sip.cseq_method)
        t.seen.add(mark)
        if sip.code >= 200 and t.final is None:
            t.final = sip.code
            if not is_in:
                self._outcome(t, sip)

    def _outcome(self, t, sip):
        if sip.code in (405, 501):
            self._add("sipCommonOtherStatsNumUnsupportedMethods")
        if sip.code == 416 and not t.is_uri_counted:
            self._add("sipCommonOtherStatsNumUnsupportedUris")
        if sip.code == 420 and t.has_proxy_require:
            self._add("sipServerProxyStatProxyReqFailures")
        if sip.cseq_method == "REGISTER":
            if sip.code < 300:
                self._add("sipServerRegStatsAcceptedRegs")
            elif sip.code not in (401, 407) or t.has_credentials:
                self._add("sipServerRegStatsRejectedRegs")


def sipp_counts(sipps):
    """What SIPp counted, seen from the server, as counts[(object, index ...)]: the objects that SIPp can know."""
    counts = Counter()
    for sipp in sipps:
        for (direction, what, n), count in sipp.counts().items():
            _count_step(counts, sipp.steps[n], direction == "sent", what == "new", count)
    return counts


def _count_step(counts, step, is_in, is_new, count):
    side = "In" if is_in else "Out"
    if step.code is None:
        counts[("sipCommonSummary%sRequests" % side,)] += count
        if is_new:
            counts[("sipCommonMethodStats%sbounds" % side, step.method)] += count
            if step.method != "ACK" or step.options.get("own"):
                counts[("sipCommonSummaryTotalTransactions",)] += count
        elif not is_in:
            counts[("sipCommonStatsRetries", step.method)] += count
        return
    counts[("sipCommonSummary%sResponses" % side,)] += count
    counts[("sipCommonStatusCode%ss" % side, step.method, step.code)] += count
    if not is_new and not is_in:
        kind = "Final" if step.code >= 200 else "NonFinal"
        counts[("sipCommonStatsRetry%sResponses" % kind, step.method)] += count

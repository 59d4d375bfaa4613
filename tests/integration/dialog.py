# SPDX-License-Identifier: BSD-2-Clause
"""SIP messages as they cross the wire between an instance and a peer, one after the other: what makes them a transaction
and a dialog is filled in, everything else is said by who plays the scene."""

IN, OUT = 0, 1
PEER, OURS = "192.0.2.1", "192.0.2.10"
SDP = ("application/sdp", "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n")


class Wire:
    """Where messages go: `feed(direction, octets, transport, after_s)` of each, with the seconds that passed since the
    beginning. Counts them, and remembers what they were in a few words, ">" for received and "<" for sent: ">INVITE"."""

    def __init__(self, feed):
        self._feed = feed
        self._after_s = 0
        self.words = []
        self.counts = {}  # "in requests" ...

    def put(self, direction, octets, transport, word):
        self.words.append("<>"[direction == IN] + word)
        key = "%s %s" % (("in", "out")[direction], "responses" if word[0].isdigit() else "requests")
        self.counts[key] = self.counts.get(key, 0) + 1
        self._feed(direction, octets, transport, self._after_s)

    def put_other(self, direction, octets, word):
        """What is no message that counts."""
        self.words.append("<>"[direction == IN] + word)
        self._feed(direction, octets, "UDP", self._after_s)

    def pause(self, seconds):
        """Nothing for so long."""
        self.words.append("%d s" % seconds)
        self._after_s += seconds

    def story(self):
        """The words, equal neighbours as one."""
        told = []
        for word in self.words:
            if told and told[-1][0] == word:
                told[-1][1] += 1
            else:
                told.append([word, 1])
        return " ".join(word if n == 1 else "%s(x%d)" % (word, n) for word, n in told)


class Dialog:
    """Requests and responses with one Call-ID. `initiator`: IN when the peer begins it, else OUT. Header lines are given
    without line ends; a body as (type, text or octets)."""

    _number = 0

    def __init__(self, wire, initiator=IN, caller="alice", callee="bob", transport="UDP"):
        Dialog._number += 1
        self._wire, self._initiator, self._transport = wire, initiator, transport
        self._parties = ("<sip:%s@example.com>;tag=c%d" % (caller, Dialog._number), "<sip:%s@example.com>" % callee)
        self._tag, self._call_id, self._cseq = "", "%d.7f3a@example.com" % Dialog._number, 100
        self._last = {}     # method: what the last request of it had
        self.said = None    # the last message, for Wire.put()

    def request(self, direction, method, *headers, body=None, uri=None, via=""):
        """A new request. Those of the other side than the initiator's have the parties the other way round."""
        if method not in ("ACK", "CANCEL"):
            self._cseq += 1
        invite = self._last.get("INVITE")
        branch = "z9hG4bK%s-%d.%d" % (method.lower(), Dialog._number, self._cseq)
        if method == "CANCEL" or (method == "ACK" and invite["code"] >= 300):
            branch = invite["branch"]
        caller, callee = self._parties[0], self._parties[1] + self._tag
        number = invite["cseq"] if method in ("ACK", "CANCEL") and invite else self._cseq
        self._last[method] = self._last[""] = {
            "method": method, "branch": branch, "cseq": number, "code": 0, "direction": direction, "via": via,
            "from": caller if direction == self._initiator else callee, "to": callee if direction == self._initiator else caller}
        head = ["%s %s SIP/2.0" % (method, uri or "sip:bob@example.com"), self._via(self._last[method]), "Max-Forwards: 70"]
        self._say(direction, method, head, self._last[method], headers, body)

    def response(self, direction, code, *headers, method="", body=None):
        """To the last request, or the last of a method."""
        asked = self._last[method]
        if not self._tag and code > 100 and "tag=" not in asked["to"]:
            self._tag = ";tag=d%d" % Dialog._number
        if code >= 200:
            asked["code"] = code
        answered = dict(asked, to=asked["to"] if "tag=" in asked["to"] or code == 100 else asked["to"] + self._tag)
        self._say(direction, str(code), ["SIP/2.0 %d %s" % (code, "Reason"), self._via(asked)], answered, headers, body)

    def again(self, times=1):
        """The last message once more."""
        for _ in range(times):
            self._wire.put(*self.said)

    def seen_as(self, via):
        """What the one who was asked adds to the Via of the last request."""
        self._last[""]["via"] = via

    def call(self, *headers, body=SDP, answer=()):
        """An INVITE of the initiator, ringing, answered, acknowledged."""
        self.request(self._initiator, "INVITE", *headers, body=body)
        self.response(1 - self._initiator, 180)
        self.response(1 - self._initiator, 200, *answer, body=SDP)
        self.request(self._initiator, "ACK")

    def refused(self, code, *headers, asking=()):
        """An INVITE of the initiator, refused, acknowledged."""
        self.request(self._initiator, "INVITE", *asking, body=SDP)
        self.response(1 - self._initiator, code, *headers)
        self.request(self._initiator, "ACK")

    def asked(self, direction, method, code, *headers, answer=(), body=None, via=""):
        """A request that comes with these headers and is answered."""
        self.request(direction, method, *headers, body=body, via=via)
        self.response(1 - direction, code, *answer)

    def hang_up(self, direction=IN, *headers):
        self.asked(direction, "BYE", 200, *headers)

    def _via(self, request):
        return "Via: SIP/2.0/%s %s:5060;branch=%s%s" % (self._transport, OURS if request["direction"] == OUT else PEER,
                                                        request["branch"], request["via"])

    def _say(self, direction, word, head, which, headers, body):
        kind, octets = body or (None, b"")
        octets = octets if isinstance(octets, bytes) else octets.encode()
        lines = head + ["From: " + which["from"], "To: " + which["to"], "Call-ID: " + self._call_id,
                        "CSeq: %d %s" % (which["cseq"], which["method"]), *headers]
        lines += ["Content-Type: " + kind] if kind else []
        text = "\r\n".join(lines + ["Content-Length: %d" % len(octets), "", ""]).encode() + octets
        self.said = (direction, text, self._transport, word)
        self._wire.put(*self.said)


def multipart(*parts, subtype="mixed", more=""):
    """A body of (headers, octets) each."""
    octets = b"".join(b"--part\r\n" + headers.encode() + b"\r\n\r\n" + body + b"\r\n" for headers, body in parts)
    return "multipart/%s;boundary=part%s" % (subtype, more), octets + b"--part--\r\n"

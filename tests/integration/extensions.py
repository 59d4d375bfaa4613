# SPDX-License-Identifier: BSD-2-Clause
"""The SIP extensions of the IETF as an operator meets them: for each document an exchange, and what the MIB has to say
about it afterwards, everything that is not 0 and nothing else. Direction is the instance's."""

import typing

from dialog import IN, OUT, SDP, Dialog, multipart


class Document(typing.NamedTuple):
    """`play(wire)` plays the exchange. `shows`: what test_extensions.py makes of the MIB, with ", " between."""
    rfc: int
    title: str
    play: typing.Callable
    shows: str


DOCUMENTS = []


def document(rfc, title, shows):
    """For a function that plays the exchange of a document."""
    def keep(play):
        DOCUMENTS.append(Document(rfc, title, play, " ".join(shows.split())))
        return play
    return keep


# ------------------------------------------------------------ within a call

@document(2976, "INFO", """ACK in 1, BYE in 1, INFO in 2, INVITE in 1, BYE/200 out 1, INFO/200 out 1, INFO/415 out 1,
          INVITE/180 out 1, INVITE/200 out 1, 5 transactions, allows ACK BYE INFO INVITE""")
def info(wire):
    d = Dialog(wire)
    d.call(answer=["Allow: INVITE, ACK, BYE, INFO"])
    d.asked(IN, "INFO", 200, body=("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"))
    d.asked(IN, "INFO", 415, body=("application/x-unknown", "?"), answer=["Accept: application/dtmf-relay"])
    d.hang_up()


@document(3262, "PRACK and 100rel", """ACK in 1, INVITE in 1, PRACK in 2, INVITE/100 out 1, INVITE/183 out 4,
          INVITE/200 out 1, PRACK/200 out 2, INVITE provisional again 2, 4 transactions, tag 100rel Require Supported""")
def reliable(wire):
    d = Dialog(wire)
    d.request(IN, "INVITE", "Supported: 100rel", body=SDP)
    d.response(OUT, 100)
    d.response(OUT, 183, "Require: 100rel", "RSeq: 8135", body=SDP)
    d.again(2)
    d.asked(IN, "PRACK", 200, "RAck: 8135 101 INVITE")
    d.response(OUT, 183, "Require: 100rel", "RSeq: 8136", method="INVITE")
    d.asked(IN, "PRACK", 200, "RAck: 8136 101 INVITE")
    d.response(OUT, 200, "Supported: 100rel", method="INVITE", body=SDP)
    d.request(IN, "ACK")


@document(3311, "UPDATE", """ACK in 1, INVITE in 1, UPDATE in 1, UPDATE out 1, INVITE/183 out 1, INVITE/200 out 1,
          UPDATE/200 out 1, UPDATE/491 in 1, 4 transactions, allows ACK INVITE UPDATE""")
def update(wire):
    d = Dialog(wire)
    d.request(IN, "INVITE", "Allow: INVITE, ACK, CANCEL, UPDATE", body=SDP)
    d.response(OUT, 183, "Allow: INVITE, ACK, UPDATE", body=SDP)
    d.asked(IN, "UPDATE", 200, body=SDP)
    d.asked(OUT, "UPDATE", 491, body=SDP)
    d.response(OUT, 200, method="INVITE", body=SDP)
    d.request(IN, "ACK")


QOS = (SDP[0], SDP[1] + "a=curr:qos e2e none\r\na=des:qos mandatory e2e sendrecv\r\n")


@document(3312, "preconditions", """ACK in 1, INVITE in 1, PRACK in 1, INVITE/183 out 1, INVITE/580 out 1,
          PRACK/200 out 1, 2 transactions, tag 100rel Require, tag precondition Require""")
def preconditions(wire):
    d = Dialog(wire)
    d.request(IN, "INVITE", "Require: precondition", "Supported: 100rel", body=QOS)
    d.response(OUT, 183, "Require: 100rel, precondition", "RSeq: 1", body=QOS)
    d.asked(IN, "PRACK", 200, "RAck: 1 101 INVITE")
    d.response(OUT, 580, method="INVITE")
    d.request(IN, "ACK")


@document(4032, "preconditions, updated", """ACK out 1, INVITE out 1, PRACK out 1, UPDATE out 1, INVITE/183 in 1,
          INVITE/580 in 1, PRACK/200 in 1, UPDATE/580 in 1, 3 transactions, tag 100rel Supported, tag precondition Supported""")
def preconditions_updated(wire):
    d = Dialog(wire, OUT)
    d.request(OUT, "INVITE", "Supported: precondition, 100rel", body=QOS)
    d.response(IN, 183, "Require: 100rel", "RSeq: 9", body=QOS)
    d.asked(OUT, "PRACK", 200, "RAck: 9 101 INVITE")
    d.asked(OUT, "UPDATE", 580, body=QOS)
    d.response(IN, 580, method="INVITE")
    d.request(OUT, "ACK")


@document(4028, "session timers", """ACK out 2, INVITE out 2, UPDATE in 1, UPDATE out 1, INVITE/180 in 1, INVITE/200 in 1,
          INVITE/422 in 1, UPDATE/200 in 1, UPDATE/422 out 1, 5 transactions, tag timer Supported""")
def session_timers(wire):
    d = Dialog(wire, OUT)
    d.refused(422, "Min-SE: 3600", asking=["Supported: timer", "Session-Expires: 50"])
    d.call("Supported: Timer", "Session-Expires: 3600;refresher=uac", "Min-SE: 3600",
           answer=["Require: timer", "Session-Expires: 3600;refresher=uac"])
    d.asked(OUT, "UPDATE", 200, "Session-Expires: 3600;refresher=uac", "k: timer")
    d.asked(IN, "UPDATE", 422, "Session-Expires: 60", answer=["Min-SE: 90"])


@document(3326, "Reason", """ACK in 1, BYE out 1, CANCEL in 1, INVITE in 1, BYE/200 in 1, CANCEL/200 out 1, INVITE/180 out 1,
          INVITE/487 out 1, 3 transactions""")
def reason(wire):
    d = Dialog(wire)
    d.request(IN, "INVITE", body=SDP)
    d.response(OUT, 180)
    d.asked(IN, "CANCEL", 200, 'Reason: SIP ;cause=200 ;text="Call completed elsewhere"')
    d.response(OUT, 487, method="INVITE")
    d.request(IN, "ACK")
    d.asked(OUT, "BYE", 200, 'Reason: Q.850 ;cause=16 ;text="Terminated", SIP;cause=600')


@document(4092, "ANAT", """ACK in 1, ACK out 1, INVITE in 1, INVITE out 1, INVITE/180 out 1, INVITE/200 out 1, INVITE/420 in 1,
          3 transactions, tag sdp-anat Require Supported""")
def anat(wire):
    body = (SDP[0], SDP[1] + "a=group:ANAT 1 2\r\na=mid:1\r\nm=audio 49170 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\na=mid:2\r\n")
    Dialog(wire).call("Require: sdp-anat", body=body, answer=["Supported: sdp-anat"])
    Dialog(wire, OUT).refused(420, "Unsupported: sdp-anat", asking=["Require: sdp-anat"])


# ------------------------------------------------------------ events, messages, transfer

@document(3265, "SUBSCRIBE and NOTIFY", """NOTIFY out 2, SUBSCRIBE in 3, NOTIFY/200 in 1, NOTIFY/481 in 1, SUBSCRIBE/200 out 1,
          SUBSCRIBE/202 out 1, SUBSCRIBE/489 out 1, 5 transactions, allows NOTIFY SUBSCRIBE""")
def events(wire):
    d = Dialog(wire)
    d.asked(IN, "SUBSCRIBE", 202, "Event: dialog", "Expires: 600", answer=["Expires: 600", "Allow: SUBSCRIBE,NOTIFY"])
    d.asked(OUT, "NOTIFY", 200, "Event: dialog", "Subscription-State: active;expires=600")
    d.asked(IN, "SUBSCRIBE", 200, "Event: dialog", "Expires: 0", answer=["Expires: 0"])
    d.asked(OUT, "NOTIFY", 481, "o: dialog", "Subscription-State: terminated;reason=timeout")
    Dialog(wire).asked(IN, "SUBSCRIBE", 489, "Event: weather", answer=["Allow-Events: dialog"])


@document(3428, "MESSAGE", """MESSAGE in 1, MESSAGE out 1, MESSAGE/200 in 1, MESSAGE/480 out 3, MESSAGE retries 3,
          MESSAGE final again 2, 2 transactions""")
def message(wire):
    d = Dialog(wire, OUT)
    d.request(OUT, "MESSAGE", body=("text/plain", "Watson, come here."))
    d.again(3)
    d.response(IN, 200)
    d = Dialog(wire)
    d.request(IN, "MESSAGE", body=("text/plain", "Anybody there?"))
    d.response(OUT, 480)
    d.again(2)


def notify_of_refer(d, code, state):
    d.asked(OUT, "NOTIFY", 200, "Event: refer", "Subscription-State: " + state,
            body=("message/sipfrag;version=2.0", "SIP/2.0 %d Any\r\n" % code))


@document(3515, "REFER", """NOTIFY out 2, REFER in 3, NOTIFY/200 in 2, REFER/202 out 1, REFER/400 out 1, REFER/603 out 1,
          5 transactions, allows NOTIFY REFER""")
def refer(wire):
    d = Dialog(wire)
    d.asked(IN, "REFER", 202, "Refer-To: <sip:carol@example.com>", answer=["Allow: REFER, NOTIFY"])
    notify_of_refer(d, 100, "active;expires=60")
    notify_of_refer(d, 200, "terminated;reason=noresource")
    d.asked(IN, "REFER", 400, "Refer-To: <sip:carol@example.com>, <sip:dave@example.com>")
    Dialog(wire).asked(IN, "REFER", 603, "r: <sip:mallory@example.net>")


@document(3891, "Replaces", """ACK in 2, BYE out 1, INVITE in 2, BYE/200 in 1, INVITE/180 out 1, INVITE/200 out 1,
          INVITE/481 out 1, 4 transactions, tag replaces Supported""")
def replaces(wire):
    d = Dialog(wire)
    d.call("Require: replaces", "Replaces: 425928@example.org;to-tag=7743;from-tag=6472", answer=["Supported: replaces"])
    Dialog(wire, OUT).asked(OUT, "BYE", 200)
    Dialog(wire).refused(481, asking=["Replaces: unknown@example.org;to-tag=1;from-tag=2;early-only"])


@document(3911, "Join", """ACK in 2, INVITE in 2, INVITE/180 out 1, INVITE/200 out 1, INVITE/420 out 1, 3 transactions,
          tag join Unsupported""")
def join(wire):
    Dialog(wire).refused(420, "Unsupported: join", asking=["Require: join", "Join: 12@example.com;from-tag=3;to-tag=4"])
    Dialog(wire).call("Join: 12@example.com;from-tag=3;to-tag=4")


@document(3892, "Referred-By", """NOTIFY out 1, REFER in 2, NOTIFY/200 in 1, REFER/202 out 1, REFER/429 out 1, 3 transactions""")
def referred_by(wire):
    d = Dialog(wire)
    d.asked(IN, "REFER", 429, "Refer-To: <sip:carol@example.com>", "Referred-By: <sip:alice@example.com>")
    d.asked(IN, "REFER", 202, "Refer-To: <sip:carol@example.com>", 'b: <sip:alice@example.com>;cid="20398823@example.com"',
            body=multipart(("Content-Type: message/sipfrag\r\nContent-ID: <20398823@example.com>",
                            b"Refer-To: <sip:carol@example.com>\r\nReferred-By: <sip:alice@example.com>\r\n")))
    notify_of_refer(d, 200, "terminated;reason=noresource")


@document(3903, "PUBLISH", """PUBLISH in 3, PUBLISH/200 out 1, PUBLISH/412 out 1, PUBLISH/423 out 1, 3 transactions""")
def publish(wire):
    pidf = ("application/pidf+xml", '<?xml version="1.0"?><presence entity="pres:alice@example.com"/>')
    d = Dialog(wire)
    d.asked(IN, "PUBLISH", 200, "Event: presence", "Expires: 3600", body=pidf, answer=["SIP-ETag: dx200xyz", "Expires: 3600"])
    d.asked(IN, "PUBLISH", 412, "Event: presence", "SIP-If-Match: gone", "Expires: 3600")
    d.asked(IN, "PUBLISH", 423, "Event: presence", "Expires: 5", body=pidf, answer=["Min-Expires: 60"])


# ------------------------------------------------------------ proxies

@document(3840, "callee capabilities", """REGISTER in 1, REGISTER/200 out 1, 1 transactions, 1 accepted, 1 users,
          user alice@example.com, contact sip:alice@192.0.2.1 of alice@example.com q 0.5""")
def capabilities(wire):
    contact = ('Contact: <sip:alice@192.0.2.1>;audio;video;mobility="fixed";methods="INVITE,BYE,OPTIONS,ACK";'
               '+sip.message="TRUE";q=0.5;expires=3600')
    Dialog(wire, callee="alice").asked(IN, "REGISTER", 200, contact, answer=[contact])


@document(3841, "caller preferences", """ACK in 2, ACK out 2, INVITE in 2, INVITE out 2, INVITE/180 in 1, INVITE/180 out 1,
          INVITE/200 in 1, INVITE/200 out 1, INVITE/480 in 1, INVITE/480 out 1, 6 transactions""")
def preferences(wire):
    preference = ["Accept-Contact: *;audio;require", 'Reject-Contact: *;actor="msg-taker"',
                  "Request-Disposition: proxy, parallel"]
    for code in (200, 480):
        caller, callee = Dialog(wire), Dialog(wire, OUT)
        caller.request(IN, "INVITE", *preference, body=SDP)
        callee.request(OUT, "INVITE", *preference, body=SDP)
        for answer in (180, 200) if code == 200 else (480,):
            callee.response(IN, answer)
            caller.response(OUT, answer)
        for d, direction in ((caller, IN), (callee, OUT)):
            d.request(direction, "ACK")


@document(4244, "History-Info", """ACK in 1, ACK out 2, INVITE in 1, INVITE out 2, INVITE/181 out 1, INVITE/200 in 1,
          INVITE/200 out 1, INVITE/302 in 1, 5 transactions, tag histinfo Supported""")
def history(wire):
    index = "History-Info: <sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1, <sip:bob@192.0.2.7>;index=1.1"
    caller, first, second = Dialog(wire), Dialog(wire, OUT), Dialog(wire, OUT)
    caller.request(IN, "INVITE", "Supported: histinfo", body=SDP)
    first.refused(302, "Contact: <sip:bob@192.0.2.7>", asking=["Supported: histinfo", index])
    caller.response(OUT, 181)
    second.request(OUT, "INVITE", "Supported: histinfo", index + ", <sip:bob@192.0.2.8>;index=1.2", body=SDP)
    second.response(IN, 200)
    caller.response(OUT, 200, "Supported: histinfo", index)
    second.request(OUT, "ACK")
    caller.request(IN, "ACK")


@document(3581, "rport", """OPTIONS in 1, OPTIONS out 1, OPTIONS/200 in 2, OPTIONS/200 out 2, OPTIONS final again 1,
          2 transactions""")
def rport(wire):
    d = Dialog(wire, OUT)
    d.request(OUT, "OPTIONS", via=";rport")
    d.seen_as(";received=198.51.100.7;rport=1024")
    d.response(IN, 200)
    d.again()
    d = Dialog(wire)
    d.request(IN, "OPTIONS", via=";rport")
    d.seen_as(";rport=5070;received=203.0.113.9")
    d.response(OUT, 200)
    d.again()


@document(5923, "connection reuse", """ACK in 1, BYE out 1, INVITE in 1, BYE/200 in 1, INVITE/180 out 1, INVITE/200 out 2,
          INVITE final again 1, 3 transactions""")
def connection_reuse(wire):
    d = Dialog(wire, transport="TLS")
    d.request(IN, "INVITE", body=SDP, via=";alias;received=192.0.2.1")
    d.response(OUT, 180)
    d.response(OUT, 200, body=SDP)
    d.again()
    d.request(IN, "ACK", via=";alias")
    d.asked(OUT, "BYE", 200, via=";alias")


@document(4168, "SCTP, TLS over SCTP", """ACK in 1, INVITE in 1, OPTIONS in 2, OPTIONS out 1, INVITE/180 out 1, INVITE/200 out 1,
          OPTIONS/200 in 1, OPTIONS/200 out 1, 5 transactions, 1 open""")
def sctp(wire):
    """Over SCTP nothing is repeated: what comes again after timer K is new."""
    d = Dialog(wire, transport="SCTP")
    d.request(IN, "OPTIONS")
    asked = d.said
    d.response(OUT, 200)
    wire.pause(6)
    wire.put(*asked)
    Dialog(wire, OUT, transport="TLS-SCTP").asked(OUT, "OPTIONS", 200)
    Dialog(wire, transport="TLS-SCTP").call()


@document(4412, "resource priority", """ACK in 2, INVITE in 2, INVITE/180 out 1, INVITE/200 out 1, INVITE/417 out 1,
          3 transactions, tag resource-priority Supported""")
def resource_priority(wire):
    Dialog(wire).refused(417, "Accept-Resource-Priority: dsn.flash, dsn.routine",
                         asking=["Require: resource-priority", "Resource-Priority: ets.0"])
    Dialog(wire).call("Resource-Priority: dsn.flash", answer=["Supported: resource-priority"])


# ------------------------------------------------------------ security and privacy

@document(3329, "sec-agree", """ACK in 2, INVITE in 2, OPTIONS in 1, REGISTER out 2, INVITE/421 out 1, INVITE/494 out 1,
          OPTIONS/420 out 1, REGISTER/200 in 1, REGISTER/494 in 1, 5 transactions, 1 Proxy-Require failures,
          tag foo Unsupported, tag sec-agree Require Proxy-Require Supported""")
def sec_agree(wire):
    mechanisms = "Security-Server: ipsec-3gpp; q=0.1; alg=hmac-sha-1-96; spi-c=1; spi-s=2; port-c=3; port-s=4, tls; q=0.2"
    Dialog(wire).refused(421, "Require: sec-agree", mechanisms, asking=["Supported: sec-agree"])
    Dialog(wire).refused(494, mechanisms, "Supported: Sec-Agree", asking=["Require: sec-agree", "Security-Verify: tls;q=0.9"])
    Dialog(wire).asked(IN, "OPTIONS", 420, "Proxy-Require: sec-agree, foo", answer=["Unsupported: foo"])
    d = Dialog(wire, OUT)
    for code in (494, 200):
        d.asked(OUT, "REGISTER", code, "Require: sec-agree", "Proxy-Require: sec-agree", "Security-Client: tls",
                answer=["Security-Server: tls"])


def refused_identities(wire, *headers):
    for code in (428, 436, 437, 438):
        Dialog(wire).refused(code, asking=headers if code > 428 else ())
    Dialog(wire).call(*headers)


IDENTITIES = """ACK in 5, INVITE in 5, INVITE/180 out 1, INVITE/200 out 1, INVITE/428 out 1, INVITE/436 out 1, INVITE/437 out 1,
                INVITE/438 out 1, 6 transactions"""


@document(4474, "Identity", IDENTITIES)
def identity(wire):
    refused_identities(wire, 'Identity: "KVhPKbfU/pryhVn9Yc6U="', "Identity-Info: <https://example.org/cert.cer>;alg=rsa-sha1",
                       "Date: Thu, 21 Feb 2002 13:02:03 GMT")


@document(8224, "Identity by PASSporT", IDENTITIES)
def passport(wire):
    refused_identities(wire, "Identity: eyJhbGciOiJFUzI1NiJ9.eyJvcmlnIjp7fX0.c2lnbmF0dXJl;info=<https://example.org/p.cer>;"
                       "alg=ES256;ppt=shaken", "Date: Fri, 25 Sep 2015 19:12:25 GMT")


@document(3310, "AKA digest", """REGISTER in 5, REGISTER/200 out 1, REGISTER/401 out 3, REGISTER/403 out 1, 5 transactions,
          1 accepted, 2 rejected, 1 users, user alice@example.com failures 1, contact sip:alice@192.0.2.1 of alice@example.com q 1.0""")
def aka(wire):
    def authorization(response, more=""):
        return ('Authorization: Digest username="alice", realm="example.com", nonce="bm9uY2UK", uri="sip:example.com", '
                'algorithm=AKAv1-MD5, response="%s"%s' % (response, more))
    challenge = 'WWW-Authenticate: Digest realm="example.com", nonce="bm9uY2UK", qop="auth,auth-int", algorithm=AKAv1-MD5'
    d = Dialog(wire, callee="alice")
    d.asked(IN, "REGISTER", 401, authorization(""), answer=[challenge])
    d.asked(IN, "REGISTER", 401, authorization("", ', auts="5PYxMuX2NOT2NeQ="'), answer=[challenge])
    d.asked(IN, "REGISTER", 403, authorization("00000000000000000000000000000000"))
    d.asked(IN, "REGISTER", 401, authorization("4ca11ab1e4ca11ab1e4ca11ab1e4ca11"), answer=[challenge + ", stale=TRUE"])
    d.asked(IN, "REGISTER", 200, authorization("4ca11ab1e4ca11ab1e4ca11ab1e4ca12"),
            answer=["Contact: <sip:alice@192.0.2.1>;expires=600", 'Authentication-Info: qop=auth-int, rspauth="1"'])


@document(3893, "authenticated identity body", """ACK in 2, INVITE in 2, INVITE/180 out 1, INVITE/200 out 1, INVITE/428 out 1,
          3 transactions""")
def identity_body(wire):
    sipfrag = (b"From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
               b"Contact: <sip:alice@192.0.2.1>\r\nDate: Thu, 21 Feb 2002 13:02:03 GMT\r\n")
    body = multipart(("Content-Type: application/sdp", SDP[1].encode()),
                     ("Content-Type: message/sipfrag\r\nContent-Disposition: aib; handling=optional", sipfrag))
    Dialog(wire).refused(428)
    Dialog(wire).call(body=body)


@document(3853, "S/MIME", """MESSAGE in 2, MESSAGE/200 out 1, MESSAGE/493 out 1, 2 transactions""")
def smime(wire):
    enveloped = bytes(range(256)) + b"\r\n\r\nSIP/2.0 200 OK\r\n"
    kind = 'application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"'
    d = Dialog(wire)
    d.asked(IN, "MESSAGE", 493, body=(kind, enveloped))
    d.asked(IN, "MESSAGE", 200, body=multipart(
        ("Content-Type: message/sip", b"MESSAGE sip:bob@example.com SIP/2.0\r\nCSeq: 1 MESSAGE\r\n\r\n"),
        ('Content-Type: application/pkcs7-signature; name="smime.p7s"', enveloped), subtype="signed",
        more=";micalg=sha1;protocol=\"application/pkcs7-signature\""))


HIDDEN = """notified INVITE/486 to a pseudonym from a pseudonym"""


@document(3323, "privacy", """ACK in 2, INVITE in 2, INVITE/486 out 2, 2 transactions, %s, notified INVITE/486 to
          "bob@example.com" from "alice@example.com" """ % HIDDEN)
def privacy(wire):
    Dialog(wire).refused(486, asking=["Privacy: user;critical", "Proxy-Require: privacy"])
    Dialog(wire).refused(486, asking=["Privacy: none"])


@document(3325, "asserted identity", """ACK in 1, ACK out 1, INVITE in 1, INVITE out 1, INVITE/486 in 1, INVITE/486 out 1,
          2 transactions, %s, %s""" % (HIDDEN, HIDDEN))
def asserted_identity(wire):
    identities = ["P-Asserted-Identity: \"Alice\" <sip:alice@example.com>", "P-Asserted-Identity: tel:+14085264000", "Privacy: id"]
    Dialog(wire).refused(486, asking=identities)
    Dialog(wire, OUT).refused(486, "P-Asserted-Identity: <sip:bob@example.com>", "Privacy: id")


# ------------------------------------------------------------ registration

def registered(wire, *headers, answer):
    Dialog(wire, callee="alice").asked(IN, "REGISTER", 200, *headers, answer=answer)


@document(3327, "Path", """REGISTER in 2, REGISTER/200 out 1, REGISTER/421 out 1, 2 transactions, 1 accepted, 1 rejected, 1 users,
          tag path Require Supported, user alice@example.com, contact sip:alice@192.0.2.1 of alice@example.com q 1.0""")
def path(wire):
    Dialog(wire, callee="alice").asked(IN, "REGISTER", 421, "Path: <sip:p1.example.com;lr>", answer=["Require: path"])
    registered(wire, "Supported: path", "Path: <sip:p1.example.com;lr>", "Contact: <sip:alice@192.0.2.1>",
               answer=["Supported: path", "Path: <sip:p2.example.com;lr>,<sip:p1.example.com;lr>",
                       "Contact: <sip:alice@192.0.2.1>;expires=3600"])


@document(3608, "Service-Route", """REGISTER in 1, REGISTER/200 out 1, 1 transactions, 1 accepted, 1 users, user alice@example.com,
          contact sip:alice@192.0.2.1 of alice@example.com q 1.0""")
def service_route(wire):
    registered(wire, "Contact: <sip:alice@192.0.2.1>", "Expires: 300",
               answer=["Service-Route: <sip:home.example.com;lr>", "Service-Route: <sip:h2.example.com;lr>, <sip:h3.example.com;lr>",
                       "Supported: path", "Contact: <sip:alice@192.0.2.1>", "Expires: 300"])


@document(5627, "GRUU", """INVITE in 1, ACK in 1, REGISTER in 2, INVITE/180 out 1, INVITE/200 out 1, REGISTER/200 out 2,
          4 transactions, 2 accepted, 1 users, tag gruu Supported, user alice@example.com,
          contact sip:alice@192.0.2.1;ob of alice@example.com q 1.0 name Alice,
          contact sip:alice@192.0.2.2;gr=kjh29x97us97d of alice@example.com q 0.3""")
def gruu(wire):
    first = ('Contact: "Alice" <sip:alice@192.0.2.1;ob>;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";reg-id=1;'
             'expires=3600;pub-gruu="sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";'
             'temp-gruu="sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr"')
    second = "Contact: <sip:alice@192.0.2.2;gr=kjh29x97us97d>;q=0.3;expires=600"
    registered(wire, "Supported: gruu, outbound", answer=["Supported: gruu", first])
    registered(wire, "Supported: gruu", answer=["Supported: gruu", first, second])
    d = Dialog(wire)
    d.request(IN, "INVITE", body=SDP, uri="sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
    d.response(OUT, 180)
    d.response(OUT, 200, body=SDP)
    d.request(IN, "ACK")


# ------------------------------------------------------------ bodies

@document(3204, "ISUP and QSIG bodies", """ACK in 1, INFO out 1, INVITE in 1, INFO/415 in 1, INVITE/180 out 1, INVITE/200 out 1,
          3 transactions""")
def isup(wire):
    octets = bytes(range(256)) + b"\r\n\r\n--part-\r\nINVITE sip:x SIP/2.0\r\n"
    d = Dialog(wire)
    d.call("MIME-Version: 1.0", body=multipart(
        ("Content-Type: application/SDP; charset=ISO-10646", SDP[1].encode()),
        ("Content-Type: application/ISUP; version=nxv3; base=etsi121\r\nContent-Disposition: signal; handling=optional", octets)))
    d.asked(OUT, "INFO", 415, body=("application/QSIG; version=iso", octets))


@document(3420, "sipfrag", """NOTIFY in 2, NOTIFY/200 out 2, 2 transactions""")
def sipfrag(wire):
    whole = ("INVITE sip:carol@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKfrag\r\n"
             "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: f\r\nCSeq: 1 INVITE\r\nSupported: never-sent\r\n\r\n")
    d = Dialog(wire)
    for text in (whole, "SIP/2.0 503 Service Unavailable\r\n"):
        d.asked(IN, "NOTIFY", 200, "Event: refer", "Subscription-State: active", body=("message/sipfrag", text))


@document(4483, "content indirection", """MESSAGE in 1, MESSAGE out 1, MESSAGE/200 in 1, MESSAGE/415 out 1, 2 transactions""")
def indirection(wire):
    body = ('message/external-body; ACCESS-TYPE=URL; URL="https://www.example.com/map.gif"; EXPIRATION="Sat, 20 Jun 2037 12:00:00 GMT"'
            "; size=222123", "Content-Type: image/gif\r\nContent-ID: <4232423424@example.com>\r\n\r\n")
    Dialog(wire, OUT).asked(OUT, "MESSAGE", 200, body=body)
    Dialog(wire).asked(IN, "MESSAGE", 415, body=body, answer=["Accept: text/plain"])


@document(3486, "SigComp", """OPTIONS in 1, OPTIONS/200 out 1, 1 transactions, 1 discarded, 4 compressed""")
def sigcomp(wire):
    d = Dialog(wire)
    d.asked(IN, "OPTIONS", 200, "Contact: <sip:alice@192.0.2.1;comp=sigcomp>", via=";comp=sigcomp")
    state, nack = b"\xf9state of six octets, compressed with it", b"\xf8\0\1\1\x17" + bytes(23)
    for direction, octets, word in ((IN, b"\xf8\x00\x45\x01\x02\x03\x04OPTIONS, so to speak", "SigComp with code"),
                                    (OUT, state, "SigComp"), (IN, b"\xfd\x82fb" + state[1:], "SigComp"), (OUT, nack, "NACK"),
                                    (IN, b"\xffcut", "garbage like it")):
        wire.put_other(direction, octets, word)

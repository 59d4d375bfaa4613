/* SPDX-License-Identifier: BSD-2-Clause */
/* libsipstat: what a SIP stack calls so that the world can monitor it.
 *
 * A SIP process opens a *writer* for each thread that handles SIP, and tells it what happens. Counting is
 * plain stores to shared memory: no call below, sipstat_open() and sipstat_close() excepted, blocks,
 * allocates, takes a lock or makes a system call. Whether an agent runs, stalls or dies makes no difference
 * to the caller.
 *
 * Two ways to tell, and a writer may use either:
 *   - raw: sipstat_observe() with each message as it was received or sent. The library parses it, matches it to its
 *     transaction and counts everything RFC 4780 asks for. Two calls instrument a stack.
 *   - typed: sipstat_request(), sipstat_response(), sipstat_transaction_begin() ... for a stack that already knows.
 * Use one of them for a given message, never both.
 *
 * Threads: a writer belongs to one thread at a time. Two threads need two writers (the agent adds them up);
 * a writer may be handed over when the program orders the two uses itself. Different writers never disturb
 * each other.
 *
 * Processes: a forked child does not inherit its parent's writers: every call on one is a no-op in the
 * child, which opens its own. A stack whose transactions are shared between processes must not
 * sipstat_observe() in several of them, since an observer matches the messages of one transaction only
 * within its own writer: use the typed calls (with SIPSTAT_SHARED_TRANSACTIONS), or hand all messages to one
 * process.
 *
 * Failure: when sipstat_open() fails the writer is NULL, and every call on NULL is a cheap no-op: the stack runs on.
 *
 * The manual page sipstat(3) has a complete example. */
#ifndef SIPSTAT_H
#define SIPSTAT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(SIPSTAT_BUILD)
#define SIPSTAT_API __attribute__((visibility("default")))
#else
#define SIPSTAT_API
#endif

struct sockaddr;

/* One lane of one instance, written by one thread at a time. Opaque. */
typedef struct sipstat_writer sipstat_writer;

/* Seen from the instance: what it received, what it sent. */
enum sipstat_direction { SIPSTAT_IN = 0, SIPSTAT_OUT = 1 };

/* How a message travelled (RFC 3261 18, RFC 4168, RFC 7118). Reliable transports change how long a transaction is
 * remembered (timers D, I, J, K). */
enum sipstat_transport {
    SIPSTAT_TRANSPORT_OTHER = 0,
    SIPSTAT_UDP = 1,
    SIPSTAT_TCP = 2,
    SIPSTAT_SCTP = 3,
    SIPSTAT_TLS = 4,
    SIPSTAT_TLS_SCTP = 5,
    SIPSTAT_WS = 6,
    SIPSTAT_WSS = 7
};

/* sipCommonCfgServiceOperStatus of RFC 4780. A writer starts as SIPSTAT_UP. */
enum sipstat_state {
    SIPSTAT_STATE_UP = 2,
    SIPSTAT_STATE_DOWN = 3,
    SIPSTAT_STATE_CONGESTED = 4,
    SIPSTAT_STATE_RESTARTING = 5,
    SIPSTAT_STATE_QUIESCING = 6,
    SIPSTAT_STATE_TESTING = 7
};

/* The fourteen methods registered with IANA. sipstat_method() finds the number of any other. */
enum sipstat_method {
    SIPSTAT_INVITE = 0,
    SIPSTAT_ACK,
    SIPSTAT_OPTIONS,
    SIPSTAT_BYE,
    SIPSTAT_CANCEL,
    SIPSTAT_REGISTER,
    SIPSTAT_PRACK,
    SIPSTAT_SUBSCRIBE,
    SIPSTAT_NOTIFY,
    SIPSTAT_PUBLISH,
    SIPSTAT_INFO,
    SIPSTAT_REFER,
    SIPSTAT_MESSAGE,
    SIPSTAT_UPDATE
};

/* sipstat_options.flags: another writer may end what this one began (typed API across processes); the SIP reported was
 * handled by another process (a mirror, a capture) */
#define SIPSTAT_SHARED_TRANSACTIONS 1u
#define SIPSTAT_COLLECTOR           2u

/* How to open a writer. Set `size` to sizeof(struct sipstat_options) and everything else to 0 for the
 * defaults; members may be added at the end in later versions. Strings are copied.
 *   dir        runtime directory; NULL: $SIPSTAT_DIR, else the built-in /run/sipmib. The environment is not
 *              asked in a set-uid program
 *   instance   which SIP entity of the agent's configuration; NULL: $SIPSTAT_INSTANCE, else "default". 1 to 63
 *              characters of A-Z a-z 0-9 . _ - and no dot in front
 *   software   product and version, served as applVersion; NULL: none. Cut at 63 octets
 *   flags      SIPSTAT_SHARED_TRANSACTIONS, SIPSTAT_COLLECTOR
 *   max_transactions   most transactions observed at once, 0: 65536; 64 octets each, and
 *              memory is touched as it fills, a page at a time. Beyond it the oldest is forgotten, and
 *              counted as evicted. At most 16777216
 *   ring_octets   size of the event ring, 0: 256 KiB; rounded up to a power of two, 16 KiB to 64 MiB */
struct sipstat_options {
    size_t size;
    const char *dir;
    const char *instance;
    const char *software;
    unsigned flags;
    uint32_t max_transactions;
    uint32_t ring_octets;
};

/* Open a writer: create its lane, lock it, publish it. On success 0 and *writer set. On failure a negative errno,
 * *writer NULL and, when `error` is not NULL, a sentence in it that says where and what to do (always terminated):
 *   -ENOENT   the runtime directory is not there (is sipmib installed, or SIPSTAT_DIR right?)
 *   -EACCES   no permission (is this user in the group that owns the directory?)
 *   -ENOSPC   the file system is full
 *   -EINVAL   an option is out of range
 *   -ENOMEM, -EMFILE ... as the system says
 * May allocate, lock and call the system. Any thread; not from a signal handler. `options` may be NULL. */
SIPSTAT_API int sipstat_open(sipstat_writer **writer, const struct sipstat_options *options, char *error,
                             size_t error_size);

/* Close a writer; the agent keeps what it counted. NULL is fine. In a forked child it frees the child's
 * memory only. */
SIPSTAT_API void sipstat_close(sipstat_writer *writer);

/* ------------------------------------------------------------------------------------------------ raw
 * ------------- */

/* Where a message came from and went to; any member may be NULL or 0 when it is not known. */
struct sipstat_addresses {
    const struct sockaddr *source;
    const struct sockaddr *destination;
    enum sipstat_transport transport;
};

/* What became of an observed message. Everything is counted where it belongs; the value is for the curious. */
enum sipstat_observed {
    SIPSTAT_COUNTED = 0,        /* a request or response, new */
    SIPSTAT_RETRANSMISSION = 1, /* counted as a retransmission */
    SIPSTAT_KEEPALIVE = 2,      /* CRLF or STUN (RFC 5626 4.4): not a SIP message */
    SIPSTAT_DISCARDED = 3,      /* claims to be SIP, cannot be parsed */
    SIPSTAT_IGNORED = 4,        /* no writer */
    SIPSTAT_COMPRESSED = 5      /* SigComp (RFC 3320, 3486), not read: observe what comes out of it */
};

/* Hand over one whole message, exactly as it was received from or given to the transport (for a stream: one
 * message of it, see sipstat_frame()). Retransmissions too: each time it crosses the wire.
 *   length     octets, 0 to 65535; more is SIPSTAT_DISCARDED
 *   addresses  may be NULL
 *   time_ns    nanoseconds on a clock of the caller's choice that all calls on this writer keep to (capture time, for a
 *              collector); 0: the library reads the system's coarse monotonic clock
 * Never keeps a pointer to `message`. RFC 3261 sections 7, 17 and 18; the counting rules are in sipstat(3). */
SIPSTAT_API enum sipstat_observed sipstat_observe(sipstat_writer *writer, enum sipstat_direction direction,
                                                  const void *message, size_t length,
                                                  const struct sipstat_addresses *addresses,
                                                  uint64_t time_ns);

/* Let time pass for the transactions observed, so that those without an answer end (timers B, C, F) when no message
 * comes. Call it about once a second, or not at all in a stack that is never idle. `time_ns` as in
 * sipstat_observe(). */
SIPSTAT_API void sipstat_tick(sipstat_writer *writer, uint64_t time_ns);

/* Find the end of the first message in a stream's buffer (RFC 3261 18.3: Content-Length is mandatory there).
 * Returns the message's length in octets, leading CRLF keep-alives included in *skip and not in the length;
 * 0: incomplete, read more; -1: this can never become SIP, or is longer than 65535 octets: close the connection and
 * call sipstat_discarded(). Pure: any thread. */
SIPSTAT_API int sipstat_frame(const void *buffer, size_t length, size_t *skip);

/* ---------------------------------------------------------------------------------------------- typed
 * ------------- */

/* The number of an extension method on this writer, found or made: 14 to 63. Takes the name as on the wire
 * (case-sensitive). When the table is full, or the name is not 1 to 100 octets of a token, the number of the common
 * "(other)". Not for the hot path: remember the number. 63 on a NULL writer. */
SIPSTAT_API unsigned sipstat_method(sipstat_writer *writer, const char *name, size_t length);

/* flags of sipstat_request() and sipstat_response() */
#define SIPSTAT_FLAG_RETRANSMISSION 1u
#define SIPSTAT_FLAG_PRIVATE        2u /* of a response: it, or its request, asks for privacy (RFC 3323, 3325) */

/* A request was received or sent. sipCommonSummaryIn/OutRequests; without SIPSTAT_FLAG_RETRANSMISSION also
 * sipCommonMethodStatsIn/Outbounds, with it (and SIPSTAT_OUT) sipCommonStatsRetries. `method` above 63
 * counts as 63. */
SIPSTAT_API void sipstat_request(sipstat_writer *writer, enum sipstat_direction direction, unsigned method,
                                 unsigned flags);

/* The header fields behind a notification (sipCommonStatusCodeNotifTo ...): values without the header name, any of
 * them NULL when not at hand, each cut at 255 octets. They are looked at only while an agent has asked for
 * this status code, so pass pointers into the message, not copies. */
struct sipstat_headers {
    const char *to, *from, *call_id;
    size_t to_length, from_length, call_id_length;
    uint32_t cseq;
};

/* A response was received or sent, `method` from its CSeq, `code` 100 to 999 (RFC 3261 7.2). sipCommonSummaryIn/Out-
 * Responses and sipCommonStatusCodeIns/Outs, retransmissions included; a sent retransmission also counts in
 * sipCommonStatsRetryFinal/NonFinalResponses. `headers` may be NULL. */
SIPSTAT_API void sipstat_response(sipstat_writer *writer, enum sipstat_direction direction, unsigned method,
                                  unsigned code, unsigned flags, const struct sipstat_headers *headers);

/* A client or server transaction was created / has its final response or gave up waiting (RFC 3261 17).
 * sipCommonSummaryTotalTransactions counts what began; sipCommonTransCurrentactions is begun less ended. An
 * ACK to a 2xx is a transaction of its own that ends as it begins: call both. Stateless elements call
 * neither. */
SIPSTAT_API void sipstat_transaction_begin(sipstat_writer *writer);
SIPSTAT_API void sipstat_transaction_end(sipstat_writer *writer);

/* A received message was thrown away without a response: sipCommonOtherStatsOtherwiseDiscardedMsgs. May be combined
 * with sipstat_observe() for what never reached it. */
SIPSTAT_API void sipstat_discarded(sipstat_writer *writer);

/* A new request came in whose Request-URI scheme, or whose method, is not supported:
 * sipCommonOtherStatsNumUnsupportedUris, sipCommonOtherStatsNumUnsupportedMethods. */
SIPSTAT_API void sipstat_unsupported_uri(sipstat_writer *writer);
SIPSTAT_API void sipstat_unsupported_method(sipstat_writer *writer);

/* A request was answered 420 for its Proxy-Require: sipServerProxyStatProxyReqFailures. */
SIPSTAT_API void sipstat_proxy_require_failed(sipstat_writer *writer);

/* A REGISTER transaction was answered: 2xx accepted, 3xx-6xx rejected; a 401/407 challenge to a REGISTER without
 * credentials is neither. sipServerRegStatsAcceptedRegs, sipServerRegStatsRejectedRegs. */
SIPSTAT_API void sipstat_register_accepted(sipstat_writer *writer);
SIPSTAT_API void sipstat_register_rejected(sipstat_writer *writer);

/* A registered contact. Texts need not be terminated; what is NULL or empty is not known.
 *   uri            the contact's URI, parameters included (RFC 3261 20.10), without angle brackets
 *   display_name   without quotes
 *   instance       the value of +sip.instance, without quotes (RFC 5626 4.1); with reg_id it tells that a new URI is
 *                  the same binding
 *   expires_s      seconds from now
 *   q_thousandths  the q parameter times 1000, 0 to 1000; SIPSTAT_Q_NONE: none given */
struct sipstat_contact {
    const char *uri, *display_name, *instance;
    size_t uri_length, display_name_length, instance_length;
    uint32_t expires_s;
    uint32_t reg_id;
    uint16_t q_thousandths;
};
#define SIPSTAT_Q_NONE 65535u

/* A registrar accepted a REGISTER: these are now all bindings of that address-of-record (the URI of To), none when
 * `count` is 0. They replace what was reported before (RFC 3261 10.3); sipServerRegUserTable, sipServerRegContactTable.
 * Only looked at while an agent follows registrations. */
SIPSTAT_API void sipstat_bindings(sipstat_writer *writer, const char *aor, size_t aor_length,
                                  const struct sipstat_contact *contacts, size_t count);

/* A REGISTER for this address-of-record brought credentials that were refused (401, 403, 407), stale nonces excepted:
 * sipServerRegUserAuthenticationFailures. */
SIPSTAT_API void sipstat_authentication_failed(sipstat_writer *writer, const char *aor, size_t aor_length,
                                               unsigned code);

/* The entity supports, requires ... an option tag, or allows a method; `header` is one of these. For stacks that do not
 * hand over raw messages: once each is enough. sipCommonOptionTagTable, sipCommonMethodSupportedTable. */
enum sipstat_word {
    SIPSTAT_REQUIRE = 1,
    SIPSTAT_PROXY_REQUIRE = 2,
    SIPSTAT_SUPPORTED = 4,
    SIPSTAT_UNSUPPORTED = 8,
    SIPSTAT_ALLOW = 16
};
SIPSTAT_API void sipstat_word(sipstat_writer *writer, enum sipstat_word header, const char *word,
                              size_t length);

/* Transport connections as associations of RFC 2788 (applInboundAssociations ...). A writer that never calls
 * this leaves those columns without a value rather than at 0. */
enum sipstat_association {
    SIPSTAT_ASSOCIATION_OPENED = 0,
    SIPSTAT_ASSOCIATION_CLOSED = 1,
    SIPSTAT_ASSOCIATION_FAILED = 2 /* IN: refused by this side; OUT: could not be established */
};
SIPSTAT_API void sipstat_association(sipstat_writer *writer, enum sipstat_direction direction,
                                     enum sipstat_association what);

/* --------------------------------------------------------------------------------------------- either
 * ------------- */

/* Declare the operational state of the SIP entity (sipCommonCfgServiceOperStatus). Where several writers of
 * an instance differ, the one declared last holds. Out of range values are ignored. */
SIPSTAT_API void sipstat_set_state(sipstat_writer *writer, enum sipstat_state state);

/* The library's version, "major.minor.patch". Static memory. */
SIPSTAT_API const char *sipstat_version(void);

#ifdef __cplusplus
}
#endif

#endif

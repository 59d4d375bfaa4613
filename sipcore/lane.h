/* SPDX-License-Identifier: BSD-2-Clause */
/* The lane: the shared-memory file that one writer owns and any number of readers follow.
 *
 *   0       struct lane_header     written once, before the file has a name
 *   4096    struct lane_live       state, table sizes, scalar counters
 *           method counters        LANE_METHODS rows of LANE_METHOD_COUNTERS
 *           cells                  LANE_CELLS of (method, status code, in, out)
 *           method names           LANE_METHODS rows, each written before its row counts
 *           notes                  LANE_NOTES named counters about the writer itself
 *           words                  LANE_WORDS option tags and method names that the entity has sent
 *           struct lane_ring       intent and head of the event ring
 *           ring                   a power of two of octets
 *
 * Everything is little-endian or rather host-endian (lanes never leave the machine), fixed-width and 8-aligned. The
 * writer changes counters by relaxed load and store, only ever upwards. What another process may rely on: a table row
 * is complete before the row count that covers it is stored (release). */
#ifndef SIPCORE_LANE_H
#define SIPCORE_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sipcore/method.h"
#include "sipcore/span.h"

#define LANE_MAGIC         0x31454e414c504953ull /* "SIPLANE1" */
#define LANE_ABI           2u                    /* changes with any change of layout or meaning */
#define LANE_ABI_OLDEST    1u                    /* that is still read: as 2, but without words */
#define LANE_SUFFIX        ".lane"
#define LANE_HEADER_OCTETS 4096u

enum {
    LANE_METHODS = METHOD_MAX,
    LANE_CELLS = 1024,
    LANE_NOTES = 32,
    LANE_WORDS = 128,
    LANE_CODE_FIRST = 100,  /* status codes with a cell of their own: 100 to 999, as far as ... */
    LANE_CODE_WORDS = 15,   /* of bits for them */
    LANE_CODES = 900,       /* ... the SYNTAX of sipCommonStatusCodeValue goes */
    LANE_NAME_OCTETS = 104, /* a length octet, up to METHOD_NAME_MAX octets, zeros */
    LANE_NOTE_OCTETS = 32,  /* 24 octets of name, zero-padded, and the value */
    LANE_NOTE_NAME_OCTETS = 24,
    LANE_WORD_TEXT_OCTETS = 59,
    LANE_TEXT_OCTETS = 64,
    LANE_IDENTITY_OCTETS = 16
};

#define LANE_RING_MIN     (16u << 10)
#define LANE_RING_DEFAULT (256u << 10)
#define LANE_RING_MAX     (64u << 20)

/* Whether a lane, or an interest file, of this ABI version can be read here. */
static inline bool
lane_abi_is_read(uint32_t abi)
{
    return abi >= LANE_ABI_OLDEST && abi <= LANE_ABI;
}

/* lane_header.flags */
#define LANE_SHARED_TRANSACTIONS 1u /* begun and ended balance only over the instance's lanes together */
#define LANE_COLLECTOR           2u /* a mirror or capture, not the SIP process itself */

/* The scalar counters, in the order they stand in the lane; `help` is what the viewer says. Those with a MIB object
 * name it. New ones go to the end, and change LANE_ABI. */
#define LANE_COUNTERS(X)                                                                                   \
    X(IN_REQUESTS, "in_requests", "sipCommonSummaryInRequests")                                            \
    X(OUT_REQUESTS, "out_requests", "sipCommonSummaryOutRequests")                                         \
    X(IN_RESPONSES, "in_responses", "sipCommonSummaryInResponses")                                         \
    X(OUT_RESPONSES, "out_responses", "sipCommonSummaryOutResponses")                                      \
    X(TRANS_BEGUN, "transactions_begun", "sipCommonSummaryTotalTransactions")                              \
    X(TRANS_ENDED, "transactions_ended", "transactions with a final response, or given up")                \
    X(UNSUPPORTED_URIS, "unsupported_uris", "sipCommonOtherStatsNumUnsupportedUris")                       \
    X(UNSUPPORTED_METHODS, "unsupported_methods", "sipCommonOtherStatsNumUnsupportedMethods")              \
    X(DISCARDED, "discarded", "sipCommonOtherStatsOtherwiseDiscardedMsgs")                                 \
    X(PROXY_REQUIRE_FAILED, "proxy_require_failed", "sipServerProxyStatProxyReqFailures")                  \
    X(REGISTER_ACCEPTED, "register_accepted", "sipServerRegStatsAcceptedRegs")                             \
    X(REGISTER_REJECTED, "register_rejected", "sipServerRegStatsRejectedRegs")                             \
    X(ASSOC_IN_OPENED, "connections_in_opened", "applAccumulatedInboundAssociations")                      \
    X(ASSOC_IN_CLOSED, "connections_in_closed", "inbound connections closed")                              \
    X(ASSOC_IN_FAILED, "connections_in_refused", "applRejectedInboundAssociations")                        \
    X(ASSOC_OUT_OPENED, "connections_out_opened", "applAccumulatedOutboundAssociations")                   \
    X(ASSOC_OUT_CLOSED, "connections_out_closed", "outbound connections closed")                           \
    X(ASSOC_OUT_FAILED, "connections_out_failed", "applFailedOutboundAssociations")                        \
    X(OUT_UNPARSABLE, "out_unparsable", "sent messages that cannot be parsed")                             \
    X(KEEPALIVES, "keepalives", "CRLF and STUN keep-alives seen")                                          \
    X(TRANS_TIMED_OUT, "transactions_timed_out", "transactions ended by timer B, C or F")                  \
    X(TRANS_EVICTED, "transactions_evicted", "open transactions forgotten because the table was full")     \
    X(TRANS_MEMORY_EVICTED, "finished_evicted",                                                            \
      "finished transactions forgotten early because the table was full")                                  \
    X(TRANS_UNMATCHED, "responses_unmatched", "responses to no transaction known here")                    \
    X(METHODS_FOLDED, "methods_folded", "messages counted under (other): no room for their method's name") \
    X(CELLS_FOLDED, "cells_folded",                                                                        \
      "responses without a cell of their own: table full, or no code from 100 to 999")                     \
    X(EVENTS_WRITTEN, "events_written", "records put in the event ring")                                   \
    X(EVENTS_CUT, "events_cut", "event records cut to fit, or left out for a too long address-of-record")  \
    X(SIGCOMP, "sigcomp", "SigComp messages (RFC 3486, 5049), which cannot be read here")                  \
    X(WORDS_FOLDED, "words_folded", "option tags and methods seen in sent messages, and no room to keep")

enum lane_counter {
#define X(name, text, help) LANE_##name,
    LANE_COUNTERS(X)
#undef X
        LANE_COUNTERS_USED,
    LANE_COUNTERS_MAX = 48
};

/* What is counted per method. */
enum lane_method_counter {
    LANE_METHOD_IN,                        /* sipCommonMethodStatsInbounds: new requests received */
    LANE_METHOD_OUT,                       /* sipCommonMethodStatsOutbounds: new requests sent */
    LANE_METHOD_IN_RETRANSMITTED,          /* request retransmissions received */
    LANE_METHOD_OUT_RETRANSMITTED,         /* sipCommonStatsRetries */
    LANE_METHOD_FINAL_RETRANSMITTED,       /* sipCommonStatsRetryFinalResponses: sent */
    LANE_METHOD_PROVISIONAL_RETRANSMITTED, /* sipCommonStatsRetryNonFinalResponses: sent */
    LANE_METHOD_RESPONSES_IN_RETRANSMITTED,
    LANE_METHOD_SPARE,
    LANE_METHOD_COUNTERS
};

/* Written once, before anybody can open the file. Offsets are from the start of the file. */
struct lane_header {
    uint64_t magic;
    uint32_t abi;
    uint32_t header_octets; /* LANE_HEADER_OCTETS */
    uint64_t file_octets;
    uint32_t live_offset;
    uint32_t methods_offset;
    uint32_t cells_offset;
    uint32_t names_offset;
    uint32_t notes_offset;
    uint32_t ring_offset; /* of struct lane_ring */
    uint32_t ring_data_offset;
    uint32_t ring_octets;                   /* a power of two */
    uint32_t flags;                         /* LANE_SHARED_TRANSACTIONS ... */
    uint32_t words_offset;                  /* 0 in ABI 1, which has none */
    uint8_t identity[LANE_IDENTITY_OCTETS]; /* random: this lane and no other, ever */
    int64_t pid;                            /* for people; liveness is asked of the lock */
    int64_t tid;
    uint64_t started_monotonic_ns;
    uint64_t started_realtime_ns;
    char instance[LANE_TEXT_OCTETS]; /* zero-terminated */
    char software[LANE_TEXT_OCTETS];
    char program[LANE_TEXT_OCTETS]; /* what the process is called, for people */
};

/* Where everything lies in a lane whose ring has `ring_octets`: fills in header_octets, file_octets, the offsets and
 * ring_octets, as h->abi has it, and leaves the rest of `h` alone. There is one layout per ABI version and ring size:
 * the writer makes it, and a reader believes no other. */
void lane_layout(struct lane_header *h, uint32_t ring_octets);

_Static_assert(offsetof(struct lane_header, identity) == 64, "lane ABI 2");
_Static_assert(offsetof(struct lane_header, instance) == 112, "lane ABI 2");
_Static_assert(sizeof(struct lane_header) == 304, "lane ABI 2");

/* The part that changes. `methods`, `cells` and `words` are stored (release) after the rows they cover,
 * `word_changes` after all else. */
struct lane_live {
    _Atomic uint32_t state;   /* enum sipstat_state */
    _Atomic uint32_t methods; /* names in use, METHOD_IANA_COUNT to LANE_METHODS - 1; METHOD_OTHER is not */
    _Atomic uint32_t cells;   /* cells in use; cell 0 always is, and takes what is folded */
    _Atomic uint32_t notes;
    _Atomic uint64_t state_monotonic_ns; /* when `state` was declared */
    _Atomic uint64_t associations;       /* 1 once the writer reports connections: only then are they known */
    _Atomic uint64_t words;              /* rows in use */
    _Atomic uint64_t word_changes;       /* rows made, uses added: while it stays, the words stay */
    _Atomic uint64_t reserved[2];
    _Atomic uint64_t counters[LANE_COUNTERS_MAX];
};

_Static_assert(offsetof(struct lane_live, counters) == 64, "scalar counters start a cache line");
_Static_assert(sizeof(struct lane_live) == 448, "lane ABI 2");

/* Responses of one method and status code. */
struct lane_cell {
    _Atomic uint64_t key; /* method << 16 | code; written before the cell count covers it, never changed */
    _Atomic uint64_t in;
    _Atomic uint64_t out;
};

_Static_assert(sizeof(struct lane_cell) == 24, "lane ABI 2");

#define LANE_CELL_KEY(method, code) ((uint64_t)(method) << 16 | (code))
#define LANE_CELL_METHOD(key)       ((unsigned)((key) >> 16) & 0xffffu)
#define LANE_CELL_CODE(key)         ((unsigned)(key)&0xffffu)

/* What the entity has sent in Require, Proxy-Require, Supported, Unsupported (option tags) and Allow (methods). The
 * text is written before the row count covers it; bits are only ever added. One row holds a word in all its uses. */
struct lane_word {
    _Atomic uint32_t uses; /* LANE_WORD_* */
    uint8_t octets;        /* 1 to LANE_WORD_TEXT_OCTETS */
    char text[LANE_WORD_TEXT_OCTETS];
};

/* The first four are the bits of SipTCOptionTagHeaders (RFC 4780). */
#define LANE_WORD_REQUIRE       1u
#define LANE_WORD_PROXY_REQUIRE 2u
#define LANE_WORD_SUPPORTED     4u
#define LANE_WORD_UNSUPPORTED   8u
#define LANE_WORD_ALLOW         16u /* a method */
#define LANE_WORD_TAG           15u /* any of the first four: an option tag */

_Static_assert(sizeof(struct lane_word) == 64, "lane ABI 2");

/* True for what a row may hold: a token (RFC 3261 25.1) of 1 to LANE_WORD_TEXT_OCTETS octets. */
bool lane_word_is_valid(struct span text);

/* True when one row holds both: the same octets, or option tags that differ only in case (RFC 3261 7.3.1; methods
 * differ, 7.1). */
bool lane_word_is_same(struct span text, uint32_t uses, struct span other, uint32_t other_uses);

/* The ring's words, on two cache lines: readers look at head all the time, at intent after a copy. They count octets
 * ever written, so position = word & (ring_octets - 1). */
struct lane_ring {
    _Atomic uint64_t head;          /* records before it are complete */
    _Atomic uint64_t head_sequence; /* sequence number of the record that will be written at head */
    uint64_t pad0[6];
    _Atomic uint64_t intent; /* octets before intent - ring_octets may be gone */
    _Atomic uint64_t oldest; /* where the oldest record begins that intent leaves whole; 0 from writers that
                                do not tell, while nothing was overwritten, too */
    uint64_t pad1[6];
};

_Static_assert(offsetof(struct lane_ring, intent) == 64, "head and intent on cache lines of their own");
_Static_assert(sizeof(struct lane_ring) == 128, "lane ABI 2");

/* A record: this header, then the body, zero-padded to 8. May wrap around the ring's end at any 8 octets. */
struct lane_record {
    uint32_t octets;      /* whole record, a multiple of 8, sizeof(struct lane_record) to LANE_RECORD_MAX */
    uint16_t type;        /* enum lane_event */
    uint16_t body_octets; /* of the body, without padding */
    uint64_t sequence;    /* 1, 2, 3 ... of this lane */
    uint64_t time_ns;     /* Unix time */
};

#define LANE_RECORD_MAX 4096u

enum lane_event {
    LANE_EVENT_STATUS = 1,      /* struct lane_event_status, then To, From, Call-ID */
    LANE_EVENT_STATE = 2,       /* struct lane_event_state */
    LANE_EVENT_AUTH_FAILED = 3, /* struct lane_event_auth_failed, then the address-of-record */
    LANE_EVENT_BINDINGS = 4     /* struct lane_event_bindings, then the address-of-record, then contacts */
};

/* A response whose status code somebody asked for. The three header field values follow, without their names. */
struct lane_event_status {
    uint8_t direction; /* enum sipstat_direction */
    uint8_t method;
    uint16_t code;
    uint32_t cseq;
    uint16_t to_octets;
    uint16_t from_octets;
    uint16_t call_id_octets;
    uint16_t flags; /* LANE_STATUS_* */
};

#define LANE_STATUS_PRIVATE \
    1u /* the message, or its request, asked for privacy: id, user or header (RFC 3323, 3325) */

/* A REGISTER that brought credentials was answered 401, 403 or 407 for the first time, and not as stale. Recorded
 * when LANE_WANT_REGISTRATIONS. */
struct lane_event_auth_failed {
    uint16_t code;
    uint16_t aor_octets;
    uint32_t reserved;
};

/* All bindings of an address-of-record, as the first 2xx to a REGISTER lists them (RFC 3261 10.3 step 8): they
 * replace what was known. Recorded when LANE_WANT_REGISTRATIONS. What does not fit a record goes on in the next,
 * which has the next `part` and the same address-of-record, with no record of another kind between them; the one
 * with LANE_BINDINGS_LAST completes the set. */
struct lane_event_bindings {
    uint16_t part; /* 0, 1, 2 ... */
    uint16_t flags;
    uint16_t contacts; /* in this record */
    uint16_t aor_octets;
};

#define LANE_BINDINGS_LAST 1u

/* One contact: this, then URI, display name (unquoted), value of +sip.instance (unquoted, RFC 5626). Not padded. */
struct lane_contact {
    uint32_t expires_s;       /* LANE_EXPIRES_UNKNOWN: neither the contact nor the message says */
    uint32_t reg_id;          /* RFC 5626; 0: none */
    uint16_t q_thousandths;   /* 0 to 1000; LANE_Q_NONE: none given */
    uint16_t uri_octets;      /* 1 to LANE_CONTACT_URI_MAX, GRUU and all other URI parameters included */
    uint16_t name_octets;     /* 0 to 255 */
    uint16_t instance_octets; /* 0 to 255 */
};

#define LANE_EXPIRES_UNKNOWN UINT32_MAX
#define LANE_Q_NONE          UINT16_MAX

enum { LANE_AOR_MAX = 512, LANE_CONTACT_URI_MAX = 1024 };

struct lane_event_state {
    uint32_t state; /* enum sipstat_state */
    uint32_t previous;
};

_Static_assert(sizeof(struct lane_record) == 24 && sizeof(struct lane_event_status) == 16, "lane ABI 2");
_Static_assert(sizeof(struct lane_event_auth_failed) == 8 && sizeof(struct lane_event_bindings) == 8,
               "lane ABI 2");
_Static_assert(sizeof(struct lane_contact) == 16, "lane ABI 2");

/* What readers want recorded: the file "interest" in the instance's directory, which is the agent's and which writers
 * map read-only. Who comes before the agent makes one for its user, "interest.UID", all zero; the agent sets bits in
 * all of them, in place. */
#define LANE_INTEREST_NAME  "interest"
#define LANE_INTEREST_MAGIC 0x31544e4954504953ull /* "SIPTINT1" */

struct lane_interest {
    uint64_t magic;
    uint32_t abi;
    uint32_t reserved;
    _Atomic uint64_t flags; /* LANE_WANT_* */
    _Atomic uint64_t codes
        [LANE_CODE_WORDS]; /* bit (code - 100) : record responses of this status code, codes 100 to 999; in
                              ABI 1 to 699, and what follows is zero */
};

_Static_assert(LANE_CODE_WORDS * 64 >= LANE_CODES, "a bit for each code");

#define LANE_WANT_REGISTRATIONS 1u

#define LANE_INTEREST_OCTETS 4096u

#endif

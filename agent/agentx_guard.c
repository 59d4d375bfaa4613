/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of what a master sends. */
#include "agent/agentx_guard.h"

/* RFC 2741 6.1: PDUs that a subagent may get, besides responses. */
enum {
    PDU_CLOSE = 2,
    PDU_GET = 5,
    PDU_GET_NEXT = 6,
    PDU_GET_BULK = 7,
    PDU_TEST_SET = 8,
    PDU_COMMIT_SET = 9,
    PDU_UNDO_SET = 10,
    PDU_CLEANUP_SET = 11,
    VERSION = 1
};

static enum agentx_verdict judge_set(struct agentx_guard *g, uint8_t type, uint32_t transaction);
static uint32_t number_at(const uint8_t *octet, uint8_t flags);

enum agentx_verdict
agentx_guard_judge(struct agentx_guard *g, const uint8_t header[AGENTX_HEADER_OCTETS], size_t *payload_octets)
{
    uint8_t type = header[1], flags = header[2];
    uint32_t octets = number_at(header + 16, flags);

    *payload_octets = 0;
    if (header[0] != VERSION || octets % 4 != 0 || octets > AGENTX_PAYLOAD_OCTETS_MAX)
        return AGENTX_BROKEN;
    *payload_octets = octets;
    switch (type) {
    case PDU_CLOSE:
    case PDU_GET:
    case PDU_GET_NEXT:
    case PDU_GET_BULK:
    case AGENTX_RESPONSE: return AGENTX_PASS;
    case PDU_TEST_SET:
    case PDU_COMMIT_SET:
    case PDU_UNDO_SET:
    case PDU_CLEANUP_SET: return judge_set(g, type, number_at(header + 8, flags));
    default: *payload_octets = 0; return AGENTX_BROKEN;
    }
}

/* TestSet, then CommitSet, then CleanupSet or UndoSet; or after TestSet at once CleanupSet (RFC 2741 7.2.4). */
static enum agentx_verdict
judge_set(struct agentx_guard *g, uint8_t type, uint32_t transaction)
{
    static const struct {
        enum agentx_guard_phase from[2], to;
    } steps[] = {
        [PDU_COMMIT_SET] = { { AGENTX_TESTED, AGENTX_TESTED }, AGENTX_COMMITTED },
        [PDU_UNDO_SET] = { { AGENTX_COMMITTED, AGENTX_COMMITTED }, AGENTX_UNDONE },
        [PDU_CLEANUP_SET] = { { AGENTX_TESTED, AGENTX_COMMITTED }, AGENTX_CLEANED },
    };

    if (type == PDU_TEST_SET) {
        if (g->phase == AGENTX_TESTED && g->transaction == transaction)
            return AGENTX_REPEATED;
        if (g->phase == AGENTX_TESTED || g->phase == AGENTX_COMMITTED)
            return AGENTX_BROKEN;
        *g = (struct agentx_guard){ transaction, AGENTX_TESTED };
        return AGENTX_PASS;
    }
    if (g->phase == AGENTX_NO_SET || g->transaction != transaction)
        return AGENTX_BROKEN;
    if (g->phase == steps[type].to || (type == PDU_CLEANUP_SET && g->phase == AGENTX_UNDONE))
        return AGENTX_REPEATED;
    if (g->phase != steps[type].from[0] && g->phase != steps[type].from[1])
        return AGENTX_BROKEN;
    g->phase = steps[type].to;
    return AGENTX_PASS;
}

static uint32_t
number_at(const uint8_t *octet, uint8_t flags)
{
    uint32_t first = octet[0], second = octet[1], third = octet[2], fourth = octet[3];

    return flags & AGENTX_NETWORK_BYTE_ORDER ? first << 24 | second << 16 | third << 8 | fourth
                                             : fourth << 24 | third << 16 | second << 8 | first;
}

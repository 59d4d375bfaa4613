/* SPDX-License-Identifier: BSD-2-Clause */
/* The layout of a lane, and what its words are. */
#include "sipcore/lane.h"

#include "sipcore/sip_text.h"

_Static_assert(sizeof(struct lane_header) <= LANE_HEADER_OCTETS, "the header fits its page");
_Static_assert(LANE_NAME_OCTETS % 8 == 0 && LANE_NOTE_OCTETS % 8 == 0, "every table starts 8-aligned");

static uint32_t
round_up(uint32_t octets, uint32_t unit)
{
    return (octets + unit - 1) / unit * unit;
}

void
lane_layout(struct lane_header *h, uint32_t ring_octets)
{
    uint32_t offset = LANE_HEADER_OCTETS;

    h->header_octets = LANE_HEADER_OCTETS;
    h->live_offset = offset;
    offset += sizeof(struct lane_live);
    h->methods_offset = offset;
    offset += LANE_METHODS * LANE_METHOD_COUNTERS * sizeof(uint64_t);
    h->cells_offset = offset;
    offset += LANE_CELLS * sizeof(struct lane_cell);
    h->names_offset = offset;
    offset += LANE_METHODS * LANE_NAME_OCTETS;
    h->notes_offset = offset;
    offset += LANE_NOTES * LANE_NOTE_OCTETS;
    h->words_offset = h->abi == 1 ? 0 : offset;
    offset += h->abi == 1 ? 0 : LANE_WORDS * sizeof(struct lane_word);
    h->ring_offset = round_up(offset, 64);
    h->ring_data_offset = round_up(h->ring_offset + sizeof(struct lane_ring), 4096);
    h->ring_octets = ring_octets;
    h->file_octets = (uint64_t)h->ring_data_offset + ring_octets;
}

bool
lane_word_is_valid(struct span text)
{
    return text.length <= LANE_WORD_TEXT_OCTETS && method_name_is_valid(text);
}

bool
lane_word_is_same(struct span text, uint32_t uses, struct span other, uint32_t other_uses)
{
    uint8_t difference = 0;

    if (text.length != other.length)
        return false;
    if ((uses | other_uses) & LANE_WORD_ALLOW)
        return span_equals(text, other);
    for (size_t i = 0; i < text.length; i++)
        difference |= sip_lower(text.data[i]) ^ sip_lower(other.data[i]);
    return difference == 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A lane that its owner spoils, before a whole agent: attached, read, followed into the registry and the
 * notifications, retired, summed up, and shown to a manager that asks for everything. Whatever the lane says, another
 * instance's counts stay, no batch of the registry fails, and no counter falls without a mark of it.
 *
 * The input is a list of deeds, an octet each, with what they need behind them. Each input is another instance's, on an
 * agent that now and then begins anew in an empty directory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/notice_varbinds.h"
#include "agent/snapshot_build.h"
#include "sipcore/sipstat.h"
#include "tests/unit/agent_fixture.h"
#include "tests/unit/mib_fixture.h"
#include "tests/unit/scratch.h"

enum { DEEDS_MAX = 64, WALK_MAX = 20000, INPUTS_OF_AN_AGENT = 512, CALM_REQUESTS = 3, SHOWS_MAX = 2 };

enum deed {
    POKE_HEADER,
    POKE_LIVE,
    POKE_CELLS,
    POKE_NAMES,
    POKE_RING,
    POKE_DATA,
    CUT,
    RECORD, /* of any kind, with any body */
    COUNT,
    DECLARE,
    LOOK, /* when the rings are looked at again */
    TICK,
    END, /* of the writer */
    RESTART,
    SHOW,
    DEEDS
};

static const char instances[] = "  - name: edge\n"
                                "    appl_index: 1\n"
                                "    roles: [registrar_server]\n"
                                "    watch:\n"
                                "      - {method: INVITE, codes: [486], notify: true, emit: normal}\n"
                                "      - {method: INVITE, codes: [503], notify: true}\n"
                                "  - name: calm\n"
                                "    appl_index: 2\n"
                                "    roles: [proxy_server]\n";

static struct agent_fixture f;
static struct instance *edge;
static struct lane_writer calm, writer;
static bool is_writing;  /* the file is whole, so that its writer can go on */
static int fd;           /* the lane */
static uint64_t seen_ns; /* sipCommonCfgServiceDisconTime as last shown */
static uint64_t seen[LANE_COUNTERS_USED];
static unsigned inputs, shows_left;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the agent -------------------------------------------------------------------------------------------------- */

static void
end_agent(void)
{
    lane_writer_close(&calm);
    fixture_close(&f);
}

static void
begin_agent(void)
{
    if (inputs == 0) {
        log_init("fuzz_follow", LOG_LEVEL_ERROR, false);
        must(atexit(end_agent) == 0);
    } else {
        end_agent();
    }
    fixture_open(&f, instances);
    edge = f.instance[0];
    fixture_writer(&f, &calm, "calm", 0);
    fixture_count(&calm, CALM_REQUESTS);
    fixture_tick(&f);
}

static void
take_up(void)
{
    struct err e = { "" };

    must(instance_take_up(edge, &f.hold->config->instances[0], &f.site, f.now_ns, &e) == 0);
}

static void
begin_instance(void)
{
    char name[NAME_MAX + 1], path[PATH_MAX + 2 * NAME_MAX];
    struct err e = { "" };

    instance_let_go(edge, &f.site);
    snprintf(path, sizeof(path), "%s/%s", f.runtime, edge->name);
    scratch_remove(path);
    snprintf(f.hold->config->instances[0].name, CONFIG_NAME_OCTETS, "edge-%u", inputs);
    must(controls_follow(f.controls, f.hold->config, &e) == 0); /* which knows its rows by the name */
    take_up();
    fixture_writer(&f, &writer, edge->name, 0);
    is_writing = true;
    must(scratch_count(f.runtime, edge->name, LANE_SUFFIX, name) == 1);
    snprintf(path, sizeof(path), "%s/%s/%s", f.runtime, edge->name, name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    must(fd >= 0);
    memset(seen, 0, sizeof(seen));
    seen_ns = 0;
}

static void
end_instance(void)
{
    lane_writer_close(&writer);
    close(fd);
    fixture_tick(&f);
    must(edge->lanes.count == 0 || edge->lanes.lane[0]->stage != LANE_LIVE);
}

/* ---- what it shows ---------------------------------------------------------------------------------------------- */

static void
check_instances(const struct snapshot *s)
{
    const struct snap_instance *spoilt = s->rows[SNAP_INSTANCES].row[0],
                               *other = s->rows[SNAP_INSTANCES].row[1];

    must(s->rows[SNAP_INSTANCES].count == 2 && spoilt->appl_index == 1);
    must(other->counters[LANE_IN_REQUESTS] == CALM_REQUESTS && other->oper_status == OPER_UP);
    must(spoilt->oper_status >= OPER_UNKNOWN && spoilt->oper_status <= OPER_TESTING);
    for (unsigned i = 0; i < LANE_COUNTERS_USED; i++) {
        /* Those ended are set to those begun with the last lane. */
        must(spoilt->counters[i] >= seen[i] || spoilt->discon_ns > seen_ns || i == LANE_TRANS_ENDED);
        seen[i] = spoilt->counters[i];
    }
    seen_ns = spoilt->discon_ns;
}

/* From the first to the last instance of all tables, each greater than the one before. */
static void
walk(const struct mib_view *view)
{
    unsigned left = WALK_MAX;

    for (size_t t = 0; t < mib_n_tables; t++) {
        struct mib_oid name = { .length = 0 }, next;
        struct mib_value value;

        while (mib_getnext(mib_tables[t], view, name.id, name.length, &next, &value) == MIB_OK) {
            must(left-- > 0);
            must(mib_fixture_compare(next.id, next.length, name.id, name.length) > 0);
            name = next;
        }
    }
}

static void
deliver(const struct mib_view *view)
{
    struct notice_varbinds varbinds;
    struct notice n;

    while (notice_queue_at(f.notices, 0, &n)) {
        must(notice_varbinds(&n, view, &varbinds) && varbinds.count <= NOTICE_VARBINDS_MAX);
        for (size_t i = 0; i < varbinds.count; i++)
            must(varbinds.varbind[i].syntax != NOTICE_TEXT || varbinds.varbind[i].text.length <= 255);
        notice_queue_drop(f.notices);
    }
}

/* `walks`: to a manager that asks for everything, which takes far longer than all else. */
static void
show(bool walks)
{
    static struct registry_reader *reader;
    const struct snapshot *s = fixture_snapshot(&f);
    struct mib_clock clock = { .is_set = false };
    struct mib_view view = { .snapshot = s };

    if (reader == NULL)
        reader = registry_reader_new(NULL);
    must(reader != NULL);
    mib_clock_follow(&clock, f.now_ns, 100000, &view);
    view.registrations = registry_reader_begin(reader, f.site.registry, f.now_ns);
    check_instances(s);
    if (walks)
        walk(&view);
    deliver(&view);
    registry_reader_end(reader);
    registry_reader_begin(reader, NULL, f.now_ns); /* holds no registry open */
    snapshot_release(s);
    must(f.site.batches_failed == 0 && f.site.registries_damaged == 0 && f.site.stores_damaged == 0);
}

/* ---- deeds ------------------------------------------------------------------------------------------------------ */

static uint64_t
take_word(struct span *in)
{
    struct span part;
    uint64_t word = 0;

    if (span_take(in, sizeof(word), &part))
        memcpy(&word, part.data, sizeof(word));
    return word;
}

/* Put a word at a place within a part of the file. */
static void
poke(struct span *in, enum deed deed)
{
    struct lane_header h = { .abi = LANE_ABI };
    uint64_t from, end, word;
    uint16_t place = 0;

    lane_layout(&h, LANE_RING_MIN);
    switch (deed) {
    case POKE_HEADER: from = 0, end = sizeof(h); break;
    case POKE_LIVE: from = h.live_offset, end = h.cells_offset; break;
    case POKE_CELLS: from = h.cells_offset, end = h.names_offset; break;
    case POKE_NAMES: from = h.names_offset, end = h.ring_offset; break;
    case POKE_RING: from = h.ring_offset, end = h.ring_data_offset; break;
    default: from = h.ring_data_offset, end = h.file_octets;
    }
    span_take_u16(in, &place);
    word = take_word(in);
    must(pwrite(fd, &word, sizeof(word), (off_t)(from + place * 8u % (end - from))) == sizeof(word));
}

static void
record(struct span *in)
{
    uint8_t type = 0, octets = 0, ago_s = 0;
    struct span body;

    span_take_u8(in, &type);
    span_take_u8(in, &ago_s);
    if (span_take_u8(in, &octets) && span_take(in, octets, &body) && is_writing)
        lane_ring_put(&writer, type % 8, body.data, body.length,
                      site_unix_ns(f.now_ns) - ago_s * FIXTURE_SECOND);
}

static void
count(struct span *in)
{
    uint16_t what = 0;

    span_take_u16(in, &what);
    if (!is_writing)
        return;
    lane_count(&writer, what % LANE_COUNTERS_USED);
    lane_count_response(&writer, (what >> 4) % METHOD_IANA_COUNT, 100 + what % LANE_CODES, what & 1);
}

static void
restart(void)
{
    instance_let_go(edge, &f.site);
    f.now_ns += FIXTURE_SECOND;
    take_up();
}

static void
act(struct span *in, uint8_t octet)
{
    enum deed deed = octet % DEEDS;

    switch (deed) {
    case CUT:
        is_writing = false; /* it would be killed by SIGBUS */
        must(ftruncate(fd, (off_t)(take_word(in) % (256 << 10))) == 0);
        break;
    case RECORD: record(in); break;
    case COUNT: count(in); break;
    case DECLARE:
        if (is_writing)
            lane_set_state(&writer, octet / DEEDS, f.now_ns, site_unix_ns(f.now_ns));
        break;
    case LOOK:
        if (edge->poll_ns != SITE_NEVER && edge->poll_ns > f.now_ns)
            f.now_ns = edge->poll_ns;
        instance_look(edge, &f.site, f.now_ns);
        site_commit(&f.site, f.now_ns);
        break;
    case TICK: fixture_tick(&f); break;
    case END:
        is_writing = false;
        lane_writer_close(&writer);
        break;
    case RESTART: restart(); break;
    case SHOW:
        show(shows_left > 0);
        shows_left -= shows_left > 0;
        break;
    default: poke(in, deed);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    uint8_t octet;

    if (inputs % INPUTS_OF_AN_AGENT == 0)
        begin_agent();
    inputs++;
    shows_left = SHOWS_MAX;
    begin_instance();
    for (unsigned i = 0; i < DEEDS_MAX && span_take_u8(&in, &octet); i++)
        act(&in, octet);
    show(false);
    end_instance();
    show(false);
    return 0;
}

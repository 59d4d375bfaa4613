/* SPDX-License-Identifier: BSD-2-Clause */
/* Which notifications an instance raises (RFC 4780), and when. Pure but for the queue it puts them into: the clock is
 * passed in, CLOCK_MONOTONIC nanoseconds. The core thread.
 *
 *   status code   a response whose row has NotifSend true, in mode normal each, in mode oneShot the next one, and the
 *                 row reads triggered then. At most `rate` a second of one instance (and as many at once): what is
 *                 beyond is counted, and said once until a second passed without. A one-shot that is beyond is not
 *                 spent
 *   threshold     more than Thresh responses of a row, received or sent, within one window of Interval seconds. At most
 *                 one per direction and window; the next window arms it again. Windows begin when the row is made or
 *                 changed, and follow each other. Only rows that somebody asked for have thresholds: a default of 500 a
 *                 minute is nobody's wish. Interval 0: none. Thresh 0: the first response of a window exceeds it.
 *                 Independent of NotifSend: they are meant to be used in its stead (RFC 4780)
 *   service       coldStart: from down or unknown to up. warmStart: from restarting to up. statusChanged: each change.
 *                 Each if its bit of sipCommonCfgServiceNotifEnable is set; a change may raise two, the start first.
 *                 At most `rate` a second, counted by itself */
#ifndef AGENT_NOTIFIER_H
#define AGENT_NOTIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/controls.h"
#include "agent/flood.h"
#include "agent/notice.h"
#include "agent/oper_state.h"
#include "agent/pseudonym.h"
#include "sipcore/lane_reader.h"

struct notifier_window; /* of a row that somebody asked for */

/* A token bucket: time that may be spent, a second's worth at most. */
struct notifier_credit {
    uint64_t ns;
    uint64_t at_ns; /* as of then; 0: full */
};

struct notifier {
    char instance[CONFIG_NAME_OCTETS];
    uint32_t appl_index;
    struct notice_queue *queue;        /* borrowed; NULL: nothing is raised */
    const struct pseudonym *pseudonym; /* borrowed; NULL: who is private is anonymous (RFC 3323 4.1.1.3) */
    bool is_pseudonymous;              /* all of the instance's: expose is not full */
    uint32_t rate;                     /* notifications a second of each kind below; 0 counts as 1 */
    struct notifier_credit codes;      /* for status codes */
    struct notifier_credit states;     /* for the service's state: a flood of codes does not use it up */
    uint64_t raised;                   /* since the start */
    struct flood capped;               /* beyond the rate */
    struct flood overflowed;           /* no room in the queue */
    uint32_t sequence;                 /* of the last one raised */
    unsigned notify_enable;            /* SNAP_NOTIFY_* */
    struct control_row *rows;          /* sorted; owned */
    size_t n_rows;
    struct notifier_window *windows; /* one for each row */
};

void notifier_init(struct notifier *n, const char *instance, struct notice_queue *queue,
                   const struct pseudonym *pseudonym);
void notifier_fini(struct notifier *n);

/* Follow the controls: takes `rows` (malloc'ed) over. Windows of rows whose serial did not change go on. 0 or -ENOMEM
 * (then the old ones stay, and `rows` is the caller's). */
int notifier_set_rows(struct notifier *n, unsigned notify_enable, struct control_row *rows, size_t count);

/* How many responses of a row were counted so far. */
typedef void notifier_count(void *context, const char *method, size_t method_octets, unsigned code,
                            uint64_t *in, uint64_t *out);

/* A response was recorded. `method`: its name. Returns the row when a one-shot was spent on it (tell the
 * controls), else NULL. */
const struct control_row *notifier_status(struct notifier *n, const struct ring_event *event,
                                          const char *method, notifier_count *count, void *context,
                                          uint64_t now_ns);

/* Look at all thresholds: about once a second, and at once after notifier_set_rows(): that is when new windows begin.
 * Windows end between two looks: what was counted since the last one is the ending window's. After a longer gap it is
 * spread over all windows that ended in it. */
void notifier_thresholds(struct notifier *n, notifier_count *count, void *context, uint64_t now_ns);

/* The operational state changed. */
void notifier_state(struct notifier *n, uint32_t before, const struct instance_state *state, uint64_t now_ns);

/* Once a second: end a flood that is over (and say how many were left out). */
void notifier_tick(struct notifier *n, uint64_t now_ns);

/* The status codes that somebody wants to hear of, as bits for the interest file. */
void notifier_interest(const struct notifier *n, uint64_t codes[LANE_CODE_WORDS]);

#endif

# SPDX-License-Identifier: BSD-2-Clause
"""What a load came to: whether anything grew, whether every walk was right, whether every count is."""

import time

import hammers
import harness
import load
import registrations

# What is not the same at the end may differ by so much, in parts of what it was and at least absolutely. Memory of its
# own: what an allocator keeps; all memory: LMDB's pages as well, which stay mapped as they are used.
# `pages`: of the file, which keeps what its fullest moment took. What has to get warm is not judged in a short run.
BOUNDS = {"descriptors": (0, 3), "threads": (0, 0), "readers": (0, 2), "snapshots alive": (0, 3)}
LONG_BOUNDS = {"own kB": (0.10, 2048), "RSS kB": (0.10, 8192), "pages": (0.15, 256), "pages in use": (0.10, 256)}
LONG_S = 600


def bound_of(name, seconds):
    bounds = dict(BOUNDS, **(LONG_BOUNDS if seconds >= LONG_S else {}))
    return next((limit for key, limit in bounds.items() if name == key or name.endswith(" " + key)), None)


def line_through(points):
    """Slope of the straight line with the least squares, a second."""
    n = len(points)
    x0, y0 = sum(p[0] for p in points) / n, sum(p[1] for p in points) / n
    below = sum((p[0] - x0) ** 2 for p in points)
    return sum((p[0] - x0) * (p[1] - y0) for p in points) / below if below else 0.0


def growth(report, samples):
    """A table of what it took: at the start, when all was warm (a quarter of the time later), and at the end."""
    warm = samples[len(samples) // 4:]
    third = max(1, len(warm) // 3)
    print("# %-30s %12s %12s %12s %14s" % ("", "start", "warm", "end", "an hour"))
    for name in samples[0][1]:
        points = [(at, sample[name]) for at, sample in warm]
        early, late = (sorted(p[1] for p in part)[len(part) // 2] for part in (points[:third], points[-third:]))
        print("# %-30s %12s %12s %12s %+14.1f" % (name, samples[0][1][name], early, late, 3600 * line_through(points)))
        limit = bound_of(name, samples[-1][0] - samples[0][0])
        if limit:
            allowed = max(limit[0] * early, limit[1])
            report.check("%s does not grow (%s, then %s; %d more allowed)" % (name, early, late, allowed),
                         late - early <= allowed)


def walks(report, run):
    for n, process in enumerate(run.walkers):
        process.popen.terminate()
    for n, process in enumerate(run.walkers):
        process.popen.wait(900)
        said, (tool, oid, _) = run.walked(process), load.WALKERS[n]
        wrong = {key: said.get(key) for key in ("failed", "missing", "disorder") if said.get(key, 1)}
        report.check("%s of %s: %d walks, %d objects, %d of them came and went, the longest %.1f s: none missing, "
                     "none out of order" %
                     ((tool, oid) + tuple(said.get(key, 0) for key in ("walks", "objects", "more", "longest_s"))),
                     not wrong and said.get("walks"), "%s %s" % (wrong, said.get("wrong")))


def within(bounds, value):
    return bounds[0] <= (value or 0) <= bounds[1]


def events_of(agent, name):
    return next(i["events"] for i in agent["instances"] if i["name"] == name)


def all_of(events):
    return events["read"] + events["lost"] - events["lost_after_reading"]


def counts(report, run):
    """Hold everything still, and compare."""
    run.gang.hold(True)
    for ledger in run.ledgers():
        ledger.hold()
    harness.wait_for("the writers to pause", lambda: all(each.is_idle() for each in run.ledgers()), 30)
    expected = {
        "edge": run.flood.bounds(load.RESPONSE),
        "home": tuple(run.stable_events + a + b for a, b in zip(run.guests.bounds(load.BINDINGS, load.FAILURE),
                                                                run.storm.bounds(load.BINDINGS, load.FAILURE)))}
    for name, bounds in expected.items():
        says = settle(lambda: events_of(run.agent(), name), lambda e: within(bounds, all_of(e)))
        report.check("%s: %d events followed and %d missed are all of %d to %d" %
                     (name, says["read"], says["lost"], *bounds), within(bounds, all_of(says)))
    responses = run.flood.bounds(load.RESPONSE)
    key = ("sipCommonStatusCodeOuts", "INVITE", 503)
    values = settle(lambda: hammers.served(run.site, load.EDGE), lambda v: within(responses, v.get(key)))
    report.check("edge: %s responses served of %d to %d" % (values.get(key), *responses),
                 within(responses, values.get(key)))
    requests = [a + b for a, b in zip(run.flood.bounds(load.REQUEST), run.methods.bounds(load.REQUEST))]
    report.check("edge: %s requests served of %d to %d" % (values.get(("sipCommonSummaryInRequests",)), *requests),
                 within(requests, values.get(("sipCommonSummaryInRequests",))))
    bounds = run.gang.bounds()
    values = settle(lambda: hammers.served(run.site, load.CORE), lambda v: not differences(bounds, v))
    report.check("core: %d counters served as by the ledgers of %d writers" % (len(bounds), len(run.gang.members)),
                 not differences(bounds, values), str(differences(bounds, values)))


def differences(bounds, values):
    return {key: (pair, values.get(key)) for key, pair in bounds.items() if not within(pair, values.get(key))}


def settle(look, is_right, timeout=30):
    """Look until it is right; what was seen last."""
    deadline = time.monotonic() + timeout
    while True:
        seen = look()
        if is_right(seen) or time.monotonic() > deadline:
            return seen
        time.sleep(0.2)


def mirror(report, run):
    """What was sent to the collector is counted, or known to be lost."""

    def look():
        says = next(i for i in run.agent()["instances"] if i["name"] == "mirror")
        return says["counters"]["in_requests"], dropped(run)

    counted, lost = settle(look, lambda seen: sum(seen) == run.hep_sent)
    report.check("mirror: %d sent are %d counted and %d dropped at the socket" % (run.hep_sent, counted, lost),
                 counted + lost == run.hep_sent)


def dropped(run):
    """The kernel's own count of the collector's socket."""
    with open("/proc/net/udp", encoding="ascii") as f:
        return sum(int(line.split()[-1]) for line in f if line.split()[1].endswith(":%04X" % run.hep_port))


def judge(report, run):
    walks(report, run)
    counts(report, run)
    mirror(report, run)
    users = registrations.current_users(run.site, load.HOME)
    report.check("home: %s users, the %d that stay and at most 2000 others" % (users, run.contacts // 4),
                 run.contacts // 4 <= users <= run.contacts // 4 + 2000)
    growth(report, run.samples)
    print("# SEED=%d: %d writers killed, %d reloads, %d rows made or destroyed" %
          (run.seed, run.kills, run.reloads, run.rows_set))


def play(seconds, contacts, duty):
    """A run and its verdict, as the exit status."""
    harness.need("snmpd", "snmpbulkwalk", "snmpset", harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))
    report = harness.Report()
    with harness.Site() as site:
        run = load.Load(site, report, seconds, contacts, duty)
        run.start()
        run.run()
        judge(report, run)
    report.exit()

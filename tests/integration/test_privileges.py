#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Least privilege, with real users: sipmibd and sipstat-hep run as plain users of their own; writers of an instance that
has a group of its own and writers of others cannot get at each other, nor at what the agent keeps; whoever is in no group
gets nothing; and all files have the modes that the manual states, whatever the umask. Needs root, to become other users."""

import errno
import json
import os
import re
import socket
import stat
import sys
import time

import harness
import hep_send
import users
from harness import wait_for
from users import User

SIPMIB, EDGE, GATE = 61001, 61002, 61003                     # groups: of the runtime directory, of two instances
AGENT = User(61001, SIPMIB, (EDGE, GATE))
COLLECTOR = User(61005, SIPMIB)
ON_EDGE, ON_GATE = User(61011, 61011, (EDGE,)), User(61012, 61012, (GATE,))
ON_SHARED, ALSO_SHARED = User(61013, 61013, (SIPMIB,)), User(61014, 61014, (SIPMIB,))
STRANGER = User(61015, 61015)
NO_GROUP = 61099                                             # sipmibd is not in it
KEY = "correct-horse-battery"
REFUSED = (errno.EACCES, errno.EPERM)

report = harness.Report()


def instances(edge=EDGE, gate=GATE, hep=None):
    return ["{name: edge, appl_index: 1, roles: [other], group: \"%s\"}" % edge,
            "{name: gate, appl_index: 2, roles: [other], group: \"%s\"}" % gate,
            "{name: shared, appl_index: 3, roles: [registrar_server], registrar: {expose: pseudonym}}",
            "{name: wire, appl_index: 4, roles: [other], local: [\"udp:192.0.2.10:5060\"]}"]


def refused(actor, function, *arguments, **options):
    """None when it was; else what happened."""
    try:
        actor.tell(function, *arguments, **options)
    except OSError as error:
        return None if error.errno in REFUSED else str(error)
    return "done"


def check_refused(claim, actor, attempts):
    done = {"%s %s" % (a[0].__name__, " ".join(map(str, a[1:]))): refused(actor, *a) for a in attempts}
    bad = {what: how for what, how in done.items() if how}
    report.check("%s (%d ways)" % (claim, len(done)), not bad, str(bad))


def ways_in(directory, lane=None):
    """All that could be done to a directory whose names are known, and to what is in it."""
    lane = lane or os.path.join(directory, "interest")
    new = os.path.join(directory, "new")
    return [(users.listdir, directory), (users.open_file, new + ".lane", os.O_CREAT | os.O_RDWR),
            (users.make_directory, new), (users.make_fifo, new), (users.symlink, "/etc/passwd", new),
            (users.change_mode, directory, 0o777), (users.open_file, lane, os.O_RDONLY),
            (users.open_file, lane, os.O_RDWR), (users.truncate, lane), (users.remove, lane),
            (users.rename, lane, lane + "2"), (users.link, lane, new), (users.change_mode, lane, 0o666)]


def ways_out(path, to):
    """What could be done to something that somebody else made in a directory that may be written to."""
    return [(users.remove_directory if os.path.isdir(path) else users.remove, path), (users.rename, path, to),
            (users.change_mode, path, 0o777)]


def find_lane(site, instance, uid):
    directory = os.path.join(site.runtime_dir, instance)
    return next(p for p in (os.path.join(directory, n) for n in os.listdir(directory) if n.endswith(".lane"))
                if os.stat(p).st_uid == uid)


def expected_modes(site):
    run, state = site.runtime_dir, site.state_dir
    table = {run: (0o3771, AGENT.uid, SIPMIB), state: (0o750, AGENT.uid, SIPMIB),
             state + "/pseudonym.key": (0o600, AGENT.uid, SIPMIB), state + "/settings": (0o640, AGENT.uid, SIPMIB),
             run + "/agent.lock": (0o600, AGENT.uid, SIPMIB), run + "/agent.sock": (0o660, AGENT.uid, SIPMIB),
             run + "/agent.clock": (0o600, AGENT.uid, SIPMIB)}
    for store in ("retained.mdb", "registrations.mdb"):
        table["%s/%s" % (run, store)] = (0o2700, AGENT.uid, SIPMIB)
        for name in ("data.mdb", "lock.mdb"):
            table["%s/%s/%s" % (run, store, name)] = (0o600, AGENT.uid, SIPMIB)
    for name, group in (("edge", EDGE), ("gate", GATE), ("shared", SIPMIB), ("wire", SIPMIB)):
        table["%s/%s" % (run, name)] = (0o3770, AGENT.uid, group)
        table["%s/%s/interest" % (run, name)] = (0o640, AGENT.uid, group)
    for name, user, group in (("edge", ON_EDGE, EDGE), ("gate", ON_GATE, GATE), ("shared", ON_SHARED, SIPMIB),
                              ("wire", COLLECTOR, SIPMIB)):
        table[find_lane(site, name, user.uid)] = (0o640, user.uid, group)
    return table


def check_modes(claim, site):
    wrong = []
    for path, (mode, uid, gid) in expected_modes(site).items():
        st = os.lstat(path)
        if (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) != (mode, uid, gid):
            wrong.append("%s is %04o %d:%d, not %04o %d:%d" % (path[len(site.directory):], stat.S_IMODE(st.st_mode),
                                                               st.st_uid, st.st_gid, mode, uid, gid))
    strays = [n for n in os.listdir(site.runtime_dir) if n.endswith(".tmp")]
    report.check(claim, not wrong and not strays, "; ".join(wrong + strays))


# ------------------------------------------------------------ the site

def prepare(site):
    os.chmod(site.directory, 0o711)
    for path, mode in ((site.runtime_dir, 0o3771), (site.state_dir, 0o750)):
        os.chown(path, AGENT.uid, SIPMIB)
        os.chmod(path, mode)
    site.write("hep.key", KEY + "\n")
    os.chown(site.path("hep.key"), COLLECTOR.uid, SIPMIB)
    os.chmod(site.path("hep.key"), 0o400)
    site.snmpd_lines.append("agentXPerms 0660 0755 root %d" % SIPMIB)
    site.hep_port = harness.free_port()
    configure(site)
    site.sipmibd, site.sipstat, site.hep = users.copy_programs(
        site, harness.sipmibd(), harness.sipstat(), harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))


def configure(site, **groups):
    site.write_config(instances(**groups), more="collectors: {hep: {listen: [\"udp:127.0.0.1:%d\"], auth_key_file: %s}}\n" %
                      (site.hep_port, site.path("hep.key")))


def start_agent(site, umask):
    agent = site.start("sipmibd", users.command(AGENT, [site.sipmibd, "-f", site.config_path], umask))
    wait_for("the SIP MIB in snmpd", site.is_served, 60)
    return agent


def status_of(process):
    """Of the kernel: who it is, and what it may."""
    with open("/proc/%d/status" % process.pid, encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def check_is_plain(name, process, user):
    status = status_of(process)
    report.check("%s runs as its own user, without any capability" % name,
                 set(status["Uid"].split() + status["Gid"].split()) == {str(user.uid), str(user.gid)} and
                 all(int(status["Cap" + which], 16) == 0 for which in ("Prm", "Eff", "Bnd", "Amb")), str(status))


def requests(site, index):
    return site.walk("sipCommonSummaryInRequests").get(("sipCommonSummaryInRequests", index), 0)


# ------------------------------------------------------------ the checks

def check_writers(site, actors):
    for actor, instance in ((actors[ON_EDGE], "edge"), (actors[ON_GATE], "gate"), (actors[ON_SHARED], "shared"),
                            (actors[ALSO_SHARED], "shared")):
        actor.tell(users.open_writer, instance, site.runtime_dir, instance)
        actor.tell(users.call_writer, instance, "request", 0, "INVITE")
    report.check("each writer counts for its instance, as its own user",
                 wait_for("the counts", lambda: [requests(site, n) for n in (1, 2, 3)] == [1, 1, 2], 60))


def check_apart(site, actors):
    run, edge, gate = site.runtime_dir, actors[ON_EDGE], actors[ON_GATE]
    own = [run + "/" + name for name in ("agent.lock", "agent.clock", "agent.sock", "retained.mdb/data.mdb",
                                         "registrations.mdb/data.mdb")]

    check_refused("a writer of edge cannot do anything in the directory of gate", edge,
                  ways_in(run + "/gate", find_lane(site, "gate", ON_GATE.uid)))
    check_refused("nor one of gate in that of edge", gate, ways_in(run + "/edge", find_lane(site, "edge", ON_EDGE.uid)))
    check_refused("nor anybody of them in that of those who have no group of their own", edge,
                  ways_in(run + "/shared", find_lane(site, "shared", ON_SHARED.uid)))
    for actor in (edge, actors[STRANGER]):
        check_refused("user %d cannot do anything in the runtime directory" % actor.user.uid, actor,
                      ways_in(run, run + "/agent.lock") + [(users.open_file, path, os.O_RDONLY) for path in own[:2] + own[3:]] +
                      [(users.connect, own[2])] + ways_out(run + "/shared", run + "/other") +
                      ways_out(run + "/edge", run + "/other"))
    check_refused("who is in no group can do nothing in any directory", actors[STRANGER],
                  [way for name in ("edge", "gate", "shared", "wire") for way in ways_in("%s/%s" % (run, name))])


def check_among(site, actors):
    """Of one group: lanes may be read, and no more."""
    run, one = site.runtime_dir, actors[ALSO_SHARED]
    lane, interest = find_lane(site, "shared", ON_SHARED.uid), run + "/shared/interest"

    check_refused("who is in the group of the runtime directory cannot enter those of instances that are kept apart", one,
                  ways_in(run + "/edge", find_lane(site, "edge", ON_EDGE.uid)))
    check_refused("nor remove, rename or open what the agent keeps", one,
                  [way for name in ("edge", "shared", "retained.mdb", "registrations.mdb", "agent.lock", "agent.sock",
                                    "agent.clock") for way in ways_out("%s/%s" % (run, name), run + "/other")] +
                  [(users.open_file, "%s/%s" % (run, name), flags) for flags in (os.O_RDONLY, os.O_RDWR) for name in
                   ("agent.lock", "agent.clock", "retained.mdb/data.mdb", "registrations.mdb/data.mdb")])
    check_refused("nor write to the agent's interest and another's lane, truncate, remove or rename them", one,
                  [(users.open_file, path, os.O_RDWR) for path in (lane, interest)] +
                  [(users.truncate, path) for path in (lane, interest)] +
                  ways_out(lane, lane + "2") + ways_out(interest, interest + "2"))


def check_closed(site, actors, agent):
    """The mode of an instance's directory becomes 0 under the agent, and is put right again."""
    directory, one, two = site.runtime_dir + "/shared", actors[ON_SHARED], actors[ALSO_SHARED]
    counted, before = requests(site, 3), agent.log().count("\n")

    def served(number):
        try:
            return wait_for("the counts", lambda: requests(site, 3) == counted + number, 30)
        except TimeoutError:
            return False

    lanes = lambda: {name for name in os.listdir(directory) if re.fullmatch(r"\w{8,}.lane", name)}
    others = lanes()
    two.tell(users.open_writer, "ends", site.runtime_dir, "shared")
    two.tell(users.call_writer, "ends", "request", 0, "INVITE")
    served(1)
    os.chmod(directory, 0)
    os.mkdir(directory + "/a.lane")  # root may; nobody else can tell what it is
    for actor, name in ((one, "shared"), (two, "ends")):
        actor.tell(users.call_writer, name, "request", 0, "INVITE")
    two.tell(users.call_writer, "ends", "close")
    report.check("the directory is closed to all: its writers go on counting, and their ends are counted", served(3))
    report.check("... which is said", agent.wait_log("shared: directory .* cannot open it: Permission denied", 30))
    time.sleep(1.2)
    lines = [line for line in agent.log().splitlines()[before:] if "shared" in line]
    report.check("... once (%d lines)" % len(lines), len(lines) <= 2, str(lines))
    os.rmdir(directory + "/a.lane")
    os.chmod(directory, 0o3770)
    two.tell(users.open_writer, "again", site.runtime_dir, "shared")
    two.tell(users.call_writer, "again", "request", 0, "INVITE")
    report.check("... open again: a new writer is served", served(4))
    report.check("... and the file of the ended one goes, and no other",
                 wait_for("it", lambda: len(lanes() - others) == 1, 60) and others < lanes(), str((others, lanes())))


def check_viewers(site):
    def look(user, *options):
        return users.run(user, [site.sipstat, "-D", site.runtime_dir, *options], site.env)

    member = look(ON_SHARED, "-i", "shared")
    report.check("sipstat shows a member of the group its instances", member.returncode == 0 and "INVITE" in member.stdout,
                 member.stdout)
    agent = look(ON_SHARED, "--agent")
    report.check("and the agent's state", agent.returncode == 0 and "edge" in agent.stdout, agent.stdout)
    for user in (STRANGER, ON_EDGE):
        stranger = look(user, "--agent")
        report.check("but not user %d, who is told why" % user.uid,
                     stranger.returncode == 1 and "ermission denied" in stranger.stdout, stranger.stdout)
    apart = look(ON_SHARED, "-i", "edge")
    report.check("nor a member the instances that are kept apart", apart.returncode == 1 and
                 "ermission denied" in apart.stdout and str(EDGE) in apart.stdout, apart.stdout)


def check_words(site, actors):
    """What who is refused is told."""
    def said(actor, instance):
        try:
            actor.tell(users.open_writer, "refused", site.runtime_dir, instance)
        except OSError as error:
            return str(error)
        return "done"

    text = said(actors[ON_EDGE], "gate")
    report.check("a writer that is not in the group is told which", "must be in group %d" % GATE in text, text)
    text = said(actors[ON_EDGE], "later")
    report.check("one whose directory is not there yet is told to start sipmibd", "start sipmibd first" in text, text)


def check_registrations(site, actors):
    name = "very-private-person"
    actors[ON_SHARED].tell(users.call_writer, "shared", "bindings", "sip:%s@example.org" % name, ["sip:%s@192.0.2.7" % name])
    wait_for("a user", lambda: site.walk("sipServerRegUserTable"), 60)
    document = actors[ON_SHARED].tell(users.connect, site.runtime_dir + "/agent.sock")
    json.loads(document)
    report.check("the agent's socket tells nothing of who is registered", name not in document)
    report.check("nor does its log, or SNMP where users are pseudonyms",
                 name not in site.processes[-1].log() and name not in str(site.walk("sipServerRegUserTable")))


def check_hep(site, collector):
    def packet(**options):
        text = ("OPTIONS sip:a@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%s\r\nFrom: <sip:b@x>;tag=1\r\n"
                "To: <sip:a@x>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n" % (len(sent), len(sent)))
        return hep_send.packet("udp:192.0.2.1:5060", options.pop("to", "udp:192.0.2.10:5060"), text.encode(), **options)

    def counted(name):
        shown = users.run(ON_SHARED, [site.sipstat, "-D", site.runtime_dir, "-j"], site.env).stdout
        return sum(map(int, re.findall(r'"%s": ?(\d+)' % name, shown)))

    sent = []
    for refusal in ("counted", "key_wrong", "key_missing", "bad_magic", "unrouted", "bad_magic"):
        sent.append({"counted": lambda: packet(key=KEY), "key_wrong": lambda: packet(key="x" + KEY[1:]),
                     "key_missing": packet, "unrouted": lambda: packet(key=KEY, to="udp:192.0.2.99:5060"),
                     "bad_magic": lambda: packet(key=KEY, magic=b"HEP9")}[refusal]())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for each in sent:
            s.sendto(each, ("127.0.0.1", site.hep_port))
    wait_for("the message", lambda: requests(site, 4) == 1, 60)
    wait_for("the refusals", lambda: [counted(name) for name in ("key_wrong", "key_missing", "unrouted", "bad_magic")] ==
             [1, 1, 1, 2], 60)
    log = collector.log()
    report.check("what the collector refuses is counted and logged by reason",
                 all(word in log for word in ("key_wrong", "key_missing", "bad_magic", "unrouted")), log)
    with open("/proc/%d/cmdline" % collector.pid, "rb") as f:
        command = f.read()
    dump = users.run(COLLECTOR, [site.sipmibd, "-f", site.config_path, "--dump"], site.env).stdout
    report.check("the key is in no log, dump or command line", KEY not in log and KEY not in dump and "not shown" in dump and
                 KEY.encode() not in command, dump)
    report.check("the collector leaves no core file", os.stat("/proc/%d/fd" % collector.pid).st_uid == 0)


def check_before_agent(site, actors):
    """The agent is away: what writers and others do meanwhile."""
    run = site.runtime_dir
    for name in ("gate", "shared"):
        for path in os.listdir("%s/%s" % (run, name)):
            os.unlink("%s/%s/%s" % (run, name, path))
        os.rmdir("%s/%s" % (run, name))
    first, second = actors[ON_SHARED], actors[ALSO_SHARED]
    for actor in (first, second):
        actor.tell(users.open_writer, "early", run, "shared")
    mine = "%s/shared/interest.%d" % (run, ON_SHARED.uid)
    report.check("writers that come before the agent make a file of wishes for their user",
                 os.path.exists(mine) and os.path.exists("%s/shared/interest.%d" % (run, ALSO_SHARED.uid)) and
                 not os.path.exists(run + "/shared/interest"), str(os.listdir(run + "/shared")))
    check_refused("which no other user may write", second, [(users.truncate, mine), (users.open_file, mine, os.O_RDWR)])
    first.tell(users.make_directory, run + "/gate")
    first.tell(users.change_mode, run + "/gate", 0o2777)
    agent = start_agent(site, 0o077)
    agent.wait_log(r"gate: .* belongs to user %d" % ON_SHARED.uid, 60)
    report.check("the directory of an instance that is kept apart is not used when somebody else made it",
                 not os.listdir(run + "/gate"))
    for number, actor in enumerate((first, second)):
        wait_for("the wishes", lambda: bound(site, actor, number), 60)
    report.check("writers that came before the agent record what it wants", True)
    os.rmdir(run + "/gate")
    wait_for("its own", lambda: os.path.exists(run + "/gate/interest"), 60)
    actors[ON_GATE].tell(users.open_writer, "gate", run, "gate")
    return agent


def bound(site, actor, number):
    """One more user registered, if the agent's wish has come to the writer."""
    before = len({key[-1] for key in site.walk("sipServerRegUserTable")})
    actor.tell(users.call_writer, "early", "bindings", "sip:early%d@example.org" % number, ["sip:early@192.0.2.8"])
    try:
        return wait_for("it", lambda: len({key[-1] for key in site.walk("sipServerRegUserTable")}) > before, 1)
    except TimeoutError:
        return False


def check_reload(site, agent):
    def group_of(name):
        return os.stat("%s/%s" % (site.runtime_dir, name)).st_gid

    configure(site, edge=GATE, gate=NO_GROUP)
    site.reload(agent, 60)
    wait_for("another group", lambda: group_of("edge") == group_of("edge/interest") == GATE, 60)
    agent.wait_log(r"gate: .*sipmibd is not in group %d" % NO_GROUP, 60)
    configure(site, edge="no-such-group-here")
    site.reload(agent, 60)
    agent.wait_log(r'warning: .*:\d+:\d+: warning: instances\[0\].group: there is no group "no-such-group-here"', 60)
    configure(site)
    site.reload(agent, 60)
    wait_for("the first group", lambda: group_of("edge") == group_of("edge/interest") == EDGE, 60)
    report.check("a reload changes the group; one that is not there, or not sipmibd's, is said", True)


def main():
    if os.geteuid() != 0:
        print("skipped: only root can become other users")
        sys.exit(harness.SKIP)
    harness.need("snmpd", "snmpwalk", "setpriv", harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))
    with harness.Site() as site:
        prepare(site)
        actors = {user: users.Actor(user) for user in (ON_EDGE, ON_GATE, ON_SHARED, ALSO_SHARED, STRANGER)}
        site.at_end.extend(actor.end for actor in actors.values())
        site.start_snmpd()
        agent = start_agent(site, 0)
        check_is_plain("sipmibd", agent, AGENT)
        check_writers(site, actors)
        check_registrations(site, actors)
        collector = site.start("sipstat-hep", users.command(COLLECTOR, [site.hep, "-f", site.config_path]))
        collector.wait_log("listening on", 60)
        check_is_plain("sipstat-hep", collector, COLLECTOR)
        check_hep(site, collector)
        site._snmp("snmpset", site.by_name(), ["sipCommonCfgServiceNotifEnable.1", "b", "0 1"], community="private")
        check_modes("all files are as the manual states, made with umask 000", site)
        check_apart(site, actors)
        check_among(site, actors)
        check_closed(site, actors, agent)
        check_viewers(site)
        check_words(site, actors)
        for process in (collector, agent):
            process.stop(60)
        agent = check_before_agent(site, actors)
        check_reload(site, agent)
    report.exit()


main()

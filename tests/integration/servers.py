# SPDX-License-Identifier: BSD-2-Clause
"""The SIP servers that the tests watch: libre with our adapter, and Kamailio mirrored to sipstat-hep."""

import os
import re

import harness


def start_libre(site, instance="libre", more=()):
    """sipstat-re-server. Returns (process, port): UDP and TCP."""
    server = site.start("re-server", [
        harness.program("SIPSTAT_RE_SERVER", "collectors/stacks/re/sipstat-re-server"),
        "--listen", "127.0.0.1:0", "--instance", instance, "--dir", site.runtime_dir] + list(more))
    return server, int(server.wait_log(r"listening on udp:127\.0\.0\.1:(\d+)").group(1))


def start_hep(site):
    """sipstat-hep, with the configuration written before. Returns (process, port)."""
    hep = site.start("sipstat-hep", [harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"),
                                     "-f", site.config_path, "--listen", "udp:127.0.0.1:0"])
    return hep, int(hep.wait_log(r"listening on udp:127\.0\.0\.1:(\d+)").group(1))


def _module_path():
    for path in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib64"):
        if os.path.isdir(path + "/kamailio/modules"):
            return path + "/kamailio/modules/"
    for root, folders, _ in os.walk("/usr/lib"):
        if os.path.basename(root) == "kamailio" and "modules" in folders:
            return root + "/modules/"
    return "/usr/lib/kamailio/modules/"


def start_kamailio(site, port, hep_port, more="", shared_mb=32, private_mb=4):
    """Kamailio on loopback, mirroring by the sample of config/samples with only the port of the collector changed.
    `more`: lines of configuration in front of the routes; *_mb: of memory for all, and for each process."""
    with open(os.path.join(harness.TOP, "config/samples/kamailio-siptrace.cfg"), encoding="utf-8") as f:
        mirror = f.read().replace("127.0.0.1:9060", "127.0.0.1:%d" % hep_port)
    with open(os.path.join(harness.HERE, "kamailio.cfg"), encoding="utf-8") as f:
        head, routes = re.split(r"(?=^request_route)", f.read(), maxsplit=1, flags=re.M)
    path = site.write("kamailio.cfg", "#!KAMAILIO\nlisten=udp:127.0.0.1:%d\nmpath=\"%s\"\n%s\n%s\n%s\n%s" %
                      (port, _module_path(), head, mirror, more, routes))
    server = site.start("kamailio", ["kamailio", "-DD", "-E", "-f", path, "-Y", site.directory, "-w", site.directory,
                                     "-m", str(shared_mb), "-M", str(private_mb), "-P", site.path("kamailio.pid")])
    harness.wait_for("Kamailio to listen", lambda: harness.is_bound(port) or not server.is_running())
    if not server.is_running():
        raise RuntimeError("kamailio ended:\n" + server.log())
    return server

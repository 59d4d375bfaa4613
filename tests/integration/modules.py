# SPDX-License-Identifier: BSD-2-Clause
"""The MIB modules as libsmi reads them: which objects there are, and what may stand in each. Nothing here comes from
the program that serves them."""

import os
import re
import subprocess
import xml.etree.ElementTree

import harness

OURS = ("NETWORK-SERVICES-MIB", "SIP-COMMON-MIB", "SIP-UA-MIB", "SIP-SERVER-MIB")
BASES = ("SNMPv2-SMI", "SNMPv2-TC", "SNMP-FRAMEWORK-MIB", "INET-ADDRESS-MIB", "SIP-TC-MIB")
NODES = ("column", "scalar", "notification", "row", "table")
INTEGERS = {"Integer32": (-2**31, 2**31 - 1), "Unsigned32": (0, 2**32 - 1)}


class Syntax:
    """What values a type takes. `chain`: its name and those it is made from, down to the base type; `ranges`: of the
    number, or of the octets; `named`: {number: name} of an enumeration or of bits."""

    def __init__(self, chain, ranges, named):
        self.chain, self.ranges, self.named = chain, ranges, named

    @property
    def base(self):
        return self.chain[-1]

    @property
    def tag(self):
        """How the SNMP tools call it on the wire."""
        for name in self.chain:
            if name in ("TimeTicks", "Counter32"):
                return {"TimeTicks": "Timeticks"}.get(name, name)
        return {"Unsigned32": "Gauge32", "OctetString": "STRING", "Bits": "STRING", "ObjectIdentifier": "OID"}.get(
            self.base, "INTEGER")

    def takes(self, number):
        """Whether a number lies in a range, and has a name where there are names."""
        ranges = self.ranges or [INTEGERS.get(self.base, (-2**31, 2**32 - 1))]
        return any(low <= number <= high for low, high in ranges) and \
            (self.base != "Enumeration" or number in self.named)

    def takes_octets(self, octets):
        if self.base == "Bits":
            return len(octets) == (max(self.named) + 8) // 8 and not any(
                octets[bit // 8] & 0x80 >> bit % 8 for bit in range(len(octets) * 8) if bit not in self.named)
        return not self.ranges or any(low <= len(octets) <= high for low, high in self.ranges)


class Object:
    """A node: its module, name and OID (a tuple), and what else its kind has."""

    def __init__(self, module, element):
        self.module, self.kind, self.name = module, element.tag, element.get("name")
        self.oid = tuple(int(n) for n in element.get("oid").split("."))
        self.access = (element.findtext("access") or "").strip()
        self.element = element
        self.syntax = None
        self.index = []      # of a row: names of its index objects
        self.augments = None  # of a row: the name of the row it adds to
        self.objects = [e.get("name") for e in element.findall("objects/object")]  # of a notification

    @property
    def is_readable(self):
        return self.access in ("readonly", "readwrite")


class Mib:
    """All of them: `objects` by name. Columns have `row`, rows have `columns`."""

    def __init__(self):
        self.types, self.objects = {}, {}
        trees = [(name, _dump(name)) for name in BASES + OURS]
        for module, tree in trees:
            for element in tree.iter("typedef"):
                if element.get("name"):
                    self.types[element.get("name")] = element
        for module, tree in trees:
            if module in OURS:
                for element in tree.iter():
                    if element.tag in NODES and element.get("oid"):
                        self.objects[element.get("name")] = Object(module, element)
        for thing in self.objects.values():
            self._complete(thing)

    def _complete(self, thing):
        if thing.kind == "row":
            linkage = thing.element.find("linkage")
            thing.index = [e.get("name") for e in linkage.findall("index")]
            augments = linkage.find("augments")
            thing.augments = None if augments is None else augments.get("name")
            thing.columns = [self.objects[e.get("name")] for e in thing.element.findall("column")]
            for column in thing.columns:
                column.row = thing
        if thing.kind in ("column", "scalar"):
            thing.syntax = self._syntax(thing.element.find("syntax")[0])

    def _syntax(self, element):
        """Of <type name=.../>, or of a <typedef> that narrows its parent."""
        if element.tag == "type":
            name = element.get("name")
            if name not in self.types:
                return Syntax([name], [INTEGERS[name]] if name in INTEGERS else [], {})
            inner = self._syntax(self.types[name])
            return Syntax([name] + inner.chain, inner.ranges, inner.named)
        parent = element.find("parent")
        inner = Syntax([element.get("basetype")], [], {}) if parent is None or \
            parent.get("name") not in self.types else self._of_name(parent.get("name"))
        if parent is not None and parent.get("name") not in inner.chain:
            inner.chain.insert(0, parent.get("name"))
        ranges = [(int(e.get("min")), int(e.get("max"))) for e in element.findall("range")]
        named = {int(e.get("number")): e.get("name") for e in element.findall("namednumber")}
        return Syntax(inner.chain, ranges or inner.ranges, named or inner.named)

    def _of_name(self, name):
        inner = self._syntax(self.types[name])
        return Syntax([name] + inner.chain, inner.ranges, inner.named)

    def indexes(self, row):
        """The index objects of a row, those of the row it augments when it does."""
        while row.augments:
            row = self.objects[row.augments]
        return [self.objects[name] for name in row.index]

    def columns(self, module):
        return [thing for thing in self.objects.values() if thing.module == module and thing.kind == "column"]

    def index_of(self, row, suffix):
        """The parts of an index, a number or octets each; None when it is not well formed or a part not legal."""
        parts, rest = [], list(suffix)
        for part in self.indexes(row):
            if not rest:
                return None
            if part.syntax.base == "OctetString":  # none of ours has a fixed length or is IMPLIED
                length, octets = rest[0], rest[1:1 + rest[0]]
                rest = rest[1 + length:]
                if len(octets) != length or max(octets, default=0) > 255 or not part.syntax.takes_octets(bytes(octets)):
                    return None
                parts.append(bytes(octets))
            else:
                number = rest.pop(0)
                if not part.syntax.takes(number):
                    return None
                parts.append(number)
        return None if rest else tuple(parts)


def _dump(module):
    done = subprocess.run(["smidump", "-c", "/dev/null", "-k", "-q", "-f", "xml", module], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=True, env=dict(os.environ, SMIPATH=harness.MIB_PATH))
    text = re.sub(r"<!DOCTYPE[^>]*>", "", done.stdout.decode("utf-8", "replace"))
    return xml.etree.ElementTree.fromstring(text)

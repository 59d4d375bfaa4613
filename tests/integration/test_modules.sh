#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The MIB modules: do libsmi and net-snmp accept them with nothing else in their paths, and do they define exactly what
# the RFCs define? What the RFCs define is kept in mib-facts.txt, one line for each node and type. Where the official
# modules are at hand, name their directory in SIPMIB_OFFICIAL_MIBS: ours are then held against them as well.
#
# usage: test_modules.sh                 run the checks; 0 all passed, 1 some failed, 77 a tool is missing
#        test_modules.sh --facts DIR     print the facts of the modules in DIR, a whole set in one directory

set -u
LC_ALL=C
export LC_ALL

top=${srcdir:-$(dirname "$0")/../..}
ours=$top/mib/modules:$top/mib/imports
facts=$top/tests/integration/mib-facts.txt
own_modules='SIP-TC-MIB SIP-COMMON-MIB SIP-SERVER-MIB SIP-UA-MIB NETWORK-SERVICES-MIB'
base_modules='SNMPv2-SMI SNMPv2-TC SNMPv2-CONF SNMPv2-MIB SNMP-FRAMEWORK-MIB INET-ADDRESS-MIB'
modules="$base_modules $own_modules"
capabilities=SIPMIB-CAPABILITIES # no RFC has it

# What smilint says of the official modules too, at its highest level, 9. The definitions are the RFCs'; none can go.
# module, level, kind, name ('*': any, '-': the message has none), reason
allowed='
SNMPv2-SMI           2 range-bounds                  -                     INTEGER is signed, 32 bits, for smilint
SNMPv2-SMI           2 range-exchanged               -                     the same, for Counter64
SNMPv2-SMI           5 identifier-basetype-redefined *                     the module defines what smilint knows already
SNMPv2-SMI           5 node-implicit                 -                     zeroDotZero is { 0 0 }: no named parent
SNMPv2-SMI           5 type-without-format           *                     base types have no DISPLAY-HINT
SNMPv2-CONF          2 import-failed                 ObjectSyntax          smilint keeps no CHOICE; used in a macro only
SNMPv2-TC            5 type-unref                    *                     a module of conventions for others
SNMPv2-TC            5 type-without-format           *                     the RFC gives them no DISPLAY-HINT
SNMPv2-MIB           5 integer-misuse                -                     sysServices, sysORIndex: INTEGER in the RFC
SNMPv2-MIB           5 group-unref                   snmpNotificationGroup no compliance statement of the RFC has it
SNMP-FRAMEWORK-MIB   5 integer-misuse                -                     INTEGER in the RFC
SNMP-FRAMEWORK-MIB   5 identifier-case-match         snmpEngineID          the RFC has SnmpEngineID and snmpEngineID
SNMP-FRAMEWORK-MIB   6 previous-definition           SnmpEngineID          the other half of that message
SNMP-FRAMEWORK-MIB   5 type-unref                    *                     conventions for other modules
SNMP-FRAMEWORK-MIB   5 type-without-format           *                     the RFC gives them no DISPLAY-HINT
INET-ADDRESS-MIB     5 type-unref                    *                     a module of conventions for others
INET-ADDRESS-MIB     5 type-without-format           InetAddress           its form depends on InetAddressType
SIP-TC-MIB           5 type-unref                    *                     a module of conventions for others
SIP-TC-MIB           5 type-without-format           SipTCMethodName       RFC 4780 gives it no DISPLAY-HINT
NETWORK-SERVICES-MIB 5 integer-misuse                -                     applIndex, assocIndex: INTEGER in the RFC
SIPMIB-CAPABILITIES  5 module-name-suffix            SIPMIB-CAPABILITIES   defines no objects: its kind is in its name
SIPMIB-CAPABILITIES  5 node-implicit                 -                     the nodes above it belong to others
'

# What smidiff may say: our words differ, nothing else. The two references are sentences in RFC 2579; ours name the
# document only.
wording='{description-changed}|{contact-changed}|{organization-changed}|{revision-changed}|{previous-definition}'
references='{ref-changed} warning: reference of .(TDomain|TAddress). changed'

passed=0
failed=0
skipped=0
more= # modules that net-snmp shall read beyond those of the RFCs

# verdict NAME FILE: passed if FILE, which lists the complaints, is empty.
verdict()
{
    if [ -s "$2" ]; then
        failed=$((failed + 1))
        echo "not ok - $1"
        sed -n '1,40s/^/    /p' "$2"
    else
        passed=$((passed + 1))
        echo "ok - $1"
    fi
}

# file_of MODULE: where our copy is.
file_of()
{
    for dir in "$top/mib/modules" "$top/mib/imports"; do
        [ -f "$dir/$1" ] && echo "$dir/$1"
    done
}

# facts_of PATH: one line for each module, type and node of all modules, read by libsmi from PATH and nowhere else.
facts_of()
{
    for module in $modules; do
        SMIPATH=$1 smidump -c /dev/null -k -q -f xml "$module" 2>/dev/null |
            awk '
            function attr(name,    s) {
                if (!match($0, "[ ]" name "=\"[^\"]*\"")) return ""
                s = substr($0, RSTART, RLENGTH)
                sub(/^[^"]*"/, "", s); sub(/"$/, "", s)
                return s
            }
            function body(    s) { s = $0; sub(/^ *<[^>]*>/, "", s); sub(/<\/[^<]*$/, "", s); return s }
            function join(list, item, by) { return list == "" ? item : list by item }
            function status() { return attr("status") == "" ? "-" : attr("status") }
            function flush_entity() {
                if (entity == "") return
                type_end("base")
                if (index_list != "") extra = extra " index=" index_list
                if (members != "") extra = extra " " members
                print module, entity extra
                entity = extra = index_list = members = ""
            }
            function type_begin() { typ = named = ranges = ""; in_type = 1 }
            function type_end(key) {
                if (!in_type) return
                in_type = 0
                if (named != "") typ = typ "{" named "}"
                if (ranges != "") typ = typ "(" ranges ")"
                extra = extra " " key "=" typ
            }
            !/^ *</ { next }
            /<module name=/ { module = attr("name") }
            /<revision date=/ { date = attr("date"); sub(/ 00:00$/, "", date); revisions = join(revisions, date, ",") }
            /<identity node=/ { print module, "- - module identity=" attr("node") " revisions=" revisions }
            /<typedef name=/ {
                flush_entity()
                entity = attr("name") " - type " status()
                type_begin(); typ = attr("basetype")
            }
            /<(node|scalar|table|row|column|notification|group|compliance) name=/ {
                flush_entity()
                kind = $1; sub(/</, "", kind)
                entity = attr("name") " " attr("oid") " " kind " " status()
                if (attr("create") != "") extra = extra " create=" attr("create")
            }
            /<(syntax|writesyntax)>/ { type_begin(); key = $1; gsub(/[<>]/, "", key) }
            /<\/(syntax|writesyntax)>/ { type_end(key) }
            /<type module=/ { typ = attr("name") }
            /<typedef basetype=/ { typ = attr("basetype") }
            /<parent module=/ { if (in_type) typ = entity ~ / type / ? attr("name") "/" typ : attr("name") }
            /<namednumber / { named = join(named, attr("name") "(" attr("number") ")", ",") }
            /<range / { ranges = join(ranges, attr("min") ".." attr("max"), "|") }
            /<access>/ { extra = extra " access=" body() }
            /<units>/ { extra = extra " units=" body() }
            /<default>/ { extra = extra " default=" body() }
            /<format>/ { type_end("base"); extra = extra " hint=" body() }
            /<linkage implied=/ { extra = extra " implied=" attr("implied") }
            /<index module=/ { index_list = join(index_list, attr("name"), ",") }
            /<augments module=/ { extra = extra " augments=" attr("name") }
            /<(member|object|mandatory) module=/ {
                word = $1; sub(/</, "", word)
                members = members == "" ? word "=" attr("name") : members "," attr("name")
            }
            /<option module=/ { extra = extra " option=" attr("name") }
            /<refinement module=/ { extra = extra " refinement=" attr("name") }
            END { flush_entity() }'
    done
}

# Our modules, each by itself, at the highest level; whatever is not allowed above is a failure.
check_lint()
{
    : >"$work/lint"
    for module in $modules $capabilities; do
        SMIPATH=$ours smilint -c /dev/null -l 9 -s -m "$(file_of "$module")" 2>&1 |
            awk -v module="$module" -v allowed="$allowed" '
            BEGIN {
                n = split(allowed, rows, "\n")
                for (i = 1; i <= n; i++)
                    if (split(rows[i], f, " ") >= 4) ok[f[1], f[2], f[3], f[4]] = 1
            }
            {
                level = kind = name = "-"
                if (match($0, /\[[0-9]\]/)) level = substr($0, RSTART + 1, 1)
                if (match($0, /\{[^}]*\}/)) kind = substr($0, RSTART + 1, RLENGTH - 2)
                if (kind !~ /^range-/ && match($0, /`[^\047]*\047/)) name = substr($0, RSTART + 1, RLENGTH - 2)
                if (!((module, level, kind, name) in ok) && !((module, level, kind, "*") in ok)) print
            }' >>"$work/lint"
    done
    verdict 'smilint finds nothing at level 9 but what the RFCs themselves bring along' "$work/lint"
}

# A node that is missing, added or different shows as a line with - or +.
check_facts()
{
    facts_of "$ours" >"$work/facts"
    sed '/^#/d' "$facts" | diff -u - "$work/facts" >"$work/facts.diff"
    verdict 'every name, OID, syntax, access, status, unit, default, index, group and compliance is the RFC'\''s' \
        "$work/facts.diff"
}

# net_snmp PATH COMMAND...: the command with the modules in PATH, and no configuration or state of the machine.
net_snmp()
{
    path=$1
    shift
    SNMPCONFPATH=$work SNMP_PERSISTENT_DIR=$work MIBDIRS=$path \
        MIBS=SNMPv2-MIB:SIP-COMMON-MIB:SIP-SERVER-MIB:SIP-UA-MIB:NETWORK-SERVICES-MIB${more:+:$more} "$@"
}

check_net_snmp()
{
    more=$capabilities
    net_snmp "$ours" snmptranslate -Tp >"$work/tree" 2>"$work/tree.diff"
    more=
    grep -q sipmibCapabilities "$work/tree" || echo 'no tree, or not all of it, was printed' >>"$work/tree.diff"
    verdict 'net-snmp loads the modules without a warning' "$work/tree.diff"

    # zeroDotZero and org lie where net-snmp has names of its own; they are left to libsmi.
    sed '/^#/d' "$facts" | awk -v names="$work/names" -v oids="$work/oids" '
        $3 ~ /^1\.3\.6/ { print $1 "::" $2 >names; print "." $3 >oids }'
    net_snmp "$ours" xargs snmptranslate -On <"$work/names" 2>&1 | sed '/^$/d' |
        diff -u "$work/oids" - >"$work/oids.diff"
    verdict 'net-snmp resolves every name to its OID' "$work/oids.diff"
}

# All that is current is implemented, but for the table of single associations; and nothing else is claimed.
check_capabilities()
{
    awk '$4 == "group" && $5 == "current" && $1 ~ /^(SIP-.*|NETWORK-SERVICES)-MIB$/ && $2 != "assocRFC2788Group" {
            print $1, $2 }' "$facts" | sort >"$work/groups"
    awk '
        $1 == "SUPPORTS" { module = $2 }
        $1 == "INCLUDES" { in_list = 1; sub(/INCLUDES/, "") }
        in_list {
            closes = /\}/
            gsub(/[{},]/, " ")
            for (i = 1; i <= NF; i++) print module, $i
            if (closes) in_list = 0
        }' "$(file_of "$capabilities")" | sort | diff -u "$work/groups" - >"$work/groups.diff"
    verdict 'the capabilities include every group of the modules' "$work/groups.diff"
}

# What net-snmp knows of each node of the facts, less the words.
details()
{
    net_snmp "$1" xargs snmptranslate -Td <"$work/names" 2>&1 |
        awk '/^  DESCRIPTION\t"/ { skip = 1 } !skip { print } skip && /"$/ { skip = 0 }'
}

check_official()
{
    official=$1
    facts_of "$official" >"$work/facts.official"
    sed '/^#/d' "$facts" | diff -u "$work/facts.official" - >"$work/facts.diff"
    verdict 'mib-facts.txt is what the official modules define' "$work/facts.diff"

    : >"$work/smidiff"
    for module in $modules; do
        SMIPATH=$ours smidiff -c /dev/null -l 9 -s -m "$official/$module" "$(file_of "$module")" 2>/dev/null |
            grep -Ev "$wording|$references" >>"$work/smidiff"
    done
    verdict 'smidiff finds nothing at level 9 but other words' "$work/smidiff"

    details "$official" >"$work/details.official"
    details "$ours" | diff -u "$work/details.official" - >"$work/details.diff"
    [ -s "$work/details.official" ] || echo 'nothing to compare' >>"$work/details.diff"
    verdict 'net-snmp reads the same out of both, but for the words' "$work/details.diff"
}

for tool in smilint smidump smidiff snmptranslate; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed (packages smitools and snmp)"
        exit 77
    fi
done
if [ "${1:-}" = --facts ]; then
    facts_of "${2:?a directory with the modules}"
    exit
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/sipmib-modules.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/cert_indexes" # else net-snmp says that it made it

check_lint
check_facts
check_net_snmp
check_capabilities
if [ -n "${SIPMIB_OFFICIAL_MIBS:-}" ]; then
    check_official "$SIPMIB_OFFICIAL_MIBS"
else
    skipped=3
    echo 'skipped: comparison with the official modules (SIPMIB_OFFICIAL_MIBS names no directory)'
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

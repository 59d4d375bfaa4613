#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Bad configuration files, each with its exact complaints. What a file in config-errors.d/ is answered with stands beside
# it; files that are no text, or too long to keep, are made here. `test_config_errors.sh --accept` writes the answers
# anew: read what changed before you keep it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
check=${top_builddir:-$here/../..}/tests/integration/config_check
work=$(mktemp -d "${TMPDIR:-/tmp}/sipmib-config.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
status=0

if [ ! -x "$check" ]; then
    echo "$check is not built"
    exit 1
fi

# refused NAME EXPECTED: compare what is said of NAME, in the current directory, with the file EXPECTED.
refused()
{
    "$check" "$1" > "$work/output" 2>&1
    code=$?
    if [ "$code" -eq 1 ] && cmp -s "$work/output" "$2"; then
        echo "ok $1"
        return
    fi
    echo "not ok $1 (exit status $code)"
    diff -u "$2" "$work/output"
    status=1
}

# made NAME, the expected complaints on standard input: the file was made in $work.
made()
{
    cat > "$work/expected"
    refused "$1" "$work/expected"
}

cd "$here/config-errors.d" || exit 1
for file in *.yaml; do
    if [ "${1:-}" = --accept ]; then
        "$check" "$file" > "${file%.yaml}.expected"
    fi
    refused "$file" "${file%.yaml}.expected"
done

cd "$work" || exit 1
instance='{name: edge, appl_index: 1, roles: [other]'

: > empty.yaml
made empty.yaml << 'END'
empty.yaml:1:1: file: expected a configuration, got an empty file
1 error in empty.yaml
END

printf 'state_dir: /var/lib/sipmib\nruntime_dir: /run/M\374ller\n' > not-utf-8.yaml
made not-utf-8.yaml << 'END'
not-utf-8.yaml:2:20: file: expected UTF-8, got the octet \xfc
1 error in not-utf-8.yaml
END

printf '\377\376i\0n\0' > utf-16.yaml
made utf-16.yaml << 'END'
utf-16.yaml:1:1: file: expected UTF-8, got the octet \xff
1 error in utf-16.yaml
END

printf 'state_dir: /var/lib/sipmib\nruntime_dir: /run/\007\n' > control.yaml
made control.yaml << 'END'
control.yaml:2:19: file: expected text, got the control character \x07
1 error in control.yaml
END

printf 'state_dir: /var\000/lib\n' > zero.yaml
made zero.yaml << 'END'
zero.yaml:1:16: file: expected text, got the control character \x00
1 error in zero.yaml
END

head -c 4194305 /dev/zero | tr '\0' '#' > too-large.yaml
made too-large.yaml << 'END'
too-large.yaml:1:1: file: expected at most 4194304 octets, got more
1 error in too-large.yaml
END

{ printf 'state_dir: ['; head -c 1200000 /dev/zero | tr '\0' ','; printf ']\n'; } | sed 's/,/a,/g' > too-many-values.yaml
made too-many-values.yaml << 'END'
too-many-values.yaml:1:1000007: file: expected at most 500000 keys and values, got more
1 error in too-many-values.yaml
END

awk 'BEGIN { print "instances:"
             for (i = 1; i <= 1025; i++) printf "- {name: i%d, appl_index: %d, roles: [other]}\n", i, i }' > instances.yaml
made instances.yaml << 'END'
instances.yaml:2:1: instances: expected a list of 1 to 1024 instances, got a list (it has 1025)
1 error in instances.yaml
END

awk -v head="instances: [$instance, local: [" 'BEGIN { printf "%s", head
    for (i = 1; i <= 65; i++) printf "\"udp:192.0.2.1:%d\", ", i
    print "]}]" }' > locals.yaml
made locals.yaml << 'END'
locals.yaml:1:64: instances[0].local: expected a list of at most 64 addresses, got a list (it has 65)
1 error in locals.yaml
END

awk -v head="instances: [$instance, watch: [" 'BEGIN { printf "%s", head
    for (m = 1; m <= 8; m++) { printf "{method: M%d, codes: [", m
        for (i = 100; i < 613; i++) printf "%d, ", i
        printf "]}, " }
    print "]}]" }' > watches.yaml
made watches.yaml << 'END'
watches.yaml:1:64: instances[0].watch: expected a list of entries with at most 4096 pairs of method and code, got a list (it has 4104)
1 error in watches.yaml
END

awk -v tail="instances: [$instance}]" 'BEGIN { printf "collectors: {hep: {listen: ["
    for (i = 1; i <= 17; i++) printf "\"udp:127.0.0.1:%d\", ", i
    print "]}}"; print tail }' > listeners.yaml
made listeners.yaml << 'END'
listeners.yaml:1:28: collectors.hep.listen: expected a list of at most 16 addresses, got a list (it has 17)
1 error in listeners.yaml
END

echo 'open sesame' > hep.key
chmod 644 hep.key
cat > key-mode.yaml << END
collectors: {hep: {auth_key_file: $work/hep.key}}
instances: [$instance}]
END
"$check" key-mode.yaml > "$work/said"
if grep -q 'its mode is 0644: everybody can reach the key; chmod o-rw it)$' "$work/said" &&
    ! grep -q sesame "$work/said"; then
    echo "ok key-mode.yaml"
else
    echo "not ok key-mode.yaml"
    cat "$work/said"
    status=1
fi

# What is wrong with these is not in the file: the system's words, and no complaint.
if [ "$("$check" missing.yaml)" = "missing.yaml: cannot open: No such file or directory" ]; then
    echo "ok a missing file"
else
    echo "not ok a missing file"
    status=1
fi
if [ "$("$check" .)" = ".: cannot read: Is a directory" ]; then
    echo "ok a directory"
else
    echo "not ok a directory"
    status=1
fi

# And the sample is right.
if "$check" "$here/../../config/samples/sipmib.yaml"; then
    echo "ok config/samples/sipmib.yaml"
else
    echo "not ok config/samples/sipmib.yaml"
    status=1
fi
exit $status

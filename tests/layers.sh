#!/bin/sh
# layers.sh - each folder may include only what lies below it; this table is the architecture.
# Prints every include that breaks it. An include with <> is the system's or the public API.
cd "$(dirname "$0")/.." || exit 2
bad=0

# may FOLDER BELOW...: files in FOLDER include from FOLDER itself and from BELOW.
may() {
    from=$1
    ok=$(echo "$@" | tr ' ' '|')
    found=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' --include='*.[ch]' --include='*.def' "$from" 2>/dev/null |
        grep -vE "#[[:space:]]*include[[:space:]]+\"($ok)/" |
        grep -vE '^grid/member\.c:' |                               # assembles a member: sees all
        grep -vE '^net/base/error\.h:.*"client/include/millrace/error\.h"') # the one error list
    [ -z "$found" ] || { echo "$found"; bad=1; }
}

may net/base
may net    net
may client net client
may grid   net
may stream net grid

# The tools and the examples are users: they see the public header and themselves, and the tools
# the one helper for typing errors.
found=$(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' client/cli/*.[ch] client/examples/*.c 2>/dev/null |
    grep -vE '"client/cli/|^client/cli/.*"net/base/nearest\.h"')
[ -z "$found" ] || { echo "$found"; bad=1; }

# libck is seen through net/base only, so that sanitizers can be told what it does.
found=$(grep -rnE '#[[:space:]]*include[[:space:]]+<ck_' net grid stream client --include='*.[ch]' 2>/dev/null | grep -v '^net/base/')
[ -z "$found" ] || { echo "$found"; bad=1; }

exit $bad

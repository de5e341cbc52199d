#!/bin/bash
# run.sh SIM HISTORIES - asks Porcupine, another checker, what it says of the histories that
# HISTORIES prints and of those of simulated runs. Without Go it is skipped; in CI that is a failure.
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
set -o pipefail

fetch() {
    command -v go > /dev/null || { echo 'there is no go'; return 1; }
    cd "$here" && go mod download 2>&1
}
if ! why=$(fetch); then
    echo "skipped: porcupine: $(grep -m 1 . <<< "$why")"
    [ "$CI" != true ] || { echo '0 passed, 1 failed' && exit 1; }
    echo '0 passed, 0 failed'
    exit 0
fi
(cd "$here" && go build -o "$dir/check" .) || exit
"$1" --seeds 1..50 --histories "$dir/runs" > /dev/null && "$2" > "$dir/made" &&
    cat "$dir/runs" "$dir/made" | "$dir/check"

#!/bin/bash
# run.sh SECONDS PROGRAM... - runs each fuzzer for so long, as many at a time as there are cores.
#
# Each begins with tests/fuzz/corpus/NAME and what it found before, which is kept beside the
# programs. What breaks one is left there too, and named.
seconds=$1
shift
corpus=$(dirname "$0")/corpus
export ASAN_OPTIONS=detect_leaks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}

run() {
    local program=$1 name found
    name=$(basename "$program")
    found=$(dirname "$program")/found/$name
    mkdir -p "$found"
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="$found-" "$found" "$corpus/$name" > "$program.log" 2>&1
}

for program in "$@"; do
    [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n
    { run "$program"; echo $? > "$program.code"; } &
done
wait

passed=0 failed=0
for program in "$@"; do
    runs=$(sed -nE 's/^Done ([0-9]+) runs.*/\1/p' "$program.log")
    if [ "$(cat "$program.code")" = 0 ] && [ "${runs:-0}" -gt 0 ]; then
        passed=$((passed + 1))
        printf '%-12s %10d runs\n' "$(basename "$program")" "$runs"
    else
        failed=$((failed + 1))
        tail -n 60 "$program.log"
        echo "$(basename "$program") is broken: see above, and $program.log"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

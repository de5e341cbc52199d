#!/bin/bash
# run.sh PROGRAM... - runs each test program and believes none of them.
#
# A program says how it went in its closing line: Criterion's "Synthesis", or for every other
# "N passed, M failed". Around that line a program can still be wrong, so it is a failure
#     to run no test at all, to end without a closing line, or not to end (TEST_TIMEOUT seconds)
#     to exit with an error that no counted failure explains
#     to draw a sanitizer's report: Criterion counts a test that leaks as passed
# Tests that were skipped are shown. The last line is the sum, and the exit code says the same.
export ASAN_OPTIONS=detect_leaks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export UBSAN_OPTIONS=print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}
export TSAN_OPTIONS=suppressions=$(dirname "$0")/tsan.supp${TSAN_OPTIONS:+:$TSAN_OPTIONS}
limit=${TEST_TIMEOUT:-600}
log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
passed=0 failed=0

# The closing line, as: passed, failed. Nothing when there is none.
counts() {
    sed -nE -e 's/.*Synthesis: .*Passing: ([0-9]+) \| Failing: ([0-9]+).*/\1 \2/p' \
        -e 's/^(tests: )?([0-9]+) passed, ([0-9]+) failed$/\2 \3/p' "$log" | tail -n 1
}

# Leaks with a frame that is not the allocator's or the test framework's own library.
own_leaks() {
    awk '/ leak of / { inside = 1; own = 0; told = 1 }
        inside && /#[0-9]+ 0x/ && !/__interceptor_|libcriterion\.so/ { own = 1 }
        inside && /^$/ { n += own; inside = 0 }
        END { print told ? n + 0 : 1 }' "$log"
}

run() {
    local program=$1 code good bad leaks reports why=
    local arguments=()

    grep -qa criterion_ "$program" && arguments=(--color=never --verbose)
    timeout -k 10 "$limit" "$program" "${arguments[@]}" > "$log" 2>&1 < /dev/null
    code=$?
    leaks=$(grep -c 'ERROR: LeakSanitizer' "$log")
    reports=$(grep -cE 'SUMMARY: [A-Za-z]+Sanitizer|runtime error:' "$log")
    read -r good bad <<< "$(counts)"
    if [ "$leaks" = 1 ] && [ "$(own_leaks)" = 0 ]; then # Criterion's runner, of itself
        leaks=0 reports=$((reports - 1))
        [ "${bad:-1}" != 0 ] || code=0
    fi

    if [ $code = 124 ] || [ $code = 137 ]; then why="did not end within $limit s"
    elif [ -z "$good" ]; then why="ended without a closing line, exit code $code"
    elif [ $((good + bad)) = 0 ]; then why='ran no test'
    elif [ "$leaks" -gt 0 ]; then why="$leaks left memory behind"
    elif [ "$bad" = 0 ] && [ "$reports" -gt 0 ]; then why='drew a sanitizer report'
    elif [ "$bad" = 0 ] && [ $code != 0 ]; then why="exit code $code without a failed test"
    fi

    # A leak belongs to a test that said it passed; what nobody counted is one failure more.
    good=$((${good:-0} > leaks ? good - leaks : 0)) bad=$((${bad:-0} + leaks))
    [ -n "$why" ] && [ $bad = 0 ] && bad=1

    [ $bad = 0 ] || grep -vE '^\[(PASS|RUN )\]' "$log"
    [ $bad != 0 ] || grep -E '^\[SKIP\]|^skipped: ' "$log"
    echo "$(basename "$program"): $good passed, $bad failed${why:+ ($why)}"
    passed=$((passed + good)) failed=$((failed + bad))
}

for program in "$@"; do
    run "$program"
done
[ $((passed + failed)) -gt 0 ] || { echo 'run.sh: there is nothing to run'; failed=1; }
echo "tests: $passed passed, $failed failed"
[ $failed = 0 ]

#!/bin/bash
# run_test.sh - programs that lie, and what run.sh makes of them.
cd "$(dirname "$0")/.." || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

# expect SENTENCE CLOSING PROGRAM...: run.sh closes with CLOSING, and its exit code agrees.
expect() {
    local sentence=$1 closing="tests: $2" code=0 got
    shift 2
    got=$(TEST_TIMEOUT=2 tests/run.sh "$@" 2>&1) || code=1
    case $closing in *' 0 failed') want=0 ;; *) want=1 ;; esac
    if [ "$(tail -n 1 <<< "$got")" = "$closing" ] && [ $code = $want ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s: wanted "%s" and exit code %s, got %s and\n%s\n' \
            "$sentence" "$closing" $want $code "$got"
    fi
}

# fake NAME LINE...: a shell script as a test program.
fake() {
    local name=$1
    shift
    { echo '#!/bin/sh'; printf '%s\n' "$@"; } > "$dir/$name"
    chmod +x "$dir/$name"
}

# compiled NAME TEST: a Criterion program with the address sanitizer, one good test and TEST.
compiled() {
    gcc -g -fsanitize=address -o "$dir/$1" -x c - -lcriterion << END
#include <criterion/criterion.h>
#include <stdlib.h>
Test(fake, good) { cr_assert(1); }
$2
END
}

fake good    'echo 3 passed, 0 failed'
fake other   'echo tests: 4 passed, 0 failed'
fake bad     'echo 3 passed, 2 failed; exit 1'
fake none    'echo 0 passed, 0 failed'
fake silent  ':'
fake rude    'echo 3 passed, 0 failed; exit 7'
fake killed  'kill -SEGV $$'
fake early   'echo 3 passed, 0 failed; echo more' 'kill -SEGV $$'
fake stuck   'echo 3 passed, 0 failed; exec sleep 60'
fake leaking 'echo ==1==ERROR: LeakSanitizer: detected; echo 3 passed, 0 failed'
fake racing  'echo SUMMARY: ThreadSanitizer: data race; echo 3 passed, 0 failed'
fake undef   'echo a.c:1:1: runtime error: shift; echo 3 passed, 0 failed'
fake skips   'echo skipped: netem: not in this kernel; echo 3 passed, 0 failed'

expect 'a good program is counted' '3 passed, 0 failed' "$dir/good"
expect 'programs are summed' '10 passed, 2 failed' "$dir/good" "$dir/other" "$dir/bad"
expect 'no program is a failure' '0 passed, 1 failed'
expect 'a missing program is a failure' '0 passed, 1 failed' "$dir/nowhere"
expect 'zero tests are a failure' '0 passed, 1 failed' "$dir/none"
expect 'no closing line is a failure' '0 passed, 1 failed' "$dir/silent"
expect 'an exit code without a failed test is a failure' '3 passed, 1 failed' "$dir/rude"
expect 'a crash is a failure' '0 passed, 1 failed' "$dir/killed"
expect 'a crash after the closing line is a failure' '3 passed, 1 failed' "$dir/early"
expect 'a program that does not end is a failure' '3 passed, 1 failed' "$dir/stuck"
expect 'a leak takes a test with it' '2 passed, 1 failed' "$dir/leaking"
expect 'a race is a failure' '3 passed, 1 failed' "$dir/racing"
expect 'undefined behaviour is a failure' '3 passed, 1 failed' "$dir/undef"
expect 'a good program does not hide a bad one' '6 passed, 2 failed' "$dir/bad" "$dir/good"
expect 'a skipped test is no failure' '3 passed, 0 failed' "$dir/skips"

compiled sound   'Test(fake, other) { free(malloc(9)); }'
compiled leaks   'Test(fake, leaks) { void *volatile p = malloc(9); p = NULL; }'
compiled crashes 'Test(fake, crashes) { *(volatile int *)8 = 1; }'
compiled beyond  'Test(fake, beyond) { char *volatile p = malloc(9); p[9] = 1; free(p); }'
compiled fails   'Test(fake, fails) { cr_assert(0); }'
compiled off     'Test(fake, off, .disabled = true) { cr_assert(0); }'
gcc -o "$dir/empty" -x c - -lcriterion <<< ''

expect 'Criterion: two good tests' '2 passed, 0 failed' "$dir/sound"
expect 'Criterion: a leak' '1 passed, 1 failed' "$dir/leaks"
expect 'Criterion: a crash' '1 passed, 1 failed' "$dir/crashes"
expect 'Criterion: a write beyond the end' '1 passed, 1 failed' "$dir/beyond"
expect 'Criterion: a failed assertion' '1 passed, 1 failed' "$dir/fails"
expect 'Criterion: a disabled test' '1 passed, 0 failed' "$dir/off"
expect 'Criterion: no test at all' '0 passed, 1 failed' "$dir/empty"

# shown NAME WORDS: what was skipped can be read.
shown() {
    if tests/run.sh "$dir/$1" | grep -q "$2"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$1: a skipped test is not shown"
    fi
}
shown skips 'netem: not in this kernel'
shown off 'fake::off'

echo "$passed passed, $failed failed"
[ $failed = 0 ]

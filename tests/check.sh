#!/bin/bash
# check.sh [release] - all that a machine can check, one line each, and the sum.
#
# A check that counts tests adds its counts; any other is one test. What a check prints is shown
# when it fails, and the later ones run all the same.
cd "$(dirname "$0")/.." || exit 2
make="${MAKE:-make} --no-print-directory -j$(nproc)"
log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
passed=0 failed=0
[ "$1" != release ] || export MILLRACE_STRESS_SECONDS=60 # each of the stress programs

step() {
    local name=$1 code good bad
    shift
    "$@" > "$log" 2>&1 < /dev/null
    code=$?
    read -r good bad <<< "$(sed -nE 's/^(tests: )?([0-9]+) passed, ([0-9]+) failed$/\2 \3/p' "$log" |
        tail -n 1)" # make may have had the last word
    if [ -z "$good" ]; then
        good=$((code == 0)) bad=$((code != 0))
    elif [ $code != 0 ] && [ "$bad" = 0 ]; then
        bad=1
    fi
    [ "$bad" = 0 ] || cat "$log"
    [ "$bad" != 0 ] || grep -E '^\[SKIP\]|^skipped: ' "$log"
    printf '%-52s %4s passed, %s failed\n' "$name" "$good" "$bad"
    passed=$((passed + good)) failed=$((failed + bad))
}

layout() {
    find net grid stream client tests -name '*.[ch]' 2> /dev/null |
        xargs clang-format-14 --dry-run -Werror
}

# What dist packs, built and tested as a user would.
from_tarball() {
    local dir
    dir=$(mktemp -d) && $make dist && tar -C "$dir" -xf build/millrace-*.tar.xz &&
        $make -C "$dir"/millrace-* test
    local code=$?
    rm -rf "$dir"
    return $code
}

# Criterion takes no notice of what valgrind says about a child, so silence is asked for.
valgrind_unit() {
    $make unit && ! valgrind -q --trace-children=yes build/test/unit 2>&1 | grep -E -A 12 '^==[0-9]+=='
}

step 'it builds'                              $make build
step 'layers: who includes whom'              tests/layers.sh
step 'tidy: rules of the house'               tests/tidy.sh
step 'layout: clang-format'                   layout
step 'the test runner tells the truth'        tests/run_test.sh
step 'install: pkg-config, symbols, examples' tests/install.sh
step 'address and undefined, with leaks'      $make B=build/asan SAN=address,undefined CFLAGS='-O1 -g' run
step 'threads'                                $make B=build/tsan SAN=thread CFLAGS='-O1 -g' run
step 'clang'                                  $make B=build/clang CC=clang-14 run
step 'simulated: a thousand seeds'            $make sim
step 'another checker of histories agrees'    $make porcupine
step 'real members, killed, stopped, cut off'   $make SECONDS=20 nemesis
step "other people's clients"                 $make test-clients
step 'fuzzers, for ten seconds each'           $make FUZZ_SECONDS=10 fuzz
if [ "$1" = release ]; then
    step 'simulated: what is wrong is found'  $make mutants
    step 'simulated: thirty thousand seeds'   $make SEEDS=1001..31000 sim
    step 'valgrind'                           valgrind_unit
    step 'from the tarball'                   from_tarball
fi

echo "tests: $passed passed, $failed failed"
[ $failed = 0 ]

#!/bin/bash
# run.sh [--record | --against-hazelcast | --fetch] [LANGUAGE...] - other people's clients against
# a server, and what they got compared with what they get from Hazelcast.
#
# --fetch only prints the folders with the clients, or what is skipped and why.
#
#     SERVER_CMD   the server; {port} stands for its port
#     BUILD        the build folder; the clients are fetched into it, once
#     ONLY         the beginning of the names of the checks to run
#     VERBOSE      set: the clients' stack traces, and a line for each check that is as expected
#     CI           true: a language that cannot run here is a failure
#
# The server is started again whenever it ends, because clients have to live with that and their
# last check kills it; a death that no check asked for is a failure.
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=$(realpath -m "${BUILD:-$root/build}")
cache=$build/clients
ALL=(node python java go c)

NODE_VERSION=5.7.0
PYTHON_VERSION=5.7.0
JAVA_VERSION=5.5.0
jar=$cache/java/hazelcast-$JAVA_VERSION.jar

mode=compare
case $1 in
--record | --against-hazelcast | --fetch) mode=${1#--} && shift ;;
-*) sed -n '2,3s/^# //p' "$0" && exit 2 ;;
esac
languages=("${@:-${ALL[@]}}")
[ $# -gt 0 ] || languages=("${ALL[@]}")

dir=$(mktemp -d) || exit 2
trap 'stop_server; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
passed=0 failed=0

# ---- the clients -----------------------------------------------------------------------------

have() { command -v "$1" > /dev/null || { echo "there is no $1"; return 1; }; }

# Each fetches what its language needs, or says why it cannot.
fetch_node() {
    have node && have npm || return
    [ -e "$cache/node/$NODE_VERSION" ] && return
    npm install --prefix "$cache/node" --silent --no-audit --no-fund "hazelcast-client@$NODE_VERSION" &&
        touch "$cache/node/$NODE_VERSION"
}
fetch_python() {
    have python3 || return
    [ -e "$cache/python/$PYTHON_VERSION" ] && return
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --upgrade \
        --target "$cache/python" "hazelcast-python-client==$PYTHON_VERSION" && touch "$cache/python/$PYTHON_VERSION"
}
fetch_jar() {
    have java && have javac && have mvn || return
    [ -e "$jar" ] || (cd "$cache" && mvn -q -B dependency:copy -DoutputDirectory="$cache/java" \
        -Dartifact="com.hazelcast:hazelcast:$JAVA_VERSION")
}
fetch_java() {
    fetch_jar && javac -Xlint:-options -cp "$jar" -d "$cache/java/checks" "$here"/java/*.java
}
fetch_go() {
    have go && (cd "$here/go" && go build -o "$cache/go/checks" .)
}
fetch_c() { # our own, in the library that was built
    mkdir -p "$cache/c" && compile_c checks "$here"/c/*.c &&
        compile_c compact_records "$root/client/examples/compact_records.c"
}
compile_c() {
    gcc -D_GNU_SOURCE -Wall -Wextra -Werror -I "$root/client/include" -o "$cache/c/$1" "${@:2}" \
        "$build/lib/libmillrace-client.a" -levent_core -levent_pthreads -lck -pthread -lm
}

run_node()   { NODE_PATH=$cache/node/node_modules node "$here/node/run.js" "$@"; }
run_python() { PYTHONPATH=$cache/python PYTHONDONTWRITEBYTECODE=1 python3 "$here/python/run.py" "$@"; }
run_java()   { java -Xmx512m -cp "$jar:$cache/java/checks" clients.Checks "$@"; }
run_go()     { "$cache/go/checks" "$@"; }
run_c()      { "$cache/c/checks" "$@"; }

is_ready() { [[ " ${ready[*]} " == *" $1 "* ]]; }

# The languages that can run here, into `ready`; those that cannot are named.
ready=() skipped=()
fetch() {
    local language why
    mkdir -p "$cache"
    for language in "${languages[@]}"; do
        if why=$("fetch_$language" 2>&1); then
            ready+=("$language")
        else
            skipped+=("$language")
            echo "skipped: $language: $(grep -m 1 . <<< "$why")"
            [ "$CI" != true ] || failed=$((failed + 1))
        fi
    done
}

# ---- the server ------------------------------------------------------------------------------

free_port() {
    local port=$((20000 + RANDOM % 10000))
    while (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do port=$((port + 1)); done
    echo "$port"
}

# Hazelcast itself, or what is to behave like it.
server_command() {
    if [ $mode = compare ]; then
        read -ra server <<< "${SERVER_CMD:-$build/bin/millrace serve --config $here/millrace.yaml --port {port\}}"
        server=("${server[@]//\{port\}/$port}")
    else
        fetch_jar && javac -cp "$jar" -d "$cache/java/member" "$here/java/Member.java" || exit 2
        server=(nice java -Xmx512m -cp "$jar:$cache/java/member" clients.Member "$here/hazelcast.yaml" "$port")
    fi
}

keep_serving() {
    while [ -e "$dir/serving" ]; do
        "${server[@]}" >> "$dir/server.log" 2>&1 &
        echo $! > "$dir/pid"
        echo >> "$dir/starts"
        wait $! 2> /dev/null
        sleep 0.2
    done
}

start_server() {
    port=$(free_port)
    server_command
    touch "$dir/serving" "$dir/starts"
    keep_serving 2> /dev/null &
    for ((i = 0; i < 600; i++)); do
        (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && return
        sleep 0.1
        [ "$(wc -l < "$dir/starts")" -lt 10 ] || break # it cannot even start
    done
    tail -n 20 "$dir/server.log"
    echo "FAILED server: \"${server[*]}\" does not listen on port $port"
    echo "0 passed, $((failed + 1)) failed"
    exit 1
}

stop_server() {
    rm -f "$dir/serving"
    [ ! -e "$dir/pid" ] || kill -9 "$(cat "$dir/pid")" 2> /dev/null
    wait
}

# ---- the checks ------------------------------------------------------------------------------

# part LANGUAGE checks|cross|restart: runs it, and keeps what it says.
part() {
    export READ="${ready[*]}" SERVER_PID_FILE=$dir/pid
    timeout -k 10 900 bash -c "$(declare -f "run_$1"); here=$here cache=$cache jar=$jar; run_$1 127.0.0.1:$port $2" \
        >> "$dir/$1.out" 2> "$dir/$1.err" < /dev/null
    local code=$?
    [ -z "$VERBOSE" ] || cat "$dir/$1.err"
    [ $code = 0 ] || { tail -n 5 "$dir/$1.err"; echo "FAILED $1: the part \"$2\" ended with $code"; failed=$((failed + 1)); }
}

# What LANGUAGE should say here: what Hazelcast answers, but for the differences that are accepted,
# and for what languages have written that do not run. Fails, and says so, when one of those takes
# the place of nothing or makes no difference.
expected() {
    local differences=$here/differences/$1.txt gone= language
    [ -e "$differences" ] && [ $mode = compare ] || differences=/dev/null
    for language in "${ALL[@]}"; do is_ready "$language" || gone+=${gone:+|}$language; done
    awk -v only="$ONLY" -v gone="^cross\\.(${gone:-none})_" -v from="$differences" '
        function stale(line) { print "FAILED " from ": makes no difference: " line > "/dev/stderr"; bad = 1 }
        { name = substr($0, 1, index($0, ": ") - 1) }
        FILENAME == ARGV[1]       { instead[name] = $0; next }
        !(name in instead)        { line = $0 }
        name in instead           { line = instead[name]; used[name] = 1; if (line == $0) stale(line) }
        index(name, only) == 1 && name !~ gone { print line }
        END { for (name in instead) if (!(name in used)) stale(instead[name]); exit bad }
    ' "$differences" "$here/expected/$1.txt"
}

# compare LANGUAGE: names what is not as expected, and counts.
compare() {
    local good bad
    expected "$1" > "$dir/$1.want" || { failed=$((failed + 1)); return; }
    awk -v language="$1" -v verbose="$VERBOSE" '
        # A star as an element of a list stands for what is another one each time.
        function same(want, said) {
            if (want == said || want !~ / \*,/) return want == said
            gsub(/[][(){}.?+|^$\\]/, "\\\\&", want)
            gsub(/ \*,/, " [^,]*,", want)
            return said ~ ("^" want "$")
        }
        function fails(what) { print "FAILED " language " " name ": " what; bad++ }
        { name = substr($0, 1, index($0, ": ") - 1); said = substr($0, length(name) + 3) }
        FILENAME == ARGV[1] { want[name] = said; next }
        name in seen        { fails("is there twice"); next }
                            { seen[name] = 1 }
        !(name in want)     { fails("nobody expects it: " $0); next }
        !same(want[name], said) { fails("wanted " want[name] ", got " said); next }
                            { good++; if (verbose) print "ok " language " " name }
        END { for (name in want) if (!(name in seen)) fails("was not run"); print good + 0, bad + 0 }
    ' "$dir/$1.want" "$dir/$1.out" > "$dir/$1.verdict"
    read -r good bad <<< "$(tail -n 1 "$dir/$1.verdict")"
    head -n -1 "$dir/$1.verdict"
    printf '%-6s %s: %d ok, %d FAILED\n' "$1" "$([ "$bad" = 0 ] && echo ok || echo FAILED)" "$good" "$bad"
    passed=$((passed + good)) failed=$((failed + bad))
}

# Whether our own client is expected to say what some other one says, where both are asked the same
# of Millrace. Which error it is, each language has words of its own for.
agree() {
    local language
    is_ready c && [ $mode = compare ] || return
    for language in "${ALL[@]}"; do [ "$language" = c ] || expected "$language"; done > "$dir/others"
    expected c | awk '
        { name = substr($0, 1, index($0, ": ") - 1); said = substr($0, length(name) + 3) }
        name ~ /^cross\.(write|.*_is_found)$/ { next } # more values; keys, where C counts
        { gsub(/error: [A-Za-z]+/, "error", said) }
        FILENAME == ARGV[1] { known[name]; says[name, said]; next }
        name in known && !((name, said) in says) { print "FAILED c " name ": nobody else says " said; bad = 1 }
        END { exit bad }
    ' "$dir/others" - || failed=$((failed + 1))
}

# The example: what its half in C writes, its half in Node.js reads.
example() {
    is_ready c && is_ready node && [ -z "$ONLY" ] || return
    {
        "$cache/c/compact_records" "millrace://127.0.0.1:$port" &&
            NODE_PATH=$cache/node/node_modules timeout 60 \
                node "$root/client/examples/compact_records.js" "127.0.0.1:$port"
    } > "$dir/example.out" 2>&1
    if diff "$here/expected/compact_records.txt" "$dir/example.out"; then
        passed=$((passed + 1))
        echo 'example ok'
    else
        failed=$((failed + 1))
        echo 'FAILED example: client/examples/compact_records: see above'
    fi
}

# The server may have died once for each of the checks that kill it.
deaths() {
    local killed=0 language
    for language in "${ready[@]}"; do
        killed=$((killed + $(grep -c '^restart\.' "$dir/$language.out")))
    done
    [ "$(wc -l < "$dir/starts")" -gt $((killed + 1)) ] || return
    tail -n 20 "$dir/server.log"
    echo "FAILED server: it died $(($(wc -l < "$dir/starts") - 1 - killed)) times by itself"
    failed=$((failed + 1))
}

fetch
if [ $mode = fetch ]; then
    for language in "${ready[@]}"; do echo "$cache/$language/$([ "$language" != node ] || echo node_modules)"; done
    exit $((failed > 0))
fi
[ ${#ready[@]} -gt 0 ] || { echo "0 passed, $failed failed"; exit $((failed > 0)); }
start_server
example
agree
for name in checks cross restart; do
    for language in "${ready[@]}"; do part "$language" $name; done
done
deaths
for language in "${ready[@]}"; do
    if [ $mode = record ] && [ $failed = 0 ] && [ -z "$ONLY" ]; then
        cp "$dir/$language.out" "$here/expected/$language.txt"
        echo "$language: $(wc -l < "$here/expected/$language.txt") checks recorded"
    else
        compare "$language"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

#!/bin/bash
# cli.sh - the millrace command, as it is typed. BUILD is the folder with bin/millrace.
cd "$(dirname "$0")/.." || exit 2
millrace=${BUILD:-build}/bin/millrace
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
for name in $(compgen -e MILLRACE_); do unset "$name"; done

# expect SENTENCE CODE PATTERN WORD...: `millrace WORD...` ends with CODE, and a line of what it
# says matches PATTERN.
expect() {
    local sentence=$1 code=$2 pattern=$3 got
    shift 3
    got=$("$millrace" "$@" 2>&1)
    verdict "$sentence" $(($? != code)) "$got" "$pattern"
}
verdict() {
    if [ "$2" = 0 ] && { [ $# = 3 ] || grep -qE -- "$4" <<< "$3"; }; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'not so: %s\n%s\n' "$1" "$3"
    fi
}

expect 'version is one line with the number' 0 '^millrace [0-9]+\.[0-9]+\.[0-9]+$' version
expect '--version is the same' 0 '^millrace [0-9]' --version
expect 'no word lists the commands' 2 '^  config '
expect 'help lists the commands' 0 '^  explain ' help
expect '--help lists the commands' 0 '^  explain ' --help
expect 'help says more about one' 0 'millrace config example' help config
expect '--help after a command does too' 0 'millrace config example' config show --help
expect 'an unknown command names the nearest' 2 'did you mean "millrace config"' confg
expect 'an unknown command without a near one names help' 2 'millrace help' frobnicate
expect 'help about an unknown command' 2 'did you mean "millrace explain"' help explian
expect 'a word too many' 2 'one word too many' version 2

expect 'explain lists all' 0 '^MR-1002  ' explain
for number in $(sed -nE 's/.* X\([A-Z_]+, ([0-9]+),.*/\1/p' client/include/millrace/error.h); do
    expect "explain knows $number" 0 "^[A-Z][a-zA-Z -]+ [a-z]" explain "MR-$(printf %04d "$number")"
done
expect 'explain takes a bare number' 0 '^MR-1002: ' explain 1002
expect 'explain takes small letters' 0 '^MR-1002: ' explain mr-1002
expect 'explain does not know any number' 2 'there is no error "MR-4242"' explain MR-4242
expect 'explain wants a number' 2 'there is no error "MR-"' explain MR-
expect 'explain wants one number' 2 'one error at a time' explain 1001 1002

verdict 'config example is config/member.yaml' \
    "$("$millrace" config example | cmp -s - config/member.yaml; echo $?)" \
    'write it anew: build/bin/millrace config example > config/member.yaml'
expect 'the example is a good configuration' 0 'good' config check --config config/member.yaml
verdict 'the example changes nothing' \
    "$(diff <("$millrace" config show) \
        <("$millrace" config show --config config/member.yaml | grep -v '^[a-z]*\.default\.') \
        > "$dir/diff"; echo $?)" "$(cat "$dir/diff")"

cat > "$dir/good.yaml" << 'END'
cluster: { name: 'my "house"' }
maps:
  cache-*:
    ttl: 5m
END
cat > "$dir/bad.yaml" << 'END'
cluster:
  nmae: prod
log:
  level: loud
END
expect 'show prints what the file says' 0 '^cluster.name: "my \\"house\\""$' config show --config "$dir/good.yaml"
expect 'show --origin says where' 0 "^maps.cache-\*.ttl: 5m  # $dir/good.yaml:4:10$" \
    config show --origin --config "$dir/good.yaml"
expect 'show --origin says default' 0 '^log.level: info  # default$' config show --origin
export MILLRACE_LOG_LEVEL=warn
expect 'show --origin names the variable' 0 'warn  # .*MILLRACE_LOG_LEVEL$' config show --origin
unset MILLRACE_LOG_LEVEL
"$millrace" config show --config "$dir/good.yaml" > "$dir/shown.yaml"
verdict 'what show prints can be read again' \
    "$("$millrace" config show --config "$dir/shown.yaml" | cmp -s - "$dir/shown.yaml"; echo $?)" ''

expect 'check names the place and the nearest key' 1 "bad.yaml:2:9: there is no key" \
    config check --config "$dir/bad.yaml"
expect 'check reports all problems' 1 '^2 problems$' config check --config "$dir/bad.yaml"
MILLRACE_LOG_LEVL=warn expect 'check names the nearest variable' 1 'did you mean MILLRACE_LOG_LEVEL' \
    config check
expect 'show refuses what is not good' 1 'bad.yaml:4:10: log.level cannot be "loud"' \
    config show --config "$dir/bad.yaml"
expect 'a file that is not there' 1 'MR-1102.*No such file' config check --config "$dir/none.yaml"
expect 'config wants a verb' 2 'example, show or check' config
expect 'an unknown verb names the nearest' 2 'did you mean "show"' config shwo
expect 'an unknown option' 2 '"--orign" is not understood' config show --orign
expect 'an option without its word' 2 '"--config" wants a word behind it' config show --config
expect 'an option of serve without its word' 2 '"--port" wants a word behind it' serve --port
expect 'serve --join checks the addresses' 1 'is not an address' serve --join 'no where'
for number in '' -3 4294967297; do
    expect "health refuses \"$number\" members" 2 'wants a number' health --members "$number"
done
expect 'health --members wants something behind it' 2 'wants a number' health --wait --members
expect 'an option that serve has not' 2 '"--prot" is not understood' serve --prot
sets=()
for ((i = 0; i < 65; i++)); do sets+=(--set member.loops=1); done
expect 'too much on the command line' 2 'more than 64 times' serve --check-config "${sets[@]}"
expect 'example takes no options' 2 'no options' config example --origin

# ---- a cluster: a member on a port that the system has chosen -------------------------------------

: > "$dir/serve"
"$millrace" serve --set network.port=0 --set log.format=logfmt 2> "$dir/serve" &
member=$!
trap 'kill $member 2> /dev/null; rm -rf "$dir"' EXIT
for ((i = 0; i < 100; i++)); do
    address=$(sed -nE 's/.*event=member.started.* address="?([0-9.:]+)"?.*/\1/p' "$dir/serve")
    [ -z "$address" ] || break
    sleep 0.1
done
to="millrace://$address"

expect 'ping says who answers' 0 "^$to	1	[0-9]+$" ping --to "$to"
expect 'members lists who is there, and what each has' 0 \
    "^$address	[0-9a-f-]{36}	[^	]+	leader	271	271$" members --to "$to"
expect 'members as JSON' 0 \
    "^\[\{\"address\":\"$address\",\"uuid\":\"[0-9a-f-]{36}\",\"name\":.*\"copies\":271\}\]$" \
    members --to "$to" --output json
expect 'partitions sums up' 0 '^271	271	0	0	1$' partitions --to "$to"
expect 'partitions --all tells of each' 0 "^270	safe	$address	$address	$" \
    partitions --all --to "$to"
expect 'health of one that is on its own' 0 '^healthy: 1 members' health --to "$to"
expect 'map put stores' 0 '' map put ages ada 36 --to "$to"
expect 'map get prints the value' 0 '^36$' map get ages ada --to "$to"
expect 'map get as a table has a head' 0 '^value' map get ages ada --to "$to" --output table
expect 'map get of what is not there is 6' 6 'no such entry' map get ages bob --to "$to"
expect 'map size counts' 0 '^1$' map size ages --to "$to"
expect 'map stats names the map' 0 '^ages	1$' map stats ages --to "$to"
expect 'map put takes text that has a tab' 0 '' map put ages 'a"b' "x	y" --to "$to"
expect 'map list shows it as one field' 0 '^a"b	x\\ty$' map list ages --to "$to"
expect 'map list as JSON escapes' 0 '"key":"a\\"b","value":"x\\u0009y"' \
    map list ages --to "$to" --output json
expect 'map list as JSON has numbers bare' 0 '"key":"ada","value":36' \
    map list ages --to "$to" --output json
expect 'an empty list is an empty array' 0 '^\[\]$' map list none --to "$to" --output json
for typed in i32:-7 i64:-7 f64:2.5 str:7 'json:{"a":1}' true 1e3; do
    expect "map put takes $typed" 0 '' map put types "str:$typed" "$typed" --to "$to"
done
expect 'a type in front is not part of the value' 0 '^str:7	7$' map list types --to "$to"
expect 'map remove takes out' 0 '' map remove ages ada --to "$to"
expect 'map remove of what is gone is 6' 6 'no such entry' map remove ages ada --to "$to"
expect 'a key that is not of its type' 2 'is not what it says' map get ages i32:x --to "$to"
expect 'too few words show the form' 2 'map get NAME KEY' map get ages --to "$to"
expect 'map wants a verb' 2 'say what to do' map
expect 'an unknown verb of map names the nearest' 2 'did you mean "get"' map gte ages x
expect 'an address that is missing' 2 '"--to" wants a word behind it' ping --to
expect 'an unknown form of output' 2 'no form "xml": table, json or tsv' map size ages --output xml
expect 'another cluster does not admit us' 4 'MR-1302' ping --to "$to/prod"
expect 'what is no address fails' 1 'MR-1003' ping --to localhost
kill $member
wait $member 2> /dev/null
expect 'a member that has gone cannot be reached' 3 'MR-1301' ping --to "$to"
expect 'health of one that has gone says what to type' 10 'millrace serve' health --to "$to"

# Three of them, on ports that were free a moment ago.
join() {
    "$millrace" serve --port "${ports[$1]}" --join "$seeds" --set http.listen=no \
        --set log.level=error 2>> "$dir/three" &
    members[$1]=$!
}
for ((i = 0; i < 5; i++)); do
    base=$((20000 + RANDOM % 10000)) members=()
    ports=($base $((base + 1)) $((base + 2)))
    seeds=127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}
    trap 'kill "${members[@]}" 2> /dev/null; rm -rf "$dir"' EXIT
    to=millrace://127.0.0.1:${ports[0]}
    join 0
    sleep 0.2
    kill -0 "${members[0]}" 2> /dev/null && break # else the port was another's
done
expect 'health of one that is alone of three says why' 10 'not serving.*cluster.members|no answer' \
    health --to "$to"
join 1
join 2
expect 'health --wait waits until three are one' 0 '^healthy: 3 members, 271 partitions, 2 copies' \
    health --wait --members 3 --to "$to"
expect 'health wants a number of members' 10 '^3 of 4 members: ' health --members 4 --to "$to"
expect 'health --members wants a number' 2 'wants a number' health --members x
expect 'members shows a voter beside the leader' 0 '	voter	[0-9]+	[0-9]+$' members --to "$to"
expect 'partitions are safe' 0 '^271	271	0	0	3$' partitions --to "$to"
kill -9 "${members[2]}"
wait "${members[2]}" 2> /dev/null
for ((i = 0; i < 100; i++)); do
    [ "$("$millrace" members --to "$to" | wc -l)" = 3 ] || break
    sleep 0.1
done
expect 'health --wait after a kill finds two' 0 '^healthy: 2 members, 271 partitions, 2 copies' \
    health --wait --to "$to"

# One of two stands still. The older one goes on by itself, the other waits to be told.
at() { echo "millrace://127.0.0.1:${ports[$1]}"; }
waits() {
    kill -STOP "${members[$1]}"
    for ((i = 0; i < 100; i++)); do
        case $("$millrace" health --to "$(at "$2")") in
        *peer-is-dead*) return 0 ;;
        'healthy: 1 '*) return 1 ;;
        esac
        sleep 0.1
    done
}
expect 'takeover wants to be told that the other is dead' 2 'peer-is-dead' takeover --to "$(at 0)"
expect 'takeover where both are there is refused' 1 'both members are there' \
    takeover --peer-is-dead --to "$(at 0)"
still=0 other=1
if ! waits $still $other; then
    kill -CONT "${members[$still]}"
    "$millrace" health --wait --members 2 --to "$(at $other)" > /dev/null
    still=1 other=0
    waits $still $other
fi
expect 'health of one that waits says what to type' 10 'millrace takeover --peer-is-dead' \
    health --to "$(at $other)"
expect 'takeover goes on alone' 0 'alone' takeover --peer-is-dead --to "$(at $other)"
expect 'and then all is well' 0 '^healthy: 1 members' health --wait --to "$(at $other)"
kill -CONT "${members[$still]}"
expect 'who comes back comes back to it' 0 '^healthy: 2 members' \
    health --wait --members 2 --to "$(at $other)"
kill "${members[@]}" 2> /dev/null
wait "${members[@]}" 2> /dev/null

"$millrace" config example > /dev/full 2> "$dir/full"
verdict 'a full disk is a failure' $(($? != 1)) "$(cat "$dir/full")" 'cannot write'

echo "$passed passed, $failed failed"
[ $failed = 0 ]

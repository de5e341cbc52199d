#!/bin/bash
# tidy.sh - the rules of the house that a machine can check. Prints file:line: rule for each line
# that breaks one.
cd "$(dirname "$0")/.." || exit 2
shopt -s lastpipe
bad=0

files() { find "$@" -type f \( -name '*.c' -o -name '*.h' -o -name '*.def' \) 2> /dev/null | sort; }

# report RULE: stdin is what was found, as file:line:text.
report() {
    local file line
    while IFS=: read -r file line _; do
        echo "$file:$line: $1"
        bad=1
    done
}

all='net grid stream client tests'
library='net grid stream client'
tools='client/(cli|examples)/.*' # programs on top of the library, which may do as programs do
code=$(mktemp) || exit 2
trap 'rm -f "$code"' EXIT

# The library's code as file:line:text, its comments and strings blanked.
files $library | xargs -r perl -0777 -ne '
    s{("(?:\\.|[^"\\\n])*")|(/\*.*?\*/)|(//[^\n]*)}
     {my $n = ($& =~ tr/\n//); ($1 ? "\"\"" : " ") . "\n" x $n}gsex;
    my $line = 0;
    print map { "$ARGV:" . ++$line . ":$_\n" } split /\n/' > "$code"

# never PATTERN EXCEPT RULE: no line of code matches, but in the files that EXCEPT matches.
never() { grep -E "$1" "$code" | grep -vE "^($2):[0-9]+:" | report "$3"; }
call()  { echo "[^A-Za-z0-9_>.]($1)[[:space:]]*\("; }

# ---- code ------------------------------------------------------------------------------------

never "$(call 'malloc|calloc|realloc|free|aligned_alloc|strn?dup')" "net/base/mem\.c|$tools" \
    'memory comes from net/base/mem.h'
never "$(call 'time|clock_gettime|gettimeofday|clock')" 'net/base/clock\.c' \
    'time comes from net/base/clock.h'
never "$(call 's?rand|s?random|rand_r|drand48|getrandom|getentropy')" 'net/base/rand\.c' \
    'chance comes from net/base/rand.h'
never "$(call 'v?sprintf|strn?cpy|strn?cat|gets|strtok|alloca')" '' \
    'not bounded, or not reentrant: snprintf, memcpy, strtok_r'
never "$(call 'v?printf|puts|putchar|perror|_?exit|abort|signal|sigaction|assert')|stdout|stderr" \
    "net/base/check\.c|$tools" 'a library does not print, exit or catch signals'

# ---- text ------------------------------------------------------------------------------------

grep -nP '\t' $(files $all) /dev/null | report 'tab'
grep -nE '[[:space:]]+$' $(files $all) /dev/null | report 'space at the end'
# By characters, not bytes.
LC_ALL=C.UTF-8 grep -nE '^.{101}' $(files $all) /dev/null | report 'longer than 100 columns'
grep -nE '\<(TODO|FIXME|XXX|HACK)\>' $(files $all) /dev/null | report 'an open end belongs in an issue'

# ---- headers ---------------------------------------------------------------------------------

for file in $(files $all | grep '\.h$'); do
    from=${file#client/include/}
    guard=$(echo "$from" | tr 'a-z/.-' 'A-Z___')
    [ "$(grep -m 2 -cxE "#(ifndef|define) $guard" "$file")" = 2 ] ||
        echo "$file:1:" | report "the guard is not $guard"
    head -n 1 "$file" | grep -qE "^/\* $(basename "$file") - ." ||
        echo "$file:1:" | report "does not begin with its story: /* $(basename "$file") - ..."
done

# Every file has a header that tells its story; what has no header tells it on top.
for file in $(files $library | grep '\.c$'); do
    [ -e "${file%.c}.h" ] || [ -e "client/include/millrace/$(basename "${file%.c}").h" ] ||
        head -n 1 "$file" | grep -q '^/\*' ||
        echo "$file:1:" | report 'has no header, and does not begin with its story'
done

# A comment stands before each public function, or before the group it stands in.
for file in $(files client/include); do
    awk -v file="$file" '
        /^$|^[#}]/ { told = 0 }
        /\*\/[[:space:]]*$/ { told = 1 }
        /^MR_API/ && !told && !/define/ { print file ":" FNR ":" }' "$file"
done | report 'a public function without a word about it'

# ---- folders ---------------------------------------------------------------------------------

for folder in $(files $library | xargs -r dirname | sort -u | grep -v '^client/include'); do
    [ -e "$folder/README.md" ] || echo "$folder:1:" | report 'a folder without README.md'
done

exit $bad

#!/bin/bash
# install.sh - what a user gets: an installed tree, used through pkg-config and nothing else.
cd "$(dirname "$0")/.." || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

export PKG_CONFIG_PATH=$dir/opt/millrace/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir
export LD_LIBRARY_PATH=$dir/opt/millrace/lib
lib=$dir/opt/millrace/lib
include=$dir/opt/millrace/include
strict=(-Wall -Wextra -Werror -pedantic)
make() { command make -s --no-print-directory PREFIX=/opt/millrace DESTDIR="$dir" "$@"; }

# ok SENTENCE COMMAND...: the command succeeds.
ok() {
    local sentence=$1 got
    shift
    if got=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'not so: %s\n%s\n' "$sentence" "$got"
    fi
}
undefined() { build millrace-client nothing "$dir/member.c" 2>&1 | grep -q "undefined reference"; }

# build PACKAGE PROGRAM ARGUMENT...: compiles and links against an installed library.
build() {
    local package=$1 program=$2
    shift 2
    # shellcheck disable=SC2046
    gcc "${strict[@]}" -o "$dir/$program" "$@" $(pkg-config --cflags --libs "$package")
}

exported() { nm -D --defined-only "$lib/$1" | sed -nE 's/.* [TDBR] ([^@]*).*/\1/p' | sort -u; }
archived() { nm -g --defined-only "$lib/$1" | sed -nE 's/.* [TDBR] (.*)/\1/p' | sort -u; }
declared() { # public functions of the installed headers
    cat "$include"/millrace/*.h | tr '\n' ' ' | grep -oE 'MR_API[^;{#(]*\(' |
        grep -oE 'mr_[a-z0-9_]+\($' | tr -d '(' | sort -u
}
same() { diff <(declared) <("$1" "$2"); }
only_ours() { [ -z "$("$1" "$2" | grep -v '^mr_')" ]; }

ok 'make install works' make install
[ $failed = 0 ] || { echo '0 passed, 1 failed'; exit 1; }

for header in "$include"/millrace/*.h; do
    name=millrace/$(basename "$header")
    ok "$name stands alone in C99" gcc -std=c99 "${strict[@]}" -I "$include" -fsyntax-only -x c - <<< "#include <$name>"
    ok "$name stands alone in C++" g++ -std=c++11 "${strict[@]}" -I "$include" -fsyntax-only -x c++ - <<< "#include <$name>"
done

ok 'the library exports what the headers declare' same exported libmillrace.so
ok 'the archive exports what the headers declare' same archived libmillrace.a
ok 'the client library exports our names only' only_ours exported libmillrace-client.so
ok 'the client archive exports our names only' only_ours archived libmillrace-client.a
for l in libmillrace libmillrace-client; do
    ok "$l has its SONAME" grep -q "SONAME.*\[$l.so.0\]" <(readelf -d "$lib/$l.so")
done

cat > "$dir/client.c" << 'END'
#include <millrace/error.h>
int main(void) { mr_err_t err = MR_ERR_INIT; return mr_err_report(stderr, &err); }
END
cat > "$dir/member.c" << 'END'
#include <millrace/config.h>
int main(void) { mr_config_t *c = mr_config_new(0); mr_config_free(c); return c == 0; }
END
for package in millrace millrace-client; do
    ok "a program builds with $package" build $package client -std=c99 "$dir/client.c"
    ok '... and runs' "$dir/client"
    ok "a program builds with $package, static" gcc -o "$dir/static" "$dir/client.c" \
        $(pkg-config --cflags $package) -Wl,-Bstatic -l${package} -Wl,-Bdynamic -L"$lib" \
        $(pkg-config --static --libs $package)
done
ok 'a program with a member builds with millrace' build millrace member -std=c99 "$dir/member.c"
ok '... and runs' "$dir/member"

ok "a program with a member does not link with the client library" undefined

for example in client/examples/*.c; do
    [ -e "$example" ] || continue
    ok "$example builds" build millrace "$(basename "$example" .c)" -std=c99 "$example"
done

ok 'the binary runs' "$dir/opt/millrace/bin/millrace" version
ok 'make uninstall works' make uninstall
ok 'make uninstall leaves no file' [ -z "$(find "$dir/opt" ! -type d)" ]

echo "$passed passed, $failed failed"
[ $failed = 0 ]

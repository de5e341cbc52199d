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

# every STANDARD LANGUAGE: a program that uses each macro and inline function of the headers.
every() {
    local compiler=gcc
    [ "$2" = c ] || compiler=g++
    # shellcheck disable=SC2046
    $compiler "${strict[@]}" -std="$1" -x "$2" "$dir/every.c" -o "$dir/every" -x none \
        $(pkg-config --cflags --libs millrace)
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
cat > "$dir/every.c" << 'END'
#include <millrace/millrace.h>

static mr_update_t set_to_one(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context;
    (void)current;
    *next = MR_I64(1);
    return MR_UPDATE_SET;
}

/* Views of every kind: a value of its own is made of each, records and arrays apart. */
static int views(mr_err_t *err)
{
    const mr_time_t t = {2024, 2, 29, 12, 30, 0, 0, 3600};
    const mr_uuid_t uuid = {1, 2};
    const unsigned char digits[] = {1, 2};
    const mr_ref_t all[] = {
        MR_BOOL(true), MR_I8(1), MR_I16(1), MR_I32(1), MR_I64(1), MR_F32(1), MR_F64(1),
        MR_STR("text"), MR_STRN("text", 2), MR_JSON("{}"), MR_JSONN("{}", 2), MR_BYTES("b", 1),
        MR_UUID(uuid), MR_DATE_MS(0), MR_DATE(t), MR_TIME(t), MR_DATETIME(t), MR_DATETIME_TZ(t),
        MR_BIGINT(digits, 2), MR_DECIMAL(digits, 2, 1)};
    mr_val_t v = MR_VAL_INIT;
    size_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++)
        if (mr_val_set(&v, all[i], err) != MR_OK || mr_val_type(&v) != all[i].kind)
            return 1;
    mr_val_clear(&v);
    return MR_NULL.kind != MR_KIND_NULL || MR_DATA("", 0).kind != MR_KIND_DATA;
}

static int records(mr_err_t *err)
{
    const bool bools[] = {true, false};
    const int16_t i16s[] = {1};
    const int32_t i32s[] = {1};
    const int64_t i64s[] = {1};
    const float f32s[] = {1};
    const double f64s[] = {1};
    const char *const texts[] = {"a", "b"};
    const mr_ref_t refs[] = {MR_STR("a"), MR_NULL};
    mr_schema_t *s = mr_schema_new("all", err);
    mr_rec_t *rec;
    mr_ref_t got = MR_NULL;

    mr_schema_field(s, "bools", MR_KIND_BOOL | MR_KIND_ARRAY, err);
    mr_schema_field(s, "i16s", MR_KIND_I16 | MR_KIND_ARRAY, err);
    mr_schema_field(s, "i32s", MR_KIND_I32 | MR_KIND_ARRAY, err);
    mr_schema_field(s, "i64s", MR_KIND_I64 | MR_KIND_ARRAY | MR_KIND_NULLABLE, err);
    mr_schema_field(s, "f32s", MR_KIND_F32 | MR_KIND_ARRAY, err);
    mr_schema_field(s, "f64s", MR_KIND_F64 | MR_KIND_ARRAY, err);
    mr_schema_field(s, "texts", MR_KIND_STR | MR_KIND_ARRAY, err);
    mr_schema_field(s, "refs", MR_KIND_STR | MR_KIND_ARRAY, err);
    rec = mr_rec_new(s, err);
    mr_rec_set(rec, "bools", MR_BOOLS(bools, 2), err);
    mr_rec_set(rec, "i16s", MR_I16S(i16s, 1), err);
    mr_rec_set(rec, "i32s", MR_I32S(i32s, 1), err);
    mr_rec_set(rec, "i64s", MR_I64S(i64s, 1), err);
    mr_rec_set(rec, "f32s", MR_F32S(f32s, 1), err);
    mr_rec_set(rec, "f64s", MR_F64S(f64s, 1), err);
    mr_rec_set(rec, "texts", MR_STRS(texts, 2), err);
    mr_rec_set(rec, "refs", MR_REFS(refs, 2), err);
    mr_rec_get(MR_REC(rec), "texts", &got, err);
    mr_rec_free(rec);
    mr_schema_free(s);
    return got.len != 2;
}

int main(void)
{
    mr_err_t err = MR_ERR_INIT;
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_map_stats_t stats = MR_MAP_STATS_INIT;
    mr_memory_stats_t memory = MR_MEMORY_STATS_INIT;
    mr_val_t v = MR_VAL_INIT;
    mr_t *g = mr_member_start(NULL, &err);
    mr_map_t *m = mr_map(g, "test", &err);
    int bad = views(&err) || records(&err);

    opts.ttl_ms = MR_FOREVER;
    mr_map_put(m, MR_STR("a"), MR_I64(36), &opts, &err);
    mr_map_update(m, MR_STR("a"), set_to_one, NULL, NULL, &err);
    mr_map_get(m, MR_STR("a"), &v, NULL, &err);
    mr_map_stats(m, &stats, &err);
    mr_memory_stats(g, &memory, &err);
    bad = bad || mr_val_i64(&v) != 1 || stats.entries != 1 || memory.used == 0;
    mr_val_clear(&v);
    mr_close(g, MR_DRAIN, &err);
    return mr_err_report(stderr, &err) || bad;
}
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

# The headers are C99, and C++11 for who wants that.
for standard in c99 c11; do
    ok "a program that uses every macro builds as $standard" every $standard c
    ok '... and runs' "$dir/every"
done
for standard in c++11 c++17; do
    ok "a program that uses every macro builds as $standard" every $standard c++
    ok '... and runs' "$dir/every"
done

ok "a program with a member does not link with the client library" undefined

# A member for those that connect to one; the others take no notice.
: > "$dir/serve"
"$dir/opt/millrace/bin/millrace" serve --set network.port=0 --set log.format=logfmt 2> "$dir/serve" &
trap 'kill $! 2> /dev/null; rm -rf "$dir"' EXIT
for ((i = 0; i < 100; i++)); do
    address=$(sed -nE 's/.*event=member.started.* address="?([0-9.:]+)"?.*/\1/p' "$dir/serve")
    [ -z "$address" ] || break
    sleep 0.1
done
for example in client/examples/*.c; do
    [ -e "$example" ] || continue
    name=$(basename "$example" .c)
    ok "$example builds" build millrace "$name" -std=c99 "$example"
    ok '... and runs' "$dir/$name" "millrace://$address"
done
ok 'a client alone builds with the client library' build millrace-client connect client/examples/connect.c
ok '... and runs' "$dir/connect" "millrace://$address"

ok 'the binary runs' "$dir/opt/millrace/bin/millrace" version
ok 'make uninstall works' make uninstall
ok 'make uninstall leaves no file' [ -z "$(find "$dir/opt" ! -type d)" ]

echo "$passed passed, $failed failed"
[ $failed = 0 ]

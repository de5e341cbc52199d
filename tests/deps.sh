#!/bin/bash
# deps.sh [check|peers] - sees to what building and testing need, or with `check`, to what
# `make check` needs beyond that, with `peers` to what is measured beside. Does nothing, and asks nobody, when all of it is there.
#
# What is missing is printed and installed: as root, or through sudo. Where neither can be had
# the one line to type is printed instead, with exit code 3.
group=${1:-build}

command_() { command -v "$1" > /dev/null; }
header()   { echo "#include <$1>" | ${CC:-cc} -E -x c - > /dev/null 2>&1; }
pkg()      { pkg-config --exists "${1/:/ >= }" 2> /dev/null; } # NAME or NAME:VERSION

# group  how it is looked for            Debian package         what it is for
needs() {
    cat << 'END'
build    command_ gcc                    gcc                    compiler
build    command_ make                   make                   this build
build    command_ pkg-config             pkg-config             finding libraries
build    header   stdio.h                libc6-dev              the C library's headers
build    pkg      libevent_pthreads      libevent-dev           event loop
build    pkg      libxxhash              libxxhash-dev          hashing
build    header   mbedtls/ssl.h          libmbedtls-dev         TLS
build    pkg      ck                     libck-dev              lock-free structures
build    pkg      libfyaml               libfyaml-dev           YAML
build    pkg      libpcre2-8             libpcre2-dev           regular expressions in predicates
build    pkg      raft:0.22.1            libraft-dev            consensus: the control log
build    pkg      criterion              libcriterion-dev       unit tests
check    command_ clang-14               clang-14               the second compiler
check    command_ clang-format-14        clang-format-14        layout
check    command_ g++                    g++                    public headers as C++
check    command_ git                    git                    make dist
check    command_ xz                     xz-utils               make dist
check    command_ iptables               iptables               cutting a real network in a test
check    command_ ip                     iproute2               cutting members off in make nemesis
check    command_ valgrind               valgrind               make release-check
peers    command_ redis-server           redis-server           make bench
peers    command_ taskset                util-linux             make bench
END
}

# The rows of the group whose look-up fails, as: package, what for.
missing() {
    needs | while read -r in how what package why; do
        [ "$in" != "$group" ] || "$how" "$what" || echo "$package $why"
    done
}

gone=$(missing)
[ -n "$gone" ] || exit 0

echo 'Missing here:'
while read -r package why; do printf '  %-20s %s\n' "$package" "$why"; done <<< "$gone"
mapfile -t packages < <(cut -d ' ' -f 1 <<< "$gone")
line="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"

# Debian 12 has a libraft that is too old, and the right one in its backports. They are added, from
# the mirror that is in use, and preferred for this one library; of everything else apt takes
# nothing from there that was not asked for by that name.
backports() {
    local all mirror
    all=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)')
    mirror=$(sed -n 's/^bookworm //p' <<< "$all" | head -n 1)
    echo 'printf "%s\n" "Package: libraft0 libraft-dev" "Pin: release n=bookworm-backports"' \
        '"Pin-Priority: 990" > /etc/apt/preferences.d/libraft && '
    grep -q '^bookworm-backports ' <<< "$all" || echo 'echo "deb' \
        "${mirror:-http://deb.debian.org/debian} bookworm-backports main\"" \
        '> /etc/apt/sources.list.d/bookworm-backports.list && '
}
if [[ " ${packages[*]} " == *' libraft-dev '* ]] &&
    grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
    line=$(backports)$line
fi

as=()
if [ "$(id -u)" != 0 ]; then
    as=(sudo)
    [ -t 0 ] || as=(sudo -n) # nobody there to type a password
fi
cannot() {
    echo "$1 Type this, then run the same command again:"
    echo "  sudo sh -c '$line'"
    exit 3
}
command_ apt-get || cannot 'This is not Debian: these are the names that its packages have there.'
"${as[@]}" true 2> /dev/null || cannot 'Installing needs root.'

"${as[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "$line" < /dev/null ||
    cannot 'apt-get could not do it.'

gone=$(missing)
[ -z "$gone" ] || cannot "Installed, and still not found: $(cut -d ' ' -f 1 <<< "$gone" | tr '\n' ' ')."

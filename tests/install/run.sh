#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - what `make install` puts down can be used: by hand, by pkg-config, by CMake's find_package and
# add_subdirectory, shared and static, also after the tree was moved; it exports what is ours and nothing else, the
# manual is clean, and `make uninstall` leaves nothing. OUT, CC, MAKE and VERSION come from `make check`.

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0 skipped=0
log=$scratch/log
lib=lib/$($CC -print-multiarch 2>/dev/null)
lib=${lib%/} # a deeper one where the system has such
destination=$scratch/destination
root=$scratch/moved # all but the first tests use the tree from here
soname=librunnel.so.${VERSION%%.*}

judge() { # NAME CONDITION...
    what=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED install: $what"
        sed 's/^/    | /' "$log"
    fi
}
skip() {
    skipped=$((skipped + 1))
    echo "skipped install: $1"
}
have() { command -v "$1" >/dev/null || { skip "no $1"; return 1; }; }

cat >"$scratch/user.c" <<'END_OF_C'
#include <runnel.h>
#include <stdio.h>
RN_MPSC_PLAIN(numbers, int);
static int app(void *arg)
{
    numbers_tx *tx;
    numbers_rx *rx;
    int number = 0;
    RN_MUST(numbers_channel(&tx, &rx, 1));
    RN_MUST(numbers_send(tx, *(int *)arg));
    RN_MUST(numbers_recv(rx, &number));
    numbers_tx_drop(tx);
    numbers_rx_drop(rx);
    return number == 7 && rn_version_number() == RN_VERSION ? 0 : 1;
}
int main(void)
{
    int seven = 7;
    puts(rn_version());
    return rn_run(app, &seven);
}
END_OF_C

# -- the tree ----------------------------------------------------------------------------------------------------------

makes() { "$MAKE" -s OUT="$OUT" CC="$CC" DESTDIR="$destination" PREFIX=/usr LIBDIR="/usr/$lib" "$@"; }
files_of() { (cd "$1" && find . ! -type d | sort); }
all_headers() {
    (cd include && find . -name '*.h') | sort >"$scratch/ours"
    (cd "$destination/usr/include" && find . -name '*.h') | sort | diff "$scratch/ours" -
}
only_below_usr() { [ "$(ls -A "$destination")" = usr ]; }
names_no_place() { ! grep -rlF "$scratch" "$destination" --include='*.pc' --include='*.cmake'; }
links() {
    [ "$(readlink "$root/$lib/librunnel.so")" = "$soname" ] &&
        [ "$(readlink "$root/$lib/$soname")" = "librunnel.so.$VERSION" ] && [ -f "$root/$lib/librunnel.so.$VERSION" ]
}
moves() { mkdir "$root" && cp -R "$destination/usr/." "$root"; }
uninstalls() {
    makes uninstall
    [ -z "$(find "$destination" ! -type d)" ] && [ ! -e "$destination/usr/include/runnel" ] &&
        [ ! -e "$destination/usr/$lib/cmake/runnel" ]
}
keeps_other_files() { # what is not ours stays
    mkdir -p "$destination/usr/include/runnel" && touch "$destination/usr/include/runnel/mine.h"
    makes uninstall && [ -f "$destination/usr/include/runnel/mine.h" ]
}

# -- the libraries -----------------------------------------------------------------------------------------------------

exported() { nm -D --defined-only --with-symbol-versions "$1" | awk '{ print $NF }'; }
only_our_names() { [ -n "$(exported "$1")" ] && ! exported "$1" | grep -v '^rn_[a-z0-9_]*@@RUNNEL_0$' | grep -vx 'RUNNEL_0\(@@RUNNEL_0\)\?'; }
all_declared_names() { # what the headers promise, no more and no less
    sed -n 's/.*RN_API .*[ *]\(rn_[a-z_0-9]*\)(.*/\1/p' include/runnel/*.h | sort -u >"$scratch/declared"
    exported "$root/$lib/librunnel.so" | sed -n 's/@@.*//p' | grep '^rn_' | sort -u | diff "$scratch/declared" -
}
only_our_names_static() { ! nm -g --defined-only "$root/$lib/librunnel.a" | awk 'NF == 3 { print $3 }' | grep -v '^rn_'; }
has_soname() { readelf -d "$root/$lib/librunnel.so" | grep -q "SONAME.*\[$soname\]"; }
needs() { readelf -d "$1" | grep -q "NEEDED.*\[$soname\]"; }
needs_not() { ! needs "$1"; }
needs_version() { readelf -V "$1" | grep -q 'Name: RUNNEL_0 '; }

# -- those who use it: each builds $scratch/NAME -----------------------------------------------------------------------

prints_version() { [ "$("$@")" = "$VERSION" ]; }
runs() { LD_LIBRARY_PATH=$root/$lib prints_version "$scratch/$1"; }
by_hand() { $CC -I"$root/include" "$scratch/user.c" -L"$root/$lib" -lrunnel -pthread -o "$scratch/by-hand"; }
by_hand_static() { $CC -I"$root/include" "$scratch/user.c" "$root/$lib/librunnel.a" -pthread -o "$scratch/by-hand-static"; }
asks_pkg_config() { PKG_CONFIG_PATH=$root/$lib/pkgconfig pkg-config "$@" runnel; }
by_pkg_config() {
    # shellcheck disable=SC2046 # lists of flags
    $CC $(asks_pkg_config --cflags) "$scratch/user.c" $(asks_pkg_config --libs) -o "$scratch/by-pkg-config" &&
        [ "$(asks_pkg_config --modversion)" = "$VERSION" ]
}
by_pkg_config_static() {
    # shellcheck disable=SC2046
    $CC -static $(asks_pkg_config --cflags) "$scratch/user.c" $(asks_pkg_config --static --libs) -o "$scratch/by-pkg-config-static"
}
by_pkg_config_in_sysroot() {
    PKG_CONFIG_SYSROOT_DIR=$destination PKG_CONFIG_PATH=$destination/usr/$lib/pkgconfig
    export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
    # shellcheck disable=SC2046
    $CC $(pkg-config --cflags runnel) -fsyntax-only "$scratch/user.c"
}

# project NAME WHERE_FROM - two programs, shared and static
project() {
    mkdir -p "$scratch/$1" && cp "$scratch/user.c" "$scratch/$1/"
    cat >"$scratch/$1/CMakeLists.txt" <<END_OF_CMAKE
cmake_minimum_required(VERSION 3.18)
project(user C)
$2
add_executable(shared user.c)
target_link_libraries(shared runnel::runnel)
add_executable(static user.c)
target_link_libraries(static runnel::static)
END_OF_CMAKE
    cmake -S "$scratch/$1" -B "$scratch/$1/build" -DCMAKE_C_COMPILER="$CC" -DCMAKE_PREFIX_PATH="$root" &&
        cmake --build "$scratch/$1/build" -j2
}
by_find_package() { project "$1" "find_package(runnel $2 REQUIRED)"; }
refuses_package() { ! by_find_package "$@"; }
by_add_subdirectory() { project subdirectory "add_subdirectory($(pwd) runnel)"; }
by_cmake_install() {
    cmake -S . -B "$scratch/cmake" -DCMAKE_C_COMPILER="$CC" -DCMAKE_INSTALL_LIBDIR="$lib" -DCMAKE_INSTALL_MANDIR=share/man &&
        cmake --build "$scratch/cmake" -j2 && cmake --install "$scratch/cmake" --prefix "$scratch/by-cmake"
}
same_files() { files_of "$root" >"$scratch/ours" && files_of "$scratch/by-cmake" | diff "$scratch/ours" -; }
same_texts() { diff -r -x '*.so*' -x '*.a' "$root" "$scratch/by-cmake"; }

# -- the manual --------------------------------------------------------------------------------------------------------

every_call_has_a_page() {
    [ -s "$scratch/declared" ] || all_declared_names
    while read -r name; do
        case $name in rn__*) continue ;; esac
        [ -f "$root/share/man/man3/$name.3" ] || { echo "$name has no page" && return 1; }
    done <"$scratch/declared"
    for header in include/runnel/*.h; do
        [ -f "$root/share/man/man3/runnel_$(basename "$header" .h).3" ] || { echo "$header has no page" && return 1; }
    done
    [ -f "$root/share/man/man7/runnel.7" ]
}
links_lead_somewhere() {
    ! grep -h '^\.so ' "$root"/share/man/man3/*.3 | sort -u | while read -r _ page; do
        [ -f "$root/share/man/$page" ] || echo "$page"
    done | grep .
}
references_lead_somewhere() {
    ! sed -n 's/^\.Xr \(( \)*\([^ ]*\) \([37]\).*/\2.\3/p' "$root"/share/man/man?/* | sort -u | while read -r page; do
        [ -f "$root/share/man/man${page##*.}/$page" ] || echo "$page"
    done | grep .
}
lints() {
    # shellcheck disable=SC2038 # names in this tree hold no spaces
    ! find "$root/share/man" -name '*.[37]' -exec grep -L '^\.so ' {} + | xargs mandoc -Tlint -Wwarning 2>&1 | grep .
}
no_comment_is_left() { # in what a reader sees of the pages of calls
    backspace=$(printf '\b')
    ! for page in "$root"/share/man/man3/rn_*.3; do
        mandoc -Tascii "$page" 2>/dev/null | sed "s/.$backspace//g" | grep -nE '^ *\* |\*/$|@[a-z]|Context: ' | sed "s|^|${page##*/}:|"
    done | grep -v '/\*.*\*/$' | grep .
}

judge 'make install' makes install
judge 'every public header is there' all_headers
judge 'nothing beside DESTDIR/PREFIX' only_below_usr
judge 'no file says where it was staged' names_no_place
judge 'the tree can be moved' moves
judge 'the links of the shared library' links
judge 'the static library links' by_hand_static
judge 'and runs' runs by-hand-static
judge 'the shared library links' by_hand
judge 'and runs' runs by-hand
if have readelf && have nm; then
    judge 'the soname' has_soname
    judge 'programs ask for the soname' needs "$scratch/by-hand"
    judge 'and for the version' needs_version "$scratch/by-hand"
    judge 'the shared library exports only our names' only_our_names "$root/$lib/librunnel.so"
    judge 'and all that the headers declare' all_declared_names
    judge 'the static library has only our names' only_our_names_static
fi
if have pkg-config; then
    judge 'pkg-config' by_pkg_config
    judge 'and runs' runs by-pkg-config
    judge 'pkg-config --static' by_pkg_config_static
    judge 'and runs' runs by-pkg-config-static
    judge 'pkg-config in a sysroot' by_pkg_config_in_sysroot
fi
if have cmake; then
    judge 'find_package' by_find_package package "${VERSION%.*}"
    judge 'and runs' runs package/build/shared
    judge 'and runs, static' runs package/build/static
    judge 'find_package refuses a later version' refuses_package later 0.999
    judge 'find_package refuses another major version' refuses_package major 1
    judge 'add_subdirectory' by_add_subdirectory
    judge 'and runs' prints_version "$scratch/subdirectory/build/shared"
    judge 'and runs, static' prints_version "$scratch/subdirectory/build/static"
    judge 'cmake --install' by_cmake_install
    judge 'puts down the same files' same_files
    judge 'with the same text' same_texts
    judge 'its shared library exports only our names' only_our_names "$scratch/by-cmake/$lib/librunnel.so"
fi
if have readelf && have cmake; then
    judge 'runnel::runnel is shared' needs "$scratch/package/build/shared"
    judge 'runnel::static is static' needs_not "$scratch/package/build/static"
    judge 'also by add_subdirectory' needs_not "$scratch/subdirectory/build/static"
fi
judge 'every call and header has a page' every_call_has_a_page
judge 'names that share a page lead to it' links_lead_somewhere
judge 'references lead to pages' references_lead_somewhere
if have mandoc; then
    judge 'mandoc finds nothing in the manual' lints
    judge 'pages read like text' no_comment_is_left
fi
judge 'make uninstall leaves nothing' uninstalls
judge 'and takes nothing else' keeps_other_files

printf '%d passed, %d failed' "$passed" "$failed"
[ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
echo
[ "$failed" = 0 ]

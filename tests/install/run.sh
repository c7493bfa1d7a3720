#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - what `make install` puts down can be used: by hand, by pkg-config and by CMake; and what it exports is
# ours. OUT, CC, MAKE and VERSION come from `make check`.

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0 skipped=0
log=$scratch/log
prefix=$scratch/usr
lib=$prefix/lib

judge() { # NAME CONDITION...
    name=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED install: $name"
        sed 's/^/    | /' "$log"
    fi
}
skip() {
    skipped=$((skipped + 1))
    echo "skipped install: $1"
}

cat >"$scratch/user.c" <<'END'
#include <runnel.h>
#include <stdio.h>
static int app(void *arg) { return *(int *)arg == 7 ? 0 : 1; }
int main(void)
{
    int seven = 7;
    puts(rn_version());
    return rn_run(app, &seven);
}
END

installs() { "$MAKE" OUT="$OUT" CC="$CC" DESTDIR="$scratch" PREFIX=/usr LIBDIR=/usr/lib install; }
prints_version() { [ "$("$@")" = "$VERSION" ]; }
all_headers() {
    (cd include && find . -name '*.h') | sort >"$scratch/ours"
    (cd "$prefix/include" && find . -name '*.h') | sort | diff "$scratch/ours" -
}
links() { [ "$(readlink "$lib/librunnel.so")" = librunnel.so.0 ] && [ "$(readlink "$lib/librunnel.so.0")" = "librunnel.so.$VERSION" ]; }
static_use() { $CC -I"$prefix/include" "$scratch/user.c" "$lib/librunnel.a" -pthread -o "$scratch/static"; }
shared_use() { $CC -I"$prefix/include" "$scratch/user.c" -L"$lib" -lrunnel -pthread -o "$scratch/shared"; }
runs_shared() { LD_LIBRARY_PATH=$lib prints_version "$scratch/shared"; }
needs_soname() { readelf -d "$scratch/shared" | grep -q 'NEEDED.*\[librunnel.so.0\]'; }
nothing_else() { ! nm -D --defined-only "$lib/librunnel.so" | awk '{ print $NF }' | grep -v '^rn_'; }
nothing_else_static() { ! nm -g --defined-only "$lib/librunnel.a" | awk 'NF == 3 { print $3 }' | grep -v '^rn_'; }
by_pkg_config() {
    PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$scratch
    export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
    # shellcheck disable=SC2046
    $CC $(pkg-config --cflags runnel) "$scratch/user.c" $(pkg-config --libs runnel) -o "$scratch/by-pkg-config" &&
        [ "$(pkg-config --modversion runnel)" = "$VERSION" ]
}
by_cmake() {
    mkdir -p "$scratch/project" && cp "$scratch/user.c" "$scratch/project/"
    cat >"$scratch/project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.18)
project(user C)
add_subdirectory($(pwd) runnel)
add_executable(user user.c)
target_link_libraries(user runnel::runnel)
END
    cmake -S "$scratch/project" -B "$scratch/by-cmake" -DCMAKE_C_COMPILER="$CC" && cmake --build "$scratch/by-cmake"
}

judge 'make install' installs
judge 'every public header is there' all_headers
judge 'the links of the shared library' links
judge 'the static library links' static_use
judge 'and runs' prints_version "$scratch/static"
judge 'the shared library links' shared_use
judge 'and runs' runs_shared
if command -v readelf >/dev/null && command -v nm >/dev/null; then
    judge 'programs ask for the soname' needs_soname
    judge 'the shared library exports only our names' nothing_else
    judge 'the static library too' nothing_else_static
else
    skip 'no nm or readelf'
fi
if command -v pkg-config >/dev/null; then
    judge 'pkg-config' by_pkg_config
else
    skip 'no pkg-config'
fi
if command -v cmake >/dev/null; then
    judge 'CMake: add_subdirectory' by_cmake
    judge 'and runs' prints_version "$scratch/by-cmake/user"
else
    skip 'no cmake'
fi

printf '%d passed, %d failed' "$passed" "$failed"
[ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
echo
[ "$failed" = 0 ]

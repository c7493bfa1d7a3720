#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh - each public header compiles alone, in every language that we promise, without a warning.
#
# C11, C17 and C2x with gcc and clang, C++17 and C++20 with g++ and clang++, with the warnings of the house; then the
# positive controls of run.sh in the same ways. A compiler that is not there is skipped, aloud; so is a language that
# it does not know. Also: no header asks for _Atomic.

cd "$(dirname "$0")/../.." || exit 2
export LC_ALL=C
warnings='-Wall -Wextra -Wshadow -Wconversion -Wpedantic -Wundef -Wcast-qual -Wwrite-strings -Werror'
passed=0 failed=0

result() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1"
        echo "$2" | sed 's/^/    /'
    fi
}

# ways LANGUAGE - lines `compiler standard` that exist here
ways() {
    case $1 in
    c) set -- c 'c11 c17 c2x' gcc clang ;;
    *) set -- c++ 'c++17 c++20' g++ clang++ ;;
    esac
    language=$1 standards=$2
    shift 2
    for compiler in "$@"; do
        for standard in $standards; do
            if ! command -v "$compiler" >/dev/null 2>&1; then
                echo "$compiler -std=$standard is not here: skipped" >&2
            elif ! "$compiler" -std="$standard" -x $language -fsyntax-only /dev/null 2>/dev/null; then
                echo "$compiler does not know -std=$standard: skipped" >&2
            else
                echo "$compiler $standard"
            fi
        done
    done
}

# compile LANGUAGE FILE - all complaints
compile() {
    echo "$3" | while read -r compiler standard; do
        [ -n "$compiler" ] || continue
        # shellcheck disable=SC2086 # a list of flags
        "$compiler" -std="$standard" -x "$1" $warnings -fsyntax-only -Iinclude "$2" 2>&1 ||
            echo "$compiler -std=$standard refuses it"
    done
}

c_ways=$(ways c)
cpp_ways=$(ways c++)
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT

for header in include/runnel.h include/runnel/*.h; do
    name=${header#include/}
    echo "#include <$name>" >"$scratch/alone.h.c"
    result "<$name> alone in C" "$(compile c "$scratch/alone.h.c" "$c_ways")"
    result "<$name> alone in C++" "$(compile c++ "$scratch/alone.h.c" "$cpp_ways")"
done
result 'typed channels and tasks in C' "$(compile c tests/mustfail/fine_c.c "$c_ways")"
result 'typed channels and tasks in C++' "$(compile c++ tests/mustfail/fine_cpp.cpp "$cpp_ways")"
result 'no header asks for _Atomic' "$(grep -rnE '_Atomic|stdatomic' include)"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

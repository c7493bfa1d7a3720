#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - the library in two files: it compiles as its users compile it, without a warning, in plain C11; and the
# examples and those api tests that need nothing but public headers pass with it. OUT, CC, MAKE and VERSION come from
# `make check`.

"$MAKE" -s OUT="$OUT" amalgamation >/dev/null || exit 1
made=$OUT/amalgamation
scratch=$made/test
warnings='-Wall -Wextra -Wpedantic -Werror'
log=$scratch/log
passed=0 failed=0 skipped=0
rm -rf "$scratch"
mkdir -p "$scratch/include/runnel"

judge() { # NAME COMMAND...
    what=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED amalgamation: $what"
        sed 's/^/    | /' "$log"
    fi
}

# with COMPILER COMMAND... - unless it is not there
with() {
    if command -v "$1" >/dev/null; then
        shift
        judge "$@"
    else
        skipped=$((skipped + 1))
        echo "skipped amalgamation: no $1"
    fi
}

says_where_it_is_from() {
    for file in runnel.h runnel.c; do
        head -n 5 "$made/$file" | grep -q "runnel $VERSION .*[Gg]enerated" || return 1
    done
}
needs_nothing_else() { ! grep -n '# *include *"' "$made/runnel.h" "$made/runnel.c" | grep -v 'runnel.c:[0-9]*:#include "runnel.h"$'; }
# shellcheck disable=SC2086 # lists of flags
compiles() { (cd "$made" && $1 -std=c11 $3 $warnings -c runnel.c -o "test/$2.o"); }
# shellcheck disable=SC2086
compiles_header() { echo '#include "runnel.h"' | $1 -std=$2 -x $3 $warnings -I"$made" -fsyntax-only -; }
only_our_names() { ! nm -g --defined-only "$scratch/runnel.o" | awk '{ print $3 }' | grep -v '^rn_'; }
shows_only_the_declared() { # others stay inside a shared library that took the sources in
    $CC -std=c11 -fPIC -shared "$made/runnel.c" -pthread -o "$scratch/with.so" &&
        ! nm -D --defined-only "$scratch/with.so" | awk '{ print $3 }' | grep '^rn_' | while read -r name; do
            grep -q "RN_API.*[ *]$name(" "$made/runnel.h" || echo "$name"
        done | grep .
}

# Tests and examples say <runnel/mpsc.h>: all of that is the one header now.
stand_in_headers() {
    for header in include/runnel/*.h; do
        echo "#include \"../../../runnel.h\"" >"$scratch/include/runnel/${header##*/}"
    done
    echo "#include \"../../runnel.h\"" >"$scratch/include/runnel.h"
}
build() { # PROGRAM SOURCES...
    program=$1
    shift
    $CC -std=gnu11 -D_GNU_SOURCE -O1 -I"$scratch/include" -Itests -Isrc "$@" "$scratch/runnel.o" -lm -pthread -o "$scratch/$program"
}
prints_what_is_expected() { "$scratch/$1" | diff "examples/$1.expected" -; }
tests_of_the_public() { grep -L '"\(base\|platform\|fiber\|wait\|sync\|channel\|runtime\|inspect\)/' tests/api/*.c; }

judge 'says what it is' says_where_it_is_from
judge 'includes nothing of ours but runnel.h' needs_nothing_else
judge "compiles with $CC" compiles "$CC" runnel -O2
for compiler in gcc clang; do
    with $compiler "compiles with $compiler" compiles $compiler $compiler
    with $compiler "and with -O2 -DNDEBUG" compiles $compiler $compiler-release '-O2 -DNDEBUG'
    with $compiler "$compiler, the header alone" compiles_header $compiler c11 c
done
for compiler in g++ clang++; do
    with $compiler "$compiler, the header alone" compiles_header $compiler c++17 c++
done
with nm 'its names are ours' only_our_names
with nm 'what is not declared is hidden' shows_only_the_declared
stand_in_headers
for example in examples/*.c; do
    name=$(basename "$example" .c)
    judge "$name links" build "$name" "$example"
    judge "$name prints what is expected" prints_what_is_expected "$name"
done
# shellcheck disable=SC2046 # names in this tree hold no spaces
judge 'the api tests link' build run tests/harness/*.c $(tests_of_the_public)
"$scratch/run" >"$log" 2>&1
grep -E '^FAILED|^    \|' "$log"
# shellcheck disable=SC2046 # numbers
set -- $(tail -n 1 "$log" | tr -cd '0-9 ')
passed=$((passed + ${1:-0})) failed=$((failed + ${2:-1})) skipped=$((skipped + ${3:-0}))

printf '%d passed, %d failed' "$passed" "$failed"
[ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
echo
[ "$failed" = 0 ]

#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - what the pages for users say is true: every C snippet compiles with a user's flags, every program among
# them prints what the page says, on one worker and on several; every name is in the headers, every code is explained,
# every link leads somewhere. CC and OUT come from `make check`; gcc and clang are tried as well, where they are.

pages='README.md docs/from-tokio.md docs/pitfalls.md'
pages="$pages $(echo docs/guide/*.md)"
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C
passed=0 failed=0
limit=
command -v timeout >/dev/null && limit='timeout 20'

# judge NAME LOG STATUS
judge() {
    if [ "$3" = 0 ]; then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    echo "FAILED guide: $1"
    head -n 20 "$2" | sed 's/^/    | /'
}

# The user's compiler first, then those of the two that are another one. In a list of lines: it may have arguments.
CC=${CC:-cc}
compilers=$CC
for other in gcc clang; do
    [ "$($CC --version | sed 's/^[^ ]* //; q')" = "$($other --version 2>/dev/null | sed 's/^[^ ]* //; q')" ] ||
        ! command -v $other >/dev/null || compilers=$(printf '%s\n%s' "$compilers" $other)
done

# Fragments do not use all that they declare.
loose='-Wno-unused-function -Wno-unused-variable -Wno-unused-parameter -Wno-unused-but-set-variable'

# compile COMPILER FILE NUMBER - false if it is not as it must be
# shellcheck disable=SC2086
compile() {
    case $2 in
    *.program.c) $1 -Wall -Wextra -Werror -Iinclude -c "$2" -o "$2.$3.o" ;;
    *.section.c) $1 -Wall -Wextra -Werror $loose $keep -Iinclude -c "$2" -o /dev/null ;;
    *.refused.c)
        if complaint=$($1 -Wall -Wextra -Werror $loose -Iinclude -fsyntax-only "$2" 2>&1); then
            echo "it compiles"
            return 1
        fi
        echo "$complaint"
        echo "$complaint" | grep 'error:' | grep -Eq -- "$(cat "${2%.refused.c}.why")"
        ;;
    esac
}

compile_all() { # COMPILER NUMBER
    keep=-fkeep-static-functions # or gcc does not look at functions that nobody calls
    $1 -Werror $keep -fsyntax-only -x c /dev/null 2>/dev/null || keep=
    for file in "$scratch"/*/*.c; do
        status=0
        compile "$1" "$file" "$2" >"$file.$2.log" 2>&1 || status=$?
        echo $status >"$file.$2.status"
    done
}

# run_program FILE - links it and runs it, and compares
run_program() {
    # shellcheck disable=SC2086
    $CC "$1.1.o" "$OUT/librunnel.a" -pthread -o "$1.bin" || return
    for workers in 1 4; do
        RN_WORKERS=$workers $limit "$1.bin" >"$1.out" </dev/null || { echo "RN_WORKERS=$workers: status $?"; return 1; }
        expected=${1%.program.c}.expected
        [ ! -e "$expected" ] || diff -u "$expected" "$1.out" || return
    done
}

for page in $pages; do
    folder=$scratch/$(echo "$page" | tr / -)
    mkdir "$folder"
    awk -v out="$folder" -f tests/guide/extract.awk "$page" || exit 2
done
count=0
while read -r compiler; do
    count=$((count + 1))
    compile_all "$compiler" $count &
done <<END
$compilers
END
wait
for file in "$scratch"/*/*.c; do
    name=${file#"$scratch"/}
    number=0
    while [ $number -lt $count ]; do
        number=$((number + 1))
        judge "$name, $(echo "$compilers" | sed -n ${number}p)" "$file.$number.log" "$(cat "$file.$number.status")"
    done
    case $file in
    *.program.c)
        status=0
        run_program "$file" >"$file.log" 2>&1 || status=$?
        judge "$name runs" "$file.log" $status
        ;;
    esac
done

# shellcheck disable=SC2086
grep -ohE '(rn|RN)_[A-Za-z0-9_]+' include/runnel.h include/runnel/*.h | awk -f tests/guide/names.awk - $pages >"$scratch/unknown"
judge 'names that are not in the headers' "$scratch/unknown" "$(grep -c . "$scratch/unknown")"

# shellcheck disable=SC2013 # words
for code in $(sed -n 's/^    \(RN_[A-Z_]*\) = -.*/\1/p' include/runnel/error.h); do
    grep -q "^| \`$code\`" docs/guide/ownership-and-errors.md || echo "$code"
done >"$scratch/unexplained"
judge 'codes that ownership-and-errors.md does not explain' "$scratch/unexplained" "$(grep -c . "$scratch/unexplained")"

# shellcheck disable=SC2086
awk -f tests/guide/links.awk $pages | while read -r line target; do
    [ -e "$target" ] || echo "$line: $target"
done >"$scratch/links"
# shellcheck disable=SC2086
awk -f tests/guide/links.awk -v anchors=1 $pages >>"$scratch/links"
judge 'links that lead nowhere' "$scratch/links" "$(grep -c . "$scratch/links")"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

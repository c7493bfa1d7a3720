#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - each example prints what its .expected file says, and ends with 0. OUT is the build's folder.

# One of them forks beside its runtime, and the child has one too.
export TSAN_OPTIONS="die_after_fork=0:${TSAN_OPTIONS-}"

passed=0 failed=0
limit=
command -v timeout >/dev/null && limit='timeout 60'

for source in examples/*.c; do
    [ -e "$source" ] || continue
    name=$(basename "$source" .c)
    output=$OUT/examples/$name.out
    status=0
    $limit "$OUT/examples/$name" >"$output" 2>"$output.err" </dev/null || status=$?
    if [ $status = 0 ] && cmp -s "$output" "examples/$name.expected"; then
        passed=$((passed + 1))
        rm -f "$output" "$output.err"
        continue
    fi
    failed=$((failed + 1))
    echo "FAILED example $name: status $status; expected (-) and got (+):"
    diff -u "examples/$name.expected" "$output" | tail -n +3 | sed 's/^/    | /'
    sed 's/^/    | stderr: /' "$output.err"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

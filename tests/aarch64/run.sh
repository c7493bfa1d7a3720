#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh - the unit and api tests on aarch64: cross-compiled, and run by qemu's user mode. Builds everything below
# $OUT/aarch64. Not part of `make check`: `make check-aarch64` runs it.
#
# Each qemu is kept on one CPU: qemu 7.2 lets a load (ldar) pass the store (stlr) before it, which the architecture
# forbids, and on which every wake-up here depends. On one CPU nobody can see that. The order of memory is checked on
# real processors and by tests/model; here it is the assembly and the ABI that are looked at. Two of them share the
# cases.

compiler=aarch64-linux-gnu-gcc
if ! command -v $compiler >/dev/null || ! command -v qemu-aarch64 >/dev/null; then
    echo "skipped aarch64: no $compiler or no qemu-aarch64"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
out=$OUT/aarch64
run=$out/tests/run
"$MAKE" -s CC=$compiler OUT="$out" TESTS="$(echo tests/unit/*.c tests/api/*.c)" "$run" >/dev/null || exit 1
QEMU_LD_PREFIX=$(dirname "$($compiler -print-file-name=libc.so)")/..
export QEMU_LD_PREFIX TEST_EMULATED=1

# The first two CPUs that this process may use: `0-1`, `3,7` or `5`.
cpus=$(awk '/^Cpus_allowed_list/ {
    count = split($2, ranges, ",")
    for (i = 1; i <= count; i++) {
        last = split(ranges[i], ends, "-")
        for (cpu = ends[1]; cpu <= ends[last] && found < 2; cpu++)
            if (++found)
                print cpu
    }
}' /proc/self/status)

share=0 shares=$(echo "$cpus" | wc -l)
for cpu in $cpus; do
    mapfile -t cases < <(qemu-aarch64 "$run" --list | awk -v share=$share -v shares="$shares" 'NR % shares == share')
    taskset -c "$cpu" qemu-aarch64 "$run" --jobs 2 "${cases[@]}" >"$out/share-$share.log" 2>&1 &
    share=$((share + 1))
done
wait

cat "$out"/share-*.log | grep -vE '^[0-9]+ passed, '
cat "$out"/share-*.log | awk '/^[0-9]+ passed, / { lines++; passed += $1; failed += $3; skipped += $5 }
    END {
        failed += shares - lines # one that broke off
        printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""
        exit failed > 0
    }' shares="$shares"

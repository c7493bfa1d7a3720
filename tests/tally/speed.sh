#!/bin/sh
# SPDX-License-Identifier: MIT
# speed.sh - how fast tally counts 200 MB, and how busy it keeps the processors: user time through wall time, which
# on two idle ones should be 1.5 or more. A figure to look at, not a test. OUT is the build's folder.

LC_ALL=C
export LC_ALL
tally=${OUT:-build/release}/tally
text=$(mktemp) || exit 1
trap 'rm -f "$text"' EXIT
trap 'exit 1' INT TERM HUP

# 20 MB of words of which few are frequent and most are rare, ten times.
awk 'BEGIN {
    srand(1)
    while (length_so_far < 20e6) {
        line = ""
        for (i = 0; i < 12; i++)
            line = line sprintf("%x ", int(exp(rand() * 12)) * 4711)
        print line
        length_so_far += length(line) + 1
    }
}' >"$text.part"
for i in 1 2 3 4 5 6 7 8 9 10; do cat "$text.part"; done >"$text"
rm -f "$text.part"

now() { cut -d ' ' -f 1 /proc/uptime; }
for round in 1 2 3 4 5; do
    begin=$(now)
    user=$("$tally" "$text" >/dev/null && times) # the second line is that of the children
    echo "${user##*
} $begin $(now)"
done | awk '
    { split($1, user, "[ms]"); seconds = user[1] * 60 + user[2]; wall = $4 - $3
      printf "user %.2f s, wall %.2f s, ratio %.2f, %.0f MB/s\n", seconds, wall, seconds / wall, 200 / wall }'

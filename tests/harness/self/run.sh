#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - the harness is tested here: each case of must_fail.c fails for its own reason, the others do not, and
# the runner's options do what they say. OUT is the build's folder.

run=$OUT/tests/run-self
output=$OUT/tests/self.out
passed=0 failed=0 skipped=0
if [ ! -x "$run" ]; then
    echo "harness: $run is not there"
    exit 1
fi

# judge NAME CONDITION...
judge() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED harness: $name"
        sed 's/^/    | /' "$output"
    fi
}

runs_with() { # STATUS ARGUMENT... - and the output is kept
    wanted=$1
    shift
    "$run" "$@" >"$output" 2>&1
    [ $? -eq "$wanted" ]
}
says() { grep -Eq -e "$1" "$output"; }
last_line_is() { [ "$(tail -n 1 "$output")" = "$1" ]; }
fails_silent_on() { runs_with 1 "$1" && ! says "$2"; }
failed_saying() { last_line_is '0 passed, 1 failed' && says "^FAILED $1 " && says "$2"; }

# must_fail CASE REASON - unless a part of the library that the case needs is not there
must_fail() {
    if runs_with 1 "$1"; then
        judge "$1" failed_saying "$1" "$2"
    elif last_line_is '0 passed, 0 failed, 1 skipped'; then
        skipped=$((skipped + 1))
    else
        judge "$1" false
    fi
}

must_fail fails_check 'must_fail.c:[0-9]+: check failed: 1 \+ 1 == 3$'
judge 'a check goes on' says 'went on'
must_fail fails_check_eq 'check failed: 17 == -4: 17 and -4$'
must_fail fails_check_str_eq 'check failed: "left" == "right": "left" and "right"$'
judge 'a string may be NULL' says '"left" and "\(null\)"'
judge 'failures are counted' says ': 2 checks after'
must_fail fails_check_mem_eq 'byte 2 of 3 is 0x63 and 0x64$'
must_fail fails_check_rc '0 gave 0 \(0\), not [A-Z_?]+ \(-12\)$'
must_fail fails_fail ': 7 in words$'
must_fail fails_require 'cannot go on without: 1 == 2$'
judge 'a requirement ends the case' fails_silent_on fails_require 'went on'
must_fail fails_check_in_thread 'check failed: 2 < 1$'
must_fail fails_crash '(killed by signal 11|Sanitizer)'
must_fail fails_abort 'last words'
must_fail fails_exit 'left by exit\(0\) before its end'
must_fail fails_timeout 'over its time limit'
judge 'a timeout shows the output' says 'before the wait'
judge 'a timeout shows the threads' says '[|] thread [0-9]+ \(run-self\)'
must_fail fails_timeout_signals_blocked 'over its time limit'
must_fail fails_timeout_with_actor/thread 'over its time limit'
for place in task_1 task_2 task_16; do
    must_fail "fails_timeout_with_actor/$place" '[|] task [0-9]+ sleep_in_actor \(.*must_fail.c:[0-9]+\) waits: sleep'
    must_fail "fails_timeout_in_loop/$place" '[|] task [0-9]+ root .* runs$'
done
must_fail fails_leak_descriptor 'leak: descriptor [0-9]+ is still open: /dev/null$'
must_fail fails_leak_thread 'leak: thread [0-9]+ is still alive: run-self$'
must_fail fails_leak_memory 'leak: 1 allocations of the library, 100 bytes$'
must_fail fails_leak_of_malloc 'Direct leak of 123 byte'
must_fail fails_free_with_wrong_size 'memory of 100 bytes was freed as 99 bytes$'
must_fail fails_death_that_does_not_come 'expected death by signal 6 .*alive and well$'
must_fail fails_death_by_other_signal 'expected death by signal 6 .*got signal 9'
must_fail fails_death_with_other_words 'died without saying "expected words"; stderr: other words'
for place in thread task_1 task_2 task_16 mixed; do
    must_fail "fails_check_in_actor/$place" 'check failed: \*\(int \*\)arg == 5: 6 and 5$'
done

for name in passes_death passes_leaky passes_with_child_left_over passes_on_plain_thread; do
    judge "$name" runs_with 0 "$name"
done
judge 'a case that runs everywhere passes' runs_with 0 passes_actors
judge 'and is five cases' says '^(5 passed, 0 failed|[0-4] passed, 0 failed, [1-5] skipped)$'
judge 'a skip is told with its reason' runs_with 0 skips
judge 'and where' says 'must_fail.c:[0-9]+: skipped: there is a reason$'

lists() { runs_with 0 --list 'passes_a*' 'skip?' && [ "$(wc -l <"$output")" -eq 6 ]; }
judge '--list' lists
repeats() { runs_with 0 --repeat 7 passes_death && last_line_is '7 passed, 0 failed'; }
judge '--repeat' repeats
seeds() { EXPECTED_SEED=42 runs_with 0 --seed 42 passes_seed && EXPECTED_SEED=42 runs_with 1 --seed 43 passes_seed; }
judge '--seed' seeds
judge 'a failure tells its seed' says "again: .*run-self --seed 43 'passes_seed'"
silent() { runs_with 0 passes_death && [ "$(cat "$output")" = '1 passed, 0 failed' ]; }
judge 'one line without -v' silent
verbose() { runs_with 0 -v passes_death && says '^passed passes_death in '; }
judge '-v' verbose
judge '--jobs' runs_with 0 --jobs 3 'passes_[dl]*'
judge '--jobs 0 is refused' runs_with 2 --jobs 0
judge 'a name that nobody has' runs_with 2 no_such_case
judge 'an option that nobody knows' runs_with 2 --fast
judge '--here passes' runs_with 0 --here passes_on_plain_thread
judge '--here fails' runs_with 1 --here fails_check

printf '%d passed, %d failed' "$passed" "$failed"
[ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
echo
rm -f "$output"
[ "$failed" = 0 ]

#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - docs/conformance.md tells the truth; and tools/check-conformance, which says so, is tested here: it takes a
# small page that is right, and refuses the same page with one thing wrong in it, with the right words. OUT comes from
# `make check`.

# shellcheck disable=SC2016 # backticks are Markdown here, dollars are sed's
check=tools/check-conformance
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

judge() { # NAME CONDITION...
    name=$1
    shift
    if "$@" >"$scratch/output" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED conformance: $name"
        sed 's/^/    | /' "$scratch/output"
    fi
}

# -- the check itself -----------------------------------------------------------------------------------------------

printf '%s\n' '# a comment' 'sync_a one' 'sync_a two' 'sync_a three' 'sync_a four' 'sync_a five' 'sync_a six' \
    'sync_a seven' 'path/b one' 'path/b two' 'path/b later' 'path/b never' >"$scratch/names"
printf '%s\n' first_case/thread first_case/task_16 second_case_on_1 second_case_on_16 third_case >"$scratch/ids"
cat >"$scratch/right.md" <<'END'
# Conformance
| an example | of nothing |

## Totals

| group | names | mapped | later | not applicable |
|---|---:|---:|---:|---:|
| sync_a | 7 | 6 | 0 | 1 |
| path/b | 4 | 2 | 2 | 0 |
| all | 11 | 8 | 2 | 1 |

## Not applicable

| key | what that means | names |
|---|---|---:|
| types | nothing to run | 1 |

## Later

| key | what that means | names |
|---|---|---:|
| io | sockets | 1 |
| time | clocks | 1 |

## sync_a (7)

| name | id of ours | note |
|---|---|---|
| one | `first_case` | |
| two | `first_case` | a note: n/a |
| three | first_case | |
| four | `first_case` | |
| five | `second_case` | |
| six | `second_case`, `third_case` | |
| seven | n/a: types | |

## path/b (4)

| name | id of ours | note |
|---|---|---|
| one | `second_case` | |
| two | `third_case` | |
| later | later: io | |
| never | later: time | |
END

takes() { "$check" "$scratch/names" "$1" "$scratch/ids"; }

# refuses WORDS SED-SCRIPT - the right page with that edit, saying WORDS
refuses() {
    sed "$2" "$scratch/right.md" >"$scratch/wrong.md"
    if cmp -s "$scratch/right.md" "$scratch/wrong.md"; then
        echo "the edit changes nothing"
        return 1
    fi
    if takes "$scratch/wrong.md" >"$scratch/said"; then
        echo "takes it"
        return 1
    fi
    cat "$scratch/said"
    grep -qF -e "$1" "$scratch/said"
}

judge "a page that is right" takes "$scratch/right.md"
judge "a name is missing" refuses 'sync_a three: is missing' '/^| three /d'
judge "a name is there twice" refuses 'three: twice in sync_a' '/^| three /p'
judge "a name that there is not" refuses 'thirteen: no name of path/b' 's/^| later |/| thirteen |/'
judge "a name in another group" refuses 'seven: no name of path/b' 's/^| never |/| seven |/'
judge "a group is missing" refuses 'path/b one: is missing' '/^## path/,$d'
judge "a group that there is not" refuses 'c: no group' 's/^## path.b (4)/## c (4)/'
judge "a group is there twice" refuses 'sync_a: a second time' 's/^## path.b (4)/## sync_a (7)/'
judge "a group's number" refuses 'sync_a: has 7 names' 's/^## sync_a (7)/## sync_a (8)/'
judge "an id that there is not" refuses 'fourth_case: no case has this id' 's/^| two | `third/| two | `fourth/'
judge "an id behind a comma" refuses 'no_case: no case has this id' 's/, `third_case`/, `no_case`/'
judge "an id with a place" refuses 'first_case/thread: write first_case' 's/`first_case` |/`first_case\/thread` |/'
judge "an id with workers" refuses 'second_case_on_1: write second_case' 's/`second_case` |/`second_case_on_1` |/'
judge "an id for five names" refuses 'first_case: more than four names' 's/^| five | `second/| five | `first/'
judge "no verdict" refuses 'five: no verdict' 's/^| five | `second_case`/| five | /'
judge "a reason without a meaning" refuses 'because: no key of "Not applicable"' 's/n\/a: types/n\/a: because/'
judge "an area without a meaning" refuses 'space: no key of "Later"' 's/later: io/later: space/'
judge "a reason's number" refuses '"Not applicable types" counts 1 names, not 2' 's/run | 1 |/run | 2 |/'
judge "an area's number" refuses '"Later io" counts 1 names, not 3' 's/sockets | 1 |/sockets | 3 |/'
judge "an area that nobody has" refuses '"Later moon" counts 0 names, not 1' 's/^| io | sockets/| moon | sockets/'
judge "a group's totals" refuses 'the totals of sync_a are 7 names, 6 mapped' 's/^| sync_a | 7 | 6/| sync_a | 7 | 7/'
judge "the sum of all" refuses 'the totals of all are 11 names' 's/^| all | 11/| all | 12/'
judge "totals that are absent" refuses 'not absent' '/^| path\/b | 4/d'
judge "totals of no group" refuses 'the totals of c: no group' '/^| sync_a | 7/{p;s/sync_a/c/;}'
judge "more than 15 % do not apply" refuses '2 of the 9 names that are not for later' 's/^| two | `third_case`/| two | n\/a: types/'
judge "more than 15 % of sync_*" refuses '2 of the 7 names of sync_*' 's/^| six | [^|]*|/| six | n\/a: types |/'

# -- the page -------------------------------------------------------------------------------------------------------

names=tests/conformance/names
has() { [ "$(grep -c "^$1 " $names)" = "$2" ]; }
all_of_sync() { [ "$(grep -c '^sync_' $names)" = 385 ]; }
no_name_twice() { [ -z "$(sort $names | uniq -d)" ]; }
"$OUT/tests/run" --list >"$scratch/list"

judge "the 385 names of sync_*" all_of_sync
judge "the 8 names of task_abort" has task_abort 8
judge "the 48 names of rt_common" has rt_common 48
judge "the 31 names of rt_threaded" has rt_threaded 31
judge "no name is there twice" no_name_twice
judge "docs/conformance.md" "$check" $names docs/conformance.md "$scratch/list"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

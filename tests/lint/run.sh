#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - the checks of `make lint` are tested here: each takes a small clean tree, and refuses the same tree with
# one thing wrong in it, with the right words.

tools=$(cd "$(dirname "$0")/../../tools" && pwd)
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

judge() { # NAME CONDITION...
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED lint: $name"
        sed 's/^/    | /' "$scratch/output"
    fi
}

# A clean tree for all of the checks.
plant() {
    rm -rf "$scratch/tree"
    mkdir -p "$scratch/tree/src/base" "$scratch/tree/src/wait" "$scratch/tree/src/platform" "$scratch/tree/src/inspect" \
        "$scratch/tree/include/runnel" "$scratch/tree/tools"
    cd "$scratch/tree" || exit 2
    cat >ARCHITECTURE.md <<'END'
<!-- layers -->
| folder | may include |
|---|---|
| `base` | |
| `platform` | base, system headers |
| `wait` | base, `<ucontext.h>` |
| `inspect` | everything |
<!-- /layers -->
| wait | platform |
END
    cat >src/base/atomic.h <<'END'
/* SPDX-License-Identifier: MIT */
/* atomic.h - the door
 *
 *     Edges
 *       MPSC-1 slot_publish() release -> MPSC-2 slot_take() acquire: an example
 */
#include <stdbool.h>
#define rn__load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
END
    cat >src/base/annotate.h <<'END'
/* SPDX-License-Identifier: MIT */
/* annotate.h - hooks */
#include <sanitizer/asan_interface.h>
END
    cat >src/platform/linux.c <<'END'
/* SPDX-License-Identifier: MIT */
/* linux.c - the system */
#include <sys/mman.h>
#include "base/atomic.h"
END
    cat >src/wait/cell.c <<'END'
/* SPDX-License-Identifier: MIT */
/* cell.c - one value
 *
 * Edges
 *   CELL-1 cell_put() release -> CELL-2 cell_take() acquire: the value before the mark,
 *          and what was written before it
 *   CELL-3 cell_swap() acq_rel -> CELL-3 cell_swap() acq_rel: both ways
 */
#include <string.h>
#include <ucontext.h>

#include <runnel/cell.h>

#include "base/atomic.h"
#include "wait/cell.h"

void cell_put(struct cell *cell, int value)
{
    cell->value = value;
    rn__store_release(&cell->full, 1); /* CELL-1 */
}

int cell_take(struct cell *cell)
{
    /* CELL-2: pairs with the mark,
     * in two lines */
    while (!rn__load_acquire(&cell->full))
        pause();
    rn__store_relaxed(&cell->full, 0); /* rlx: one taker */
    return cell->value;
}

int cell_swap(struct cell *cell, int value)
{
    return rn__exchange_acq_rel(&cell->value,
                                value); /* CELL-3 */
}
END
    cat >src/wait/cell.h <<'END'
/* SPDX-License-Identifier: MIT */
/* cell.h - one value */
#include "base/atomic.h"
END
    cat >src/inspect/dump.c <<'END'
/* SPDX-License-Identifier: MIT */
/* dump.c - shows all */
#include "wait/cell.h"
END
    cat >src/runnel.c <<'END'
/* SPDX-License-Identifier: MIT */
/* runnel.c - puts it together */
#include "wait/cell.h"
#include <poll.h>
END
    cat >include/runnel/cell.h <<'END'
/* SPDX-License-Identifier: MIT */
/* cell.h - one value */

/**
 * rn_cell_put, rn_cell_try_put,
 * rn_cell_take - put or take
 * @cell: which
 *
 * Context:  anywhere
 * Owner:    the caller
 *           still
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0
 */
RN_API int rn_cell_put(struct rn_cell *cell, int value);
RN_MUST_USE RN_API int rn_cell_try_put(struct rn_cell *cell,
                                       int value);
RN_API const struct rn_value *
rn_cell_take(struct rn_cell *cell);
RN_API void rn__cell_internal(void);
END
    printf '#!/bin/sh\n# SPDX-License-Identifier: MIT\n' >tools/check-nothing
}

accepts() { "$tools/$1" . >"$scratch/output" 2>&1; }
refuses() { ! "$tools/$1" . >"$scratch/output" 2>&1 && grep -Eq -e "$2" "$scratch/output"; }

# rejects CHECK NAME WORDS FILE SED-SCRIPT - a fresh tree with one change
rejects() {
    plant
    sed "$5" "$4" >"$scratch/changed"
    if cmp -s "$scratch/changed" "$4"; then
        echo "nothing was changed" >"$scratch/output"
        judge "$1: $2" false
        return
    fi
    cp "$scratch/changed" "$4"
    judge "$1: $2" refuses "$1" "$3"
}

# The same for a line at the end of a file (new or not).
rejects_line() { # CHECK NAME WORDS FILE LINE
    plant
    printf '%s\n' "$5" >>"$4"
    judge "$1: $2" refuses "$1" "$3"
}

# -- a clean tree

: >"$scratch/output"
for check in check-layers check-atomics check-labels check-style lint; do
    plant
    judge "$check takes a clean tree" accepts $check
    mkdir "$scratch/empty" && cd "$scratch/empty" || exit 2
    judge "$check refuses to judge nothing" refuses $check .
    cd "$scratch" && rmdir "$scratch/empty"
done

# -- check-layers

layers='rejects_line check-layers'
$layers 'a layer above' 'src/base/atomic.h:9: base may not include wait' src/base/atomic.h '#include "wait/cell.h"'
$layers 'a layer beside' 'wait may not include platform' src/wait/cell.c '#  include "platform/platform.h"'
$layers 'a system header' 'base may not include the system header <unistd.h>' src/base/annotate.h '#include <unistd.h>'
$layers 'the system header of another layer' 'system header <poll.h>' src/wait/cell.c '#include <poll.h>'
$layers 'a sanitizer header elsewhere' 'system header <sanitizer/x.h>' src/base/atomic.h '#include <sanitizer/x.h>'
$layers 'a name without folder' 'write the name from src/' src/wait/cell.c '#include "cell.h"'
$layers 'a source beside the layers' 'lies in the folder of its layer' src/other.c '/* */'
$layers 'a name that a macro makes' 'cannot see what is included' src/wait/cell.c '#include NAME'
$layers 'a system header of everything' 'inspect may not include the system header' src/inspect/dump.c '#include <poll.h>'
rejects check-layers 'a layer that is not in the table' 'has no layer wait' ARCHITECTURE.md '/^| `wait/d'
rejects check-layers 'no table' 'no table between' ARCHITECTURE.md '/^<!--/d'
unlisted_folder() { mkdir src/more && echo >src/more/a.c && refuses check-layers 'has no layer more'; }
plant
judge 'check-layers: a folder that is not in the table' unlisted_folder

# -- check-atomics

cell=src/wait/cell.c
rejects check-atomics 'no tag' "$cell:[0-9]+: an operation without a tag" $cell 's| /\* CELL-1 \*/||'
rejects check-atomics 'no reason for relaxed' 'without a tag of a table or' $cell 's|rlx: one taker|one taker|'
rejects check-atomics 'an empty reason' 'without a tag of a table or' $cell 's|rlx: one taker|rlx:|'
rejects check-atomics 'rlx: for another order' 'without a tag that a table has' $cell 's|/\* CELL-1 \*/|/* rlx: why not */|'
rejects check-atomics 'a tag that no table has' 'without a tag that a table has' $cell 's|/\* CELL-1 \*/|/* CELL-7 */|'
rejects check-atomics 'a row gone' 'without a tag that a table has' $cell '/^ \*   CELL-1/d'
rejects check-atomics 'a row with one side' 'an edge is: NAME-1' $cell 's| -> CELL-2 cell_take() acquire||'
rejects check-atomics 'a row without its reason' 'an edge is: NAME-1' $cell 's|acquire: the value.*|acquire|'
rejects check-atomics 'no such order' 'consume is not an order' $cell 's|cell_take() acquire:|cell_take() consume:|'
rejects check-atomics 'a side that nobody carries' 'CELL-2 is in the table, but no operation' $cell 's|/\* CELL-2: pairs|/* CELL-3: pairs|'
rejects check-atomics 'a function that is not there' 'there is no function cell_put' $cell 's|^void cell_put|void cell_give|'
rejects check-atomics 'weaker than the table' 'CELL-1 is seq_cst in the table, but release here' $cell 's|put() release|put() seq_cst|'
rejects check-atomics 'weaker code' 'CELL-3 is acq_rel in the table, but release here' $cell 's|exchange_acq_rel|exchange_release|'
rejects check-atomics 'relaxed in place of release' 'CELL-1 is release in the table, but relaxed' $cell 's|store_release|store_relaxed|'
rejects check-atomics 'a tag too far above' 'without a tag that a table has' $cell '/in two lines/s|$|\n\n\n\n|'
rejects_line check-atomics 'stdatomic.h' 'come from base/atomic.h alone' $cell '#include <stdatomic.h>'
rejects_line check-atomics '_Atomic' 'come from base/atomic.h alone' src/wait/cell.h 'extern _Atomic int counter;'
rejects_line check-atomics '__atomic_' 'come from base/atomic.h alone' $cell '    __atomic_store_n(&a, 1, __ATOMIC_SEQ_CST);'
rejects_line check-atomics '__sync_' 'come from base/atomic.h alone' $cell '    __sync_synchronize();'
same_tag_twice() {
    sed 's/cell\.c/twin.c/; s/cell_/twin_/g' $cell >src/wait/twin.c && refuses check-atomics 'is listed in .* too'
}
plant
judge 'check-atomics: one tag in two tables' same_tag_twice

# -- check-labels

header=include/runnel/cell.h
for label in Context Owner Cancel Order Memory Returns; do
    rejects check-labels "no $label" "has no label $label:|label [A-Z][a-z]+: is twice" $header "/^ \* $label:/d"
done
rejects check-labels 'a label that says nothing' 'label Order: says nothing' $header 's|Order:.*|Order:|'
rejects check-labels 'a wait without its class' 'Cancel: names no class' $header 's|Cancel:.*|Cancel:   noticed|'
rejects check-labels 'a wait that never waits' 'the call waits' $header 's|^\( . Context:\).*|\1  anybody; waits|;s|\(Cancel:\).*|\1   uncancellable (never waits)|'
rejects check-labels 'labels out of order' 'out of order' $header 's|Context:|Owner:|;s|Owner:    the|Context:  the|'
rejects check-labels 'a function that the block does not name' 'rn_cell_try_put is not named' $header 's|, rn_cell_try_put||'
rejects check-labels 'a block without names' 'rn_cell_put is not named' $header 's|^ \* rn_cell_.*| * cells|'
rejects check-labels 'a plain comment' 'is not named' $header 's|^/\*\*$|/*|'
rejects_line check-labels 'a declaration far from its block' 'rn_cell_more is not named' $header 'RN_API int rn_cell_more(void);'

# -- check-style

rejects check-style 'no licence' 'SPDX' $cell 1d
rejects check-style 'no licence in a script' 'check-nothing:1: no SPDX' tools/check-nothing '/SPDX/d'
rejects check-style 'no essay' 'the second line begins: /\* cell.c - ' $cell '2s/cell/call/'
rejects_line check-style 'a long line' '119 characters' $cell "/* $(printf '%113s' '' | tr ' ' x) */"
rejects_line check-style 'a tab' 'a tab' $cell "$(printf 'int\ta;')"
rejects_line check-style 'a blank at the end' 'a blank at the end' $cell 'int a; '
rejects_line check-style 'an empty line at the end' 'ends with an empty line' $cell ''
long_function() { printf 'void f(void)\n{\n%s}\n' "$(yes '    g();' | head -n "$1")
" >>$cell; }
repeat() { yes "$1" | head -n "$2"; }
plant
long_function 70
judge 'check-style takes a function of 70 lines' accepts check-style
plant
long_function 71
judge 'check-style: a function of 71 lines' refuses check-style 'a function of 71 lines'
plant
repeat 'extern int a;' 1000 >>$cell
judge 'check-style: a long file' refuses check-style "$cell: 10[0-9]+ lines, 1000 are the limit"
plant
repeat 'extern int a;' 800 >>$header
judge 'check-style: a long header' refuses check-style "$header: 8[0-9]+ lines, 800 are the limit"
plant
echo 'int   a;' >>src/wait/cell.h
echo 'BasedOnStyle: LLVM' >.clang-format
if command -v clang-format >/dev/null; then
    judge 'check-style: clang-format' refuses check-style 'clang-format would change this'
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]

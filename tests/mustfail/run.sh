#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [COMPILER...] - what must not compile does not, with no warning flag at all, and for the right reason.
#
# Each case holds one mistake and, behind `// expect:`, what the compiler's complaint looks like. Every compiler must
# refuse it, with the headers given by -I and by -isystem, where warnings are silenced but our errors must not be. The
# cases named fine_* are the positive control: they must compile. *.c are tried in C and in C++ (fine_c.c in C alone,
# it uses compound literals), *.cpp in C++.
# Without arguments: $CC, gcc, clang, g++ and clang++; one that is not there is skipped, aloud.

cd "$(dirname "$0")" || exit 2
include=../../include
export LC_ALL=C
passed=0 failed=0 skipped=0

compilers=
for compiler in ${*:-${CC:-} gcc clang g++ clang++}; do
    case " $compilers " in *" $compiler "*) continue ;; esac
    if command -v "$compiler" >/dev/null 2>&1; then
        compilers="$compilers $compiler"
    else
        echo "$compiler is not here: skipped"
    fi
done

# try COMPILER FILE FLAG - leaves the complaints in $complaints
try() {
    language=c
    case $1 in *++*) language=c++ ;; esac
    complaints=$("$1" -x $language -fsyntax-only "$3$include" "$2" 2>&1)
}

# check FILE COMPILER FLAG - false if that is not as it must be, and says so
check() {
    if try "$2" "$1" "$3"; then
        case $1 in fine_*) return 0 ;; esac
        echo "    $2 $3: compiles"
        return 1
    fi
    case $1 in
    fine_*) echo "$complaints" | sed "s|^|    $2 $3: |" ;;
    *)
        expected=$(sed -n 's|^// expect: ||p' "$1")
        if [ -n "$expected" ] && echo "$complaints" | grep 'error:' | grep -Eq -- "$expected"; then
            return 0
        fi
        echo "    $2 $3: refused, but not for the reason /$expected/:"
        echo "$complaints" | grep 'error:' | sed 's/^/        /'
        ;;
    esac
    return 1
}

# speaks COMPILER FILE - whether it is a case for that compiler
speaks() {
    case $2-$1 in
    fine_c.c-*++*) return 1 ;;
    *.c-* | *.cpp-*++*) return 0 ;;
    esac
    return 1
}

for file in *.c *.cpp; do
    tried=0
    for compiler in $compilers; do
        ! speaks "$compiler" "$file" || tried=$((tried + 1))
    done
    problems=$(
        for compiler in $compilers; do
            speaks "$compiler" "$file" || continue
            check "$file" "$compiler" -I
            check "$file" "$compiler" -isystem
        done
    )
    if [ "$tried" = 0 ]; then
        skipped=$((skipped + 1))
        echo "skip $file"
    elif [ -z "$problems" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $file"
        echo "$problems"
    fi
done

printf '%d passed, %d failed' "$passed" "$failed"
[ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
echo
[ "$failed" = 0 ]

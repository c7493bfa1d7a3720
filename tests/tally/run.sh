#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - tally against the pipeline of standard tools that it replaces, and against bad input, full disks and Ctrl-C.
# OUT is the build's folder, BUILD its variant. TALLY_BIG=1: the stream is 1 GB instead of 100 MB.

LC_ALL=C
export LC_ALL
BUILD=${BUILD:-release}
OUT=${OUT:-build/$BUILD}
tally=$(cd "$OUT" 2>/dev/null && pwd)/tally
tests=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0 skipped=0
if [ ! -x "$tally" ]; then
    echo "tally: $tally is not there"
    exit 1
fi

work=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work" || exit 1

# -- judging -----------------------------------------------------------------------------------------------------------

# judge NAME COMMAND...
judge() {
    judged=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED tally: $judged"
        for file in out err difference; do
            [ ! -s "$file" ] || head -n 5 "$file" | cut -c 1-200 | sed "s/^/    | $file: /"
        done
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped tally: $1: $2"
}

# run STATUS ARGUMENT... - output in out and err
run() {
    wanted=$1
    shift
    timeout 300 "$tally" "$@" >out 2>err
    status=$?
    [ $status -eq "$wanted" ] || echo "status $status, not $wanted" >>err
    [ $status -eq "$wanted" ]
}

same() { cmp "$1" "$2" >difference 2>&1; }
silent() { [ ! -s err ]; }
says() { grep -qF -e "$1" err; }
prints() { grep -qFx -e "$1" out; }
prints_nothing() { [ ! -s out ]; }

order() { sort | uniq -c | sort -k1,1nr -k2; }
words() { for f; do tr -cs '[:alnum:]' '\n' <"$f"; echo; done | grep -a . | order; }
words_below() {
    find -H "$@" -type f -exec sh -c 'for f; do tr -cs "[:alnum:]" "\n" <"$f"; echo; done' sh {} + | grep -a . | order
}
fields() { # N FILE...
    n=$1
    shift
    for f; do awk -v n="$n" 'NF >= n { print $n }' "$f"; done | order
}

# counts PATH... - as the reference does, with nothing to complain about
counts() { words_below "$@" >expected && run 0 "$@" && silent && same out expected; }
counts_input() { words input >expected && run 0 <input && silent && same out expected; }
counts_field() { # N FILE...
    fields "$@" >expected
    n=$1
    shift
    run 0 -k "$n" "$@" && silent && same out expected
}

# text SEED LINES - lines of words; few of them are frequent, most are rare, as in a language
text() {
    awk -v seed="$1" -v lines="$2" 'BEGIN {
        srand(seed)
        for (i = 0; i < lines; i++) {
            n = int(rand() * 12)
            line = ""
            for (j = 0; j < n; j++) {
                word = int(exp(rand() * 11))
                line = line (rand() < 0.1 ? "\t " : " ") (word % 7 == 0 ? "Word" : "w") word (rand() < 0.1 ? "," : "")
            }
            print line
        }
    }'
}

# repeat TEXT COUNT - without a newline
repeat() { yes "$1" | head -n "$2" | tr -d '\n'; }

# -- words, fields, files ----------------------------------------------------------------------------------------------

printf 'the cat, the dog\nThe end' >input
printf '      2 the\n      1 The\n      1 cat\n      1 dog\n      1 end\n' >wanted
judge 'words of the standard input' run 0 <input
judge 'its output is that of uniq -c' same out wanted
judge 'nothing on stderr' silent
run 0 - <input
judge 'a dash is the standard input' same out wanted
run 0 ./input - <input
judge 'beside files' prints '      4 the'
run 1 - <&-
judge 'a closed standard input is an error' [ $status -eq 1 ]
judge 'which is told' says 'tally: -: '

: >empty
judge 'empty input' counts ./empty
printf '\n\n  ,.-\n' >input
judge 'no words at all' counts_input
printf 'a b\r\nb c\r\n' >input
judge 'CRLF' counts_input
printf 'x\0y\0\377\376z\1\0x' >input
judge 'zero bytes and other binary' counts_input
printf 'Stra\303\237e na\303\257ve 1st' >input
judge 'bytes, whatever the locale' counts_input
head -c 300000 /dev/urandom >input
judge 'random bytes' counts_input
for size in 131071 131072 131073 262144; do
    { repeat a $size; echo; repeat b $((size - 1)); echo; } >input
    judge "words of $size bytes" counts_input
done

text 1 40000 >input
judge 'a text' counts_input
tr '\n' ' ' <input >line
judge 'a text in one line' counts ./line
tr -d ' \t\n,' <input | head -c 900000 >word
judge 'a huge word' counts ./word
{ repeat x 1048576; printf ' y'; } >limit
judge 'a word of 1 MiB' counts ./limit
mkdir long
{ echo before; repeat x 1048577; echo; } >long/longer
{ echo other; repeat x 3000000; } >long/longest
echo fine >long/fine
judge 'a longer word is an error' run 1 long
judge 'of its file' says 'tally: long/longer: word longer than 1 MiB'
judge 'of each' says 'tally: long/longest: word longer than 1 MiB'
judge 'the others are counted' prints '      1 fine'
judge 'without it' eval '! grep -q xxx out'

words input >wanted
workers_before=$RN_WORKERS
export RN_WORKERS
for RN_WORKERS in 1 2 16; do
    run 0 ./input
    judge "the same on $RN_WORKERS workers" same out wanted
done
RN_WORKERS=$workers_before
[ -n "$RN_WORKERS" ] || unset RN_WORKERS
run 0 - - <input
judge 'the standard input can be read once' same out wanted
run 0 --top 3 ./input
head -n 3 wanted >expected
judge '--top' same out expected
judge '--top 0' eval 'run 0 --top 0 ./input && prints_nothing'
run 0 --top=1000000000 ./input
judge '--top of more than there are' same out wanted
run 0 ./input ./input
words ./input ./input >expected
judge 'a file named twice counts twice' same out expected
judge '--stats' eval 'run 0 --stats ./input && same out wanted && says "tally: 1 files, $(wc -c <input | tr -d " ") bytes, "'

for n in 1 2 5; do
    judge "-k $n" counts_field $n ./input
done
judge '-k 12: more than most lines have' counts_field 12 ./input
printf 'a b\r\n\n \t \nc  \t d\n\te\nf g' >input
judge '-k 1 with blanks and tabs' counts_field 1 ./input
judge '-k 2 keeps the carriage return' counts_field 2 ./input
seq 300000 | tr '\n' ' ' >line
for n in 1 200000 300000; do
    printf '%7d %d\n' 1 $n >wanted
    judge "-k $n of a line of 2 MB" eval 'run 0 -k $n ./line && same out wanted'
done
judge '-k 300001 of it' eval 'run 0 -k 300001 ./line && prints_nothing'
printf '9.9.9.9 - x\n10.0.0.1 - x\n9.9.9.9 - y' >log1
printf '10.0.0.1 z\n\303\244.b z\n' >log2
judge 'clients of access logs' counts_field 1 ./log1 ./log2
printf 'a\0b c\n' >input
judge 'a field with a zero byte' eval 'run 0 -k 1 ./input && printf "      1 a\\0b\n" >wanted && same out wanted'

# -- trees -------------------------------------------------------------------------------------------------------------

mkdir -p tree/sub/deep tree/none 'tree/with blank'
text 2 300 >tree/one
text 3 300 >tree/sub/two
text 4 300 >tree/sub/deep/three
text 5 300 >'tree/with blank/a file'
text 6 300 >"$(printf 'tree/with\nnewline')"
text 7 300 >'tree/*'
text 8 300 >'tree/-k'
: >tree/empty
printf 'no newline' >tree/last
judge 'a tree' counts tree
judge 'with a slash behind' counts tree/
judge 'two trees' counts tree tree/sub
cd tree || exit 1
judge 'the folder where we are' eval 'words_below . >../expected; run 0 . && silent && same out ../expected; ok=$?; rm -f out err difference; [ $ok -eq 0 ]'
words ./-k >../expected
run 0 -- -k >../out
mv out err .. && rm -f difference
cd .. || exit 1
judge 'a name like an option' same out expected

mkdir many
awk 'BEGIN { for (i = 0; i < 3000; i++) { name = "many/" i; print "file " i " of many\nand" > name; close(name) } }'
judge 'many small files' counts many
mkdir wide
i=0
while [ $i -lt 300 ]; do
    mkdir "wide/$i" && echo "word $i" >"wide/$i/file"
    i=$((i + 1))
done
judge 'many folders' counts wide
path=steep
i=0
while [ $i -lt 200 ]; do
    path=$path/d
    i=$((i + 1))
done
mkdir -p $path
echo bottom >$path/file
judge 'a deep tree' counts steep

ln -s two tree/sub/link
ln -s .. tree/sub/loop
ln -s nowhere tree/sub/dangling
judge 'symbolic links are not followed on the way' counts tree
ln -s tree named
judge 'but where they are named' counts named
ln -s tree/one file
judge 'to a file as well' counts ./file
ln -s round round
judge 'a link to itself is an error' run 1 round tree/one
judge 'that is told' says 'tally: round: Too many levels of symbolic links'
words tree/one >expected
judge 'and the rest goes on' same out expected
ln -s nowhere dangling
judge 'a dangling link that is named' eval 'run 1 dangling && says "tally: dangling: No such file or directory"'
judge 'a missing file' eval 'run 1 missing tree/one && says "tally: missing: No such file or directory" && same out expected'
judge 'no name at all' eval 'run 1 "" && says "tally: : No such file or directory"'
judge 'a file as a folder' eval 'run 1 tree/one/x && says "tally: tree/one/x: Not a directory"'

mkfifo tree/pipe
judge 'a pipe on the way is passed over' counts tree
rm tree/pipe
mkfifo pipe
{ printf 'through a'; printf ' pipe'; } >pipe &
judge 'a pipe that is named is read' eval 'run 0 pipe && prints "      1 through" && prints "      1 pipe"'
wait
judge 'a device that is named is read' eval 'run 0 /dev/null && prints_nothing'

mkdir locked
echo secret >locked/file
chmod 000 tree/one locked
as_nobody=
if [ "$(id -u)" -eq 0 ]; then
    as_nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
    chmod 755 "$work"
fi
if $as_nobody true 2>/dev/null && $as_nobody test -x "$tally"; then
    timeout 100 $as_nobody "$tally" tree locked >out 2>err
    judge 'what cannot be read' [ $? -eq 1 ]
    judge 'a file: told' says 'tally: tree/one: Permission denied'
    judge 'a folder: told' says 'tally: locked: Permission denied'
    words_below tree/sub tree/last 'tree/with blank' tree/with?newline 'tree/*' tree/-k >expected
    judge 'the rest of the tree is counted' same out expected
else
    skip 'what cannot be read' 'nobody else to be'
fi
chmod 755 locked
chmod 644 tree/one

mkdir hole
echo outside >hole/file
long_name=$(repeat n 250)
(
    cd hole
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
        mkdir "$long_name" && cd "$long_name"
    done
) 2>/dev/null # a shell may not be able to go that deep, but deep enough
judge 'a path that is too long' eval 'run 1 hole && says "File name too long" && prints "      1 outside"'

# -- usage, output, events ---------------------------------------------------------------------------------------------

for arguments in -k '-k 0' '-k x' '-k -1' '-k 1x' '-k 99999999999999999999' '--top' '--top x' '--top=-1' '--fast' -x \
    '--stats=1' '--events'; do
    judge "usage: $arguments" eval 'run 2 $arguments && prints_nothing && says "usage: tally [-k N] [--top N]"'
done
judge '--help' eval 'run 0 --help && silent && grep -q "^usage: tally " out && grep -q -e "--events FILE" out'
judge '--version' eval 'run 0 --version && silent && grep -q "runnel [0-9]" out'

text 9 60000 >input
{ timeout 100 "$tally" ./input 2>err; echo $? >status; } | head -n 1 >out
judge 'a reader of the output that leaves' eval '[ "$(cat status)" = 1 ] && silent && [ "$(wc -l <out)" -eq 1 ]'
if [ -w /dev/full ]; then
    timeout 100 "$tally" ./input >/dev/full 2>err
    status=$?
    judge 'a full disk' eval '[ $status -eq 1 ] && says "tally: standard output: No space left on device"'
    judge 'a full disk for the events' run 1 --events /dev/full ./input
    judge 'which is told' says 'tally: /dev/full: could not be written'
    words ./input >expected
    judge 'and does not stop the rest' same out expected
fi
timeout 100 "$tally" --events events ./input >&- 2>err
status=$?
judge 'a closed output' eval '[ $status -eq 1 ] && says "tally: standard output: Bad file descriptor"'
judge 'does not end up in another file' eval '[ "$(wc -l <events)" -eq 1 ]'

bytes() { wc -c <"$1" | tr -d ' '; }
{
    for f in tree/one tree/sub/two tree/sub/deep/three tree/empty tree/last 'tree/with blank/a file' 'tree/*' tree/-k; do
        printf 'done\t%s\t%s\n' "$(bytes "$f")" "$f"
    done
    printf 'done\t%s\ttree/with\\nnewline\n' "$(bytes tree/with?newline)"
    printf 'failed\tmissing\tNo such file or directory\n'
} | sort >expected
run 1 --events events tree missing
sort events >out
judge '--events: a line each' same out expected
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%d\n", i }' >expected
run 0 --events events many
sed 's|.*many/||' events | sort -n >out
judge '--events: none is lost where there are few' same out expected
judge '--events into a folder' eval 'run 1 --events tree input && says "tally: tree: Is a directory" && prints_nothing'

# -- Ctrl-C ------------------------------------------------------------------------------------------------------------

# Once a pipe has taken more than it can hold, tally has read some of it. It is held open: no end of file comes.
mkfifo held said
begin() { # ARGUMENT... - reads from held, which is descriptor 9 here; stderr goes to said, which is descriptor 8
    "$tally" "$@" <held >out 2>said &
    pid=$!
    watch_over $pid &
    exec 9>held 8<said
}
watch_over() { # PID - what does not end is killed, and fails its test
    exec >/dev/null 2>&1
    patience=2000
    while kill -0 "$1" && [ $((patience -= 1)) -gt 0 ]; do sleep 0.1; done
    [ $patience -gt 0 ] || kill -KILL "$1"
}
end() {
    cat <&8 >err
    wait $pid
    status=$?
    exec 9>&- 8<&-
}

begin -
yes word | head -c 1000000 >&9
kill -INT $pid
end
judge 'Ctrl-C while input is awaited: status 130' [ $status -eq 130 ]
judge 'with the partial result' eval 'awk "{ exit !(NR == 1 && \$2 == \"word\" && \$1 > 100000 && \$1 <= 200000) }" out'

{ yes | head -c 1000000; echo >said; exec yes; } 2>/dev/null | "$tally" >out 2>err &
pid=$!
watch_over $pid &
read -r line <said
kill -INT $pid
wait $pid
judge 'Ctrl-C in an endless stream: status 130' [ $? -eq 130 ]
judge 'with the result so far' eval 'awk "{ exit !(NR == 1 && \$2 == \"y\" && \$1 > 400000) }" out'
judge 'and a word about it' says 'tally: interrupted: '

mkfifo unread
begin --top 1 pipe - unread
yes word | head -c 1000000 >&9
kill -INT $pid
end
judge 'Ctrl-C while pipes have no writer' eval '[ $status -eq 130 ] && [ "$(wc -l <out)" -eq 1 ]'

# A log that nobody reads holds up the end of the program.
mkfifo log
exec 7<>log
mkdir logged
awk -v name="$long_name" 'BEGIN { for (i = 0; i < 400; i++) { file = "logged/" i name; print i > file; close(file) } }'
begin --events log logged -
yes word | head -c 1000000 >&9
kill -INT $pid
read -r line <&8
kill -INT $pid
end
exec 7<&-
judge 'the second Ctrl-C ends at once' eval '[ $status -eq 130 ] && prints_nothing'
judge 'the first one said so' eval 'case $line in "tally: interrupted: "*) ;; *) false ;; esac'

# -- a terminal --------------------------------------------------------------------------------------------------------

if command -v script >/dev/null 2>&1 && script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    mkfifo typed
    on_terminal() { # COMMAND - what is typed comes from descriptor 6
        : >typescript # or what the last one left would be taken for this one's
        script -qec "$1" /dev/null <typed >typescript 2>err &
        pid=$!
        watch_over $pid &
        exec 6>typed
    }
    shows() { # PATTERN - now or later
        patience=600
        while ! grep -q "$1" typescript && [ $((patience -= 1)) -gt 0 ]; do sleep 0.1; done
        tr '\r' '\n' <typescript >out
        [ $patience -gt 0 ]
    }

    on_terminal "'$tally' held missing"
    exec 9>held
    yes word | head -c 1000000 >&9
    judge 'a progress line on a terminal' shows '0 files, [1-9].* MB, [1-9].* words, 1 distinct'
    exec 9>&-
    wait $pid
    exec 6>&-
    judge 'it makes way for messages' shows 'tally: missing: No such file'
    judge 'and for the result' grep -q '^.\[K *200000 word' out

    on_terminal "trap : INT; yes | '$tally'" # the shell goes on waiting for both
    judge 'a progress line that never has to wait for input' shows '0 files, [1-9].* MB, [1-9].* words, 1 distinct'
    printf '\003' >&6
    wait $pid
    exec 6>&-
    judge 'Ctrl-C typed' shows 'tally: interrupted: '
    judge 'and the partial result' grep -q '[0-9] y$' out
else
    skip 'a progress line on a terminal' 'no script(1)'
fi

# -- memory ------------------------------------------------------------------------------------------------------------

# The peak is asked for when all has been read, but the end of the standard input has not come yet.
peak_is_low() {
    kilobytes=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$pid/status)
    exec 9>&-
    end
    [ $status -eq 0 ] && echo "peak: $kilobytes KiB" >>err && [ "$kilobytes" -le 65536 ]
}
peak_of_stream() { # COMMAND
    begin --stats -
    "$@" >&9
    peak_is_low
}
peak_of_file() { # FILE
    exec 7<>log
    begin --stats --events log "$1" -
    read -r line <&7
    peak_is_low && [ "${line##*	}" = "$1" ]
    low=$?
    exec 7<&-
    return $low
}
stream() { yes 'How much wood would a woodchuck chuck, if a woodchuck could chuck 1 wood?' | head -c $megabytes"000000"; }
long_words() {
    repeat z 1048576 >z
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        for j in 1 2 3 4 5 6 7 8; do cat z && echo; done
    done
}
new_words() { awk 'BEGIN { for (i = 0; i < 3000000; i++) { printf "w%d ", i % 200000 } }'; }

megabytes=100
[ "$TALLY_BIG" != 1 ] || megabytes=1000
case $BUILD in
asan | tsan) skip 'bounded memory' 'a sanitizer has its own' ;;
*)
    judge "a stream of $megabytes MB in 64 MiB" peak_of_stream stream
    judge 'all of it is counted' says "tally: 1 files, ${megabytes}000000 bytes, "
    megabytes=200
    stream >large
    judge 'a file that is read much faster than counted in 64 MiB' peak_of_file large
    rm large
    judge 'words of 1 MiB in 64 MiB' peak_of_stream long_words
    judge 'all 96' awk '{ exit !(NR == 1 && $1 == 96 && length($2) == 1048576) }' out
    judge '200,000 words in 64 MiB' peak_of_stream new_words
    judge 'all of them are counted' says ' 3000000 words, 200000 distinct, '
    ;;
esac

# -- the program itself ------------------------------------------------------------------------------------------------

source=$tests/../../examples/apps/tally
judge 'no lock, no atomic operation in its source' \
    eval '! grep -nE "pthread_(mutex|rwlock|cond|spin|barrier)|sem_|__atomic|__sync|_Atomic|stdatomic|volatile" "$source"/*.[ch]'
judge 'nothing of the library but its public header' eval '! grep -n "#include \"[^\"]*/" "$source"/*.[ch]'

printf '%d passed, %d failed' "$passed" "$failed"
[ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
echo
[ "$failed" = 0 ]

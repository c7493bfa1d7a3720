#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - the library and its unit and api tests with musl instead of glibc, and an example linked statically, as
# people use musl. Builds everything below $OUT/musl. Not part of `make check`: `make check-musl` runs it.

if ! command -v musl-gcc >/dev/null; then
    echo "skipped musl: no musl-gcc"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
out=$OUT/musl
example=$out/static/examples/01_mpsc

build() { "$MAKE" -s CC=musl-gcc TESTS="$(echo tests/unit/*.c tests/api/*.c)" "$@" >/dev/null; }
build OUT="$out" "$out/tests/run" "$out/librunnel.so.${VERSION%%.*}" || exit 1
if ! { build OUT="$out/static" LDFLAGS=-static "$example" && "$example" >/dev/null; }; then
    echo "FAILED musl: an example, linked statically"
    echo "0 passed, 1 failed"
    exit 1
fi
exec "$out/tests/run"

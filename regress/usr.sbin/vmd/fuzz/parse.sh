#!/bin/sh
# SPDX-License-Identifier: ISC
#
# parse.sh: fuzz the reader of vm.conf(5) with libFuzzer (clang).
# Usage: parse.sh [seconds]

set -eu
cd "$(dirname "$0")/../../../.."
vmd=usr.sbin/vmd
out=obj/fuzz
corpus=$out/parse-corpus
mkdir -p "$corpus"

bison -o "$out/parse.c" "$vmd/parse.y"
clang -std=gnu11 -O1 -g -D_GNU_SOURCE \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -Iinclude -Ilib/libutil -I"$vmd" -o "$out/parse_fuzz" \
    regress/"$vmd"/fuzz/parse_fuzz.c "$out/parse.c" "$vmd"/conf_*.c \
    "$vmd"/config.c "$vmd"/vms.c \
    lib/libutil/account.c lib/libutil/scaled.c -lbsd

for seed in regress/"$vmd"/config/*/*.conf; do
	[ ! -f "$seed" ] || cp "$seed" "$corpus/$(basename "$seed")"
done
exec "$out/parse_fuzz" -max_total_time="${1:-60}" -max_len=4096 \
    -dict=regress/"$vmd"/fuzz/parse.dict -verbosity=0 \
    -print_final_stats=1 "$corpus"

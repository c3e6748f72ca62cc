#!/usr/bin/env bash
# ci-test: timeout=300 cost=10
# A read error is no corrupt file: each call on a file of the input folder fails in turn, in two scans a
# minute apart (EIO, ESTALE, EACCES, EMFILE); the file is read again each time and used when the disk, its
# server or the limit lets it be read. CONTIMG_TEST_EXHAUSTIVE=1: each call with each error; else one
# of four reads, with one of them.
. "$CONTIMG_SOURCE/tests/support/cli.sh" || exit 1
. "$CONTIMG_SOURCE/tests/support/inject.sh"
simulate --out in --sub-bands 2
find in -name '*.hdf5' -exec touch -d '1 hour ago' {} +
file=$folder/in/2026-01-25T00:00:10_sb01.hdf5
[ -e "$file" ] || fail "no such file: $(ls in)"
places="--input-dir $folder/in --state-dir state --expected-subbands 2 --min-subbands 2"
state() { sqlite3 state/ingest.sqlite3 "SELECT state FROM files WHERE path='$file'"; }
scan() { "$contimg" group $places >"$out" 2>"$err"; }
minute_later() { sqlite3 state/ingest.sqlite3 'UPDATE files SET unreadable_at=unreadable_at-61'; }

calls='/^(open|openat|.*stat.*|pread64|read|lseek)$'
strace -o trace -P "$file" -e trace="$calls" "$contimg" group $places >"$out" 2>"$err" || fail "group: $(cat "$err")"
[ "$(state)" = used ] || fail "undisturbed: $(state)"
# "name number" of each call, as strace's when= counts them.
awk -F '(' '/^[a-z]/ { print $1, ++n[$1] }' trace >points
[ "$(wc -l <points)" -ge 6 ] && grep -q '^pread64 2$' points && grep -q '^open' points || fail "the trace: $(cat trace)"

[ -n "$inject_all" ] || { mv points all; awk '$1 != "pread64" || NR % 4 == 0' all >points; }

errors=(EIO ESTALE EACCES EMFILE)
n_fault=0 n_seen=0
disturbed() { # disturbed NAME NUMBER ERROR: one scan
  strace -o /dev/null -P "$file" -e trace="$1" -e inject="$1:error=$3:when=$2" "$contimg" group $places \
    >"$out" 2>"$err"
  case $? in 0 | 4) ;; *) fail "$1 number $2 fails with $3: exit $?: $(cat "$err")" ;; esac
  [ "$(state)" != corrupt ] || fail "$1 number $2 fails with $3: corrupt: $(cat "$out")"
}
while read -r name number; do
  chosen=("${errors[$((n_fault % 4))]}")
  [ -z "$inject_all" ] || chosen=("${errors[@]}")
  for error in "${chosen[@]}"; do
    rm -rf state
    disturbed "$name" "$number" "$error"
    [ "$(state)" = used ] || n_seen=$((n_seen + 1))
    if [ -n "$(state)" ]; then minute_later; fi
    disturbed "$name" "$number" "$error"
    [ -z "$(state)" ] || minute_later
    scan || fail "$name number $number failed with $error: then exit $?: $(cat "$err")"
    [ "$(state)" = used ] || fail "$name number $number failed with $error: then $(state): $(cat "$out")"
    n_fault=$((n_fault + 1))
  done
done <points
# Some calls fail without harm; the reading of the header and its data does not.
[ $n_seen -ge 4 ] || fail "of $n_fault faults only $n_seen kept the file from being read"
# Of rubbish, which is read without any error, it is said that it is corrupt.
rm -rf state
head -c 3000 /dev/urandom >"$file"
touch -d '1 hour ago' "$file"
scan && minute_later && scan
[ "$(state)" = corrupt ] || fail "rubbish is $(state)"
echo "$n_fault calls failed, $n_seen kept the file from being read, none made it corrupt"

#!/usr/bin/env bash
# ci-test: timeout=300
# contimg group and status name each file of the input folder that is not used, and why, in the
# words of inspect; the others are used all the same.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
simulate --out in --sub-bands 4
band=in/2026-01-25T00:00:10_sb00.hdf5
places="--input-dir $folder/in --state-dir state --expected-subbands 4 --min-subbands 4"
head -c 60000 $band >in/2026-01-25T00:20:10_sb00.hdf5
echo 'not a UVH5 file' >in/2026-01-25T00:20:10_sb01.hdf5
: >in/2026-01-25T00:20:10_sb02.hdf5
cp $band in/2026-01-25T00:20:10_sb03_incomplete.hdf5
cp $band in/2026-01-25T00:00:11_sb00.hdf5
cp $band in/2026-01-25T00:20:10_sb04.hdf5
dd if=/dev/zero of=in/2026-01-25T00:20:10_sb04.hdf5 bs=1 seek=96 count=4000 conv=notrunc 2>/dev/null
touch -d '5 minutes ago' in/*
good 'observation 2026-01-25T00:00:10' 0 group $places
grep -q '^observation 2026-01-25T00:00:10 .* 4 of 4 sub-bands' "$out" || fail "$(cat "$out")"
grep -q '^waiting  *1 observation is in no group yet: .* when it has 10, .* or 15 minutes' "$out" ||
  fail "what waits is not said: $(cat "$out")"
grep -q 'sb01.hdf5 growing: read again in a minute' "$out" || fail "an unreadable file: $(cat "$out")"
sqlite3 state/ingest.sqlite3 'UPDATE files SET unreadable_at=unreadable_at-60'
for command in "group $places" "status --state-dir state"; do
  good '' 0 $command
  # says NAME STATE TEXT: one line of that file.
  says() {
    [ "$(grep -cF -- "/$1 " "$out")" = 1 ] || fail "$tried: not one line of $1: $(cat "$out")"
    grep -F -- "/$1 " "$out" | grep -qE "^file +[^ ]* $2: .*$3" || fail "$tried: $(grep -F "$1" "$out")"
  }
  says 2026-01-25T00:20:10_sb00.hdf5 truncated '60000 bytes, its header says'
  says 2026-01-25T00:20:10_sb01.hdf5 corrupt 'HDF5'
  says 2026-01-25T00:20:10_sb04.hdf5 corrupt .
  says 2026-01-25T00:20:10_sb02.hdf5 empty '0 bytes'
  says 2026-01-25T00:20:10_sb03_incomplete.hdf5 incomplete 'not done'
  says 2026-01-25T00:00:11_sb00.hdf5 duplicate 'there already'
  [ "$(grep -c '^file ' "$out")" = 6 ] || fail "$tried: others, too: $(cat "$out")"
  good '"0 bytes: copy it again"' 0 $command --json
done
try 0 inspect "$folder/in/2026-01-25T00:20:10_sb04.hdf5"
reason=$(own_lines | sed 's/^contimg: //')
good "${reason/: / corrupt: }" 0 group $places
# A name may hold any character: one line of text, and valid JSON. One that is not UTF-8 is warned of.
: >"in/2026-01-25T00:25:10_ü"$'\n\e'_sb00.hdf5
: >"in/2026-01-25T00:25:10_$(printf '\377')_sb01.hdf5"
touch -d '5 minutes ago' in/*25:10*
good '' 0 group $places
LC_ALL=C grep -aq 'WARNING .*25:10_?_sb01.hdf5: its name is not UTF-8' "$err" || fail "$tried: no warning: $(cat "$err")"
for command in "group $places" "status --state-dir state"; do
  good '' 0 $command
  LC_ALL=C grep -aq '^file .*/2026-01-25T00:25:10_[^/]*??_sb00.hdf5 empty: 0 bytes' "$out" ||
    fail "$tried: not one line of an odd name: $(cat "$out")"
  good '00:25:10' 0 $command --json
  python3 -c 'import json, sys; json.loads(open(sys.argv[1], "rb").read().decode())' "$out" ||
    fail "$tried: not JSON"
done
bad 3 'nowhere??.hdf5: ' 0 inspect $'nowhere\n\e.hdf5'
echo "files that are not used are listed with their reasons"

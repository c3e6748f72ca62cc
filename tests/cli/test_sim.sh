#!/usr/bin/env bash
# ci-test: timeout=600
# contimg-sim as a user runs it: help, mistakes, exit codes, and the same bytes at any
# number of ranks.
set -u
sim=$CONTIMG_BUILD/bin/contimg-sim
run=$CONTIMG_SOURCE/tests/mpirun.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

# expect CODE TEXT ARG...: exit code, and one line on stderr that holds TEXT.
expect() {
  local code=$1 text=$2; shift 2
  "$run" 0 "$sim" "$@" >"$folder/out" 2>"$folder/err"
  local got=$?
  [ $got = "$code" ] || fail "$*: exit $got, expected $code: $(cat "$folder/err")"
  [ "$(wc -l <"$folder/err")" = 1 ] || fail "$*: not one line: $(cat "$folder/err")"
  grep -qF -- "$text" "$folder/err" || fail "$*: no '$text' in: $(cat "$folder/err")"
}

"$run" 0 "$sim" --help >"$folder/help" 2>"$folder/err" || fail "--help: exit $?"
[ -s "$folder/err" ] && fail "--help writes to stderr"
for option in out stations sub-bands channels integrations tiles start dec sources random outside \
  seed min-flux max-flux radius isolated calibrator beam smear sefd noise-after gain-amp-rms \
  gain-phase bandpass-ripple delay-ns drift-amp drift-phase units name-jitter dead dead-pol \
  nan-packets rfi missing-sub-band; do
  grep -q -- "--$option" "$folder/help" || fail "--help does not name --$option"
done
[ "$("$run" 2 "$sim" --help | grep -c usage)" = 1 ] || fail "--help is printed by each rank"

expect 2 'did you mean --stations' --out "$folder/x" --station 12
expect 2 '--out DIR is needed' --stations 12
expect 2 "'twelve'" --out "$folder/x" --channels twelve
expect 2 'use airy or none' --out "$folder/x" --beam gauss
expect 2 'narrow, broad, swept or burst' --out "$folder/x" --rfi wide:0.1
expect 2 'earth orientation' --out "$folder/x" --start 2040-01-01T00:00:00
expect 2 'the mean must be from -10 to 10' --out "$folder/x" --spectral-index 1e6,0.2
expect 2 'no room' --out "$folder/x" --random 500 --radius 0.1 --isolated 600
expect 3 'no-such.csv' --out "$folder/x" --sources "$folder/no-such.csv"
printf 'name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\nA,1,2,3,1e9,-1e3\n' >"$folder/steep.csv"
expect 3 'A: spectral_index -1000 must be from -10 to 10' --out "$folder/x" --sources "$folder/steep.csv"
printf 'name,ra_deg,dec_deg,flux_jy,ref_freq_hz\nA,1,2,3,1e9\n' >"$folder/short.csv"
expect 3 "'spectral_index' is missing" --out "$folder/x" --sources "$folder/short.csv"
printf 'name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index,colour\n' >"$folder/odd.csv"
expect 3 "'colour' is not known" --out "$folder/x" --sources "$folder/odd.csv"
touch "$folder/file"
expect 4 'file' --out "$folder/file/below" --stations 3
[ -e "$folder/x" ] && fail "a refused run left $folder/x"

options="--stations 9 --sub-bands 3 --channels 12 --integrations 3 --tiles 2 --random 5 --outside 3
  --calibrator 5 --gain-phase random --gain-amp-rms 0.1 --delay-ns 50 --bandpass-ripple 0.03
  --drift-phase 20 --rfi narrow:0.05,broad:0.1,swept:0.05,burst:0.02 --nan-packets 0.02 --dead 1
  --name-jitter 5 --missing-sub-band 1:2"
for ranks in 0 1 2 3 4 7; do
  TZ=America/Los_Angeles "$run" $ranks "$sim" --out "$folder/$ranks" $options >/dev/null 2>"$folder/err" ||
    fail "$ranks ranks: exit $?: $(cat "$folder/err")"
  [ -s "$folder/err" ] && fail "$ranks ranks: $(cat "$folder/err")"
  (cd "$folder/$ranks" && sha256sum *) >"$folder/$ranks.sum"
  cmp -s "$folder/0.sum" "$folder/$ranks.sum" ||
    fail "$ranks ranks give other bytes: $(diff "$folder/0.sum" "$folder/$ranks.sum")"
done
[ "$(ls "$folder"/0/*.hdf5 | wc -l)" = 5 ] || fail "5 files are expected: $(ls "$folder/0")"
ls "$folder"/0/*_incomplete* 2>/dev/null && fail "unfinished files are left"
"$run" 2 "$sim" --out "$folder/other" $options --seed 2 >/dev/null
cmp -s "$folder"/0/truth.csv "$folder"/other/truth.csv && fail "--seed changes nothing"

# One rank that cannot write ends all with one message: the second file's name is a folder.
mkdir -p "$folder/blocked/2026-01-25T00:00:10_sb01_incomplete.hdf5/x"
"$run" 2 "$sim" --out "$folder/blocked" --stations 3 --sub-bands 2 --integrations 1 2>"$folder/err"
[ $? = 4 ] || fail "blocked file: exit is not 4"
[ "$(grep -c 'contimg-sim:' "$folder/err")" = 1 ] || fail "blocked file: $(cat "$folder/err")"
# A full disk ends it with one line, not with a crash in HDF5.
mkdir "$folder/small"
if mount -t tmpfs -o size=600k none "$folder/small" 2>/dev/null; then
  for ranks in 0 2; do
    "$run" $ranks "$sim" --out "$folder/small/s" --sub-bands 2 --random 2 2>"$folder/err"
    code=$?
    [ $code = 4 ] || [ $code = 5 ] || fail "a full disk, $ranks ranks: exit $code: $(cat "$folder/err")"
    [ "$(grep -c 'contimg-sim: ' "$folder/err")" = 1 ] || fail "a full disk: $(cat "$folder/err")"
    ! grep -q 'Segmentation' "$folder/err" || fail "a full disk: $(cat "$folder/err")"
    rm -rf "$folder"/small/*
  done
  umount "$folder/small"
else
  echo "skipped: no right to mount a small tmpfs, a full disk is not tried"
fi
echo "same bytes at 0 (no launcher), 1, 2, 3, 4, 7 ranks: $(wc -l <"$folder/0.sum") files"

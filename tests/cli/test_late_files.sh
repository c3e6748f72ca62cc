#!/usr/bin/env bash
# ci-test: timeout=300 cost=15
# Files that come when their observation is closed: what takes them in, and that nothing made from too few
# sub-bands, or with tables of too few channels, passes for a whole product.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
export CONTIMG_EXPECTED_SUBBANDS=3 CONTIMG_MIN_SUBBANDS=2 CONTIMG_GROUP_SIZE=2 CONTIMG_GROUP_OVERLAP=0
export CONTIMG_DISK_WARN_GB=0 CONTIMG_DISK_CRITICAL_GB=0 CONTIMG_SIZE=96 CONTIMG_CELL_ARCSEC=25 CONTIMG_NITER=50
export CONTIMG_QA_IMG_MAX_NOISE_RATIO=1000 CONTIMG_QA_IMG_MIN_PEAK_SNR=1 CONTIMG_QA_IMG_MIN_DYNAMIC_RANGE=1
simulate --out sim --sub-bands 3 --tiles 2 --calibrator-tile 0
first=2026-01-25T00:00:10 second=2026-01-25T00:01:01
model="--model $folder/sim/truth-calibrator.csv"

# site NAME BAND...: a site whose first observation lacks these sub-bands, closed; its group in $group.
site() {
  local name=$1 band
  shift
  export CONTIMG_INPUT_DIR=$folder/$name/in CONTIMG_STATE_DIR=$folder/$name/state
  export CONTIMG_OUTPUT_DIR=$folder/$name/staging CONTIMG_PRODUCTS_DIR=$folder/$name/products
  mkdir -p "$name"/{in,state,staging,products,kept}
  cp sim/*.hdf5 "$name/in"
  for band in "$@"; do mv "$name/in/${first}_sb0$band.hdf5" "$name/kept"; done
  find "$name" -name '*.hdf5' -exec touch -d '1 hour ago' {} +
  good '' 0 group
  group=$(sed -n 's/^group  *\([0-9a-f_]*\) .*/\1/p' "$out")
  [ -n "$group" ] || fail "$name: no group: $(cat "$out")"
}
come_late() {
  mv "$1"/kept/* "$1/in"
  good 'late: its observation was closed before it came' 0 group
}
# observation TEXT: how the first one stands.
observation() {
  good '' 0 status
  grep -q "^observation $first  *$1" "$out" || fail "$tried: no '$1': $(grep "^observation" "$out")"
}
says() { for text in "$@"; do grep -qF -- "$text" "$out" || fail "$tried: no '$text': $(cat "$out")"; done; }
# made NAME EXPRESSION: of the product's provenance p.
made() {
  python3 -c 'import json, sys; p = json.load(open(sys.argv[1]))["metadata"]; sys.exit(not eval(sys.argv[2]))' \
    "$1"/products/*/"$group"/provenance.json "$2" || fail "$1: not $2: $(cat "$1"/products/*/"$group"/provenance.json)"
}

# ---- an observation that failed ------------------------------------------------------------------
site failed 0 1
observation 'failed .*1 of 3 sub-bands, missing: sb00, sb01'
# Neither imaged nor calibrated on, though its calibrator is the brightest.
bad 7 '1 of 2 tiles passed, 2 needed' 0 run $model --group "$group"
grep -q "calibrate  *$first" "$err" && fail "calibrated on an observation that failed"
grep -q "calibrate  *$second" "$err" || fail "not calibrated: $(cat "$err")"
grep -q "observation $first has 1 of 3 sub-bands, at least 2 are needed" "$err" || fail "not told: $(cat "$err")"
good '' 0 status $first
says 'put the missing files back' "contimg run --group $group"
come_late failed
observation 'failed .*1 of 3 sub-bands'
good '' 0 status $first
says '2 late files' "contimg run --group $group"
good 'published' 0 run $model --group "$group"
grep -q "observation $first: 2 late files taken in: 3 of 3" "$err" || fail "not told: $(cat "$err")"
observation 'completed .*3 of 3 sub-bands$'
grep -q '^file ' "$out" && fail "files that are used: $(cat "$out")"
made failed 'p["is_degraded"] is False'
[ "$(grep -ac 'knows .* of the data' "$err")" = 0 ] || fail "tables of fewer channels: $(cat "$err")"

# Named by a person: the same, and the group of the scan is made of all of it.
site named 0 1
come_late named
good 'published' 0 run $model named/in/${first}_*
observation 'completed .*3 of 3 sub-bands$'
grep -q '^file ' "$out" && fail "files that are used: $(cat "$out")"
good 'published' 0 run $model --group "$group"
made named 'p["is_degraded"] is False'
n_whole=$(sqlite3 named/state/products.sqlite3 "SELECT count(*) FROM tiles WHERE status='passed' AND is_degraded=0")
[ "$n_whole" = 2 ] || fail "whole tiles: $n_whole"

# One that an earlier version, or a smaller minimum, let pass: still too few.
site before 0 1
sqlite3 before/state/ingest.sqlite3 "UPDATE ingest_queue SET state='completed',is_ready=1 WHERE group_id='$first'"
bad 7 '1 of 2 tiles passed, 2 needed' 0 run $model --group "$group"
[ -z "$(find before/products -name mosaic.fits)" ] || fail "published of one sub-band of three"

# ---- one that was imaged ---------------------------------------------------------------------------
site short 0
good 'DEGRADED: ' 0 run $model
made short 'p["is_degraded"] is True and "sub-bands are missing in 1 tile" in p["degraded_why"]'
head -c 57600 short/products/*/"$group"/mosaic.fits | LC_ALL=C fold -b -w 80 |
  grep -aq "^DEGRADED= 'sub-bands are missing in 1 tile" || fail "mosaic.fits does not say so"
grep -q 'lacks sub-bands' short/state/reports/*/summary.txt || fail "nor its report: $(cat short/state/reports/*/summary.txt)"
come_late short
good '' 0 status $first
says '1 late file' "contimg run --group $group --remake"
good '' 0 run $model --group "$group"
observation 'completed .*2 of 3 sub-bands'
made short 'p["is_degraded"] is True'
good 'published' 0 run $model --group "$group" --remake
observation 'completed .*3 of 3 sub-bands$'
made short 'p["is_degraded"] is False'
head -c 57600 short/products/*/"$group"/mosaic.fits | LC_ALL=C fold -b -w 80 | grep -aq "^DEGRADED" &&
  fail "mosaic.fits is called DEGRADED still"

# ---- tables of fewer channels ------------------------------------------------------------------------
good '' 0 calibrate sim/${first}_sb02.hdf5 $model --out one
good 'DEGRADED: channels are lost in 1 tile: ' 0 run sim/${second}_* --cal one
says 'the bandpass table knows 4 of 12 channels'
tile=$(find short/staging/tiles -name tile.json -path "*$second*")
grep -q 'knows 4 of 12 channels' "$tile" || fail "the tile does not say so: $(cat "$tile")"
good 'the bandpass table knows 4 of 12 channels' 0 run sim/${second}_* --cal one
echo "late files are taken in by name, and what is made of too little is refused, or DEGRADED"

#!/usr/bin/env bash
# ci-test: timeout=600 cost=40
# Neighbouring groups share tiles: two runs at once, with different options, each make their own
# mosaic as if alone. A group that the machine failed is made by the next run; one that has no
# calibration waits for it; of one whose data failed it is said.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
export CONTIMG_EXPECTED_SUBBANDS=4 CONTIMG_MIN_SUBBANDS=3
simulate --out sim --sub-bands 4 --tiles 4 --random 3
model="--model sim/truth-calibrator.csv"
options="$model --size 128 --cell-arcsec 25 --disk-critical-gb 0 --disk-warn-gb 0"
tiles() { for time in "$@"; do ls sim/"$time"*; done; }
early=$(tiles 2026-01-25T00:00:10 2026-01-25T00:01:01 2026-01-25T00:01:53)
late=$(tiles 2026-01-25T00:01:01 2026-01-25T00:01:53 2026-01-25T00:02:44)
places() { echo "--state-dir $1/state --output-dir $1/staging --products-dir $1/products"; }
content() { (cd "$1" && for f in mosaic noise weight; do fits_cards $f.fits; done; sha256sum sources.csv); }

# ---- tiles in common -------------------------------------------------------------------------
good 'published: ' 0 run $early $options --niter 300 $(places a)
good 'published: ' 0 run $late $options --niter 50 --robust 1 $(places b)
first=$(basename a/products/*/*) second=$(basename b/products/*/*)
waits=0
for round in $(seq 10); do
  [ "$round" -le 3 ] || [ $waits = 0 ] || break
  rm -rf both
  # Which of the two is first, and by how much, is left to chance.
  timeout -k 10 300 "$contimg" run $early $options --niter 300 $(places both) >1.out 2>1.err &
  one=$!
  sleep 0.$((RANDOM % 6))
  timeout -k 10 300 "$contimg" run $late $options --niter 50 --robust 1 $(places both) >2.out 2>2.err &
  two=$!
  wait $one || fail "early of two at once: exit $?: $(tail -n 3 1.err)"
  wait $two || fail "late of two at once: exit $?: $(tail -n 3 2.err)"
  waits=$((waits + $(cat 1.err 2.err | grep -c 'tile .* is in use by .*: waiting')))
  [ "$(content both/products/2026-01-25/$first)" = "$(content a/products/2026-01-25/$first)" ] ||
    fail "early of two at once: another mosaic"
  [ "$(content both/products/2026-01-25/$second)" = "$(content b/products/2026-01-25/$second)" ] ||
    fail "late of two at once: another mosaic"
done
[ $waits -gt 0 ] || fail "no run waited for the other"

# ---- from an input folder ----------------------------------------------------------------------
mkdir in
cp $early in/
touch -d '5 minutes ago' in/*
arrived() { echo "--input-dir in --group-size 3 --group-overlap 1 $(places "$1")"; }
# Without tables the group waits, and is taken meanwhile by name only; a model that is not in its
# beam is no reason to fail.
few='--size 128 --cell-arcsec 25 --disk-critical-gb 0'
echo 'name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index
far,200,-30,9,1.4e9,0' >far.csv
bad 6 'far.csv is in the beam of any tile; and: no bandpass table' 0 run $(arrived waits) $few --model far.csv
good '1 group waits; the first, ' 0 run $(arrived waits) $few
good 'n_group' 0 plan --json $(arrived waits) $few
grep -q '"n_group":[[:space:]]*0' "$out" || fail "a group that waits is planned: $(cat "$out")"
good 'published: ' 0 run $(arrived waits) $options --niter 300 --group "$first"
[ "$(content waits/products/2026-01-25/*)" = "$(content a/products/2026-01-25/*)" ] ||
  fail "after runs without tables: another mosaic"

# Made with borrowed tables, DEGRADED; made again by name when there is a model: a new version, which
# takes the place of the first.
mkdir -p again/state
cp waits/state/cal_registry.sqlite3 again/state/
sqlite3 again/state/cal_registry.sqlite3 "UPDATE caltables SET time_mjd_s=time_mjd_s-36000,
  valid_start_mjd=valid_start_mjd-0.4,valid_end_mjd=valid_end_mjd-0.4"
cp -r again strict
cp -r again near
bad 6 'no gain table' 0 run $(arrived near) $few --niter 300 --cal-borrow-hours 9
bad 7 'which --strict refuses' 0 run $(arrived strict) $few --niter 300 --strict
[ -z "$(ls strict/products)" ] || fail "--strict: published with borrowed tables"
good 'DEGRADED: borrowed' 0 run $(arrived again) $few --niter 300
# gains KIND: of the published mosaic's header and of its tiles'.
gains() {
  local file
  for file in again/products/2026-01-25/$first/mosaic.fits again/staging/tiles/*/image.fits; do
    head -c 28800 "$file" | grep -aqE "GAINS   = '$1 *'" && continue
    fail "$file: its header does not say that the gains are $1"
  done
}
gains borrowed
grep -q 'Calibration: borrowed' again/state/reports/*/report.html || fail "no report says that the gains are borrowed"
# However old it is.
bad 7 'the product is DEGRADED and --strict is given' 0 run $(arrived again) $few --niter 300 --strict --group "$first"
degraded=$(sha256sum again/products/2026-01-25/$first/*)
bad 3 'was published before with another result' 0 run $(arrived again) $options --group "$first"
[ "$degraded" = "$(sha256sum again/products/2026-01-25/$first/*)" ] || fail "a published product changed"
bad 2 'give the group' 0 run $(arrived again) $options --remake
good 'published: ' 2 run $(arrived again) $options --niter 300 --group "$first" --remake
grep -q DEGRADED "$out" && fail "made again with its own gains: $(cat "$out")"
head -c 28800 again/products/2026-01-25/$first/mosaic.fits | grep -aq "GAINS   = 'own " || fail "own gains: no such card"
[ "$(content again/products/2026-01-25/$first)" = "$(content a/products/2026-01-25/$first)" ] ||
  fail "made again by name: another mosaic than with a model at once"
good 'published: ' 2 run $(arrived again) $options --niter 300 --group "$first" --remake
python3 - again "$first" <<'END' || fail "JSON of a product made twice again"
import glob, json, sys
def once(pairs):
    names = [name for name, value in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)
found = {path: json.load(open(path), object_pairs_hook=once)
         for path in glob.glob(sys.argv[1] + "/**/*.json", recursive=True)}
provenance = found["%s/products/2026-01-25/%s/provenance.json" % tuple(sys.argv[1:])]["metadata"]
assert provenance["product_version"] == 3, provenance
assert isinstance(provenance["version"], str), provenance
assert any("report.json" in path for path in found) and any("tile.json" in path for path in found), found
END
[ "$(ls again/products/2026-01-25)" = "$first" ] || fail "left: $(ls again/products/2026-01-25)"

mkdir small
if as_root mount -t tmpfs -o size=200k none small 2>/dev/null; then
  full="--input-dir in --group-size 3 --group-overlap 1 --state-dir full/state
    --output-dir small/staging --products-dir full/products $options --niter 300"
  bad 5 'small/' 0 run $full
  as_root mount -o remount,size=100m small || fail "remount"
  good 'published: ' 2 run $full
  [ "$(content full/products/2026-01-25/*)" = "$(content a/products/2026-01-25/*)" ] ||
    fail "after a full disk: another mosaic"
  # A machine that fails a group again and again keeps no others from being made: it waits.
  as_root mount -o remount,size=200k small 2>/dev/null
  rm -rf full small/*
  as_root umount small
  as_root mount -t tmpfs -o size=200k none small || fail "mount"
  for _ in 1 2 3; do
    bad 5 'small/' 0 run $full
  done
  good '1 group waits' 0 run $full
  as_root mount -o remount,size=100m small || fail "remount"
  good 'published: ' 0 run $full --group "$first"
  as_root umount small
else
  echo "skipped: no right to mount a small tmpfs, a full disk is not tried"
fi

# Data that are no good fail their group; put right, it is made when asked for.
lost="$(arrived lost) $options --niter 300"
good 'pending' 0 group $(arrived lost)
mkdir away
mv in/2026-01-25T00:01:01_sb0* away/ # of one tile; where all are away, the disk is: cli/test_input_away
bad 3 'No such file' 0 run $lost
good '1 group failed' 0 run $lost
mv away/* in/
good '1 group failed' 0 run $lost
good 'published: ' 2 run $lost --group "$first"
[ "$(content lost/products/2026-01-25/*)" = "$(content a/products/2026-01-25/*)" ] ||
  fail "after files were lost and found: another mosaic"
echo "groups: tiles in common, failed by the machine, by its data, without tables"

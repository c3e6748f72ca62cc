#!/usr/bin/env bash
# ci-test: timeout=600 cost=30
# contimg run: missing sub-bands, more ranks than channels, another time zone, the report's uv
# points at 1 to 4 ranks.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
simulate --out sim --random 3
model="--model sim/truth-calibrator.csv"
image="--size 96 --cell-arcsec 25 --niter 100"
places() { echo "--state-dir $1/state --output-dir $1/staging --products-dir $1/products"; }

# ---- missing sub-bands ----------------------------------------------------------------------
for ranks in 0 2; do
  good 'DEGRADED' $ranks run sim/*sb0[0-46-9].hdf5 sim/*sb1*.hdf5 $model $image $(places d$ranks)
  grep -q '^published: ' "$out" || fail "one sub-band missing: not published: $(cat "$out")"
  bad 7 '--strict' $ranks run sim/*sb0[0-46-9].hdf5 sim/*sb1*.hdf5 $model $image --strict \
    $(places s$ranks)
  bad 3 '11 of 16 sub-bands' $ranks run sim/*sb0*.hdf5 sim/*sb10.hdf5 $model $image $(places few)
done
grep -q 'missing: sb11, sb12, sb13, sb14, sb15' "$err" || fail "the missing are not named: $(own_lines)"
good 'published: ' 0 run sim/*sb0*.hdf5 sim/*sb1[01].hdf5 $model $image $(places twelve)
grep -q DEGRADED "$out" || fail "12 of 16 are not called DEGRADED"
good 'published: ' 0 run sim/*.hdf5 $model $image $(places all)
grep -q DEGRADED "$out" && fail "16 of 16 are called DEGRADED: $(cat "$out")"
page=$(echo all/state/reports/*/report.html)
# The tile that is solved on is read and flagged once, and imaged as one that is read for it.
for step in read flag; do
  [ "$(grep -cE " INFO +$step +2026" "$err")" = 1 ] || fail "$step: not once: $(own_lines)"
done
datasum() { fits_cards "$1" | grep '^DATASUM'; }
tables=$(echo all/state/caltables/*.gain.calh5)
for ranks in 0 2; do
  good 'published: ' $ranks run sim/*.hdf5 --cal "${tables%.gain.calh5}" $image $(places given$ranks)
  for name in mosaic noise weight; do
    [ "$(datasum all/products/*/*/$name.fits)" = "$(datasum given$ranks/products/*/*/$name.fits)" ] ||
      fail "$name: tables solved and tables given: other images"
  done
done
for part in 'alt=.mosaic' 'alt=.residual' 'bandpass amplitude' 'gain phase' 'by antenna' 'uv coverage' \
  'calibrate, s<' 'peak memory'; do
  grep -qE "$part" "$page" || fail "the report has no '$part'"
done

# Nothing was made: no product is called DEGRADED.
for ranks in 0 2; do
  bad 7 '0 of 1 tile passed' $ranks run sim/*.hdf5 $model $image --qa-img-min-dynamic-range 1e9 \
    $(places none$ranks)
  grep -q DEGRADED "$out" && fail "nothing was made, and it is called DEGRADED: $(cat "$out")"
done

# ---- ranks, time zone -------------------------------------------------------------------------------
same() { diff <(fits_cards "$1") <(fits_cards "$2") || fail "$1 and $2 differ"; }
"$runner" 0 "$sim" --out few --stations 12 --channels 2 --sub-bands 1 --integrations 2 \
  --calibrator 5 --sefd 0 >/dev/null 2>&1 || fail "contimg-sim few"
good 'few1.image.fits' 1 image few/*.hdf5 --size 64 --cell-arcsec 8 --niter 0 --out few1
good 'few7.image.fits' 7 image few/*.hdf5 --size 64 --cell-arcsec 8 --niter 0 --out few7
same few1.image.fits few7.image.fits
TZ=America/Los_Angeles good 'published: ' 0 run sim/*.hdf5 $model $image $(places zone)
diff <(cd all/products && ls -R) <(cd zone/products && ls -R) || fail "another time zone: other names"
for name in mosaic noise weight; do same all/products/*/*/$name.fits zone/products/*/*/$name.fits; done
cmp all/products/*/*/sources.csv zone/products/*/*/sources.csv || fail "another time zone: sources"
grep -q ' 2026-01-25T00:00:10 ' "$err" || fail "another time zone: $(grep -m1 read "$err")"

# ---- where time goes -----------------------------------------------------------------------------
record=$(tr -d '[:space:]' <"$(echo all/state/reports/*/report.json)")
imaging=$(grep -oE '"name":"image","n_rank".*' <<<"$record") || fail "no timer of imaging in the report"
for part in grid degrid FFT minorcycle; do
  grep -qE "\"name\":\"$part\",\"n_rank\":[1-9]" <<<"$imaging" || fail "no timer '$part' inside imaging"
done
grep -qE '"isa":"(plain|avx2|avx512)"' <<<"$record" || fail "the report names no instruction set"
grep -q 'where time goes' "$page" || fail "the page has no table of timers"

# ---- contimg report: the same pages again, from report.json alone ----------------------------------------
run=$(basename "$(dirname "$page")")
for name in report.html summary.txt; do mv "${page%/*}/$name" "first.$name"; done
good "$page" 0 report "$run" --state-dir all/state
for name in report.html summary.txt; do
  cmp "first.$name" "${page%/*}/$name" || fail "contimg report wrote another $name"
done
json=${page%/*}/report.json
cp "$json" whole.json
sed -i 's/"groups"/"group"/' "$json"
bad 3 'report.json: content_sha256' 0 report "$run" --state-dir all/state
cmp first.report.html "$page" || fail "a report.json that was changed changed its page"
mv whole.json "$json"
bad 2 'no run given' 0 report --state-dir all/state
bad 2 'is no run' 0 report "../reports/$run" --state-dir all/state
bad 3 "run absent: $folder/all/state/reports has no folder of this name" 0 report absent --state-dir all/state

# ---- the report's uv points ---------------------------------------------------------------------------
# Two sub-bands of 66 baselines and 12 autocorrelations, 24 times: a third and a fourth rank split
# the baselines. 3744 rows are thinned to half of the 3168 that are no autocorrelations.
simulate --out uv --sub-bands 2 --channels 2 --integrations 24
points() { tr -d "[:space:]" <"$(echo "$1"/state/reports/*/report.json)" | grep -oE "\"$2\":\[[^]]*\]"; }
for ranks in 1 2 3 4; do
  good 'staged: ' $ranks run uv/*.hdf5 --expected-subbands 2 --min-subbands 2 --model uv/truth-calibrator.csv \
    $image --no-publish $(places uv$ranks)
  for axis in u_lambda v_lambda; do
    points uv$ranks $axis >uv$ranks.$axis
    cmp uv1.$axis uv$ranks.$axis || fail "$axis: other points at $ranks ranks than at one"
    n=$(tr -cd , <uv$ranks.$axis | wc -c)
    [ "$n" -gt 1400 ] && [ "$n" -lt 1800 ] || fail "$axis: $n points at $ranks ranks"
  done
done
echo "run: missing sub-bands, the report's uv points at 1 to 4 ranks, 7 ranks on 2 channels, another time zone"

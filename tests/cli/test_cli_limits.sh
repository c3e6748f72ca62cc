#!/usr/bin/env bash
# ci-test: timeout=600
# Quality limits that are set looser than their defaults, wherever that is done: one warning each,
# and named by everything that was judged by them: tables, headers of tiles and mosaic,
# provenance and report. Limits that are tighter, or at their default, are not.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
simulate --out sim --sub-bands 2 --tiles 2 --calibrator-tile 0
few="--expected-subbands 2 --min-subbands 2 --size 96 --cell-arcsec 25 --niter 100"
model="--model sim/truth-calibrator.csv"
first="sim/2026-01-25T00:00:10_sb00.hdf5 sim/2026-01-25T00:00:10_sb01.hdf5"
places() { echo "--state-dir $1/state --output-dir $1/staging --products-dir $1/products"; }

# relaxed N: as many warnings of the last command, one a limit.
relaxed() {
  local lines
  lines=$(grep -a 'WARNING .*is looser than its default' "$err" | grep -oaE -e '--qa-[a-z-]*')
  [ "$(grep -c . <<<"$lines")" = "$1" ] || fail "$tried: not $1 warnings: $lines"
  [ -z "$(sort <<<"$lines" | uniq -d)" ] || fail "$tried: warned twice: $lines"
}
cards() { fits_cards "$1" | grep -a '^QARELAX' | cut -d"'" -f2 | sed 's/ *$//'; }
# named FILE TEXT...: the limits in the header of an image, in order, these and no others.
named() {
  local file=$1
  shift
  [ "$(cards "$file")" = "$([ $# = 0 ] || printf '%s\n' "$@")" ] ||
    fail "$file: relaxed limits $(cards "$file")"
}
plain() { tr -d '[:space:]' <"$1"; }
# holds FILE TEXT: what JSON says, blanks aside.
holds() { plain "$1" | grep -qF -- "$(tr -d '[:space:]' <<<"$2")" || fail "$1: no $2"; }

# ---- calibrate ----------------------------------------------------------------------------------
printf 'CONTIMG_QA_CAL_MAX_PHASE_SCATTER=90.0\nCONTIMG_QA_IMG_MIN_PEAK_SNR=1\n' >relaxed.env
for ranks in 0 2; do
  CONTIMG_QA_CAL_MIN_AMP=0.01 good "--qa-cal-min-amp 0.01 (environment) is looser than its default 0.1" \
    $ranks calibrate $first $model --out out/c --config relaxed.env --qa-cal-max-amp 9 \
    --qa-cal-max-flagged 0.3
  relaxed 2 # images are not judged here
  grep -aqF -- '--qa-cal-max-phase-scatter 90.0 (relaxed.env:1) is looser than its default 30' "$err" ||
    fail "$tried: the file's limit is not said"
  for table in bandpass gain; do
    good 'Limits relaxed: qa-cal-min-amp 0.01 (0.1), qa-cal-max-phase-scatter 90 (30). ' 0 \
      inspect --json out/c.$table.calh5
  done
done
good 'out/d.gain.calh5' 0 calibrate $first $model --out out/d --qa-cal-max-amp 9
relaxed 0
good '"history":' 0 inspect --json out/d.gain.calh5
grep -q relaxed "$out" && fail "no limit is relaxed: $(cat "$out")"

# ---- run ------------------------------------------------------------------------------------------
good 'published: ' 0 run $first $few $model $(places strict) --qa-img-max-noise-ratio 2.5 \
  --qa-img-min-peak-snr 6
relaxed 0
named strict/staging/tiles/*/image.fits
named strict/products/*/*/mosaic.fits
holds strict/state/reports/*/report.json '"relaxed":[]'
holds strict/products/*/*/provenance.json '"relaxed":[]'
for ranks in 0 2; do
  CONTIMG_QA_MS_MAX_FLAGGED=0.9 good 'published: ' $ranks run $first $few $model $(places run$ranks) \
    --config relaxed.env --qa-img-max-noise-ratio 5 --qa-cal-min-amp 0.2
  relaxed 3 # qa-ms-max-flagged only warns
  for file in run$ranks/staging/tiles/*/{image,pbcor,residual}.fits \
    run$ranks/products/*/*/{mosaic,noise,weight}.fits; do
    named "$file" 'qa-cal-max-phase-scatter 90 (30)' 'qa-img-min-peak-snr 1 (5)' 'qa-img-max-noise-ratio 5 (3)'
  done
  for json in run$ranks/state/reports/*/report.json run$ranks/products/*/*/provenance.json; do
    holds "$json" '"relaxed":[{"name":"qa-cal-max-phase-scatter","value":90,"default":30,"origin":"relaxed.env:1"},
{"name":"qa-img-min-peak-snr","value":1,"default":5,"origin":"relaxed.env:2"},
{"name":"qa-img-max-noise-ratio","value":5,"default":3,"origin":"commandline"}]'
  done
  holds run$ranks/state/reports/*/report.json \
    '--qa-img-max-noise-ratio 5 (command line) is looser than its default 3'
  [ "$(grep -c 'is looser than its default' run$ranks/state/reports/*/log.jsonl)" = 3 ] ||
    fail "run$ranks: not three lines in its log"
  good 'Limits relaxed: qa-cal-max-phase-scatter 90 (30). ' 0 inspect --json \
    run$ranks/state/caltables/*.gain.calh5
done
# Tables that were not solved here are not judged here.
good 'staged: ' 0 run $first $few --cal out/d $(places given) --no-publish --config relaxed.env
named given/staging/tiles/*/image.fits 'qa-img-min-peak-snr 1 (5)'
named given/staging/mosaics/*/mosaic.fits 'qa-img-min-peak-snr 1 (5)'
good '' 0 publish --recover $(places given) --config relaxed.env
relaxed 2
# By what a product was let through stands beside it on the terminal, without a log.
staged=$(ls given/staging/mosaics)
good "$staged: published" 0 publish --id $staged $(places given) --config relaxed.env
grep -qxF 'judged by relaxed limits: qa-img-min-peak-snr 1 (5)' "$out" ||
  fail "relaxed limits are not said on the terminal: $(cat "$out")"
good "$staged: published before" 0 publish --id $staged $(places given) --config relaxed.env
grep -q relaxed "$out" && fail "nothing was judged: $(cat "$out")"

# ---- tiles used again -------------------------------------------------------------------------------
# A tile that passed by relaxed limits is not taken for one that passed by those of this run; one
# that passed by the defaults is.
both="run sim/*.hdf5 $few $model"
good 'tile 2026-01-25T00:00:10 is made again: other quality limits' 0 $both $(places run0)
named run0/staging/tiles/2026-01-25T00:00:10/image.fits
named "$(ls -t run0/products/*/*/mosaic.fits | head -n 1)"
good 'tile 2026-01-25T00:00:10: made before with the same options, used again' 0 $both \
  $(places strict) --qa-img-max-noise-ratio 5
named strict/staging/tiles/2026-01-25T00:00:10/image.fits
second=$(find strict/staging/tiles -mindepth 1 -maxdepth 1 -not -name 2026-01-25T00:00:10)
named "$second/image.fits" 'qa-img-max-noise-ratio 5 (3)'
named "$(ls -t strict/products/*/*/mosaic.fits | head -n 1)" 'qa-img-max-noise-ratio 5 (3)'
echo "relaxed limits: said once, and named by tables, tiles, mosaics, provenance and report"

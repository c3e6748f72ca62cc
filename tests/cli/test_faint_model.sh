#!/usr/bin/env bash
# ci-test: timeout=300
# contimg run --model with no source that a calibrator would have to be as bright as: the registry's tables of a
# calibrator set the flux scale; where there are none it is solved on the model, which is said, and its tables give
# way to a calibrator's.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
make() { # folder, start
  "$runner" 0 "$sim" --out "$1" --stations 12 --channels 2 --integrations 2 --calibrator 5 --sefd 100 \
    --units raw --gain-phase random --sub-bands sb14,sb15 --start "$2" >/dev/null 2>&1 || fail "contimg-sim $1"
}
make cal 2026-01-25T00:00:10
make data 2026-01-25T00:12:10
make later 2026-01-25T00:17:00
# The source of 5 Jy, listed at 1.5.
awk -F, -v OFS=, '/^name/ {print; next} !/^#/ {$4 *= 0.3; print}' data/truth-calibrator.csv >faint.csv
grep -q ',1.5,' faint.csv || fail "faint.csv: $(cat faint.csv)"
options="--expected-subbands 2 --min-subbands 2 --size 64 --cell-arcsec 25 --niter 50"
places() { echo "--state-dir $1/s --output-dir $1/o --products-dir $1/p"; }
# flux FOLDER: of the brightest source of its only product, in Jy.
flux() { python3 -c 'import csv,sys; print(max(float(r["flux_jy"]) for r in csv.DictReader(open(sys.argv[1]))))' "$1"/p/*/*/sources.csv; }
gains() { fits_cards "$1/o/tiles/2026-01-25T00:12:10/image.fits" | grep '^GAINS '; }
# flux_is FOLDER LEAST MOST
flux_is() {
  python3 -c 'import sys; a, b, c = map(float, sys.argv[1:]); sys.exit(not b < a < c)' "$(flux "$1")" "$2" "$3" ||
    fail "$tried: $(flux "$1") Jy, not $2 to $3"
}
# No tables but a faint field's: solved on the model, and said.
for place in own again; do
  good '' 2 run data/*.hdf5 --model faint.csv $options $(places $place)
  grep -q "solved on its own faint field.* faint.csv, whose brightest source is seen at 1\.[0-9]* Jy" "$err" ||
    fail "$tried: no warning: $(cat "$err")"
  [[ "$(gains $place)" == *own* ]] || fail "$tried: $(gains $place)"
  [ $place = again ] || { mkdir -p again/s && cp own/s/cal_registry.sqlite3 again/s/; } || fail "cp"
done
flux_is own 1.4 1.6
# A calibrator's tables, of 12 minutes before, with it and without.
good 'published: ' 0 run cal/*.hdf5 --model cal/truth-calibrator.csv $options $(places good)
cp -r good more
good '' 2 run data/*.hdf5 --model faint.csv $options $(places good) --output-dir good/o --products-dir good/q
grep -q 'tables from the registry: the brightest of --model faint.csv is seen at 1' "$err" || fail "$tried: $(cat "$err")"
[[ "$(gains good)" == *transferred* ]] || fail "$tried: $(gains good)"
mkdir good/d && mv good/q good/d/p
flux_is good/d 4.75 5.25
# A bright model is solved on, whatever is registered.
good '' 0 run data/*.hdf5 --model data/truth-calibrator.csv $options $(places more)
[[ "$(gains more)" == *own* ]] || fail "$tried: $(gains more)"
# Later data without a model: the calibrator's tables, though those of the faint field are nearer.
good 'published: ' 0 run cal/*.hdf5 --model cal/truth-calibrator.csv $options $(places own)
good '' 2 run later/*.hdf5 $options $(places own)
grep -qE 'T00:00:10.*bandpass.calh5: bandpass, 1 time' "$err" || fail "$tried: another bandpass: $(grep calh5 "$err")"
grep -qE 'T00:00:10.*gain.calh5: gains' "$err" || fail "$tried: other gains: $(grep calh5 "$err")"
echo "the flux scale is a calibrator's, where one is registered"

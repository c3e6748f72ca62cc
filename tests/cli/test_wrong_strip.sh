#!/usr/bin/env bash
# ci-test: timeout=300 cost=10
# Tables that --cal names: of another declination than where the dishes of the data look they are refused by one line with
# both, unless --cal-any-dec says so; of the same strip of 5 degrees they are used, as those that do not say where they are of.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
make() { # folder, declination
  "$runner" 0 "$sim" --out "$1" --stations 12 --channels 2 --integrations 2 --sefd 100 --units raw --gain-phase random \
    --sub-bands sb14,sb15 --calibrator 5 --dec "$2" >/dev/null 2>&1 || fail "contimg-sim $1"
}
options="--size 128 --cell-arcsec 12 --niter 50"
make here 16.15
make near 20.9
make far 21.5
good '' 0 calibrate here/*.hdf5 --model here/truth-calibrator.csv --out cal
for kind in bandpass gain; do
  bad 3 "cal.$kind.calh5: its $( [ $kind = gain ] && echo gains || echo bandpass ) was solved at declination 16.1 deg, the data are at 21.5, more than 5 deg away" 0 \
    image far/*.hdf5 --cal cal.$kind.calh5 --out image $options
  grep -q -e '--cal-any-dec' "$err" || fail "$tried: no way out is named"
done
bad 3 'declination 16.1 deg, the data are at 21.5' 2 run far/*.hdf5 --cal cal $options --expected-subbands 2 --min-subbands 2 \
  --state-dir s --output-dir o --products-dir p
good '' 0 image far/*.hdf5 --cal cal --out image $options --cal-any-dec
good '' 0 image near/*.hdf5 --cal cal --out image $options

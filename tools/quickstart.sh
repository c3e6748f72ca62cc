#!/usr/bin/env bash
# quickstart.sh: from nothing to a published mosaic. Installs what is missing (apt-get), builds,
# simulates a small DSA-110 group with a known sky, runs contimg on it under mpirun, and
# compares the source list with the truth. Everything it makes lies in build/.
set -eu
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: tools/quickstart.sh [--ranks N] [--seed N] [--simulate-only]
  --ranks N         MPI ranks [2]
  --seed N          of the simulated sky, gains and noise [1]
  --simulate-only   stop before contimg runs
TEXT
}
ranks=2
seed=1
only_simulate=0
while [ $# -gt 0 ]; do
  case $1 in
    --ranks) ranks=${2:?"--ranks needs a number"}; shift ;;
    --seed) seed=${2:?"--seed needs a number"}; shift ;;
    --simulate-only) only_simulate=1 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

started=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - started)); }

step "packages"
tools/install_deps.sh

started=$SECONDS # the time told is that after installation
step "build"
cmake --preset release >/dev/null
cmake --build --preset release -- -j "$(env -u OMP_NUM_THREADS nproc)" | tail -n 1
bin=$PWD/build/release/bin
. tests/mpi.env
folder=$PWD/build/quickstart
rm -rf "$folder"
mkdir -p "$folder"
launch() { timeout -k 10 1500 mpirun -n "$ranks" "$@"; }

# 54 stations of the two arms (beam about 75 arcsec), 3 tiles of 309 s, 4 sub-bands of 12
# channels of 0.98 MHz; a bright calibrator in the middle tile, 180 sources apart from each
# other, random gains, delays and bandpasses, receiver noise, correlator units.
step "simulation"
stations=1,2,3,5,7,8,11,13,14,16,18,19,24,26,27,29,31,33,34,36,38,39,41,43,45,46,48,50,51
stations=$stations,68,69,70,72,73,75,76,78,79,81,82,84,85,87,88,90,91,93,94,96,97,99,100,101,102
launch "$bin/contimg-sim" --out "$folder/incoming" --stations $stations --sub-bands 6-9 \
  --channels 12 --fine 32 --tiles 3 --start 2026-01-25T04:00:00 --dec 33 --seed "$seed" \
  --calibrator 4 --random 180 --min-flux 0.03 --max-flux 0.25 --radius 1.1 --isolated 360 \
  --gain-phase random --gain-amp-rms 0.1 --bandpass-ripple 0.03 --delay-ns 10 --units raw
truth=$folder/incoming
[ $only_simulate = 0 ] || exit 0

# Its own configuration file, so that nothing of a deployed pipeline is read or touched.
for name in $(env | sed -n 's/^\(CONTIMG_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
mkdir -p "$folder"/{staging,state,products}
cat >"$folder/contimg.env" <<TEXT
CONTIMG_INPUT_DIR=$folder/incoming
CONTIMG_OUTPUT_DIR=$folder/staging
CONTIMG_STATE_DIR=$folder/state
CONTIMG_PRODUCTS_DIR=$folder/products
CONTIMG_EXPECTED_SUBBANDS=4
CONTIMG_MIN_SUBBANDS=3
TEXT
# Calibrated on the field as a survey would list it (fluxes to 5 %, the calibrator exact): with
# the calibrator alone, gains take up part of what lies along the arms of the array.
step "contimg run"
launch "$bin/contimg" run "$folder"/incoming/*.hdf5 --config "$folder/contimg.env" \
  --model "$truth/truth-catalogue.csv"

sources=$(find "$folder/products" -name sources.csv | sort | tail -n 1)
report=$(find "$folder/state/reports" -name report.html | sort | tail -n 1)
if [ -z "$sources" ] || [ -z "$report" ]; then
  echo "quickstart.sh: contimg run ended well but published nothing under $folder/products" >&2
  exit 70
fi
product=$(dirname "$sources")

step "found against true"
code=0
"$bin/contimg-compare" --product "$product" --truth "$truth/truth.csv" || code=$?

step "done"
picture=$(find "$product" -name '*.png' | sort | head -n 1)
printf '%-12s %s\n' "mosaic" "$product/mosaic.fits" "picture" "$picture" "sources" "$sources" \
  "report" "$report" "true sky" "$truth/truth.csv"
exit $code

#!/usr/bin/env bash
# ci-test: timeout=600
# contimg plan's memory against what a run takes: not below the resident or the counted peak of
# any rank, and not above twice the resident one; for a tile that is mostly samples and one that
# is mostly pixels, at one and two ranks; while gains are solved for, and while a tile calibrates itself.
set -u
bin=$CONTIMG_BUILD/bin
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
fail() { echo "FAILED: $*" >&2; tail -n 15 "$folder/log" >&2; exit 1; }
for name in $(env | sed -n 's/^\(CONTIMG_[A-Z0-9_]*\)=.*/\1/p'); do
  case $name in CONTIMG_BUILD | CONTIMG_SOURCE | CONTIMG_TEST_*) ;; *) unset "$name" ;; esac
done
. "$CONTIMG_SOURCE/tests/mpi.env"
"$bin/contimg-sim" --out samples --stations 30 --sub-bands 6 --channels 48 --integrations 20 --dec 33 \
  --calibrator 12.7 --sefd 500 >log 2>&1 || fail "contimg-sim"
"$bin/contimg-sim" --out pixels --stations 12 --sub-bands 2 --channels 8 --integrations 4 --dec 33 \
  --calibrator 12.7 --sefd 500 >log 2>&1 || fail "contimg-sim"

# compare NAME SUB-BANDS RANKS OPTION...
compare() {
  local name=$1 n=$3
  rm -rf run
  mkdir -p run/state run/staging run/products
  printf 'CONTIMG_%s\n' OUTPUT_DIR=run/staging STATE_DIR=run/state PRODUCTS_DIR=run/products \
    "EXPECTED_SUBBANDS=$2" >contimg.env
  shift 3
  export CONTIMG_CONFIG=contimg.env
  "$bin/contimg" plan "$name"/*.hdf5 --ranks "$n" --json "$@" >plan.json 2>log || fail "plan"
  python3 - "$n" "$bin/contimg" run "$name"/*.hdf5 "$@" <<'END' || fail "$name at $n ranks"
import glob, json, resource, subprocess, sys
n, run = sys.argv[1], sys.argv[2:]
code = subprocess.run(["timeout", "-k", "10", "200", "mpirun", "-n", n] + run,
                      stdout=open("log", "w"), stderr=subprocess.STDOUT).returncode
# The largest of all descendants that were waited for: a rank.
resident = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
assert code in (0, 7), code  # gates judge the picture, not the memory
report = json.load(open(glob.glob("run/state/reports/*/report.json")[0]))
plan = json.load(open("plan.json"))
counted, planned = max(report["memory_peak_bytes"]), plan["memory_per_rank_bytes"]
print("%8.0f samples, %4d pixels a side, %s ranks: planned %3.0f MB a rank, counted %3.0f, resident %3.0f"
      % (plan["n_sample"], plan["image_size"], n, planned / 1e6, counted / 1e6, resident / 1e6))
assert len(report["memory_peak_bytes"]) == int(n)
made = report["groups"][0]["tiles"][0]["image"]["n_x"]
assert abs(plan["image_size"] - made) <= 0.03 * made, (plan["image_size"], made)
assert counted <= resident <= planned <= 2 * resident
END
}
# The size is the plan's to find out, within 3 %: a small field of large dishes.
compare samples 6 1 --calibrated --niter 5 --beam airy:30
compare samples 6 2 --calibrated --niter 5 --beam airy:30
compare pixels 2 1 --calibrated --niter 5 --size 1300 --cell-arcsec 10
compare pixels 2 2 --calibrated --niter 5 --size 1300 --cell-arcsec 10
# Gains are solved for: the sums of that are the most at once.
compare samples 6 2 --model samples/truth-calibrator.csv --niter 5 --size 256 --cell-arcsec 30
# Visibilities stay while a tile that calibrates itself is imaged.
compare samples 6 2 --calibrated --self-cal --niter 50 --size 512 --cell-arcsec 15

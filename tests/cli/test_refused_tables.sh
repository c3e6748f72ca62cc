#!/usr/bin/env bash
# ci-test: timeout=300
# Tables that a run solved on a tile whose image the quality gates refuse are failed in the registry, with the
# reason: later runs take others, or wait. A refused tile that they were not solved on leaves them as they are. A tile
# whose noise is near the limit is warned of.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
make() { # folder, start, option...
  local out=$1 start=$2
  shift 2
  "$runner" 0 "$sim" --out "$out" --stations 12 --channels 2 --integrations 2 --calibrator 5 --sefd 100 \
    --units raw --gain-phase random --sub-bands sb14,sb15 --start "$start" "$@" >/dev/null 2>&1 || fail "contimg-sim $out"
}
make cal 2026-01-25T00:00:10
make data 2026-01-25T00:12:10
make pair 2026-01-25T00:20:10 --tiles 2 --tile-step 1500
options="--expected-subbands 2 --min-subbands 2 --size 64 --cell-arcsec 25 --niter 50"
places() { echo "--state-dir $1/s --output-dir $1/o --products-dir $1/p"; }
# states FOLDER: how many tables are in each state.
states() { sqlite3 "$1/s/cal_registry.sqlite3" 'SELECT status, count(*) FROM caltables GROUP BY status ORDER BY status' | tr '\n' ' '; }
for ranks in 0 2; do
  bad 7 '0 of 1 tile passed' $ranks run cal/*.hdf5 --model cal/truth-calibrator.csv $options \
    --qa-img-min-dynamic-range 1e9 $(places r$ranks)
  grep -q 'WARNING tile 2026-01-25T00:00:10: the tables that were solved on it are failed.*dynamic' "$err" ||
    fail "$tried: not told: $(cat "$err")"
  [ "$(states r$ranks)" = 'failed|2 ' ] || fail "$tried: $(states r$ranks)"
  table=$(sqlite3 r$ranks/s/cal_registry.sqlite3 'SELECT path FROM caltables LIMIT 1')
  good 'its tile was refused' 0 status "$table" --state-dir r$ranks/s
  bad 6 'no bandpass table is registered for this time' $ranks run data/*.hdf5 $options $(places r$ranks)
done
# Solved again and not refused, they are taken.
good '' 0 run cal/*.hdf5 --model cal/truth-calibrator.csv $options $(places r2)
[ "$(states r2)" = 'active|2 failed|2 ' ] || fail "$tried: $(states r2)"
good '' 0 run data/*.hdf5 $options $(places r2)
# Noise above half the limit passes, with a warning; below it without.
ratio=$(python3 -c 'import json, sys
print(*[g["value"] for g in json.load(open(sys.argv[1]))["gates"] if g["gate"] == "noise"])' r2/o/tiles/2026-01-25T00:00:10/tile.json)
for factor in 1.6 2.4; do
  limit=$(python3 -c 'import sys; print(float(sys.argv[1]) * float(sys.argv[2]))' "$ratio" $factor)
  good 'published: ' 2 run cal/*.hdf5 --model cal/truth-calibrator.csv $options --qa-img-max-noise-ratio "$limit" $(places n$factor)
  grep -c 'WARNING tile 2026-01-25T00:00:10: noise: rms .* x thermal' "$err" >count
  [ "$(cat count)" = "$([ $factor = 1.6 ] && echo 1 || echo 0)" ] || fail "$tried: $(cat count) warnings, ratio $ratio: $(cat "$err")"
done
# The second tile, without a source, is refused; the tables are the first one's.
good '1 of 2 tiles' 2 run pair/*.hdf5 --model pair/truth-calibrator.csv $options $(places pair)
[ "$(states pair)" = 'active|2 ' ] || fail "$tried: $(states pair)"
echo "tables of a refused tile are failed"

#!/usr/bin/env bash
# ci-test: timeout=300
# contimg run with what does not fit the data: a --model of another declination, a calibrator that is resolved and listed
# as a point, a set of gains alone in the registry. And what fits: a tile whose image lies across 0 h.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
make() { # folder, start, option...
  local out=$1 start=$2
  shift 2
  "$runner" 0 "$sim" --out "$out" --stations "${stations:-12}" --channels 2 --integrations 2 --sefd 100 --units raw --gain-phase random \
    --sub-bands sb14,sb15 --start "$start" "$@" >/dev/null 2>&1 || fail "contimg-sim $out"
}
options="--expected-subbands 2 --min-subbands 2 --size 128 --cell-arcsec 12 --niter 50"
places() { echo "--state-dir $1/s --output-dir $1/o --products-dir $1/p"; }
# columns FILE: of its sources, without what is said about them.
columns() { grep -v '^#' "$1"; }
make cal 2026-01-25T00:00:10 --calibrator 5
make data 2026-01-25T00:12:10 --calibrator 5

# The calibrator's right ascension, 20 degrees north of where the dishes look.
columns cal/truth-calibrator.csv | awk -F, -v OFS=, 'NR > 1 {$3 += 20} {print}' >north.csv
bad 7 'no source of --model north.csv is in the beam of any tile' 0 run cal/*.hdf5 --model north.csv $options $(places north) \
  --strict
[ -z "$(ls north/p 2>/dev/null)" ] || fail "$tried: a product"

# Nine points over two arcmin are the sky, one in their midst the model.
columns cal/truth-calibrator.csv | awk -F, -v OFS=, 'NR == 1 {print; next}
  {r = $2; d = $3; n = $1; for (i = -1; i <= 1; i++) for (j = -1; j <= 1; j++)
    {$1 = n i j; $2 = r + i / 60 / cos(d * 0.0174533); $3 = d + j / 60; $4 = 5 / 9; print}}' >spread.csv
make spread 2026-01-25T00:00:10 --sources spread.csv
for model in cal/truth-calibrator.csv spread.csv; do
  if [ $model = spread.csv ]; then
    good 'published: ' 2 run spread/*.hdf5 --model $model $options --niter 1000 --qa-img-max-noise-ratio 1000 $(places spread)
  else
    bad 7 'is this the right model' 2 run spread/*.hdf5 --model $model $options $(places point)
    [ -z "$(ls point/p 2>/dev/null)" ] || fail "$tried: a product"
  fi
done

# A double of 16 arcsec on longer baselines, and the point in its midst: every amplitude and phase of a gain is fine.
columns cal/truth-calibrator.csv | awk -F, -v OFS=, 'NR == 1 {print; next}
  {n = $1; d = $3; for (i = -1; i <= 1; i += 2) {$1 = n i; $3 = d + i * 8 / 3600; $4 = 2.5; print}}' >double.csv
stations=1,8,20,32,44,51,68,75,84,92,99,102 make double 2026-01-25T00:00:10 --sources double.csv
bad 7 'the limit is 2.0 % (--qa-cal-max-structure): give a model with its components' 2 run double/*.hdf5 \
  --model cal/truth-calibrator.csv $options $(places resolved)
[ -z "$(ls resolved/p 2>/dev/null)" ] || fail "$tried: a product"
good 'source against its model: fluxes off by' 0 calibrate double/*.hdf5 --model double.csv --out resolved/cal

# Gains alone, of one minute before the data, hide no bandpass of twelve minutes before.
good 'published: ' 0 run cal/*.hdf5 --model cal/truth-calibrator.csv $options $(places set)
gain=$(sqlite3 set/s/cal_registry.sqlite3 "SELECT path FROM caltables WHERE path LIKE '%.gain.calh5'")
cp "$gain" "${gain%.gain.calh5}-alone.gain.calh5" || fail "cp"
sqlite3 set/s/cal_registry.sqlite3 "INSERT INTO caltables(set_name,path,table_type,order_index,status,time_mjd_s,
  valid_start_mjd,valid_end_mjd,dec_rad,origin,created_at) SELECT 'alone',replace(path,'.gain.calh5','-alone.gain.calh5'),
  table_type,order_index,status,time_mjd_s+660,valid_start_mjd,valid_end_mjd,dec_rad,origin,created_at FROM caltables
  WHERE path = '$gain'" || fail "sqlite3"
good 'published: ' 2 run data/*.hdf5 $options $(places set)
grep -q -- '-alone.gain.calh5: gains' "$err" || fail "$tried: not the nearest gains: $(grep calh5 "$err")"
grep -qE 'T00:00:10.*bandpass.calh5: bandpass, 1 time' "$err" || fail "$tried: no bandpass: $(grep calh5 "$err")"

# Across 0 h: a calibrator on each side of it.
make zero 2026-01-24T23:37:08 --calibrator 5
ra=$(columns zero/truth-calibrator.csv | awk -F, 'NR == 2 {print $2}')
python3 -c 'import sys; d = float(sys.argv[1]); sys.exit(not (d > 359.7 or d < 0.3))' "$ra" || fail "centre at $ra degrees, not at 0"
columns zero/truth-calibrator.csv | awk -F, -v OFS=, 'NR == 1 {print; next}
  {n = $1; $1 = n "W"; $2 = 359.9; print; $1 = n "E"; $2 = 0.1; $4 = 3; print}' >sides.csv
make sides 2026-01-24T23:37:08 --sources sides.csv
good 'published: ' 2 run sides/*.hdf5 --model sides.csv $options --niter 1000 --qa-img-max-noise-ratio 1000 $(places sides)
python3 - sides/p/*/*/sources.csv <<'END' || fail "$tried: $(cat sides/p/*/*/sources.csv)"
import csv, sys
rows = {round(float(r["ra_deg"]), 1): float(r["flux_jy"]) for r in csv.DictReader(open(sys.argv[1])) if float(r["flux_jy"]) > 1}
sys.exit(not (set(rows) == {359.9, 0.1} and abs(rows[359.9] / 5 - 1) < 0.05 and abs(rows[0.1] / 3 - 1) < 0.05))
END
echo "what does not fit the data is refused"

# A reference antenna without data: said once, with the one that is taken, however often gains are solved for.
good 'published: ' 0 run cal/*.hdf5 --model cal/truth-calibrator.csv $options $(places reference) --ref-antenna 110,111 --self-cal
[ "$(grep -ac 'self-calibration: ' "$err")" -gt 2 ] || fail "$tried: no self-calibration"
[ "$(grep -ac 'none of the reference antennas "110,111" has data: [0-9]* is taken' "$err")" = 1 ] ||
  fail "$tried: reference antennas: $(grep -a 'reference antennas' "$err")"

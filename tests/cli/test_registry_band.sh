#!/usr/bin/env bash
# ci-test: timeout=300
# contimg run without --model: of the tables in the registry the nearest that knows the data's channels.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
make() { # folder, sub-bands, start
  "$runner" 0 "$sim" --out "$1" --stations 12 --channels 2 --integrations 2 --calibrator 5 --sefd 100 \
    --units raw --gain-phase random --sub-bands "$2" --start "$3" >/dev/null 2>&1 || fail "contimg-sim $1"
}
make low sb14,sb15 2026-01-25T00:00:10
make high sb0,sb1 2026-01-25T00:10:10
make data sb14,sb15 2026-01-25T00:12:10
options="--expected-subbands 2 --min-subbands 2 --size 64 --cell-arcsec 25 --niter 50"
folders="--state-dir s --output-dir o --products-dir p"
good 'published: ' 0 run low/*.hdf5 --model low/truth-calibrator.csv $options $folders
good 'published: ' 0 run high/*.hdf5 --model high/truth-calibrator.csv $options $folders
mkdir t u && cp -r s t/s && cp -r s u/s || fail "cp"
# Two minutes after the upper band's solution, twelve after its own.
good '' 0 run data/*.hdf5 $options $folders
grep -qE '00:10:10.*bandpass.calh5: passed over: it knows none of the 4 channels' "$err" ||
  fail "the other band's table is not passed over: $(own_lines)"
grep -qE '00:00:10.*bandpass.calh5: bandpass, 1 time.*4 channels of .*MHz, [0-9.]+ min from the data' "$err" ||
  fail "the table that is used, its times, channels and age are not told: $(cat "$err")"
grep -q 'gain.calh5: gains' "$err" || fail "no gains: $(cat "$err")"
# Only the other band is there.
sqlite3 t/s/cal_registry.sqlite3 \
  "UPDATE caltables SET status='retired' WHERE path LIKE '%00:00:10%'" || fail "sqlite3"
bad 6 'none of the 1 bandpass tables registered for this time knows a channel' 0 run data/*.hdf5 $options \
  --state-dir t/s --output-dir t/o --products-dir t/p
# Tables of another declination are none.
"$runner" 0 "$sim" --out other_dec --stations 12 --channels 2 --integrations 2 --calibrator 5 --sefd 100 --units raw --dec 30 \
  --sub-bands sb0,sb1 --start 2026-01-25T00:14:10 >/dev/null 2>&1 || fail "contimg-sim other_dec"
bad 6 'no bandpass table is registered for this time within 5 deg of declination 30.0' 0 run other_dec/*.hdf5 $options \
  $folders
# An own solution that is refused is no missing calibrator: said. A table that is nearer and cannot be read is
# passed over.
sqlite3 u/s/cal_registry.sqlite3 "INSERT INTO caltables(set_name,path,table_type,order_index,status,time_mjd_s,
  dec_rad,origin,created_at) SELECT set_name,path||'.gone',table_type,order_index,status,time_mjd_s+720,dec_rad,
  origin,created_at FROM caltables WHERE path LIKE '%00:00:10%'" || fail "sqlite3"
good 'published: ' 0 run data/*.hdf5 --model data/truth-calibrator.csv --qa-cal-min-antennas 1000 $options \
  --state-dir u/s --output-dir u/o --products-dir u/p
grep -q 'table passed over: .*bandpass.calh5.gone' "$err" || fail "no warning of the table that is gone: $(own_lines)"
grep -q 'DEGRADED: tables from the registry, as its own solution was refused: .*qa-cal-min-antennas' "$err" ||
  fail "the own solution that was refused is not told: $(own_lines)"
# The files of the only tile that sees the model are lost: the other tile is made with the registry's tables.
make later sb14,sb15 2026-01-25T00:17:00
awk -F, -v OFS=, 'NR == 2 {$2 -= 2 / cos($3 * 0.0174533); $4 *= 20} {print}' data/truth-calibrator.csv >west.csv
mkdir -p in v/s && cp s/cal_registry.sqlite3 v/s/ && mv data/*.hdf5 later/*.hdf5 in/ && touch -d '5 minutes ago' in/*
arrived="--input-dir in --group-size 2 --group-overlap 0 --expected-subbands 2 --min-subbands 2
  --disk-critical-gb 0 --disk-warn-gb 0 --state-dir v/s --output-dir v/o --products-dir v/p"
good pending 0 group ${arrived/--disk-critical-gb 0 --disk-warn-gb 0/}
rm in/2026-01-25T00:12:10*sb14*
bad 3 '1 of 2 tiles passed, 2 needed' 0 run $arrived --size 64 --cell-arcsec 25 --niter 50 --model west.csv
grep -q 'tables from the registry: calibration on 2026-01-25T00:12:10' "$err" || fail "no tables of the registry: $(cat "$err")"
[ -e v/o/tiles/2026-01-25T00:17:00/image.fits ] || fail "the tile whose files are sound is not made: $(own_lines)"
echo "tables of another band are passed over"

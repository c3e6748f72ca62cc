#!/usr/bin/env bash
# ci-test: timeout=300 cost=15
# What an operator asks at 3 am, by the commands of docs/operations.md: why a group is not made, what was
# refused and why, what became of a run that is gone, and what to do about products that failed.
. "$CONTIMG_SOURCE/tests/support/cli.sh" || exit 1
for name in state output products; do
  mkdir $name
  export CONTIMG_${name^^}_DIR=$folder/$name
done
export CONTIMG_EXPECTED_SUBBANDS=4 CONTIMG_MIN_SUBBANDS=3 CONTIMG_INPUT_DIR=$folder/in CONTIMG_GROUP_SIZE=3
export CONTIMG_DISK_WARN_GB=0 CONTIMG_DISK_CRITICAL_GB=0 CONTIMG_SIZE=96 CONTIMG_CELL_ARCSEC=25
simulate --out in --sub-bands 4 --tiles 3 --random 3
model="--model in/truth-calibrator.csv"
find in -name '*.hdf5' -exec touch -d '5 minutes ago' {} +
# says TEXT...: what the last command printed.
says() { for text in "$@"; do grep -qF -- "$text" "$out" || fail "$tried: no '$text': $(cat "$out")"; done; }
document() { python3 - "$1" "$2" <<'END'
import json, sys
print(eval("d" + sys.argv[2], {"d": json.load(open(sys.argv[1]))}))
END
}

# ---- why is a group not made yet? ------------------------------------------------------------------
bad 6 'no bandpass table' 0 run
good '' 0 status
group=$(sed -n 's/^group  *\([0-9a-f_]*\) .*/\1/p' "$out")
says 'waits until 20' 'no bandpass table'
good '' 0 status "$group"
says 'no bandpass table' 'next: waits until 20' 'group       pending'
# The documents that dashboards read are written by each run.
for queue in total pending; do
  [ "$(document state/api/status.json "['queue']['$queue']")" = 3 ] || fail "status.json: $(cat state/api/status.json)"
done

# ---- what was refused last night, and why? ---------------------------------------------------------
bad 7 peak 0 run $model --group "$group" --qa-img-min-peak-snr 1e9
good '' 0 status --since 24h
says 'refused    1 x product: peak_snr (the last: ' 'at least 1e+09' '1 refused'
good '' 0 status "$group"
says 'refused: ' "contimg publish --id $group" 'attempt 1: refused: '
[ "$(document state/api/monitoring/publish/status.json "['failed_publishes']")" = 0 ] || fail "a refusal is no failure"
good ': published: ' 0 publish --id "$group"
[ "$(document state/api/monitoring/publish/status.json "['total_published']")" -le 1 ] || fail "published more than once"

# ---- a run that is gone ------------------------------------------------------------------------------
"$contimg" run $model --group "$group" --remake --size 1024 --cell-arcsec 5 --niter 100000 >"$out" 2>"$err" &
run=$!
for _ in $(seq 1000); do
  grep -q 'INFO .*flag  *20' "$err" && break
  sleep 0.02
done
kill -KILL $run || fail "the run is over: $(cat "$err")"
wait $run 2>/dev/null
good '' 0 status
says 'LOST, was taken by'
good '' 0 status "$group"
says 'LOST, was taken by' "pid $run" 'its run said last: ' 'the next contimg run takes it over'
[ "$(grep -o 'since 20' "$out" | wc -l)" = 1 ] || fail "since when, twice: $(cat "$out")"
good 'next' 0 status --json
[ "$(document "$out" "['groups'][0]['is_lost']")" = True ] ||
  fail "status --json: no group is lost: $(cat "$out")"

# ---- products that failed ------------------------------------------------------------------------------
command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null || { echo "skipped: no strace, no publish fails"; exit 0; }
on_a_full_disk() { strace -f -o /dev/null -e trace=mkdirat -e inject=mkdirat:error=ENOSPC "$contimg" "$@" >"$out" 2>"$err"; }
state() { sqlite3 state/data_registry.sqlite3 "SELECT group_concat(status,' ') FROM (SELECT status FROM data_registry WHERE
  data_id<>'$group' ORDER BY data_id)"; }
mv products/20* aside # its folder is there: mkdirat is called for each product
for tile in 00:00:10 00:01:01 00:01:53; do
  on_a_full_disk run in/*T$tile*.hdf5 $model
  [ $? = 5 ] || fail "a full disk: $(own_lines)"
done
for _ in 2 3; do
  sqlite3 state/data_registry.sqlite3 "UPDATE data_registry SET next_try_at=1 WHERE status='staging'"
  on_a_full_disk publish --due
done
[ "$(state)" = 'failed failed failed' ] || fail "after three attempts: $(state)"
mapfile -t ids < <(sqlite3 state/data_registry.sqlite3 "SELECT data_id FROM data_registry WHERE status='failed' ORDER BY failed_at")
good '' 0 status "${ids[1]}"
says 'failed: ' 'No space left' 'attempt 3: failed' "contimg publish --id ${ids[1]}"
good '' 0 status --since 24h
says 'failed     9 x product: ' 'No space left'
try 0 monitor
[ $code = 1 ] || fail "9 failed attempts, and no alert: $(cat "$out")"
good "${ids[1]}" 0 monitor --retry-failed "${ids[1]}"
[ "$(state | grep -o failed | wc -l)" = 2 ] || fail "--retry-failed: $(state)"
good '' 0 monitor --retry-all --limit 1
[ "$(state | grep -o failed | wc -l)" = 1 ] || fail "--retry-all --limit 1: $(state)"
good '' 0 publish --retry-failed
[ "$(state)" = 'published published published' ] || fail "publish --retry-failed: $(state)"
[ "$(find products -name mosaic.fits | wc -l)" = 3 ] || fail "published: $(find products -name mosaic.fits)"
echo "what waits, was refused, is lost or failed is told with its reason and what to do"

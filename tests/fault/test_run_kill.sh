#!/usr/bin/env bash
# ci-test: timeout=600 cost=25
# contimg run, killed three times at other moments in each round, from the first header to the
# last commit, and run once more: one published product, the same as undisturbed, sound
# databases, nothing half-done.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
export CONTIMG_EXPECTED_SUBBANDS=4 CONTIMG_MIN_SUBBANDS=3
simulate --out sim --sub-bands 4 --tiles 3 --random 3
begin() { # begin PLACE: in the background
  timeout -k 10 300 "$contimg" run sim/*.hdf5 --model sim/truth-calibrator.csv --size 128 \
    --cell-arcsec 25 --niter 300 --state-dir "$1/state" --output-dir "$1/staging" \
    --products-dir "$1/products" --log-level DEBUG >"$out" 2>"$err" &
}
content() {
  (cd "$1"/products/*/* && for f in mosaic noise weight; do fits_cards $f.fits; done
  sha256sum sources.csv)
}
start=$(date +%s%N)
begin whole
wait $! || fail "undisturbed: $(own_lines)"
length=$((($(date +%s%N) - start) / 1000000)) # ms
content whole >whole.txt
n_kill=0
for round in 1 2 3 4; do
  for part in 1 2 3; do
    # Moments spread over the length of a run, those of a round far apart.
    at=$((length * ((part * 5 + round * 3) % 13 + 1) / 14))
    begin $round
    pid=$!
    sleep $(printf '%d.%03d' $((at / 1000)) $((at % 1000)))
    pkill -9 -P $pid -x contimg && n_kill=$((n_kill + 1))
    wait $pid 2>/dev/null
  done
  begin $round
  wait $! || fail "round $round: exit $?: $(own_lines)"
  grep -a 'still counted' "$err" && fail "round $round: memory was not given back"
  content $round | cmp - whole.txt || fail "round $round: another product"
  [ "$(find $round/products -mindepth 2 -maxdepth 2 | wc -l)" = 1 ] ||
    fail "round $round: $(find $round/products -maxdepth 2)"
  # But the report of a run that was killed stays as it was.
  left=$(find $round -name '*.part*' -not -path '*/reports/*')
  [ -z "$left" ] || fail "round $round: left $left"
  for database in $round/state/*.sqlite3; do
    [ "$(sqlite3 $database 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ] ||
      fail "round $round: $database is not sound"
  done
  n=$(sqlite3 $round/state/data_registry.sqlite3 \
    "SELECT count(*) FROM state_changes WHERE to_state='published'")
  [ "$n" = 1 ] || fail "round $round: published $n times"
  n=$(sqlite3 $round/state/ingest.sqlite3 \
    "SELECT count(*) FROM mosaic_groups WHERE state='completed'" 2>/dev/null)
  [ "${n:-1}" = 1 ] || fail "round $round: $n groups completed"
done
[ $n_kill -ge 4 ] || fail "only $n_kill of 12 runs were still there to be killed"
echo "$n_kill runs of $length ms killed in 4 rounds; each round gave the same product, once"

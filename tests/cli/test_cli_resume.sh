#!/usr/bin/env bash
# ci-test: timeout=600 cost=40
# A run that is killed, or asked to stop, is run again: what was finished is used, the product
# is published once, nothing half-done is left, the databases are sound. Two runs of one thing at
# once: one does it.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/resume.sh"
whole_make

# wait_for FILE: until it is there, or the run has ended.
wait_for() {
  local i
  for i in $(seq 1 600); do
    [ -e "$1" ] && return 0
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}
# wait_said PATTERN N PID: until N lines of the log hold it, or the run has ended.
wait_said() {
  local i
  for i in $(seq 1 2000); do
    [ "$(grep -ac -- "$1" "$err")" -ge "$2" ] && return 0
    kill -0 "$3" 2>/dev/null || return 1
    sleep 0.01
  done
  return 1
}
# begin PLACE SIGNAL RANKS [PATTERN N ARG...]: a run that gets the signal when the first tile is
# done, or when its log holds the pattern N times.
begin() {
  local ranks=$3 place=$1 launcher="" pid signal=$2 pattern=${4:-} n=${5:-}
  shift $(($# > 5 ? 5 : $#))
  [ "$ranks" -gt 0 ] && launcher="mpirun -n $ranks"
  : >"$err" # what the run before said is not waited for
  timeout -k 10 100 $launcher "$contimg" run sim/*.hdf5 $options --teams 1 "$@" \
    --state-dir "$place/state" --output-dir "$place/staging" --products-dir "$place/products" \
    >"$out" 2>"$err" &
  pid=$!
  if [ -n "$pattern" ]; then
    wait_said "$pattern" "$n" $pid || fail "$place: not $n times '$pattern': $(tail -n 3 "$err")"
  else
    wait_for "$place/staging/tiles/2026-01-25T00:00:10/tile.json" $pid ||
      fail "$place: no first tile: $(tail -n 3 "$err")"
  fi
  # The ranks themselves, children of timeout or of the launcher below it.
  for parent in $pid $(pgrep -P $pid); do
    for child in $(pgrep -P "$parent" -x contimg); do kill -"$signal" "$child"; done
  done
  local sent=$SECONDS
  wait $pid
  code=$?
  [ $((SECONDS - sent)) -le 30 ] || fail "$place: it ended $((SECONDS - sent)) s after SIG$signal, not within 30 s"
}

# ---- killed in the middle -------------------------------------------------------------------
begin killed KILL 2
[ $code != 0 ] || fail "killed at 2 ranks, and exit 0"
[ ! -e killed/products/2026-01-25 ] || fail "published, and was to be killed before"
run 2 killed
[ $code = 0 ] || fail "after a kill: exit $code: $(own_lines)"
grep -q 'used again' "$err" || fail "after a kill: the finished tile is made again"
sound killed
[ "$(content killed)" = "$(content whole)" ] || fail "after a kill: another product"

# A finished tile whose file was changed since is not used.
begin spoilt KILL 0
printf x | dd of=spoilt/staging/tiles/2026-01-25T00:00:10/image.fits bs=1 seek=9000 conv=notrunc \
  2>/dev/null
run 0 spoilt
[ $code = 0 ] || fail "after a change: exit $code: $(own_lines)"
grep -q 'tile 2026-01-25T00:00:10: made before' "$err" && fail "a changed tile was used"
[ "$(content spoilt)" = "$(content whole)" ] || fail "after a change: another product"

# ---- asked to stop ----------------------------------------------------------------------------
for ranks in 0 2; do
  begin stopped$ranks TERM $ranks
  [ $code = 75 ] || fail "SIGTERM at $ranks ranks: exit $code: $(tail -n 3 "$err")"
  [ "$(own_lines | wc -l)" = 1 ] || fail "SIGTERM: not one line: $(own_lines)"
  own_lines | grep -q 'run it again to resume' || fail "SIGTERM: $(own_lines)"
  run 2 stopped$ranks
  [ $code = 0 ] || fail "after a stop: exit $code: $(own_lines)"
  grep -q 'used again' "$err" || fail "after a stop: the finished tile is made again"
  sound stopped$ranks
  [ "$(content stopped$ranks)" = "$(content whole)" ] || fail "after a stop: another product"
done

# Within a tile, too: between its stages, and between CLEAN's major cycles.
stopped_within() { # stopped_within PLACE RANKS PATTERN N ARG...
  local place=$1 ranks=$2
  begin "$place" TERM "$ranks" "${@:3}"
  [ $code = 75 ] || fail "$place: SIGTERM at $ranks ranks: exit $code: $(tail -n 3 "$err")"
  own_lines | grep -q 'run it again to resume' || fail "$place: $(own_lines)"
  [ -z "$(find "$place/staging" "$place/products" -type f)" ] ||
    fail "$place: a tile was stopped, and left $(find "$place/staging" -type f)"
  grep -aq 'tile .* failed' "$err" && fail "$place: a stop is called a failure"
  [ "$(sqlite3 "$place/state/ingest.sqlite3" 'SELECT status FROM mosaic_groups')" = pending ] ||
    fail "$place: its group is not left to be done"
}
in_tile='stopped on request (in tile 2026-01-25T|while .*/tiles/2026-01-25T)'
stopped_within flagged 2 'INFO .*apply  *2026' 1
own_lines | grep -qE "$in_tile" || fail "not in a tile: $(own_lines)"
run 2 flagged
[ $code = 0 ] || fail "after a stop in a tile: exit $code: $(own_lines)"
sound flagged
[ "$(content flagged)" = "$(content whole)" ] || fail "after a stop in a tile: another product"
# Cleaned so deep that the end of the first tile is far.
stopped_within cleaned 2 'clean: major cycle [0-9]*:' 1 --size 1024 --cell-arcsec 5
own_lines | grep -qE "$in_tile" || fail "not in a tile: $(own_lines)"

# ---- two at once --------------------------------------------------------------------------------
for i in 1 2; do
  (
    timeout -k 10 100 "$contimg" run sim/*.hdf5 $options --state-dir twice/state \
      --output-dir twice/staging --products-dir twice/products >twice.out$i 2>twice.err$i
    echo $? >twice.code$i
  ) &
done
wait
codes="$(sort -n twice.code1 twice.code2 | tr '\n' ' ')"
case $codes in
  '0 0 ' | '0 6 ') ;;
  *) fail "two at once: exits $codes: $(cat twice.err1 twice.err2)" ;;
esac
[ "$(cat twice.out1 twice.out2 | grep -c '^published: ')" = 1 ] || fail "two at once: $(cat twice.out?)"
if [ "$codes" = '0 6 ' ]; then
  grep -h '^contimg: ' twice.err1 twice.err2 | grep -q 'pid' || fail "who holds it is not said"
fi
sound twice
[ "$(content twice)" = "$(content whole)" ] || fail "two at once: another product"
echo "resumed after SIGKILL and SIGTERM; two at once: exits $codes"

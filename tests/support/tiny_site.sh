# A site whose groups of three tiles are made in a second each; sourced after cli.sh.
# tiny_files FOLDER N: 2 sub-bands of N tiles, an hour old.
tiny_files() {
  "$runner" 0 "$sim" --out "$1" --stations 1,7,14,24,34,68,80,97 --sub-bands 2 --channels 2 --fine 96 \
    --integrations 2 --tiles "$2" --start 2026-01-25T00:00:10 --dec 33 --calibrator 12.7 --sefd 500 \
    >"$out" 2>"$err" || fail "contimg-sim: $(cat "$err")"
  find "$1" -name '*.hdf5' -exec touch -d '1 hour ago' {} +
}
# tiny_site FOLDER [LINE]...: its folders and its contimg.env, with these lines, too; to be used from now on.
tiny_site() {
  local site=$1
  shift
  mkdir -p "$site/incoming" "$site/state" "$site/staging" "$site/products"
  cat >"$site/contimg.env" <<TEXT
CONTIMG_INPUT_DIR=$site/incoming
CONTIMG_OUTPUT_DIR=$site/staging
CONTIMG_STATE_DIR=$site/state
CONTIMG_PRODUCTS_DIR=$site/products
CONTIMG_EXPECTED_SUBBANDS=2
CONTIMG_MIN_SUBBANDS=2
CONTIMG_GROUP_SIZE=3
CONTIMG_GROUP_OVERLAP=1
CONTIMG_CALIBRATED=true
CONTIMG_SIZE=64
CONTIMG_CELL_ARCSEC=120
CONTIMG_NITER=0
CONTIMG_MEMORY=2
CONTIMG_QA_IMG_MAX_NOISE_RATIO=1000
CONTIMG_DISK_WARN_GB=0
TEXT
  [ $# -gt 0 ] || set -- CONTIMG_DISK_CRITICAL_GB=0
  printf '%s\n' "$@" >>"$site/contimg.env"
  export CONTIMG_CONFIG=$site/contimg.env
}
# expect CODE COMMAND...: contimg's exit code; what it said is in $out and $err.
expect() {
  local expected=$1
  shift
  timeout -k 10 120 "$contimg" "$@" >"$out" 2>"$err"
  code=$?
  [ $code = "$expected" ] || fail "contimg $*: exit $code, not $expected: $(cat "$out" "$err")"
}
n_published() { find "$1/products" -name mosaic.fits | wc -l; }
group_states() { sqlite3 "$1/state/ingest.sqlite3" 'SELECT status FROM mosaic_groups ORDER BY group_id' | sort | uniq -c | xargs; }
# run_stop SITE: $runs, stopped (SIGSTOP), and not inside a transaction, which others would wait for.
run_stop() {
  kill -STOP "$runs"
  until is_unlocked "$1"; do
    kill -CONT "$runs" || fail "the run is over: $(cat run.err)"
    sleep 0.02
    kill -STOP "$runs"
  done
}
is_unlocked() {
  local database
  for database in "$1"/state/*.sqlite3; do
    sqlite3 "$database" 'BEGIN IMMEDIATE; ROLLBACK' 2>/dev/null || return 1
  done
}
# run_stopped: `contimg run` in the background, stopped (SIGSTOP) when its first file of a tile is there:
# $launcher and $runs, to be continued by run_goes_on CODE.
run_stopped() {
  timeout -k 10 120 "$contimg" run >run.out 2>run.err &
  launcher=$!
  for _ in $(seq 3000); do
    runs=$(pgrep -P $launcher -x contimg) && break
    sleep 0.02
  done
  until compgen -G "$1/staging/tiles/*/*" >/dev/null; do
    kill -0 "$launcher" 2>/dev/null || fail "the run is over: $(cat run.err)"
  done
  run_stop "$1"
  [ "$(n_published "$1")" = "$2" ] || fail "the run was not stopped in time"
}
run_goes_on() {
  kill -CONT "$runs"
  wait "$launcher"
  code=$?
  [ $code = "$1" ] || fail "the run that was stopped: exit $code, not $1: $(tail -n 3 run.err)"
}

#!/usr/bin/env bash
# ci-test: timeout=300
# contimg db, clean and status as an operator and as a colleague without write permission use them.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
export CONTIMG_STATE_DIR=$folder/state CONTIMG_OUTPUT_DIR=$folder/staging CONTIMG_PRODUCTS_DIR=$folder/products
export CONTIMG_INPUT_DIR=$folder/incoming
mkdir -p "$CONTIMG_INPUT_DIR" "$CONTIMG_STATE_DIR"
# expect CODE ARG...
expect() {
  local want=$1 got
  shift
  "$contimg" "$@" >"$out" 2>"$err"
  got=$?
  [ $got = "$want" ] || fail "$*: exit $got, $want is expected: $(cat "$err")"
}

# New databases are their folder's: a group's, at any umask.
chmod 2775 "$CONTIMG_STATE_DIR"
(umask 077; expect 0 db migrate) || exit 1
for name in ingest cal_registry products data_registry; do
  [ "$(stat -c %a "$CONTIMG_STATE_DIR/$name.sqlite3")" = 664 ] || fail "$name: $(ls -l "$CONTIMG_STATE_DIR")"
done
expect 0 db verify
[ "$(grep -c '^ok ' "$out")" = 4 ] || fail "verify: $(cat "$out")"
expect 0 db backup "$folder/copies"
[ "$(ls "$folder/copies" | wc -l)" = 4 ] || fail "copies: $(ls "$folder/copies")"
dd if=/dev/zero of="$CONTIMG_STATE_DIR/ingest.sqlite3" bs=1024 seek=4 count=8 conv=notrunc 2>"$err"
expect 4 db verify
grep -q '^FAIL .*ingest.sqlite3' "$out" || fail "verify says $(cat "$out")"
expect 0 db restore "$folder/copies"/ingest-*.sqlite3
expect 0 db verify
expect 3 db adopt nobody
expect 0 db leases
expect 2 db mend
expect 0 clean --dry-run
expect 0 status --since 24h
expect 0 status --json
grep -q '"recent_groups":' "$out" || fail "status --json: $(cat "$out")"
expect 2 status --since yesterday

# A colleague who may only read, while no run is active.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  chmod 755 "$folder" "$CONTIMG_STATE_DIR"
  chmod 644 "$CONTIMG_STATE_DIR"/*.sqlite3
  rm -f "$CONTIMG_STATE_DIR"/*-shm "$CONTIMG_STATE_DIR"/*-wal
  setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$contimg" &&
    { setpriv --reuid=65534 --regid=65534 --clear-groups "$contimg" status >"$out" 2>"$err" ||
      fail "status of a reader: $(cat "$err")"; }
fi
echo "db, clean, status: as operator and as reader"

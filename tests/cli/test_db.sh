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
grep -q '^no lease is held' "$out" || fail "leases of nobody: $(cat "$out")"
expect 2 db mend
expect 0 clean --dry-run
expect 0 status --since 24h
expect 0 status --json
grep -q '"recent_groups":' "$out" || fail "status --json: $(cat "$out")"
expect 2 status --since yesterday

# What the disk or a limit of the process does to a database is called what it is.
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
  strace -o /dev/null -P "$CONTIMG_STATE_DIR/products.sqlite3" -e trace=pread64 -e inject=pread64:error=EIO \
    "$contimg" status >"$out" 2>"$err"
  [ $? = 4 ] || fail "EIO of a database: exit $?: $(cat "$err")"
  tail -n 1 "$err" | grep -q "^contimg: $CONTIMG_STATE_DIR/products.sqlite3: .*Input/output error: the disk or its server fails" ||
    fail "EIO of a database: $(cat "$err")"
fi
(
  ulimit -f 20
  expect 5 db migrate --state-dir "$folder/limited"
  grep -q "sqlite3: .*the limit of a file's size is reached (ulimit -f)" "$err" || fail "a file limit: $(cat "$err")"
) || exit 1

# A colleague who may only read, while no run is active.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  chmod 755 "$folder" "$CONTIMG_STATE_DIR"
  chmod 644 "$CONTIMG_STATE_DIR"/*.sqlite3
  rm -f "$CONTIMG_STATE_DIR"/*-shm "$CONTIMG_STATE_DIR"/*-wal
  setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$contimg" &&
    { setpriv --reuid=65534 --regid=65534 --clear-groups "$contimg" status >"$out" 2>"$err" ||
      fail "status of a reader: $(cat "$err")"; }
  # Nor does a run that writes meanwhile keep readers out, the HTTP service as another user among them.
  python3 - "$CONTIMG_STATE_DIR" "$folder" <<'END' &
import os, sqlite3, sys, time
names = ("ingest", "products", "data_registry", "cal_registry")
open_now = [sqlite3.connect(f"{sys.argv[1]}/{name}.sqlite3", isolation_level=None) for name in names]
for db in open_now:
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("INSERT INTO state_changes(at,kind,subject,to_state) VALUES(1,'x','y','z')")
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO state_changes(at,kind,subject,to_state) VALUES(2,'x','y','z')")
open(sys.argv[2] + "/writes", "w").close()
while not os.path.exists(sys.argv[2] + "/read"):
    time.sleep(0.05)
END
  writer=$!
  for _ in $(seq 600); do [ -e "$folder/writes" ] && break; sleep 0.1; done
  reader="setpriv --reuid=65534 --regid=65534 --clear-groups"
  if $reader test -x "$contimg"; then
    $reader "$contimg" status >"$out" 2>"$err" || fail "status beside a writer: $(cat "$err")"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    CONTIMG_API_PORT=$port $reader "$contimg" serve >"$out" 2>"$err" &
    serve=$!
    for _ in $(seq 300); do
      curl -sf "http://127.0.0.1:$port/api/status" >"$folder/answer" && break
      kill -0 $serve 2>/dev/null || fail "serve as another user: $(cat "$err")"
      sleep 0.1
    done
    kill $serve
    wait $serve || fail "serve as another user ends with $?: $(cat "$err")"
    grep -q '"recent_groups"' "$folder/answer" || fail "serve as another user: $(cat "$folder/answer" "$err")"
  fi
  : >"$folder/read"
  wait $writer || fail "the writer beside readers"
fi
echo "db, clean, status: as operator and as reader"

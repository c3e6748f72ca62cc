#!/usr/bin/env bash
# ci-test: timeout=300
# contimg monitor as cron and as a service run it: each alert told once, by the documented commands.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
export CONTIMG_STATE_DIR=$folder/state CONTIMG_OUTPUT_DIR=$folder/staging CONTIMG_PRODUCTS_DIR=$folder/products
export CONTIMG_INPUT_DIR=$folder/incoming CONTIMG_DISK_CRITICAL_GB=0 CONTIMG_DISK_WARN_GB=0
mkdir -p "$CONTIMG_INPUT_DIR" "$folder/bin"
# monitor CODE ARG...
monitor() {
  local want=$1 got
  shift
  "$contimg" monitor "$@" >"$out" 2>"$err"
  got=$?
  [ $got = "$want" ] || fail "monitor $*: exit $got, $want is expected: $(cat "$err")"
}

# Nothing there: zeros, and nothing is made.
monitor 0
grep -q '^success rate 100.00 %$' "$out" || fail "no rate: $(cat "$out")"
[ ! -e "$CONTIMG_STATE_DIR" ] || fail "monitor made a state folder"
mkdir "$CONTIMG_STATE_DIR"
"$contimg" group >"$out" 2>"$err" || fail "group: $(cat "$err")"

# As cron runs it, with a stand-in for mail.
cat >"$folder/bin/mail" <<'TEXT'
#!/bin/sh
{ echo "$@"; cat; } >>"$MAILBOX"
TEXT
chmod +x "$folder/bin/mail"
export PATH=$folder/bin:$PATH MAILBOX=$folder/mailbox
export CONTIMG_ALERT_COMMAND='mail -s "contimg alert" ops@example.org'
monitor 0 --test
grep -q '^-s contimg alert ops@example.org$' "$MAILBOX" || fail "no test mail"
: >"$MAILBOX"
CONTIMG_DISK_WARN_GB=1e9 CONTIMG_CONTACT=ops monitor 1 --quiet
[ "$(grep -c '^ALERT disk_warn_.* (contact: ops)$' "$out")" = 3 ] || fail "alerts: $(cat "$out")"
[ "$(grep -c '"contact":.*"ops"' "$MAILBOX")" = 3 ] || fail "mails: $(cat "$MAILBOX")"
[ ! -s "$err" ] || fail "--quiet says $(cat "$err")"
CONTIMG_DISK_WARN_GB=1e9 monitor 1 --quiet
[ ! -s "$out" ] || fail "told twice: $(cat "$out")"
monitor 0 --quiet
[ "$(grep -c '^CLEAR disk_warn_' "$out")" = 3 ] || fail "clearing: $(cat "$out")"
monitor 0 --quiet
[ ! -s "$out" ] && [ ! -s "$err" ] || fail "cleared twice"
[ "$(grep -c '"state":.*"active"' "$MAILBOX")/$(grep -c '"state":.*"clear"' "$MAILBOX")" = 3/3 ] ||
  fail "mails: $(cat "$MAILBOX")"

# The documented command for a chat, against a stand-in for its server.
python3 - "$folder" <<'END' &
import http.server, pathlib, sys
folder = pathlib.Path(sys.argv[1])
class Chat(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        (folder / "chat").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Chat)
server.timeout = 60
(folder / "port.part").write_text(str(server.server_port))
(folder / "port.part").rename(folder / "port")
server.handle_request()
END
chat=$!
if command -v jq >/dev/null && command -v curl >/dev/null; then
  for _ in $(seq 600); do [ -e "$folder/port" ] && break; sleep 0.1; done
  CONTIMG_ALERT_COMMAND=$(sed -n 's/^ *CONTIMG_ALERT_COMMAND=\(jq .*\)/\1/p' "$CONTIMG_SOURCE/docs/operations.md" |
    sed "s,https://chat.example.org,http://127.0.0.1:$(cat "$folder/port"),") monitor 0 --test
  wait $chat
  jq -r .text "$folder/chat" | grep -q '^active: a test of' || fail "chat: $(cat "$folder/chat" "$err")"
else
  kill $chat
fi

# The deployed --db-path; a database that cannot be read; mistakes.
monitor 0 --db-path "$CONTIMG_STATE_DIR/products.sqlite3" --json
grep -q "publish state is read from $CONTIMG_STATE_DIR/data_registry.sqlite3" "$err" || fail "--db-path"
grep -q '"total_published":' "$out" || fail "--json"
echo garbage >"$folder/broken.sqlite3"
monitor 4 --db-path "$folder/broken.sqlite3"
monitor 2 --daemon --retry-all
monitor 3 --retry-failed nobody

# Limits of one's own, as the deployed script took them; a file of mistakes; the interval where none is set.
echo '{"min_success_rate": 90, "max_staging_hours": 1e-9, "max_failed_per_hour": 0}' >"$folder/limits.json"
monitor 0 --alert-thresholds "$folder/limits.json"
sqlite3 "$CONTIMG_STATE_DIR/data_registry.sqlite3" "INSERT INTO data_registry(data_type,data_id,base_path,stage_path,
  created_at,staged_at,origin) VALUES('mosaic','m1','/s','/s/m1',1,1,'contimg')"
monitor 1
CONTIMG_ALERT_COMMAND='' monitor 1 --alert-thresholds "$folder/limits.json" --json
grep -q '"limit":.*1e-09' "$out" || fail "another limit: $(cat "$out")"
sqlite3 "$CONTIMG_STATE_DIR/data_registry.sqlite3" "DELETE FROM data_registry"
echo '{"min_sucess_rate": 90}' >"$folder/limits.json"
monitor 3 --alert-thresholds "$folder/limits.json"
grep -q 'min_sucess_rate' "$err" || fail "a wrong limit: $(cat "$err")"
"$contimg" check --values 2>"$err" | grep -qx 'CONTIMG_MONITOR_INTERVAL=300  # default' || fail "--interval"

# As a service: stopped by SIGTERM at once, whatever the interval.
"$contimg" monitor --daemon --interval 1000 >"$out" 2>"$err" &
daemon=$!
for _ in $(seq 600); do grep -q '^no alert' "$out" && break; sleep 0.1; done
kill "$daemon"
wait "$daemon" || fail "--daemon ends with $?: $(cat "$err")"
echo "monitor: once, by cron, as a service"

#!/usr/bin/env bash
# ci-test: timeout=600
# deploy.sh: says what it would do, lays down programs, scripts and units, starts the services as
# another user, and takes all of it back.
. "${CONTIMG_SOURCE:?}/tests/support/site.sh" && site_enter && site_make || exit 1
out=$SITE_FOLDER/out
# deploy CODE ARG...
deploy() {
  local want=$1 got
  shift
  "$prefix/share/contimg/deploy.sh" --root "$site" "$@" >"$out" 2>&1
  got=$?
  [ $got = "$want" ] || fail "deploy.sh $*: exit $got, $want is expected: $(cat "$out")"
}
# Everything but state and records, with its content.
tree() {
  find "$site" /etc/systemd/system \( -name state -o -name deployments \) -prune -o -printf '%p %y %m %l\n' |
    LC_ALL=C sort
  find "$site" /etc/systemd/system \( -name state -o -name deployments \) -prune -o -type f -print |
    LC_ALL=C sort | xargs sha256sum
}

# ---- mistakes, and a dry run that changes nothing ----------------------------------------------
deploy 2 --mode all
deploy 2 --dry-run --rollback
deploy 2 --user no_such_user
deploy 6 --rollback
grep -q 'no deployment to take back' "$out" || fail "rollback of nothing: $(cat "$out")"
mkdir -p "$site/ops/systemd" "$site/scripts"
# What the site has: its own configuration, and units of the deployed pipeline.
cat >"$site/ops/systemd/contimg.env" <<'TEXT'
CONTIMG_STATE_DIR=/data/dsa110-contimg/state
CONTIMG_DISK_CRITICAL_GB=0
CONTIMG_DISK_WARN_GB=0
CONTIMG_STREAM_INTERVAL=1
TEXT
printf '[Service]\nExecStart=/bin/sleep 1000\n' >/etc/systemd/system/contimg-stream.service
echo 'print("the old monitor")' >"$site/scripts/monitor_publish_status.py"
systemctl enable contimg-stream.service && systemctl start contimg-stream.service || fail "the old service"
before=$(tree)
deploy 0 --dry-run --mode both
grep -q 'would start: contimg-api contimg-stream contimg-monitor' "$out" || fail "dry run: $(cat "$out")"
for mode in api manual; do
  deploy 0 --dry-run --mode $mode
  grep -q 'would start: contimg-api contimg-monitor ' "$out" || fail "dry run: $(cat "$out")"
done
[ "$(tree)" = "$before" ] && [ -z "$(find "$site/state" -mindepth 1)" ] || fail "--dry-run changed something: $(find "$site/state")"
mv /stage/dsa110-contimg /stage/away
deploy 6 --mode streaming
grep -q '^FAIL staging' "$out" || fail "not ready: $(cat "$out")"
[ "$(tree)" = "$before" ] || fail "a deployment that was refused changed something"
mv /stage/away /stage/dsa110-contimg

# Where no record can be made, the databases are left alone.
: >"$site/ops/deployments"
deploy 4 --mode streaming
grep -q 'ops/deployments/.*: cannot be made' "$out" || fail "no record: $(cat "$out")"
[ -z "$(find "$site/state/backups" -name 'deploy-*' 2>/dev/null)" ] || fail "databases were copied before there was a record"
rm "$site/ops/deployments"

# ---- a deployment ---------------------------------------------------------------------------------
deploy 0 --mode streaming
tail -n 1 "$out" | grep -q 'well: contimg ' || fail "not well: $(cat "$out")"
called "systemctl enable contimg-stream.service contimg-monitor.service contimg-backup.timer contimg-logs.timer"
for unit in contimg-stream.service contimg-monitor.service contimg-backup.timer; do
  systemctl is-active --quiet $unit || fail "$unit is not active"
done
grep -q 'DISK_CRITICAL_GB=0' "$site/ops/systemd/contimg.env" || fail "the site's contimg.env was replaced"
[ -z "$(find "$site/state/backups" -type f 2>/dev/null)" ] || fail "copies of nothing"
systemd-analyze verify /etc/systemd/system/contimg-*.* >"$out" 2>&1 && [ ! -s "$out" ] ||
  fail "systemd-analyze verify: $(cat "$out")"
"$site/scripts/validate_production_setup.sh" >"$out" 2>&1 || fail "validate: $(cat "$out")"
python "$site/scripts/monitor_publish_status.py" --test >"$out" 2>&1 || fail "monitor: $(cat "$out")"
# What the deployed units said, these say.
for unit in contimg-api contimg-stream; do
  for line in "EnvironmentFile=$site/ops/systemd/contimg.env" "WorkingDirectory=$site" Restart=always RestartSec=5 \
    NoNewPrivileges=true "StandardOutput=append:$site/state/logs/$unit.out" "StandardError=append:$site/state/logs/$unit.err"; do
    grep -qxF "$line" "$site/ops/systemd/$unit.service" || fail "$unit.service has no line $line"
  done
done
# Who the services run as, and what they make: the group may write it.
for name in ingest cal_registry products data_registry; do
  [ "$(stat -c %U:%G:%a "$site/state/$name.sqlite3")" = daemon:daemon:664 ] || fail "$(ls -l "$site/state")"
done
for _ in $(seq 600); do grep -q '^no alert' "$site/state/logs/contimg-monitor.out" && break; sleep 0.1; done
grep -q '^no alert' "$site/state/logs/contimg-monitor.out" || fail "the monitor says $(cat "$site"/state/logs/*)"
grep -q ' INFO .*watches on' "$site/state/logs/contimg-stream.out" || fail "the watching service: $(cat "$site"/state/logs/*)"
! grep -l ' INFO ' "$site"/state/logs/*.err || fail "lines below WARNING in .err"

# ---- a second one on top, from the site itself; a second stream ---------------------------------------
after=$(tree)
"$site/ops/deploy.sh" --mode stream >"$out" 2>&1 || fail "deployed again: $(cat "$out")"
grep -q ' 0 files laid down' "$out" || fail "deployed again: $(cat "$out")"
[ "$(tree)" = "$after" ] || fail "deployed again: other files"
[ "$(find "$site/state/backups" -path '*/deploy-*' -name '*.sqlite3' | wc -l)" = 4 ] || fail "no copies: $(find "$site/state/backups")"
# The service was started anew: it has the folder again before the second one tries.
watches() { [ "$(grep -c ' INFO .*watches on' "$site/state/logs/contimg-stream.out")" -ge 2 ]; }
for _ in $(seq 600); do watches && break; sleep 0.1; done
watches || fail "the watching service is not back: $(cat "$site"/state/logs/*)"
CONTIMG_CONFIG=$site/ops/systemd/contimg.env "$site/bin/contimg-stream" --once --executor local >"$out" 2>&1
[ $? = 6 ] && grep -q 'another one works on .*host .*, process ' "$out" || fail "a second stream: $(cat "$out")"

# ---- programs of before that do not know today's databases do not come back ----------------------------
older=$(find "$site/ops/deployments" -mindepth 1 -maxdepth 1 -name '*Z' | LC_ALL=C sort | tail -n 1)/before/site/bin
mkdir -p "$older" || fail "mkdir"
printf '#!/bin/sh\necho "schema version 5, this contimg knows 4" >&2\nexit 6\n' >"$older/contimg"
chmod 755 "$older/contimg"
deploy 6 --rollback
grep -q 'of before cannot work with the databases: .*version 5' "$out" && grep -q '/backups/deploy-.*contimg db restore' "$out" ||
  fail "an older program: $(cat "$out")"
rm -r "$older"

# ---- back --------------------------------------------------------------------------------------------
# A mistake in the site's own file does not stand in the way.
cp -p "$site/ops/systemd/contimg.env" "$SITE_FOLDER/env.good"
echo 'CONTIMG_API_PORT=eighty' >>"$site/ops/systemd/contimg.env"
deploy 2 --dry-run --mode streaming
deploy 0 --rollback
cp -p "$SITE_FOLDER/env.good" "$site/ops/systemd/contimg.env"
[ "$(tree)" = "$after" ] || fail "taken back once: other files"
deploy 0 --rollback
[ "$(tree)" = "$before" ] || fail "taken back: $(diff <(echo "$before") <(tree))"
systemctl is-active --quiet contimg-stream.service || fail "the old service does not run again"
! systemctl is-active --quiet contimg-backup.timer || fail "the timer is still there"
[ -f "$site/state/ingest.sqlite3" ] || fail "the databases are gone"
deploy 6 --rollback
echo "deployed, again, and taken back twice; units verified; services ran as daemon"

#!/usr/bin/env bash
# ci-test: timeout=600
# What a deployed site does by itself: logs are rotated under a running service, databases are copied,
# read back and pruned, a stale copy is warned of; a deployment is not taken back under a run.
. "${CONTIMG_SOURCE:?}/tests/support/site.sh" && site_enter && site_make || exit 1
out=$SITE_FOLDER/out state=$site/state
mkdir -p "$site/ops/systemd"
printf 'CONTIMG_DISK_CRITICAL_GB=0\nCONTIMG_DISK_WARN_GB=0\nCONTIMG_MONITOR_INTERVAL=1\n' >"$site/ops/systemd/contimg.env"
"$prefix/share/contimg/deploy.sh" --root "$site" --mode streaming >"$out" 2>&1 || fail "deploy.sh: $(cat "$out")"
systemctl stop contimg-stream.service
contimg() { CONTIMG_CONFIG=$site/ops/systemd/contimg.env setpriv --reuid=daemon --regid=daemon --init-groups "$site/bin/contimg" "$@" >"$out" 2>&1; }

# ---- logs ------------------------------------------------------------------------------------------
log=$state/logs/contimg-monitor.out
# As the unit does it. Who deployed by sudo owns the configuration, of which logrotate would take none
# as root.
rotate() {
  local words unit=/etc/systemd/system/contimg-logs.service
  words=$(sed -n 's/^ExecStart=//p' $unit)
  setpriv --reuid="$(sed -n 's/^User=//p' $unit)" --regid="$(sed -n 's/^Group=//p' $unit)" --init-groups \
    $words "$@" >"$out" 2>&1 && [ ! -s "$out" ] || fail "$words: $(cat "$out")"
}
chown nobody "$site/ops/logrotate.conf"
if command -v /usr/sbin/logrotate >/dev/null; then
  for _ in $(seq 600); do [ -s "$log" ] && break; sleep 0.1; done
  rotate
  [ ! -e "$log.1" ] || fail "rotated before a day or 50 MB: $(ls -l "$state/logs")"
  truncate -s 51M "$log" # beyond the limit; the service has it open
  rotate
  [ "$(stat -c %s "$log.1")" -ge 53477376 ] || fail "51 MB are not rotated: $(ls -l "$state/logs")"
  for _ in $(seq 600); do grep -q '^no alert' "$log" && break; sleep 0.1; done
  grep -q '^no alert' "$log" && [ "$(stat -c %s "$log")" -lt 100000 ] || fail "the service writes on elsewhere"
  [ "$(stat -c %U "$log")" = daemon ] || fail "$(ls -l "$log")"
  for _ in $(seq 16); do echo line >>"$log"; rotate --force; done
  [ "$(find "$state/logs" -name 'contimg-monitor.out.*' | wc -l)" = 14 ] || fail "not 14 kept: $(ls "$state/logs")"
else
  echo "skipped: logrotate is not installed, rotation is not tried"
fi

# ---- copies of the databases ---------------------------------------------------------------------------
backup() { setpriv --reuid=daemon --regid=daemon --init-groups "$site/scripts/backup_databases.sh" >"$out" 2>&1; }
contimg check
grep -q '^warn copies ' "$out" || fail "no copy, and check says $(cat "$out")"
for day in 01 02 03 04 05 06 07 08 09; do mkdir -p "$state/backups/daily/2025-01-$day"; done
for week in 40 41 42 43 44 45; do mkdir -p "$state/backups/weekly/2025-W$week"; done
mkdir -p "$state/backups/daily/2025-01-05.part" "$state/backups/daily/ours"
chown -R daemon:daemon "$state/backups"
backup || fail "backup_databases.sh: $(cat "$out")"
today=$state/backups/daily/$(date -u +%Y-%m-%d)
[ "$(find "$today" -type f | wc -l)" = 4 ] || fail "$(ls -l "$today")"
[ "$(find "$state/backups/daily" -mindepth 1 -maxdepth 1 -name '20*' | wc -l)" = 7 ] && [ -d "$state/backups/daily/ours" ] ||
  fail "daily: $(ls "$state/backups/daily")"
[ "$(find "$state/backups/weekly" -mindepth 1 -maxdepth 1 | wc -l)" = 4 ] || fail "weekly: $(ls "$state/backups/weekly")"
contimg check
grep -q '^ok   copies ' "$out" || fail "a fresh copy, and check says $(cat "$out")"
find "$state/backups/daily" -mindepth 1 -maxdepth 1 -exec touch -d '37 hours ago' {} +
contimg check
grep -q '^warn copies .* 37 h old' "$out" || fail "a stale copy, and check says $(cat "$out")"
# A database that is damaged is not copied over the good copy.
systemctl stop contimg-monitor.service
good=$(sha256sum "$today"/*)
cp -p "$state/ingest.sqlite3" "$SITE_FOLDER/kept"
dd if=/dev/urandom of="$state/ingest.sqlite3" bs=1024 seek=4 count=8 conv=notrunc 2>"$out"
! backup || fail "a damaged database was copied"
# As one leaves it that was killed between its renames: the good copy is back first.
mv "$today" "$today.old.part"
! backup || fail "a damaged database was copied"
[ -d "$today" ] || fail "the copy that was moved aside is gone: $(ls "$state/backups/daily")"
[ "$(sha256sum "$today"/*)" = "$good" ] && [ ! -d "$today.part" ] || fail "the good copy is gone: $(ls "$state/backups/daily")"
cp -p "$SITE_FOLDER/kept" "$state/ingest.sqlite3"

# ---- not under a run -------------------------------------------------------------------------------------
sqlite3 "$state/data_registry.sqlite3" "INSERT INTO data_registry(data_type,data_id,base_path,status,stage_path,
  created_at,staged_at,origin,lease_host,lease_pid,lease_pid_start,lease_token,lease_job,lease_acquired_at,lease_expires_at)
  VALUES('mosaic','a','/stage','publishing','/stage/a',1,1,'contimg','elsewhere',7,1,'0','',strftime('%s','now'),strftime('%s','now')+1000)" ||
  fail "no lease could be made"
contimg db leases
[ $? = 6 ] && grep -q '^product a: elsewhere pid 7' "$out" || fail "db leases: $(cat "$out")"
"$site/ops/deploy.sh" --rollback >"$out" 2>&1
[ $? = 6 ] && grep -q 'refused' "$out" && [ -x "$site/bin/contimg" ] || fail "taken back under a run: $(cat "$out")"
sqlite3 "$state/data_registry.sqlite3" "UPDATE data_registry SET lease_expires_at=1"
"$site/ops/deploy.sh" --rollback >"$out" 2>&1 || fail "--rollback: $(cat "$out")"
echo "logs rotated, 14 kept; 7 daily and 4 weekly copies; not taken back under a lease"

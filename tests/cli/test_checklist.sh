#!/usr/bin/env bash
# ci-test: timeout=600 cost=31
# The commands of the production checklist as docs/checklist.md has them, on a state folder of
# November 2025 with the whole deployed contimg.env: deployed, run, taken back, deployed again; no row
# is lost, no old product is touched, one new group is published.
. "${CONTIMG_SOURCE:?}/tests/support/site.sh" && site_enter && site_make || exit 1
out=$SITE_FOLDER/out

# ---- the deployed site -----------------------------------------------------------------------------
# Its configuration, all names of it; systemd leaves ${...} as it stands.
mkdir -p "$site"/{ops/systemd,scripts} /stage/dsa110-contimg/{ms,mosaics}
cp "$CONTIMG_SOURCE/tests/support/deployed.env" "$site/ops/systemd/contimg.env"
cat >>"$site/ops/systemd/contimg.env" <<'TEXT'
# Of this test: small groups, small images, small disks.
CONTIMG_EXPECTED_SUBBANDS=4
CONTIMG_MIN_SUBBANDS=3
CONTIMG_GROUP_SIZE=3
CONTIMG_GROUP_OVERLAP=0
CONTIMG_CALIBRATED=true
CONTIMG_SIZE=180
CONTIMG_CELL_ARCSEC=60
CONTIMG_NITER=50
CONTIMG_DISK_WARN_GB=0
CONTIMG_DISK_CRITICAL_GB=0
CONTIMG_STREAM_EXECUTOR=local
CONTIMG_STREAM_INTERVAL=1
TEXT
python3 "$CONTIMG_SOURCE/tests/support/deployed_state.py" "$site" || fail "no deployed state"
chown -R daemon:daemon "$site/state" "$site/products" /stage/dsa110-contimg
# The input folder is never emptied: 5000 names of one old file.
python3 - <<'END' || fail "no old files"
import os
first = "/data/incoming/2025-11-01T00:00:00_sb00.hdf5"
with open(first, "w") as file:
    file.write("old")
os.utime(first, (1761955200, 1761955200))
for i in range(1, 5000):
    os.link(first, f"/data/incoming/2025-11-{1 + i // 960:02d}T{i // 40 % 24:02d}:{i % 40:02d}:00_sb01.hdf5")
END
for unit in api stream; do
  printf '[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n' \
    >"/etc/systemd/system/contimg-$unit.service"
  systemctl enable contimg-$unit.service && systemctl start contimg-$unit.service || fail "old $unit"
done
old_units=$(sha256sum /etc/systemd/system/contimg-*)
rows() { python3 "$CONTIMG_SOURCE/tests/support/deployed_state.py" --rows "$site" | LC_ALL=C sort; }
# Old rows that are not there as they were; contimg adds its own.
lost() { LC_ALL=C comm -23 <(echo "$old_rows") <(rows); }
old_products() { (cd "$site/products" && find . -path './2025*' -type f -exec sha256sum {} + | sort); }
old_rows=$(rows) old_sums=$(old_products)
[ "$(wc -l <<<"$old_rows")" -gt 5000 ] || fail "the deployed state has few rows"

# ---- the checklist's commands, as written -----------------------------------------------------------
# Lines of the code blocks below a heading of docs/checklist.md.
commands() {
  awk -v heading="## $1" '
    /^## / { within = $0 == heading }
    /^ *```/ { block = /```bash/; next }
    within && block && !/^ *#/ && NF { sub(/^ +/, ""); print }' "$CONTIMG_SOURCE/docs/checklist.md"
}
# One after the other in one folder; what would go on for ever is ended after a while.
run_commands() {
  local line code limit n=0
  cd "$site" || exit 1
  while read -r line; do
    n=$((n + 1))
    case $line in
      cd\ *) eval "$line" || fail "$line"; continue ;;
      tail\ -f* | *--daemon*) code=124 ;;
      *) code=0 ;;
    esac
    limit=120
    [ $code = 0 ] || limit=8
    timeout $limit bash -c "$line" >"$out" 2>&1 </dev/null
    [ $? = $code ] || fail "checklist: $line: exit is not $code: $(cat "$out")"
    [ $code = 0 ] || [ -s "$out" ] || fail "checklist: $line: says nothing"
  done < <(commands "$1")
  [ $n -ge "$2" ] || fail "docs/checklist.md: $n commands below '$1'"
  total=$((total + n))
}
total=0
# A dry run leaves even times as they were.
whole_site() { find "$site" /stage /etc/systemd/system -printf '%p %s %T@ %m %u\n' | sort; }
before=$(whole_site)
"$prefix/share/contimg/deploy.sh" --root "$site" --dry-run >"$out" 2>&1 || fail "--dry-run: $(cat "$out")"
[ "$(whole_site)" = "$before" ] || fail "--dry-run changed $(diff <(echo "$before") <(whole_site))"
"$prefix/share/contimg/deploy.sh" --root "$site" --prepare >"$out" 2>&1 || fail "--prepare: $(cat "$out")"
[ "$(sha256sum /etc/systemd/system/contimg-*)" = "$old_units" ] || fail "--prepare touched units"
run_commands "Deployment steps" 16
run_commands "Health checks, logs, monitoring" 3
# The lines of "Service Deployment" that the steps have in another form.
for unit in contimg-api contimg-stream; do
  sudo systemctl enable $unit.service && systemctl is-enabled --quiet $unit.service || fail "enable $unit"
done
for unit in contimg-api contimg-stream contimg-monitor; do
  systemctl is-active --quiet $unit.service || fail "$unit does not run"
done
cron=$(sed -n 's/^ *# Add to crontab: \*\/5 \* \* \* \* //p' "$CONTIMG_SOURCE/docs/checklist.md")
sh -c "${cron:?}" >"$out" 2>&1 || fail "the line of cron: $(cat "$out")"
[ "$(curl -s -o /dev/null -w '%{http_code}' http://localhost:8000/api/health)" = 200 ] || fail "health"

# ---- a group arrives ---------------------------------------------------------------------------------
"$site/bin/contimg-sim" --out "$SITE_FOLDER" --stations 1,7,14,24,34,68,80,97 --sub-bands 4 --channels 4 \
  --fine 96 --integrations 4 --tiles 3 --start 2026-01-25T00:00:10 --dec 33 --calibrator 12.7 --sefd 500 \
  >"$out" 2>&1 || fail "contimg-sim: $(cat "$out")"
mv "$SITE_FOLDER"/*.hdf5 /data/incoming/
new_mosaics() { find "$site/products" -path '*/2026*' -name mosaic.fits; }
for _ in $(seq 600); do [ -z "$(new_mosaics)" ] || break; sleep 0.2; done
[ "$(new_mosaics | wc -l)" = 1 ] || fail "no new mosaic: $(tail -n 5 "$site"/state/logs/contimg-stream.*)"
for _ in $(seq 600); do
  curl -s http://localhost:8000/api/monitoring/publish/status | grep -q '"total_published":[[:space:]]*31,' && break
  sleep 0.1
done
curl -s http://localhost:8000/api/monitoring/publish/status >"$out"
grep -q '"total_published":[[:space:]]*31,' "$out" || fail "30 old products and one new: $(cat "$out")"
[ "$(stat -c %a:%U "$(new_mosaics)" "$(dirname "$(new_mosaics)")" | tr '\n' ' ')" = "444:daemon 755:daemon " ] || fail "$(ls -la "$(dirname "$(new_mosaics)")")"
! grep -h ' INFO ' "$site"/state/logs/*.err || fail "lines below WARNING in .err"
# Exactly that was made of all that is there, and nothing is alarming.
made=$(sqlite3 -cmd ".timeout 20000" "$site/state/ingest.sqlite3" "SELECT (SELECT count(*) FROM files)||' '||
  (SELECT count(*) FROM ingest_queue WHERE origin='contimg')||' '||(SELECT count(*) FROM mosaic_groups)")
[ "$made" = "12 3 1" ] || fail "files, observations and groups made: $made"
CONTIMG_CONFIG=$site/ops/systemd/contimg.env "$site/bin/contimg" monitor >"$out" 2>&1 || fail "alerts: $(cat "$out")"
# The old files are passed over, and everybody who lists says so, and what takes them.
for command in group status; do
  CONTIMG_CONFIG=$site/ops/systemd/contimg.env "$site/bin/contimg" $command >"$out" 2>&1 || fail "$command: $(cat "$out")"
  grep -q '^passed over 5000 files in /data/incoming, .*--since TIME' "$out" || fail "$command: files passed over: $(cat "$out")"
done

# ---- the checklist's rollback, then deploy.sh's, and once more -------------------------------------------
run_commands "Rollback plan" 5
export CONTIMG_CONFIG=$site/ops/systemd/contimg.env
"$site/ops/deploy.sh" --rollback >"$out" 2>&1 || fail "--rollback: $(cat "$out")"
"$prefix/share/contimg/deploy.sh" --root "$site" --rollback >"$out" 2>&1 || fail "--rollback of --prepare: $(cat "$out")"
[ "$(sha256sum /etc/systemd/system/contimg-*)" = "$old_units" ] || fail "other units than before"
[ ! -e "$site/bin/contimg" ] || fail "the program is still there"
[ -z "$(lost)" ] || fail "rows after a rollback: $(lost | head -n 3)"
"$prefix/share/contimg/deploy.sh" --root "$site" >"$out" 2>&1 || fail "deployed again: $(cat "$out")"
[ -z "$(lost)" ] || fail "rows: $(lost | head -n 3)"
[ "$(old_products)" = "$old_sums" ] || fail "an old product was touched"
[ "$(new_mosaics | wc -l)" = 1 ] || fail "published again: $(new_mosaics)"
echo "$total commands of the checklist; $(wc -l <<<"$old_rows") old rows as they were; one new mosaic"

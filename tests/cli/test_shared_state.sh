#!/usr/bin/env bash
# ci-test: timeout=120 cost=8
# Two operators of one group work with one site, whatever their umasks: each can publish, withdraw and
# clean what the other made, and a colleague of no such group can look. Where the folders are not the
# group's, the umask decides.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/tiny_site.sh"
[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || { echo "skipped: not root, or no setpriv"; exit 77; }
group=60
chmod 755 "$folder"
setpriv --reuid 65534 --regid 65534 --clear-groups "$contimg" --version >/dev/null 2>&1 ||
  { echo "skipped: another user cannot reach the program"; exit 77; }
# as USER GROUP UMASK CODE COMMAND...
as() {
  local user=$1 of=$2 mask=$3 expected=$4
  shift 4
  setpriv --reuid "$user" --regid "$user" --groups "$of" env HOME=/tmp TMPDIR=/tmp \
    sh -c 'umask "$1"; shift; exec timeout -k 10 60 "$@"' sh "$mask" "$contimg" "$@" >"$out" 2>"$err"
  code=$?
  [ $code = "$expected" ] || fail "as $user of $of, umask $mask: contimg $*: exit $code, not $expected: $(own_lines)"
  if grep -q 'ermission denied' "$err"; then fail "as $user of $of: contimg $*: $(grep 'ermission denied' "$err")"; fi
}
tiny_files ready 5
site=$folder/site
tiny_site "$site"
mv ready/*.hdf5 "$site/incoming"
chgrp $group "$site"/*
chmod 2775 "$site"/{state,staging,products}

as 1001 $group 077 0 run
as 1002 $group 022 0 run
[ "$(n_published "$site")" = 2 ] || fail "two runs: $(n_published "$site") published"
first=$(sqlite3 "$site/state/data_registry.sqlite3" 'SELECT data_id FROM data_registry ORDER BY created_at LIMIT 1')
as 1002 $group 077 0 publish --withdraw "$first"
as 1002 $group 077 0 publish --id "$first"
as 1001 $group 022 0 run --group "$first" --remake
as 1002 $group 022 0 clean --staging-days 0 --report-days 0
as 1001 $group 022 0 monitor
grep -q 'published 2' "$out" || fail "monitor: $(cat "$out")"
# A colleague.
as 1003 1003 022 0 status
as 1003 1003 022 0 monitor
for name in status.json monitoring/publish/status.json; do
  setpriv --reuid 1003 --regid 1003 --clear-groups cat "$site/state/api/$name" >/dev/null || fail "a colleague cannot read $name"
done
find "$site/state" "$site/staging" "$site/products" -perm -002 | grep -q . && fail "all may write: $(find "$site" -perm -002)"

# A state folder that is one user's: private, by the umask.
tiny_files ready 3
own=$folder/own
tiny_site "$own"
mv ready/*.hdf5 "$own/incoming"
chown -R 1001:1001 "$own"
chmod 755 "$own"/{state,staging,products}
as 1001 1001 077 0 run
open=$(find "$own"/state/reports "$own"/state/api "$own"/staging/* -perm /077)
[ -z "$open" ] || fail "umask 077, and others may look: $open"

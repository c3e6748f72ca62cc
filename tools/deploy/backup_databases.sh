#!/bin/bash
# A copy of every database, verified, in STATE/backups/daily/<date>; the first of a week is kept in
# STATE/backups/weekly too. 7 daily and 4 weekly copies stay. Run by contimg-backup.timer.
set -u
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd) || exit 6
export CONTIMG_CONFIG=${CONTIMG_CONFIG:-$here/ops/systemd/contimg.env}
contimg=$here/bin/contimg
keep_daily=7 keep_weekly=4
say() { echo "backup_databases.sh: $*" >&2; }

state=$("$contimg" check --values 2>/dev/null | sed -n 's/^CONTIMG_STATE_DIR=\(.*\)  # .*/\1/p')
[ -d "$state" ] || { say "the state folder '$state' is not there"; exit 6; }
backups=$state/backups
mkdir -p "$backups/daily" "$backups/weekly" || exit 4
exec 9>"$backups/.lock"
flock -n 9 || { say "another copy is being made"; exit 6; }

day=$(date -u +%Y-%m-%d)
week=$(date -u +%G-W%V)
fresh=$backups/daily/$day.part
# A copy of this day that was killed between its two renames has moved the one before aside.
old=$backups/daily/$day.old.part
[ -d "$backups/daily/$day" ] || [ ! -d "$old" ] || mv "$old" "$backups/daily/$day" || exit 4
# What a copy that did not end has left.
rm -rf "$backups"/daily/*.part "$backups"/weekly/*.part
mkdir "$fresh" || exit 4

"$contimg" db backup "$fresh" --log-level WARNING >/dev/null && [ -n "$(ls "$fresh")" ]
code=$?
if [ $code != 0 ]; then
  say "no copy was made (exit $code); the copies of before are left as they are"
  rm -rf "$fresh"
  exit $code
fi
sync "$fresh"/* "$fresh"
[ ! -d "$backups/daily/$day" ] || mv "$backups/daily/$day" "$old" || exit 4
mv "$fresh" "$backups/daily/$day" || exit 4
rm -rf "$old"
if [ ! -d "$backups/weekly/$week" ]; then
  cp -al "$backups/daily/$day" "$backups/weekly/$week.part" &&
    mv "$backups/weekly/$week.part" "$backups/weekly/$week" || exit 4
fi

# The newest stay; only what this script has named is removed.
prune() {
  local folder=$1 keep=$2 pattern=$3 old
  find "$folder" -mindepth 1 -maxdepth 1 -type d -name "$pattern" -printf '%f\n' | LC_ALL=C sort -r |
    tail -n +$((keep + 1)) | while read -r old; do rm -rf "${folder:?}/$old"; done
}
prune "$backups/daily" $keep_daily '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
prune "$backups/weekly" $keep_weekly '[0-9][0-9][0-9][0-9]-W[0-9][0-9]'
echo "$backups/daily/$day"

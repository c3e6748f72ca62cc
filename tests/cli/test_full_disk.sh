#!/usr/bin/env bash
# ci-test: timeout=240 cost=13
# Less is free than --disk-critical-gb while a run is at work: it ends normally, nothing new is begun and
# that is said, and work resumes by itself. On a disk that is full to the last byte status and monitor still
# answer, and a report that cannot be written is told in words.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/tiny_site.sh"
mkdir small
as_root mount -t tmpfs -o size=40m,mode=777 tmpfs small 2>/dev/null || { echo "skipped: no mounts here"; exit 77; }
tiny_files ready 5
site=$folder/small/site
tiny_site "$site" CONTIMG_DISK_CRITICAL_GB=0.020
mv ready/*.hdf5 "$site/incoming"

# ---- below the limit while a run works ---------------------------------------------------------------
run_stopped "$site" 0
head -c 25000000 /dev/zero >small/filler || fail "filler"
run_goes_on 0
[ "$(n_published "$site")" = 1 ] || fail "what was under way was not published: $(tail -n 3 run.err)"
expect 5 run
grep -q '^contimg: .*below --disk-critical-gb .*: nothing new is begun' "$err" || fail "not told: $(own_lines)"
[ "$(group_states "$site")" = '1 completed 1 pending' ] || fail "begun all the same: $(group_states "$site")"
expect 1 monitor
grep -q '^ALERT disk_critical_' "$out" || fail "no alert: $(cat "$out")"
rm small/filler
expect 0 run
[ "$(n_published "$site")" = 2 ] || fail "not resumed: $(cat "$err")"
expect 0 monitor

# ---- to the last byte ------------------------------------------------------------------------------------
head -c 50000000 /dev/zero >small/filler 2>/dev/null
[ "$(df --output=avail small | tail -n 1 | xargs)" = 0 ] || fail "the disk is not full"
for command in status "status --json" plan; do
  # shellcheck disable=SC2086
  expect 0 $command
done
expect 1 monitor
grep -q '^ALERT disk_critical_' "$out" && grep -q '^published 2' "$out" || fail "full, monitor: $(cat "$out")"
expect 1 monitor --quiet
grep -q '^ALERT disk_critical_' "$out" || fail "full, monitor --quiet: $(cat "$out" "$err")"
expect 5 run
rm small/filler
expect 0 monitor
expect 0 db verify

# ---- a report that cannot be written ----------------------------------------------------------------------
as_root umount small
as_root mount -t tmpfs -o size=160k,mode=777 tmpfs small || fail "tmpfs"
site=$folder/other
tiny_files ready 3
tiny_site "$site"
mv ready/*.hdf5 "$site/incoming"
ln -s "$folder/small" "$site/state/reports"
expect 5 run
[ "$(n_published "$site")" = 1 ] || fail "published: $(n_published "$site")"
own_lines | grep -q 'report.html.*No space left' || fail "a report without space: '$(own_lines)'"

# ---- a products disk that is full ------------------------------------------------------------------------
as_root umount small
as_root mount -t tmpfs -o size=40k,mode=777 tmpfs small || fail "tmpfs"
site=$folder/third
tiny_files ready 3
tiny_site "$site"
mv ready/*.hdf5 "$site/incoming"
mkdir small/products && rmdir "$site/products" && ln -s "$folder/small/products" "$site/products"
expect 5 run
id=$(ls "$site/staging/mosaics")
expect 0 status "$id"
grep -q 'next: 1 of 3 attempts failed; tried again after .*Z by a run' "$out" || fail "its story: $(cat "$out")"
expect 1 monitor # none of its attempts succeeded
grep -q '^failed publishes 1 (0 with no attempt left' "$out" || fail "monitor: $(cat "$out")"
expect 5 publish --id "$id" --dry-run
own_lines | grep -q "$id: would not be published: .* GB free, its files are .* GB: make room" || fail "a dry run: $(own_lines)"
as_root mount -o remount,size=8m small
expect 0 publish --id "$id" --dry-run
expect 0 publish --retry-failed
[ "$(n_published small)" = 1 ] || fail "with room again: $(cat "$out" "$err")"

#!/usr/bin/env bash
# ci-test: timeout=240 cost=12
# The disk of the input is not mounted when a group is to be made, or goes while it is made: the machine's
# fault. The group stays pending, and is made when the files are back.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/tiny_site.sh"
tiny_files ready 5
site=$folder/site
tiny_site "$site"
mv ready/*.hdf5 "$site/incoming"
expect 0 group
go_away() { mv "$site/incoming" away && mkdir "$site/incoming"; }
come_back() { rmdir "$site/incoming" && mv away "$site/incoming"; }

go_away
expect 4 run
grep -q '^contimg: group .*: none of its 6 files is there, .*: mount their disk' "$err" || fail "not told: $(own_lines)"
[ "$(group_states "$site")" = '2 pending' ] || fail "without its input: $(group_states "$site")"
come_back
# Two of three tiles are still to be read.
run_stopped "$site" 0
go_away
run_goes_on 4
[ "$(group_states "$site")" = '2 pending' ] || fail "its input gone meanwhile: $(group_states "$site")"
sqlite3 "$site/state/ingest.sqlite3" "SELECT state FROM ingest_queue" | grep -q failed && fail "an observation failed"
come_back
expect 0 run
expect 0 run
[ "$(group_states "$site")" = '2 completed' ] && [ "$(n_published "$site")" = 2 ] || fail "back: $(group_states "$site")"
grep -rq '"is_degraded":[[:space:]]*true' "$site"/products/*/*/provenance.json && fail "a product is DEGRADED"

# Another group has its files: it is made by the same run, which tells of the one that waits and ends
# with its code; a plan is of the other alone. Where all are away the first is told, and no other is tried.
tiny_files ready 5
site=$folder/two
tiny_site "$site" CONTIMG_DISK_CRITICAL_GB=0 CONTIMG_GROUP_OVERLAP=0 CONTIMG_GROUP_SIZE=2 \
  CONTIMG_QA_IMG_MIN_DYNAMIC_RANGE=1
rm ready/*T00:01:53*
mv ready/*.hdf5 "$site/incoming"
expect 0 group
first=$(sqlite3 "$site/state/ingest.sqlite3" 'SELECT group_id FROM mosaic_groups ORDER BY first_time_mjd_s' | head -n 1)
[ "$(group_states "$site")" = '2 pending' ] || fail "two groups: $(group_states "$site")"
go_away
expect 4 plan
grep -q "^contimg: group $first: none of its 4 files is there, .*: mount their disk" "$err" || fail "a plan of none: $(own_lines)"
expect 4 run
[ "$(sqlite3 "$site/state/ingest.sqlite3" 'SELECT sum(n_fault) FROM mosaic_groups')" = 1 ] || fail "both were tried"
come_back
mkdir kept && mv "$site"/incoming/*T00:00:* kept
expect 0 plan
grep -q '^workload  1 group, 2 tiles' "$out" || fail "a plan of one: $(cat "$out")"
grep -q "$first" "$out" && fail "the plan has the group without files: $(cat "$out")"
grep -q "WARNING passed over: group $first: none of its 4 files" "$err" || fail "a plan of the other: $(cat "$err")"
expect 4 plan --group "$first"
expect 4 run
grep -q "^contimg: group $first: none of its 4 files is there" "$err" || fail "the one that waits: $(own_lines)"
[ "$(group_states "$site")" = '1 completed 1 pending' ] && [ "$(n_published "$site")" = 1 ] || fail "the other: $(group_states "$site")"
expect 0 status "$first"
grep -q '^group  *pending: .*the group stays pending and is tried again by itself' "$out" || fail "its story: $(cat "$out")"
mv kept/* "$site/incoming"
expect 0 run
[ "$(group_states "$site")" = '2 completed' ] || fail "the first, back: $(group_states "$site")"

# Some of its files are there: the data's fault, as before.
site=$folder/site
export CONTIMG_CONFIG=$site/contimg.env
tiny_files ready 9
mv ready/2026-01-25T00:02:* ready/2026-01-25T00:03:* "$site/incoming"
expect 0 group
rm "$site"/incoming/2026-01-25T00:02:18_sb01.hdf5
expect 3 run
grep -q '2 of 3 tiles passed, 3 needed' "$err" || fail "a tile without one of its files: $(own_lines)"

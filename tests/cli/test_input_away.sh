#!/usr/bin/env bash
# ci-test: timeout=120 cost=8
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

# Some of its files are there: the data's fault, as before.
tiny_files ready 9
mv ready/2026-01-25T00:02:* ready/2026-01-25T00:03:* "$site/incoming"
expect 0 group
rm "$site"/incoming/2026-01-25T00:02:18_sb01.hdf5
expect 3 run
grep -q '2 of 3 tiles passed, 3 needed' "$err" || fail "a tile without one of its files: $(own_lines)"

#!/usr/bin/env bash
# ci-test: timeout=120 cost=5
# A product should not have been published, and making it again was refused: the version that stands
# published is taken back by name, said in status, and can be published again; nothing of it is lost.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/tiny_site.sh"
tiny_files ready 3
site=$folder/site
tiny_site "$site"
mv ready/*.hdf5 "$site/incoming"
expect 0 run
id=$(cd "$site"/products/* && ls)
cp -a "$site"/products/*/"$id" before
# Made within the same second of the same tiles it would be the same file.
second=$(date +%s)
while [ "$(date +%s)" = "$second" ]; do sleep 0.05; done
expect 7 run --group "$id" --remake --qa-img-min-dynamic-range 1e6
expect 0 status "$id"
grep -q "the version before is published: .*/$id" "$out" || fail "status: $(cat "$out")"
expect 0 publish --withdraw "$id"
grep -q 'the version before withdrawn' "$out" || fail "not told: $(cat "$out")"
[ "$(n_published "$site")" = 0 ] || fail "withdrawn, and still published"
expect 0 publish --withdraw "$id" # again: what a kill left would be done
expect 0 publish --id "$id"
for name in mosaic.fits noise.fits weight.fits sources.csv; do
  cmp "before/$name" "$site"/products/*/"$id/$name" || fail "$name is not as it was published"
done
# Its provenance is its own, not that of the version that was refused.
run_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["metadata"]["run"])' "$1"; }
[ "$(run_of before/provenance.json)" = "$(run_of "$site"/products/*/"$id"/provenance.json)" ] ||
  fail "another run's provenance: $(run_of "$site"/products/*/"$id"/provenance.json)"
# What was said of the group while its product was refused is not said of it now.
for command in status "status $id"; do
  # shellcheck disable=SC2086
  expect 0 $command
  grep -q '^group.*refused\|^ *'"$id"': refused' "$out" && fail "$command: $(cat "$out")"
done
expect 0 run --group "$id" --remake
[ "$(n_published "$site")" = 1 ] || fail "made again: $(n_published "$site")"

# While a run makes it again (stopped here), recovery leaves its staging folder, and it is not withdrawn.
timeout -k 10 120 "$contimg" run --group "$id" --remake >run.out 2>run.err &
launcher=$!
for _ in $(seq 3000); do
  runs=$(pgrep -P $launcher -x contimg) && break
  sleep 0.02
done
until [ "$(sqlite3 "$site/state/ingest.sqlite3" 'SELECT status FROM mosaic_groups')" = in_progress ]; do
  kill -0 $launcher 2>/dev/null || fail "the run is over: $(cat run.err)"
done
run_stop "$site"
[ "$(sqlite3 "$site/state/data_registry.sqlite3" 'SELECT status FROM data_registry')" = published ] ||
  fail "the run was not stopped in time"
CONTIMG_REMOVE_STAGING=true expect 0 publish --recover
[ -e "$site/staging/mosaics/$id" ] || fail "recovery removed the folder that a run writes into"
expect 6 publish --withdraw "$id"
own_lines | grep -q 'a run makes it again' || fail "withdrawn while it is made: $(own_lines)"
# Who comes meanwhile is told who has it.
expect 0 run
grep -q "^1 group is being made; the first, $id, by $(uname -n) pid $runs, since " "$out" || fail "not told who makes it: $(cat "$out")"
kill -CONT "$runs"
wait $launcher || fail "the run: exit $?: $(tail -n 2 run.err)"
[ "$(n_published "$site")" = 1 ] || fail "made again: $(n_published "$site")"

#!/usr/bin/env bash
# ci-test: timeout=900 cost=15
# Several runs at once over one incoming folder while files arrive, with a blank and an umlaut in the
# path of everything: every group is made once, every product is published once.
# CONTIMG_TEST_EXHAUSTIVE=1: 8 runs for two minutes.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/tiny_site.sh"
n_run=3 n_tile=5 seconds=6
[ -z "${CONTIMG_TEST_EXHAUSTIVE:-}" ] || n_run=8 n_tile=41 seconds=120
n_group=$(((n_tile - 1) / 2)) # of three, one shared with the one before
site=$folder/'Zustand für alle'
tiny_files ready $n_tile
files=(ready/*.hdf5)
[ ${#files[@]} = $((2 * n_tile)) ] || fail "${#files[@]} files of $n_tile tiles"
tiny_site "$site"
"$contimg" check --make >"$out" 2>"$err" || fail "check: $(cat "$out" "$err")"

# One after the other, over three quarters of the time; at rest, and not silent for long.
arrive() {
  local file
  for file in "${files[@]}"; do
    touch -d '30 seconds ago' "$file"
    mv "$file" "$site/incoming/"
    sleep "$(awk "BEGIN { print 0.75 * $seconds / ${#files[@]} }")"
  done
}
# Runs until the time is over; what each ended with. 6: another one has what there is to do.
work() {
  while [ $SECONDS -lt $end ]; do
    timeout -k 30 600 "$contimg" run >"run.$1.out" 2>"run.$1.err"
    code=$?
    case $code in 0 | 6) ;; *) echo "run $1: exit $code: $(tail -n 1 "run.$1.err")" >>bad ;; esac
    echo $code >>codes
  done
}
end=$((SECONDS + seconds))
arrive &
workers=$!
for i in $(seq $n_run); do
  work "$i" &
  workers="$workers $!"
done
# shellcheck disable=SC2086
wait $workers
[ ! -e bad ] || fail "$(sort bad | uniq -c | head)"
# What was not due, or not done, when the time was over.
for _ in $(seq $((n_group + 1))); do "$contimg" run >"$out" 2>"$err" || fail "the last: $(own_lines)"; done

value() { sqlite3 "$site/state/$1.sqlite3" "$2"; }
is() { [ "$(value "$1" "$2")" = "$3" ] || fail "$2: $(value "$1" "$2"), not $3"; }
is ingest "SELECT count(*)||' '||count(DISTINCT observation_id||sub_band) FROM files WHERE state='used'" "$((2 * n_tile)) $((2 * n_tile))"
is ingest "SELECT count(*) FROM ingest_queue" $n_tile
is ingest "SELECT count(*)||' '||sum(status='completed') FROM mosaic_groups" "$n_group $n_group"
is ingest "SELECT count(*) FROM mosaic_group_members WHERE role='new'" $n_tile
is data_registry "SELECT count(*)||' '||sum(status='published') FROM data_registry" "$n_group $n_group"
is data_registry "SELECT count(*) FROM state_changes WHERE to_state='published'" $n_group
[ "$(find "$site/products" -name mosaic.fits | wc -l)" = $n_group ] || fail "$(find "$site/products")"
(cd "$site/products" && find . -name SHA256SUMS -execdir sha256sum --quiet -c {} \;) >"$out" 2>&1
[ ! -s "$out" ] || fail "checksums: $(cat "$out")"
left=$(find "$site" -name '*.part*')
[ -z "$left" ] || fail "left: $left"
for command in "db verify" "db backup" "publish --recover" status monitor "clean --dry-run" group plan; do
  # shellcheck disable=SC2086
  "$contimg" $command >"$out" 2>"$err" || fail "$command: exit $?: $(cat "$out" "$err")"
done
echo "$n_run runs for $seconds s ($(wc -l <codes) in all, $(grep -c 6 codes) found all busy): $n_group groups and products, each once"

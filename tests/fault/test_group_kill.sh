#!/usr/bin/env bash
# ci-test: timeout=600 cost=72
# Group formation is killed before every system call that changes the file system or a database, and
# each such call is made to fail in turn; so is the registration of calibration tables by a run. The
# command that comes next brings all to the same end: each file, observation and group once, and tables
# that are as they were registered.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/inject.sh"
simulate --out in --sub-bands 2 --tiles 3
find in -name '*.hdf5' -exec touch -d '1 hour ago' {} +
small="--input-dir in --expected-subbands 2 --min-subbands 2 --group-size 3 --group-overlap 1
  --state-dir case/state --output-dir case/staging --products-dir case/products
  --disk-critical-gb 0 --disk-warn-gb 0"

are_sound() { # no database, no file half-done
  local database
  for database in case/state/*.sqlite3; do
    [ "$(sqlite3 "$database" 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ] ||
      { echo "$database is not sound"; return 1; }
  done
  # But the report of a run that was killed stays as it was.
  local left
  left=$(find case -name '*.part*' -not -path '*/reports/*')
  [ -z "$left" ] || { echo "left: $left"; return 1; }
}

# ---- groups -----------------------------------------------------------------------------------
formed() {
  sqlite3 case/state/ingest.sqlite3 "SELECT path,state,observation_id,sub_band FROM files ORDER BY path;
    SELECT group_id,state,n_present,is_ready FROM ingest_queue ORDER BY group_id;
    SELECT group_id,status,closed_by,n_min_tiles FROM mosaic_groups ORDER BY group_id;
    SELECT group_id,i_member,observation_id,role FROM mosaic_group_members ORDER BY 1,2;
    SELECT group_id,subband_idx,path FROM subband_files ORDER BY 1,2"
}
begin_groups() {
  rm -rf case
  cp -a empty case
}
groups_are_good() {
  "$contimg" group $small && are_sound && formed | cmp - formed.txt
}
# Databases are there; that they are made is a case of its own.
mkdir elsewhere
"$contimg" group ${small/--input-dir in/--input-dir elsewhere} >"$out" 2>&1 || fail "group: $(cat "$out")"
mv case empty
begin_groups
inject_count groups "$folder/case/" 8 -- "$contimg" group $small >"$out" 2>&1 || fail "$(cat "$out")"
formed >formed.txt
[ "$(grep -c '|used|' formed.txt)" = 6 ] && grep -q '|pending|full|' formed.txt || fail "no group: $(cat formed.txt)"
# In the short form a call is one that the program is killed before, or one that fails.
cp groups fails
[ -n "$inject_all" ] || { sed -i '1~2d' fails; sed -i '2~2d' groups; }
inject_kills groups "$out" begin_groups groups_are_good "$contimg" group $small
inject_errors fails "$out" begin_groups groups_are_good "$contimg" group $small

# ---- tables -----------------------------------------------------------------------------------
run="$contimg run $small --model in/truth-calibrator.csv --size 64 --cell-arcsec 30 --niter 0 --no-publish
  --memory 2 --qa-img-max-noise-ratio 1000"
registered() {
  sqlite3 case/state/cal_registry.sqlite3 "SELECT path,sha256 FROM caltables WHERE status='active'"
}
# A run that was killed may have registered its own before: each is there, and as registered.
are_registered() {
  local path sha256
  for kind in bandpass gain; do
    registered | grep -q "\.$kind\.calh5|" || { echo "no $kind table"; return 1; }
  done
  while IFS='|' read -r path sha256; do
    [ "$(sha256sum <"$path" | cut -d ' ' -f 1)" = "$sha256" ] || { echo "$path: not as registered"; return 1; }
  done < <(registered)
}
begin_tables() {
  rm -rf case
  cp -a grouped case
}
tables_are_good() {
  $run && are_sound && are_registered
}
begin_groups
"$contimg" group $small >"$out" 2>&1 || fail "group: $(cat "$out")"
mv case grouped
begin_tables
inject_count tables "$folder/case/" 4 --only calh5 --only cal_registry -- $run >"$out" 2>&1 ||
  fail "$(cat "$out")"
are_registered || fail "an undisturbed run"
# A run takes a second or two: of six calls, in the short form, one is killed before, and one fails.
cp tables fails
[ -n "$inject_all" ] || { sed -i -n '1~6p' tables; sed -i -n '4~6p' fails; }
inject_kills tables "$out" begin_tables tables_are_good $run
inject_errors fails "$out" begin_tables tables_are_good $run
inject_end "groups and tables"

#!/usr/bin/env bash
# ci-test: timeout=600 cost=60
# A run that is killed, or asked to stop, is run again: what was finished is used, the product
# is published once, nothing half-done is left, the databases are sound. A run of what was
# published before changes nothing. Two runs of one thing at once: one does it.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
export CONTIMG_EXPECTED_SUBBANDS=4 CONTIMG_MIN_SUBBANDS=3
simulate --out sim --sub-bands 4 --tiles 3 --random 3
options="--model sim/truth-calibrator.csv --size 128 --cell-arcsec 25 --niter 300"
here=$(pwd -P) # places are named in full, however they were given
run() { # run RANKS PLACE ARG...
  local ranks=$1 place=$2
  shift 2
  try "$ranks" run sim/*.hdf5 $options --state-dir "$place/state" --output-dir "$place/staging" \
    --products-dir "$place/products" "$@"
}

# sound PLACE: one published product, complete, and nothing else.
sound() {
  local published database
  published=$(find "$1/products" -mindepth 2 -maxdepth 2 | wc -l)
  [ "$published" = 1 ] || fail "$1: $published products: $(find "$1/products" -maxdepth 2)"
  (cd "$1"/products/*/* && sha256sum --quiet -c SHA256SUMS) || fail "$1: SHA256SUMS"
  # But the report of a run that was killed stays as it was.
  [ -z "$(find "$1" -name '*.part*' -not -path '*/reports/*')" ] ||
    fail "$1: left $(find "$1" -name '*.part*')"
  for database in "$1"/state/*.sqlite3; do
    [ "$(sqlite3 "$database" 'PRAGMA integrity_check')" = ok ] || fail "$database: not sound"
    [ -z "$(sqlite3 "$database" 'PRAGMA foreign_key_check')" ] || fail "$database: keys"
  done
  published=$(sqlite3 "$1/state/data_registry.sqlite3" \
    "SELECT count(*) FROM state_changes WHERE to_state='published'" 2>/dev/null)
  [ "$published" = 1 ] || fail "$1: $published changes to published"
}
# What a product is, without what names the run.
content() {
  (cd "$1"/products/*/* && for f in mosaic noise weight; do fits_cards $f.fits; done
  sha256sum sources.csv)
}
everything() { (cd "$1" && find products staging -type f -exec sha256sum {} + | sort -k2); }

# ---- undisturbed, and again ---------------------------------------------------------------
run 2 whole
[ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
sound whole
everything whole >before
run 2 whole
[ $code = 0 ] || fail "again: exit $code: $(own_lines)"
grep -q 'was published before' "$out" || fail "again: $(cat "$out")"
everything whole >after
cmp -s before after || fail "a second run changed: $(diff before after)"
sound whole
# What was published is kept, and options that would make another are not passed over.
for ranks in 0 2; do
  bad 3 'it was made with other options' $ranks run sim/*.hdf5 $options --weighting natural \
    --state-dir whole/state --output-dir whole/staging --products-dir whole/products
done
everything whole >after
cmp -s before after || fail "other options changed: $(diff before after)"

# ---- staging moved --------------------------------------------------------------------------
# Tiles are used from where they are checked.
cp -r whole moved
rm -r moved/state moved/products
mv whole/staging whole/staging.away
run 2 moved
[ $code = 0 ] || fail "staging moved: exit $code: $(own_lines)"
grep -q 'used again' "$err" || fail "staging moved: tiles are made again"
[ ! -e whole/staging ] || fail "staging moved: the old place is written to"
mv whole/staging.away whole/staging
[ "$(content moved)" = "$(content whole)" ] || fail "staging moved: another product"

# ---- what was published is gone, or unknown ------------------------------------------------
cp -r whole lost
rm lost/state/data_registry.sqlite3*
lost="--state-dir lost/state --output-dir lost/staging --products-dir lost/products"
good 'taken into the registry 1,' 0 publish --recover $lost
run 2 lost
[ $code = 0 ] || fail "registry lost: exit $code: $(own_lines)"
grep -q "was published before: $here/lost/products/2" "$out" || fail "registry lost: $(cat "$out")"
[ "$(content lost)" = "$(content whole)" ] || fail "registry lost: another product"
# The ingest database says completed, and nothing is there: made and published again.
for ranks in 0 2; do
  cp -r whole unknown$ranks
  rm -r unknown$ranks/state/data_registry.sqlite3* unknown$ranks/products/*/*
  run $ranks unknown$ranks
  [ $code = 0 ] || fail "registry and product gone: exit $code: $(own_lines)"
  grep -aq 'WARNING .*recorded as completed, but its product is not in the data registry' "$err" ||
    fail "registry and product gone, not said: $(cat "$err")"
  grep -q '^published: ' "$out" || fail "registry and product gone: $(cat "$out")"
  sound unknown$ranks
  [ "$(content unknown$ranks)" = "$(content whole)" ] || fail "registry and product gone: another"
  run $ranks unknown$ranks
  grep -q 'was published before' "$out" || fail "unknown, published, and again: $(cat "$out")"
done
# What stands published is not made again over it: taken in, or called damaged.
cp -r whole damaged
damaged="--state-dir damaged/state --output-dir damaged/staging --products-dir damaged/products"
rm damaged/state/data_registry.sqlite3*
everything damaged >before
for ranks in 0 2; do
  bad 6 'contimg publish --recover takes it in' $ranks run sim/*.hdf5 $options $damaged
done
everything damaged >after
cmp -s before after || fail "registry gone, product there: changed $(diff before after)"
chmod u+w damaged/products/*/*/sources.csv
echo x >>"$(echo damaged/products/*/*/sources.csv)"
bad 4 '1 product is faulty' 0 publish --recover $damaged
grep -aq 'ERROR .*cannot be taken into the registry: .*sources.csv' "$err" ||
  fail "the fault is not said: $(cat "$err")"
chmod -R u+w damaged/products
rm -r damaged/products/*/*
good 'faults 0' 0 publish --recover $damaged
good 'published: ' 0 run sim/*.hdf5 $options $damaged
[ "$(content damaged)" = "$(content whole)" ] || fail "damaged, made again: another product"
# Published, and damaged since: by hand every file is compared with its checksum; a run only looks
# whether all are there.
mosaic=$(echo damaged/products/*/*/mosaic.fits) noise=$(echo damaged/products/*/*/noise.fits)
chmod -R u+w damaged/products
cp "$mosaic" kept.fits
printf '\001' | dd of="$mosaic" bs=1 seek=9000 conv=notrunc 2>/dev/null
bad 4 '1 product is faulty' 0 publish --recover $damaged
[ "$(grep -ac ' ERROR .*damaged since: .*/mosaic.fits: sha256' "$err")" = 1 ] ||
  fail "the damaged file is not said: $(cat "$err")"
good 'was published before' 0 run sim/*.hdf5 $options $damaged
cp kept.fits "$mosaic"
mv "$noise" kept.fits
bad 4 '1 product is faulty' 0 publish --recover $damaged
grep -aq ' ERROR .*damaged since: .*noise.fits' "$err" || fail "the missing file is not said: $(cat "$err")"
try 2 run sim/*.hdf5 $options $damaged
grep -aq ' ERROR .*damaged since: .*noise.fits' "$err" || fail "not said by run: $(cat "$err")"
mv kept.fits "$noise"
good 'faults 0' 0 publish --recover $damaged
# Published, and gone: recover ends with an error, and names what to do.
mv damaged/products/*/* away
bad 4 '1 product is faulty' 0 publish --recover $damaged
grep -aq 'ERROR .*recorded as published' "$err" || fail "the fault is not said: $(cat "$err")"
for ranks in 0 2; do
  run 2 gone$ranks
  rm -rf gone$ranks/products/*/*
  run $ranks gone$ranks
  [ $code = 0 ] || fail "product gone: exit $code: $(own_lines)"
  grep -aq 'WARNING .*recorded as published, but .* is not there' "$err" || fail "not said: $(cat "$err")"
  grep -q '^published: ' "$out" || fail "product gone: $(cat "$out")"
  [ "$(content gone$ranks)" = "$(content whole)" ] || fail "product gone: another product"
  run $ranks gone$ranks
  grep -q 'was published before' "$out" || fail "published again, and again: $(cat "$out")"
done

# ---- refused before -------------------------------------------------------------------------
refused="--state-dir refused/state --output-dir refused/staging --products-dir refused/products"
bad 7 'peak' 2 run sim/*.hdf5 $options $refused --qa-img-min-peak-snr 1e9
for ranks in 0 2; do
  bad 7 'was made before and is not published' $ranks run sim/*.hdf5 $options $refused
  own_lines | grep -q 'refused: .*contimg publish --id ' || fail "refused before: $(own_lines)"
  grep -q 'was made before' "$out" && fail "refused before: $(cat "$out")"
  [ -z "$(find refused/products -type f)" ] || fail "refused, and published"
done
# Other options are another product; so is one whose staged files are lost.
cp -r refused other
others="--state-dir other/state --output-dir other/staging --products-dir other/products"
good 'published: ' 2 run sim/*.hdf5 $options $others --weighting natural
cp -r refused kept
rm -r refused/staging/mosaics
good 'published: ' 0 run sim/*.hdf5 $options $refused
[ "$(content refused)" = "$(content whole)" ] || fail "staged, lost and made again: another product"
rm -rf refused other
mv kept refused
# --dry-run changes nothing, and says where it belongs.
sha256sum refused/state/data_registry.sqlite3 >before
bad 2 '--recover has no --dry-run' 0 publish --recover --dry-run $refused
good 'would be published' 0 publish --id "$(ls refused/staging/mosaics)" --dry-run $refused
good '0 failed products' 0 publish --retry-failed --dry-run $refused
sha256sum -c --quiet before || fail "--dry-run changed the registry"
good ': published' 0 publish --id "$(ls refused/staging/mosaics)" $refused
run 2 refused
grep -q 'was published before' "$out" || fail "refused, published by name, and again: $(cat "$out")"

# ---- publishing failed ----------------------------------------------------------------------
# Nothing is lost and nobody is told that all is well; a later run publishes it when it is due.
if strace -o /dev/null true 2>/dev/null; then
  failed="--state-dir failed/state --output-dir failed/staging --products-dir failed/products"
  strace -f -o /dev/null -e trace=mkdirat -e inject=mkdirat:error=ENOSPC \
    "$contimg" run sim/*.hdf5 $options $failed >"$out" 2>"$err"
  code=$?
  [ $code = 5 ] || fail "publishing on a full disk: exit $code: $(own_lines)"
  id=$(ls failed/staging/mosaics)
  for ranks in 0 2; do
    bad 6 'made before and is not published' $ranks run sim/*.hdf5 $options $failed
    own_lines | grep -q "No space left.*contimg publish --id $id tries again" ||
      fail "publishing failed before: $(own_lines)"
  done
  sqlite3 failed/state/data_registry.sqlite3 'UPDATE data_registry SET next_try_at=1'
  good "published: $here/failed/products/2" 2 run sim/*.hdf5 $options $failed
  sound failed
  [ "$(content failed)" = "$(content whole)" ] || fail "published at last: another product"
fi
# What was staged on purpose stays so.
good 'staged: ' 0 run sim/*.hdf5 $options --no-publish --state-dir kept/state \
  --output-dir kept/staging --products-dir kept/products
good "in state staging; \`contimg publish --id $(ls kept/staging/mosaics)\` publishes it" 0 run sim/*.hdf5 $options \
  --state-dir kept/state --output-dir kept/staging --products-dir kept/products
[ -z "$(find kept/products -type f)" ] || fail "--no-publish, and published"

# Where a command is begun does not matter: what was made with folders named from one place is
# found from another.
mkdir elsewhere
(
  cd elsewhere || exit 1
  kept="--state-dir $folder/kept/state --output-dir $folder/kept/staging --products-dir $folder/kept/products"
  good ': published: ' 0 publish --id "$(ls ../kept/staging/mosaics)" $kept
  good 'faults 0' 0 publish --recover $kept
  good 'published' 0 status $kept
  grep -q 'not there' "$out" && fail "published, and not there: $(cat "$out")"
  good "was published before: $here/kept/products/2" 0 run ../sim/*.hdf5 $options \
    --model ../sim/truth-calibrator.csv $kept
) || exit 1
sound kept
# A registry of before holds the folders as they were typed: it serves where it was made.
good 'staged: ' 0 run sim/*.hdf5 $options --no-publish --state-dir typed/state \
  --output-dir typed/staging --products-dir typed/products
sqlite3 typed/state/data_registry.sqlite3 \
  "UPDATE data_registry SET stage_path=substr(stage_path,length('$here/')+1)"
good ': published: ' 0 publish --id "$(ls typed/staging/mosaics)" --state-dir typed/state \
  --output-dir ./typed/staging/ --products-dir typed/products
sqlite3 typed/state/data_registry.sqlite3 \
  "UPDATE data_registry SET published_path=substr(published_path,length('$here/')+1)"
good 'faults 0' 0 publish --recover --state-dir typed/state --output-dir typed/staging \
  --products-dir typed/products
run 2 typed
grep -q 'was published before: typed/products/2' "$out" || fail "typed before: $(cat "$out")"
sound typed

# wait_for FILE: until it is there, or the run has ended.
wait_for() {
  local i
  for i in $(seq 1 600); do
    [ -e "$1" ] && return 0
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}
# wait_said PATTERN N PID: until N lines of the log hold it, or the run has ended.
wait_said() {
  local i
  for i in $(seq 1 2000); do
    [ "$(grep -ac -- "$1" "$err")" -ge "$2" ] && return 0
    kill -0 "$3" 2>/dev/null || return 1
    sleep 0.01
  done
  return 1
}
# begin PLACE SIGNAL RANKS [PATTERN N ARG...]: a run that gets the signal when the first tile is
# done, or when its log holds the pattern N times.
begin() {
  local ranks=$3 place=$1 launcher="" pid signal=$2 pattern=${4:-} n=${5:-}
  shift $(($# > 5 ? 5 : $#))
  [ "$ranks" -gt 0 ] && launcher="mpirun -n $ranks"
  : >"$err" # what the run before said is not waited for
  timeout -k 10 100 $launcher "$contimg" run sim/*.hdf5 $options --teams 1 "$@" \
    --state-dir "$place/state" --output-dir "$place/staging" --products-dir "$place/products" \
    >"$out" 2>"$err" &
  pid=$!
  if [ -n "$pattern" ]; then
    wait_said "$pattern" "$n" $pid || fail "$place: not $n times '$pattern': $(tail -n 3 "$err")"
  else
    wait_for "$place/staging/tiles/2026-01-25T00:00:10/tile.json" $pid ||
      fail "$place: no first tile: $(tail -n 3 "$err")"
  fi
  # The ranks themselves, children of timeout or of the launcher below it.
  for parent in $pid $(pgrep -P $pid); do
    for child in $(pgrep -P "$parent" -x contimg); do kill -"$signal" "$child"; done
  done
  wait $pid
  code=$?
}

# ---- killed in the middle -------------------------------------------------------------------
for ranks in 0 2; do
  begin killed$ranks KILL $ranks
  [ $code != 0 ] || fail "killed at $ranks ranks, and exit 0"
  [ ! -e killed$ranks/products/2026-01-25 ] || fail "published, and was to be killed before"
  run 2 killed$ranks
  [ $code = 0 ] || fail "after a kill: exit $code: $(own_lines)"
  grep -q 'used again' "$err" || fail "after a kill: the finished tile is made again"
  sound killed$ranks
  [ "$(content killed$ranks)" = "$(content whole)" ] || fail "after a kill: another product"
done

# A finished tile whose file was changed since is not used.
begin spoilt KILL 0
printf x | dd of=spoilt/staging/tiles/2026-01-25T00:00:10/image.fits bs=1 seek=9000 conv=notrunc \
  2>/dev/null
run 0 spoilt
[ $code = 0 ] || fail "after a change: exit $code: $(own_lines)"
grep -q 'tile 2026-01-25T00:00:10: made before' "$err" && fail "a changed tile was used"
[ "$(content spoilt)" = "$(content whole)" ] || fail "after a change: another product"

# ---- asked to stop ----------------------------------------------------------------------------
for ranks in 0 2; do
  begin stopped$ranks TERM $ranks
  [ $code = 75 ] || fail "SIGTERM at $ranks ranks: exit $code: $(tail -n 3 "$err")"
  [ "$(own_lines | wc -l)" = 1 ] || fail "SIGTERM: not one line: $(own_lines)"
  own_lines | grep -q 'run it again to resume' || fail "SIGTERM: $(own_lines)"
  run 2 stopped$ranks
  [ $code = 0 ] || fail "after a stop: exit $code: $(own_lines)"
  grep -q 'used again' "$err" || fail "after a stop: the finished tile is made again"
  sound stopped$ranks
  [ "$(content stopped$ranks)" = "$(content whole)" ] || fail "after a stop: another product"
done

# Within a tile, too: between its stages, and between CLEAN's major cycles.
stopped_within() { # stopped_within PLACE RANKS PATTERN N ARG...
  local place=$1 ranks=$2
  begin "$place" TERM "$ranks" "${@:3}"
  [ $code = 75 ] || fail "$place: SIGTERM at $ranks ranks: exit $code: $(tail -n 3 "$err")"
  own_lines | grep -q 'run it again to resume' || fail "$place: $(own_lines)"
  [ -z "$(find "$place/staging" "$place/products" -type f)" ] ||
    fail "$place: a tile was stopped, and left $(find "$place/staging" -type f)"
  grep -aq 'tile .* failed' "$err" && fail "$place: a stop is called a failure"
  [ "$(sqlite3 "$place/state/ingest.sqlite3" 'SELECT status FROM mosaic_groups')" = pending ] ||
    fail "$place: its group is not left to be done"
}
in_tile='stopped on request (in tile 2026-01-25T|while .*/tiles/2026-01-25T)'
for ranks in 0 2; do
  stopped_within flagged$ranks $ranks 'INFO .*apply  *2026' 1
  own_lines | grep -qE "$in_tile" || fail "not in a tile: $(own_lines)"
  run 2 flagged$ranks
  [ $code = 0 ] || fail "after a stop in a tile: exit $code: $(own_lines)"
  sound flagged$ranks
  [ "$(content flagged$ranks)" = "$(content whole)" ] || fail "after a stop in a tile: another product"
  # Cleaned so deep that the end of the first tile is far.
  stopped_within cleaned$ranks $ranks 'clean: major cycle [0-9]*:' 2 --size 1024 --cell-arcsec 5
  own_lines | grep -qE "$in_tile" || fail "not in a tile: $(own_lines)"
done

# ---- other data of the same times -----------------------------------------------------------------
# Known by its times, a group that was published is kept, and nothing else is called published.
simulate --out other --sub-bands 4 --tiles 3 --random 3 --seed 77 --sefd 900
again="--state-dir again/state --output-dir again/staging --products-dir again/products"
run 2 again
everything again >before
for ranks in 0 2; do
  # Before anything of it is touched, whether the group is known as done or not.
  for _ in 'done' lost; do
    bad 3 'published before with another result' $ranks run other/*.hdf5 $options $again
    grep -q '^published: ' "$out" && fail "other data are called published"
    everything again >after
    cmp -s before after || fail "other data changed: $(diff before after)"
    rm -f again/state/ingest.sqlite3*
  done
  bad 3 'with other options' $ranks run sim/*.hdf5 $options --niter 200 $again
  everything again >after
  cmp -s before after || fail "other options changed: $(diff before after)"
done
# Copies are no other data, whatever their names and times.
mkdir copy
for file in sim/*.hdf5; do cp "$file" "copy/c-${file##*/}"; done
good "published: $here/again/products/2" 0 run copy/*.hdf5 $options $again
good "was published before: $here/again/products/2" 0 run copy/*.hdf5 $options $again
[ "$(content again)" = "$(content whole)" ] || fail "other data replaced a product"

# ---- two at once --------------------------------------------------------------------------------
for i in 1 2; do
  (
    timeout -k 10 100 "$contimg" run sim/*.hdf5 $options --state-dir twice/state \
      --output-dir twice/staging --products-dir twice/products >twice.out$i 2>twice.err$i
    echo $? >twice.code$i
  ) &
done
wait
codes="$(sort -n twice.code1 twice.code2 | tr '\n' ' ')"
case $codes in
  '0 0 ' | '0 6 ') ;;
  *) fail "two at once: exits $codes: $(cat twice.err1 twice.err2)" ;;
esac
[ "$(cat twice.out1 twice.out2 | grep -c '^published: ')" = 1 ] || fail "two at once: $(cat twice.out?)"
if [ "$codes" = '0 6 ' ]; then
  grep -h '^contimg: ' twice.err1 twice.err2 | grep -q 'pid' || fail "who holds it is not said"
fi
sound twice
[ "$(content twice)" = "$(content whole)" ] || fail "two at once: another product"
echo "resumed after SIGKILL and SIGTERM at 1 and 2 ranks; two at once: exits $codes"

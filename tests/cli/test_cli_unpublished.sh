#!/usr/bin/env bash
# ci-test: timeout=600 cost=40
# A product that was refused, could not be published or was staged on purpose is not made again by the
# next run, and is published by name, from any folder.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/resume.sh"
whole_make

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
good '0 products with failed attempts' 0 publish --retry-failed --dry-run $refused
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
  good '0 products published, 0 failed' 0 publish --due $failed
  cp -r failed due
  due="--state-dir due/state --output-dir due/staging --products-dir due/products"
  sqlite3 due/state/data_registry.sqlite3 \
    "UPDATE data_registry SET next_try_at=1, stage_path=replace(stage_path, '/failed/', '/due/')"
  # A run that nobody named anything to does it, too.
  mkdir empty
  cp -r due due-run
  sqlite3 due-run/state/data_registry.sqlite3 \
    "UPDATE data_registry SET stage_path=replace(stage_path, '/due/', '/due-run/')"
  good '1 product published, 0 failed' 0 publish --due $due
  sound due
  good '' 0 run --input-dir empty --state-dir due-run/state --output-dir due-run/staging \
    --products-dir due-run/products
  sound due-run
  sqlite3 failed/state/data_registry.sqlite3 'UPDATE data_registry SET next_try_at=1'
  good "published: $here/failed/products/2" 2 run sim/*.hdf5 $options $failed
  sound failed
  [ "$(content failed)" = "$(content whole)" ] || fail "published at last: another product"
fi
# ---- staged on purpose -----------------------------------------------------------------------
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
  --output-dir ./typed/staging/ --products-dir typed/products --remove-staging
[ -z "$(ls typed/staging/mosaics)" ] || fail "--remove-staging, and staging is there"
sqlite3 typed/state/data_registry.sqlite3 \
  "UPDATE data_registry SET published_path=substr(published_path,length('$here/')+1)"
good 'faults 0' 0 publish --recover --state-dir typed/state --output-dir typed/staging \
  --products-dir typed/products
run 2 typed
grep -q 'was published before: typed/products/2' "$out" || fail "typed before: $(cat "$out")"
sound typed
echo "refused, failed and staged products are published by name, once"

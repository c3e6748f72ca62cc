#!/usr/bin/env bash
# ci-test: timeout=600 cost=50
# A run of what was published before changes nothing; what is gone, unknown or damaged is said, and made
# again or taken in; other data of the same times are refused.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/resume.sh"
whole_make

# ---- undisturbed, and again ---------------------------------------------------------------
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
# The same value written another way is the same option.
for same in '--auto-mask 5.0' '--compression 0.0001' '--stokes i' '--weighting BRIGGS'; do
  # shellcheck disable=SC2086 # an option and its value
  good 'was published before' 0 run sim/*.hdf5 $options $same \
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
cp -r whole unknown
rm -r unknown/state/data_registry.sqlite3* unknown/products/*/*
run 2 unknown
[ $code = 0 ] || fail "registry and product gone: exit $code: $(own_lines)"
grep -aq 'WARNING .*recorded as completed, but its product is not in the data registry' "$err" ||
  fail "registry and product gone, not said: $(cat "$err")"
grep -q '^published: ' "$out" || fail "registry and product gone: $(cat "$out")"
sound unknown
[ "$(content unknown)" = "$(content whole)" ] || fail "registry and product gone: another"
run 2 unknown
grep -q 'was published before' "$out" || fail "unknown, published, and again: $(cat "$out")"
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
# Published, and damaged since: db rebuild compares every file with its checksum; a run only looks
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
run 2 gone
rm -rf gone/products/*/*
run 0 gone
[ $code = 0 ] || fail "product gone: exit $code: $(own_lines)"
grep -aq 'WARNING .*recorded as published, but .* is not there' "$err" || fail "not said: $(cat "$err")"
grep -q '^published: ' "$out" || fail "product gone: $(cat "$out")"
[ "$(content gone)" = "$(content whole)" ] || fail "product gone: another product"
run 0 gone
grep -q 'was published before' "$out" || fail "published again, and again: $(cat "$out")"

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
echo "what was made before: kept, taken in, or made again as it was"

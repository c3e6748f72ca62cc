#!/usr/bin/env bash
# ci-test: timeout=300 cost=30
# `clean` and `publish --withdraw` are killed before every system call that changes the file system or a
# database, and each such call of `clean` is made to fail in turn; and the product is withdrawn while `clean` is at its files. After each of
# these it is withdrawn and published again, whole: a file is among the products or in staging.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/inject.sh"
. "$CONTIMG_SOURCE/tests/support/tiny_site.sh"
tiny_files in 1
places="--input-dir in --state-dir case/state --output-dir case/staging --products-dir case/products"
"$contimg" run in/*.hdf5 $places --expected-subbands 2 --min-subbands 2 --calibrated --size 64 \
  --cell-arcsec 120 --niter 0 --memory 2 --qa-img-max-noise-ratio 1000 --disk-critical-gb 0 \
  --disk-warn-gb 0 >"$out" 2>"$err" || fail "run: $(own_lines)"
id=$(cd case/products/* && ls)
[ -n "$id" ] || fail "no product: $(cat "$out")"
mv case published
limits="--qa-img-max-noise-ratio 1000"
clean() { "$contimg" clean $places --staging-days 0; }
withdraw() { "$contimg" publish --withdraw "$id" $places; }
begin() {
  rm -rf case
  cp -a published case
}
# Back in staging and published again: all that was published is.
is_whole() {
  local name database
  "$contimg" publish --recover $places || { echo "recover: exit $?"; return 1; }
  withdraw || { echo "withdraw: exit $?"; return 1; }
  for name in mosaic.fits noise.fits weight.fits sources.csv; do
    cmp "case/staging/mosaics/$id/$name" published/products/*/"$id/$name" || return 1
  done
  [ ! -e "$(echo case/products/*)/$id" ] || { echo "withdrawn, and still among the products"; return 1; }
  "$contimg" publish --id "$id" $places $limits || { echo "publish: exit $?"; return 1; }
  (cd case/products/*/"$id" && sha256sum --quiet -c SHA256SUMS) || return 1
  for database in case/state/*.sqlite3; do
    [ "$(sqlite3 "$database" 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ] ||
      { echo "$database is not sound"; return 1; }
  done
  [ -z "$(find case -name '*.part*' -not -path '*/reports/*')" ] || { find case -name '*.part*'; return 1; }
}

begin
inject_count points "$folder/case/" 12 -- "$contimg" clean $places --staging-days 0 >"$out" 2>&1 || fail "$(cat "$out")"
[ ! -e "case/staging/mosaics/$id" ] || fail "clean left the staging of what is published: $(cat "$out")"
is_whole >"$out" 2>&1 || fail "an undisturbed clean: $(cat "$out")"
# In the short form: before each removal, and before one in six of the other calls.
cp points kills
[ -n "$inject_all" ] || awk '/unlink|rmdir/ || NR % 6 == 1' points >kills
inject_kills kills "$out" begin is_whole "$contimg" clean $places --staging-days 0
cp points fails
[ -n "$inject_all" ] || sed -i -n '1~4p' fails
inject_errors fails "$out" begin is_whole "$contimg" clean $places --staging-days 0

# Killed while it is withdrawn, with its staging there and without.
for case in staged cleaned; do
  [ $case = staged ] || rm -r "published/staging/mosaics/$id"
  begin
  inject_count points "$folder/case/" 12 -- "$contimg" publish --withdraw "$id" $places >"$out" 2>&1 || fail "$(cat "$out")"
  cp points kills
  [ -n "$inject_all" ] || awk '/rename|mkdir|rmdir/ || NR % 12 == 1' points >kills
  inject_kills kills "$out" begin is_whole "$contimg" publish --withdraw "$id" $places
  [ $case = cleaned ] || cp -a published whole
done
rm -r published
mv whole published

# Withdrawn while `clean`, which found it published, is about to remove the first file of its staging.
begin
first=$(strace -y -e trace=unlinkat -- "$contimg" clean $places --staging-days 0 2>&1 >/dev/null |
  grep '^unlinkat' | grep -n "/mosaics/$id" | head -n 1 | cut -d : -f 1)
[ -n "$first" ] || fail "clean removes no file of the mosaic"
begin
strace -o trace -e trace=unlinkat -e inject="unlinkat:delay_enter=2000000:when=$first" \
  "$contimg" clean $places --staging-days 0 >clean.out 2>clean.err &
cleaner=$!
for _ in $(seq 500); do
  grep -q "unlinkat(" trace 2>/dev/null && [ "$(grep -c 'unlinkat(' trace)" -ge "$first" ] && break
  sleep 0.02
done
withdraw >withdraw.out 2>withdraw.err
code=$?
wait "$cleaner" || fail "clean: exit $?: $(cat clean.err)"
case $code in
  0) "$contimg" publish --id "$id" $places $limits >"$out" 2>&1 || fail "withdrawn, and lost: $(cat "$out")" ;;
  6) grep -q 'was changed meanwhile, try again' withdraw.err || fail "withdraw: $(cat withdraw.err)" ;;
  *) fail "withdraw: exit $code: $(cat withdraw.err)" ;;
esac
is_whole >"$out" 2>&1 || fail "withdrawn while clean removed its staging: $(cat "$out")"
inject_end "clean"

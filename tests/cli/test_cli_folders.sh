#!/usr/bin/env bash
# ci-test: timeout=600 cost=15
# Folders that are empty, absent, not writable, on a full disk: one line and its exit code.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
export CONTIMG_EXPECTED_SUBBANDS=4 CONTIMG_MIN_SUBBANDS=3
simulate --out sim --sub-bands 4 --random 3
model="--model sim/truth-calibrator.csv"
image="--size 96 --cell-arcsec 25 --niter 100"
places() { echo "--state-dir $1/state --output-dir $1/staging --products-dir $1/products"; }

mkdir nothing
for ranks in 0 2; do
  good "$folder/nothing" $ranks run --input-dir "$folder/nothing" $(places nothing)
  bad 3 "$folder/absent" $ranks run --input-dir "$folder/absent" $(places nothing)
  bad 3 "$folder/absent" 0 group --input-dir "$folder/absent" $(places nothing)
done
good "$folder/nothing" 0 group --input-dir "$folder/nothing" $(places nothing)

: >file
for ranks in 0 2; do
  bad 4 '/file: ' $ranks run sim/*.hdf5 $model $image --state-dir n/state \
    --output-dir "$folder/file/below" --products-dir n/products
  bad 4 '/file: ' $ranks run sim/*.hdf5 $model $image --state-dir "$folder/file/below" \
    --output-dir n/staging --products-dir n/products
  bad 3 'there is no folder' $ranks image sim/*.hdf5 $image --out "$folder/file/below/x"
  bad 3 'there is no folder' $ranks calibrate sim/*.hdf5 $model --out "$folder/file/below/x"
done
# As a user who may not write there.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  chmod 755 "$folder"
  mkdir closed open
  chmod 777 open
  user="setpriv --reuid 65534 --regid 65534 --clear-groups"
  if $user test -x "$contimg" && $user test -r sim/truth-calibrator.csv; then
    HOME=$folder/open $user timeout 60 "$contimg" image sim/*.hdf5 $image --out closed/x \
      >"$out" 2>"$err"
    code=$?
    [ $code = 4 ] || fail "not writable: exit $code: $(tail -n 3 "$err")"
    own_lines | grep -q 'closed/x' || fail "not writable: $(own_lines)"
    HOME=$folder/open $user timeout 60 "$contimg" run sim/*.hdf5 $model $image \
      --state-dir open/state --output-dir open/staging --products-dir closed >"$out" 2>"$err"
    code=$?
    [ $code = 4 ] || fail "products not writable: exit $code: $(tail -n 3 "$err")"
    own_lines | grep -q 'closed' || fail "products not writable: $(own_lines)"
  else
    echo "skipped: another user cannot reach the programs, not writable folders are not tried"
  fi
else
  echo "skipped: not root, folders of others are not tried"
fi

# ---- MPI's own files ------------------------------------------------------------------------------
TMPDIR=$folder/absent bad 6 "TMPDIR '$folder/absent': not a folder" 0 image sim/*.hdf5 --out out/t
# Open MPI's name for its folder can be foretold: what it leads to stays as it is.
mkdir tmp victim
: >victim/file
ln -s "$folder/victim" "tmp/ompi.$(hostname).$(id -u)"
TMPDIR=$folder/tmp OMPI_MCA_ess_singleton_isolated=0 bad 3 absent.hdf5 0 image absent.hdf5 --out out/t
[ "$(ls victim)" = file ] || fail "another's folder was changed: $(ls victim)"
[ "$(ls tmp | wc -l)" = 1 ] || fail "MPI's files stay: $(ls tmp)"

# ---- files of two calls are never mixed -----------------------------------------------------------
good 'out/y.image.fits' 0 image sim/*.hdf5 $image --calibrated --out out/y
ls out/y.residual.fits out/y.model.fits >/dev/null || fail "no residual: $(ls out)"
: >out/y.model.fits.part # of a call that was killed
good 'out/y.image.fits' 2 image sim/*.hdf5 --size 96 --cell-arcsec 25 --niter 0 --calibrated --out out/y
[ "$(cd out && echo y.*)" = 'y.dirty.fits y.image.fits y.pb.fits y.pbcor.fits y.psf.fits' ] ||
  fail "of two calls: $(ls out)"

# ---- a full disk ----------------------------------------------------------------------------------
mkdir small
if as_root mount -t tmpfs -o size=400k none small 2>/dev/null; then
  for ranks in 0 2; do
    bad 5 'small/' $ranks image sim/*.hdf5 --size 256 --cell-arcsec 25 --niter 0 --out small/x
    [ -z "$(find small -name '*.part*')" ] || fail "a full disk: left $(find small)"
    rm -rf small/*
    bad 5 'small/' $ranks run sim/*.hdf5 $model $image --size 256 --state-dir full$ranks/state \
      --output-dir small/staging --products-dir full$ranks/products
    [ ! -e full$ranks/products/2026-01-25 ] || fail "a full disk, and published"
    rm -rf small/*
  done
  # Wherever in the course of the files it comes, those of an earlier call stay as they were.
  dirty="sim/*.hdf5 --size 96 --cell-arcsec 25 --niter 0 --calibrated"
  good 'x.image.fits' 0 image $dirty --out small/x
  (cd small && sha256sum *) >before.txt
  for filler in 165 150 140 120 100 70 40 1; do
    head -c ${filler}k /dev/zero >small/other
    bad 5 'small/x.' $((filler == 100 ? 2 : 0)) image $dirty --weighting natural --out small/x
    rm small/other
    (cd small && sha256sum *) | cmp - before.txt || fail "$filler kB less: $(ls small)"
  done
  rm -rf small/*
  head -c 385k /dev/zero >small/other
  bad 5 'small/' 0 calibrate sim/*.hdf5 $model --out small/x
  [ "$(ls small)" = other ] || fail "a full disk: calibrate left $(ls small)"
  rm -rf small/*
  # Staging is large enough, the products' disk is not; after room is made, it is published.
  head -c 300k /dev/zero >small/other
  try 0 run sim/*.hdf5 $model $image --size 256 --state-dir later/state \
    --output-dir later/staging --products-dir small/products
  [ $code = 5 ] || fail "products' disk full: exit $code: $(own_lines)"
  [ -z "$(find small -name '*.part*')" ] || fail "products' disk full: $(find small)"
  as_root mount -o remount,size=100m small || fail "remount"
  product=$(ls later/staging/mosaics)
  good 'published' 0 publish --id "$product" --state-dir later/state --output-dir later/staging \
    --products-dir small/products
  [ -s small/products/2026-01-25/"$product"/mosaic.fits ] || fail "not published after all"
  as_root umount small
else
  echo "skipped: no right to mount a small tmpfs, a full disk is not tried"
fi

echo "folders: empty, absent, closed to the user, on a full disk"

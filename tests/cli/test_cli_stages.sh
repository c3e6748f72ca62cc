#!/usr/bin/env bash
# ci-test: timeout=600 cost=51
# The stage commands where something is wrong that is no fault of the files: a model of another
# field, correlator units, a mosaic without beams, tables of another array; files that change
# while they are read.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
simulate --out sim --sub-bands 4
files="sim/2026-01-25T00:00:10_sb00.hdf5 sim/2026-01-25T00:00:10_sb01.hdf5
  sim/2026-01-25T00:00:10_sb02.hdf5 sim/2026-01-25T00:00:10_sb03.hdf5"
model=sim/truth-calibrator.csv
image="--size 96 --cell-arcsec 25 --niter 0"

# ---- a model that is not there to be seen ---------------------------------------------------
head='name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index'
printf '%s\n' "$head" 'A,97.07,16.0,12.7,1.4e9,-0.5' >elsewhere.csv
printf '%s\n' "$head" 'A,17.1,16.0,12.7,1.4e9,-0.5' >sidelobe.csv
printf '%s\n' "$head" 'A,97.07,-86.0,12.7,1.4e9,-0.5' >below.csv
printf '%s\n' "$head" >none.csv
printf '%s\n' 'name,ra_deg,dec_deg,flux_jy' 'A,1,2,3' >columns.csv
places="--state-dir state --output-dir staging --products-dir products"
for ranks in 0 2; do
  for name in elsewhere sidelobe below; do
    bad 3 "$name.csv" $ranks calibrate $files --model $name.csv --out out/$name
    own_lines | grep -q 'in the beam' || fail "$name: $(own_lines)"
    bad 7 "$name.csv" $ranks run $files --model $name.csv $places --expected-subbands 4 \
      --min-subbands 4 $image
  done
  bad 3 'none.csv: no source' $ranks calibrate $files --model none.csv --out out/none
  bad 3 'columns.csv' $ranks calibrate $files --model columns.csv --out out/columns
done
[ -z "$(find out products -type f 2>/dev/null)" ] || fail "refused, and wrote $(find out products)"
# Solutions beyond the limits are refused and not written.
bad 7 'qa' 0 calibrate $files --model $model --out out/strict --qa-cal-max-amp 1.0000001
[ ! -e out/strict.gain.calh5 ] || fail "refused tables were written"
# Raw data, and nothing to calibrate them with.
bad 6 '--model' 0 run $files $places --expected-subbands 4 --min-subbands 4 $image

# ---- units ------------------------------------------------------------------------------------
for ranks in 0 2; do
  good 'correlator units' $ranks image $files $image --out out/raw
  [ "$(grep -c 'WARNING.*correlator units' "$err")" = 1 ] || fail "$tried: not one warning"
  fits_cards out/raw.image.fits | grep -q "^BUNIT   = 'count/beam'" || fail "raw data are called Jy"
  fits_cards out/raw.image.fits | grep -q "^FLUXSCAL= 'none" || fail "raw data have a flux scale"
  bad 3 "'count/beam': a tile must be in Jy/beam" $ranks mosaic out/raw.image.fits --out out/m
  try $ranks image $files $image --out out/raw --calibrated
  grep -q 'correlator units' "$err" && fail "--calibrated, and a warning"
done
good 'out/c.gain.calh5' 0 calibrate $files --model $model --out out/c
good 'out/cal.image.fits' 0 image $files $image --cal out/c --out out/cal

# ---- CLEAN that goes on ---------------------------------------------------------------------------
clean="${image/--niter 0/} --cal out/c"
bad 3 'out/on.clean.h5: not found' 0 image $files $clean --out out/on --continue
bad 2 '--niter 0' 0 image $files $image --cal out/c --out out/on --continue
good 'iteration limit' 0 image $files $clean --out out/on --niter 20
bad 3 "--stokes 'i', not 'xx'" 2 image $files $clean --out out/on --continue --stokes XX
bad 3 "--size '96', not '80'" 2 image $files ${clean/--size 96/--size 80} --out out/on --continue
good 'out/on.image.fits' 2 image $files $clean --out out/on --continue
grep -q 'goes on from the model in out/on.clean.h5' "$err" || fail 'it does not say that it goes on'
good 'out/at-once.image.fits' 0 image $files $clean --out out/at-once
rms() { fits_cards "$1" | sed -n 's/^RMS *= *\([^ ]*\).*/\1/p'; }
awk -v a="$(rms out/on.image.fits)" -v b="$(rms out/at-once.image.fits)" 'BEGIN { exit !(a > 0 && a < 1.02 * b) }' ||
  fail "rms $(rms out/on.image.fits) of two steps, $(rms out/at-once.image.fits) of one"

# ---- a mask ---------------------------------------------------------------------------------------
# Components of the whole image, as its own mask: the same; of another size: refused.
good 'out/masked.image.fits' 2 image $files $clean --out out/masked --mask out/at-once.model.fits
grep -q 'within the mask out/at-once.model.fits only' "$err" || fail 'it does not say that there is a mask'
bad 3 '96 x 96 pixels for an image of 80 x 80' 2 image $files ${clean/--size 96/--size 80} --out out/no \
  --mask out/at-once.model.fits
bad 3 'pixels from the image' 0 image $files $clean --out out/no --mask out/at-once.model.fits \
  --phase-center 17.2,16.1
bad 3 'nosuch.fits' 2 image $files $clean --out out/no --mask nosuch.fits
[ -z "$(ls out/no* 2>/dev/null)" ] || fail "refused masks, and wrote $(ls out/no*)"

# ---- progress and picture -----------------------------------------------------------------------
# script gives the command a terminal; \r\033[K takes a line of progress away.
[ ! -e out/cal.image.png ] || fail 'a picture that was not asked for'
seen="$(echo $files) ${image/--niter 0/--niter 50}"
script -qec "$CONTIMG_BUILD/bin/contimg image $seen --cal out/c --out out/seen --picture" /dev/null >terminal.txt
for step in 'read: part' 'image: samples of block' 'image: PSF' 'clean: major cycle 1: visibilities'; do
  grep -q $'\r'"$step" terminal.txt || fail "no progress '$step' on a terminal"
done
grep -q $'\r\033\[K20' terminal.txt || fail 'a line of the log does not take the progress away'
[ "$(head -c 8 out/seen.image.png | tail -c 7)" = $'PNG\r\n\032' ] || fail 'no PNG'
"$CONTIMG_BUILD/bin/contimg" image $files $image --cal out/c --out out/piped 2>piped.txt >/dev/null
! grep -q $'\r' piped.txt || fail 'progress in a file'
grep -q 'correlator units' "$err" && fail "--cal, and a warning"
bad 3 'out/absent' 0 image $files $image --cal out/absent --out out/x
# Half of a pair is no pair; a table given by its own name is used alone.
for half in bandpass gain; do
  [ $half = gain ] && other=bandpass || other=gain
  cp out/c.$half.calh5 out/$half.$half.calh5
  for ranks in 0 2; do
    bad 3 "out/$half.$other.calh5 is missing" $ranks image $files $image --cal out/$half --out out/x
  done
  own_lines | grep -qF "give the table itself to use it alone: --cal out/$half.$half.calh5" ||
    fail "half a pair: $(own_lines)"
  good "out/$half.image.fits" 0 image $files $image --cal out/$half.$half.calh5 --out out/$half
done
bad 3 'truth.json' 0 image $files $image --cal sim/truth.json --out out/x

# ---- mosaics ------------------------------------------------------------------------------------
good 'out/m.mosaic.fits' 2 mosaic out/cal.image.fits --out out/m
rm out/raw.pb.fits
for ranks in 0 2; do
  bad 3 'out/raw.pb.fits' $ranks mosaic out/cal.image.fits out/raw.image.fits --out out/n
  bad 3 'absent.image.fits' $ranks mosaic absent.image.fits --out out/n
  bad 2 'X.image.fits' $ranks mosaic $files --out out/n
done
head -c 20000 out/cal.image.fits >out/short.image.fits
cp out/cal.pb.fits out/short.pb.fits
bad 3 'out/short.image.fits' 2 mosaic out/cal.image.fits out/short.image.fits --out out/n
[ -z "$(ls out/n* 2>/dev/null)" ] || fail "a refused mosaic wrote $(ls out/n*)"

# ---- files that change while they are read ---------------------------------------------------------
simulate --out moving --channels 24 --integrations 12
while [ -d moving ] && [ ! -e stop ]; do touch moving/*.hdf5; done &
for ranks in 0 2; do
  bad 3 'changed' $ranks image moving/*.hdf5 $image --out out/moving
  bad 3 'changed' $ranks calibrate moving/*.hdf5 --model $model --out out/moving
done
touch stop
wait
rm stop
while [ -d moving ] && [ ! -e stop ]; do for f in moving/*.hdf5; do printf x >>"$f"; done; done &
for ranks in 0 2; do
  bad 3 'changed' $ranks image moving/*.hdf5 $image --out out/moving
  bad 3 'changed' $ranks run moving/*.hdf5 --model $model $image $places
done
touch stop
wait
[ -z "$(ls out/moving* 2>/dev/null)" ] || fail "files that changed gave $(ls out/moving*)"
echo "models, units, beams and files that change: refused or warned of"

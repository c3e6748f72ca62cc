#!/usr/bin/env bash
# ci-test: timeout=600 cost=32
# Values of options that no image can be made of: cells, sizes, centres, uv ranges, prefixes; and
# mosaics of damaged or unlike tiles. Each is refused early, with one line, or warned of.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
simulate --out sim --tiles 2
band=sim/2026-01-25T00:00:10_sb03.hdf5
image="--calibrated --size 96 --niter 0"
made="$image --cell-arcsec 30"

# ---- cells and sizes -----------------------------------------------------------------------------
for ranks in 0 2; do
  bad 2 'finest fringe' $ranks image $band $image --cell-arcsec 1e-30 --out out/x
  bad 2 '--cell-arcsec 1e-06' $ranks image $band --calibrated --niter 0 --cell-arcsec 1e-6 --out out/x
  bad 2 'pixels across, an image at most 32768' $ranks image $band --calibrated --cell-arcsec 0.1 \
    --out out/x
  bad 2 'beyond the horizon' $ranks image $band --calibrated --cell-arcsec 300 --size 2048 --out out/x
  bad 2 'finest fringe' $ranks image $band --calibrated --cell-arcsec 1e6 --out out/x
  bad 5 'image of 20000 x 20000 pixels of 1 arcsec: needs more than' $ranks image $band \
    --calibrated --niter 0 --cell-arcsec 1 --size 20000 --memory 2 --out out/x
done
bad 2 'finest fringe' 0 plan $band --cell-arcsec 1e-30 --expected-subbands 1 --min-subbands 1
[ -z "$(find out -type f)" ] || fail "files were left: $(find out -type f)"

# ---- centres -------------------------------------------------------------------------------------
for centre in 400,10 -1,10 360.1,10 20,90.1 20,-95; do
  bad 2 "--phase-center '$centre'" 0 image $band $made --phase-center=$centre --out out/x
done
centre=$(grep -v '^#' sim/truth-calibrator.csv | sed -n 2p | cut -d, -f2,3)
for ranks in 0 2; do
  bad 2 'below the horizon' $ranks image $band $made --phase-center 200,-80 --out out/x
  good 'outside the primary beam' $ranks image $band $made --phase-center 80,75 --out out/far
  [ "$(grep -ac 'outside the primary beam' "$err")" = 1 ] || fail "$tried: not one warning"
done
good 'out/near.image.fits' 0 image $band $made --phase-center "$centre" --out out/near
grep -aq 'outside the primary beam' "$err" && fail "$tried: $(cat "$err")"

# ---- baselines and prefixes ----------------------------------------------------------------------
bad 2 "--uv-range '-5,10': a baseline is not shorter than 0" 0 image $band $made --uv-range=-5,10 \
  --out out/x
bad 2 "--uv-range '10,5': no baseline lies between" 0 image $band $made --uv-range 10,5 --out out/x
mkdir -p there
good 'there/image.fits: 96 x 96' 0 image $band $made --out there
[ -s there/image.fits ] && [ ! -e there.image.fits ] || fail "--out there: $(ls)"
bad 2 '--out there: is a folder' 0 calibrate $band --model sim/truth-calibrator.csv --out there
bad 2 '--out there/: is a folder' 2 calibrate $band --model sim/truth-calibrator.csv --out there/

# ---- an environment without PATH -------------------------------------------------------------------
allow=$(env | grep -aE '^(OMPI_ALLOW|[A-Z]*SAN_OPTIONS)' | tr '\n' ' ')
env -i $allow "$contimg" image $band $made --out out/bare >"$out" 2>"$err" ||
  fail "no PATH: exit $?: $(tail -n 5 "$err")"

# ---- mosaics -------------------------------------------------------------------------------------
second=$(ls sim/*_sb03.hdf5 | tail -n 1)
good 'a.image.fits' 0 image $band $made --out out/a
good 'b.image.fits' 0 image "$second" $made --out out/b
good 'm.mosaic.fits: 2 tiles, ' 0 mosaic out/a.image.fits out/b.image.fits --out out/m
good 'm.mosaic.fits: 1 tile, ' 0 mosaic out/a.image.fits --out out/m
# damage FILE: one byte of its pixels.
damage() { printf '\102' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") - 6000)) conv=notrunc status=none; }
for kind in image pb; do
  cp out/b.image.fits out/c.image.fits
  cp out/b.pb.fits out/c.pb.fits
  damage out/c.$kind.fits
  for ranks in 0 2; do
    bad 3 "out/c.$kind.fits: DATASUM: wrong" $ranks mosaic out/a.image.fits out/c.image.fits \
      --out out/damaged
  done
done
good 'd.image.fits' 0 image ${band/sb03/sb15} $made --out out/d
bad 3 'out/d.image.fits: FREQ axis' 2 mosaic out/a.image.fits out/d.image.fits --out out/damaged
own_lines | grep -q 'but out/a.image.fits: 14' || fail "$tried: $(own_lines)"
[ -z "$(find out -name 'damaged*')" ] || fail "files were left: $(find out -name 'damaged*')"

# ---- words ---------------------------------------------------------------------------------------
# One is no plural, what is not known is no nan, a name is said once.
places="--state-dir state --output-dir staging --products-dir products --expected-subbands 1
  --min-subbands 1"
good ': 1 tile, 1 rank in 1 team' 0 run $band --calibrated --size 96 --cell-arcsec 30 --niter 10 $places
grep -q ' thermal unknown ' state/reports/*/summary.txt || fail "$(cat state/reports/*/summary.txt)"
cat state/reports/*/summary.txt "$err" "$out" >words.txt
grep -aE '\bnan\b|\b1 (tiles|files|ranks|teams|sources|samples|components|major cycles)\b' words.txt &&
  fail "these words"
product=$(ls staging/mosaics)
good "$product: published before" 0 publish --id "$product" $places
grep -q "^$product: $product" "$out" && fail "twice the name: $(cat "$out")"
good ': 1 sub-band, ' 0 plan $band --size 96 --expected-subbands 1 --min-subbands 1
echo "every senseless value was refused with one line"

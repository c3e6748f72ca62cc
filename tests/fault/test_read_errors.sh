#!/usr/bin/env bash
# ci-test: timeout=300 cost=12
# A call on a sub-band file, on a calibration table or on an image fails (EIO) while an image or a mosaic is
# made: the command ends with 4 and names the file, or makes what it makes undisturbed; never another.
# CONTIMG_TEST_EXHAUSTIVE=1: each call; else one of eight.
. "$CONTIMG_SOURCE/tests/support/cli.sh" || exit 1
. "$CONTIMG_SOURCE/tests/support/inject.sh"
simulate --out sim --sub-bands 2 --tiles 2 --random 3
every=8
[ -z "$inject_all" ] || every=1
sub_bands="sim/2026-01-25T00:00:10_sb00.hdf5 sim/2026-01-25T00:00:10_sb01.hdf5"
image="--size 64 --cell-arcsec 30 --niter 10"
"$contimg" calibrate $sub_bands --model sim/truth-calibrator.csv --out out/t >"$out" 2>"$err" || fail "calibrate: $(cat "$err")"
n_same=0 n_refused=0
# disturbed FILE MADE COMMAND...: out/ID.MADE.fits by COMMAND --out out/ID, each call on the file made to fail
# in its turn.
disturbed() {
  local file=$folder/$1 made=$2 name number code
  shift 2
  "$contimg" "$@" --out out/whole >"$out" 2>"$err" || fail "undisturbed: $(cat "$err")"
  fits_cards out/whole.$made.fits >whole.txt
  strace -o trace -P "$file" -e trace=openat,newfstatat,lseek,read,pread64 "$contimg" "$@" --out out/c >"$out" 2>&1
  awk -F '(' -v every=$every '/^[a-z]/ { n[$1]++; if (NR % every == 1 || every == 1) print $1, n[$1] }' trace >points
  [ "$(wc -l <points)" -ge 5 ] || fail "few calls on $file: $(cat trace)"
  while read -r name number; do
    rm -f out/c.*
    strace -o /dev/null -P "$file" -e trace="$name" -e inject="$name:error=EIO:when=$number" \
      "$contimg" "$@" --out out/c >"$out" 2>"$err" </dev/null
    code=$?
    case $code in
      0)
        fits_cards "out/c.$made.fits" | cmp -s - whole.txt || fail "$name number $number of $file fails: another $made"
        n_same=$((n_same + 1)) ;;
      4)
        own_lines | grep -qF "${file##*/}" || fail "$name number $number of $file fails: $(own_lines)"
        n_refused=$((n_refused + 1)) ;;
      *) fail "$name number $number of $file fails: exit $code: $(own_lines)" ;;
    esac
  done <points
}
disturbed sim/2026-01-25T00:00:10_sb01.hdf5 image image $sub_bands $image --calibrated
disturbed out/t.bandpass.calh5 image image $sub_bands $image --cal out/t
for tile in one two; do
  "$contimg" image $sub_bands $image --calibrated --out $tile >"$out" 2>"$err" || fail "image: $(cat "$err")"
  sub_bands=$(ls sim/2026-01-25T00:01:*)
done
every=$(((every + 1) / 2)) # few calls, as images are read in blocks
disturbed one.image.fits mosaic mosaic one.image.fits two.image.fits
[ $n_refused -ge 10 ] || fail "$n_refused of $((n_same + n_refused)) calls mattered"
echo "$((n_same + n_refused)) calls failed: $n_refused told of it, $n_same did no harm"

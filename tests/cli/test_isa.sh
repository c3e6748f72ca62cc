#!/usr/bin/env bash
# ci-test: timeout=600
# Instruction sets: calibrate and image give the same bytes with every one that this machine has,
# also on two ranks; one that it lacks is refused.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
simulate --out sim --sub-bands 2
model=sim/truth-calibrator.csv
image="--size 128 --cell-arcsec 25 --niter 300"

# has SET: whether the machine has it, by what Linux says, not by what contimg does.
has() {
  case $1 in
    plain) return 0 ;;
    avx2) grep -qw avx2 /proc/cpuinfo ;;
    avx512) grep -qw avx512f /proc/cpuinfo ;;
  esac
}

# compared NAME: tables and images of out/NAME have the bytes of those made with plain C.
compared() {
  local file
  for file in dirty psf image residual model; do
    [ "$(fits_cards out/$1.$file.fits)" = "$(fits_cards out/plain.$file.fits)" ] ||
      fail "$1: $file differs from plain C"
  done
  for file in bandpass gain; do
    cmp out/$1.$file.calh5 out/plain.$file.calh5 || fail "$1: $file table differs from plain C"
  done
}

n_tried=0
for isa in plain avx2 avx512; do
  if ! has $isa; then
    bad 2 "--isa $isa: the machine of rank 0 lacks it" 0 image sim/*.hdf5 $image --isa $isa --out out/x
    continue
  fi
  for ranks in 0 2; do
    [ $ranks = 0 ] && name=$isa || name=$isa-2
    good "instruction set: $isa" $ranks calibrate sim/*.hdf5 --model $model --isa $isa --out out/$name
    good "instruction set: $isa" $ranks image sim/*.hdf5 $image --cal out/$name --isa $isa \
      --out out/$name
    compared $name
  done
  n_tried=$((n_tried + 1))
done
bad 2 'use one of auto|plain|avx2|avx512' 0 image sim/*.hdf5 $image --isa sse --out out/x
echo "$n_tried instruction sets"

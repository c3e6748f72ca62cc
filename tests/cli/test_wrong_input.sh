#!/usr/bin/env bash
# ci-test: timeout=600 cost=52
# Input that cannot be used: one clear line, its exit code, no memory kept, at one process and
# at two ranks, by `run` and by the stage commands.
. "$CONTIMG_SOURCE/tests/support/cli.sh"

simulate --out sim
band=sim/2026-01-25T00:00:10_sb03.hdf5
model=sim/truth-calibrator.csv
places="--state-dir state --output-dir staging --products-dir products --expected-subbands 1
  --min-subbands 1"
image="--size 96 --cell-arcsec 30 --niter 0"

refused 3 'absent.uvh5' absent.uvh5

head -c 60000 $band >short_sb03.hdf5
refused 3 'short_sb03.hdf5' short_sb03.hdf5
grep -aq 'truncated' "$err" || fail "a file that was cut is not called truncated: $(own_lines)"

: >empty_sb03.hdf5
refused 3 'empty_sb03.hdf5' empty_sb03.hdf5
echo 'not a UVH5 file' >text_sb03.hdf5
refused 3 'text_sb03.hdf5' text_sb03.hdf5
mkdir -p folder_sb03.hdf5
refused 3 'folder_sb03.hdf5' folder_sb03.hdf5

# A pipe is not waited for, whatever it is given as.
mkfifo pipe_sb03.hdf5
refused 3 'pipe_sb03.hdf5: not a' pipe_sb03.hdf5
bad 3 'not a regular file' 0 inspect pipe_sb03.hdf5
bad 3 'not a regular file' 0 calibrate $band --model pipe_sb03.hdf5 --out out/x
bad 3 'not a regular file' 0 image $band --cal pipe_sb03.hdf5 --out out/x
bad 3 'not a regular file' 0 inspect $band --config pipe_sb03.hdf5
# Nor is a device read for ever.
for file in pipe_sb03.hdf5 /dev/zero; do
  bad 3 "$file: not a" 0 image $band --calibrated --beam $file --out out/x $image
  bad 3 "$file: not a" 0 image $band --calibrated --earth-orientation $file --out out/x $image
  bad 3 "$file: not a" 0 run $band --model $file $image $places
  bad 3 'not a regular file' 0 run $band --cal $file $image $places
done
bad 3 'not a regular file' 0 status --products-db pipe_sb03.hdf5 --state-dir piped

# Another program's database is not taken over, by writers and readers.
sqlite3 other.sqlite3 'CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT)'
cp other.sqlite3 before.sqlite3
for option in queue-db products-db registry-db cal-registry-db; do
  for command in "run $band --model $model $image" "publish --recover" status; do
    bad 3 "other.sqlite3 (CONTIMG_" 0 $command --$option other.sqlite3 --state-dir other/state \
      --output-dir other/staging --products-dir other/products
  done
  cmp -s other.sqlite3 before.sqlite3 || fail "--$option: another program's database was changed"
done

cp $band 2026-01-25T00:00:10_sb03_incomplete.hdf5
refused 3 '_incomplete' 2026-01-25T00:00:10_sb03_incomplete.hdf5

# The work named in two ways.
bad 2 '--group nosuch, and files' 0 run $band --group nosuch --calibrated
bad 2 '--group nosuch, and files' 0 plan $band --group nosuch

# Named twice, once by another path.
refused 3 "${band##*/}" $band ./$band

# A tile counts once in a mosaic.
good 'twice.image.fits' 0 image $band --calibrated --out twice $image
bad 3 'given twice' 0 mosaic twice.image.fits ./twice.image.fits --out out/m
cp twice.image.fits copy.image.fits
cp twice.pb.fits copy.pb.fits
bad 3 'the same observation' 2 mosaic twice.image.fits copy.image.fits --out out/m
for weighting in natural uniform; do
  good $weighting.image.fits 0 image $band --calibrated --out $weighting $image \
    --weighting $weighting
done
bad 3 'the same observation' 0 mosaic natural.image.fits uniform.image.fits --out out/m

if [ -d "$data/uvh5_real" ]; then
  refused 3 'swapped' "$data/uvh5_real/zen.2459114.60020.sum.downsample_transpose.uvh5"
  zeros=$data/uvh5_sim/uvd_bad_chan_width.uvh5
  for ranks in 0 2; do
    bad 3 'no data left' $ranks run --calibrated "$zeros" $places $image
    bad 3 'no data left' $ranks calibrate "$zeros" --model $model --out out/x
    bad 3 'no data left' $ranks image --flag "$zeros" --out out/x $image
  done
  refused 3 'array' "$data/uvh5_real/mwa_integration_time.uvh5" $band
else
  echo "no sample data at $data: real files are not tried here"
fi
echo "every wrong input was refused with one line"

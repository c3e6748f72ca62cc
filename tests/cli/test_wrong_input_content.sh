#!/usr/bin/env bash
# ci-test: timeout=600 cost=82
# UVH5 files whose header and data disagree, and files of two arrays: spoilt by h5py, each
# refused with one line that names the dataset.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
python=${CONTIMG_TEST_VENV:-none}/bin/python
if [ ! -x "$python" ]; then
  echo "skipped: no test venv at ${CONTIMG_TEST_VENV:-CONTIMG_TEST_VENV} (h5py spoils the files)"
  exit 77
fi

simulate --out sim
band=sim/2026-01-25T00:00:10_sb03.hdf5
model=sim/truth-calibrator.csv
places="--state-dir state --output-dir staging --products-dir products --expected-subbands 1
  --min-subbands 1"
image="--size 96 --cell-arcsec 30 --niter 0"

# spoil NAME TEXT PYTHON: a copy with a change to its header h or data d is refused so.
spoil() {
  cp $band "$1_sb03.hdf5"
  "$python" -c "
import h5py, numpy as np
with h5py.File('$1_sb03.hdf5', 'r+') as f:
    h, d = f['Header'], f['Data']
$(printf '%s\n' "$3" | sed 's/^/    /')" || fail "$1: h5py"
  refused 3 "$2" "$1_sb03.hdf5"
}
spoil rows 'visdata' "d['visdata'].resize(d['visdata'].shape[0] - 5, axis=0)"
spoil flags 'flags' "x = d['flags'][:, :, :-1]; del d['flags']; d['flags'] = x"
spoil axes 'axes' "
for n in ('visdata', 'flags', 'nsamples'):
    x = d[n][()].swapaxes(2, 3); del d[n]; d[n] = x"
spoil missing 'nsamples' "del d['nsamples']"
spoil times 'time_array' "h['time_array'][3] = np.nan"
spoil moved 'row 3: 2462065' "h['time_array'][3] += 1000"
spoil heap 'at one position' "h['antenna_positions'][...] = 0"
spoil beyond 'antenna 31: 1e+30 m' "h['antenna_positions'][31, 0] = 1e30"
spoil width 'channel_width' "h['channel_width'][()] = -1.0"
spoil antenna 'ant_1_array' "h['ant_1_array'][2] = 4711"
spoil hands 'polarization_array' "h['polarization_array'][1] = h['polarization_array'][0]"
spoil nothing 'no data left' "d['flags'][...] = True"
# Finite, but no image of them is.
cp $band large_sb03.hdf5
"$python" -c "
import h5py
with h5py.File('large_sb03.hdf5', 'r+') as f:
    f['Data/visdata'][...] = 3e38 + 3e38j" || fail 'h5py'
for ranks in 0 2; do bad 3 'overflows' $ranks image large_sb03.hdf5 --calibrated $image --out out/x; done
# One hand alone, and nothing of it but autocorrelations; what it cannot give is a wrong question.
one_hand="
for n in ('visdata', 'flags', 'nsamples'):
    x = d[n][..., :1]; del d[n]; d[n] = x
x = h['polarization_array'][:1]; del h['polarization_array']; h['polarization_array'] = x
h['Npols'][()] = 1"
spoil hand 'no data left after flags' "$one_hand; d['flags'][...] = True"
spoil crosses 'no data left after flags' "$one_hand
d['flags'][...] = (h['ant_1_array'][()] != h['ant_2_array'][()])[:, None, None, None]"
bad 3 'no data left after flags' 0 run crosses_sb03.hdf5 $places $image --calibrated
for ranks in 0 2; do
  bad 2 '--stokes Q' $ranks image crosses_sb03.hdf5 $image --stokes Q --out out/x
done
# A sub-band of which flags leave nothing is like one that did not come.
mkdir hollow
cp sim/*_sb0[0-3].hdf5 hollow
for change in "f['Data/visdata'][...] = np.nan" "f['Data/flags'][...] = True"; do
  "$python" -c "
import h5py, numpy as np
with h5py.File('hollow/${band##*/}', 'r+') as f:
    $change" || fail 'h5py'
  for ranks in 0 2; do
    hollow="run hollow/*.hdf5 --calibrated $image --qa-img-min-dynamic-range 1 --qa-img-min-peak-snr 1
      --expected-subbands 4 --min-subbands 3"
    rm -rf h
    good 'no data left after flags' $ranks $hollow --state-dir h/1 --output-dir h/2 --products-dir h/3
    grep -q DEGRADED "$out" || fail "a sub-band without data is not called DEGRADED: $(cat "$out")"
    bad 7 '--strict' $ranks $hollow --strict --state-dir h/4 --output-dir h/5 --products-dir h/6
  done
done
# Two arrays, at one time and at two: one antenna stands 2 m away.
simulate --out later --sub-bands sb4 --start 2026-01-25T00:05:19
for file in sim/*_sb04.hdf5 later/*.hdf5; do
  cp "$file" moved-${file##*/}
  "$python" -c "
import h5py
with h5py.File('moved-${file##*/}', 'r+') as f:
    f['Header/antenna_positions'][31, 1] += 2.0" || fail 'h5py'
done
refused 3 'two different arrays' sim/2026-01-25T00:00:10_sb0[0-35-9].hdf5 \
  sim/2026-01-25T00:00:10_sb1*.hdf5 moved-2026-01-25T00:00:10_sb04.hdf5
for ranks in 0 2; do
  bad 3 'two different arrays' $ranks run sim/*.hdf5 moved-2026-01-25T00:05:19_sb04.hdf5 \
    $places $image --model $model
done
echo "every spoilt file was refused with one line"

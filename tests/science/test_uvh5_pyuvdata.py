# Every readable sample file gives what pyuvdata reads; what contimg writes pyuvdata reads
# with its checks on. ci-test: timeout=600
import glob
import os
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import h5py
import numpy as np
from checks import attempt, check
import uvh5_support as u

warnings.simplefilter("ignore")
from astropy.utils import iers

iers.conf.auto_download = False
iers.conf.iers_degraded_accuracy = "warn"
from pyuvdata import UVData

SWAP = {-7: -8, -8: -7, -3: -4, -4: -3}


def reference_dsa(path):
    """DSA-110 files by h5py: pyuvdata stumbles over their scalar phase centre."""
    with h5py.File(path, "r") as f:
        h = f["Header"]
        return dict(ant1=h["ant_1_array"][()], ant2=h["ant_2_array"][()],
                    jd=h["time_array"][()], interval=h["integration_time"][()],
                    freq=h["freq_array"][0], width=np.full(h["freq_array"].shape[1],
                                                           h["channel_width"][()]),
                    pol=h["polarization_array"][()], uvw=h["uvw_array"][()],
                    numbers=h["antenna_numbers"][()], data=f["Data/visdata"][:, 0],
                    flags=f["Data/flags"][:, 0], nsamples=f["Data/nsamples"][:, 0])


def reference(path):
    if path.endswith(".hdf5"):
        return reference_dsa(path)
    uv = UVData()
    uv.read(path, file_type="uvh5", run_check=False, fix_old_proj=False)
    numbers = uv.telescope.antenna_numbers
    return dict(ant1=uv.ant_1_array, ant2=uv.ant_2_array, jd=uv.time_array,
                interval=uv.integration_time, freq=uv.freq_array.ravel(),
                width=np.broadcast_to(uv.channel_width, uv.freq_array.shape).ravel(),
                pol=uv.polarization_array, uvw=uv.uvw_array, numbers=np.asarray(numbers),
                data=uv.data_array, flags=uv.flag_array, nsamples=uv.nsample_array)


def canonical(r):
    """pyuvdata's arrays in contimg's order, by numpy alone."""
    place = {int(n): i for i, n in enumerate(r["numbers"])}
    i1 = np.array([place[int(a)] for a in r["ant1"]])
    i2 = np.array([place[int(a)] for a in r["ant2"]])
    turned = i1 > i2
    low, high = np.minimum(i1, i2), np.maximum(i1, i2)
    pol = [int(p) for p in r["pol"]]
    goal = pol
    if turned.all() and any(SWAP.get(p, p) not in pol for p in pol):
        goal = [SWAP.get(p, p) for p in pol]
    goal = sorted(goal, key=abs)
    chan = np.argsort(r["freq"], kind="stable")
    rows = np.lexsort((r["jd"], high * (high + 1) // 2 + low))
    out = dict(freq=r["freq"][chan], width=np.asarray(r["width"])[chan], pol=goal)
    direct = [pol.index(p) if p in pol else pol.index(SWAP[p]) for p in goal]
    swapped = [pol.index(SWAP.get(p, p)) if SWAP.get(p, p) in pol else pol.index(p) for p in goal]
    for name in ("data", "flags", "nsamples"):
        a = r[name][:, chan]
        a = np.where(turned[:, None, None], a[:, :, swapped], a[:, :, direct])
        if name == "data":
            a = np.where(turned[:, None, None], np.conj(a), a)
        out[name] = a[rows]
    out["uvw"] = np.where(turned[:, None], -r["uvw"], r["uvw"])[rows]
    out["ant1"] = r["numbers"][low][rows]
    out["ant2"] = r["numbers"][high][rows]
    out["mjd_s"] = (r["jd"][rows] - 2400000.5) * 86400
    out["interval"] = r["interval"][rows]
    return out


def compare(path):
    facts, blocks = u.dump(path)
    want = canonical(reference(path))
    check(len(blocks) == 1, path)
    b = blocks[0]
    check(facts["pol"] == want["pol"], path, facts["pol"], want["pol"])
    for name in ("ant1", "ant2", "freq", "width"):
        check(np.array_equal(b[name], want[name]), path, name)
    check(np.abs(b["time"] - want["mjd_s"]).max() < 1e-3, path)
    check(np.array_equal(b["interval"], want["interval"]), path)
    check(np.allclose(b["uvw"], want["uvw"], atol=1e-12), path)
    value = want["data"].astype(np.complex64)
    finite = np.isfinite(value)
    check(np.array_equal(b["data"], np.where(finite, value, 0)), path)
    check(np.array_equal(b["flags"] & 1, want["flags"].astype(np.uint8)), path)
    check(np.array_equal((b["flags"] & 2) != 0, ~finite), path)
    check(np.array_equal((b["flags"] & 4) != 0, finite & (value == 0)), path)
    if facts["nsamples"]:
        check(np.array_equal(b["weight"], want["nsamples"].astype(np.float32)), path)
    else:
        check(np.all(b["weight"] == 1), path)
    return facts, b, finite


def check_files():
    files = sorted(glob.glob(f"{u.data}/uvh5_real/*.uvh5") + glob.glob(f"{u.data}/uvh5_sim/*.uvh5")
                   + glob.glob(f"{u.data}/synthetic/*.uvh5")
                   + glob.glob(f"{u.data}/synthetic/dsa110_like/*.hdf5")
                   + glob.glob(f"{u.data}/real_sky/*.uvh5"))
    n = 0
    read = {}
    for path in files:
        if "transpose" in path:
            continue
        if "bitshuffle" in path:  # h5py has no such filter here; compared with gzip below
            read[os.path.basename(path)] = (*u.dump(path)[:1], u.dump(path)[1][0], None)
            continue
        read[os.path.basename(path)] = compare(path)
        n += 1
    check(n == 21, n)
    print(f"{n} files equal to pyuvdata (h5py for DSA-110): data, flags, nsamples, pairs, times, "
          "channels, uvw")
    return read


def check_known(read):
    # Known answers 3: one data set in two layouts
    a = read["zen.2458116.61019.xx.HH.XRS_downselected.uvh5"][1]
    b = read["zen.2458116.61019.xx.HH.XRS_downselected.new_shape.uvh5"][1]
    for name in a:
        check(np.array_equal(a[name], b[name]), name)
    # Known answers 5: one int32 data set under four filters
    four = [read[f"hera_i4_{f}.uvh5"][1] for f in
            ("bitshuffle_nocomp", "gzip", "lzf", "bitshuffle_lz4")]
    for other in four[1:]:
        for name in four[0]:
            check(np.array_equal(four[0][name], other[name]), name)
    with h5py.File(f"{u.data}/synthetic/hera_i4_gzip.uvh5", "r") as f:
        ant1, ant2 = f["Header/ant_1_array"][()], f["Header/ant_2_array"][()]
    # the known sum is of the file as it is: turned rows count with their sign back
    v = four[0]["data"].astype(np.complex128)
    turned = {(min(p), max(p)) for p in zip(ant1, ant2) if p[0] > p[1]}
    sign = np.array([-1 if (p, q) in turned else 1 for p, q in zip(four[0]["ant1"],
                                                                     four[0]["ant2"])])
    total = (int(v.real.sum()), int((v.imag * sign[:, None, None]).sum()))
    check(total == (22839455502, -102337078), total)
    # data/README.md, real_sky/README.md
    facts, b, _ = read["mwa_puppis_a.uvh5"]
    cross = b["ant1"] != b["ant2"]
    good = (b["flags"][cross][:, :, :2] & 1) == 0
    both = good.all(axis=2)
    zero = ((b["flags"][cross][:, :, 0] & 4) != 0) & both
    check(both.sum() == 49255 and zero.sum() == 8, both.sum(), zero.sum())
    check(facts["pol"] == [-5, -6, -7, -8] and facts["units"] == 1)
    facts, b, _ = read["wsrt_3c343.1.uvh5"]
    check(b["freq"][0] < b["freq"][-1] and facts["n_baseline"] == 6 and facts["n_time"] == 18)
    check(abs(np.degrees(facts["ra_rad"]) % 360 - 249.6175) < 1e-3)
    facts, b, _ = read["zen.2459122.30030.sum.bda.downsampled.uvh5"]
    check(len(np.unique(b["interval"])) == 4)
    facts, b, _ = read["uvd_bad_chan_width.uvh5"]
    check(not b["data"].any() and (b["flags"] & 4).all())
    facts, b, _ = read["ata.LoA.C0352.uvh5_60647_62965_9760406_3c286_0001.uvh5"]
    check(facts["pol"] == [-5, -6, -7, -8] and not facts["nsamples"])
    facts, b, _ = read["2022-02-15T03:34:30_sb00.hdf5"]
    check(facts["kind"] == 2 and abs(facts["dec_rad"] - 0.2839650692994774) < 1e-15)
    sums = u.outcomes("summary", f"{u.data}/synthetic/dsa110_like/2022-02-15T03:34:30_sb01.hdf5")
    check(sums[0]["n_antenna"] == 12 and sums[0]["dec_known"] and sums[0]["n_time"] == 4)
    odd = u.outcomes("try", f"{u.data}/uvh5_real/zen.2457698.40355.xx.HH.uvcAA.uvh5")[0]["odd"]
    check(any("by up to 33.7 m" in text for text in odd), odd)
    print("known answers of the sample files hold")


def check_set():
    names = [f"{u.data}/synthetic/dsa110_like/2022-02-15T03:34:30_sb0{i}.hdf5" for i in (0, 1)]
    facts, blocks = u.dump(*names)
    check(facts["n_sub_band"] == 2 and len(blocks) == 2)
    # sb01 lies lower in frequency
    check(blocks[0]["freq"][-1] < blocks[1]["freq"][0])
    for block, name in zip(blocks, names[::-1]):
        check(np.array_equal(block["data"], canonical(reference(name))["data"]))
    print("two sub-bands of an observation: ascending in frequency, equal to their files")


def check_written(folder):
    """pyuvdata reads with checks what contimg writes, and finds the same numbers in it."""
    for name in ("real_sky/mwa_puppis_a.uvh5", "real_sky/wsrt_3c343.1.uvh5",
                 "uvh5_sim/testfile_singlesource.uvh5",
                 "synthetic/dsa110_like/2022-02-15T03:34:30_sb00.hdf5"):
        path = os.path.join(folder, "written.uvh5")
        result = u.run("write", path, f"{u.data}/{name}")
        check(result.returncode == 0, result.stderr)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            uv = UVData()
            uv.read(path, file_type="uvh5", run_check=True, strict_uvw_antpos_check=True,
                    check_autos=False)
        for w in caught:
            check("uvw" not in str(w.message) and "lst" not in str(w.message).lower(), w.message)
        _, before = u.dump(f"{u.data}/{name}")
        _, after = u.dump(path)
        want = uv.phase_center_catalog[uv.phase_center_id_array[0]]
        check(want["cat_type"] == "sidereal" and want["cat_frame"] == "icrs")
        # back through our reader: the same samples; rephasing to a centre they have is nothing
        check(np.array_equal(before[0]["ant1"], after[0]["ant1"]))
        lost = after[0]["flags"] & ~(before[0]["flags"] | 1)
        check(not lost.any())
        if name.startswith("real_sky"):
            scale = np.abs(before[0]["data"]).max()
            check(np.abs(before[0]["data"] - after[0]["data"]).max() < 1e-5 * scale, name)
        # uvw that pyuvdata computes from positions, apparent place and frame angle: 1 mm
        stored = uv.uvw_array.copy()
        uv.set_uvws_from_antenna_positions(update_vis=False)
        worst = np.abs(uv.uvw_array - stored).max()
        longest = np.linalg.norm(stored, axis=1).max()
        print(f"{name}: written, read with checks; uvw within {worst * 1e3:.3f} mm of pyuvdata's "
              f"for {longest:.0f} m")
        # the rigid frame of pyuvdata leaves out differential aberration: up to 1e-4
        check(worst < 2e-4 * longest + 1e-6, name, worst)


u.need_driver()
if not os.path.isdir(u.data):
    u.skip(f"no sample data at {u.data}")
read_files = check_files()
attempt(check_known, read_files)
attempt(check_set)
with tempfile.TemporaryDirectory() as temporary:
    attempt(check_written, temporary)

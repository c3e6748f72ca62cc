# ci-test: timeout=300 cost=12
"""Dishes and mounts: those of all files of an observation are the same, an uneven beam is not put on mounts that turn it,
half a turn of one antenna's feeds is refused in a table, and data that are exactly 0 are told of."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC = 150.0, 30.0
tel, enu = telescope()
times = transit_jd(RA) + (np.arange(4) - 1.5) * 10 / 86400
bands = [1.4e9 + 1e6 * np.arange(2), 1.402e9 + 1e6 * np.arange(2)]
sky = [phased([(RA, DEC, 2.0)], (RA, DEC), tel, enu, freqs, times) for freqs in bands]


def files(diameters=(None, None), mounts=("fixed", "fixed")):
    """Two bands of one observation."""
    names = []
    for uv, dish, mount, name in zip(sky, diameters, mounts, ("a.uvh5", "b.uvh5")):
        uv = uv.copy()
        uv.telescope.antenna_diameters = None if dish is None else np.full(NUMBERS, float(dish))
        uv.telescope.mount_type = [mount] * NUMBERS
        names.append(write(uv, name))
    return names


def both(names, *words):
    return run("image", *names, "--out", "o.", "--size", 64, "--cell-arcsec", 20, "--niter", 0, "--weighting", "natural", *words)


# ---- of several files ------------------------------------------------------------------------
check(both(files((25, 25), ("alt-az", "alt-az"))).returncode == 0, "the same dishes")
close(value(RA, DEC), 2, 0.01, "the same dishes")
for dishes in ((25, 10), (10, 25), (25, None), (None, 25)):
    refused(both(files(dishes)), "antenna_diameters", "of one observation only")
for order in (1, -1):
    refused(both(files(mounts=("fixed", "alt-az"))[::order]), "mount_type", "parallactic")
check(both(files(mounts=("fixed", "equatorial"))).returncode == 0, "two kinds of mount that do not turn feeds")


# ---- a beam on mounts that turn it -----------------------------------------------------------
def beam(width_x_deg, width_y_deg):
    side, cell = 65, 0.1
    y, x = (np.mgrid[0:side, 0:side] - side // 2) * cell
    power = np.exp(-4 * np.log(2) * ((x / width_x_deg) ** 2 + (y / width_y_deg) ** 2))
    header = fits.Header()
    for i, (kind, at, step) in enumerate((("RA---SIN", RA, -cell), ("DEC--SIN", DEC, cell)), 1):
        header[f"CTYPE{i}"], header[f"CRVAL{i}"], header[f"CDELT{i}"] = kind, at, step
        header[f"CRPIX{i}"], header[f"CUNIT{i}"] = side // 2 + 1, "deg"
    fits.writeto("beam.fits", power.astype("f4"), header, overwrite=True)


for mount in ("fixed", "alt-az"):
    name = files(mounts=(mount, mount))[0]
    beam(1.5, 1.5)
    check(both([name], "--beam", "beam.fits").returncode == 0, "a round beam,", mount)
    beam(1.0, 3.0)
    result = both([name], "--beam", "beam.fits")
    if mount == "fixed":
        check(result.returncode == 0, "a beam that is not round, fixed:", result.stderr[-300:])
    else:
        refused(result, "beam.fits", "not round", "mount_type")

# ---- a table with the feeds of one antenna turned by half a turn -------------------------------
name = files()[0]
gains = np.exp(1j * np.random.default_rng(2).uniform(-3, 3, NUMBERS))[:, None, None, None]
raw = sky[0].copy()
raw.data_array *= (gains[raw.ant_1_array] * np.conj(gains[raw.ant_2_array]))[:, 0, 0, 0][:, None, None]
raw.vis_units = "uncalib"
write(raw, "raw.uvh5")
cal = table(tel, gains, bands[0], [np.mean(times)])
cal.write_calh5("t.calh5", clobber=True)
check(image("raw.uvh5", "--cal", "t.calh5").returncode == 0, "feeds as in the data")
close(value(RA, DEC), 2, 0.01, "feeds as in the data")
for sign in (-1, 1):
    turned = cal.copy()
    turned.gain_array[4] *= sign
    turned.telescope.feed_angle[4] += np.pi
    turned.write_calh5("t.calh5", clobber=True)
    refused(image("raw.uvh5", "--cal", "t.calh5"), "feed_angle", "antenna 4", "half a turn")
turned = cal.copy()
turned.telescope.feed_angle += np.pi
turned.write_calh5("t.calh5", clobber=True)
check(image("raw.uvh5", "--cal", "t.calh5").returncode == 0, "all turned alike")
close(value(RA, DEC), 2, 0.01, "all turned alike")

# ---- exact zeros ---------------------------------------------------------------------------------
check("exactly 0" not in image(name).stderr, "no zeros")
for what, share in (("one polarisation", 0.5), ("every third row", 1 / 3)):
    uv = sky[0].copy()
    if share == 0.5:
        uv.data_array[:, :, 1] = 0
    else:
        uv.data_array[::3] = 0
    n = int((uv.data_array == 0).sum())
    warned(image(write(uv, "z.uvh5")), f"{n} of {uv.data_array.size} good samples", "exactly 0", "--flag")
finish()

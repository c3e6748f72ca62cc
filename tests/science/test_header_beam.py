"""Beam files: their header places, scales and names the beam as in any image. ci-test: timeout=300 cost=15

Truth: a Gaussian of the angle from the pointing, by astropy's WCS of the beam file; pb.fits has it at every pixel."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
import header_sim as sim  # noqa: E402
from astropy.coordinates import SkyCoord  # noqa: E402

WIDTH, FREQ = 2.0, 1.4015e9  # degrees at half power and Hz, of the data's mean


def beam(folder, ra=150.0, dec=30.0, **cards):
    """Power at the beam file's own frequency: width in proportion to 1/frequency."""
    side, cell = 129, 180.0
    header = header_of(ra, dec, side, cell, CRVAL3=FREQ)
    for key, value in cards.items():
        put(header, key, value)
    wcs = WCS(header)
    freq = wcs.spectral.wcs_pix2world([0], 0)[0][0] if wcs.has_spectral else FREQ
    flat = wcs.celestial
    y, x = np.mgrid[0:side, 0:side]
    place = SkyCoord(*flat.wcs_pix2world(x.ravel(), y.ravel(), 0), unit="deg")
    angle = place.separation(SkyCoord(*flat.wcs.crval, unit="deg")).deg.reshape(side, side)
    power = np.exp(-4 * np.log(2) * (angle * freq / FREQ / WIDTH) ** 2)
    fits.writeto(os.path.join(folder, "beam.fits"), np.nan_to_num(power).astype("f4"), header, overwrite=True)


def image(folder, side=96):
    return run(folder, "image", "v.uvh5", "--beam", "beam.fits", "--out", "o", "--size", str(side), "--cell-arcsec", str(5760 / side), "--niter", "0",
               "--calibrated")


def right(what, folder, said=None, **cards):
    beam(folder, **cards)
    result = image(folder)
    if result.returncode:
        return check(what, False, own_line(result))
    with fits.open(os.path.join(folder, "o.pb.fits")) as hdus:
        power, wcs = hdus[0].data.squeeze(), WCS(hdus[0].header).celestial
    y, x = np.mgrid[8:96:8, 8:96:8]
    angle = SkyCoord(*wcs.wcs_pix2world(x.ravel(), y.ravel(), 0), unit="deg").separation(SkyCoord(150.0, 30.0, unit="deg")).deg
    worst = np.abs(power[y.ravel(), x.ravel()] - np.exp(-4 * np.log(2) * (angle / WIDTH) ** 2)).max()
    check(what, worst < 2e-3 and (said is None or said in result.stderr), f"{worst:.1e} {said or ''}")


def wrong(what, folder, word, **cards):
    beam(folder)
    with fits.open(os.path.join(folder, "beam.fits"), mode="update") as hdus:
        for key, value in cards.items():
            put(hdus[0].header, key, value)
    refused(what, image(folder), "beam.fits", word)


def small(what, folder, side, blank=lambda x, y: np.zeros_like(x, bool), value=np.nan, size=96):
    """A beam file that covers a part of the image: what is inside is exact, what is not is blank, and told."""
    header = header_of(150.0, 30.0, side, 180.0, CRVAL3=FREQ, CTYPE3=None, CRPIX3=None, CDELT3=None, CUNIT3=None)
    del header["CRVAL3"]
    y, x = np.mgrid[0:side, 0:side]
    offset = np.hypot(x - side // 2, y - side // 2) * 0.05
    power = np.exp(-4 * np.log(2) * (np.rad2deg(np.arcsin(np.deg2rad(offset))) / WIDTH) ** 2)
    hole = blank(x - side // 2, y - side // 2)
    fits.writeto(os.path.join(folder, "beam.fits"), np.where(hole, value, power).astype("f4"), header, overwrite=True)
    result = image(folder, size)
    if result.returncode:
        return check(what, False, own_line(result))
    with fits.open(os.path.join(folder, "o.pb.fits")) as hdus, fits.open(os.path.join(folder, "o.pbcor.fits")) as corrected:
        found, wcs, pbcor = hdus[0].data.squeeze(), WCS(hdus[0].header).celestial, corrected[0].data.squeeze()
    j, i = np.mgrid[0:size, 0:size]
    angle = SkyCoord(*wcs.wcs_pix2world(i.ravel(), j.ravel(), 0), unit="deg").separation(SkyCoord(150.0, 30.0, unit="deg")).deg.reshape(size, size)
    truth = np.exp(-4 * np.log(2) * (angle / WIDTH) ** 2)
    # File pixels from its centre; north of date turns by 4 arcmin at most, and a known place has known pixels around it.
    px, py = (size // 2 - i) * 32 / size, (j - size // 2) * 32 / size
    near = np.zeros_like(px, bool)
    for cx in (np.floor(px - 0.1), np.ceil(px + 0.1)):
        for cy in (np.floor(py - 0.1), np.ceil(py + 0.1)):
            near |= (np.abs(cx) > side // 2) | (np.abs(cy) > side // 2) | blank(-cx, cy)
    far = (np.abs(px) > side // 2 + 0.3) | (np.abs(py) > side // 2 + 0.3) | blank(-np.round(px), np.round(py))
    worst = np.abs(found - truth)[~near].max()
    check(f"{what}: inside", worst < 1e-3, f"{worst:.1e}, {np.isnan(found[~near]).sum()} blank")
    check(f"{what}: beyond", far.any() and np.isnan(found[far]).all() and np.isnan(pbcor[far]).all(), f"{np.isfinite(found[far]).sum()} of {far.sum()}")
    share = f"does not cover {100 * np.isnan(found).mean():.3g} % of the image ({np.isnan(found).sum()} pixels)"
    check(f"{what}: told", share in result.stderr, share)


def values(what, folder, change, word=None, said=None):
    beam(folder)
    with fits.open(os.path.join(folder, "beam.fits"), mode="update") as hdus:
        hdus[0].data = change(hdus[0].data)
    if word:
        return refused(what, image(folder), "beam.fits", word)
    result = image(folder)
    check(what, result.returncode == 0 and said in result.stderr, f"{result.returncode} {own_line(result)}")


def at(x, y, value):
    def change(power):
        power[..., y - 1, x - 1] = value
        return power
    return change


with tempfile.TemporaryDirectory() as scratch:
    uv = sim.make([(150.0, 30.0, 1.0)], n_time=3, step_s=10.0)
    uv.write_uvh5(os.path.join(scratch, "v.uvh5"))
    right("plain", scratch)
    right("slanted SIN", scratch, PV2_1=0.3, PV2_2=-0.2)
    right("at the pole", scratch, dec=90.0)
    right("at the pole, LONPOLE 180", scratch, dec=90.0, LONPOLE=180.0)
    right("another frequency, about pixel 3, in MHz", scratch, CRVAL3=1400.0, CDELT3=100.0, CRPIX3=3.0, CUNIT3="MHz")
    right("RESTFRQ of a line", scratch, RESTFRQ=1.6654e9)
    right("no frequency", scratch, said="no FREQ axis, no frequency", CTYPE3=None, CRVAL3=None, CDELT3=None, CRPIX3=None, CUNIT3=None)
    wrong("Stokes Q", scratch, "STOKES: Q", CRVAL4=2.0)
    wrong("Stokes by CRPIX4", scratch, "STOKES: U", CRPIX4=-1.0)
    wrong("decibel", scratch, "BUNIT: 'dB'", BUNIT="dB")
    wrong("turned", scratch, "CROTA2: 30", CROTA2=30.0)
    wrong("turned by LONPOLE", scratch, "LONPOLE: 90", LONPOLE=90.0)
    wrong("mirrored", scratch, "CDELT1", CDELT1=0.05)
    small("smaller than the image", scratch, 21)
    small("smaller than a larger image", scratch, 17, size=576)
    small("without a value beyond a circle", scratch, 33, lambda x, y: np.hypot(x, y) > 9)
    small("0 beyond a circle", scratch, 33, lambda x, y: np.hypot(x, y) > 11, 0.0)
    small("a hole", scratch, 41, lambda x, y: (np.abs(x - 6) < 2) & (np.abs(y + 4) < 3))
    values("negative", scratch, at(40, 50, -0.2), "at pixel (40, 50): a power is not negative")
    values("above its centre by far", scratch, at(40, 50, 3.0), "3 times its centre at pixel (40, 50)")
    values("infinite", scratch, at(40, 50, np.inf), "inf times its centre at pixel (40, 50)")
    values("above its centre", scratch, at(40, 50, 1.5), said="1.5 times its centre at pixel (40, 50): used so")
    values("no value at its centre", scratch, at(65, 65, np.nan), "0 at its reference pixel")
end()

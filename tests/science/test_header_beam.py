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


def image(folder):
    return run(folder, "image", "v.uvh5", "--beam", "beam.fits", "--out", "o", "--size", "96", "--cell-arcsec", "60", "--niter", "0",
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
end()

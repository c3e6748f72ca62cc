# ci-test: timeout=120 cost=6
"""CLEAN with few stations: sidelobes of the sources themselves are no noise to stop at. 8 antennas, 8 integrations in
two pointings, sources of 2 and 1 Jy between pixels, imaged from a centre between the pointings: CLEAN ended at 5 x the
rms that was left of them, with 1.90 and 0.69 Jy (Briggs), 1.99 and 0.96 (natural). Truth: the fluxes put in."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *
from scipy.special import j1

DEC, DISH, SIGMA = 37.2, 25.0, 1e-3
SKY, AIMS = ((150.0, 2.0), (150.3, 1.0)), (150.0, 150.3)
tel, enu = telescope(n=8)
freqs = 1.4e9 + 1e6 * np.arange(16)
rng = np.random.default_rng(1)


def airy(away_deg):
    x = np.pi * DISH * np.sin(np.radians(away_deg)) * freqs / C
    return (2 * j1(np.maximum(x, 1e-9)) / np.maximum(x, 1e-9)) ** 2


def pointing(name, aim, jd):
    """Four integrations through the beam there."""
    total = None
    for ra, flux in SKY:
        away = np.hypot((ra - aim) * np.cos(np.radians(DEC)), 0)
        uv = phased([(ra, DEC, flux)], (aim, DEC), tel, enu, freqs, jd + np.arange(4) * 30 / 86400)
        uv.data_array *= airy(away)[None, :, None]
        if total is not None:
            total.data_array += uv.data_array
        total = total or uv
    total.phase_center_catalog[list(total.phase_center_catalog)[0]]["cat_name"] = name
    total.data_array += SIGMA * (rng.normal(size=total.data_array.shape) + 1j * rng.normal(size=total.data_array.shape))
    return total


first = transit_jd(150.0)
both = pointing("A", AIMS[0], first) + pointing("B", AIMS[1], first + 200 / 86400)
both.telescope.antenna_diameters = np.full(both.telescope.Nants, DISH)
name = write(both, "two.uvh5")
for kind, within in (("natural", 0.01), ("briggs", 0.05)):
    result = run("image", name, "--out", "o.", "--size", 256, "--cell-arcsec", 15, "--phase-center", f"150.15,{DEC}",
                 "--weighting", kind, "--niter", 3000)
    check(result.returncode == 0, kind, result.stderr[-300:])
    header, data = fits.getheader("o.pbcor.fits"), np.squeeze(fits.getdata("o.pbcor.fits"))
    for ra, flux in SKY:
        x, y = np.round(WCS(header).celestial.wcs_world2pix(ra, DEC, 0)).astype(int)
        found = np.nanmax(data[y - 3:y + 4, x - 3:x + 4])
        print(f"{kind}: {found:.4f} of {flux} Jy")
        close(found, flux, within * flux, kind, ra)
finish()

"""What the tests of headers share: checks that go on after a failure, small FITS tiles with a known sky."""
import os
import subprocess
import sys
import warnings

try:
    import numpy as np
    from astropy.io import fits
    from astropy.wcs import WCS
    from scipy.ndimage import gaussian_filter

    from images import peak_fit
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)

warnings.simplefilter("ignore")
program = os.path.join(os.environ["CONTIMG_BUILD"], "bin", "contimg")
CELL, SIDE = 10.0, 128
failures = []


def check(what, good, found):
    """Goes on, so that one run tells all."""
    print(f"{'ok  ' if good else 'FAIL'} {what}: {found}")
    if not good:
        failures.append(what)


def end():
    print(f"{len(failures)} failed" if failures else "all right")
    sys.exit(bool(failures))


def run(folder, *arguments):
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "CONTIMG_CONFIG": ""})


def own_line(result):
    lines = [line for line in result.stderr.splitlines() if line.startswith("contimg: ")]
    return lines[-1] if lines else ""


def refused(what, result, *words):
    line = own_line(result)
    check(what, result.returncode == 3 and all(word in line for word in words), f"{result.returncode} {line}")


def header_of(ra, dec, side=SIDE, cell=CELL, **cards):
    header = fits.Header()
    for axis, kind, value, step in ((1, "RA---SIN", ra, -cell), (2, "DEC--SIN", dec, cell)):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = kind, "deg"
        header[f"CRVAL{axis}"], header[f"CRPIX{axis}"] = value, side // 2 + 1.0
        header[f"CDELT{axis}"] = step / 3600
    header["RADESYS"] = "ICRS"
    header["CTYPE3"], header["CRVAL3"], header["CDELT3"], header["CRPIX3"] = "FREQ", 1.4e9, 1e8, 1.0
    header["CUNIT3"] = "Hz"
    header["CTYPE4"], header["CRVAL4"], header["CDELT4"], header["CRPIX4"] = "STOKES", 1.0, 1.0, 1.0
    for key, value in cards.items():
        put(header, key, value)
    return header


def put(header, key, value):
    """None takes a card away; "_" stands for "-"."""
    key = key.replace("__", "-")
    if value is None:
        header.pop(key, None)
    else:
        header[key] = value


def tile(folder, name, header, sources=(), sigma=1e-3, seed=1, fwhm=900.0, change=None, cards=None, pb_cards=None,
         dtype="f4", date="2026-01-25T00:00:00"):
    """A tile whose sources (ra, dec, apparent Jy) lie where astropy puts them; 40 arcsec beam, noise of that scale."""
    side, cell = SIDE, CELL
    wcs = WCS(header).celestial
    y, x = np.mgrid[0:side, 0:side].astype(float)
    pb = np.exp(-4 * np.log(2) * (np.hypot(x - side // 2, y - side // 2) * cell / fwhm) ** 2)
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), 40 / cell / 2.355, mode="wrap")
    image = sigma * noise / noise.std()
    for ra, dec, flux in sources:
        px, py = wcs.all_world2pix([[ra, dec]], 0)[0]
        image += flux * np.exp(-4 * np.log(2) * (np.hypot(x - px, y - py) * cell / 40) ** 2)
    if change:
        image = change(image, pb)
    both = header.copy()
    both["TELESCOP"], both["DATE-OBS"] = "T", date
    both["BMAJ"], both["BMIN"], both["BPA"] = 40 / 3600, 40 / 3600, 0.0
    for kind, data, unit, more in (("image", image, "Jy/beam", cards), ("pb", pb, "", pb_cards)):
        mine = both.copy()
        mine["BUNIT"] = unit
        for key, value in (more or {}).items():
            put(mine, key, value)
        fits.writeto(os.path.join(folder, f"{name}.{kind}.fits"), data[None, None].astype(dtype if kind == "image" else "f4"),
                     mine, overwrite=True)


def mosaic(folder, *names, out="m."):
    return run(folder, "mosaic", *[f"{name}.image.fits" for name in names], "--out", out)


def peak(path, ra, dec, reach=4):
    """Value and place (offsets in arcsec) of the maximum near a place, by a parabola in the logarithm."""
    with fits.open(path) as hdus:
        data, wcs = np.squeeze(hdus[0].data).astype(float), WCS(hdus[0].header).celestial
    x, y = wcs.all_world2pix([[ra, dec]], 0)[0]
    if not (np.isfinite(x) and reach < x < data.shape[1] - reach - 1 and reach < y < data.shape[0] - reach - 1):
        return np.nan, np.nan, np.nan
    ix, iy = int(round(x)), int(round(y))
    part = data[iy - reach:iy + reach + 1, ix - reach:ix + reach + 1]
    if not np.isfinite(part).all():
        return np.nan, np.nan, np.nan
    j, i = np.unravel_index(np.argmax(part), part.shape)
    px, py = ix - reach + i, iy - reach + j
    top, x_top, y_top = peak_fit(data, px, py)
    return top, (x_top - x) * CELL, (y_top - y) * CELL

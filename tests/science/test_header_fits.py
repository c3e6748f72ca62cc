"""What a FITS header says of places, frequency, Stokes parameter and values is used or refused. ci-test: timeout=300 cost=15

Truth: astropy's WCS (WCSLIB) of the same file."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
from astropy.coordinates import FK5, SkyCoord  # noqa: E402

SKY = [(0.1, 0.05, 1.0), (-0.05, 0.12, 0.5), (0.02, -0.11, 0.8)]  # offsets in degrees, Jy


def sky_about(ra, dec):
    """Places about a centre, also a pole."""
    centre = SkyCoord(ra, dec, unit="deg")
    around = []
    for dx, dy, flux in SKY:
        angle, distance = np.degrees(np.arctan2(dx, dy)), np.hypot(dx, dy)
        place = centre.directional_offset_by(angle * WCS_DEG, distance * WCS_DEG)
        around.append((place.ra.deg, place.dec.deg, flux))
    return around


def places(what, folder, header, sources, expected=None, fluxes_within=5e-3):
    """The mosaic of one tile has its sources where the tile's header puts them. The tile's beam is divided out."""
    wcs = WCS(header).celestial
    tile(folder, "p", header, sources, sigma=1e-4, fwhm=4000.0)
    result = mosaic(folder, "p")
    if result.returncode:
        return check(what, False, own_line(result))
    worst = [0.0, 0.0]
    for (ra, dec, flux), (true_ra, true_dec) in zip(sources, expected or [s[:2] for s in sources]):
        x, y = wcs.all_world2pix([[ra, dec]], 0)[0]
        power = np.exp(-4 * np.log(2) * (np.hypot(x - SIDE // 2, y - SIDE // 2) * CELL / 4000) ** 2)
        value, dx, dy = peak(os.path.join(folder, "m.mosaic.fits"), true_ra, true_dec)
        worst = [max(worst[0], abs(value * power / flux - 1)), max(worst[1], np.hypot(dx, dy))]
        if np.isnan(value):
            worst = [np.inf, np.inf]
    check(what, worst[0] < fluxes_within and worst[1] < 0.1, "flux off by %.4f, place by %.3f arcsec" % tuple(worst))


def read_right(folder):
    for pole in (90.0, -90.0):
        for lonpole in (None, 0.0, 45.0, 180.0, 270.0):
            cards = {"LONPOLE": lonpole} if lonpole is not None else {}
            places(f"centre at {pole:+.0f}, LONPOLE {lonpole}", folder, header_of(33.0, pole, **cards), sky_about(33.0, pole))
    places("LATPOLE has no part", folder, header_of(33.0, 40.0, LATPOLE=10.0), sky_about(33.0, 40.0))
    places("CUNIT in arcsec", folder, in_arcsec(header_of(33.0, 40.0)), sky_about(33.0, 40.0))
    places("CD matrix", folder, with_matrix(header_of(33.0, 40.0), "CD"), sky_about(33.0, 40.0))
    places("PC matrix with scales", folder, with_matrix(header_of(33.0, 40.0), "PC"), sky_about(33.0, 40.0))
    slanted = header_of(33.0, 40.0, PV2_1=0.1, PV2_2=-0.3)
    places("slanted SIN", folder, slanted, sky_about(33.0, 40.0))
    ncp = header_of(33.0, 70.0, CTYPE1="RA---NCP", CTYPE2="DEC--NCP")
    places("NCP of old east-west arrays", folder, ncp, sky_about(33.0, 70.0))
    places("pixel reference far outside", folder, header_of(33.5, 40.0, CRPIX1=SIDE // 2 + 1 - 137.9), sky_about(33.0, 40.0))


def in_arcsec(header):
    for axis in (1, 2):
        header[f"CUNIT{axis}"] = "arcsec"
        header[f"CRVAL{axis}"] *= 3600
        header[f"CDELT{axis}"] *= 3600
    return header


def with_matrix(header, kind):
    for axis in (1, 2):
        step = header.pop(f"CDELT{axis}")
        header[f"{kind}{axis}_{axis}"] = step if kind == "CD" else 2.0
        if kind == "PC":
            header[f"CDELT{axis}"] = step / 2
    return header


def spellings(folder):
    """One unit and one orientation, written in other words: astropy reads all of these units as Jy/beam."""
    for unit in ("Jy/beam", "JY/BEAM", "Jy beam-1", "beam-1 Jy", "Jy beam**-1", "Jy.beam-1"):
        tile(folder, "u", header_of(10.0, 30.0), cards=dict(BUNIT=unit))
        result = mosaic(folder, "u")
        check(f"BUNIT {unit}", result.returncode == 0, own_line(result))
    for cards in (dict(CROTA2=360.0), dict(RADESYS="icrs"), dict(TIMESYS="utc")):
        places(f"{cards}", folder, header_of(33.0, 40.0, **cards), sky_about(33.0, 40.0))


def frames(folder):
    """FK5 of J2000 is 23 mas from ICRS: converted. The mean over many places of the file against ICRS."""
    for cards, what in (({"RADESYS": "FK5"}, "RADESYS FK5"), ({"RADESYS": None, "EQUINOX": 2000.0}, "EQUINOX alone: FK5")):
        header = header_of(266.0, -60.0, **cards)
        tile(folder, "k", header, [(266.0, -60.0, 1.0)], sigma=1e-4)
        result = mosaic(folder, "k")
        truth = SkyCoord(266.0, -60.0, unit="deg", frame=FK5(equinox="J2000")).icrs
        made = fits.getheader(os.path.join(folder, "m.mosaic.fits")) if result.returncode == 0 else {}
        off = SkyCoord(made.get("CRVAL1", 0), made.get("CRVAL2", 0), unit="deg").separation(truth).arcsec
        shift = truth.separation(SkyCoord(266.0, -60.0, unit="deg")).arcsec
        check(what, off < 1e-4 and shift > 0.01, f"{off:.6f} arcsec off, FK5 to ICRS is {shift:.4f}")


def facts(folder):
    """Frequency and Stokes parameter of the image plane, whatever the axes' order, reference pixel and unit."""
    def inspected(**cards):
        tile(folder, "f", header_of(10.0, 30.0, **cards))
        return run(folder, "inspect", "f.image.fits")

    found = inspected(CTYPE3="STOKES", CTYPE4="FREQ", CRVAL3=1.0, CDELT3=1.0, CRVAL4=9.5e8, CDELT4=1e7, CUNIT3=None, CUNIT4="Hz")
    check("axes in another order", "Stokes I" in found.stdout and "950.000000 MHz" in found.stdout, found.stdout.split("\n")[3:6])
    found = inspected(CRVAL3=1400.0, CDELT3=50.0, CUNIT3="MHz", CRPIX3=2.0)
    check("FREQ in MHz about pixel 2", "1350.000000 MHz, bandwidth 50 MHz" in found.stdout, found.stdout.split("\n")[5:7])
    tile(folder, "n", header_of(10.0, 30.0), [(10.0, 30.0, 1.0)], sigma=1e-3,
         cards=dict.fromkeys(("CTYPE3", "CRVAL3", "CDELT3", "CRPIX3", "CUNIT3", "RESTFRQ")))
    result = mosaic(folder, "n")
    made = fits.getheader(os.path.join(folder, "m.mosaic.fits")) if result.returncode == 0 else {}
    check("no frequency makes none", "no FREQ axis" in result.stderr and "FREQ" not in [made.get(f"CTYPE{k}") for k in (3, 4)] and
          "STOKES" in [made.get(f"CTYPE{k}") for k in (3, 4)] and made.get("RESTFRQ") is None, own_line(result) or repr(made)[:300])
    found = inspected(CRVAL4=2.0, CRPIX4=2.0)
    check("STOKES about pixel 2 is I", "Stokes I" in found.stdout, found.stdout.split("\n")[4])
    found = inspected(CRVAL4=1.0, CRPIX4=0.0)
    check("STOKES about pixel 0 is Q", "Stokes Q" in found.stdout, found.stdout.split("\n")[4])
    found = inspected(RESTFRQ=1.420405751e9, CRVAL3=1.3e9)
    check("RESTFRQ of a line is not the frequency", "1300.000000 MHz" in found.stdout, found.stdout.split("\n")[6])
    for frame, words in (("LSRK", 1), ("BARYCENT", 1), ("TOPOCENT", 0)):
        found = inspected(SPECSYS=frame)
        check(f"frequencies of {frame}", found.returncode == 0 and found.stdout.count(f"SPECSYS: {frame}") == words and
              "SPECSYS" not in found.stderr, found.stdout[-300:])
        said = mosaic(folder, "f").stderr.count("SPECSYS")
        check(f"frequencies of {frame} are said once", said == words, said)
    found = inspected(CTYPE3="FREQUENCY")
    check("FREQUENCY is the frequency", "1400.000000 MHz" in found.stdout and not found.stderr.count("WARNING"), found.stdout.split("\n")[6])
    found = inspected(CTYPE3="FREQ-LSR")
    check("FREQ-LSR is of the rest frame LSRK", "1400.000000 MHz" in found.stdout and "SPECSYS: LSRK" in found.stdout, found.stdout[-300:])
    found = inspected(CTYPE3="BEAM", CRVAL3=1.0, CUNIT3=None)
    check("an axis of beams says nothing", found.returncode == 0 and "MHz" not in found.stdout, own_line(found))
    found = inspected(RESTFRQ=1.420405751e9, CTYPE3="VRAD", CUNIT3="m/s", CRVAL3=1.5e7, CDELT3=-1e5)
    truth = 1.420405751e9 * (1 - 1.5e7 / 299792458.0)
    check("radio velocity", f"{truth * 1e-6:.6f} MHz" in found.stdout, found.stdout.split("\n")[6])
    refused("velocity without RESTFRQ", inspected(CTYPE3="VRAD", CUNIT3="m/s", CRVAL3=1.5e7, CDELT3=-1e5), "CTYPE3", "VRAD", "RESTFRQ")
    found = inspected(CTYPE3=None, CRVAL3=None, CDELT3=None, CRPIX3=None, CUNIT3=None, RESTFRQ=1.42e9)
    check("RESTFRQ alone is no frequency", found.returncode == 0 and "1420" not in found.stdout, found.stdout)
    refused("half a Stokes parameter", inspected(CRVAL4=1.5), "CRVAL4", "1.5")


def values(folder):
    """BSCALE, BZERO and BLANK, in integers and in compressed files, against the floats."""
    header = header_of(10.0, 30.0)
    tile(folder, "v", header, [(10.0, 30.0, 1.0)], change=lambda d, pb: np.where(pb > 0.3, d, np.nan))
    mosaic(folder, "v", out="float.")
    truth = fits.getdata(os.path.join(folder, "float.mosaic.fits")).squeeze()
    path = os.path.join(folder, "v.image.fits")
    with fits.open(path) as hdus:
        floats, cards = hdus[0].data.copy(), hdus[0].header.copy()
    for bits, zero in ((16, 0.3), (32, 0.0)):
        step = 4e-5 if bits == 16 else 1e-8
        whole = np.where(np.isnan(floats), -32768, np.round((floats - zero) / step))
        hdu = fits.PrimaryHDU(whole.astype(f"i{bits // 8}"), cards)
        hdu.header["BLANK"], hdu.header["BSCALE"], hdu.header["BZERO"] = -32768, step, zero
        hdu.writeto(path, overwrite=True)
        same_as(f"integers of {bits} bits", folder, truth, 2 * step + 2e-7)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(floats, cards, compression_type="RICE_1", quantize_level=64)]).writeto(
        path, overwrite=True)
    same_as("compressed floats", folder, truth, 1e-4)


def same_as(what, folder, truth, within):
    result = mosaic(folder, "v", out="int.")
    if result.returncode:
        return check(what, False, own_line(result))
    found = fits.getdata(os.path.join(folder, "int.mosaic.fits")).squeeze()
    blank = (np.isnan(found) == np.isnan(truth)).all()
    check(what, found.shape == truth.shape and blank and np.nanmax(np.abs(found - truth)) < within,
          f"blank alike {blank}, greatest difference {np.nanmax(np.abs(found - truth)):.2e}")


def zeros(folder):
    """Zeros for "no value": as NaN in their place."""
    fills = {
        "outside the beam": lambda d, pb, v: np.where(pb > 0.4, d, v),
        "a rectangle inside": lambda d, pb, v: filled(d, v, slice(70, 90), slice(40, 60)),
        "one column": lambda d, pb, v: filled(d, v, slice(0, SIDE), slice(50, 51)),
        "the edge": lambda d, pb, v: filled(d, v, slice(0, 1), slice(0, SIDE)),
        "a triangle": lambda d, pb, v: np.where(np.add.outer(np.arange(SIDE), np.arange(SIDE)) > 150, d, v),
    }
    for what, fill in fills.items():
        made = []
        for value in (np.nan, 0.0):
            tile(folder, "a", header_of(10.0, 30.0), [(10.0, 30.0, 1.0)], change=lambda d, pb: fill(d, pb, value))
            tile(folder, "b", header_of(10.03, 30.02), [(10.0, 30.0, 1.0)], sigma=2e-3, seed=2, date="2026-01-25T00:05:00",
                 change=lambda d, pb: fill(d, pb, value))
            result = mosaic(folder, "a", "b")
            made.append([fits.getdata(os.path.join(folder, f"m.{kind}.fits")) for kind in ("mosaic", "noise")] + [result])
        same = all(np.array_equal(made[0][i], made[1][i], equal_nan=True) for i in range(2))
        check(f"zeros: {what}", same and "taken as blank" in made[1][2].stderr, f"same bytes as with NaN: {same}")
    sparse(folder)


def filled(data, value, rows, columns):
    out = data.copy()
    out[rows, columns] = value
    return out


def sparse(folder):
    """Single zeros among floats are blanks, as noise has none; those of rounded values are sky. Rounded values among
    zeros in areas cannot be told from blanks."""
    def some(share):
        return np.random.default_rng(3).random((SIDE, SIDE)) < share
    for share in (0.02, 0.2, 0.0003):
        made = []
        for value in (np.nan, 0.0):
            tile(folder, "s", header_of(10.0, 30.0), [(10.0, 30.0, 1.0)], change=lambda d, pb: np.where(some(share), value, d))
            result = mosaic(folder, "s")
            made.append([fits.getdata(os.path.join(folder, f"m.{kind}.fits")) for kind in ("mosaic", "noise")] + [result])
        same = all(np.array_equal(made[0][i], made[1][i], equal_nan=True) for i in range(2))
        count = f"{some(share).sum()} pixels ("
        check(f"zeros: {share:g} of single ones", same and count in made[1][2].stderr and "taken as blank" in made[1][2].stderr,
              f"same bytes as with NaN: {same}, {count}")
    tile(folder, "s", header_of(10.0, 30.0), change=lambda d, pb: filled(d, 0.0, slice(60, 61), slice(60, 61)))
    check("one zero is chance", "blank" not in mosaic(folder, "s").stderr, "")
    for step, dtype in ((1e-5, "f4"), (2e-5, "f4"), (2e-5, "f8")):
        tile(folder, "s", header_of(10.0, 30.0), change=lambda d, pb: np.round(d / step) * step, dtype=dtype)
        result = mosaic(folder, "s")
        check(f"values rounded to {step:g} are sky", result.returncode == 0 and "blank" not in result.stderr and not np.isnan(
            fits.getdata(os.path.join(folder, "m.mosaic.fits")))[0, 0, 55:75, 55:75].any(), own_line(result))
    # Rows of their own steps, as compression has them.
    steps = 2e-5 * (1 + 0.3 * np.random.default_rng(4).random((SIDE, 1)))
    tile(folder, "s", header_of(10.0, 30.0), change=lambda d, pb: np.round(d / steps) * steps)
    check("values of rows rounded are sky", "blank" not in mosaic(folder, "s").stderr, "")
    step = 2e-4
    tile(folder, "s", header_of(10.0, 30.0), change=lambda d, pb: np.where(pb > 0.3, np.round(d / step) * step, 0))
    refused("rounded values and a filled area", mosaic(folder, "s"), "s.image.fits", "exact zeros", "cannot be told")


def pointings(folder):
    """Two pointings 2 arcmin apart at one time are two; one pointing imaged about two centres is one."""
    source = [(10.0, 30.01, 1.0)]
    tile(folder, "a", header_of(10.0, 30.0), source, sigma=1e-4)
    tile(folder, "b", header_of(10.0, 30.0 + 120 / 3600), source, sigma=1e-4, seed=2)
    result = mosaic(folder, "a", "b")
    flux = peak(os.path.join(folder, "m.mosaic.fits"), 10.0, 30.01)[0] if result.returncode == 0 else np.nan
    with fits.open(os.path.join(folder, "a.pb.fits")) as hdus:
        x, y = WCS(hdus[0].header).celestial.all_world2pix([[10.0, 30.01]], 0)[0]
        beam = np.squeeze(hdus[0].data)[int(round(y)), int(round(x))]
    check("two pointings", abs(flux * beam - 1) < 0.05, own_line(result) or f"{flux}, beam {beam}")
    tile(folder, "b", header_of(10.0, 30.0 + 120 / 3600, CRPIX2=SIDE // 2 + 13.0), source, sigma=1e-4, seed=2)
    refused("one pointing about two centres", mosaic(folder, "a", "b"), "b.image.fits", "pointing", "the same observation")


WCS_DEG = SkyCoord(0, 0, unit="deg").ra.unit
with tempfile.TemporaryDirectory() as scratch:
    for part in (read_right, spellings, frames, facts, values, zeros, pointings):
        part(scratch)
end()

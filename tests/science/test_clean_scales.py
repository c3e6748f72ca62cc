# ci-test: timeout=300 cost=25
"""--scales: CLEAN with components of several widths. Gaussians of 1.5 to 7 beams, points and a Gaussian that is below
the threshold in every beam, visibilities by the Gaussians' analytic transform: fluxes within 1 % where points alone
lose up to 6 %, and all of the faint one; a residual nearer to the noise; points beside as they were. A sky of points
alone stays what it is. The same bytes at 1 to 4 ranks."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC, ARCSEC = 150.0, 37.2, np.pi / 180 / 3600
SIDE, CELL, SIGMA = 512, 12.0, 0.5
POINTS = [(-60, -110, 3.0, 0), (90.4, -70.3, 1.0, 0), (10.3, 20.2, 0.5, 0)]  # pixels off the centre, Jy, FWHM arcsec
WIDE = [(0, 0, 10.0, 400.0), (100, 80, 4.0, 200.0), (-120, 60, 2.0, 100.0)]
FAINT = [(-100, -20, 0.3, 400.0)]
Y, X = np.mgrid[:SIDE, :SIDE] - SIDE // 2


def array(n=48):
    """Half of the antennas in a core, so that short baselines see the Gaussians."""
    rng = np.random.default_rng(5)
    tel, _ = telescope(n=n)
    enu = np.r_[rng.normal(size=(n // 2, 2)) * 40, rng.normal(size=(n - n // 2, 2)) * 220]
    enu = np.c_[enu, np.zeros(n)] - np.r_[enu.mean(axis=0), 0]
    place = EarthLocation.from_geodetic(LON * au.deg, LAT * au.deg, ALT * au.m)
    tel.antenna_positions = utils.ECEF_from_ENU(enu, center_loc=place) - np.array(
        [place.x.value, place.y.value, place.z.value])
    times = transit_jd(RA) + (np.arange(6) - 3) / 1440
    return phased([(RA, DEC, 0.0)], (RA, DEC), tel, enu, 1.3e9 + 2.5e7 * np.arange(8), times)


def observe(sky, name):
    uv = array()
    uvw, vis, rng = uvw_of(uv, RA, DEC), 0, np.random.default_rng(5)
    square = (uvw[..., :2] ** 2).sum(-1)
    for x, y, flux, fwhm in sky:
        l, m = -x * CELL * ARCSEC, y * CELL * ARCSEC
        phase = uvw[..., 0] * l + uvw[..., 1] * m + uvw[..., 2] * (np.sqrt(1 - l * l - m * m) - 1)
        vis = vis + flux * np.exp(-(np.pi * fwhm * ARCSEC) ** 2 * square / (4 * np.log(2)) + 2j * np.pi * phase)
    noise = rng.normal(size=uv.data_array.shape) + 1j * rng.normal(size=uv.data_array.shape)
    uv.data_array[:] = vis[:, :, None] + SIGMA * noise
    write(uv, name)


def truth_image(sky):
    out = np.zeros((SIDE, SIDE))
    for x, y, flux, fwhm in sky:
        if fwhm == 0:
            out[int(np.round(y)) + SIDE // 2, int(np.round(x)) + SIDE // 2] += flux
        else:
            shape = np.exp(-4 * np.log(2) * ((X - x) ** 2 + (Y - y) ** 2) * (CELL / fwhm) ** 2)
            out += flux * shape / shape.sum()
    return out


def clean(name, out, *words, ranks=0):
    words = ("image", name, "--out", out, "--size", SIDE, "--cell-arcsec", CELL, "--calibrated", "--weights", "unit",
             *words)
    if ranks == 0:
        result = run(*words)
    else:
        launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../mpirun.sh")
        result = subprocess.run([launcher, str(ranks), program, *map(str, words)], capture_output=True, text=True)
    check(result.returncode == 0, result.stderr)
    return fits.getheader(f"{out}image.fits")


def read(out, kind):
    return np.squeeze(fits.getdata(f"{out}{kind}.fits")).astype(float)


def flux_ratio(model, truth, source):
    """Flux within 1.6 widths of a source, over what is truly there."""
    x, y, _, fwhm = source
    near = np.hypot(X - x, Y - y) < max(1.6 * fwhm / CELL, 6)
    return model[near].sum() / truth[near].sum()


def extended():
    sky = POINTS + WIDE + FAINT
    observe(sky, "e.uvh5")
    points, scales = clean("e.uvh5", "p."), clean("e.uvh5", "s.", "--scales", "auto")
    check("SCALES" not in points and len(scales["SCALES"].split(",")) >= 3, "header", scales.get("SCALES"))
    truth = truth_image(sky)
    for source in sky:
        one, all_ = (flux_ratio(read(out, "model"), truth, source) for out in ("p.", "s."))
        print(f"{source[2]} Jy, {source[3]} arcsec: {one:.4f} with points, {all_:.4f} with scales")
        close(all_, 1, 0.01 if source not in FAINT else 0.03, "flux of", source)
        check(source[3] == 0 or abs(one - 1) > abs(all_ - 1), "points do as well for", source)
    close(read("s.", "model").sum(), truth.sum(), 0.005 * truth.sum(), "whole flux")
    close(scales["MODELJY"], read("s.", "model").sum(), 1e-3, "MODELJY")
    rms = [np.sqrt((read(out, "residual") ** 2).mean()) for out in ("p.", "s.")]
    print(f"residual {rms[0]:.6f} with points, {rms[1]:.6f} Jy/beam with scales")
    check(rms[1] < 0.985 * rms[0], "residual rms", rms)
    # restored: model * beam + residual
    area = np.pi / (4 * np.log(2)) * scales["BMAJ"] * scales["BMIN"] * (3600 / CELL) ** 2
    near = np.hypot(X, Y) < 80
    restored = (read("s.", "image") - read("s.", "residual"))[near].sum() / area
    close(restored, read("s.", "model")[near].sum(), 0.003 * restored, "flux of the restored image")


def points_alone():
    observe(POINTS, "q.uvh5")
    header = clean("q.uvh5", "a.", "--scales", "none")
    clean("q.uvh5", "b.")
    check(all(read("a.", k).tobytes() == read("b.", k).tobytes() for k in ("image", "residual", "model")), "none is not none")
    clean("q.uvh5", "c.", "--scales", "15,30,60")
    apart = np.abs(read("c.", "image") - read("a.", "image")).max()
    print(f"points alone: images differ by {apart:.2g}, rms {header['RMS']:.2g} Jy/beam")
    check(apart < 1.5 * header["RMS"], "points with scales", apart)
    for source in POINTS:
        close(flux_ratio(read("c.", "model"), truth_image(POINTS), source), 1, 0.02, "point", source)


def ranks_compare():
    clean("e.uvh5", "r1.", "--scales", "15,40,90", ranks=1)
    for n in (2, 3, 4):
        clean("e.uvh5", f"r{n}.", "--scales", "15,40,90", ranks=n)
        for kind in ("image", "residual", "model"):
            same = fits.getdata(f"r{n}.{kind}.fits").tobytes() == fits.getdata(f"r1.{kind}.fits").tobytes()
            check(same, kind, "differs at", n, "ranks")


def wrong():
    for value, word in (("10,5", "ascending"), ("1", "from 3 pixels"), ("abc", "use none"), ("20,", "use none"),
                        ("3,4,5,6,7,8,9,10,11,12", "up to 9"), ("500", "wider than fits"), ("", "empty")):
        result = run("image", "e.uvh5", "--out", "no.", "--size", SIDE, "--cell-arcsec", CELL, "--calibrated", "--scales",
                     value)
        check(result.returncode == 2 and "--scales" in result.stderr and word in result.stderr, value, result.stderr)
    check(not [f for f in os.listdir() if f.startswith("no.")], "refused, and files")


extended()
points_alone()
ranks_compare()
wrong()
finish()

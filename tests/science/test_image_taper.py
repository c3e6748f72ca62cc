# ci-test: timeout=300 cost=12
"""--taper: imaging weights times the transform of a Gaussian of that full width at half power. Dirty image and PSF
against direct sums over all visibilities with weights formed here, natural and Briggs (1995); the fitted beam of an
array whose baselines are a Gaussian, of width theta: sqrt(theta^2 + taper^2); thermal noise sqrt(sum w^2) / sum w;
the same bytes at 1 to 4 ranks. Compressed visibilities are tapered as the others are."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC, ARCSEC = 150.0, 37.2, np.pi / 180 / 3600
SIDE, CELL, TAPER, SIGMA = 300, 12.0, 150.0, 0.05
sources = [(150.1, 37.3, 2.0), (149.7, 37.05, 1.0)]
names = ("image", "dirty", "psf", "residual", "model", "pb", "pbcor")


def observe(n, spread, n_chan, n_time, name):
    """Antennas on a Gaussian of `spread` metres, so that baselines are one of sqrt(2) times that."""
    rng = np.random.default_rng(5)
    tel, enu = telescope(n=n)
    enu = np.c_[rng.normal(size=(n, 2)) * spread, np.zeros(n)]
    enu -= enu.mean(axis=0)
    place = EarthLocation.from_geodetic(LON * au.deg, LAT * au.deg, ALT * au.m)
    tel.antenna_positions = utils.ECEF_from_ENU(enu, center_loc=place) - np.array(
        [place.x.value, place.y.value, place.z.value])
    freqs = 1.4e9 + 1e6 * np.arange(n_chan)
    times = transit_jd(RA) + (np.arange(n_time) - n_time / 2) * 10 / 86400
    uv = phased(sources, (RA, DEC), tel, enu, freqs, times)
    uv.data_array += SIGMA * (rng.normal(size=uv.data_array.shape) + 1j * rng.normal(size=uv.data_array.shape))
    write(uv, name)
    return uv


def image(name, out, *words, ranks=0):
    words = ("image", name, "--out", out, "--size", SIDE, "--cell-arcsec", CELL, "--calibrated", *words)
    if ranks == 0:
        result = run(*words)
    else:
        launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../mpirun.sh")
        result = subprocess.run([launcher, str(ranks), program, *map(str, words)], capture_output=True, text=True)
    check(result.returncode == 0, result.stderr)
    return fits.getheader(f"{out}image.fits")


def weights_of(uvw, taper, robust=None):
    w = np.exp(-(np.pi * taper * ARCSEC) ** 2 * (uvw[..., :2] ** 2).sum(-1) / (4 * np.log(2)))
    if robust is None:
        return w
    cell = np.rint(uvw[..., :2] * SIDE * CELL * ARCSEC).astype(int)
    cell = np.where((cell[..., 1:] < 0) | ((cell[..., 1:] == 0) & (cell[..., :1] < 0)), -cell, cell)
    _, which, n = np.unique(cell.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
    square = (5 * 10.0 ** -robust) ** 2 * n.sum() / (n.astype(float) ** 2).sum()
    return w / (1 + square * n[which.ravel()]).reshape(w.shape)


def direct(vis, w, uvw, pixels):
    out = []
    for x, y in pixels:
        l, m = -(x - SIDE // 2) * CELL * ARCSEC, (y - SIDE // 2) * CELL * ARCSEC
        phase = uvw[..., 0] * l + uvw[..., 1] * m + uvw[..., 2] * (np.sqrt(1 - l * l - m * m) - 1)
        out.append((w * (vis * np.exp(-2j * np.pi * phase)).real).sum() / w.sum())
    return np.array(out)


def sums_compare(uv, name):
    uvw, vis = uvw_of(uv, RA, DEC), uv.data_array.mean(axis=2)
    pixels = np.random.default_rng(1).integers(10, SIDE - 10, (40, 2))
    at = np.vstack([pixels, [[SIDE // 2, SIDE // 2], [SIDE // 2 + 7, SIDE // 2 - 4]]])
    for robust, words in ((None, ("--weighting", "natural")), (0, ("--robust", 0))):
        header = image(name, "o.", "--weights", "unit", "--no-average", "--accuracy", 1e-6, "--niter", 0, "--taper",
                       TAPER, *words)
        check(header.get("TAPER") == TAPER, "header", header.get("TAPER"))
        w = weights_of(uvw, TAPER, robust)
        for kind, data in (("dirty", vis), ("psf", np.ones(vis.shape))):
            got = np.squeeze(fits.getdata(f"o.{kind}.fits"))
            want = direct(data, w, uvw, at)
            error = np.abs(got[at[:, 1], at[:, 0]] - want).max()
            print(f"{words}: {kind} differs by {error:.2g} of {np.abs(got).max():.3g} from the direct sum")
            check(error < 2e-5 * np.abs(got).max(), words, kind, "error", error)


def noise_compare(uv, name):
    """Weights 1/sigma^2, measured: the ratio of two images' thermal noise."""
    thermal = [image(name, "t.", "--weights", "sigma", "--weighting", "natural", "--niter", 0, "--taper", t)["THERMAL"]
               for t in (0, TAPER)]
    w = weights_of(uvw_of(uv, RA, DEC), TAPER)
    want = np.sqrt((w ** 2).sum()) / w.sum() * np.sqrt(w.size)
    print(f"thermal {thermal[0]:.4g} -> {thermal[1]:.4g} Jy, a factor of {want:.4f} by formula")
    close(thermal[1] / thermal[0], want, 0.02 * want, "thermal noise")
    check("TAPER" not in fits.getheader("o2.image.fits"), "no taper, and a card of one")


def beam_compare():
    """PSF of Gaussian coverage: a Gaussian; with a taper, one of the summed squares."""
    uv = observe(120, 120.0, 1, 1, "g.uvh5")
    u = uvw_of(uv, RA, DEC)[..., :2].reshape(-1, 2)
    theta = np.sqrt(2 * np.log(2)) / np.pi / np.sqrt(np.linalg.eigvalsh(u.T @ u / len(u))) / ARCSEC
    for taper in (theta.max(), 2 * theta.max()):
        header = image("g.uvh5", "g.", "--weights", "unit", "--weighting", "natural", "--niter", 0, "--taper", taper)
        got = np.array([header["BMAJ"], header["BMIN"]]) * 3600
        want = np.sqrt(theta ** 2 + taper ** 2)
        print(f"taper {taper:.4g}: beam {got[0]:.4g} x {got[1]:.4g}, by formula {want[0]:.4g} x {want[1]:.4g} arcsec")
        for i in range(2):
            close(got[i], want[i], 0.04 * want[i], "beam")
    result = run("image", "g.uvh5", "--out", "no.", "--calibrated", "--taper", 1e6)
    check(result.returncode == 2 and "--taper 1e+06" in result.stderr, "no weight left:", result.stderr)
    check(not [f for f in os.listdir() if f.startswith("no.")], "refused, and files")


def ranks_compare(name):
    words = ("--taper", TAPER, "--niter", 200, "--weighting", "natural")
    image(name, "r1.", *words, ranks=1)
    for n in (2, 3, 4):
        image(name, f"r{n}.", *words, ranks=n)
        for kind in names:
            same = fits.getdata(f"r{n}.{kind}.fits").tobytes() == fits.getdata(f"r1.{kind}.fits").tobytes()
            check(same, kind, "differs at", n, "ranks")
    image(name, "u.", "--no-average", *words)
    a, b = (np.squeeze(fits.getdata(f"{p}.dirty.fits")) for p in ("r1", "u"))
    error = np.abs(a - b).max() / np.abs(b).max()
    print(f"compressed: dirty image differs by {error:.2g}")
    check(error < 5e-4, "compressed", error)


data = observe(16, 150.0, 16, 8, "v.uvh5")
sums_compare(data, "v.uvh5")
image("v.uvh5", "o2.", "--niter", 0)
noise_compare(data, "v.uvh5")
beam_compare()
ranks_compare("v.uvh5")
finish()

# ci-test: timeout=300 cost=20
"""--continue: a CLEAN that was stopped by --niter and goes on ends where one that was not stopped ends: as many
components and major cycles, the same reason, an image that differs by less than the accuracy that gridding is asked
for; with points and with scales; the same bytes at 1 and 3 ranks. Other data, flags, tables or options are refused in one
line, and nothing is touched; other thresholds are not."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC, SIDE, CELL, SIGMA = 150.0, 30.0, 256, 12.0, 0.1
SKY = [(150.0, 30.0, 3.0), (150.2, 30.1, 1.0), (149.8, 29.85, 0.5), (150.012, 30.01, 0.7), (149.95, 30.2, 0.3)]
tel, enu = telescope(n=20, spread=300.0)
freqs, times = 1.4e9 + 2e6 * np.arange(8), transit_jd(RA) + (np.arange(8) - 4) * 10 / 86400


def observe(name, seed=1, flagged=False):
    uv, rng = phased(SKY, (RA, DEC), tel, enu, freqs, times), np.random.default_rng(seed)
    uv.data_array += SIGMA * (rng.normal(size=uv.data_array.shape) + 1j * rng.normal(size=uv.data_array.shape))
    uv.flag_array[:40] = flagged
    write(uv, name)


def image(name, out, *words, ranks=0):
    words = ("image", name, "--out", out, "--size", SIDE, "--cell-arcsec", CELL, "--weights", "unit", *words)
    if ranks == 0:
        return run(*words)
    launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../mpirun.sh")
    return subprocess.run([launcher, str(ranks), program, *map(str, words)], capture_output=True, text=True)


def made(*args, **kw):
    result = image(*args, "--calibrated", **kw)
    check(result.returncode == 0, result.stderr)
    return fits.getheader(f"{args[1]}image.fits")


def read(out, kind="image"):
    return np.squeeze(fits.getdata(f"{out}{kind}.fits")).astype(float)


def stopped_and_not(*words):
    whole = made("v.uvh5", "w.", *words)
    n = whole["NMINOR"]
    for out, limits in (("a.", (n // 3,)), ("b.", (20, n // 2))):
        for i, limit in enumerate(limits):
            part = made("v.uvh5", out, *words, "--niter", limit, *(["--continue"] if i else []))
            check(part["STOPPED"] == "iteration limit" and part["NMINOR"] == limit, words, limit, part["STOPPED"])
        rest = made("v.uvh5", out, *words, "--continue")
        apart = np.sqrt(((read(out) - read("w.")) ** 2).mean())
        print(f"{words} {limits}: {rest['NMINOR']} components, {n} at once; images differ by {apart:.2g} (rms), "
              f"{np.abs(read(out) - read('w.')).max():.2g} (most), noise {whole['RMS']:.2g}, peak {read('w.').max():.3g}")
        check(rest["STOPPED"] == whole["STOPPED"], words, rest["STOPPED"], "not", whole["STOPPED"])
        check(rest["NMINOR"] == n and rest["NMAJOR"] == whole["NMAJOR"], words, "components", rest["NMINOR"], n)
        check(apart < 1e-5 * read("w.").max(), words, limits, "images differ by", apart)
        close(rest["RMS"], whole["RMS"], 1e-3 * whole["RMS"], words, "rms")


def ranks_compare():
    for n in (1, 3):
        made("v.uvh5", f"r{n}.", "--scales", "10,20", "--niter", 200, ranks=n)
        made("v.uvh5", f"r{n}.", "--scales", "10,20", "--continue", ranks=4 - n)
    for kind in ("image", "residual", "model"):
        check(read("r1.", kind).tobytes() == read("r3.", kind).tobytes(), kind, "differs with ranks")


def limits():
    first = made("v.uvh5", "l.")
    result = image("v.uvh5", "l.", "--calibrated", "--continue", "--niter", 50)
    check(result.returncode == 2 and f"--niter 50: l.clean.h5 has {first['NMINOR']} components" in result.stderr,
          result.stderr)
    deeper = made("v.uvh5", "l.", "--continue", "--auto-mask", 3, "--auto-threshold", 0.5)
    check(deeper["NMINOR"] > first["NMINOR"] and deeper["AUTOMASK"] == 3, "thresholds", deeper["NMINOR"], first["NMINOR"])


def refusals():
    observe("other.uvh5", seed=2)
    observe("flags.uvh5", flagged=True)
    for name, gain in (("t1", 1.0), ("t2", 1.1)):
        table(tel, np.full((len(tel.antenna_numbers), len(freqs), 1, 2), gain), freqs, times[:1]).write_calh5(
            f"{name}.calh5", clobber=True)
    made("v.uvh5", "n.", "--niter", 50)
    plain = {f: open(f, "rb").read() for f in os.listdir() if f.startswith("n.")}
    for name, words, text in (("other.uvh5", (), "other visibilities"), ("flags.uvh5", (), "other visibilities"),
                              ("v.uvh5", ("--taper", 60), "--taper '0', not '60'"),
                              ("v.uvh5", ("--scales", "10,20"), "--scales 'none', not '10,20'"),
                              ("v.uvh5", ("--robust", 0.5), "--robust '0', not '0.5'"),
                              ("v.uvh5", ("--weighting", "natural"), "--weighting"),
                              ("v.uvh5", ("--accuracy", 1e-3), "--accuracy"),
                              ("v.uvh5", ("--beam", "airy:5"), "--beam"),
                              ("v.uvh5", ("--cal", "t1.calh5", "--cal-any-time"), "another --cal")):
        refused(image(name, "n.", "--calibrated", "--continue", *words), "n.clean.h5", text)
    check(plain == {f: open(f, "rb").read() for f in os.listdir() if f.startswith("n.")}, "refused, and files changed")
    result = image("v.uvh5", "c.", "--calibrated", "--cal", "t1.calh5", "--cal-any-time", "--niter", 50)
    check(result.returncode == 0, result.stderr)
    refused(image("v.uvh5", "c.", "--calibrated", "--cal", "t2.calh5", "--cal-any-time", "--continue"), "another --cal")


observe("v.uvh5")
stopped_and_not()
stopped_and_not("--scales", "10,20", "--no-average")
ranks_compare()
limits()
refusals()
finish()

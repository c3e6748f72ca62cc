"""Numbers and names without sense, in headers and options, are refused with the limit and its reason. ci-test: timeout=300"""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
import header_sim as sim  # noqa: E402
import h5py  # noqa: E402

IMAGE = ("--size", "64", "--cell-arcsec", "20", "--niter", "0")


def edited(folder, name, dataset, value):
    shutil.copy(os.path.join(folder, "good.uvh5"), os.path.join(folder, name))
    with h5py.File(os.path.join(folder, name), "r+") as file:
        if dataset in file["Header"]:
            del file["Header"][dataset]
        file["Header"][dataset] = value
    return name


def image(folder, name, *more):
    return run(folder, "image", name, "--out", "o", *IMAGE, *more)


def diameters(folder):
    n = 12
    for what, value, word in (("mm for m", np.full(n, 4650.0), "4650"), ("cm, of one antenna", np.r_[np.full(n - 1, 25.0), 2500.0], "2500"),
                              ("negative", np.full(n, -4.65), "-4.65"), ("a number of no dish", np.full(n, 1e-9), "1e-09"),
                              ("cm for m", np.full(n, 465.0), "465"), ("infinite", np.full(n, np.inf), "inf"),
                              ("not one for each", np.full(n - 1, 4.65), "antenna_diameters")):
        refused(f"diameters: {what}", image(folder, edited(folder, "d.uvh5", "antenna_diameters", value)), "d.uvh5",
                "antenna_diameters", word)
    for what, value, text in (("of 25 m", np.full(n, 25.0), "airy:25"), ("0: unknown", np.zeros(n), "none"),
                              ("NaN: unknown", np.full(n, np.nan), "none")):
        result = image(folder, edited(folder, "d.uvh5", "antenna_diameters", value))
        made = fits.getheader(os.path.join(folder, "o.image.fits" if os.path.exists(os.path.join(folder, "o.image.fits"))
                                           else "o.dirty.fits")) if result.returncode == 0 else {}
        check(f"diameters {what}", text in str(made.get("PBEAM", made.get("BEAM", repr(made)))), own_line(result) or text)


def options(folder):
    model = ("--model", "model.csv")
    with open(os.path.join(folder, "model.csv"), "w") as file:
        file.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\na,150,30,5,1.4e9,0\n")
    for what, names, word in (("unknown", "nosuch", "nosuch"), ("a typing error", "ant0003", "ant0003"),
                              ("one of two", "ant003,ant099", "ant099")):
        refused(f"--ref-antenna {what}", run(folder, "calibrate", "good.uvh5", *model, "--out", "c", "--ref-antenna", names),
                "--ref-antenna", word)
    result = run(folder, "calibrate", "good.uvh5", *model, "--out", "c", "--ref-antenna", "ant003")
    check("--ref-antenna ant003", result.returncode == 0 and "reference antenna: ant003" in result.stdout, own_line(result))
    for command, arguments in (("image", ("good.uvh5", *IMAGE)), ("calibrate", ("good.uvh5", *model)), ("mosaic", ("t.image.fits",))):
        tile(folder, "t", header_of(10.0, 30.0))
        for prefix in ("nosuch/x", "nosuch/", "good.uvh5/x"):
            if command == "calibrate" and prefix.endswith("/"):
                continue  # a folder is no prefix of tables: exit 2
            refused(f"{command} --out {prefix}", run(folder, command, *arguments, "--out", prefix), f"--out {prefix}", "folder")
            check(f"{command} --out {prefix} makes nothing", not os.path.exists(os.path.join(folder, "nosuch")), "")
    usage(folder, model)
    few(folder, model)


def usage(folder, model):
    """Exit 2: options that contradict each other."""
    for what, arguments in (
            ("--min-subbands above --expected-subbands", ("run", "--min-subbands", "17")),
            ("--group-overlap of a whole group", ("run", "--group-overlap", "10")),
            ("--qa-cal-min-amp above --qa-cal-max-amp", ("calibrate", "good.uvh5", *model, "--out", "c", "--qa-cal-min-amp", "11")),
            ("--group and files", ("run", "good.uvh5", "--group", "nosuch")),
            ("--beam of 4650 m", ("image", "good.uvh5", *IMAGE, "--out", "o", "--beam", "airy:4650")),
            ("--beam of 1 mm", ("image", "good.uvh5", *IMAGE, "--out", "o", "--beam", "airy:0.001"))):
        result = run(folder, *arguments)
        option = what.split()[0]
        check(what, result.returncode == 2 and option.strip("-") in own_line(result), f"{result.returncode} {own_line(result)}")
    result = image(folder, "good.uvh5", "--robust", "1", "--weighting", "natural")
    check("--robust without Briggs is said", result.returncode == 0 and "--robust 1 (command line) has no effect" in result.stderr, "")


def few(folder, model):
    """The least number of antennas is an option, which its refusal names."""
    uv = sim.make([(150.0, 30.0, 5.0)], sigma=0.01, step_s=10.0)
    flagged = np.isin(uv.ant_1_array, [0, 1, 2, 3, 4]) | np.isin(uv.ant_2_array, [0, 1, 2, 3, 4])
    uv.flag_array[flagged] = True
    uv.write_uvh5(os.path.join(folder, "few.uvh5"), clobber=True)
    result = run(folder, "calibrate", "few.uvh5", *model, "--out", "c")
    check("7 of 12 antennas", result.returncode == 7 and "qa-cal-min-antennas" in own_line(result), own_line(result))
    result = run(folder, "calibrate", "few.uvh5", *model, "--out", "c", "--qa-cal-min-antennas", "7")
    check("7 of 12 antennas, asked for", result.returncode == 0 and "qa-cal-min-antennas 7" in result.stderr, own_line(result))


with tempfile.TemporaryDirectory() as scratch:
    sim.make([(150.0, 30.0, 5.0)], sigma=0.01, step_s=10.0).write_uvh5(os.path.join(scratch, "good.uvh5"))
    diameters(scratch)
    options(scratch)
end()

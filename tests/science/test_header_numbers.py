"""Numbers and names without sense, in headers and options, are refused with the limit and its reason. ci-test: timeout=300"""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
import header_sim as sim  # noqa: E402
import h5py  # noqa: E402
from astropy import units  # noqa: E402
from astropy.coordinates import EarthLocation  # noqa: E402

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
    result = run(folder, "inspect", edited(folder, "d.uvh5", "antenna_diameters", np.r_[np.full(n - 5, 25.0), np.full(5, np.nan)]))
    check("diameters of some", f"not known of 5 of {n} antennas" in result.stderr, own_line(result))
    for what, value, text in (("of 25 m", np.full(n, 25.0), "airy:25"), ("0: unknown", np.zeros(n), "none"),
                              ("NaN: unknown", np.full(n, np.nan), "none")):
        result = image(folder, edited(folder, "d.uvh5", "antenna_diameters", value))
        made = fits.getheader(os.path.join(folder, "o.image.fits" if os.path.exists(os.path.join(folder, "o.image.fits"))
                                           else "o.dirty.fits")) if result.returncode == 0 else {}
        check(f"diameters {what}", text in str(made.get("PBEAM", made.get("BEAM", repr(made)))), own_line(result) or text)


def enu_of(xyz, lat, lon):
    """ITRF differences along east, north, up (astropy's definition of the axes)."""
    s, c = np.sin, np.cos
    axes = np.array([[-s(lon), c(lon), 0], [-s(lat) * c(lon), -s(lat) * s(lon), c(lat)], [c(lat) * c(lon), c(lat) * s(lon), s(lat)]])
    return xyz @ axes.T


def places(folder):
    """Where antennas stand, how long and when integrations are: what cannot be, by the Earth, by uvw, by the times."""
    with h5py.File(os.path.join(folder, "good.uvh5")) as file:
        header = {key: file["Header"][key][()] for key in ("antenna_positions", "latitude", "longitude", "altitude", "integration_time",
                                                           "time_array")}
    xyz, lat, lon = header["antenna_positions"], np.deg2rad(header["latitude"]), np.deg2rad(header["longitude"])
    origin = EarthLocation.from_geodetic(np.rad2deg(lon) * units.deg, np.rad2deg(lat) * units.deg, header["altitude"] * units.m)
    local = np.array([[np.cos(lon), np.sin(lon), 0], [-np.sin(lon), np.cos(lon), 0], [0, 0, 1]])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    step = np.diff(np.unique(header["time_array"])).min() * 86400
    n = len(header["antenna_positions"])
    for what, key, value, words in (
            ("below the sea", "altitude", -1e4, ("-10000", "-500")),
            ("above all mountains", "altitude", 9500.0, ("9500", "9000")),
            ("20 km up, one antenna", "antenna_positions", np.r_[xyz[:-1], xyz[-1:] + 2e4 * up], (f"antenna {n - 1}", "ellipsoid")),
            ("from the Earth's centre", "antenna_positions", xyz + np.array(origin.to_value("m").tolist()), ("geocentric",)),
            ("east, north, up", "antenna_positions", enu_of(xyz, lat, lon), ("east, north, up",)),
            ("x through the meridian", "antenna_positions", xyz @ local.T, ("UVFITS",)),
            ("in km", "antenna_positions", xyz / 1000, ("1000 times", "not in metres")),
            ("in feet", "antenna_positions", xyz / 0.3048, ("0.3048", "not in metres")),
            ("ten times as long", "integration_time", header["integration_time"] * 10, (f"{10 * header['integration_time'][0]:g} s",)),
            ("twice a step of time", "integration_time", np.full_like(header["integration_time"], 2 * step), ("do not overlap",)),
            ("MJD", "time_array", header["time_array"] - 2400000.5, ("a modified one (MJD)",)),
            ("seconds", "time_array", (header["time_array"] - 2400000.5) * 86400, ("but seconds",)),
            ("of no kind", "mount_type", np.array(["bizarre"] * n, "S7"), ("bizarre", "equatorial"))):
        refused(f"{key} {what}", image(folder, edited(folder, "p.uvh5", key, value)), "p.uvh5", key, *words)
    result = image(folder, edited(folder, "p.uvh5", "integration_time", header["integration_time"] / 1e3))
    with h5py.File(os.path.join(folder, "good.uvh5")) as file:
        width = file["Header/channel_width"][()]
    for unit in (1e3, 1e6):
        told = image(folder, edited(folder, "w.uvh5", "channel_width", width / unit)).stderr
        check(f"channel_width in units of {unit:g} Hz is said", "not in Hz" in told, told[-300:])
    check("integration_time in ks is said", result.returncode == 0 and "is not in seconds" in result.stderr, own_line(result))


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
            ("--cell-arcsec of no size", ("image", "good.uvh5", *IMAGE[:2], "--out", "o", "--cell-arcsec", "1e-320")),
            ("--cell-arcsec in hexadecimal", ("image", "good.uvh5", *IMAGE[:2], "--out", "o", "--cell-arcsec", "0x10")),
            ("--cell-arcsec of a degree", ("image", "good.uvh5", *IMAGE[:2], "--out", "o", "--cell-arcsec", "3600")),
            ("--uv-range beyond all baselines", ("image", "good.uvh5", *IMAGE, "--out", "o", "--uv-range", "1e9,0")),
            ("--uv-range of nothing", ("image", "good.uvh5", *IMAGE, "--out", "o", "--uv-range", "")),
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
    places(scratch)
    options(scratch)
end()

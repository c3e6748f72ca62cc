# ci-test: cost=8
"""Texts of FITS cards that go on in CONTINUE cards, whatever characters they have, and dates in all forms and cards of FITS.
Truth: what astropy wrote, and astropy's Time of the same card."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
from astropy.time import Time  # noqa: E402

SOURCE = [(10.07, 30.05, 1.0)]


def texts(folder):
    # astropy cuts also between the two characters of a quote
    for text in ("'" * 34, "'" * 40, "a" * 30 + "''" * 20, "x" * 66 + "'" * 5, "a" * 66 + "' b", "&" * 10, "x" * 67 + "&"):
        with fits.open(os.path.join(folder, "t.image.fits"), mode="update") as hdus:
            for key in ("TELESCOP", "OBJECT"):
                hdus[0].header[key] = text
        result = mosaic(folder, "t")
        found = fits.getheader(os.path.join(folder, "m.mosaic.fits")).get("TELESCOP")
        check(f"TELESCOP {text[:20]} of {len(text)}", result.returncode == 0 and found == text, f"{found}")
        told = run(folder, "inspect", "t.image.fits").stdout
        check(f"OBJECT {text[:20]} of {len(text)}", f"object {text}" in told, told[-300:])


def dates(folder):
    for date, mjd, true, word in (("2026-01-25", None, "2026-01-25T00:00:00", "a day without a time of day"),
                                  ("25/01/96", None, "1996-01-25T00:00:00", "a day without a time of day"),
                                  ("2026-01-25", 61065.25, "2026-01-25T06:00:00", None),
                                  ("2026-01-25T01:02:03", None, "2026-01-25T01:02:03", None),
                                  ("yesterday", None, None, "not YYYY-MM-DDTHH:MM:SS")):
        tile(folder, "d", header_of(10.0, 30.0), SOURCE, date=date, cards={"MJD__OBS": mjd})
        result = mosaic(folder, "d")
        header = fits.getheader(os.path.join(folder, "m.mosaic.fits"))
        found = header.get("DATE-OBS")
        good = found is None if true is None else bool(found) and abs(Time(found).mjd - Time(true).mjd) < 1e-6
        check(f"DATE-OBS {date}", result.returncode == 0 and good, f"{found} {own_line(result)}")
        n = result.stderr.count("DATE-OBS")
        check(f"DATE-OBS {date}: said", n == (word is not None) and (word or "") in result.stderr, result.stderr[-400:])


# Cards beside the tile's own, the time as astropy reads it of the card that holds, what is said, or refused (None).
T, MJD = "2026-01-25T06:00:00", 61065.25
TIMES = (
    (dict(MJD__OBS=MJD), Time(T).mjd, ()),
    (dict(MJD__OBS=MJD + 30 / 86400), Time(T).mjd, ("MJD-OBS: 61065.250347 is 30 s away", "'2026-01-25T06:00:00' is used")),
    (dict(DATE__OBS=None, MJD__OBS=MJD), MJD, ()),
    (dict(DATE__OBS=None, DATE__AVG="2026-01-25T07:00:00"), Time("2026-01-25T07:00:00").mjd, ("DATE-AVG: is the time",)),
    (dict(DATE__OBS=None, MJD__AVG=MJD), MJD, ("MJD-AVG: is the time",)),
    (dict(DATE__OBS=None, DATE__BEG=T), Time(T).mjd, ("DATE-BEG: is the time",)),
    (dict(DATE__OBS=None, MJD__BEG=MJD), MJD, ("MJD-BEG: is the time",)),
    (dict(DATE__OBS="2026-01-25", MJD__AVG=MJD), MJD, ("MJD-AVG: is the time",)),
    (dict(DATE__BEG=T, MJD__BEG=MJD, DATE__END="2026-01-25T08:00:00", DATE__AVG="2026-01-25T07:00:00"), MJD, ()),
    (dict(DATE__BEG="2026-01-25T07:00:00"), MJD, ("DATE-BEG is 3.6e+03 s after DATE-OBS",)),
    (dict(MJD__END=MJD - 0.1), MJD, ("DATE-OBS is 8.64e+03 s after MJD-END",)),
    (dict(TIMESYS="UTC(USNO)"), MJD, ()), (dict(TIMESYS="GMT"), MJD, ()),
    (dict(DATE__OBS=None, JD__OBS=MJD + 2400000.5), None, ("JD-OBS", "is not read", "not known")),
    (dict(DATE__OBS=None, TSTART=12.0), None, ("TSTART", "is not read")),
    (dict(DATE__OBS=None), None, ()),
)
NO_TIMES = (
    (dict(DATE__OBS=None, MJD__OBS=MJD + 2400000.5), ("MJD-OBS: 2461065.750000", "a Julian date", "correct it")),
    (dict(MJD__AVG=MJD * 86400), ("MJD-AVG", "no modified Julian date", "correct it")),
    (dict(MJD__BEG=-5.0), ("MJD-BEG: -5", "correct it")),
    (dict(DATE__BEG="2026-02-25T00:00:00"), ("DATE-BEG, DATE-OBS", "30.75 days", "correct one of them")),
    (dict(DATE__END="2025-01-25T00:00:00"), ("DATE-OBS, DATE-END", "correct one of them")),
    (dict(DATE__AVG=T, MJD__AVG=MJD - 5), ("DATE-AVG", "MJD-AVG", "more than a day apart: correct one of them")),
    (dict(DATE__OBS=None, MJD__AVG=MJD, TIMESYS="TDB"), ("TIMESYS: TDB", "convert DATE-OBS and MJD-OBS")),
    (dict(TIMESYS="TT(TAI)"), ("TIMESYS: TT(TAI)", "convert")),
    (dict(TIMESYS="UT1"), ("TIMESYS: UT1", "convert")),
    (dict(MJD__OBS="soon"), ("MJD-OBS", "not a number")),
)


def times(folder):
    for cards, mjd, words in TIMES:
        tile(folder, "d", header_of(10.0, 30.0), SOURCE, date=T, cards=cards)
        result = mosaic(folder, "d")
        found = fits.getheader(os.path.join(folder, "m.mosaic.fits")).get("DATE-OBS")
        good = found is None if mjd is None else bool(found) and abs(Time(found).mjd - mjd) < 1e-8
        check(f"time of {cards}", result.returncode == 0 and good, f"{found} {own_line(result)}")
        said = [line for line in result.stderr.splitlines() if "WARNING d.image.fits: " in line]
        check(f"time of {cards}: said", len(said) == bool(words) and all(word in said[0] for word in words), said)
        told = run(folder, "inspect", "d.image.fits").stdout
        check(f"time of {cards}: inspect", all(word in told for word in words), told[-300:])
    for cards, words in NO_TIMES:
        tile(folder, "d", header_of(10.0, 30.0), SOURCE, date=T, cards=cards)
        refused(f"time of {cards}", mosaic(folder, "d"), "d.image.fits", *words)


with tempfile.TemporaryDirectory() as at:
    tile(at, "t", header_of(10.0, 30.0), SOURCE)
    texts(at)
    dates(at)
    times(at)
end()

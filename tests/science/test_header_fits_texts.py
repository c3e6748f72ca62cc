# ci-test: cost=4
"""Texts of FITS cards that go on in CONTINUE cards, whatever characters they have, and dates in all forms of FITS.
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


with tempfile.TemporaryDirectory() as at:
    tile(at, "t", header_of(10.0, 30.0), SOURCE)
    texts(at)
    dates(at)
end()

"""FITS headers that the mosaic must refuse, by the fact, its value and what to do. ci-test: timeout=300"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402

ALONE = [
    (dict(LONPOLE=0.0), "LONPOLE: 0"), (dict(LONPOLE=170.0), "LONPOLE: 170"), (dict(CROTA2=3.0), "CROTA2: 3"),
    (dict(CTYPE1="RA---TAN", CTYPE2="DEC--TAN"), "RA---TAN"), (dict(CTYPE1="GLON-SIN", CTYPE2="GLAT-SIN"), "GLON-SIN"),
    (dict(CTYPE1="DEC--SIN", CTYPE2="RA---SIN"), "DEC--SIN"), (dict(RADESYS="FK4"), "RADESYS: FK4"),
    (dict(RADESYS="FK5", EQUINOX=1975.0), "EQUINOX: 1975"), (dict(RADESYS=None, EQUINOX=1950.0), "1950"),
    (dict(CDELT1=10 / 3600), "CDELT1"), (dict(CDELT2=11 / 3600), "CDELT"), (dict(PC1_2=0.1), "PC1_2: 0.1"),
    (dict(PC1_3=0.2, CRPIX3=0.0), "PC1_3"), (dict(PV1_1=3.0), "PV1_1: 3"), (dict(CUNIT1="Jy"), "CUNIT1"),
    (dict(TIMESYS="TAI"), "TIMESYS: TAI"), (dict(CRVAL2=91.0), "CRVAL2: 91"), (dict(CRVAL1="ten"), "CRVAL1"),
    (dict(CRPIX2=None), "CRPIX2: missing"), (dict(BUNIT="mJy/beam"), "mJy/beam"), (dict(BUNIT="K"), "BUNIT: 'K'"),
    (dict(BMAJ=None), "BMAJ"), (dict(BMIN=20 / 3600, BPA=None), "BPA: missing"), (dict(SPECSYS="GALACTOC"), "SPECSYS: GALACTOC"), (dict(SPECSYS="SOURCE"), "TOPOCENT"),
    (dict(CUNIT3="parsec"), "CUNIT3: parsec: not a unit of frequency"), (dict(CUNIT3="MHx"), "CUNIT3: MHx"),
    (dict(CRVAL3=1400.0, CDELT3=50.0), "1400 Hz: not within"), (dict(CRVAL3=1.4e15), "not within"),
    (dict(CTYPE3="freq", CRVAL3=1.4e15), "not within"),
    (dict(CTYPE4="FREQ"), "CTYPE3 and CTYPE4: FREQ and FREQ"), (dict(CTYPE4="VRAD"), "two frequencies"),
    (dict(CTYPE3="STOKES", CRVAL3=1.0, CUNIT3=None), "two Stokes parameters"), (dict(CTYPE3="CHANNEL"), "CTYPE3: CHANNEL: neither"),
    (dict(CTYPE4="LAMBDA"), "CTYPE4: LAMBDA"), (dict(CDELT3=0.0), "CDELT3: 0"), (dict(A_ORDER=2), "A_ORDER: 2"), (dict(WCSAXES=12), "WCSAXES: 12"), (dict(PV2_1="x"), "PV2_1"),
    ({"DATE-OBS": "2026-01-25T00:00:00", "MJD-OBS": 61000.0}, "MJD-OBS: 61000.000000: more than a day apart"),
]
PAIRS = [
    ("I and Q", dict(CRVAL4=2.0), dict(CRVAL4=2.0), "STOKES: Q"),
    ("I and Q by CRPIX4", dict(CRPIX4=0.0), dict(CRPIX4=0.0), "STOKES: Q"),
    ("I and not said", dict(CTYPE4=None), dict(CTYPE4=None), "STOKES: not said"),
    ("another band", dict(CRVAL3=1.52e9), dict(CRVAL3=1.52e9), "FREQ axis: 1520 MHz"),
    ("another band in GHz", dict(CRVAL3=3.0, CUNIT3="GHz", CDELT3=0.1), dict(CRVAL3=3.0, CUNIT3="GHz"), "3000 MHz"),
    ("a beam of Q", {}, dict(CRVAL4=2.0), "b.pb.fits: STOKES: Q"),
    ("a beam in dB", {}, dict(BUNIT="dB"), "b.pb.fits: BUNIT: 'dB'"),
    ("a beam turned by LONPOLE", {}, dict(LONPOLE=90.0), "b.pb.fits: LONPOLE"),
    ("a beam of another place", {}, dict(RADESYS="FK5"), "b.pb.fits: world coordinates"),
]


def alone(folder):
    for cards, words in ALONE:
        tile(folder, "r", header_of(10.0, 30.0), cards=cards, pb_cards=cards)
        refused(f"{cards}", mosaic(folder, "r"), "r.image.fits", words)


# Cards as no library writes them: one more, beside the tile's own, or in its place.
RAW = [
    ("CRVAL1  =                 50.0", "CRVAL1: there twice:"), ("BMAJ    =                  0.5", "BMAJ: there twice:"),
    ("BUNIT   = 'K       '           / temperature", "BUNIT: there twice: 'Jy/beam ' and 'K       ': remove one"),
    ("CRVAL3  =                7.0E8", "CRVAL3: there twice:"), ("DATE-OBS= '2020-01-01T00:00:00'", "DATE-OBS: there twice:"),
    ("TIMESYS = 'UTC\xff'", "TIMESYS: has a character that FITS does not know"), ("SPECSYS = '\x01'", "SPECSYS: has a character"),
]
FINE = ["BUNIT   = 'Jy/beam '           / the same again", "OBSERVER= 'Andr\xe9'", "OBSERVER= 'A / B'", "HISTORY \xff\xfe"]


def card_add(path, card):
    with open(path, "rb") as file:
        content = file.read()
    end = content.index(b"END" + b" " * 77)
    assert end % 2880 < 2800
    with open(path, "wb") as file:
        file.write(content[:end] + card.encode("latin-1").ljust(80) + b"END".ljust(80) + content[end + 160:])


def raw(folder):
    for card, words in RAW + [(card, None) for card in FINE]:
        tile(folder, "r", header_of(10.0, 30.0))
        for kind in ("image", "pb"):
            if kind == "image" or card[:2] == "CR":
                card_add(os.path.join(folder, f"r.{kind}.fits"), card)
        result = mosaic(folder, "r")
        if words:
            refused(card[:20], result, "r.image.fits", words)
        else:
            check(card[:20], result.returncode == 0, own_line(result))


def pairs(folder):
    tile(folder, "a", header_of(10.0, 30.0))
    later = dict(date="2026-01-25T00:05:00")
    for what, cards, pb_cards, words in PAIRS:
        tile(folder, "b", header_of(10.0, 30.0), cards=cards, pb_cards=pb_cards, **later)
        refused(what, mosaic(folder, "a", "b"), words)


with tempfile.TemporaryDirectory() as scratch:
    alone(scratch)
    raw(scratch)
    pairs(scratch)
end()

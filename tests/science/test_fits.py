"""FITS files of contimg as astropy reads them: cards, world coordinates, checksums."""
import os
import subprocess
import sys
import tempfile
import warnings

from checks import check

try:
    import numpy as np
    from astropy.io import fits
    from astropy.wcs import WCS
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)

program = os.path.join(os.environ["CONTIMG_BUILD"], "tests", "test_fits")
warnings.simplefilter("error")  # a warning of astropy is a fault of the file

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([program, "write", folder], check=True)
    pixels = (np.sin(np.arange(70 * 50, dtype=np.float32)) * np.float32(1e-3)).reshape(50, 70)

    with fits.open(os.path.join(folder, "slanted.fits"), checksum=True) as hdus:
        hdus.verify("exception")
        header, data = hdus[0].header, hdus[0].data
        check(data.shape == (1, 1, 50, 70) and data.dtype == ">f4")
        flat = data[0, 0]
        check(np.isnan(flat[0, 5]))
        good = np.ones(flat.shape, bool)
        good[0, 5:7] = False
        check(np.allclose(flat[good], pixels[good], rtol=1e-5, atol=1e-9))
        for key, value in {
            "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CTYPE3": "FREQ", "CTYPE4": "STOKES",
            "RADESYS": "ICRS", "EQUINOX": 2000.0, "CRPIX1": 36.0, "CRPIX2": 26.0,
            "CRVAL2": 16.6, "CUNIT1": "deg", "BUNIT": "Jy/beam", "CRVAL4": 1.0,
            "RESTFRQ": 1405000123.5, "TELESCOP": "DSA-110", "OBJECT": "3C48 field's",
            "ORIGIN": "contimg", "CALIB": "transferred", "THERMAL": 0.000261, "NVIS": 84049920,
            "PV2_1": -0.1234, "PV2_2": 0.37,
        }.items():
            check(header[key] == value, key, header[key], value)
        check(abs(header["CRVAL1"] - 83.1234567890123) < 1e-13)
        check(abs(header["BMAJ"] * 3600 - 15.1) < 1e-12)
        check(abs(header["CDELT1"] * 3600 + 3) < 1e-12)
        check(header["DATE-OBS"].startswith("2025-11-21T06:00:10.12"), header["DATE-OBS"])
        check(list(header["HISTORY"]) == ["a line", "another"])
        check("CHECKSUM" in header and "DATASUM" in header)

        # Slanted SIN from its definition, in all four quadrants.
        wcs = WCS(header).celestial
        a, b, cell = 0.1234, -0.37, np.radians(3 / 3600)
        ra0, dec0 = np.radians(header["CRVAL1"]), np.radians(header["CRVAL2"])
        worst = 0.0
        for x, y in [(0, 0), (69, 0), (0, 49), (69, 49), (35, 25), (-2000, 1500)]:
            ra, dec = np.radians(wcs.wcs_pix2world([[x, y]], 0)[0])
            l = np.cos(dec) * np.sin(ra - ra0)
            m = np.sin(dec) * np.cos(dec0) - np.cos(dec) * np.sin(dec0) * np.cos(ra - ra0)
            n = np.sqrt(1 - l * l - m * m)
            px = 35 - (l + a * (n - 1)) / cell
            py = 25 + (m + b * (n - 1)) / cell
            worst = max(worst, abs(px - x), abs(py - y))
        print(f"slanted SIN, astropy against the definition: {worst:.1e} pixel")
        check(worst < 1e-6)

    with fits.open(os.path.join(folder, "plain.fits"), checksum=True) as hdus:
        header = hdus[0].header
        check(header["CTYPE3"] == "STOKES" and header["CRVAL3"] == -5, "no frequency, no axis of it")
        check(header["NAXIS"] == 3 and "BMAJ" not in header and "PV2_1" not in header)
        check("DATE-OBS" not in header and "RESTFRQ" not in header)
        WCS(header)
print("ok")

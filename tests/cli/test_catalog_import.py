"""tools/catalog_import.py: each form of catalogue becomes sources whose positions and fluxes are those of the catalogue
(3C286 as the NVSS lists it), and contimg reads what it writes."""
import csv
import os
import sqlite3
import subprocess
import sys

source, build = os.environ["CONTIMG_SOURCE"], os.environ["CONTIMG_BUILD"]
sys.path.insert(0, os.path.join(source, "tests/support"))
from checks import check, near, run_tests, scratch  # noqa: E402

os.chdir(scratch("catalog"))

# 3C286 and a southern source (CDS VIII/65, by byte), 3C286 again as HEASARC has it
FIELD = "C1332P28  234.56  345.67 "
with open("nvss.dat", "w") as f:
    f.write(FIELD + "133108+303032  13 31 08.29 +30 30 32.9  0.03  0.4  14902.7   447.1 <14.2 <13.7\n")
    f.write(FIELD + "000100-003000  00 01 00.00 -00 30 00.0  0.03  0.4    250.0     7.5 <14.2 <13.7\n")
with open("nvss.tdat", "w") as f:
    f.write("<HEADER>\nfield[ra] = float8\nline[1] = name ra dec flux_20_cm flux_20_cm_error\n<DATA>\n"
            "NVSS J133108+303032|202.784542|30.509139|14902.7|447.1|\n<END>\n")
db = sqlite3.connect("nvss_dec+30.0.sqlite3")
db.execute("CREATE TABLE sources(source_id INTEGER PRIMARY KEY, ra_deg REAL, dec_deg REAL, flux_mjy REAL)")
db.execute("CREATE TABLE meta(key TEXT, value TEXT)")
db.executemany("INSERT INTO sources(ra_deg, dec_deg, flux_mjy) VALUES (?,?,?)",
               [(202.784542, 30.509139, 14902.7), (203.0, 30.0, 40.0), (203.1, 30.0, 0.4)])
db.commit()
db.close()
db = sqlite3.connect("vla_calibrators.sqlite3")
db.execute("CREATE TABLE calibrators(name TEXT PRIMARY KEY, ra_deg REAL, dec_deg REAL)")
db.execute("CREATE TABLE fluxes(name TEXT, band TEXT, flux_jy REAL, sidx REAL)")
db.execute("CREATE VIEW vla_20cm AS SELECT name, ra_deg, dec_deg, flux_jy, sidx FROM calibrators JOIN fluxes USING(name)")
db.execute("INSERT INTO calibrators VALUES ('1331+305', 202.784534, 30.509155)")
db.execute("INSERT INTO fluxes VALUES ('1331+305', '20cm', 14.65, -0.47)")
db.commit()
db.close()


def run(*args, code=0):
    done = subprocess.run([sys.executable, f"{source}/tools/catalog_import.py", *args], capture_output=True, text=True)
    check(done.returncode == code, args, done.returncode, done.stderr)
    return list(csv.DictReader(done.stdout.splitlines())), done.stderr


def is_source(got, name, ra, dec, flux, index=-0.7):
    check(got["name"] == name, got)
    for key, value, within in (("ra_deg", ra, 3e-5), ("dec_deg", dec, 3e-5), ("flux_jy", flux, 1e-6),
                               ("ref_freq_hz", 1.4e9, 0), ("spectral_index", index, 1e-9)):
        near(float(got[key]), value, within, key, got)


def test_cds():
    rows, _ = run("nvss.dat")
    check(len(rows) == 2, rows)
    is_source(rows[0], "133108+303032", 202.784542, 30.509139, 14.9027)
    is_source(rows[1], "000100-003000", 0.25, -0.5, 0.25)


def test_heasarc():
    rows, _ = run("nvss.tdat")
    is_source(rows[0], "NVSS J133108+303032", 202.784542, 30.509139, 14.9027)


def test_deployed_database():
    rows, _ = run("nvss_dec+30.0.sqlite3", "--min-flux", "0.01", "--index=-0.5")
    check(len(rows) == 2, rows)
    is_source(rows[0], "J133108+303032", 202.784542, 30.509139, 14.9027, -0.5)


def test_one_source_of_two_catalogues_is_that_of_the_first():
    rows, _ = run("vla_calibrators.sqlite3", "nvss_dec+30.0.sqlite3")
    check(len(rows) == 3, rows)
    is_source(rows[0], "1331+305", 202.784534, 30.509155, 14.65, -0.47)


def test_declinations():
    rows, _ = run("nvss.dat", "--dec=-1,1")
    check([r["name"] for r in rows] == ["000100-003000"], rows)
    _, said = run("nvss.dat", "--dec=60,70", code=3)
    check("no source is left" in said, said)


def test_unknown_form():
    with open("wrong.txt", "w") as f:
        f.write("name,ra_deg\n")
    _, said = run("wrong.txt", code=3)
    check("wrong.txt: line 1" in said, said)


def test_contimg_reads_it():
    """contimg goes on to the data: it found nothing wrong with the model."""
    run("nvss.dat", "--out", "model.csv")
    done = subprocess.run([f"{build}/bin/contimg", "calibrate", "none.hdf5", "--model", "model.csv", "--out", "x"],
                          capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    check("none.hdf5" in last and "model.csv" not in last, done.stderr)


run_tests(globals())

"""tools/catalog_import.py: each form of catalogue becomes sources whose positions and fluxes are those of the catalogue
(3C286 as the NVSS lists it), and contimg reads what it writes."""
import csv
import math
import os
import sqlite3
import subprocess
import sys
import tempfile

source, build = os.environ["CONTIMG_SOURCE"], os.environ["CONTIMG_BUILD"]
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)

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
    assert done.returncode == code, (args, done.returncode, done.stderr)
    return list(csv.DictReader(done.stdout.splitlines())), done.stderr


def near(got, name, ra, dec, flux, index=-0.7):
    assert got["name"] == name, got
    for key, value, within in (("ra_deg", ra, 3e-5), ("dec_deg", dec, 3e-5), ("flux_jy", flux, 1e-6),
                               ("ref_freq_hz", 1.4e9, 0), ("spectral_index", index, 1e-9)):
        assert math.isclose(float(got[key]), value, rel_tol=0, abs_tol=within), (key, got)


rows, _ = run("nvss.dat")
assert len(rows) == 2
near(rows[0], "133108+303032", 202.784542, 30.509139, 14.9027)
near(rows[1], "000100-003000", 0.25, -0.5, 0.25)
rows, _ = run("nvss.tdat")
near(rows[0], "NVSS J133108+303032", 202.784542, 30.509139, 14.9027)
rows, _ = run("nvss_dec+30.0.sqlite3", "--min-flux", "0.01", "--index=-0.5")
assert len(rows) == 2
near(rows[0], "J133108+303032", 202.784542, 30.509139, 14.9027, -0.5)
# one source of two catalogues: that of the first
rows, _ = run("vla_calibrators.sqlite3", "nvss_dec+30.0.sqlite3")
assert len(rows) == 3
near(rows[0], "1331+305", 202.784534, 30.509155, 14.65, -0.47)
rows, _ = run("nvss.dat", "--dec=-1,1")
assert [r["name"] for r in rows] == ["000100-003000"]

with open("wrong.txt", "w") as f:
    f.write("name,ra_deg\n")
_, said = run("wrong.txt", code=3)
assert "wrong.txt: line 1" in said, said
_, said = run("nvss.dat", "--dec=60,70", code=3)
assert "no source is left" in said, said

# contimg goes on to the data: it found nothing wrong with the model
run("nvss.dat", "--out", "model.csv")
done = subprocess.run([f"{build}/bin/contimg", "calibrate", "none.hdf5", "--model", "model.csv", "--out", "x"],
                      capture_output=True, text=True)
assert "none.hdf5" in done.stderr.splitlines()[-1] and "model.csv" not in done.stderr.splitlines()[-1], done.stderr

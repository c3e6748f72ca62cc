"""Names from files that hold markup, quotes, newlines, other letters or 10 kB pass through every output. ci-test: timeout=300 cost=26

Telescope, instrument, antennas, object and phase centre of UVH5; sources of CSV; history of a table; names of files. Each
output is read by its own reader: JSON, HTML, CSV, SQL, FITS, HDF5 and lines of text."""
import csv
import glob
import html.parser
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
import header_sim as sim  # noqa: E402
import h5py  # noqa: E402

MARK = "zq"  # is in every name
HOSTILE = {
    "markup": f"<script>alert('{MARK}')</script>&amp;\"x\"", "quotes": f"{MARK}'; DROP TABLE products; --\"`$(id)`",
    "lines": f"{MARK}\nERROR a line\r\n2026 of its own\ttab", "letters": f"{MARK} caf\u00e9 \u6771\u4eac \U0001f52d",
    "escapes": f"{MARK}\x1b[31mred\x07\\n%s%n%1000d", "long": f"{MARK}" + "<a href='x'>&" * 770 + "end", "csv": f"{MARK},\"a\",=1+1,",
}
IMAGE = ("--size", "64", "--cell-arcsec", "20", "--niter", "10")


def known(name):
    """Control characters of names are blanks from the reader on: they move cursors and end lines."""
    return "".join(c if ord(c) >= 32 else " " for c in name)


class Page(html.parser.HTMLParser):
    """Tags and their attributes: none may come from a name."""
    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.tags.update(name for name, _ in attributes if name.startswith("on") or name == "href")

    def handle_data(self, data):
        self.text.append(data)


def spoil(folder, path, name):
    """Every name of a UVH5 file; antennas keep theirs apart by a number."""
    shutil.copy(os.path.join(folder, "good.uvh5"), path)
    with h5py.File(path, "r+") as file:
        header = file["Header"]
        for key in ("telescope_name", "instrument", "object_name", "history"):
            if key in header:
                del header[key]
            header[key] = np.bytes_(name.encode())
        n = len(header["antenna_names"])
        del header["antenna_names"]
        header["antenna_names"] = np.array([f"{k}{name}".encode() for k in range(n)])
        catalogue = header["phase_center_catalog"]
        for entry in catalogue.values():
            del entry["cat_name"]
            entry["cat_name"] = np.bytes_(name.encode())


def plain_lines(what, result, is_json=False):
    """Control characters stay out of the terminal and out of the log's lines."""
    text = result.stdout + result.stderr
    bad = [c for c in text if ord(c) < 32 and c != "\n" and not (is_json and c == "\t")]
    forged = [line for line in result.stderr.splitlines() if line.startswith(("ERROR a line", "2026 of its"))]
    check(f"{what}: lines", not bad and not forged, f"{bad[:3]} {forged[:1]} exit {result.returncode}")


def inspected(what, folder, path, name):
    result = run(folder, "inspect", path, "--json")
    plain_lines(f"{what}: inspect", result, True)
    try:
        found = json.loads(result.stdout)
    except ValueError as why:
        return check(f"{what}: inspect --json", False, f"{why} {own_line(result)[:200]}")
    check(f"{what}: inspect --json", result.returncode == 0 and found.get("telescope") == known(name),
          f"telescope of {len(str(found.get('telescope')))} characters, {own_line(result)[:100]}")
    plain_lines(f"{what}: inspect, text", run(folder, "inspect", path))


def stages(what, folder, name):
    """calibrate, image, mosaic: tables and images that others can read, with the names in them."""
    spoil(folder, os.path.join(folder, "x.uvh5"), name)
    inspected(what, folder, "x.uvh5", name)
    def calibrate(source):
        with open(os.path.join(folder, "model.csv"), "w", newline="") as file:
            csv.writer(file).writerows([["name", "ra_deg", "dec_deg", "flux_jy", "ref_freq_hz", "spectral_index"],
                                        [source, 150.0, 30.0, 5.0, 1.4e9, 0.0]])
        return run(folder, "calibrate", "x.uvh5", "--model", "model.csv", "--out", "c")

    flat = " ".join(name.split())
    if known(flat) != flat:  # a CSV file is the user's own: names with control characters are refused
        result = calibrate(flat)
        plain_lines(f"{what}: calibrate, as it is", result)
        check(f"{what}: calibrate, as it is", result.returncode == 3 and "is a control character" in own_line(result), own_line(result)[:200])
    result = calibrate(known(flat))
    plain_lines(f"{what}: calibrate", result)
    check(f"{what}: calibrate", result.returncode == 0, own_line(result)[:200])
    if result.returncode == 0:
        table(what, folder, name)
        for part in ("c.gain.calh5", "c.bandpass.calh5"):
            with h5py.File(os.path.join(folder, part), "r+") as file:
                del file["Header/history"]
                file["Header/history"] = np.bytes_(name.encode())
        told = run(folder, "inspect", "c.gain.calh5", "--json")
        check(f"{what}: history of a table", json.loads(told.stdout).get("history") in (name, known(name)), "")
    result = run(folder, "image", "x.uvh5", "--out", "o", *IMAGE, *(("--cal", "c") if result.returncode == 0 else ()))
    plain_lines(f"{what}: image", result)
    check(f"{what}: image", result.returncode == 0, own_line(result)[:200])
    image(what, folder, "o.image.fits", name)
    result = run(folder, "mosaic", "o.image.fits", "--out", "m")
    plain_lines(f"{what}: mosaic", result)
    image(what, folder, "m.mosaic.fits", name, keys=("TELESCOP",))


def table(what, folder, name):
    with h5py.File(os.path.join(folder, "c.gain.calh5"), "r") as file:
        found = file["Header/telescope_name"][()]
        antenna = file["Header/antenna_names"][3]
    check(f"{what}: table", found.decode() == known(name) and antenna.decode().rstrip("\0") == f"3{known(name)}", f"{found[:60]}")


def image(what, folder, path, name, keys=("TELESCOP", "OBJECT")):
    due = "".join(c if 32 <= ord(c) < 127 else "?" * len(c.encode()) for c in known(name)).rstrip()
    try:
        with fits.open(os.path.join(folder, path), checksum=True) as hdus:
            hdus.verify("exception")
            header = hdus[0].header
            bad = [key for key in keys if header.get(key, "").rstrip() != due]
    except Exception as why:  # noqa: BLE001
        return check(f"{what}: {path}", False, repr(why)[:200])
    check(f"{what}: {path}", not bad, f"{[(key, str(header.get(key))[:60]) for key in bad]}")


def whole_run(what, folder, name):
    """run: report, databases and published files, with a file name as hostile as a file system lets it be."""
    base = tempfile.mkdtemp(dir=folder)
    plain = name.replace("/", "|").replace("\0", "")[:80]
    path = os.path.join(base, plain + ".uvh5")
    spoil(folder, path, name)
    os.mkdir(os.path.join(base, "w"))
    shutil.copy(os.path.join(folder, "good.csv"), base)
    result = run(base, "run", path, "--model", "good.csv", *IMAGE, "--state-dir", "state", "--output-dir", "staging", "--products-dir",
                 "products", "--expected-subbands", "1", "--min-subbands", "1", "--qa-img-max-noise-ratio", "1000",
                 "--qa-img-min-dynamic-range", "0", "--qa-img-min-peak-snr", "0", "--gain-interval", "60")
    plain_lines(f"{what}: run", result)
    check(f"{what}: run", result.returncode in (0, 7), f"{result.returncode} {own_line(result)[:300]}")
    reports(what, base, [f"{k}{known(name)}" for k in range(12)])
    databases(what, base)
    status = run(base, "status", "--json", "--state-dir", "state", "--output-dir", "staging", "--products-dir", "products")
    plain_lines(f"{what}: status", status, True)
    try:
        json.loads(status.stdout)
        check(f"{what}: status --json", True, "")
    except ValueError as why:
        check(f"{what}: status --json", False, f"{why} {own_line(status)[:200]}")


def antennas_of(record):
    """All texts under "antenna": [{"name": ...}] anywhere in a report."""
    if isinstance(record, dict):
        here = [a.get("name") for a in record["antenna"] if isinstance(a, dict)] if isinstance(record.get("antenna"), list) else []
        return here + [name for value in record.values() for name in antennas_of(value)]
    return [name for value in record for name in antennas_of(value)] if isinstance(record, list) else []


def reports(what, base, names):
    found = {ending: glob.glob(os.path.join(base, "state", "reports", "*", f"*.{ending}")) for ending in ("json", "html", "jsonl", "txt")}
    check(f"{what}: report is there", all(found[ending] for ending in ("json", "html", "txt")), {k: len(v) for k, v in found.items()})
    for path in found["json"] + glob.glob(os.path.join(base, "**", "provenance.json"), recursive=True):
        try:
            record = json.load(open(path, encoding="utf-8"))
            if os.path.basename(path) == "report.json":
                found_names = antennas_of(record)
                check(f"{what}: antennas of report.json", set(found_names) == set(names), f"{len(found_names)} {str(found_names[:1])[:80]}")
        except ValueError as why:
            check(f"{what}: {os.path.basename(path)}", False, why)
    for path in found["jsonl"]:
        try:
            [json.loads(line) for line in open(path, encoding="utf-8")]
        except ValueError as why:
            check(f"{what}: {os.path.basename(path)}", False, why)
    for path in found["html"]:
        page = Page()
        page.feed(open(path, encoding="utf-8").read())
        check(f"{what}: report.html", not page.tags & {"script", "a", "onload", "href"} and "alert" not in page.tags, sorted(page.tags))


def databases(what, base):
    for path in glob.glob(os.path.join(base, "state", "*.sqlite3")):
        with sqlite3.connect(path) as db:
            good = db.execute("PRAGMA integrity_check").fetchone()[0]
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            texts = [cell for table in tables for row in db.execute(f'SELECT * FROM "{table}"') for cell in row if isinstance(cell, str)]
        check(f"{what}: {os.path.basename(path)}", good == "ok" and tables, f"{len(tables)} tables, {len(texts)} texts")


with tempfile.TemporaryDirectory() as scratch:
    sim.make([(150.0, 30.0, 5.0)], sigma=0.05, step_s=10.0).write_uvh5(os.path.join(scratch, "good.uvh5"))
    with open(os.path.join(scratch, "good.csv"), "w") as made:
        made.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\na,150,30,5,1.4e9,0\n")
    for case, hostile in HOSTILE.items():
        stages(case, scratch, hostile)
        whole_run(case, scratch, hostile)
end()

#!/usr/bin/env python3
"""catalog_import.py FILE... [--out FILE.csv] [--min-flux JY] [--dec MIN,MAX] [--index A]: source catalogues into the
CSV that `contimg run --model` and `contimg calibrate --model` read. Each FILE is the NVSS as text (nvss.dat of CDS
VIII/65, or heasarc_nvss.tdat of HEASARC) or a database of the deployed pipeline (STATE/catalogs/*.sqlite3: nvss_dec*,
master_sources, vla_calibrators). A source that is in two of them (within 5 arcsec) is taken from the first. --index
is the spectral index where the catalogue has none [-0.7]; fluxes are at 1.4 GHz. Needs nothing but Python."""
import argparse
import math
import sqlite3
import sys

COLUMNS = "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index"
FREQ_HZ = 1.4e9
SAME_DEG = 5 / 3600
# columns of a flux and their unit in Jy, as the deployed databases name them
FLUXES = (("flux_jy", 1.0), ("flux_mjy", 1e-3), ("s_nvss", 1.0), ("nvss_flux_mjy", 1e-3))
INDICES = ("spectral_index", "alpha", "sidx")
TABLES = ("vla_20cm", "sources")  # where several have positions and fluxes


class Refused(Exception):
    pass


def cds(lines, path):
    """nvss.dat of CDS VIII/65: columns by byte."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            ra = 15 * (int(line[40:42]) + int(line[43:45]) / 60 + float(line[46:51]) / 3600)
            dec = int(line[53:55]) + int(line[56:58]) / 60 + float(line[59:63]) / 3600
            flux = float(line[75:83]) * 1e-3
        except ValueError:
            raise Refused(f"{path}: line {number}: not a line of nvss.dat (CDS VIII/65): '{line.rstrip()[:60]}'") from None
        yield line[25:39].strip(), ra, -dec if line[52] == "-" else dec, flux, None


def tdat(lines, path):
    """heasarc_nvss.tdat: names of the columns in line[1], then rows with | between."""
    names = next((line.split("=", 1)[1].split() for line in lines if line.startswith("line[1]")), None)
    if names is None or not {"ra", "dec", "flux_20_cm"} <= set(names):
        raise Refused(f"{path}: line[1] names no ra, dec, flux_20_cm: not the NVSS of HEASARC")
    at = [names.index(n) for n in ("ra", "dec", "flux_20_cm")]
    i_name = names.index("name") if "name" in names else None
    is_data = False
    for number, line in enumerate(lines, 1):
        if line.startswith("<"):
            is_data = line.startswith("<DATA>")
            continue
        if not is_data or not line.strip():
            continue
        cells = line.split("|")
        try:
            ra, dec, flux = (float(cells[i]) for i in at)
        except (ValueError, IndexError):
            raise Refused(f"{path}: line {number}: no ra, dec, flux_20_cm in it: '{line.rstrip()[:60]}'") from None
        yield (cells[i_name].strip() if i_name is not None else ""), ra, dec, flux * 1e-3, None


def table_of(db, path):
    """The table or view with positions and fluxes, its columns of flux and index."""
    found = {}
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table','view')"):
        columns = {row[1] for row in db.execute(f'PRAGMA table_info("{name}")')}
        flux = next((f for f in FLUXES if f[0] in columns), None)
        if {"ra_deg", "dec_deg"} <= columns and flux:
            found[name] = flux, next((i for i in INDICES if i in columns), None), "name" in columns
    for name in TABLES:
        if name in found:
            return name, *found[name]
    if len(found) == 1:
        return next((name, *what) for name, what in found.items())
    raise Refused(f"{path}: no table with ra_deg, dec_deg and a flux ({', '.join(f for f, _ in FLUXES)})"
                  if not found else f"{path}: several tables of sources: {', '.join(sorted(found))}")


def sqlite(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        table, (flux, jy), index, named = table_of(db, path)
        rows = db.execute(f'SELECT {"name" if named else "NULL"}, ra_deg, dec_deg, {flux}, {index or "NULL"} FROM "{table}"')
        for name, ra, dec, value, slope in rows:
            if value is not None:
                yield name or "", ra, dec, value * jy, slope
    except sqlite3.DatabaseError as why:
        raise Refused(f"{path}: {why}") from None
    finally:
        db.close()


def sources_of(path):
    with open(path, "rb") as f:
        if f.read(16) == b"SQLite format 3\0":
            return sqlite(path)
    with open(path, encoding="latin-1") as f:
        lines = f.readlines()
    return tdat(lines, path) if any(line.startswith(("<HEADER>", "line[1]")) for line in lines[:200]) else cds(lines, path)


def name_of(ra, dec):
    """JHHMMSS+DDMMSS, cut as the IAU asks."""
    s, d = int(ra / 15 * 3600) % 86400, int(abs(dec) * 3600)
    return f"J{s // 3600:02d}{s // 60 % 60:02d}{s % 60:02d}{'-' if dec < 0 else '+'}{d // 3600:02d}{d // 60 % 60:02d}{d % 60:02d}"


class Places:
    """Positions of earlier files, by cell of declination and right ascension."""

    def __init__(self):
        self.cells = {}

    def near(self, ra, dec):
        y = math.floor(dec / SAME_DEG)
        for row in (y - 1, y, y + 1):
            for x, z in self.cells.get(row, ()):
                turn = abs((x - ra + 180) % 360 - 180) * math.cos(math.radians(dec))
                if math.hypot(turn, z - dec) < SAME_DEG:
                    return True
        return False

    def add(self, ra, dec):
        self.cells.setdefault(math.floor(dec / SAME_DEG), []).append((ra, dec))


def collect(args):
    low, high = (float(x) for x in args.dec.split(","))
    before, names, out = Places(), {}, []
    for i_file, path in enumerate(args.files):
        here = []
        for name, ra, dec, flux, index in sources_of(path):
            if not (low <= dec <= high and flux >= args.min_flux and flux > 0) or (i_file and before.near(ra, dec)):
                continue
            name = name or name_of(ra, dec)
            names[name] = names.get(name, 0) + 1  # components of one name
            label = name if names[name] == 1 else f"{name}_{names[name]}"
            here.append((label.replace(",", " ").replace('"', ""), ra, dec, flux, args.index if index is None else index))
        for _, ra, dec, _, _ in here:
            before.add(ra, dec)
        print(f"{path}: {len(here)} sources", file=sys.stderr)
        out += here
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--out", default="-", help="CSV to write [standard output]")
    parser.add_argument("--min-flux", type=float, default=0, help="Jy, least flux [0]")
    parser.add_argument("--dec", default="-90,90", help="degrees, range of declinations: --dec=MIN,MAX [-90,90]")
    parser.add_argument("--index", type=float, default=-0.7, help="spectral index where none is known [-0.7]")
    args = parser.parse_args()
    try:
        sources = collect(args)
        if not sources:
            raise Refused("no source is left: see --min-flux and --dec")
        text = COLUMNS + "\n" + "".join(f"{name},{ra:.7f},{dec:.7f},{flux:.7g},{FREQ_HZ:.10g},{index:.4g}\n"
                                        for name, ra, dec, flux, index in sources)
        if args.out == "-":
            sys.stdout.write(text)
        else:
            with open(args.out, "w") as f:
                f.write(text)
    except (Refused, OSError) as why:
        print(f"catalog_import: {why}", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()

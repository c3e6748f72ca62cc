#!/usr/bin/env python3
"""Writes share/*.csv, the facts that contimg needs, from the files they come from.

    tools/make_share.py SOURCE_FOLDER [--out share]

SOURCE_FOLDER holds dsa110/, catalogs/ and earth/ as named below. Nothing but the
standard library is needed. Run again when a source is renewed (earth orientation: a new
finals2000A from IERS); the result is committed, so that a lone clone can simulate and
calibrate.
"""
import argparse
import csv
import math
import pathlib
import re

# Standards of Perley & Butler (2017) that a 2.6 km array at 1.4 GHz sees as points.
POINTS = ("3C48", "3C138", "3C147", "3C196", "3C286", "3C295")
# Words of the list's last columns that name a survey, not a source.
SURVEYS = ("CJ2", "JVAS", "USNO", "VSOP", "VERA", "visplot")
# J2000 centres of the others as catalogues commonly quote them: good to know a source by,
# not to calibrate on.
RESOLVED = {
    "J0133-3629": ("01 33 57.7", "-36 29 35"), "FornaxA": ("03 22 41.7", "-37 12 30"),
    "3C123": ("04 37 04.4", "+29 40 14"), "J0444-2809": ("04 44 37.7", "-28 09 54"),
    "PictorA": ("05 19 49.7", "-45 46 44"), "TaurusA": ("05 34 31.9", "+22 00 52"),
    "HydraA": ("09 18 05.7", "-12 05 44"), "VirgoA": ("12 30 49.4", "+12 23 28"),
    "HerculesA": ("16 51 08.2", "+04 59 33"), "3C353": ("17 20 28.2", "-00 58 47"),
    "3C380": ("18 29 31.8", "+48 44 46"), "CygnusA": ("19 59 28.4", "+40 44 02"),
    "3C444": ("22 14 25.7", "-17 01 36"), "CassiopeiaA": ("23 23 24.0", "+58 48 54"),
}


def degrees(text, is_hours):
    sign = -1 if text.strip().startswith("-") else 1
    a, b, c = (float(x) for x in re.split(r"[hdm'\s]+", text.strip().lstrip("+-").rstrip("s\""))[:3])
    value = sign * (a + b / 60 + c / 3600)
    return value * 15 if is_hours else value


def write(path, notes, header, rows):
    with open(path, "w", newline="") as out:
        for note in notes:
            out.write("# " + note + "\n")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    print(path, len(rows))


def stations(source, out):
    text = (source / "dsa110/active_antennas_2026-01-25.md").read_text()
    block = re.search(r"Full active station list.*?```(.*?)```", text, re.S).group(1)
    active = {int(x) for x in block.replace("\n", " ").split(",")}
    rows = []
    for line in (source / "dsa110/DSA110_Station_Coordinates.csv").read_text().splitlines():
        m = re.match(r",DSA-(\d+),([-\d.]+),([-\d.]+),([\d.]*)", line)
        if m:
            number = int(m[1])
            rows.append([number, m[2], m[3], m[4] or "1182.6", int(number in active)])
    assert len(rows) == 117 and sum(r[4] for r in rows) == 96
    write(out / "dsa110_stations.csv",
          ["DSA-110 stations, WGS84. Source: DSA-110 station coordinates of 2022-02-15 (survey);",
           "height of station 117 is not in it, the array's usual 1182.6 m is put there.",
           "active: in the data of 2026-01-25 (96 of 117). antenna_numbers of its files: station - 1."],
          ["station", "lat_deg", "lon_deg", "height_m", "active"], rows)


def vla_entries(source):
    entries, entry = [], None
    for line in (source / "catalogs/vlacalibrators.txt").read_text().splitlines():
        m = re.match(r"(\S+)\s+J2000\s+([ABCT])\s+(\d+h\S+s)\s+(\S+\")\s*(\S*)\s*(\S*)", line)
        if m:
            words = [w for w in m.group(5, 6) if w and w not in SURVEYS]
            alternative = next((w for w in words if not re.match(r"[A-Z][a-z]{2}\d\d$", w)), "")
            entry = {"name": m[1], "code": m[2], "ra": degrees(m[3], True),
                     "dec": degrees(m[4], False), "alt": alternative, "flux": {}}
            entries.append(entry)
        m = re.match(r"\s*(20|6)cm\s+[LC]\s+(?:\S\s+){4}\s*([\d.]+)", line)
        if m and entry:
            entry["flux"][m[1]] = float(m[2])
    return entries


def vla(source, out):
    rows = []
    for e in vla_entries(source):
        if "20" not in e["flux"]:
            continue
        s20, s6 = e["flux"]["20"], e["flux"].get("6", 0)
        index = round(math.log(s6 / s20) / math.log(4.86 / 1.4), 2) if s20 > 0 and s6 > 0 else ""
        rows.append([e["name"], e["alt"], f"{e['ra']:.8f}", f"{e['dec']:.8f}", s20, index, e["code"]])
    assert len(rows) == 1041
    write(out / "vla_calibrators.csv",
          ["VLA calibrator list (NRAO), the 1041 of 1865 sources with a 20 cm flux. J2000 on the ICRF.",
           "flux_1400_jy: its 20 cm column, taken as 1.4 GHz, one or two digits, of many epochs: approximate; 0 is not known.",
           "index: slope from 20 cm to 6 cm (4.86 GHz) where both are listed. code: position error A < 2, B 2-10, C 10-150 mas, T > 150 mas."],
          ["name", "alias", "ra_deg", "dec_deg", "flux_1400_jy", "index", "code"], rows)


def standards(source, out):
    places = {e["alt"]: (e["ra"], e["dec"]) for e in vla_entries(source)}
    rows = []
    lines = (source / "catalogs/perley_butler_2017.csv").read_text().splitlines()
    for row in csv.DictReader(x for x in lines if not x.startswith("#")):
        name = row["name"]
        point = name in POINTS
        ra, dec = places[name] if point else (degrees(RESOLVED[name][0], True),
                                              degrees(RESOLVED[name][1], False))
        n = 8 if point else 4
        rows.append([name, f"{ra:.{n}f}", f"{dec:.{n}f}", int(point)] +
                    [row[f"a{i}"] for i in range(6)] +
                    [f"{float(row['fmin_GHz']) * 1e9:.0f}", f"{float(row['fmax_GHz']) * 1e9:.0f}"])
    write(out / "perley_butler_2017.csv",
          ["Perley & Butler 2017 (ApJS 230, 7): log10 S[Jy] = sum a_i (log10 nu_GHz)^i, between min_hz and max_hz.",
           "Places: VLA calibrator list for the points; of the resolved ones centres as commonly quoted, to know them by.",
           "is_point: may set a flux scale as a point at 1.4 GHz and 2.6 km. Do not use 3C353 (a3 disputed)."],
          ["name", "ra_deg", "dec_deg", "is_point"] + [f"a{i}" for i in range(6)] + ["min_hz", "max_hz"], rows)


def earth(source, out):
    lines = (source / "earth/earth_orientation.csv").read_text().splitlines()
    rows = [[r["mjd_utc"], r["ut1_minus_utc_s"], r["polar_x_arcsec"], r["polar_y_arcsec"], r["kind"]]
            for r in csv.DictReader(x for x in lines if not x.startswith("#"))]
    first, last = int(rows[0][0]), int(rows[-1][0])
    assert len(rows) == last - first + 1
    write(out / "earth_orientation.csv",
          ["UT1-UTC and polar motion at 0 h UTC. Source: IERS finals2000A of 2026-11",
           "(kind B: Bulletin B, I: rapid, P: predicted). Renew with tools/make_share.py."],
          ["mjd_utc", "ut1_minus_utc_s", "polar_x_arcsec", "polar_y_arcsec", "kind"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent / "share")
    arguments = parser.parse_args()
    for step in (stations, vla, standards, earth):
        step(arguments.source, arguments.out)


if __name__ == "__main__":
    main()

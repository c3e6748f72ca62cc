#!/usr/bin/env python3
"""bench/wsclean_tile.py ms --truth truth.json --out DIR FILE...: one Measurement Set for each UVH5 file
(DIR/sbNN.ms), phased by pyuvdata to the tile's centre, the place of the calibrator in truth.json.

bench/wsclean_tile.py compare FOLDER --truth truth.csv --append FILE: residual noise and fluxes of the
isolated sources of FOLDER/contimg.*.fits and FOLDER/wsclean-*.fits, both measured in the same way,
and the times in FOLDER/times.json."""
import argparse
import csv
import json
import os
import re
import warnings

import numpy as np

warnings.simplefilter("ignore")
from astropy.io import fits
from astropy.utils import iers
from astropy.wcs import WCS

iers.conf.auto_download = False
iers.conf.iers_degraded_accuracy = "warn"
C = 299792458.0
LEAST_SIGMA = 20
LEAST_PB = 0.2


def telescope_of(header):
    from astropy.coordinates import EarthLocation
    from pyuvdata import Telescope
    site = EarthLocation.from_geodetic(header["longitude"][()], header["latitude"][()], header["altitude"][()])
    numbers = header["antenna_numbers"][()]
    return Telescope.new(name="DSA-110", location=site, antenna_numbers=numbers,
                         antenna_names=[n.decode() for n in header["antenna_names"][()]],
                         antenna_positions=header["antenna_positions"][()], instrument="DSA",
                         antenna_diameters=header["antenna_diameters"][()], feeds=["x", "y"],
                         x_orientation="east", mount_type="fixed", update_from_known=False)


def meridian_w_m(header):
    """w of each row towards hour angle 0 and the pointing's declination, where the file is phased to."""
    longitude = np.radians(header["longitude"][()])
    dec = header["phase_center_app_dec"][()]
    xyz = header["antenna_positions"][()]
    w = np.cos(dec) * (xyz[:, 0] * np.cos(longitude) + xyz[:, 1] * np.sin(longitude)) + np.sin(dec) * xyz[:, 2]
    index = {int(n): i for i, n in enumerate(header["antenna_numbers"][()])}
    first, second = ([index[int(n)] for n in header[f"ant_{k}_array"][()]] for k in (1, 2))
    return w[second] - w[first]


def unphased(path):
    """The file as UVData without its fringe stopping. pyuvdata's own reader takes the file for unphased."""
    import h5py
    from pyuvdata import UVData
    with h5py.File(path, "r") as f:
        header = f["Header"]
        freq_hz = header["freq_array"][0]
        data = f["Data/visdata"][:, 0]
        data *= np.exp(2j * np.pi / C * np.outer(meridian_w_m(header), freq_hz)).astype(np.complex64)[:, :, None]
        pairs = np.stack([header["ant_1_array"][()], header["ant_2_array"][()]], axis=1)
        uv = UVData.new(freq_array=freq_hz, polarization_array=header["polarization_array"][()],
                        times=header["time_array"][()], telescope=telescope_of(header), antpairs=pairs,
                        do_blt_outer=False, integration_time=header["integration_time"][()],
                        channel_width=float(header["channel_width"][()]), vis_units="Jy", data_array=data,
                        flag_array=f["Data/flags"][:, 0], nsample_array=f["Data/nsamples"][:, 0],
                        update_telescope_from_known=False, check_kw={"check_autos": False})
    uv.select(ant_str="cross", run_check=False)
    return uv


def write_sets(args):
    with open(args.truth) as f:
        centre = json.load(f)["sources"][0]
    os.makedirs(args.out, exist_ok=True)
    for path in args.files:
        uv = unphased(path)
        uv.phase(cat_name="tile", lon=np.radians(centre["ra_deg"]), lat=np.radians(centre["dec_deg"]), epoch=None,
                 phase_frame="icrs")
        uv.reorder_freqs(channel_order="freq", run_check=False)
        name = re.search(r"sb\d+", os.path.basename(path)).group()
        uv.write_ms(f"{args.out}/{name}.ms", clobber=True, run_check=False, check_autos=False)
        print(f"{name}.ms: {uv.Nblts} rows, {uv.Nfreqs} channels", flush=True)


def plane(path):
    with fits.open(path) as f:
        return np.squeeze(f[0].data).astype(float), f[0].header


def mad(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def peak(image, x, y):
    """Peak of the paraboloid in log brightness through the 3 x 3 pixels around the maximum near (x, y)."""
    i, j = int(round(y)), int(round(x))
    box = image[i - 2:i + 3, j - 2:j + 3]
    di, dj = np.unravel_index(np.argmax(box), box.shape)
    near = image[i + di - 3:i + di, j + dj - 3:j + dj]
    if not near.min() > 0:
        return image[i - 2 + di, j - 2 + dj]
    dy, dx = np.mgrid[-1:2, -1:2].reshape(2, 9)
    a = np.stack([np.ones(9), dx, dy, dx * dx, dx * dy, dy * dy], axis=1)
    c, *_ = np.linalg.lstsq(a, np.log(near.ravel()), rcond=None)
    offset = np.linalg.solve([[2 * c[3], c[4]], [c[4], 2 * c[5]]], [-c[1], -c[2]])
    if np.abs(offset).max() > 1:
        return near.max()
    return np.exp(c[0] + 0.5 * (c[1] * offset[0] + c[2] * offset[1]))


def isolated(truth, freq_hz, beam_deg):
    """[n][3] right ascension, declination (degrees) and flux at freq_hz of sources without a neighbour."""
    with open(truth) as f:
        rows = [[float(r[k]) for k in ("ra_deg", "dec_deg", "flux_jy", "ref_freq_hz", "spectral_index")]
                for r in csv.DictReader(f)]
    ra, dec, flux, ref, index = np.array(rows).T
    x, y = ra * np.cos(np.radians(dec.mean())), dec
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + 1e9 * np.eye(len(x))
    return np.stack([ra, dec, flux * (freq_hz / ref) ** index], axis=1)[apart.min(axis=1) > 2 * beam_deg]


def measure(image, residual, pb, sources):
    """rms of the residual inside the beam's cut, and (apparent flux, flux over truth) of each source."""
    sky, header = plane(image)
    world = WCS(header).celestial
    beam, beam_header = pb
    beam_world = WCS(beam_header).celestial
    rms = mad(plane(residual)[0][beam >= LEAST_PB]) if beam.shape == sky.shape else float("nan")
    result = np.full((len(sources), 2), np.nan)
    for k, (ra, dec, flux) in enumerate(sources):
        x, y = world.all_world2pix(ra, dec, 0)
        bx, by = (int(round(float(v))) for v in beam_world.all_world2pix(ra, dec, 0))
        inside = all(4 <= v < n - 4 for v, n in ((x, sky.shape[1]), (y, sky.shape[0]), (bx, beam.shape[1]), (by, beam.shape[0])))
        if inside and beam[by, bx] >= LEAST_PB:
            result[k] = flux * beam[by, bx], peak(sky, float(x), float(y)) / (flux * beam[by, bx])
    return rms, result


def compare(args):
    with open(f"{args.folder}/times.json") as f:
        line = json.load(f)
    pb = plane(f"{args.folder}/contimg.pb.fits")
    header = fits.getheader(f"{args.folder}/contimg.image.fits")
    sources = isolated(args.truth, header["RESTFRQ"], header["BMAJ"])
    parts = {name: measure(f"{args.folder}/{name}{mark}image.fits", f"{args.folder}/{name}{mark}residual.fits", pb, sources)
             for name, mark in (("contimg", "."), ("wsclean", "-"))}
    good = parts["contimg"][1][:, 0] > LEAST_SIGMA * parts["contimg"][0]
    print(f"{'':10s}{'wall s':>9s}{'CPU s':>9s}{'cycles':>8s}{'rms mJy':>10s}{'sources':>9s}{'median':>9s}{'scatter':>9s}")
    for name, (rms, found) in parts.items():
        ratio = found[good, 1]
        line[name].update(rms_jy=rms, n_source=int(good.sum()), median_ratio=float(np.median(ratio)), scatter=float(mad(ratio)))
        p = line[name]
        print(f"{name:10s}{p['wall_s']:9.1f}{p['cpu_s']:9.1f}{p['n_major']:8d}{1e3 * rms:10.4f}{p['n_source']:9d}"
              f"{p['median_ratio']:9.4f}{p['scatter']:9.4f}")
    line["wall_ratio"] = line["wsclean"]["wall_s"] / line["contimg"]["wall_s"]
    line["cpu_ratio"] = line["wsclean"]["cpu_s"] / line["contimg"]["cpu_s"]
    if line["thermal_jy"]:
        print(f"thermal noise {1e3 * line['thermal_jy']:.4f} mJy: rms of contimg {line['contimg']['rms_jy'] / line['thermal_jy']:.4f}, "
              f"of WSClean {line['wsclean']['rms_jy'] / line['thermal_jy']:.4f} times that")
    print(f"WSClean over contimg: {line['wall_ratio']:.2f} in wall time, "
          f"{line['cpu_ratio']:.2f} in processor time")
    with open(args.append, "a") as f:
        f.write(json.dumps(line) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    ms = commands.add_parser("ms")
    ms.add_argument("files", nargs="+")
    ms.add_argument("--truth", required=True)
    ms.add_argument("--out", required=True)
    ms.set_defaults(call=write_sets)
    both = commands.add_parser("compare")
    both.add_argument("folder")
    both.add_argument("--truth", required=True)
    both.add_argument("--append", required=True)
    both.set_defaults(call=compare)
    args = parser.parse_args()
    args.call(args)


main()

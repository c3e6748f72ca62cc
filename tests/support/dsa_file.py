"""UVH5 files in DSA-110's layout, written with h5py as its writer does: rows appended one
integration at a time, chunks guessed by h5py, no compression, no version."""

import h5py
import numpy as np


N_STATION = 117
SITE = (37.2334, -118.2834, 1188.05)  # deg, deg, m
INTERVAL_S = float(np.float32(12.884901888))


def frequencies(i_sub_band, n_chan):
    """Channel centres, Hz, descending."""
    return 1.53e9 - (1024 + 384 * i_sub_band + 8 * np.arange(n_chan) + 3.5) * 30517.578125


def pairs_of(order):
    """(antenna 1, antenna 2) of the rows of one integration."""
    pairs = [(order[j], order[i]) for i in range(len(order)) for j in range(i + 1)]
    return np.array(pairs, dtype=np.int64).T


def _write_header(h, freq, pols, dec_rad, n_ant, n_bl, n_time, position, site):
    h["latitude"], h["longitude"], h["altitude"] = site
    h["telescope_name"], h["instrument"] = np.bytes_("OVRO_MMA"), np.bytes_("DSA")
    h["object_name"] = np.bytes_("search")
    h["history"] = np.bytes_("written by a test")
    h["phase_type"] = np.bytes_("drift")
    h["phase_center_app_dec"] = dec_rad
    h["Nants_data"], h["Nants_telescope"] = n_ant, N_STATION
    h["antenna_diameters"] = np.full(N_STATION, 4.65)
    h["antenna_names"] = np.array([str(i + 1) for i in range(N_STATION)], dtype="S4")
    h["antenna_numbers"] = np.arange(N_STATION)
    h["antenna_positions"] = position
    h["Nbls"], h["Nblts"], h["Ntimes"] = n_bl, n_bl * n_time, n_time
    h["Nfreqs"], h["Npols"], h["Nspws"] = len(freq), len(pols), 1
    h["freq_array"] = freq[None, :]
    h["channel_width"] = 30517.578125 * 8
    h["spw_array"] = np.array([1])
    h["polarization_array"] = np.array(pols)
    x = h.create_group("extra_keywords")
    x["phase_center_dec"], x["ha_phase_center"] = dec_rad, 0.0
    x["phase_center_epoch"] = "HADEC"
    x["applied_delays_ns"] = np.bytes_(" ".join(["0"] * 234))


def _make_rows(h, d, n_chan, n_pol):
    """Empty datasets that grow by rows."""
    for name in ("ant_1_array", "ant_2_array"):
        h.create_dataset(name, (0,), dtype=np.int64, maxshape=(None,))
    for name in ("time_array", "integration_time"):
        h.create_dataset(name, (0,), dtype=np.float64, maxshape=(None,))
    h.create_dataset("uvw_array", (0, 3), dtype=np.float32, maxshape=(None, 3))
    cell, grow = (0, 1, n_chan, n_pol), (None, 1, n_chan, n_pol)
    for name, kind in (("visdata", np.complex64), ("flags", bool), ("nsamples", np.float32)):
        d.create_dataset(name, cell, dtype=kind, maxshape=grow, chunks=True)


def _append_rows(group, n_row, values):
    for name, value in values.items():
        first = len(group[name])
        group[name].resize(first + n_row, axis=0)
        # h5py repeats a number cell by cell
        group[name][first:] = np.broadcast_to(value, (n_row, *group[name].shape[1:]))


def write_dsa_vis(path, vis, ants, freq, pols=(-5, -6), dec_rad=0.2839650692994774, first_jd=2459625.6489, position=None, site=SITE):
    """vis: an iterable of [baseline][chan][pol], one for each integration; ants: (antenna 1, antenna 2) of
    its rows; position: of all stations, m from the site."""
    ant1, ant2 = ants
    n_bl, n_ant = len(ant1), len(np.unique(ants))
    with h5py.File(path, "w") as f:
        h, d = f.create_group("Header"), f.create_group("Data")
        _write_header(h, freq, pols, dec_rad, n_ant, n_bl, len(vis), position, site)
        _make_rows(h, d, len(freq), len(pols))
        for i, one in enumerate(vis):
            _append_rows(h, n_bl, {"ant_1_array": ant1, "ant_2_array": ant2,
                                   "time_array": first_jd + i * INTERVAL_S / 86400,
                                   "integration_time": INTERVAL_S,
                                   "uvw_array": position[ant2] - position[ant1]})
            _append_rows(d, n_bl, {"visdata": one[:, None], "flags": False, "nsamples": 96})


def write_dsa(path, n_ant=12, n_time=4, n_chan=48, pols=(-5, -6), i_sub_band=0, seed=1,
              dec_rad=0.2839650692994774, first_jd=2459625.6489, order=None):
    """Noise visibilities; returns (vis [time][baseline][chan][pol], ant1, ant2)."""
    rng = np.random.default_rng(seed)
    ants = pairs_of(np.arange(n_ant) if order is None else np.asarray(order))
    position = rng.normal(size=(N_STATION, 3)) * 200.0
    vis = rng.normal(size=(n_time, len(ants[0]), n_chan, len(pols), 2)).astype(np.float32).view(np.complex64)[..., 0]
    write_dsa_vis(path, vis, ants, frequencies(i_sub_band, n_chan), pols, dec_rad, first_jd, position)
    return vis, *ants


if __name__ == "__main__":
    import sys

    write_dsa(sys.argv[1], n_ant=int(sys.argv[2]), n_time=int(sys.argv[3]),
              i_sub_band=int(sys.argv[4]) if len(sys.argv) > 4 else 0)

# ci-test: timeout=900 processors=2 cost=115
"""Mosaics from visibilities without noise: every source's flux within 0.5 % of the truth at the
mosaic's frequency, its place within 1/400 of the beam. Ten tiles across RA 0h; three at
declination 75, where neighbouring tiles turn against each other by more than a degree."""
import os

import numpy as np

from checks import check
import mosaic_vis as mv
import sim_support as sim

KEEP = "CONTIMG_TEST_KEEP" in os.environ


def mosaic_of(label, n_tile, start, dec, seed, radius):
    folder, _ = sim.simulate(*mv.SMALL, *mv.ARMS, "--tiles", n_tile, "--start", start, "--dec", dec, "--seed", seed,
                             "--random", 20, "--min-flux", 0.05, "--max-flux", 1, "--radius", radius,
                             "--isolated", 600, "--sefd", 0, ranks=2)
    product = mv.run(sim.files_of(folder), "--calibrated", "--weights", "unit", *mv.IMAGE, "--niter", 1500)
    product.print_tiles()
    freq = product.header["RESTFRQ"]
    beam = product.header["BMIN"] * 3600
    ras = []
    ratios, worst_place = [], 0.0
    for name, ra, dec_deg, flux in mv.truth(folder, freq):
        s = mv.nearest(product.sources, ra, dec_deg)
        away = np.hypot(*mv.offset_arcsec(s, ra, dec_deg))
        print(f"{label} {name} {ra:9.4f} {dec_deg:+8.4f} true {flux:.4f} Jy, found / true {s['flux_jy'] / flux:.4f}, "
              f"{away:.2f} arcsec off")
        ratios.append(s["flux_jy"] / flux)
        worst_place = max(worst_place, away)
        ras.append(ra)
    ratios = np.array(ratios)
    print(f"{label}: {len(ratios)} sources in {n_tile} tiles: flux ratio {ratios.min():.4f} to {ratios.max():.4f}, "
          f"rms {np.std(ratios):.4f}; place within {worst_place:.2f} arcsec, beam {beam:.0f}", flush=True)
    check(len(product.tiles()) == n_tile and all(t["state"] == "passed" for t in product.tiles()))
    check(len(ratios) == 20)
    if not KEEP:
        mv.clean_up(folder, product.staging.rsplit("/", 1)[0])
    else:
        print(folder, product.path)
    return ras, ratios, worst_place, beam


results = [mosaic_of("RA 0h", 10, "2026-01-24T23:08:00", 16.15, 5, 1.1),
           mosaic_of("Dec 75", 3, "2026-01-25T04:00:00", 75, 6, 1.1)]
ras = np.array(results[0][0])
check((ras > 355).any() and (ras < 5).any(), "the ten tiles do not lie across RA 0h")
for ras, ratios, place, beam in results:
    check(np.abs(ratios - 1).max() < 0.005, "flux")
    check(place < beam / 400, "place")

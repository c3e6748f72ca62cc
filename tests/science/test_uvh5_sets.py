# Sub-band files as one data set: what fits is joined, what does not is refused naming both files.
# ci-test: timeout=300
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from checks import check, run_tests
import numpy as np
from uvh5_files import add, base, catalogued, changed, edit, put, u, written

second = written(i_sub_band=1)


def joined(*paths):
    outcome = u.outcomes("set", *paths)[0]
    check(outcome["exit"] == 0, outcome)


def refused(part, *paths):
    outcome = u.outcomes("set", *paths)[0]
    check(outcome["exit"] == 3 and part in outcome["text"], outcome)
    for path in paths:
        check(path in outcome["text"], path, outcome["text"])


def shifted(seconds):
    def change(f):
        f["Header/time_array"][...] = f["Header/time_array"][()] + seconds / 86400
    return changed(change, second)


def test_neighbours():
    joined(base, second)


def test_gap_in_frequency():
    joined(base, written(i_sub_band=7))


def warned_of(part, *paths):
    result = u.run("set", *paths)
    return any("WARNING" in line and part in line for line in result.stderr.splitlines())


def test_clocks_that_differ_a_little():
    """Times of one integration; the sky turns by 15.04 arcsec a second."""
    joined(base, shifted(0.002))
    check(not warned_of("time_array", base, shifted(0.002)))
    joined(base, shifted(0.05))
    check(warned_of("up to 0.050 s", base, shifted(0.05)))
    for seconds, arcsec in ((0.1, 1.5), (-1.2, 18.0)):
        refused(f"moves by {arcsec} arcsec", base, shifted(seconds))


def test_one_ut1():
    def earth(seconds):
        return changed(lambda f: (f["Header"].pop("dut1", None), add("Header/dut1", seconds)(f)), second)

    joined(base, earth(0.3))
    check(warned_of("Header/dut1: 0.3 s", base, earth(0.3)))
    check(not warned_of("Header/dut1", base, earth(0.001)))


def test_clocks_that_differ_of_tracked_data():
    """Their phases do not go with the time."""
    origin = catalogued()

    def later(f):
        f["Header/freq_array"][...] += 10e6
        f["Header/time_array"][...] += 1 / 86400
    paths = origin, changed(later, origin)
    joined(*paths)
    check(warned_of("up to 1.000 s", *paths))


def test_one_frequency_twice():
    refused("the same frequency twice", base, base)


def test_two_arrays():
    refused("two different arrays", base, written(i_sub_band=1, seed=2))
    refused("two different arrays", base, changed(put("Header/telescope_name", np.bytes_("MWA")), second))


def test_different_times():
    refused("different times", base, shifted(309))
    longer = changed(edit("Header/integration_time", slice(None), 10.0), second)
    refused("different integration times", base, longer)


def test_different_meaning_of_the_data():
    pols = changed(edit("Header/polarization_array", slice(None), [-5, -7]), second)
    refused("different polarisations", base, pols)
    moved = changed(put("Header/phase_center_app_dec", 0.29), second)
    refused("different phase centres", base, moved)
    refused("different units", base, changed(add("Header/vis_units", np.bytes_("Jy")), second))


def test_last_integration_lost():
    """The sub-band keeps its place."""
    short = written(n_time=2, i_sub_band=1)
    joined(base, short)
    facts, blocks = u.dump(base, short)
    check(facts["n_time"] == 3, facts)
    check([len(b["time"]) for b in blocks] == [30, 45])
    check(np.array_equal(blocks[1]["data"], u.dump(base)[1][0]["data"]))


def test_antenna_less():
    facts, blocks = u.dump(written(n_ant=4, i_sub_band=1), base)
    check(facts["n_baseline"] == 15, facts)
    check([len(b["time"]) for b in blocks] == [30, 45])


run_tests(globals())

"""Checks that go on: what fails is said with its place, and the script fails at its end.

    check(a == b, "what it was about", a, b)     one comparison
    attempt(function, argument, ...)             a part that an exception ends, not the script
    run_tests(globals())                         each function test_*, in order of the file
    scratch("fits")                              a folder; it goes at the end, but with CONTIMG_TEST_KEEP
"""
import atexit
import os
import shutil
import sys
import tempfile
import traceback

_failed = []


def _fail(text):
    _failed.append(text)
    print(text, flush=True)


def check(holds, *about):
    """Notes a failure where `holds` is not true; returns whether it is."""
    if not holds:
        caller = sys._getframe(1)
        what = " ".join(map(str, about))
        _fail(f"FAILED {os.path.basename(caller.f_code.co_filename)}:{caller.f_lineno}: {what}")
    return bool(holds)


def scratch(name):
    folder = tempfile.mkdtemp(prefix=f"contimg-{name}-")
    if "CONTIMG_TEST_KEEP" not in os.environ:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def near(got, want, tolerance, *about):
    """check for numbers; NaN is near nothing."""
    if not abs(got - want) <= tolerance:
        caller = sys._getframe(1)
        what = " ".join(map(str, about))
        _fail(f"FAILED {os.path.basename(caller.f_code.co_filename)}:{caller.f_lineno}: {what} "
              f"{got!r}, not {want!r} +- {tolerance}")
        return False
    return True


def attempt(function, *arguments):
    """Calls it; an exception is a failure of this part only."""
    try:
        return function(*arguments)
    except Exception:
        _fail(f"FAILED {function.__name__}\n{traceback.format_exc()}")


def run_tests(names):
    """Attempts every test_* of a module's names."""
    for name, test in list(names.items()):
        if name.startswith("test_") and callable(test):
            attempt(test)


@atexit.register
def _end():
    if _failed:
        print(f"{len(_failed)} checks failed", flush=True)
        sys.stderr.flush()
        os._exit(1)  # the exit code cannot be changed in another way here

#!/usr/bin/env python3
"""Publish metrics and alerts: contimg monitor, with the site's configuration and the same options."""
import os
import sys

here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
os.environ.setdefault("CONTIMG_CONFIG", os.path.join(here, "ops/systemd/contimg.env"))
program = os.path.join(here, "bin/contimg")
sys.stdout.flush()
os.execv(program, [program, "monitor", *sys.argv[1:]])

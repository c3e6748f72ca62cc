#!/usr/bin/env bash
# python.sh SCRIPT: runs it in the test venv; skipped (77) where the venv is missing.
python="${CONTIMG_TEST_VENV:-build/venv}/bin/python"
if [ ! -x "$python" ]; then
  echo "skipped: no test venv at ${CONTIMG_TEST_VENV:-build/venv} (tools/test.sh makes it)"
  exit 77
fi
PYTHONPATH=$(cd "$(dirname "$0")/support" && pwd)
export PYTHONPATH
cd "$(dirname "$1")" && exec "$python" "$1"

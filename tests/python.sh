#!/usr/bin/env bash
# python.sh SCRIPT: runs it in the test venv; skipped (77) where the venv is missing.
python="${CONTIMG_TEST_VENV:-build/venv}/bin/python"
if [ ! -x "$python" ]; then
  echo "skipped: no test venv at ${CONTIMG_TEST_VENV:-build/venv} (tools/test.sh makes it)"
  exit 77
fi
cd "$(dirname "$1")" && exec "$python" "$1"

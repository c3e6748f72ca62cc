#!/bin/sh
# Is this site ready: contimg check, with the site's configuration. Options are contimg check's.
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd) || exit 6
CONTIMG_CONFIG=${CONTIMG_CONFIG:-$here/ops/systemd/contimg.env}
export CONTIMG_CONFIG
exec "$here/bin/contimg" check "$@"

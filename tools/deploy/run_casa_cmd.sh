#!/bin/sh
# Lines of cron that name this script go on working. CASA's environment is not needed: the
# interpreter that they name is passed over where it is not there.
[ $# -gt 0 ] || { echo "usage: run_casa_cmd.sh COMMAND [ARGUMENT...]" >&2; exit 2; }
case $1 in
  */python | */python3)
    [ -x "$1" ] || { shift; set -- python3 "$@"; } ;;
esac
exec "$@"

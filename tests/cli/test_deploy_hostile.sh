#!/usr/bin/env bash
# ci-test: timeout=600
# deploy.sh where it is not easy: full disks, folders that nothing runs in, links to what is another's,
# a proxy, an address and a port of their own, two at once, one that was ended early. It says why, and
# what is there stays.
. "${CONTIMG_SOURCE:?}/tests/support/site.sh" && site_enter && site_make || exit 1
out=$SITE_FOLDER/out
# deploy CODE TEXT ARG...: ends with that code and says that text.
deploy() {
  local want=$1 text=$2 got
  shift 2
  "$prefix/share/contimg/deploy.sh" "$@" >"$out" 2>&1
  got=$?
  [ $got = "$want" ] && grep -q -- "$text" "$out" || fail "deploy.sh $*: exit $got, $want and '$text' are expected: $(cat "$out")"
}
tree() {
  find "$1" /etc/systemd/system \( -name state -o -name deployments \) -prune -o -printf '%p %y %m %l\n' | LC_ALL=C sort
  find "$1" /etc/systemd/system \( -name state -o -name deployments \) -prune -o -type f -print | LC_ALL=C sort |
    xargs sha256sum
}
# small FOLDER OPTION: a file system of its own that all may write.
small() { mkdir -p "$1" && mount -t tmpfs -o "$2" tmpfs "$1" && chmod 1777 "$1" || fail "no tmpfs at $1"; }
mkdir -p "$site/ops/systemd"
printf 'CONTIMG_DISK_CRITICAL_GB=0\nCONTIMG_DISK_WARN_GB=0\n' >"$site/ops/systemd/contimg.env"
before=$(tree "$site")

# ---- refused, and nothing changed --------------------------------------------------------------------
deploy 2 'option --root needs a value' --root '' --dry-run
cp -p "$site/ops/systemd/contimg.env" "$SITE_FOLDER/site.env"
echo 'CONTIMG_NITER=many' >>"$site/ops/systemd/contimg.env"
deploy 6 "^FAIL config *--niter 'many' (.*contimg.env:3): not a whole number" --root "$site" --mode streaming
cp -p "$SITE_FOLDER/site.env" "$site/ops/systemd/contimg.env"
small /stage/full size=1m
TMPDIR=/stage/full deploy 4 'cannot be written, nothing was changed: set TMPDIR' --root "$site" --mode manual
small /stage/noexec noexec
TMPDIR=/stage/noexec deploy 4 'daemon cannot run it, nothing was changed: set TMPDIR' --root "$site" --mode manual
[ -z "$(find /stage/full /stage/noexec -mindepth 1)" ] || fail "left in TMPDIR: $(ls /stage/full /stage/noexec)"
[ "$(tree "$site")" = "$before" ] || fail "refused, and something was changed"
# The services' user may not have what it likes given to it.
: >/stage/private && chmod 600 /stage/private && mkdir /stage/theirs && chmod 700 /stage/theirs || fail "victims"
as_daemon() { setpriv --reuid=daemon --regid=daemon --init-groups "$@" || fail "$*"; }
rm -rf "$site/state/logs"
as_daemon ln -s /stage/theirs "$site/state/logs"
deploy 4 'state/logs: a link to what daemon may not write' --root "$site" --mode manual
as_daemon rm "$site/state/logs"
as_daemon mkdir "$site/state/logs"
as_daemon ln -s /stage/private "$site/state/logs/contimg-api.err"
deploy 4 'contimg-api.err: a link to what daemon may not write' --root "$site" --mode manual
[ "$(stat -c %U%a /stage/private /stage/theirs | tr '\n' ' ')" = "root600 root700 " ] || fail "given away: $(ls -la /stage)"
as_daemon rm "$site/state/logs/contimg-api.err"
flock "$site" sleep 1000 &
sleeper=$!
for _ in $(seq 100); do flock -n "$site" true || break; sleep 0.1; done
deploy 6 'another deploy.sh works on' --root "$site" --mode manual
deploy 6 'another deploy.sh works on' --root "$site" --rollback
kill $sleeper $(pgrep -P $sleeper)
wait $sleeper 2>/dev/null
[ "$(tree "$site")" = "$before" ] || fail "refused, and something was changed"

# ---- the API's own word ----------------------------------------------------------------------------------
echo 'CONTIMG_API_HOST=127.0.0.5' >>"$site/ops/systemd/contimg.env"
http_proxy=http://127.0.0.1:9 deploy 0 'http://127.0.0.5:8000/api/health' --root "$site" --mode manual
# One that was ended while it copied the databases has laid nothing down.
mkdir "$site/ops/deployments/9999-01-01T00-00-00Z"
deploy 0 'as before the deployment of 20' --root "$site" --rollback
rmdir "$site/ops/deployments/9999-01-01T00-00-00Z" || fail "the record that is none"
python3 - >"$SITE_FOLDER/other.out" 2>&1 <<'PYTHON' &
import http.server

class Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

http.server.HTTPServer(("127.0.0.5", 8000), Other).serve_forever()
PYTHON
other=$!
for _ in $(seq 100); do curl -s --noproxy '*' http://127.0.0.5:8000 >/dev/null && break; sleep 0.1; done
deploy 6 'another program answers on this port' --root "$site" --mode manual
kill $other
deploy 0 'as before' --root "$site" --rollback

# ---- the site's disk is full -------------------------------------------------------------------------------
small /data/small size=1g
mkdir -p /data/small/ops/systemd
printf '%s\n' CONTIMG_DISK_{CRITICAL,WARN}_GB=0 "CONTIMG_STATE_DIR=$site/state" "CONTIMG_PRODUCTS_DIR=$site/products" \
  >/data/small/ops/systemd/contimg.env
before=$(tree /data/small)
fill() { dd if=/dev/zero of=/data/small/filling bs=64k >"$SITE_FOLDER/dd.out" 2>&1; dd if=/dev/zero bs=1 >>/data/small/filling 2>>"$SITE_FOLDER/dd.out"; }
mkdir -p /data/small/ops/deployments
fill
truncate -s -512k /data/small/filling
deploy 4 'laying down failed' --root /data/small --mode manual
rm /data/small/filling
deploy 0 'as before' --root /data/small --rollback
[ "$(tree /data/small)" = "$before" ] || fail "left behind: $(diff <(echo "$before") <(tree /data/small))"
deploy 0 'well: ' --root /data/small --mode manual
older=$(tree /data/small)
cp -a "$prefix" "$SITE_FOLDER/newer"
echo '# newer' | tee -a "$SITE_FOLDER/newer/share/contimg/README.md" >>"$SITE_FOLDER/newer/bin/contimg-submit"
deploy 0 'well: ' --root /data/small --mode manual --from "$SITE_FOLDER/newer"
[ "$(tree /data/small)" != "$older" ] || fail "nothing newer was laid down"
fill
deploy 0 'as before' --root /data/small --rollback
rm /data/small/filling
[ "$(tree /data/small)" = "$older" ] || fail "taken back on a full disk: $(diff <(echo "$older") <(tree /data/small))"
deploy 0 'as before' --root /data/small --rollback
[ "$(tree /data/small)" = "$before" ] || fail "taken back: $(diff <(echo "$before") <(tree /data/small))"
echo "refused and taken back: full disks, links, another's port, two at once"

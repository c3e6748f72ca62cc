#!/usr/bin/env bash
# ci-test: timeout=120 cost=8
# The report in a browser on a screen 390 pixels wide: nothing runs off it, neither of a run that did all
# nor of one that was refused. Skipped where there is no chromium; unit/test_report holds the markup.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
. "$CONTIMG_SOURCE/tests/support/tiny_site.sh"
browser=
for name in chromium chromium-browser google-chrome; do
  command -v $name >/dev/null && { browser=$name; break; }
done
[ -n "$browser" ] || { echo "skipped: no chromium"; exit 77; }

# A headless window is 500 wide at least; a frame in it is as wide as asked. The page tells how wide it
# is and which elements reach beyond its right edge, but for those in a box that scrolls.
script='<script>onload = function () {
  var width = document.documentElement.clientWidth, off = []
  document.querySelectorAll("body *").forEach(function (e) {
    if (e.getBoundingClientRect().right <= width + 1) return
    for (var p = e.parentElement; p; p = p.parentElement)
      if (getComputedStyle(p).overflowX === "auto" || getComputedStyle(p).overflowX === "scroll") return
    off.push(e.tagName + " " + Math.round(e.getBoundingClientRect().right) + " " + e.textContent.slice(0, 40))
  })
  var text = document.body.innerText.length
  parent.postMessage("measured " + width + " of " + document.documentElement.scrollWidth + ", off " + off.length +
    ", text " + (text > 200 ? "there" : "missing") + ": " + off.slice(0, 3).join("; "), "*")
}</script>'
measure() { # measure PAGE WIDTH
  { cat "$1"; echo "$script"; } >inner.html
  cat >outer.html <<TEXT
<html><body><p id="said">nothing</p>
<script>addEventListener("message", function (e) { document.getElementById("said").textContent = e.data })</script>
<iframe src="inner.html" style="width:${2}px;height:800px;border:0"></iframe></body></html>
TEXT
  timeout -k 5 60 "$browser" --headless --hide-scrollbars --no-sandbox --disable-gpu --user-data-dir="$folder/browser" \
    --window-size=1000,900 --virtual-time-budget=5000 --dump-dom "file://$folder/outer.html" 2>"$err" |
    grep -o '<p id="said">[^<]*' | cut -d '>' -f 2
}
fits() { # fits PAGE
  local said
  said=$(measure "$1" 390)
  case $said in
    "measured 390 of 390, off 0, text there:"*) ;;
    "" | nothing) echo "skipped: $browser does not run here: $(tail -n 1 "$err")"; exit 77 ;;
    *) fail "$1: $said" ;;
  esac
}

tiny_files ready 5
site=$folder/site
tiny_site "$site"
mv ready/*.hdf5 "$site/incoming"
expect 0 run
expect 7 run --qa-img-min-dynamic-range 1e6
n=0
for page in "$site"/state/reports/*/report.html; do
  fits "$page"
  n=$((n + 1))
done
[ $n = 2 ] || fail "$n reports"
# The measure can fail: a box that is wider than the screen.
{ cat "$page"; echo '<div style="width:600px">wide</div>'; } >wide.html
case $(measure wide.html 390) in
  *", off 1,"*) ;;
  *) fail "a box of 600 pixels is not seen to run off: $(measure wide.html 390)" ;;
esac

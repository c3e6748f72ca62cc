#!/usr/bin/env bash
# The man pages: installed, one of each command; complete; what their examples and references name
# is there; clean for groff (and mandoc, where it is installed).
. "$CONTIMG_SOURCE/tests/support/cli.sh"
man=$folder/prefix/share/man/man1
cmake --install "$CONTIMG_BUILD" --prefix "$folder/prefix" --component man >"$out" 2>"$err" ||
  fail "installing the man pages: $(cat "$err")"
commands=$("$contimg" --help | sed -n '/^usage/,/^exit codes/s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -l <<<"$commands")" -ge 10 ] || fail "contimg --help lists: $commands"

# ---- one page of each program and command, and no other --------------------------------------------
{ echo contimg.1 contimg-sim.1 | tr ' ' '\n'; sed 's/.*/contimg-&.1/' <<<"$commands"; } | sort >expected
ls "$man" >"$out" || fail "no pages under share/man/man1"
sort "$out" | diff expected - || fail "these pages are missing (<) or too many (>)"

# plain FILE: its text without roff's escapes.
plain() { sed -e 's/\\f[BIR]//g' -e 's/\\-/-/g' -e "s/\\\\(aq/'/g" "$1"; }
# section FILE NAME: the lines of one section.
section() { plain "$1" | awk -v name=".SH $2" '/^\.SH /{ on = $0 == name; next } on'; }

for page in "$man"/*.1; do
  for name in NAME SYNOPSIS DESCRIPTION OPTIONS EXAMPLES FILES "EXIT STATUS" ENVIRONMENT "SEE ALSO"; do
    [ -n "$(section "$page" "$name")" ] || fail "$page: no $name"
  done
  for other in $(section "$page" "SEE ALSO" | grep -oE 'contimg(-[a-z]+)?'); do
    [ -e "$man/$other.1" ] || fail "$page refers to $other(1), and there is no such page"
  done
done

# ---- options: every one is in its page; examples use those that the command has ---------------------
# options PROGRAM ARG...: names of the options that --help lists.
options() { "$@" --help | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p'; }
check_options() { # check_options PAGE PROGRAM ARG...
  local page=$1 name
  shift
  options "$@" >known
  [ "$(wc -l <known)" -gt 2 ] || fail "$* --help lists no options"
  while read -r name; do
    section "$page" OPTIONS | grep -qE -e "^($name\$|$name )" || fail "$page: no $name in OPTIONS"
  done <known
  grep -oE -e '--[a-z][a-z0-9-]*' <(section "$page" EXAMPLES) >used
  while read -r name; do
    grep -qxF -e "$name" known || fail "$page: an example uses $name, which $* has not"
  done <used
}
for command in $commands; do
  check_options "$man/contimg-$command.1" "$contimg" "$command"
  section "$man/contimg-$command.1" EXAMPLES | grep -qE "^(mpirun -n [0-9]+ )?contimg $command\b" ||
    fail "contimg-$command.1: no example of contimg $command"
done
check_options "$man/contimg-sim.1" "$sim"
for code in 0 2 3 4 5 6 7 70 75; do
  section "$man/contimg-run.1" "EXIT STATUS" | grep -qx "$code" || fail "contimg-run.1: no exit status $code"
done

# ---- form --------------------------------------------------------------------------------------------
if command -v mandoc >/dev/null; then
  # A date would make two builds of one version differ.
  mandoc -T lint -W warning "$man"/*.1 2>&1 | grep -v 'missing date' >lint.txt
  [ ! -s lint.txt ] || fail "mandoc: $(head -n 3 lint.txt)"
fi
if ! command -v groff >/dev/null; then
  echo "man pages: complete; groff is not installed (tools/install_deps.sh --tests): form not checked"
  exit 77
fi
for page in "$man"/*.1; do
  groff -man -Tutf8 -ww -z "$page" 2>groff.txt || fail "groff: $page: $(cat groff.txt)"
  [ ! -s groff.txt ] || fail "groff: $page: $(head -n 3 groff.txt)"
done
echo "man pages: $(wc -l <expected), installed, complete, clean for groff"

#!/usr/bin/env bash
# What a message or a help text names is there: options of the table, commands of the program.
set -u
cd "${CONTIMG_SOURCE:-$(dirname "$0")/../..}" || exit 1
faults=0
fault() { echo "$*"; faults=$((faults + 1)); }
texts() { grep -hoE '"([^"\\]|\\.)*"' src/*/*.c include/contimg/options.def; }

options=$(sed -nE 's/^ *CI_(OPTION|TILE_OPTION|LIMIT)\([^"]*"([a-z0-9-]+)".*/\2/p' include/contimg/options.def)
[ "$(wc -l <<<"$options")" -gt 40 ] || fault "the option table was not understood"
# Of every command, of launchers, of srun and of sbatch, and the beginning of several.
others="help man version mpi mem nodes ntasks ntasks-per-node time quiet immediate job-name partition nodelist qa-cal-"
for name in $(texts | grep -oE -e '--[a-z][a-z0-9-]+' | sort -u | sed 's/^--//'); do
  grep -qxF -- "$name" <<<"$options" || case " $others " in
    *" $name "*) ;;
    *) fault "a text names --$name, and there is no such option: $(grep -l -e "--$name" src/*/*.c | head -n 1)" ;;
  esac
done
# Of the commands that are planned, those that are not there yet.
for name in stream monitor report serve db clean; do
  grep -q "^ *{\"$name\", CI_CONF_COMMAND" src/cli/commands.c && continue
  # A text may go on in the next line.
  if cat src/*/*.c include/contimg/options.def | tr -d '\n' | grep -qE "contimg (\" *\")?$name\\b"; then
    fault "a text names contimg $name, and there is no such command"
  fi
done
[ "$faults" = 0 ] || exit 1
echo "options and commands that texts name are there"

#!/usr/bin/env bash
# ci-test: timeout=900 processors=2 cost=60
# Real observations as Slurm jobs of two ranks: file to published product and report.
set -u
data=${CONTIMG_TEST_DATA:-$CONTIMG_SOURCE/../shared/data}/real_sky
if [ ! -r "$data/mwa_puppis_a.uvh5" ]; then
  echo "skipped: no $data (set CONTIMG_TEST_DATA)"
  exit 77
fi
data=$(cd "$data" && pwd)
. "$CONTIMG_SOURCE/tests/slurm/cluster.sh"
. "$CONTIMG_SOURCE/tests/slurm/case.sh"
case_begin
export CONTIMG_HOME=$slurm_case/home
mkdir "$CONTIMG_HOME"
ln -s "$CONTIMG_BUILD/bin" "$CONTIMG_HOME/bin"
printf '%s\n' name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index \
  Sun,151.6567,11.6294,1,159375000,0 >"$slurm_case/sun.csv"

# real NAME ARGUMENT...: one job, one more product with all that belongs to it, one report.
n=0
# shellcheck disable=SC2034  # case.sh reads it: how long a job may take
job_seconds=600
real() {
  local name=$1 product
  shift
  job "$name" COMPLETED 0 "$slurm_case/elsewhere" --time=00:20:00 --mem=6G \
    "$CONTIMG_SOURCE/slurm/contimg.sbatch" "$data/$name.uvh5" "$@"
  n=$((n + 1))
  [ "$(published | wc -l)" = $n ] || fail "$name: published: $(published)"
  product=$(sed -n 's/^published: //p' "$slurm_case/$name.out")
  for file in mosaic.fits noise.fits weight.fits sources.csv SHA256SUMS provenance.json; do
    [ -s "$product/$file" ] || fail "$name: no $file"
  done
  (cd "$product" && sha256sum --quiet -c SHA256SUMS) || fail "$name: checksums"
  report=$(sed -n 's/^report: //p' "$slurm_case/$name.out")
  [ -s "$report" ] && grep -q '"n_rank":[[:space:]]*2' "${report%.html}.json" || fail "$name: report"
  grep -E '^(published|DEGRADED)' "$slurm_case/$name.out"
}
# Two pixels to the beam and few components: what the whole run gives is tests/science/test_real_sky_run.py's.
real mwa_puppis_a --cell-arcsec=150 --size=1046 --niter=5000
real wsrt_3c343.1
real aavs2_sun --model "$slurm_case/sun.csv"
echo "three real observations: $n products from jobs of two ranks"

/* The table of subcommands: what each is called, what runs it, and its man page's examples. */
#include "cli/cli.h"

const char ci_cli_about[] =
    "Radio interferometer visibilities (UVH5) to calibrated images, mosaics "
    "and source lists; run, calibrate, image and mosaic start MPI, alone "
    "or under mpirun or srun.";

const ci_conf_entry ci_cli_examples[] = {
    {"contimg inspect 2026-01-25T00:00:10_sb00.hdf5", "What is in a file:"},
    {"mpirun -n 4 contimg run *.hdf5 --model sources.csv",
     "From files to a published mosaic and a report, on four ranks:"},
    {"contimg check && contimg group && contimg plan",
     "With a configuration file: whether the machine is ready, what is there, what a run would "
     "do:"},
    {"contimg status", "What became of it:"},
    {NULL, NULL}};

static const ci_conf_entry run_examples[] = {
    {"mpirun -n 4 contimg run *.hdf5 --model sources.csv --products-dir products",
     "Calibrate on a source list, image, coadd and publish the files named, on four ranks:"},
    {"contimg run tiles/*.hdf5 --calibrated --size 512 --cell-arcsec 12",
     "Data that are calibrated already, with an image of a given size:"},
    {"contimg run --config /etc/contimg/contimg.env --max-groups 3 --strict",
     "The three oldest complete groups of the input folder; a DEGRADED product ends with 7:"},
    {"contimg run *.hdf5 --model sources.csv --field-gains none",
     "Gains of tiles without the calibrator as its tile gave them:"},
    {"contimg run --group 0123456789ab_1769299200000000",
     "One group again, as contimg group lists it:"},
    {NULL, NULL}};
static const ci_conf_entry calibrate_examples[] = {
    {"contimg calibrate *.hdf5 --model sources.csv --out cal/night1",
     "Solve on a source list, with the default interval of gains:"},
    {"mpirun -n 4 contimg calibrate *.hdf5 --model sources.csv --out cal/night1 --gain-interval 30 "
     "--ref-antenna 24,25",
     "Gains every 30 s, with the reference antennas preferred in this order:"},
    {NULL, NULL}};
static const ci_conf_entry calibrate_files[] = {
    {"P.bandpass.calh5, P.gain.calh5", "what is written: CalH5, as pyuvdata reads it"},
    {"MODEL.csv", "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index and, if wanted, "
                  "major_arcsec,minor_arcsec,pa_deg of Gaussians (major_arcsec alone: round)"},
    {NULL, NULL}};
static const ci_conf_entry image_examples[] = {
    {"contimg image *.hdf5 --cal cal/night1 --out images/tile1", "Apply two tables and image:"},
    {"contimg image *.hdf5 --calibrated --stokes Q --weighting natural --out images/q",
     "Stokes Q of calibrated data, natural weights:"},
    {"contimg image *.hdf5 --cal cal/night1 --self-cal --out images/tile1",
     "Gains corrected on the image itself, into images/tile1.self.gain.calh5:"},
    {"contimg image *.hdf5 --calibrated --channels-out 4 --out images/band",
     "Also images of four parts of the band, and a map of spectral indices:"},
    {"contimg image *.hdf5 --calibrated --taper 60 --out images/wide",
     "Long baselines tapered, for a beam of a minute of arc or more:"},
    {"contimg image *.hdf5 --calibrated --scales auto --out images/nebula",
     "Extended emission, with components of several widths:"},
    {"contimg image *.hdf5 --calibrated --niter 0 --size 2048 --cell-arcsec 3 "
     "--phase-center 83.633,22.014 --out images/dirty",
     "A dirty image about a given centre:"},
    {NULL, NULL}};
static const ci_conf_entry image_files[] = {
    {"PREFIX.{dirty,psf,image,residual,model,pb,pbcor}.fits",
     "what is written: all of them or none; pb and pbcor where there is a primary beam"},
    {"P.bandpass.calh5, P.gain.calh5", "the tables of --cal P"},
    {NULL, NULL}};
static const ci_conf_entry mosaic_examples[] = {
    {"contimg mosaic images/tile*.image.fits --out night1",
     "Coadd images that contimg image wrote:"},
    {"mpirun -n 4 contimg mosaic images/tile*.image.fits --pb-cut 0.3 --out night1",
     "The same, each tile down to 30 % of its primary beam:"},
    {NULL, NULL}};
static const ci_conf_entry mosaic_files[] = {
    {"X.image.fits, X.pb.fits", "what is read: an image and its primary beam"},
    {"PREFIX.{mosaic,noise,weight}.fits", "what is written"},
    {NULL, NULL}};
static const ci_conf_entry plan_examples[] = {
    {"contimg plan", "What contimg run would do with the input folder now:"},
    {"contimg plan *.hdf5 --model sources.csv --ranks 8 --memory 32",
     "Files, on 8 ranks of a node with 32 GB:"},
    {NULL, NULL}};
static const ci_conf_entry group_examples[] = {
    {"contimg group", "Scan the input folder and list groups, observations and unused files:"},
    {"contimg group --input-dir incoming --state-dir state --json",
     "Folders of one's own, as JSON:"},
    {NULL, NULL}};
static const ci_conf_entry check_examples[] = {
    {"contimg check", "Whether this machine is ready:"},
    {"contimg check --values", "Every option's value and where it comes from:"},
    {"contimg check --nodes", "And every node of the cluster:"},
    {NULL, NULL}};
static const ci_conf_entry inspect_examples[] = {
    {"contimg inspect *.hdf5", "What is in files, and whether they can be used:"},
    {"contimg inspect night1.bandpass.calh5 --json", "A calibration table, as JSON:"},
    {NULL, NULL}};
static const ci_conf_entry publish_examples[] = {
    {"contimg publish --id 0123456789ab_1769299200000000 --dry-run",
     "Whether a staged product would pass, and why not:"},
    {"contimg publish --due", "Publish what waits for it, as every run does that names no files:"},
    {"contimg publish --retry-failed", "Try again what failed to publish, now:"},
    {"contimg publish --withdraw 0123456789ab_1769299200000000",
     "Take a published product back into staging:"},
    {"contimg publish --recover", "Finish or undo what a crash left, compare all checksums:"},
    {NULL, NULL}};
static const ci_conf_entry status_examples[] = {
    {"contimg status", "Counts, what waits and what failed:"},
    {"contimg status 2026-01-25T00:00:10",
     "One observation (or group, or product): where it stands, every change of its state, what "
     "comes next:"},
    {"contimg status --since 7d", "What happened day by day, failures and refusals with reasons:"},
    {NULL, NULL}};

static const ci_conf_entry monitor_examples[] = {
    {"contimg monitor", "Metrics and alerts now; exit status 1 while an alert is active:"},
    {"*/5 * * * * contimg monitor --quiet --config /etc/contimg/contimg.env",
     "As a line of cron: alerts that begin or clear, each once, and nothing else:"},
    {"contimg monitor --daemon --interval 300 --alert-command 'mail -s contimg ops@example.org'",
     "Every five minutes, each alert and its clearing by mail:"},
    {"contimg monitor --retry-all --limit 10", "Publish again what failed:"},
    {NULL, NULL}};
static const ci_conf_entry monitor_files[] = {
    {"FILE.json", "limits of --alert-thresholds: {\"max_failed_per_hour\": 5, "
                  "\"max_staging_hours\": 24, \"min_success_rate\": 95}"},
    {NULL, NULL}};

static const ci_conf_entry db_examples[] = {
    {"contimg db verify", "Whether the databases are sound:"},
    {"contimg db backup /backup/contimg", "Copies while runs go on; without a folder, in "
                                          "STATE/backups:"},
    {"contimg db restore /backup/contimg/products-2026-01-25T00-00-10Z.sqlite3",
     "Put a copy back; its content says which database it is:"},
    {NULL, NULL}};

static const ci_conf_entry clean_examples[] = {
    {"contimg clean --dry-run", "What would go:"},
    {"contimg clean --staging-days 3 --report-days 30", "With ages of one's own:"},
    {NULL, NULL}};

static const ci_conf_entry serve_examples[] = {
    {"contimg serve", "On http://localhost:8000/, until it is stopped:"},
    {"contimg serve --config /etc/contimg/contimg.env --port 8080",
     "With a site's configuration, on another port:"},
    {"contimg serve --bind 0.0.0.0", "For other machines, too; everybody there may read:"},
    {NULL, NULL}};
static const ci_conf_entry serve_files[] = {
    {"STATE/reports", "the runs whose reports are listed and shown"}, {NULL, NULL}};

static const ci_conf_entry report_examples[] = {
    {"contimg report 2026-01-25T00-00-10.123456Z-1234", "The pages of one run again:"},
    {NULL, NULL}};
static const ci_conf_entry report_files[] = {
    {"STATE/reports/RUN/report.json", "what is read"},
    {"STATE/reports/RUN/{report.html,summary.txt}", "what is written"},
    {NULL, NULL}};

const ci_cli_command ci_cli_commands[] = {
    {"run", CI_CONF_COMMAND_RUN, ci_cli_run, NULL, "contimg run [FILE...] [OPTION...]",
     "From UVH5 files to published images, mosaics, source lists and a report: the files named, "
     "or the oldest complete groups of the input folder.",
     run_examples, NULL, false},
    {"calibrate", CI_CONF_COMMAND_CALIBRATE, ci_cli_calibrate, NULL,
     "contimg calibrate FILE... --model MODEL.csv --out P [OPTION...]",
     "Solve for bandpass and gains on a model: P.bandpass.calh5 and P.gain.calh5.",
     calibrate_examples, calibrate_files, false},
    {"image", CI_CONF_COMMAND_IMAGE, ci_cli_image, NULL,
     "contimg image FILE... --out PREFIX [--cal P] [OPTION...]",
     "Image the files of one observation: PREFIX.{dirty,psf,image,residual,model,pb,pbcor}.fits.",
     image_examples, image_files, false},
    {"mosaic", CI_CONF_COMMAND_MOSAIC, ci_cli_mosaic, NULL,
     "contimg mosaic X.image.fits... --out PREFIX [OPTION...]",
     "Coadd images, each with X.pb.fits beside it: PREFIX.{mosaic,noise,weight}.fits.",
     mosaic_examples, mosaic_files, false},
    {"plan", CI_CONF_COMMAND_PLAN, NULL, ci_cli_plan, "contimg plan [FILE...] [OPTION...]",
     "What run would do: teams, ranks, memory, disk, time, the sbatch line.", plan_examples, NULL,
     false},
    {"group", CI_CONF_COMMAND_GROUP, NULL, ci_cli_group, "contimg group [OPTION...]",
     "Scan the input folder, form observations and groups, list them.", group_examples, NULL, true},
    {"check", CI_CONF_COMMAND_CHECK, NULL, ci_cli_check, "contimg check [OPTION...]",
     "Is this machine ready: folders, permissions, disk, databases, plugins, Slurm.",
     check_examples, NULL, true},
    {"inspect", CI_CONF_COMMAND_INSPECT, NULL, ci_cli_inspect, "contimg inspect FILE... [--json]",
     "What is in a UVH5, calibration or FITS file; exit code 3 where it is not usable, and why.",
     inspect_examples, NULL, false},
    {"publish", CI_CONF_COMMAND_PUBLISH, NULL, ci_cli_publish,
     "contimg publish --id ID [--dry-run] | --due | --retry-failed [--dry-run] | --recover | "
     "--withdraw ID",
     "Publish staged products: one by name, what is due, those that failed, or what a crash left; "
     "take one back.",
     publish_examples, NULL, true},
    {"status", CI_CONF_COMMAND_STATUS, NULL, ci_cli_status,
     "contimg status [ID | --since 24h|7d|30d|90d] [--json]",
     "Observations, groups, runs and publishes, and every change of state.", status_examples, NULL,
     false},
    {"monitor", CI_CONF_COMMAND_MONITOR, NULL, ci_cli_monitor,
     "contimg monitor [--daemon] [--quiet] [--json] | --test | --retry-failed ID | --retry-all",
     "Publish metrics and alerts: failures, products that stay in staging, disks that fill.",
     monitor_examples, monitor_files, true},
    {"db", CI_CONF_COMMAND_DB, NULL, ci_cli_db,
     "contimg db verify | backup [FOLDER] | restore COPY... | migrate | adopt ID... | leases",
     "The databases: check them, copy them, put a copy back, migrate older ones, take over rows of "
     "the deployed pipeline, who works on what (exit code 6 while somebody does).",
     db_examples, NULL, false},
    {"report", CI_CONF_COMMAND_REPORT, NULL, ci_cli_report, "contimg report RUN... [OPTION...]",
     "Write the pages of a run again from its report.json, as after an upgrade of contimg.",
     report_examples, report_files, false},
    {"clean", CI_CONF_COMMAND_CLEAN, NULL, ci_cli_clean, "contimg clean [--dry-run] [OPTION...]",
     "Remove, by rule and age: tiles that no group needs, staging of published mosaics, logs, "
     "reports.",
     clean_examples, NULL, true},
    {"serve", CI_CONF_COMMAND_SERVE, NULL, ci_cli_serve,
     "contimg serve [--bind ADDRESS] [--port N] [OPTION...]",
     "Read-only HTTP: /api/status and the other documents of the deployed service, /api/health, "
     "/metrics, reports.",
     serve_examples, serve_files, true},
    {.name = NULL}};

/* contimg-bench-gridder [--isa SET] [--track HOURS] STATIONS.csv [NPIX CELL_ARCSEC ACCURACY DEC_DEG
 * ERROR [DUMP]]: one DSA-110-like tile's samples (active stations of the file, 16 x 48 channels, 24
 * integrations), compressed to ERROR (0: as they are), through the bare gridder. Prints processor
 * seconds of each step and errors against direct sums; DUMP receives u, v, w in wavelengths,
 * visibilities and weights, for other gridders on the same samples. --track: the integrations
 * spread over so long, and stations lie up to 100 m above or below their places: no plane is near
 * the baselines. May run under mpirun. */
#include "contimg/grid.h"
#include "grid/direct.h"

#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum
{
    N_SUB_BAND = 16,
    N_CHAN = 48,
    N_TIME = 24,
    MAX_STATION = 200
};
static const double step_s = 12.88, rough_m = 100;

typedef struct bench
{
    ci_comm *comm;
    ci_grid_geometry geometry;
    double dec_rad, error, track_h; /* 0: a tile's 309 s on stations as they are */
    size_t n_station;
    double east_m[MAX_STATION], north_m[MAX_STATION], up_m[MAX_STATION];
    ci_vis_samples *samples;
} bench;

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static double uniform(uint64_t i)
{
    i += 0x9e3779b97f4a7c15ULL;
    i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9ULL;
    i = (i ^ (i >> 27)) * 0x94d049bb133111ebULL;
    i ^= i >> 31;
    return (double)(i >> 11) * 0x1p-52 - 1.0;
}

static bool stations_read(bench *b, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    if (!file) return false;
    double lat0 = 0.0, lon0 = 0.0;
    while (fgets(line, sizeof line, file)) {
        int station, active;
        double lat, lon, height;
        if (sscanf(line, "%d,%lf,%lf,%lf,%d", &station, &lat, &lon, &height, &active) != 5 ||
            !active || b->n_station == MAX_STATION)
            continue;
        if (b->n_station == 0) {
            lat0 = lat;
            lon0 = lon;
        }
        size_t i = b->n_station++;
        b->north_m[i] = (lat - lat0) * CI_TWO_PI / 360.0 * 6359000.0;
        b->east_m[i] = (lon - lon0) * CI_TWO_PI / 360.0 * 6386000.0 * cos(lat0 * CI_TWO_PI / 360.0);
        b->up_m[i] = height - 1182.6 + (b->track_h > 0 ? rough_m * uniform(i + 99) : 0);
    }
    fclose(file);
    return b->n_station > 1;
}

/* u, v, w of a baseline in the array's horizon at hour angle h. */
static void uvw_of(const bench *b, size_t i, size_t j, double h, double uvw[3])
{
    const double lat = 37.23 * CI_TWO_PI / 360.0;
    double e = b->east_m[j] - b->east_m[i], n = b->north_m[j] - b->north_m[i];
    double up = b->up_m[j] - b->up_m[i], sd = sin(b->dec_rad), cd = cos(b->dec_rad);
    double x = up * cos(lat) - n * sin(lat), z = up * sin(lat) + n * cos(lat);
    double across = x * cos(h) - e * sin(h);
    uvw[0] = x * sin(h) + e * cos(h);
    uvw[1] = z * cd - across * sd;
    uvw[2] = across * cd + z * sd;
}

static double chan_hz(size_t i_chan)
{
    return 1311.25e6 + 187.5e6 / (N_SUB_BAND * N_CHAN) * ((double)i_chan + 0.5);
}

static ci_status meta_make(ci_vis_meta **out, double track_h)
{
    double step = track_h > 0 ? track_h * 3600 / N_TIME : step_s;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "bench"));
    ci_vis_meta *m = *out;
    CI_TRY(ci_mem_alloc(&m->time_mjd_s, N_TIME, sizeof(double), "bench"));
    m->n_time = N_TIME;
    for (size_t t = 0; t < N_TIME; t++)
        m->time_mjd_s[t] = step * ((double)t - 0.5 * N_TIME);
    CI_TRY(ci_mem_alloc(&m->sub_band, N_SUB_BAND, sizeof *m->sub_band, "bench"));
    m->n_sub_band = N_SUB_BAND;
    for (size_t i = 0; i < N_SUB_BAND; i++) {
        ci_vis_sub_band *s = &m->sub_band[i];
        s->n_chan = N_CHAN;
        CI_TRY(ci_mem_alloc(&s->freq_hz, N_CHAN, sizeof(double), "bench"));
        CI_TRY(ci_mem_alloc(&s->width_hz, N_CHAN, sizeof(double), "bench"));
        for (size_t c = 0; c < N_CHAN; c++) {
            s->freq_hz[c] = chan_hz(i * N_CHAN + c);
            s->width_hz[c] = chan_hz(1) - chan_hz(0);
        }
    }
    return CI_OK;
}

/* One baseline of a sub-band; random values. */
static ci_status dynspec_add(bench *b, ci_vis_compressor *compressor, const ci_vis_meta *meta,
                             const size_t station[2], size_t i_sub_band, int32_t i_baseline)
{
    static ci_c32 value[N_TIME * N_CHAN];
    static float weight[N_TIME * N_CHAN];
    double uvw_m[N_TIME * 3];
    ci_vis_samples *s = b->samples;
    for (size_t i = 0; i < N_TIME * N_CHAN; i++)
        weight[i] = 1.0f;
    for (size_t t = 0; t < N_TIME; t++)
        uvw_of(b, station[0], station[1], meta->time_mjd_s[t] * CI_TWO_PI / 86164.0, uvw_m + 3 * t);
    const ci_vis_dynspec dynspec = {.n_time = N_TIME,
                                    .n_chan = N_CHAN,
                                    .time_mjd_s = meta->time_mjd_s,
                                    .uvw_m = uvw_m,
                                    .freq_hz = meta->sub_band[i_sub_band].freq_hz,
                                    .value = value,
                                    .weight = weight};
    size_t first = s->n_sample;
    CI_TRY(ci_vis_samples_add_dynspec(s, compressor, &dynspec, i_baseline, i_sub_band));
    for (size_t i = first; i < s->n_sample; i++)
        s->data[i] = (ci_c32)(uniform(2 * i) + I * uniform(2 * i + 1));
    return CI_OK;
}

/* This rank's sub-bands. */
static ci_status samples_fill(bench *b, ci_vis_compressor *compressor, const ci_vis_meta *meta)
{
    size_t first, count;
    ci_par_split(N_SUB_BAND, ci_comm_size(b->comm), ci_comm_rank(b->comm), &first, &count);
    for (size_t s = first; s < first + count; s++)
        for (size_t i = 0, k = 0; i < b->n_station; i++)
            for (size_t j = i + 1; j < b->n_station; j++, k++) {
                const size_t station[2] = {i, j};
                CI_TRY(dynspec_add(b, compressor, meta, station, s, (int32_t)k));
            }
    return CI_OK;
}

static ci_status samples_make(bench *b)
{
    ci_vis_meta *meta = NULL;
    ci_vis_compressor *compressor = NULL;
    double half_width = 0.5 * (double)b->geometry.n_x * b->geometry.cell_rad;
    ci_status status = meta_make(&meta, b->track_h);
    if (status == CI_OK) status = ci_vis_samples_new(&b->samples, meta, 0, 0);
    if (status == CI_OK && b->error > 0)
        status = ci_vis_compressor_new(&compressor, N_TIME, N_CHAN, b->error, half_width);
    if (status == CI_OK) status = samples_fill(b, compressor, meta);
    ci_vis_compressor_free(compressor);
    ci_vis_meta_free(meta);
    if (status == CI_OK) status = ci_vis_samples_close(b->comm, b->samples);
    return status;
}

static void dump(const bench *b, const char *path)
{
    const ci_vis_samples *s = b->samples;
    FILE *file = fopen(path, "wb");
    if (!file) return;
    int64_t n = (int64_t)s->n_sample;
    fwrite(&n, sizeof n, 1, file);
    for (size_t r = 0; r < s->n_row; r++)
        for (size_t k = s->first[r]; k < s->first[r + 1]; k++) {
            double f = ci_vis_row_freq(s, r)[k - s->first[r]] / CI_C_M_S;
            double uvw[3] = {s->uvw_m[3 * r] * f, s->uvw_m[3 * r + 1] * f, s->uvw_m[3 * r + 2] * f};
            fwrite(uvw, sizeof uvw, 1, file);
        }
    fwrite(s->data, sizeof *s->data, s->n_sample, file);
    fwrite(s->weight, sizeof *s->weight, s->n_sample, file);
    fclose(file);
}

/* Against direct sums: some pixels of the image, some samples of a prediction (one rank). */
static void accuracy_print(const bench *b, const double *image, const double *sky,
                           const ci_c32 *predicted)
{
    enum
    {
        N = 40
    };
    const ci_vis_samples *s = b->samples;
    size_t pixel[N], n_pixel = b->geometry.n_x * b->geometry.n_y;
    double truth[N], error[2] = {0.0, 0.0}, power[2] = {0.0, 0.0};
    ci_c64 *vis = calloc(s->n_sample, sizeof *vis);
    for (size_t i = 0; i < s->n_sample; i++)
        vis[i] = s->data[i];
    for (size_t i = 0; i < N; i++)
        pixel[i] = (size_t)((0.5 * uniform(i + 5) + 0.5) * (double)n_pixel);
    ci_grid_direct_image(&b->geometry, s, vis, pixel, N, truth);
    for (size_t i = 0; i < N; i++) {
        error[0] += pow(image[pixel[i]] - truth[i], 2);
        power[0] += pow(truth[i], 2);
    }
    for (size_t i = 0; i < 200; i++) {
        size_t r = (size_t)((0.5 * uniform(i + 555) + 0.5) * (double)s->n_row);
        ci_c64 v =
            ci_grid_direct_sample(&b->geometry, s->uvw_m + 3 * r, *ci_vis_row_freq(s, r), sky);
        error[1] += pow(cabs(v - predicted[s->first[r]]), 2);
        power[1] += pow(cabs(v), 2);
    }
    printf("error: image %.2e, samples %.2e\n", sqrt(error[0] / power[0]),
           sqrt(error[1] / power[1]));
    free(vis);
}

static ci_status measure(bench *b, bool is_checked)
{
    ci_grid_operator *g = NULL;
    ci_grid_numbers n;
    double at[8] = {cpu_s()};
    CI_TRY(ci_grid_operator_new(b->comm, &g, &b->geometry, b->samples));
    at[1] = cpu_s();
    size_t y_first, n_y, n_x = b->geometry.n_x;
    ci_grid_operator_slab(g, &y_first, &n_y);
    ci_grid_operator_numbers(g, &n);
    double *slab = calloc(n_x * n_y, sizeof *slab), *sky = calloc(n_x * n_y, sizeof *sky);
    ci_c32 *vis = calloc(b->samples->n_sample, sizeof *vis);
    for (size_t i = 0; i < 3000; i++)
        sky[(size_t)((0.5 * uniform(i) + 0.5) * (double)(n_x * n_y))] = uniform(i + 7);
    at[2] = cpu_s();
    ci_status status = ci_grid_psf(b->comm, g, slab);
    at[3] = cpu_s();
    if (status == CI_OK) status = ci_grid_degrid(b->comm, g, sky, vis);
    at[4] = cpu_s();
    for (int i = 0; i < 3; i++) {
        if (status == CI_OK) status = ci_grid_image(b->comm, g, b->samples->data, slab);
        at[5 + i] = cpu_s();
    }
    double again = cpu_s();
    if (status == CI_OK) status = ci_grid_degrid(b->comm, g, sky, vis);
    again = cpu_s() - again;
    if (ci_comm_rank(b->comm) == 0) {
        printf("%lld samples, image %zu, grid %zu x %zu, kernel %d, %d planes of %d (%d pairs); "
               "processor seconds: new %.3f, psf %.3f, degrid %.3f %.3f, image %.3f %.3f %.3f\n",
               (long long)n.n_sample, n_x, n.n_u, n.n_v, n.support_uv, n.n_plane, n.support_w,
               n.n_pair, at[1] - at[0], at[3] - at[2], at[4] - at[3], again, at[5] - at[4],
               at[6] - at[5], at[7] - at[6]);
        if (is_checked) accuracy_print(b, slab, sky, vis);
    }
    free(slab);
    free(sky);
    free(vis);
    ci_grid_operator_free(g);
    return status;
}

int main(int argc, char **argv)
{
    static bench b;
    ci_isa isa = ci_isa_widest();
    for (; argc > 2 && strncmp(argv[1], "--", 2) == 0; argc -= 2, argv += 2) {
        if (strcmp(argv[1], "--track") == 0)
            b.track_h = atof(argv[2]);
        else if (ci_isa_parse(argv[2], &isa) != CI_OK)
            return 2;
    }
    double n_pixel = argc > 2 ? atof(argv[2]) : 4200, cell = argc > 3 ? atof(argv[3]) : 3;
    b.geometry = (ci_grid_geometry){(size_t)n_pixel, (size_t)n_pixel, cell * CI_ARCSEC_TO_RAD,
                                    argc > 4 ? atof(argv[4]) : 1e-4, false};
    b.dec_rad = (argc > 5 ? atof(argv[5]) : 33.0) * CI_TWO_PI / 360.0;
    b.error = argc > 6 ? atof(argv[6]) : 1e-4;
    if (argc < 2 || !stations_read(&b, argv[1])) {
        fprintf(stderr, "contimg-bench-gridder: give the file of stations\n");
        return 2;
    }
    ci_status status = ci_par_start(&b.comm);
    if (status != CI_OK) return 70;
    status = ci_comm_isa_set(b.comm, isa);
    if (status == CI_OK) status = samples_make(&b);
    if (status == CI_OK && argc > 7) dump(&b, argv[7]);
    if (status == CI_OK) status = measure(&b, ci_comm_size(b.comm) == 1);
    if (status != CI_OK) fprintf(stderr, "contimg-bench-gridder: %s\n", ci_error_text());
    ci_vis_samples_free(b.samples);
    return ci_par_end(b.comm, status) == CI_OK ? 0 : 70;
}

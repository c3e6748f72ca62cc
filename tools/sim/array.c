/* The simulated array: stations, dead antennas, the order of a correlator's inputs. */
#include "array.h"
#include "options.h"
#include "rng.h"

#include <erfa.h>
#include <stdlib.h>
#include <string.h>

/* Centre of the tee: WGS84, rad and m. */
#define SITE_LAT 0.6498455107238486
#define SITE_LON (-2.064427799136453)
#define SITE_HEIGHT 1188.0519
#define WGS84 1

static ci_status parse_stations(sim_array *a, char *text, const char *path)
{
    size_t n = 0;
    eraGd2gc(WGS84, a->lon_rad, a->lat_rad, a->height_m, a->origin_m);
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        int station, active;
        double lat, lon, height, xyz[3];
        if (sscanf(line, "%d,%lf,%lf,%lf,%d", &station, &lat, &lon, &height, &active) != 5)
            continue;
        if (station < 1 || station > SIM_N_STATION)
            return ci_error(CI_ERR_INPUT, "%s: station %d: there are 1 to %d", path, station,
                            SIM_N_STATION);
        eraGd2gc(WGS84, lon * CI_DEG_TO_RAD, lat * CI_DEG_TO_RAD, height, xyz);
        for (int i = 0; i < 3; i++)
            a->position_m[3 * (station - 1) + i] = xyz[i] - a->origin_m[i];
        a->is_active[station - 1] = active != 0;
        n++;
    }
    if (n != SIM_N_STATION)
        return ci_error(CI_ERR_INPUT, "%s: %zu stations, %d are expected", path, n, SIM_N_STATION);
    return CI_OK;
}

static ci_status choose(sim_array *a, const char *text)
{
    bool on[SIM_N_STATION + 1] = {false};
    int64_t n = 0, active[SIM_N_STATION];
    size_t n_active = 0;
    if (strpbrk(text, ",-") != NULL) {
        CI_TRY(sim_options_list(text, "--stations", 1, SIM_N_STATION, on));
        for (int64_t i = 1; i <= SIM_N_STATION; i++)
            if (on[i]) a->antenna[a->n_antenna++] = i - 1;
        return CI_OK;
    }
    for (int64_t i = 0; i < SIM_N_STATION; i++)
        if (a->is_active[i]) active[n_active++] = i;
    CI_TRY(ci_parse_int(text, "--stations", &n));
    if (n < 2 || (size_t)n > n_active)
        return ci_error(CI_ERR_USAGE, "--stations %s: 2 to %zu, or a list of numbers", text,
                        n_active);
    /* Evenly over the list, so that both arms and the outriggers keep their share. */
    for (int64_t i = 0; i < n; i++)
        a->antenna[a->n_antenna++] = active[(size_t)(2 * i + 1) * n_active / (size_t)(2 * n)];
    return CI_OK;
}

/* A correlator's inputs are not in the order of station numbers. */
static void mix_order(sim_array *a)
{
    for (size_t i = a->n_antenna; i > 1; i--) {
        sim_rng rng = sim_rng_at(0, SIM_RNG_ORDER, i, 0, 0, 0);
        size_t k = (size_t)(sim_rng_uniform(&rng) * (double)i);
        int64_t swap = a->antenna[i - 1];
        a->antenna[i - 1] = a->antenna[k];
        a->antenna[k] = swap;
    }
}

static ci_status make_baselines(sim_array *a)
{
    size_t n = 0;
    a->n_baseline = a->n_antenna * (a->n_antenna + 1) / 2;
    CI_TRY(ci_mem_alloc(&a->first, a->n_baseline, sizeof *a->first, "baselines"));
    CI_TRY(ci_mem_alloc(&a->second, a->n_baseline, sizeof *a->second, "baselines"));
    CI_TRY(ci_mem_alloc(&a->ant_1, a->n_baseline, sizeof *a->ant_1, "baselines"));
    CI_TRY(ci_mem_alloc(&a->ant_2, a->n_baseline, sizeof *a->ant_2, "baselines"));
    CI_TRY(ci_mem_alloc(&a->vector_m, 3 * a->n_baseline, sizeof(double), "baselines"));
    for (size_t i = 0; i < a->n_antenna; i++)
        for (size_t j = 0; j <= i; j++, n++) {
            a->first[n] = (int32_t)j;
            a->second[n] = (int32_t)i;
            a->ant_1[n] = a->antenna[j];
            a->ant_2[n] = a->antenna[i];
            for (int k = 0; k < 3; k++)
                a->vector_m[3 * n + (size_t)k] =
                    a->position_m[3 * a->antenna[i] + k] - a->position_m[3 * a->antenna[j] + k];
        }
    return CI_OK;
}

ci_status sim_array_new(sim_array **out, const char *stations, bool is_mixed)
{
    sim_array *a = NULL;
    char *path = NULL, *text = NULL;
    ci_status status;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&a, 1, sizeof *a, "array"));
    a->lat_rad = SITE_LAT;
    a->lon_rad = SITE_LON;
    a->height_m = SITE_HEIGHT;
    status = ci_path_share(&path, "dsa110_stations.csv");
    if (status == CI_OK) status = ci_file_read(&text, NULL, path);
    if (status == CI_OK) status = parse_stations(a, text, path);
    if (status == CI_OK) status = choose(a, stations);
    if (status == CI_OK && is_mixed) mix_order(a);
    if (status == CI_OK) status = make_baselines(a);
    ci_mem_free(text);
    ci_mem_free(path);
    if (status == CI_OK)
        *out = a;
    else
        sim_array_free(a);
    return status;
}

void sim_array_free(sim_array *a)
{
    if (a == NULL) return;
    ci_mem_free(a->first);
    ci_mem_free(a->second);
    ci_mem_free(a->ant_1);
    ci_mem_free(a->ant_2);
    ci_mem_free(a->vector_m);
    ci_mem_free(a);
}

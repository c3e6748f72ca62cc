/* sky: time and coordinates (ERFA), uvw, phase centres, catalogues, source models, primary
 * beam, direct prediction. Signs and frames: docs/science.md. All functions are local.
 * Angles in radians unless a name says otherwise; positions are ICRS unless named apparent. */
#ifndef CONTIMG_SKY_H
#define CONTIMG_SKY_H

#include "contimg/vis.h"

/* ---- earth orientation and time ------------------------------------------ */

typedef struct ci_sky_eop ci_sky_eop;
/* share/earth_orientation.csv where path is NULL, else that CSV or an IERS finals2000A. */
CI_MUST_CHECK ci_status ci_sky_eop_load(ci_sky_eop **out, const char *path);
/* Frees it with all that it owns; NULL is allowed. */
void ci_sky_eop_free(ci_sky_eop *eop);

/* The sky over one array at one UTC: everything that depends on time and site only. */
typedef struct ci_sky_frame ci_sky_frame;
/* dut1_header_s: the file's dut1 (0: none), used outside the table's dates, warned of
 * where it differs from the table by more than 5 ms. CI_ERR_INPUT for a time that is none. */
CI_MUST_CHECK ci_status ci_sky_frame_new(ci_sky_frame **out, const ci_sky_eop *eop,
                                         const ci_vis_array *array, double time_mjd_s,
                                         double dut1_header_s);
/* Frees it with all that it owns; NULL is allowed. */
void ci_sky_frame_free(ci_sky_frame *frame);
double ci_sky_frame_last_rad(const ci_sky_frame *frame); /* local apparent sidereal time */
/* ICRS <-> topocentric apparent hour angle and declination (of date, pressure 0). */
void ci_sky_apparent(const ci_sky_frame *frame, double ra_rad, double dec_rad, double *ha_rad,
                     double *dec_app_rad);
/* The other way: ICRS position of an apparent place. */
void ci_sky_icrs(const ci_sky_frame *frame, double ha_rad, double dec_app_rad, double *ra_rad,
                 double *dec_rad);
/* Unit vector towards an apparent place, and towards an ICRS position, in ITRS axes:
 * delay of baseline b (ECEF, m) is b.s. */
void ci_sky_direction_apparent(const ci_sky_frame *frame, double ha_rad, double dec_app_rad,
                               double s_itrs[3]);
/* The same of an ICRS position. */
void ci_sky_direction(const ci_sky_frame *frame, double ra_rad, double dec_rad, double s_itrs[3]);
/* Rows u, v, w: uvw_m = basis . b_ecef. u and v rows are the derivatives of the exact
 * apparent direction by ICRS l and m at the position (differential aberration in), w the
 * direction itself. */
void ci_sky_uvw_basis(const ci_sky_frame *frame, double ra_rad, double dec_rad, double basis[3][3]);

/* WGS84 geodetic <-> ITRS, m. */
void ci_sky_geodetic_to_ecef(double lat_rad, double lon_rad, double height_m, double ecef_m[3]);
/* The other way, ITRS to geodetic. */
void ci_sky_ecef_to_geodetic(const double ecef_m[3], double *lat_rad, double *lon_rad,
                             double *height_m);
/* DSA-110 of share/dsa110_stations.csv: all 117 stations or those in its data. Fills *out;
 * ci_vis_array_clear frees it. */
CI_MUST_CHECK ci_status ci_sky_array_dsa110(ci_vis_array *out, bool active_only);

/* ---- phase centre ---------------------------------------------------------- */

/* Where the data's image is centred by default: the sidereal centre; for MERIDIAN the
 * ICRS position of HA 0 and that declination at mid time; for UNPROJECTED of the zenith. Of
 * several phase centres the first. */
CI_MUST_CHECK ci_status ci_sky_centre_default(const ci_sky_eop *eop, const ci_vis_meta *meta,
                                              double *ra_rad, double *dec_rad);
/* Moves a block's data to one ICRS centre and fills uvw_m from antenna positions along
 * ICRS axes; i_phase of all rows becomes 0 and the caller sets meta->phase. Exact
 * (double phases), the same bytes with each instruction set. Local. */
CI_MUST_CHECK ci_status ci_sky_rephase(const ci_sky_eop *eop, ci_vis_block *block, double ra_rad,
                                       double dec_rad, ci_isa isa);
/* ci_sky_rephase for all blocks of a set, then meta->phase = that one SIDEREAL centre.
 * `pointing` out may be NULL. */
struct ci_sky_pointing;
/* Moves all blocks of a set to that centre. Local. */
CI_MUST_CHECK ci_status ci_sky_set_rephase(const ci_sky_eop *eop, ci_vis_set *set, double ra_rad,
                                           double dec_rad, ci_isa isa);

/* ---- primary beam ------------------------------------------------------------ */

/* Where the dishes look. FIXED: hour angle and apparent declination (sky drifts through);
 * TRACKING: an ICRS position. */
typedef struct ci_sky_pointing
{
    bool is_fixed;
    double ha_rad, dec_app_rad; /* fixed */
    double ra_rad, dec_rad;     /* tracking */
    /* Where they move between integrations, from field to field or with a position that moves: one
     * pointing for each, without a list of its own; the members above are those of the first. */
    size_t n_move;
    double *move_mjd_s;           /* [n_move] ascending, owned */
    struct ci_sky_pointing *move; /* [n_move], owned */
    bool jumps;                   /* from field to field */
} ci_sky_pointing;
/* From the data as read (before rephasing): MERIDIAN -> fixed at HA 0 and that
 * declination; UNPROJECTED -> fixed at the zenith; SIDEREAL -> tracking its centre. Of each
 * integration its own; CI_VIS_PHASE_MIXED counts as the first. ci_sky_pointing_clear. */
CI_MUST_CHECK ci_status ci_sky_pointing_from(const ci_vis_meta *meta, ci_sky_pointing *out);
/* Frees what it owns. */
void ci_sky_pointing_clear(ci_sky_pointing *pointing);
/* That of the integration nearest to a time. Borrowed. */
const ci_sky_pointing *ci_sky_pointing_at(const ci_sky_pointing *pointing, double time_mjd_s);

/* Diameters that a dish can have: the greatest is 305 m, a metre in cm or mm is beyond. */
#define CI_SKY_DISH_LEAST_M 0.1
#define CI_SKY_DISH_MOST_M 350.0

typedef struct ci_sky_beam ci_sky_beam;
/* spec: "none", "airy:D" (m), "auto" (Airy of the antenna diameters, none where they are
 * unknown or differ) or a FITS file: a SIN image of power whose reference pixel is the
 * pointing (its CRVAL does not matter) and whose y axis is apparent north; it shrinks with
 * frequency from that of its FREQ axis, where it has one; pixels of 0 and NaN say nothing. `array`
 * may be NULL but for "auto". */
CI_MUST_CHECK ci_status ci_sky_beam_new(ci_sky_beam **out, const char *spec,
                                        const ci_vis_array *array);
/* Frees it with all that it owns; NULL is allowed. */
void ci_sky_beam_free(ci_sky_beam *beam);
/* Whether it is 1 everywhere. */
bool ci_sky_beam_is_none(const ci_sky_beam *beam);
const char *ci_sky_beam_text(const ci_sky_beam *beam); /* "airy:4.65", for headers */
/* Power beam, 1 at the centre, towards an ICRS position. */
double ci_sky_beam_power(const ci_sky_beam *beam, const ci_sky_pointing *pointing,
                         const ci_sky_frame *frame, double ra_rad, double dec_rad, double freq_hz);
/* The same for interpolation: where a beam file says nothing it goes on smoothly (the power is 0
 * there). margin_rad: how far a place is from where nothing is said, to a few per cent and a pixel
 * of the file; below 0 there; infinite where there is no file. */
double ci_sky_beam_beyond(const ci_sky_beam *beam, const ci_sky_pointing *pointing,
                          const ci_sky_frame *frame, double ra_rad, double dec_rad, double freq_hz,
                          double *margin_rad);
/* The power in two steps, for many frequencies at one position: direction cosines of an
 * ICRS position about the pointing (l east, m north of the apparent equator; false behind it: no
 * power), and the power there. */
bool ci_sky_beam_lm(const ci_sky_pointing *pointing, const ci_sky_frame *frame, double ra_rad,
                    double dec_rad, double *l, double *m);
/* The power at l, m. */
double ci_sky_beam_power_lm(const ci_sky_beam *beam, double l, double m, double freq_hz);

/* What an image looks at: its centre, which is the phase centre, under a beam. Borrows. */
typedef struct ci_sky_field
{
    const ci_sky_eop *eop;
    const ci_sky_beam *beam; /* NULL: none */
    const ci_sky_pointing *pointing;
    double ra_rad, dec_rad;
} ci_sky_field;

/* ---- sources and models -------------------------------------------------------- */

typedef struct ci_sky_source
{
    const char *name; /* owned by the model it is in; NULL counts as "" */
    double ra_rad, dec_rad;
    double flux_jy, ref_freq_hz, spectral_index; /* S = flux (nu/ref)^index */
    double major_rad, minor_rad, pa_rad;         /* FWHM of a Gaussian; 0: point */
    /* Perley-Butler polynomial log10 S = sum a_i (log10 nu_GHz)^i from poly_min_hz to
     * poly_max_hz; n_poly 0: power law */
    int n_poly;
    double poly[6], poly_min_hz, poly_max_hz;
    bool is_flux_standard;    /* sets the flux scale */
    bool is_flux_approximate; /* of a list of many epochs: phases and shapes only */
} ci_sky_source;
typedef struct ci_sky_model
{
    size_t n_source;
    ci_sky_source *source; /* [n_source], owned */
    char **name;           /* [n_source], owned: what the sources name */
} ci_sky_model;
/* Frees it with all that it owns; NULL is allowed. */
void ci_sky_model_free(ci_sky_model *model);
/* No source is brighter at any frequency: the Sun in its bursts. */
#define CI_SKY_FLUX_MAX_JY 1e10
/* CSV name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index[,major_arcsec,minor_arcsec,
 * pa_deg]; an unknown or missing column is named; major_arcsec alone is a round source. Refused
 * too: one name at one position twice, reference frequencies beyond 1e6 to 1e13 Hz, fluxes beyond
 * CI_SKY_FLUX_MAX_JY, indices beyond 10, sizes beyond 10 degrees, no flux above 0. */
CI_MUST_CHECK ci_status ci_sky_model_read(ci_sky_model **out, const char *path);
/* Writes such a file, by .part and rename. */
CI_MUST_CHECK ci_status ci_sky_model_write(const ci_sky_model *model, const char *path);
/* An empty model; appending to it (only to one made here or returned by this module) copies
 * the source. */
CI_MUST_CHECK ci_status ci_sky_model_new(ci_sky_model **out);
/* Appends a copy of a source. */
CI_MUST_CHECK ci_status ci_sky_model_append(ci_sky_model *model, const ci_sky_source *source);
/* Copies of the sources within a radius of a position, in the model's order; may be none. */
CI_MUST_CHECK ci_status ci_sky_model_select(ci_sky_model **out, const ci_sky_model *model,
                                            double ra_rad, double dec_rad, double radius_rad);
/* The source nearest to a position and how far it is (may be NULL); NULL of an empty model.
 * Borrowed. */
const ci_sky_source *ci_sky_model_nearest(const ci_sky_model *model, double ra_rad, double dec_rad,
                                          double *distance_rad);
/* NaN outside a polynomial's range. */
double ci_sky_source_flux_jy(const ci_sky_source *source, double freq_hz);
/* Angle between two positions. */
double ci_sky_separation_rad(double ra1_rad, double dec1_rad, double ra2_rad, double dec2_rad);
double ci_sky_mean_angle_rad(const double *angle_rad, size_t n); /* circular */
/* FK5 (J2000) to ICRS, in place. */
void ci_sky_fk5_to_icrs(double *ra_rad, double *dec_rad);
/* GCRS (geocentric, aberration in) of a UTC to ICRS, in place: up to 20 arcsec. */
void ci_sky_gcrs_to_icrs(double time_mjd_s, double *ra_rad, double *dec_rad);
/* A star as catalogues give it: ICRS position at a Julian epoch and what moves it. */
typedef struct ci_sky_star
{
    double ra_rad, dec_rad, epoch_year;
    double pm_ra_mas_yr, pm_dec_mas_yr; /* pm_ra is dRA/dt, not times cos(dec) */
    double distance_pc;                 /* 0: unknown, without parallax */
    double vrad_km_s;                   /* away from us; matters with a distance only */
} ci_sky_star;
/* Its coordinate direction from the centre of the Earth at a UTC: space motion and annual
 * parallax in (eraPmpx), aberration not. */
void ci_sky_star_place(const ci_sky_star *star, double time_mjd_s, double *ra_rad, double *dec_rad);
/* A time of scale "UTC", "TAI" ("IAT") or "TT" ("TDT") to UTC, in place; false for any other
 * scale. */
bool ci_sky_time_to_utc(const char *scale, double *time_mjd_s);
/* share/: Perley-Butler 2017 standards that may be points; the VLA calibrator list (without
 * the few of unknown flux); the Perley-Butler sources that are resolved and must not be
 * taken for points. */
CI_MUST_CHECK ci_status ci_sky_catalog_standards(ci_sky_model **out);
/* The VLA calibrator list. */
CI_MUST_CHECK ci_status ci_sky_catalog_vla(ci_sky_model **out);
/* The resolved sources of the flux scale. */
CI_MUST_CHECK ci_status ci_sky_catalog_resolved(ci_sky_model **out);
/* What may be calibrated on as points: the standards, and of the VLA list what is neither one of
 * them nor near a resolved source. */
CI_MUST_CHECK ci_status ci_sky_catalog_calibrators(ci_sky_model **out);
/* CI_ERR_INPUT where a point of the model has more than half of the flux of such a resolved source;
 * `name` of the model is for the message. Local. */
CI_MUST_CHECK ci_status ci_sky_model_points_check(const ci_sky_model *model, const char *name);

/* Sums of predictions: what ci_sky_predict of a block leaves there, its next one of the same block
 * takes in place of another sum over the sources: the same bytes, if scene and block are the same.
 * Keeps nothing where that would be much of the memory budget. */
typedef struct ci_sky_kept ci_sky_kept;
/* Empty. Local. */
CI_MUST_CHECK ci_status ci_sky_kept_new(ci_sky_kept **out);
/* NULL-safe. Local. */
void ci_sky_kept_free(ci_sky_kept *kept);

/* A model as an array sees it. Borrows. */
typedef struct ci_sky_scene
{
    const ci_sky_eop *eop;
    const ci_sky_model *model;
    const ci_sky_beam *beam;         /* NULL: none */
    const ci_sky_pointing *pointing; /* NULL where there is no beam */
    ci_isa isa;                      /* of the inner loop: ci_comm_isa */
    ci_sky_kept *kept;               /* of a model that is predicted twice; NULL: none */
} ci_sky_scene;
/* Direct sum over the model's sources: out [n_row][n_chan], Stokes I (XX = YY = I), towards
 * the block's present phase centre (sidereal, after ci_sky_rephase, or MERIDIAN as read).
 * Each source's own apparent place and beam per time and channel.
 * Phases by a phasor recurrence over channels, re-seeded; sums in single precision: 1e-6
 * of the sum of |flux|. CI_ERR_INPUT where a source has no flux at a channel. */
CI_MUST_CHECK ci_status ci_sky_predict(const ci_sky_scene *scene, const ci_vis_block *block,
                                       ci_c32 *out);

/* ---- direction cosines ----------------------------------------------------------- */

/* ICRS position <-> l, m about a centre (SIN, unslanted). n_lm = sqrt(1-l^2-m^2). */
void ci_sky_lm(double ra0_rad, double dec0_rad, double ra_rad, double dec_rad, double *l,
               double *m);
/* The other way: the ICRS position at l, m. */
void ci_sky_lm_inverse(double ra0_rad, double dec0_rad, double l, double m, double *ra_rad,
                       double *dec_rad);

#endif

/* The tables of the deployed pipeline, November 2025, and their columns. */
#include "registry/schema.h"

/* The names, types and defaults that the deployed pipeline's programs and dashboards use.
 * They are made in new databases too, so that those go on working beside contimg. */

const ci_schema_table ci_registry_schema_deployed_ingest[] = {
    {"ingest_queue",
     "group_id TEXT PRIMARY KEY;state TEXT NOT NULL;received_at REAL NOT NULL;"
     "last_update REAL NOT NULL;expected_subbands INTEGER;retry_count INTEGER NOT NULL DEFAULT 0;"
     "error TEXT;checkpoint_path TEXT;processing_stage TEXT DEFAULT 'collecting';"
     "chunk_minutes REAL;has_calibrator INTEGER DEFAULT NULL;calibrators TEXT"},
    {"subband_files", "group_id TEXT NOT NULL;subband_idx INTEGER NOT NULL;path TEXT NOT NULL;"
                      "(PRIMARY KEY(group_id,subband_idx))"},
    {"performance_metrics",
     "group_id TEXT NOT NULL PRIMARY KEY;load_time REAL;phase_time REAL;write_time REAL;"
     "total_time REAL;writer_type TEXT;recorded_at REAL NOT NULL"},
    {0}};

const ci_schema_table ci_registry_schema_deployed_cal[] = {
    {"caltables",
     "id INTEGER PRIMARY KEY;set_name TEXT NOT NULL;path TEXT NOT NULL UNIQUE;"
     "table_type TEXT NOT NULL;order_index INTEGER NOT NULL;cal_field TEXT;refant TEXT;"
     "created_at REAL NOT NULL;valid_start_mjd REAL;valid_end_mjd REAL;status TEXT NOT NULL;"
     "notes TEXT"},
    {0}};

const ci_schema_table ci_registry_schema_deployed_data[] = {
    {"data_registry",
     "id INTEGER PRIMARY KEY;data_type TEXT NOT NULL;data_id TEXT NOT NULL UNIQUE;"
     "base_path TEXT NOT NULL;status TEXT NOT NULL DEFAULT 'staging';stage_path TEXT NOT NULL;"
     "published_path TEXT;created_at REAL NOT NULL;staged_at REAL NOT NULL;published_at REAL;"
     "publish_mode TEXT;metadata_json TEXT;qa_status TEXT;validation_status TEXT;"
     "finalization_status TEXT DEFAULT 'pending';auto_publish_enabled INTEGER DEFAULT 1;"
     "publish_attempts INTEGER DEFAULT 0;publish_error TEXT;(UNIQUE(data_type,data_id))"},
    {"data_relationships",
     "id INTEGER PRIMARY KEY;parent_data_id TEXT NOT NULL;child_data_id TEXT NOT NULL;"
     "relationship_type TEXT NOT NULL;(UNIQUE(parent_data_id,child_data_id,relationship_type))"},
    {"data_tags",
     "id INTEGER PRIMARY KEY;data_id TEXT NOT NULL;tag TEXT NOT NULL;(UNIQUE(data_id,tag))"},
    {0}};

const ci_schema_table ci_registry_schema_deployed_workflow[] = {
    {"mosaics", "id INTEGER PRIMARY KEY;name TEXT NOT NULL;created_at REAL NOT NULL;"
                "status TEXT NOT NULL;tiles TEXT NOT NULL"},
    {0}};

const ci_schema_table ci_registry_schema_deployed_products[] = {
    {"ms_index", "path TEXT PRIMARY KEY;start_mjd REAL;end_mjd REAL;mid_mjd REAL;processed_at REAL;"
                 "status TEXT;stage TEXT;stage_updated_at REAL;cal_applied INTEGER DEFAULT 0;"
                 "imagename TEXT"},
    {"images", "id INTEGER PRIMARY KEY;path TEXT NOT NULL;ms_path TEXT NOT NULL;"
               "created_at REAL NOT NULL;type TEXT NOT NULL;beam_major_arcsec REAL;noise_jy REAL;"
               "pbcor INTEGER DEFAULT 0"},
    {"photometry",
     "id INTEGER PRIMARY KEY;image_path TEXT NOT NULL;ra_deg REAL NOT NULL;dec_deg REAL NOT NULL;"
     "nvss_flux_mjy REAL;peak_jyb REAL NOT NULL;peak_err_jyb REAL;measured_at REAL NOT NULL"},
    {"storage_locations",
     "id INTEGER PRIMARY KEY;location_type TEXT NOT NULL;base_path TEXT NOT NULL;"
     "description TEXT;registered_at REAL NOT NULL;status TEXT DEFAULT 'active';notes TEXT;"
     "(UNIQUE(location_type,base_path))"},
    {"batch_jobs",
     "id INTEGER PRIMARY KEY;type TEXT NOT NULL;created_at REAL NOT NULL;status TEXT NOT NULL;"
     "total_items INTEGER NOT NULL;completed_items INTEGER DEFAULT 0;"
     "failed_items INTEGER DEFAULT 0;params TEXT"},
    {"batch_job_items",
     "id INTEGER PRIMARY KEY;batch_id INTEGER NOT NULL;ms_path TEXT NOT NULL;job_id INTEGER;"
     "status TEXT NOT NULL;error TEXT;started_at REAL;completed_at REAL"},
    {"calibration_qa",
     "id INTEGER PRIMARY KEY;ms_path TEXT NOT NULL;job_id INTEGER NOT NULL;k_metrics TEXT;"
     "bp_metrics TEXT;g_metrics TEXT;overall_quality TEXT;flags_total REAL;per_spw_stats TEXT;"
     "timestamp REAL NOT NULL"},
    {"image_qa",
     "id INTEGER PRIMARY KEY;ms_path TEXT NOT NULL;job_id INTEGER NOT NULL;"
     "image_path TEXT NOT NULL;rms_noise REAL;peak_flux REAL;dynamic_range REAL;beam_major REAL;"
     "beam_minor REAL;beam_pa REAL;num_sources INTEGER;thumbnail_path TEXT;overall_quality TEXT;"
     "timestamp REAL NOT NULL"},
    {"pointing_history", "timestamp REAL PRIMARY KEY;ra_deg REAL;dec_deg REAL"},
    {"variability_stats",
     "source_id TEXT PRIMARY KEY;ra_deg REAL NOT NULL;dec_deg REAL NOT NULL;nvss_flux_mjy REAL;"
     "n_obs INTEGER DEFAULT 0;mean_flux_mjy REAL;std_flux_mjy REAL;min_flux_mjy REAL;"
     "max_flux_mjy REAL;chi2_nu REAL;sigma_deviation REAL;eta_metric REAL;last_measured_at REAL;"
     "last_mjd REAL;updated_at REAL NOT NULL"},
    {"ese_candidates",
     "id INTEGER PRIMARY KEY;source_id TEXT NOT NULL;flagged_at REAL NOT NULL;"
     "flagged_by TEXT DEFAULT 'auto';significance REAL NOT NULL;flag_type TEXT NOT NULL;"
     "notes TEXT;status TEXT DEFAULT 'active';investigated_at REAL;dismissed_at REAL"},
    {"mosaics",
     "id INTEGER PRIMARY KEY;path TEXT NOT NULL UNIQUE;name TEXT NOT NULL;"
     "created_at REAL NOT NULL;start_mjd REAL NOT NULL;end_mjd REAL NOT NULL;"
     "integration_sec REAL;n_images INTEGER;center_ra_deg REAL;center_dec_deg REAL;"
     "dec_min_deg REAL;dec_max_deg REAL;noise_jy REAL;beam_major_arcsec REAL;"
     "beam_minor_arcsec REAL;beam_pa_deg REAL;n_sources INTEGER;thumbnail_path TEXT;status TEXT;"
     "method TEXT;tiles TEXT;output_path TEXT;validation_issues TEXT;metrics_path TEXT"},
    {"alert_history",
     "id INTEGER PRIMARY KEY;source_id TEXT NOT NULL;alert_type TEXT NOT NULL;"
     "severity TEXT NOT NULL;message TEXT NOT NULL;sent_at REAL NOT NULL;channel TEXT;"
     "success INTEGER DEFAULT 1;error_msg TEXT"},
    {"regions",
     "id INTEGER PRIMARY KEY;name TEXT NOT NULL;type TEXT NOT NULL;coordinates TEXT NOT NULL;"
     "image_path TEXT NOT NULL;created_at REAL NOT NULL;created_by TEXT;updated_at REAL"},
    {"cross_matches",
     "id INTEGER PRIMARY KEY;source_id TEXT NOT NULL;catalog_type TEXT NOT NULL;"
     "catalog_source_id TEXT;separation_arcsec REAL NOT NULL;dra_arcsec REAL;ddec_arcsec REAL;"
     "detected_flux_jy REAL;catalog_flux_jy REAL;flux_ratio REAL;match_quality TEXT;"
     "match_method TEXT DEFAULT 'basic';master_catalog_id TEXT;created_at REAL NOT NULL;"
     "(UNIQUE(source_id,catalog_type))"},
    {"mosaic_groups",
     "group_id TEXT PRIMARY KEY;mosaic_id TEXT;ms_paths TEXT NOT NULL;calibration_ms_path TEXT;"
     "bpcal_solved INTEGER DEFAULT 0;created_at REAL NOT NULL;calibrated_at REAL;imaged_at REAL;"
     "mosaicked_at REAL;status TEXT DEFAULT 'pending'"},
    {"bandpass_calibrators",
     "id INTEGER PRIMARY KEY;calibrator_name TEXT NOT NULL;ra_deg REAL NOT NULL;"
     "dec_deg REAL NOT NULL;dec_range_min REAL NOT NULL;dec_range_max REAL NOT NULL;"
     "registered_at REAL NOT NULL;registered_by TEXT;status TEXT DEFAULT 'active';notes TEXT"},
    {"jobs", "id INTEGER PRIMARY KEY;type TEXT NOT NULL;status TEXT NOT NULL DEFAULT 'pending';"
             "ms_path TEXT NOT NULL;params TEXT;logs TEXT;artifacts TEXT;created_at REAL NOT NULL;"
             "started_at REAL;finished_at REAL"},
    {"qa_artifacts",
     "id INTEGER PRIMARY KEY;group_id TEXT NOT NULL;name TEXT NOT NULL;path TEXT NOT NULL;"
     "created_at REAL NOT NULL;(UNIQUE(group_id,name))"},
    {"cal_transits", "src_name TEXT NOT NULL;transit_mjd REAL NOT NULL;"
                     "(PRIMARY KEY(src_name,transit_mjd))"},
    {"validation_cache",
     "cache_key TEXT PRIMARY KEY;image_path TEXT NOT NULL;catalog TEXT NOT NULL;"
     "validation_type TEXT NOT NULL;results_json TEXT NOT NULL;created_at REAL NOT NULL;"
     "expires_at REAL"},
    {"users", "id INTEGER PRIMARY KEY;username TEXT NOT NULL UNIQUE;email TEXT;"
              "password_hash TEXT NOT NULL;role TEXT NOT NULL DEFAULT 'observer';"
              "created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP;last_login TIMESTAMP"},
    {0}};

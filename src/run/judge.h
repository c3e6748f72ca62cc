/* What rank 0 does with a tile that was made: judge and register it. */
#ifndef CONTIMG_RUN_JUDGE_H
#define CONTIMG_RUN_JUDGE_H

#include "run/context.h"

/* Gates of one tile that was made, into its record and tile.json; registers it, and ends the claim
 * on its observation. tables_of: the tile whose refusal has failed the tables, which refuses those
 * that only borrow them; NULL: they are good. Rank 0 only. Local. */
CI_MUST_CHECK ci_status ci_run_tile_judge(ci_run *run, const ci_run_group *group,
                                          const ci_run_tile *tile, const ci_tile_record *tables_of,
                                          ci_tile_record *record);

/* What the gate of noise says of a tile that it warns of; NULL: nothing. Limits that are relaxed
 * are none. Borrowed from the record. Local. */
const char *ci_run_noise_text(const ci_tile_record *record);
/* The same of its fluxes against the catalogue, off by more than they may be without a word. Local.
 */
const char *ci_run_fluxes_text(const ci_tile_record *record);
/* The same of its positions, which a catalogue of the field has moved far from the calibrator's.
 * Local. */
const char *ci_run_shift_text(const ci_tile_record *record);
/* Whether the gate of coherence could not tell. Local. */
bool ci_run_phases_are_untold(const ci_tile_record *record);

#endif

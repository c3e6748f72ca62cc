/* Quick looks beside images. */
#ifndef CONTIMG_RUN_PICTURE_H
#define CONTIMG_RUN_PICTURE_H

#include <stddef.h>

/* Widths of pictures: all of a run's are inside its one report page. */
enum
{
    CI_RUN_TILE_PICTURE = 560,
    CI_RUN_MOSAIC_PICTURE = 1400
};
/* FOLDER/fits_name to FOLDER/png_name. A picture that cannot be drawn is a warning, never a reason
 * to lose a product. Local. */
void ci_run_picture_draw(const char *folder, const char *fits_name, const char *png_name,
                         const char *title, size_t max_pixel);

#endif

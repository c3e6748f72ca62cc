/* Quick looks beside images. */
#include "run/picture.h"

#include "contimg/base.h"
#include "contimg/draw.h"

void ci_run_picture_draw(const char *folder, const char *fits_name, const char *png_name,
                         const char *title, size_t max_pixel)
{
    char *fits = NULL, *png = NULL;
    ci_status status = ci_path_join(&fits, folder, fits_name);
    if (status == CI_OK) status = ci_path_join(&png, folder, png_name);
    if (status == CI_OK) status = ci_draw_fits(fits, png, max_pixel, title);
    if (status != CI_OK) ci_log_warning("no picture: %s", ci_error_text());
    ci_mem_free(fits);
    ci_mem_free(png);
}

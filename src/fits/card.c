/* The list of free cards in a header. */
#include "fits/cfitsio.h"

#include <string.h>

/* What a card of history holds; longer texts of others go on in CONTINUE cards. */
#define HISTORY_MAX 68

void ci_fits_header_clear(ci_fits_header *header)
{
    if (!header) return;
    for (size_t i = 0; i < header->n_card; i++)
        ci_mem_free(header->card[i].text);
    ci_mem_free(header->card);
    ci_mem_free(header->telescope);
    ci_mem_free(header->object);
    *header = (ci_fits_header){0};
}

static ci_status cards_copy(ci_fits_header *out, const ci_fits_header *in)
{
    if (in->n_card == 0) return CI_OK;
    CI_TRY(ci_mem_alloc(&out->card, in->n_card, sizeof *out->card, "FITS cards"));
    for (size_t i = 0; i < in->n_card; i++) {
        out->card[i] = in->card[i];
        out->card[i].text = NULL;
        out->n_card++;
        if (in->card[i].text) CI_TRY(ci_str_copy(&out->card[i].text, in->card[i].text));
    }
    return CI_OK;
}

ci_status ci_fits_header_copy(ci_fits_header *out, const ci_fits_header *in)
{
    *out = *in;
    out->card = NULL;
    out->n_card = 0;
    out->telescope = out->object = NULL;
    ci_status status = cards_copy(out, in);
    if (status == CI_OK) status = ci_str_set(&out->telescope, in->telescope);
    if (status == CI_OK) status = ci_str_set(&out->object, in->object);
    if (status != CI_OK) ci_fits_header_clear(out);
    return status;
}

static bool is_repeated(const char *key)
{
    return strcmp(key, "HISTORY") == 0;
}

static ci_status card_slot(ci_fits_header *h, const char *key, ci_fits_card **slot)
{
    size_t length = strlen(key);
    if (length == 0 || length > 8 ||
        strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != length)
        return ci_error(CI_ERR_INTERNAL, "FITS card %s: not a FITS key", key);
    if (ci_fits_key_is_own(key))
        return ci_error(CI_ERR_INTERNAL, "FITS card %s: written by the module itself", key);
    for (size_t i = 0; i < h->n_card && !is_repeated(key); i++)
        if (strcmp(h->card[i].key, key) == 0) {
            *slot = &h->card[i];
            return CI_OK;
        }
    CI_TRY(ci_mem_resize(&h->card, h->n_card + 1, sizeof *h->card, "FITS cards"));
    *slot = &h->card[h->n_card++];
    **slot = (ci_fits_card){0};
    memcpy((*slot)->key, key, length + 1);
    return CI_OK;
}

/* FITS knows printable ASCII only. */
void ci_fits_printable_copy(char *out, size_t n_max, const char *text, size_t n)
{
    if (n > n_max) n = n_max;
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= 32 && text[i] < 127 ? text[i] : '?';
    out[n] = '\0';
}

static void set_comment(ci_fits_card *card, const char *comment)
{
    if (!comment) comment = "";
    ci_fits_printable_copy(card->comment, sizeof card->comment - 1, comment, strlen(comment));
}

ci_status ci_fits_card_set_text(ci_fits_header *h, const char *key, const char *text,
                                const char *comment)
{
    size_t left = strlen(text);
    do {
        ci_fits_card *card;
        char *copy = NULL;
        size_t n = left > HISTORY_MAX && is_repeated(key) ? HISTORY_MAX : left;
        CI_TRY(ci_mem_alloc(&copy, n + 1, 1, "FITS card"));
        ci_fits_printable_copy(copy, n, text, n);
        ci_status status = card_slot(h, key, &card);
        if (status != CI_OK) {
            ci_mem_free(copy);
            return status;
        }
        ci_mem_free(card->text);
        card->text = copy;
        card->is_text = true;
        card->is_int = false;
        set_comment(card, comment);
        text += n;
        left -= n;
    } while (left && is_repeated(key)); /* a long history takes several cards */
    return CI_OK;
}

ci_status ci_fits_card_set_number(ci_fits_header *h, const char *key, double number,
                                  const char *comment)
{
    ci_fits_card *card;
    CI_TRY(card_slot(h, key, &card));
    card->is_text = card->is_int = false;
    card->number = number;
    set_comment(card, comment);
    return CI_OK;
}

ci_status ci_fits_card_set_int(ci_fits_header *h, const char *key, int64_t number,
                               const char *comment)
{
    CI_TRY(ci_fits_card_set_number(h, key, (double)number, comment));
    for (size_t i = 0; i < h->n_card; i++)
        if (strcmp(h->card[i].key, key) == 0) h->card[i].is_int = true;
    return CI_OK;
}

void ci_fits_card_remove(ci_fits_header *h, const char *key)
{
    size_t i = 0;
    while (i < h->n_card && strcmp(h->card[i].key, key) != 0)
        i++;
    if (i == h->n_card) return;
    ci_mem_free(h->card[i].text);
    h->n_card--;
    memmove(h->card + i, h->card + i + 1, (h->n_card - i) * sizeof *h->card);
}

const ci_fits_card *ci_fits_card_get(const ci_fits_header *h, const char *key)
{
    for (size_t i = 0; i < h->n_card; i++)
        if (strcmp(h->card[i].key, key) == 0) return &h->card[i];
    return NULL;
}

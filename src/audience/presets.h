/* presets: a library of ready segments, tags and metrics for the commerce dictionary: lifecycle, RFM, value, abandoned carts, preferences and the
 * like, each with a line for people in both languages. They are ordinary definitions once installed: to be renamed, changed, deleted. */
#ifndef ONEFOLD_AUDIENCE_PRESETS_H
#define ONEFOLD_AUDIENCE_PRESETS_H

#include "base/json_write.h"
#include "language/check.h"

struct preset {
    enum definition_kind kind;
    const char *type; /* of tags: bool, text, number, preference, distribution; else empty */
    const char *name_en, *name_zh;
    const char *expression; /* names other presets in English; those stand before it */
    const char *en, *zh;
};

size_t presets_count(void);
const struct preset *preset_at(size_t i);
/* By kind and either name; NULL where there is none. */
const struct preset *preset_find(enum definition_kind kind, struct slice name);
/* {"define":"segment","name":"...","kind":"live","expression":"...","description":{"en":"...","zh":"..."}} and the like (audience.h). With
 * Chinese names the expression names other presets, and tags give their values, in Chinese. Installing all in order finds every name. */
void preset_write_definition(const struct preset *preset, bool chinese_names, struct json_writer *w);

#endif

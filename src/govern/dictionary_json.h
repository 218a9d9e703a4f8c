/* dictionary_json: the dictionary's definitions in and its whole content out and in again; declared in
 * govern/dictionary.h. */
#ifndef ONEFOLD_GOVERN_DICTIONARY_JSON_H
#define ONEFOLD_GOVERN_DICTIONARY_JSON_H

#include "govern/dictionary.h"

#endif

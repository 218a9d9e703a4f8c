// phone: the one C++ shim over libphonenumber. No exception crosses it: the only one that can rise is a lack of memory,
// which noexcept turns into the end of the process, as everywhere else.
#include <cstring>
#include <string>

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumberutil.h>

extern "C" {
#include "govern/phone.h"
}

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

// The library prints to standard output by itself otherwise.
static const PhoneNumberUtil &library() noexcept {
    static const PhoneNumberUtil *const util = [] {
        PhoneNumberUtil *instance = PhoneNumberUtil::GetInstance();
        instance->SetLogger(new i18n::phonenumbers::NullLogger);
        return instance;
    }();
    return *util;
}

static bool put(const std::string &text, char out[PHONE_E164_BYTES]) noexcept {
    if (text.size() >= PHONE_E164_BYTES)
        return false;
    memcpy(out, text.c_str(), text.size() + 1);
    return true;
}

static enum phone_verdict verdict_of_length(PhoneNumberUtil::ValidationResult result) noexcept {
    switch (result) {
    case PhoneNumberUtil::TOO_SHORT:
    case PhoneNumberUtil::IS_POSSIBLE_LOCAL_ONLY:
        return PHONE_TOO_SHORT;
    case PhoneNumberUtil::TOO_LONG:
        return PHONE_TOO_LONG;
    case PhoneNumberUtil::INVALID_COUNTRY_CODE:
        return PHONE_NO_COUNTRY;
    default:
        return PHONE_UNASSIGNED;
    }
}

static enum phone_verdict verdict_of_error(PhoneNumberUtil::ErrorType error) noexcept {
    switch (error) {
    case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
        return PHONE_NO_COUNTRY;
    case PhoneNumberUtil::TOO_SHORT_AFTER_IDD:
    case PhoneNumberUtil::TOO_SHORT_NSN:
        return PHONE_TOO_SHORT;
    case PhoneNumberUtil::TOO_LONG_NSN:
        return PHONE_TOO_LONG;
    default:
        return PHONE_NOT_A_NUMBER;
    }
}

static enum phone_verdict read(struct slice text, const char *region, char e164[PHONE_E164_BYTES]) noexcept {
    PhoneNumber number;
    std::string formatted;
    auto error = library().Parse(std::string(text.data ? text.data : "", text.size), region ? region : "ZZ", &number);
    if (error != PhoneNumberUtil::NO_PARSING_ERROR)
        return verdict_of_error(error);
    if (!library().IsValidNumber(number))
        return verdict_of_length(library().IsPossibleNumberWithReason(number));
    library().Format(number, PhoneNumberUtil::E164, &formatted);
    return put(formatted, e164) ? PHONE_VALID : PHONE_TOO_LONG;
}

static bool example(const char *region, char digits[PHONE_E164_BYTES]) noexcept {
    PhoneNumber number;
    std::string national;
    if (!region || !library().GetExampleNumberForType(region, PhoneNumberUtil::MOBILE, &number))
        return false;
    library().GetNationalSignificantNumber(number, &national);
    return put(national, digits);
}

extern "C" enum phone_verdict phone_read(struct slice text, const char *region, char e164[PHONE_E164_BYTES]) {
    return read(text, region, e164);
}

extern "C" bool phone_example(const char *region, char digits[PHONE_E164_BYTES]) { return example(region, digits); }

/* dictionary: every type, property, attribute and identifier namespace the workspace knows, discovered or declared.
 *
 * A type is an event type, document type, master type, item type, relation type, or the one type of customer attributes
 * (number 0, "customer"). A relation type comes with its inverse, which the other end's history gets ("guardian_of" and
 * "ward_of"; by itself "<name>_inverse"); a relation that looks the same from both ends is its own. Both begin with the
 * properties "customer" and "ended" (enum relation_property). A property of an event, a document or of customers may name *another* customer
 * (struct property): then a record that has it relates its own customer to that one (govern.h, struct party). A type's properties are numbered from 1 in order of appearance. Numbers never change or vanish: they stand in
 * records. A discovered property takes the type of its first usable value; a declared one has the type it was given,
 * and values that cannot be read as that type are refused one by one (quarantine), the record staying.
 *
 * The dictionary is part of the folded state: only the fold thread changes it (dictionary_type, _property, _define).
 * Readers on other threads may call what is marked "any": entries are published whole, never moved, never freed before
 * the end. */
#ifndef ONEFOLD_GOVERN_DICTIONARY_H
#define ONEFOLD_GOVERN_DICTIONARY_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "govern/record.h"
#include "os/os.h"

#define DICTIONARY_TYPES_MAX 4096      /* names past it go to quarantine as "too many types" */
#define DICTIONARY_PROPERTIES_MAX 2000 /* per type; properties past it likewise */
#define DICTIONARY_NAMESPACES_MAX 1000
#define DICTIONARY_NAME_BYTES_MAX 255
#define DICTIONARY_CUSTOMER 0         /* number of the type of customer attributes */
#define DICTIONARY_PRIORITY_FOUND 100 /* of a namespace that was discovered */

/* Type of a property's values. On disk. */
enum property_type {
    PROPERTY_TEXT = 0,
    PROPERTY_NUMBER = 1,
    PROPERTY_MONEY = 2,
    PROPERTY_BOOL = 3,
    PROPERTY_TIME = 4,
    PROPERTY_DATE = 5,
    PROPERTY_TEXT_LIST = 6,
    PROPERTY_NUMBER_LIST = 7,
    PROPERTY_ITEMS = 8 /* list of objects; `item_type` says which */
};

/* How raw text is made canonical. On disk. */
enum normaliser {
    NORMALISE_NONE,
    NORMALISE_PHONE,
    NORMALISE_EMAIL,
    NORMALISE_GENDER,
    NORMALISE_IDCARD,
    NORMALISE_NAME,
    NORMALISE_LOWER,
    NORMALISE_BIRTHDAY /* of a date: one that somebody living can be born on */
};

/* Names of the above as they stand in definitions and answers ("text_list", "phone", "event", "person"); static text.
 * The _parse functions return -1 for a name that is none. */
const char *property_type_name(enum property_type type);
const char *normaliser_name(enum normaliser normaliser);
const char *type_kind_name(enum type_kind kind);

/* Here and below: what a definition may change while others read is atomic; each for itself is a good value. */
struct property {
    struct slice name; /* zero-terminated too */
    uint16_t number;   /* within its type, from 1 */
    _Atomic uint16_t item_type;
    _Atomic uint8_t type; /* enum property_type */
    _Atomic uint8_t normaliser;
    _Atomic bool declared;
    _Atomic bool
        by_hand; /* a customer's, set by commands and imports alone; follows from the definitions in force, not saved */
    _Atomic bool names_subject; /* of those whose values name another customer: what happened is that one's */
    _Atomic uint16_t
        names_relation; /* type of the relation to the one it names (govern.h, struct party); 0: it names none */
    _Atomic uint16_t names_namespace;      /* of what identifies that one */
    uint64_t present_count, refused_count; /* quality counters, fold thread writes, any reads */
};

struct type {
    struct slice name;
    uint16_t number;
    uint8_t kind; /* enum type_kind */
    _Atomic bool declared;
    _Atomic uint16_t key_namespace; /* documents: the namespace of their key */
    _Atomic uint16_t inverse;       /* relations: number of the type seen from the other end */
    _Atomic uint32_t property_count;
    uint64_t record_count;
    struct property **properties; /* [DICTIONARY_PROPERTIES_MAX + 1], index = number, [0] unused */
};

/* What an identifier namespace stands for. On disk. */
enum namespace_kind {
    NAMESPACE_PERSON = 0,   /* user_id, phone, email, member_id */
    NAMESPACE_DEVICE = 1,   /* anonymous_id, device_id: may be shared */
    NAMESPACE_DOCUMENT = 2, /* order_id: a document's key */
    NAMESPACE_ANY = 3,      /* discovered, undeclared */
    NAMESPACE_CARD = 4,     /* a payment or gift card: may be shared, as a device */
    NAMESPACE_HOUSEHOLD =
        5 /* an address, a landline: of several persons, evidence that they know each other and never that they are one */
};
const char *namespace_kind_name(enum namespace_kind kind);
int property_type_parse(struct slice name);
int normaliser_parse(struct slice name);
int type_kind_parse(struct slice name);
int namespace_kind_parse(struct slice name);

/* Who gets a device (or a browser, a card) on which a second person shows up. On disk. */
enum shared_device {
    SHARED_DEFAULT = 0, /* as identity has it for all: see identity_share_devices */
    SHARED_NONE = 1,    /* nobody, from then on */
    SHARED_FIRST = 2,   /* who was there first keeps it */
    SHARED_LAST = 3     /* it goes to whoever was there last */
};
const char *shared_device_name(enum shared_device policy);
int shared_device_parse(struct slice name);

/* Values of a namespace that stand for nobody, besides those of every namespace (identity_blocked.def). Never changed once made. */
struct blocked_values {
    const struct blocked_values *older; /* what it took the place of; kept, as readers may hold it */
    size_t count;
    struct slice
        patterns[]; /* compared without regard to ASCII case; '*' is any run of bytes, '?' any byte, '#' any digit */
};

struct namespace {
    struct slice name;
    uint16_t number; /* from 1 */
    _Atomic uint8_t kind;
    _Atomic uint8_t normaliser;
    _Atomic uint8_t priority;    /* 0 strongest */
    _Atomic bool unique;         /* two customers with different values never merge by themselves */
    _Atomic uint16_t limit;      /* most values a customer may have; 0 = no limit */
    _Atomic bool anonymous_only; /* through it an anonymous customer joins a known one, never two known ones */
    _Atomic uint8_t shared;      /* enum shared_device; of devices */
    _Atomic int64_t window_ms;   /* the limit is for values first seen within so long; 0 = for ever */
    const struct blocked_values *_Atomic blocked; /* or NULL */
};
/* Whether one of `blocked` (may be NULL) says so of `value`. Thread: any. */
bool blocked_values_have(const struct blocked_values *blocked, struct slice value);

struct dictionary;

/* With the built-in commerce preset (Segment's e-commerce names, order documents, namespaces; dictionary_preset.def).
 * */
struct dictionary *dictionary_create(void);
void dictionary_free(struct dictionary *d);

/* --- readers: thread any --- */
uint32_t dictionary_type_count(const struct dictionary *d);                         /* numbers 0 .. count-1 */
const struct type *dictionary_type_at(const struct dictionary *d, uint16_t number); /* never NULL below the count */
const struct type *dictionary_type_find(const struct dictionary *d, enum type_kind kind,
                                        struct slice name);                              /* or NULL */
const struct property *dictionary_property_at(const struct type *type, uint16_t number); /* or NULL */
/* What tracking calls say of the attribute of customers is refused from now on, or taken again. Fold thread, of a definition. */
void dictionary_attribute_by_hand(struct dictionary *d, uint16_t number, bool by_hand);
const struct property *dictionary_property_find(const struct dictionary *d, const struct type *type, struct slice name);
uint32_t dictionary_namespace_count(const struct dictionary *d); /* numbers 1 .. count */
const struct namespace *dictionary_namespace_at(const struct dictionary *d, uint16_t number);
const struct namespace *dictionary_namespace_find(const struct dictionary *d, struct slice name); /* or NULL */
void dictionary_write_json(const struct dictionary *d, struct json_writer *w);       /* everything, with counters */
void dictionary_write_namespaces(const struct dictionary *d, struct json_writer *w); /* its member "namespaces" */

/* --- fold thread only --- */
/* Finds or discovers; FULL past the limits, INVALID for an unusable name (empty, too long, control characters). A
 * discovered document type "x" gets the namespace "x_id" for its keys; a relation type its inverse beside it; items properties get the item type
 * "<type>.<property>". Camel-case names of well-known customer attributes find the declared ones (firstName:
 * first_name), here and in dictionary_property_find. */
enum status dictionary_type(struct dictionary *d, enum type_kind kind, struct slice name, struct type **type,
                            struct fault *fault) WARN_UNUSED;
/* A relation and the type its other end sees, called `inverse` (empty: "<name>_inverse"; may be `name` itself). CONFLICT where it has
 * another inverse, or `inverse` is another's. */
enum status dictionary_relation(struct dictionary *d, struct slice name, struct slice inverse, struct type **type,
                                struct fault *fault) WARN_UNUSED;
enum status dictionary_property(struct dictionary *d, struct type *type, struct slice name, enum property_type if_new,
                                struct property **property, struct fault *fault) WARN_UNUSED;
enum status dictionary_namespace(struct dictionary *d, struct slice name, const struct namespace **ns,
                                 struct fault *fault) WARN_UNUSED;
/* A declaration from the API or a file:
 * {"define":"type","kind":"event|document|master|relation|attributes","name":"...","key_namespace":"...","properties":{"price":"money",
 *   "phone":{"type":"text","normalise":"phone"}, "items":{"type":"items","properties":{...}},
 *   "booked_by":{"type":"text","customer":"contact|subject","identifier":"phone","relation":"ward_of"}}}
 * "customer" says that the property names another customer: who has to do with it, or whose it is while the record's own customer is the
 * contact. "relation" (which must be there; default has_contact, and contact_of for a subject) leads from the record's own customer to the subject, and from
 * the subject to a contact.
 * a relation may have "inverse":"...", the name of its type at the other end, which is made with it and for ever.
 * {"define":"namespace","name":"...","kind":"person|device|card|household|document","priority":n,"unique":bool,"limit":n,
 *   "window_days":n,"anonymous_only":bool,"shared":"none|first|last","blocked":["0*"],"normalise":"phone"}
 * dictionary_check tells whether it would be accepted (thread any, before it is logged); dictionary_define applies it.
 * A property that already holds values keeps its type where the new one cannot read them: CONFLICT. Number -> text and
 * number <-> money are allowed. */
enum status dictionary_check(const struct dictionary *d, struct json_parser *p, const struct json *definition,
                             struct fault *fault) WARN_UNUSED;
enum status dictionary_define(struct dictionary *d, struct json_parser *p, const struct json *definition,
                              struct fault *fault) WARN_UNUSED;

/* Saving: dictionary_write_json's output is complete; dictionary_load reads it back over a fresh dictionary, to the
 * same numbers; reading it twice does no harm. What a newer preset adds comes after. Errors: DAMAGED. */
enum status dictionary_load(struct dictionary *d, struct slice json, struct fault *fault) WARN_UNUSED;

#endif

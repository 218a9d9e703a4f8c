/* check: a parsed tree against what the workspace knows: names become references, types are found, literals take the types they are
 * compared with, master-data names become ids. What comes out is what plan.h compiles and plan_model.h evaluates.
 *
 * How names are found:
 *   - A type (of events, documents, relations) by its exact name, or by its plain form: lower case, blanks and - as _
 *     ("Product Viewed" is product_viewed) where that is unambiguous. Document types win over events, events over relations.
 *   - Outside an aggregate a name is an attribute of the customer; `customer.x` says so outright.
 *   - In a `where`, a name is a field of the item, then of the row, then an attribute; `order.total` in a where over order.items is the
 *     row's. time, received, source, and of documents updated (latest update) are fields of every row, where the row has none so
 *     called; of an item they are the row's. event: in "any event", the name of the type.
 *   - m.field where m is a type of master data: the row's (or customer's) id of it, in the property m_id, else (product) sku, else m. A
 *     property that really is called "m.field" wins.
 *   - A literal compared with an id of master data may be its name: it is replaced by the id where exactly one has that name and
 *     no id is so written; `shown` keeps the name. Where several have it, and none that id, it is refused. Beside `event` the plain
 *     form of an event's name becomes the name.
 *
 * Types: numbers compare with numbers; texts with texts, by = != in contains ... only (no order); times and dates with each other
 * (a time and a date compare by the time's date in the workspace's zone); a text literal compared with a date or time is read as
 * one; bool with bool, and a bool is a condition by itself. gender is a number (0 unknown, 1 male, 2 female) and may be compared
 * with "male", "female", "unknown" too. A list takes contains, contains any/all, length, is missing. An aggregate stands wherever
 * its value may. A moment is a time, a date, first(x)/last(x) of rows. Adding or subtracting a duration literal to a moment gives a
 * time. Lists are asked, not computed: coalesce, if, least and = take single values. Money stays money through + - abs round least
 * ... and aggregates, times a number, over a number. Every operator with every type: check_matrix.def; what is said of wrong ones:
 * wrong.def.
 *
 * What may stand where:
 *   - An aggregate inside a where is about the customer, not about the row: it does not see the row, and its value is the same for
 *     all of the customer's rows. The one exception are the row's own items (any(items where ...)), which take no window. Windows
 *     see the customer only.
 *   - any, none, share and distinct days are about rows (or items), not about fields. A step of a sequence is an event or a document.
 *   - Relations go one hop, also through definitions.
 *   - matches takes its pattern as a literal; round its digits; "on" a date; distribution stands alone.
 *   - In a sequence the first step happens; an absence between two steps lasts from one to the other and takes no within; at its end one
 *     absence may stand, with a within or without. within of the steps that happen and within over all are not combined. */
#ifndef ONEFOLD_LANGUAGE_CHECK_H
#define ONEFOLD_LANGUAGE_CHECK_H

#include "govern/dictionary.h"
#include "govern/zone.h"
#include "history/master.h"
#include "language/tree.h"

enum definition_kind { DEFINITION_SEGMENT, DEFINITION_TAG, DEFINITION_METRIC };

/* What "in segment", tag(), metric() lead to. */
struct definition {
    uint32_t number;
    enum term_type type;           /* bool for segments */
    const struct node *expression; /* checked; evaluated in place. NULL: stored, in `attribute` or as a set */
    uint16_t
        attribute; /* stored as the attribute of this number: tags by hand, uploads ("tag.x", "segment.x"); else 0 */
};

struct vocabulary {
    const struct dictionary *dictionary;
    const struct master *master; /* may be NULL: names of master data stay as written */
    const struct zone *zone;     /* the workspace's */
    uint8_t week_start;          /* 1 Monday .. 7 Sunday */
    /* Definitions by name; both may be NULL. `each` is for suggestions. Called during the check only. */
    void *context;
    bool (*find)(void *context, enum definition_kind kind, struct slice name, struct definition *out);
    void (*each)(void *context, enum definition_kind kind, void (*name)(void *to, struct slice name), void *to);
    /* The definition whose expression is checked; `self` empty: none. What would lead back to it is refused. */
    enum definition_kind self_kind;
    struct slice self;
};

/* Checks `root` in place and says what it is. `expected` TERM_BOOL refuses anything but a condition, TERM_NONE takes anything
 * (TERM_DISTRIBUTION only at the top). Time literals without a zone get the workspace's.
 * Errors: INVALID with place, reason and likely fix, such as
 *     at 1: there is no attribute "ctiy"; did you mean "city"?
 *     at 9: "total" of order is money and cannot be compared with text "a lot"; write a number
 *     at 1: sum needs a number; order.status is text. Count it with count(order.status), or its different values with
 *           distinct(order.status)
 * TOO_LARGE where it would cost too much: more than CHECK_COST_MAX after definitions are put in place.
 * CONFLICT where a definition contains itself ("in segment" cycles), naming the circle.
 * "at 9:" (characters from 1) needs the text: check_text says it; check_tree gives `place`, the byte, alone; of a tree read from JSON it
 * says the path: at /of/1/where: ... Thread: any. */
#define CHECK_COST_MAX 2000 /* aggregates and sequences, nested ones multiplied */
enum status check_tree(const struct vocabulary *vocabulary, struct node *root, enum term_type expected,
                       struct arena *arena, struct fault *fault, uint32_t *place) WARN_UNUSED;
/* Parses and checks. */
enum status check_text(const struct vocabulary *vocabulary, struct slice text, enum term_type expected,
                       struct arena *arena, struct node **root, struct fault *fault, uint32_t *place) WARN_UNUSED;

/* What a checked tree depends on: what must change for its value to change. */
enum dependency_kind {
    DEPENDS_TYPE,      /* rows of dictionary type `number` (events, documents, relations) */
    DEPENDS_ATTRIBUTE, /* property `number` of type 0 */
    DEPENDS_MASTER,    /* master data of type `number` */
    DEPENDS_SET,       /* a stored set */
    DEPENDS_ANY_EVENT,
    DEPENDS_TIME,   /* the clock */
    DEPENDS_RELATED /* other customers, over relation type `number`: whatever depends inside its where, of them */
};
struct dependency {
    enum dependency_kind kind;
    uint32_t number;
    uint16_t over; /* of what lies inside a relation's where: the relation type; else 0 */
};
void check_dependencies(const struct node *root, void (*each)(void *context, const struct dependency *dependency),
                        void *context);

/* What may stand at byte `at` of `text`, for an editor: an array, best first, at most `limit`, of
 *     {"from":6,"insert":"count(","label":"count","kind":"function","en":"...","zh":"..."}
 * `insert` takes the place of text[from, at). Kinds: function, attribute, event, document, relation, field, segment, tag, metric, value,
 * window, operator. Values are candidate values: ids, labelled with the names of master data; what is or will be closed has
 * "valid_to". Never fails: text that is wrong so far gives what it can. Cost: O(dictionary); where values of master data are asked
 * for O(its ids). */
void check_complete(const struct vocabulary *vocabulary, struct slice text, uint32_t at, size_t limit,
                    struct json_writer *w);
/* What stands at byte `at`: null where nothing does, else
 *     {"word":"count","use":"...","en":"...","caution_en":"...","zh":"...","caution_zh":"...","type":"number"}
 * without what is empty. */
void check_hover(const struct vocabulary *vocabulary, struct slice text, uint32_t at, struct json_writer *w);

#endif

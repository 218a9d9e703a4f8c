/* definitions_build: snapshots put together from definitions, and trees checked against them. */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "audience/definitions.h"

/* --- definitions and workspaces, counted --- */

struct made *made_create(void) {
    struct made *made = memory_get(1, sizeof *made);
    atomic_store(&made->references, 1);
    return made;
}

struct made *made_hold(struct made *made) {
    atomic_fetch_add_explicit(&made->references, 1, memory_order_relaxed);
    return made;
}

void made_release(struct made *made) {
    if (!made || atomic_fetch_sub(&made->references, 1) > 1)
        return;
    for (uint32_t i = 0; i < made->held_count; i++)
        made_release(made->held[i]);
    arena_release(&made->arena);
    free(made);
}

static struct workspace *workspace_hold(struct workspace *workspace) {
    atomic_fetch_add_explicit(&workspace->references, 1, memory_order_relaxed);
    return workspace;
}

static void workspace_release(struct workspace *workspace) {
    if (atomic_fetch_sub(&workspace->references, 1) > 1)
        return;
    zone_free(workspace->zone);
    free(workspace);
}

/* --- what a check asks for --- */

static bool find_definition(void *context, enum definition_kind kind, struct slice name, struct definition *out) {
    const struct made *made = definition_find(context, (enum definition_sort)kind, name);
    if (!made)
        return false;
    *out = (struct definition){.number = made->number,
                               .type = made->type,
                               .expression = made->how == HOW_SCHEDULED ? NULL : made->tree,
                               .attribute = made->attribute};
    return true;
}

static void each_definition(void *context, enum definition_kind kind, void (*name)(void *to, struct slice name),
                            void *to) {
    const struct audience_snapshot *s = context;
    for (uint32_t i = 0; i + 1 < s->number_count; i++)
        if (s->by_name[i]->sort == (enum definition_sort)kind && !s->by_name[i]->deleted)
            name(to, s->by_name[i]->name);
}

/* --- snapshots --- */

static int compare_names(const void *a, const void *b) {
    const struct made *x = *(struct made *const *)a, *y = *(struct made *const *)b;
    int order = (x->sort > y->sort) - (x->sort < y->sort);
    return order ? order : slice_compare(x->name, y->name);
}

static void sort_names(struct audience_snapshot *s) {
    for (uint32_t n = 1; n < s->number_count; n++)
        s->by_name[n - 1] = s->by_number[n];
    qsort(s->by_name, s->number_count - 1, sizeof(struct made *), compare_names);
}

static void set_vocabulary(struct audience_snapshot *s, const struct definition_parts *parts) {
    s->vocabulary = (struct vocabulary){.dictionary = parts->dictionary,
                                        .master = parts->master,
                                        .zone = s->workspace->zone ? s->workspace->zone : zone_utc(),
                                        .week_start = s->workspace->week_start,
                                        .context = s,
                                        .find = find_definition,
                                        .each = each_definition};
}

static struct audience_snapshot *snapshot_new(uint32_t number_count) {
    struct audience_snapshot *s = memory_get(1, sizeof *s);
    atomic_store(&s->references, 1);
    s->number_count = number_count;
    s->by_number = memory_get(number_count, sizeof(struct made *));
    s->by_name = memory_get(number_count, sizeof(struct made *));
    return s;
}

struct audience_snapshot *snapshot_first(const struct definition_parts *parts) {
    struct audience_snapshot *s = snapshot_new(1);
    s->workspace = memory_get(1, sizeof *s->workspace);
    atomic_store(&s->workspace->references, 1);
    s->workspace->week_start = 1;
    set_vocabulary(s, parts);
    return s;
}

struct audience_snapshot *snapshot_hold(struct audience_snapshot *s) {
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void audience_snapshot_release(struct audience_snapshot *s) {
    if (!s || atomic_fetch_sub(&s->references, 1) > 1)
        return;
    for (uint32_t n = 1; n < s->number_count; n++)
        made_release(s->by_number[n]);
    workspace_release(s->workspace);
    free(s->by_number);
    free(s->by_name);
    free(s);
}

struct audience_snapshot *snapshot_of(const struct definition_parts *parts, struct made *const *all, uint32_t count,
                                      struct workspace *workspace) {
    struct audience_snapshot *s = snapshot_new(count + 1);
    for (uint32_t n = 1; n <= count; n++) {
        assert(all[n - 1]->number == n);
        s->by_number[n] = all[n - 1];
    }
    s->workspace = workspace;
    sort_names(s);
    set_vocabulary(s, parts);
    return s;
}

struct audience_snapshot *snapshot_with(const struct audience_snapshot *old, const struct definition_parts *parts,
                                        struct made *made, struct workspace *workspace) {
    uint32_t count = old->number_count - 1;
    struct made **all = memory_get(count + 1, sizeof(struct made *));
    for (uint32_t n = 1; n <= count; n++)
        if (!made || made->number != n)
            all[n - 1] = made_hold(old->by_number[n]);
    if (made) {
        assert(made->number >= 1 && made->number <= count + 1);
        all[made->number - 1] = made;
        count += made->number > count;
    }
    struct audience_snapshot *s =
        snapshot_of(parts, all, count, workspace ? workspace : workspace_hold(old->workspace));
    free(all);
    return s;
}

const struct made *definition_find(const struct audience_snapshot *s, enum definition_sort sort, struct slice name) {
    struct made key = {.sort = sort, .name = name};
    const struct made *wanted = &key;
    struct made **found = s->number_count > 1
                              ? bsearch(&wanted, s->by_name, s->number_count - 1, sizeof(struct made *), compare_names)
                              : NULL;
    return found && !(*found)->deleted ? *found : NULL;
}

const struct made *definition_numbered(const struct audience_snapshot *s, uint32_t number) {
    return number < s->number_count ? s->by_number[number] : NULL;
}

static bool uses(const struct made *made, uint32_t number) {
    for (uint32_t i = 0; i < made->use_count; i++)
        if (made->uses[i] == number)
            return true;
    return false;
}

const struct made *snapshot_user(const struct audience_snapshot *s, uint32_t number) {
    for (uint32_t n = 1; n < s->number_count; n++)
        if (!s->by_number[n]->deleted && n != number && uses(s->by_number[n], number))
            return s->by_number[n];
    return NULL;
}

/* --- trees --- */

struct using {
    const struct audience_snapshot *snapshot;
    struct made *made;
    uint32_t numbers[TREE_NODES_MAX];
    uint32_t count;
};

static void use_name(struct using *u, enum definition_sort sort, struct slice name) {
    const struct made *used = definition_find(u->snapshot, sort, name);
    bool known = !used;
    for (uint32_t i = 0; used && i < u->count && !known; i++)
        known = u->numbers[i] == used->number;
    if (!known && u->count < TREE_NODES_MAX)
        u->numbers[u->count++] = used->number;
}

static void use_node(struct using *u, const struct node *node) {
    if (!node)
        return;
    if (node->kind == NODE_CALL && node->first) {
        if (node->op == OP_IN_SEGMENT)
            use_name(u, SORT_SEGMENT, node->first->text);
        else if (node->op == OP_HAS_TAG || node->op == OP_TAG)
            use_name(u, SORT_TAG, node->first->text);
        else if (node->op == OP_METRIC)
            use_name(u, SORT_METRIC, node->first->text);
    }
    for (const struct node *child = node->first; child; child = child->next)
        use_node(u, child);
    use_node(u, node->source);
    use_node(u, node->where);
    use_node(u, node->window);
    use_node(u, node->within);
}

void made_note_uses(struct made *made, const struct audience_snapshot *s) {
    struct using *u = memory_get(1, sizeof *u);
    u->snapshot = s;
    use_node(u, made->tree);
    made->uses = arena_get(&made->arena, u->count * sizeof *made->uses + 1);
    made->held = arena_get(&made->arena, u->count * sizeof(struct made *) + 1);
    for (uint32_t i = 0; i < u->count; i++) {
        made->uses[i] = u->numbers[i];
        made->held[i] = made_hold(s->by_number[u->numbers[i]]);
    }
    made->use_count = made->held_count = u->count;
    free(u);
}

enum status made_check(struct made *made, const struct audience_snapshot *snapshot, struct slice text,
                       struct json_parser *p, const struct json *json, struct fault *fault) {
    struct buffer canonical = {0};
    struct vocabulary vocabulary = snapshot->vocabulary;
    struct node *root = NULL;
    bool condition = made->sort == SORT_SEGMENT;
    enum status status = STATUS_OK;
    vocabulary.self_kind = (enum definition_kind)made->sort;
    vocabulary.self = made->name;
    if (json && !(status = tree_read_json(p, json, &made->arena, &root, fault))) {
        tree_format(root, &canonical);
        text = arena_copy(&made->arena, buffer_slice(&canonical));
    }
    if (!status)
        status = check_text(&vocabulary, text, condition ? TERM_BOOL : TERM_NONE, &made->arena, &root, fault, NULL);
    if (!status) {
        buffer_clear(&canonical);
        tree_format(root, &canonical);
        made->tree = root;
        if (made->how != HOW_UPLOAD)
            made->expression = arena_copy(&made->arena, buffer_slice(&canonical));
        made_note_uses(made, snapshot);
    }
    buffer_release(&canonical);
    return status;
}

void attribute_expression(struct slice name, struct buffer *out) {
    buffer_print(out, "`segment.%.*s`", SLICE_ARG(name));
}

/* --- making anew what uses something --- */

static struct slice keep(struct made *made, struct slice text) {
    return text.size ? arena_copy(&made->arena, text) : SLICE_NONE;
}

/* A copy without its tree. */
static struct made *copy_made(const struct made *old) {
    struct made *made = made_create();
    struct arena arena = made->arena;
    _Atomic uint32_t *references = &made->references;
    memcpy((char *)made + sizeof *references, (const char *)old + sizeof *references,
           sizeof *made - sizeof *references);
    made->arena = arena;
    made->name = keep(made, old->name);
    made->expression = keep(made, old->expression);
    made->description = keep(made, old->description);
    made->type_name = keep(made, old->type_name);
    made->schedule_text = keep(made, old->schedule_text);
    made->versions = arena_get(&made->arena, old->version_count * sizeof *made->versions + 1);
    for (uint32_t i = 0; i < old->version_count; i++) {
        made->versions[i] = old->versions[i];
        made->versions[i].how = keep(made, old->versions[i].how);
        made->versions[i].expression = keep(made, old->versions[i].expression);
    }
    made->tree = NULL;
    made->uses = NULL;
    made->held = NULL;
    made->use_count = made->held_count = 0;
    assert(made->sort != SORT_SUBSCRIPTION);
    return made;
}

struct again {
    struct audience_snapshot *snapshot;
    bool *wanted, *done;
    uint32_t *order, count;
};

static bool has_expression(const struct made *made) {
    return !made->deleted && made->sort != SORT_SUBSCRIPTION &&
           (made->expression.size || (made->how == HOW_UPLOAD && made->attribute));
}

static void want_users(struct again *g, uint32_t number) {
    const struct audience_snapshot *s = g->snapshot;
    bool more = true;
    if (number)
        g->wanted[number] = true;
    while (more) {
        more = false;
        for (uint32_t n = 1; n < s->number_count; n++) {
            const struct made *made = s->by_number[n];
            bool wanted = number == 0;
            for (uint32_t i = 0; i < made->use_count && !wanted; i++)
                wanted = g->wanted[made->uses[i]];
            if (wanted && !g->wanted[n] && has_expression(made))
                more = g->wanted[n] = true;
        }
    }
    if (number)
        g->wanted[number] = false; /* it stands already */
}

static void put_in_order(struct again *g, uint32_t n) {
    const struct made *made = g->snapshot->by_number[n];
    if (!g->wanted[n] || g->done[n])
        return;
    g->done[n] = true;
    for (uint32_t i = 0; i < made->use_count; i++)
        put_in_order(g, made->uses[i]);
    g->order[g->count++] = n;
}

/* Those that come after it find it by name. */
static void put_in_place(struct audience_snapshot *s, struct made *old, struct made *made) {
    uint32_t i = 0;
    while (s->by_name[i] != old)
        i++;
    s->by_name[i] = made;
    s->by_number[old->number] = made;
    made_release(old);
}

static enum status make_one_again(struct audience_snapshot *s, uint32_t n, struct slice bindings, struct fault *fault) {
    struct made *old = s->by_number[n], *made = copy_made(old);
    struct buffer attribute = {0};
    struct fault reason = {0};
    struct slice text = made->expression;
    if (made->how == HOW_UPLOAD) {
        attribute_expression(made->name, &attribute);
        text = buffer_slice(&attribute);
    }
    enum status status = STATUS_OK;
    if (!made_bind(made, s, text, bindings_find(bindings, n)))
        status = made_check(made, s, text, NULL, NULL, &reason);
    buffer_release(&attribute);
    if (status) {
        made_release(made);
        return fault_set(fault, STATUS_CONFLICT, "%s \"%.*s\" uses it and would be wrong: %s",
                         definition_sort_name(old->sort), SLICE_ARG(old->name), reason.text);
    }
    put_in_place(s, old, made);
    return STATUS_OK;
}

/* The numbers that want_users finds, in order of use; free() them. */
static uint32_t *order_again(struct audience_snapshot *s, uint32_t number, uint32_t *count) {
    struct again g = {.snapshot = s,
                      .wanted = memory_get(s->number_count, sizeof(bool)),
                      .done = memory_get(s->number_count, sizeof(bool)),
                      .order = memory_get(s->number_count, sizeof(uint32_t))};
    want_users(&g, number);
    for (uint32_t n = 1; n < s->number_count; n++)
        put_in_order(&g, n);
    free(g.wanted);
    free(g.done);
    *count = g.count;
    return g.order;
}

enum status snapshot_make_again(struct audience_snapshot *s, uint32_t number, struct slice bindings, uint32_t **again,
                                uint32_t *again_count, struct fault *fault) {
    enum status status = STATUS_OK;
    *again = order_again(s, number, again_count);
    for (uint32_t i = 0; i < *again_count && !status; i++)
        status = make_one_again(s, (*again)[i], bindings, fault);
    return status;
}

void snapshot_check_again(struct audience_snapshot *s, uint32_t **again, uint32_t *again_count) {
    *again = order_again(s, 0, again_count);
    for (uint32_t i = 0; i < *again_count; i++)
        if (make_one_again(s, (*again)[i], SLICE_NONE, NULL))
            continue; /* it goes on with the types it was checked with: what is of another now is missing to it */
}

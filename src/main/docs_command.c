/* docs_command: `onefold docs [PAGE]`: the pages that are made from tables, for docs/; a stale copy fails the tests. */
#include <stdio.h>
#include <string.h>

#include "insight/insight.h"
#include "language/reference.h"
#include "main/args.h"
#include "main/commands.h"
#include "serve/serve.h"

static const struct {
    const char *name;
    void (*write)(struct buffer *into);
} pages[] = {
    {"api", serve_write_reference}, {"language", language_write_reference}, {"insight", insight_write_reference}};

int docs_command(int argc, char **argv) {
    const struct arg table[] = {{0}};
    const char *name = pages[0].name;
    int names = 1;
    struct buffer page = {0};
    args_parse(argc, argv, "docs list|api|language|insight > docs/PAGE.md", table, &name, &names);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(pages[i].name, name) == 0)
            pages[i].write(&page);
        if (strcmp(name, "list") == 0) {
            buffer_add_slice(&page, slice_text(pages[i].name));
            buffer_add_char(&page, '\n');
        }
    }
    if (page.size == 0)
        fprintf(stderr, "onefold docs: there is no page \"%s\"; \"onefold docs list\" names them\n", name);
    if (page.size)
        fwrite(page.data, 1, page.size, stdout);
    int code = page.size ? 0 : 2;
    buffer_release(&page);
    return code;
}

/* docs_command: `onefold docs`: the pages that are made from tables, for docs/; a stale copy fails the tests. */
#include <stdio.h>

#include "main/args.h"
#include "main/commands.h"
#include "serve/serve.h"

int docs_command(int argc, char **argv) {
    const struct arg table[] = {{0}};
    struct buffer page = {0};
    args_parse(argc, argv, "docs > docs/api.md", table, NULL, NULL);
    serve_write_reference(&page);
    fwrite(page.data, 1, page.size, stdout);
    buffer_release(&page);
    return 0;
}

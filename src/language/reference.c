/* reference: the page for people who write expressions. What is said of a single operator or window comes from the tables; here stand the rules
 * that hold for all, the grammar and the form of the JSON. reference_test fails when docs/language.md is another text. */
#include "language/reference.h"

#include "language/check.h"
#include "language/tree_inside.h"

static const char preface[] =
    "<!-- Made from src/language/operator.def, windows.def and reference.c; reference_test fails when this is stale. "
    "-->\n"
    "# The language of segments, tags and metrics\n"
    "\n"
    "One expression says who belongs to a segment, what a tag's value is, or how a metric is computed. It is about one "
    "customer: their\n"
    "attributes, their events and documents, those they are related to, and the segments and tags they have. The same\n"
    "expression is evaluated for one customer the moment something happens, and for all of them at once when you ask; "
    "the answer is\n"
    "the same.\n"
    "\n"
    "    city in (\"上海\", \"杭州\") and gender != \"male\"             -- also true where the gender is unknown\n"
    "    count(order, last 30 days) >= 3 and sum(order.total, last 365 days) > 5000\n"
    "    any(order.items where product.category = \"护肤\" and price > 300, last 90 days)\n"
    "    days since last(order) between 30 and 60\n"
    "    last(order).total > 1.5 * avg(order.total)\n"
    "    sequence(product_viewed -> product_added -> not order within 3 days)\n"
    "    in segment \"核心客户\" and not in segment \"投诉中\"\n"
    "    any(guardian_of where age(birthday) < 3)\n"
    "\n"
    "## Rules\n"
    "\n"
    "1. **True or false, nothing between.** A condition is either true or false. A missing value equals nothing: every "
    "comparison with\n"
    "   it is false. `!=` is exactly \"not =\", so it is true where the value is missing; so are `not in` and `not "
    "contains`. Ask\n"
    "   for it outright with `is missing` and `is present`.\n"
    "2. **Missing goes through arithmetic.** A sum, product or function of a missing value is missing; `coalesce(x, "
    "0)` gives it a value.\n"
    "   `count`, `sum`, `distinct` and `distinct days` of no rows are 0; `avg`, `min`, `max`, `median`, `first`, "
    "`last`, `top` and\n"
    "   `share` of no rows are missing.\n"
    "3. **Numbers are exact.** Up to six decimals nothing is rounded, in money or elsewhere, also over millions of "
    "rows. What has more\n"
    "   decimals (a third, say) is the nearest double.\n"
    "4. **Windows are half-open** and in the workspace's time zone: the start is in, the end is not. Rolling windows "
    "(`last 30 days`)\n"
    "   leave out their start instead and hold now. Fixed and calendar windows begin at midnight.\n"
    "5. **Events, documents, relations.** An event is a row for each time it happened. A document (an order, a "
    "contract) is one row\n"
    "   however often it was updated, with its latest values, at the time of its first update. A relation's rows are "
    "the customers at\n"
    "   the other end; what stands in its `where` is about them.\n"
    "6. **Order and ties.** Rows are in the order of their time; of equal times the one received first is earlier. "
    "`top` prefers,\n"
    "   among equally frequent values, the one seen last.\n"
    "7. **Names.** A type may be written as it is, in backticks where it has blanks (`` `Product Viewed` ``), or "
    "plainly: lower case,\n"
    "   blanks as `_` (`product_viewed`). Documents win over events, events over relations. Backticks ask for exactly "
    "that name.\n"
    "   Outside an aggregate a name is an attribute of the customer, and `customer.x` says so outright. In a `where` a "
    "name is a\n"
    "   field of the line item, else of the row, else an attribute of the customer. Every row also has `time`, "
    "`received` and `source`;\n"
    "   documents `updated`; rows of `any event` have `event`, the name of their type.\n"
    "8. **Line items.** `order.items` are the lines of an order, each a row of its own with its order's time. Inside,\n"
    "   `order.total` is of the order the line is in. In a `where` over orders, `any(items where ...)` looks into that "
    "order's lines.\n"
    "9. **Master data.** `product.category` is the category of the product whose id the row carries (in `product_id`, "
    "else `sku`,\n"
    "   else `product`), as it stands now. Conditions keep ids: a name compared with an id is replaced by it where "
    "exactly one has\n"
    "   that name. What is closed or delisted stays valid; `product.valid_to` says since when it is, "
    "`product.valid_from` since when it is as it is.\n"
    "10. **Types.** Numbers compare with numbers, texts with texts (`=`, `!=`, `in`, `contains` ...; they have no "
    "order), dates and times\n"
    "   with each other (a time by its date). A text compared with a date or time is read as one. gender is a number "
    "(0 unknown, 1\n"
    "   male, 2 female) and may be compared with `\"male\"`, `\"female\"`, `\"unknown\"`.\n"
    "11. **Moments and durations.** A moment is a time, a date (its first instant), or first/last of rows. "
    "`last(order) + 30 days` is a\n"
    "   moment; so is `3 days ago`. Added to a moment, days and longer units are those of the calendar in the "
    "workspace's zone: a day later it\n"
    "   is the same time of day, also where clocks were changed; a month after 31 January is the last day of "
    "February. `last 30 days`,\n"
    "   `within 3 days` and `days since` measure: a day in them is 24 hours.\n"
    "12. **Definitions in definitions.** `in segment`, `has tag`, `tag(...)` and `metric(...)` put another definition "
    "in place; one that\n"
    "   contains itself is refused.\n"
    "13. **Time passes.** An answer that changes by time alone (nobody has to do anything for \"no order for 30 "
    "days\") changes when it is due.\n"
    "\n"
    "### 规则\n"
    "\n"
    "1. **非真即假。** 条件只有真和假。缺失值不等于任何值，与它的任何比较都为假。`!=` "
    "就是“不等于”的否定，缺失时为真；`not in`、`not contains`\n"
    "   也一样。要直接判断请用 `is missing`、`is present`。\n"
    "2. **缺失会传递。** 与缺失值做运算，结果仍缺失；`coalesce(x, 0)` 可给出默认值。没有记录时 "
    "`count`、`sum`、`distinct`、`distinct days`\n"
    "   为 0；`avg`、`min`、`max`、`median`、`first`、`last`、`top`、`share` 为缺失。\n"
    "3. **数字精确。** 六位小数以内不做任何舍入，金额与其他数字一样；超过六位的为最接近的浮点数。\n"
    "4. **时间窗口左闭右开**，按工作区时区：含起点，不含终点。滚动窗口（`last 30 "
    "days`）不含起点，含此刻。固定和自然周期窗口从零点开始。\n"
    "5. **事件、单据、关系。** "
    "事件每发生一次就是一条记录。单据（订单、合同）无论更新多少次只算一条，取最新内容，时间为首次更新的时间。\n"
    "   关系的记录是另一端的客户，其 `where` 针对他们。\n"
    "6. **先后与并列。** 记录按时间排序，时间相同则先收到的在前。`top` 在次数相同时取最近出现的值。\n"
    "7. **名称。** 类型可按原名书写，含空格时加反引号（`` `Product Viewed` ``），也可用简写：小写、空格写成 "
    "`_`（`product_viewed`）。\n"
    "   聚合之外的名称是客户属性，`customer.x` 可明确指定。`where` 中的名称依次为明细、记录、客户属性的字段。\n"
    "8. **明细。** `order.items` 是订单的各行，每行一条记录，时间同订单；其中 `order.total` 指所在订单的字段。\n"
    "9. **主数据。** `product.category` 是该商品当前的类目。条件保存编码，界面显示名称；已关闭、已下架的仍然有效，\n"
    "   `product.valid_to` 为其关闭时间。\n"
    "10. **类型。** 数字与数字比较，文本与文本比较（没有大小顺序），日期与时间可互相比较。\n"
    "11. **时刻与时长。** `last(order) + 30 days`、`3 days ago` "
    "都是时刻。与时刻相加减时，天及更长的单位按工作区日历计算：一天后是同一钟点，跨夏令时也如此；"
    "`last 30 days`、\n"
    "   `within 3 days` 和 `days since` 则按 24 小时为一天。\n"
    "12. **引用其他定义。** `in segment`、`has tag`、`tag(...)`、`metric(...)` 引用其他定义；不能直接或间接包含自己。\n"
    "13. **随时间变化。** 仅因时间流逝而变化的结果（如“30 天未下单”）会在到期时自动更新。\n"
    "\n"
    "## Writing\n"
    "\n"
    "    expression := or                      or := and (\"or\" and)*            and := not (\"and\" not)*\n"
    "    not        := \"not\" not | comparison\n"
    "    comparison := sum [ (\"=\" | \"!=\" | \"<\" | \"<=\" | \">\" | \">=\") sum | [\"not\"] \"between\" sum "
    "\"and\" sum\n"
    "                      | [\"not\"] \"in\" \"(\" sum (\",\" sum)* \")\" | [\"not\"] \"contains\" sum\n"
    "                      | [\"not\"] \"contains\" (\"any\" | \"all\") \"(\" sum (\",\" sum)* \")\"\n"
    "                      | [\"not\"] (\"starts with\" | \"ends with\" | \"matches\") sum | \"is\" [\"not\"] "
    "(\"missing\" | \"present\") ]\n"
    "    sum        := product ((\"+\" | \"-\") product)*       product := unary ((\"*\" | \"/\" | \"%\") unary)*\n"
    "    unary      := \"-\" unary | primary\n"
    "    primary    := literal | name | \"(\" expression \")\" | function \"(\" arguments \")\" | \"now\" | \"today\" "
    "| \"days since\" unary\n"
    "                | aggregate | sequence | \"in segment\" text | \"has tag\" text | (\"tag\" | \"metric\" | "
    "\"score\") \"(\" text \")\"\n"
    "    aggregate  := word \"(\" source [\"where\" expression] [\",\" window] \")\" [\".\" name]     -- a field only "
    "after first, last\n"
    "    source     := name | \"any event\"\n"
    "    sequence   := word \"(\" step (\"->\" step)* (\",\" (\"within\" duration | window))* \")\"\n"
    "    step       := [\"not\"] source [\"where\" expression] [\"within\" duration]\n"
    "    window     := \"last\" duration | \"today\" | \"yesterday\" | (\"this\" | \"last\" | \"previous\") (\"week\" "
    "| \"month\" | \"quarter\" | \"year\")\n"
    "                | \"since\" sum | \"before\" sum | \"after\" sum | \"from\" sum \"to\" sum | \"on\" sum | "
    "duration (\"after\" | \"before\") sum\n"
    "    duration   := number unit             unit := second(s) minute(s) hour(s) day(s) week(s) month(s) quarter(s) "
    "year(s)\n"
    "    literal    := 12 | 12.50 | 1e6 | \"text\" | true | false | 2026-01-31 | 2026-01-31T08:00[:00[.000]][Z|+08:00] "
    "| duration [\"ago\"]\n"
    "    name       := piece (\".\" piece)*      piece := letters, digits, _ (any alphabet, no digit first) | "
    "`anything`\n"
    "\n"
    "Words are known in any case. `--` begins a comment to the end of the line. In texts `\\\"`, `\\\\`, `\\n`, `\\t` "
    "and `\\u{1F600}` are\n"
    "known; in backticks a doubled one stands for one. The marks of Chinese keyboards are read as their twins: （ ） "
    "， “ ” ＝ ＜ ＞ ≤ ≥ ≠ →.\n"
    "A name cannot begin with these words unless in backticks: or, and, not, between, in, contains, matches, is, "
    "where, true, false, now,\n"
    "today, anniversary. Words of functions are names wherever no `(` follows. A comparison cannot follow another (`a "
    "= b = c`): join\n"
    "them with `and`. Put blanks around a minus: `a--b` is a comment.\n"
    "\n"
    "What is stored is the canonical text: single blanks, parentheses only where needed, words in lower case, numbers "
    "without needless\n"
    "zeros, times with their zone in UTC, `x not in (...)` for `not x in (...)`, `is present` for `is not missing`,\n"
    "`previous month` for `last month`. Comments are not kept.\n";

/* The first operator of each group, in the order of operator.def. */
static const struct {
    enum op first;
    const char *title;
} groups[] = {{OP_OR, "Conditions · 逻辑"},
              {OP_EQUAL, "Comparisons · 比较"},
              {OP_ADD, "Arithmetic · 算术"},
              {OP_ABS, "Functions of numbers and values · 数值函数"},
              {OP_LOWER, "Functions of text · 文本函数"},
              {OP_NOW, "Dates and times · 日期与时间"},
              {OP_COUNT, "Aggregates over rows · 聚合"},
              {OP_SEQUENCE, "Sequences · 行为序列"},
              {OP_IN_SEGMENT, "Other definitions · 引用其他定义"}};

static const char json_forms[] =
    "\n## As JSON\n\n"
    "Wherever an expression is taken as text it may be given as a tree, for the visual builder and for programs. Text "
    "to tree to text\n"
    "loses nothing but comments and blanks. A member that is not listed is refused, with the path to it.\n\n"
    "| node | JSON | text |\n|---|---|---|\n"
    "| number | `{\"number\":\"12.5\"}` or `12.5` | `12.5` |\n"
    "| text | `{\"text\":\"x\"}` or `\"x\"` | `\"x\"` |\n"
    "| true, false | `{\"bool\":true}` or `true` | `true` |\n"
    "| date | `{\"date\":\"2026-01-31\"}` | `2026-01-31` |\n"
    "| time | `{\"time\":\"2026-01-31T08:00:00Z\"}`; without Z in the workspace's zone | `2026-01-31T08:00:00Z` |\n"
    "| duration | `{\"duration\":3,\"unit\":\"day\",\"ago\":true}`; `ago` may be left out | `3 days ago` |\n"
    "| name | `{\"name\":[\"customer\",\"city\"]}`; `{\"quoted\":\"city\"}` for a piece in backticks that need not be "
    "| `customer.city` |\n"
    "| operator, function | `{\"op\":\">=\",\"of\":[a, b]}`; `op` is the word, also of `not`, `in`, `is missing`, "
    "`days since`, `in segment`; "
    "`-` of one is the sign, `now` needs no `of` | `a >= b` |\n"
    "| aggregate | `{\"op\":\"count\",\"source\":[\"order\",\"items\"],\"where\":a,\"window\":w}`; `source` may be "
    "`\"any event\"`; "
    "first and last may have `\"field\":[\"total\"]` | `count(order.items where a, w)` |\n"
    "| sequence | `{\"op\":\"sequence\",\"steps\":[step, step],\"within\":duration,\"window\":w}` | `sequence(step -> "
    "step, within 3 days, w)` |\n"
    "| step | `{\"not\":true,\"source\":[\"order\"],\"where\":a,\"within\":duration}` | `not order where a within 3 "
    "days` |\n"
    "| window | `{\"last\":30,\"unit\":\"day\"}` | `last 30 days` |\n"
    "| | `{\"today\":true}`, `{\"yesterday\":true}` | `today`, `yesterday` |\n"
    "| | `{\"this\":\"month\"}`, `{\"previous\":\"month\"}`; week, month, quarter, year | `this month`, `previous "
    "month` |\n"
    "| | `{\"since\":a}`, `{\"before\":a}`, `{\"after\":a}`, `{\"on\":a}` | `since a` ... |\n"
    "| | `{\"from\":a,\"to\":b}` | `from a to b` |\n"
    "| | `{\"span\":7,\"unit\":\"day\",\"after\":a}`, or `\"before\"` | `7 days after a` |\n"
    "\nBeside a literal, `\"shown\"` is what was written where the check put something else in its place: an id for a "
    "name of master\n"
    "data, a number for a gender. It is not read back.\n"
    "\n"
    "    {\"op\":\"and\",\"of\":[\n"
    "      {\"op\":\">=\",\"of\":[{\"op\":\"count\",\"source\":[\"order\"],\"window\":{\"last\":30,\"unit\":\"day\"}}, "
    "{\"number\":\"3\"}]},\n"
    "      {\"op\":\"not\",\"of\":[{\"op\":\"in segment\",\"of\":[{\"text\":\"投诉中\"}]}]}]}\n";

static void write_limits(struct buffer *into) {
    buffer_print(into,
                 "\n## Limits\n\n"
                 "| what | at most |\n|---|---|\n"
                 "| text, canonical too | %d bytes |\n"
                 "| levels of a tree | %d |\n"
                 "| parts (nodes) of a tree | %d |\n"
                 "| values after in, contains any, contains all | %d |\n"
                 "| conditions joined by one and, or one or | %u |\n"
                 "| steps of a sequence | %u |\n"
                 "| pieces of a name | %d |\n"
                 "| units of a window or duration | %lld days, %lld years, and so on |\n"
                 "| cost: aggregates and sequences, nested ones multiplied, other definitions put in place; two texts "
                 "joined count 16 | %d |\n"
                 "\nWhat passes a limit is refused with a sentence that says which. A wrong expression gets the place "
                 "(the character, from 1), the\n"
                 "reason and, where it can be told, what was meant:\n\n"
                 "    conut(order) > 3          at 1: \"conut\" is not known; did you mean \"count\"?\n"
                 "    city == \"上海\"            at 6: \"==\" is not known; equal is written =\n",
                 TREE_TEXT_BYTES_MAX, TREE_DEPTH_MAX, TREE_NODES_MAX, TREE_LIST_MAX, operator_row(OP_AND)->most,
                 operator_row(OP_SEQUENCE)->most, NAME_PIECES_MAX, (long long)tree_amount_max(UNIT_DAY),
                 (long long)tree_amount_max(UNIT_YEAR), CHECK_COST_MAX);
}

struct texts {
    const char *use, *meaning_en, *caution_en, *meaning_zh, *caution_zh, *example;
};

static void write_entry(struct buffer *into, const struct texts *t) {
    buffer_print(into, "\n### `%s`\n\n%s", t->use, t->meaning_en);
    if (t->caution_en[0])
        buffer_print(into, " *Mind:* %s", t->caution_en);
    buffer_print(into, "\n\n%s", t->meaning_zh);
    if (t->caution_zh[0])
        buffer_print(into, "*注意：*%s", t->caution_zh);
    buffer_print(into, "\n\n    %s\n", t->example);
}

static void write_operators(struct buffer *into) {
    size_t group = 0;
    for (int op = 1; op < OP_COUNT_; op++) {
        const struct operator_row *row = operator_row(op);
        if (group < sizeof groups / sizeof *groups && groups[group].first == (enum op)op)
            buffer_print(into, "\n## %s\n", groups[group++].title);
        write_entry(into, &(struct texts){row->use, row->meaning_en, row->caution_en, row->meaning_zh, row->caution_zh,
                                          row->example});
    }
}

static void write_windows(struct buffer *into) {
    buffer_print(into, "\n## Windows · 时间窗口\n\nA window stands after a comma inside an aggregate or a sequence, "
                       "and bounds the rows' time.\n"
                       "Where a moment in it is missing, no row is in it.\n");
    for (int kind = WINDOW_ROLLING; kind <= WINDOW_AFTER; kind++) {
        const struct window_row *row = window_row(kind);
        write_entry(into, &(struct texts){row->use, row->meaning_en, row->caution_en, row->meaning_zh, row->caution_zh,
                                          row->example});
    }
}

void language_write_reference(struct buffer *into) {
    buffer_print(into, "%s", preface);
    write_operators(into);
    write_windows(into);
    buffer_print(into, "%s", json_forms);
    write_limits(into);
}

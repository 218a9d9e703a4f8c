# The commands. Each installs what is missing (tools/setup), builds what it needs (tools/build) and says what went wrong.
.PHONY: all debug clang demo test test-long bench tsan format check docs clean

all:
	@tools/setup --build
	@tools/build release

# Address and undefined-behaviour sanitizers
debug:
	@tools/setup --build
	@tools/build debug

clang:
	@tools/setup
	@tools/build clang

# A simulated company sent through the real doors, and what was found in it. ARGS="--help" shows its options.
demo: all
	@build/release/onefold demo $(ARGS)

# Everything, in a few minutes; the last line counts. ARGS="log serve" runs only tests whose names hold one of these words.
test:
	@tools/setup --clients
	@tools/build release onefold
	@tools/build debug meson-test-prereq
	@tools/run_tests debug $(ARGS)

# The same with longer fuzzing and more seeds, for the night
test-long:
	@tools/setup --clients
	@tools/build release onefold
	@tools/build debug meson-test-prereq
	@tools/run_tests debug --long $(ARGS)

# Those tests that start threads, under the thread sanitizer
tsan:
	@tools/setup --build
	@tools/build tsan onefold
	@tools/build tsan meson-test-prereq
	@tools/run_tests tsan --suite threads $(ARGS)

# Every bench; two of them stand beside ClickHouse and DuckDB, which come from npm
bench: all
	@tools/setup --peers || echo "bench: without ClickHouse and DuckDB"
	@build/release/onefold bench all --json > build/results.json && mv build/results.json bench/results.json
	@cat bench/results.json

format:
	@tools/setup
	@tools/format

check:
	@tools/setup
	@tools/format --check
	@tools/include_graph --check
	@tools/build clang

# Reference pages made from the .def tables
docs: all
	@for page in $$(build/release/onefold docs list); do build/release/onefold docs $$page > build/$$page.md && mv build/$$page.md docs/$$page.md; done

clean:
	rm -rf build

# The targets for the programs that a Makefile has named; included after them.

programs: $(PROGRAMS)

# Rebuild when the version or the compiler changes, and not otherwise.
SETTINGS := $(DEFINES) $(STATIC_CC) $(CC)
$(OBJ)/settings: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(call quote,$(SETTINGS)) | cmp -s - $@ || printf '%s\n' $(call quote,$(SETTINGS)) >$@
quote = '$(subst ','\'',$(1))'

check: $(TESTS)
	@for test in $(TESTS); do \
		UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1 $$test || exit 1; \
	done

fuzz: $(FUZZERS)
	@for fuzzer in $(FUZZERS); do \
		mkdir -p $$fuzzer.corpus && \
		$$fuzzer -max_total_time=$(FUZZ_TIME) -print_final_stats=1 -artifact_prefix=$$fuzzer.crash- $$fuzzer.corpus || exit 1; \
	done

FORMATTED = $(wildcard $(HERE)/*/*.[ch] $(HERE)/*/tests/*.[ch])

format:
	$(CLANG_FORMAT) -i $(FORMATTED)

format-check:
	$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)

clean:
	rm -rf $(OBJ)
	rm -f $(PROGRAMS)

FORCE:
.PHONY: all programs check fuzz format format-check clean FORCE

# How native programs are made. The Makefile of a directory of them sets HERE, includes this, names its programs, and
# includes targets.mk:
#   make -C DIRECTORY [all|check|fuzz|format|format-check|clean]  VARIABLE=value ...
#
#   OUT        where the programs go                         (default: dist/native at the top of the repository)
#   OBJ        where tests and other by-products go          (default: $(OUT)/obj)
#   VERSION    the version that -v shows                     (default: the one in package.json)
#   REVISION   the git revision that -v shows                (default: unknown)
#   BUILD_ID   version and content hash: names the daemon, so that each build has its own
#              (default: $(VERSION)-dev); letters, digits, '.', '_' and '-', at most 40
#   STATIC_CC  the compiler of the static programs           (default: musl-gcc if there is one, else $(CC) -static)
#   FUZZ_TIME  how long each fuzzer of `make fuzz` runs, in seconds (default: 60)
#   CLANG_FORMAT, FUZZ_CC                                    (default: clang-format, clang)
#
# A program is a directory: its *.c make the program, its tests/test-*.c one test program each (linked with the sources
# of the directory except main.c), its tests/fuzz-*.c one libFuzzer target each. Code that programs share is a directory
# without main.c, which they name. To add a program, add a line to the Makefile.

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

TOP      := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../../..)
OUT      ?= $(TOP)/dist/native
OBJ      ?= $(OUT)/obj
VERSION  ?= $(shell sed -n 's/^  "version": "\(.*\)",$$/\1/p' $(TOP)/package.json)
REVISION ?= unknown
BUILD_ID ?= $(VERSION)-dev
FUZZ_TIME ?= 60
CLANG_FORMAT ?= clang-format
FUZZ_CC  ?= clang
ifeq ($(origin CC),default)
CC       := gcc
endif

# musl: the launcher is 83 KB against 719 KB with glibc, and runs (-v) in 0.08 ms against 0.22 ms.
STATIC_CC ?= $(if $(shell command -v musl-gcc 2>/dev/null),musl-gcc,$(CC))

# _GNU_SOURCE with an empty value: then a file may also define it itself.
DEFINES  := -D_GNU_SOURCE= -DLXCRI_BUILD='"$(BUILD_ID)"' -DLXCRI_VERSION='"$(VERSION)"' -DLXCRI_REVISION='"$(REVISION)"'
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
BASE     := -std=c11 $(WARNINGS) $(DEFINES)

# Branch protection has another name on each architecture; what the compiler does not know is left out.
flag_if_known = $(shell $(1) -Werror $(2) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(2))
HARDEN_C  = -fstack-protector-strong $(call flag_if_known,$(1),-fstack-clash-protection) \
            $(call flag_if_known,$(1),-fcf-protection=full) $(call flag_if_known,$(1),-mbranch-protection=standard)
HARDEN_LD := -Wl,-z,relro,-z,now,-z,noexecstack

# Not position-independent: a static program that relocates itself at each start is slower, and its maps say as much.
STATIC_FLAGS  := -O2 -D_FORTIFY_SOURCE=2 $(call HARDEN_C,$(STATIC_CC)) -fno-pie -ffunction-sections -fdata-sections
STATIC_LINK   := -static -no-pie -s -Wl,--gc-sections $(HARDEN_LD)
DYNAMIC_FLAGS := -O2 -D_FORTIFY_SOURCE=2 $(call HARDEN_C,$(CC)) -fPIE
DYNAMIC_LINK  := -pie -s $(HARDEN_LD)
CHECK_FLAGS   := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_FLAGS    := -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

PROGRAMS :=
TESTS    :=
FUZZERS  :=

# $(call program,directory,name of the binary,compiler,compile flags,link flags and libraries,shared directories,flags
# and libraries for tests). A directory of shared code with tests of its own: name of the binary "".
define program
$(1)_HEADERS := $$(wildcard $$(foreach dir,$(1) $(1)/tests $(6),$$(HERE)/$$(dir)/*.h) $$(TOP)/packaging/build/native/testing/*.h)
$(1)_SOURCES := $$(wildcard $$(foreach dir,$(1) $(6),$$(HERE)/$$(dir)/*.c))
$(1)_LIBRARY := $$(filter-out %/main.c,$$($(1)_SOURCES))
$(1)_TESTS   := $$(patsubst $$(HERE)/$(1)/tests/%.c,$$(OBJ)/$(1)/%,$$(wildcard $$(HERE)/$(1)/tests/test-*.c))
$(1)_FUZZERS := $$(patsubst $$(HERE)/$(1)/tests/%.c,$$(OBJ)/$(1)/%,$$(wildcard $$(HERE)/$(1)/tests/fuzz-*.c))
TESTS   += $$($(1)_TESTS)
FUZZERS += $$($(1)_FUZZERS)

ifneq ($(2),)
PROGRAMS += $$(OUT)/$(2)
$$(OUT)/$(2): $$($(1)_SOURCES) $$($(1)_HEADERS) $$(OBJ)/settings
	@mkdir -p $$(@D)
	$(3) $$(BASE) $(4) -I$$(HERE) -o $$@ $$(filter %.c,$$($(1)_SOURCES)) $(5)
endif

$$($(1)_TESTS): $$(OBJ)/$(1)/%: $$(HERE)/$(1)/tests/%.c $$($(1)_LIBRARY) $$($(1)_HEADERS) $$(OBJ)/settings
	@mkdir -p $$(@D)
	$$(CC) $$(BASE) $$(CHECK_FLAGS) -I$$(HERE) -I$$(HERE)/$(1) -I$$(TOP)/packaging/build/native -o $$@ $$< $$($(1)_LIBRARY) $(7)

$$($(1)_FUZZERS): $$(OBJ)/$(1)/%: $$(HERE)/$(1)/tests/%.c $$($(1)_LIBRARY) $$($(1)_HEADERS) $$(OBJ)/settings
	@mkdir -p $$(@D)
	$$(FUZZ_CC) $$(BASE) $$(FUZZ_FLAGS) -I$$(HERE) -I$$(HERE)/$(1) -I$$(TOP)/packaging/build/native -o $$@ $$< $$($(1)_LIBRARY) $(7)
endef

all: programs

# SPDX-License-Identifier: MIT
# The one build of runnel. GNU make and a C compiler (gcc >= 11 or clang >= 14) are all it needs; `make help` lists
# what it can do. Everything that it makes lies under build/.

VERSION   := 0.1.0
SONAME    := librunnel.so.0
BUILD     ?= release
PREFIX    ?= /usr/local
LIBDIR    ?= $(PREFIX)/lib
MANDIR    ?= $(PREFIX)/share/man
BUILD_DIR ?= build

ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-builtin-rules

# ThreadSanitizer follows switches between tasks only in clang (gcc 12 runs out of fibers); gcc has no guards.
ifneq ($(filter tsan-default jitter-default,$(BUILD)-$(origin CC)),)
CC := clang
OUT := $(BUILD_DIR)/$(BUILD)
else ifeq ($(origin CC),default)
OUT := $(BUILD_DIR)/$(BUILD)
else
OUT := $(BUILD_DIR)/$(BUILD)-$(notdir $(firstword $(CC)))
endif

# -- flags: the user's CPPFLAGS, CFLAGS and LDFLAGS come last, so they win -------------------------------------------

VARIANT_release := -DNDEBUG
VARIANT_debug   :=
VARIANT_asan    := -fsanitize=address,undefined -fno-sanitize-recover=all
VARIANT_tsan    := -fsanitize=thread
VARIANT_jitter  := -fsanitize-coverage=trace-pc-guard,trace-loads,trace-stores -DTEST_JITTERED=1
DEFAULT_release := -O2 -g
DEFAULT_debug   := -O0 -g
DEFAULT_asan    := -O1 -g
DEFAULT_tsan    := -O1 -g
DEFAULT_jitter  := -O1 -g
ifndef DEFAULT_$(BUILD)
$(error BUILD=$(BUILD): it is one of release, debug, asan, tsan, jitter)
endif
CFLAGS ?= $(DEFAULT_$(BUILD))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Wvla -Wundef -Wstrict-prototypes -Wmissing-prototypes
ifeq ($(WERROR),1)
WARNINGS += -Werror
endif

accepts = $(shell $(CC) -Werror $(1) -x c -fsyntax-only /dev/null 2>/dev/null && echo $(1))
# No shadow stack: a switch of fibers moves none, and a loader that asks sees it (src/fiber/switch.c).
OPTIONAL := $(call accepts,-fstack-clash-protection) $(call accepts,-fcf-protection=none)

HOUSE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -fno-omit-frame-pointer $(OPTIONAL) -pthread \
  $(WARNINGS) $(VARIANT_$(BUILD))
# One short line for each step; V=1 shows the commands.
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(Q),@printf '  %-5s %s\n' '$(1)' '$(2)')
COMPILE = $(CC) $(HOUSE_CFLAGS) $(1) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
LINK    = $(CC) $(filter-out -fsanitize-coverage%,$(VARIANT_$(BUILD))) -pthread $(CFLAGS) $(LDFLAGS)

# -- what there is: by glob, no list to keep. TESTS='tests/unit/test_list.c' links the runner from that alone --------

SOURCES  ?= $(sort $(wildcard src/*/*.c src/runnel.c))
TESTS    ?= $(sort $(wildcard tests/unit/*.c tests/api/*.c tests/stress/*.c tests/oom/*.c tests/model/*.c))
HARNESS  := $(sort $(filter-out tests/harness/jitter.c,$(wildcard tests/harness/*.c)))
SELF     := $(sort $(wildcard tests/harness/self/*.c))
TALLY    := $(sort $(wildcard examples/apps/tally/*.c))
EXAMPLES := $(sort $(wildcard examples/*.c))
FIGURES  := $(sort $(wildcard bench/*.c))
HEADERS  := $(sort $(wildcard include/runnel/*.h))

# What clang calls at every step goes into the library, so that every program has it; it is not called itself. The
# model takes its steps in an order of its own.
ifeq ($(BUILD),jitter)
SOURCES += tests/harness/jitter.c
TESTS   := $(filter-out tests/model/%,$(TESTS))
$(OUT)/obj/tests/harness/jitter.o: HOUSE_CFLAGS += -fno-sanitize-coverage=trace-pc-guard,trace-loads,trace-stores
endif

objects   = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
programs := $(patsubst examples/%.c,$(OUT)/examples/%,$(EXAMPLES))
all_objects := $(sort $(call objects,$(SOURCES) $(TESTS) $(HARNESS) $(SELF) $(TALLY) $(EXAMPLES) $(FIGURES)))

.DEFAULT_GOAL := all
.PHONY: all check tests examples demo bench figures lint man amalgamation install uninstall clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(OUT)/librunnel.a $(OUT)/$(SONAME)

# A stamp changes only when its text does. Flags rebuild everything; a list of sources relinks when a file goes.
define stamp
$(OUT)/$(1).stamp: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$(2))' | cmp -s - $$@ || printf '%s\n' '$$(subst ','\'',$(2))' > $$@
endef
$(eval $(call stamp,flags,$$(CC) $$(HOUSE_CFLAGS) $$(CPPFLAGS) $$(CFLAGS) $$(LDFLAGS)))
$(eval $(call stamp,library,$$(SOURCES)))
$(eval $(call stamp,tests,$$(TESTS)))
$(eval $(call stamp,harness,$$(HARNESS) $$(SELF)))
$(eval $(call stamp,tally,$$(TALLY)))
$(eval $(call stamp,figures,$$(FIGURES)))

$(OUT)/obj/src/%.o: src/%.c $(OUT)/flags.stamp
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(call COMPILE,-Isrc -Iinclude)

$(OUT)/obj/tests/%.o: tests/%.c $(OUT)/flags.stamp
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(call COMPILE,-Isrc -Iinclude -Itests)

$(OUT)/obj/examples/%.o: examples/%.c $(OUT)/flags.stamp
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(call COMPILE,-Iinclude)

$(OUT)/obj/bench/%.o: bench/%.c $(OUT)/flags.stamp
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(call COMPILE,-Isrc -Iinclude)

$(OUT)/librunnel.a: $(call objects,$(SOURCES)) $(OUT)/library.stamp
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(OUT)/$(SONAME): $(call objects,$(SOURCES)) src/runnel.map $(OUT)/library.stamp
	$(call say,LINK,$@)
	$(Q)$(LINK) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=src/runnel.map -Wl,-z,nodelete -o $@ $(filter %.o,$^)

$(OUT)/tests/run: $(call objects,$(HARNESS) $(TESTS)) $(OUT)/librunnel.a $(OUT)/tests.stamp $(OUT)/harness.stamp
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(OUT)/librunnel.a -lm

$(OUT)/tests/run-self: $(call objects,$(HARNESS) $(SELF)) $(OUT)/librunnel.a $(OUT)/harness.stamp
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(OUT)/librunnel.a

$(OUT)/examples/%: $(OUT)/obj/examples/%.o $(OUT)/librunnel.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $< $(OUT)/librunnel.a

$(OUT)/tally: $(call objects,$(TALLY)) $(OUT)/librunnel.a $(OUT)/tally.stamp
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(OUT)/librunnel.a

$(OUT)/figures: $(call objects,$(FIGURES)) $(OUT)/librunnel.a $(OUT)/figures.stamp
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(OUT)/librunnel.a

-include $(all_objects:.o=.d)

# -- commands --------------------------------------------------------------------------------------------------------

tests: $(OUT)/tests/run $(OUT)/tests/run-self
examples: $(programs) $(if $(TALLY),$(OUT)/tally)

SUITES = CC='$(CC)' OUT='$(OUT)' BUILD='$(BUILD)' VERSION='$(VERSION)'

# ONLY='mpsc_*' runs those cases of the runner and nothing else.
check: all tests $(if $(ONLY),,examples)
	@$(SUITES) MAKE='$(MAKE)' tools/run-suites $(foreach name,$(ONLY),'$(name)')

# One suite by itself: `make check-install`. Those that build everything once more for another place, musl and aarch64,
# run in no other way.
check-%: all
	@$(SUITES) MAKE='$(MAKE)' tests/$*/run.sh

demo: $(OUT)/tally
	@tools/demo $(OUT)/tally

figures: $(OUT)/figures

# ONLY='mpsc_* idle_10s' WORKERS=2 QUICK=1
bench: $(OUT)/figures
	@$(OUT)/figures $(if $(filter 1,$(QUICK)),--quick) $(if $(WORKERS),--workers $(WORKERS)) $(foreach name,$(ONLY),'$(name)')

lint:
	@tools/lint

# The manual, from the headers; .stamp because there are as many pages as headers have blocks.
man: $(OUT)/man/.stamp
$(OUT)/man/.stamp: tools/docgen tools/docgen.awk include/runnel.h $(HEADERS)
	@mkdir -p $(@D)
	$(call say,MAN,$(@D))
	$(Q)tools/docgen $(@D) $(VERSION)
	@touch $@

amalgamation: $(OUT)/amalgamation/runnel.c
$(OUT)/amalgamation/runnel.c: tools/amalgamate tools/amalgamate.awk include/runnel.h $(HEADERS) $(SOURCES) $(wildcard src/*/*.h)
	@mkdir -p $(@D)
	$(call say,JOIN,$(@D))
	$(Q)tools/amalgamate $(@D) $(VERSION)

PLACES = VERSION='$(VERSION)' PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' MANDIR='$(MANDIR)' DESTDIR='$(DESTDIR)'

install: all man
	@$(PLACES) tools/install '$(OUT)'

uninstall: man
	@$(PLACES) tools/install --undo '$(OUT)'

clean:
	rm -rf $(BUILD_DIR)

help:
	@printf '%s\n' \
	  'make                  build/release/librunnel.a and $(SONAME)' \
	  'make check            builds and runs all tests; last line: N passed, N failed' \
	  'make check ONLY=GLOB  the cases of the test runner with such names' \
	  'make demo             builds tally and counts words of real text with it' \
	  'make bench            measures what things cost; ONLY=GLOB WORKERS=N QUICK=1' \
	  'make examples         builds the examples' \
	  'make lint             layers, atomics, labels, style' \
	  'make check-SUITE      one of tests/*/run.sh alone; musl and aarch64 run only so' \
  'make man              the manual of all calls, in $(OUT)/man' \
  'make amalgamation     the library as two files, in $(OUT)/amalgamation' \
  'make install          headers, libraries, manual, what pkg-config and CMake ask for; DESTDIR= PREFIX= LIBDIR= MANDIR=' \
  'make uninstall        takes the same away' \
	  'make clean            removes $(BUILD_DIR)/' \
	  '' \
	  'BUILD=release|debug|asan|tsan|jitter  WERROR=1  V=1  CC= CFLAGS= CPPFLAGS= LDFLAGS=  BUILD_DIR=' \
	  'TESTS="tests/unit/test_list.c" SOURCES="src/base/error.c": only these, while parts are in the making'

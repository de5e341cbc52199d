# Millrace: `make` builds, `make test` tests, `make help` lists the rest.
#
# One file, no recursion into folders. Every object depends on the headers it read (-MMD) and on
# the flags it was built with, so a second `make` builds what changed and nothing else. A
# sanitizer build is the same build in another folder:
#     make B=build/asan SAN=address,undefined run
#
# `test` and `check` call make again after installing what is missing, because only then is it
# known what there is to build with.

CC        ?= gcc
ifeq ($(origin CC),default)
CC        := gcc
endif
B         ?= build
SAN       ?=
PREFIX    ?= /usr/local
DESTDIR   ?=
BINDIR    ?= $(PREFIX)/bin
LIBDIR    ?= $(PREFIX)/lib
INCDIR    ?= $(PREFIX)/include
VERSION   := 0.1.0
SOVERSION := 0

SHELL       := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DELETE_ON_ERROR:
.SECONDARY:

CFLAGS    ?= -O2 -g
WARN      := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla
INSIDE     = -DMR_INSIDE
ALL_CFLAGS = -std=c2x $(WARN) -iquote . -I client/include $(INSIDE) -DMR_VERSION='"$(VERSION)"' \
             -fPIC -fvisibility=hidden -pthread $(LTO_COMPILE) $(CFLAGS) $(SAN_FLAGS)
ALL_LDFLAGS = -Wl,--as-needed $(SAN_FLAGS) $(LDFLAGS)
CLIENT_LIBS = -levent_core -levent_pthreads -lck -pthread -lm
MEMBER_LIBS = -lfyaml -levent_extra -lpcre2-8 -lraft $(CLIENT_LIBS)
ifneq ($(SAN),)
SAN_FLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

# What is shipped and what is measured is optimised as a whole at the link, which makes a get a
# tenth cheaper. Objects hold ordinary code besides (fat), so that tests link fast, and so that the
# static library needs nothing special of its users. gcc only, and not for sanitizers.
FAT := -flto=auto -ffat-lto-objects
ifeq ($(SAN)$(shell $(CC) -Werror $(FAT) -x c -c -o /dev/null /dev/null 2>/dev/null || echo none),)
LTO_COMPILE := $(FAT)
LTO         := -flto=auto
NO_LTO      := -fno-lto
PARTIAL      = $(CC) -r -flinker-output=nolto-rel $(LTO) $(CFLAGS)
else
PARTIAL      = ld -r
endif

# ---- sources: a folder is a layer, a wildcard is its members ---------------------------------

NET_SRC     := $(wildcard net/base/*.c net/*.c net/wire/*.c)
CLIENT_SRC  := $(wildcard client/*.c)
GRID_SRC    := $(wildcard grid/*.c grid/*/*.c)
CLI_SRC     := $(wildcard client/cli/*.c)
EXAMPLE_SRC := $(wildcard client/examples/*.c)
UNIT_SRC    := $(wildcard tests/unit/*.c tests/unit/*/*.c tests/unit/*/*/*.c)
PLAIN_SRC   := $(wildcard tests/stress/*.c)
BENCH_SRC   := $(filter-out tests/bench/bench.c,$(wildcard tests/bench/*.c))
SIM_SRC     := $(wildcard tests/sim/*.c)
CHECK_SRC   := $(patsubst %,tests/sim/%.c,values history wgl versions examples damage)
CLUSTER_SRC := $(wildcard tests/cluster/*.c)
FUZZ_SRC    := $(filter-out tests/fuzz/seed.c,$(wildcard tests/fuzz/*.c))
HEADERS     := $(wildcard client/include/millrace/*.h)

obj          = $(patsubst %.c,$(B)/obj/%.o,$(1))
CLIENT_OBJ  := $(call obj,$(filter-out net/http.c,$(NET_SRC)) $(CLIENT_SRC))
MEMBER_OBJ  := $(CLIENT_OBJ) $(call obj,net/http.c $(GRID_SRC))
CLI_OBJ     := $(call obj,$(CLI_SRC) net/base/nearest.c)
BENCH_BIN   := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))
FUZZ_BIN    := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ_SRC))
PLAIN_BIN   := $(patsubst tests/stress/%.c,$(B)/test/%,$(PLAIN_SRC))
LIBRARIES   := $(foreach l,libmillrace libmillrace-client,$(B)/lib/$(l).a $(B)/lib/$(l).so)
EXAMPLE_BIN := $(patsubst client/examples/%.c,$(B)/examples/%,$(EXAMPLE_SRC))

# ---- targets ---------------------------------------------------------------------------------

.PHONY: build help deps deps-check test test-clients check release-check bench bench-peers fuzz \
        sim mutants porcupine nemesis fuzzers demo install \
        uninstall clean dist unit plain run FORCE

build: $(B)/bin/millrace $(LIBRARIES) $(EXAMPLE_BIN) ##: all but the tests (the default)
unit:  $(B)/test/unit
plain: $(PLAIN_BIN)
fuzzers: $(FUZZ_BIN) $(B)/fuzz/seed

help: ##: this list
	@sed -nE 's/^([a-z-]+):.*##: (.*)/  make \1\t\2/p' Makefile | expand -t 26

deps: ##: install what building and testing need
	@tests/deps.sh
deps-check: deps ##: install what check needs beyond that
	@tests/deps.sh check

# Jobs for the makes called below, unless the caller has said how many.
AGAIN = +$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

test: deps ##: build and run the tests
	@$(AGAIN) build unit plain || { echo 'tests: 0 passed, 1 failed'; exit 1; }
	@$(AGAIN) run
check: deps-check ##: layers, style, sanitizers, clang, install: all that a machine can check
	@+MAKE='$(MAKE)' tests/check.sh
test-clients: deps ##: other people's clients against the server; what cannot run here is skipped
	@$(AGAIN) build
	@BUILD=$(B) tests/wire/clients/run.sh
release-check: deps-check ##: check, and what is too long for every change
	@+MAKE='$(MAKE)' tests/check.sh release

# Criterion cannot start under the thread sanitizer.
run: $(if $(filter thread,$(SAN)),,unit) plain build
	@BUILD=$(B) tests/run.sh $(if $(filter thread,$(SAN)),,$(B)/test/unit) $(PLAIN_BIN) tests/cli.sh

# Tables go to the terminal, one JSON object a line to results.jsonl; names.txt says which names
# must be there.
bench-peers: ##: install what is measured beside
	@tests/deps.sh peers
	@BUILD=$(B) tests/wire/clients/run.sh --fetch java > /dev/null
bench: deps bench-peers ##: measure; LONG=1 measures longer
	@$(AGAIN) build $(BENCH_BIN)
	@: > $(B)/bench/results.jsonl
	@for b in $(BENCH_BIN); do $$b --json $(if $(LONG),--long) >> $(B)/bench/results.jsonl; done
	@while read -r name; do grep -q "\"name\":\"$$name\"" $(B)/bench/results.jsonl || \
	    { echo "bench: $$name was not measured"; exit 1; }; done < tests/bench/names.txt
	@echo "bench: $(B)/bench/results.jsonl has $$(wc -l < $(B)/bench/results.jsonl) figures"

# The protocols with all that is known to be wrong built in, to be switched on one by one.
SEEDS ?= 1..1000
SIM    = B=build/sim CFLAGS='-O2 -g -DMILLRACE_MUTANTS' build/sim/bin/millrace-sim
sim: deps ##: simulated runs with faults: SEEDS=A..B (1..1000)
	@$(AGAIN) $(SIM)
	@build/sim/bin/millrace-sim --seeds $(SEEDS)
mutants: deps ##: is every wrong behaviour that is known found?
	@$(AGAIN) $(SIM)
	@build/sim/bin/millrace-sim --mutants

SECONDS ?= 20
nemesis: deps ##: three real members, killed, stopped and cut off for SECONDS (20) while clients look
	@$(AGAIN) $(B)/bin/millrace $(B)/bin/millrace-nemesis
	@node=$$(BUILD=$(B) tests/wire/clients/run.sh --fetch node) || { echo "$$node"; exit 1; }; \
	if [ ! -d "$$node" ]; then echo "$$node"; node=; fi; \
	$(B)/bin/millrace-nemesis --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $${node:+--node "$$node"}

porcupine: deps ##: does another checker of histories say what ours says?
	@$(AGAIN) $(SIM) build/sim/bin/millrace-histories
	@tests/sim/porcupine/run.sh build/sim/bin/millrace-sim build/sim/bin/millrace-histories

# libFuzzer is clang's; what it finds is kept in the build folder.
FUZZ_SECONDS ?= 60
fuzz: deps-check ##: feed the decoders with nonsense, each for FUZZ_SECONDS (60)
	@$(AGAIN) B=build/fuzz CC=clang-14 SAN=fuzzer-no-link,address,undefined CFLAGS='-O1 -g' fuzzers
	@tests/fuzz/run.sh $(FUZZ_SECONDS) $(patsubst $(B)/%,build/fuzz/%,$(FUZZ_BIN))

demo: deps ##: show what it does
	@$(AGAIN) $(B)/examples/hello_member
	@$(B)/examples/hello_member

clean: ##: remove all that was built
	rm -rf $(B)

dist: ##: a tar.xz of the last commit
	@mkdir -p $(B)
	git archive --prefix=millrace-$(VERSION)/ HEAD | xz > $(B)/millrace-$(VERSION).tar.xz

# ---- install ---------------------------------------------------------------------------------

install: build ##: into PREFIX (/usr/local), below DESTDIR
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR)/pkgconfig $(INCDIR)/millrace)
	install $(B)/bin/millrace $(DESTDIR)$(BINDIR)
	install -m 644 $(HEADERS) $(DESTDIR)$(INCDIR)/millrace
	install -m 644 $(B)/lib/*.a $(B)/lib/*.so.$(VERSION) $(DESTDIR)$(LIBDIR)
	cp -P $(B)/lib/*.so $(B)/lib/*.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)
	$(call pc,millrace,member and client in one library,$(MEMBER_LIBS))
	$(call pc,millrace-client,client of a Millrace cluster,$(CLIENT_LIBS))
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

# The .pc of a library; what it needs itself is named for static linking only.
pc = printf '%s\n' 'libdir=$(LIBDIR)' 'includedir=$(INCDIR)' '' 'Name: $(1)' \
    'Description: In-memory data grid with a stream processor: $(2)' 'Version: $(VERSION)' \
    'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -l$(1)' 'Libs.private: $(3)' \
    > $(DESTDIR)$(LIBDIR)/pkgconfig/$(1).pc

uninstall: ##: remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/millrace $(DESTDIR)$(LIBDIR)/libmillrace.* \
	    $(DESTDIR)$(LIBDIR)/libmillrace-client.* $(DESTDIR)$(LIBDIR)/pkgconfig/millrace.pc \
	    $(DESTDIR)$(LIBDIR)/pkgconfig/millrace-client.pc
	rm -rf $(DESTDIR)$(INCDIR)/millrace

# ---- objects ---------------------------------------------------------------------------------

# A file that changes when its words do: what depends on it is built again with other flags, or
# with one source less.
define remember
$(B)/$(1): FORCE
	@mkdir -p $(B)
	@cmp -s - $$@ <<< '$(subst ','\'',$(2))' || cat > $$@ <<< '$(subst ','\'',$(2))'
endef
$(eval $(call remember,flags,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)))
$(eval $(call remember,sources,$(MEMBER_OBJ) $(CLI_OBJ) $(UNIT_SRC) $(SIM_SRC) $(CHECK_SRC) $(CLUSTER_SRC)))

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo '  CC    $<'
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The tools and the examples are users of the library, and built as such.
$(B)/obj/client/cli/%.o $(B)/obj/client/examples/%.o: INSIDE =

# ---- libraries -------------------------------------------------------------------------------

# For the tests: every function. For everybody else, static or shared: mr_* and no other name,
# so that no word of ours can meet one of an embedding program.
$(B)/obj/member.a: $(MEMBER_OBJ) $(B)/sources
	@rm -f $@
	@ar rcs $@ $(MEMBER_OBJ)

$(B)/lib/libmillrace.a $(B)/lib/libmillrace.so.$(VERSION): OBJ = $(MEMBER_OBJ)
$(B)/lib/libmillrace.a $(B)/lib/libmillrace.so.$(VERSION): $(MEMBER_OBJ)
$(B)/lib/libmillrace-client.a $(B)/lib/libmillrace-client.so.$(VERSION): OBJ = $(CLIENT_OBJ)
$(B)/lib/libmillrace-client.a $(B)/lib/libmillrace-client.so.$(VERSION): $(CLIENT_OBJ)
$(B)/lib/libmillrace.so.$(VERSION): LIBS = $(MEMBER_LIBS)
$(B)/lib/libmillrace-client.so.$(VERSION): LIBS = $(CLIENT_LIBS)

$(B)/lib/%.a: $(B)/sources
	@mkdir -p $(@D)
	@echo '  AR    $@'
	@rm -f $@
	@$(PARTIAL) -o $(@D)/$*.o $(OBJ)
	@objcopy --localize-hidden $(@D)/$*.o
	@ar rcs $@ $(@D)/$*.o
	@rm $(@D)/$*.o

$(B)/lib/%.so.$(VERSION): client/libmillrace.map $(B)/sources
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC) -shared $(LTO) $(CFLAGS) $(ALL_LDFLAGS) -Wl,-soname,$*.so.$(SOVERSION) -Wl,--version-script=$< \
	    $(if $(SAN),,-Wl,-z,defs) -o $@ $(OBJ) $(LIBS)

$(B)/lib/%.so: $(B)/lib/%.so.$(VERSION)
	@ln -sf $(<F) $(@D)/$*.so.$(SOVERSION)
	@ln -sf $*.so.$(SOVERSION) $@

# ---- programs --------------------------------------------------------------------------------

LINK = mkdir -p $(@D); echo '  LINK  $@'; \
       $(CC) $(or $(WHOLE),$(NO_LTO)) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(MEMBER_LIBS)

$(B)/bin/millrace: $(CLI_OBJ) $(B)/lib/libmillrace.a $(B)/sources
	@$(LINK)
$(B)/examples/%: $(B)/obj/client/examples/%.o $(B)/lib/libmillrace.a
	@$(LINK)
$(B)/test/unit: $(call obj,$(UNIT_SRC) $(CHECK_SRC)) $(B)/obj/member.a $(B)/sources
	@$(LINK) -lcriterion
$(B)/test/last_words $(B)/test/duo_rows: $(call obj,tests/sim/kernel.c tests/sim/world.c)
$(B)/test/duo_rows: $(call obj,$(filter-out %/duo.c,$(wildcard tests/sim/duo*.c)))
$(B)/test/%: $(B)/obj/tests/stress/%.o $(B)/obj/member.a
	@$(LINK)
$(B)/bench/%: WHOLE = $(LTO) $(CFLAGS)
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/obj/tests/bench/bench.o $(B)/obj/member.a
	@$(LINK)

$(B)/bin/millrace-sim: $(call obj,$(SIM_SRC)) $(B)/obj/member.a
	@$(LINK)
$(B)/bin/millrace-histories: $(call obj,$(CHECK_SRC) tests/sim/dump/dump.c) $(B)/obj/member.a
	@$(LINK)

$(B)/bin/millrace-nemesis: $(call obj,$(CLUSTER_SRC) $(CHECK_SRC)) $(B)/obj/member.a
	@$(LINK)

$(B)/fuzz/seed: $(B)/obj/tests/fuzz/seed.o $(B)/obj/member.a
	@$(LINK)
$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/member.a
	@$(LINK) -fsanitize=fuzzer

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

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
             -fPIC -fvisibility=hidden -fno-omit-frame-pointer -pthread $(CFLAGS) $(SAN_FLAGS)
ALL_LDFLAGS = -Wl,--as-needed $(SAN_FLAGS) $(LDFLAGS)
CLIENT_LIBS = -levent_core -levent_pthreads -lck -pthread -lm
MEMBER_LIBS = -lfyaml $(CLIENT_LIBS)
ifneq ($(SAN),)
SAN_FLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all
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
HEADERS     := $(wildcard client/include/millrace/*.h)

obj          = $(patsubst %.c,$(B)/obj/%.o,$(1))
CLIENT_OBJ  := $(call obj,$(NET_SRC) $(CLIENT_SRC))
MEMBER_OBJ  := $(CLIENT_OBJ) $(call obj,$(GRID_SRC))
CLI_OBJ     := $(call obj,$(CLI_SRC))
BENCH_BIN   := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))
PLAIN_BIN   := $(patsubst tests/stress/%.c,$(B)/test/%,$(PLAIN_SRC))
EXAMPLE_BIN := $(patsubst client/examples/%.c,$(B)/examples/%,$(EXAMPLE_SRC))

.PHONY: build unit plain FORCE
build: $(B)/bin/millrace $(EXAMPLE_BIN) \
       $(foreach l,libmillrace libmillrace-client,$(B)/lib/$(l).a $(B)/lib/$(l).so)
unit:  $(B)/test/unit
plain: $(PLAIN_BIN)

# ---- objects ---------------------------------------------------------------------------------

# A file that changes when its words do: what depends on it is built again with other flags, or
# with one source less.
define remember
$(B)/$(1): FORCE
	@mkdir -p $(B)
	@cmp -s - $$@ <<< '$(subst ','\'',$(2))' || cat > $$@ <<< '$(subst ','\'',$(2))'
endef
$(eval $(call remember,flags,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)))
$(eval $(call remember,sources,$(MEMBER_OBJ) $(CLI_OBJ) $(UNIT_SRC)))

$(B)/obj/%.o: %.c $(B)/flags Makefile
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
	@ld -r -o $(@D)/$*.o $(OBJ)
	@objcopy --localize-hidden $(@D)/$*.o
	@ar rcs $@ $(@D)/$*.o
	@rm $(@D)/$*.o

$(B)/lib/%.so.$(VERSION): client/libmillrace.map $(B)/sources
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,$*.so.$(SOVERSION) -Wl,--version-script=$< \
	    $(if $(SAN),,-Wl,-z,defs) -o $@ $(OBJ) $(LIBS)

$(B)/lib/%.so: $(B)/lib/%.so.$(VERSION)
	@ln -sf $(<F) $(@D)/$*.so.$(SOVERSION)
	@ln -sf $*.so.$(SOVERSION) $@

# ---- programs --------------------------------------------------------------------------------

LINK = mkdir -p $(@D); echo '  LINK  $@'; \
       $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(MEMBER_LIBS)

$(B)/bin/millrace: $(CLI_OBJ) $(B)/lib/libmillrace.a $(B)/sources
	@$(LINK)
$(B)/examples/%: $(B)/obj/client/examples/%.o $(B)/lib/libmillrace.a
	@$(LINK)
$(B)/test/unit: $(call obj,$(UNIT_SRC)) $(B)/obj/member.a $(B)/sources
	@$(LINK) -lcriterion
$(B)/test/%: $(B)/obj/tests/stress/%.o $(B)/obj/member.a
	@$(LINK)
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/obj/tests/bench/bench.o $(B)/obj/member.a
	@$(LINK)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

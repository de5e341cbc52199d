# Millrace: `make` builds, `make test` tests, `make help` lists the rest.
#
# One file, no recursion. Every object depends on the headers it read (-MMD), so a second `make`
# builds what changed and nothing else. A sanitizer build is the same build in another folder:
#     make B=build/asan SAN=address,undefined unit

CC        ?= gcc
ifeq ($(origin CC),default)
CC        := gcc
endif
B         ?= build
SAN       ?=
PREFIX    ?= /usr/local
DESTDIR   ?=
LIBDIR    ?= $(PREFIX)/lib
VERSION   := 0.1.0
SOVERSION := 0

PACKAGES  := libevent_core libevent_pthreads libxxhash ck libfyaml
CFLAGS    ?= -O2 -g
WARN      := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla
ALL_CFLAGS = -std=c2x $(WARN) -iquote . -I client/include -DMR_INSIDE -DMR_VERSION='"$(VERSION)"' \
             -fPIC -fvisibility=hidden -fno-omit-frame-pointer -pthread $(CFLAGS) $(DEP_CFLAGS) $(SAN_FLAGS)
# Only the archive of ck carries what the wrapped header does not inline.
LIBS       = -levent_core -levent_pthreads -lck -lfyaml -pthread -lm
ifneq ($(SAN),)
SAN_FLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all
endif

# ---- sources: a folder is a layer, a wildcard is its members ---------------------------------

NET_SRC    := $(wildcard net/base/*.c net/*.c net/wire/*.c)
CLIENT_SRC := $(wildcard client/*.c)
GRID_SRC   := $(wildcard grid/*.c grid/*/*.c)
CLI_SRC    := $(wildcard client/cli/*.c)
UNIT_SRC   := $(wildcard tests/unit/*.c tests/unit/*/*.c tests/unit/*/*/*.c)
PLAIN_SRC  := $(wildcard tests/stress/*.c)
BENCH_SRC  := $(filter-out tests/bench/bench.c,$(wildcard tests/bench/*.c))

obj        = $(patsubst %.c,$(B)/obj/%.o,$(1))
CLIENT_OBJ := $(call obj,$(NET_SRC) $(CLIENT_SRC))
MEMBER_OBJ := $(CLIENT_OBJ) $(call obj,$(GRID_SRC))
BENCH_BIN  := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))
PLAIN_BIN  := $(patsubst tests/stress/%.c,$(B)/test/%,$(PLAIN_SRC))

.PHONY: build help unit plain
build: $(B)/lib/libmillrace.a $(B)/lib/libmillrace-client.a $(B)/bin/millrace \
       $(B)/lib/libmillrace.so $(B)/lib/libmillrace-client.so

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  CC    $<'
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/lib/libmillrace.a: $(MEMBER_OBJ)
$(B)/lib/libmillrace-client.a: $(CLIENT_OBJ)
$(B)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@echo '  AR    $@'
	@ar rcs $@ $^

unit: $(B)/test/unit
plain: $(PLAIN_BIN)

$(B)/test/unit: $(call obj,$(UNIT_SRC)) $(B)/lib/libmillrace.a
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC) $(SAN_FLAGS) -o $@ $^ $(LIBS) -lcriterion

$(B)/test/%: $(B)/obj/tests/stress/%.o $(B)/lib/libmillrace.a
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC) $(SAN_FLAGS) -o $@ $^ $(LIBS)

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/obj/tests/bench/bench.o $(B)/lib/libmillrace.a
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC) $(SAN_FLAGS) -o $@ $^ $(LIBS)

.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

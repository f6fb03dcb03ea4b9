# Cloche. `make help` lists the targets.
#
# Objects go to build/<variant>/, programs to build/bin (release) or build/<variant>/bin. Variables:
#   SAN=address|thread|undefined   a sanitized variant in a folder of its own
#   WERROR=1                       warnings are errors
#   V=1                            show the commands
# Settings of the stack (CLOCHE_HOME=…, CLOCHE_LISTEN=…) given here reach the scripts as environment.

# The version of programs, manual pages and package.
VERSION := 0.9.0

SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VARIANT ?= $(or $(SAN),release)
OBJ := build/$(VARIANT)
BIN := $(if $(filter release,$(VARIANT)),build/bin,$(OBJ)/bin)
export CLOCHE_BIN_DIR := $(CURDIR)/$(BIN)

run = @$(if $(V),,echo '  $(1)  $@';) $(if $(V),set -x;) $(2)

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
STACK := docker/stack

# ---- compiler ---------------------------------------------------------------------------------

CC := gcc
PKG_CONFIG ?= pkg-config

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wvla -Wwrite-strings $(if $(WERROR),-Werror)
HARDENING := -fstack-protector-strong -fPIE
LINK_HARDENING := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifeq ($(SAN),)
HARDENING += -D_FORTIFY_SOURCE=2
else
SANITIZE := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
ifeq ($(VARIANT),fuzz)
CC := clang
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all
endif

# libmariadb or, on a machine that has Oracle's, libmysqlclient.
SQL_LIB = $(shell $(PKG_CONFIG) --exists libmariadb && echo libmariadb || echo mysqlclient)
PACKAGES = libcurl $(SQL_LIB) libcjson libsodium
# Asked for once, and only when something is compiled.
LIB_CFLAGS = $(eval LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES)))$(LIB_CFLAGS)

CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Ifcgi $(LIB_CFLAGS) $(CFLAGS) -pthread -fno-common \
             -ffunction-sections -fdata-sections $(WARNINGS) $(HARDENING) $(SANITIZE)
ALL_LDFLAGS = $(LDFLAGS) -pthread $(LINK_HARDENING) -Wl,--as-needed -Wl,--gc-sections $(SANITIZE)

# ---- layers and programs ----------------------------------------------------------------------

LAYERS := base core db engine keeper http model service api worker cli
MAINS := fcgi/worker/main.c fcgi/keeper/main.c fcgi/cli/main.c
SOURCES := $(wildcard $(LAYERS:%=fcgi/%/*.c))
OBJECTS := $(SOURCES:%.c=$(OBJ)/%.o)
objects_of = $(patsubst %.c,$(OBJ)/%.o,$(filter-out $(MAINS),$(wildcard fcgi/$(1)/*.c)))
archives = $(1:%=$(OBJ)/lib%.a)

# Each program names the layers it may take code from, uppermost first, and its libraries: the worker
# never gets libcurl or the engine, the keeper never gets the database or FastCGI.
LAYERS_cloche-worker := worker api service model http db core base
LAYERS_cloche-keeper := keeper engine core base
LAYERS_cloche        := cli service model db core base
LIBS_cloche-worker = -lfcgi $(shell $(PKG_CONFIG) --libs $(SQL_LIB) libcjson libsodium) -lm
LIBS_cloche-keeper = $(shell $(PKG_CONFIG) --libs libcurl libcjson libsodium) -lm
LIBS_cloche        = $(shell $(PKG_CONFIG) --libs $(SQL_LIB) libcjson libsodium) -lm
MAIN_cloche-worker := fcgi/worker/main
MAIN_cloche-keeper := fcgi/keeper/main
MAIN_cloche        := fcgi/cli/main
PROGRAMS := cloche-worker cloche-keeper cloche

all: $(PROGRAMS:%=$(BIN)/%) build/image/launcher dashboard

define program
$(BIN)/$(1): $(OBJ)/$(MAIN_$(1)).o $(call archives,$(LAYERS_$(1)))
	@mkdir -p $$(@D)
	$$(call run,ld,$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS_$(1)))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

define layer
$(OBJ)/lib$(1).a: $(call objects_of,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call run,ar,$$(AR) rcs $$@ $$^)
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

$(OBJ)/fcgi/cli/main.o: ALL_CFLAGS += -DCLOCHE_VERSION='"$(VERSION)"'

$(OBJ)/%.o: %.c Makefile | headers
	@mkdir -p $(@D)
	$(call run,cc,$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<)

# The first program of every cell: static, because it runs in images of any content. With musl, because glibc begins
# every program with seventy CPUID instructions: 0.5 ms in a virtual machine, 3 ms in gVisor (docs/engines.md).
LAUNCHER_CFLAGS := -std=gnu11 -Os $(WARNINGS) -fstack-protector-strong -D_FORTIFY_SOURCE=2
build/image/launcher: docker/launcher.c Makefile
	@mkdir -p $(@D)
	$(call run,cc,musl-gcc $(LAUNCHER_CFLAGS) -static -s -o $@ $<)

# ---- dashboard --------------------------------------------------------------------------------

# npm runs no scripts of packages, and is not root where it is known who called sudo.
AS_CALLER := $(if $(filter-out root,$(SUDO_USER)),runuser -u $(SUDO_USER) --)
HTML_SOURCES := $(shell find html -name node_modules -prune -o -type f -print)
HTML_PACKAGES := html/node_modules/.package-lock.json

dashboard: build/html/index.html

build/html/index.html: $(HTML_SOURCES) $(HTML_PACKAGES)
	$(call run,html,node html/build.mjs build/html)

$(HTML_PACKAGES): html/package-lock.json
	@command -v npm >/dev/null || { \
	  echo "make: npm is missing; 'sudo $(STACK)/packages.sh build' installs it" >&2; exit 1; }
	$(call run,npm,cd html && $(AS_CALLER) npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
	@touch $@

# One sentence instead of a page of missing headers.
headers:
	@$(PKG_CONFIG) --exists $(PACKAGES) || { \
	  echo "make: development packages are missing; 'sudo $(STACK)/packages.sh build' installs them" >&2; \
	  exit 1; }

# ---- unit tests -------------------------------------------------------------------------------

UNIT_SOURCES := $(wildcard tests/unit/*.c tests/unit/*/*.c)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(OBJ)/unit/%)
UNIT_LAYERS := cli worker api service model http keeper engine db core base
UNIT_LIBS = -lfcgi $(shell $(PKG_CONFIG) --libs $(PACKAGES) cmocka) -lm

unit: $(UNIT_TESTS)

# Every object, linked or not: what lint compiles.
check-compile: $(OBJECTS) $(UNIT_SOURCES:%.c=$(OBJ)/%.o) $(patsubst %.c,$(OBJ)/%.o,$(wildcard tests/fuzz/*.c))

$(OBJ)/unit/%: $(OBJ)/tests/unit/%.o $(call archives,$(UNIT_LAYERS))
	@mkdir -p $(@D)
	$(call run,ld,$(CC) $(ALL_LDFLAGS) -o $@ $^ $(UNIT_LIBS))

unit-folder:
	@echo $(OBJ)/unit

FUZZERS := $(patsubst tests/fuzz/%.c,$(OBJ)/fuzzers/%,$(wildcard tests/fuzz/*_fuzz.c))

# Only with VARIANT=fuzz: everything that is linked has to be instrumented by clang.
fuzzers: $(FUZZERS)

$(OBJ)/fuzzers/%: $(OBJ)/tests/fuzz/%.o $(call archives,$(UNIT_LAYERS))
	@mkdir -p $(@D)
	$(call run,ld,$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS_cloche-worker) -lcurl)

# ---- running it -------------------------------------------------------------------------------

up:
	@$(STACK)/up.sh

down:
	@$(STACK)/down.sh

status:
	@$(STACK)/status.sh

logs:
	@$(STACK)/logs.sh

reload:
	@$(STACK)/reload.sh

backup:
	@$(STACK)/backup.sh "$(FILE)"

restore:
	@$(STACK)/restore.sh "$(FILE)"

# ---- checking it ------------------------------------------------------------------------------

# The fuzzers begin with their corpus and go on for some seconds; `make fuzz` gives them longer.
test:
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-4} tests/run.sh unit fuzz api docs attack fault browser package compose oci

test-unit:
	@tests/run.sh unit

test-all:
	@CLOCHE_TEST_LONG=1 tests/run.sh unit api docs attack fault browser package compose oci fuzz

bench:
	@tests/run.sh bench

# A million calls of 100 functions in the last 7 days, into the database of a new, running stack.
SEED := 1000000 100 7
seed-data: $(OBJ)/bench/seed
	@$< $(SEED)

$(OBJ)/bench/seed: $(OBJ)/tests/bench/seed.o $(call archives,model db core base)
	@mkdir -p $(@D)
	$(call run,ld,$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_cloche))

fuzz:
	@tests/run.sh fuzz

lint:
	@tests/lint/run.sh

# The tables of settings and calls say what the program says.
docs: $(BIN)/cloche
	@node docs/tables.mjs

format:
	clang-format -i $$(find fcgi docker tests -name '*.[ch]')

# ---- the rest ---------------------------------------------------------------------------------

install: all
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' BIN='$(BIN)' VERSION='$(VERSION)' $(STACK)/install.sh

deb: all
	@BIN='$(BIN)' VERSION='$(VERSION)' docker/debian/build.sh

clean:
	rm -rf build

help:
	@printf '%s\n' \
	  'make                build the programs into build/bin' \
	  'sudo make up        install what is missing, build, start; safe to repeat' \
	  'sudo make down      stop everything, keep the data' \
	  'sudo make status    what runs' \
	  'sudo make logs      follow the logs' \
	  'sudo make reload    nginx reads renewed certificates' \
	  'sudo make backup    write all that is worth keeping to FILE=…' \
	  'sudo make restore   make a new installation from FILE=…' \
	  'sudo make test      unit, API, attack, fault and browser tests on stacks of their own' \
	  'sudo make test-all  the same and everything that takes longer' \
	  'sudo make bench     measure' \
	  'sudo make seed-data fill the database of a new stack with a million calls' \
	  'sudo make fuzz      fuzz the parsers' \
	  'make lint           formatting, layer rule, banned functions, static analysis' \
	  'make format         apply .clang-format' \
	  'make docs           write the tables in docs/' \
	  'make install        copy to $$(DESTDIR)$$(PREFIX), default /usr/local, with units for systemd' \
	  'make deb            a Debian package in build/' \
	  'make clean          remove build/'

.PHONY: all dashboard headers unit unit-folder fuzzers check-compile up down status logs reload backup restore test test-unit test-all bench fuzz lint format docs \
        seed-data install deb clean help

-include $(OBJECTS:.o=.d) $(UNIT_SOURCES:%.c=$(OBJ)/%.d)

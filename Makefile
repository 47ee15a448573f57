# SPDX-License-Identifier: ISC
# Everything is built below obj/. Targets: all (the default), vmd, vmctl,
# modules, unit, setup (installs what is missing), demo, test, lint, install,
# clean. V=1 shows the commands.

OBJ :=		obj
Q :=		$(if $(V),,@)
CC ?=		gcc
BISON ?=	bison
CFLAGS ?=	-O2 -g
WARN :=		-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
		-Wshadow -Wpointer-arith -Werror
CPPFLAGS +=	-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -Ilib/libutil
ALLCFLAGS =	-std=gnu11 $(CFLAGS) $(WARN) -fPIE $(CPPFLAGS) -MMD -MP
SANFLAGS :=	-O1 -g -fsanitize=address,undefined \
		-fno-sanitize-recover=all -fno-omit-frame-pointer

# The kernels to build the module for: releases, or versions such as 6.1;
# otherwise all whose headers are installed.
KERNELS ?=	$(patsubst /lib/modules/%/build,%,\
		$(wildcard /lib/modules/*/build))
RELEASES =	$(foreach k,$(KERNELS),$(or $(patsubst \
		/lib/modules/%/build,%,$(wildcard /lib/modules/$k/build \
		/lib/modules/$k.*-cloud-amd64/build)),$k))

all: vmd vmctl modules

include mk/component.mk
include lib/libutil/libutil.mk
include usr.sbin/vmd/vmd.mk
-include usr.sbin/vmctl/vmctl.mk
-include sys/sys.mk
-include regress/sys/vmm/vmm_regress.mk

vmd: $(OBJ)/vmd
vmctl: $(OBJ)/vmctl

# The installed headers of a kernel, or those that the lab has.
headers =	$(or $(wildcard /lib/modules/$1/build),$(shell \
		regress/lab/kernel -b $1))

# The module is built in a copy, as kbuild writes next to the sources.
modules: $(RELEASES:%=$(OBJ)/kmod-%/vmm.ko)

$(OBJ)/kmod-%/vmm.ko: FORCE
	@mkdir -p $(@D)
	@cp -au sys include $(@D)/
	@echo "KMOD $*"
	+$(Q)$(MAKE) --no-print-directory -C $(call headers,$*) \
	    M=$(abspath $(@D))/sys W=1 modules
	@cmp -s $(@D)/sys/vmm.ko $@ || cp $(@D)/sys/vmm.ko $@

# Unit tests, as they are and under the address and undefined behaviour
# sanitizers.
unit-tests: $(UNIT_TESTS)

unit: unit-tests
	@regress/unit $(UNIT_TESTS)

setup:
	@regress/setup

demo:
	@regress/demo

test:
	@regress/run

lint:
	mandoc -Tlint -Wwarning $(wildcard share/man/*/*.[1-9] \
	    usr.sbin/*/*.[1-9] sys/*/*/*.[1-9])

# What was built, for this machine or below DESTDIR.
PREFIX ?=	/usr/local
MANUALS =	$(wildcard share/man/*/*.[1-9] usr.sbin/*/*.[1-9])

install: all
	install -D -m 755 $(OBJ)/vmd $(DESTDIR)$(PREFIX)/sbin/vmd
	install -D -m 755 $(OBJ)/vmctl $(DESTDIR)$(PREFIX)/sbin/vmctl
	@set -e; for m in $(MANUALS); do \
		install -D -m 644 $$m \
		    $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; \
	done
	@set -e; for r in $(RELEASES); do \
		install -D -m 644 $(OBJ)/kmod-$$r/vmm.ko \
		    $(DESTDIR)/lib/modules/$$r/extra/vmm.ko; \
		[ -n "$(DESTDIR)" ] || depmod $$r; \
	done

clean:
	rm -rf $(OBJ)

FORCE:

.PHONY: all vmd vmctl modules unit-tests unit setup demo test lint install clean \
	FORCE
.DELETE_ON_ERROR:
.SECONDARY:

-include $(DEPS)

# SPDX-License-Identifier: ISC
# The regress programs of vmm(4), one per concept, static because they run in
# a host that has little else. obj/regress/sys/vmm holds them, vmm_<name>, and
# run.sh, and nothing else: it is what goes into the host.

VMM_REGRESS_DIR =	regress/sys/vmm
VMM_REGRESS_OBJ =	obj/regress/sys/vmm
VMM_REGRESS_TMP =	obj/regress/sys/vmm-objects
VMM_REGRESS_NAMES =	client cpuid create event fpu host info inject insn \
			intr io io_string lifetime manual memory mmio modes \
			mprotect msr pvclock regs reset run security terminate
VMM_REGRESS_LIB =	harness guest guest_tables regs_expect runner

VMM_REGRESS_CFLAGS =	-std=gnu11 -O2 -g -Wall -Wextra -Wstrict-prototypes \
			-Wmissing-prototypes -Wshadow -Wpointer-arith -Werror \
			-D_GNU_SOURCE -Iinclude -pthread -MMD -MP

VMM_REGRESS =		$(VMM_REGRESS_NAMES:%=$(VMM_REGRESS_OBJ)/vmm_%)
VMM_REGRESS_LIBOBJS =	$(VMM_REGRESS_LIB:%=$(VMM_REGRESS_TMP)/%.o)

.PHONY: vmm-regress
vmm-regress: $(VMM_REGRESS) $(VMM_REGRESS_OBJ)/run.sh

$(VMM_REGRESS_TMP)/%.o: $(VMM_REGRESS_DIR)/%.c
	@mkdir -p $(@D)
	@echo "CC $<"
	$(Q)$(CC) $(VMM_REGRESS_CFLAGS) -c -o $@ $<

$(VMM_REGRESS_OBJ)/vmm_%: $(VMM_REGRESS_TMP)/%.o $(VMM_REGRESS_LIBOBJS)
	@mkdir -p $(@D)
	@echo "LD $@"
	$(Q)$(CC) -static -pthread -s -o $@ $^

$(VMM_REGRESS_OBJ)/run.sh: $(VMM_REGRESS_DIR)/run.sh
	@mkdir -p $(@D)
	@cp $< $@

# The example of the manual, as it is printed there.
$(VMM_REGRESS_TMP)/manual.o: $(VMM_REGRESS_TMP)/example.h
$(VMM_REGRESS_TMP)/manual.o: VMM_REGRESS_CFLAGS += -I$(VMM_REGRESS_TMP)

$(VMM_REGRESS_TMP)/example.h: share/man/man4/vmm.4
	@mkdir -p $(@D)
	@sed -n '/^\.Bd .*-offset/,/^\.Ed/p' $< | \
	    sed -e '1d' -e '$$d' -e 's/\\e/\\/g' >$@

.SECONDARY: $(VMM_REGRESS_NAMES:%=$(VMM_REGRESS_TMP)/%.o) \
	$(VMM_REGRESS_LIBOBJS)

-include $(wildcard $(VMM_REGRESS_TMP)/*.d)

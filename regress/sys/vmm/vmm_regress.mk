# SPDX-License-Identifier: ISC
# The regress programs of vmm(4), one per concept, static because they run in
# a host that has little else: obj/regress/sys/vmm/vmm_<name>.

VMM_REGRESS_DIR =	regress/sys/vmm
VMM_REGRESS_OBJ =	obj/regress/sys/vmm
VMM_REGRESS_NAMES =	create run io io_string regs reset inject event intr \
			mprotect cpuid msr insn fpu host mmio memory lifetime security \
			info modes pvclock terminate client
VMM_REGRESS_LIB =	harness guest guest_tables runner

VMM_REGRESS_CFLAGS =	-std=gnu11 -O2 -g -Wall -Wextra -Wstrict-prototypes \
			-Wmissing-prototypes -Wshadow -Wpointer-arith -Werror \
			-D_GNU_SOURCE -Iinclude -pthread -MMD -MP

VMM_REGRESS =		$(VMM_REGRESS_NAMES:%=$(VMM_REGRESS_OBJ)/vmm_%)
VMM_REGRESS_LIBOBJS =	$(VMM_REGRESS_LIB:%=$(VMM_REGRESS_OBJ)/%.o)

.PHONY: vmm-regress
vmm-regress: $(VMM_REGRESS) $(VMM_REGRESS_OBJ)/run.sh

$(VMM_REGRESS_OBJ)/%.o: $(VMM_REGRESS_DIR)/%.c
	@mkdir -p $(@D)
	$(CC) $(VMM_REGRESS_CFLAGS) -c -o $@ $<

$(VMM_REGRESS_OBJ)/vmm_%: $(VMM_REGRESS_OBJ)/%.o $(VMM_REGRESS_LIBOBJS)
	$(CC) -static -pthread -o $@ $^

$(VMM_REGRESS_OBJ)/run.sh: $(VMM_REGRESS_DIR)/run.sh
	@mkdir -p $(@D)
	cp $< $@

.SECONDARY: $(VMM_REGRESS_NAMES:%=$(VMM_REGRESS_OBJ)/%.o) \
	$(VMM_REGRESS_LIBOBJS)

-include $(wildcard $(VMM_REGRESS_OBJ)/*.d)

# SPDX-License-Identifier: ISC
# The driver's core in a user process, for the unit tests: everything but the
# back ends, in place of which there is one that tests script. A CPU's own
# instructions are replaced by those of sys/os/hosted/cpufunc.h.
SYS_SRCS :=	$(wildcard sys/dev/vmm/*.c) $(wildcard sys/os/hosted/*.c) \
		$(addprefix sys/arch/amd64/,cpuid.c cr.c event.c exit.c fpu.c \
		msr.c npt.c pvclock.c regs.c run.c) regress/sys/mock.c \
		regress/sys/world.c
SYS_FLAGS :=	-Isys/os -Isys/os/hosted -Isys/dev/vmm -Isys/arch/amd64 \
		-Iregress/sys -include sys/os/hosted/cpufunc.h \
		-Wno-unused-parameter -Wno-missing-field-initializers

$(eval $(call component,vmmcore,sys,$(SYS_SRCS),$(SYS_FLAGS)))
$(eval $(call unit,regress/sys,vmmcore,-lpthread,$(SYS_FLAGS)))

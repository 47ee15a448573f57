# SPDX-License-Identifier: ISC
# vmctl(8). Static, so that it runs on a host with nothing else installed.
VMCTL_DIR :=	usr.sbin/vmctl
VMCTL_MAIN :=	$(VMCTL_DIR)/main.c
VMCTL_SRCS :=	$(filter-out $(VMCTL_MAIN),$(wildcard $(VMCTL_DIR)/*.c))
VMCTL_LIBS :=	-lbsd -lmd

$(eval $(call component,vmctlmain,$(VMCTL_DIR),$(VMCTL_MAIN),\
    -I$(VMCTL_DIR) -Iusr.sbin/vmd))
$(eval $(call component,vmctl,$(VMCTL_DIR),$(VMCTL_SRCS),\
    -I$(VMCTL_DIR) -Iusr.sbin/vmd))
$(eval $(call unit,regress/$(VMCTL_DIR),vmctl util,$(VMCTL_LIBS),\
    -I$(VMCTL_DIR) -Iusr.sbin/vmd))

$(OBJ)/vmctl: $(addprefix $(OBJ)/plain/,libvmctlmain.a libvmctl.a libutil.a)
	$(CC) $(LDFLAGS) -static-pie -o $@ \
	    -Wl,--whole-archive $< -Wl,--no-whole-archive \
	    $(wordlist 2,3,$^) $(VMCTL_LIBS)

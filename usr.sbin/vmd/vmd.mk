# SPDX-License-Identifier: ISC
# vmd(8). Static, as a vm process is executed in an empty root directory. The
# linker would warn of name service functions in libraries that nobody calls.
VMD_DIR :=	usr.sbin/vmd
VMD_MAIN :=	$(VMD_DIR)/vmd.c
VMD_SRCS :=	$(filter-out $(VMD_MAIN),$(wildcard $(VMD_DIR)/*.c)) \
		$(wildcard $(VMD_DIR)/*.y)
VMD_LIBS :=	-levent_core -lseccomp -lz -lbsd -lmd -lpthread

$(eval $(call component,vmdmain,$(VMD_DIR),$(VMD_MAIN),-I$(VMD_DIR)))
$(eval $(call component,vmd,$(VMD_DIR),$(VMD_SRCS),-I$(VMD_DIR)))
$(eval $(call unit,regress/$(VMD_DIR),vmd util,$(VMD_LIBS),-I$(VMD_DIR)))

$(OBJ)/vmd: $(addprefix $(OBJ)/plain/,libvmdmain.a libvmd.a libutil.a)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) -static-pie -Wl,--no-warnings -o $@ \
	    -Wl,--whole-archive $< -Wl,--no-whole-archive \
	    $(wordlist 2,3,$^) $(VMD_LIBS)

# The daemon with a vm role that pretends, for the tests of the other roles:
# all that daemon.sh needs is in obj/regress/vmd.
VMD_REGRESS :=	$(OBJ)/regress/vmd

$(eval $(call component,fakevm,regress/$(VMD_DIR),\
    regress/$(VMD_DIR)/fakevm.c,-I$(VMD_DIR)))

$(VMD_REGRESS)/vmd-fakevm: $(addprefix $(OBJ)/plain/,libvmdmain.a \
    libfakevm.a libvmd.a libutil.a)
	@mkdir -p $(@D)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) -static-pie -Wl,--no-warnings -o $@ \
	    -Wl,--whole-archive $(wordlist 1,2,$^) -Wl,--no-whole-archive \
	    $(wordlist 3,4,$^) $(VMD_LIBS)

$(VMD_REGRESS)/vmctl: $(OBJ)/vmctl
	@mkdir -p $(@D)
	@cp $< $@

$(VMD_REGRESS)/daemon.sh: regress/$(VMD_DIR)/daemon.sh
	@mkdir -p $(@D)
	@cp $< $@

vmd-regress: $(VMD_REGRESS)/vmd-fakevm $(VMD_REGRESS)/vmctl \
    $(VMD_REGRESS)/daemon.sh
.PHONY: vmd-regress

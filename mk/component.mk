# SPDX-License-Identifier: ISC
# A component is a directory of sources that are one program or library.
#
# $(eval $(call component,name,dir,sources,flags)) compiles the sources into
# obj/plain/lib<name>.a and, with the sanitizers, obj/asan/lib<name>.a. The
# programs and the unit tests link with those.
#
# $(eval $(call unit,dir,components,libraries,flags)) makes a unit test of
# each <dir>/*_test.c, linked with the archives of the components.

VARIANTS :=	plain asan
FLAGS_plain :=
FLAGS_asan :=	$(SANFLAGS)
UNIT_TESTS :=
DEPS :=

define component_variant
objs_$(1)_$(5) := $$(patsubst %,$(OBJ)/$(5)/%.o,$$(basename $(3)))
DEPS += $$(objs_$(1)_$(5):.o=.d)
$$(objs_$(1)_$(5)): ALLCFLAGS += $(4) $$(FLAGS_$(5))
$(OBJ)/$(5)/lib$(1).a: $$(objs_$(1)_$(5))
	@rm -f $$@
	@ar rcs $$@ $$^
endef

define component
$(foreach v,$(VARIANTS),$(eval $(call component_variant,$(1),$(2),$(3),$(4),$(v))))
endef

define unit_variant
tests_$(5) := $$(patsubst %.c,$(OBJ)/$(5)/%,$$(wildcard $(1)/*_test.c))
UNIT_TESTS += $$(tests_$(5))
DEPS += $$(addsuffix .d,$$(tests_$(5)))
$$(addsuffix .o,$$(tests_$(5))): ALLCFLAGS += $(4) $$(FLAGS_$(5))
$$(tests_$(5)): $(OBJ)/$(5)/%: $(OBJ)/$(5)/%.o $(2:%=$(OBJ)/$(5)/lib%.a)
	@echo "LD $$@"
	$(Q)$$(CC) $$(FLAGS_$(5)) -pie -o $$@ $$^ $(3) -lcmocka
endef

define unit
$(foreach v,$(VARIANTS),$(eval $(call unit_variant,$(1),$(2),$(3),$(4),$(v))))
endef

define compile
$(OBJ)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	@echo "CC $$<"
	$(Q)$$(CC) $$(ALLCFLAGS) -c -o $$@ $$<
$(OBJ)/$(1)/%.o: $(OBJ)/gen/%.c
	@mkdir -p $$(@D)
	@echo "CC $$<"
	$(Q)$$(CC) $$(ALLCFLAGS) -I$$(dir $$*) -c -o $$@ $$<
endef
$(foreach v,$(VARIANTS),$(eval $(call compile,$(v))))

$(OBJ)/gen/%.c: %.y
	@mkdir -p $(@D)
	@echo "BISON $<"
	$(Q)$(BISON) -o $@ $<

# Not next to the sources.
%.c: %.y

# SPDX-License-Identifier: ISC
LIBUTIL_SRCS :=	$(wildcard lib/libutil/*.c)

$(eval $(call component,util,lib/libutil,$(LIBUTIL_SRCS)))
$(eval $(call unit,regress/lib/libutil,util,-lbsd,-Ilib/libutil))
